"""Which types of output a log holds: told by the command, the content and the exit status."""

import os
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from slipstream.tasks.summarization.extract import boundaries
from slipstream.tasks.summarization.model import Finding, Tally


class Detected(NamedTuple):
    """The types of a log, the most telling first, and why."""

    tools: tuple[str, ...]
    kind: str
    reasons: tuple[str, ...]


WRAPPERS = {
    "sudo", "env", "time", "nice", "nohup", "timeout", "stdbuf", "xvfb-run", "npx", "bunx",
    "uv", "uvx", "poetry", "pipenv", "pdm", "hatch", "rye", "bundle", "python", "python3", "sh",
    "bash", "exec", "run", "-m", "-c", "tox", "nox", "coverage", "dotnet", "yarn", "pnpm", "npm",
}  # fmt: skip
"""Words of a command line that name no type by themselves when another word does."""

ALIASES = {
    "gradlew": "gradle", "mvn": "maven", "mvnw": "maven", "pip3": "pip", "clang++": "clang",
    "g++": "gcc", "c++": "gcc", "cc": "gcc",
}  # fmt: skip
"""Commands whose tool has another name."""

KINDS = {
    "pytest": "test", "unittest": "test", "jest": "test", "vitest": "test", "mocha": "test",
    "ctest": "test", "rspec": "test", "phpunit": "test", "nextest": "test", "prove": "test",
    "gcc": "compiler", "g++": "compiler", "cc": "compiler", "c++": "compiler",
    "clang": "compiler", "clang++": "compiler", "rustc": "compiler", "tsc": "compiler",
    "javac": "compiler", "kotlinc": "compiler", "swiftc": "compiler", "csc": "compiler",
    "cargo": "compiler", "go": "compiler", "ruff": "lint", "flake8": "lint", "mypy": "lint",
    "pyright": "lint", "eslint": "lint", "golangci-lint": "lint", "shellcheck": "lint",
    "make": "build", "cmake": "build", "ninja": "build", "mvn": "build", "mvnw": "build",
    "maven": "build", "gradle": "build", "gradlew": "build", "npm": "build", "pnpm": "build",
    "yarn": "build",
    "pip": "build", "pip3": "build", "uv": "build", "docker": "build", "bazel": "build",
    "git": "git", "diff": "diff", "journalctl": "log", "kubectl": "log",
}  # fmt: skip


def detect(
    findings: Sequence[Finding],
    tallies: Sequence[Tally],
    signatures: Sequence[tuple[str, str, int]],
    command: Sequence[str],
) -> Detected:
    """Name the tools whose output this is.

    Args:
        findings: What was found; a tool with findings is present.
        tallies: What tools said of their runs.
        signatures: (tool, kind, log line) of each signature that matched.
        command: The command line, if known.
    """
    votes: Counter[tuple[str, str]] = Counter()
    reasons: dict[str, str] = {}
    for word in command:
        name = os.path.basename(word).removesuffix(".exe")
        if name in KINDS and (name not in WRAPPERS or len(command) < 3):
            tool = ALIASES.get(name, name)
            votes[tool, KINDS[name]] += 100
            reasons.setdefault(tool, f"the command names {name}")
    for tool, kind, line in signatures:
        if tool == boundaries.TOOL:
            continue
        votes[tool, kind] += 20
        reasons.setdefault(tool, f"line {line} is how {tool} begins or ends")
    for tally in tallies:
        votes[tally.tool, tally.kind] += 30
        if tally.kind in ("git", "diff"):  # these count what follows
            reasons.setdefault(tally.tool, f"line {tally.line} is how {tally.tool} begins")
        reasons.setdefault(tally.tool, f"line {tally.line} is a closing line of {tally.tool}")
    for finding in findings:
        if finding.weight >= 10:
            votes[finding.tool, finding.kind] += 1 + finding.severity
            reasons.setdefault(
                finding.tool, f"line {finding.span[0]} has the form of {finding.tool}"
            )
    ordered = sorted(votes.items(), key=lambda vote: (-vote[1], vote[0]))
    names = dict.fromkeys(tool for (tool, _kind), _votes in ordered)
    kinds = {kind for _tool, kind in votes}  # what is called by its kind is somebody's without name
    tools = tuple(name for name in names if name not in kinds) or tuple(names)
    kind = ordered[0][0][1] if ordered else "command"
    return Detected(tools, kind, tuple(reasons[tool] for tool in tools if tool in reasons))

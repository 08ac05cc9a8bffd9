"""The strategies: kinds of output, the tools of each, and why a log was taken for one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from slipstream.storage.errors import UsageError
from slipstream.tasks.summarization.rules import Ruleset, ruleset

KINDS = {
    "compiler": "errors and warnings with file, line, column, code and source excerpt",
    "test": "counts, each failed test with its assertion, reason and traceback",
    "lint": "rule, file, line, message",
    "build": "the result, the failing step, the first cause",
    "git": "changed files, conflicts, rejections, added and deleted counts",
    "diff": "per file counts and hunks",
    "log": "application logs: levels, repeated lines collapsed with counts",
    "command": "anything else: every line that looks like a failure, head and tail",
}
"""In the order in which `slip types` lists them."""


class Type(NamedTuple):
    """A kind of output and the tools whose rules belong to it."""

    kind: str
    shows: str
    tools: tuple[str, ...]


def types(rules: Ruleset) -> list[Type]:
    """All kinds, those of plugins too."""
    tools: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for rule in rules.rules:
        tools.setdefault(rule.kind, set()).add(rule.tool)
    return [
        Type(kind, KINDS.get(kind, "from a plugin"), tuple(sorted(some)))
        for kind, some in tools.items()
    ]


def check(name: str, home: Path, patterns: tuple[Any, ...] = ()) -> None:
    """Refuse a type that no rule belongs to.

    Raises:
        UsageError: It is unknown; the nearest names are given.
    """
    known = {"default": ""}
    for one in types(ruleset(home / "cache", patterns)):
        known.update({one.kind: "", **dict.fromkeys(one.tools, "")})
    if name in known:
        return
    from difflib import get_close_matches

    near = get_close_matches(name, known, 3, 0.5)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    raise UsageError(f"--type {name!r} is unknown.{hint} `slip types` lists all.")

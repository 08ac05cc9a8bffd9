"""npm, yarn, pnpm, lerna, bower, gulp, grunt: the failing script or install and its reason."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.stack import block, ranges
from slipstream.tasks.summarization.extract.step import (
    failed,
    paragraph,
)
from slipstream.tasks.summarization.model import Extracted, Rule

_NPM = r"npm (?:ERR!|error)(?: |$)"
_DETAIL = (
    r"^(?:code|errno|syscall|path|dest|command|signal|node|npm|cwd|notarget|argv|not ok|Error: |"
    r"System|lifecycle|workspace|location) |^$|^A complete log|^Exit status|^errno"
)


def npm(doc: Document, i: int, rule: Rule) -> Extracted:
    """A run of `npm ERR!` lines."""
    found = rx(_NPM).search(doc.texts[i])
    if not found:
        return None
    prefix = doc.texts[i][: found.start()]
    last, code, name, path = i, "", "", ""
    said: list[tuple[int, str]] = []
    for k, line in block(doc, i, prefix, 120):
        match = rx(r"^\s*npm (?:ERR!|error)\s?(.*)$").match(line)
        if not match:
            # The path of the log stands on a line of its own; blank lines are printed between.
            if line.strip() or k > last + 1:
                break
            continue
        body = match[1].strip()
        if body.startswith("A complete log of this run"):
            if k == i:
                return None
            # The path follows, on this line or on the next one.
            last = min(k + 1, len(doc) - 1) if body.endswith("in:") else k
            break
        if coded := rx(r"^code (\S+)").match(body):
            code = coded[1]
        elif body.startswith("path "):
            path = body[5:]
        elif script := rx(
            r"^(?:Failed at the (\S+) (\S+) script|Lifecycle script `([^`]+)` failed|(\S+@\S+) ([\w:-]+): `)"
        ).match(body):
            name = name or script[2] or script[3] or script[5] or ""
            said.append((k, body))
        elif body and not rx(_DETAIL).match(body):
            said.append((k, body))
        last = k if body else last
    message = said[0][1] if said else doc.texts[i].strip()
    if placed := next((text for _, text in said if rx(r"^\S+:\d+:.* error: ").match(text)), None):
        message = placed
    if failing := next((text for _, text in said if text.startswith("Failed at the")), None):
        message = failing
    place = rx(r"^(\S+?\.\w+):(\d+):(?:\d+:)? (?:fatal )?error: ").match(message)
    manifest = rx(r"(?:^|[\s'/])(package(?:-lock)?\.json)\b").search(message)
    file = place[1] if place else manifest[1] if manifest else ""
    return finding(
        doc, rule, i, last, message, code=code, name=name,
        file=path if path.endswith(".json") else file,
        line=number(place[2]) if place else None,
        focus=ranges(doc, [(i, min(i + 3, last)), *((k, k) for k, _ in said[:6])]),
    )  # fmt: skip


def gulp(doc: Document, i: int, rule: Rule) -> Extracted:
    """`[10:00:00] 'build' errored after 3 ms`, and the error below unless it has a stack."""
    match = rx(r"'([^']+)' .*errored after").search(doc.texts[i])
    last, said = i, doc.texts[i].strip()
    for k, line in doc.forward(i + 1, 8):
        if rx(r"^\[\d\d:\d\d:\d\d\]|^\s*$|npm ERR!|npm error").search(line):
            break
        if rx(r"^\s+at ").match(line):
            last = i
            break
        last = k
    if last > i:
        said = doc.texts[i + 1].strip()
    return finding(doc, rule, i, last, said, name=match[1] if match else "")


RULES: tuple[Rule, ...] = (
    Rule(
        "npm.error", r"\bnpm (?:\x1b\[[0-9;]*m)*(?:ERR!|error)(?:\x1b\[[0-9;]*m)* ", "npm", "build", extract=npm, weight=25,
        examples=("npm ERR! code ELIFECYCLE", "npm error code E404"),
    ),
    Rule(
        "yarn.command", r"Command failed with (?:exit code|signal)|Command \".*\" not found|error Command failed\.",
        "yarn", "build", weight=20,
        examples=("error Command failed with exit code 1.",),
    ),
    Rule(
        "yarn.error", r"An unexpected error occurred: |Couldn't find (?:package|any versions)|Your lockfile needs to be|"
        r"Found incompatible module|Received malformed response|: The engine \"",
        "yarn", "build", extract=paragraph, weight=20,
        examples=('error An unexpected error occurred: "https://x/y: Not found".',),
    ),
    Rule(
        "yarn.berry", r"YN\d{4}: .{0,12}(?:Error|Failed with errors)|Usage Error: |Internal Error: ",
        "yarn", "build", weight=18,
        examples=("YN0000: Failed with errors in 3s 12ms",),
    ),
    Rule(
        "pnpm.error", r"\bERR_PNPM_\w+", "pnpm", "build", extract=paragraph, weight=22,
        examples=(" ERR_PNPM_OUTDATED_LOCKFILE  Cannot install with frozen-lockfile",),
    ),
    Rule(
        "pnpm.lifecycle", r"\bELIFECYCLE\b.{0,30}(?:Command failed|Test failed)", "pnpm", "build",
        weight=22,
        examples=(" ELIFECYCLE  Command failed with exit code 1.",),
    ),
    Rule(
        "lerna.error", r"\blerna ERR! |(?:^|\s)ERROR  run failed: |script \"[^\"]+\" exited with code [1-9]|"
        r"\bbower E[A-Z]{4,}|Running target .* failed",
        "npm", "build", weight=20,
        examples=("lerna ERR! npm run test exited 1 in 'app'", "bower ECONFLICT Unable to find suitable version"),
    ),
    Rule(
        "gulp.errored", r"' (?:\x1b\[[0-9;]*m)*errored after", "gulp", "build", extract=gulp, weight=20,
        examples=("[10:00:00] 'build' errored after 3 ms",),
    ),
    Rule(
        "grunt.failed", r"Warning: Task \"[^\"]+\" failed|Aborted due to warnings|Warning: .* Use --force to continue",
        "grunt", "build", weight=20,
        examples=('Warning: Task "jshint:all" failed. Use --force to continue.',),
    ),
    Rule(
        "npm.missing-script", r"Missing script: |missing script: ", "npm", "build", weight=12,
        examples=('npm ERR! Missing script: "biuld"',),
    ),
    Rule(
        "jake.failed", r"^(?:jake|cake) aborted\.", "build", "build", extract=failed, weight=12,
        examples=("jake aborted.",),
    ),
)  # fmt: skip

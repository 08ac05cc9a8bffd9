"""rustc and cargo: errors without a position, closing lines, and the linker's block.

Blocks that point into a file with `-->` are read in `snippet_blocks`.
"""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.blocks import HEAD
from slipstream.tasks.summarization.extract.common import block_end, finding, number, rx
from slipstream.tasks.summarization.extract.located import COLOR, starts_line
from slipstream.tasks.summarization.model import Extracted, Rule, Severity, Tally


def closing(doc: Document, i: int, rule: Rule) -> Extracted:
    """`error: could not compile `x` due to 2 previous errors; 1 warning emitted`."""
    text = doc.texts[i]
    m = rx(
        r"could not compile [`'\"]?([^`'\"\s]+)|[`']([^`']+)[`'] \([^)]*\) generated|aborting due to"
    ).search(text)
    if m is None and "emitted" not in text:
        return None
    errors = rx(r"\b(?:(\d{1,9}) )?previous error(?:s)?").search(text)
    warnings = rx(r"\b(\d{1,9}) warnings? emitted|generated (\d{1,9}) warnings?").search(text)
    counts = []
    if errors:
        counts.append(("errors", number(errors[1]) or 1))
    if warnings:
        counts.append(("warnings", number(warnings[1] or warnings[2]) or 1))
    failed = "could not compile" in text or "aborting" in text
    said = Tally(rule.tool, rule.kind, doc.numbers[i], failed, tuple(counts), note=text.strip())
    if "could not compile" in text:
        return [
            said,
            finding(
                doc,
                rule,
                i,
                i,
                text.strip().removeprefix("error: "),
                severity=Severity.ERROR,
                weight=1,
                role="cascade",
            ),
        ]
    return said


def plain_error(doc: Document, i: int, rule: Rule) -> Extracted:
    """`error: linking with `cc` failed`, `error: no such command`, `error[E0601]: …` of cargo."""
    m = rx(r"^.*?\b(error|warning)(?:\[(\w+)\])?: (.+)$").match(doc.texts[i])
    if m is None or not starts_line(doc.texts[i][: m.start(1)]):
        return None
    for _, text in doc.forward(i + 1, 8):
        if rx(r"\s*(?:-->|╭|┌)").match(text):
            return None
        if not text.strip():
            break
    last = i
    for j, text in doc.forward(i + 1, 60):
        if not text.strip():
            following = doc.texts[j + 1] if j + 1 < len(doc) else ""
            if not rx(r"Caused by:|\s{2,}(?:=|\S)|Please|note: |help: ").match(following):
                break
            continue
        if not rx(
            r"\s+\S|Caused by:|note: |help: |\.\.\.|required by|perhaps|location searched|\|"
        ).match(text):
            break
        last = j
    severity = Severity.ERROR if m[1] == "error" else Severity.WARNING
    return finding(doc, rule, i, last, m[3], severity=severity, tool="cargo", code=m[2] or "")


def _after(doc: Document, i: int) -> str:
    """The first line below `i` that is not blank."""
    return next((text for _, text in doc.forward(i + 1, 3) if text.strip()), "")


def manifest(doc: Document, i: int, rule: Rule) -> Extracted:
    """`error: failed to …` of cargo and its `Caused by:` paragraphs."""
    m = rx(
        r"\berror: (failed to .+|no matching package .+|package .+|the lock file .+|multiple .+|.+ is not a .+)$"
    ).search(doc.texts[i])
    if m is None or ("`" not in m[1] and not rx(r"Caused by:|\s+-->").match(_after(doc, i))):
        return None  # cargo quotes with backticks; git, too, says "failed to …"
    last = block_end(doc, i)
    message = m[1]
    while last + 2 < len(doc) and rx(r"Caused by:").match(doc.texts[last + 2]):
        last = block_end(doc, last + 2)
        message = m[1] + ": " + doc.texts[last].strip()
    return finding(doc, rule, i, last, message, tool="cargo")


RULES: tuple[Rule, ...] = (
    Rule(
        "rustc.closing",
        r"could not compile [`'\"]|aborting due to .{0,20}previous error|warnings? emitted|\) generated [0-9]+ warning",
        "rustc", "compiler", None, closing, 30,
        examples=("error: could not compile `app` (bin \"app\") due to 2 previous errors; 1 warning emitted",
                  "error: aborting due to previous error", "warning: `app` (lib) generated 3 warnings"),
    ),
    Rule(
        "cargo.failed", rf"{HEAD}error{COLOR}: {COLOR}(?:failed to |no matching package|the lock file |multiple )",
        "cargo", "build", Severity.ERROR, manifest, 19,
        examples=("error: failed to select a version for `serde`.",),
    ),
    Rule(
        "rustc.linking", rf"error(?:\[E[0-9]{{4}}\])?{COLOR}: {COLOR}(?:linking with|linker |`main` function|cannot find |can't find crate|extern location|crate )",
        "rustc", "compiler", Severity.ERROR, plain_error, 19,
        examples=("error: linking with `cc` failed: exit status: 1", "error[E0463]: can't find crate for `std`"),
    ),
)  # fmt: skip

"""swiftc and xcodebuild."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.blocks import HEAD
from slipstream.tasks.summarization.extract.common import finding, rx
from slipstream.tasks.summarization.extract.located import (
    COLOR,
    code_of,
    diagnosis,
    excerpt_end,
    notes_end,
    severity_of,
    starts_line,
    view,
)
from slipstream.tasks.summarization.model import Extracted, Rule, Severity, Tally


def swift(doc: Document, i: int, rule: Rule) -> Extracted:
    """`/src/A.swift:3:5: error: message`, source and caret, notes; swiftlint ends in `(rule)`."""
    found = diagnosis(doc.texts[i])
    if found is None or found.severity is None or not starts_line(found.before):
        return None
    plain, at = view(doc, i, found.before)
    end = excerpt_end(plain, at, 24)
    last = notes_end(plain, end) if found.severity > Severity.INFO else end
    code, message = (found.code, found.message) if found.code else code_of(found.message)
    lint = rx(r"[a-z]+(?:_[a-z]+)*$").match(code) is not None and last == at
    return finding(
        plain, rule, at, last, message, severity=found.severity, file=found.file, line=found.line,
        column=found.column, code=code, tool="swiftlint" if lint else "swiftc",
        kind="lint" if lint else "compiler",
        focus=((plain.numbers[at], plain.numbers[end]),) if last > end else (),
    )  # fmt: skip


def xcode(doc: Document, i: int, rule: Rule) -> Extracted:
    """`xcodebuild: error: …`, `error: no such module 'X'`, `error: Signing for "A" requires …`."""
    m = rx(r"^(?:.*?\s)?(?:xcodebuild: )?(error|warning): (.+)$").match(doc.texts[i])
    if m is None:
        return None
    return finding(doc, rule, i, i, m[2], severity=severity_of(m[1]))


def failed_commands(doc: Document, i: int, rule: Rule) -> Extracted:
    """`The following build commands failed:` and the tab-indented list below."""
    last = i
    for j, text in doc.forward(i + 1, 40):
        if not rx(r"\s+\S").match(text):
            break
        last = j
    first = doc.texts[i + 1].strip() if last > i else ""
    return finding(doc, rule, i, last, f"build command failed: {first}", role="cascade")


def verdict(doc: Document, i: int, rule: Rule) -> Extracted:
    """`** BUILD FAILED **`, `** TEST SUCCEEDED **`."""
    text = doc.texts[i].strip().strip("* ")
    return Tally(rule.tool, rule.kind, doc.numbers[i], "FAILED" in text, note=text)


RULES: tuple[Rule, ...] = (
    Rule(
        "swiftc.diagnostic", rf"\.swift{COLOR}:{COLOR}[0-9]+{COLOR}(?::{COLOR}[0-9]+)?{COLOR}: {COLOR}(?:error|warning|note){COLOR}: ", "swiftc", "compiler",
        Severity.ERROR, swift, 20, examples=("/src/A.swift:3:5: error: cannot find 'x' in scope",),
    ),
    Rule(
        "xcodebuild.error",
        rf"{HEAD}xcodebuild: error: |{HEAD}error: (?:no such module|Signing |Provisioning|Build input file|unable to|The package|missing |terminated|cannot find|Could not|Multiple commands|module )",
        "xcodebuild", "compiler", Severity.ERROR, xcode, 17,
        examples=("error: no such module 'Alamofire'", "xcodebuild: error: Scheme App is not configured"),
    ),
    Rule(
        "xcodebuild.commands", r"The following build commands failed:", "xcodebuild", "build", Severity.ERROR,
        failed_commands, 20, examples=("The following build commands failed:",),
    ),
    Rule(
        "xcodebuild.verdict", r"\*\* (?:BUILD|TEST|ARCHIVE|CLEAN|ANALYZE|EXPORT|TEST EXECUTE|TEST BUILD) (?:FAILED|SUCCEEDED|INTERRUPTED) \*\*", "xcodebuild",
        "build", None, verdict, 30, examples=("** BUILD FAILED **",),
    ),
)  # fmt: skip

"""CMake: errors and warnings with their indented text and call stack."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, frame, number, rx
from slipstream.tasks.summarization.extract.stack import block, ranges
from slipstream.tasks.summarization.extract.step import verdict
from slipstream.tasks.summarization.model import Extracted, Frame, Rule, Severity

_HEAD = (
    r"CMake (Error|Warning|Deprecation Warning)(?: \(dev\))?"
    r"(?:(?: at| in) (\S+?)(?::(\d+))?(?: \((\w+)\))?)?:\s*(.*)$"
)


def message(doc: Document, i: int, rule: Rule) -> Extracted:
    """`CMake Error at file:line (command):` with its text and its call stack."""
    head = rx(_HEAD).search(doc.texts[i])
    if not head:
        return None
    prefix = doc.texts[i][: head.start()]
    last, calls, fresh = i, False, True
    text = [head[5]] if head[5] else []
    frames: list[tuple[int, Frame]] = []
    for k, line in block(doc, i + 1, prefix, 120):
        if line.startswith("Call Stack (most recent call first):"):
            calls = True
        elif not line.strip():
            fresh = True
            continue
        elif not line.startswith((" ", "\t")):
            if k == i + 1 and head[5] and not line.startswith(("--", "CMake ")):
                text.append(line.strip())
            else:
                break
        elif calls:
            if match := rx(r"^\s+(\S+?):(\d+) \((\w+)\)").match(line):
                frames.append((k, frame(match[3], match[1], match[2])))
        elif fresh:
            text.append(line.strip())
            fresh = False
        elif text:
            text[-1] += " " + line.strip()
        last = k
    said = next((t for t in text if t.startswith("Could not find")), text[0] if text else "")
    own = next((f for _, f in frames if f.own and "/cmake-" not in f.file), None)
    in_module = not head[2] or "/cmake-" in head[2] or head[2].startswith("/usr/")
    file, line_number = head[2] or "", number(head[3])
    if own and in_module:
        file, line_number = own.file, own.line
    return finding(
        doc, rule, i, last, said or head[0].strip(), code=head[4] or "",
        severity=None if head[1] == "Error" else Severity.WARNING,
        file=file, line=line_number, stack=tuple(f for _, f in frames),
        focus=ranges(doc, [(i, min(last, i + 8))]),
    )  # fmt: skip


def incomplete(doc: Document, i: int, rule: Rule) -> Extracted:
    """`-- Configuring incomplete, errors occurred!`"""
    return verdict(doc, i, rule, True, note=doc.texts[i].strip().removeprefix("-- "))


RULES: tuple[Rule, ...] = (
    Rule(
        "cmake.error", r"CMake Error(?: \(dev\))?(?: at | in |: )", "cmake", "build", extract=message,
        weight=20,
        examples=("CMake Error at CMakeLists.txt:3 (find_package):", "CMake Error: no source"),
    ),
    Rule(
        "cmake.warning", r"CMake (?:Deprecation )?Warning(?: \(dev\))?(?: at | in |: )", "cmake", "build",
        Severity.WARNING, extract=message, weight=20,
        examples=("CMake Warning at CMakeLists.txt:3 (message):",),
    ),
    Rule(
        "cmake.incomplete", r"-- (?:Configuring|Generating) incomplete|CMake (?:Configure|Generate) step failed",
        "cmake", "build", extract=incomplete, weight=30,
        examples=("-- Configuring incomplete, errors occurred!",),
    ),
)  # fmt: skip

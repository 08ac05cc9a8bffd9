"""Linkers: GNU ld, gold, lld, mold, macOS ld, Microsoft's LINK, and the driver's closing line.

A missing symbol is one finding for each symbol; the driver's `collect2: error` or `linker command
failed` only says that the lines above it failed, so it counts when they say nothing.
"""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.model import Extracted, Rule, Severity

_PLACE = r"(?<![^\s:()])([^\s:()]+\.\w+):(?:(\d+)|\(\.[^)]*\))(?::\d+)?:? "


def symbol(doc: Document, i: int, rule: Rule) -> Extracted:
    """`a.o: in function `main': a.c:3: undefined reference to `foo'`, multiple definitions."""
    text = doc.texts[i]
    m = rx(
        r"((?:undefined reference to|undefined symbol:?|multiple definition of|duplicate symbol:?|unresolved external).+)"
    ).search(text)
    if m is None or rx(r"\berror: (?:ld|linker)").search(text):
        return None
    places = list(rx(_PLACE).finditer(text[: m.start()]))
    place = places[-1] if places else None
    first = last = i
    for j, above in doc.back(i - 1, 2):
        if rx(r": in function [`'‘].*:$").search(above):
            first = j
        else:
            break
    for j, below in doc.forward(i + 1, 12):
        if not rx(r">>> |\s+>>> ").match(below.removeprefix("ld.lld: ")):
            break
        last = j
        place = place or rx(
            r">>> (?:referenced|defined) (?:by|in|at) (?:.*\()?([^\s:()]+\.\w+):(\d+)"
        ).search(below)
    return finding(
        doc, rule, first, last, m[1].strip(), severity=Severity.ERROR, file=place[1] if place else "",
        line=number(place[2]) if place else None,
    )  # fmt: skip


def missing(doc: Document, i: int, rule: Rule) -> Extracted:
    """`ld: cannot find -lfoo`, `ld: library not found for -lfoo`, `ld: error: …`."""
    m = rx(
        r"(?:^|[\s/])(?:[\w-]*-)?((?:wasm-)?ld(?:64)?(?:\.(?:lld|gold|bfd|mold))?|lld(?:-link)?|mold|collect2)(?:\.exe)?: (?:(?:fatal )?error: |warning: |fatal: )?(.+)"
    ).search(doc.texts[i])
    if m is None:
        return None
    message = m[2]
    if "returned" in message and "exit status" in message:
        return finding(doc, rule, i, i, message, tool=m[1], weight=2, role="cascade")
    said = rx(
        r"(?i)warning:|note:|cannot|could ?n[o']t|not found|fail|error|undefined|multiple|duplicate|incompatible|unable|unknown|unrecognized|relocation|no such|bad|invalid|overflow|unresolved|missing|skipping"
    ).search(doc.texts[i])
    if (
        said is None
        or rx(r": in function [`'‘].*:$").search(message)
        or message.startswith("symbol(s) not found")
    ):
        return None
    warning = "warning:" in doc.texts[i] or "skipping incompatible" in message
    return finding(
        doc,
        rule,
        i,
        i,
        message,
        severity=Severity.WARNING if warning else Severity.ERROR,
        tool=m[1],
    )


def macos(doc: Document, i: int, rule: Rule) -> Extracted:
    """macOS: `Undefined symbols for architecture arm64:` and the indented list below it."""
    last = i
    names = []
    for j, text in doc.forward(i + 1, 60):
        name = rx(r'\s+"(.+)", referenced from:').match(text)
        if name:
            names.append(name[1])
        elif not rx(r"\s{2,}\S|ld: |clang: error: linker").match(text):
            break
        last = j
    message = doc.texts[i].strip().rstrip(":")
    return finding(doc, rule, i, last, f"{message}: {', '.join(names[:3])}" if names else message)


def closing(doc: Document, i: int, rule: Rule) -> Extracted:
    """The driver's last word: the reasons stand above it."""
    return finding(doc, rule, i, i, doc.texts[i].strip(), role="cascade")


RULES: tuple[Rule, ...] = (
    Rule(
        "ld.symbol",
        r"undefined reference to [`'\x22\xe2]|multiple definition of [`'\xe2]|undefined symbol: |duplicate symbol:? ",
        "ld", "compiler", Severity.ERROR, symbol, 21,
        examples=("l.c:(.text+0x5): undefined reference to `foo'", "ld.lld: error: undefined symbol: foo",
                  "b.o:(.data+0x0): multiple definition of `x'; a.o: first defined here"),
    ),
    Rule(
        "ld.message",
        r"\b(?:ld(?:64|\.lld|\.gold|\.bfd|\.mold)?|lld(?:-link)?|mold|collect2)(?:\.exe)?: \S",
        "ld", "compiler", Severity.ERROR, missing, 20,
        examples=("/usr/bin/ld: cannot find -lnope: No such file or directory",
                  "collect2: error: ld returned 1 exit status", "ld: library not found for -lfoo"),
    ),
    Rule(
        "ld.undefined_symbols", r"Undefined symbols(?: for architecture \w+)?:", "ld", "compiler",
        Severity.ERROR, macos, 21, examples=("Undefined symbols for architecture arm64:",),
    ),
    Rule(
        "ld.command_failed", r"linker command failed with exit code", "ld", "compiler", Severity.ERROR,
        closing, 2, examples=("clang: error: linker command failed with exit code 1 (use -v to see)",),
    ),
)  # fmt: skip

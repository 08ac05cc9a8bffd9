"""gcc, clang, nvcc, gfortran, gnat and the assembler: GNU diagnostics with what leads up to them.

A diagnostic's span starts at its `In file included from` or template instantiation chain and ends
after its notes; the line with the error and its source excerpt are the focus.
"""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.blocks import HEAD
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.located import (
    COLOR,
    context_start,
    diagnosis,
    excerpt_end,
    is_gutter,
    notes_end,
    severity_of,
    starts_line,
    view,
)
from slipstream.tasks.summarization.extract.toolnames import command_tool
from slipstream.tasks.summarization.model import Extracted, Finding, Rule, Severity, Tally

_C = r"(?i)\.(?:c|cc|cpp|cxx|c\+\+|m|mm|h|hh|hpp|hxx|h\+\+|inl|ipp|tcc|inc|def|i|ii|cu|cuh|l|y|ll|yy|s|S|asm|f|f\d\d|for|ad[bs])$"


def gnu(doc: Document, i: int, rule: Rule) -> Extracted:
    """`file:line:column: error: message [-Wflag]`."""
    found = diagnosis(doc.texts[i])
    if found is None or found.severity is None or not starts_line(found.before):
        return None
    listed = rx(r"-(?:W|f|pedantic)").match(found.code)
    included = rx(r"/include/|c\+\+/\d").search(found.file)
    if not (rx(_C).search(found.file) or listed or included) or command_tool(doc):
        return None
    plain, at = view(doc, i, found.before)
    code = found.code.split(",")[-1] if listed else found.code
    start, end = context_start(plain, at), excerpt_end(plain, at)
    last = notes_end(plain, end) if found.severity > Severity.INFO else end
    focus = [(plain.numbers[at], plain.numbers[end])]
    for j in range(start, at):
        if "required from here" in plain.texts[j]:
            focus.insert(0, (plain.numbers[j], plain.numbers[j]))
    checked = rx(r"[a-z][A-Za-z]*$").match(code) is not None
    tidy = rx(
        r"(?:clang-(?:analyzer|diagnostic)|bugprone|modernize|readability|cppcoreguidelines|google|misc|cert|hicpp|performance|llvm|abseil|portability)-"
    ).match(code)
    return finding(
        plain, rule, start, last, found.message or code, severity=found.severity,
        tool="clang-tidy" if tidy else "cppcheck" if checked else _compiler(doc, found.file),
        kind="lint" if tidy or checked else "compiler", file=found.file, line=found.line, column=found.column, code=code,
        focus=tuple(focus) if (start, last) != (at, end) else (),
    )  # fmt: skip


def _compiler(doc: Document, file: str) -> str:
    extension = file.rpartition(".")[2].lower()
    if extension in ("cu", "cuh"):
        return "nvcc"
    if extension in ("adb", "ads"):
        return "gnat"
    if extension in ("s", "asm"):
        return "as"
    if any("clang" in word for word in doc.command[:3]):
        return "clang"
    return "gfortran" if rx(r"f(?:or|\d\d)?$").match(extension) else "gcc"


def assembler(doc: Document, i: int, rule: Rule) -> Extracted:
    """`/tmp/x.s:12: Error: no such instruction`, under the heading `Assembler messages:`."""
    m = rx(r"^(.*?\.\w+): Assembler messages:$").match(doc.texts[i])
    if m is None:
        return None
    last, first_error = i, ""
    for j, text in doc.forward(i + 1, 40):
        said = rx(r"(\S+):(\d+): (?:Error|Warning|Fatal error): (.+)").match(text)
        if said is None and not rx(r"\S+:\d+: +Info:").match(text):
            break
        last = j
        if said and not first_error:
            first_error, file, line = said[3], said[1], said[2]
    if not first_error:
        return None
    return finding(doc, rule, i, last, first_error, tool="as", file=file, line=number(line))


def fortran(doc: Document, i: int, rule: Rule) -> Extracted:
    """gfortran: `x.f90:3:5:`, the source, the caret, then `Error: message`."""
    m = rx(r"^\s*(Fatal Error|Error|Warning): (.+?)(?: \[(-W[^\]]+)\])?$").match(doc.texts[i])
    if m is None:
        return None
    for j, text in doc.back(i - 1, 12):
        at = rx(r"^\s*(\S+?\.[fF]\w*):(\d+)[:.](\d+):$").match(text)
        if at:
            return finding(
                doc, rule, j, i, m[2], severity=severity_of(m[1]), file=at[1], line=number(at[2]),
                column=number(at[3]), code=m[3] or "",
            )  # fmt: skip
        if text.strip() and not is_gutter(text) and not rx(r"\s+[\d(]|\s").match(text):
            break
    return None


def driver(doc: Document, i: int, rule: Rule) -> Extracted:
    """A compiler's own trouble: `gcc: error: x.c: No such file`, `cc1plus: all warnings …`."""
    m = rx(
        r"(?:^|[\s/])((?:[\w-]*-)?(?:g?cc|[gc]\+\+|clang(?:\+\+)?|cc1(?:plus|obj)?|gfortran|nvcc|f951|gnat\w*|ccache|as|cpp"
        r"|ar|nasm|yasm)(?:-[\d.]+)?)(?:\.exe)?(?: \w+)?: (?:(fatal error|internal compiler error|error|warning|fatal)\s?:|(Error|Fatal))\s*(.+)"
    ).search(doc.texts[i])
    if m is None:
        return None
    message = m[4]
    code = ""
    flag = rx(r"(.*?) ?\[(-W[^\]]+)\]$").match(message)
    if flag:
        message, code = flag[1], flag[2]
    last = i
    for j, text in doc.forward(i + 1, 8):
        if not rx(
            r"\s*(?:Please submit|with preprocessed|See <|compilation terminated|PLEASE submit|Stack dump|\d+\.\s)"
        ).match(text):
            break
        last = j
    word = severity_of(m[2] or m[3])
    missing = rx(r"^(\S+): No such file or directory$").match(message)
    tool = m[1].rpartition("-")[2] if m[1].startswith("x86") else m[1]
    return finding(
        doc, rule, i, last, message, severity=word, file=missing[1] if missing else "", code=code,
        tool={"cc1": "gcc", "cc1plus": "g++", "cc1obj": "gcc", "f951": "gfortran"}.get(tool, tool),
    )  # fmt: skip


def terminated(doc: Document, i: int, rule: Rule) -> Extracted:
    """clang's closing line, `2 errors generated.`, and msvc's and gcc's likes of it."""
    counts = tuple(
        ("errors" if word.lower().startswith(("err", "fatal")) else "warnings", int(n))
        for n, word in rx(r"(\d{1,9}) (errors?|warnings?|fatal errors?)\b").findall(doc.texts[i])
    )
    errors = dict(counts).get("errors", 0)
    return Tally(rule.tool, rule.kind, doc.numbers[i], errors > 0, counts) if counts else None


def _internal(doc: Document, i: int, rule: Rule) -> Finding | None:
    m = rx(r"(?i)internal (?:compiler )?error:? ?(.*)").search(doc.texts[i])
    if m is None:
        return None
    found = diagnosis(doc.texts[i])
    last = i
    for j, text in doc.forward(i + 1, 30):
        if not rx(r"(?:0x[0-9a-f]+ |\s|Please|See|with|The bug|in \w)").match(text):
            break
        last = j
    return finding(
        doc, rule, i, last, f"internal compiler error: {m[1]}".rstrip(": "), severity=Severity.FATAL,
        file=found.file if found else "", line=found.line if found else None,
        column=found.column if found else None,
    )  # fmt: skip


def internal(doc: Document, i: int, rule: Rule) -> Extracted:
    """The compiler itself failed; its backtrace belongs to the finding."""
    return _internal(doc, i, rule)


RULES: tuple[Rule, ...] = (
    Rule(
        "gcc.diagnostic",
        rf"[0-9]{COLOR}:{COLOR} {COLOR}(?:fatal error|error|warning|note|sorry, unimplemented|remark|Error|Warning|Fatal Error){COLOR}: ",
        "gcc", "compiler", Severity.ERROR, gnu, 20,
        examples=("src/a.c:3:5: error: expected ';' before '}' token",
                  "\x1b[01m\x1b[Ka.c:3:5:\x1b[m\x1b[K \x1b[01;31m\x1b[Kerror: \x1b[m\x1b[Kno",
                  "a.h:1:10: fatal error: foo.h: No such file or directory"),
    ),
    Rule(
        "gcc.internal", r"internal (?:compiler )?error[:,]", "gcc", "compiler", Severity.FATAL, internal, 22,
        examples=("a.c:3:5: internal compiler error: Segmentation fault",),
    ),
    Rule(
        "gcc.driver",
        rf"(?:cc|\+\+|clang|cc1|cc1plus|cc1obj|gfortran|nvcc|f951|ccache|cpp|nasm)(?:-[0-9.]+)?{COLOR}(?: \w+)?: {COLOR}"
        r"(?:fatal error|error|internal compiler error|fatal|warning)\s?:",
        "gcc", "compiler", Severity.ERROR, driver, 20,
        examples=("gcc: error: nope.c: No such file or directory", "cc1plus: error: x [-Werror]",
                  "g++-12: fatal error: no input files"),
    ),
    Rule(
        "as.messages", r": Assembler messages:\r?$", "as", "compiler", Severity.ERROR, assembler, 20,
        examples=("/tmp/cc1.s: Assembler messages:",),
    ),
    Rule(
        "gfortran.message", rf"{HEAD}(?:Fatal Error|Error|Warning): ", "gfortran", "compiler",
        Severity.ERROR, fortran, 19, examples=("Error: Symbol 'x' at (1) has no IMPLICIT type",),
    ),
    Rule(
        "clang.generated", r"[0-9] (?:errors?|warnings?)(?: and [0-9]+ errors?)? generated", "clang", "compiler",
        None, terminated, 30, examples=("2 errors generated.", "1 warning and 3 errors generated."),
    ),
)  # fmt: skip

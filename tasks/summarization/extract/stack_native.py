"""C and C++: sanitizers, valgrind, gdb, assertions, aborts and signals."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import block_end, finding, frame, number, rx
from slipstream.tasks.summarization.extract.stack import (
    STACK_LINES,
    bare,
    block,
    deepest_own,
    ranges,
)
from slipstream.tasks.summarization.model import Extracted, Finding, Frame, Rule, Severity, Tally

_FRAME = (
    r"^\s*#\d+\s+(?:0x[0-9a-fA-F]+ )?(?:in )?(.+?)(?: \((?:[^()]*=.*|)\))?"
    r"(?: at | from |(?<!\s)\s+(?=[/\w.][^\s()]*:\d))([^\s()]+?)(?::(\d+)(?::\d+)?)?(?: \(\S+\+0x[0-9a-f]+\))?(?: \(BuildId: \w+\))?$"
)
_MODULE = r"^\s*#\d+\s+(?:0x[0-9a-fA-F]+ )?(?:in )?(\S.*?)(?<!\s)\s+\((\S+)\+0x[0-9a-f]+\)(?: \(BuildId: \w+\))?$"
_BETWEEN = r"^(?:\s|\(More stack|Backtrace stopped|No locals)"
"""Lines between gdb's frames."""
_RUNTIME = (
    "__", "_start", "raise", "abort", "malloc", "free", "operator new", "operator delete", "std::",
    "memcpy", "memset", "strlen", "strcpy", "gsignal", "pthread_",
)  # fmt: skip


def _frame(text: str) -> Frame | None:
    match = rx(_FRAME).match(text)
    made = None
    if match:
        made = frame(match[1], match[2], match[3])
    elif match := rx(_MODULE).match(text):
        made = frame(match[1], match[2], None)
    if made is None:
        return None
    library = made.function.startswith(_RUNTIME) or "compiler-rt" in made.file or made.line is None
    return made._replace(own=made.own and not library and "/sysdeps/" not in made.file)


def sanitizer(doc: Document, i: int, rule: Rule) -> Extracted:
    """A report of AddressSanitizer and its kin, from its header to SUMMARY or ABORTING."""
    text = doc.texts[i]
    header = rx(
        r"((?:==\d+==\s?)?(?:ERROR|WARNING): (\w+Sanitizer): (.*?))(?: on address| \(pid|$)"
    ).search(text)
    if not header:
        return None
    prefix = text[: header.start()].rstrip("=")
    last = summary = i
    frames: list[tuple[int, Frame]] = []
    in_first, quiet = True, 0
    for k, line in block(doc, i + 1, prefix, STACK_LINES):
        body = line.strip()
        if found := _frame(line):
            if in_first:
                frames.append((k, found))
        elif frames and not body:
            in_first = False
        if rx(r"(?:ERROR|WARNING): \w+Sanitizer: ").search(line):
            break
        quiet = (
            0
            if body and rx(r"^(?:#\d|==|SUMMARY|[=\s]*>?0x|  |\w+ (?:of|by)|Shadow)").match(line)
            else quiet + 1
        )
        if quiet > 6:
            break
        if body.startswith("SUMMARY: "):
            last = summary = k
        elif summary > i:
            if body.endswith("ABORTING"):
                last = k
                break
            if not rx(
                r"^(?:Shadow bytes|=>?|\s+0x|0x|  |==|\s*Shadow|\s*Addressable|\s*Partially|\s*Heap|\s*Stack|\s*Global|\s*Freed|\s*Array|\s*Intra|\s*ASan|\s*Left|\s*Right|\s*Poisoned|\s*Container)"
            ).match(line):
                break
            last = k
        elif body:
            last = k
    deepest = deepest_own(frames, last_first=True)
    first = i - 1 if i and bare(doc.texts[i - 1], prefix).startswith("=====") else i
    shown = [(first, min(last, i + 2))]
    if deepest:
        shown.append((i, deepest[0]) if deepest[0] < i + 12 else (deepest[0], deepest[0]))
    if summary > i:
        shown.append((summary, summary))
    return finding(
        doc, rule, first, last, f"{header[2]}: {header[3]}", tool=header[2],
        code="leak" if header[2] == "LeakSanitizer" else rx(r" (?:on |in |\()|: |:$").split(header[3])[0],
        severity=Severity.ERROR if header[2] in ("LeakSanitizer", "ThreadSanitizer") else Severity.FATAL,
        stack=tuple(f for _, f in frames),
        file=deepest[1].file if deepest else "", line=deepest[1].line if deepest else None,
        focus=ranges(doc, shown),
    )  # fmt: skip


def undefined(doc: Document, i: int, rule: Rule) -> Extracted:
    """UndefinedBehaviorSanitizer's `x.c:5:7: runtime error: …`, with its stack if printed."""
    match = rx(r"(?<!\S)(\S+?):(\d+):(\d+): runtime error: (.*)$").search(doc.texts[i])
    if not match:
        return None
    last = i
    frames: list[tuple[int, Frame]] = []
    for k, line in block(doc, i + 1, doc.texts[i][: match.start()], 80):
        if found := _frame(line):
            frames.append((k, found))
        elif not rx(r"^(?:SUMMARY: Undefined|\s*\^|.*note: )").match(line) and (
            frames or k > i + 1 or not rx(r"^\s*\S+.*").match(line) or not _caret(doc, k)
        ):
            break
        last = k
    return finding(
        doc, rule, i, last, match[0], tool="UndefinedBehaviorSanitizer", file=match[1],
        line=number(match[2]), column=number(match[3]), stack=tuple(f for _, f in frames),
    )  # fmt: skip


def _caret(doc: Document, i: int) -> bool:
    return i + 1 < len(doc) and rx(r"^[\s~]*\^").match(doc.texts[i + 1]) is not None


def valgrind(doc: Document, i: int, rule: Rule) -> Extracted:
    """One error of valgrind: the lines of its process up to the first empty one."""
    mark = rx(r"==\d+== ?").search(doc.texts[i])
    if not mark:
        return None
    prefix = doc.texts[i][: mark.end()]
    last = i
    frames: list[tuple[int, Frame]] = []
    second = False
    for k, line in block(doc, i, prefix.rstrip(" "), 200):
        if not line.strip():
            break
        last = k
        place = rx(r"^\s+(?:at|by) 0x[0-9A-F]+: (.+?) \((?:in )?([^():]+)(?::(\d+))?\)$").match(
            line
        )
        if place and not second:
            made = frame(place[1], place[2], place[3])
            frames.append(
                (
                    k,
                    made._replace(
                        own=made.own and place[3] is not None and not place[2].startswith("vg_")
                    ),
                )
            )
        elif frames:
            second = True
    deepest = deepest_own(frames, last_first=True)
    return finding(
        doc, rule, i, last, doc.texts[i][mark.end() :].strip(), tool="valgrind",
        stack=tuple(f for _, f in frames),
        file=deepest[1].file if deepest else "", line=deepest[1].line if deepest else None,
        focus=ranges(doc, [(i, deepest[0] if deepest else i)]),
    )  # fmt: skip


def summary(doc: Document, i: int, rule: Rule) -> Extracted:
    """`ERROR SUMMARY: 1 errors from 1 contexts`"""
    match = rx(r"ERROR SUMMARY: ([\d,]+) errors?").search(doc.texts[i])
    count = number(match[1].replace(",", "")) or 0 if match else 0
    return Tally(rule.tool, rule.kind, doc.numbers[i], count > 0, (("errors", count),))


def debugger(doc: Document, i: int, rule: Rule) -> Finding:
    """gdb's `Program received signal …` or a core's backtrace, with the frames that follow."""
    last, frames = i, list[tuple[int, Frame]]()
    for k, line in block(doc, i + 1, "", 400):
        if found := _frame(line):
            frames.append((k, found))
        elif k > i + 8 if not frames else not rx(_BETWEEN).match(line):
            break
        if line.strip() and (frames or k <= i + 3):
            last = k
    if not frames:
        last = block_end(doc, i, 4)
    deepest = deepest_own(frames, last_first=True)
    return finding(
        doc, rule, i, last, doc.texts[i].strip(),
        stack=tuple(f for _, f in frames),
        file=deepest[1].file if deepest else "", line=deepest[1].line if deepest else None,
        focus=ranges(doc, [(i, min(i + 3, last)), *([(deepest[0], deepest[0])] if deepest else [])]),
    )  # fmt: skip


def backtrace(doc: Document, i: int, rule: Rule) -> Extracted:
    """A gdb backtrace without the signal's line: `#0  0x… in f (…) at x.c:12`."""
    if not _frame(doc.texts[i]):
        return None
    found = debugger(doc, i - 1 if i else i, rule)
    near = next((f for f in found.stack if f.own), None)
    said = f"{near.function} at {near.file}" if near else doc.texts[i].strip()
    if i and doc.texts[i - 1].startswith("Thread "):
        said = f"{doc.texts[i - 1].split(' (')[0]}: {said}"
    return found._replace(message=said)


def thrown(doc: Document, i: int, rule: Rule) -> Extracted:
    """`terminate called …` with `what():` and the lines of the message."""
    text = doc.texts[i]
    at = text.find("terminate called")
    last, message = i, text[at:].strip()
    code = rx(r"instance of '([^']+)'").search(text)
    for k, line in block(doc, i + 1, text[:at], 12):
        if match := rx(r"^\s*what\(\):\s*(.*)$").match(line):
            message = f"{code[1]}: {match[1]}" if code else match[1]
        elif not rx(r"^\s*(?:Aborted|Abort trap|terminate recursively)").match(line):
            break
        last = k
    return finding(doc, rule, i, last, message, code=code[1] if code else "")


def assertion(doc: Document, i: int, rule: Rule) -> Extracted:
    """`prog: x.c:5: f: Assertion `x' failed.`, as glibc, macOS, musl and Windows word it."""
    text = doc.texts[i].strip()
    match = rx(r"(?:^|[\s:])([^\s:]+\.\w+):(\d+): .*Assertion [`'\"(]?.* failed").search(text) or rx(
        r"Assertion failed: .*?(?:, file|, function [^,]+, file| \() ?([^\s,:]+)(?:,? line |: \S+: |:)(\d+)"
    ).search(text)  # fmt: skip
    last = i
    for k, line in doc.forward(i + 1, 1):
        if rx(r"(?:^|\s)(?:Aborted|Abort trap)\b").search(line):
            last = k
    return finding(
        doc, rule, i, last, text, code="assert",
        file=match[1] if match else "", line=number(match[2]) if match else None,
    )  # fmt: skip


RULES: tuple[Rule, ...] = (
    Rule(
        "native.sanitizer", r"(?:ERROR|WARNING): (?:Address|Memory|Thread|Leak|HWAddress|DataFlow)Sanitizer: ",
        "sanitizer", "log", Severity.FATAL, extract=sanitizer, weight=22,
        examples=("==12==ERROR: AddressSanitizer: heap-use-after-free on address 0x602 at pc 0x4",
                  "WARNING: ThreadSanitizer: data race (pid=12)"),
    ),
    Rule(
        "native.undefined", r":\d+:\d+: runtime error: ", "sanitizer", "log",
        extract=undefined, weight=20,
        examples=("x.c:5:7: runtime error: signed integer overflow: 2147483647 + 1",),
    ),
    Rule(
        "native.valgrind",
        r"==\d+== (?:Invalid |Conditional jump|Use of uninit|Mismatched free|Source and destination|"
        r"Syscall param|Process terminating with default|Jump to the invalid|Argument '|"
        r"[\d,]+ (?:\([^)]*\) )?bytes in [\d,]+ blocks are (?:definitely|possibly) lost)",
        "valgrind", "log", extract=valgrind, weight=20,
        examples=("==12== Invalid read of size 4",
                  "==12== 40 bytes in 1 blocks are definitely lost in loss record 1 of 1"),
    ),
    Rule(
        "native.valgrind-summary", r"==\d+== ERROR SUMMARY: \d", "valgrind", "log", extract=summary,
        weight=30, examples=("==12== ERROR SUMMARY: 1 errors from 1 contexts (suppressed: 0 from 0)",),
    ),
    Rule(
        "native.gdb", r"(?:Program|Thread \d+.*) (?:received|terminated with) signal SIG|^Core was generated by ",
        "gdb", "log", Severity.FATAL, extract=debugger, weight=20,
        examples=("Program received signal SIGSEGV, Segmentation fault.",),
    ),
    Rule(
        "native.backtrace", r"#0 +(?:0x[0-9a-f]+ in )?[\w:~<>]+ \(.*\) (?:at|from) ", "gdb", "log",
        Severity.WARNING, extract=backtrace, weight=18,
        examples=("#0  0x000055 in f (p=0x0) at x.c:12",),
    ),
    Rule(
        "native.thrown", r"\bterminate called (?:after|without|recursively)|libc\+\+abi(?:\.dylib)?: terminating",
        "c++", "log", Severity.FATAL, extract=thrown, weight=20,
        examples=("terminate called after throwing an instance of 'std::runtime_error'",),
    ),
    Rule(
        "native.assertion", r"Assertion [`'\"(].+ failed|Assertion failed: \S.*(?:, file |function |\()",
        "c", "log", Severity.FATAL, extract=assertion, weight=16,
        examples=("prog: x.c:5: main: Assertion `x > 0' failed.",
                  "Assertion failed: (x), function main, file x.c, line 5."),
    ),
    Rule(
        "native.heap",
        r"\*\*\* (?:stack smashing|buffer overflow) detected|\*\*\* Error in `|double free or corruption|"
        r"(?:^|\s)(?:free|realloc|malloc|calloc|munmap_chunk)\(\): (?:invalid|corrupted|mem|unaligned|double|unsorted)|"
        r"corrupted (?:double-linked list|size vs)|pure virtual method called",
        "c", "log", Severity.FATAL, weight=18,
        examples=("*** stack smashing detected ***: terminated", "free(): invalid pointer"),
    ),
    Rule(
        "native.signal",
        r"(?:^|[\s:)])(?:Segmentation [Ff]ault|Bus error|Illegal instruction|Floating point exception|"
        r"Aborted|Abort trap|Trace/breakpoint trap)(?:: \d+)?\s*(?:\(core dumped\)|\(coredump\)|$)",
        "shell", "command", Severity.FATAL, weight=14,
        examples=("Segmentation fault (core dumped)", "Abort trap: 6",
                  "run.sh: line 3:   123 Segmentation fault      (core dumped) ./a"),
    ),
    Rule(
        "native.signalled", r"(?:terminated by|killed by|died with|exited on) signal (?:SIG[A-Z]+|\d+)"
        r"|\(signal: \d+, SIG[A-Z]+",
        "shell", "command", Severity.FATAL, weight=12, caseless=True,
        examples=("process didn't exit successfully: `a` (signal: 11, SIGSEGV: invalid memory reference)",),
    ),
)  # fmt: skip

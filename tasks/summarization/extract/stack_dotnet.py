""".NET exceptions with their inner ones, and PowerShell's error records."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, frame, number, rx
from slipstream.tasks.summarization.extract.stack import (
    STACK_LINES,
    bare,
    block,
    deepest_own,
    log_header,
    ranges,
)
from slipstream.tasks.summarization.model import Cause, Extracted, Frame, Rule, Severity

_FRAME = r"^\s+at (\S.*?\)|\S+)(?: \[0x[0-9a-fA-F]+\])?(?: in (.+?):(?:line )?(\d+)(?: )?)?$"
_NAMED = (
    r"(?<![\w.])((?:[A-Za-z_]\w*\.)+[A-Z][\w`]*(?:Exception|Error)\w*)(?: \([^)]*\))?(?:: (.*))?$"
)
_INNER = r"^\s*-{3,4}> (?:\(Inner Exception #\d+\) )?(.*)$"
_END = r"^\s*-{3} End of (?:inner exception stack trace|stack trace from previous location)"
_RUNTIME = (
    "System.", "Microsoft.", "Xunit.", "NUnit.", "lambda_method", "MS.", "Mono.", "Castle.",
    "Moq.", "Newtonsoft.", "FluentAssertions.",
)  # fmt: skip


def _frame(text: str) -> Frame | None:
    match = rx(_FRAME).match(text)
    if not match:
        return None
    function = match[1].removeprefix("async ")
    made = frame(function, match[2] or "", match[3])
    return made._replace(own=made.own and not function.startswith(_RUNTIME))


def _is_part(text: str) -> bool:
    return bool(rx(_FRAME).match(text) or rx(_END).match(text) or rx(_INNER).match(text))


def stack(doc: Document, i: int, rule: Rule) -> Extracted:
    """The exception around line `i`: header, inner exceptions, then frames from the innermost."""
    at = rx(r"(?:\s+at \S|\s*---> )").search(doc.texts[i])
    prefix = doc.texts[i][: at.start()] if at else ""
    if not prefix.strip() or rx(_NAMED).search(prefix):
        prefix = ""
    head = i
    if _is_part(bare(doc.texts[i], prefix)):
        for k, line in doc.back(i - 1, 40) if i else ():
            text = bare(line, prefix)
            if not text.strip() or not (_is_part(text) or k >= i - 3 or rx(_NAMED).search(text)):
                break
            head = k
            if not _is_part(text) and rx(_NAMED).search(text):
                break
    # Mono prints the inner exceptions on the line of the outer one.
    chain = bare(doc.texts[head], prefix).split(" ---> ")[1:]
    groups: list[list[tuple[int, Frame]]] = [[]]
    last = head
    for k, line in block(doc, head, prefix, STACK_LINES):
        if found := _frame(line):
            groups[-1].append((k, found))
        elif rx(_END).match(line):
            if "inner exception" in line:
                groups.append([])
        elif match := rx(_INNER).match(line):
            chain.append(match[1].removesuffix("<---"))
        elif groups[0] or (k > head and not _follows(doc, k, prefix)):
            break
        last = k
    frames = [pair for group in groups for pair in group]
    if not frames:
        return None
    first = log_header(doc, head)
    message = bare(doc.texts[head], prefix).strip()
    if message.lower().rstrip(".: ") == "unhandled exception" and head < last:
        message = bare(doc.texts[head + 1], prefix).strip()
    deepest = deepest_own(groups[0], True) or deepest_own(frames, True)
    uncaught = "nhandled exception" in message.lower() or rule.name == "dotnet.unhandled"
    named = rx(_NAMED).search(message.partition(" ---> ")[0])
    shown = [(first, min(groups[0][0][0] if groups[0] else head, head + 10))]
    if deepest:
        shown.append((deepest[0], deepest[0]))
    inner = list(reversed(groups[: len(chain)]))
    return finding(
        doc, rule, first, last, message, code=named[1] if named else "",
        severity=Severity.FATAL if uncaught else None,
        stack=tuple(f for _, f in groups[-1]),
        causes=tuple(
            Cause("cause", *_split(said), tuple(f for _, f in (inner[n] if n < len(inner) else [])))
            for n, said in enumerate(chain)
        ),
        file=deepest[1].file if deepest else "", line=deepest[1].line if deepest else None,
        focus=ranges(doc, shown),
    )  # fmt: skip


def _follows(doc: Document, i: int, prefix: str) -> bool:
    return any(_is_part(text) for _, text in block(doc, i + 1, prefix, 6))


def _split(text: str) -> tuple[str, str]:
    named = rx(_NAMED).search(text)
    return (named[1], named[2] or "") if named else ("", text)


def powershell(doc: Document, i: int, rule: Rule) -> Extracted:
    """`At file.ps1:12 char:3` with the message above and the `+` lines below."""
    match = rx(r"^(.*?)At (.+?):(\d+) char:(\d+)\s*$").match(doc.texts[i])
    if not match:
        return None
    prefix = match[1]
    head = i
    for k, line in doc.back(i - 1, 6) if i else ():
        text = bare(line, prefix)
        if not text.strip() or text.lstrip().startswith("+") or text.startswith(("  ", "\t")):
            break
        head = k
        if rx(r"^[\w.\\/:-]+ : ").match(text):
            break
    last, code = i, ""
    for k, line in block(doc, i + 1, prefix, 30):
        text = line.strip()
        if text.startswith("+ CategoryInfo"):
            code = text.rpartition(",")[2].strip() or text.partition(":")[2].strip()
        elif not (text.startswith("+") or (text and not code) or _plus(doc, k + 1, prefix)):
            break
        last = k
        if text.startswith("+ FullyQualifiedErrorId"):
            break
    message = bare(doc.texts[head], prefix).strip() if head < i else doc.texts[i].strip()
    return finding(
        doc, rule, head, last, message, tool="powershell", code=code,
        file=match[2], line=number(match[3]), column=number(match[4]),
    )  # fmt: skip


def _plus(doc: Document, i: int, prefix: str) -> bool:
    return i < len(doc) and bare(doc.texts[i], prefix).lstrip().startswith("+")


def powershell_concise(doc: Document, i: int, rule: Rule) -> Extracted:
    """PowerShell 7's view: `Cmdlet: file:line`, `Line |`, the source, and the message last."""
    if not i or not rx(r"^(.*?)Line \|\s*$").match(doc.texts[i]):
        return None
    prefix = doc.texts[i][: doc.texts[i].index("Line |")]
    last, message = i, ""
    for k, line in block(doc, i + 1, prefix, 30):
        if not rx(r"^\s*\d* \|").match(line):
            break
        last, message = k, line.partition("|")[2].strip() or message
    head = bare(doc.texts[i - 1], prefix).strip()
    if not message and not head:
        return None
    match = rx(r"^([\w-]+): (.+?):(\d+)$").match(head)
    return finding(
        doc, rule, i - 1 if match else i, last, message or head, tool="powershell",
        code=match[1] if match else "", file=match[2] if match else "",
        line=number(match[3]) if match else None,
    )  # fmt: skip


RULES: tuple[Rule, ...] = (
    Rule(
        "dotnet.unhandled", r"Unhandled [eE]xception(?:\.|:\s*$|: [A-Z])", "dotnet", "log",
        extract=stack, weight=20,
        examples=("Unhandled exception. System.InvalidOperationException: x",),
    ),
    Rule(
        "dotnet.frame", r"\bat .+ in .+:line \d+", "dotnet", "log",
        extract=stack, weight=18,
        examples=("   at App.Program.Main(String[] args) in /src/Program.cs:line 3",),
    ),
    Rule(
        "dotnet.runtime", r"\bat (?:System|Microsoft|Mono)\.[^\s(]+ ?\([^:]*\)", "dotnet",
        "log", extract=stack, weight=17,
        examples=("   at System.IO.File.Open(String path, FileMode mode)",),
    ),
    Rule(
        "powershell.record", r"\bAt .+:\d+ char:\d+\s*$", "powershell", "log",
        extract=powershell, weight=20,
        examples=("At C:\\build\\make.ps1:12 char:3",),
    ),
    Rule(
        "powershell.concise", r"(?:^|[^\w])Line \|\s*$", "powershell", "log",
        extract=powershell_concise, weight=20,
        examples=("Line |",),
    ),
)  # fmt: skip

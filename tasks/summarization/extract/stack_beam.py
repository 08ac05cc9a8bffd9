"""Elixir and Erlang: raised exceptions, terminating processes, crash reports."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, frame, rx
from slipstream.tasks.summarization.extract.stack import (
    bare,
    block,
    deepest_own,
    log_header,
    ranges,
)
from slipstream.tasks.summarization.model import Extracted, Frame, Rule, Severity

_RAISED = r"\*\* \(((?:[A-Z]\w*)(?:\.\w+)*|EXIT from #PID<[\d.]+>|exit|throw)\)(?: (.*))?$"
_FRAME = r"^\s+(?:\(([\w.]+)(?: [^)]*)?\) )?(\S+?\.(?:exs?|erl|eex|heex|yrl|xrl)):(\d+): (.+)$"
_BARE_FRAME = r"^\s+(?:\(([\w.]+)(?: [^)]*)?\) )(:?[\w.\"-]+.*/\d+|\S.*)$"
_LIBRARY = (
    "elixir", "stdlib", "kernel", "ex_unit", "mix", "iex", "logger", "eex", "compiler", "phoenix",
    "plug", "plug_cowboy", "cowboy", "ecto", "ecto_sql", "db_connection", "bandit",
)  # fmt: skip


def _frame(text: str) -> Frame | None:
    if match := rx(_FRAME).match(text):
        made = frame(match[4], match[2], match[3])
        library = match[1] in _LIBRARY or match[2].startswith("deps/")
        return made._replace(own=made.own and not library)
    if match := rx(_BARE_FRAME).match(text):
        return Frame(match[2], "", None, False)
    return None


def raised(doc: Document, i: int, rule: Rule) -> Extracted:
    """`** (RuntimeError) message`, its indented frames, and the log line that announces it."""
    head = rx(_RAISED).search(doc.texts[i])
    if not head:
        return None
    prefix = doc.texts[i][: head.start()]
    frames: list[tuple[int, Frame]] = []
    last, blank = i, 0
    mix = head[1] == "Mix"
    for k, line in block(doc, i + 1, prefix, 300):
        if found := _frame(line):
            frames.append((k, found))
        elif not line.strip():
            blank += 1
            if blank > 1 or not _frames_soon(doc, k, prefix):
                break
            continue
        elif frames and rx(
            r"^(?:Last message|State|Client|Queue|Process Label|Initial Call|Ancestors|Message Queue|Function:|\s+Args:)"
        ).match(line):
            pass
        elif frames or (not mix and not line.startswith(" ") and not _frames_soon(doc, k, prefix)):
            break
        blank, last = 0, k
    first = _announced(doc, i, prefix)
    deepest = deepest_own(frames, last_first=True)
    shown = [(first, min(last, i + 3))]
    if deepest:
        shown.append((deepest[0], deepest[0]))
    return finding(
        doc, rule, first, last, head[0].strip(), code=head[1],
        stack=tuple(f for _, f in frames),
        file=deepest[1].file if deepest else "", line=deepest[1].line if deepest else None,
        focus=ranges(doc, shown), tool="mix" if mix else rule.tool, kind="build" if mix else rule.kind,
    )  # fmt: skip


def _frames_soon(doc: Document, i: int, prefix: str) -> bool:
    return any(rx(_FRAME).match(line) for _, line in block(doc, i + 1, prefix, 12))


def _announced(doc: Document, i: int, prefix: str) -> int:
    """The line above that says which process or file failed."""
    if not i:
        return i
    above = bare(doc.texts[i - 1], prefix)
    if rx(r"\[error\]|^== Compilation error|^\s*an exception was raised|terminating$").search(
        above
    ):
        return i - 1
    return log_header(doc, i)


def report(doc: Document, i: int, rule: Rule) -> Extracted:
    """`=CRASH REPORT==== …` and the lines up to the next report or a blank line."""
    last, message = i, ""
    for k, line in doc.forward(i + 1, 120):
        text = line.strip()
        if not text or rx(r"^=\w+ REPORT====|^\d{4}-\d\d-\d\d").match(text):
            break
        if not message and rx(r"exception|Reason|reason|error|\bexit\b").search(text):
            message = text
        last = k
    return finding(
        doc, rule, i, last, message or doc.texts[i].strip(),
        focus=ranges(doc, [(i, min(last, i + 12))]),
    )  # fmt: skip


def terminated(doc: Document, i: int, rule: Rule) -> Extracted:
    """`{"init terminating in do_boot",…}` and the lines of the crash that go with it."""
    last = i
    for k, line in doc.forward(i + 1, 6):
        if not rx(
            r"^(?:init terminating|Runtime terminating|Crash dump|\s+\S|could not start|Kernel pid)",
            2,
        ).match(line):
            break
        last = k
    return finding(doc, rule, i, last, doc.texts[i].strip())


def erlang(doc: Document, i: int, rule: Rule) -> Extracted:
    """`** exception error: …` or `escript: exception …` with the indented lines below."""
    last = i
    for k, line in doc.forward(i + 1, 30):
        if not line.startswith((" ", "\t")):
            break
        last = k
    place = rx(r"\((\S+\.erl), line (\d+)\)")
    found = next((m for k in range(i, last + 1) if (m := place.search(doc.texts[k]))), None)
    return finding(
        doc, rule, i, last, doc.texts[i].strip(),
        file=found[1] if found else "", line=int(found[2]) if found else None,
    )  # fmt: skip


RULES: tuple[Rule, ...] = (
    Rule(
        "elixir.raised", r"\*\* \((?:[A-Z]\w*[\w.]*|EXIT from #PID<[\d.]+>|exit|throw)\)", "elixir", "log",
        extract=raised, weight=20,
        examples=("** (RuntimeError) boom", "** (Mix) Could not start application app"),
    ),
    Rule(
        "erlang.report", r"=(?:CRASH|ERROR|SUPERVISOR) REPORT====", "erlang", "log",
        extract=report, weight=18,
        examples=("=CRASH REPORT==== 1-Jan-2024::10:00:00 ===",),
    ),
    Rule(
        "erlang.terminating", r"init terminating in |Runtime terminating during boot|Kernel pid terminated",
        "erlang", "log", Severity.FATAL, extract=terminated, weight=20,
        examples=('{"init terminating in do_boot",{undef,[]}}',),
    ),
    Rule(
        "erlang.exception", r"\bexception (?:error|exit|throw): ", "erlang", "log",
        extract=erlang, weight=16,
        examples=("** exception error: no match of right hand side value 2",),
    ),
)  # fmt: skip

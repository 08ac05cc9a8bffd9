"""Ruby: uncaught exceptions, rake, Rails."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, frame, number, rx
from slipstream.tasks.summarization.extract.stack import (
    bare,
    block,
    deepest_own,
    log_header,
    ranges,
)
from slipstream.tasks.summarization.model import Cause, Extracted, Frame, Rule, Severity

_RAISED = r"(?<!\S)(\S+?):(\d+):in [`']([^']*)': (.*?)(?: \(([A-Z]\w*(?:::\w+)*)\))?$"
_FROM = r"^\s*(?:\d+: )?(?:from )?(\S+?):(\d+):in [`'](.*)'$"
_FOLDED = r"^\s*\.{3} ?\d+ levels"
_CLASS = r"^\s*((?:[A-Z]\w*::)*[A-Z]\w*): (.+)$"


def _frame(text: str) -> Frame | None:
    match = rx(_FROM).match(text)
    return _made(match[3], match[1], match[2]) if match else None


def _made(function: str, file: str, line: str) -> Frame:
    made = frame(function, file, line)
    return made._replace(own=made.own and not file.startswith("<internal:"))


def raised(doc: Document, i: int, rule: Rule) -> Extracted:
    """`file.rb:3:in 'f': message (Class)`, the `from` lines below or above, and its causes."""
    head = rx(_RAISED).search(doc.texts[i])
    if not head:
        return None
    prefix = doc.texts[i][: head.start()]
    chain: list[tuple[int, str, str, list[tuple[int, Frame]]]] = [
        (i, head[5] or "", head[4], [(i, _made(head[3], head[1], head[2]))])
    ]
    last = i
    for k, line in block(doc, i + 1, prefix, 600):
        cause = rx(_RAISED).match(line)
        if found := _frame(line):
            chain[-1][3].append((k, found))
        elif cause and cause[5] and len(chain[-1][3]) > 1:
            chain.append((k, cause[5], cause[4], [(k, _made(cause[3], cause[1], cause[2]))]))
        elif not rx(_FOLDED).match(line) and not (k < i + 12 and _from_soon(doc, k, prefix)):
            break
        last = k
    first = i
    for k, line in doc.back(i - 1, 300) if i else ():
        text = bare(line, prefix)
        if text.startswith("Traceback (most recent call last)"):
            first = k
            break
        if not rx(r"^\s+(?:\d+: )?(?:from |\.{3})").match(text):
            break
    first = log_header(doc, first) if first == i else first
    _, code, _, frames = chain[0]
    deepest = deepest_own(frames, last_first=True) or frames[0]
    shown = [(i, i), *((k, k) for k, *_ in chain)]
    shown.append((deepest[0], deepest[0]))
    return finding(
        doc, rule, first, last, bare(doc.texts[i], prefix).strip(), code=code,
        severity=Severity.FATAL if len(frames) > 1 and not code.startswith("Bundler") else None,
        stack=tuple(f for _, f in frames),
        causes=tuple(
            Cause("cause", name, said, tuple(f for _, f in stack))
            for _, name, said, stack in chain[1:]
        ),
        file=deepest[1].file, line=deepest[1].line, focus=ranges(doc, shown),
    )  # fmt: skip


def _from_soon(doc: Document, i: int, prefix: str) -> bool:
    """Whether the message goes on at `i`: a `from` line follows within a few lines."""
    return any(
        rx(r"^\s+(?:\d+: )?from \S+:\d+").match(line) for _, line in block(doc, i + 1, prefix, 8)
    )


def rake(doc: Document, i: int, rule: Rule) -> Extracted:
    """`rake aborted!` with its message, the backtrace and the task."""
    at = doc.texts[i].find("rake aborted!")
    prefix = doc.texts[i][:at]
    if prefix.strip() and not rx(r"[\])|:Z]\s*$").search(prefix):
        prefix = ""
    last, message, code = i, "", ""
    frames: list[tuple[int, Frame]] = []
    name = ""
    for k, line in block(doc, i + 1, prefix, 300):
        if found := _frame(line):
            frames.append((k, found))
        elif match := rx(r"^Tasks: (.+)$").match(line):
            name = match[1]
        elif line.startswith("(See full trace"):
            last = k
            break
        elif not line.strip() and (frames or name):
            following = next((text for _, text in block(doc, k + 1, prefix, 1)), "")
            if not rx(r"^(?:Caused by:|Tasks: |\(See full)").match(following):
                break
        elif (frames and not rx(r"^(?:Caused by:|\S+: |/|\s)").match(line)) or k > i + 20 + len(
            frames
        ):
            break
        elif not message and line.strip():
            message = line.strip()
            named = rx(_CLASS).match(message)
            code = named[1] if named else ""
        last = k if line.strip() else last
    deepest = deepest_own(frames, last_first=True)
    shown = [(i, min(last, i + 6)), (last, last)]
    if deepest:
        shown.append((deepest[0], deepest[0]))
    return finding(
        doc, rule, i, last, f"rake aborted! {message}".strip(), code=code, name=name, kind="build",
        stack=tuple(f for _, f in frames),
        file=deepest[1].file if deepest else "", line=deepest[1].line if deepest else None,
        focus=ranges(doc, shown),
    )  # fmt: skip


def rails(doc: Document, i: int, rule: Rule) -> Extracted:
    """Rails' log of an exception: `Name (message):`, an excerpt, `app/x.rb:3:in 'f'`."""
    match = rx(r"(?<![A-Z])((?:[A-Z]\w*::)*[A-Z]\w*(?:Error|Exception|NotFound|Invalid|Missing\w*)) \((.+?)\):?\s*$").search(
        doc.texts[i]
    )  # fmt: skip
    if not match:
        return None
    frames: list[tuple[int, Frame]] = []
    last = i
    for k, line in block(doc, i + 1, doc.texts[i][: match.start()], 80):
        if found := _frame(line.strip()):
            frames.append((k, found))
        elif frames or k > i + 16:
            break
        last = k if line.strip() else last
    if not frames:
        return None
    deepest = deepest_own(frames, last_first=True) or frames[0]
    return finding(
        doc, rule, i, last, match[0].strip(), code=match[1], tool="rails",
        stack=tuple(f for _, f in frames), file=deepest[1].file, line=deepest[1].line,
        focus=ranges(doc, [(i, i), (frames[0][0], frames[0][0]), (deepest[0], deepest[0])]),
    )  # fmt: skip


def syntax(doc: Document, i: int, rule: Rule) -> Extracted:
    """`file.rb:3: syntax error, …` with its excerpt."""
    match = rx(
        r"(?<![^\s:])([^\s:]+\.\w+|[^\s:]*(?:Rakefile|Gemfile)):(\d+): (syntax errors? .*|syntax error,.*)$"
    ).search(doc.texts[i])
    if not match:
        return None
    last = i
    for k, line in block(doc, i + 1, doc.texts[i][: match.start()], 8):
        if not rx(r"^(?:\s|\.\.\.|>|\^|~)").match(line):
            break
        last = k
    return finding(
        doc, rule, i, last, match[0], code="SyntaxError", file=match[1], line=number(match[2])
    )


RULES: tuple[Rule, ...] = (
    Rule(
        "ruby.raised", r"\d:in [`'][^']+': ", "ruby", "log", extract=raised, weight=20,
        examples=("app.rb:3:in `foo': boom (RuntimeError)", "app.rb:3:in 'Object#foo': boom (RuntimeError)"),
    ),
    Rule(
        "ruby.rake", r"\brake aborted!", "rake", "build", extract=rake, weight=20,
        examples=("rake aborted!",),
    ),
    Rule(
        "ruby.rails", r"(?:Error|Exception|NotFound|Invalid) \(.+\):", "rails", "log",
        extract=rails, weight=18,
        examples=("ActionView::Template::Error (undefined method `x' for nil:NilClass):",),
    ),
    Rule(
        "ruby.syntax", r"\d: syntax error(?:,|s? found)", "ruby", "log", extract=syntax, weight=16,
        examples=("app.rb:3: syntax error, unexpected end-of-input",),
    ),
    Rule(
        "ruby.load", r"cannot load such file -- \S|ruby: No such file or directory -- \S|"
        r"No Rakefile found \(looking for",
        "ruby", "log", weight=12,
        examples=("cannot load such file -- bundler/setup (LoadError)",),
    ),
)  # fmt: skip

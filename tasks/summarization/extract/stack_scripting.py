"""Stacks of Perl, Lua, R, Haskell, OCaml, Swift, Julia, Dart, Clojure and Emacs Lisp."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import block_end, finding, frame, number, rx
from slipstream.tasks.summarization.extract.stack import bare, block, deepest_own, nearest, ranges
from slipstream.tasks.summarization.model import Extracted, Frame, Rule, Severity

_R_MORE = r"^(?:Calls: |Execution halted|In addition: |Backtrace:|Caused by error|! |\d+: |Warning message)"


def perl(doc: Document, i: int, rule: Rule) -> Extracted:
    """`message at file.pl line 3.` and the lines of the calls that a confession adds."""
    text = doc.texts[i]
    match = rx(r"^(.*?)\bat (\S+) line (\d+)(?:[.,;]|$)").search(text)
    if not match or rx(r"^\s*#\s+at ").match(text):
        return None
    last = i
    frames: list[Frame] = []
    for k, line in doc.forward(i + 1, 60):
        call = rx(
            r"^\s+(\S+?)\(.*\) called at (\S+) line (\d+)|^\s*(BEGIN failed|Compilation failed|Execution of .* aborted)"
        ).match(line)
        if not call:
            break
        if call[1]:
            frames.append(frame(call[1], call[2], call[3]))
        last = k
    mild = rx(
        r"Use of uninitialized|redefined|deprecated|isn't numeric|used only once|masks earlier"
    ).search(text)
    return finding(
        doc, rule, i, last, text.strip(), severity=Severity.WARNING if mild else None,
        stack=tuple(frames), file=match[2], line=number(match[3]),
    )  # fmt: skip


def lua(doc: Document, i: int, rule: Rule) -> Extracted:
    """`lua: x.lua:3: message`, `stack traceback:` and its indented frames."""
    text = doc.texts[i]
    prefix = text[: text.find("stack traceback:")]
    head = i
    for k, line in doc.back(i - 1, 30) if i else ():
        body = bare(line, prefix)
        if rx(r"^(?:\S*lua\S*: |\S+:\d+: )").match(body):
            head = k
            break
        if rx(r"^(?:\[[ =-]|={8}|stack traceback:)").match(body):
            break
    if head == i:
        return None  # without what was raised, a stack tells nothing
    frames: list[tuple[int, Frame]] = []
    last = i
    for k, line in block(doc, i + 1, prefix.rstrip(), 200):
        match = rx(r"^\s+(\S+?):(?:(\d+):)? in (.+)$").match(line)
        if not match and not rx(r"^\s+(?:\[C\]|\.\.\.|\(\.\.\.tail)").match(line):
            break
        if match:
            made = frame(match[3], match[1], match[2])
            frames.append((k, made._replace(own=made.own and match[1] != "[C]")))
        last = k
    deepest = deepest_own(frames, last_first=True)
    message = bare(doc.texts[head], prefix).strip()
    place = rx(r"(?:^|\s)([^\s:]+\.\w+):(\d+):").search(message)
    return finding(
        doc, rule, head, last, message, stack=tuple(f for _, f in frames),
        file=place[1] if place else deepest[1].file if deepest else "",
        line=number(place[2]) if place else deepest[1].line if deepest else None,
        focus=ranges(doc, [(head, i), *([(deepest[0], deepest[0])] if deepest else [])]),
    )  # fmt: skip


def r_error(doc: Document, i: int, rule: Rule) -> Extracted:
    """R's `Error in f(x) : message`, its continuation, `Calls:` and `Execution halted`."""
    last = i
    message = doc.texts[i].strip()
    for k, line in doc.forward(i + 1, 12):
        body = line.strip()
        # The message may stand on the next line alone.
        further = k == i + 1 and body and message.endswith(":")
        if not (line.startswith("  ") or rx(_R_MORE).match(body) or further):
            break
        if message.endswith(":") and body:
            message = f"{message} {body}"
        last = k
        if body == "Execution halted":
            break
    return finding(doc, rule, i, last, message)


def r_halted(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Execution halted` with the error some lines above it."""
    for k, line in doc.back(i - 1, 15) if i else ():
        if rx(r"^\s*(?:ERROR|Error)\b").match(line):
            return finding(doc, rule, k, i, line.strip())
    first = next((k for k, line in doc.back(i - 1, 3) if line.strip()), i) if i else i
    return finding(doc, rule, first, i, doc.texts[first].strip())


def haskell(doc: Document, i: int, rule: Rule) -> Extracted:
    """`prog: message`, then `CallStack (from HasCallStack):` with its frames."""
    text = doc.texts[i]
    prefix = text[: text.index("CallStack")].rstrip() if "CallStack" in text else ""
    last = i
    frames: list[tuple[int, Frame]] = []
    for k, line in block(doc, i + 1, prefix, 60):
        match = rx(r"^\s+(\S+), called at (\S+?):(\d+):\d+ in (\S+)$").match(line)
        if not match:
            break
        made = frame(match[1], match[2], match[3])
        frames.append(
            (k, made._replace(own=":Main" in match[4] or match[4].startswith(("main:", "app-"))))
        )
        last = k
    head = i
    for k, line in doc.back(i - 1, 6) if i else ():
        if not bare(line, prefix).strip():
            break
        head = k
        if rx(r"^\S.*?: ").match(bare(line, prefix)):
            break
    deepest = nearest(frames, last_first=True)
    return finding(
        doc, rule, head, last, bare(doc.texts[head], prefix).strip(),
        stack=tuple(f for _, f in frames),
        file=deepest[1].file if deepest else "", line=deepest[1].line if deepest else None,
    )  # fmt: skip


def ocaml(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Fatal error: exception …` and the `Raised at`/`Called from` lines."""
    frames: list[Frame] = []
    last = i
    for k, line in doc.forward(i + 1, 60):
        match = rx(
            r'^(?:Raised|Re-raised|Called|Raised by primitive operation) (?:at|from) (?:(\S+) in )?(?:unknown location|file "([^"]+)"(?: \(inlined\))?, lines? (\d+))'
        ).match(line)
        if not match:
            break
        if match[2]:
            frames.append(frame(match[1] or "", match[2], match[3]))
        last = k
    deepest = next((f for f in frames if f.own and "stdlib" not in f.file), None)
    return finding(
        doc, rule, i, last, doc.texts[i].strip(), stack=tuple(frames),
        file=deepest.file if deepest else "", line=deepest.line if deepest else None,
    )  # fmt: skip


def swift(doc: Document, i: int, rule: Rule) -> Extracted:
    """`main.swift:3: Fatal error: …` or `Fatal error: …: file main.swift, line 3`."""
    text = doc.texts[i]
    match = rx(r"(?<![^\s:])([^\s:]+\.swift):(\d+): Fatal error").search(text) or rx(
        r"file (\S+?), line (\d+)"
    ).search(text)
    last = i
    for k, line in doc.forward(i + 1, 60):
        if not rx(
            r"^(?:\d+ +\S+ +0x|Current stack trace|\s+\d+ |Stack dump|#\d+ 0x|Program crashed|\d+\s+<unavailable>|\s+at /)"
        ).match(line):
            break
        last = k
    return finding(
        doc, rule, i, last, text.strip(), file=match[1] if match else "",
        line=number(match[2]) if match else None, focus=ranges(doc, [(i, min(last, i + 6))]),
    )  # fmt: skip


def julia(doc: Document, i: int, rule: Rule) -> Extracted:
    """`ERROR: LoadError: …`, `Stacktrace:` with ` [1] f` and ` @ file:line` lines."""
    text = doc.texts[i]
    at = text.find("Stacktrace:")
    if at < 0 or text[at:].strip() != "Stacktrace:":
        return None
    prefix = text[:at] if text[:at].strip() else ""
    head = i
    for k, line in doc.back(i - 1, 20) if i else ():
        if rx(r"(?:^|\s)(?:ERROR: |caused by: |\S+Error: |Got exception)").search(line):
            head = k
            break
        if not line.strip() and k < i - 3:
            break
    frames: list[tuple[int, Frame]] = []
    named, last = (i, ""), i
    for k, line in block(doc, i + 1, prefix, 300):
        body = line.strip()
        if match := rx(r"^\[\d+\] (.+?)(?: at (\S+?):(\d+))?$").match(body):
            named = (k, match[1])
            if match[2]:
                frames.append((k, frame(match[1], match[2], match[3])))
        elif match := rx(r"^@ (?:(\S+) )?(\S+?):(\d+)(?: \[inlined\])?$").match(body):
            made = frame(named[1], match[2], match[3])
            library = match[1] in ("Base", "Core", "Test", "Pkg") or ".julia" in match[2]
            frames.append((named[0], made._replace(own=made.own and not library)))
        elif not body.startswith(("in expression starting at", "caused by:", "...", "---")):
            break
        last = k
    if head == i and not frames:
        return None
    deepest = deepest_own(frames, last_first=True)
    return finding(
        doc, rule, head, last, doc.texts[head].strip(), stack=tuple(f for _, f in frames),
        file=deepest[1].file if deepest else "", line=deepest[1].line if deepest else None,
        focus=ranges(doc, [(head, min(i, head + 6)), *([(deepest[0], deepest[0] + 1)] if deepest else [])]),
    )  # fmt: skip


def dart(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Unhandled exception:`, the message and `#0 main (file:///x.dart:3:5)` frames."""
    head = i
    for k, line in doc.back(i - 1, 12) if i else ():
        if not line.strip() and k < i - 1:
            break
        head = k
        if rx(r"Unhandled exception:|══╡ EXCEPTION").search(line):
            break
    frames: list[tuple[int, Frame]] = []
    last = i
    for k, line in doc.forward(i, 200):
        match = rx(r"#\d+ +(.+?) \(([^()\s]+?):(\d+)(?::\d+)?\)").search(line)
        if not match and "<asynchronous suspension>" not in line:
            break
        if match:
            library = match[2].startswith(("dart:", "package:flutter/", "package:test"))
            frames.append((k, frame(match[1], match[2], match[3])._replace(own=not library)))
        last = k
    message = next(
        (t.strip() for k in range(head, i) if (t := doc.texts[k]).strip() and "nhandled exception:" not in t),
        doc.texts[head].strip(),
    )  # fmt: skip
    deepest = deepest_own(frames, last_first=True)
    return finding(
        doc, rule, head, last, message, stack=tuple(f for _, f in frames),
        file=deepest[1].file if deepest else "", line=deepest[1].line if deepest else None,
        focus=ranges(doc, [(head, i), *([(deepest[0], deepest[0])] if deepest else [])]),
    )  # fmt: skip


def clojure(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Execution error (X) at f (x.clj:3).` and the message below."""
    match = rx(
        r"(?:Execution|Syntax) error.*?(?:\(([\w.]+)\) )?(?:compiling )?at \S*\s?\(([^():]+)(?::(\d+)(?::(\d+))?)?\)"
    ).search(doc.texts[i])
    last = block_end(doc, i, 6)
    said = doc.texts[i + 1].strip() if last > i else ""
    return finding(
        doc, rule, i, last, said or doc.texts[i].strip(), code=(match[1] or "") if match else "",
        file=match[2] if match else "", line=number(match[3]) if match else None,
        column=number(match[4]) if match else None,
    )  # fmt: skip


def emacs(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Debugger entered--Lisp error: …` and the indented frames below."""
    text = doc.texts[i]
    last = i
    prefix = text[: text.find("Debugger entered")]
    for k, line in block(doc, i + 1, prefix, 400):
        if not line.startswith("  "):
            break
        last = k
    return finding(
        doc, rule, i, last, bare(text, prefix).strip(), focus=ranges(doc, [(i, min(last, i + 5))])
    )


RULES: tuple[Rule, ...] = (
    Rule(
        "perl.fatal",
        r"Can't locate (?:\S+\.pm in @INC|object method)|BEGIN failed--compilation aborted|"
        r"Compilation failed in require|Global symbol \"|Undefined subroutine &|Can't call method |"
        r"Died at \S+ line \d+|syntax error at \S+ line \d+",
        "perl", "log", extract=perl, weight=16,
        examples=("Can't locate Foo.pm in @INC (you may need to install the Foo module) at a.pl line 3.",),
    ),
    Rule(
        "perl.died", r" at [\w./\\-]+\.(?:pl|pm|t|PL|cgi) line \d+(?:\.|, <\w*>)", "perl", "log",
        extract=perl, weight=10,
        examples=("boom at a.pl line 3.",),
    ),
    Rule(
        "lua.traceback", r"stack traceback:\s*$", "lua", "log", extract=lua, weight=19,
        examples=("stack traceback:",),
    ),
    Rule(
        "r.error", r"(?:^|\s)Error in .+ :\s*|(?:^|\s)Error in [\w.:]+\(.*\)", "r", "log",
        extract=r_error, weight=15,
        examples=("Error in f(x) : object 'y' not found", 'Error in library("x") : there is no package'),
    ),
    Rule(
        "r.halted", r"^Execution halted", "r", "log", extract=r_halted, weight=15,
        examples=("Execution halted",),
    ),
    Rule(
        "haskell.callstack", r"CallStack \(from (?:HasCallStack|-prof)\):", "haskell", "log",
        extract=haskell, weight=18,
        examples=("CallStack (from HasCallStack):",),
    ),
    Rule(
        "ocaml.exception", r"Fatal error: exception ", "ocaml", "log", Severity.FATAL,
        extract=ocaml, weight=20,
        examples=('Fatal error: exception Failure("boom")',),
    ),
    Rule(
        "swift.fatal", r"\.swift:\d+: Fatal error|Fatal error: .*file \S+\.swift, line \d+", "swift",
        "log", Severity.FATAL, extract=swift, weight=20,
        examples=("main/main.swift:3: Fatal error: Index out of range",),
    ),
    Rule(
        "julia.stacktrace", r"Stacktrace:\s*$", "julia", "log", extract=julia, weight=18,
        examples=("Stacktrace:",),
    ),
    Rule(
        "dart.frame", r"#0 +.+ \(\S+\.dart:\d+(?::\d+)?\)", "dart", "log", extract=dart, weight=18,
        examples=("#0      main (file:///srv/main.dart:3:5)",),
    ),
    Rule(
        "clojure.error", r"(?:Execution|Syntax) error (?:\([\w.]+\) |macroexpanding |compiling )?.*\bat ", "clojure", "log",
        extract=clojure, weight=17,
        examples=("Execution error (ArithmeticException) at user/f (core.clj:3).",),
    ),
    Rule(
        "emacs.debugger", r"Debugger entered--", "emacs", "log", extract=emacs, weight=20,
        examples=('Debugger entered--Lisp error: (error "boom")',),
    ),
    Rule(
        "emacs.batch",
        r"Cannot open load file: |Symbol.s (?:function definition|value as variable) is void: |"
        r"Symbol\S{1,6}s (?:function definition|value as variable) is void: |"
        r"\.el:\d+:\d+: ?Error: |End of file during parsing",
        "emacs", "log", weight=14,
        examples=("Cannot open load file: No such file or directory, dash",
                  "Symbol's value as variable is void: foo"),
    ),
)  # fmt: skip

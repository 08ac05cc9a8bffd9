"""Application logs: entries by level, in the notations of many loggers."""

from __future__ import annotations

import json
from typing import Any

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, frame, number, rx
from slipstream.tasks.summarization.extract.stack import bare, is_log_header, ranges
from slipstream.tasks.summarization.levels import level as level_of
from slipstream.tasks.summarization.model import Extracted, Frame, Rule, Severity

_LEVELS = {
    "fatal": Severity.FATAL, "panic": Severity.FATAL, "emerg": Severity.FATAL,
    "emergency": Severity.FATAL, "alert": Severity.FATAL, "dpanic": Severity.FATAL,
    "critical": Severity.FATAL, "crit": Severity.FATAL, "60": Severity.FATAL,
    "error": Severity.ERROR, "err": Severity.ERROR, "severe": Severity.ERROR,
    "eror": Severity.ERROR, "fail": Severity.ERROR, "e": Severity.ERROR, "50": Severity.ERROR,
    "f": Severity.FATAL, "ftl": Severity.FATAL, "warn": Severity.WARNING,
    "warning": Severity.WARNING, "wrn": Severity.WARNING, "w": Severity.WARNING,
    "40": Severity.WARNING,
}  # fmt: skip
_BAD = r"(?:ERROR|FATAL|CRITICAL|SEVERE|PANIC|EMERG|ALERT|ERR|FTL|CRIT)"
_WORD = r"(?:ERROR|FATAL|CRITICAL|SEVERE|PANIC|EMERG|ALERT|ERR|FTL|CRIT|WARN|WARNING|WRN)"
_TIME = r"\d\d:\d\d:\d\d"
_CONTINUED = 60
"""Lines that belong to one entry, at most."""
_STACK = (
    r"^\s*(?:Traceback \(most recent call last\):|  \+ Exception Group|panic: |goroutine \d+ \[|"
    r"thread '[^']*'.* panicked at|\*\* \(\w|[\w.$]+(?:Exception|Error)\b.*|at \S+\s?\(.*|Caused by: )"
)
_HEAD = (
    r"^.*?"
    + _TIME
    + r"\S*(?:\s[+-]\d{4}|\sUTC|\s[AP]M)?[\])]?\s*|^\[?\w{3} \w{3} +\d+ .*?\d{4}\]\s*"
)
_LABEL = r"^(?:[-|:,\s\].]|\[[^\]]{1,60}\]|\([^)]{1,60}\)|\d+#\d+:|\d+ --- |\*\d+ )+"
_JSON_MESSAGE = ("msg", "message", "@m", "event", "short_message", "MESSAGE", "log", "error")
_JSON_LEVEL = (
    "level",
    "severity",
    "lvl",
    "levelname",
    "log.level",
    "@l",
    "@level",
    "loglevel",
    "level_name",
)


def entry(doc: Document, i: int, rule: Rule) -> Extracted:
    """One entry with its continuation lines; None where a trace follows, whose rule reads it."""
    text = doc.texts[i]
    if level_of(text) in ("info", "debug"):
        return None  # it tells of an error that is not its own
    if i + 1 < len(doc) and _trace_follows(doc, i):
        return None
    if rule.name == "log.dated" and not rx(_TIME).search(text[:60]):
        return None
    level = rx(r"\b(" + _WORD + r")\b").search(text) or rx(
        r"(?i)[\[\s:|Z](error|fatal|critical|crit|err|alert|emerg|panic|warn|warning|fail)[\]:\s|]"
    ).search(text)
    severity = _LEVELS.get(level[1].lower(), Severity.ERROR) if level else Severity.ERROR
    if rule.severity is Severity.WARNING or severity is Severity.WARNING:
        severity = Severity.WARNING
    last = _continued(doc, i)
    said = text[level.end(1) :] if level else rx(_HEAD).sub("", text, count=1)
    message = rx(_LABEL).sub("", said, count=1).strip()
    message = rx(r"^[\w.$\[\]/]+ +: ").sub("", message)
    if not message and last > i:
        message = doc.texts[i + 1].strip()
    place = rx(
        r"(?:^|[\s(\[])([\w./-]+\.(?:go|py|js|ts|java|rb|rs|cc|cpp|c|php|ex|scala|kt|cs)):(\d+)\b"
    ).search(text)
    return finding(
        doc, rule, i, last, message or text.strip(), severity=severity,
        code=level[1].upper() if level else "",
        file=place[1] if place else "", line=number(place[2]) if place else None,
        focus=ranges(doc, [(i, min(last, i + 4))]),
    )  # fmt: skip


def _trace_follows(doc: Document, i: int) -> bool:
    following = next((line for k, line in doc.forward(i, 3) if k > i and line.strip()), "")
    if not rx(_STACK).match(following):
        return False
    # Only where the header of a log line is one that the readers of traces take in.
    return is_log_header(doc.texts[i])


def _continued(doc: Document, i: int) -> int:
    """Index of the last line of the entry at `i`: indented lines without a time of their own."""
    last = i
    for k, line in doc.forward(i + 1, _CONTINUED):
        if not line.startswith((" ", "\t")) or rx(_TIME).search(line[:40]) or not line.strip():
            break
        last = k
    return last


def structured(doc: Document, i: int, rule: Rule) -> Extracted:
    """A JSON line: message, error, code, caller and stack from its fields."""
    text = doc.texts[i]
    at = text.find("{")
    try:
        fields: Any = json.loads(text[at:])
    except (ValueError, RecursionError):
        return _lenient(doc, i, rule)
    if not isinstance(fields, dict):
        return None
    level = next((str(fields[key]).lower() for key in _JSON_LEVEL if key in fields), "")
    severity = _LEVELS.get(level)
    if severity is None or severity < Severity.WARNING:
        return None
    message = next(
        (value for key in _JSON_MESSAGE if isinstance(value := fields.get(key), str) and value), ""
    )
    error = next(
        (fields[key] for key in ("err", "error", "exception", "exc_info", "exc") if key in fields),
        "",
    )
    code, stack = "", ""
    if isinstance(error, dict):
        code = str(
            error.get("type") or error.get("name") or error.get("class") or error.get("code") or ""
        )
        stack = str(error.get("stack") or error.get("stacktrace") or error.get("backtrace") or "")
        error = str(error.get("message") or error.get("msg") or "")
    stack = stack or next(
        (str(fields[key]) for key in ("stack", "stacktrace", "stack_trace", "exc_info", "exception", "backtrace") if isinstance(fields.get(key), str)), ""
    )  # fmt: skip
    first_line = str(error).split("\n")[0]
    if first_line and first_line not in message:
        message = f"{message}: {first_line}" if message else first_line
    frames = _frames(stack)
    deepest = next((f for f in frames if f.own), None)
    caller = str(fields.get("caller") or fields.get("source") or fields.get("file") or "")
    place = rx(r"(?<![^\s:'\"])([^\s:'\"]+\.\w+):(\d+)").search(caller)
    file = deepest.file if deepest else place[1] if place else ""
    line = deepest.line if deepest else number(place[2]) if place else None
    return finding(
        doc, rule, i, i, message or text.strip(), severity=severity, code=code, stack=frames,
        file=file, line=line,
    )  # fmt: skip


def _lenient(doc: Document, i: int, rule: Rule) -> Extracted:
    """A JSON line that was cut or is not quite JSON: level and message by their names."""
    text = doc.texts[i]
    level = rx(r'"(?:level|severity|lvl|levelname)"\s*:\s*"?(\w+)').search(text)
    said = rx(r'"(?:msg|message|event)"\s*:\s*"((?:[^"\\]|\\.){1,2000})"').search(text)
    severity = _LEVELS.get(level[1].lower(), Severity.ERROR) if level else Severity.ERROR
    return finding(doc, rule, i, i, said[1] if said else text.strip(), severity=severity)


def _frames(stack: str) -> tuple[Frame, ...]:
    """Frames of a stack that is one string: node's, Java's or Python's."""
    found: list[Frame] = []
    for line in stack[:20_000].split("\n"):
        if match := rx(r"^\s*at (?:(.+?) ?\()?([^\s()]+?):(\d+)(?::\d+)?\)?$").match(line):
            found.append(frame(match[1] or "", match[2], match[3]))
        elif match := rx(r'^\s*File "([^"]+)", line (\d+), in (.+)$').match(line):
            found.insert(0, frame(match[3], match[1], match[2]))
        elif match := rx(r"^\s+(\S+\.go):(\d+)").match(line):
            found.append(frame("", match[1], match[2]))
    return tuple(found[:50])


def logfmt(doc: Document, i: int, rule: Rule) -> Extracted:
    """`level=error msg="…" err="…"`"""
    text = doc.texts[i]
    pairs = {
        match[1]: match[2].strip('"')
        for match in rx(r'(?:^|\s)([\w.@-]+)=("(?:[^"\\]|\\.)*"|\S+)').finditer(text)
    }
    level = next(
        (pairs[key].lower() for key in ("level", "lvl", "severity", "loglevel") if key in pairs),
        "error",
    )
    severity = _LEVELS.get(level)
    if severity is None:
        return None
    message = pairs.get("msg") or pairs.get("message") or ""
    error = pairs.get("err") or pairs.get("error") or ""
    if error and error not in message:
        message = f"{message}: {error}" if message else error
    place = rx(r"(?<![^\s:])([^\s:]+\.\w+):(\d+)").search(
        pairs.get("caller") or pairs.get("source") or ""
    )
    return finding(
        doc, rule, i, i, message or text.strip(), severity=severity,
        file=place[1] if place else "", line=number(place[2]) if place else None,
    )  # fmt: skip


def glog(doc: Document, i: int, rule: Rule) -> Extracted:
    """`E0102 15:04:05.000000  123 file.go:12] message`"""
    match = rx(r"([EFW])\d{4} [\d:.]+ +\d+ ([^\s:]+):(\d+)\] (.*)$").search(doc.texts[i])
    if not match:
        return None
    return finding(
        doc, rule, i, _continued(doc, i), match[4].strip(), severity=_LEVELS[match[1].lower()],
        file=match[2], line=number(match[3]),
    )  # fmt: skip


def dotnet(doc: Document, i: int, rule: Rule) -> Extracted:
    """`fail: Category[0]` and the indented message below."""
    match = rx(r"(fail|crit|warn): (\S+\[\d+\])\s*$").search(doc.texts[i])
    if not match:
        return None
    prefix = doc.texts[i][: match.start()]
    last = i
    for k, line in doc.forward(i + 1, 200):
        if not bare(line, prefix).startswith("      "):
            break
        last = k
    if last == i:
        return None
    severity = {"fail": Severity.ERROR, "crit": Severity.FATAL, "warn": Severity.WARNING}[match[1]]
    return finding(
        doc, rule, i, last, bare(doc.texts[i + 1], prefix).strip(), severity=severity,
        name=match[2], focus=ranges(doc, [(i, min(last, i + 5))]),
    )  # fmt: skip


def access(doc: Document, i: int, rule: Rule) -> Extracted:
    """An access log's line with a status of 5xx."""
    match = rx(r'"([A-Z]+ \S+)(?: HTTP/[\d.]+)?" (5\d\d) ').search(doc.texts[i])
    return finding(doc, rule, i, i, f"{match[1]}: {match[2]}", code=match[2]) if match else None


def rails(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Completed 500 Internal Server Error in 12ms`"""
    return finding(doc, rule, i, i, doc.texts[i].strip(), tool="rails")


RULES: tuple[Rule, ...] = (
    Rule(
        "log.timed", _TIME + r".{0,60}[\s\[|\]/:(.-]" + _BAD + r"(?:[\s\]|:,)-]|\x1b)", "log", "log",
        extract=entry, weight=12,
        examples=("2024-01-01 10:00:00,000 - app - ERROR - boom", "10:00:00.000 [main] ERROR c.a.App - boom",
                  "E, [2024-01-01T10:00:00.000 #12] ERROR -- : boom"),
    ),
    Rule(
        "log.warned", _TIME + r".{0,60}[\s\[|\]/:(-](?:WARN|WARNING|WRN)(?:[\s\]|:,)-]|\x1b)", "log", "log",
        Severity.WARNING, extract=entry, weight=11,
        examples=("2024-01-01 10:00:00,000 - app - WARNING - hm",),
    ),
    Rule(
        "log.bracketed", _TIME + r".{0,60}\[(?:[\w.]+:)?(?:error|fatal|critical|crit|alert|emerg|panic)\] ", "log",
        "log", extract=entry, weight=12,
        examples=("2024/01/01 10:00:00 [error] 12#12: *1 open() failed",
                  "[Mon Jan 01 10:00:00.000 2024] [core:error] [pid 1] boom", "10:00:00.000 [error] boom"),
    ),
    Rule(
        "log.bracketed-warn", _TIME + r".{0,60}\[(?:[\w.]+:)?(?:warn|warning)\] ", "log", "log", Severity.WARNING,
        extract=entry, weight=11,
        examples=("2024/01/01 10:00:00 [warn] 12#12: hm",),
    ),
    Rule(
        "log.dated", r"(?:\t|Z |\] |\d )(?:error|fatal|critical)(?:\t|: | \|)", "log", "log",
        extract=entry, weight=11,
        examples=("2024-01-01T10:00:00.000Z\terror\tapp/x.go:12\tboom",),
    ),
    Rule(
        "log.python", r"^(?:ERROR|CRITICAL|FATAL):[\w.]+:|^SEVERE: ", "log", "log", extract=entry, weight=12,
        examples=("ERROR:root:boom",),
    ),
    Rule(
        "log.python-warn", r"^WARNING:[\w.]+:", "log", "log", Severity.WARNING, extract=entry, weight=11,
        examples=("WARNING:root:hm",),
    ),
    Rule(
        "log.syslog", _TIME + r" \S+ [^:]*: (?:\w+: )?(?:error|fatal|critical|err|crit|alert|emerg|panic): ", "log", "log",
        extract=entry, weight=12, caseless=True,
        examples=("Mar  4 05:06:12 web1 shop[4321]: error: no such table",),
    ),
    Rule(
        "log.syslog-warn", _TIME + r" \S+ [^:]*: (?:\w+: )?(?:warning|warn): ", "log", "log", Severity.WARNING,
        extract=entry, weight=11, caseless=True,
        examples=("Mar  4 05:06:12 web1 shop[4321]: warning: slow query",),
    ),
    Rule(
        "log.json",
        r'"(?:level|severity|lvl|levelname|log\.level|@l|@level|loglevel|level_name)"\s*:\s*'
        r'(?:"(?:error|fatal|critical|panic|dpanic|alert|emerg|emergency|err|crit|severe)"|[56]0\b)',
        "log", "log", extract=structured, weight=13, caseless=True,
        examples=('{"level":"error","msg":"boom"}', '{"level":50,"time":1,"msg":"boom"}'),
    ),
    Rule(
        "log.json-warn",
        r'"(?:level|severity|lvl|levelname|log\.level|@l|@level|loglevel|level_name)"\s*:\s*'
        r'(?:"(?:warn|warning)"|40\b)',
        "log", "log", Severity.WARNING, extract=structured, weight=12, caseless=True,
        examples=('{"level":"warn","msg":"hm"}', '{"level":40,"time":1,"msg":"hm"}'),
    ),
    Rule(
        "log.logfmt", r'\b(?:level|lvl|severity|loglevel)="?(?:error|fatal|critical|panic|dpanic|crit|eror|err)\b',
        "log", "log", extract=logfmt, weight=12, caseless=True,
        examples=('time=2024-01-01T10:00:00Z level=error msg="boom" err="no"',),
    ),
    Rule(
        "log.logfmt-warn", r'\b(?:level|lvl|severity|loglevel)="?(?:warn|warning)\b',
        "log", "log", Severity.WARNING, extract=logfmt, weight=11, caseless=True,
        examples=('time=2024-01-01T10:00:00Z level=warn msg="hm"',),
    ),
    Rule(
        "log.glog", r"\b[EF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ [^\s:]+:\d+\] ", "log", "log", extract=glog, weight=12,
        examples=("E0102 15:04:05.000000  123 server.go:12] boom",),
    ),
    Rule(
        "log.dotnet", r"(?:fail|crit)(?:\x1b\[[0-9;]*m)*: \S+\[\d+\]\s*$", "log", "log", extract=dotnet, weight=13,
        examples=("fail: App.Worker[0]",),
    ),
    Rule(
        "log.access", r'"(?:GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS) \S+(?: HTTP/[\d.]+)?" 5\d\d ', "log", "log",
        extract=access, weight=10,
        examples=('1.2.3.4 - - [01/Jan/2024:10:00:00 +0000] "GET /x HTTP/1.1" 500 12 "-" "curl"',),
    ),
    Rule(
        "log.rails", r"Completed 5\d\d [A-Z]", "log", "log", extract=rails, weight=10,
        examples=("Completed 500 Internal Server Error in 12ms",),
    ),
    Rule(
        "log.systemd", r"systemd\[\d+\]: .*(?:Failed (?:to|with)|failed|Main process exited|entered failed state)|"
        r"kernel: .*(?:segfault at|Oops|BUG:|Call Trace|I/O error)|audit.*denied",
        "log", "log", weight=9,
        examples=("Jan  1 10:00:00 host systemd[1]: app.service: Failed with result 'exit-code'.",),
    ),
)  # fmt: skip

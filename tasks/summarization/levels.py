"""What an application log holds as a whole: entries by level, its first and its last time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from slipstream.tasks.summarization.detect import Detected
from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import rx
from slipstream.tasks.summarization.model import Finding, Rule, Severity, Tally
from slipstream.tasks.summarization.scan import Scanned
from slipstream.tasks.summarization.times import TIME, between, ends

TOOL = "log"
"""Tool and kind of what is only logged."""
LEVELS = ("fatal", "error", "warning", "info", "debug")
_NAMES = {
    "fatal": "fatal panic dpanic emerg emergency alert critical crit ftl f 60",
    "error": "error err eror severe fail e 50",
    "warning": "warning warn wrn w 40",
    "info": "info information inf notice config i 30",
    "debug": "debug dbug dbg trace trce trc verbose fine finer finest d v 20 10",
}
"""How loggers name them."""
_WORDS = (
    r"(?:TRACE|DEBUG|DBG|VERBOSE|FINE[RS]?T?|CONFIG|INFO|INF|NOTICE|WARN|WARNING|WRN|ERROR|EROR|ERR|SEVERE|"
    r"FATAL|FTL|CRITICAL|CRIT|PANIC|DPANIC|ALERT|EMERG)"
)
_JSON = r'"(?:level|severity|lvl|levelname|log\.level|@l|@level|loglevel|level_name)"\s*:\s*"?(\w+)'
_LOGFMT = r'\b(?:level|lvl|severity|loglevel)="?(\w+)'
_PLAIN = (
    rf"(?<=[\s|:/\[(.-])({_WORDS})(?=[\s\]|:,)-])"
    rf"|(?<=[\[\t :])(?:[\w.]+:)?((?i:{_WORDS}))(?=[\]\t]|: )"
    r"|(?<=\n)([IWEFDV])\d{4} \d\d:"
    r"|(?<=\n)(info|dbug|trce|warn|fail|crit): \S+\["
)
_REACH = 160
"""Characters of a plain line in which its level stands."""
_IN_VAIN = 2000
"""Lines without a level that are searched for a notation that was not there before."""
_FIRST = 50
"""Lines of the beginning that tell whether the output is a log."""


def level(text: str) -> str:
    """The level of an entry, one of LEVELS, as its own notation has it; empty where none is."""
    found = _notation(f"\n{text}\n")
    return found[1] if found else ""


def _notation(text: str) -> tuple[str, str] | None:
    """How a line, between line feeds, writes its level, and which it is."""
    if '"' in text and (match := rx(_JSON, 2).search(text)):
        pass
    elif not ("=" in text and (match := rx(_LOGFMT, 2).search(text))):
        match = rx(_PLAIN).search(text, 0, _REACH)
    if not match:
        return None
    word = next(filter(None, match.groups()), "").lower()
    name = next((name for name, words in _NAMES.items() if word in words.split()), "")
    return (text[match.start() - 1 : match.end() + 1], name) if name else None


def count(lines: Iterable[str]) -> tuple[dict[str, int], int]:
    """Entries by level, those of LEVELS that are there; and the other lines.

    Each notation that was met is then looked for as it stands; only lines that hold none of them
    are read for a new one, so that a log of 1 MB takes milliseconds.
    """
    known: dict[str, str] = {}
    counts = dict.fromkeys(LEVELS, 0)
    other = in_vain = 0
    for line in lines:
        text = f"\n{line}\n"  # so that a notation holds what stands beside it, at the ends, too
        found = [name for token, name in known.items() if token in text]
        if len(found) == 1:
            counts[found[0]] += 1
            continue
        notation = None
        if found or (in_vain < _IN_VAIN and line and line[0] not in " \t"):
            notation = _notation(text)
            in_vain += notation is None
        if notation is None:
            other += 1
        else:
            known[notation[0]] = notation[1]
            counts[notation[1]] += 1
    return {name: number for name, number in counts.items() if number}, other


def looks_logged(doc: Document) -> int | None:
    """The line number of the first entry, where most of the first lines are entries of a log."""
    first = [(i, level(text)) for i, text in zip(range(_FIRST), doc.texts, strict=False) if text]
    entries = [i for i, name in first if name and rx(TIME).search(doc.texts[i])]
    if len(entries) < 3 or len(entries) * 2 < len(first):
        return None
    return doc.numbers[entries[0]]


def tally(counts: dict[str, int], other: int, doc: Document, line: int) -> Tally:
    """The counts of the levels as a tally, with the first and the last time as its note.

    Args:
        counts: Entries by level.
        other: The other lines.
        doc: The kept lines, which hold both ends of the log.
        line: Number of the first line with a level.
    """
    every = (*counts.items(), *((("other", other),) if other else ()))
    return Tally(TOOL, TOOL, line, None, every, None, between(*ends(doc)))


def errors(tallies: Iterable[Tally]) -> int:
    """How many errors were logged, as far as it was counted."""
    counts = [dict(tally.counts) for tally in tallies if tally.tool == TOOL]
    return sum(some.get("fatal", 0) + some.get("error", 0) for some in counts)


def said(counts: Iterable[tuple[str, int]]) -> str:
    """`12 errors, 40 warnings, 10,231 info, 3 other lines`."""
    nouns = {"error": "error", "warning": "warning", "other": "other line"}
    return ", ".join(
        f"{number:,} {nouns.get(name, name)}{'s' if name in nouns and number != 1 else ''}"
        for name, number in counts
    )


def logged(
    scanned: Scanned, rules: Sequence[Rule], findings: Sequence[Finding], detected: Detected
) -> tuple[Detected, Tally | None]:
    """Whether the output is an application log, or errors are logged most of all; then its levels.

    Of a log that was kept whole all levels are counted. Of a large one errors and warnings are,
    which the scan looks for in every line; what else it holds are "other lines".

    Returns:
        The types, with "log" where nothing else was told by an output of entries; and the tally.
    """
    doc = scanned.document
    first = next((f.span[0] for f in sorted(findings, key=lambda f: f.span) if f.tool == TOOL), 0)
    if detected.kind == "command" and (entry := looks_logged(doc)):
        first = entry
        detected = Detected((TOOL,), TOOL, (f"line {entry} is an entry of an application log",))
    errors = [f for f in findings if f.severity >= Severity.ERROR]
    most = sum(f.count for f in errors if f.tool == TOOL) * 2 > sum(f.count for f in errors) > 0
    if not first or not (most or (detected.kind == TOOL and TOOL in detected.tools)):
        return detected, None
    if len(doc) == scanned.lines and not scanned.skipped:
        counts, other = count(doc.texts)
    else:
        counts = dict.fromkeys(("error", "warning"), 0)
        for matched, lines in scanned.matched.items():
            known = [r for at in matched if (r := rules[at]).tool == TOOL and r.weight >= 10]
            if known:
                worst = max(known, key=lambda rule: rule.weight).severity
                counts["error" if worst != Severity.WARNING else "warning"] += lines
        counts = {name: lines for name, lines in counts.items() if lines}
        other = scanned.lines - sum(counts.values())
    return detected, tally(counts, other, doc, first) if counts else None

"""The times that the lines of a log begin with."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import rx

_DATE = r"\d{4}[-/]\d\d[-/]\d\d|\b[A-Z][a-z]{2} +\d{1,2}(?= \d\d:)|\b\d\d/[A-Z][a-z]{2}/\d{4}"
TIME = r"(?:(?<=/\d{4}:)|(?<![\d:]))\d\d:\d\d:\d\d(?![\d:])"
_EPOCH = r'"(?:time|ts|timestamp|@timestamp)"\s*:\s*(1\d{9})(?:\d{3})?(?:\.\d+)?\s*[,}]'
_REACH = 400
"""Characters of a line in which its time stands."""
_AT_ENDS = 50
"""Lines at each end of the log in which a time is looked for."""


def stamp(text: str) -> str:
    """The time of an entry as it prints it, to the second, after its date; empty without one.

    Seconds since 1970 in a JSON line are told as UTC.
    """
    time = rx(TIME).search(text, 0, _REACH)
    if time:
        date = rx(_DATE).search(text, 0, time.start() + 3)
        return f"{date[0]} {time[0]}" if date else time[0]
    if epoch := rx(_EPOCH).search(text, 0, _REACH):
        from time import gmtime, strftime

        return strftime("%Y-%m-%d %H:%M:%S", gmtime(int(epoch[1])))
    return ""


def ends(doc: Document) -> tuple[str, str]:
    """The first and the last time in the log, with its date where it has one."""
    first = next(filter(None, map(stamp, doc.texts[:_AT_ENDS])), "")
    last = next(filter(None, map(stamp, reversed(doc.texts[-_AT_ENDS:]))), "")
    return first, last


def between(first: str, last: str) -> str:
    """`2024-05-01 10:00:01 to 10:14:33`: the date is said once where it is the same."""
    if not first or first == last:
        return first
    date, _, time = last.rpartition(" ")
    return f"{first} to {time if date and first.startswith(date) else last}"

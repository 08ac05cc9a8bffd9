"""Server-sent events, read after the stream has ended: which data, and when it was complete.

Follows the WHATWG's HTML standard, section 9.2.6 ("Interpreting an event stream"), with one
liberty: a last event without the empty line after it counts, because servers leave that out and
clients take it.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

DONE = b"[DONE]"
_LONE_RETURN = re.compile(rb"\r(?!\n)")
_MARK = b"\xef\xbb\xbf"  # a byte order mark at the start is not content


class Event(NamedTuple):
    """The data of one event.

    Attributes:
        data: Its `data` lines, joined.
        at: Which of the reads brought its last byte.
        kind: Its `event` line; empty: none.
    """

    data: bytes
    at: int
    kind: bytes = b""


def events(body: bytes, sizes: Sequence[int]) -> Iterator[Event]:
    """The events of a stream, in order, however its bytes were cut into reads.

    Args:
        body: All bytes of the stream.
        sizes: How many of them each read brought.
    """
    ends = list(accumulate(sizes))
    start = len(_MARK) if body.startswith(_MARK) else 0
    if b"\r" in body:  # replaced by as many bytes, so that places stay
        body = _LONE_RETURN.sub(b"\n", body)
    data: list[bytes] = []
    kind = b""
    place = start
    for line in body[start:].split(b"\n"):
        place += len(line) + 1
        line = line.removesuffix(b"\r")
        if not line:
            if data:
                # the empty line's own line feed is what completes the event
                yield Event(b"\n".join(data), bisect_left(ends, min(place, len(body))), kind)
            data, kind = [], b""
            continue
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            kind = value.removeprefix(b" ")
    if data:
        yield Event(b"\n".join(data), bisect_left(ends, len(body)), kind)


def is_stream(body: bytes) -> bool:
    """Whether bytes look like a stream of events, whatever their content type says."""
    head = body[:256].removeprefix(_MARK).lstrip()
    return head.startswith((b"data:", b"event:", b":", b"id:", b"retry:"))

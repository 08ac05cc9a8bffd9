"""The truth about each request: what was planned, and when it really happened.

Times are nanoseconds of CLOCK_MONOTONIC, which all processes of a machine share, so that a client
can hold its own measurements against them.
"""

from __future__ import annotations

import json
from array import array
from collections import OrderedDict
from typing import IO, Any

KINDS = ("role", "reasoning", "content", "tool", "end", "body")


class Record:
    """One request. A chunk is one `send`; the parts of a large one have one time."""

    __slots__ = (
        "begun",
        "cached_tokens",
        "error",
        "finish",
        "id",
        "kinds",
        "model",
        "number",
        "path",
        "planned",
        "prompt_tokens",
        "read_ns",
        "sent",
        "started_ns",
        "status",
        "stream",
        "tokens",
    )

    def __init__(self, identity: str, number: int, path: str, read_ns: int) -> None:
        self.id = identity  # x-request-id, else made
        self.number = number  # of the requests for an answer, from 0
        self.path = path
        self.read_ns = read_ns  # the request's last byte had been read
        self.started_ns = read_ns  # later if it waited for others
        self.model = ""
        self.stream = False
        self.status = 0
        self.error = ""  # the kind of error that was made on purpose, or what went wrong
        # stop, length, tool_calls; cut: on purpose; gone: the client left; empty: still running
        self.finish = ""
        self.prompt_tokens = 0
        self.cached_tokens = 0
        self.planned = array("q")  # when each chunk should go out
        self.begun = array("q")  # when it was given to the system
        self.sent = array("q")  # when the system had taken it; 0: not yet
        self.kinds = bytearray()  # places in KINDS
        self.tokens = array("q")

    def add(self, kind: int, tokens: int, planned: int, begun: int, sent: int) -> None:
        """Note one chunk."""
        self.planned.append(planned)
        self.begun.append(begun)
        self.sent.append(sent)
        self.kinds.append(kind)
        self.tokens.append(tokens)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        for name in ("planned", "begun", "sent", "tokens"):
            plain[name] = getattr(self, name).tolist()
        plain["kinds"] = [KINDS[kind] for kind in self.kinds]
        return plain | {"output_tokens": sum(self.tokens)}


class Truth:
    """The records of a server, the oldest first."""

    def __init__(self, kept: int, file: str) -> None:
        self._kept = kept
        self._records: OrderedDict[int, Record] = OrderedDict()  # by number of the record
        self._added = 0
        self._file: IO[str] | None = open(file, "a", encoding="utf-8") if file else None  # noqa: SIM115

    def add(self, record: Record) -> None:
        """Keep one that begins; the oldest goes when there are too many."""
        self._records[self._added] = record
        self._added += 1
        if len(self._records) > self._kept:
            self._records.popitem(last=False)

    def done(self, record: Record) -> None:
        """Write one that has ended to the file, where there is one."""
        if self._file:
            self._file.write(json.dumps(record.to_dict(), separators=(",", ":")) + "\n")
            self._file.flush()

    def read(self, identity: str = "", since: int = 0, limit: int = 0) -> str:
        """Records as JSON lines.

        Args:
            identity: Only those of this id.
            since: Leave out this many, counted from the server's start or the last `clear`.
            limit: At most so many; 0: all.
        """
        lines = []
        for place, record in self._records.items():
            if place >= since and identity in ("", record.id):
                lines.append(json.dumps(record.to_dict(), separators=(",", ":")) + "\n")
                if len(lines) == limit:
                    break
        return "".join(lines)

    def clear(self) -> None:
        """Forget all; counting begins anew."""
        self._records.clear()
        self._added = 0

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()

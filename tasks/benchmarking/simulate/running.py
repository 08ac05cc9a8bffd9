"""One answer on its way: its chunks against absolute deadlines, and what goes wrong on purpose."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from random import Random
from time import monotonic_ns
from typing import NamedTuple

from slipstream.tasks.benchmarking.simulate import chunks
from slipstream.tasks.benchmarking.simulate.chunks import Chunk
from slipstream.tasks.benchmarking.simulate.connection import Connection
from slipstream.tasks.benchmarking.simulate.loop import Loop
from slipstream.tasks.benchmarking.simulate.settings import ErrorKind, Settings
from slipstream.tasks.benchmarking.simulate.truth import Record

_MS = 1_000_000  # ns
_BROKEN = b'{"id":"chatcmpl-broken","object":"chat.completion.chunk","choices":[{"index":0,"del'
IN_THE_MIDDLE = frozenset(
    (
        ErrorKind.STALLED,
        ErrorKind.CLOSED,
        ErrorKind.RESET,
        ErrorKind.MALFORMED,
        ErrorKind.STREAM_ERROR,
    )
)


class Pace:
    """When the tokens of one answer come."""

    def __init__(self, settings: Settings, random: Random) -> None:
        self._settings = settings
        self._random = random
        self._plain = settings.itl_jitter == 0
        self._itl = settings.itl_ms * _MS

    def first(self, fresh_tokens: int, loading_ms: float = 0.0) -> int:
        """The time to the first token in ns, for so many prompt tokens that no cache holds."""
        settings = self._settings
        whole = settings.ttft_ms + settings.prompt_ms * fresh_tokens / 1000
        return round((whole * self._factor(settings.ttft_jitter) + loading_ms) * _MS)

    def next(self, tokens: int, running: int) -> int:
        """The time of so many further tokens in ns, while so many streams run."""
        slower = 1 + self._settings.slowdown * (running - 1)
        if self._plain:
            return round(self._itl * tokens * slower)
        factor = self._factor(self._settings.itl_jitter)
        return round(self._itl * tokens * slower * factor)

    def _factor(self, jitter: float) -> float:
        """A factor of mean 1 and of `jitter` as standard deviation (before the cut at 0)."""
        if jitter == 0:
            return 1.0
        random, shape = self._random, self._settings.jitter_shape
        if shape == "uniform":
            return max(0.0, 1 + jitter * math.sqrt(3) * (2 * random.random() - 1))
        if shape == "normal":
            return max(0.0, random.gauss(1, jitter))
        if shape == "gamma":
            return random.gammavariate(1 / jitter**2, jitter**2)
        sigma = math.sqrt(math.log(1 + jitter**2))
        return random.lognormvariate(-(sigma**2) / 2, sigma)


class Plan(NamedTuple):
    """How a streamed answer goes out. Times are ns after the record's start."""

    first: int  # the first token
    role: int | None  # the chunk with the role alone; None: with the first token
    error: ErrorKind | None = None  # what goes wrong on purpose …
    error_at: int = 0  # … when so many tokens are out
    error_event: bytes = b""  # what STREAM_ERROR sends


class Running:
    """Sends one streamed answer, each chunk a planned time after the one before it.

    Deadlines are absolute: a late chunk does not make those after it late.
    """

    __slots__ = (
        "_chunk",
        "_chunks",
        "_connection",
        "_due",
        "_ended",
        "_keep",
        "_loop",
        "_over",
        "_pace",
        "_plan",
        "_record",
        "_said",
        "_streams",
    )

    def __init__(
        self,
        loop: Loop,
        connection: Connection,
        record: Record,
        made: Iterator[Chunk],
        pace: Pace,
        plan: Plan,
        keep: bool,
        streams: Callable[[], int],
        ended: Callable[[], None],
    ) -> None:
        """Begin.

        Args:
            loop: Calls when a chunk is due.
            connection: Where it goes.
            record: Where that is noted.
            made: The chunks.
            pace: The time between them.
            plan: The time of the first, and what is to go wrong.
            keep: Whether the connection stays open afterwards.
            streams: Tells how many streams run.
            ended: Called at the end, whatever it is.
        """
        self._loop = loop
        self._connection = connection
        self._record = record
        self._chunks = made
        self._pace = pace
        self._plan = plan
        self._keep = keep
        self._streams = streams
        self._ended = ended
        self._said = 0  # tokens
        self._over = False
        self._due = record.started_ns
        connection.on_close = self._gone
        self._schedule()

    def _schedule(self) -> None:
        """Take the next chunk, and have it sent when it is due."""
        plan, chunk = self._plan, next(self._chunks)
        self._chunk = chunk
        if self._said:
            if chunk.kind != chunks.END:
                self._due += self._pace.next(chunk.wait, self._streams())
        else:
            first = self._record.started_ns + plan.first
            if chunk.kind == chunks.ROLE and plan.role is not None:
                self._due = min(first, self._record.started_ns + plan.role)
            else:
                wait = self._pace.next(chunk.wait, self._streams()) if chunk.wait else 0
                self._due = first + wait
        if chunk.kind == chunks.END and self._said:
            self._step()
        else:
            self._loop.at(self._due, self._step)

    def _step(self) -> None:
        if self._over:
            return
        chunk, plan = self._chunk, self._plan
        if plan.error in IN_THE_MIDDLE and self._said >= plan.error_at and not self._go_wrong():
            return
        data = chunk.data
        if chunk.kind == chunks.END:
            if plan.error == ErrorKind.NO_DONE:
                data = data.removesuffix(chunks.DONE)
            data += chunks.LAST
        self._send(chunk.kind, chunk.tokens, data)
        self._said += chunk.tokens
        if self._over:
            return
        if chunk.kind == chunks.END:
            self._end()
            self._connection.done(self._keep)
        else:
            self._schedule()

    def _send(self, kind: int, tokens: int, data: bytes) -> None:
        record = self._record
        begun = monotonic_ns()
        sent = self._connection.send(data, record.sent, len(record.sent))
        record.add(kind, tokens, self._due, begun, sent)

    def _go_wrong(self) -> bool:
        """Whether the answer goes on in spite of it."""
        plan, connection = self._plan, self._connection
        if plan.error == ErrorKind.STALLED:
            return False
        self._plan = plan._replace(error=None)
        if plan.error == ErrorKind.MALFORMED:
            connection.send(chunks.event(_BROKEN))
            return True
        self._record.finish = "cut"
        self._end()
        if plan.error == ErrorKind.STREAM_ERROR:
            connection.send(plan.error_event + chunks.DONE + chunks.LAST)
            connection.done(self._keep)
        else:
            connection.close(reset=plan.error == ErrorKind.RESET)
        return False

    def _gone(self) -> None:
        """The client left."""
        self._record.finish = "gone"
        self._end()

    def _end(self) -> None:
        self._over = True
        self._connection.on_close = None
        self._ended()

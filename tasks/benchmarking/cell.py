"""Measuring one cell: warm-up, the measured requests, cool-down, and when to end.

The first requests of all slots are warm-up; behind the last measured request others are sent until
it has ended, so that the measured ones all meet a server under full load. A cell that was cut off
goes on with the measured requests that are missing.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Awaitable, Callable, Iterator
from itertools import count, islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from slipstream.tasks.benchmarking import load, metrics, sample, statistics
from slipstream.tasks.benchmarking.answer import Answer
from slipstream.tasks.benchmarking.arrivals import offsets
from slipstream.tasks.benchmarking.clients import Clients
from slipstream.tasks.benchmarking.faults import MEANINGS, Fault
from slipstream.tasks.benchmarking.load import End, Load, Loaded
from slipstream.tasks.benchmarking.model import (
    Exchange,
    Phase,
    Prepared,
    RequestSpec,
    Sample,
    clock,
)
from slipstream.tasks.benchmarking.requests import Requests
from slipstream.tasks.benchmarking.sample import Counter
from slipstream.tasks.benchmarking.suite import Cell

if TYPE_CHECKING:
    from slipstream.tasks.benchmarking.build import Builder

LEAST = 10  # measured requests before a cell may end early
CHECK_GROWTH = 1.2  # by how much more is measured between two looks whether it is enough
HOPELESS = 10  # requests in a row after whose fault no other can fare better
SESSION = 1_000_000_000  # numbers of warm-up and cool-down requests of a later session begin there


class Progress(NamedTuple):
    """How far a cell is.

    Attributes:
        done: Measured requests that have ended.
        planned: How many there shall be at most.
        failed: Of those done.
        last: The newest sample.
    """

    done: int
    planned: int
    failed: int
    last: Sample


class Ended(NamedTuple):
    """How a cell ended.

    Attributes:
        end: As of the load; `hopeless`: nothing there can work any more.
        reason: One sentence, where it is not as planned.
        seconds: That it took.
        lags: How long the clients' loops took to come round, ns.
        fault: Why nothing can work any more.
    """

    end: str
    reason: str
    seconds: float
    lags: array[int]
    fault: Fault | None = None


class Measuring:
    """One cell while it is measured."""

    def __init__(
        self,
        cell: Cell,
        requests: Requests,
        builder: Builder,
        keep: Callable[[Sample, Answer], None],
        *,
        session: int = 0,
        known: frozenset[int] = frozenset(),
        counter: Counter | None = None,
        progress: Callable[[Progress], None] = lambda _: None,
        renew: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        """Prepare.

        Args:
            cell: What is measured.
            requests: Makes its requests.
            builder: Builds them.
            keep: Is given every sample that counts, once, with what the answer says.
            session: Which stretch of a resumed run this is.
            known: Numbers of the measured requests that are there already.
            counter: Counts tokens out where the server does not.
            progress: Is told how far it is.
            renew: Awaited before each request: starts the server anew, and tells when that was
                begun in ns of `clock`; 0: the request was due when it is sent.
        """
        self.cell = cell
        self.requests = requests
        self.builder = builder
        self.keep = keep
        self.session = session
        self.known = known
        self.counter = counter
        self.progress = progress
        self.waiting: dict[int, RequestSpec] = {}
        self.renew = renew
        self.begun_ns = 0  # when the server that a request meets was started
        self.size = 1 if renew else cell.slots if cell.benchmark.family == "batch" else 0
        self.planned = cell.benchmark.iterations * (self.size or 1)
        self.left = [n for n in range(self.planned) if n not in known]
        if self.size > 1:  # a batch of which a request is missing is sent once more as a whole
            self.left = [
                first + place
                for first in range(0, self.planned, self.size)
                if not known.issuperset(range(first, first + self.size))
                for place in range(self.size)
            ]
        self.done = self.failed = self.hopeless = 0
        self.cut: list[tuple[Sample, Answer]] = []
        self.seen: list[float] = []  # the value of each request of the metric that decides
        self.next_look = LEAST
        self.reason = ""
        self.fault: Fault | None = None

    async def run(self, clients: Clients, cancelled: asyncio.Event) -> Ended:
        """Measure.

        Raises:
            SlipError: A client process ended by itself.
        """
        if not self.left:
            return Ended("done", "", 0.0, array("q"))
        benchmark = self.cell.benchmark
        if self.size:
            return self._ended(await self._in_rounds(clients, cancelled))
        arrivals = None
        if not self.cell.slots:
            seed = f"{self.requests.seed}/{self.cell.position}/{self.session}"
            arrivals = offsets(benchmark.arrival, self.cell.rate, seed, benchmark.burstiness)
        how = Load(
            slots=self.cell.slots,
            arrivals=arrivals,
            ramp_ns=round(benchmark.ramp_s * 1e9),
            limit_ns=round(benchmark.limit_s * 1e9),
        )
        prepared = self._prepared(self._specs())
        return self._ended(await load.run(clients, how, prepared, self._receive, cancelled))

    async def _in_rounds(self, clients: Clients, cancelled: asyncio.Event) -> Loaded:
        """Requests that are sent at once; the next ones when all of them have ended."""
        started = clock()
        deadline = started + round(self.cell.benchmark.limit_s * 1e9)
        specs, lags = self._specs(), array("q")
        end: End = "done"
        while end == "done" and (batch := list(islice(specs, self.size))):
            if self.renew:
                self.begun_ns = await self.renew()
            how = Load(slots=self.size, limit_ns=max(1, deadline - clock()))
            prepared = self._prepared(iter(batch))
            went = await load.run(clients, how, prepared, self._receive, cancelled)
            lags.extend(went.lags)
            end = went.end
        return Loaded(end, started, clock(), lags)

    def _ended(self, went: Loaded) -> Ended:
        end: End | str = went.end
        if end == "time":
            self.reason = f"The limit of {self.cell.benchmark.limit_s:g} s was reached."
            for cut in self.cut:  # they are known to take longer than what was left
                self.keep(*cut)
        elif self.hopeless >= HOPELESS:
            end = "hopeless"
        elif end == "cancelled":
            self.reason = "It was cancelled."
        seconds = (went.ended_ns - went.started_ns) / 1e9
        return Ended(end, self.reason, max(0.0, seconds), went.lags, self.fault)

    def _specs(self) -> Iterator[RequestSpec]:
        benchmark = self.cell.benchmark
        first = self.session * SESSION
        warmup = benchmark.warmup
        if self.size:
            warmup *= self.size
        elif self.cell.slots > 1:
            warmup = max(warmup, self.cell.slots)
        for number in range(warmup):
            yield self.requests.make(Phase.WARMUP, first + number)
        for number in self.left:
            yield self.requests.make(Phase.MEASURED, number)
        if self.cell.slots != 1 and not self.size:
            for number in count(first):
                yield self.requests.make(Phase.COOLDOWN, number)

    def _prepared(self, specs: Iterator[RequestSpec]) -> Iterator[tuple[int, Prepared]]:
        for key, spec in enumerate(specs):
            self.waiting[key] = spec
            yield key, self.builder.build(spec)

    def _receive(self, exchange: Exchange) -> bool:
        """Keep what came; whether more is wanted."""
        spec = self.waiting.pop(exchange.key)
        made, said = sample.make(exchange, spec, self.counter)
        made = made._replace(session=self.session, intended_ns=self.begun_ns or made.intended_ns)
        if made.fault is Fault.CUT_OFF and made.phase is Phase.MEASURED:
            self.cut.append((made, said))
            return True
        self.keep(made, said)
        if made.fault and MEANINGS[made.fault].stops:
            self.hopeless += 1
            if self.hopeless >= HOPELESS:
                self.fault, self.reason = made.fault, MEANINGS[made.fault].sentence
                return False
        else:
            self.hopeless = 0
        if made.phase is not Phase.MEASURED:
            return True
        self.done += 1
        self.failed += not made.good
        # a batch that is sent once more has requests that are known already
        done = self.planned - len(self.left) + self.done
        self.progress(Progress(done, self.planned, self.failed, made))
        return self.done < len(self.left) and not self._enough(made)

    def _enough(self, made: Sample) -> bool:
        """Whether the metric that decides is known well enough."""
        stop = self.cell.benchmark.stop
        if stop is None or self.reason:
            return bool(self.reason)
        found = metrics.values([made], stop.metric).values
        if found.size:
            self.seen.append(float(found.mean()))
        if len(self.seen) < self.next_look:
            return False
        # a look after each request would sooner or later find a narrow interval by chance
        self.next_look = round(len(self.seen) * CHECK_GROWTH)
        values = np.array(self.seen)
        mean = float(values.mean())
        low, high = statistics.mean_interval(mean, float(values.std(ddof=1)), values.size)
        if low is None or high is None or high - low > 2 * stop.relative * mean:
            return False
        self.reason = (
            f"{stop.metric} was known within {stop.relative:.0%} after {len(self.seen)} requests."
        )
        return True

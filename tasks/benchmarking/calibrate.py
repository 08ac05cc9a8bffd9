"""Whether a figure is the server's or the client's: the harness measured against a known truth.

The simulated server notes when it had read each request and when it gave each chunk to the system.
The same client processes that measure a real server measure that one, with as many streams, and
what they find is held against it. A load at which the median or the 95th percentile of the time to
first token, or the mean time between tokens, is more than 5 % off is past what this client can
time on this machine: figures at that load are withheld.

What was found is kept for each machine and version of what takes part; a load within a proven one
needs no new proof.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from slipstream.storage.errors import SlipError
from slipstream.storage.paths import make_private
from slipstream.tasks.benchmarking import environment, load, sample
from slipstream.tasks.benchmarking.arrivals import offsets
from slipstream.tasks.benchmarking.clients import Clients
from slipstream.tasks.benchmarking.load import Load
from slipstream.tasks.benchmarking.model import Exchange, Phase, RequestSpec, Sample
from slipstream.tasks.benchmarking.simulate import process
from slipstream.tasks.benchmarking.simulate.process import Simulated
from slipstream.tasks.benchmarking.simulate.settings import OVERRIDE_HEADER, Settings

FORMAT = 1  # of the file
WITHIN = 0.05  # of the truth
TTFT_MS, ITL_MS, TOKENS = 50.0, 10.0, 48  # of the simulated server: a quick real one
LADDER = (1, 4, 16, 32, 64, 128, 256, 512)  # streams that are tried, until one is too many
FEWEST = 24  # requests that are measured
ROUNDS = 3  # of all streams
SECONDS = 4.0  # of arrivals in an open loop
LIMIT_NS = 60 * 10**9
FRESH_SECONDS = 30 * 86_400  # after which a proof is made anew
FAILED_SECONDS = 600  # after which a load that was too much is tried again
TRIES = 2  # a machine that was busy for a second proves nothing
MS = 1e6


class Point(NamedTuple):
    """What was found at one load.

    Attributes:
        slots: Streams at the same time; 0: an open loop.
        rate: Requests per second in an open loop, else 0.
        processes: Client processes.
        ttft_ms: By how much the median time to first token was too long.
        ttft_p95_ms: The same for its 95th percentile.
        ttft_share: The worse of both, as a share of the time that the server was told.
        itl_share: By how much the mean time between tokens was off, as a share of the same.
        at: When that was, in seconds since 1970.
    """

    slots: int
    rate: float
    processes: int
    ttft_ms: float
    ttft_p95_ms: float
    ttft_share: float
    itl_share: float
    at: float

    @property
    def proven(self) -> bool:
        """Whether the client can time that."""
        return self.error <= WITHIN

    @property
    def error(self) -> float:
        """The worst error, as a share of the truth."""
        return max(self.ttft_share, self.itl_share)


class Floor(NamedTuple):
    """The shortest times that can be measured here: of a server that answers at once, in ms."""

    ttft_ms: float
    itl_ms: float


class Known(NamedTuple):
    """What is known of this machine and these versions."""

    points: tuple[Point, ...] = ()
    floor: Floor | None = None

    def covering(self, slots: int, rate: float, processes: int) -> Point | None:
        """A point that decides a load: a proven one as large, or one as small that failed."""
        now = time.time()
        same = [
            p
            for p in self.points
            if p.processes == processes
            and bool(p.slots) == bool(slots)
            and now - p.at < (FRESH_SECONDS if p.proven else FAILED_SECONDS)
        ]
        size = slots or rate
        for point in same:
            if point.proven and (point.slots or point.rate) >= size:
                return point
        return next((p for p in same if not p.proven and (p.slots or p.rate) <= size), None)

    def adding(self, point: Point) -> Known:
        """The same with one more point, in place of the one of the same load."""
        load = point[:3]
        return self._replace(points=(*(p for p in self.points if p[:3] != load), point))


def identity() -> str:
    """The machine and the versions of what takes part, as a digest."""
    machine = environment.machine()
    told = [machine[name] for name in ("cpu", "cores", "system", "python", "clients")]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def read(home: Path, machine: str) -> Known:
    """What was found before; nothing where that cannot be read."""
    try:
        told = json.loads(_file(home).read_text(encoding="utf-8"))
        if told["format"] != FORMAT:
            return Known()
        found = told["machines"][machine]
        points = tuple(Point(**point) for point in found["points"])
        return Known(points, Floor(**found["floor"]) if found["floor"] else None)
    except (OSError, ValueError, KeyError, TypeError):
        return Known()


def write(home: Path, machine: str, known: Known) -> None:
    """Keep it; a rename makes it whole or leaves what was there.

    Raises:
        SlipError: It cannot be written.
    """
    points = [point._asdict() for point in known.points]
    floor = known.floor._asdict() if known.floor else None
    told = {"format": FORMAT, "machines": {machine: {"points": points, "floor": floor}}}
    file = _file(home)
    try:
        draft = file.with_name(f"{file.name}.{os.getpid()}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(told, stream, indent=1)
        os.replace(draft, file)
    except OSError as error:
        raise SlipError(f"{file} cannot be written: {error.strerror or error}.") from error


def reason(point: Point) -> str:
    """Why figures at a load are withheld."""
    what = f"{point.slots} streams" if point.slots else f"{point.rate:g} requests/s"
    return (
        f"figures are withheld: on this machine the client times {what} only within "
        f"{point.error:.0%} (TTFT {point.ttft_ms:+.1f} ms in the "
        f"median, {point.ttft_p95_ms:+.1f} ms at p95), not within {WITHIN:.0%}; measure from "
        "another machine or with --processes, or see what else this one is doing"
    )


async def prove(clients: Clients, server: Simulated, slots: int, rate: float = 0.0) -> Point:
    """Measure the simulated server at a load, and hold what was found against the truth.

    Raises:
        SlipError: Nothing was measured.
    """
    best: Point | None = None
    for _ in range(TRIES):
        point = await _prove(clients, server, slots, rate)
        if best is None or point.error < best.error:
            best = point
        if best.proven:
            break
    assert best is not None
    return best


async def _prove(clients: Clients, server: Simulated, slots: int, rate: float) -> Point:
    server.clear()
    number = max(FEWEST, slots * ROUNDS) if slots else max(FEWEST, round(rate * SECONDS))
    warmup = slots if slots > 1 else 2
    how = Load(
        slots=slots,
        arrivals=None if slots else islice(offsets("poisson", rate, 0), warmup + number),
        ramp_ns=0 if slots == 1 else round(TTFT_MS + ITL_MS * TOKENS) * 10**6,
        limit_ns=LIMIT_NS,
    )
    samples = await _measure(clients, server, how, warmup, number, {})
    truth = {record["id"]: record for record in await asyncio.to_thread(server.truth)}
    ttft, true_ttft, itl, true_itl = [], [], [], []
    for one in samples:
        sent = _sent(truth[_name(one.number)])
        if len(sent) != len(one.chunk_ns) or len(sent) < 2:
            continue  # reads that came together: nothing can be said of each chunk
        ttft.append(one.chunk_ns[0])
        true_ttft.append(sent[0] - truth[_name(one.number)]["read_ns"])
        itl.append((one.chunk_ns[-1] - one.chunk_ns[0]) / (len(sent) - 1))
        true_itl.append((sent[-1] - sent[0]) / (len(sent) - 1))
    if not ttft:
        raise SlipError("The calibration measured nothing; see what else this machine is doing.")
    middle, high = np.percentile(ttft, [50, 95]) / MS
    true_middle, true_high = np.percentile(true_ttft, [50, 95]) / MS
    # Shares of what the server was told, not of what it managed: a client that takes its processor
    # away makes the true times long, and would pass.
    shares = abs(middle - true_middle) / TTFT_MS, abs(high - true_high) / TTFT_MS
    return Point(
        slots=slots,
        rate=rate,
        processes=len(clients),
        ttft_ms=float(middle - true_middle),
        ttft_p95_ms=float(high - true_high),
        ttft_share=float(max(shares)),
        itl_share=float(abs(np.mean(itl) - np.mean(true_itl)) / MS / ITL_MS),
        at=time.time(),
    )


async def floor(clients: Clients, server: Simulated) -> Floor:
    """The shortest times that can be measured."""
    at_once = {"ttft_ms": 0, "itl_ms": 0}
    samples = await _measure(clients, server, Load(slots=1), 3, FEWEST, at_once)
    whole = [one for one in samples if len(one.chunk_ns) > 1]
    if not whole:
        raise SlipError("The calibration measured nothing; see what else this machine is doing.")
    ttft = np.median([one.chunk_ns[0] for one in whole])
    # chunks that come at once are read at once: what one of them takes is the mean
    gaps = [(one.chunk_ns[-1] - one.chunk_ns[0]) / (len(one.chunk_ns) - 1) for one in whole]
    return Floor(float(ttft) / MS, float(np.median(gaps)) / MS)


def start() -> Simulated:
    """The server that calibrations are made against."""
    return process.start(Settings(ttft_ms=TTFT_MS, itl_ms=ITL_MS))


async def ladder(
    clients: Clients, server: Simulated, known: Known, say: Callable[[Point], None]
) -> Known:
    """Prove larger and larger loads, until one is too much."""
    for slots in LADDER:
        point = await prove(clients, server, slots)
        known = known.adding(point)
        say(point)
        if not point.proven:
            break
    return known._replace(floor=await floor(clients, server))


async def _measure(
    clients: Clients,
    server: Simulated,
    how: Load,
    warmup: int,
    number: int,
    settings: dict[str, Any],
) -> list[Sample]:
    from slipstream.tasks.benchmarking.build import Builder  # half a second: not before needed

    builder = Builder(server.base_url)
    specs = [_spec(place - warmup, settings) for place in range(warmup + number)]
    got: list[Exchange] = []

    def receive(done: Exchange) -> bool:
        got.append(done)
        return True

    requests = ((place, builder.build(spec)) for place, spec in enumerate(specs))
    await load.run(clients, how, requests, receive)
    samples = [sample.make(done, specs[done.key])[0] for done in got if done.key >= warmup]
    return [one for one in samples if one.good]


def _spec(number: int, settings: dict[str, Any]) -> RequestSpec:
    headers = {"x-request-id": _name(number)}
    if settings:
        headers[OVERRIDE_HEADER] = json.dumps(settings)
    arguments = {
        "model": Settings().models[0],
        "messages": [{"role": "user", "content": f"calibration {number}"}],
        "max_tokens": TOKENS,
        "stream": True,
        "stream_options": {"include_usage": True},
        "extra_headers": headers,
    }
    return RequestSpec(number, Phase.MEASURED, "chat", arguments)


def _name(number: int) -> str:
    return f"calibration-{number}"


def _sent(record: dict[str, Any]) -> list[int]:
    """When the chunks with tokens went out, ns."""
    told = zip(record["begun"], record["tokens"], strict=True)
    return [begun for begun, tokens in told if tokens]


def _file(home: Path) -> Path:
    return make_private(home / "bench") / "calibration.json"

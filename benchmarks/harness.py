"""Measures the measuring client against its targets (H1 to H3) and beside others, in one run.

    python benchmarks/harness.py
    python benchmarks/harness.py --quick --peers aiohttp --streams 1,64

All measure the same simulated server (first token after 50 ms, then one each 10 ms, 64 tokens),
which notes when it had read each request and when it gave each chunk to the system; what a client
says of a request is held against that. Prints Markdown and writes the same figures as JSON. It
takes about fifteen minutes on a quiet machine with two cores; Linux alone.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import resource
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import monotonic_ns
from typing import Any, NamedTuple

import harness_peers as others
import numpy as np
from harness_minimal import TOKENS
from harness_peers import OURS, Client, Job, Seen
from harness_watch import Watch
from peers import install

from slipstream.tasks.benchmarking.simulate import Settings, start

TTFT, ITL = 50.0, 10.0  # ms
WITHIN = 0.05  # of the truth: a client that is further off cannot time so many streams
ROUNDS = 5  # requests of each stream that are measured
MOST = 1024  # streams that are tried
STARTS = 5
GROWTH_STREAMS = 64
LIMIT = 180.0  # seconds that a client may take besides its requests
MS, MB = 1e6, 1e6


class Point(NamedTuple):
    """What was found of one client with so many streams. Times in ms."""

    client: str
    streams: int
    requests: int
    ttft: tuple[float, float, float]
    """Median, 95th and 99th percentile as measured."""
    true_ttft: tuple[float, float, float]
    ttft_apart: float
    """99th percentile of the difference, request by request."""
    itl: tuple[float, float]
    """Median and 99th percentile of the requests' means."""
    true_itl: tuple[float, float]
    itl_share: float
    """By how much the mean was off, as a share of the truth."""
    cpu: float
    """Of all processes of the client, per request."""
    memory: float
    """The most at any time, MB."""
    ready: float
    """Seconds from its start until the server had read its first request."""
    ready_cpu: float
    """Seconds of processor that took."""

    @property
    def error(self) -> float:
        """The worst share by which it was off; as calibration has it."""
        off = [abs(self.ttft[at] - self.true_ttft[at]) / self.true_ttft[at] for at in (0, 1)]
        return max(*off, self.itl_share)


class Ran(NamedTuple):
    """A client that has run to its end."""

    seen: list[Seen]
    truth: list[dict[str, Any]]
    """In the order in which the server had read the requests; whole answers alone."""
    answers: float
    """Tokens that were sent, in whole answers: clients leave in the middle of some at the end."""
    watch: Watch
    began_ns: int


class Failed(Exception):
    """A client did not do what it should; says why in a sentence."""


def main() -> int:
    options = _options()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # for clients that do not do it
    folder: Path = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    programs, missing = install(folder, options.peers, others.PACKAGES)
    clients = others.clients(programs, options.slip, options.peers)
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
          f"load before: {os.getloadavg()[0]:.1f}\n")  # fmt: skip
    for sentence in missing:
        print(sentence)
    points = _table(options, clients)
    if not options.quick:
        points += _search(options, clients, points)
    _summary(clients, points)
    figures = _targets(options, clients[0], points)
    told = {"points": [p._asdict() | {"error": p.error} for p in points], "ours": figures}
    options.json.write_text(json.dumps(told, indent=1) + "\n")
    print(f"\nThe same as JSON: {options.json}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=_numbers, default=[1, 16, 64, 128, 256])
    parser.add_argument(
        "--peers", type=lambda text: text.split(","), default=["guidellm", "aiperf", "aiohttp"],
        help="of guidellm, aiperf, aiohttp; none: ours alone",
    )  # fmt: skip
    parser.add_argument("--requests", type=int, default=40, help="measured in each row, at least")
    parser.add_argument("--growth", type=int, default=10_000, help="requests of the memory test")
    parser.add_argument("--quick", action="store_true", help="each once, and no search for limits")
    beside = [str(Path(sys.executable).with_name("slip"))]
    parser.add_argument("--slip", type=shlex.split, default=beside, help="the command")
    parser.add_argument("--folder", type=Path, default=Path(".bench"))
    parser.add_argument("--json", type=Path, default=Path(".bench/harness.json"))
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return sorted({int(part) for part in text.split(",")})


def _table(options: argparse.Namespace, clients: Sequence[Client]) -> list[Point]:
    """Each client with each number of streams; they take turns."""
    print("## What is measured, and what was\n")
    print("| streams | client | requests | TTFT p50 (truth) | p99 (truth) | off, p99 by request | "
          "ITL p50 (truth) | p99 (truth) | worst error | CPU per request | memory |")  # fmt: skip
    print("| --: | --- " + "| --: " * 9 + "|")
    found = []
    for streams in options.streams:
        for client in clients:
            if point := _measured(options, client, streams):
                found.append(point)
    return found


def _measured(options: argparse.Namespace, client: Client, streams: int) -> Point | None:
    """A row of the table; one beyond the limit is measured again, since others use the machine."""
    best: Point | None = None
    for _ in range(1 if options.quick else 2):
        try:
            point = _point(client, streams, max(options.requests, streams * ROUNDS))
        except Failed as failure:
            print(f"| {streams} | {client.name} | {failure} " + "| " * 8 + "|", flush=True)
            return best
        if best is None or point.error < best.error:
            best = point
        if best.error <= WITHIN:
            break
    assert best is not None
    print(_row(best), flush=True)
    return best


def _row(p: Point) -> str:
    cells = (p.streams, p.client, p.requests, f"{p.ttft[0]:.2f} ({p.true_ttft[0]:.2f})",
             f"{p.ttft[2]:.1f} ({p.true_ttft[2]:.1f})", f"{p.ttft_apart:.2f}",
             f"{p.itl[0]:.3f} ({p.true_itl[0]:.3f})", f"{p.itl[1]:.2f} ({p.true_itl[1]:.2f})",
             f"{p.error:.1%}", f"{p.cpu:.2f} ms", f"{p.memory:.0f} MB")  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def _search(
    options: argparse.Namespace, clients: Sequence[Client], points: Sequence[Point]
) -> list[Point]:
    """Look between the numbers of the table, and beyond them, for the most of each client."""
    found: list[Point] = []
    for client in clients:
        own = {p.streams: p for p in points if p.client == client.name}
        while (streams := _next(own)) and (point := _measured(options, client, streams)):
            own[streams] = point
            found.append(point)
    return found


def _next(own: dict[int, Point]) -> int | None:
    """The next number of streams to try; None: the limit is known, to a factor of two."""
    good = _most(own.values())
    bad = min((s for s, p in own.items() if s > good), default=None)
    if bad is None:
        return good * 2 if 0 < good < MOST else None
    between = [1 << power for power in range(11) if good < 1 << power < bad]
    return between[len(between) // 2] if between else None


def _most(points: Any) -> int:
    """The most streams that were timed within the limit, with all smaller numbers."""
    good = 0
    for point in sorted(points, key=lambda p: p.streams):
        if point.error > WITHIN:
            break
        good = point.streams
    return good


def _summary(clients: Sequence[Client], points: Sequence[Point]) -> None:
    print("\n## In short\n")
    print("| client | most streams within 5 % | CPU per request at most streams | memory | "
          "ready after | CPU until then |\n| --- | --: | --: | --: | --: | --: |")  # fmt: skip
    for client in clients:
        own = [p for p in points if p.client == client.name]
        if own:
            largest = max(own, key=lambda p: p.streams)
            ready, cpu = median(p.ready for p in own), median(p.ready_cpu for p in own)
            memory = max(p.memory for p in own)
            print(f"| {client.name} | {_most(own)} | {largest.cpu:.2f} ms | {memory:.0f} MB | "
                  f"{ready:.1f} s | {cpu:.1f} s |")  # fmt: skip


def _targets(
    options: argparse.Namespace, ours: Client, points: Sequence[Point]
) -> dict[str, float]:
    """H1 to H3."""
    figures: dict[str, float] = {}
    own = {p.streams: p for p in points if p.client == OURS}
    print("\n## Targets\n\n| what | target | measured |\n| --- | --- | --: |")

    def say(what: str, target: str, value: float, unit: str) -> None:
        figures[what] = value
        print(f"| {what} | {target} | {value:.2f}{unit} |", flush=True)

    if point := own.get(64):
        say("TTFT at 64 streams: median off by", "0.5 ms", point.ttft[0] - point.true_ttft[0],
            " ms")  # fmt: skip
        say("the same, p99", "5 ms", point.ttft[2] - point.true_ttft[2], " ms")
        say("ITL at 64 streams: mean off by", "1 %", point.itl_share * 100, " %")
        say("CPU per request of 64 chunks, at 64 streams", "2 ms", point.cpu, " ms")
    theirs = [
        _most(p for p in points if p.client == name)
        for name in {p.client for p in points}
        if name.startswith(("GuideLLM", "AIPerf"))
    ]
    if theirs and not options.quick:
        say("streams within 5 %, times those of the best of GuideLLM and AIPerf", "3",
            _most(own.values()) / max(1, *theirs), "")  # fmt: skip
    growth = min(options.growth, 1000) if options.quick else options.growth
    say(f"memory growth over {growth:,} requests", "100 MB", _growth(ours, growth), " MB")
    say("first request after `slip bench run` was typed", "1.5 s", _ready(options.slip), " s")
    return figures


def _point(client: Client, streams: int, requests: int) -> Point:
    """Run a client, and hold what it says against the truth."""
    ran = _run(client, streams, requests)
    counted = ran.truth[streams:]  # without the first of each stream
    pairs = _paired(ran, {one["id"] for one in counted})
    if len(pairs) < len(counted) * 0.9:
        raise Failed(f"tells of {len(pairs)} of {len(counted)} requests")
    seen = np.array([(one.ttft_ms, one.itl_ms) for one, _ in pairs])
    true = np.array([_true(record) for _, record in pairs])
    first = ran.truth[0]["read_ns"]
    last = max(record["sent"][-1] for record in ran.truth)
    ranks, ends = (50, 95, 99), (50, 99)
    p50, p95, p99 = map(float, np.percentile(seen[:, 0], ranks))
    t50, t95, t99 = map(float, np.percentile(true[:, 0], ranks))
    itl, true_itl = np.percentile(seen[:, 1], ends), np.percentile(true[:, 1], ends)
    mean = float(true[:, 1].mean())
    return Point(
        client=client.name,
        streams=streams,
        requests=len(pairs),
        ttft=(p50, p95, p99),
        true_ttft=(t50, t95, t99),
        ttft_apart=float(np.percentile(np.abs(seen[:, 0] - true[:, 0]), 99)),
        itl=(float(itl[0]), float(itl[1])),
        true_itl=(float(true_itl[0]), float(true_itl[1])),
        itl_share=abs(float(seen[:, 1].mean()) - mean) / mean,
        cpu=ran.watch.cpu(first, last) * 1000 / ran.answers,
        memory=ran.watch.peak() / MB,
        ready=(first - ran.began_ns) / 1e9,
        ready_cpu=ran.watch.cpu(ran.began_ns, first),
    )


def _true(record: dict[str, Any]) -> tuple[float, float]:
    """Time to first token and mean time between tokens, in ms."""
    told = zip(record["begun"], record["tokens"], strict=True)
    begun = [at for at, tokens in told if tokens]
    return (begun[0] - record["read_ns"]) / MS, (begun[-1] - begun[0]) / (len(begun) - 1) / MS


def _paired(ran: Ran, wanted: set[str]) -> list[tuple[Seen, dict[str, Any]]]:
    """What the client says and what was, of the same request.

    Where a client does not tell which request it was, the order in which they were sent decides.
    """
    if ran.seen and not ran.seen[0].identity:
        order = sorted(ran.seen, key=lambda one: one.sent_ns)
        pairs = list(zip(order, ran.truth, strict=False))
    else:
        records = {record["id"]: record for record in ran.truth}
        pairs = [(one, records[one.identity]) for one in ran.seen if one.identity in records]
    return [(one, record) for one, record in pairs if record["id"] in wanted]


def _run(client: Client, streams: int, requests: int) -> Ran:
    """Start a client against a server of its own, and wait until it has ended."""
    settings = Settings(ttft_ms=TTFT, itl_ms=ITL, truth_kept=requests + 4 * streams)
    with tempfile.TemporaryDirectory() as scratch, start(settings) as server:
        length = (TTFT + ITL * (TOKENS - 1)) / 1000
        job = Job(server.base_url, streams, requests, length if streams > 1 else 0, Path(scratch))
        limit = LIMIT + 4 * length * job.all / streams
        began, watch = _wait(client.command(job), job.folder, limit)
        records = server.truth()
        tokens = sum(int(one["output_tokens"]) for one in records)
        truth = [one for one in records if one["finish"] in ("stop", "length")]
        truth.sort(key=lambda one: int(one["read_ns"]))
        if not truth:
            raise Failed("sends nothing")
        try:
            return Ran(client.read(job), truth, tokens / TOKENS, watch, began)
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise Failed(f"leaves no results ({type(error).__name__})") from error


def _wait(command: Sequence[str], folder: Path, limit: float) -> tuple[int, Watch]:
    """Run a command to its end; when it began, and what it used."""
    with open(folder / "out", "wb") as out, open(folder / "error", "wb") as error:
        began = monotonic_ns()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=error, cwd=folder,
            env=others.environment(folder), start_new_session=True,
        )  # fmt: skip
        try:
            with Watch(process.pid) as watch:
                status = process.wait(limit)
        except subprocess.TimeoutExpired as late:
            raise Failed(f"did not end in {limit:.0f} s") from late
        finally:
            _end(process)
    if status:
        raise Failed(f"ended with status {status}")
    return began, watch


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command with all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _growth(ours: Client, requests: int) -> float:
    """By how many MB all processes together grow over so many requests (H3)."""
    ran = _run(ours, GROWTH_STREAMS, requests)
    first = ran.truth[2 * GROWTH_STREAMS]["read_ns"]  # all streams have come and gone once
    held = [size for at, size in ran.watch.memory if at >= first]
    return (max(held) - held[0]) / MB


def _ready(slip: Sequence[str]) -> float:
    """Median seconds from the start of the command until the server had read a request (H3)."""
    taken: list[float] = []
    with tempfile.TemporaryDirectory() as scratch, start(Settings(ttft_ms=TTFT)) as server:
        command = [*slip, "bench", "run", "-s", "latency", "-b", "short", "-c", "1", "-n", "1",
                   "--warmup", "0", "--output-tokens", "4",
                   "--base-url", server.base_url]  # fmt: skip
        for turn in range(STARTS + 1):
            server.clear()
            began, _ = _wait(command, Path(scratch), LIMIT)
            if turn:  # the first one calibrates
                taken.append((server.truth()[0]["read_ns"] - began) / 1e9)
    return median(taken)


if __name__ == "__main__":
    sys.exit(main())

"""Runs a client against the simulated server, and holds what it says against the truth."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import monotonic_ns
from typing import Any, NamedTuple

import harness_peers as others
import numpy as np
from harness_minimal import TOKENS
from harness_peers import Client, Job, Seen
from harness_watch import Watch

from slipstream.tasks.benchmarking.simulate import Settings, start

TTFT, ITL = 50.0, 10.0  # ms
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
    itl_off: float
    """By how much the mean was off."""
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
        """The worst of three differences, as a share of what the server was told to do.

        Not of the truth: a client that keeps the server from its work makes that larger.
        """
        off = [abs(self.ttft[at] - self.true_ttft[at]) / TTFT for at in (0, 1)]
        return max(*off, self.itl_off / ITL)


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


def measure(client: Client, streams: int, requests: int) -> Point:
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
    return Point(
        client=client.name,
        streams=streams,
        requests=len(pairs),
        ttft=(p50, p95, p99),
        true_ttft=(t50, t95, t99),
        ttft_apart=float(np.percentile(np.abs(seen[:, 0] - true[:, 0]), 99)),
        itl=(float(itl[0]), float(itl[1])),
        true_itl=(float(true_itl[0]), float(true_itl[1])),
        itl_off=abs(float(seen[:, 1].mean() - true[:, 1].mean())),
        cpu=ran.watch.cpu(first, last) * 1000 / ran.answers,
        memory=ran.watch.peak() / MB,
        ready=(first - ran.began_ns) / 1e9,
        ready_cpu=ran.watch.cpu(ran.began_ns, first),
    )


def growth(ours: Client, requests: int) -> float:
    """By how many MB all processes together grow over so many requests (H3)."""
    ran = _run(ours, GROWTH_STREAMS, requests)
    first = ran.truth[2 * GROWTH_STREAMS]["read_ns"]  # all streams have come and gone once
    held = [size for at, size in ran.watch.memory if at >= first]
    if not held:
        raise Failed(f"took too short for {requests} requests to be watched")
    return (max(held) - held[0]) / MB


def ready(slip: Sequence[str]) -> float:
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
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=error, cwd=folder,
                env=others.environment(folder), start_new_session=True,
            )  # fmt: skip
        except OSError as reason:
            raise Failed(f"cannot be started ({reason.strerror}: {command[0]})") from reason
        try:
            with Watch(process.pid) as watch:
                status = process.wait(limit)
        except subprocess.TimeoutExpired as late:
            raise Failed(f"did not end in {limit:.0f} s") from late
        finally:
            _end(process)
    if status:
        said = (folder / "error").read_text("utf-8", "replace").split("\n")
        last = next((line.strip() for line in reversed(said) if line.strip()), "")
        raise Failed(f"ended with status {status} ({last[:100].replace('|', ' ')})")
    return began, watch


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command with all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()

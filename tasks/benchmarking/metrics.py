"""What is measured of a cell: each metric's definition, and its figures from the samples.

Per request, in milliseconds, of those that did not fail:

ttft: first chunk that holds a token, after the request's last byte was written. A first chunk that
    holds a role alone does not count. (vLLM's `benchmark_serving`, NVIDIA's "LLM inference
    benchmarking: fundamental concepts"; both start when the request is begun, which adds the
    client's own work.)
ttft_reasoning, ttft_content, ttft_tool_call: the same for the first token of each kind.
itl: from one chunk to the next, divided by the tokens of the later one, which count as many
    times ("inter-token latency"; vLLM counts chunks). Where the tokens of a chunk are not known
    and there are more tokens than chunks, they are taken as spread evenly.
tpot: from the first chunk to the last, divided by the tokens after the first chunk's ("time per
    output token"; vLLM takes the first chunk for one token).
e2e: end of the answer, after the request's last byte was written.
ttft_scheduled, e2e_scheduled: the same from the moment when the request was due. In an open loop
    these are what a user sees.
dispatch_lag: from when a request was due to when its last byte was written: the client's delay.

Of a cell, within its window, which lasts from the first measured request's sending to the last
one's end; what other requests (warm-up, cool-down) did in the window counts too, so that the load
was full throughout:

output_tokens, total_tokens: tokens out, and in and out, per second.
requests: answers that ended, per second.
goodput: of those, the ones that met all objectives, per second (Zhong et al., DistServe, 2024).
goodput_share: how many of the measured requests did.
error_rate: how many of the measured requests failed.

Outliers (beyond 3 standard deviations, or by MAD) are counted under `outliers`, and never left out
unless that is asked for.

Of families:

ready: from when a server's start was begun until it took a request. (`start`, cold)
first_token: from when a server's start was begun to the first token. (`start`, cold)
encoding: tokens of the prompt that were not in the prefix cache, per second of the time to first
    token. (`prompt_encoding`)
batch: from when the first request of a batch was sent until the last one's answer ended. (`batch`)

Intervals: `statistics.py`; of rates by batch means (Law, Simulation Modeling and Analysis, 9.5.3)
over ten parts of the window; of shares by Wilson.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from slipstream.tasks.benchmarking import statistics
from slipstream.tasks.benchmarking.faults import Fault
from slipstream.tasks.benchmarking.model import Direction, Metric, Phase, Sample
from slipstream.tasks.benchmarking.statistics import Interval

Floats: TypeAlias = NDArray[np.float64]

MS = 1e6  # nanoseconds
BATCHES = 10  # parts of a window
LATENCIES = (
    "ttft", "ttft_reasoning", "ttft_content", "ttft_tool_call", "itl", "tpot", "e2e",
    "ttft_scheduled", "e2e_scheduled", "dispatch_lag",
)  # fmt: skip
FLAGGED = ("ttft", "tpot", "e2e")  # whose outliers are counted, one value for each request
COUNTS = ("prompt_tokens", "cached_tokens", "completion_tokens", "reasoning_tokens")


class Values(NamedTuple):
    """The values of one metric.

    Attributes:
        values: In the order of the samples.
        owner: Which sample each value belongs to.
    """

    values: Floats
    owner: NDArray[np.int_]


def values(samples: Sequence[Sample], name: str) -> Values:
    """All values of a metric of requests, of the samples that did not fail.

    Raises:
        KeyError: There is no such metric.
    """
    found: list[float] = []
    owner: list[int] = []
    if name == "itl":
        gaps = [(place, gap) for place, s in enumerate(samples) if s.good and (gap := _itl(s)).size]
        if not gaps:
            return Values(np.empty(0), np.empty(0, dtype=np.int_))
        return Values(
            np.concatenate([gap for _, gap in gaps]),
            np.repeat([place for place, _ in gaps], [gap.size for _, gap in gaps]),
        )
    for place, sample in enumerate(samples):
        if sample.good and (value := _value(sample, name)) is not None:
            found.append(value)
            owner.append(place)
    return Values(np.array(found, dtype=np.float64), np.array(owner, dtype=np.int_))


def _value(sample: Sample, name: str) -> float | None:
    if name == "dispatch_lag":
        return (sample.sent_ns - sample.intended_ns) / MS
    if name.endswith("_scheduled"):
        value = _value(sample, name.removesuffix("_scheduled"))
        return None if value is None else value + (sample.sent_ns - sample.intended_ns) / MS
    chunks = sample.chunk_ns
    match name:
        case "ttft":
            return chunks[0] / MS if chunks else None
        case "ttft_reasoning":
            return _ms(sample.first_reasoning_ns)
        case "ttft_content":
            return _ms(sample.first_content_ns)
        case "ttft_tool_call":
            return _ms(sample.first_tool_ns)
        case "e2e":
            return (sample.ended_ns - sample.sent_ns) / MS
        case "tpot":
            after = (sample.output_tokens or 0) - _first_tokens(sample)
            return (chunks[-1] - chunks[0]) / after / MS if after > 0 and len(chunks) > 1 else None
        case "prompt_tokens":
            return sample.prompt_tokens
        case "cached_tokens":
            return sample.cached_tokens
        case "completion_tokens":
            return sample.output_tokens
        case "reasoning_tokens":
            return sample.reasoning_tokens
    raise KeyError(name)


def _ms(moment: int | None) -> float | None:
    return None if moment is None else moment / MS


def _itl(sample: Sample) -> Floats:
    gaps = np.diff(np.asarray(sample.chunk_ns, dtype=np.float64)) / MS
    if sample.chunk_tokens:
        tokens = np.asarray(sample.chunk_tokens, dtype=np.int64)[1:]
        several = np.maximum(tokens, 1)
        return np.repeat(gaps / several, several)
    return gaps / _each(sample)


def _each(sample: Sample) -> float:
    """How many tokens a chunk holds on average."""
    return max(1.0, (sample.output_tokens or 0) / max(1, len(sample.chunk_ns)))


def _first_tokens(sample: Sample) -> float:
    """How many tokens the first chunk holds."""
    return float(sample.chunk_tokens[0]) if sample.chunk_tokens else _each(sample)


def compute(
    samples: Sequence[Sample], objectives: Mapping[str, float] | None = None, seed: int = 0
) -> list[Metric]:
    """All metrics of a cell.

    Args:
        samples: Of all phases and sessions.
        objectives: The most that a request may take, in ms, by metric (`ttft`, `itl` as the mean
            of the request, `tpot`, `e2e`); empty: no goodput.
        seed: Of the bootstrap.
    """
    measured = [s for s in samples if s.phase is Phase.MEASURED and s.fault is not Fault.CUT_OFF]
    found: list[Metric] = []
    for name in (*LATENCIES, *COUNTS):
        got = values(measured, name)
        if got.values.size:
            counted = name in COUNTS
            direction: Direction = "none" if counted else "lower"
            groups = np.unique(got.owner, return_inverse=True)[1] if name == "itl" else None
            summary = statistics.summarise(got.values, groups, seed)
            found += as_metrics(name, "tokens" if counted else "ms", direction, summary)
            if name in FLAGGED:
                far = len(set().union(*statistics.outliers(got.values)))
                size = got.values.size
                found.append(Metric(name, "outliers", "count", "none", far, None, None, size))
    if measured:
        failed = sum(not sample.good for sample in measured)
        rate = statistics.wilson(failed, len(measured))
        found.append(Metric("error_rate", "value", "share", "lower", *rate, len(measured)))
    return found + _rates(samples, measured, objectives or {})


def without_outliers(samples: Sequence[Sample]) -> tuple[list[Sample], int]:
    """The samples without the measured requests that are outliers in any of `FLAGGED`.

    Returns:
        The others, and how many were left out.
    """
    measured = [place for place, sample in enumerate(samples) if sample.phase is Phase.MEASURED]
    far: set[int] = set()
    for name in FLAGGED:
        got = values([samples[place] for place in measured], name)
        for places in statistics.outliers(got.values):
            far.update(measured[got.owner[place]] for place in places)
    return [sample for place, sample in enumerate(samples) if place not in far], len(far)


def as_metrics(
    name: str, unit: str, direction: Direction, summary: statistics.Summary
) -> list[Metric]:
    """A summary as metrics, one for each statistic."""
    rows: list[tuple[str, Interval]] = [
        ("mean", summary.mean),
        ("sd", Interval(summary.deviation)),
        ("min", Interval(summary.minimum)),
        ("max", Interval(summary.maximum)),
        *((f"p{q:g}", interval) for q, interval in summary.percentiles.items()),
    ]
    return [
        Metric(name, statistic, unit, direction, *interval, summary.size)
        for statistic, interval in rows
    ]


def meets(sample: Sample, objectives: Mapping[str, float]) -> bool:
    """Whether a request did not fail and met all objectives; one without a value met none."""
    if not sample.good:
        return False
    for name, limit in objectives.items():
        if name == "itl":
            gaps = _itl(sample)
            value = float(gaps.mean()) if gaps.size else None
        else:
            value = _value(sample, name)
        if value is None or value > limit:
            return False
    return True


def of_family(samples: Sequence[Sample], family: str, size: int) -> list[Metric]:
    """What a family measures besides.

    Args:
        samples: Of all phases and sessions.
        family: Of the benchmark; `cold` for starts of a server.
        size: Requests of a batch.
    """
    good = [s for s in samples if s.good and s.phase is Phase.MEASURED]
    if family == "cold":
        return [
            *_named("ready", "ms", values(good, "dispatch_lag").values),
            *_named("first_token", "ms", values(good, "ttft_scheduled").values),
        ]
    if family == "prompt_encoding":
        rates = [
            (s.prompt_tokens - (s.cached_tokens or 0)) * 1e9 / s.chunk_ns[0]
            for s in good
            if s.prompt_tokens and s.chunk_ns and s.chunk_ns[0] > 0
        ]
        return _named("encoding", "tokens/s", np.array(rates), "higher")
    if family == "batch":
        batches: dict[tuple[int, int], list[Sample]] = {}
        for s in good:
            batches.setdefault((s.session, s.number // size), []).append(s)
        times = [
            (max(s.ended_ns for s in batch) - min(s.sent_ns for s in batch)) / MS
            for batch in batches.values()
            if len(batch) == size  # one that lost a request is another batch
        ]
        return _named("batch", "ms", np.array(times))
    return []


def _named(name: str, unit: str, found: Floats, direction: Direction = "lower") -> list[Metric]:
    return as_metrics(name, unit, direction, statistics.summarise(found)) if found.size else []


class _Window(NamedTuple):
    start: int
    end: int


def _rates(
    samples: Sequence[Sample], measured: Sequence[Sample], objectives: Mapping[str, float]
) -> list[Metric]:
    windows: dict[int, _Window] = {}
    for session, group in groupby(sorted(measured, key=_session), _session):
        sent = [sample for sample in group if sample.sent_ns]
        if sent:
            start = min(sample.sent_ns for sample in sent)
            end = max(sample.ended_ns for sample in sent)
            windows[session] = _Window(start, end)
    seconds = sum(window.end - window.start for window in windows.values()) / 1e9
    if not seconds:
        return []
    count = len(measured)
    inside = [s for s in samples if s.session in windows and s.sent_ns and _counts(s)]
    good = [s for s in inside if meets(s, objectives)] if objectives else []
    found = []
    names = ["requests", "output_tokens", "total_tokens"]
    for name in names + ["goodput"] * bool(objectives):
        of = good if name == "goodput" else inside
        parts = np.concatenate(
            [
                _parts(window, [s for s in of if s.session == session], name)
                for session, window in windows.items()
            ]
        )
        value = float(parts.sum()) / seconds
        low = high = None
        if len(windows) == 1 and count >= BATCHES:
            rates = parts * BATCHES / seconds
            low, high = statistics.mean_interval(value, float(rates.std(ddof=1)), BATCHES)
        unit = "tokens/s" if name.endswith("tokens") else "requests/s"
        found.append(Metric(name, "value", unit, "higher", value, low, high, count))
    if objectives:
        met = sum(meets(sample, objectives) for sample in measured)
        share = statistics.wilson(met, count)
        found.append(Metric("goodput_share", "value", "share", "higher", *share, count))
    return found


def _session(sample: Sample) -> int:
    return sample.session


def _counts(sample: Sample) -> bool:
    """Whether what it brought counts: also what a request had brought before the end cut it."""
    return sample.good or (sample.fault is Fault.CUT_OFF and sample.phase is not Phase.MEASURED)


def _parts(window: _Window, samples: Iterable[Sample], name: str) -> Floats:
    """What came in each of the parts of a window."""
    moments: list[NDArray[np.int64]] = []
    weights: list[Floats] = []
    for sample in samples:
        ended = np.array([sample.ended_ns], dtype=np.int64)
        if name != "output_tokens" and sample.good:
            # a prompt has been read, and a request been served, when the answer has ended
            amount = float(sample.prompt_tokens or 0) if name == "total_tokens" else 1.0
            moments.append(ended)
            weights.append(np.array([amount]))
        if name.endswith("tokens") and (chunks := len(sample.chunk_ns)):
            moments.append(np.asarray(sample.chunk_ns, dtype=np.int64) + sample.sent_ns)
            told = np.asarray(sample.chunk_tokens, dtype=np.float64)
            weights.append(told if told.size else np.full(chunks, _each(sample)))
    if not moments:
        return np.zeros(BATCHES)
    when = np.concatenate(moments)
    inside = (when >= window.start) & (when <= window.end)
    place = (when[inside] - window.start) * BATCHES // (window.end - window.start)
    place = np.minimum(place, BATCHES - 1)
    counts = np.bincount(place, np.concatenate(weights)[inside], minlength=BATCHES)
    return counts.astype(np.float64)

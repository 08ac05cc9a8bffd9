"""Every metric, held against numpy and scipy on the samples it was computed from."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
import pytest
import scipy.stats

from slipstream.tasks.benchmarking.faults import Fault
from slipstream.tasks.benchmarking.metrics import (
    FLAGGED,
    LATENCIES,
    compute,
    meets,
    values,
    without_outliers,
)
from slipstream.tasks.benchmarking.model import Metric, Phase, Sample

MS = 1_000_000


def sample(number: int, chunks: list[float], sent: float = 0, **more: Any) -> Sample:
    """A request sent at a moment (ms), with chunks that many ms later."""
    arrived = array("q", [round(ms * MS) for ms in chunks])
    start = round(sent * MS)
    plain = Sample(
        number=number,
        phase=Phase.MEASURED,
        worker=0,
        intended_ns=start - 2 * MS,
        sent_ns=start,
        ended_ns=start + (arrived[-1] if arrived else 0),
        status=200,
        chunk_ns=arrived,
        chunk_tokens=array("q"),
        first_content_ns=arrived[0] if arrived else None,
        prompt_tokens=20,
        output_tokens=len(chunks),
    )
    return plain._replace(**more)


def many(size: int = 40) -> list[Sample]:
    chance = np.random.default_rng(11)
    return [
        sample(n, list(np.cumsum(chance.lognormal(2, 0.5, 9))), sent=1 + 30 * n)
        for n in range(size)
    ]


def table(metrics: list[Metric]) -> dict[tuple[str, str], Metric]:
    return {(m.name, m.statistic): m for m in metrics}


def test_every_figure_agrees_with_numpy_and_scipy_on_the_samples() -> None:
    samples = many()
    chunks = [np.array(s.chunk_ns) / MS for s in samples]
    lag = np.full(len(samples), 2.0)
    expected = {
        "ttft": np.array([c[0] for c in chunks]),
        "ttft_content": np.array([c[0] for c in chunks]),
        "itl": np.concatenate([np.diff(c) for c in chunks]),
        "tpot": np.array([(c[-1] - c[0]) / (len(c) - 1) for c in chunks]),
        "e2e": np.array([c[-1] for c in chunks]),
        "ttft_scheduled": np.array([c[0] for c in chunks]) + 2,
        "e2e_scheduled": np.array([c[-1] for c in chunks]) + 2,
        "dispatch_lag": lag,
    }
    found = table(compute(samples))
    for name, raw in expected.items():
        assert values(samples, name).values == pytest.approx(raw)
        figures = {s: m.value for (n, s), m in found.items() if n == name}
        assert figures == pytest.approx(
            {
                "mean": raw.mean(),
                "sd": raw.std(ddof=1),
                "min": raw.min(),
                "max": raw.max(),
                **({"outliers": found[name, "outliers"].value} if name in FLAGGED else {}),
                **{f"p{q}": np.percentile(raw, q) for q in (50, 90, 95, 99)},
            }
        )
        assert found[name, "mean"].size == raw.size
    mean = found["ttft", "mean"]
    low, high = scipy.stats.t.interval(
        0.95, 39, expected["ttft"].mean(), scipy.stats.sem(expected["ttft"])
    )
    assert (mean.low, mean.high) == pytest.approx((low, high))
    assert {n for n, _ in found if n in LATENCIES} == set(expected)


def test_rates_count_what_happened_in_the_window() -> None:
    samples = many()
    found = table(compute(samples))
    start = min(s.sent_ns for s in samples)
    seconds = (max(s.ended_ns for s in samples) - start) / 1e9
    assert found["requests", "value"].value == pytest.approx(40 / seconds)
    assert found["output_tokens", "value"].value == pytest.approx(360 / seconds)
    assert found["total_tokens", "value"].value == pytest.approx((360 + 800) / seconds)
    parts = np.histogram(
        [(s.ended_ns - start) / 1e9 for s in samples], bins=10, range=(0, seconds)
    )[0]
    low, high = scipy.stats.t.interval(0.95, 9, 40 / seconds, scipy.stats.sem(parts * 10 / seconds))
    rate = found["requests", "value"]
    assert (rate.low, rate.high) == pytest.approx((low, high))


def test_other_requests_count_for_rates_and_for_nothing_else() -> None:
    """The load before and after the measured ones is part of what the server did."""
    measured = [sample(0, [10, 20], sent=100), sample(1, [10, 20], sent=200)]
    others = [
        sample(0, [5, 50], sent=90, phase=Phase.WARMUP),  # its second chunk is inside
        sample(0, [5, 15], sent=195, phase=Phase.COOLDOWN, fault=Fault.CUT_OFF),
        sample(1, [5, 15], sent=150, phase=Phase.COOLDOWN, fault=Fault.STALLED),
    ]
    found = table(compute(measured + others))
    assert found["ttft", "mean"].value == 10
    assert found["ttft", "mean"].size == 2
    assert found["output_tokens", "value"].value == pytest.approx((4 + 1 + 2) / 0.12)
    assert found["requests", "value"].value == pytest.approx((2 + 1) / 0.12)
    assert found["error_rate", "value"].value == 0


def test_several_tokens_in_a_chunk_share_its_gap() -> None:
    told = sample(0, [10, 30, 60], output_tokens=6, chunk_tokens=array("q", [1, 2, 3]))
    assert values([told], "itl").values.tolist() == [10, 10, 10, 10, 10]
    assert values([told], "tpot").values.tolist() == [10], "50 ms for the last five"


def test_tokens_of_unknown_chunks_are_spread_evenly() -> None:
    untold = sample(0, [10, 40, 70], output_tokens=9)
    assert values([untold], "itl").values.tolist() == [10, 10]
    assert values([untold], "tpot").values.tolist() == [10]


def test_each_gap_knows_its_request() -> None:
    assert values([sample(0, [1]), sample(1, [1, 2, 4])], "itl").owner.tolist() == [1, 1]
    assert not values([], "itl").values.size


def test_failed_requests_enter_the_error_rate_alone() -> None:
    samples = [*many(9), sample(9, [1, 2], fault=Fault.CLOSED_EARLY)]
    found = table(compute(samples))
    rate = found["error_rate", "value"]
    assert (rate.value, rate.size) == (0.1, 10)
    theirs = scipy.stats.binomtest(1, 10).proportion_ci(method="wilson")
    assert (rate.low, rate.high) == pytest.approx((theirs.low, theirs.high))
    assert found["ttft", "mean"].size == 9


def test_requests_that_the_end_cut_off_are_no_errors() -> None:
    found = table(compute([*many(4), sample(4, [1], fault=Fault.CUT_OFF)]))
    assert found["error_rate", "value"].size == 4


def test_goodput_counts_requests_that_met_all_objectives() -> None:
    samples = [sample(n, [10 * (n + 1), 10 * (n + 1) + 20], sent=1 + 100 * n) for n in range(4)]
    found = table(compute(samples, {"ttft": 20, "itl": 25, "e2e": 100}))
    assert found["goodput_share", "value"].value == 0.5
    assert found["goodput", "value"].value == pytest.approx(2 / 0.36)
    assert not meets(samples[0]._replace(fault=Fault.EMPTY), {"ttft": 1e9})
    assert not meets(sample(0, [1]), {"itl": 100}), "it has no gap to be judged by"


def test_a_run_in_two_sessions_has_two_windows() -> None:
    """The clock of another session means nothing here."""
    first = [sample(n, [10, 100], sent=1 + 100 * n) for n in range(3)]
    second = [sample(n, [10, 100], sent=9e6 + 100 * n, session=1) for n in range(3, 6)]
    found = table(compute(first + second))
    assert found["requests", "value"].value == pytest.approx(6 / 0.6)
    assert found["requests", "value"].low is None


def test_kinds_of_first_tokens_and_counts_are_figures_where_there_are_any() -> None:
    whole = sample(
        0, [1, 2, 3, 4], first_reasoning_ns=1 * MS, first_content_ns=3 * MS,
        first_tool_ns=4 * MS, cached_tokens=16, reasoning_tokens=2,
    )  # fmt: skip
    found = table(compute([whole]))
    for name, value in (
        ("ttft_reasoning", 1), ("ttft_content", 3), ("ttft_tool_call", 4), ("prompt_tokens", 20),
        ("cached_tokens", 16), ("completion_tokens", 4), ("reasoning_tokens", 2),
    ):  # fmt: skip
        assert found[name, "mean"].value == value
        assert found[name, "mean"].low is None
    assert ("ttft_tool_call", "mean") not in table(compute(many(2)))


def test_outliers_are_counted_and_left_out_only_when_asked_for() -> None:
    samples = [sample(n, [10 + n % 3, 20 + n % 3], sent=1 + 50 * n) for n in range(20)]
    samples.append(sample(20, [500, 510], sent=2000))
    samples.append(sample(0, [900, 950], sent=3000, phase=Phase.WARMUP))
    found = table(compute(samples))
    assert found["ttft", "outliers"].value == 1
    assert found["ttft", "max"].value == 500
    kept, left_out = without_outliers(samples)
    assert left_out == 1
    assert [s.number for s in kept] == [*range(20), 0]
    assert without_outliers([]) == ([], 0)


def test_nothing_measured_gives_no_figure() -> None:
    assert compute([]) == []
    refused = sample(0, [], sent_ns=0, fault=Fault.REFUSED)
    assert [m.name for m in compute([refused])] == ["error_rate"]


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(KeyError):
        values(many(1), "speed")

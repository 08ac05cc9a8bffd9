"""Schedules of open loops."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import scipy.stats

from slipstream.tasks.benchmarking.arrivals import Arrival, offsets


def gaps(arrival: Arrival, size: int = 4000, **more: float) -> np.ndarray:
    moments = list(islice(offsets(arrival, 50, seed=3, **more), size + 1))
    assert moments[0] == 0
    return np.diff(moments) / 1e9


def test_constant_arrivals_are_even() -> None:
    assert gaps("constant") == pytest.approx(np.full(4000, 0.02), abs=2e-9)


def test_poisson_arrivals_have_exponential_gaps() -> None:
    assert scipy.stats.kstest(gaps("poisson"), "expon", (0, 0.02)).pvalue > 0.01


@pytest.mark.parametrize("burstiness", [0.5, 4.0])
def test_gamma_arrivals_have_the_mean_and_the_shape_that_is_asked_for(burstiness: float) -> None:
    found = gaps("gamma", burstiness=burstiness)
    scale = 0.02 / burstiness
    assert scipy.stats.kstest(found, "gamma", (burstiness, 0, scale)).pvalue > 0.01


def test_the_same_seed_gives_the_same_moments() -> None:
    assert gaps("poisson").tolist() == gaps("poisson").tolist()
    assert list(islice(offsets("poisson", 5, 1), 9)) != list(islice(offsets("poisson", 5, 2), 9))

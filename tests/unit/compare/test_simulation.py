"""A small part of what benchmarks/comparison.py measures, always with the same seeds."""

from __future__ import annotations

import comparison
import pytest


def test_unchanged_systems_raise_no_alarm_and_a_clear_change_is_found() -> None:
    world = comparison.World(runs=5, requests=40, cells=3)
    unchanged = comparison.simulate(world, 0.0, repetitions=30, seed=1)
    assert unchanged.proven == 0
    slower = comparison.simulate(world, 0.25, repetitions=10, seed=2)
    assert (slower.ttft, slower.tpot) == (1, 1)
    assert slower.proven == 0


@pytest.mark.parametrize("interleaved", [True, False], ids=["interleaved", "one-after-the-other"])
def test_single_runs_never_prove_anything(interleaved: bool) -> None:
    world = comparison.World(runs=1, requests=40, cells=3, effect=0.1, interleaved=interleaved)
    rates = comparison.simulate(world, 0.0, repetitions=20, seed=3)
    assert rates.proven == 0
    assert rates.suspected > 0

"""The logs of the benchmark are the same each time, and have their failures where they say."""

from __future__ import annotations

from pathlib import Path

import pytest
from make_logs import KINDS, write_log


@pytest.mark.parametrize("kind", KINDS)
def test_a_log_has_its_size_and_its_failures_in_the_first_middle_and_last_tenth(
    kind: str, tmp_path: Path
) -> None:
    log = write_log(kind, 2_000_000, tmp_path / "log")
    text = log.path.read_text()
    assert log.size == log.path.stat().st_size == len(text.encode())
    assert 1_990_000 <= log.size < 2_050_000
    places = [int(10 * text.index(reason) / len(text)) for reason in log.reasons]
    assert places == [0] * 4 + [5] * 4 + [9] * 4
    assert all(text.count(reason) == 1 for reason in log.reasons)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_makes_the_same_log(kind: str, tmp_path: Path) -> None:
    first, second, other = (
        write_log(kind, 300_000, tmp_path / name, seed).path.read_bytes()
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first == second != other

"""What is known of what the client can time: which loads a proof covers, how it is kept."""

from __future__ import annotations

import stat
import sys
import time
from pathlib import Path

import pytest

from slipstream.storage.errors import SlipError
from slipstream.tasks.benchmarking import calibrate
from slipstream.tasks.benchmarking.calibrate import Floor, Known, Point, identity, read, write


def point(slots: int, error: float, rate: float = 0.0, age: float = 0.0, n: int = 1) -> Point:
    return Point(slots, rate, n, 0.5, 1.5, error, 0.01, time.time() - age)


def test_a_proof_covers_smaller_loads_and_a_failure_larger_ones() -> None:
    known = Known((point(16, 0.01), point(64, 0.2)))
    for slots in (1, 16):
        assert known.covering(slots, 0, 1) == known.points[0]
    assert known.covering(32, 0, 1) is None
    for slots in (64, 65):
        assert known.covering(slots, 0, 1) == known.points[1]


def test_rates_streams_and_numbers_of_processes_are_proven_apart() -> None:
    known = Known((point(16, 0.01), point(0, 0.01, rate=10)))
    assert known.covering(0, 5, 1) is not None
    assert known.covering(0, 20, 1) is None
    assert known.covering(8, 0, 2) is None


def test_proofs_grow_old_and_failures_do_so_soon() -> None:
    """A machine that was busy then may be free now."""
    assert Known((point(16, 0.01, age=31 * 86_400),)).covering(1, 0, 1) is None
    assert Known((point(16, 0.2, age=700),)).covering(16, 0, 1) is None
    assert Known((point(16, 0.01, age=700),)).covering(16, 0, 1) is not None


def test_a_newer_finding_takes_the_place_of_an_older_one() -> None:
    known = Known((point(16, 0.2), point(4, 0.01))).adding(point(16, 0.01))
    assert [(p.slots, p.proven) for p in known.points] == [(4, True), (16, True)]


def test_what_is_known_is_kept_privately_for_its_machine(tmp_path: Path) -> None:
    known = Known((point(16, 0.01),), Floor(0.4, 0.02))
    assert read(tmp_path, "a") == Known()
    write(tmp_path, "a", known)
    assert read(tmp_path, "a") == known
    assert read(tmp_path, "b") == Known()
    file = tmp_path / "bench" / "calibration.json"
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for broken in ("", "{}", "[]", file.read_text().replace('"format": 1', '"format": 2')):
        file.write_text(broken)
        assert read(tmp_path, "a") == Known()


def test_what_cannot_be_kept_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "bench" / "calibration.json").mkdir(parents=True)
    with pytest.raises(SlipError, match="cannot be written"):
        write(tmp_path, "a", Known())


def test_the_reason_says_by_how_much_and_what_to_do() -> None:
    said = calibrate.reason(point(64, 0.2))
    assert "times 64 streams only within 20%" in said
    assert "+0.5 ms in the median, +1.5 ms at p95" in said
    assert "5 requests/s" in calibrate.reason(point(0, 0.2, rate=5))


def test_a_machine_and_its_versions_are_the_same_twice() -> None:
    assert identity() == identity()

"""Progress on standard error: live in a terminal, few lines elsewhere, nothing for short work."""

from __future__ import annotations

import sys

import pytest

from slipstream.cli import output
from slipstream.cli.progress import Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Its only number is the time."""
    now = [100.0]
    monkeypatch.setattr("slipstream.cli.progress.time.monotonic", lambda: now[0])
    return now


def shown(clock: list[float], step: float) -> None:
    with Progress("indexing", "files") as progress:
        for number in range(6):
            progress(number * 1000, 5000)
            clock[0] += step


def test_short_work_shows_nothing(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    shown(clock, 0.1)
    assert capsys.readouterr().err == ""


def test_elsewhere_there_are_few_lines(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    shown(clock, 4.0)
    assert capsys.readouterr().err.splitlines() == [
        "slip: indexing: 1,000 of 5,000 files",
        "slip: indexing: 4,000 of 5,000 files",
    ]  # and not that all of it is done


def test_a_terminal_has_one_line_that_is_taken_away(
    clock: list[float], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    shown(clock, 4.0)
    written = capsys.readouterr().err
    assert "\n" not in written
    assert written.count("\rslip: indexing: ") == 5
    assert written.endswith(f"\r{' ' * 36}\r")


def test_quiet_means_quiet(
    clock: list[float], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "options", output.Options(quiet=True))
    shown(clock, 4.0)
    assert capsys.readouterr().err == ""

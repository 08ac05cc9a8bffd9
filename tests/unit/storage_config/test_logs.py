"""The program's own log: whole lines, private, no secrets, bounded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from slipstream.storage import logs


@pytest.fixture(autouse=True)
def _fresh(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPSTREAM_TRACE_ID", "0123456789abcdef")
    logs.configure()


def written(home: Path) -> list[dict[str, Any]]:
    """The lines of the log."""
    file = home / "program" / "slip.log"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_a_line_is_json_with_time_level_trace_and_fields(home: Path) -> None:
    """And the file is for its owner alone."""
    logs.info("summary.made", bytes=7, log="ab12")
    (line,) = written(home)
    assert line.pop("at").endswith("Z")
    assert line == {
        "level": "info",
        "trace": "0123456789abcdef",
        "pid": os.getpid(),
        "event": "summary.made",
        "bytes": 7,
        "log": "ab12",
    }
    if sys.platform != "win32":
        assert (home / "program" / "slip.log").stat().st_mode & 0o777 == 0o600


def test_the_level_comes_from_the_configuration(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is below it is not written."""
    monkeypatch.setenv("SLIPSTREAM_LOG_LEVEL", "warning")
    logs.info("one")
    logs.warning("two")
    logs.error("three")
    assert [line["event"] for line in written(home)] == ["two", "three"]


def test_verbose_shows_info_on_standard_error_and_debug_all(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without them standard error stays empty."""
    logs.info("quiet")
    logs.configure(verbose=True)
    logs.debug("hidden")
    logs.info("shown", n=1)
    logs.configure(debug=True)
    logs.debug("deep")
    shown = capsys.readouterr().err.splitlines()
    assert [line.split(maxsplit=2)[2].rstrip() for line in shown] == [
        "info shown n=1",
        "debug deep",
    ]
    assert [line["event"] for line in written(home)] == ["quiet", "shown", "deep"]


@pytest.mark.parametrize(
    "fields",
    [
        {"api_key": "hunter2"},
        {"url": "https://me:hunter2@host/x"},
        {"reason": "failed with password=hunter2"},
        {"reason": "Authorization: hunter2"},
        {"reason": '{"access_token": "hunter2"}'},
    ],
)
def test_a_secret_is_not_written(home: Path, fields: dict[str, str]) -> None:
    """By the name of its field, in a URL, or after its name in a text."""
    logs.info("event", **fields)
    assert written(home)
    assert "hunter2" not in (home / "program" / "slip.log").read_text()


def test_a_long_text_is_cut(home: Path) -> None:
    """A log of what was done is not a copy of what was printed."""
    logs.info("event", text="x" * 5000)
    assert written(home)[0]["text"] == "x" * 300 + "… (5000 characters)"


def test_a_trace_id_is_taken_over_or_made_and_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that could not be an id is not taken over."""
    assert logs.trace_id() == "0123456789abcdef"
    monkeypatch.setenv("SLIPSTREAM_TRACE_ID", "a b\n")
    made = logs.trace_id()
    assert len(made) == 32
    assert os.environ["SLIPSTREAM_TRACE_ID"] == made == logs.trace_id()


def test_the_file_is_rotated_and_three_older_ones_are_kept(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No line is lost while they fit, and the folder is bounded."""
    monkeypatch.setattr(logs, "MAX_BYTES", 1000)
    for number in range(60):
        logs.info("event", number=number)
    files = sorted(p.name for p in (home / "program").glob("slip.log*") if p.suffix != ".lock")
    assert files == ["slip.log", "slip.log.1", "slip.log.2", "slip.log.3"]
    newest_first = [json.loads(line)["number"] for line in _lines(home, ["slip.log.1", "slip.log"])]
    assert newest_first == list(range(60 - len(newest_first), 60))


def test_processes_log_together_without_losing_a_line(home: Path) -> None:
    """Each line is one write; rotation happens once."""
    program = (
        "from slipstream.storage import logs\n"
        "logs.MAX_BYTES = 20_000\n"
        "for n in range(100): logs.info('event', number=n)\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(4)]
    assert [process.wait(60) for process in running] == [0] * 4
    names = ["slip.log", "slip.log.1", "slip.log.2", "slip.log.3"]
    assert len([json.loads(line) for line in _lines(home, names)]) == 400


def test_a_log_that_cannot_be_written_does_not_fail_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With -v it is said."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("SLIPSTREAM_HOME", str(tmp_path / "file"))
    logs.info("event")
    assert capsys.readouterr().err == ""
    logs.configure(verbose=True)
    logs.info("event")
    assert "the program's log cannot be written" in capsys.readouterr().err


def _lines(home: Path, names: list[str]) -> list[str]:
    folder = home / "program"
    files = [folder / name for name in names if (folder / name).exists()]
    return [line for file in files for line in file.read_text().splitlines()]

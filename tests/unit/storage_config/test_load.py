"""The quick way to the settings: same result, no pydantic, never stale."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from slipstream.storage.config import sources
from slipstream.storage.config.load import KEPT, Loaded, load
from slipstream.storage.config.resolve import resolve
from slipstream.storage.config.settings import DEFAULTS
from slipstream.storage.errors import ConfigError

Write = Callable[[str], Path]

FULL = """\
mode: burst
summary:
  max_bytes: 20k
  redact: false
  time_limit_seconds: 1.5
  profiles: {llm: 4096}
  types: {pytest: {max_errors: 3}}
retention: {days: 30}
storage: {database_url: 'postgresql://host/db'}
log: {level: debug}
patterns:
  - {name: a, regex: 'x (?P<message>.*)', severity: fatal, type: log, example: x y}
wrong: 1
"""


def test_nothing_set_gives_the_defaults_and_keeps_nothing(home: Path) -> None:
    """Not even the data folder is made."""
    assert load() == Loaded(DEFAULTS)
    assert not home.exists()


def test_the_second_time_gives_the_same_without_pydantic(user_file: Write) -> None:
    """Values, patterns and problems come back whole from what was kept."""
    user_file(FULL)
    resolved = resolve(sources.read())
    expected = Loaded(resolved.config, resolved.problems)
    assert load() == expected
    assert load() == expected
    program = (
        "import sys\nfrom slipstream.storage.config.load import load\n"
        "print(load().config.summary.max_bytes, 'pydantic' in sys.modules, 'yaml' in sys.modules)"
    )
    environment = {name: v for name, v in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment
    )
    assert done.stdout.split() == ["20480", "False", "False"]


def test_a_change_counts_at_once(user_file: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file's bytes and the variables are the key."""
    user_file("summary: {max_errors: 3}")
    assert load().config.summary.max_errors == 3
    user_file("summary: {max_errors: 4}")
    assert load().config.summary.max_errors == 4
    monkeypatch.setenv("SLIPSTREAM_SUMMARY_MAX_ERRORS", "5")
    assert load().config.summary.max_errors == 5


def test_what_was_kept_and_is_damaged_is_made_again(user_file: Write, home: Path) -> None:
    """Torn, empty or of another shape: the slow way is taken."""
    user_file(FULL)
    expected = load()
    (kept,) = (home / "cache" / "config").iterdir()
    whole = kept.read_text()
    for text in ("", whole[: len(whole) // 2], "[]", '[{"mode": "burst"}, []]', "[[], []]"):
        kept.write_text(text)
        assert load() == expected


def test_only_the_newest_are_kept(
    user_file: Write, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old combinations of files and variables go, so that the folder does not grow for ever."""
    user_file("mode: burst")
    for errors in range(1, KEPT + 5):
        monkeypatch.setenv("SLIPSTREAM_SUMMARY_MAX_ERRORS", str(errors))
        load()
    assert len(list((home / "cache" / "config").iterdir())) == KEPT


def test_a_password_in_a_variable_is_not_written_down(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read from the environment each time."""
    url = "postgresql://me:hunter2@host/db"
    monkeypatch.setenv("SLIPSTREAM_STORAGE_DATABASE_URL", url)
    assert load().config.storage.database_url == url
    assert load().config.storage.database_url == url
    assert not [p for p in home.rglob("*") if p.is_file() and b"hunter2" in p.read_bytes()]


def test_a_data_folder_that_cannot_be_made_only_costs_time(
    user_file: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The settings hold all the same."""
    user_file("summary: {max_errors: 3}")
    (tmp_path / "file").touch()
    monkeypatch.setenv("SLIPSTREAM_HOME", str(tmp_path / "file" / "below"))
    assert load().config.summary.max_errors == 3


def test_a_wrong_url_is_refused_each_time(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal is not kept as if it were a configuration."""
    monkeypatch.setenv("SLIPSTREAM_STORAGE_REDIS_URL", "localhost")
    for _ in range(2):
        with pytest.raises(ConfigError):
            load()

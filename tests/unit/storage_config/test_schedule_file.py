"""The file that `slip schedule` writes, and the settings that it gives."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from slipstream.storage import audit, database
from slipstream.storage.config.load import load
from slipstream.storage.config.schedule_file import ACTION, change
from slipstream.storage.config.settings import DEFAULTS, Schedule
from slipstream.storage.config.sources import SCHEDULES_FILE
from slipstream.storage.errors import StorageError
from tests.unit.storage_config.conftest import Write


def test_a_change_holds_from_then_on_beside_the_users_own(home: Path, user_file: Write) -> None:
    """It wins over the user's file, keeps what was changed before, and is audited."""
    home.mkdir()
    user_file("schedules:\n  run_benchmark: {when: '1 1 * * *', parameters: {repeats: 2}}\n")
    change(home, "run_benchmark", {"when": "every 2h"})
    change(home, "run_benchmark", {"paused": True})
    change(home, "warm_cache", {"when": "off"})
    held = load().config.schedules
    assert held.run_benchmark == Schedule("every 2h", True, {"repeats": 2})
    assert held.warm_cache.when == "off"
    assert held.maintain_full == DEFAULTS.schedules.maintain_full
    assert load().config.schedules == held  # read again from what was kept
    assert (home / SCHEDULES_FILE).stat().st_mode & 0o777 == 0o600
    with closing(database.connect(home)) as connection:
        entries = audit.entries(connection, 10, ACTION)
    assert [(e.subject, e.detail) for e in entries][-1] == ("run_benchmark", {"when": "every 2h"})


@pytest.mark.parametrize("text", ["[1, 2]\n", "schedules: 7\n", "schedules: {run_benchmark: }\n"])
def test_a_file_that_says_something_else_is_written_anew(home: Path, text: str) -> None:
    """As it would be read."""
    home.mkdir()
    (home / SCHEDULES_FILE).write_text(text)
    change(home, "run_benchmark", {"when": "off"})
    assert load().config.schedules.run_benchmark.when == "off"


def test_a_file_that_is_damaged_or_closed_is_named(home: Path) -> None:
    """And left as it is."""
    home.mkdir()
    file = home / SCHEDULES_FILE
    file.write_text("a: [")
    with pytest.raises(StorageError, match="is no YAML any more"):
        change(home, "run_benchmark", {"when": "off"})
    assert file.read_text() == "a: ["
    file.unlink()
    file.mkdir()
    with pytest.raises(StorageError, match="cannot be written"):
        change(home, "run_benchmark", {"when": "off"})


def test_lists_and_maps_come_from_variables_too(
    home: Path, monkeypatch: pytest.MonkeyPatch, user_file: Write
) -> None:
    """Folders as in PATH, parameters as JSON; a wrong one leaves what was before."""
    folders = os.pathsep.join(["/work/a", "~/b", ""])
    monkeypatch.setenv("SLIPSTREAM_SCHEDULES_REPOSITORIES", folders)
    monkeypatch.setenv("SLIPSTREAM_SCHEDULES_RUN_BENCHMARK_PARAMETERS", '{"suite": "full"}')
    user_file("schedules: {timezone: Mars/Olympus, warm_cache: {when: 61 * * * *}}\n")
    loaded = load()
    held = loaded.config.schedules
    assert held.repositories == ("/work/a", os.path.expanduser("~/b"))
    assert held.run_benchmark.parameters == {"suite": "full"}
    assert (held.timezone, held.warm_cache.when) == ("", "off")
    assert "there is none of that name" in loaded.problems[0]
    assert "minute `61` is not 0 to 59" in loaded.problems[1]
    monkeypatch.setenv("SLIPSTREAM_SCHEDULES_REPOSITORIES", "relative")
    monkeypatch.setenv("SLIPSTREAM_SCHEDULES_RUN_BENCHMARK_PARAMETERS", "{")
    again = load()
    assert again.config.schedules.repositories == ()
    assert any("relative should be a whole path" in problem for problem in again.problems)

"""`slip up|down|status|schedule` where nothing is up: what they print, and what they refuse."""

from __future__ import annotations

import asyncio
import json
import plistlib
from pathlib import Path

import pytest

from slipstream.cli.main import main
from slipstream.flows import server
from slipstream.flows.processes import Spawned
from slipstream.flows.server import ServerInfo
from slipstream.storage.config.load import load
from tests.unit.flows.test_server import locked


def test_a_unit_is_printed_and_nothing_is_started(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For this system, or for the one that is named."""
    assert main(["up", "--unit", "--port", "4321"]) == 0
    assert '"--port" "4321"' in capsys.readouterr().out or Path("/Library").is_dir()
    assert main(["up", "--unit", "launchd"]) == 0
    assert plistlib.loads(capsys.readouterr().out.encode())["RunAtLoad"] is True
    assert main(["up", "--unit", "upstart"]) == 2
    assert "choose systemd or launchd" in capsys.readouterr().err
    assert main(["up", "systemd"]) == 2
    assert "with --unit alone" in capsys.readouterr().err
    assert not (home / "up").exists()


def test_what_opens_to_the_network_is_refused_where_nothing_may(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is started; a wrong setting is said, too."""
    monkeypatch.setenv("SLIPSTREAM_MODE", "air-gapped")
    monkeypatch.setenv("SLIPSTREAM_SCHEDULES_RUN_BENCHMARK_WHEN", "at night")
    assert main(["up", "--host", "0.0.0.0"]) == 2
    said = capsys.readouterr().err
    assert "`at night` has 2 fields where cron has 5" in said
    assert "allows loopback alone" in said
    assert main(["up", "--foreground", "--host", "example.org"]) == 2


def test_what_is_up_already_is_told_with_what_differs(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another Prefect, another port, schedules that are wrong."""
    here = server.files(home)
    info = ServerInfo("http://127.0.0.1:1", 7, prefect="3.0.0", restarts=2, problems=("wrong",))
    server.write_state(here, info)
    with locked(here.lock):
        assert main(["up", "--port", "2"]) == 0
        printed = capsys.readouterr()
        assert printed.out == "http://127.0.0.1:1\n"
        for part in ("up already (process 7)", "it runs Prefect 3.0.0", "elsewhere", "wrong"):
            assert part in printed.err
        assert main(["status"]) == 1  # it does not answer
        printed = capsys.readouterr()
        assert "http://127.0.0.1:1  starting, process -" in printed.out
        assert "started again 2 times" in printed.out
        assert "is installed: restart it" in printed.err


def test_nothing_is_ended_where_nothing_is_up(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """However often."""
    for _ in range(2):
        assert main(["down"]) == 0
        assert "nothing is up" in capsys.readouterr().err
    assert main(["down", "--cancel", "--wait", "3"]) == 2
    assert main(["status", "--json"]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert (shown["server"], shown["runs"]) == (None, [])
    assert [row["next"] for row in shown["schedules"]] == [None] * 4


def test_schedules_are_changed_for_when_something_is_up(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be read is said; so is what has no effect."""
    assert main(["schedule", "set", "run-benchmark", "--cron", "0 4 * * 1-5"]) == 0
    assert "nothing is up, `slip up` starts it" in capsys.readouterr().err
    assert main(["schedule", "set", "maintain-full", "--every", "2 days"]) == 0
    assert main(["schedule", "set", "maintain-light", "--off"]) == 0
    assert main(["schedule", "pause", "run-benchmark"]) == 0
    capsys.readouterr()
    assert main(["schedule", "ls"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("run-benchmark\t0 4 * * 1-5 (")
    assert lines[1].endswith("\tpaused")
    assert lines[3:] == ["maintain-light\toff\t", "maintain-full\tevery 2 days\t"]
    assert main(["schedule", "resume", "run-benchmark"]) == 0
    assert not load().config.schedules.run_benchmark.paused
    assert main(["schedule", "set", "warm-cache", "--every", "5m"]) == 0
    assert "there is nothing to warm" in capsys.readouterr().err

    assert main(["schedule", "set", "run-benchmark"]) == 2
    assert main(["schedule", "set", "run-benchmark", "--cron", "every 5m"]) == 2
    assert "is no cron expression" in capsys.readouterr().err
    assert main(["schedule", "set", "run-benchmark", "--every", "soon"]) == 2
    assert main(["schedule", "pause", "run-bench"]) == 4
    assert main(["schedule", "pause", "nothing-like-it"]) == 4
    assert "`slip schedule ls` shows all" in capsys.readouterr().err
    monkeypatch.setenv("SLIPSTREAM_SCHEDULES_RUN_BENCHMARK_WHEN", "off")
    assert main(["schedule", "set", "run-benchmark", "--every", "1h"]) == 0
    assert "that wins" in capsys.readouterr().err


def test_where_nothing_can_be_forked_each_run_is_a_new_process(unmeasured: None) -> None:
    """One that fails has a status, one that is killed its signal."""

    async def both() -> list[int]:
        spawned = Spawned()
        runs = [asyncio.create_task(spawned.run(name, "none", "{}")) for name in ("a", "b")]
        while len(spawned.running) < 2:
            await asyncio.sleep(0.01)
        spawned.stop("a")
        spawned.kill("b")
        spawned.kill("none")
        return await asyncio.gather(*runs)

    stopped, killed = asyncio.run(both())
    assert stopped in (-15, 1)  # 1: it was faster, and has found no such flow
    assert killed in (-9, 1)

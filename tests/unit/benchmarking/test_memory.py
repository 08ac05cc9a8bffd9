"""Memory of processes, and of servers that tell it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from slipstream.storage.config.endpoints import resolve
from slipstream.tasks.benchmarking.memory import Memory, resident
from slipstream.tasks.benchmarking.simulate import process
from slipstream.tasks.benchmarking.simulate.settings import Settings
from slipstream.tasks.benchmarking.target import Target

GONE = 2**22 + 1  # more than any process's number


def at(url: str) -> Target:
    return Target(url, resolve(url, "air-gapped"))


def test_this_process_holds_memory_and_one_that_is_not_there_none() -> None:
    assert (resident(os.getpid()) or 0) > 5_000_000
    assert resident(GONE) is None


@pytest.mark.skipif(sys.platform == "win32", reason="there is no ps")
def test_where_there_is_no_proc_the_system_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    program = tmp_path / "ps"
    program.write_text('#!/bin/sh\n[ "$4" = 7 ] && echo "  2048"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert resident(7) == 2048 * 1024
    assert resident(8) is None


def test_a_server_is_read_by_its_metrics_or_by_its_process() -> None:
    with process.start(Settings(memory_mb=123.0)) as running:
        watched = Memory(at(running.base_url), 0, [os.getpid()])
        watched.look()
        watched.look()
        assert watched.server == [123_000_000] * 2
        by_process = Memory(at(running.base_url), running.pid, [])
        by_process.look()
        assert by_process.server[0] != 123_000_000
    found = {(m.name, m.statistic): m.value for m in watched.metrics()}
    assert found["server_memory", "max"] == found["server_memory", "mean"] == 123_000_000
    assert found["client_memory", "max"] > 5_000_000
    assert {unit for *_, unit in ((m.name, m.unit) for m in watched.metrics())} == {"bytes"}


def test_a_server_that_tells_nothing_is_asked_once() -> None:
    with process.start(Settings(profile="ollama")) as running:
        watched = Memory(at(running.base_url), 0, [])
        watched.look()
    watched.look()  # nobody is there to be asked
    assert watched.server == []
    assert [m.name for m in watched.metrics()] == ["client_memory"] * 2

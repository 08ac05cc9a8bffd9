"""What a run ran on, on machines that tell much and on such as tell nothing."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from slipstream.tasks.benchmarking import environment


def program(folder: Path, name: str, text: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


def test_a_machine_is_described() -> None:
    found = environment.machine()
    assert found["cores"] == os.cpu_count()
    assert found["python"].endswith(platform.python_version())
    assert {"openai", "aiohttp", "httpx2"} <= set(found["clients"])
    assert 0 < found["clock"]["resolution_ns"] < 20_000_000
    assert 0 < found["clock"]["look_ns"] < 1_000_000


@pytest.mark.skipif(sys.platform == "win32", reason="programs are shell scripts")
def test_gpus_are_listed_where_they_are_visible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment.machine()["gpu"] == []
    program(tmp_path, "nvidia-smi", "echo 'A100, 80 GiB, 570'")
    assert environment.machine()["gpu"] == ["A100, 80 GiB, 570"]
    program(tmp_path, "nvidia-smi", "echo broken; exit 9")
    assert environment.machine()["gpu"] == []


@pytest.mark.skipif(sys.platform == "win32", reason="programs are shell scripts")
def test_on_other_systems_the_processor_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "sysctl", "echo 'Apple M4'")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "darwin")
    assert environment.machine()["cpu"] == "Apple M4"
    monkeypatch.setattr(sys, "platform", "other")
    assert environment.machine()["cpu"] == (platform.processor() or platform.machine())


@pytest.mark.skipif(sys.platform == "win32", reason="programs are shell scripts")
def test_a_program_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "nvidia-smi", "exec sleep 30")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(environment, "COMMAND_SECONDS", 0.2)
    assert environment.machine()["gpu"] == []


def test_the_project_under_test_is_named_by_its_commit(tmp_path: Path) -> None:
    assert environment.commit(tmp_path) == ""

    def git(*arguments: str) -> None:
        names = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *names, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-q")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-q", "-m", "a")
    clean = environment.commit(tmp_path)
    assert len(clean) == 40
    (tmp_path / "a").write_text("2")
    assert environment.commit(tmp_path) == clean + "+"


def test_a_system_without_a_load_average_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> tuple[float, float, float]:
        raise OSError

    monkeypatch.setattr(os, "getloadavg", fail, raising=False)
    assert environment.load_average() is None

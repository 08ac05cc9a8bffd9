"""`slip doctor`: what is wrong is found and how to mend it is said."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from slipstream.cli import doctor
from slipstream.cli.main import main
from slipstream.storage import database


def checks(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit status and checks by name."""
    status = main(["doctor", "--json"])
    shown = json.loads(capsys.readouterr().out)
    assert shown["ok"] == (status == 0)
    return status, {check["name"]: check for check in shown["checks"]}


def test_a_sound_installation_passes(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every check is listed; nothing is to be mended."""
    status, found = checks(capsys)
    assert status == 0, found
    assert list(found) == list(doctor.CHECKS)
    assert {check["result"] for check in found.values()} <= {"ok", "warning"}
    assert main(["doctor"]) == 0
    assert "ok       Python" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are POSIX")
def test_a_folder_or_file_that_others_can_enter(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fails for the folder; warns for a file within."""
    home.mkdir(mode=0o700)
    (home / "x").write_text("")
    (home / "x").chmod(0o644)
    status, found = checks(capsys)
    assert (status, found["private files"]["result"]) == (0, "warning")
    home.chmod(0o755)
    status, found = checks(capsys)
    assert status == 1
    assert found["data folder"]["mend"] == f"chmod 700 {home}"
    assert main(["doctor"]) == 1
    assert f"→ chmod 700 {home}" in capsys.readouterr().out


def test_a_damaged_database(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fails, says how to mend, and the other checks still run."""
    database.connect(home).close()
    path = home / "outputs.db"
    data = bytearray(path.read_bytes())
    data[100:] = os.urandom(len(data) - 100)
    path.write_bytes(data)
    status, found = checks(capsys)
    assert (status, found["database"]["result"]) == (1, "failed")
    assert str(path) in found["database"]["mend"]
    assert found["git"]["result"] == "ok"


def test_mistakes_in_the_configuration_are_warned_of(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Slipstream goes on without them, so that they fail nothing."""
    monkeypatch.setenv("SLIPSTREAM_MOD", "burst")
    status, found = checks(capsys)
    assert (status, found["configuration"]["result"]) == (0, "warning")
    assert "did you mean SLIPSTREAM_MODE?" in found["configuration"]["mend"]


def test_a_wrong_url_fails(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends every other command, but not this one."""
    monkeypatch.setenv("SLIPSTREAM_STORAGE_REDIS_URL", "nowhere")
    status, found = checks(capsys)
    assert (status, found["configuration"]["result"]) == (1, "failed")


def test_git_is_missing(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing on the PATH is called so."""
    monkeypatch.setenv("PATH", str(tmp_path))
    status, found = checks(capsys)
    assert (status, found["git"]["found"]) == (1, "not found")


@pytest.mark.parametrize(
    ("free", "result"), [(2 * 1024**3, "ok"), (512 * 1024**2, "warning"), (1024, "failed")]
)
def test_little_room_on_the_disk(
    free: int, result: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A warning below 1 GiB, a failure below 64 MiB."""
    monkeypatch.setattr("shutil.disk_usage", lambda _path: SimpleNamespace(free=free))
    assert doctor.CHECKS["disk"]("disk").result == result


def test_a_python_or_a_library_out_of_range(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too old fails, too new warns; Prefect does not start beside another fastapi."""
    monkeypatch.setattr(doctor, "OLDEST_PYTHON", (9, 0))
    assert doctor.CHECKS["Python"]("Python").result == "failed"
    monkeypatch.setattr(doctor, "OLDEST_PYTHON", (3, 0))
    monkeypatch.setattr(doctor, "NEWEST_PYTHON", (3, 0))
    assert doctor.CHECKS["Python"]("Python").result == "warning"
    monkeypatch.setattr(doctor, "version", lambda _name: "0.153.1")
    assert doctor.CHECKS["Prefect"]("Prefect").result == "failed"


def test_a_cache_that_was_damaged_or_cannot_be_used(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Is warned of: what cannot use it does without."""
    folder = home / "cache"
    folder.mkdir(parents=True)
    (folder / "cache.db").write_bytes(b"no database" * 1000)
    assert "set aside as damaged-1.db" in doctor.CHECKS["cache"]("cache").found
    assert doctor.CHECKS["cache"]("cache").found.endswith("; 1 damaged or older ones set aside")
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    folder.write_text("in the way")
    found = checks(capsys)[1]
    assert found["cache"]["result"] == "warning"
    assert found["cache"]["mend"].startswith(f"remove {folder}")

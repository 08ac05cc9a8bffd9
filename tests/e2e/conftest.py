"""Data folders for `slip` as a process, in which the rules are compiled already."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

SLIP = (sys.executable, "-m", "slipstream.cli")
_FOOTER = re.compile(
    r"\[slip exit=(?P<exit>unknown|-?\d+) bytes=(?P<bytes>\d+) lines=(?P<lines>\d+)"
    r" complete=(?P<complete>yes|no) log=(?P<log>[0-9a-f]{12}|-) sha256=(?P<sha256>[0-9a-f]{64})\]"
)


class Footer(NamedTuple):
    """The last line of a summary."""

    exit: str
    bytes: int
    lines: int
    complete: bool
    log: str
    sha256: str


def footer(summary: str) -> Footer:
    """Read the last line of a summary."""
    line = summary.rstrip("\n").rpartition("\n")[2]
    found = _FOOTER.fullmatch(line)
    assert found, f"no line for programs: {line!r}"
    status, size, lines, complete, log, sha256 = found.groups()
    return Footer(status, int(size), int(lines), complete == "yes", log, sha256)


def stored(log: str = "last", *arguments: str) -> bytes:
    """What `slip log` prints."""
    done = subprocess.run([*SLIP, "log", log, *arguments], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with the compiled rules: making them takes seconds."""
    home = tmp_path_factory.mktemp("compiled")
    command = [*SLIP, "summarize", "-"]
    environment = os.environ | {"SLIPSTREAM_HOME": str(home)}
    subprocess.run(command, input=b"x\n", check=True, capture_output=True, env=environment)
    return home / "cache"


@pytest.fixture
def home(compiled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder of the test's own, but for the compiled rules."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    shutil.copytree(compiled, folder / "cache")
    monkeypatch.setenv("SLIPSTREAM_HOME", str(folder))
    return folder

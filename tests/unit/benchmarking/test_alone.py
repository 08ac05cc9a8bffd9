"""One benchmark at a time on a machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from slipstream.storage.errors import SlipError
from slipstream.tasks.benchmarking import alone
from slipstream.tasks.benchmarking.alone import only_one, under_way


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "folder" / "lock"
    monkeypatch.setenv(alone.VARIABLE, str(file))
    return file


def test_whoever_comes_second_is_told_who_holds_the_lock(lock: Path) -> None:
    with only_one("abc"):
        assert under_way()
        with pytest.raises(SlipError, match=rf"process {os.getpid()}, run abc, since \d{{4}}-"):
            only_one().__enter__()
        lock.write_text("nothing that can be read")
        with pytest.raises(SlipError, match="Another benchmark is running, and"):
            only_one().__enter__()
    assert not under_way()


def test_the_lock_dies_with_its_holder(lock: Path) -> None:
    code = (
        "import os\nfrom slipstream.tasks.benchmarking.alone import only_one\n"
        "with only_one('x'): print('held', flush=True); input()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert under_way()
        holder.kill()
    assert not under_way()
    assert lock.stat().st_mode & 0o777 == 0o600


def test_without_the_variable_all_data_folders_of_a_user_share_one_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(alone.VARIABLE)
    monkeypatch.setenv("TMPDIR", "/nowhere")
    file = alone._file()
    assert file.name == alone.FILE
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_a_link_in_place_of_the_lock_is_not_followed(lock: Path, tmp_path: Path) -> None:
    lock.parent.mkdir()
    lock.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SlipError, match="cannot be opened"):
        only_one().__enter__()
    assert not (tmp_path / "elsewhere").exists()

"""Where the data folder is, and who can enter it."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import platformdirs
import pytest

from slipstream.storage import paths
from slipstream.storage.errors import StorageError


@pytest.mark.parametrize(
    ("home", "xdg"),
    [("/home/me", None), ("/home/me", "/data"), ("/home/me", "relative"), ("/home/me", ""),
     ("relative", None), ("", "/data"), (None, None)],
)  # fmt: skip
def test_the_default_is_what_platformdirs_says(
    home: str | None, xdg: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Computed without importing it on Linux, and equal to it for every environment."""
    for name in ("SLIPSTREAM_HOME", "SLIPSTREAM_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (("HOME", home), ("XDG_DATA_HOME", xdg), ("XDG_CONFIG_HOME", xdg)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    data = platformdirs.user_data_dir("slipstream", appauthor=False)
    config = platformdirs.user_config_dir("slipstream", appauthor=False)
    assert paths.home_path() == Path(data)
    assert paths.config_path() == Path(config) / "config.yaml"


def test_slipstream_home_overrules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with `~`, and relative to the current folder."""
    monkeypatch.setenv("SLIPSTREAM_HOME", str(tmp_path / "a"))
    assert paths.database_path() == tmp_path / "a" / "outputs.db"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("SLIPSTREAM_HOME", "~/b")
    assert paths.home_path() == tmp_path / "b"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLIPSTREAM_HOME", "c")
    assert paths.home_path() == tmp_path / "c"


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are POSIX")
def test_folders_are_for_their_owner_alone(home: Path) -> None:
    """Whatever the umask is."""
    below = paths.subfolder(paths.OUTPUTS)
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (home, below)] == [0o700, 0o700]


def test_a_file_in_place_of_the_folder_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what to do."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("SLIPSTREAM_HOME", str(tmp_path / "file"))
    with pytest.raises(StorageError, match=r"cannot be made \(File exists\).*SLIPSTREAM_HOME\."):
        paths.home()

"""Where Slipstream keeps things: one data folder, private to the user, that can be moved whole.

`SLIPSTREAM_HOME` names the folder; without it, it is the platform's folder for user data. Below it:

    outputs.db   outputs, summaries, findings, audit log
    logs/        frames of the outputs that are too large for the database
    cache/       what can be computed again: deleting it is always safe
    program/     Slipstream's own log
    reports/     reports of comparisons that flows made
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from slipstream.storage.errors import StorageError

APP = "slipstream"
PRIVATE = 0o700  # folders; files are 0600
OUTPUTS = "logs"
CACHE = "cache"
PROGRAM_LOG = "program"
DATABASE = "outputs.db"
CONFIG_FILE = "config.yaml"


def home_path() -> Path:
    """The data folder, whether or not it exists."""
    return _chosen("SLIPSTREAM_HOME") or _user_folder("XDG_DATA_HOME", ".local/share", "data")


def config_path() -> Path:
    """The user's configuration file, whether or not it exists.

    `SLIPSTREAM_CONFIG` names another one.
    """
    chosen = _chosen("SLIPSTREAM_CONFIG")
    return chosen or _user_folder("XDG_CONFIG_HOME", ".config", "config") / CONFIG_FILE


def home() -> Path:
    """The data folder, made with mode 0700 when it is missing.

    Raises:
        StorageError: It cannot be made, or something else stands in its place.
    """
    return make_private(home_path())


def subfolder(name: str) -> Path:
    """A folder below the data folder (`OUTPUTS`, `CACHE`, …), made with mode 0700 when missing.

    Raises:
        StorageError: It cannot be made, or something else stands in its place.
    """
    return make_private(home() / name)


def database_path() -> Path:
    """The SQLite file of outputs, summaries, findings and the audit log; the data folder exists."""
    return home() / DATABASE


def make_private(folder: Path) -> Path:
    """Make a folder that only its owner can enter, with its parents, and return it.

    Parents that are missing are made the same way, as the XDG specification asks. A folder that
    exists is left with the permissions it has: `slip doctor` tells of wrong ones.

    Raises:
        StorageError: It cannot be made, or something else stands in its place.
    """
    if folder.is_dir():  # one system call in the usual case
        return folder
    try:
        if not folder.parent.is_dir():
            make_private(folder.parent)
        folder.mkdir(mode=PRIVATE, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(
            f"The data folder {folder} cannot be made ({reason}); "
            "mend that, or name another folder with SLIPSTREAM_HOME."
        ) from error
    return folder


def _chosen(variable: str) -> Path | None:
    value = os.environ.get(variable, "").strip()
    return Path(value).expanduser().absolute() if value else None


def _user_folder(variable: str, default: str, kind: str) -> Path:
    """The platform's folder of one kind for this program.

    On Linux it is computed here as the XDG specification has it: importing platformdirs takes
    13 ms of a command that has 80. A test holds the two equal.

    Raises:
        StorageError: There is no home folder to put it in.
    """
    if sys.platform == "linux":
        if os.path.isabs(base := os.environ.get(variable, "")):
            return Path(base, APP)
        if os.path.isabs(base := os.environ.get("HOME", "")):
            return Path(base, default, APP)
    import platformdirs

    folder = platformdirs.user_data_dir if kind == "data" else platformdirs.user_config_dir
    try:
        return Path(folder(APP, appauthor=False))
    except RuntimeError as error:
        raise StorageError(
            "There is no home folder to keep the data in; name one with SLIPSTREAM_HOME."
        ) from error

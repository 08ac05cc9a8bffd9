"""Where settings come from: the user's file, the repository's file, the environment.

What `slip schedule` sets is a file of its own in the data folder, which counts as the user's: in
theirs are comments, which a program that writes it would lose.

Standard library only: this runs at each start, to see whether anything is set at all.
"""

import os
from typing import NamedTuple

from slipstream.storage import paths
from slipstream.storage.config.settings import OTHER_VARIABLES, PREFIX
from slipstream.storage.errors import StorageError

REPOSITORY_FILE = ".slipstream.yaml"
SCHEDULES_FILE = "schedules.yaml"
MAX_FILE_BYTES = 256 * 1024  # a configuration beyond that is a mistake, and slow to parse


class Source(NamedTuple):
    """One configuration file as it was read.

    Attributes:
        path: Absolute path, for messages.
        text: Its bytes; empty when it could not be read.
        trusted: The user's own file; a repository's may not loosen what protects the user.
        problem: Why it could not be read; empty when it was.
    """

    path: str
    text: bytes
    trusted: bool
    problem: str = ""


class Sources(NamedTuple):
    """All that was set, before anything of it is understood."""

    files: tuple[Source, ...]
    variables: tuple[tuple[str, str], ...]


def read(folder: str | None = None) -> Sources:
    """Read what is set for a command that runs in `folder` (default: the current folder)."""
    files = []
    if user := _user_file():
        files.append(user)
    if schedules := _schedules_file():
        files.append(schedules)
    found = repository_file(folder or _current_folder())
    if found and (repository := _read_file(found, trusted=False)):
        files.append(repository)
    variables = sorted(
        (name, value)
        for name, value in os.environ.items()
        if name.startswith(PREFIX) and name not in OTHER_VARIABLES
    )
    return Sources(tuple(files), tuple(variables))


def _current_folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed meanwhile
        return os.sep


def repository_file(folder: str) -> str | None:
    """The nearest `.slipstream.yaml` from `folder` up to the root of its git repository.

    Outside of a repository only the folder itself is looked at, so that a file that somebody
    left in a shared place such as /tmp does not count for all that is below.
    """
    folder = os.path.abspath(folder)
    at, found = folder, None
    while True:
        if found is None and os.path.isfile(candidate := os.path.join(at, REPOSITORY_FILE)):
            found = candidate
            if at == folder:
                return found
        if os.path.exists(os.path.join(at, ".git")):
            return found
        if (parent := os.path.dirname(at)) == at:
            return None
        at = parent


def _user_file() -> Source | None:
    try:
        path = str(paths.config_path())
    except StorageError:  # an account without a home folder has no file of settings either
        return None
    file = _read_file(path, trusted=True)
    if file is None and os.environ.get("SLIPSTREAM_CONFIG"):
        return Source(path, b"", True, "does not exist, but SLIPSTREAM_CONFIG names it")
    return file


def _schedules_file() -> Source | None:
    try:
        return _read_file(str(paths.home_path() / SCHEDULES_FILE), trusted=True)
    except StorageError:
        return None


def _read_file(path: str, trusted: bool) -> Source | None:
    try:
        with open(path, "rb") as file:
            text = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        return Source(path, b"", trusted, f"cannot be read ({error.strerror})")
    if len(text) > MAX_FILE_BYTES:
        return Source(path, b"", trusted, f"is larger than {MAX_FILE_BYTES:,} bytes")
    return Source(path, text, trusted)

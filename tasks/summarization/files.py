"""Logs as files: finding them by path, folder or glob, and the summary of each as data."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slipstream.storage.errors import NotFoundError, SlipError
from slipstream.tasks.summarization.model import Outcome
from slipstream.tasks.summarization.produce import (
    Request,
    command_words,
    read_file,
    summarise_chunks,
)

LOWEST_SHARE = 1_024


def find_logs(paths: Sequence[str]) -> list[Path]:
    """The regular files that files, folders (with all below) and globs name, each once.

    Raises:
        NotFoundError: A path names nothing.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if os.path.isdir(path):
            some = sorted(
                Path(folder, name)
                for folder, folders, names in os.walk(path)
                for name in names
                if not _hidden(folders, name)
            )
        elif os.path.exists(path):
            some = [Path(path)]
        else:
            some = sorted(Path(name) for name in glob.glob(path, recursive=True))
        some = [file for file in some if file.is_file()]
        if not some:
            raise NotFoundError(f"There is no log at {path!r}.")
        found.update(dict.fromkeys(some))
    return list(found)


def _hidden(folders: list[str], name: str) -> bool:
    """Leave out hidden files, and never descend into hidden folders."""
    folders[:] = [folder for folder in folders if not folder.startswith(".")]
    return name.startswith(".")


def share_of_session(count: int, profile: str, max_bytes: int | None) -> int:
    """Bytes for each of `count` summaries, so that all keep within the session's limit."""
    from slipstream.storage.config.load import load
    from slipstream.storage.config.settings import limits

    config = load().config
    one = limits(config, profile=profile, max_bytes=max_bytes).max_bytes
    return max(LOWEST_SHARE, min(one, config.summary.session_bytes // max(1, count)))


def summarise_file(
    path: str,
    *,
    command: str = "",
    exit_status: int | None = None,
    type: str = "",
    profile: str = "summary",
    max_bytes: int | None = None,
) -> dict[str, Any]:
    """Store and summarise one file; the result is the versioned JSON, with the file's name.

    Raises:
        NotFoundError: There is no such file.
        SlipError: It cannot be read.
    """
    from slipstream.storage.config.load import load
    from slipstream.storage.paths import home_path
    from slipstream.tasks.summarization.report import to_json

    request = Request(command_words(command), "", type, profile, max_bytes)
    try:
        produced = summarise_chunks(
            read_file(path), home_path(), load().config, request, Outcome(exit_status)
        )
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no file {path!r}.") from error
    except OSError as error:
        raise SlipError(f"{path!r} cannot be read: {error.strerror or error}.") from error
    return {"file": path, **to_json(produced)}

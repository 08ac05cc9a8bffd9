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

LEAST = 1_024
"""Bytes that a summary gets at the least, however many logs share a session."""


def find_logs(paths: Sequence[str]) -> list[Path]:
    """The regular files that files, folders (with all below) and globs name, each once.

    Hidden files and folders below a folder are left out.

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


def check_type(type: str) -> None:
    """Refuse a type that does not exist; the empty one stands for any.

    Raises:
        UsageError: It names those that are spelled like it.
    """
    if type:
        from slipstream.storage.config.load import load
        from slipstream.storage.paths import home_path
        from slipstream.tasks.summarization.types import check

        check(type, home_path(), load().config.patterns)


def heading(file: str) -> str:
    """The line that stands above a summary where there are several."""
    return f"== {file}"


def share_of_session(files: Sequence[str], profile: str, max_bytes: int | None) -> int | None:
    """Bytes for each summary so that all, with their headings, keep within the session's limit.

    Args:
        files: The logs.
        profile: `summary`, `cli` or `llm`.
        max_bytes: What was asked for.

    Returns:
        `max_bytes` itself where the limits of single summaries are low enough; never less than
        `LEAST`, so that for more than about a hundred logs `within_session` has to choose.
    """
    from slipstream.storage.config.load import load
    from slipstream.storage.config.settings import limits

    config = load().config
    kinds = ("", *config.summary.types)
    largest = max(limits(config, kind, profile, max_bytes).max_bytes for kind in kinds)
    headings = sum(_size(heading(file)) + 2 for file in files)
    share = (config.summary.session_bytes - headings) // max(1, len(files))
    return max_bytes if share >= largest else max(LEAST, share)


def within_session(results: Sequence[dict[str, Any]]) -> str:
    """The text of several summaries below headings, within the session's limit.

    Where they do not all fit, failures come first and a line says what is not shown.
    """
    from slipstream.storage.config.load import load

    texts = [f"{heading(one['file'])}\n{one.get('text') or one['error']}\n" for one in results]
    room = load().config.summary.session_bytes
    if sum(map(_size, texts)) <= room:
        return "".join(texts)
    room -= 200  # the line about the rest
    order = sorted(range(len(texts)), key=lambda i: (_worth(results[i]), i))
    shown = set()
    for i in order:
        if _size(texts[i]) <= room:
            room -= _size(texts[i])
            shown.add(i)
    hidden = [one for i, one in enumerate(results) if i not in shown]
    failed = sum(_worth(one) < 2 for one in hidden)
    return (
        "".join(texts[i] for i in sorted(shown))
        + f"== {len(hidden)} more summaries, {failed} of them of failures, are kept: "
        f"slip summary list --limit {len(results)}, slip summary show ID\n"
    )


def _worth(result: dict[str, Any]) -> int:
    """What is shown first: logs that could not be read, failures, the unknown, the passed."""
    if "error" in result:
        return 0
    return {True: 1, None: 2, False: 3}[result["failed"]]


def _size(text: str) -> int:
    return len(text.encode("utf-8", "backslashreplace"))


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
        SlipError: It is a folder, or may not be read.
        OSError: Reading it failed, which may pass.
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
    except (PermissionError, IsADirectoryError) as error:
        raise SlipError(f"{path!r} cannot be read: {error.strerror}.") from error
    return {"file": path, **to_json(produced)}

"""Files and their digests where there is no git, or git cannot be asked: all but what is ignored.

`.gitignore` holds here as in a repository: that of a deeper folder wins, a later line wins over an
earlier one, and what stands in an ignored folder cannot be taken back.
"""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from slipstream.storage import logs
from slipstream.storage.errors import UsageError
from slipstream.tasks.indexing import content

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

MAX_FILES = 100_000
"""Reading more than this at every look takes minutes: somebody's home rather than their project."""

_IGNORE = ".gitignore"


def names(root: str, below: str = "") -> dict[str, str]:
    """Path → SHA-256 of the content of all files and links of a folder, in order of path.

    What cannot be read is left out, and logged.

    Args:
        root: What paths are relative to, and the `.gitignore` that counts first is in.
        below: Only what is at or below this path; empty: all.

    Raises:
        UsageError: There are too many.
    """
    found: dict[str, str] = {}
    unreadable = 0
    for path in walk(root, below):
        if read := content.read(os.path.join(root, path), "plain", 0):
            found[path] = read[0]
        else:
            unreadable += 1
        if len(found) > MAX_FILES:
            raise UsageError(
                f"{root} holds more than {MAX_FILES} files, and no git tells which of them count; "
                "name a smaller folder, or put it under git."
            )
    if unreadable:
        logs.warning("index.unreadable", folder=root, files=unreadable)
    return dict(sorted(found.items()))


def walk(root: str, below: str = "") -> Iterator[str]:
    """Relative paths of the files and links of a folder that no `.gitignore` names."""
    pending: list[tuple[str, tuple[tuple[int, GitIgnoreSpec], ...]]] = [("", ())]
    while pending:
        folder, rules = pending.pop()
        try:
            entries = sorted(os.scandir(os.path.join(root, folder)), key=lambda entry: entry.name)
        except OSError as error:
            logs.warning("index.unreadable", folder=os.path.join(root, folder), why=error.strerror)
            continue
        if any(entry.name == _IGNORE for entry in entries):
            rules = (*_rules(os.path.join(root, folder, _IGNORE), len(folder)), *rules)
        for entry in entries:
            path = folder + entry.name
            if entry.name == ".git" or not _on_the_way(path, below):
                continue
            if entry.is_dir(follow_symlinks=False):
                if not _ignored(f"{path}/", rules):
                    pending.append((f"{path}/", rules))
            elif (entry.is_symlink() or entry.is_file()) and not _ignored(path, rules):
                yield path


def _on_the_way(path: str, below: str) -> bool:
    return not below or f"{path}/".startswith(f"{below}/") or f"{below}/".startswith(f"{path}/")


def _rules(path: str, depth: int) -> "tuple[tuple[int, GitIgnoreSpec], ...]":
    from pathspec import GitIgnoreSpec  # 40 ms, and only outside git

    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return ((depth, GitIgnoreSpec.from_lines(file)),)
    except (OSError, ValueError):  # a pattern that is none
        logs.warning("index.ignore-file", path=path)
        return ()


def _ignored(path: str, rules: "tuple[tuple[int, GitIgnoreSpec], ...]") -> bool:
    for depth, spec in rules:  # the deepest first
        if (verdict := spec.check_file(path[depth:]).include) is not None:
            return verdict
    return False

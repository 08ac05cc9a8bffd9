"""Read what `git status --porcelain=v2 -z` says: the commit, the branch, and what differs from it.

A file counts as it is in the worktree. Where that is what was staged, git has its name already;
else its bytes are named here, as they are: no filter, no line ends turned. A file that git calls
unchanged is the blob of the commit, even where its bytes in the worktree are other ones (line ends,
filters, `assume-unchanged`), and one that a sparse checkout leaves out is not deleted. What git
overlooks is overlooked: an edit of the same size, within the second in which the file was staged,
after which somebody set the file's time back to before that.
"""

import os
from typing import NamedTuple

from slipstream.tasks.indexing import content

# Renames would cost time and be two changes all the same; so would counting the commits that the
# upstream branch has. `dirty` spares a look into each submodule, whose files are not of this
# repository, and still shows one that became a file.
COMMAND = [
    "status",
    "--porcelain=v2",
    "--branch",
    "-z",
    "--no-ahead-behind",
    "--no-renames",
    "--ignore-submodules=dirty",
]
TRACKED = "--untracked-files=no"
UNTRACKED = "--untracked-files=all"
"""Untracked files, those that .gitignore names left out."""

_SUBMODULE = "160000"
_NOTHING = "000000"


class Status(NamedTuple):
    """What differs from the commit.

    Attributes:
        commit: Full object name; empty before the first commit.
        branch: Its name; empty for a detached HEAD.
        changed: Path → content name; None: deleted, a submodule, or unreadable.
        unreadable: Paths that stand in the worktree and cannot be read.
    """

    commit: str
    branch: str
    changed: dict[str, str | None]
    unreadable: list[str]


def parse(output: bytes, root: str, form: content.Form) -> Status:
    """Read git's answer, and name the contents of what changed.

    Args:
        output: What git printed.
        root: Folder of the worktree, whose files are read.
        form: Hash of the repository.
    """
    commit = branch = ""
    changed: dict[str, str | None] = {}
    unreadable: list[str] = []
    for record in os.fsdecode(output).split("\0"):
        kind = record[:2]
        if kind == "# ":
            name, _, value = record[2:].partition(" ")
            if name == "branch.oid" and value != "(initial)":
                commit = value
            elif name == "branch.head" and value != "(detached)":
                branch = value
        elif kind == "1 ":
            _, states, _, head_mode, _, mode, head, staged, path = record.split(" ", 8)
            if mode in (_NOTHING, _SUBMODULE):
                found = None
            elif states[1] == ".":
                found = staged
            else:
                found = _name(root, path, form, unreadable)
            if found != (None if head_mode in (_NOTHING, _SUBMODULE) else head):
                changed[path] = found
        elif kind == "u ":  # a merge left it to be resolved
            *_, mode, _, _, _, path = record.split(" ", 10)
            regular = mode not in (_NOTHING, _SUBMODULE)
            changed[path] = _name(root, path, form, unreadable) if regular else None
        elif kind == "? " and not record.endswith("/"):  # a folder with a repository of its own
            path = record[2:]
            changed[path] = _name(root, path, form, unreadable)
    return Status(commit, branch, changed, unreadable)


def _name(root: str, path: str, form: content.Form, unreadable: list[str]) -> str | None:
    full = os.path.join(root, path)
    for _ in range(3):  # one that grows while it is read has no name yet
        if found := content.read(full, form, 0):
            return found[0]
    if os.path.lexists(full) and not os.path.isdir(full):
        unreadable.append(path)
    return None

"""Git hooks that keep the index of a repository warm: a block of ours in hooks that stay theirs.

The block stands at the top of a hook, below its first line: what follows decides the hook's exit
status as before, and a hook that ends early has started ours all the same. What it starts runs in
the background with nothing of git's open, so that git neither waits for it nor fails by it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, NamedTuple

from slipstream.storage import paths
from slipstream.storage.errors import NotFoundError, SlipError, UsageError
from slipstream.storage.lock import locked, try_lock
from slipstream.tasks.indexing import git, keys

HOOKS = ("post-commit", "post-checkout", "post-merge")
BEGIN = b"# >>> slipstream: keeps the index warm (slip hook git remove takes this away) >>>\n"
END = b"# <<< slipstream <<<\n"
_BLOCK = re.compile(re.escape(BEGIN) + b".*?" + re.escape(END), re.DOTALL)
_SHELLS = re.compile(rb"#![^\n]*\b(?:sh|bash|dash|ksh|zsh)\b[^\n]*\n")
_NEW = b"#!/bin/sh\n"
_FILES_ALONE = ' && [ "$3" = 1 ]'
"""Of `post-checkout`: git says 0 where only files were checked out, and no commit."""
GIT_SECONDS = 10.0

Condition = Literal["installed", "outdated", "absent", "other"]


class Hook(NamedTuple):
    """A hook of a repository.

    Attributes:
        name: As git calls it.
        path: Of its file.
        condition: installed; outdated: what it would start is not there; absent: there is no such
            hook; other: there is one, without our block.
    """

    name: str
    path: Path
    condition: Condition


def status(folder: str) -> list[Hook]:
    """The hooks of the repository that a folder is in.

    Raises:
        NotFoundError: It is in none.
        SlipError: Git is not there, or a hook cannot be read.
    """
    return [Hook(name, path, _condition(name, path)) for name, path in _hooks(folder)]


def install(folder: str) -> list[Hook]:
    """Put the block into each hook; one that has it gets it anew. A second time changes nothing.

    Raises:
        NotFoundError: The folder is in no repository.
        UsageError: A hook is no shell script, or a link: nothing was changed.
        SlipError: Git is not there, or a hook cannot be read or written.
    """
    written = []
    for name, path in _hooks(folder):
        written.append((path, _with_block(path, _read(path), _block(name))))
    for path, text in written:
        _write(path, text)
    return status(folder)


def remove(folder: str) -> list[Hook]:
    """Take the block out of each hook; a hook of which nothing else is left goes.

    Raises:
        NotFoundError: The folder is in no repository.
        SlipError: Git is not there, or a hook cannot be read or written.
    """
    for _, path in _hooks(folder):
        text = _read(path)
        if text is None or not _BLOCK.search(text):
            continue
        rest = _BLOCK.sub(b"", text)
        if rest == _NEW:
            path.unlink(missing_ok=True)
        else:
            _write(path, rest)
    return status(folder)


def in_turn(folder: str, work: Callable[[], object]) -> bool:
    """Do the work of a hook; of many that come at once, one works and one waits.

    Those that come while one waits do nothing: it will see what they would.

    Returns:
        Whether the work was done.

    Raises:
        NotFoundError: The folder is in no repository.
        SlipError: Git is not there, or the locks cannot be made.
    """
    name = keys.digest([_repository(folder).root])[:32]
    place = paths.make_private(paths.subfolder(paths.CACHE) / "hooks")
    waiting = os.open(place / f"{name}.next", os.O_RDWR | os.O_CREAT, 0o600)
    with ExitStack() as stack:
        stack.callback(os.close, waiting)
        if not try_lock(waiting):
            return False
        with locked(place / name):
            stack.close()  # the next one may wait now
            work()
    return True


def _repository(folder: str) -> git.Repository:
    if not os.path.isdir(folder):
        raise NotFoundError(f"There is no folder {folder}.")
    try:
        found = git.discover(folder, GIT_SECONDS)
    except git.GitError as error:
        if error.inside:
            raise
        raise NotFoundError(
            f"{os.path.abspath(folder)} is in no git repository; go into one, or name one."
        ) from error
    if not found.worktree:
        raise UsageError(f"{found.folder} has no worktree, so that nothing is committed there.")
    return found


def _hooks(folder: str) -> list[tuple[str, Path]]:
    """Names and files of the hooks, where git looks for them."""
    repository = _repository(folder)
    question = ["config", "--null", "--type=path", "--get-all", "core.hooksPath"]
    answer = git.run(question, repository.root, timeout=GIT_SECONDS)
    told = os.fsdecode(answer).split("\0")[:-2]  # the last one is our own, so that none is run
    place = Path(repository.root, told[-1]) if told else Path(repository.common, "hooks")
    return [(name, place / name) for name in HOOKS]


def _condition(name: str, path: Path) -> Condition:
    text = _read(path)
    if text is None:
        return "absent"
    found = _BLOCK.search(text)
    if found is None:
        return "other"
    return "installed" if found[0] == _block(name) and os.access(path, os.X_OK) else "outdated"


def _block(name: str) -> bytes:
    """What starts the warming: without git's variables, at low priority, heard of by nobody."""
    command = shlex.join([*_program(), "hook", "git", "run"])
    program = shlex.quote(_program()[0])
    only = _FILES_ALONE if name == "post-checkout" else ""
    lines = (
        f"if [ -x {program} ]{only}; then",
        "  (",
        "    unset $(git rev-parse --local-env-vars)",
        "    trap '' HUP",
        f"    exec nice -n 10 {command}",
        "  ) </dev/null >/dev/null 2>&1 &",
        "fi",
    )
    return BEGIN + os.fsencode("\n".join(lines)) + b"\n" + END


def _program() -> list[str]:
    """The command by its path: a graphical git client may have another PATH."""
    beside = Path(sys.executable).with_name("slip")
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("slip")
    return [found] if found else [sys.executable, "-P", "-m", "slipstream.cli"]


def _with_block(path: Path, text: bytes | None, block: bytes) -> bytes:
    if path.is_symlink():
        raise UsageError(
            f"The hook {path} is a link, whose target may be somebody else's; nothing was changed. "
            "Add a line to the target: slip hook git run >/dev/null 2>&1 &"
        )
    if not text:
        return _NEW + block
    if _BLOCK.search(text):
        return _BLOCK.sub(lambda _: block, text, count=1)
    first = _SHELLS.match(text)
    if text.startswith(b"#!") and not first:
        raise UsageError(
            f"The hook {path} is no shell script; nothing was changed. Have it start this in the "
            "background: slip hook git run"
        )
    end = first.end() if first else 0
    return text[:end] + block + text[end:]


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SlipError(f"The hook {path} cannot be read ({error.strerror}).") from error


def _write(path: Path, text: bytes) -> None:
    """Write a hook under another name and rename it: git may start it at any moment."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode if path.exists() else 0o700
        try:
            draft.write_bytes(text)
            draft.chmod(mode | 0o100)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise SlipError(f"The hook {path} cannot be written ({error.strerror}).") from error

"""Why a command could not be started, in one sentence. Loaded only when that happens."""

from __future__ import annotations

import errno
import os
import shlex

from slipstream.storage.errors import NotFoundError, SlipError, UsageError

_SHELL_WORDS = frozenset(
    (
        ".", "alias", "bg", "cd", "eval", "exec", "export", "fg", "for", "if", "jobs", "set",
        "shopt", "source", "ulimit", "umask", "unset", "wait", "while",
    )
)  # fmt: skip


class CommandError(SlipError):
    """A command could not be started.

    Attributes:
        exit_status: 127 when it was not found, 126 when it cannot be executed, as in a shell.
    """

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status


def not_started(
    command: list[str], cwd: str | None, path: str, step: str, number: int
) -> SlipError:
    """The error to raise.

    Args:
        command: The command and its arguments.
        cwd: The folder that it should have run in.
        path: The PATH that it was looked for in.
        step: What failed: "exec", "cwd", or "value" for a command that cannot be passed on.
        number: The system's error number.
    """
    if step == "value" or not command:
        if not command or not command[0]:
            return UsageError("There is no command to run; write it so: slip run -- make test")
        return UsageError(
            "The command or its environment contains a NUL character, "
            "which no program can be given; remove it."
        )
    if step == "cwd":
        if number in (errno.ENOENT, errno.ENOTDIR):
            return NotFoundError(f"The folder {cwd} does not exist; give --cwd one that does.")
        reason = os.strerror(number)
        return UsageError(f"The folder {cwd} cannot be entered ({reason}); give --cwd another one.")
    return _not_executed(command, cwd, path, number)


def _not_executed(command: list[str], cwd: str | None, path: str, number: int) -> CommandError:
    name = command[0]
    file = _find(name, cwd, path)
    if number in (errno.ENOENT, errno.ENOTDIR):
        if file:
            line = _interpreter(file)
            return CommandError(
                f"{name} cannot be run because its interpreter {line or '(loader)'} does not "
                "exist; install that or correct the file's first line.",
                126,
            )
        return CommandError(_unknown(command, path), 127)
    if number == errno.EACCES:
        if file and os.path.isdir(file):
            return CommandError(f"{name} is a folder, not a program; name a program in it.", 126)
        hint = f"allow it with: chmod +x {shlex.quote(file or name)}"
        return CommandError(f"There is no permission to execute {name}; {hint}", 126)
    if number == errno.E2BIG:
        return CommandError(
            f"{name} was given more arguments than the system allows; pass them in a file.", 126
        )
    return CommandError(
        f"{name} cannot be executed ({os.strerror(number)}); check that it is a program for this "
        "system.",
        126,
    )


def _unknown(command: list[str], path: str) -> str:
    name = command[0]
    if os.path.dirname(name):
        return f"The program {name} does not exist; check its path."
    words = name.split()
    if len(words) > 1:
        return (
            f"The command {shlex.quote(name)} was not found; give the program and its arguments "
            f"as separate words: slip run -- {name}"
        )
    if name in _SHELL_WORDS:
        return (
            f"{name} is part of the shell and not a program; "
            f"run a shell: slip run -- sh -c {shlex.quote(' '.join(command))}"
        )
    near = _nearest(name, path)
    hint = f"did you mean {' or '.join(near)}?" if near else "check its spelling or install it."
    return f"The command {name} was not found on PATH; {hint}"


def _nearest(name: str, path: str) -> list[str]:
    """At most three names on PATH that are spelled like `name`."""
    from difflib import get_close_matches

    names: set[str] = set()
    for folder in path.split(os.pathsep):
        try:
            names.update(os.listdir(folder or "."))
        except OSError:
            continue
    # Most names are too long, too short, or begin with something else: comparing is slow.
    likely = sorted(n for n in names if abs(len(n) - len(name)) < 3 and n[:1] == name[:1])
    return get_close_matches(name, likely, 3, 0.75)


def _find(name: str, cwd: str | None, path: str) -> str:
    """The file that `name` stands for, executable or not; nothing when there is none."""
    folders = [""] if os.path.dirname(name) else path.split(os.pathsep)
    for folder in folders:
        file = os.path.join(cwd or "", folder, name)
        if os.path.exists(file):
            return file
    return ""


def _interpreter(file: str) -> str:
    """The interpreter that a script's first line names; nothing when it has no such line."""
    try:
        with open(file, "rb") as stream:
            line = stream.readline(256)
    except OSError:
        return ""
    words = line[2:].split() if line.startswith(b"#!") else []
    return words[0].decode("utf-8", "replace") if words else ""

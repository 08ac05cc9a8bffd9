"""`slip run`: spawn a command, show the summary of its output, end with its exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from slipstream.cli import output
from slipstream.cli.fast import Options, parse
from slipstream.storage.errors import SlipError, UsageError
from slipstream.tasks.summarization.capture import start

if TYPE_CHECKING:
    from pathlib import Path

    from slipstream.storage.config.settings import Config
    from slipstream.tasks.summarization.produce import Produced

PROFILES = ("summary", "cli", "llm")
OPTIONS: Options = {
    "--type": str,
    "--max-bytes": int,
    "--profile": str,
    "--tee": bool,
    "--timeout": float,
    "--json": bool,
    "--cwd": str,
    "--env": [str],
}


def fast(argv: Sequence[str]) -> int | None:
    """Run from a plain command line; None where Typer has to look at it."""
    parsed = parse(argv, OPTIONS, rest=True)
    if parsed is None or not parsed[1]:
        return None
    values, command = parsed
    return run(command, **values)


def run(
    command: Sequence[str],
    *,
    type: str | None = None,
    max_bytes: int | None = None,
    profile: str | None = None,
    tee: bool = False,
    timeout: float | None = None,
    json: bool = False,
    cwd: str | None = None,
    env: Sequence[str] = (),
) -> int:
    """Run a command and print the summary of its output.

    Args:
        command: The program and its arguments.
        type: A type or tool to take the output for; default: told by the content.
        max_bytes: Bytes of the summary at the most; default: what the profile says.
        profile: One of `PROFILES`.
        tee: Copy the output to standard error as it comes.
        timeout: Seconds after which the command is ended.
        json: Print the summary as JSON.
        cwd: Folder to run it in.
        env: `NAME=VALUE` words, added to this process's variables.

    Returns:
        The command's own exit status.

    Raises:
        SlipError: The command cannot be started, or an option is wrong; nothing has run then.
            A configuration that cannot be used ends the command.
    """
    if timeout is not None and not timeout > 0:
        raise UsageError(f"--timeout {timeout:g} must be above 0 seconds.")
    check_profile(profile)
    added = variables(env)
    if type:
        settings(type, cwd)  # reads the rules, which takes longer than starting the command
    child = start(command, cwd=cwd, env=added or None)
    # The command runs now; what is needed from here on is imported beside it.
    try:
        from slipstream.tasks.summarization.produce import Request, run_command

        config, home, problems = settings(None, cwd)
        max_bytes, problem = limit(max_bytes)
        request = Request(tuple(command), _folder(cwd), type or "", profile or "summary", max_bytes)
        produced, status = run_command(child, home, config, request, timeout=timeout, tee=tee)
    except BaseException:
        child.abandon()
        raise
    finish(produced, json, home, config, (*problems, *problem))
    return status


def variables(assignments: Sequence[str]) -> Mapping[str, str]:
    """`NAME=VALUE` words as a mapping.

    Raises:
        UsageError: A word is not of that form.
    """
    pairs = {}
    for word in assignments:
        name, equals, value = word.partition("=")
        if not name or not equals:
            raise UsageError(f"--env {word!r} is not of the form NAME=VALUE.")
        pairs[name] = value
    return pairs


def check_profile(profile: str | None) -> None:
    """Refuse a profile that does not exist.

    Raises:
        UsageError: It names those that do.
    """
    if profile is not None and profile not in PROFILES:
        raise UsageError(f"--profile {profile!r} is unknown; it is one of {', '.join(PROFILES)}.")


def settings(
    type: str | None = None, folder: str | None = None
) -> tuple[Config, Path, tuple[str, ...]]:
    """The configuration, the data folder (which may be unusable), and what to warn about.

    Args:
        type: A type to check: the configuration may add some.
        folder: Where the command runs; default: here.

    Raises:
        ConfigError: The configuration cannot be used.
        UsageError: There is no such type.
    """
    from slipstream.storage import paths
    from slipstream.storage.config.load import load

    loaded = load(folder)
    home = paths.home_path()
    if type:
        from slipstream.tasks.summarization.types import check

        check(type, home, loaded.config.patterns)
    return loaded.config, home, loaded.problems


def limit(max_bytes: int | None) -> tuple[int | None, tuple[str, ...]]:
    """The nearest allowed limit, and a sentence when it is another."""
    if max_bytes is None:
        return None, ()
    from slipstream.storage.config.settings import bounded

    value, problem = bounded("summary.max_bytes", max_bytes, "--max-bytes")
    return value, (problem,) if problem else ()


def finish(
    produced: Produced, as_json: bool, home: Path, config: Config, problems: Sequence[str]
) -> None:
    """Print a summary, as text or as JSON, then what went wrong; prune once a day."""
    if as_json:
        from slipstream.tasks.summarization.report import to_json

        output.print_json(to_json(produced))
    else:
        print(produced.text)
    sys.stdout.flush()
    for sentence in (*problems, *produced.warnings):
        output.warn(sentence)
    if produced.log.id:
        from slipstream.storage.outputs.prune import prune_if_due

        try:
            prune_if_due(home, config.retention.days, config.retention.max_bytes)
        except SlipError as error:
            output.warn(f"Old logs could not be pruned: {error}")


def _folder(cwd: str | None) -> str:
    """The folder that a command runs in, as it is kept with its log."""
    try:
        return os.path.abspath(cwd or os.getcwd())
    except OSError:  # it was removed meanwhile
        return cwd or ""

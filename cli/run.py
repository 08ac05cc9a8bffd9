"""`slip run`: spawn a command, show the summary of its output, end with its exit status."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from slipstream.cli import output
from slipstream.cli.fast import Many, parse
from slipstream.storage.errors import SlipError, UsageError
from slipstream.tasks.summarization.capture import start

PROFILES = ("summary", "cli", "llm")
OPTIONS = {
    "--type": str,
    "--max-bytes": int,
    "--profile": str,
    "--tee": bool,
    "--timeout": float,
    "--json": bool,
    "--cwd": str,
    "--env": Many(),
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

    Returns:
        The command's own exit status.

    Raises:
        SlipError: The command cannot be started, or an option is wrong.
    """
    if timeout is not None and not timeout > 0:
        raise UsageError(f"--timeout {timeout:g} must be above 0 seconds.")
    if type:
        settings(profile, type)
    child = start(command, cwd=cwd, env=variables(env) if env else None)
    # The command runs now; what is needed from here on is imported beside it.
    from slipstream.tasks.summarization.produce import Request, run_command

    config, home, problems = settings(profile)
    max_bytes, problem = limit(max_bytes)
    request = Request(tuple(command), cwd or "", type or "", profile or "summary", max_bytes)
    produced, status = run_command(child, home, config, request, timeout=timeout, tee=tee)
    finish(produced, json, home, config, (*problems, *problem))
    return status


def variables(assignments: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE` words as a mapping."""
    pairs = {}
    for word in assignments:
        name, equals, value = word.partition("=")
        if not name or not equals:
            raise UsageError(f"--env {word!r} is not of the form NAME=VALUE.")
        pairs[name] = value
    return pairs


def settings(profile: str | None, type: str | None = None) -> tuple[Any, Any, tuple[str, ...]]:
    """The configuration, the data folder (which may be unusable), and what to warn about."""
    from slipstream.storage import paths
    from slipstream.storage.config.load import load

    if profile is not None and profile not in PROFILES:
        raise UsageError(f"--profile {profile!r} is unknown; it is one of {', '.join(PROFILES)}.")
    loaded = load()
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
    produced: Any, as_json: bool, home: Any, config: Any, problems: Sequence[str]
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

"""Measuring in this process, for commands of `slip bench`: Ctrl-C keeps what was measured."""

from __future__ import annotations

import asyncio
import shlex
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from slipstream.cli import output
from slipstream.storage.errors import UsageError

if TYPE_CHECKING:
    from slipstream.storage.bench import RunRecord
    from slipstream.tasks.benchmarking.run import Limit
    from slipstream.tasks.benchmarking.series import Turn
    from slipstream.tasks.benchmarking.suite import Suite


def measured(home: Path, turns: Sequence[Turn], limit: Limit | None) -> list[RunRecord]:
    """Make runs one after the other, until one does not come to its end.

    Raises:
        SlipError: See `series.measure`.
    """
    from slipstream.cli.bench_view import Live
    from slipstream.storage.config.load import load
    from slipstream.tasks.benchmarking import series
    from slipstream.tasks.benchmarking.run import Watcher

    live = Live()
    watcher = Watcher(live.note, live.begun, live.progress, live.ended)

    def told(run: RunRecord, turn: Turn) -> None:
        which = f", {turn.number + 1} of {turn.of}" if turn.of > 1 else ""
        live.note(f"run {run.id}{which}: {run.suite} on {turn.options.target.base_url}")

    async def work() -> list[RunRecord]:
        cancelled = asyncio.Event()
        loop = asyncio.get_running_loop()
        if sys.platform != "win32":
            for name in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(name, cancelled.set)
        days = load().config.bench.keep_days
        return await series.measure(home, turns, watcher, cancelled, limit, days, told)

    try:
        return asyncio.run(work())
    finally:
        live.clear()


def server_for(
    stack: ExitStack, suite: Suite, url: str, command_text: str
) -> tuple[str, tuple[str, ...]]:
    """The base URL that is measured and the command that starts it; the simulated one for none.

    Args:
        stack: Ends the simulated server.
        suite: What is run.
        url: Of a server; empty: the simulated one is started.
        command_text: Starts the server; empty: it runs already.

    Raises:
        UsageError: The command is none, or it is not said where its server answers.
    """
    try:
        command = tuple(shlex.split(command_text))
    except ValueError as error:
        raise UsageError(f"--server-command {command_text!r} is no command: {error}.") from error
    if url:
        return url, command
    if command:
        raise UsageError("--server-command needs --base-url: where the server answers.")
    output.note("no server is named: measuring the simulated one")
    if any(benchmark.cold for benchmark in suite.benchmarks):
        return _simulated_command()
    from slipstream.tasks.benchmarking.simulate import process

    return stack.enter_context(process.start()).base_url, ()


def _simulated_command() -> tuple[str, tuple[str, ...]]:
    """Where a simulated server answers, and the command that starts it there."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = (sys.executable, "-P", "-m", "slipstream.cli", "bench", "simulate")
    return f"http://127.0.0.1:{port}/v1", (*program, "--port", str(port))

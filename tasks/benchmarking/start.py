"""Starting the server that is measured: from its command, or by having it unload its model.

The command is run without a shell, in a process group of its own, which is ended as a whole: first
asked, then killed. What it prints goes to a file in the data folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from slipstream.storage.errors import SlipError, UsageError
from slipstream.storage.paths import make_private
from slipstream.tasks.benchmarking import target
from slipstream.tasks.benchmarking.faults import Fault
from slipstream.tasks.benchmarking.model import clock
from slipstream.tasks.benchmarking.target import Server, ServerError, Target

LOG = "server.log"
EVERY = 0.02  # seconds between two looks whether it answers
READY_SECONDS = 600.0  # until a server must answer; large models take minutes
END_SECONDS = 10.0  # until a server that was asked to end is killed
UNLOAD_SECONDS = 30.0
LAST_WORDS = 2000  # bytes of what it printed last
_DOWN = (Fault.REFUSED, Fault.UNREACHABLE)
_POSIX = sys.platform != "win32"


class CannotUnload(SlipError):
    """A cold start cannot be had."""


class Command:
    """A server that is started by a command, as often as wanted.

    Attributes:
        pid: Its process; 0: none runs.
    """

    def __init__(self, command: Sequence[str], where: Target, home: Path) -> None:
        """Prepare.

        Args:
            command: The program and its arguments.
            where: Where it will answer.
            home: The data folder.
        """
        self._command = command
        self._where = where
        self._log = make_private(home / "bench") / LOG
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """See the class."""
        return self._process.pid if self._process else 0

    async def start(self, cancelled: asyncio.Event) -> int:
        """Start it, after the one that runs has ended, and wait until it answers.

        Returns:
            When that began, ns of `clock`.

        Raises:
            UsageError: There is no such program.
            SlipError: It ended, or does not answer, or another server answers there.
        """
        await self.end()
        if await asyncio.to_thread(_answers, self._where) is not None:
            raise SlipError(
                f"A server answers at {self._where.base_url} already; stop it, since the given "
                "command is to start the one that is measured."
            )
        handle = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        began = clock()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=handle,
                stderr=handle,
                start_new_session=_POSIX,
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UsageError(f"{self._command[0]} cannot be started: {reason}.") from error
        finally:
            os.close(handle)
        until = time.monotonic() + READY_SECONDS
        while not cancelled.is_set() and not await asyncio.to_thread(_answers, self._where):
            if self._process.returncode is not None:
                raise SlipError(
                    f"The server ended with status {self._process.returncode} before it answered; "
                    f"{self._log} holds what it printed{self._words()}"
                )
            if time.monotonic() > until:
                raise SlipError(
                    f"The server does not answer at {self._where.base_url} after "
                    f"{READY_SECONDS:g} s; {self._log} holds what it printed{self._words()}"
                )
            await asyncio.sleep(EVERY)
        return began

    async def end(self) -> None:
        """End it and all that it started."""
        process, self._process = self._process, None
        if process is None:
            return
        self._signal(process, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), END_SECONDS)
        self._signal(process, signal.SIGKILL if _POSIX else signal.SIGTERM)
        await process.wait()

    def _signal(self, process: asyncio.subprocess.Process, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if sys.platform != "win32":
                # the group is there as long as any of its processes is
                os.killpg(process.pid, number)
            else:  # pragma: no cover - cannot run here
                process.terminate()

    def _words(self) -> str:
        """The last line that it printed."""
        with contextlib.suppress(OSError):
            lines = self._log.read_bytes()[-LAST_WORDS:].decode("utf-8", "replace").split("\n")
            last = next((line.strip() for line in reversed(lines) if line.strip()), "")
            return f" ({last[:200]})." if last else "."
        return "."


async def unload(where: Target, server: Server, cancelled: asyncio.Event) -> None:
    """Have a server unload its model, where it tells how (Ollama: `keep_alive` 0).

    Raises:
        CannotUnload: It does not.
        ServerError: It does not answer.
    """
    cannot = CannotUnload(
        "The server does not tell how to unload its model; name the command that starts the server "
        "with --server-command."
    )
    if server.name != "Ollama":
        raise cannot
    body = {"model": server.model, "keep_alive": 0}
    reply = await asyncio.to_thread(target.ask, where, "/api/generate", body, root=True)
    until = time.monotonic() + UNLOAD_SECONDS
    while reply.status == 200 and time.monotonic() < until and not cancelled.is_set():
        told = (await asyncio.to_thread(target.ask, where, "/api/ps", root=True)).value
        models = told.get("models") if isinstance(told, dict) else None
        if models is None:
            break
        if server.model not in {m.get("name") for m in models if isinstance(m, dict)}:
            return
        await asyncio.sleep(EVERY)
    if not cancelled.is_set():
        raise cannot


def _answers(where: Target) -> bool | None:
    """Whether a server lists its models; None: nothing listens there."""
    try:
        return target.ask(where, "/models").status == 200
    except ServerError as error:
        return None if error.fault in _DOWN else False

"""The processes of flow runs, as the runner sees them: started, told to end, waited for."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any, Protocol

from slipstream.flows import catalog

PRELOADED = (
    "anyio._backends._asyncio",
    "prefect._internal.observers",
    "prefect.utilities.visualization",
)
"""What Prefect imports when it runs a flow."""


class Processes(Protocol):
    """Starts a process for each flow run."""

    async def run(self, identity: str, flow: str, data: str) -> int:
        """Run a flow run and return how its process ended: < 0 by that signal."""

    def stop(self, identity: str) -> None:
        """Tell its process that it is cancelled."""

    def kill(self, identity: str) -> None:
        """Kill its process, and what that started."""


def template() -> socket.socket | None:
    """Import all flows and fork the template from this process; None where nothing can be forked.

    It is to be called while this process has one thread.
    """
    if sys.platform == "win32":
        return None
    from slipstream.flows import execute, template

    for name in catalog.FLOWS:
        catalog.imported(name)
    assert execute  # imported for the children
    for name in PRELOADED:
        import_module(name)
    return template.forked()


@contextlib.asynccontextmanager
async def opened(line: socket.socket | None) -> AsyncIterator[Processes]:
    """The processes that a template forks, or new ones where there is none."""
    if line is None:
        yield Spawned()
        return
    reader, writer = await asyncio.open_connection(sock=line)
    forked = Forked(writer)
    task = asyncio.create_task(forked.listen(reader))
    try:
        yield forked
    finally:
        task.cancel()
        writer.close()


class Forked:
    """Processes that the template forks."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._ends: dict[str, asyncio.Future[int]] = {}

    async def listen(self, reader: asyncio.StreamReader) -> None:
        """Hear of ends, until the template's own."""
        while line := await reader.readline():
            message = json.loads(line)
            if (end := self._ends.pop(message["ended"], None)) and not end.done():
                end.set_result(message["status"])
        # Without it nothing can be started: the supervisor starts this process again.
        raise SystemExit(1)

    async def run(self, identity: str, flow: str, data: str) -> int:
        """See `Processes`."""
        end: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._ends[identity] = end
        self._send({"run": identity, "flow": flow, "data": data})
        await self._writer.drain()
        return await end

    def stop(self, identity: str) -> None:
        """See `Processes`."""
        self._send({"stop": identity})

    def kill(self, identity: str) -> None:
        """See `Processes`."""
        self._send({"kill": identity})

    def _send(self, message: dict[str, Any]) -> None:
        self._writer.write(json.dumps(message).encode() + b"\n")


class Spawned:
    """New processes: slower, and possible everywhere.

    Attributes:
        running: By flow run.
    """

    def __init__(self) -> None:
        self.running: dict[str, asyncio.subprocess.Process] = {}

    async def run(self, identity: str, flow: str, data: str) -> int:
        """See `Processes`."""
        command = [sys.executable, "-P", "-m", "slipstream.flows.execute", flow]
        process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE)
        self.running[identity] = process
        try:
            await process.communicate(data.encode())
        finally:
            del self.running[identity]
        assert process.returncode is not None
        return process.returncode

    def stop(self, identity: str) -> None:
        """See `Processes`."""
        if process := self.running.get(identity):
            process.terminate()

    def kill(self, identity: str) -> None:
        """See `Processes`."""
        if process := self.running.get(identity):
            process.kill()


def ended(status: int) -> str:
    """How a process ended, as part of a sentence."""
    if status >= 0:
        return f"ended with status {status}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-status).name}"
    return f"was ended by signal {-status}"

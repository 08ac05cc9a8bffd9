"""The client processes as their parent sees them: started, told what to do, heard, ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from array import array
from collections.abc import Sequence
from typing import Any

from slipstream.storage.errors import SlipError
from slipstream.tasks.benchmarking import frames
from slipstream.tasks.benchmarking.model import Prepared, Waits

MODULE = "slipstream.tasks.benchmarking.client"
START_SECONDS = 60.0
END_SECONDS = 2.0


class Clients:
    """Client processes, ready to send.

    `heard` holds what they tell: the number of the process and the message, or None where the
    process has ended; `ended` the numbers of those.
    """

    def __init__(self, processes: Sequence[asyncio.subprocess.Process]) -> None:
        self.processes = processes
        self.heard: asyncio.Queue[tuple[int, list[Any] | None]] = asyncio.Queue()
        self.ended: set[int] = set()
        self._readers = [
            asyncio.create_task(self._read(number, process))
            for number, process in enumerate(processes)
        ]

    def __len__(self) -> int:
        return len(self.processes)

    @property
    def pids(self) -> list[int]:
        """The processes' ids."""
        return [process.pid for process in self.processes]

    async def open(self, waits: Waits, addresses: Sequence[str] = ()) -> None:
        """Make the processes ready.

        Args:
            waits: How long requests wait.
            addresses: Where to connect, whatever the host's name; empty: as it resolves.

        Raises:
            SlipError: One did not start.
        """
        for number in range(len(self)):
            self.tell(number, ["open", number, waits.connect, waits.read, list(addresses)])
        async with asyncio.timeout(START_SECONDS):
            for _ in self.processes:
                if (await self.heard.get())[1] is None:
                    raise SlipError("A client process ended while it was started; try again.")

    def tell(self, number: int, message: list[Any]) -> None:
        """Send a message to one process."""
        if (pipe := self.processes[number].stdin) and not pipe.is_closing():
            pipe.write(frames.pack(message))

    def tell_all(self, message: list[Any]) -> None:
        """Send a message to all."""
        for number in range(len(self)):
            self.tell(number, message)

    def add(self, number: int, key: int, at: int | None, request: Prepared) -> None:
        """Give a process a request to send: at this many ns after the start, or when it can."""
        self.tell(number, ["add", key, at, request.url, request.headers, request.body])

    async def close(self) -> None:
        """End the processes."""
        for process in self.processes:
            if process.stdin:
                process.stdin.close()
        for process in self.processes:
            with contextlib.suppress(TimeoutError, ProcessLookupError):
                await asyncio.wait_for(process.wait(), END_SECONDS)
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        await asyncio.gather(*self._readers, return_exceptions=True)

    async def _read(self, number: int, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        try:
            while True:
                size = frames.length(await process.stdout.readexactly(frames.HEAD))
                message = frames.unpack(await process.stdout.readexactly(size))
                self.heard.put_nowait((number, message))
        except asyncio.IncompleteReadError:
            self.ended.add(number)
            self.heard.put_nowait((number, None))


def most() -> int:
    """How many processes this machine has cores for."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


async def start(count: int = 1) -> Clients:
    """Start client processes; `open` makes them ready, so that both can happen meanwhile."""
    return Clients(
        [
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                MODULE,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=module_environment(),
            )
            for _ in range(count)
        ]
    )


def module_environment() -> dict[str, str]:
    """This process's environment, with this process's modules."""
    places = [place for place in sys.path if place]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(places)}


def lags(message: list[Any]) -> array[int]:
    """The delays of the loop in an `idle` message, ns."""
    found = array("q")
    found.frombytes(message[1])
    return found

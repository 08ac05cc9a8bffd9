"""The client process: it sends requests when they are due and notes moments; it does nothing else.

Reading JSON, storing and showing happen in the process that started it, so that they disturb no
measurement. It is told what to do in frames on standard input, and tells what happened on standard
output, without ever waiting for a pipe.

    ["open", id, connect, read, addresses]   seconds of waiting; answered by ["ready"]
    ["add", key, at, url, headers, body]   at: ns after the start, None in a closed loop
    ["go", start, slots, ramp]        ns; slots 0: open loop
    ["cut"]                           end what is under way; answered by ["idle", …]

and it tells `["took", key]` when it begins with a request and `["done", …]` when that has ended.
"""

import asyncio
import gc
import os
import signal
import sys
import threading
from array import array
from typing import Any

import aiohttp

from slipstream.tasks.benchmarking import frames
from slipstream.tasks.benchmarking.exchange import exchange, install_loop, make_session
from slipstream.tasks.benchmarking.faults import Fault
from slipstream.tasks.benchmarking.model import Exchange, Prepared, Waits, clock

LAG_EVERY = 0.02  # seconds between two looks at the loop
LAG_KEPT = 100_000
PAUSE = 0.05  # seconds that a slot waits after a failure, so that none spins
LONGEST_PAUSE = 10.0  # seconds; however long a server asks for
BUSY = (429, 503)


class Client:
    """The loop's side."""

    def __init__(self, tell: Any) -> None:
        self.tell = tell
        self.number = 0
        self.session: aiohttp.ClientSession | None = None
        self.waiting: asyncio.Queue[tuple[int, int | None, Prepared]] = asyncio.Queue()
        self.tasks: set[asyncio.Task[None]] = set()
        self.lags = array("q")

    async def hear(self, message: list[Any]) -> None:
        """Do what a frame asks for."""
        match message:
            case ["open", number, connect, read, addresses]:
                self.number = number
                self.session = make_session(Waits(connect, read), addresses)
                self.tell(["ready"])
            case ["add", key, at, url, headers, body]:
                request = Prepared(url, tuple((name, value) for name, value in headers), body)
                self.waiting.put_nowait((key, at, request))
            case ["go", start, slots, ramp]:
                self.begin(start, slots, ramp)
            case ["cut"]:
                await self.cut()

    def begin(self, start: int, slots: int, ramp: int) -> None:
        """Start the load."""
        self.lags = array("q")
        gc.collect()
        gc.freeze()
        gc.disable()
        self.spawn(self.watch())
        if not slots:
            self.spawn(self.schedule(start))
        for slot in range(slots):
            self.spawn(self.loop(start + ramp * slot // slots))

    async def loop(self, start: int) -> None:
        """A slot of a closed loop: one request after the other."""
        await self.until(start)
        free = clock()
        while True:
            key, _at, request = await self.waiting.get()
            done = await self.send(key, free, request)
            if done.fault is Fault.CUT_OFF:
                return
            if done.fault or done.status in BUSY:
                await asyncio.sleep(_pause(done))
            free = clock()

    async def schedule(self, start: int) -> None:
        """An open loop: each request at its moment, whatever became of the others."""
        while True:
            key, at, request = await self.waiting.get()
            due = start + (at or 0)
            await self.until(due)
            self.spawn(self.send(key, due, request))

    async def until(self, moment: int) -> None:
        """Sleep until a moment of the clock; the loop's own timers may wake early."""
        while (left := moment - clock()) > 0:
            await asyncio.sleep(left / 1e9)

    async def send(self, key: int, intended: int, request: Prepared) -> Exchange:
        """Send one request and tell what came of it."""
        assert self.session is not None
        self.tell(["took", key])
        done = await exchange(self.session, request, key, self.number, intended)
        self.tell(["done", *frames.as_row(done)])
        return done

    async def watch(self) -> None:
        """Note how long the loop takes to come round: what it cannot see happen meanwhile."""
        while True:
            await asyncio.sleep(LAG_EVERY)
            before = clock()
            await asyncio.sleep(0)
            if len(self.lags) < LAG_KEPT:
                self.lags.append(clock() - before)

    async def cut(self) -> None:
        """End everything, tell what was under way, and be ready for the next load."""
        self.waiting = asyncio.Queue()
        tasks, self.tasks = self.tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        gc.enable()
        gc.unfreeze()
        self.tell(["idle", self.lags.tobytes()])

    def spawn(self, work: Any) -> None:
        """Run a coroutine until it ends or all is cut."""
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


def _pause(done: Exchange) -> float:
    """Seconds until a slot tries again: as long as the server asks for, within reason."""
    if done.status not in BUSY:
        return PAUSE
    try:
        asked = float(done.headers.get("retry-after", ""))
    except ValueError:
        return PAUSE
    return min(max(asked, PAUSE), LONGEST_PAUSE)


class Outlet(asyncio.Protocol):
    """The pipe to the parent: what is told is written when there is room, in order."""

    def __init__(self) -> None:
        self.closed = asyncio.get_running_loop().create_future()
        self.transport: asyncio.WriteTransport | None = None

    def connection_lost(self, _error: Exception | None) -> None:
        """All is written, or the parent is gone."""
        if not self.closed.done():
            self.closed.set_result(None)

    async def open(self) -> None:
        """Take standard output; whatever prints goes to standard error from now on."""
        pipe = os.fdopen(os.dup(1), "wb", buffering=0)
        os.dup2(2, 1)
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.connect_write_pipe(lambda: self, pipe)

    def tell(self, message: list[Any]) -> None:
        """Send a message; it is dropped when the parent is gone."""
        assert self.transport is not None
        if not self.transport.is_closing():
            self.transport.write(frames.pack(message))

    async def close(self) -> None:
        """Write what is left."""
        assert self.transport is not None
        self.transport.close()
        await self.closed


async def serve() -> None:
    """Do what standard input says, until it ends."""
    outlet = Outlet()
    await outlet.open()
    heard: asyncio.Queue[list[Any] | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def listen() -> None:
        source = sys.stdin.buffer
        while True:
            try:
                message = frames.read(source)
            except EOFError:
                message = None
            loop.call_soon_threadsafe(heard.put_nowait, message)
            if message is None:
                return

    threading.Thread(target=listen, daemon=True).start()
    client = Client(outlet.tell)
    while (message := await heard.get()) is not None:
        await client.hear(message)
    await client.cut()
    if client.session is not None:
        await client.session.close()
    await outlet.close()


def main() -> None:
    """Run the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for who started this
    _raise_limit()
    install_loop()
    asyncio.run(serve())


def _raise_limit() -> None:
    """Allow as many connections as the system does."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main()

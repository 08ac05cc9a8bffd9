"""Putting load on a server: closed loop or open loop, until enough is measured or time is up.

In a closed loop each slot sends its next request when the last one has ended: the rate follows the
server. In an open loop requests are due at moments drawn beforehand, and are sent then whatever
the server does, so that a slow server cannot slow down its own test ("coordinated omission": Gil
Tene, How NOT to Measure Latency).
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, NamedTuple

from slipstream.storage.errors import SlipError
from slipstream.tasks.benchmarking import clients as processes
from slipstream.tasks.benchmarking import frames
from slipstream.tasks.benchmarking.clients import Clients
from slipstream.tasks.benchmarking.model import Exchange, Prepared, clock

LEAD_NS = 100_000_000  # between the order to start and the start
AHEAD = 64  # requests that wait in a client process, so that none waits for its parent
CUT_SECONDS = 5.0  # how long a client process may take to end what is under way

End = Literal["enough", "done", "time", "cancelled"]


class Load(NamedTuple):
    """How a server is loaded.

    Attributes:
        slots: Requests under way at the same time; 0: an open loop.
        arrivals: In an open loop, ns after the start at which each request is due.
        ramp_ns: Over how long the slots of a closed loop start.
        limit_ns: Everything ends when this has passed.
    """

    slots: int = 1
    arrivals: Iterable[int] | None = None
    ramp_ns: int = 0
    limit_ns: int = 300 * 10**9


class Loaded(NamedTuple):
    """How a load went.

    Attributes:
        end: Why it ended: all that was to be sent has been answered, the receiver had enough, time
            was up, or it was cancelled.
        started_ns: When the first request was due.
        ended_ns: When the last answer counted.
        lags: How long the clients' loops took to come round, ns.
    """

    end: End
    started_ns: int
    ended_ns: int
    lags: array[int]


async def run(
    clients: Clients,
    load: Load,
    requests: Iterable[tuple[int, Prepared]],
    receive: Callable[[Exchange], bool],
    cancelled: asyncio.Event | None = None,
    took: Callable[[int], None] | None = None,
) -> Loaded:
    """Send requests and hand over what comes back.

    Args:
        clients: Client processes, opened.
        load: How they send.
        requests: What they send, each with a number of its own; read a little ahead.
        receive: Is given each exchange; returns False when it has enough.
        cancelled: Set by somebody else to end within a second.
        took: Is told when a request is begun.

    Raises:
        SlipError: A client process ended by itself.
    """
    feed = _Feed(clients, load, iter(requests))
    for number in range(len(clients)):
        feed.fill(number)
    started = clock() + LEAD_NS
    for number in range(len(clients)):
        slots = _share(load.slots, number, len(clients))
        if slots or load.arrivals is not None:
            clients.tell(number, ["go", started, slots, load.ramp_ns])
    stop = asyncio.create_task((cancelled or asyncio.Event()).wait())
    deadline = started + load.limit_ns
    end: End = "done"
    ended = started
    try:
        while feed.open:
            message = await _heard(clients, stop, deadline)
            if message is None:
                end = "cancelled" if stop.done() else "time"
                break
            number, content = message
            if content[0] == "took":
                feed.fill(number)
                if took:
                    took(content[1])
            elif content[0] == "done":
                done = frames.from_row(content[1:])
                feed.open -= 1
                ended = max(ended, done.ended_ns)
                if not receive(done):
                    end = "enough"
                    break
    finally:
        stop.cancel()
        lags = await _cut(clients, receive)
    return Loaded(end, started, ended, lags)


class _Feed:
    """Keeps each process supplied."""

    def __init__(
        self, clients: Clients, load: Load, requests: Iterator[tuple[int, Prepared]]
    ) -> None:
        self.clients = clients
        self.requests = requests
        self.arrivals = None if load.arrivals is None else iter(load.arrivals)
        self.open = 0  # given to a process and not answered
        self.waiting = [-1] * len(clients)
        self.ahead = max(AHEAD, 2 * load.slots) // len(clients)
        self.idle = [
            load.arrivals is None and not _share(load.slots, number, len(clients))
            for number in range(len(clients))
        ]

    def fill(self, number: int) -> None:
        """Give a process as many requests as it shall have waiting: one for each it takes."""
        first = self.waiting[number] < 0
        wanted = self.ahead if first else 1
        self.waiting[number] = 0
        for _ in range(0 if self.idle[number] else wanted):
            if (following := next(self.requests, None)) is None:
                return
            at = None if self.arrivals is None else next(self.arrivals)
            self.clients.add(number, following[0], at, following[1])
            self.open += 1


async def _heard(
    clients: Clients, stop: asyncio.Task[bool], deadline: int
) -> tuple[int, list[Any]] | None:
    """The next message; None: stopped, or time is up."""
    if stop.done():
        return None
    if clients.heard.empty():
        left = max(0.0, (deadline - clock()) / 1e9)
        heard = asyncio.ensure_future(clients.heard.get())
        await asyncio.wait((heard, stop), timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if not heard.done():
            heard.cancel()
            return None
        number, message = heard.result()
    else:
        if clock() > deadline:
            return None
        number, message = clients.heard.get_nowait()
    if message is None:
        raise SlipError(
            "A client process ended by itself (out of memory, or killed); what was measured is "
            "kept, and `slip bench run --resume` goes on."
        )
    return number, message


async def _cut(clients: Clients, receive: Callable[[Exchange], bool]) -> array[int]:
    """End what is under way; what had ended by itself still counts."""
    clients.tell_all(["cut"])
    lags: array[int] = array("q")
    busy = set(range(len(clients))) - clients.ended
    try:
        async with asyncio.timeout(CUT_SECONDS):
            while busy:
                number, message = await clients.heard.get()
                if message is None:
                    busy.discard(number)
                elif message[0] == "done":
                    receive(frames.from_row(message[1:]))
                elif message[0] == "idle":
                    lags.extend(processes.lags(message))
                    busy.discard(number)
    except TimeoutError as error:
        raise SlipError("A client process does not end; try again.") from error
    return lags


def _share(slots: int, number: int, count: int) -> int:
    """How many of the slots one of several processes has."""
    return slots // count + (number < slots % count)

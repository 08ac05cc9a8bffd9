"""An event loop for sending on time: sockets, and one heap of absolute deadlines.

Not asyncio: it waits in whole milliseconds, with uvloop too, and uvloop sends at the end of a
turn, so that nobody knows when a chunk went out. Lateness in ms (median/90 %/99 %) of chunks every
10 ms, on two cores shared with the client and others: at 64 streams aiohttp 0.20/0.90/1.4, a bare
protocol on uvloop 0.17/0.76/1.3, on asyncio 0.58/1.06/1.2, this loop 0.08/0.18/0.6 to 1.1; at 256
streams 0.43/1.04/1.5, 0.32/1.0/1.4, 0.60/1.1/1.3, 0.10/0.34/1.1. It pays for that with CPU, since
it sleeps between chunks that the others send together: 35 to 55 µs a chunk, most of it in `send`.
"""

from __future__ import annotations

import heapq
import itertools
import select
import selectors
import sys
from collections.abc import Callable
from time import monotonic_ns
from typing import Protocol

_TIMERS_A_TURN = 64  # then sockets are looked at, however many more are due


class HasFileno(Protocol):
    """A socket, or an open file that can be waited for."""

    def fileno(self) -> int:
        """Its number."""


class Loop:
    """Calls back when sockets are ready and when deadlines have come, all in one thread."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._running = True
        # epoll waits in milliseconds. `select` on the epoll descriptor waits in microseconds;
        # it is made first of all, so that its number is one that `select` can take.
        self._descriptor = -1
        if sys.platform != "win32" and hasattr(self._selector, "fileno"):
            self._descriptor = self._selector.fileno()

    def watch(self, sock: HasFileno, mask: int, callback: Callable[[int], None]) -> None:
        """Call back with the ready events (`selectors.EVENT_…`) from now on."""
        try:
            self._selector.modify(sock, mask, callback)
        except KeyError:
            self._selector.register(sock, mask, callback)

    def forget(self, sock: HasFileno) -> None:
        """Call back no more for a socket."""
        self._selector.unregister(sock)

    def at(self, due: int, callback: Callable[[], None]) -> None:
        """Call back once, at `due` nanoseconds of the monotonic clock or soon after."""
        heapq.heappush(self._timers, (due, next(self._order), callback))

    def stop(self) -> None:
        """Return from `run` after this turn."""
        self._running = False

    def run(self) -> None:
        """Call back until `stop`."""
        timers, pop = self._timers, heapq.heappop
        while self._running:
            wait: float | None = 0.0
            for _ in range(_TIMERS_A_TURN):
                wait = (timers[0][0] - monotonic_ns()) / 1e9 if timers else None
                if wait is None or wait > 0:
                    break
                pop(timers)[2]()
            for key, mask in self._ready(wait if self._running else 0.0):
                key.data(mask)
        self._selector.close()

    def _ready(self, wait: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._descriptor < 0 or wait is None:
            return self._selector.select(wait)
        wait = max(wait, 0.0)
        if not select.select([self._descriptor], (), (), wait)[0]:
            return []
        return self._selector.select(0)

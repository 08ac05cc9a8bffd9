"""An event loop for sending on time: sockets, and one heap of absolute deadlines.

Not asyncio, because of three measurements (64 and 256 streams, two cores shared with the client):
uvloop's timers have steps of a millisecond and it sends at the end of a turn, so that the time at
which a chunk went out is not known; asyncio's own loop waits in steps of a millisecond too, and
costs twice the CPU per chunk. See docs/benchmarks.md.
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
            wait: float | None = None
            for _ in range(_TIMERS_A_TURN):
                if not timers:
                    break
                wait = (timers[0][0] - monotonic_ns()) / 1e9
                if wait > 0:
                    break
                pop(timers)[2]()
            if timers and (wait is None or wait < 0):
                wait = 0
            elif not timers:
                wait = None
            for key, mask in self._ready(wait):
                key.data(mask)
        self._selector.close()

    def _ready(self, wait: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._descriptor < 0 or wait is None:
            return self._selector.select(wait)
        if not select.select([self._descriptor], (), (), wait)[0]:
            return []
        return self._selector.select(0)

"""One computes, the others wait: among the threads of a process, and among processes.

A key that is being computed has a lock file, which is locked (flock) by whoever computes it and
freed by the kernel when that one dies. Whoever gets the lock looks into the cache again before it
computes. The file is removed by its holder while it still holds it; whoever waited for a file that
is gone meanwhile looks into the cache and, if it must, begins again with a new file.

A computation may ask for other keys. Whoever holds keys waits for long only for one that comes
behind all of them in a fixed order, so no ring of waiting ones can close; for another one it waits
a moment and then computes it too.
"""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from xxhash import xxh3_128_hexdigest

from slipstream.storage.lock import try_lock

FOLDER = "flights"
PATIENCE_SECONDS = 120.0  # for one that computes, or was stopped by its user
NESTED_SECONDS = 1.0  # the same out of order, where waiting for ever would be a deadlock
_PAUSES = 0.0002, 0.01  # between two looks at a lock, the first and the longest, in seconds

_held_files: set[int] = set()  # a child process must not keep what its parent holds


class _Flight:
    """A key that threads of this process compute or wait for."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.value: bytes | None = None


class Flights:
    """The keys that are being computed."""

    def __init__(self, folder: Path) -> None:
        """Keep the lock files in a folder of their own below the cache's `folder`."""
        self._folder = folder / FOLDER
        self._flights: dict[str, _Flight] = {}
        self._guard = threading.Lock()
        self._thread = threading.local()

    def run(
        self, key: str, look: Callable[[], bytes | None], compute: Callable[[], bytes]
    ) -> bytes:
        """The value of a key, computed by one of all that ask for it at the same time.

        Args:
            key: Of the cache.
            look: Finds the value that another one stored.
            compute: Computes the value and stores it. What it raises is raised by this call, and
                by no other.
        """
        name = xxh3_128_hexdigest(key.encode("utf-8", "surrogatepass"))
        held: list[str] = self._thread.__dict__.setdefault("held", [])
        if name in held:  # a computation that asks for its own key
            return compute()
        patience = PATIENCE_SECONDS if not held or name > max(held) else NESTED_SECONDS
        with self._guard:
            flight = self._flights.setdefault(name, _Flight())
        taken = flight.lock.acquire(timeout=patience)
        held.append(name)
        try:
            if taken and flight.value is not None:
                return flight.value
            flight.value = self._among_processes(name, patience, look, compute)
            return flight.value
        finally:
            held.remove(name)
            if taken:
                flight.lock.release()
            with self._guard:  # whoever comes from now on looks for what may have changed since
                if self._flights.get(name) is flight:
                    del self._flights[name]

    def _among_processes(
        self,
        name: str,
        patience: float,
        look: Callable[[], bytes | None],
        compute: Callable[[], bytes],
    ) -> bytes:
        path = self._folder / name
        give_up = time.monotonic() + patience
        while True:
            handle = self._lock(path, give_up)
            if handle is None:
                return compute()
            _held_files.add(handle)
            try:
                if (value := look()) is not None:
                    return value
                if _is_at(handle, path):
                    return compute()
            finally:
                if _is_at(handle, path):
                    with suppress(OSError):  # Windows does not remove what is open
                        path.unlink()
                _held_files.discard(handle)
                os.close(handle)

    def _lock(self, path: Path, give_up: float) -> int | None:
        """The locked file; None where it takes too long or there can be none."""
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            return None
        pause, longest = _PAUSES
        try:
            while not try_lock(handle):
                if time.monotonic() > give_up:
                    os.close(handle)
                    return None
                time.sleep(pause)
                pause = min(pause * 1.5, longest)
        except OSError:
            os.close(handle)
            return None
        except BaseException:  # an interruption by the user
            os.close(handle)
            raise
        return handle


def remove_left(folder: Path) -> int:
    """Remove lock files of computations that were killed; returns their number."""
    removed = 0
    with suppress(OSError):
        for path in (folder / FOLDER).iterdir():
            with suppress(OSError):
                handle = os.open(path, os.O_RDWR)
                try:
                    if try_lock(handle) and _is_at(handle, path):
                        path.unlink()
                        removed += 1
                finally:
                    os.close(handle)
    return removed


def _is_at(handle: int, path: Path) -> bool:
    """Whether an open file is still the one at a path."""
    try:
        there = os.stat(path)
    except OSError:
        return False
    ours = os.fstat(handle)
    return (there.st_ino, there.st_dev) == (ours.st_ino, ours.st_dev)


def _close_inherited() -> None:
    for handle in _held_files:
        with suppress(OSError):
            os.close(handle)
    _held_files.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_inherited)

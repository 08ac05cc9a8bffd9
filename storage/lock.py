"""Locks that die with their process: the kernel frees them, so none is ever left behind."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":  # pragma: no cover - cannot run here
    import msvcrt

    # Windows locks are mandatory: one byte far behind the end leaves the content readable.
    _FAR = 1 << 40

    def try_lock(handle: int) -> bool:
        """Lock an open file for this process, or tell that another one holds it."""
        return _windows(handle, msvcrt.LK_NBLCK)

    def _wait(handle: int) -> None:
        while not _windows(handle, msvcrt.LK_LOCK):  # gives up after ten seconds by itself
            pass

    def _windows(handle: int, how: int) -> bool:
        position = os.lseek(handle, 0, os.SEEK_CUR)
        try:
            os.lseek(handle, _FAR, os.SEEK_SET)
            msvcrt.locking(handle, how, 1)
        except OSError:
            return False
        finally:
            os.lseek(handle, position, os.SEEK_SET)
        return True

else:
    import fcntl

    def try_lock(handle: int) -> bool:
        """Lock an open file for this process, or tell that another one holds it."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _wait(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path` (made when missing, never removed) for the length of a block."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _wait(handle)
        yield
    finally:
        os.close(handle)

"""What happens to open stores when their process forks or ends."""

import atexit
import os
import threading
import weakref
from typing import Protocol


class Store(Protocol):
    """What is asked of a store."""

    def close(self) -> None:
        """Write what is due."""

    def before_fork(self) -> None:
        """Wait until no thread uses the database, and keep them from it."""

    def after_fork_in_parent(self) -> None:
        """Let them go on."""

    def after_fork_in_child(self) -> None:
        """Begin anew: locks, connection and counts are the parent's."""


opened: "weakref.WeakSet[Store]" = weakref.WeakSet()
_forking: list[Store] = []
_one_fork = threading.RLock()  # at a time: threads that fork together would mix their lists


def _close_all() -> None:
    for store in list(opened):
        store.close()


def _before_fork() -> None:
    _one_fork.acquire()
    _forking[:] = sorted(opened, key=id)  # in one order, whoever forks
    for store in _forking:
        store.before_fork()


def _after_fork_in_parent() -> None:
    for store in _forking:
        store.after_fork_in_parent()
    _forking.clear()
    _one_fork.release()


def _after_fork_in_child() -> None:
    for store in _forking:
        store.after_fork_in_child()
    _forking.clear()
    _one_fork.release()  # the thread that forked is the one that goes on here


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )

"""Takes the events of a store off its path, and writes them in batches.

The caller's part is to append to a queue. A thread, started with the first event, adds up and
writes every few seconds or when much has come; the rest is written when the process ends. A kill
loses what came since the last batch. Nothing here raises: a failure is logged, and what could not
be written is tried again with the next batch.
"""

from __future__ import annotations

import atexit
import os
import sqlite3
import sys
import threading
import time
import weakref
from collections import deque
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from slipstream.storage import database, events, logs
from slipstream.storage.config.settings import DEFAULTS, Telemetry
from slipstream.storage.telemetry import levels
from slipstream.storage.telemetry.batch import Batch, Context

if TYPE_CHECKING:
    from slipstream.storage.cache import CacheEvent, CacheStore

MANY = 1000  # events that are written without waiting for the time
SECONDS = 5.0  # between two batches

NOWHERE: Context = ("", "")


class Recorder:
    """Records what a store does.

    Args:
        home: The data folder.
        settings: Which share of the operations goes into the histograms, and how long they stay.
    """

    def __init__(self, home: Path, settings: Telemetry = DEFAULTS.telemetry) -> None:
        self._home = home
        self._settings = settings
        self._events: deque[tuple[CacheEvent, Context]] = deque()
        self._store: CacheStore | None = None
        self._failed = False
        self._batch = Batch()
        self._writing = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False
        atexit.register(self.close)
        if hasattr(os, "register_at_fork"):
            this = weakref.ref(self)
            os.register_at_fork(after_in_child=lambda: _forked(this()))

    def attach(self, store: CacheStore) -> Recorder:
        """Listen to a store, whose `context` says what its operations are for."""
        self._store = store
        store.listen(self.record)
        return self

    def record(self, event: CacheEvent) -> None:
        """Take an event. What it costs the caller is an append to a queue."""
        store = self._store
        self._events.append((event, store.context if store is not None else NOWHERE))
        if self._thread is None:
            self._start()
        if len(self._events) == MANY:
            self._wake.set()

    def flush(self) -> bool:
        """Write what was recorded until now; False when it could not be, and is kept."""
        with self._writing:
            count = len(self._events)
            try:
                taken = (self._events.popleft() for _ in range(count))
                self._batch.add(taken, self._settings.sample)
                if self._batch:
                    self._write()
            except Exception as error:  # whatever it is, it is not the cache's trouble
                if not self._failed:
                    reason = f"{type(error).__name__}: {error}"
                    logs.warning("telemetry.not_written", reason=reason)
                self._failed = True
                return False
            self._failed = False
            return True

    def close(self) -> None:
        """Write the rest; what comes after is written at once."""
        atexit.unregister(self.close)
        self._closed = True
        thread, self._thread = self._thread, None
        if thread is not None:
            self._wake.set()
            thread.join(database.BUSY_SECONDS)
        self.flush()

    def _start(self) -> None:
        if self._closed:
            self.flush()
            return
        try:
            thread = threading.Thread(target=self._run, name="slip-telemetry", daemon=True)
            self._thread = thread  # first: two threads may be here, and one may fail
            thread.start()
        except RuntimeError:  # no more threads, or the interpreter is ending: close() writes
            logs.debug("telemetry.no_thread")

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait(SECONDS)
            self._wake.clear()
            self.flush()

    def _write(self) -> None:
        now_ns = time.time_ns()
        with closing(database.connect(self._home)) as connection:
            with database.transaction(connection):
                self._batch.write(connection, now_ns)
                self._publish(connection)
            self._batch = Batch()  # whatever fails from here on, it must not be added again
            now_s = now_ns // 1_000_000_000
            if levels.is_due(connection, now_s):
                with database.transaction(connection):
                    levels.roll_up(connection, now_s, self._settings)

    def _publish(self, connection: sqlite3.Connection) -> None:
        """One event for all hits of the batch, and one for all misses: a hit waits for none."""
        for kind, name in (("hit", events.CACHE_HIT), ("miss", events.CACHE_MISS)):
            count, size = self._batch.sums(kind)
            if count:
                total, total_size = connection.execute(
                    "SELECT sum(count), sum(size) FROM telemetry_counters WHERE kind = ?", (kind,)
                ).fetchone()
                payload = {"count": count, "size": size, "total": total, "total_size": total_size}
                events.emit(connection, name, {"origin": events.origin(self._home), **payload})


def _forked(recorder: Recorder | None) -> None:
    """In a child process: what the parent recorded is the parent's to write."""
    if recorder is None:
        return
    recorder._events.clear()
    recorder._batch = Batch()
    recorder._writing = threading.Lock()
    recorder._wake = threading.Event()
    recorder._thread = None
    # A worker of multiprocessing ends without the functions of atexit.
    if "multiprocessing.util" in sys.modules:
        from multiprocessing.util import Finalize

        Finalize(None, recorder.close, exitpriority=0)

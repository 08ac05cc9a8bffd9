"""Threads for large outputs: the costly part of each job in any of them, its end in order."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

PACKERS = 2  # zstd is the slowest step; more than two would only take time from the scan
QUEUED = 8  # jobs that may wait; with frames of 1 MiB, memory stays below 20 MiB

T = TypeVar("T")
Job = Callable[[], object]


class Pipeline:
    """Runs jobs in order, each of which may wait for work that was done in parallel.

    Jobs and work do not raise: who gives them catches.
    """

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._jobs: queue.Queue[Job | None] = queue.Queue(QUEUED)
        self._threads = [threading.Thread(target=self._close, daemon=True)]
        for _ in range(PACKERS):
            self._threads.append(threading.Thread(target=self._pack, daemon=True))
        for thread in self._threads:
            thread.start()

    def begin(self, work: Callable[[], T]) -> Callable[[], T]:
        """Start work; calling what is returned waits for its result, or raises what it raised."""
        done = threading.Event()
        results: list[T] = []
        errors: list[Exception] = []

        def run() -> None:
            try:
                results.append(work())
            except Exception as error:  # belongs to the one who waits
                errors.append(error)
            done.set()

        def result() -> T:
            done.wait()
            if errors:
                raise errors[0]
            return results[0]

        self._work.put(run)
        return result

    def put(self, job: Job) -> None:
        """Run a job after those before it; waits while too many do."""
        self._jobs.put(job)

    def drain(self) -> None:
        """Wait until all jobs are done."""
        self._jobs.join()

    def stop(self) -> None:
        """Do all jobs and end the threads."""
        self._jobs.put(None)
        for _ in range(PACKERS):
            self._work.put(None)
        for thread in self._threads:
            thread.join()

    def _pack(self) -> None:
        while (run := self._work.get()) is not None:
            run()

    def _close(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            self._jobs.task_done()

"""Contents parsed on all cores, by processes of our own that may die.

A grammar is C code from elsewhere, and a file may be made to break it: a process that crashes or
hangs is replaced, its files are tried again one by one, and the one to blame is read as plain text.

Processes are started as `python -m`: a fork of a process with threads can hang, and the start
methods of `multiprocessing` import the main module of whoever calls, which may be anything.
"""

import os
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import Generic, TypeAlias, TypeVar

import msgpack

from slipstream.storage import logs
from slipstream.tasks.indexing import parse
from slipstream.tasks.indexing.languages import PARSED
from slipstream.tasks.indexing.worker import read_frame, write_frame

Token = TypeVar("Token")

# Up to here a process would start for longer than it works.
SMALL_FILES = 30
SMALL_BYTES = 300_000
# What is parsed in the process that asks, where nothing can stop it: larger contents, and long runs
# without a word, are what grammars take seconds and more for, 30 KB of `/*` in Python minutes.
HARMLESS_BYTES = 32_000
_ODD = re.compile(rb"[^\w\x80-\xff]{200}")
BATCH_FILES = 16
BATCH_BYTES = 128 * 1024
AHEAD = 4  # batches for each process: one at work, the others wait while results are stored
_BUFFER = 1 << 18  # bytes read at once: a process waits for this one at each full pipe
SECONDS = 10.0  # that a content may take; 1 MB of code takes half a second
_LOOK_EVERY = 1.0  # seconds, for processes that hang
_END_WITHIN = 2.0  # seconds, of a process that has nothing left to do

_COMMAND = ("-P", "-m", "slipstream.tasks.indexing.worker")

Job: TypeAlias = tuple[str, bytes]  # language, content


def parse_many(
    items: Iterable[tuple[Token, str, bytes]], workers: int = 0
) -> Iterator[tuple[Token, bytes]]:
    """Parse many contents; results come as they are done, in any order.

    Args:
        items: What to call it, its language, its content. Taken in this thread, a few ahead.
        workers: Processes; 0: as many as there are cores.

    Yields:
        What it was called, and its index as `pack` packs it.
    """
    items = iter(items)
    first: list[tuple[Token, str, bytes]] = []
    size = 0
    for item in items:
        first.append(item)
        size += len(item[2])
        if len(first) >= SMALL_FILES or size >= SMALL_BYTES:
            break
    else:  # there are few: only what may break the parser goes to a process
        odd = []
        for token, language, data in first:
            if _harmless(language, data):
                yield token, parse.packed(language, data)
            else:
                odd.append((token, language, data))
        if not odd:
            return
        first, workers = odd, 1
    pool: _Pool[Token] = _Pool(workers or cores())
    done = False
    try:
        yield from pool.run(chain(first, items))
        done = True
    finally:
        pool.close(now=not done)


def _harmless(language: str, data: bytes) -> bool:
    return language not in PARSED or (len(data) < HARMLESS_BYTES and not _ODD.search(data))


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _NotStartedError(Exception):
    """A new process ended before it was ready."""


class _Worker:
    """A process that parses; another one takes its place when it ends too early."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()  # of starting against closing
        self._closed = False
        self._since = 0.0  # monotonic, when it began a content; 0: it is idle
        self.hung = False  # why the last process ended

    def ask(self, jobs: Sequence[Job]) -> Iterator[bytes]:
        """Have jobs done, one after the other.

        Raises:
            EOFError, OSError: It died on the job at hand, or was killed.
            _NotStartedError: There is no process to ask.
        """
        process = self._process or self._start()
        assert process.stdin
        assert process.stdout
        try:
            write_frame(process.stdin, msgpack.packb(jobs))
            for _ in jobs:
                self._since = time.monotonic()
                yield read_frame(process.stdout)
        except (EOFError, OSError):
            self._end(process)
            self._process = None
            raise
        finally:
            self._since = 0.0

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            with self._lock:
                if self._closed:
                    raise _NotStartedError
                self.hung = False
                process = self._process = subprocess.Popen(
                    [sys.executable, *_COMMAND],
                    bufsize=_BUFFER,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                )
            assert process.stdout
            read_frame(process.stdout)  # it is ready
        except (EOFError, OSError) as error:
            if self._process:
                self._end(self._process)
                self._process = None
            raise _NotStartedError from error
        return process

    def kill_if_it_hangs(self) -> None:
        """End the process if it has worked on one content for too long; `ask` fails then."""
        since, process = self._since, self._process
        if process and since and time.monotonic() - since > SECONDS:
            self.hung = True
            process.kill()

    def close(self, *, now: bool) -> None:
        """End the process for good: when its input ends, or now."""
        with self._lock:
            self._closed = True
        if process := self._process:
            self._end(process, now=now)

    @staticmethod
    def _end(process: subprocess.Popen[bytes], *, now: bool = True) -> None:
        assert process.stdin
        assert process.stdout
        if now:
            process.kill()
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_END_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


class _Pool(Generic[Token]):
    """A few workers, and a thread for each that waits for it."""

    def __init__(self, workers: int) -> None:
        self._workers = [_Worker() for _ in range(workers)]
        self._batches: queue.SimpleQueue[tuple[list[Token], list[Job]] | None]
        self._batches = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[list[Token], list[bytes]] | BaseException]
        self._answers = queue.SimpleQueue()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._serve, args=(worker,), daemon=True)
            for worker in self._workers
        ]
        for thread in self._threads:
            thread.start()

    def run(self, items: Iterator[tuple[Token, str, bytes]]) -> Iterator[tuple[Token, bytes]]:
        """Hand out batches, a few for each worker, and take in what is done."""
        waiting = 0
        while True:
            while waiting < AHEAD * len(self._workers) and (batch := _batch(items)):
                self._batches.put(batch)
                waiting += 1
            if not waiting:
                return
            try:
                answer = self._answers.get(timeout=_LOOK_EVERY)
            except queue.Empty:
                answer = None
            for worker in self._workers:
                worker.kill_if_it_hangs()
            if isinstance(answer, BaseException):
                raise answer
            if answer:
                waiting -= 1
                yield from zip(*answer, strict=True)

    def close(self, *, now: bool) -> None:
        """End all processes; `now`: whatever they are at."""
        self._closed = True
        for worker in self._workers:
            self._batches.put(None)
            worker.close(now=now)
        for thread in self._threads:
            thread.join(_END_WITHIN)

    def _serve(self, worker: _Worker) -> None:
        try:
            while batch := self._batches.get():
                tokens, jobs = batch
                self._answers.put((tokens, self._done(worker, jobs)))
        except BaseException as error:  # for the thread that waits for an answer
            self._answers.put(error)

    def _done(self, worker: _Worker, jobs: Sequence[Job]) -> list[bytes]:
        done: list[bytes] = []
        tried = -1  # the job that a process has died on already
        while len(done) < len(jobs) and not self._closed:
            try:
                for packed in worker.ask(jobs[len(done) :]):
                    done.append(packed)
            except (EOFError, OSError):
                at = len(done)
                if worker.hung or tried == at:
                    language, data = jobs[at]
                    logs.warning(
                        "index.parser_died", language=language, bytes=len(data), hung=worker.hung
                    )
                    done.append(parse.packed(language, data, syntax=False))
                tried = at
            except _NotStartedError:
                if not self._closed:
                    logs.warning("index.no_worker", files=len(jobs) - len(done))
                    done += [parse.packed(*job) for job in jobs[len(done) :]]
        return done


def _batch(items: Iterator[tuple[Token, str, bytes]]) -> tuple[list[Token], list[Job]] | None:
    tokens: list[Token] = []
    jobs: list[Job] = []
    size = 0
    for token, language, data in items:
        tokens.append(token)
        jobs.append((language, data))
        size += len(data)
        if len(jobs) >= BATCH_FILES or size >= BATCH_BYTES:
            break
    return (tokens, jobs) if jobs else None

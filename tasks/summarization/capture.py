"""Run a command and read both of its streams in the order in which they arrive.

`start` spawns the command and returns at once; a thread reads from then on, so that the caller can
import what it needs while the command runs, and a slow sink neither mixes the streams up nor holds
the command up. What was read and not yet taken is bounded: past `BACKLOG` the reader waits, then
the pipe fills, then the command waits.

This module is loaded before the command is spawned, so it imports as little as it can.
"""

from __future__ import annotations

import signal
import sys
import time
from queue import Empty, SimpleQueue

if sys.platform == "win32":
    from slipstream.tasks.summarization.capture_windows import (
        Process,
        block_signals,
        unblock_signals,
    )
else:
    from slipstream.tasks.summarization.capture_posix import (
        Process,
        block_signals,
        unblock_signals,
    )

TYPE_CHECKING = False  # typing itself costs 3 ms, and the command waits for it
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import FrameType
    from typing import Any

    from slipstream.tasks.summarization.capture_exit import Exit

STDOUT, STDERR = 1, 2
EXITED, STOPPED, WAKE = 3, 4, 5
"""Kinds of event in the queue; those of data are the stream's number, and no data is its end."""

JOIN = 1 << 20
"""Bytes up to which waiting chunks of one stream are handed over as one."""
IDLE = 0.05
"""Seconds of silence after which the sink is told to make safe what it has."""
FLUSH = 0.5
"""Seconds after which it is told so although there is no silence."""
TICK = 0.2
"""Seconds between two ticks: the live status line changes at most five times a second."""
GRACE = 5.0
"""Seconds between asking the process group to end and killing it."""
DRAIN = 2.0
"""Seconds of silence, after the command itself ended, until its output counts as finished although
something still holds it open."""
TIMED_OUT = 124
"""Exit status after a time-out, that of timeout(1)."""

_SWITCH = 0.0005
"""Seconds for which another thread may keep the reader from running; Python's own 5 ms are long
enough for two streams to get mixed up."""
_FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGBREAK")


def start(
    command: Sequence[str], *, cwd: str | None = None, env: Mapping[str, str] | None = None
) -> Child:
    """Spawn `command` (no shell) in a process group of its own and begin to read its output.

    Standard input is inherited. Signals that arrive from now on are passed on to the group. Call
    it from the main thread, before other threads exist, and call `Child.pump` afterwards.

    Args:
        command: The program, found by PATH, and its arguments.
        cwd: Folder to run it in.
        env: Variables added to this process's own.

    Raises:
        CommandError: It cannot be run; `exit_status` is 127 (not found) or 126 (no permission).
        NotFoundError: `cwd` is not a folder.
        UsageError: The command is empty, or a part of it cannot be passed on.
    """
    events: SimpleQueue[tuple[int, int, bytes]] = SimpleQueue()
    began = time.monotonic()
    blocked = block_signals(_FORWARDED)  # until they can be passed on
    try:
        return Child(Process(command, cwd, env, events, blocked), events, began)
    finally:
        unblock_signals(blocked)


class Child:
    """A running command; made by `start`.

    Attributes:
        pid: Its process id, which is also the id of its process group.
    """

    def __init__(
        self, process: Process, events: SimpleQueue[tuple[int, int, bytes]], began: float
    ) -> None:
        self.pid = process.pid
        self._process = process
        self._events = events
        self._began = began
        self._kill_at: float | None = None
        self._stop_at: float | None = None
        self._killed = False
        self._requests = 0
        self._grace = GRACE
        self._held: tuple[int, int, bytes] | None = None
        self._switch = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH)
        self._handlers = self._install()

    def pump(
        self,
        on_chunk: Callable[[bytes, int], object],
        on_idle: Callable[[], object],
        timeout: float | None = None,
        on_tick: Callable[[], object] | None = None,
        *,
        grace: float = GRACE,
        drain: float = DRAIN,
    ) -> Exit:
        """Hand every chunk to `on_chunk` until the command and its output have ended.

        Args:
            on_chunk: Gets the bytes and their stream, 1 for standard output, 2 for standard error.
            on_idle: Called after `IDLE` seconds of silence, at least every `FLUSH` seconds while
                there is none, and at the end: what it makes safe is not lost when we are killed.
            timeout: Seconds after which the process group is asked to end; None for never.
            on_tick: Called every `TICK` seconds while the command runs.
            grace: Seconds between asking the group to end and killing it.
            drain: Seconds of silence to wait for processes that outlive the command and hold its
                output open.

        Raises:
            Exception: Whatever a callback raises; the command's pipes are closed then.
        """
        from slipstream.tasks.summarization.capture_exit import Exit

        self._grace = grace
        deadline = None if timeout is None else self._began + timeout
        timed_out = False
        open_streams = 2
        exited: tuple[float, int] | None = None
        now = heard = flushed = ticked = time.monotonic()
        dirty = False
        try:
            while True:
                if exited is None:
                    in_time = self._process.ended_at is not None  # we have not come to it yet
                    if deadline is not None and now >= deadline and not in_time:
                        deadline, timed_out = None, True
                        self._end()
                else:
                    quiet_at = max(exited[0], heard) + drain
                    late = deadline is not None and now >= max(deadline, exited[0] + drain)
                    late = late or (self._stop_at is not None and now >= self._stop_at)
                    if open_streams == 0 or late or (now >= quiet_at and not self._waiting()):
                        break
                self._kill_when_due(now)

                due = [now + 60.0]
                due += [t for t in (deadline, self._kill_at, self._stop_at) if t is not None]
                due += [quiet_at] if exited is not None else []
                due += [heard + IDLE] if dirty else []
                due += [ticked + TICK] if on_tick is not None else []
                kind, number, data = self._next(min(due) - now)
                now = time.monotonic()
                if kind == EXITED:
                    exited = (self._process.ended_at or now, number)
                elif kind == STOPPED:
                    pause = self._process.stopped(number)
                    now = time.monotonic()
                    deadline = None if deadline is None else deadline + pause
                elif kind != WAKE:
                    if data:
                        if not dirty:
                            flushed = now
                        on_chunk(data, kind)
                        dirty = True
                        heard = now = time.monotonic()
                    else:
                        open_streams -= 1
                if dirty and (now >= heard + IDLE or now >= flushed + FLUSH):
                    on_idle()
                    dirty = False
                if on_tick is not None and now >= ticked + TICK:
                    on_tick()
                    ticked = now
            self._process.close()
            while self._waiting():  # read before we stopped reading
                kind, _, data = self._next(0.0)
                if data:
                    on_chunk(data, kind)
                elif kind in (STDOUT, STDERR):
                    open_streams -= 1
            if timed_out or self._requests > 1:
                self._end_group()
        finally:
            self._release()
        on_idle()
        at, code = exited
        return Exit(
            status=TIMED_OUT if timed_out else code if code >= 0 else 128 - code,
            signal=-code if code < 0 else None,
            timed_out=timed_out,
            oom=not self._killed and code in (-9, 137) and self._process.out_of_memory(),
            duration=at - self._began,
            drained=open_streams == 0,
            pid=self.pid,
        )

    def abandon(self) -> None:
        """Kill the whole group if it still runs, and let go of it: the caller cannot go on."""
        if self._process.ended_at is None:
            self._process.kill()
        self._release()

    def _release(self) -> None:
        """Stop reading, and give back what was changed in this process."""
        self._process.close()
        sys.setswitchinterval(self._switch)
        for number, handler in self._handlers:
            signal.signal(number, handler)

    def _waiting(self) -> bool:
        """Whether something has come that was not taken yet."""
        return self._held is not None or not self._events.empty()

    def _next(self, wait: float) -> tuple[int, int, bytes]:
        """The next event; chunks of one stream that wait already come as one."""
        event = self._held
        self._held = None
        if event is None:
            try:
                event = self._events.get(timeout=max(0.0, wait))
            except Empty:
                return WAKE, 0, b""
        kind, _, data = event
        if kind > STDERR or not data:
            return event
        parts, size = [data], len(data)
        while size < JOIN and not self._events.empty():
            self._held = self._events.get()
            if self._held[0] != kind or not self._held[2]:
                break
            parts.append(self._held[2])
            size += len(self._held[2])
            self._held = None
        self._process.taken(size, len(parts))
        return kind, 0, b"".join(parts) if len(parts) > 1 else data

    def _kill_when_due(self, now: float) -> None:
        if self._kill_at is not None and now >= self._kill_at:
            self._kill()

    def _end(self) -> None:
        """Ask the whole group to end, and have it killed after the grace period."""
        self._process.terminate()
        self._kill_at = time.monotonic() + self._grace

    def _kill(self) -> None:
        self._process.kill()
        self._killed = True
        self._kill_at = None
        self._stop_at = time.monotonic() + DRAIN

    def _end_group(self) -> None:
        """Wait for what is left of the group until the grace period is over, then kill it."""
        while self._kill_at is not None and self._process.group_alive():
            self._kill_when_due(time.monotonic())
            time.sleep(0.02)

    def _install(self) -> list[tuple[int, Any]]:
        """Pass signals on to the group; give the handlers that stood there before."""
        before: list[tuple[int, Any]] = []
        names = (*_FORWARDED, "SIGTSTP") if self._process.job_control else _FORWARDED
        for name in names:
            number = getattr(signal, name, None)
            if number is None or signal.getsignal(number) is signal.SIG_IGN:
                continue  # nohup, or a background job of a script: the command ignores it as well
            try:
                before.append((number, signal.signal(number, self._received)))
            except ValueError:  # not the main thread
                break
        before += self._process.ignore_background_output()
        return before

    def _received(self, number: int, _frame: FrameType | None) -> None:
        if number == getattr(signal, "SIGTSTP", None):
            self._events.put((STOPPED, 0, b""))
            return
        if number in (signal.SIGINT, signal.SIGTERM):
            self._requests += 1
        if self._requests <= 1:
            self._process.send(number)
        elif self._requests == 2:
            self._end()
        else:
            self._kill()
        self._events.put((WAKE, 0, b""))

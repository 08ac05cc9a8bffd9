"""Spawning, reading and ending a command on Windows.

There are no process groups that a signal reaches as a whole: the command gets a console group of
its own, is asked to end with CTRL_BREAK, and is killed together with its descendants by taskkill.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time

assert sys.platform == "win32"  # for the type checker

TYPE_CHECKING = False  # see capture.py
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from queue import SimpleQueue
    from typing import Any

READ = 1 << 18
"""Bytes of one read."""
BACKLOG = 8 << 20
"""Bytes read and not yet taken, past which the readers wait."""
_CHUNK = 128
"""Bytes that a chunk takes in the queue besides its data."""


class Process:
    """A command in a console process group of its own and its two pipes.

    Attributes:
        pid: Its process id.
        job_control: Whether stop signals have to be passed on; there are none.
        ended_at: When it ended, by the monotonic clock; None while it runs.
    """

    job_control = False
    ended_at: float | None = None

    def __init__(
        self,
        command: Sequence[str],
        cwd: str | None,
        env: Mapping[str, str] | None,
        events: SimpleQueue[tuple[int, int, bytes]],
        blocked: set[Any],
    ) -> None:
        environment = dict(os.environ)
        environment.update(env or {})
        self._process = _spawn(list(command), cwd, environment)
        self.pid = self._process.pid
        self._events = events
        self._given = {1: 0, 2: 0}  # each written by one thread only, so without a lock
        self._taken = 0
        self._closed = False
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        for stream, fd in ((1, self._process.stdout.fileno()), (2, self._process.stderr.fileno())):
            threading.Thread(target=self._read, args=(fd, stream), daemon=True).start()
        threading.Thread(target=self._wait, daemon=True).start()

    def taken(self, size: int, chunks: int) -> None:
        """Make room for `size` more bytes: those of `chunks` chunks were taken off the queue."""
        self._taken += size + chunks * _CHUNK

    def send(self, number: int) -> None:
        """Pass on Ctrl-C and Ctrl-Break; there are no other signals."""
        import signal

        with contextlib.suppress(OSError, ValueError):
            self._process.send_signal(signal.CTRL_BREAK_EVENT)

    def terminate(self) -> None:
        """Ask the command and its console group to end."""
        self.send(0)

    def kill(self) -> None:
        """End the command and its descendants."""
        subprocess.run(
            ["taskkill", "/T", "/F", "/PID", str(self.pid)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        with contextlib.suppress(OSError):
            self._process.kill()

    def group_alive(self) -> bool:
        """Whether the command itself is left."""
        return self._process.poll() is None

    def stopped(self, number: int) -> float:
        """Nothing is ever stopped here."""
        return 0.0

    def ignore_background_output(self) -> list[tuple[int, Any]]:
        """There is no such thing here."""
        return []

    def out_of_memory(self) -> bool:
        """There is no out-of-memory killer here."""
        return False

    def close(self) -> None:
        """Stop reading. A blocked read cannot be interrupted; its thread ends with us."""
        self._closed = True

    def _wait(self) -> None:
        # A program that Ctrl-C ended exits with 0xC000013A; keep that as it is.
        status = self._process.wait()
        self.ended_at = time.monotonic()
        self._events.put((3, status, b""))

    def _read(self, fd: int, stream: int) -> None:
        while not self._closed:
            try:
                data = os.read(fd, READ)
            except OSError:  # the other end is gone
                data = b""
            self._events.put((stream, 0, data))
            if not data:
                return
            self._given[stream] += len(data) + _CHUNK
            while sum(self._given.values()) - self._taken > BACKLOG and not self._closed:
                time.sleep(0.001)


def block_signals(names: Sequence[str]) -> set[Any]:
    """Signals cannot be held back here."""
    return set()


def unblock_signals(before: set[Any]) -> None:
    """Signals cannot be held back here."""


def _spawn(
    command: list[str], cwd: str | None, environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    step = "cwd" if cwd is not None and not os.path.isdir(cwd) else "exec"
    number = 2  # ENOENT
    if step == "exec" and command:
        import shutil

        # CreateProcess finds .exe only; npm, yarn and tsc are .cmd files.
        program = shutil.which(command[0], path=environment.get("PATH")) or command[0]
        try:
            return subprocess.Popen(
                [program, *command[1:]],
                cwd=cwd,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                creationflags=subprocess.CREATE_NEW_PROCESS_GROUP,
            )
        except ValueError:
            step = "value"
        except OSError as error:
            number = error.errno or 0
    from slipstream.tasks.summarization.capture_failed import not_started

    raise not_started(command, cwd, environment.get("PATH", ""), step, number)

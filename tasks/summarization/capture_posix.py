"""Spawning, reading and ending a command on Linux and macOS.

fork and exec stand here rather than `subprocess`, whose import takes 10 ms, and rather than
`posix_spawn`, which can neither change the folder nor make the command's process group the
terminal's foreground group before the command first reads from the terminal.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import signal
import sys
import threading
import time

assert sys.platform != "win32"  # for the type checker

from slipstream.tasks.summarization.capture_terminal import Terminal  # noqa: E402

TYPE_CHECKING = False  # see capture.py
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from queue import SimpleQueue
    from typing import Any

PIPE = 1 << 20
"""Bytes that a pipe is asked to hold, the most that Linux gives an ordinary user."""
READ = 1 << 18
"""Bytes of one read; a larger buffer is not faster."""
BACKLOG = 8 << 20
"""Bytes read and not yet taken, past which the reader waits."""
_CHUNK = 128
"""Bytes that a chunk takes in the queue besides its data."""
_UNFINISHED = 16
"""Reads for which a stream whose last chunk ended within a line goes before the other one."""


class Process:
    """A command in a process group of its own, its two pipes and its terminal.

    Attributes:
        pid: Its process id and that of its group.
        job_control: Whether stop signals have to be passed on.
        ended_at: When it ended, by the monotonic clock; None while it runs.
    """

    job_control = True
    ended_at: float | None = None

    def __init__(
        self,
        command: Sequence[str],
        cwd: str | None,
        env: Mapping[str, str] | None,
        events: SimpleQueue[tuple[int, int, bytes]],
        blocked: set[Any],
    ) -> None:
        _occupy_standard_streams()
        self._terminal = Terminal()
        self.pid, out, err = _spawn(command, cwd, env, self._terminal, blocked)
        self._events = events
        self._given = self._taken = 0  # each written by one thread only, so without a lock
        wake, self._wake = os.pipe()
        self._closed = False
        self._reader = threading.Thread(target=self._read, args=(out, err, wake), daemon=True)
        self._reader.start()
        threading.Thread(target=self._wait, daemon=True).start()
        self._oom_file, self._oom_count = _oom_kills()

    def taken(self, size: int, chunks: int) -> None:
        """Make room for `size` more bytes: those of `chunks` chunks were taken off the queue."""
        self._taken += size + chunks * _CHUNK

    def send(self, number: int) -> None:
        """Send a signal to every process of the group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):  # all gone (macOS: zombies)
            os.killpg(self.pid, number)

    def terminate(self) -> None:
        """Ask the group to end."""
        self.send(signal.SIGTERM)
        self.send(signal.SIGCONT)  # a stopped process would not see it

    def kill(self) -> None:
        """End the group."""
        self.send(signal.SIGKILL)

    def group_alive(self) -> bool:
        """Whether any process of the group is left."""
        try:
            os.killpg(self.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return sys.platform != "linux" or _has_running(self.pid)

    def stopped(self, number: int) -> float:
        """The command was stopped by signal `number`, or, with 0, we are asked to stop.

        Returns:
            The seconds for which we were stopped ourselves.
        """
        if number in (signal.SIGTTIN, signal.SIGTTOU):
            if self._terminal.give(self.pid):
                self.send(signal.SIGCONT)
            return 0.0
        if number == 0:
            self.send(signal.SIGTSTP)
        elif not self._terminal.given:
            return 0.0  # stopped from elsewhere, and continued from there
        since = time.monotonic()
        given = self._terminal.given
        self._terminal.take()
        _stop_own_group()
        if given:
            self._terminal.give(self.pid)
        self.send(signal.SIGCONT)
        return time.monotonic() - since

    def ignore_background_output(self) -> list[tuple[int, Any]]:
        """Let us write while the command has the terminal, and take it back; give the handler."""
        try:
            return [(signal.SIGTTOU, signal.signal(signal.SIGTTOU, signal.SIG_IGN))]
        except ValueError:  # not the main thread
            return []

    def out_of_memory(self) -> bool:
        """Whether the kernel killed a process for want of memory since the start."""
        return _oom_count(self._oom_file) > self._oom_count

    def close(self) -> None:
        """Take the terminal back and stop reading; more than once does no harm."""
        if self._closed:
            return
        self._closed = True
        self._terminal.take(restore=True)
        os.close(self._wake)
        self._reader.join(1.0)

    def _wait(self) -> None:
        while True:
            try:
                _, status = os.waitpid(self.pid, os.WUNTRACED)
            except ChildProcessError:  # SIGCHLD is ignored here: the kernel told nobody
                self.ended_at = time.monotonic()
                self._events.put((3, 0, b""))
                return
            if not os.WIFSTOPPED(status):
                self.ended_at = time.monotonic()
                self._events.put((3, os.waitstatus_to_exitcode(status), b""))
                return
            self._events.put((4, os.WSTOPSIG(status), b""))

    def _read(self, out: int, err: int, wake: int) -> None:
        """Read whichever pipe has something, until both have ended or we are told to stop."""
        streams = {out: 1, err: 2}
        poll = select.poll()
        for fd in (out, err, wake):
            poll.register(fd, select.POLLIN)
        first, unfinished = out, 0
        while streams:
            ready = [fd for fd, _ in poll.poll()]
            if wake in ready:
                break
            fd = first if first in ready else ready[0]
            data = os.read(fd, READ)
            self._events.put((streams[fd], 0, data))
            if not data:
                poll.unregister(fd)
                del streams[fd]
                os.close(fd)
                continue
            # Both may have something at once. A line that is not finished goes on first, so that
            # one stream's lines are not cut in two by the other's; otherwise they take turns.
            unfinished = unfinished + 1 if data[-1] != 10 else 0
            first = fd if 0 < unfinished <= _UNFINISHED else out + err - fd
            self._given += len(data) + _CHUNK
            while self._given - self._taken > BACKLOG and not self._closed:
                time.sleep(0.001)
        for fd in (*streams, wake):
            os.close(fd)


def block_signals(names: Sequence[str]) -> set[Any]:
    """Hold signals back; give what `unblock_signals` needs.

    Threads that are started meanwhile never see these signals, so that they reach the main thread.
    """
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    return signal.pthread_sigmask(signal.SIG_BLOCK, numbers)


def unblock_signals(before: set[Any]) -> None:
    """Let the signals through again that came meanwhile."""
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _spawn(
    command: Sequence[str],
    cwd: str | None,
    env: Mapping[str, str] | None,
    terminal: Terminal,
    blocked: set[Any],
) -> tuple[int, int, int]:
    """Fork and exec; give the process id and the reading ends of its two pipes."""
    environment = dict(os.environ)
    environment.update(env or {})
    arguments = list(command)
    out, out_end = _pipe()
    err, err_end = _pipe()
    failed, failed_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        step = "exec"
        try:
            os.setpgid(0, 0)
            terminal.enter()
            os.dup2(out_end, 1)
            os.dup2(err_end, 2)
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores these two
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            unblock_signals(blocked)
            if cwd is not None:
                step = "cwd"
                os.chdir(cwd)
            step = "exec"
            _exec(arguments, environment)
        except OSError as error:
            os.write(failed_end, f"{step} {error.errno}".encode())
        except BaseException:  # an empty command, a NUL byte in an argument or a variable
            os.write(failed_end, b"value 0")
        finally:
            os._exit(127)
    for fd in (out_end, err_end, failed_end):
        os.close(fd)
    reason = os.read(failed, 64)  # nothing: exec has closed the other end
    os.close(failed)
    if reason:
        os.waitpid(pid, 0)
        terminal.taken_by(pid)
        terminal.take()
        os.close(out)
        os.close(err)
        from slipstream.tasks.summarization.capture_failed import not_started

        step, number = reason.decode().split()
        raise not_started(arguments, cwd, environment.get("PATH", os.defpath), step, int(number))
    terminal.taken_by(pid)
    return pid, out, err


def _exec(arguments: list[str], environment: Mapping[str, str]) -> None:
    """Replace this process, as execvp(3) does; `os.execvpe` imports warnings first, 2 ms."""
    name = arguments[0]
    folders = [""] if "/" in name else environment.get("PATH", os.defpath).split(os.pathsep)
    reason: OSError = FileNotFoundError(errno.ENOENT, name)
    for file in (os.path.join(folder, name) for folder in folders):
        try:
            os.execve(file, arguments, environment)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError as error:
            reason = error
        except OSError as error:
            if error.errno != errno.ENOEXEC:
                raise
            # A script whose first line names no interpreter.
            os.execve("/bin/sh", ["sh", file, *arguments[1:]], environment)
    raise reason


def _pipe() -> tuple[int, int]:
    """A pipe that is as large as we may have it: a burst then does not make the command wait."""
    reading, writing = os.pipe()
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # the user's share of pipe memory is used up
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE)
    return reading, writing


def _occupy_standard_streams() -> None:
    """Open /dev/null where 0, 1 or 2 is closed, or a pipe would get that number."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest free number


def _stop_own_group() -> None:
    """Stop this process and those that were started together with it, until SIGCONT."""
    handler = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    os.killpg(os.getpgrp(), signal.SIGTSTP)
    signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    # To this thread, so that it does not go on before the stop. Nothing happens where no shell
    # could continue us: an orphaned group is never stopped.
    signal.pthread_kill(threading.get_ident(), signal.SIGTSTP)
    signal.signal(signal.SIGTSTP, handler)


def _has_running(group: int) -> bool:
    """Whether a group has more than zombies: those stay until init waits for them."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                state, _parent, its_group = file.read().rpartition(b")")[2].split(None, 3)[:3]
                if int(its_group) == group and state not in (b"Z", b"X"):
                    return True
    return False


def _oom_kills() -> tuple[str, int]:
    """The file that counts this control group's out-of-memory kills, and the count now."""
    try:
        with open("/proc/self/cgroup", encoding="utf-8", errors="replace") as file:
            groups = [line.rstrip("\n").split(":", 2) for line in file]
    except OSError:
        return "", 0
    root = "/sys/fs/cgroup"
    for _, controllers, path in groups:
        if "memory" in controllers.split(","):
            base = root + "/memory"
            name = "memory.oom_control"
        elif not controllers:
            base, name = root, "memory.events"
        else:
            continue
        for file_name in (f"{base}{path.rstrip('/')}/{name}", f"{base}/{name}"):
            if os.path.exists(file_name):
                return file_name, _oom_count(file_name)
    return "/proc/vmstat", _oom_count("/proc/vmstat")


def _oom_count(file_name: str) -> int:
    try:
        with open(file_name, encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
    except (OSError, ValueError):
        pass
    return 0

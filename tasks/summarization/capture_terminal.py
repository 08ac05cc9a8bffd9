r"""Lending the terminal to a command's process group, as a shell does.

While the command has it, what is typed goes to the command: reads work, and Ctrl-C, Ctrl-Z and
Ctrl-\ reach its group and not us.
"""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import sys

assert sys.platform != "win32"  # for the type checker


class Terminal:
    """The controlling terminal, if we are in its foreground.

    Attributes:
        given: Whether the command's group has it now.
    """

    def __init__(self) -> None:
        self.given = False
        self._fd = -1
        self._modes: list[object] = []
        try:
            self._fd = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return  # there is none
        self._at_once = self._foreground() == os.getpgrp() and not any(map(_is_pipe, (0, 1)))
        with contextlib.suppress(OSError):
            import termios

            self._modes = list(termios.tcgetattr(self._fd))

    def enter(self) -> None:
        """In the forked child: make its group the foreground group before it execs.

        In a pipeline it is not, since the other commands of the pipeline (`… | less`) are in our
        group and would lose the terminal; there it is lent when the command first asks for it.
        """
        if self._fd >= 0 and self._at_once:
            self._set(os.getpid())

    def taken_by(self, group: int) -> None:
        """In the parent, once the child has execed: note whether `enter` worked."""
        self.given = self._foreground() == group

    def give(self, group: int) -> bool:
        """Lend it to `group`, if it is ours to lend; True when `group` has it now."""
        if self._fd >= 0 and self._foreground() == os.getpgrp():
            self._set(group)
            self.given = True
        return self.given

    def take(self, *, restore: bool = False) -> None:
        """Take it back, and with `restore` put its modes back as they were and let go of it.

        A killed command cannot leave the terminal without echo that way.
        """
        if self.given:
            self._set(os.getpgrp())
            self.given = False
            if restore and self._modes:
                import termios

                with contextlib.suppress(OSError, termios.error):
                    termios.tcsetattr(self._fd, termios.TCSADRAIN, self._modes)  # type: ignore[arg-type]
            if restore:  # a pager of our pipeline that asked for the terminal meanwhile was stopped
                os.killpg(os.getpgrp(), signal.SIGCONT)
        if restore and self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _foreground(self) -> int:
        try:
            return os.tcgetpgrp(self._fd) if self._fd >= 0 else -1
        except OSError:
            return -1

    def _set(self, group: int) -> None:
        # From the background this raises SIGTTOU, which would stop us.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        with contextlib.suppress(OSError):  # the terminal was closed
            os.tcsetpgrp(self._fd, group)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _is_pipe(fd: int) -> bool:
    return stat.S_ISFIFO(os.fstat(fd).st_mode)

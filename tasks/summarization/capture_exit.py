"""How a captured command ended."""

from typing import NamedTuple


class Exit(NamedTuple):
    """How a command ended, and whether all that it printed was read."""

    status: int
    """As a shell gives it: the command's own, 128 + n for signal n, 124 after a time-out."""
    signal: int | None
    """Number of the signal that ended the command itself; None when it exited."""
    timed_out: bool
    oom: bool
    """The kernel's out-of-memory killer ended it."""
    duration: float
    """Seconds from the start of the command to its own end."""
    drained: bool
    """False when a process that it left behind still held its output open, so that more may have
    been printed than was read."""
    pid: int

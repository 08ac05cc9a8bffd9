"""What a program and all processes that it starts use, while they run (Linux)."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from time import monotonic_ns
from types import TracebackType

import numpy as np

LOOK = 0.05  # seconds between two looks at the processor time
FAMILY, MEMORY = 5, 20  # looks between two searches for new processes, and two looks at memory
TICK = os.sysconf("SC_CLK_TCK")


class Watch:
    """Watches a process tree in a thread, as a context manager.

    Memory is proportional (PSS: what several processes share counts once), in bytes. Moments are
    ns of CLOCK_MONOTONIC.
    """

    def __init__(self, pid: int) -> None:
        self._seconds = {pid: 0.0}  # of processor, by process; those that have ended stay
        self._looks: list[tuple[int, float]] = [(monotonic_ns(), 0.0)]
        self.memory: list[tuple[int, int]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def cpu(self, begin: int, end: int) -> float:
        """Seconds of processor between two moments."""
        at, used = zip(*self._looks, strict=True)
        first, last = np.interp([begin, end], at, used)
        return float(last - first)

    def peak(self) -> int:
        """The most memory at any look."""
        return max((held for _, held in self.memory), default=0)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        look = 0
        while not self._over.wait(LOOK):
            if look % FAMILY == 0:
                self._find()
            for pid in self._seconds:
                if (fields := _stat(pid)) is not None:
                    self._seconds[pid] = (int(fields[11]) + int(fields[12])) / TICK
            self._looks.append((monotonic_ns(), sum(self._seconds.values())))
            if look % MEMORY == MEMORY - 1:
                held = sum(_resident(pid) for pid in self._seconds)
                self.memory.append((monotonic_ns(), held))
            look += 1

    def _find(self) -> None:
        """Add processes that have been started since."""
        parents: dict[int, int] = {}
        for name in os.listdir("/proc"):
            if name.isdecimal() and (fields := _stat(int(name))) is not None:
                parents[int(name)] = int(fields[1])
        while new := {pid for pid, parent in parents.items() if parent in self._seconds}.difference(
            self._seconds
        ):
            self._seconds.update(dict.fromkeys(new, 0.0))


def _stat(pid: int) -> list[str] | None:
    """What the kernel says of a process, behind its name; None: it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return None


def _resident(pid: int) -> int:
    try:
        told = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    return next((int(s.split()[1]) << 10 for s in told.splitlines() if s[:4] == "Pss:"), 0)

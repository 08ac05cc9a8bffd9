"""Runs programs and measures them: seconds, peak memory, output."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

KEPT = 4 << 20
"""Bytes of the output that are read back; the rest is only counted."""


class Run(NamedTuple):
    """One run of a program."""

    seconds: float
    cpu: float
    """Seconds of processor, which another program's work does not change much."""
    memory: int
    """Peak resident bytes of the program, or of the largest process that it waited for."""
    status: int
    """Exit status; negative is the signal; -9 after the time limit."""
    size: int
    """Bytes of standard output."""
    head: bytes
    tail: bytes
    """The first and the last KEPT bytes of it."""


_LAUNCH = (
    "import os, sys, time\n"
    "out, source, limit, *argv = sys.argv[1:]\n"
    "flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC\n"
    "actions = [(os.POSIX_SPAWN_OPEN, 0, source, os.O_RDONLY, 0),\n"
    "           (os.POSIX_SPAWN_OPEN, 1, out, flags, 0o600),\n"
    "           (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]\n"
    "start = time.perf_counter()\n"
    "child = os.posix_spawnp(argv[0], argv, os.environ, file_actions=actions)\n"
    "while True:\n"
    "    pid, status, usage = os.wait4(child, os.WNOHANG)\n"
    "    seconds = time.perf_counter() - start\n"
    "    if pid:\n"
    "        break\n"
    "    if seconds > float(limit):\n"
    "        os.kill(child, 9)\n"
    "    time.sleep(0.0005 if seconds < 1 else 0.005)\n"
    "cpu = usage.ru_utime + usage.ru_stime\n"
    "print(seconds, cpu, usage.ru_maxrss, os.waitstatus_to_exitcode(status))\n"
)
"""Starts the program from a process of 9 MB: what forks counts its own memory as the program's."""


def run(
    command: Sequence[str], env: Mapping[str, str], limit: float = 600, stdin: Path | None = None
) -> Run:
    """Run a command to its end, or for `limit` seconds."""
    with tempfile.NamedTemporaryFile() as out:
        launch = [sys.executable, "-S", "-E", "-c", _LAUNCH, out.name, str(stdin or os.devnull)]
        told = subprocess.run(
            [*launch, str(limit), *command], env=dict(env), capture_output=True, text=True
        )
        if told.returncode:
            return Run(limit, 0, 0, 127, 0, b"", b"")
        seconds, cpu, memory, status = told.stdout.split()
        size = out.seek(0, os.SEEK_END)
        out.seek(0)
        head = out.read(KEPT)
        out.seek(max(0, size - KEPT))
        unit = 1 if sys.platform == "darwin" else 1024
        return Run(
            float(seconds), float(cpu), int(memory) * unit, int(status), size, head, out.read()
        )  # fmt: skip


def median_seconds(
    commands: Sequence[Sequence[str]], env: Mapping[str, str], runs: int
) -> list[float]:
    """Median wall time of each command; they take turns, so that a busy moment hits all alike."""
    taken: list[list[float]] = [[] for _ in commands]
    for turn in range(runs + 2):
        for command, times in zip(commands, taken, strict=True):
            start = time.perf_counter()
            subprocess.run(
                command, env=dict(env), check=False, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            if turn > 1:  # the first two warm the caches
                times.append(time.perf_counter() - start)
    return [median(times) for times in taken]

"""Runs a program that nobody has read, held by limits in which it can do no harm.

No shell, no inherited environment, a folder of its own that is removed afterwards; limits of
processor time, memory, files and processes; no network. `confine` sets them from within, before
the program begins.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

from slipstream.storage.errors import UsageError
from slipstream.tasks.benchmarking.quality import confine

MIB = 1024 * 1024
MOST_OUTPUT = 64 * 1024  # bytes of each stream that are kept


class Limits(NamedTuple):
    """What a program may use.

    Attributes:
        cpu_seconds: Processor time.
        wall_seconds: Time by the clock.
        memory_bytes: Address space.
        file_bytes: Largest file.
        open_files: At the same time.
        processes: Of its user, where the platform counts them for the sandbox alone.
    """

    cpu_seconds: int = 10
    wall_seconds: float = 20.0
    memory_bytes: int = 512 * MIB
    file_bytes: int = 8 * MIB
    open_files: int = 64
    processes: int = 64


USUAL = Limits()


class Ended(NamedTuple):
    """How a program ended.

    Attributes:
        status: Exit status; 128 and the number of the signal that ended it, as a shell has it.
        output: The end of standard output.
        errors: The end of standard error.
        limit: Which limit it met, in words; empty: none that can be told.
    """

    status: int
    output: str
    errors: str
    limit: str


def check(*, unlimited: bool = False) -> None:
    """See that this platform can hold a program.

    Args:
        unlimited: Run it all the same, without what cannot be limited.

    Raises:
        UsageError: It cannot.
    """
    if not unlimited and (lacking := missing()):
        raise UsageError(
            f"Code that a model wrote is not run here: this platform cannot limit "
            f"{', '.join(lacking)}. Give --allow-unlimited to run it all the same."
        )


@cache
def missing() -> tuple[str, ...]:
    """What this platform cannot limit, with the reason for each."""
    with tempfile.TemporaryDirectory(prefix="slip-sandbox-") as folder:
        probe = [*_CONFINE, "--probe", _told(USUAL, Path(folder), unlimited=False)]
        done = subprocess.run(probe, env=_environment(folder), capture_output=True, check=False)
    try:
        return tuple(json.loads(done.stdout))
    except ValueError:
        return (f"anything ({done.stderr.decode(errors='replace').strip()[-200:]})",)


def run(
    files: Mapping[str, str],
    main: str,
    limits: Limits = USUAL,
    *,
    given: str = "",
    unlimited: bool = False,
) -> Ended:
    """Run a Python program of the standard library alone.

    Args:
        files: Text by name; written into the folder in which it runs.
        main: Which of them is run.
        limits: What it may use.
        given: On its standard input.
        unlimited: Go on without a limit that cannot be set.

    Raises:
        UsageError: A limit cannot be set, and it is not to run without.
    """
    with tempfile.TemporaryDirectory(prefix="slip-sandbox-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8", errors="replace")
        program = [_interpreter(), "-I", "-S", "-B", str(folder / main)]
        command = [*_CONFINE, _told(limits, folder, unlimited=unlimited), *program]
        with open(folder / ".output", "w+b") as output, open(folder / ".errors", "w+b") as errors:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=errors,
                cwd=folder,
                env=_environment(name),
                start_new_session=True,
            )
            late = False
            try:
                process.communicate(given.encode(), timeout=limits.wall_seconds)
            except subprocess.TimeoutExpired:
                late = True
            finally:
                _end(process)
            said = _tail(output), _tail(errors)
    if process.returncode == confine.CANNOT and said[1].startswith("cannot limit"):
        raise UsageError(f"Code that a model wrote is not run here: {said[1].strip()}.")
    return Ended(process.returncode, *said, _limit(process.returncode, said[1], limits, late=late))


# By its file: isolated (-I), and without importing the packages around it.
_CONFINE = (sys.executable, "-I", confine.__file__)


def _interpreter() -> str:
    """The interpreter behind a virtual environment: what is run needs no packages."""
    return os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable)


def _told(limits: Limits, folder: Path, *, unlimited: bool) -> str:
    paths = sysconfig.get_paths()
    readable = {sys.base_prefix, sys.base_exec_prefix, paths["stdlib"], paths["platstdlib"]}
    readable.add(_interpreter())
    told = limits._asdict() | {"folder": str(folder), "readable": sorted(readable)}
    return json.dumps(told | {"unlimited": unlimited})


def _environment(folder: str) -> dict[str, str]:
    found = {"HOME": folder, "TMPDIR": folder, "LANG": "C.UTF-8", "PYTHONHASHSEED": "0"}
    # Windows starts no process without it
    return found | {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}


def _end(process: subprocess.Popen[bytes]) -> None:
    """End all that the program started; it leads a group of its own."""
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin:
        with contextlib.suppress(OSError):
            process.stdin.close()


def _tail(file: BinaryIO) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - MOST_OUTPUT))
    return file.read().decode(errors="replace")


def _limit(status: int, errors: str, limits: Limits, *, late: bool) -> str:
    if late:
        return f"it ran for more than {limits.wall_seconds:g} s"
    if sys.platform != "win32" and status == 128 + signal.SIGKILL:
        return f"it used more than {limits.cpu_seconds} s of processor time"
    last = errors.rstrip().rpartition("\n")[2]
    if last.startswith(f"OSError: [Errno {errno.EFBIG}]"):
        return f"it wrote more than {limits.file_bytes // MIB} MiB into a file"
    if last.startswith("MemoryError"):
        return f"it used more than {limits.memory_bytes // MIB} MiB of memory"
    return ""

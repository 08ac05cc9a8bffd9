"""What a run ran on: machine, software, clock, load; asked for nothing that is not needed."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import Any

from slipstream.tasks.benchmarking.model import clock

CLIENTS = ("slipstream", "openai", "httpx2", "aiohttp", "uvloop", "numpy")
LOOKS = 2000  # at the clock
COMMAND_SECONDS = 2.0
GIB = 2**30


def machine() -> dict[str, Any]:
    """The machine and the software on it."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_bytes": _memory(),
        "gpu": _gpu(),
        "system": platform.platform(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "clients": versions(),
        "clock": clock_quality(),
    }


def fingerprint(about: Mapping[str, Any]) -> str:
    """A digest of the hardware and the kind of system: what two runs need in common.

    Args:
        about: What `machine` told, as it was kept with a run. Versions are not in it: an update is
            something to compare. Memory is taken in GiB, since a kernel keeps some for itself.

    Returns:
        12 hex digits.
    """
    named = [
        about.get("cpu"),
        about.get("cores"),
        round((about.get("memory_bytes") or 0) / GIB),
        about.get("gpu") or [],
        str(about.get("system") or "").partition("-")[0],
    ]
    return hashlib.sha256(json.dumps(named).encode()).hexdigest()[:12]


def versions() -> dict[str, str]:
    """Versions of what takes part in the measurement."""
    found = {}
    for name in CLIENTS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def clock_quality() -> dict[str, int]:
    """Smallest step of the clock and what a look at it takes, in ns."""
    moments = [clock() for _ in range(LOOKS)]
    steps = [b - a for a, b in pairwise(moments)]
    whole = moments[-1] - moments[0]
    return {"resolution_ns": min((s for s in steps if s > 0), default=0), "look_ns": whole // LOOKS}


def load_average() -> list[float] | None:
    """Load of the last 1, 5 and 15 minutes; None where the system has none."""
    try:
        return list(os.getloadavg())
    except (AttributeError, OSError):
        return None


def commit(folder: Path | None = None) -> str:
    """The git commit of the project in a folder, with `+` where it has changes; empty: none."""
    where = folder or Path.cwd()
    head = _said(["git", "rev-parse", "HEAD"], where)
    if not head:
        return ""
    return head + ("+" if _said(["git", "status", "--porcelain", "-uno"], where) else "")


def _cpu() -> str:
    if sys.platform == "linux":
        try:
            lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        except OSError:
            lines = ""
        for line in lines.splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "Model", "cpu model"):
                return value.strip()
    if sys.platform == "darwin":
        return _said(["sysctl", "-n", "machdep.cpu.brand_string"])
    return platform.processor() or platform.machine()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _gpu() -> list[str]:
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    return _said(query).splitlines()


def _said(command: list[str], folder: Path | None = None) -> str:
    """What a command prints; empty where it is not there, fails or takes long."""
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, timeout=COMMAND_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else ""

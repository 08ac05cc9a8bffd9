"""How much memory the server and the clients hold while a cell is measured.

The server's is asked of the system where its process is known, else read from its `/metrics`
(`process_resident_memory_bytes`, as Prometheus clients call it). It is looked at so seldom that no
measurement notices.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from slipstream.tasks.benchmarking import metrics, statistics, target
from slipstream.tasks.benchmarking.model import Metric
from slipstream.tasks.benchmarking.target import ServerError, Target

EVERY = 1.0  # seconds between two looks
COMMAND_SECONDS = 2.0
_LINE = re.compile(rb"^process_resident_memory_bytes(?:\{[^}]*\})?\s+(\S+)", re.MULTILINE)


class Memory:
    """Looks at memory while a cell is measured.

    Args:
        server: Whose `/metrics` are read.
        pid: The server's process; 0: not known.
        clients: The client processes.
    """

    def __init__(self, server: Target, pid: int, clients: Sequence[int]) -> None:
        self._server = server
        self._pid = pid
        self._clients = clients
        self._told = True  # by /metrics, until it does not
        self.server: list[int] = []
        self.client: list[int] = []

    async def watch(self) -> None:
        """Look until it is cancelled."""
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(EVERY)

    def look(self) -> None:
        """Look once."""
        self.client.append(sum(resident(pid) or 0 for pid in self._clients))
        found = resident(self._pid) if self._pid else self._from_metrics()
        if found:
            self.server.append(found)

    def metrics(self) -> Iterator[Metric]:
        """What was seen: mean and peak, in bytes."""
        for name, seen in (("server_memory", self.server), ("client_memory", self.client)):
            if seen:
                summary = statistics.summarise(seen)
                found = metrics.as_metrics(name, "bytes", "lower", summary)
                yield from (m for m in found if m.statistic in ("mean", "max"))

    def _from_metrics(self) -> int | None:
        if not self._told:
            return None
        found = None
        with contextlib.suppress(ServerError, ValueError):
            reply = target.ask(self._server, "/metrics", root=True)
            if reply.status == 200 and (line := _LINE.search(reply.body)):
                found = round(float(line[1]))
        self._told = found is not None
        return found


def resident(pid: int) -> int | None:
    """Resident memory of a process in bytes; None: it is not there, or the system does not say."""
    if sys.platform == "linux":
        try:
            status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
        except OSError:
            return None
        found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
        return int(found[1]) * 1024 if found else None
    try:
        done = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(pid)],
            capture_output=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        return int(done.stdout) * 1024
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None

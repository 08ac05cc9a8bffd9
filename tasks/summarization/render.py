"""A summary as text: header, findings, evidence, footer; never more than its limit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from slipstream.tasks.summarization.detect import Detected
from slipstream.tasks.summarization.model import Tally


class Log(NamedTuple):
    """The stored log that a summary stands for."""

    id: str
    """Empty when it could not be kept."""
    sha256: str
    size: int
    lines: int
    complete: bool
    warning: str = ""


class Outcome(NamedTuple):
    """How the command ended, as far as is known."""

    exit_status: int | None = None
    signal: str = ""
    """For example "SIGKILL"."""
    timed_out: float | None = None
    """The time limit in seconds that it passed."""
    out_of_memory: bool = False
    duration: float | None = None
    """Seconds."""


def verdict(failed: bool | None, outcome: Outcome) -> str:
    """The result in a word or two."""
    if outcome.timed_out is not None:
        return f"TIMED OUT after {outcome.timed_out:g} s"
    if outcome.out_of_memory:
        return "KILLED: out of memory"
    if outcome.signal:
        return f"KILLED by {outcome.signal}"
    return {True: "FAILED", False: "passed", None: "no failure seen"}[failed]


def header(detected: Detected, tallies: Sequence[Tally], failed: bool | None, outcome: Outcome) -> str:
    tools = " → ".join(detected.tools[:4]) or "output"
    parts = [f"# {verdict(failed, outcome)}: {tools}"]
    if outcome.exit_status is not None:
        parts.append(f"exit status {outcome.exit_status}")
    if outcome.duration is not None and outcome.duration >= 1:
        parts.append(f"{outcome.duration:.0f} s")
    lines = [", ".join(parts)]
    for tally in tallies[-4:]:
        counts = ", ".join(f"{count} {name}" for name, count in tally.counts)
        time = f" in {tally.duration:g} s" if tally.duration is not None else ""
        said = ": ".join(part for part in (tally.tool, counts + time or tally.note) if part)
        if said not in lines:
            lines.append(said)
    return "\n".join(lines)


def footer(log: Log, outcome: Outcome, left: Sequence[str], notes: Sequence[str]) -> str:
    lines = [*left, *notes]
    if log.warning:
        lines.append(f"warning: {log.warning}")
    if log.id:
        whole = "complete" if log.complete else "INCOMPLETE"
        lines.append(
            f"Full log ({whole}, {log.lines} lines, {log.size} bytes): slip log {log.id} "
            "[--lines A:B | --grep RE -C 3 | --tail N]"
        )
    status = "unknown" if outcome.exit_status is None else outcome.exit_status
    lines.append(
        f"[slip exit={status} bytes={log.size} lines={log.lines} "
        f"complete={'yes' if log.complete else 'no'} log={log.id or '-'} sha256={log.sha256}]"
    )
    return "\n".join(lines)

"""Baselines in the database: what runs of a suite, a model and a machine are compared with.

Their runs are kept for ever. A baseline without a run is none.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from slipstream.storage import audit
from slipstream.storage.database import transaction
from slipstream.storage.results import Connection

_REMOVE = "DELETE FROM bench_baselines WHERE suite = ? AND model = ? AND machine = ?"


class Key(NamedTuple):
    """What has a baseline of its own.

    Attributes:
        suite: A suite's name.
        model: A model's name.
        machine: A digest of the hardware.
    """

    suite: str
    model: str
    machine: str


class Baseline(NamedTuple):
    """Runs that others are compared with.

    Attributes:
        suite: Of all of them.
        model: Of all of them.
        machine: Of all of them.
        set_ns: When it was set; UTC, ns since 1970.
        runs: Ids, oldest first; never empty.
    """

    suite: str
    model: str
    machine: str
    set_ns: int
    runs: tuple[str, ...]

    @property
    def key(self) -> Key:
        """What it is the baseline of."""
        return Key(self.suite, self.model, self.machine)


def set_(connection: Connection, key: Key, runs: Sequence[str]) -> Baseline:
    """Make runs the baseline, instead of those that were.

    Args:
        connection: To the database.
        key: Of what.
        runs: Ids of runs that are stored, one at least.

    Raises:
        results.Error: Nothing was changed.
    """
    with transaction(connection):
        connection.execute(_REMOVE, key)
        (seq,) = connection.execute(
            "INSERT INTO bench_baselines (suite, model, machine, set_ns) VALUES (?, ?, ?, ?)"
            " RETURNING seq",
            (*key, time.time_ns()),
        ).fetchone()
        connection.executemany(
            "INSERT INTO bench_baseline_runs (baseline_seq, run_seq)"
            " VALUES (?, (SELECT seq FROM bench_runs WHERE id = ?))",
            [(seq, run) for run in dict.fromkeys(runs)],
        )
        audit.record(connection, "bench baseline set", runs[0], None, {"runs": list(runs)})
    found = get(connection, key)
    assert found is not None
    return found


def get(connection: Connection, key: Key) -> Baseline | None:
    """The baseline of a suite, a model and a machine."""
    return next((found for found in all_(connection) if found.key == key), None)


def all_(connection: Connection) -> list[Baseline]:
    """All of them, the one that was set last first."""
    rows = connection.execute(
        "SELECT b.seq, b.suite, b.model, b.machine, b.set_ns, r.id FROM bench_baselines b"
        " JOIN bench_baseline_runs m ON m.baseline_seq = b.seq"
        " JOIN bench_runs r ON r.seq = m.run_seq ORDER BY b.seq DESC, r.seq"
    )
    found: dict[int, Baseline] = {}
    for seq, suite, model, machine, set_ns, run in rows:
        before = found.get(seq) or Baseline(suite, model, machine, set_ns, ())
        found[seq] = before._replace(runs=(*before.runs, run))
    return list(found.values())


def remove(connection: Connection, key: Key) -> bool:
    """Take a baseline away; its runs stay for as long as others do. Whether there was one."""
    with transaction(connection):
        done = connection.execute(_REMOVE, key).rowcount > 0
        if done:
            audit.record(connection, "bench baseline rm", " ".join(key))
    return done

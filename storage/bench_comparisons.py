"""Comparisons as they were reported: the JSON that `slip compare --format json` prints.

A report stays readable when the runs that it is about are gone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from slipstream.storage import audit, events
from slipstream.storage.connection import Connection
from slipstream.storage.database import printable, transaction

_KEPT = "id, base, candidates, suite, worst, created_ns, report"


class ComparisonRecord(NamedTuple):
    """A comparison; see `models.BenchComparison`.

    Attributes:
        id: 12 hex digits.
        base: As it was named.
        candidates: The same.
        suite: Of the base.
        worst: Severity of the worst regression; empty: there is none.
        created_ns: UTC, ns since 1970.
        report: JSON, see docs/comparison.schema.json.
    """

    id: str
    base: str
    candidates: tuple[str, ...]
    suite: str
    worst: str
    created_ns: int
    report: str


def save(connection: Connection, made: ComparisonRecord) -> None:
    """Keep a comparison; one with the same id is replaced.

    Raises:
        results.Error: It was not kept.
    """
    values = made._replace(candidates=json.dumps(made.candidates))  # type: ignore[arg-type]
    fields = _KEPT.split(", ")
    changed = ", ".join(f"{name} = excluded.{name}" for name in fields[1:])
    with transaction(connection):
        connection.execute(
            f"INSERT INTO bench_comparisons ({_KEPT}) VALUES ({', '.join('?' * len(fields))})"
            f" ON CONFLICT (id) DO UPDATE SET {changed}",
            [printable(value) if isinstance(value, str) else value for value in values],
        )
        audit.record(connection, "bench compare", made.id, None, {"worst": made.worst})
        if made.worst:
            told = {name: getattr(made, name) for name in ("base", "candidates", "suite", "worst")}
            events.emit(connection, events.REGRESSION_DETECTED, {"comparison": made.id, **told})


def get(connection: Connection, identity: str) -> ComparisonRecord | None:
    """The comparison of an id."""
    rows = _rows(connection, "WHERE id = ?", (identity,))
    return rows[0] if rows else None


def newest(connection: Connection, limit: int = 20, *, suite: str = "") -> list[ComparisonRecord]:
    """The newest comparisons, newest first; of one suite alone where it is given."""
    return _rows(
        connection, "WHERE ? IN ('', suite) ORDER BY seq DESC LIMIT ?", (suite, min(limit, 1 << 31))
    )


def prune(connection: Connection, before_ns: int) -> int:
    """Remove comparisons made before a moment; how many there were."""
    return connection.execute(
        "DELETE FROM bench_comparisons WHERE created_ns < ?", (before_ns,)
    ).rowcount


def _rows(connection: Connection, where: str, values: Sequence[object]) -> list[ComparisonRecord]:
    rows = connection.execute(f"SELECT {_KEPT} FROM bench_comparisons {where}", values)
    return [
        ComparisonRecord(i, base, tuple(json.loads(candidates)), *rest)
        for i, base, candidates, *rest in rows
    ]

"""Telemetry of the cache: counters, counts by time, histograms, the newest events."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "telemetry_counters",
        *_texts("operation", "tier", "kind", "reason", key=True),
        _big("count"),
        _big("size"),
        _big("since_ns"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "telemetry_counts",
        sa.Column("level", sa.Integer(), primary_key=True),
        _big("start", key=True),
        *_texts("operation", "tier", "kind", "reason", "repository", "revision", key=True),
        _big("count"),
        _big("size"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "telemetry_buckets",
        sa.Column("level", sa.Integer(), primary_key=True),
        _big("start", key=True),
        *_texts("operation", "tier", "kind", "measure", key=True),
        sa.Column("bucket", sa.Integer(), primary_key=True),
        _big("count"),
        _big("total"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "telemetry_events",
        _big("id", key=True),
        _big("at_ns"),
        *_texts("key", "operation", "tier", "kind", "reason"),
        _big("latency_ns"),
        _big("size"),
        *_texts("repository", "revision"),
    )
    op.create_index("ix_telemetry_events_key", "telemetry_events", ["key"])


def downgrade() -> None:
    """Remove the tables."""
    for name in ("counters", "counts", "buckets", "events"):
        op.drop_table(f"telemetry_{name}")


def _big(name: str, *, key: bool = False) -> sa.Column[Any]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, primary_key=key, nullable=False)


def _texts(*names: str, key: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.String(), primary_key=key, nullable=False) for name in names]

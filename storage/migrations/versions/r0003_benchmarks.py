"""Runs of benchmarks: runs, tags, cells, samples, metrics."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "bench_runs",
        _big("seq", key=True),
        *_texts("id", "suite", "suite_json", "base_url", "model"),
        _big("seed"),
        *_texts("digest", "state", "reason", "environment"),
        sa.Column("baseline", sa.Boolean(), nullable=False),
        _big("started_ns"),
        _big("ended_ns", nullable=True),
        sa.UniqueConstraint("id"),
    )
    op.create_index("ix_bench_runs_started_ns", "bench_runs", ["started_ns"])
    op.create_table(
        "bench_tags",
        sa.Column("name", sa.String(), primary_key=True, nullable=False),
        _big("run_seq"),
        sa.ForeignKeyConstraint(["run_seq"], ["bench_runs.seq"], ondelete="CASCADE"),
    )
    op.create_index("ix_bench_tags_run_seq", "bench_tags", ["run_seq"])
    op.create_table(
        "bench_cells",
        _big("id", key=True),
        _big("run_seq"),
        sa.Column("position", sa.Integer(), nullable=False),
        *_texts("benchmark", "family", "label", "settings", "state", "reason", "withheld"),
        sa.Column("sessions", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["run_seq"], ["bench_runs.seq"], ondelete="CASCADE"),
        sa.UniqueConstraint("run_seq", "position"),
    )
    op.create_table(
        "bench_samples",
        _big("id", key=True),
        _big("cell_id"),
        *_texts("phase"),
        _big("number"),
        sa.Column("session", sa.Integer(), nullable=False),
        sa.Column("worker", sa.Integer(), nullable=False),
        _big("intended_ns"),
        _big("sent_ns"),
        _big("ended_ns"),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("chunk_ns", sa.LargeBinary(), nullable=False),
        sa.Column("chunk_tokens", sa.LargeBinary(), nullable=False),
        *(_big(f"first_{kind}_ns", nullable=True) for kind in ("reasoning", "content", "tool")),
        *(
            _big(f"{kind}_tokens", nullable=True)
            for kind in ("prompt", "output", "cached", "reasoning", "counted")
        ),
        *_texts("source", "prompt_source", "finish_reason", "fault", "detail"),
        sa.ForeignKeyConstraint(["cell_id"], ["bench_cells.id"], ondelete="CASCADE"),
        sa.UniqueConstraint("cell_id", "phase", "number"),
    )
    op.create_table(
        "bench_metrics",
        _big("id", key=True),
        _big("cell_id"),
        *_texts("name", "statistic", "unit", "direction"),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("low", sa.Float()),
        sa.Column("high", sa.Float()),
        _big("size"),
        sa.ForeignKeyConstraint(["cell_id"], ["bench_cells.id"], ondelete="CASCADE"),
        sa.UniqueConstraint("cell_id", "name", "statistic"),
    )


def downgrade() -> None:
    """Remove the tables."""
    for name in ("metrics", "samples", "cells", "tags", "runs"):
        op.drop_table(f"bench_{name}")


def _big(name: str, *, key: bool = False, nullable: bool = False) -> sa.Column[Any]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, primary_key=key, nullable=nullable)


def _texts(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.String(), nullable=False) for name in names]

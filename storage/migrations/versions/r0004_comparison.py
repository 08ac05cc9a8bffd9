"""Comparing runs: repeated runs, judged answers, baselines, comparisons."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
    op.add_column("bench_runs", sa.Column("series", sa.String(), nullable=False, server_default=""))
    op.create_index("ix_bench_runs_series", "bench_runs", ["series"])
    op.create_table(
        "bench_answers",
        _big("id", key=True),
        _big("cell_id"),
        _big("number"),
        *_texts("case_id"),
        sa.Column("attempt", sa.Integer(), nullable=False),
        *_texts("category", "difficulty", "tool"),
        sa.Column("score", sa.Float(), nullable=False),
        *_texts("layer", "reason", "form", "expected", "actual", "text"),
        sa.ForeignKeyConstraint(["cell_id"], ["bench_cells.id"], ondelete="CASCADE"),
        sa.UniqueConstraint("cell_id", "number"),
    )
    op.create_table(
        "bench_baselines",
        _big("seq", key=True),
        *_texts("suite", "model", "machine"),
        _big("set_ns"),
        sa.UniqueConstraint("suite", "model", "machine"),
    )
    op.create_table(
        "bench_baseline_runs",
        _big("baseline_seq", key=True),
        _big("run_seq", key=True),
        sa.ForeignKeyConstraint(["baseline_seq"], ["bench_baselines.seq"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["run_seq"], ["bench_runs.seq"], ondelete="CASCADE"),
    )
    op.create_table(
        "bench_comparisons",
        _big("seq", key=True),
        *_texts("id", "base", "candidates", "suite", "worst"),
        _big("created_ns"),
        *_texts("report"),
        sa.UniqueConstraint("id"),
    )
    op.create_index("ix_bench_comparisons_created_ns", "bench_comparisons", ["created_ns"])


def downgrade() -> None:
    """Remove them."""
    for name in ("comparisons", "baseline_runs", "baselines", "answers"):
        op.drop_table(f"bench_{name}")
    op.drop_index("ix_bench_runs_series", "bench_runs")
    op.drop_column("bench_runs", "series")


def _big(name: str, *, key: bool = False, nullable: bool = False) -> sa.Column[Any]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, primary_key=key, nullable=nullable)


def _texts(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.String(), nullable=False) for name in names]

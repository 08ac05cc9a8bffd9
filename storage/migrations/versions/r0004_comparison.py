"""Comparing runs: repeated runs, judged answers, baselines, comparisons."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
    op.add_column("bench_runs", sa.Column("series", sa.String(), nullable=False, server_default=""))
    op.create_index("ix_bench_runs_series", "bench_runs", ["series"])
    op.add_column(
        "bench_tags", sa.Column("whole", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_table(
        "bench_answers",
        _big("id", key=True),
        _big("cell_id"),
        _big("number"),
        *_texts("case_id"),
        sa.Column("attempt", sa.Integer(), nullable=False),
        *_texts("category", "difficulty", "tool"),
        sa.Column("score", sa.Float(), nullable=False),
        *_texts("layer", "reason", "form", "prompt", "expected", "actual", "text"),
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
    _move_baseline()
    op.drop_column("bench_runs", "baseline")


def downgrade() -> None:
    """Remove them; the runs of the newest baseline are marked."""
    op.add_column(
        "bench_runs", sa.Column("baseline", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.execute(
        "UPDATE bench_runs SET baseline = true WHERE seq IN (SELECT max(run_seq)"
        " FROM bench_baseline_runs WHERE baseline_seq = (SELECT max(seq) FROM bench_baselines))"
    )
    for name in ("comparisons", "baseline_runs", "baselines", "answers"):
        op.drop_table(f"bench_{name}")
    op.drop_index("ix_bench_runs_series", "bench_runs")
    op.drop_column("bench_runs", "series")
    op.drop_column("bench_tags", "whole")


def _move_baseline() -> None:
    """The run that was marked becomes the baseline of its suite, model and machine."""
    connection = op.get_bind()
    found = connection.execute(
        sa.text(
            "SELECT seq, suite, model, environment, started_ns FROM bench_runs"
            " WHERE baseline ORDER BY seq DESC LIMIT 1"
        )
    ).fetchone()
    if found is None:
        return
    seq, suite, model, environment, started_ns = found
    connection.execute(
        sa.text(
            "INSERT INTO bench_baselines (suite, model, machine, set_ns)"
            " VALUES (:suite, :model, :machine, :set_ns)"
        ),
        {"suite": suite, "model": model, "machine": _machine(environment), "set_ns": started_ns},
    )
    connection.execute(
        sa.text("INSERT INTO bench_baseline_runs SELECT seq, :run FROM bench_baselines"),
        {"run": seq},
    )


def _machine(environment: str) -> str:
    """As `tasks.benchmarking.environment.fingerprint` was when this migration was written."""
    about = json.loads(environment)
    named = [
        about.get("cpu"),
        about.get("cores"),
        round((about.get("memory_bytes") or 0) / 2**30),
        about.get("gpu") or [],
        str(about.get("system") or "").partition("-")[0],
    ]
    return hashlib.sha256(json.dumps(named).encode()).hexdigest()[:12]


def _big(name: str, *, key: bool = False, nullable: bool = False) -> sa.Column[Any]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, primary_key=key, nullable=nullable)


def _texts(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.String(), nullable=False) for name in names]

"""Outputs, captures, summaries, findings, the audit log and the outbox of events."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "outputs",
        _key("id"),
        sa.Column("sha256", sa.String(), nullable=False),
        _big("size"),
        _big("lines"),
        _big("stored"),
        sa.Column("data", sa.LargeBinary()),
        sa.UniqueConstraint("sha256"),
    )
    op.create_table(
        "captures",
        _key("id"),
        _big("output_id"),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("command", sa.String(), nullable=False),
        sa.Column("cwd", sa.String(), nullable=False),
        sa.Column("exit_status", sa.Integer()),
        sa.Column("signal", sa.Integer()),
        _big("started_ns", nullable=True),
        sa.Column("duration", sa.Float()),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("streams", sa.LargeBinary(), nullable=False),
        _big("created_ns"),
        sa.ForeignKeyConstraint(["output_id"], ["outputs.id"], ondelete="CASCADE"),
        sa.UniqueConstraint("token"),
    )
    op.create_table(
        "summaries",
        _key("seq"),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("command", sa.String(), nullable=False),
        sa.Column("exit_status", sa.Integer()),
        sa.Column("errors", sa.Integer(), nullable=False),
        sa.Column("warnings", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("json_text", sa.String(), nullable=False),
        _big("created_ns"),
        sa.UniqueConstraint("id"),
    )
    op.create_table(
        "findings",
        _key("id"),
        _big("summary_seq"),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("tool", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("file", sa.String(), nullable=False),
        _big("line", nullable=True),
        _big("column", nullable=True),
        _big("first_line"),
        _big("last_line"),
        _big("count"),
        sa.Column("role", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["summary_seq"], ["summaries.seq"], ondelete="CASCADE"),
    )
    op.create_table(
        "audit",
        _key("id"),
        _big("at_ns"),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        _big("amount", nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
    )
    op.create_table(
        "events",
        _key("id"),
        _big("at_ns"),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("payload", sa.String(), nullable=False),
        sa.Column("delivered", sa.Boolean(), nullable=False),
    )
    for table, columns in (
        ("captures", ["output_id"]),
        ("captures", ["created_ns"]),
        ("summaries", ["sha256"]),
        ("summaries", ["created_ns"]),
        ("findings", ["summary_seq"]),
        ("audit", ["at_ns"]),
    ):
        op.create_index(f"ix_{table}_{columns[0]}", table, columns)
    op.create_index("ix_events_delivered", "events", ["delivered", "id"])


def downgrade() -> None:
    """There is no way back from the first migration: the back-up is it."""
    raise NotImplementedError


def _big(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=nullable)


def _key(name: str) -> sa.Column[Any]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, primary_key=True)

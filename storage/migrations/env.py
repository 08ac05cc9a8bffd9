"""What Alembic runs: the migrations on the connection that `engine.upgrade` opened."""

from __future__ import annotations

from alembic import context

from slipstream.storage.engine import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,  # SQLite changes a table by copying it
)
with context.begin_transaction():
    context.run_migrations()

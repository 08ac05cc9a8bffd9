"""Alembic's migrations, numbered. Run by `slipstream.storage.engine.upgrade`, never by hand."""

"""What `slip schedule` changes: a file of settings in the data folder, written whole."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Any

import yaml

from slipstream.storage import audit, database
from slipstream.storage.config.sources import SCHEDULES_FILE
from slipstream.storage.errors import StorageError
from slipstream.storage.lock import locked

HEAD = "# Written by `slip schedule`; it counts after your own config.yaml.\n"
ACTION = "config.schedule"


def change(home: Path, field: str, values: dict[str, Any]) -> None:
    """Set values of a schedule, for good, and write into the audit log that it was done.

    Args:
        home: The data folder.
        field: Below `schedules`, such as `run_benchmark`.
        values: By name, such as `when`; they are valid.

    Raises:
        StorageError: The file cannot be read or written.
    """
    path = home / SCHEDULES_FILE
    try:
        with locked(home / f"{SCHEDULES_FILE}.lock"):
            schedules = _read(path)
            schedules[field] = {**(schedules.get(field) or {}), **values}
            temporary = path.with_suffix(".new")
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(HEAD + yaml.safe_dump({"schedules": schedules}, allow_unicode=True))
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written ({error.strerror}).") from error
    with closing(database.connect(home)) as connection:
        audit.record(connection, ACTION, field, detail=values)


def _read(path: Path) -> dict[str, Any]:
    """What it holds; nothing of one that cannot be understood, as when it is read as settings."""
    try:
        found = yaml.safe_load(path.read_bytes())
    except FileNotFoundError:
        return {}
    except yaml.YAMLError as error:
        raise StorageError(
            f"{path} is no YAML any more; mend it, or remove it to begin anew."
        ) from error
    schedules = found.get("schedules") if isinstance(found, dict) else None
    return schedules if isinstance(schedules, dict) else {}

"""Results of Prefect's tasks, kept in this project's cache under the keys of this project.

Prefect wraps a result in a record that names the serializer to read it with; the one it takes when
none is named is pickle. So the record is not kept: only the result is, as JSON with a schema tag,
and the record is written anew when it is read. What somebody planted in the cache is data then, and
never code. A result that is gone or damaged is a miss: the task runs.
"""

from __future__ import annotations

import json
from contextvars import ContextVar
from typing import Any

from prefect.filesystems import WritableFileSystem
from prefect.serializers import Serializer
from pydantic import Field

from slipstream.flows.open_store import flow_store

SCHEMA = "task-result-1"
FIELDS = {"schema", "prefect", "result"}
PRODUCER = "task-result"
BLOCK = "cache"

# Prefect reads a result twice, first to see whether there is one; what was evicted between the two
# would fail the task. So the second read of a task run is given what the first one saw.
_seen: ContextVar[tuple[str, bytes] | None] = ContextVar("_seen", default=None)


class JsonSerializer(Serializer):
    """Results as JSON; what JSON has no form for, an exception too, is not kept at all."""

    type: str = Field(default="slipstream-json", frozen=True)

    def dumps(self, obj: Any) -> bytes:
        """The object as JSON.

        Raises:
            TypeError: JSON has no form for it.
            ValueError: It holds an infinite number or one that is none.
        """
        return json.dumps(obj, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()

    def loads(self, blob: bytes) -> Any:
        """The object again.

        Raises:
            ValueError: It is no JSON.
        """
        return json.loads(blob)


class CacheStorage(WritableFileSystem):
    """A block of Prefect's that keeps results in the cache of whoever runs the task."""

    _block_type_name = "Slipstream cache"
    _block_type_slug = "slipstream-cache"
    _description = "Keeps results of tasks in Slipstream's cache."

    async def read_path(self, path: str) -> bytes:
        """The record of the result with the key `path`.

        Raises:
            ValueError: There is none, or it is not one of ours.
        """
        seen = _seen.get()
        _seen.set(None)
        if seen and seen[0] == path:
            return seen[1]
        content = flow_store().get(path)
        kept = json.loads(content) if content else {}
        if not isinstance(kept, dict) or kept.keys() != FIELDS or kept["schema"] != SCHEMA:
            raise ValueError(f"No result is kept under {path!r}.")
        metadata = {
            "storage_key": path,
            "serializer": {"type": JsonSerializer().type},
            "prefect_version": str(kept["prefect"]),
            "storage_block_id": str(self._block_document_id) if self._block_document_id else None,
        }
        record = json.dumps({"metadata": metadata, "result": json.dumps(kept["result"])}).encode()
        _seen.set((path, record))
        return record

    async def write_path(self, path: str, content: bytes) -> None:
        """Keep the result in the record `content` under the key `path`.

        Raises:
            ValueError: It was serialised by something else, or has an expiry of its own: how long
                an entry stays is the cache's to say.
        """
        record = json.loads(content)
        metadata = record["metadata"]
        if metadata["serializer"] != {"type": JsonSerializer().type} or metadata["expiration"]:
            raise ValueError("Results are kept as JSON without an expiry, and this one is not so.")
        kept = {
            "schema": SCHEMA,
            "prefect": metadata["prefect_version"],
            "result": json.loads(record["result"]),
        }
        value = JsonSerializer().dumps(kept)
        flow_store().set(path, value, producer=PRODUCER, tags=(PRODUCER,))


async def saved_storage() -> CacheStorage:
    """The storage as a block that the server knows: Prefect takes no other for a task."""
    storage = CacheStorage()
    await storage.save(BLOCK, overwrite=True)
    return storage

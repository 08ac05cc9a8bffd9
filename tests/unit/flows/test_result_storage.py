"""Results of tasks in this project's cache: data, under the cache's keys."""

from __future__ import annotations

import asyncio
import base64
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from prefect.exceptions import SerializationError
from prefect.results import ResultStore

from slipstream.flows import result_storage
from slipstream.flows.open_store import flow_store
from slipstream.flows.result_storage import CacheStorage, JsonSerializer

KEY = "v1::task-index-files::" + "a" * 64
BLOCK = "2f0c1c60-5d3c-4a5c-9f3e-0a7c8f8f5f5f"


def results() -> ResultStore:
    """Prefect's result store on our storage, as a task has it."""
    from uuid import UUID

    storage = CacheStorage()
    storage._block_document_id = UUID(BLOCK)  # as of a block that the server knows
    return ResultStore(
        result_storage=storage, serializer=JsonSerializer(), cache_result_in_memory=False
    )


def read(key: str = KEY) -> Any:
    """What a task would be given, in the way of Prefect's engine; None: it would run."""

    async def ask() -> Any:
        store = results()
        return (await store.aread(key)).result if await store.aexists(key) else None

    return asyncio.run(ask())


@pytest.mark.parametrize(
    "value", [None, 0, "é\0", [1.5, {"a": [True, None]}], {"files": {"a.py": 3}}], ids=repr
)
def test_a_result_comes_back_as_it_was(home: Path, value: Any) -> None:
    """And is an entry of the cache like any other."""
    asyncio.run(results().awrite(value, KEY))
    found = asyncio.run(results().aread(KEY))
    assert found.result == value
    assert str(found.metadata.storage_block_id) == BLOCK
    entry = flow_store().entry(KEY)
    assert entry is not None
    assert entry.producer == "task-result"
    kept = json.loads(flow_store().get(KEY) or b"")
    assert kept["result"] == value
    assert set(kept) == {"schema", "prefect", "result"}


@pytest.mark.parametrize(
    "value", [ValueError("no"), {1, 2}, float("nan"), b"bytes", object()], ids=lambda v: type(v)
)
def test_what_json_has_no_form_for_is_not_kept(home: Path, value: Any) -> None:
    """Neither is an exception: a failure is not cached."""
    with pytest.raises(SerializationError):
        asyncio.run(results().awrite(value, KEY))
    assert read() is None
    assert flow_store().count() == 0


def test_a_result_that_is_gone_or_damaged_is_none(home: Path) -> None:
    """The task runs again; what is no result at all is not taken for one."""
    assert read() is None
    asyncio.run(results().awrite(1, KEY))
    flow_store().delete(KEY)
    assert read() is None
    for wrong in (
        b"",
        b"{}",
        b'{"schema": "task-result-1"}',
        b"[1]",
        b"\xff\xfe",
        b'{"schema": "other-1", "result": 1}',
    ):
        flow_store().set(KEY, wrong)
        assert read() is None


class Planted:
    """Code that runs when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a planted result was executed",))


def test_a_planted_pickle_is_data_and_never_runs(home: Path) -> None:
    """Neither as a record of Prefect's own nor inside one of ours."""
    code = base64.encodebytes(pickle.dumps(Planted())).decode()
    serializer = {"type": "pickle", "picklelib": "cloudpickle"}
    records: list[dict[str, Any]] = [
        {"metadata": {"serializer": serializer, "storage_key": KEY}, "result": code},
        {"result": code},
        {"schema": "task-result-1", "prefect": "3", "result": code, "serializer": serializer},
    ]
    for record in records:
        flow_store().set(KEY, json.dumps(record).encode())
        assert read() in (None, code)


def test_what_was_serialised_otherwise_or_ends_by_itself_is_refused(home: Path) -> None:
    """The cache says how long an entry stays."""
    for serializer, expiration in (({"type": "json"}, None), ({"type": "slipstream-json"}, "x")):
        metadata = {"serializer": serializer, "expiration": expiration, "prefect_version": "3"}
        record = json.dumps({"metadata": metadata, "result": "1"}).encode()
        with pytest.raises(ValueError, match="without an expiry"):
            asyncio.run(CacheStorage().write_path(KEY, record))


def test_a_result_that_is_evicted_between_two_reads_is_still_had(home: Path) -> None:
    """Prefect asks whether there is one, and then reads it; once, and no longer than that."""

    async def run() -> None:
        store = results()
        await store.awrite(5, KEY)
        assert await store.aexists(KEY)
        flow_store().delete(KEY)
        assert (await store.aread(KEY)).result == 5
        assert not await store.aexists(KEY)

    asyncio.run(run())


def test_nothing_of_ours_is_pickled() -> None:
    """Each flow and each task has our serializer, and keeps nothing unless it says so."""
    from prefect import Flow, Task

    from slipstream.flows import invalidate_cache, summarize_output, warm_cache

    for module in (invalidate_cache, summarize_output, warm_cache):
        for name, one in vars(module).items():
            if isinstance(one, Flow | Task):
                ours = isinstance(one.result_serializer, JsonSerializer)
                assert ours or one.persist_result is False, name
    assert result_storage.JsonSerializer().type == "slipstream-json"

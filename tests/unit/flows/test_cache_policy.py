"""Keys of task runs are keys of the cache."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import pytest
from prefect import Task
from prefect.transactions import IsolationLevel

from slipstream.flows import warm_cache
from slipstream.flows.cache_policy import LOCKS, ContentPolicy
from slipstream.tasks.indexing import keys
from slipstream.tasks.indexing.batches import Batch, Origin
from slipstream.tasks.indexing.operations import OPERATIONS

BATCH = Batch("1/1", (), "a" * 64, 0)


def key(task: str = "index-files", policy: ContentPolicy | None = None, **inputs: Any) -> Any:
    """The key of a run with these inputs."""
    context: Any = SimpleNamespace(task=SimpleNamespace(name=task))
    given = {"batch": BATCH, "origin": Origin(), "workers": 0} | inputs
    return (policy or ContentPolicy()).compute_key(context, given, {})


def test_a_key_is_made_of_what_the_result_depends_on_alone() -> None:
    """It is one of the cache's own."""
    assert keys.parse_key(key()).operation == "task-index-files"
    assert key() == key(origin=Origin("/elsewhere", "main"), workers=7)
    assert key() == key(batch=BATCH._replace(name="2/9", missing=3))
    assert key() != key(batch=BATCH._replace(identity="b" * 64))
    assert key() != key(policy=ContentPolicy(version=2))
    assert key() == key(policy=ContentPolicy())


@pytest.mark.parametrize(
    "inputs", [{"more": 1}, {"batch": None}, {"batch": object()}], ids=["more", "none", "alien"]
)
def test_an_input_that_is_not_listed_makes_no_key(inputs: dict[str, Any]) -> None:
    """Prefect runs the task then and keeps nothing; so does a task that is not listed."""
    if inputs == {"batch": None}:
        assert key(**inputs) != key()
        return
    with pytest.raises(keys.KeyNotComputable):
        key(**inputs)
    with pytest.raises(keys.KeyNotComputable):
        key("unheard-of")


def test_every_input_of_every_cached_task_is_listed_with_its_reason() -> None:
    """As part of the key or as irrelevant; and nothing else is listed."""
    cached = [
        one
        for one in vars(warm_cache).values()
        if isinstance(one, Task) and isinstance(one.cache_policy, ContentPolicy)
    ]
    assert {one.name for one in cached} == {"index-files", "embed-files"}
    for one in cached:
        operation = OPERATIONS[f"task-{one.name}"]
        listed = {**operation.inputs, **operation.irrelevant}
        assert set(listed) == {*inspect.signature(one.fn).parameters, "policy"}
        assert all(reason.endswith(".") for reason in listed.values())


def test_runs_with_one_key_take_turns() -> None:
    """By the locks of this project; a copy of the policy has the same ones."""
    policy = ContentPolicy()
    assert policy.isolation_level is IsolationLevel.SERIALIZABLE
    assert policy.lock_manager is LOCKS

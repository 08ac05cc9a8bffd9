"""Which runs of a task are the same: their key is a key of this project's cache.

`slip cache inspect` shows a task run's key like any other. It is made by the one key generator, of
the inputs that `tasks/indexing/operations.py` lists for the task with the reason for each, under
`task-` and the task's name. An input that is not listed there makes no key, and the task runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from prefect.cache_policies import CachePolicy
from prefect.context import TaskRunContext
from prefect.transactions import IsolationLevel

from slipstream.flows import locks
from slipstream.tasks.indexing import keys
from slipstream.tasks.indexing.operations import OPERATIONS

VERSION = 1
"""Bump when a task's result means something else."""

LOCKS = locks.chosen()
"""One for the process: a lock is known by the one that took it."""


@dataclass
class ContentPolicy(CachePolicy):
    """Keys from what a task's result depends on, whichever commit and repository that is of.

    Of two runs with one key at the same time, the second waits for the first.

    Attributes:
        version: Part of every key; see `VERSION`.
    """

    version: int = VERSION

    def __post_init__(self) -> None:
        """Let one run at a time compute what has the same key."""
        self.isolation_level = IsolationLevel.SERIALIZABLE
        self.lock_manager = LOCKS

    def compute_key(
        self,
        task_ctx: TaskRunContext,
        inputs: dict[str, Any],
        flow_parameters: dict[str, Any],
        **kwargs: Any,
    ) -> str | None:
        """The key of a run; an input counts by its `identity` when it has one.

        The flow's parameters reach a task through its inputs alone, so that they are not looked at.

        Raises:
            KeyNotComputable: An input is not listed for this task, or a listed one is missing.
        """
        operation = f"task-{task_ctx.task.name}"
        listed = OPERATIONS.get(operation)
        left_out = listed.irrelevant if listed else {}
        counted = {
            name: getattr(value, "identity", value)
            for name, value in inputs.items()
            if name not in left_out
        }
        return keys.artefact(operation, {**counted, "policy": self.version})

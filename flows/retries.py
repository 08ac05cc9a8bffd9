"""How tasks are tried again: a few times, later and later, and only what another try may mend."""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import State, TaskRun
from prefect.task_engine import TaskRunTimeoutError
from prefect.tasks import Task, exponential_backoff

RETRIES = 3
BACKOFF = exponential_backoff(backoff_factor=1)  # seconds: 1, 2, 4
JITTER = 0.5


def may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether a failure is worth another try.

    A disk, a network folder, a connection or a busy server may recover. A wrong parameter or a
    missing file, a mistake of ours or what took too long will not.
    """
    if isinstance(state.data, TaskRunTimeoutError):
        return False
    return isinstance(state.data, OSError) or getattr(state.data, "may_pass", False) is True

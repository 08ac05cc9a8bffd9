"""Which failures of a task are worth another try."""

from __future__ import annotations

from typing import Any

import pytest
from prefect.states import Failed
from prefect.task_engine import TaskRunTimeoutError

from slipstream.flows.retries import may_pass
from slipstream.storage.config.endpoints import EndpointError, EndpointUnavailable
from slipstream.storage.errors import NotFoundError

NOTHING: Any = None


@pytest.mark.parametrize(
    ("failure", "worth"),
    [
        (OSError(5, "Input/output error"), True),
        (ConnectionRefusedError(), True),
        (EndpointUnavailable("It is busy."), True),
        (EndpointError("It refuses the key."), False),
        (NotFoundError("There is no such path."), False),
        (ValueError("A mistake of ours."), False),
        (TaskRunTimeoutError(), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_what_another_try_may_mend_is_tried_again(failure: Exception, worth: bool) -> None:
    """A time-out would take its time again."""
    assert may_pass(NOTHING, NOTHING, Failed(data=failure)) is worth

"""Flow runs on a Prefect server: started from a deployment, watched, cancelled, listed, read.

Call `launch.reach` first: which server is asked is settled when Prefect is imported.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, NamedTuple
from uuid import UUID

from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterId,
    LogFilter,
    LogFilterFlowRunId,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import FlowRunSort, LogSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelling

from slipstream.flows import server
from slipstream.storage import paths
from slipstream.storage.errors import AmbiguousError, NotFoundError

LATEST = "latest"
DIGITS = 12
"""Of an id, its last: the first ones are the time, which neighbours share."""
LOOK_SECONDS = 0.25
"""Between two looks at a run that is watched."""
SOON = timedelta(seconds=5)
"""A run that is expected later than that is only planned."""
PAGE = 200  # what the server gives at once
LOOKED_AT = 2000  # runs among which an id is looked for
REGRESSION = "Regression"
"""The name of the state of a run that found one."""
STATUS = {StateType.COMPLETED: 0, StateType.CANCELLED: 130}


class Seen(NamedTuple):
    """A flow run.

    Attributes:
        id: Its last digits.
        full_id: All of them.
        state: As Prefect names it.
        message: What the state says, without Prefect's own words.
        status: What a command exits with that waited for it; None: it has not ended.
        started_ns: UTC, ns since 1970; None: it has not begun.
        seconds: That it took, or has taken so far.
        done: How many of its tasks have ended, where that was asked for.
    """

    id: str
    full_id: str
    name: str
    flow: str
    deployment: str
    state: str
    message: str
    status: int | None
    started_ns: int | None
    seconds: float
    done: int = 0


class Line(NamedTuple):
    """A line of a run's log; `at_ns` is UTC, ns since 1970; `task` is empty for the flow's own."""

    at_ns: int
    level: int
    task: str
    message: str


def deployment_of(flow: str) -> DeploymentResponse | None:
    """The deployment of a flow on the server: the one with its name, else the first; None: none."""
    with get_client(sync_client=True) as client:
        found = client.read_deployments(flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])))
    return min(found, key=lambda each: (each.name != flow, each.name), default=None)


def start(deployment: DeploymentResponse, parameters: Mapping[str, Any]) -> str:
    """Have a deployment run as soon as its runner can; returns the run's id."""
    with get_client(sync_client=True) as client:
        made = client.create_flow_run_from_deployment(deployment.id, parameters=dict(parameters))
    server.wake(paths.home())
    return str(made.id)


def watch(identity: str) -> Iterator[Seen]:
    """The run whenever its state or the number of tasks done has changed, until it has ended."""
    before = None
    with get_client(sync_client=True) as client:
        names = _Names(client)
        while True:
            run = client.read_flow_run(UUID(identity))
            seen = names.seen(run)._replace(done=_tasks_done(client, run.id))
            if (now := (seen.state, seen.done)) != before:
                before = now
                yield seen
            if seen.status is not None:
                return
            time.sleep(LOOK_SECONDS)


def cancel(identity: str) -> None:
    """Ask for a run to be cancelled; it keeps what it has, and ends within some seconds."""
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(UUID(identity), Cancelling())


def listed(limit: int, flow: str = "") -> list[Seen]:
    """The newest runs, newest first; what is only planned is left out."""
    only = FlowFilter(name=FlowFilterName(any_=[flow])) if flow else None
    with get_client(sync_client=True) as client:
        names = _Names(client)
        return [names.seen(run) for run in _newest(client, limit, only)]


def resolve(name: str) -> Seen:
    """Find a run by `latest`, by an id, or by the beginning of an id or of its last digits.

    Raises:
        NotFoundError: There is none.
        AmbiguousError: It fits several.
    """
    with get_client(sync_client=True) as client:
        names = _Names(client)
        if name == LATEST:
            found = list(_newest(client, 1))
        else:
            wanted = name.lower()
            found = [
                run
                for run in _newest(client, LOOKED_AT)
                if wanted and (str(run.id).startswith(wanted) or _short(run).startswith(wanted))
            ]
        if not found:
            raise NotFoundError(f"There is no flow run {name}; `slip flow runs` lists them.")
        if len(found) > 1:
            some = ", ".join(_short(run) for run in found[:3])
            raise AmbiguousError(f"{name} fits more than one flow run ({some}); give more digits.")
        return names.seen(found[0])


def log(identity: str) -> Iterator[Line]:
    """The lines that a run and its tasks logged, oldest first."""
    mine = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[UUID(identity)]))
    names: dict[UUID, str] = {}
    with get_client(sync_client=True) as client:
        for offset in count(0, PAGE):
            found = client.read_logs(mine, PAGE, offset, LogSort.TIMESTAMP_ASC)
            for line in found:
                task = line.task_run_id
                if task and task not in names:
                    try:
                        names[task] = client.read_task_run(task).name
                    except ObjectNotFound:  # the server records task runs later than their lines
                        names[task] = ""
                name = names[task] if task else ""
                yield Line(_ns(line.timestamp), line.level, name, line.message)
            if len(found) < PAGE:
                return


def status(state: State[Any]) -> int | None:
    """What a command that waited exits with; None: the run has not ended."""
    if not state.is_final():
        return None
    return 3 if state.name == REGRESSION else STATUS.get(state.type, 1)


def message(state: State[Any]) -> str:
    """What a state says, without Prefect's own words around an error's."""
    return re.sub(r"^Flow run encountered an exception: (\w+: )?", "", state.message or "")


class _Names:
    """Names of flows and deployments, each asked for once."""

    def __init__(self, client: SyncPrefectClient) -> None:
        self._client = client
        self._known: dict[UUID, str] = {}

    def seen(self, run: FlowRun) -> Seen:
        state = run.state or State(type=StateType.PENDING)
        return Seen(
            _short(run),
            str(run.id),
            run.name,
            self._flow(run.flow_id),
            self._deployment(run.deployment_id) if run.deployment_id else "",
            state.name or state.type.value,
            message(state),
            status(state),
            _ns(run.start_time) if run.start_time else None,
            run.estimated_run_time.total_seconds(),
        )

    def _flow(self, number: UUID) -> str:
        if number not in self._known:
            self._known[number] = self._client.read_flow(number).name
        return self._known[number]

    def _deployment(self, number: UUID) -> str:
        if number not in self._known:
            try:
                self._known[number] = self._client.read_deployment(number).name
            except ObjectNotFound:  # it was removed since
                self._known[number] = ""
        return self._known[number]


def _newest(
    client: SyncPrefectClient, limit: int, only: FlowFilter | None = None
) -> Iterator[FlowRun]:
    until = datetime.now(UTC) + SOON
    due = FlowRunFilter(
        expected_start_time=FlowRunFilterExpectedStartTime.model_validate({"before_": until})
    )
    for offset in range(0, limit, PAGE):
        wanted = min(PAGE, limit - offset)
        found = client.read_flow_runs(
            flow_filter=only,
            flow_run_filter=due,
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=wanted,
            offset=offset,
        )
        yield from found
        if len(found) < wanted:
            return


def _tasks_done(client: SyncPrefectClient, run: UUID) -> int:
    ended = TaskRunFilter(
        state=TaskRunFilterState(type=TaskRunFilterStateType(any_=[StateType.COMPLETED]))
    )
    mine = FlowRunFilter(id=FlowRunFilterId(any_=[run]))
    return len(client.read_task_runs(flow_run_filter=mine, task_run_filter=ended, limit=PAGE))


def _short(run: FlowRun) -> str:
    return str(run.id).replace("-", "")[-DIGITS:]


def _ns(moment: datetime) -> int:
    return int(moment.timestamp() * 1e9)

"""The runner of `slip up`: registers the deployments, and starts what is due.

    python -m slipstream.flows.serve    reads from standard input how to end: `stop SECONDS`

It is a process below the supervisor, and ends at once when that one dies. What ran when a runner
was killed is marked as crashed by the next one; of the runs that were missed while nothing was up,
the newest of each schedule is made up for. A schedule does not overtake itself: what is due while
its run before is under way is skipped.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterNextScheduledStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import Abort, ObjectNotFound
from prefect.settings import PREFECT_API_URL
from prefect.states import Cancelled, Crashed, Pending
from prefect.utilities.engine import propose_state

from slipstream.flows import deployments, processes, server
from slipstream.flows.processes import Processes
from slipstream.storage import logs, paths
from slipstream.storage.config.load import load
from slipstream.storage.config.settings import DEFAULTS, Config
from slipstream.tasks import subscribers

LOOK_SECONDS = 2.0
"""Between two looks for flow runs; who starts one with `slip` wakes the runner at once."""
AHEAD_SECONDS = 10
"""A run is known so long before it is due, so that it starts on time."""
GRACE_SECONDS = 30
"""For a flow to end once it is cancelled; then it is killed."""
MISSED_SECONDS = 60
"""A run that is due for longer was missed, not late."""
AT_ONCE = 16
"""Flow runs at a time, of all deployments together."""
PAGE = 200
"""Flow runs in an answer: as many as the server gives."""
UNDER_WAY = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]


class Runner:
    """Starts flow runs when they are due, each in a process of its own, and sees to their ends."""

    def __init__(self, home: Path, client: PrefectClient, children: Processes) -> None:
        self._here = server.files(home)
        self._client = client
        self._children = children
        self._config = DEFAULTS
        self._problems: tuple[str, ...] = ()
        self._trouble = ""
        self._flows: dict[UUID, str] = {}  # deployment → its flow
        self._waiting: dict[UUID, asyncio.Task[None]] = {}
        self._running: dict[UUID, asyncio.Task[None]] = {}
        self._doing: dict[UUID, str] = {}  # run → what it does
        self._cancelled: set[UUID] = set()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._woken = asyncio.Event()
        self._stop: float | None = None  # seconds that flows have to end by themselves

    async def serve(self) -> None:
        """Work until it is told to stop."""
        await self._register(load().config)
        await self._tidy()
        with self._wakeable():
            self._tell()
            while self._stop is None:
                for work in (self._follow, self._look):
                    try:
                        await work()
                    except Exception as error:  # the server is away, or a setting cannot be used
                        self._log(work.__name__, f"{type(error).__name__}: {error}")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), LOOK_SECONDS)
                self._woken.clear()
        await self._end(self._stop)

    def stop(self, seconds: float) -> None:
        """Start nothing any more; what runs has so many seconds to end before it is cancelled."""
        self._stop = seconds
        self._woken.set()

    async def _register(self, config: Config) -> None:
        made = deployments.all_deployments(config)
        self._flows = await deployments.register(self._client, made.all)
        self._problems, self._config = made.problems, config

    async def _follow(self) -> None:
        """Follow a change of the settings."""
        if (config := load().config) != self._config:
            await self._register(config)
            self._tell()

    def _log(self, what: str, trouble: str) -> None:
        """Log what may come again every two seconds, once."""
        if trouble != self._trouble:
            logs.warning("runner.trouble", what=what, error=trouble)
        self._trouble = trouble

    def _tell(self) -> None:
        """Tell the supervisor that this serves, and what is wrong."""
        told = {"pid": os.getpid(), "problems": list(self._problems)}
        server.replace_json(self._here.runner, told)

    @contextlib.contextmanager
    def _wakeable(self) -> Any:
        """Look at once when a byte comes through the FIFO."""
        if sys.platform == "win32":
            yield
            return
        with contextlib.suppress(FileNotFoundError):
            self._here.wake.unlink()
        os.mkfifo(self._here.wake, 0o600)
        handle = os.open(self._here.wake, os.O_RDWR | os.O_NONBLOCK)  # so that it has no end

        def woken() -> None:
            with contextlib.suppress(BlockingIOError):
                os.read(handle, 1 << 12)
            self._woken.set()

        loop = asyncio.get_running_loop()
        loop.add_reader(handle, woken)
        try:
            yield
        finally:
            loop.remove_reader(handle)
            os.close(handle)
            self._here.wake.unlink(missing_ok=True)

    async def _tidy(self) -> None:
        """Settle what was under way when the last runner ended, and what nobody was up for."""
        for run in await self._runs(UNDER_WAY):
            await self._settle(run.id, "The runner ended while it ran.")
        before = datetime.now(UTC) - timedelta(seconds=MISSED_SECONDS)
        newest = set()
        for run in await self._runs([StateType.SCHEDULED], before):
            if run.auto_scheduled and _which(run) in newest:
                await self._skip(
                    run, "Nothing was up at its time, and a later run makes up for it."
                )
            newest.add(_which(run))

    async def _skip(self, run: FlowRun, reason: str) -> None:
        state: State[Any] = Cancelled(name="Skipped", message=reason)
        await self._client.set_flow_run_state(run.id, state, force=True)

    async def _runs(self, states: list[StateType], before: datetime | None = None) -> list[FlowRun]:
        """Runs of our deployments, the one with the latest time first."""
        found: list[FlowRun] = []
        due = FlowRunFilterNextScheduledStartTime.model_validate({"before_": before})
        only = FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=states)),
            next_scheduled_start_time=due if before else None,
        )
        while len(found) % PAGE == 0:
            page = await self._client.read_flow_runs(
                deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=list(self._flows))),
                flow_run_filter=only,
                sort=FlowRunSort.EXPECTED_START_TIME_DESC,
                limit=PAGE,
                offset=len(found),
            )
            found += page
            if not page:
                break
        return found

    async def _look(self) -> None:
        """Take on what is due soon, and cancel what is to be cancelled."""
        now = datetime.now(UTC)
        for run in await self._client.get_scheduled_flow_runs_for_deployments(
            deployment_ids=list(self._flows),
            scheduled_before=now + timedelta(seconds=AHEAD_SECONDS),
        ):
            if run.id not in self._waiting and run.id not in self._running:
                self._waiting[run.id] = asyncio.create_task(self._start(run))
        if self._running:
            cancelling = FlowRunFilter(
                id=FlowRunFilterId(any_=list(self._running)),
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CANCELLING])),
            )
            for run in await self._client.read_flow_runs(flow_run_filter=cancelling):
                self._cancel(run.id)

    async def _start(self, run: FlowRun) -> None:
        """Wait until a run is due, and run it."""
        try:
            due = run.next_scheduled_start_time or datetime.now(UTC)
            await asyncio.sleep((due - datetime.now(UTC)).total_seconds())
            async with self._slots:
                self._running[run.id] = self._waiting.pop(run.id)
                if run.auto_scheduled and _which(run) in self._doing.values():
                    await self._skip(run, "The run before it is still under way.")
                    return
                self._doing[run.id] = _which(run)
                await self._run(run)
        except (Abort, ObjectNotFound):  # somebody else has it, or has removed it
            pass
        except Exception as error:
            logs.error(
                "runner.run_failed", run=str(run.id), error=f"{type(error).__name__}: {error}"
            )
        finally:
            self._waiting.pop(run.id, None)
            self._running.pop(run.id, None)
            self._doing.pop(run.id, None)
            self._cancelled.discard(run.id)

    async def _run(self, run: FlowRun) -> None:
        state: Any = await propose_state(self._client, Pending(), flow_run_id=run.id)
        if not state.is_pending() or run.deployment_id is None:
            return  # cancelled meanwhile, or it waits for the runs before it
        run.state = state  # it names the slot that the flow is to keep
        status = await self._children.run(
            str(run.id), self._flows[run.deployment_id], run.model_dump_json()
        )
        await self._settle(run.id, f"Its process {processes.ended(status)}.")

    async def _settle(self, identity: UUID, reason: str) -> None:
        """Say how a run ended that cannot say so itself."""
        run = await self._client.read_flow_run(identity)
        cancelled = identity in self._cancelled
        if run.state is None or (
            run.state.is_final() and not (cancelled and run.state.is_crashed())
        ):
            return
        cancelled = cancelled or run.state.is_cancelling()
        state: State[Any] = (
            Cancelled(message="It was cancelled.") if cancelled else Crashed(message=reason)
        )
        await self._client.set_flow_run_state(identity, state, force=True)

    def _cancel(self, identity: UUID) -> None:
        """Tell a run to end, and kill it where it does not."""
        if identity in self._cancelled:
            return
        self._cancelled.add(identity)
        self._children.stop(str(identity))
        loop = asyncio.get_running_loop()
        loop.call_later(GRACE_SECONDS, self._children.kill, str(identity))

    async def _end(self, seconds: float) -> None:
        """Let what runs end, for a while; cancel the rest."""
        for task in self._waiting.values():
            task.cancel()
        tasks = list(self._running.values())
        if tasks and seconds:
            await asyncio.wait(tasks, timeout=seconds)
        for identity in list(self._running):
            self._cancel(identity)
        if left := [task for task in tasks if not task.done()]:
            await asyncio.wait(left, timeout=GRACE_SECONDS + 10)


def _which(run: FlowRun) -> str:
    """What a run does: two of a schedule do the same."""
    return json.dumps([str(run.deployment_id), run.parameters], sort_keys=True)


async def _serve(home: Path, line: socket.socket | None) -> None:
    runner: Runner | None = None
    loop = asyncio.get_running_loop()

    def listen() -> None:
        for text in sys.stdin:
            word, _, seconds = text.partition(" ")
            if word != "stop":
                continue
            if runner is None:
                break
            loop.call_soon_threadsafe(runner.stop, float(seconds))
        os._exit(1)  # the supervisor is dead; the template sees that we are, and ends what runs

    threading.Thread(target=listen, daemon=True).start()
    await _server_is_up()
    async with get_client() as client, processes.opened(line) as children:
        runner = Runner(home, client, children)
        never = threading.Event()
        threading.Thread(target=subscribers.follow, args=(home, never), daemon=True).start()
        await runner.serve()


async def _server_is_up() -> None:
    """Wait for the server, which is started at the same time."""
    url = str(PREFECT_API_URL.value())
    while not await asyncio.to_thread(server.is_healthy, url):
        await asyncio.sleep(0.1)


def main() -> None:
    """Serve until the supervisor says otherwise."""
    line = processes.template()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(paths.home(), line))
    server.leave(0)


if __name__ == "__main__":
    main()

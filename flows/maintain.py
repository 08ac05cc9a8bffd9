"""The flow `maintain`: takes care of all stores, a task for each step."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta

from prefect import flow, get_client, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import TERMINAL_STATES
from prefect.settings import PREFECT_API_URL
from pydantic import BaseModel, Field

from slipstream.flows import artifacts, server
from slipstream.flows.result_storage import JsonSerializer
from slipstream.flows.retries import BACKOFF, JITTER, RETRIES, may_pass
from slipstream.storage import paths
from slipstream.storage.config.load import load
from slipstream.storage.errors import SlipError
from slipstream.storage.maintenance import steps
from slipstream.storage.maintenance.model import (
    SCRUB_SECONDS,
    Done,
    Level,
    Outcome,
    Settings,
    counted,
)
from slipstream.tasks.maintenance import steps_of

STEP_SECONDS = 3600
TAG = "slipstream-maintain"
FLOW_RUNS = "flow runs"
"""The step that is Prefect's own."""


class MaintainParameters(BaseModel):
    """How much is done."""

    level: Level = Field(
        "light", description="light: what is too old goes; full: what stays is checked, too."
    )
    dry_run: bool = Field(False, description="Only tell what would go.")
    scrub_seconds: float = Field(
        SCRUB_SECONDS,
        gt=0,
        le=STEP_SECONDS / 2,
        description="How long logs are read, and values of the cache; the next run goes on.",
    )


@task(
    name="maintain-step",
    task_run_name="{name}",
    retries=RETRIES,
    retry_delay_seconds=BACKOFF,
    retry_jitter_factor=JITTER,
    retry_condition_fn=may_pass,
    timeout_seconds=STEP_SECONDS,
    tags=[TAG],
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def perform(name: str, level: Level, settings: Settings) -> Outcome:
    """Do a step."""
    return await asyncio.to_thread(steps_of(level)[name], settings)


@task(
    name="remove-flow-runs",
    task_run_name="flow runs older than {days} days",
    retries=RETRIES,
    retry_delay_seconds=BACKOFF,
    retry_jitter_factor=JITTER,
    retry_condition_fn=may_pass,
    timeout_seconds=STEP_SECONDS,
    tags=[TAG],
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def remove_flow_runs(days: float, dry_run: bool) -> Outcome:
    """Remove runs that ended long ago from the database of our own Prefect server."""
    if not server.is_ours(paths.home(), PREFECT_API_URL.value()):
        return Outcome(note="the server is not Slipstream's own, and keeps what it has")
    ended = datetime.now(UTC) - timedelta(days=days)
    old = FlowRunFilter(
        end_time=FlowRunFilterEndTime.model_validate({"before_": ended}),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(TERMINAL_STATES))),
    )
    if dry_run:
        async with get_client() as client:
            removed = await client.count_flow_runs(flow_run_filter=old)
    else:
        removed = await asyncio.to_thread(_removed, str(PREFECT_API_URL.value()), old)
    return Outcome(removed, 0, counted(removed, "flow run"))


@flow(
    name="maintain",
    flow_run_name="maintain {parameters.level}",
    persist_result=False,
    result_serializer=JsonSerializer(),
)
async def maintain(parameters: MaintainParameters) -> list[dict[str, object]]:
    """Do the steps of a level one after the other; one that fails does not stop the others.

    Returns:
        Of each `step` how many things it `removed`, the bytes `freed`, and a `note`.

    Raises:
        SlipError: A step failed, or found damage; the others were done.
    """
    config = load().config
    settings = Settings(paths.home(), config, parameters.dry_run, parameters.scrub_seconds)
    done = []
    for name in steps_of(parameters.level):
        done.append(await _tried(name, perform(name, parameters.level, settings)))
    if parameters.level == "full":
        work = remove_flow_runs(config.retention.days, parameters.dry_run)
        done.append(await _tried(FLOW_RUNS, work))
    if not parameters.dry_run:
        problem = await asyncio.to_thread(steps.record, settings, parameters.level, done)
        done += [problem] if problem else []
    rows = [_row(each) for each in done]
    would = " Nothing was removed: this was a dry run." if parameters.dry_run else ""
    await artifacts.table(
        artifacts.key("maintain", parameters.level), rows, f"What each step removed.{would}"
    )
    if trouble := [f"{each.step}: {each.trouble}" for each in done if each.trouble]:
        raise SlipError(" ".join(trouble))
    return rows


def _removed(address: str, old: FlowRunFilter) -> int:
    """Remove them, as many at once as the server lets: one by one each takes a second."""
    removed = 0
    wanted = {"flow_runs": old.model_dump(mode="json")}
    while answer := server.post(f"{address}/flow_runs/bulk_delete", wanted):
        if not answer["deleted"]:
            return removed
        removed += len(answer["deleted"])
    raise SlipError("Prefect's server does not remove old flow runs; `slip status` tells of it.")


async def _tried(name: str, work: Awaitable[Outcome]) -> Done:
    try:
        return Done(name, await work)
    except Exception as error:  # its task run says more
        return Done(name, None, steps.reason(error))


def _row(done: Done) -> dict[str, object]:
    outcome = done.outcome or Outcome()
    return {
        "step": done.step,
        "removed": outcome.removed,
        "freed": outcome.freed,
        "note": done.trouble or outcome.note,
    }

"""The deployments that `slip up` serves: every flow, with the schedules of the configuration."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import ConcurrencyLimitConfig
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.types.entrypoint import EntrypointType

from slipstream.flows import catalog, parameters, schedules, server
from slipstream.flows.schedules import Planned
from slipstream.storage.config.settings import Config
from slipstream.storage.errors import SlipError

NAME = "local"
"""Of each deployment: `run-benchmark/local`."""
TAG = "slipstream"
AT_ONCE = {"run-benchmark": 1, "maintain": 1, "warm-cache": 2}
"""Runs of a deployment at a time; the others wait. A benchmark must not measure another one."""
ANCHOR = datetime(2020, 1, 1, tzinfo=UTC)
"""Intervals count from here, so that `every 30 minutes` is at :00 and :30 after a restart too."""


class Deployments(NamedTuple):
    """What is to be served.

    Attributes:
        all: For Prefect.
        problems: Why a schedule is left out: a sentence each.
    """

    all: list[RunnerDeployment]
    problems: tuple[str, ...]


def all_deployments(config: Config) -> Deployments:
    """Every flow as a deployment; a schedule with wrong parameters is left out, and told."""
    plans = schedules.planned(config)
    zone = schedules.timezone(config)
    made, problems = [], []
    for name, listed in catalog.FLOWS.items():
        flow = catalog.imported(name)
        kept: list[DeploymentScheduleCreate] = []
        for plan in plans:
            if plan.flow != name or not plan.is_on:
                continue
            try:
                for given in plan.runs.values():
                    parameters.checked(catalog.model_of(flow), given)
            except SlipError as error:
                field = schedules.FIELDS[plan.name]
                problems.append(f"schedules.{field}.parameters: {error} {plan.name} is off.")
                continue
            kept += scheduled(plan, zone)
        limit = AT_ONCE.get(name)
        deployment = RunnerDeployment.from_flow(
            flow,
            NAME,
            schedules=kept,
            tags=[TAG],
            description=f"{listed.does[0].upper()}{listed.does[1:]}.",
            concurrency_limit=ConcurrencyLimitConfig(limit=limit) if limit else None,
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        deployment.version = _digest(deployment)
        made.append(deployment)
    return Deployments(made, tuple(problems))


def scheduled(plan: Planned, zone: str) -> list[DeploymentScheduleCreate]:
    """A schedule for Prefect, one for each of its runs."""
    when = plan.parsed
    schedule: CronSchedule | IntervalSchedule
    if when.cron:
        schedule = CronSchedule(cron=when.cron, timezone=zone)
    else:
        seconds = timedelta(seconds=when.seconds)
        schedule = IntervalSchedule(interval=seconds, anchor_date=ANCHOR, timezone=zone)
    return [
        DeploymentScheduleCreate(
            schedule=schedule, active=not plan.paused, parameters={"parameters": given}, slug=slug
        )
        for slug, given in plan.runs.items()
    ]


async def register(client: PrefectClient, deployments: list[RunnerDeployment]) -> dict[UUID, str]:
    """Tell the server of deployments, and what their flows are called.

    One that the server has as it is stays untouched: its runs to come stay scheduled, and those
    that came are not scheduled again.
    """
    found = {}
    for deployment in deployments:
        try:
            known = await client.read_deployment_by_name(deployment.full_name)
        except ObjectNotFound:
            known = None
        if known is None or known.version != deployment.version:
            identity = await deployment.aapply()
            wanted = {schedule.slug for schedule in deployment.schedules or ()}
            for schedule in await client.read_deployment_schedules(identity):
                if schedule.slug not in wanted:
                    await client.delete_deployment_schedule(identity, schedule.id)
        else:
            identity = known.id
        found[identity] = str(deployment.flow_name)
    return found


def _digest(deployment: RunnerDeployment) -> str:
    """The program's version, and a digest of all that a deployment says."""
    said = deployment.model_dump(mode="json", exclude={"version", "storage"})
    digest = hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()
    return f"{server.installed('slipstream')}+{digest[:12]}"

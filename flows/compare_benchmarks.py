"""The flow `compare-benchmarks`: holds runs against a base, keeps reports, tells what got worse.

A regression is a result and no failure of the flow: the run ends completed, in a state of its own
name, which `slip flow run` turns into exit status 3, and with an event for automations.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import BaseModel, Field

from slipstream.flows import artifacts
from slipstream.flows.result_storage import JsonSerializer
from slipstream.flows.retries import BACKOFF, JITTER, RETRIES, may_pass
from slipstream.flows.runs import REGRESSION
from slipstream.storage import paths, results
from slipstream.storage.config.load import load
from slipstream.tasks.benchmarking import against
from slipstream.tasks.benchmarking.compare.model import Comparison, Outcome, Policy, Trend
from slipstream.tasks.benchmarking.compare.sides import side
from slipstream.tasks.benchmarking.reports import files, markdown, view
from slipstream.tasks.benchmarking.reports.forms import Form

EVENT = "slipstream.regression-detected"
"""For automations of Prefect's."""
TAG = "slipstream-compare"
COMPARE_SECONDS = 600


class CompareParameters(BaseModel):
    """What is held against what; what is left out is as configured."""

    base: str = Field(
        "baseline",
        min_length=1,
        max_length=200,
        description="A run or a series: latest~1, baseline, a tag, a date, series:ID, an id.",
    )
    candidates: list[str] = Field(
        ["latest"], min_length=1, max_length=20, description="What is held against it."
    )
    threshold_percent: float | None = Field(
        None, gt=0, le=1000, description="Smallest change that matters."
    )
    fail_on: Literal["", "minor", "moderate", "major", "critical", "never"] = Field(
        "", description="The least severe regression that counts as one; empty: as configured."
    )
    formats: list[Form] = Field(
        ["html"], description="Of the reports that are kept in the data folder."
    )


def run_name() -> str:
    """Names a run by what it compares."""
    parameters = flow_run.parameters["parameters"]
    if not isinstance(parameters, CompareParameters):
        parameters = CompareParameters.model_validate(parameters)
    return f"{', '.join(parameters.candidates)} against {parameters.base}"


@task(
    name="compare-runs",
    task_run_name="compare",
    retries=RETRIES,
    retry_delay_seconds=BACKOFF,
    retry_jitter_factor=JITTER,
    retry_condition_fn=may_pass,
    timeout_seconds=COMPARE_SECONDS,
    tags=[TAG],
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def compare_runs(
    home: Path, parameters: CompareParameters, policy: Policy
) -> tuple[Comparison, list[Trend]]:
    """Compare and keep what came out; with the histories of what changed most."""

    def work() -> tuple[Comparison, list[Trend]]:
        with results.opened(home) as connection:
            candidates = [side(connection, name) for name in parameters.candidates]
            base = side(connection, parameters.base, candidates[0])
            made = against.compared(connection, base, candidates, policy)
            return made, against.histories(connection, made)

    return await asyncio.to_thread(work)


@task(
    name="write-report",
    task_run_name="report as {form}",
    retries=RETRIES,
    retry_delay_seconds=BACKOFF,
    retry_jitter_factor=JITTER,
    retry_condition_fn=may_pass,
    timeout_seconds=COMPARE_SECONDS,
    tags=[TAG],
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def write_report(
    home: Path, form: Form, comparison: Comparison, trends: Sequence[Trend]
) -> Path:
    """Write a report into the data folder."""
    return await asyncio.to_thread(files.write, home, form, comparison, trends)


@flow(
    name="compare-benchmarks",
    flow_run_name=run_name,
    persist_result=False,
    result_serializer=JsonSerializer(),
)
async def compare_benchmarks(parameters: CompareParameters) -> Any:
    """Compare runs that are stored: compare, write the reports, show, tell.

    Returns:
        The `comparison`'s id, what was compared, the `worst` severity, the `regressions` with their
        severities, whether it `fails`, a `sentence`, and the paths of the `reports`.

    Raises:
        NotFoundError: There is no such run.
        SlipError: None of the runs can be read.
    """
    home, config = paths.home(), load().config.bench
    policy = against.policy(config)
    if parameters.threshold_percent:
        policy = policy._replace(threshold=parameters.threshold_percent / 100)
    made, trends = await compare_runs(home, parameters, policy)
    forms = dict.fromkeys(parameters.formats)
    written = [await write_report(home, form, made, trends) for form in forms]
    files.prune(home, config.keep_days)
    found = told(made, written, parameters.fail_on or config.fail_on)
    await show(made, written, found)
    if found["fails"]:
        return Completed(name=REGRESSION, message=found["sentence"], data=found)
    return Completed(message=found["sentence"], data=found)


def told(made: Comparison, written: Sequence[Path], fail_on: str) -> dict[str, Any]:
    """A comparison as data: what it comes to."""
    changes = [change for candidate in made.candidates for change in candidate.changes]
    return {
        "comparison": made.id,
        "base": made.base.name,
        "candidates": [candidate.side.name for candidate in made.candidates],
        "suite": made.base.suite,
        "model": made.base.model,
        "worst": str(made.worst),
        "fails": against.fails(made, fail_on),
        "sentence": against.sentence(made),
        "regressions": {
            change.name: str(change.severity)
            for change in changes
            if change.outcome is Outcome.REGRESSION
        },
        "reports": [str(path) for path in written],
    }


def rows(made: Comparison) -> list[dict[str, Any]]:
    """A row for each metric that was tested."""
    return [
        {
            "candidate": candidate.side.name,
            "benchmark": change.benchmark,
            "load": change.label,
            "metric": f"{change.metric} {change.statistic}",
            "base": view.figure(change.base, change.unit),
            "now": view.figure(change.candidate, change.unit),
            "change": view.difference(change),
            "outcome": str(change.outcome),
            "severity": str(change.severity),
        }
        for candidate in made.candidates
        for change in candidate.changes
        if change.primary
    ]


async def show(made: Comparison, written: Sequence[Path], found: dict[str, Any]) -> None:
    """Put the report where Prefect's pages show it, and tell automations of a regression."""
    name = artifacts.key("compare-benchmarks", made.base.suite, made.base.model)
    await artifacts.table(f"{name}-table", rows(made), found["sentence"])
    await artifacts.report(name, markdown.render(made), found["sentence"])
    for path in written:
        await artifacts.link(
            f"{name}-{path.suffix[1:]}", path, path.name, f"The report of comparison {made.id}."
        )
    if found["fails"]:
        resource = {"prefect.resource.id": f"slipstream.comparison.{made.id}"}
        emit_event(EVENT, resource=resource, payload=found)

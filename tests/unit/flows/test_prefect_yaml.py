"""prefect.yaml, against the flows, limits and schedules that `slip up` has."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipstream.flows import catalog, deployments, parameters, schedules
from slipstream.storage.config.settings import DEFAULTS

TEXT = (files("slipstream.flows") / "prefect.yaml").read_text(encoding="utf-8")
FOUND: dict[str, Any] = {each["entrypoint"]: each for each in yaml.safe_load(TEXT)["deployments"]}


def of(flow: str) -> dict[str, Any]:
    listed = catalog.FLOWS[flow]
    found: dict[str, Any] = FOUND[f"slipstream.flows.{listed.module}.{listed.function}"]
    return found


def test_the_one_at_the_top_of_a_checkout_is_that_of_the_package() -> None:
    top = Path(__file__).parents[3] / "prefect.yaml"
    if not top.is_symlink():
        pytest.skip("links are not checked out here")
    assert top.read_text(encoding="utf-8") == TEXT


def test_each_flow_is_deployed_once_and_nothing_is_pulled() -> None:
    assert len(FOUND) == len(yaml.safe_load(TEXT)["deployments"]) == len(catalog.FLOWS)
    assert yaml.safe_load(TEXT)["pull"] == []
    for name, listed in catalog.FLOWS.items():
        found = of(name)
        assert (found["name"], found["work_pool"]["name"]) == ("team", "slipstream")
        assert found["description"].lower() == f"{listed.does}.".lower()


def test_as_many_run_at_a_time_as_with_slip_up() -> None:
    limits = {name: of(name).get("concurrency_limit", {}).get("limit") for name in catalog.FLOWS}
    assert {name: limit for name, limit in limits.items() if limit} == deployments.AT_ONCE


@pytest.mark.parametrize("name", ["run-benchmark", "maintain"])
def test_schedules_are_those_of_slip_up(name: str) -> None:
    """And their parameters are such that the flow takes them."""
    found = {each["slug"]: each for each in of(name)["schedules"]}
    model = catalog.model_of(catalog.imported(name))
    plans = [plan for plan in schedules.planned(DEFAULTS) if plan.flow == name]
    assert found.keys() == {slug for plan in plans for slug in plan.runs}
    for plan in plans:
        for slug, given in plan.runs.items():
            schedule = found[slug]
            assert schedule.get("cron", "") == plan.parsed.cron
            assert schedule.get("interval", 0) == plan.parsed.seconds
            told = schedule.get("parameters", {}).get("parameters", {})
            assert told == given
            parameters.checked(model, told)

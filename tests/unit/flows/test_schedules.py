"""Schedules as the configuration has them, and as Prefect gets them."""

from __future__ import annotations

import pytest
from prefect.client.schemas.schedules import CronSchedule

from slipstream.flows import deployments, schedules
from slipstream.storage.config.settings import DEFAULTS, Config, Schedule


def of(**changed: object) -> Config:
    """The defaults with other schedules."""
    return DEFAULTS._replace(schedules=DEFAULTS.schedules._replace(**changed))  # type: ignore[arg-type]


def test_every_repository_is_warmed_by_a_schedule_of_its_own() -> None:
    """And without one there is nothing to warm."""
    plans = {plan.name: plan for plan in schedules.planned(of())}
    assert set(plans) == set(schedules.FIELDS)
    assert not plans["warm-cache"].is_on
    assert plans["run-benchmark"].is_on
    warm = Schedule("every 10m", parameters={"embed": True})
    plans = {p.name: p for p in schedules.planned(of(repositories=("/a", "/b"), warm_cache=warm))}
    assert plans["warm-cache"].runs == {
        "warm-cache /a": {"embed": True, "path": "/a"},
        "warm-cache /b": {"embed": True, "path": "/b"},
    }
    assert not {p.name: p for p in schedules.planned(of(run_benchmark=Schedule("off")))}[
        "run-benchmark"
    ].is_on


def test_the_time_zone_is_the_configured_one_else_this_machines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By TZ, by /etc/localtime, else UTC."""
    assert schedules.timezone(of(timezone="Asia/Tokyo")) == "Asia/Tokyo"
    monkeypatch.setenv("TZ", ":America/Lima")
    assert schedules.timezone(of()) == "America/Lima"
    monkeypatch.setenv("TZ", "nonsense")
    monkeypatch.setattr(schedules, "_linked", lambda: "")
    assert schedules.timezone(of()) == "UTC"


def test_deployments_have_the_schedules_and_a_wrong_parameter_is_told() -> None:
    """The others stay; the version is another only when something else is said."""
    config = of(
        timezone="Europe/Berlin",
        repositories=("/a",),
        run_benchmark=Schedule("0 3 * * *", paused=True, parameters={"repeats": 2}),
        maintain_full=Schedule("@daily", parameters={"level": "most"}),
    )
    made = deployments.all_deployments(config)
    assert [p.partition(":")[0] for p in made.problems] == ["schedules.maintain_full.parameters"]
    by_flow = {deployment.flow_name: deployment for deployment in made.all}
    [nightly] = by_flow["run-benchmark"].schedules or []
    assert (nightly.slug, nightly.active) == ("run-benchmark", False)
    assert nightly.parameters == {"parameters": {"repeats": 2}}
    assert isinstance(nightly.schedule, CronSchedule)
    assert (nightly.schedule.cron, nightly.schedule.timezone) == ("0 3 * * *", "Europe/Berlin")
    assert [s.slug for s in by_flow["maintain"].schedules or []] == ["maintain-light"]
    assert [s.slug for s in by_flow["warm-cache"].schedules or []] == ["warm-cache /a"]
    assert by_flow["run-benchmark"].entrypoint == "slipstream.flows.run_benchmark.run_benchmark"
    again = {d.flow_name: d.version for d in deployments.all_deployments(config).all}
    assert again == {name: d.version for name, d in by_flow.items()}
    other = {d.flow_name: d.version for d in deployments.all_deployments(of()).all}
    assert other["run-benchmark"] != again["run-benchmark"]
    assert other["summarize-output"] == again["summarize-output"]


def test_every_schedule_is_of_a_setting() -> None:
    """By its name."""
    for field in schedules.FIELDS.values():
        assert isinstance(getattr(DEFAULTS.schedules, field), Schedule)

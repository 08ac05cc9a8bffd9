"""What is run by itself, as the configuration has it, before Prefect is imported."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from slipstream.storage.config.settings import Config, Schedule
from slipstream.storage.config.when import When, parse

FIELDS = {
    "run-benchmark": "run_benchmark",
    "warm-cache": "warm_cache",
    "maintain-light": "maintain_light",
    "maintain-full": "maintain_full",
}
"""Names of schedules, and of their settings below `schedules`."""


class Planned(NamedTuple):
    """A schedule of a flow.

    Attributes:
        name: As `slip schedule ls` shows it; a flow may have several.
        flow: The flow's name.
        when: As it was written.
        paused: It is known to the server, and starts nothing.
        runs: What is started, by a name of its own: parameters of the flow.
    """

    name: str
    flow: str
    when: str
    paused: bool
    runs: Mapping[str, Mapping[str, Any]]

    @property
    def parsed(self) -> When:
        """When, read; the configuration has refused what cannot be."""
        return parse(self.when)

    @property
    def is_on(self) -> bool:
        """Whether it has a time, and something to start."""
        return self.parsed != When() and bool(self.runs)


def planned(config: Config) -> list[Planned]:
    """All schedules, those that are off included."""
    schedules = config.schedules
    warm = schedules.warm_cache.parameters
    repositories = {
        f"warm-cache {folder}": {**warm, "path": folder} for folder in schedules.repositories
    }
    light = {"level": "light", **schedules.maintain_light.parameters}
    full = {"level": "full", **schedules.maintain_full.parameters}
    benchmark = schedules.run_benchmark.parameters
    return [
        _of(
            "run-benchmark", "run-benchmark", schedules.run_benchmark, {"run-benchmark": benchmark}
        ),
        _of("warm-cache", "warm-cache", schedules.warm_cache, repositories),
        _of("maintain-light", "maintain", schedules.maintain_light, {"maintain-light": light}),
        _of("maintain-full", "maintain", schedules.maintain_full, {"maintain-full": full}),
    ]


def _of(name: str, flow: str, schedule: Schedule, runs: Mapping[str, Mapping[str, Any]]) -> Planned:
    return Planned(name, flow, schedule.when, schedule.paused, runs)


def timezone(config: Config) -> str:
    """The time zone of cron expressions: as configured, else this machine's, else UTC."""
    for name in (config.schedules.timezone, os.environ.get("TZ", "").lstrip(":"), _linked()):
        if name and _is_zone(name):
            return name
    return "UTC"


def _linked() -> str:
    """The zone that /etc/localtime is a link to."""
    try:
        return os.readlink("/etc/localtime").partition("zoneinfo/")[2]
    except OSError:
        return ""


def _is_zone(name: str) -> bool:
    from zoneinfo import ZoneInfo

    try:
        return bool(ZoneInfo(name))
    except (OSError, ValueError, KeyError):
        return False

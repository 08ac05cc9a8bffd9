"""All steps of a maintenance: those of the stores, and the delivery of events that wait."""

from __future__ import annotations

from slipstream.storage.maintenance.model import Level
from slipstream.storage.maintenance.steps import LEVELS, Step
from slipstream.tasks import subscribers


def steps_of(level: Level) -> dict[str, Step]:
    """The steps by their names, in the order in which they are done."""
    return {**LEVELS[level], subscribers.STEP: subscribers.maintain}

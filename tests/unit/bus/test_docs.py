"""docs/events.md is about the events that there are."""

from __future__ import annotations

import re
from pathlib import Path

from slipstream.storage.bus.model import EVENTS, Event

PAGE = Path(__file__).resolve().parents[3] / "docs" / "events.md"


def test_every_event_is_described_with_all_that_it_says() -> None:
    """In the page's table, CacheMiss as `the same`."""
    rows = dict(re.findall(r"^\| `(\w+)` \| .* \| (.*) \|$", PAGE.read_text("utf-8"), re.M))
    assert list(rows) == list(EVENTS)
    for name, event in EVENTS.items():
        described = rows["CacheHit" if rows[name] == "the same" else name]
        fields = event.model_fields.keys() - Event.model_fields.keys()
        assert set(re.findall(r"`(\w+)`", described)) == fields

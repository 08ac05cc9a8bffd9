"""Options of one summary, resolved once from flags and configuration."""

from __future__ import annotations

from typing import Any, NamedTuple


class Options(NamedTuple):
    """How a summary is made. Sizes in bytes of UTF-8."""

    max_bytes: int = 10_240
    section_bytes: int = 5_120
    item_bytes: int = 2_048
    max_errors: int = 25
    strategy_seconds: float = 5.0
    type: str = ""
    """A strategy's name that overrules detection."""
    redact: bool = True
    patterns: tuple[Any, ...] = ()
    """The user's patterns from the configuration."""


MIN_BYTES, MAX_BYTES = 1_024, 1_048_576

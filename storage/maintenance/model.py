"""What the steps of a maintenance are given, and what they tell."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from slipstream.storage.config.settings import DEFAULTS, Config

Level: TypeAlias = Literal["light", "full"]
"""light: what is too old or too much goes, in seconds; full: what stays is checked, too."""

SCRUB_SECONDS = 60.0
"""Reading 1 GB and making its checksums takes some seconds; the next run goes on."""


class Settings(NamedTuple):
    """What is maintained, and how.

    Attributes:
        home: The data folder.
        config: Ages and sizes.
        dry_run: Only tell what would go.
        scrub_seconds: How long a run may read logs, and how long values of the cache.
    """

    home: Path
    config: Config = DEFAULTS
    dry_run: bool = False
    scrub_seconds: float = SCRUB_SECONDS


class Outcome(NamedTuple):
    """What a step did, or would do.

    Attributes:
        removed: How many things went.
        freed: Their bytes, as far as they are counted.
        note: What there is to say of it, without a full stop; empty: nothing.
        problem: What was found to be wrong and needs somebody, as a sentence; empty: nothing.
    """

    removed: int = 0
    freed: int = 0
    note: str = ""
    problem: str = ""


class Done(NamedTuple):
    """A step that was tried.

    Attributes:
        step: Its name.
        outcome: What it did; None: it failed.
        error: Why it failed, as a sentence; empty: it did not.
    """

    step: str
    outcome: Outcome | None
    error: str = ""

    @property
    def trouble(self) -> str:
        """What needs somebody: why it failed, or what it found; empty: nothing does."""
        return self.error or (self.outcome.problem if self.outcome else "")


def counted(number: int, one: str, many: str = "") -> str:
    """A number of things: `1 log`, `2 logs`, `3 entries`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"

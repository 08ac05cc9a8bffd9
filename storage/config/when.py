"""When something is run by itself: `0 3 * * *`, `every 30 minutes` or `off`, checked word by word.

Cron as crontab(5) has it: minute, hour, day of the month, month, day of the week; `*`, numbers,
ranges, steps and lists; names of months and days; `@hourly` and the like.
"""

from __future__ import annotations

import re
from typing import NamedTuple

OFF = "off"
MIN_SECONDS, MAX_SECONDS = 1, 366 * 86_400
EXAMPLE = "write `0 3 * * *` (daily at 03:00), `every 30 minutes` or `off`"

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_DAYS = "sun mon tue wed thu fri sat".split()
_SHORT = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_WORDS = ("", "s", "sec", "second", "m", "min", "minute", "h", "hour", "d", "day")
_EVERY = re.compile(r"(\d+(?:\.\d+)?)?\s*([a-z]*)")


class Field(NamedTuple):
    """A field of a cron expression: what it is, its bounds, and names for its numbers."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_FIELDS = (
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day of the month", 1, 31),
    Field("month", 1, 12, tuple(_MONTHS)),
    Field("day of the week", 0, 7, tuple(_DAYS)),
)


class When(NamedTuple):
    """When: one of the two, or neither for never.

    Attributes:
        cron: A cron expression of five fields.
        seconds: From one run to the next.
    """

    cron: str = ""
    seconds: float = 0


def parse(text: str) -> When:
    """Read when something is to be run.

    Raises:
        ValueError: It cannot be read; the message says what is wrong, with an example.
    """
    words = text.strip().lower()
    if words in ("", OFF, "never"):
        return When()
    if words.startswith("every"):
        return When(seconds=_seconds(words.removeprefix("every").strip()))
    return When(cron=_cron(_SHORT.get(words, words)))


def _seconds(text: str) -> float:
    match = _EVERY.fullmatch(text)
    unit = match[2] if match else ""
    if not match or not text or unit.removesuffix("s") not in _WORDS:
        raise ValueError(f"`every {text}` has no such length of time; {EXAMPLE}")
    if not unit:
        raise ValueError(
            f"`every {text}` lacks its unit (seconds, minutes, hours, days); {EXAMPLE}"
        )
    seconds = float(match[1] or 1) * _UNITS[unit[0]]
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        raise ValueError(f"`every {text}` is not between 1 second and 366 days; {EXAMPLE}")
    return seconds


def _cron(text: str) -> str:
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise ValueError(
            f"`{text}` has {len(fields)} field{'s' * (len(fields) != 1)} where cron has 5 "
            f"({', '.join(field.name for field in _FIELDS)}); {EXAMPLE}"
        )
    for value, field in zip(fields, _FIELDS, strict=True):
        for part in value.split(","):
            _check(part, field)
    return " ".join(fields)


def _check(part: str, field: Field) -> None:
    """One entry of a list: `*`, `5`, `1-5`, each with a step such as `/15`."""
    span, slash, step = part.partition("/")
    if slash and not (step.isdecimal() and 0 < int(step) <= field.high):
        raise ValueError(f"{field.name} `{part}`: the step is 1 to {field.high}; {EXAMPLE}")
    if span == "*":
        return
    first, dash, last = span.partition("-")
    numbers = [_number(value, part, field) for value in ([first, last] if dash else [first])]
    if numbers != sorted(numbers):
        raise ValueError(f"{field.name} `{part}`: the range runs backwards; {EXAMPLE}")


def _number(text: str, part: str, field: Field) -> int:
    if text in field.names:
        return field.names.index(text) + field.low
    if text.isdecimal() and field.low <= int(text) <= field.high:
        return int(text)
    named = f", or {field.names[0]} to {field.names[-1]}" if field.names else ""
    raise ValueError(f"{field.name} `{part}` is not {field.low} to {field.high}{named}; {EXAMPLE}")

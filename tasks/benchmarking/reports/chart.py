"""A line of figures as a chart of characters: Braille dots, or ASCII."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

ROWS = 8
NARROWEST = 10  # characters of the chart itself
MARK, ASCII_MARK = "▲", "^"
_BRAILLE = 0x2800
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # by column and row of a character


def lines(
    values: Sequence[float],
    marks: Sequence[int],
    label: Callable[[float], str],
    *,
    width: int,
    ascii: bool = False,
) -> list[str]:
    """Draw values from left to right.

    Args:
        values: What is drawn; what is not finite leaves a gap.
        marks: Places of values under which a mark stands.
        label: How a value is written at the axis.
        width: Of the whole, in characters.
        ascii: Stars instead of Braille.
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return []
    low, high = min(finite), max(finite)
    names = {0: label(high), ROWS - 1: label(low)}
    margin = max(map(len, names.values()))
    across, down = (1, 1) if ascii else (2, 4)
    columns = max(NARROWEST, min(width - margin - 2, len(values) * 8)) * across
    heights = ROWS * down
    points = [
        (_scaled(place, 0, len(values) - 1, columns - 1), _scaled(value, high, low, heights - 1))
        for place, value in enumerate(values)
        if math.isfinite(value)
    ]
    dots = set(points)
    if not ascii:
        for start, end in pairwise(points):
            dots |= _joined(start, end)
    grid = [
        "".join(_cell(dots, x, y, across, down) for x in range(0, columns, across)).rstrip()
        for y in range(0, heights, down)
    ]
    bar, corner, line = ("|", "+", "-") if ascii else ("│", "└", "─")
    drawn = [f"{names.get(n, ''):>{margin}} {bar}{row}" for n, row in enumerate(grid)]
    drawn.append(f"{'':{margin}} {corner}{line * (columns // across)}")
    if marks:
        under = [" "] * (columns // across)
        for place in marks:
            x = _scaled(place, 0, len(values) - 1, columns - 1) // across
            under[x] = ASCII_MARK if ascii else MARK
        drawn.append(f"{'':{margin}}  {''.join(under).rstrip()}")
    return drawn


def _scaled(value: float, first: float, last: float, most: int) -> int:
    """Where a value lies between 0 and `most`; in the middle where there is no distance."""
    return round((value - first) / (last - first) * most) if last != first else most // 2


def _joined(start: tuple[int, int], end: tuple[int, int]) -> set[tuple[int, int]]:
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    return {
        (
            round(start[0] + (end[0] - start[0]) * step / steps),
            round(start[1] + (end[1] - start[1]) * step / steps),
        )
        for step in range(steps)
    }


def _cell(dots: set[tuple[int, int]], x: int, y: int, across: int, down: int) -> str:
    if across == 1:
        return "*" if (x, y) in dots else " "
    bits = sum(
        _DOTS[column][row]
        for column in range(across)
        for row in range(down)
        if (x + column, y + row) in dots
    )
    return chr(_BRAILLE + bits) if bits else " "

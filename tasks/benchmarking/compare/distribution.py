"""What plots of a metric need: its quantiles, and a histogram with the same bins on all sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from slipstream.tasks.benchmarking.compare.model import Distribution

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Key: TypeAlias = tuple[str, str, str]
    Values: TypeAlias = Mapping[Key, NDArray[np.float64]]

BINS = 40
SEEN = 0.995  # the share of values that the bins reach to; the last one holds what is beyond


def distributions(sides: Sequence[Values]) -> list[tuple[Distribution, ...]]:
    """The distributions of each side.

    Args:
        sides: Values in ms by benchmark, label and metric; empty ones and NaN are left out.
    """
    import numpy as np

    ordered = [
        {key: order for key, values in side.items() if (order := _ordered(values)).size}
        for side in sides
    ]
    edges: dict[Key, NDArray[np.float64]] = {}
    for key in {key for side in ordered for key in side}:
        of = [side[key] for side in ordered if key in side]
        low = min(float(values[0]) for values in of)
        high = max(float(values[int(SEEN * (values.size - 1))]) for values in of)
        edges[key] = np.linspace(
            low, high if high > low else low + max(abs(low), 1) / 100, BINS + 1
        )
    found = []
    for side in ordered:
        found.append(
            tuple(
                Distribution(
                    *key,
                    "ms",
                    tuple(np.percentile(values, np.arange(101)).tolist()),
                    tuple(edges[key].tolist()),
                    _counts(values, edges[key]),
                )
                for key, values in side.items()
            )
        )
    return found


def _ordered(values: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    return np.sort(values[np.isfinite(values)])


def _counts(order: NDArray[np.float64], edges: NDArray[np.float64]) -> tuple[int, ...]:
    import numpy as np

    places = np.searchsorted(order, edges[1:-1], side="left")
    return tuple(np.diff(np.concatenate(([0], places, [order.size]))).tolist())

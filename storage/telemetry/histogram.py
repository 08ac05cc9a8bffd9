"""Histograms with buckets that double: bucket `n` holds the values in (2**(n-1), 2**n].

A percentile read from them is at most a factor of two off, and on average much less, since the sum
of each bucket's values is kept beside their number.
"""

from collections.abc import Iterable
from typing import NamedTuple

LARGEST = 50  # 2**50 ns are 13 days, 2**50 bytes are a pebibyte: what is above counts as that


class Bucket(NamedTuple):
    """The values of one bucket."""

    number: int
    amount: int
    total: int
    """Their sum."""


def bucket(value: int) -> int:
    """The number of the bucket that holds a value; values below one are in bucket 0."""
    return min((value - 1).bit_length(), LARGEST) if value > 1 else 0


def percentile(buckets: Iterable[Bucket], share: float) -> float | None:
    """The value below which a share of the values lies; None when there are none.

    Within a bucket the mean of its values stands for all of them.
    """
    ordered = sorted(buckets)
    wanted = share * sum(one.amount for one in ordered)
    below = 0
    for one in ordered:
        below += one.amount
        if below >= wanted and one.amount:
            return one.total / one.amount
    return None

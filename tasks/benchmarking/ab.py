"""Two servers measured in turn: what changes on the machine meanwhile changes both alike."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from slipstream.tasks.benchmarking.series import Turn


def interleaved(base: Sequence[Turn], candidate: Sequence[Turn]) -> list[Turn]:
    """The order A B B A A B …: each pair the other way round than the one before.

    A steady drift then weighs on both sides alike, up to half a step where the number of pairs is
    odd; in the order A B A B the candidate is always the later one, and a drift looks like a
    difference. (A counterbalanced design; within pairs, so that a cut-off leaves whole ones.)

    Args:
        base: The runs of one side, in their order.
        candidate: As many of the other.
    """
    pairs = zip(base, candidate, strict=True)
    ordered = (pair[::-1] if number % 2 else pair for number, pair in enumerate(pairs))
    return list(chain.from_iterable(ordered))

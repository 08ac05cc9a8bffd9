"""Vectors as whole numbers: a fourth of the size, and sums that are exact.

A vector is brought to length 1 and stored as integers of up to `limit` and a scale. The product of
two such vectors is a sum of integers below 2^24, which 32-bit floating point adds without rounding
in any order: so the same chunk has the same score whichever other chunks there are, and however
the processor splits the work.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float32]
    Integers: TypeAlias = NDArray[np.int8]

TAG = b"EV1\0"
"""Before every packed vector: another form gets another one."""
HEAD = len(TAG) + 4  # and the scale as a 32-bit float
EXACT = 2**24  # up to which 32-bit floats are all whole numbers
BLOCK = 2048  # rows that are multiplied together: 2 MB of 32-bit floats for 256 numbers each


def limit(dimensions: int) -> int:
    """The largest integer, so that the product of two vectors of such is below 2^24."""
    return min(127, math.isqrt(EXACT // dimensions))


def quantise(vectors: Sequence[Sequence[float]]) -> tuple[Floats, Integers]:
    """Vectors, row by row, as scales and integers: row ≈ scale · integers, of length 1.

    A vector of zeros, which has no direction, stays one with the scale 0.
    """
    import numpy as np

    rows = np.array(vectors, np.float64, ndmin=2)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    scales = np.abs(rows).max(axis=1, keepdims=True) / limit(rows.shape[1])
    integers = np.divide(rows, scales, out=np.zeros_like(rows), where=scales > 0)
    return scales[:, 0].astype(np.float32), np.rint(integers).astype(np.int8)


def pack(vectors: Sequence[Sequence[float]]) -> list[bytes]:
    """Each vector as bytes: tag, scale, integers."""
    if not vectors:
        return []
    scales, integers = quantise(vectors)
    return [
        TAG + scale.astype("<f4").tobytes() + row.tobytes()
        for scale, row in zip(scales, integers, strict=True)
    ]


def is_packed(value: bytes, dimensions: int) -> bool:
    """Whether the bytes are a packed vector of so many numbers."""
    return len(value) == HEAD + dimensions and value.startswith(TAG)


def unpack(values: Sequence[bytes], dimensions: int) -> tuple[Floats, Integers]:
    """Packed vectors as scales and integers, row by row.

    Raises:
        ValueError: One is not a packed vector of so many numbers.
    """
    import numpy as np

    if not all(is_packed(value, dimensions) for value in values):
        raise ValueError(f"These are not packed vectors of {dimensions} numbers.")
    table = np.frombuffer(b"".join(values), np.uint8).reshape(len(values), HEAD + dimensions)
    scales = table[:, len(TAG) : HEAD].copy().view("<f4")[:, 0].astype(np.float32)
    return scales, table[:, HEAD:].view(np.int8)


def scores(scales: Floats, integers: Integers, query: bytes) -> Floats:
    """The cosine of the angle between each row and a packed query: 1 is the same direction."""
    import numpy as np

    dimensions = integers.shape[1]
    scale, wanted = unpack([query], dimensions)
    vector = wanted[0].astype(np.float32)
    found = np.empty(len(integers), np.float32)
    block = np.empty((min(BLOCK, len(integers)), dimensions), np.float32)
    for start in range(0, len(integers), BLOCK):
        rows = integers[start : start + BLOCK]
        np.copyto(block[: len(rows)], rows)
        np.dot(block[: len(rows)], vector, out=found[start : start + len(rows)])
    return np.asarray(found * scales * scale[0], np.float32)

"""Vectors as whole numbers: small, near to what they were, and compared without rounding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipstream.tasks.indexing import quantise

SIZES = st.sampled_from([1, 3, 384, 1025, 4096])


def drawn(count: int, size: int, seed: int) -> list[list[float]]:
    """Vectors drawn by seed, some of them alike."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(5, size))
    rows = centres[random.integers(0, 5, count)] + 0.7 * random.normal(size=(count, size))
    return [[float(x) for x in row] for row in rows * random.uniform(0.001, 1000, (count, 1))]


@given(SIZES, st.integers(0, 2**32))
def test_a_vector_comes_back_nearly_as_it_was(size: int, seed: int) -> None:
    """As long as 1, in the same direction to a hundredth."""
    vectors = np.array(drawn(8, size, seed))
    packed = quantise.pack(vectors.tolist())
    assert all(quantise.is_packed(value, size) for value in packed)
    scales, integers = quantise.unpack(packed, size)
    back = scales[:, None].astype(float) * integers
    assert np.abs(integers).max() <= quantise.limit(size)
    exact = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert ((back * exact).sum(axis=1) > 0.99).all()


@given(SIZES, st.integers(0, 2**32), st.integers(1, 60))
def test_a_score_is_the_same_to_the_last_bit_beside_whatever_else(
    size: int, seed: int, count: int
) -> None:
    """In another order, and alone."""
    vectors = drawn(count, size, seed)
    scales, integers = quantise.unpack(quantise.pack(vectors), size)
    [query] = quantise.pack(drawn(1, size, seed + 1))
    whole = quantise.scores(scales, integers, query)
    order = np.random.default_rng(seed).permutation(count)
    assert (quantise.scores(scales[order], integers[order], query) == whole[order]).all()
    last = quantise.scores(scales[-1:], integers[-1:], query)
    assert last[0] == whole[-1]
    assert (np.abs(whole) <= 1.02).all()


def test_the_nearest_are_those_of_the_whole_vectors() -> None:
    """Of 5,000, nineteen of the nearest twenty at least."""
    vectors = np.array(drawn(5001, 384, 7))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scales, integers = quantise.unpack(quantise.pack(vectors[1:].tolist()), 384)
    [query] = quantise.pack(vectors[:1].tolist())
    ours = np.argsort(-quantise.scores(scales, integers, query), kind="stable")[:20]
    exact = np.argsort(-(vectors[1:] @ vectors[0]), kind="stable")[:20]
    assert len({*ours.tolist()} & {*exact.tolist()}) >= 19


def test_a_vector_without_a_direction_is_near_to_nothing() -> None:
    """And no vectors are no bytes."""
    assert quantise.pack([]) == []
    packed = quantise.pack([[0.0, 0.0], [1.0, 0.0]])
    scales, integers = quantise.unpack(packed, 2)
    assert quantise.scores(scales, integers, packed[1]).tolist() == [0.0, pytest.approx(1)]


@pytest.mark.parametrize(
    "value", [b"", b"EV1\0", b"XX1\0" + bytes(6), b"EV1\0" + bytes(7)], ids=repr
)
def test_what_is_no_packed_vector_is_refused(value: bytes) -> None:
    """By its tag and its length."""
    assert not quantise.is_packed(value, 2)
    with pytest.raises(ValueError, match="not packed vectors"):
        quantise.unpack([value], 2)

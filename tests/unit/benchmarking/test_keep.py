"""A sample comes back from its row as it was."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st

from slipstream.tasks.benchmarking.faults import Fault
from slipstream.tasks.benchmarking.keep import metric_row, packed, to_row, to_sample, unpacked
from slipstream.tasks.benchmarking.model import Metric, Phase, Sample, Source

numbers = st.integers(-(2**63), 2**63 - 1)
maybe = st.none() | numbers
samples = st.builds(
    Sample,
    number=numbers,
    phase=st.sampled_from(Phase),
    worker=st.integers(0, 9),
    intended_ns=numbers,
    sent_ns=numbers,
    ended_ns=numbers,
    status=st.integers(0, 599),
    chunk_ns=st.lists(numbers).map(lambda n: array("q", n)),
    chunk_tokens=st.lists(numbers).map(lambda n: array("q", n)),
    first_reasoning_ns=maybe,
    first_content_ns=maybe,
    first_tool_ns=maybe,
    prompt_tokens=maybe,
    output_tokens=maybe,
    source=st.sampled_from(Source),
    prompt_source=st.sampled_from(Source),
    finish_reason=st.text(),
    fault=st.none() | st.sampled_from(Fault),
    detail=st.text(),
    session=st.integers(0, 9),
)


@given(samples)
def test_a_sample_survives_its_row(sample: Sample) -> None:
    assert to_sample(to_row(sample)) == sample


def test_numbers_are_packed_as_little_endian() -> None:
    assert packed(array("q", [1, -2])) == b"\1" + bytes(7) + b"\xfe" + b"\xff" * 7
    assert unpacked(packed(array("q", [1, -2]))) == array("q", [1, -2])


def test_a_metric_has_the_columns_of_its_row() -> None:
    metric = Metric("ttft", "p50", "ms", "lower", 1.5, None, 2.0, 3)
    assert metric_row(metric)._asdict() == metric._asdict()

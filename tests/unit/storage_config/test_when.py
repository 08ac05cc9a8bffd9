"""When something is run by itself: what is read, and what is refused with an example."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.client.schemas.schedules import CronSchedule

from slipstream.storage.config.when import EXAMPLE, When, parse


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("off", When()),
        ("", When()),
        ("never", When()),
        ("every 30 minutes", When(seconds=1800)),
        ("every 90s", When(seconds=90)),
        ("Every 1.5 h", When(seconds=5400)),
        ("every day", When(seconds=86_400)),
        ("every 2 days", When(seconds=172_800)),
        ("0 3 * * *", When(cron="0 3 * * *")),
        ("  */15  0-6,22 1 JAN mon-fri ", When(cron="*/15 0-6,22 1 jan mon-fri")),
        ("@daily", When(cron="0 0 * * *")),
        ("0 0 * * 7", When(cron="0 0 * * 7")),
    ],
    ids=str,
)
def test_what_is_written_is_read(text: str, when: When) -> None:
    """As people write it."""
    assert parse(text) == when


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("daily", "1 field where cron has 5"),
        ("0 3 * *", "4 fields where cron has 5"),
        ("0 24 * * *", "hour `24` is not 0 to 23"),
        ("60 * * * *", "minute `60` is not 0 to 59"),
        ("0 0 0 * *", "day of the month `0` is not 1 to 31"),
        ("0 0 * may-xyz *", "month `may-xyz` is not 1 to 12, or jan to dec"),
        ("0 0 * * sat-mon", "day of the week `sat-mon`: the range runs backwards"),
        ("*/0 * * * *", "minute `*/0`: the step is 1 to 59"),
        ("1,,2 * * * *", "minute `` is not 0 to 59"),
        ("every", "has no such length of time"),
        ("every fortnight", "has no such length of time"),
        ("every 5", "lacks its unit"),
        ("every 0s", "is not between 1 second and 366 days"),
        ("every 9999 days", "is not between 1 second and 366 days"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named_with_an_example(text: str, said: str) -> None:
    """And nothing is guessed."""
    with pytest.raises(ValueError) as caught:
        parse(text)
    assert said in str(caught.value)
    assert str(caught.value).endswith(EXAMPLE)


NUMBER = st.integers(0, 62).map(str)
PART = st.one_of(
    st.just("*"), NUMBER, st.tuples(NUMBER, NUMBER).map("-".join), st.sampled_from(["mon", "dec"])
)
FIELD = st.tuples(PART, st.one_of(st.just(""), NUMBER.map("/{}".format))).map("".join)


@given(st.lists(FIELD, min_size=4, max_size=6).map(" ".join) | st.text(max_size=30))
def test_what_is_taken_can_be_parsed_by_prefect_and_nothing_else_is_raised(text: str) -> None:
    """Any text is a schedule or a sentence."""
    try:
        when = parse(text)
    except ValueError:
        return
    if when.cron:
        assert CronSchedule(cron=when.cron).cron == when.cron

"""Templates of repeated log lines."""

from hypothesis import given
from hypothesis import strategies as st

from slipstream.tasks.summarization.extract.templates import masked, templates


def test_what_varies_is_masked() -> None:
    line = '2024-01-01 10:00:00,123 INFO user "bob" from 10.0.0.1:80 read /srv/a/b.txt in 3.5ms'
    assert masked(line) == ('<time> INFO user "<text>" from <ip> read <path> in <n>ms')


def test_lines_of_one_template_are_counted_with_first_and_last() -> None:
    lines = [
        (1, "2024-01-01 10:00:00 INFO took 5 ms"),
        (2, "2024-01-01 10:00:01 WARN slow"),
        (5, "2024-01-01 11:30:00 INFO took 123 ms"),
    ]
    (took, slow), rest = templates(lines)
    assert (took.lines, took.first, took.last) == (2, 1, 5)
    assert (took.first_time, took.last_time) == ("2024-01-01 10:00:00", "2024-01-01 11:30:00")
    assert took.example == lines[0][1]
    assert slow.lines == 1
    assert rest == 0


def test_identifiers_make_no_templates_of_their_own() -> None:
    lines = [(n, f"10:00:00 job {n * 7919 % 2**32:08x} of queue {n % 3} done") for n in range(9000)]
    (found,), rest = templates(lines)
    assert (found.lines, found.first, found.last, rest) == (9000, 0, 8999, 0)


@given(st.lists(st.text(max_size=40)))
def test_every_line_that_is_not_blank_is_counted_once(lines: list[str]) -> None:
    found, rest = templates(enumerate(lines, 1))
    assert sum(t.lines for t in found) + rest == sum(bool(masked(line).strip()) for line in lines)
    assert templates(enumerate(lines, 1)) == (found, rest)

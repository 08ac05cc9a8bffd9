"""What holds for the summary of any bytes, at any limit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from slipstream.storage.config.settings import DEFAULTS
from slipstream.storage.outputs.store import OutputStore
from slipstream.tasks.summarization.model import Outcome
from slipstream.tasks.summarization.produce import Produced, Request, summarise_chunks
from slipstream.tasks.summarization.report import to_json

LOGS = Path(__file__).parents[2] / "fixtures" / "logs"
FOOTER = re.compile(
    r"\[slip exit=(unknown|-?\d+) bytes=(\d+) lines=(\d+) complete=(yes|no)"
    r" log=([0-9a-f]{12}|-) sha256=([0-9a-f]{64})\]"
)

some = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def fixture_pieces() -> st.SearchStrategy[bytes]:
    """Pieces of real logs, cut anywhere."""
    logs = sorted(LOGS.rglob("*.log"))
    assert logs

    def cut(drawn: tuple[int, float, int]) -> bytes:
        number, start, size = drawn
        data = logs[number].read_bytes()
        at = int(start * len(data))
        return data[at : at + size]

    numbers = st.integers(0, len(logs) - 1)
    return st.tuples(numbers, st.floats(0, 1), st.integers(1, 6_000)).map(cut)


SNIPPETS = (
    b"\x1b[31merror\x1b[0m: ",
    b"\r 40%\r 80%\r",
    b"\n",
    b"\r\n",
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"x" * 5_000,
    "→ é 😀 \u2028\n".encode(),
    b"\xed\xa0\x80",
    b"```\n",
    b"password=hunter2hunter2\n",
    b"AKIAIOSFODNN7EXAMPLE ",
    b"[slip exit=0 bytes=1 lines=1]\n",
    b"Traceback (most recent call last):\n",
)
pieces = st.one_of(fixture_pieces(), st.binary(max_size=300), st.sampled_from(SNIPPETS))
outputs = st.lists(pieces, max_size=12).map(b"".join)
limits = st.integers(1_024, 20_000)
outcomes = st.sampled_from(
    [Outcome(), Outcome(0), Outcome(1), Outcome(137, "SIGKILL", None, True), Outcome(124, "", 1.5)]
)
UNKNOWN = Outcome()
commands = st.sampled_from([(), ("pytest", "-q"), ("make", "-j2"), ("sh", "-c", "é\udcff")])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder for all examples: every one that compiled the rules would take seconds."""
    return tmp_path_factory.mktemp("home")


def summarise(
    data: bytes, home: Path, limit: int | None = None, outcome: Outcome = UNKNOWN,
    command: tuple[str, ...] = (), cuts: tuple[int, ...] = (),
) -> Produced:  # fmt: skip
    """The summary of bytes that come in pieces, cut at `cuts`."""
    ends = sorted({min(cut, len(data)) for cut in cuts} | {len(data)})
    chunks = [data[a:b] for a, b in zip([0, *ends], ends, strict=False)]
    return summarise_chunks(chunks, home, DEFAULTS, Request(command, max_bytes=limit), outcome)


@some
@given(outputs, limits, outcomes, commands)
@example(b"", 1_024, Outcome(1), ())
@example(b"\n" * 5_000, 1_024, Outcome(), ())
def test_a_summary_keeps_its_limit_and_ends_with_a_line_for_programs(
    folder: Path, data: bytes, limit: int, outcome: Outcome, command: tuple[str, ...]
) -> None:
    """It is valid UTF-8, and its last line says what was seen."""
    produced = summarise(data, folder, limit, outcome, command)
    encoded = produced.text.encode()
    assert len(encoded) <= limit
    found = FOOTER.fullmatch(produced.text.rpartition("\n")[2])
    assert found
    lines = data.count(b"\n") + (not data.endswith(b"\n") and data != b"")
    status = "unknown" if outcome.exit_status is None else str(outcome.exit_status)
    assert found.groups()[:4] == (status, str(len(data)), str(lines), "yes")
    assert produced.warnings == ()


@some
@given(outputs, limits, st.lists(st.integers(0, 20_000), max_size=20).map(tuple))
def test_a_summary_depends_on_the_bytes_alone(
    folder: Path, data: bytes, limit: int, cuts: tuple[int, ...]
) -> None:
    """Not on the pieces in which they come, nor on what was summarised before."""
    whole = to_json(summarise(data, folder, limit))
    again = to_json(summarise(data, folder, limit, cuts=cuts))
    assert again == whole


@some
@given(outputs, st.lists(st.integers(0, 20_000), max_size=20).map(tuple))
def test_the_log_is_kept_byte_for_byte(folder: Path, data: bytes, cuts: tuple[int, ...]) -> None:
    """As a whole, and line by line."""
    store = OutputStore(folder)
    log = store.resolve(summarise(data, folder, cuts=cuts).log.id)
    assert b"".join(store.read(log)) == data
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    assert log.lines == len(lines)
    for number in {n for n in (1, len(lines) // 2, len(lines)) if 1 <= n <= len(lines)}:
        expected = lines[number - 1]
        assert b"".join(store.read_lines(log, number, number)).removesuffix(b"\n") == expected
    store.close()

"""Searching a stored log gives what `grep -n -C` gives."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slipstream.storage.errors import UsageError
from slipstream.tasks.summarization import grep as module
from slipstream.tasks.summarization.grep import grep

lines = st.lists(st.sampled_from(["a", "b", "", "xax", "error: 1", "\r"]), max_size=60)


def run(data: bytes, expression: str, context: int = 0, cuts: tuple[int, ...] = ()) -> bytes:
    ends = sorted({min(cut, len(data)) for cut in cuts} | {len(data)})
    chunks = [data[a:b] for a, b in zip([0, *ends], ends, strict=False)]
    return b"".join(grep(chunks, expression, context))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lines, st.integers(0, 4), st.lists(st.integers(0, 300), max_size=9).map(tuple))
@pytest.mark.skipif(not shutil.which("grep"), reason="there is no grep to compare with")
def test_it_gives_what_grep_gives(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    some: list[str],
    context: int,
    cuts: tuple[int, ...],
) -> None:
    monkeypatch.setattr(module, "BLOCK", 64)
    data = "".join(f"{line}\n" for line in some).encode()
    (tmp_path / "log").write_bytes(data)
    around = ["-C", str(context)] if context else []
    command = ["grep", "-a", "-n", *around, "a", str(tmp_path / "log")]
    expected = subprocess.run(command, capture_output=True, env={"LC_ALL": "C"}).stdout
    assert run(data, "a", context, cuts) == expected


def test_numbers_begin_where_the_excerpt_begins() -> None:
    assert b"".join(grep([b"x\nerror\n"], "err", first=41)) == b"42:error\n"


def test_the_last_line_needs_no_line_feed() -> None:
    assert run(b"x\nerror", "error$", 1) == b"1-x\n2:error\n"


def test_bytes_of_any_kind_come_back_as_they_are() -> None:
    assert run(b"\xff\xfe error \0\n", "error") == b"1:\xff\xfe error \0\n"


@pytest.mark.parametrize("expression", ["(", "a(?=b)", r"(a)\1", r"a\nb"])
def test_an_expression_that_cannot_be_used_is_refused_in_a_sentence(expression: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"--grep {expression!r} cannot be used: ")):
        run(b"a\n", expression)


def test_no_expression_runs_for_ever() -> None:
    """One that would take Python's `re` longer than the sun has left."""
    assert run(b"a" * 5_000 + b"!\n", "(a+)+$") == b""

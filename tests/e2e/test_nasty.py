"""Inputs that break summarizers, through `slip summarize -`."""

from __future__ import annotations

import subprocess

import pytest
from nasty import CORPUS, make, stream

from tests.e2e.conftest import SLIP, footer, stored

LIMIT = 4_000


@pytest.mark.parametrize("name", CORPUS)
@pytest.mark.usefixtures("home")
def test_a_nasty_input_has_a_summary(name: str) -> None:
    """Within its limit, in valid UTF-8, with the line for programs, and the log byte for byte."""
    data = make(name)
    command = [*SLIP, "summarize", "-", "--max-bytes", str(LIMIT)]
    done = subprocess.run(command, input=data, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode("utf-8", "strict").removesuffix("\n")
    assert len(text.encode()) <= LIMIT
    last = footer(text)
    assert (last.bytes, last.complete) == (len(data), True)
    assert "\x1b" not in text
    assert stored(last.log) == data


@pytest.mark.usefixtures("home")
def test_one_line_of_500_mb_has_a_summary() -> None:
    """Nothing of it has to fit into memory at once."""
    size = 500 << 20
    with subprocess.Popen(
        [*SLIP, "summarize", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin
        assert child.stdout
        for block in stream("single_line", size):
            child.stdin.write(block)
        child.stdin.close()
        text = child.stdout.read().decode()
    assert child.returncode == 0
    last = footer(text)
    assert (last.lines, last.complete) == (1, True)
    assert last.bytes >= size

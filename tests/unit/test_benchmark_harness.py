"""The benchmark of the harness holds clients against the truth, and finds what each can time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from time import monotonic_ns

import harness
import harness_measure
import harness_peers
import pytest
from harness_measure import Failed, Point
from harness_peers import Client, Job
from harness_watch import Watch

if sys.platform != "linux":
    pytest.skip("/proc is read", allow_module_level=True)


def point(streams: int, off: float) -> Point:
    """A client whose median TTFT is so many ms too long."""
    return Point(
        "some client", streams, 10, (50 + off, 50, 50), (50, 50, 50), off,
        (10, 10), (10, 10), 0, 1, 1, 1, 1,
    )  # fmt: skip


def test_a_client_of_few_lines_is_measured_against_the_truth() -> None:
    (client,) = (c for c in harness_peers.clients({}, ["slip"], ["aiohttp"]) if "aiohttp" in c.name)
    found = harness_measure.measure(client, 2, 2)
    assert found.requests == 2
    assert found.true_ttft[0] >= 50
    assert found.ttft[0] > 50
    assert found.ready > 0
    assert found.cpu > 0


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["sh", "-c", "echo no such model >&2; exit 3"], r"ended with status 3 \(no such model\)"),
        (["/no/such/program"], "cannot be started"),
        (["true"], "sends nothing"),
    ],
)
def test_a_client_that_does_not_run_is_told_in_a_sentence(
    command: list[str], sentence: str
) -> None:
    def read(_: Job) -> list[harness_peers.Seen]:
        return []

    with pytest.raises(Failed, match=sentence):
        harness_measure.measure(Client("some client", lambda _: command, read), 1, 1)


def test_what_children_use_counts() -> None:
    work = "import time; end = time.process_time() + 1\nwhile time.process_time() < end: pass"
    again = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}])"
    began = monotonic_ns()
    process = subprocess.Popen([sys.executable, "-c", again])
    with Watch(process.pid) as watch:
        process.wait()
    assert 0.4 < watch.cpu(began, monotonic_ns()) < 2  # it is looked for now and then


def test_the_limit_is_below_the_first_number_that_fails() -> None:
    assert harness._most([point(1, 0.1), point(16, 9), point(64, 0.1)]) == 1
    assert harness._most([point(1, 9)]) == 0


def test_the_limit_is_searched_for_between_what_was_tried_and_beyond() -> None:
    known = {1: point(1, 0), 16: point(16, 9)}
    assert harness._next(known) == 4
    assert harness._next(known | {4: point(4, 0)}) == 8
    assert harness._next(known | {2: point(2, 9)}) is None
    assert harness._next({256: point(256, 0)}) == 512
    assert harness._next({harness.MOST: point(harness.MOST, 0)}) is None


def test_the_tables_take_the_place_of_the_old_ones_in_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    begin, end = harness.MARKS
    page.write_text(f"before\n{begin}old\n{end}after\n", encoding="utf-8")
    report = harness.Report()
    report.say("new")
    report.write(page)
    report.write(page)
    assert page.read_text(encoding="utf-8") == f"before\n{begin}new\n{end}after\n"

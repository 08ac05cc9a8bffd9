"""Repeated runs, baselines and two servers in turn, as the commands that they are."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from slipstream.storage import bench, bench_baselines, results
from slipstream.tasks.benchmarking.simulate import process
from slipstream.tasks.benchmarking.simulate.process import Simulated
from slipstream.tasks.benchmarking.simulate.settings import ErrorKind, Settings
from tests.here import Here, table

QUICK = ("-s", "smoke", "-b", "latency", "-n", "4", "--warmup", "0", "--output-tokens", "3",
         "--no-calibrate")  # fmt: skip
FAST = Settings(ttft_ms=20, itl_ms=1, memory_mb=100)


@pytest.fixture(scope="module")
def server() -> Iterator[Simulated]:
    with process.start(FAST) as running:
        yield running


@pytest.fixture(scope="module")
def slower() -> Iterator[Simulated]:
    with process.start(FAST._replace(ttft_ms=200)) as running:
        yield running


def listed(here: Here) -> list[dict[str, Any]]:
    """All runs, oldest first."""
    found: list[dict[str, Any]] = json.loads(here("bench", "results", "--json").stdout)
    return found[::-1]


def test_repeated_runs_are_a_series_with_tags_and_seeds_of_their_own(
    here: Here, server: Simulated
) -> None:
    """And become the baseline, which the next run is held against."""
    at = ("bench", "run", "--base-url", server.base_url, *QUICK)
    done = here(*at, "--repeat", "3", "--tag", "nightly", "--seed", "7", "--baseline")
    assert done.returncode == 0, done.stderr
    (ttft,) = [row for row in table(done.stdout) if row["figure"] == "ttft p50"]
    assert (ttft["runs"], float(ttft["median"]) >= 20) == ("3", True)
    assert float(ttft["lowest"]) <= float(ttft["median"]) <= float(ttft["highest"])
    runs = listed(here)
    assert {run["series"] for run in runs} == {runs[0]["id"]}
    assert [run["seed"] for run in runs] == [7, 8, 9]
    assert [run["tags"] for run in runs] == [
        ["nightly-1"], ["nightly-2"], ["nightly", "nightly-3"],
    ]  # fmt: skip
    assert all(run["baseline"] for run in runs)
    shown = json.loads(here("bench", "baseline", "show", "--json").stdout)
    assert shown["runs"] == [run["id"] for run in runs]
    (figure,) = [row for row in shown["figures"] if row["figure"] == "ttft p50"]
    assert (figure["runs"], figure["noise"] > 0) == (3, True)
    single = here(*at, "--fail-on", "minor")
    assert single.returncode == 0, "one run proves nothing"
    identity = listed(here)[-1]["id"]
    assert f"`slip compare baseline {identity}` shows all of it" in single.stderr
    whole = json.loads(here(*at, "--repeat", "2", "--json").stdout)
    assert [run["run"]["series"] for run in whole] == [whole[0]["run"]["id"]] * 2


def test_a_repeated_run_that_is_slower_than_its_baseline_fails_where_that_is_asked(
    here: Here, server: Simulated, slower: Simulated
) -> None:
    def run(url: str, *more: str) -> subprocess.CompletedProcess[str]:
        return here("bench", "run", "--base-url", url, *QUICK, "--repeat", "3", *more)

    assert run(server.base_url, "--baseline").returncode == 0
    worse = run(slower.base_url, "--fail-on", "critical")
    assert worse.returncode == 3
    assert "against the baseline: " in worse.stderr
    assert "Regression: latency concurrency=1 ttft p50 +" in worse.stderr
    assert here("bench", "run", "--fail-on", "awful").returncode == 2


def test_a_series_that_was_cut_off_goes_on_with_what_it_lacks(
    here: Here, server: Simulated, unmeasured: None
) -> None:
    """After Ctrl-C in the middle of it."""
    command = [sys.executable, "-m", "slipstream.cli", "bench", "run", "--base-url",
               server.base_url, *QUICK, "--repeat", "50", "--tag", "cut"]  # fmt: skip
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        waits_until(lambda: [run["state"] for run in listed(here)][:1] == ["done"])
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=60)[1]
    finally:
        running.kill()
    before = listed(here)
    last, of = before[-1], str(len(before) + 1)
    assert running.returncode == 130
    assert last["state"] in ("cancelled", "done"), "in the middle of a run, or between two"
    assert f"`slip bench run --resume {last['id']} --repeat 50` goes on" in said
    assert last["tags"] == ["cut", f"cut-{len(before)}"]
    again = here("bench", "run", "--resume", "latest", "--repeat", of, "--no-calibrate")
    assert again.returncode == 0, again.stderr
    runs = listed(here)
    assert {run["state"] for run in runs} == {"done"}
    assert [run["id"] for run in runs[:-1]] == [run["id"] for run in before]
    assert {run["series"] for run in runs} == {runs[0]["id"]}
    done = here("bench", "run", "--resume", "latest", "--repeat", of)
    assert (done.returncode, "are complete" in done.stderr) == (4, True)
    here("bench", "delete", runs[0]["id"], "--force")
    gone = here("bench", "run", "--resume", "latest", "--repeat", "50")
    assert (gone.returncode, "was deleted" in gone.stderr) == (4, True)


def waits_until(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def test_a_baseline_is_set_listed_calibrated_and_taken_away(
    here: Here, home: Path, server: Simulated
) -> None:
    run = ("bench", "run", "--base-url", server.base_url, *QUICK)
    assert here(*run, "--seed", "3").returncode == 0
    assert here("bench", "baseline", "set").returncode == 0
    alone = here("bench", "baseline", "show")
    assert "one run does not tell how much runs vary" in alone.stderr
    done = here("bench", "baseline", "calibrate", "--runs", "3", "--no-calibrate")
    assert done.returncode == 0, done.stderr
    (row,) = table(here("bench", "baseline", "list").stdout)
    runs = [found["id"] for found in listed(here)]
    assert (row["suite"], row["model"], row["runs"].split()) == ("smoke", "simulated", runs)
    assert [found["seed"] for found in listed(here)] == [3, 4, 5]
    enough = here("bench", "baseline", "calibrate", "--runs", "3")
    assert (enough.returncode, "ask for more with --runs" in enough.stderr) == (4, True)
    asked = here("bench", "delete", runs[0])
    assert (asked.returncode, "of a baseline" in asked.stderr) == (2, True)
    assert here("bench", "baseline", "rm").returncode == 2, "nobody can be asked"
    assert here("bench", "baseline", "rm", "latest", "--force").returncode == 0
    assert json.loads(here("bench", "baseline", "list", "--json").stdout) == []
    for command in (["show"], ["rm"], ["calibrate"], ["show", "latest"], ["set", "none"]):
        assert here("bench", "baseline", *command).returncode == 4, command
    assert len(listed(here)) == 3


def test_what_is_damaged_or_has_not_all_in_common_is_said(
    here: Here, home: Path, server: Simulated
) -> None:
    run = ("bench", "run", "--base-url", server.base_url, *QUICK)
    assert here(*run, "--repeat", "2", "--tag", "two").returncode == 0
    with results.opened(home) as connection:
        connection.execute("UPDATE bench_runs SET model = 'other' WHERE id = series")
    mixed = here("bench", "baseline", "set", "two")
    assert (mixed.returncode, "not the same model" in mixed.stderr) == (2, True)
    with results.opened(home) as connection:
        connection.execute("UPDATE bench_runs SET model = 'simulated'")
    assert json.loads(here("bench", "baseline", "set", "two", "--json").stdout)["runs"]
    with results.opened(home) as connection:
        connection.execute("UPDATE bench_runs SET environment = '{' WHERE id = series")
        (baseline,) = bench_baselines.all_(connection)
        assert [found.state for found in bench.runs(connection)] == ["done", "damaged"]
        connection.execute("UPDATE bench_metrics SET direction = 'up'")
    unknown = here(*run)
    assert unknown.returncode == 0
    assert "it was not compared with its baseline" in unknown.stderr
    assert here(*run, "--fail-on", "minor").returncode == 1
    shown = here("bench", "baseline", "show")
    assert f"Run {baseline.runs[0]} is damaged and was left out" in shown.stderr
    refused = here("bench", "baseline", "set", "two")
    assert (refused.returncode, "(damaged)" in refused.stderr) == (2, True)


def test_two_servers_are_measured_in_turn_and_compared(
    here: Here, server: Simulated, slower: Simulated
) -> None:
    """A B B A A B, as two series; the slower one is named, and the status is 3."""
    urls = (server.base_url, slower.base_url)
    at = ("bench", "ab", *urls, *QUICK, "--repeat", "3", "--tag", "try")
    done = here(*at)
    assert done.returncode == 3, done.stderr
    assert "critical  latency concurrency=1 ttft p50" in done.stdout
    order = [urls.index(run["base_url"]) for run in listed(here)]
    assert order == [0, 1, 1, 0, 0, 1]
    assert [run["seed"] for run in listed(here)] == [0, 0, 1, 1, 2, 2]
    told = here("compare", "try-base", "try-candidate", "--json")
    assert (told.returncode, json.loads(told.stdout)["worst"]) == (3, "critical")
    with process.start(FAST._replace(errors={ErrorKind.NOT_FOUND: 1.0})) as broken:
        stopped = here("bench", "ab", server.base_url, broken.base_url, *QUICK, "-n", "40")
    assert (stopped.returncode, "The run was stopped: " in stopped.stderr) == (1, True)
    assert [run["state"] for run in listed(here)[6:]] == ["done", "stopped"]
    cold = here("bench", "ab", *urls, "-s", "start")
    assert (cold.returncode, "cannot do" in cold.stderr) == (2, True)
    assert here("bench", "ab", *urls, "--tag", "x" * 60).returncode == 2

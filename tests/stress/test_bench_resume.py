"""Killed again and again, with no warning, `slip bench run` counts each request once in the end.

By default a small run, killed twice; `SLIP_TEST_BENCH_REQUESTS=10000 SLIP_TEST_BENCH_KILLS=5` is
the large one.
"""

from __future__ import annotations

import csv
import io
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from slipstream.storage import database
from slipstream.tasks.benchmarking.simulate import process
from slipstream.tasks.benchmarking.simulate.settings import Settings
from tests.conftest import Slip

REQUESTS = int(os.environ.get("SLIP_TEST_BENCH_REQUESTS", "600"))
KILLS = int(os.environ.get("SLIP_TEST_BENCH_KILLS", "2"))
SLIP = (sys.executable, "-m", "slipstream.cli")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.usefixtures("unmeasured")
def test_a_run_that_is_killed_again_and_again_counts_each_request_once(
    home: Path, tmp_path: Path, slip: Slip
) -> None:
    """In a closed and in an open loop; what was counted before a kill is there after it."""
    suite = tmp_path / "suite.json"
    cell = {"iterations": REQUESTS // 2, "prompt_tokens": [32], "output_tokens": 4, "limit_s": 3000}
    loads = [{"name": "closed", "concurrency": [8]}, {"name": "open", "rate": [200]}]
    suite.write_text(json.dumps({"name": "own", "benchmarks": [cell | load for load in loads]}))
    rng = random.Random(3)
    with process.start(Settings(ttft_ms=3, itl_ms=1)) as server:
        command = ["bench", "run", "-s", str(suite), "--base-url", server.base_url]
        before: Counter[tuple[int, int]] = Counter()
        for number in range(KILLS):
            until = REQUESTS * (number + rng.random()) / (KILLS + 1)
            with subprocess.Popen(
                [*SLIP, *command, "--no-calibrate"], stderr=subprocess.DEVNULL
            ) as running:
                while counted(home).total() <= max(until, before.total()):
                    assert running.poll() is None
                    time.sleep(0.01)
                running.kill()
            now = counted(home)
            assert now.total() < REQUESTS
            assert before <= now, "nothing was lost"
            before = now
            command = ["bench", "run", "--resume", "latest"]
        done = slip(*command, "--no-calibrate", timeout=3000)
    assert done.returncode == 0, done.stderr
    assert counted(home) == Counter((cell, n) for cell in range(2) for n in range(REQUESTS // 2))
    rows = list(csv.DictReader(io.StringIO(done.stdout), delimiter="\t"))
    assert [(row["n"], row["errors"]) for row in rows] == [(str(REQUESTS // 2), "")] * 2
    with closing(database.connect(home)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*), state FROM bench_runs").fetchone() == (
            1,
            "done",
        )
        (sessions,) = connection.execute("SELECT max(sessions) FROM bench_cells").fetchone()
    assert sessions > 1


def counted(home: Path) -> Counter[tuple[int, int]]:
    """How often each measured request is there, by its cell and its number."""
    with closing(database.connect(home)) as connection:
        rows = connection.execute(
            "SELECT position, number FROM bench_samples JOIN bench_cells"
            " ON bench_cells.id = cell_id WHERE phase = 'measured'"
        )
        return Counter((position, number) for position, number in rows)

"""`slip bench` as the process it is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from slipstream.storage import database
from slipstream.storage.config.settings import DEFAULTS
from slipstream.tasks.benchmarking import calibrate
from slipstream.tasks.benchmarking.simulate import process
from slipstream.tasks.benchmarking.simulate.process import Simulated
from slipstream.tasks.benchmarking.simulate.settings import Settings
from tests.here import Here, table

Slip = Callable[..., subprocess.CompletedProcess[str]]
QUICK = ["-s", "smoke", "-b", "latency", "-n", "12", "--output-tokens", "4", "--no-calibrate"]


@pytest.fixture(scope="module")
def server() -> Iterator[Simulated]:
    with process.start(Settings(ttft_ms=3, itl_ms=0.5)) as running:
        yield running


def test_run_alone_measures_the_simulated_server(home: Path, slip: Slip) -> None:
    done = slip("bench", "run", "-b", "latency", "-n", "3", "--tag", "first", "--no-calibrate")
    assert done.returncode == 0, done.stderr
    (row,) = table(done.stdout)
    assert (row["benchmark"], row["load"], row["n"]) == ("latency", "concurrency=1", "3")
    assert float(row["ttft p50"]) >= 50, "that is what it is set to"
    assert "no server is named: measuring the simulated one" in done.stderr
    assert "first" in slip("bench", "results").stdout


def test_what_was_measured_is_shown_exported_and_imported(
    here: Here, server: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the figures are those of numpy on the exported samples."""
    done = here("bench", "run", "--base-url", server.base_url, *QUICK)
    assert done.returncode == 0, done.stderr
    assert here("bench", "show").stdout == done.stdout
    without = here("bench", "show", "--without-outliers")
    assert table(without.stdout)[0]["benchmark"] == "latency"
    assert "outliers left out" in without.stderr
    file = tmp_path / "run.json"
    assert here("bench", "export", "-o", str(file)).returncode == 0
    whole = json.loads(file.read_text())
    (cell,) = whole["cells"]
    samples = [s for s in cell["samples"] if s["phase"] == "measured"]
    assert len(samples) == 12
    ttft = [s["chunk_ns"][0] / 1e6 for s in samples]
    gaps = np.concatenate([np.diff(s["chunk_ns"]) / 1e6 for s in samples])
    metrics = {(m["name"], m["statistic"]): m["value"] for m in cell["metrics"]}
    assert metrics["ttft", "p95"] == pytest.approx(np.percentile(ttft, 95))
    assert metrics["itl", "mean"] == pytest.approx(gaps.mean())
    again = here("bench", "import", str(file))
    assert again.returncode == 2
    assert "is stored already" in again.stderr
    figures = here("bench", "export", "-f", "csv").stdout
    rows = here("bench", "export", "-f", "samples").stdout
    monkeypatch.setenv("SLIPSTREAM_HOME", str(tmp_path / "other"))
    assert here("bench", "import", str(file)).stdout.strip() == whole["run"]["id"]
    assert here("bench", "export", "-f", "csv").stdout == figures
    assert here("bench", "export", "-f", "samples").stdout == rows
    assert len(rows.splitlines()) == 1 + 12 + 2
    assert json.loads(here("bench", "export").stdout) == whole


def test_runs_are_listed_tagged_and_deleted(here: Here, server: Simulated) -> None:
    printed = here("bench", "run", "--base-url", server.base_url, *QUICK, "--json").stdout
    identity = json.loads(printed)["run"]["id"]
    for name in ("baseline", "v1"):
        assert here("bench", "tag", "latest", name).returncode == 0
    (row,) = table(here("bench", "results").stdout)
    assert (row["run"], row["suite"], row["tags"]) == (identity, "smoke", "baseline v1")
    (told,) = json.loads(here("bench", "results", "--json").stdout)
    assert (told["id"], told["tags"], told["baseline"]) == (identity, ["v1"], True)
    assert here("bench", "results", "-m", "other").stdout.count("\n") == 1
    assert json.loads(here("bench", "show", "baseline", "--json").stdout)["run"]["id"] == identity
    assert here("bench", "tag", "v1", "baseline", "--remove").returncode == 0
    assert here("bench", "show", "baseline").returncode == 4
    assert here("bench", "tag", "latest", "v2", "--remove").returncode == 4
    assert here("bench", "tag", "latest", "v1", "--remove").returncode == 0
    assert here("bench", "tag", "latest", "no tag").returncode == 2
    asked = here("bench", "delete", identity)
    assert (asked.returncode, "--force" in asked.stderr) == (2, True)
    assert here("bench", "delete", identity, "--force").returncode == 0
    assert here("bench", "show").returncode == 4


def test_suites_and_their_benchmarks_are_listed(here: Here) -> None:
    assert {"smoke", "throughput"} <= {row["suite"] for row in table(here("bench", "list").stdout)}
    assert [row["benchmark"] for row in table(here("bench", "list", "smoke").stdout)] == [
        "latency", "sweep", "sweep", "arrivals",
    ]  # fmt: skip
    families = table(here("bench", "list", "--families").stdout)
    assert "full, micro" in {row["suites"] for row in families}
    assert len(json.loads(here("bench", "list", "--families", "--json").stdout)) == len(families)
    assert json.loads(here("bench", "list", "--schema").stdout)["title"] == "Suite"
    assert json.loads(here("bench", "list", "smoke", "--json").stdout)["name"] == "smoke"
    assert len(json.loads(here("bench", "list", "--json").stdout)) >= 5


def test_the_simulated_server_is_started_anew_for_cold_starts(here: Here) -> None:
    done = here("bench", "run", "-s", "start", "-b", "cold", "-n", "1", "--no-calibrate")
    assert done.returncode == 0, done.stderr
    figures = done.stdout[done.stdout.index("benchmark\tload\tfigure") :]
    ready, first_token = table(figures)
    assert (ready["figure"], first_token["figure"]) == ("ready", "first_token")
    assert float(first_token["p50"]) > float(ready["p50"]) > 0


def test_figures_that_the_client_cannot_time_are_withheld(
    here: Here, server: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is proven is kept; the reason stands beside what is withheld."""
    monkeypatch.setattr(calibrate, "FEWEST", 3)
    monkeypatch.setattr(calibrate, "TTFT_MS", 2)
    monkeypatch.setattr(calibrate, "ITL_MS", 0.5)
    command = ["bench", "run", "--base-url", server.base_url, *QUICK[:-1]]
    monkeypatch.setattr(calibrate, "WITHIN", 1e9)
    done = here(*command)
    assert "calibrating this machine's client for 1 streams" in done.stderr
    assert float(table(done.stdout)[0]["ttft p50"]) > 0
    done = here(*command)
    assert "calibrating" not in done.stderr
    monkeypatch.setattr(calibrate, "WITHIN", -1.0)
    done = here(*command)
    (row,) = table(done.stdout)
    assert (row["ttft p50"], row["itl p50"], row["n"]) == ("withheld", "", "12")
    assert "figures are withheld: on this machine the client times 1 streams only" in done.stderr
    (cell,) = json.loads(here("bench", "export").stdout)["cells"]
    assert "ttft" not in {metric["name"] for metric in cell["metrics"]}
    assert len(cell["samples"]) == 14, "what was measured is kept all the same"


def test_calibrating_shows_what_the_client_can_time(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrate, "FEWEST", 3)
    monkeypatch.setattr(calibrate, "LADDER", (1, 2))
    monkeypatch.setattr(calibrate, "TTFT_MS", 2)
    monkeypatch.setattr(calibrate, "ITL_MS", 0.5)
    monkeypatch.setattr(calibrate, "WITHIN", 1e9)
    done = here("bench", "calibrate")
    assert [row["load"] for row in table(done.stdout)[:2]] == [
        "1 streams", "2 streams",
    ]  # fmt: skip
    assert "shortest measurable: ttft" in done.stdout
    monkeypatch.setattr(calibrate, "WITHIN", -1.0)
    told = json.loads(here("bench", "calibrate", "--json").stdout)
    assert {point["slots"]: point["proven"] for point in told["points"]}[1] is False
    assert 0 <= told["floor"]["itl_ms"] < told["floor"]["ttft_ms"]


WRONG: list[tuple[list[str], int, str]] = [
    (["run", "-s", "nothing"], 2, "There is no suite nothing"),
    (["run", "-b", "nothing"], 2, "has no benchmark nothing; it has latency"),
    (["run", "-c", "1,x"], 2, "--concurrency '1,x' is not a list of numbers"),
    (["run", "-c", "0"], 2, "suite smoke: benchmarks.0.concurrency.0"),
    (["run", "-c", "1", "--rate", "1"], 2, "either --concurrency or --rate"),
    (["run", "--resume", "latest", "-n", "3"], 2, "give no other options"),
    (["run", "--resume", "latest"], 4, "No run is stored yet"),
    (["run", "--tag", "latest"], 2, "cannot be a tag"),
    (["run", "--base-url", "ftp://x"], 2, "is no URL of a model server"),
    (["run", "--base-url", "http://8.8.8.8/v1"], 2, "The mode local-only allows"),
    (["run", "--server-command", "serve"], 2, "--server-command needs --base-url"),
    (["run", "--server-command", "'", *QUICK], 2, "is no command: No closing quotation"),
    (["run", "--server-command", "serve", "--flow"], 2, "do not go with --flow"),
    (["run", "--tokenizer", "none.json", *QUICK], 2, "is no tokenizer.json file"),
    (["run", "--reuse"], 2, "--reuse goes with --flow"),
    (["export", "-f", "xml"], 2, "--format xml is none of"),
    (["import", "none.json"], 2, "cannot be read"),
    (["import", __file__], 2, "is not a run that `slip bench export` wrote"),
    (["show"], 4, "No run is stored yet"),
]


@pytest.mark.parametrize(("arguments", "status", "sentence"), WRONG, ids=lambda a: str(a)[:40])
def test_what_is_wrong_is_one_sentence(
    here: Here, arguments: list[str], status: int, sentence: str
) -> None:
    done = here("-q", "bench", *arguments)
    assert (done.returncode, sentence in done.stderr) == (status, True), done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_server_that_refuses_the_key_ends_the_run_before_it_begins(
    home: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the key in the variable it runs, and the key is nowhere in what is kept."""
    variable = DEFAULTS.bench.api_key_variable
    with process.start(Settings(api_key="sesame-17", ttft_ms=1, itl_ms=0.2)) as running:
        done = here("bench", "run", "--base-url", running.base_url, *QUICK)
        assert done.returncode == 1
        assert "The server does not accept the key" in done.stderr
        assert here("bench", "show").returncode == 4
        monkeypatch.setenv(variable, "sesame-17")
        done = here("bench", "run", "--base-url", running.base_url, *QUICK)
        assert done.returncode == 0, done.stderr
    kept = b"".join(file.read_bytes() for file in home.rglob("*") if file.is_file())
    assert b"sesame-17" not in kept


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.usefixtures("unmeasured")
def test_ctrl_c_ends_a_run_soon_and_keeps_what_was_measured(
    home: Path, here: Here, server: Simulated
) -> None:
    command = [sys.executable, "-m", "slipstream.cli", "bench", "run"]
    command += ["--base-url", server.base_url, "-b", "sweep", "-c", "2", "-n", "100000"]
    command += ["--no-calibrate"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        while not _counted(home):
            time.sleep(0.1)
            assert running.poll() is None
        os.killpg(running.pid, signal.SIGINT)
        out, err = running.communicate(timeout=20)
    assert running.returncode == 130, err
    assert int(table(out)[0]["n"]) >= 1
    assert "cancelled" in here("bench", "results").stdout


def _counted(home: Path) -> int:
    with closing(database.connect(home)) as connection:
        rows = connection.execute("SELECT count(*) FROM bench_samples WHERE phase = 'measured'")
        return int(rows.fetchone()[0])


def test_a_terminal_sees_one_line_that_changes(home: Path, server: Simulated) -> None:
    pty = pytest.importorskip("pty")
    command = [sys.executable, "-m", "slipstream.cli", "bench", "run", "--base-url",
               server.base_url, "-b", "sweep", "-c", "1", "-n", "250",
               "--no-calibrate"]  # fmt: skip
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs) as running:
        os.close(theirs)
        seen = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the terminal's other end is closed
                break
            if not part:
                break
            seen += part
    os.close(ours)
    assert running.returncode == 0, seen
    assert b"\rslip: [1/1] sweep concurrency=1: " in seen
    assert b" of 250" in seen
    assert b" s left" in seen

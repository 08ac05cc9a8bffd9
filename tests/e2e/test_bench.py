"""`slip bench` with servers that go wrong, and its figures beside those of numpy and scipy."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from slipstream.cli.main import main
from slipstream.storage import database
from slipstream.tasks.benchmarking import target
from slipstream.tasks.benchmarking.faults import MEANINGS, Fault
from slipstream.tasks.benchmarking.simulate import process
from slipstream.tasks.benchmarking.simulate.settings import ErrorKind, Settings
from tests.conftest import Slip
from tests.here import Here, table
from tests.raw_server import saying

Floats = NDArray[np.float64]
QUICK = ["-s", "smoke", "-b", "latency", "--output-tokens", "6", "--warmup", "0", "--no-calibrate"]
FAST = Settings(ttft_ms=2, itl_ms=0.5)


GOES_ON = {
    ErrorKind.RATE_LIMIT: Fault.RATE_LIMITED,
    ErrorKind.SERVER_ERROR: Fault.SERVER_ERROR,
    ErrorKind.LOADING: Fault.LOADING,
    ErrorKind.SILENT: Fault.NO_ANSWER,
    ErrorKind.STALLED: Fault.STALLED,
    ErrorKind.CLOSED: Fault.CLOSED_EARLY,
    ErrorKind.MALFORMED: Fault.MALFORMED,
    ErrorKind.STREAM_ERROR: Fault.ERROR_IN_STREAM,
    ErrorKind.EMPTY: Fault.EMPTY,
}


def test_every_kind_of_bad_answer_is_one_sentence_and_the_suite_goes_on(
    home: Path, slip: Slip
) -> None:
    """All in one run, of a server that tells no token counts either."""
    errors = dict.fromkeys(GOES_ON, 0.08)
    with process.start(FAST._replace(errors=errors, usage="never", retry_after_s=0.1)) as server:
        done = slip(
            "bench", "run", "--base-url", server.base_url, *QUICK, "-b", "sweep", "-c", "16",
            "-n", "150", "--timeout", "0.3", timeout=120,
        )  # fmt: skip
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    rows = table(done.stdout)
    assert [(row["benchmark"], row["n"]) for row in rows] == [("latency", "150"), ("sweep", "150")]
    for row in rows:
        assert 40 < float(row["errors"].rstrip("%")) < 95
        assert float(row["ttft p50"]) >= 2, "of those that were answered"
    for fault in (*GOES_ON.values(), Fault.NO_USAGE):
        assert done.stderr.count(f" × {fault}: {MEANINGS[fault].sentence}\n") == 1, fault
    shown = slip("bench", "show", "--json")
    assert json.loads(shown.stdout)["run"]["state"] == "done"


STOPS = [
    (ErrorKind.NOT_FOUND, Fault.UNKNOWN_MODEL),
    (ErrorKind.UNAUTHORIZED, Fault.WRONG_KEY),
    (ErrorKind.REDIRECT, Fault.REDIRECT),
    (ErrorKind.HTML, Fault.HTML),
]


@pytest.mark.parametrize(("kind", "fault"), STOPS, ids=str)
def test_where_nothing_can_work_the_suite_stops_at_once(
    here: Here, kind: ErrorKind, fault: Fault
) -> None:
    """Of ten thousand requests a few are sent, and the run fails with the reason."""
    with process.start(FAST._replace(errors={kind: 1.0})) as server:
        command = ["bench", "run", "--base-url", server.base_url, *QUICK, "-b", "sweep"]
        done = here(*command, "-n", "10000")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert f"The run was stopped: {MEANINGS[fault].sentence}" in done.stderr
    (row,) = table(done.stdout)
    assert (row["errors"], row["ttft p50"]) == ("100.0%", "")
    assert int(row["n"]) <= 100  # ten, and what is sent until a busy machine has counted them
    assert f"stopped: {MEANINGS[fault].sentence}" in here("bench", "show").stderr


HEAD = b"HTTP/1.1 200 OK\r\n"
BEFORE = [
    (b"HTTP/1.1 404 Not Found\r\n\r\n{}", "knows no such path; the base address usually ends"),
    (HEAD + b"content-type: text/html\r\n\r\n<html>", "A web page came back"),
    (b"HTTP/1.1 307 T\r\nlocation: http://other.example/v1\r\n\r\n", "which is not followed"),
    (b"HTTP/1.1 500 E\r\n\r\n", "The server failed (5xx)"),
    (b"HTTP/1.1 429 T\r\nretry-after: 3\r\n\r\n", "limits the rate (429)"),
    (b"\x00\xff\x00", "breaks the protocol"),
    (b"", "closed before the answer was complete"),
]


@pytest.mark.parametrize(("answer", "sentence"), BEFORE, ids=lambda value: str(value)[:30])
def test_a_server_that_cannot_be_measured_is_one_sentence(
    here: Here, answer: bytes, sentence: str
) -> None:
    """Nothing is stored then: nothing was measured."""
    with saying(answer) as url:
        done = here("-q", "bench", "run", "--base-url", url, *QUICK)
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert here("bench", "show").returncode == 4


def test_a_model_that_is_not_there_is_told_with_the_nearest(here: Here) -> None:
    with process.start(FAST._replace(models=("qwen3-8b", "qwen3-4b", "gemma-2b"))) as server:
        command = ["-q", "bench", "run", "--base-url", server.base_url, *QUICK, "-n", "2"]
        done = here(*command, "-m", "qwen-8b")
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert "does not have this model" in done.stderr
        assert "the nearest are qwen3-8b, qwen3-4b" in done.stderr
        done = here(*command)
        assert (done.returncode, "name one with --model" in done.stderr) == (2, True)
        assert here(*command, "-m", "gemma-2b").returncode == 0


def test_a_server_that_accepts_and_never_answers_is_given_up(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target, "ASK_SECONDS", 0.3)
    with saying(b"", hold=2.0) as url:
        done = here("-q", "bench", "run", "--base-url", url, *QUICK)
    assert (done.returncode, "nothing came back in time" in done.stderr) == (1, True)
    done = here("-q", "bench", "run", "--base-url", url, *QUICK)  # closed by now
    assert (done.returncode, "Nothing listens there" in done.stderr) == (1, True)


def test_a_server_that_loads_its_model_is_waited_for(here: Here) -> None:
    with process.start(FAST._replace(start_ms=1200)) as server:
        done = here("bench", "run", "--base-url", server.base_url, *QUICK, "-n", "2")
    assert (done.returncode, "loads its model; waiting" in done.stderr) == (0, True)
    assert table(done.stdout)[0]["errors"] == ""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.usefixtures("unmeasured")
def test_a_run_of_the_simulated_server_that_was_killed_goes_on(home: Path, here: Here) -> None:
    """With another one: the first ended with the run."""
    options = ["-b", "sweep", "-c", "8", "-n", "150", "--output-tokens", "2", "--no-calibrate"]
    command = [sys.executable, "-m", "slipstream.cli", "bench", "run", *options]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as running:
        while counted(home) < 20:
            assert running.poll() is None
            time.sleep(0.01)
        running.kill()
    before = counted(home)
    done = here("bench", "run", "--resume", "latest", "--no-calibrate")
    assert done.returncode == 0, done.stderr
    assert before < counted(home) == 150
    (row,) = table(done.stdout)
    assert (row["n"], row["errors"]) == ("150", "")


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.usefixtures("unmeasured")
def test_ctrl_c_ends_a_flow_and_not_the_servers_that_it_needs_to_end(home: Path) -> None:
    """A terminal sends it to the temporary server and the simulated one as well."""
    command = [sys.executable, "-m", "slipstream.cli", "bench", "run", "--flow", "-b", "sweep"]
    with subprocess.Popen(
        [*command, "-c", "4", "-n", "5000", "--no-calibrate"],
        env={k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as running:  # fmt: skip
        while counted(home) < 10:
            assert running.poll() is None
            time.sleep(0.05)
        os.killpg(running.pid, signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    (row,) = table(out)
    assert (int(row["n"]) >= 10, row["errors"]) == (True, "")


def counted(home: Path) -> int:
    with closing(database.connect(home)) as connection:
        rows = connection.execute("SELECT count(*) FROM bench_samples WHERE phase = 'measured'")
        return int(rows.fetchone()[0])


# The figures -------------------------------------------------------------------------------------

SUITE = {
    "name": "own",
    "benchmarks": [
        {"name": "closed", "concurrency": [4], "iterations": 60, "prompt_tokens": [40],
         "output_tokens": 12, "warmup": 4, "shared_tokens": 64,
         "objectives": {"ttft_ms": 6, "tpot_ms": 2}},
        {"name": "tools", "concurrency": [1], "iterations": 12, "prompt_tokens": [16],
         "output_tokens": 60, "warmup": 1, "tools": True},
        {"name": "open", "rate": [80], "iterations": 40, "prompt_tokens": [24],
         "output_tokens": 8, "warmup": 2, "objectives": {"ttft_ms": 6, "itl_ms": 3, "e2e_ms": 60}},
    ],
}  # fmt: skip
NOT_OF_SAMPLES = {"loop_lag", "client_memory", "server_memory"}
SHARE = 2.2  # per cent by which the ends of two bootstraps may differ by their own chance


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run with reasoning, several tokens in a chunk, tool calls, cached tokens and errors."""
    folder = tmp_path_factory.mktemp("figures")
    suite, file = folder / "own.json", folder / "run.json"
    suite.write_text(json.dumps(SUITE))
    settings = Settings(
        ttft_ms=4, itl_ms=1, ttft_jitter=0.4, itl_jitter=0.3, reasoning_tokens=4,
        tokens_per_chunk=2, prefix_cache=True, errors={ErrorKind.SERVER_ERROR: 0.1},
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch, process.start(settings) as server:
        patch.setenv("SLIPSTREAM_HOME", str(folder / "home"))
        run = ["bench", "run", "-s", str(suite), "--base-url", server.base_url, "--no-calibrate"]
        assert main(run) == 0
        assert main(["bench", "export", "-o", str(file)]) == 0
    return json.loads(file.read_text())


def test_every_figure_of_an_exported_run_is_that_of_numpy_and_scipy(exported: Any) -> None:
    """Each metric, each statistic and both ends of each interval, from the raw samples alone."""
    names: set[str] = set()
    for cell in exported["cells"]:
        figures = {(m["name"], m["statistic"]): m for m in cell["metrics"]}
        expected = recomputed(cell["samples"], cell["settings"]["objectives"])
        theirs = {key for key in figures if key[0] not in NOT_OF_SAMPLES}
        assert theirs == set(expected), cell["benchmark"]
        for key, (value, ends) in expected.items():
            figure = figures[key]
            assert figure["value"] == pytest.approx(value, rel=1e-9), key
            for side, (least, most) in zip(("low", "high"), ends, strict=True):
                if least is None or most is None:
                    assert figure[side] is None, key
                else:
                    slack = 1e-9 * max(1.0, abs(most))
                    assert least - slack <= figure[side] <= most + slack, (key, side)
        names |= {name for name, _ in theirs}
    assert names == {
        "ttft", "ttft_reasoning", "ttft_content", "ttft_tool_call", "itl", "tpot", "e2e",
        "ttft_scheduled", "e2e_scheduled", "dispatch_lag", "prompt_tokens", "cached_tokens",
        "completion_tokens", "error_rate", "requests", "output_tokens",
        "total_tokens", "goodput", "goodput_share",
    }  # fmt: skip


Ends = tuple[tuple[float | None, float | None], tuple[float | None, float | None]]
NONE: Ends = ((None, None), (None, None))
Expected = dict[tuple[str, str], tuple[float, Ends]]


def recomputed(samples: list[dict[str, Any]], objectives: dict[str, Any]) -> Expected:
    """The figures of a cell by numpy and scipy: its value, and between what each end must lie."""
    measured = [s for s in samples if s["phase"] == "measured" and s["fault"] != "cut_off"]
    good = [s for s in measured if s["fault"] in ("", "no_usage")]
    found: Expected = {}
    for name, key in (
        ("ttft_reasoning", "first_reasoning_ns"), ("ttft_content", "first_content_ns"),
        ("ttft_tool_call", "first_tool_ns"),
    ):  # fmt: skip
        found |= summary(name, [s[key] / 1e6 for s in good if s[key] is not None])
    lag = [(s["sent_ns"] - s["intended_ns"]) / 1e6 for s in good]
    for name, of in (("ttft", ttft), ("e2e", e2e)):
        raw = [of(s) for s in good]
        found |= summary(name, raw) | outliers(name, raw)
        found |= summary(f"{name}_scheduled", np.add(raw, lag))
    per_token = [tpot(s) for s in good]
    found |= summary("tpot", per_token) | outliers("tpot", per_token)
    found |= summary("dispatch_lag", lag)
    found |= clustered("itl", [gaps(s) for s in good])
    for name, key in (
        ("prompt_tokens", "prompt_tokens"), ("cached_tokens", "cached_tokens"),
        ("completion_tokens", "output_tokens"), ("reasoning_tokens", "reasoning_tokens"),
    ):  # fmt: skip
        found |= summary(name, [float(s[key]) for s in good if s[key] is not None])
    found |= share("error_rate", len(measured) - len(good), len(measured))
    limits = {name.removesuffix("_ms"): most for name, most in objectives.items() if most}
    found |= rates(samples, measured, "requests", limits={})
    found |= rates(samples, measured, "output_tokens", limits={})
    found |= rates(samples, measured, "total_tokens", limits={})
    if limits:
        found |= rates(samples, measured, "goodput", limits=limits)
        found |= share("goodput_share", sum(meets(s, limits) for s in good), len(measured))
    return found


def ttft(sample: dict[str, Any]) -> float:
    return float(sample["chunk_ns"][0]) / 1e6


def e2e(sample: dict[str, Any]) -> float:
    return float(sample["ended_ns"] - sample["sent_ns"]) / 1e6


def tokens(sample: dict[str, Any]) -> Floats:
    """Of each chunk; where that is not known, spread evenly."""
    size = len(sample["chunk_ns"])
    each = max(1.0, sample["output_tokens"] / size)
    return np.array(sample["chunk_tokens"] or [each] * size, dtype=float)


def tpot(sample: dict[str, Any]) -> float:
    after = float(sample["output_tokens"] - tokens(sample)[0])
    return float(sample["chunk_ns"][-1] - sample["chunk_ns"][0]) / 1e6 / after


def gaps(sample: dict[str, Any]) -> Floats:
    apart, after = np.diff(sample["chunk_ns"]) / 1e6, tokens(sample)[1:]
    if not sample["chunk_tokens"]:
        return np.asarray(apart / after)
    several = np.maximum(after, 1).astype(int)
    return np.repeat(apart / several, several)


def meets(sample: dict[str, Any], limits: dict[str, float]) -> bool:
    value = {"ttft": ttft(sample), "e2e": e2e(sample), "tpot": tpot(sample),
             "itl": float(gaps(sample).mean())}  # fmt: skip
    return all(value[name] <= most for name, most in limits.items())


def summary(name: str, values: Any) -> Expected:
    raw = np.asarray(values, dtype=float)
    if not raw.size:
        return {}
    chance = np.random.default_rng(1)
    drawn = raw[chance.integers(0, raw.size, (20_000, raw.size))]
    mean: tuple[float, ...] = (raw.mean(),) * 2
    if raw.std():
        mean = scipy.stats.t.interval(0.95, raw.size - 1, raw.mean(), scipy.stats.sem(raw))
    found = plain(name, raw)
    found[name, "mean"] = (raw.mean(), ((mean[0],) * 2, (mean[1],) * 2))
    for q in (50, 90, 95, 99):
        found[name, f"p{q}"] = (np.percentile(raw, q), near(np.percentile(drawn, q, axis=1)))
    return found


def clustered(name: str, groups: list[Floats]) -> Expected:
    """Intervals by drawing whole requests: the gaps of one are not independent."""
    raw = np.concatenate(groups)
    chance = np.random.default_rng(2)
    drawn = [
        np.concatenate([groups[g] for g in chance.integers(0, len(groups), len(groups))])
        for _ in range(2000)
    ]
    found = plain(name, raw)
    found[name, "mean"] = (raw.mean(), near([each.mean() for each in drawn]))
    for q in (50, 90, 95, 99):
        found[name, f"p{q}"] = (np.percentile(raw, q), near([np.percentile(d, q) for d in drawn]))
    return found


def plain(name: str, raw: Floats) -> Expected:
    return {
        (name, "sd"): (raw.std(ddof=1), NONE),
        (name, "min"): (raw.min(), NONE),
        (name, "max"): (raw.max(), NONE),
    }


def near(drawn: Any) -> Ends:
    """Between which values the ends of another bootstrap of the same samples lie."""
    low, high = (
        np.percentile(drawn, [max(0, q - SHARE), min(100, q + SHARE)]) for q in (2.5, 97.5)
    )
    return (low[0], low[1]), (high[0], high[1])


def outliers(name: str, values: list[float]) -> Expected:
    raw = np.asarray(values)
    mad = scipy.stats.median_abs_deviation(raw, scale="normal")
    far = (np.abs(scipy.stats.zscore(raw, ddof=1)) > 3) | (np.abs(raw - np.median(raw)) > 3.5 * mad)
    return {(name, "outliers"): (far.sum(), NONE)}


def share(name: str, hits: int, size: int) -> Expected:
    ends = scipy.stats.binomtest(hits, size).proportion_ci(method="wilson")
    return {(name, "value"): (hits / size, ((ends.low,) * 2, (ends.high,) * 2))}


def rates(
    samples: list[dict[str, Any]],
    measured: list[dict[str, Any]],
    name: str,
    limits: dict[str, float],
) -> Expected:
    """What happened from the first measured request's sending to the last one's end."""
    sent = [s for s in measured if s["sent_ns"]]
    start, end = min(s["sent_ns"] for s in sent), max(s["ended_ns"] for s in sent)
    moments: list[float] = []
    weights: list[float] = []
    for s in samples:
        fine = s["fault"] in ("", "no_usage")
        cut = s["fault"] == "cut_off" and s["phase"] != "measured"
        if not (fine or cut) or (name == "goodput" and not (fine and meets(s, limits))):
            continue
        if fine and name != "output_tokens":
            moments.append(s["ended_ns"] - start)
            weights.append(s["prompt_tokens"] if name == "total_tokens" else 1)
        if name.endswith("tokens") and s["chunk_ns"]:
            moments += [s["sent_ns"] - start + at for at in s["chunk_ns"]]
            weights += tokens({**s, "output_tokens": s["output_tokens"] or 0}).tolist()
    length = (end - start) / 1e9
    bins = np.arange(11) * (end - start) / 10
    parts = np.histogram(moments, bins=bins, weights=weights)[0] * 10 / length
    low, high = scipy.stats.t.interval(0.95, 9, parts.mean(), scipy.stats.sem(parts))
    return {(name, "value"): (parts.mean(), ((low, low), (high, high)))}

"""The flow `summarize-output`, with Prefect's real engine and server."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from slipstream.flows import environment
from slipstream.storage.errors import NotFoundError, UsageError
from tests.conftest import Slip

# One worker, so that one server is started.
pytestmark = pytest.mark.xdist_group("prefect")
LINUX = sys.platform == "linux"
ERROR = "main.c:{}:5: error: expected ';'\n"


def run_flow(**parameters: Any) -> list[dict[str, Any]]:
    """Run the flow."""
    from slipstream.flows.summarize_output import SummarizeParameters, summarize_output

    return asyncio.run(summarize_output(SummarizeParameters(**parameters)))


def task_runs() -> dict[str, int]:
    """The names of all task runs, and how often each was tried."""
    from prefect import get_client

    async def read() -> dict[str, int]:
        async with get_client() as client:
            return {run.name: run.run_count for run in await client.read_task_runs()}

    return asyncio.run(read())


def test_what_may_pass_is_tried_again_and_what_fails_for_good_is_not(
    prefect_server: str, home: Path, tmp_path: Path
) -> None:
    """One log that fails takes nothing from the others, which keep their order."""
    good, flaky = tmp_path / "good.log", tmp_path / "flaky.log"
    good.write_text(ERROR.format(1))
    paths = [str(good)]
    if LINUX:  # a file that opens, and gives an input/output error when it is read
        flaky.symlink_to("/proc/self/mem")
        paths = [str(flaky), "/proc/self/mem", str(good)]

        def mend() -> None:
            while task_runs().get(f"summarize {flaky}", 0) < 2:
                time.sleep(0.1)
            real = tmp_path / "real.log"
            real.write_text(ERROR.format(2))
            spare = tmp_path / "spare"
            spare.symlink_to(real)
            spare.replace(flaky)

        threading.Thread(target=mend, daemon=True).start()
    results = run_flow(paths=paths, exit_code=1)
    assert [one["file"] for one in results] == paths
    assert "main.c:1:5" in results[-1]["text"]
    tries = task_runs()
    assert tries[f"summarize {good}"] == 1
    assert tries[f"find logs at {paths}"] == 1
    if LINUX:
        assert "main.c:2:5" in results[0]["text"]
        assert tries[f"summarize {flaky}"] > 1
        said = "'/proc/self/mem' cannot be summarised: Input/output error."
        assert results[1] == {"file": "/proc/self/mem", "error": said}
        assert tries["summarize /proc/self/mem"] == 4
    with pytest.raises(NotFoundError):
        run_flow(paths=[str(tmp_path / "none")])
    assert task_runs()[f"find logs at {[str(tmp_path / 'none')]}"] == 1
    with pytest.raises(UsageError):
        run_flow(paths=paths, type="pytst")


@pytest.mark.parametrize(
    "wrong", [{"paths": []}, {"profile": "huge"}, {"max_bytes": 5}, {"exit_code": "x"}], ids=str
)
def test_wrong_parameters_are_refused_before_anything_runs(wrong: dict[str, Any]) -> None:
    """By their types and bounds."""
    from slipstream.flows.summarize_output import SummarizeParameters

    with pytest.raises(ValueError, match=next(iter(wrong))):
        SummarizeParameters.model_validate({"paths": ["a.log"]} | wrong)


def test_the_command_runs_the_flow_with_a_temporary_server(
    home: Path, tmp_path: Path, slip: Slip
) -> None:
    """Files, folders and globs; quiet, and without a look at the user's own Prefect."""
    logs = tmp_path / "logs"
    (logs / "deep").mkdir(parents=True)
    for number, name in enumerate(("a.log", "b.txt", "deep/c.log", "deep/d.log"), 1):
        (logs / name).write_text(ERROR.format(number))
    user = tmp_path / "user"
    profiles = user / ".prefect" / "profiles.toml"
    profiles.parent.mkdir(parents=True)
    profile = 'active = "own"\n[profiles.own]\nPREFECT_API_URL = "http://127.0.0.1:9/api"\n'
    profiles.write_text(profile)
    paths = [str(logs / "b.txt"), str(logs / "deep"), str(logs / "*.log")]
    done = slip(
        "summarize", "--flow", "--json", *paths,
        env=os.environ | {"HOME": str(user)}, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == (
        "slip: no Prefect server is set; a temporary one is started for this run.\n"
    )
    results = json.loads(done.stdout)
    assert [Path(one["file"]).name for one in results] == ["b.txt", "c.log", "d.log", "a.log"]
    assert [one["findings"][0]["line"] for one in results] == [2, 3, 4, 1]
    assert len(json.loads(slip("log", "list", "--json").stdout)) == 4
    assert profiles.read_text() == profile
    assert [path.name for path in profiles.parent.iterdir()] == ["profiles.toml"]
    assert (home / "prefect").stat().st_mode & 0o077 == 0


def test_the_settings_for_prefect_are_ours_unless_they_are_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home below the data folder, and no telemetry."""
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PREFECT_LOGGING_SERVER_LEVEL", "DEBUG")
    monkeypatch.setattr(os, "environ", os.environ.copy())
    environment.prepare(tmp_path)
    assert os.environ["PREFECT_HOME"] == str(tmp_path / "prefect")
    assert os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert os.environ["PREFECT_LOGGING_SERVER_LEVEL"] == "DEBUG"

"""`slip flow`, against Prefect's real server; the runner of `slip up` has its own tests."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from slipstream.cli.main import main
from tests.conftest import Slip

# One worker, so that one server is started.
pytestmark = pytest.mark.xdist_group("prefect")


@pytest.fixture
def server(prefect_server: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server of the tests, named by the variable that commands heed."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    return prefect_server


@pytest.fixture
def deployment(server: str) -> Iterator[UUID]:
    """A deployment of `maintain`, which nobody serves."""
    from prefect import get_client
    from prefect.deployments.runner import RunnerDeployment
    from prefect.types.entrypoint import EntrypointType

    from slipstream.flows.maintain import maintain

    made = RunnerDeployment.from_flow(maintain, "local", entrypoint_type=EntrypointType.MODULE_PATH)
    identity = asyncio.run(made.aapply())
    yield identity
    with get_client(sync_client=True) as client:
        client.delete_deployment(identity)


def runs_of(deployment: Any) -> list[Any]:
    """The runs of a deployment."""
    from prefect import get_client
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId

    mine = DeploymentFilter(id=DeploymentFilterId(any_=[deployment]))
    with get_client(sync_client=True) as client:
        return list(client.read_flow_runs(deployment_filter=mine))


def awaited(deployment: Any, known: Collection[UUID] = ()) -> Any:
    """A run of a deployment that is not known, once there is one."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for run in runs_of(deployment):
            if run.id not in known:
                return run
        time.sleep(0.05)
    raise TimeoutError


def set_states(run: UUID, *states: Any) -> None:
    """Do a runner's part: report a run's states one after the other."""
    from prefect import get_client

    with get_client(sync_client=True) as client:
        for state in states:
            client.set_flow_run_state(run, state, force=True)


def test_a_flow_runs_here_where_the_server_has_no_deployment_of_it(
    server: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its state is the exit status; its run and its log can be looked at afterwards."""
    assert main(["flow", "run", "maintain", "-p", "level=light"]) == 0
    said = capsys.readouterr()
    assert f"the server at {server} has no deployment of maintain; it runs here." in said.err
    assert "maintain: Completed" in said.err
    identity = said.out.strip()
    assert main(["flow", "runs", "--flow", "maintain", "-n", "1"]) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header.split("\t") == ["run", "state", "name", "deployment", "start", "took"]
    short = identity.replace("-", "")[-12:]
    assert row.split("\t")[:4] == [short, "Completed", "maintain light", "maintain"]
    assert main(["flow", "runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"][0]["full_id"] == identity
    deadline = time.monotonic() + 60
    while True:  # lines are sent to the server a moment later
        assert main(["flow", "logs", short[:6], "--json"]) == 0
        lines = json.loads(capsys.readouterr().out)["lines"]
        if any(line["task"] == "cache" for line in lines) or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    assert any(line["task"] == "cache" for line in lines)
    assert main(["flow", "logs", identity]) == 0
    assert "info    cache: Finished in state Completed()" in capsys.readouterr().out
    assert main(["flow", "logs", "zzz"]) == 4


def test_a_flow_that_fails_fails_the_command_with_its_sentence(
    server: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a traceback, and without Prefect's words around it."""
    home.mkdir()
    (home / "outputs.db").write_bytes(b"no database" * 1000)
    assert main(["flow", "run", "maintain", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["state"], told["status"]) == ("Failed", 1)
    assert told["message"].startswith("logs: The database ")


def test_what_is_wrong_is_said_before_anything_is_started(
    home: Path, slip: Slip, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flow, a parameter, a server that does not answer."""
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    for arguments, status, sentence in (
        (["run", "mantain"], 4, "did you mean maintain?"),
        (["run", "maintain", "-p", "lvl=full"], 2, "no parameter lvl; did you mean level?"),
        (["ls", "mantain"], 4, "did you mean maintain?"),
    ):
        assert main(["flow", *arguments]) == status, arguments
        assert sentence in capsys.readouterr().err
    done = slip("flow", "runs")  # Prefect reads its settings once in a process
    assert done.returncode == 1
    assert "Prefect's server at http://127.0.0.1:9/api does not do what it is asked" in done.stderr


def test_flows_and_their_parameters_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """As tables and as JSON."""
    assert main(["flow", "ls"]) == 0
    assert "maintain\ttakes care of all stores" in capsys.readouterr().out
    assert main(["flow", "ls", "maintain"]) == 0
    assert 'level\tlight or full\t"light"\t' in capsys.readouterr().out
    assert main(["flow", "ls", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["flows"]) == 6
    assert main(["flow", "ls", "warm-cache", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parameters"][0]["name"] == "path"


def test_a_run_of_a_deployment_is_watched_to_its_end(
    deployment: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the command ends with the status that its last state stands for."""
    from prefect.states import Completed, Crashed, Failed, Pending, Running

    ends: list[tuple[Any, int, str]] = [
        (Completed(), 0, "Completed."),
        (Crashed(message="It was killed."), 1, "Crashed. It was killed."),
        (Failed(name="Regression", message="ttft got worse."), 3, "Regression. ttft got worse."),
    ]
    for end, status, text in ends:
        known = {run.id for run in runs_of(deployment)}

        def work(known: Collection[UUID] = known, end: Any = end) -> None:
            set_states(awaited(deployment, known).id, Pending(), Running(), end)

        runner = threading.Thread(target=work, daemon=True)
        runner.start()
        given = ["-p", "level=full", "--watch"]
        assert main(["flow", "run", "maintain", *given]) == status
        runner.join()
        said = capsys.readouterr()
        assert text in said.err
        run = awaited(deployment, known)
        assert str(run.id) == said.out.strip()
        assert run.parameters == {"parameters": {"level": "full"}}


def test_a_run_that_is_not_watched_is_left_to_the_runner(
    deployment: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its id is printed; a wrong value is refused before."""
    assert main(["flow", "run", "maintain", "-p", "level=medium"]) == 2
    assert "expected: light or full" in capsys.readouterr().err
    assert main(["flow", "run", "maintain", "--json"]) == 0
    identity = json.loads(capsys.readouterr().out)["id"]
    assert str(awaited(deployment).id) == identity
    assert main(["flow", "runs", "-n", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split("\t")[3] == "local"


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_cancels_the_run_that_is_watched(
    deployment: Any, server: str, unmeasured: None
) -> None:
    """And waits for it to end, whose status is that of an interruption."""
    from prefect import get_client
    from prefect.states import Cancelled, Running

    command = [sys.executable, "-m", "slipstream.cli", "flow", "run", "maintain", "--watch"]
    with subprocess.Popen(
        command, env=os.environ | {"PREFECT_API_URL": server}, stderr=subprocess.PIPE, text=True
    ) as watching:
        assert watching.stderr is not None
        run = awaited(deployment).id
        set_states(run, Running())
        while "Running" not in watching.stderr.readline():
            assert watching.poll() is None
        watching.send_signal(signal.SIGINT)
        with get_client(sync_client=True) as client:
            while client.read_flow_run(run).state_name != "Cancelling":
                time.sleep(0.05)
        set_states(run, Cancelled())
        said = watching.stderr.read()
        assert watching.wait(60) == 130
    assert "cancelling the run" in said
    assert "Cancelled" in said

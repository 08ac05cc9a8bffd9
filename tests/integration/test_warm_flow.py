"""The flows `warm-cache` and `invalidate-cache`, with Prefect's real engine and server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import scratch_git as scratch

from slipstream.cli.main import main
from slipstream.flows.launch import has_server, run_invalidate, run_warm
from slipstream.storage import audit, database
from slipstream.storage.cache import CacheStore
from slipstream.storage.cache.flight import FOLDER
from slipstream.storage.config.endpoints import EndpointError
from slipstream.storage.errors import NotFoundError, SlipError, UsageError
from slipstream.tasks.indexing import batches, embed_server, operations
from tests.embedding_server import Failure, Server, embedding_server

# One worker, so that one server is started.
pytestmark = pytest.mark.xdist_group("prefect")

WARM = """
import json, sys
from slipstream.flows.launch import run_warm
print(json.dumps(run_warm(json.loads(sys.argv[1]))))
"""


@pytest.fixture
def server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """An embedding server that the settings name."""
    monkeypatch.setattr(embed_server, "FIRST_WAIT", 0.001)
    with embedding_server() as server:
        monkeypatch.setenv("SLIPSTREAM_EMBEDDINGS_BASE_URL", server.url)
        monkeypatch.setenv("SLIPSTREAM_EMBEDDINGS_MODEL", "tiny")
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository of 40 files."""
    made = scratch.init(tmp_path / "work")
    text = "def function_{0}(value):\n    '''Does {0}.'''\n    return value + {0}\n"
    scratch.commit(made, **{f"m{n}_py": text.format(n) for n in range(40)})
    return made


def store() -> CacheStore:
    """The cache that flows in this process use."""
    from slipstream.flows.open_store import flow_store

    return flow_store()


class Run:
    """What Prefect's server tells of the newest run of a flow."""

    def __init__(self) -> None:
        """Ask it."""
        from prefect import get_client
        from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
        from prefect.client.schemas.sorting import FlowRunSort

        time.sleep(0.3)  # task runs are told to it a little later
        with get_client(sync_client=True) as client:
            [run] = client.read_flow_runs(limit=1, sort=FlowRunSort.START_TIME_DESC)
            mine = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
            self.name = run.name
            self.tasks = client.read_task_runs(flow_run_filter=mine, limit=200)
            self.artifacts = client.read_artifacts(flow_run_filter=mine)

    def states(self, task: str) -> dict[str, str]:
        """The state of each of its task runs whose name begins so."""
        return {
            run.name: run.state.name or ""
            for run in self.tasks
            if run.name.startswith(f"{task} ") and run.state
        }


def results() -> list[str]:
    """Keys of the results of batches."""
    return store().keys(prefix="v1::task-index-files::")


def test_an_index_that_cannot_be_opened_as_published_is_taken_back(
    prefect_server: str, home: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the rollback of the transaction: no search opens it, and the next run builds it anew."""
    whole = batches.publish
    segments = []

    def damaged(*arguments: Any) -> dict[str, Any]:
        report = whole(*arguments)
        segments.append(report["segment"])
        store().set(report["segment"], b"half of it")
        return report

    with monkeypatch.context() as patch:
        patch.setattr(batches, "publish", damaged)
        with pytest.raises(SlipError, match="cannot be opened as it was published"):
            run_warm({"path": str(folder)})
    assert not store().exists(segments[0])
    assert run_warm({"path": str(folder)})["segment"] == segments[0]
    assert store().exists(segments[0])


def test_a_second_run_finds_its_tasks_cached_and_only_what_is_gone_is_done_again(
    prefect_server: str, home: Path, folder: Path
) -> None:
    """A result under a key of the cache; gone, damaged or without what it stands for: a miss."""
    parameters = {"path": str(folder), "batch": 16}
    head = scratch.git(folder, "rev-parse", "HEAD")
    report = run_warm(parameters)
    assert (report["commit"], report["files"], report["missing"]) == (head, 40, 0)
    assert (report["parsed"], report["batches"], report["embedded"]) == (40, 4, 0)
    first = Run()
    assert first.name == f"warm work@{head[:12]}"
    names = {f"index {n}/4 of work@{head[:12]}" for n in range(1, 5)}
    assert first.states("index") == dict.fromkeys(names, "Completed")
    assert {tag for run in first.tasks for tag in run.tags} == {"slipstream-index"}
    shown = {artifact.key: artifact for artifact in first.artifacts}
    assert shown["warm-cache-progress-work"].data == 100.0
    operations_shown = {row["operation"] for row in json.loads(str(shown["cache-statistics"].data))}
    assert "task-index-files" in operations_shown
    table = shown["warm-cache-work"]
    figures = {row["figure"]: row["value"] for row in json.loads(str(table.data))}
    assert (figures["files"], figures["cache entries"]) == (40, store().count())

    assert run_warm(parameters)["parsed"] == 0
    assert Run().states("index") == dict.fromkeys(names, "Cached")
    assert len(results()) == 4
    for key in results():
        entry = store().entry(key)
        assert entry is not None
        assert entry.producer == "task-result"
        assert json.loads(store().get(key) or b"")["result"]["missing"] == 0

    gone, damaged = results()[:2]
    store().delete(gone)
    store().set(damaged, b"\xffnot a result")
    run_warm(parameters)
    assert Counter(Run().states("index").values()) == {"Completed": 2, "Cached": 2}
    store().delete(store().keys(prefix="v1::parse::")[0])
    run_warm(parameters)
    assert Counter(Run().states("index").values()) == {"Completed": 1, "Cached": 3}

    changed = scratch.commit(folder, m7_py="def other():\n    return 1\n")
    assert run_warm(parameters)["commit"] == changed
    after = Counter(Run().states("index").values())
    assert after["Cached"] >= 2, after  # the batch it left, and the one it came to
    assert run_warm(parameters | {"revision": head})["commit"] == head
    assert Counter(Run().states("index").values()) == {"Cached": 4}


def test_a_run_that_is_killed_does_not_block_the_next(
    prefect_server: str, server: Server, home: Path, folder: Path, unmeasured: None
) -> None:
    """Though it held the lock of the batch that the next one wants."""
    parameters = {"path": str(folder), "batch": 16384, "embed": True}
    locks = home / "cache" / FOLDER
    with embedding_server() as slow:
        slow.failures = [None, *[Failure(200, seconds=120)] * 9]  # it measures, and then it hangs
        env = os.environ | {
            "PREFECT_API_URL": prefect_server,
            "SLIPSTREAM_EMBEDDINGS_BASE_URL": slow.url,
        }
        process = subprocess.Popen(
            [sys.executable, "-c", WARM, json.dumps(parameters)], env=env, stdout=subprocess.PIPE
        )
        try:
            deadline = time.monotonic() + 60
            while len(slow.requests) < 2 and time.monotonic() < deadline:
                assert process.poll() is None
                time.sleep(0.01)
            assert list(locks.iterdir()), "it holds the lock of a batch"
        finally:
            process.kill()
            process.wait()
    assert list(locks.iterdir()), "its file is left behind"
    report = run_warm(parameters)
    assert report["embedded"] > 0
    assert set(Run().states("embed").values()) == {"Completed"}
    assert run_warm(parameters)["embedded"] == report["embedded"]
    run = Run()
    assert set(run.states("embed").values()) == {"Cached"}
    assert set(run.states("index").values()) == {"Cached"}
    assert list(locks.iterdir()) == []


def test_what_may_pass_is_tried_again_and_what_is_wrong_is_not(
    prefect_server: str, server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is busy may recover; a path, a revision or a missing model does not."""
    server.failures = [Failure(503)] * embed_server.TRIES
    report = run_warm({"path": str(folder), "embed": True})
    assert report["embedded"] > 0
    tries = {run.name: run.run_count for run in Run().tasks}
    assert tries["measure the embedding model"] == 2
    scratch.commit(folder, new_py="def new():\n    return 'something else'\n")
    server.failures = [None, Failure(401)]  # it is measured, and then refuses the chunks
    with pytest.raises(EndpointError, match="refuses the key"):
        run_warm({"path": str(folder), "embed": True})
    assert Run().states("embed").popitem()[1] == "Failed"
    with pytest.raises(NotFoundError, match="nowhere"):
        run_warm({"path": str(folder / "nowhere")})
    assert [run.run_count for run in Run().tasks] == [1]
    with pytest.raises(NotFoundError, match="'v99'"):
        run_warm({"path": str(folder), "revision": "v99"})
    monkeypatch.delenv("SLIPSTREAM_EMBEDDINGS_MODEL")
    with pytest.raises(UsageError, match="No embedding model"):
        run_warm({"path": str(folder), "embed": True})
    assert Run().tasks == []


def test_entries_are_invalidated_audited_and_made_again(
    prefect_server: str, home: Path, folder: Path
) -> None:
    """By commit, tag, prefix, glob, producer and key; a dry run removes nothing."""
    head = scratch.git(folder, "rev-parse", "HEAD")
    run_warm({"path": str(folder)})
    count = store().count()
    counted = run_invalidate({"prefix": "v1::parse::", "dry_run": True})
    assert counted["entries"] >= 40
    assert store().count() == count

    here = {"path": str(folder)}
    done = run_invalidate({"commit": "main", "warm": here, "warm_again": True})
    assert done["entries"] >= 2  # its manifest and its segment
    assert done["warmed"]["commit"] == head
    assert store().count() == count
    assert run_invalidate({"commit": head, "glob": "v1::manifest::*"})["entries"] == 1
    assert run_invalidate({"commit": head, "cache_keys": ["v1::x"]})["entries"] == 0
    one = results()[0]
    assert run_invalidate({"keys": [one]})["entries"] == 1
    assert store().get(one) is None
    assert run_invalidate({"tag": f"commit:{head}"})["entries"] >= 1
    assert run_invalidate({"glob": "v1::*", "producer": "task-result"})["entries"] == 0

    with closing(database.connect(home)) as connection:
        entries = audit.entries(connection, action="cache.invalidate")
    assert len(entries) == 6
    assert entries[-1].detail == {"commit": "main", "entries": done["entries"]}
    assert entries[-1].amount == done["bytes"]
    with pytest.raises(NotFoundError, match="v99"):
        run_invalidate({"commit": "v99", "warm": here})
    with pytest.raises(UsageError):
        run_invalidate({"glob": "v1::["})


@pytest.mark.parametrize(
    "wrong",
    [{"batch": 3}, {"workers": -1}, {"workers": 65}, {"path": ""}, {"batch": "x"}],
    ids=str,
)
def test_wrong_parameters_of_a_warming_are_refused(wrong: dict[str, Any]) -> None:
    """By their types and bounds, before anything runs."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        run_warm(wrong)


@pytest.mark.parametrize(
    "wrong", [{}, {"dry_run": True}, {"cache_keys": []}, {"prefix": ""}], ids=str
)
def test_an_invalidation_of_nothing_is_refused(wrong: dict[str, Any]) -> None:
    """Everything goes only when that is said."""
    with pytest.raises(ValueError, match=r"keys|prefix"):
        run_invalidate(wrong)


def test_whether_a_server_is_set_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """By Prefect's own variable."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert not has_server()
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    assert has_server()
    assert "task-index-files" in operations.OPERATIONS


def test_the_commands_run_the_flows(
    prefect_server: str,
    home: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With `--flow`; they print what they print without it."""
    monkeypatch.chdir(folder)
    assert main(["cache", "warm", "--flow"]) == 0
    assert capsys.readouterr().out.startswith("40 files of ")
    path = next(folder.glob("m1*.py")).name
    again = ["--flow", "--force", "--warm", "--json"]
    assert main(["cache", "invalidate", "--path", path, *again]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["entries"] >= 2
    assert report["warmed"]["files"] == 40
    assert main(["cache", "invalidate", "--path", path, "--flow"]) == 2  # nobody can be asked

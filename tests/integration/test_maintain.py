"""The flow `maintain` and `slip maintain`, with Prefect's real engine and server."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from slipstream.cli.main import main
from slipstream.storage import audit, database
from slipstream.storage.errors import SlipError
from slipstream.storage.outputs import OutputStore
from slipstream.storage.outputs.rows import file_of
from tests.unit.storage.test_prune import put

# One worker, so that one server is started.
pytestmark = pytest.mark.xdist_group("prefect")


def run(**given: Any) -> list[dict[str, Any]]:
    from slipstream.flows.maintain import MaintainParameters, maintain

    found: list[dict[str, Any]] = asyncio.run(maintain(MaintainParameters(**given)))
    return found


def shown(key: str) -> list[dict[str, Any]]:
    """The newest table of an artifact's key."""
    from prefect import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
    from prefect.client.schemas.sorting import ArtifactSort

    only = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
    with get_client(sync_client=True) as client:
        newest = client.read_artifacts(
            artifact_filter=only, sort=ArtifactSort.CREATED_DESC, limit=1
        )
    found: list[dict[str, Any]] = json.loads(str(newest[0].data))
    return found


def test_each_step_is_a_task_and_what_went_is_shown_and_written_down(
    prefect_server: str, home: Path
) -> None:
    """Of a full maintenance; a second one finds nothing to do."""
    with closing(OutputStore(home)) as store:
        put(store, 1, 8)
        put(store, 2)
    planned = run(level="full", dry_run=True)
    rows = run(level="full")
    assert [row["step"] for row in rows] == [
        "logs", "cache", "benchmarks", "telemetry", "left-over files", "scrub of logs",
        "scrub of the cache", "database", "events", "flow runs",
    ]  # fmt: skip
    assert rows[0]["removed"] == planned[0]["removed"] == 1
    assert rows[0]["freed"] > 0
    assert "not Slipstream's own" not in rows[0]["note"]
    assert "Slipstream's own" in rows[-1]["note"], "a server of somebody else's keeps its runs"
    assert shown("maintain-full") == rows
    assert not any(row["removed"] for row in run(level="full"))
    with closing(database.connect(home)) as connection:
        [second, first] = audit.entries(connection, action="maintain")
    assert first.detail["logs"]["removed"] == 1
    assert second.amount == 0


def test_a_step_that_fails_stops_no_other_and_fails_the_run(
    prefect_server: str, home: Path
) -> None:
    """Damage is told in the same way, with what to do."""
    with closing(OutputStore(home)) as store:
        old, log = put(store, 2, 8), put(store, 1)
        path = file_of(store.folder, log.sha256)
    path.write_bytes(path.read_bytes()[:-1000] + b"x" * 1000)
    with pytest.raises(SlipError, match=f"scrub of logs: 1 log cannot be read whole: {log.id}"):
        run(level="full")
    rows = {row["step"]: row for row in shown("maintain-full")}
    assert rows["logs"]["removed"] == 1
    assert rows["database"]["note"] == "in order"
    assert not file_of(home / "logs", old.sha256).exists()
    (home / "outputs.db").write_bytes(b"no database" * 1000)
    with pytest.raises(SlipError, match=r"logs: .*it is damaged.* audit log: .*it is damaged"):
        run()
    rows = {row["step"]: row for row in shown("maintain-light")}
    assert "it is damaged" in rows["logs"]["note"]
    assert rows["cache"]["note"].startswith("0 expired")


def test_flow_runs_that_ended_long_ago_go_from_a_server_of_our_own(
    prefect_server: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted first; one that has not ended stays, however old."""
    from prefect import flow, get_client
    from prefect.runtime import flow_run
    from prefect.states import Running

    from slipstream.flows import maintain, server

    @flow(name="old")
    async def old() -> UUID:
        return UUID(flow_run.id)

    @flow
    async def remove(dry_run: bool) -> Any:
        return await maintain.remove_flow_runs(0, dry_run)

    ended = asyncio.run(old())
    with get_client(sync_client=True) as client:
        going = client.create_flow_run(old, state=Running())
    monkeypatch.setattr(server, "is_ours", lambda *_: True)
    counted = asyncio.run(remove(True))
    removed = asyncio.run(remove(False))
    assert removed.removed == counted.removed + 1 > 1, "the run that counted has ended since"
    with get_client(sync_client=True) as client:
        left = {run.id for run in client.read_flow_runs()}
    assert going.id in left
    assert ended not in left


def test_the_command_says_what_went_without_prefect(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Light by default; status 1 where something needs somebody."""
    with closing(OutputStore(home)) as store:
        put(store, 1, 8)
        log = put(store, 2)
        path = file_of(store.folder, log.sha256)
    assert main(["maintain", "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines()[:2][0] == "step\twould go\tfreed\twhat"
    assert main(["maintain", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["level"], told["steps"][0]["removed"]) == ("light", 1)
    path.write_bytes(b"damaged")
    assert main(["maintain", "--full"]) == 1
    said = capsys.readouterr()
    assert f"scrub of logs: 1 log cannot be read whole: {log.id}" in said.err
    assert len(said.out.splitlines()) == 10
    with closing(database.connect(home)) as connection:
        assert len(audit.entries(connection, action="maintain")) == 2

"""`slip audit`."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from slipstream.cli.main import main
from slipstream.storage import audit, database


def test_entries_are_listed_newest_first(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All, the newest few, or one action's; as a table or as JSON."""
    with closing(database.connect(home)) as connection:
        audit.record(connection, "summary", "log ab12", 512)
        audit.record(connection, "prune", "3 logs", 4096, {"days": 7})
    assert main(["audit"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("\t") == ["when", "who", "action", "subject", "amount"]
    assert [line.split("\t")[2:] for line in lines[1:]] == [
        ["prune", "3 logs", "4096"],
        ["summary", "log ab12", "512"],
    ]
    assert main(["audit", "--limit", "1", "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["entries"]
    assert (entry["action"], entry["detail"], entry["at"][-1]) == ("prune", {"days": 7}, "Z")
    assert main(["audit", "--action", "summary"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2

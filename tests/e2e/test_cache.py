"""`slip cache` as processes: two tiers' figures, a damaged cache, a deleted one, a report."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.conftest import Slip
from tests.e2e.test_search import home, project

__all__ = ["home", "project"]  # fixtures

pytestmark = pytest.mark.usefixtures("project")


def test_the_figures_outlive_processes_and_the_cache(home: Path, slip: Slip) -> None:
    """Counters are exact; deleting the cache deletes none of them."""
    for _ in range(4):
        assert slip("search", "cart").returncode == 0

    def searches() -> dict[str, int]:
        stats = json.loads(slip("cache", "stats", "--json").stdout)
        return {c["kind"]: c["amount"] for c in stats["counters"] if c["operation"] == "search"}

    assert searches() == {"miss": 1, "set": 1, "hit": 3}
    shutil.rmtree(home / "cache")
    assert searches() == {"miss": 1, "set": 1, "hit": 3}
    assert slip("search", "cart").returncode == 0
    assert searches() == {"miss": 2, "set": 2, "hit": 3}
    report = slip("cache", "report", "--by", "operation,tier", "--format", "json")
    rows = {tuple(row[name] for name in ("operation", "tier")) for row in json.loads(
        report.stdout)["rows"]}  # fmt: skip
    assert ("search", "disk") in rows
    prometheus = slip("cache", "report", "--format", "prometheus").stdout
    assert (
        'slipstream_cache_operations_total{operation="search",tier="disk",kind="hit"' in prometheus
    )


def test_a_damaged_cache_is_set_aside_and_said(home: Path, slip: Slip) -> None:
    """The answer is the same; `slip doctor` tells of it."""
    whole = slip("search", "cart").stdout
    file = home / "cache/cache.db"
    for side in ("-wal", "-shm"):
        file.with_name(file.name + side).unlink(missing_ok=True)
    file.write_bytes(os.urandom(file.stat().st_size))
    assert slip("search", "cart").stdout == whole
    checks = json.loads(slip("doctor", "--json").stdout)["checks"]
    (found,) = [check for check in checks if check["name"] == "cache"]
    assert found["result"] == "warning"
    assert "damaged-" in found["mend"]
    assert "set aside" in slip("cache", "stats").stdout


def test_what_is_printed_by_another_process_is_asked_of_nobody(slip: Slip) -> None:
    """Where nobody can be asked, `--force` is asked for; a dry run needs neither."""
    slip("cache", "warm")
    done = slip("cache", "clear", stdin=None, input="y\n")
    assert done.returncode == 2
    assert "add --force" in done.stderr
    assert slip("cache", "clear", "--dry-run").returncode == 0
    assert slip("cache", "clear", "--force").returncode == 0
    assert json.loads(slip("cache", "stats", "--json").stdout)["tiers"][1]["entries"] == 0

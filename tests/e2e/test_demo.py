"""`slip demo`, as `make demo` runs it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.conftest import Slip


def test_the_demo_shows_summaries_and_the_full_log_and_leaves_nothing(
    home: Path, tmp_path: Path, slip: Slip
) -> None:
    """In under a minute, without a word on standard error."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    before = sorted(home.rglob("*"))
    began = time.monotonic()
    done = slip("demo", env=os.environ | {"TMPDIR": str(temporary)}, timeout=120)
    seconds = time.monotonic() - began
    assert (done.returncode, done.stderr) == (0, "")
    assert seconds < 60
    assert list(temporary.iterdir()) == []
    assert [path for path in sorted(home.rglob("*")) if "program" not in path.parts] == before
    text = done.stdout
    for shown in (
        "$ slip run -- python report.py monday",
        "$ slip run -- python import_list.py",
        "# FAILED: ",
        "RuntimeError: the sales of monday cannot be read",
        "price -3.00 is below zero",
        "AssertionError: 0.15000000000000002 != 0.14",
        " --lines 9336:9338",
        "No difference in ",
        "shop/prices.py:11: def total(items, country):  [function, lines 11-12]",
        "shop/prices.py:10: ",
        "$ slip bench run -b sweep -c 1,8 ",
        "load concurrency=8, n 24, ttft p50 ",
    ):
        assert shown in text
    headings = [line for line in text.splitlines() if line.startswith("━━ ")]
    assert len(headings) == 4
    assert {len(heading) for heading in headings} == {80}

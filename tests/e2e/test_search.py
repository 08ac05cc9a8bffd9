"""A person or an agent in a repository: warm, search, edit, commit, switch branches, search."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import Slip
from tests.e2e.conftest import SLIP
from tests.unit.cli.conftest import git, make_project

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder of the test's own."""
    folder = tmp_path / "home"
    monkeypatch.setenv("SLIPSTREAM_HOME", str(folder))
    return folder


@pytest.fixture
def project(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a repository with one commit."""
    folder = make_project(tmp_path / "project")
    monkeypatch.chdir(folder)
    return folder


def first(slip: Slip, *arguments: str) -> str:
    """`path:line` of the best hit; nothing else is said."""
    done = slip("search", *arguments)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return ":".join(done.stdout.split(":", 2)[:2])


def test_nothing_stale_is_ever_found(project: Path, slip: Slip) -> None:
    """After an edit, staging, a commit, a branch switch and back, a second worktree."""
    assert slip("cache", "warm").returncode == 0
    assert first(slip, "parse_header") == "shop/cart.py:12"
    cart = project / "shop/cart.py"
    cart.write_text("# a new line\n" + cart.read_text())
    assert first(slip, "parse_header") == "shop/cart.py:13"
    git(project, "add", "-u")
    assert first(slip, "parse_header") == "shop/cart.py:13"
    git(project, "commit", "-qm", "Second")
    assert first(slip, "parse_header") == "shop/cart.py:13"
    git(project, "checkout", "-q", "-b", "other", "HEAD~1")
    assert first(slip, "parse_header") == "shop/cart.py:12"
    git(project, "mv", "shop/cart.py", "shop/basket.py")
    assert first(slip, "parse_header") == "shop/basket.py:12"
    git(project, "reset", "-q", "--hard")
    git(project, "worktree", "add", "-q", "../second", "main")
    assert first(slip, "parse_header", "../second") == "shop/cart.py:13"
    git(project, "checkout", "-q", "--detach", "main")
    assert first(slip, "parse_header") == "shop/cart.py:13"
    stats = json.loads(slip("cache", "stats", "--json").stdout)
    kept = {one["operation"]: one["entries"] for one in stats["by_type"]}
    assert kept["parse"] == 5  # four files, one of which was changed once
    searches = {c["kind"]: c["amount"] for c in stats["counters"] if c["operation"] == "search"}
    assert searches["hit"] >= 2  # the branch and the worktree show what was seen before


def test_a_repository_that_was_never_warmed_is_indexed_on_the_way(
    project: Path, slip: Slip
) -> None:
    """The answer says nothing else, and comes from memory the next time."""
    done = slip("search", "cart", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert slip("search", "cart", "--json").stdout == done.stdout


def test_where_there_is_no_git_it_is_searched_all_the_same(
    home: Path, tmp_path: Path, slip: Slip, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outside a repository; and inside one, when git is not installed."""
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "a.py").write_text("def alone(): pass\n")
    assert first(slip, "alone", str(folder)) == "a.py:1"
    (folder / "a.py").write_text("\ndef alone(): pass\n")
    assert first(slip, "alone", str(folder)) == "a.py:2"
    project = make_project(tmp_path / "project")
    monkeypatch.setenv("PATH", str(tmp_path))
    done = slip("search", "parse_header", str(project))
    assert done.stdout.startswith("shop/cart.py:12:")


@posix
def test_a_reader_that_goes_away_is_141(project: Path) -> None:
    """Without a word."""
    for number in range(300):
        (project / f"f{number}.py").write_text(f"def handler(): return {'x' * 200!r}\n")
    git(project, "add", ".")
    command = [*SLIP, "search", "-F", "handler", "-m", "1000", "--max-bytes", "1000000"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout
    assert child.stderr
    child.stdout.close()
    assert (child.wait(60), child.stderr.read()) == (141, b"")
    child.stderr.close()


@posix
def test_an_interruption_while_indexing_is_130_and_counts(project: Path, slip: Slip) -> None:
    """What was read until then is not read again."""
    for number in range(400):
        lines = "".join(f"def f{number}_{line}(a, b):\n    return a + b\n\n" for line in range(60))
        (project / f"f{number}.py").write_text(lines)
    git(project, "add", ".")
    child = subprocess.Popen([*SLIP, "search", "f1_1"], stdout=subprocess.PIPE, stderr=-1)
    store = Path(os.environ["SLIPSTREAM_HOME"], "cache", "cache.db")
    give_up = time.monotonic() + 30
    while not store.exists() and time.monotonic() < give_up:
        time.sleep(0.02)
    time.sleep(0.7)
    child.send_signal(signal.SIGINT)
    out, error = child.communicate(timeout=60)
    assert (child.returncode, out) == (130, b""), error
    assert b"Traceback" not in error
    done = json.loads(slip("cache", "warm", "--json").stdout)
    assert done["files"] == 404
    assert slip("cache", "verify").returncode == 0
    assert first(slip, "f1_1").startswith("f1.py:")


def test_two_at_once_find_the_same(project: Path, slip: Slip) -> None:
    """While the index is made by both."""
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: slip("search", "cart", "--json").stdout, range(4)))
    assert len(set(found)) == 1
    assert json.loads(found[0])["hits"]
    assert slip("cache", "verify").returncode == 0


@posix
def test_a_data_folder_that_cannot_be_written_costs_no_answer(
    project: Path, home: Path, slip: Slip
) -> None:
    """It is searched without the cache, and the warning says what to do."""
    home.mkdir()
    (home / "cache").write_text("in the way")
    (home / "outputs.db").mkdir()
    done = slip("search", "parse_header")
    assert (done.returncode, done.stdout.split(": ")[0]) == (0, "shop/cart.py:12")
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    for command in (["list"], ["verify"], ["clear", "--force"], ["invalidate", "x", "--force"]):
        done = slip("cache", *command)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert "cannot be used" in done.stderr


@posix
@pytest.mark.usefixtures("unmeasured")
def test_a_full_disk_costs_no_answer(project: Path, home: Path) -> None:
    """Here every file may be as large as a page: writes fail as on a full disk."""
    import resource

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    done = subprocess.run(
        [*SLIP, "search", "parse_header"], capture_output=True, text=True, preexec_fn=limit
    )
    assert (done.returncode, done.stdout.split(": ")[0]) == (0, "shop/cart.py:12"), done.stderr
    assert "Traceback" not in done.stderr

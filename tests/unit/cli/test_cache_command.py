"""`slip cache`: what it shows, what it removes, and that it asks first."""

from __future__ import annotations

import io
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from slipstream.cli import cache_commands
from slipstream.cli.main import main
from slipstream.cli.progress import Progress
from slipstream.storage.cache import CacheStore, open_cache
from tests.embedding_server import embedding_server
from tests.unit.cli.conftest import git

Printed = pytest.CaptureFixture[str]
DAY_NS = 86_400 * 10**9


@pytest.fixture
def store(home: Path) -> CacheStore:
    """A cache with three entries of two operations."""
    store = open_cache(home)
    store.set("v1::one::aa", b"x" * 1000, tags=["red"], producer="p1", depends_on=["v1::two::cc"])
    store.set("v1::one::ab", b"y" * 100_000)
    store.set("v1::two::cc", b"z", producer="p2")
    return store


def as_json(capsys: Printed) -> Any:
    return json.loads(capsys.readouterr().out)


def test_both_tiers_are_shown(store: CacheStore, capsys: Printed) -> None:
    """With the hits of this and of other processes since the last reset."""
    assert main(["cache", "stats", "--json"]) == 0
    memory, disk = as_json(capsys)["tiers"]
    assert (memory["tier"], disk["tier"]) == ("memory", "disk")
    assert (disk["entries"], disk["size"], disk["average"]) == (3, 101_001, 33_667)
    assert disk["limit"] == 1 << 30
    assert disk["used"] == pytest.approx(101_001 / (1 << 30))
    assert disk["newest_ns"] >= disk["oldest_ns"] > 0
    assert main(["cache", "stats"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()[:3]
    assert header.split("\t")[:3] == ["tier", "entries", "size"]
    assert rows[1].split("\t")[:3] == ["disk", "3", "98.6 KiB"]


@pytest.mark.usefixtures("project")
def test_hits_and_the_reasons_of_misses_are_counted(capsys: Printed) -> None:
    """By type and in histograms, as they were in other processes."""
    for _ in range(3):
        assert main(["search", "Cart"]) == 0
    capsys.readouterr()
    assert main(["cache", "stats", "--json"]) == 0
    found = as_json(capsys)
    searches = {c["kind"]: c["amount"] for c in found["counters"] if c["operation"] == "search"}
    assert searches == {"hit": 2, "miss": 1, "set": 1}
    assert found["windows"]["1 hour"]["hits"] >= 2
    assert {"search", "parse", "segment"} <= {one["operation"] for one in found["by_type"]}
    assert main(["cache", "stats", "--by-type", "--verbose"]) == 0
    out = capsys.readouterr().out
    assert "\nsearch\t1\t" in out
    assert "never stored\t" in out
    assert "latency of hits\n  up to " in out
    assert "█" in out


def test_entries_are_listed(store: CacheStore, capsys: Printed) -> None:
    """In the order of their keys, filtered by a glob or a part."""
    assert main(["cache", "list", "--json"]) == 0
    keys = [entry["key"] for entry in as_json(capsys)["entries"]]
    assert keys == ["v1::one::aa", "v1::one::ab", "v1::two::cc"]
    assert main(["cache", "list", "--limit", "1", "--filter", "*::a?"]) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert row.split("\t")[:2] == ["v1::one::aa", "1000"]
    assert header.split("\t")[4] == "expires in"
    assert row.split("\t")[4].startswith("6 d 23 h")
    assert main(["cache", "list", "--filter", "two"]) == 0
    assert "v1::two::cc" in capsys.readouterr().out


def test_an_entry_is_inspected(store: CacheStore, capsys: Printed) -> None:
    """By its key or the beginning of it."""
    assert main(["cache", "inspect", "v1::one::aa", "--json"]) == 0
    entry = as_json(capsys)
    assert (entry["size"], entry["tags"], entry["depends_on"]) == (1000, ["red"], ["v1::two::cc"])
    assert main(["cache", "inspect", "v1::t"]) == 0
    out = capsys.readouterr().out
    assert "key         v1::two::cc\n" in out
    assert "kept in     the database\n" in out
    assert main(["cache", "inspect", "v1::one::ab"]) == 0
    assert "kept in     file " in capsys.readouterr().out


@pytest.mark.usefixtures("project")
def test_inspecting_shows_what_happened_of_late(capsys: Printed) -> None:
    """The newest first."""
    for _ in range(2):
        main(["search", "Cart"])
    capsys.readouterr()
    assert main(["cache", "inspect", "v1::search"]) == 0
    lines = capsys.readouterr().out.splitlines()
    happened = [line.split()[3] for line in lines if line.startswith("recorded")]
    assert happened == ["hit", "set", "miss"]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["inspect", "v1::nope"], 4, "There is no entry v1::nope (never stored)"),
        (["inspect", ""], 4, "There is no entry"),
        (["inspect", "v1::one::"], 2, "Several keys begin with v1::one::"),
        (["explain", "v1::nope"], 2, "is not a key of the cache"),
        (["explain", "no-file"], 4, "There is no file no-file"),
        (["list", "--filter", "[a"], 2, "has a `[` without its `]`"),
        (["clear", "--pattern", "[a", "--force"], 2, "has a `[` without its `]`"),
        (["clear"], 2, "add --force"),
        (["clear", "--memory-only", "--disk-only"], 2, "Only one of"),
        (["clear", "--memory-only", "--tag", "x"], 2, "takes no filter"),
        (["invalidate"], 2, "Nothing says what is to go"),
        (["invalidate", "v1::nope"], 4, "There is no entry v1::nope"),
        (["invalidate", "--glob", "[a"], 2, "has a `[` without its `]`"),
        (["warm", "nowhere"], 4, "nowhere does not exist"),
        (["warm", "--embed"], 2, "No embedding model is configured"),
        (["report", "--from", "soon"], 2, "'soon' is not a moment"),
        (["report", "--reset"], 2, "add --force"),
    ],
    ids=str,
)
def test_what_is_wrong_is_one_sentence(
    arguments: list[str], status: int, said: str, store: CacheStore, capsys: Printed
) -> None:
    """With the documented exit status, and nothing is removed."""
    assert main(["cache", *arguments]) == status
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.splitlines()[-1].startswith("slip: ")
    assert store.count() == 3


def test_a_dry_run_counts_and_removes_nothing(store: CacheStore, capsys: Printed) -> None:
    """What depends on an entry is counted with it."""
    assert main(["cache", "clear", "--prefix", "v1::two", "--dry-run", "--json"]) == 0
    assert as_json(capsys) == {"version": 1, "entries": 2, "bytes": 1001, "dry_run": True}
    assert main(["cache", "clear", "--dry-run"]) == 0
    assert capsys.readouterr().out == "3 entries would be removed, 98.6 KiB.\n"
    assert store.count() == 3


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ([], 0),
        (["--disk-only"], 0),
        (["--prefix", "v1::one"], 1),
        (["--pattern", "*::a[a]"], 2),
        (["--tag", "red"], 2),
        (["--tag", "blue"], 3),
        (["--expired"], 3),
    ],
    ids=str,
)
def test_what_is_chosen_is_removed(
    options: list[str], left: int, store: CacheStore, capsys: Printed
) -> None:
    """And written into the audit log when it was anything."""
    assert main(["cache", "clear", *options, "--force"]) == 0
    assert capsys.readouterr().out.startswith(f"{3 - left} entries removed, ")
    assert store.count() == left
    assert main(["audit", "--json"]) == 0
    entries = as_json(capsys)["entries"]
    assert [entry["detail"]["entries"] for entry in entries] == ([3 - left] if left < 3 else [])
    assert all(entry["action"] == "cache.clear" for entry in entries)


@pytest.mark.parametrize(("answer", "status", "left"), [("y\n", 0, 0), ("n\n", 1, 3), ("", 1, 3)])
def test_it_asks_first(
    answer: str, status: int, left: int, store: CacheStore, capsys: Printed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Saying what it is about; anything but yes is no."""
    terminal = io.StringIO(answer)
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    assert main(["cache", "clear"]) == status
    assert capsys.readouterr().err == "Remove 3 entries (98.6 KiB): all entries? [y/N] "
    assert store.count() == left


def test_memory_alone_is_forgotten_without_asking(store: CacheStore, capsys: Printed) -> None:
    """In every process; the disk keeps it all."""
    assert store.get("v1::one::aa")
    assert main(["cache", "clear", "--memory-only"]) == 0
    assert store.count() == 3
    hits = store.memory.hits
    assert store.get("v1::one::aa")
    assert store.memory.hits == hits
    assert main(["cache", "clear", "--memory-only", "--json", "--dry-run"]) == 0
    assert capsys.readouterr().out.endswith('"memory": true,\n  "dry_run": true\n}\n')


def test_an_interruption_leaves_whole_steps_and_an_audit_entry(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    """Exit status 130; the next time removes the rest."""
    store = open_cache(home)
    for number in range(1200):
        store.set(f"v1::many::{number:04}", b"x")

    class Interrupted(Progress):
        def __call__(self, done: int, total: int) -> None:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cache_commands, "Progress", Interrupted)
        assert main(["cache", "clear", "--force"]) == 130
    left = store.count()
    assert 0 < left < 1200
    assert main(["audit", "--json"]) == 0
    (entry,) = as_json(capsys)["entries"]
    assert entry["detail"]["entries"] == 1200 - left
    assert main(["cache", "verify"]) == 0
    assert main(["cache", "clear", "--force"]) == 0
    assert store.count() == 0


def test_once_an_hour_what_nobody_needs_is_removed(project: Path, home: Path) -> None:
    """By whichever command uses the cache next; not by one that looks at it."""
    assert main(["search", "Cart"]) == 0
    stamp = home / "cache" / "cleaned"
    orphan = home / "cache" / "values" / "ab" / ("ab" * 32)
    orphan.parent.mkdir(parents=True, exist_ok=True)
    orphan.write_bytes(b"nobody's")
    assert main(["search", "Cart"]) == 0
    assert orphan.exists()
    for age in (3601, -3600):  # a clock that was set back as well
        orphan.write_bytes(b"nobody's")
        os.utime(stamp, (time.time() - age,) * 2)
        assert main(["cache", "stats"]) == 0
        assert orphan.exists()
        assert main(["search", "Cart"]) == 0
        assert not orphan.exists()


def test_an_audit_log_that_cannot_be_written_is_said(
    store: CacheStore, home: Path, capsys: Printed
) -> None:
    """What was removed stays removed."""
    (home / "outputs.db").mkdir()
    assert main(["cache", "clear", "--force"]) == 0
    assert "could not be written into the audit log" in capsys.readouterr().err
    assert store.count() == 0


def test_clearing_gives_room_back(home: Path) -> None:
    """On disk, not only in the figures."""
    store = open_cache(home)
    for number in range(300):
        store.set(f"v1::many::{number}", os.urandom(20_000))
    assert main(["cache", "clear", "--force"]) == 0
    assert store.stats().disk.file_bytes < 1_000_000


def test_damaged_values_are_found_and_removed(
    store: CacheStore, home: Path, capsys: Printed
) -> None:
    """Exit status 1, once."""
    (file,) = [path for path in (home / "cache/values").rglob("*") if path.is_file()]
    file.chmod(0o600)
    file.write_bytes(b"n" * 100_000)
    assert main(["cache", "verify", "--json"]) == 1
    found = as_json(capsys)
    assert (found["ok"], found["checked"], found["corrupt"]) == (False, 3, ["v1::one::ab"])
    assert main(["cache", "verify"]) == 0
    assert capsys.readouterr().out == ("2 entries read, 1001 B.\nEvery value has its checksum.\n")


def test_entries_are_invalidated_with_what_was_made_of_them(
    store: CacheStore, capsys: Printed
) -> None:
    """By key, producer, tag."""
    assert main(["cache", "invalidate", "v1::two", "--force", "--json"]) == 0
    assert as_json(capsys)["entries"] == 2
    assert store.keys() == ["v1::one::ab"]
    assert main(["cache", "invalidate", "--producer", "p1", "--force"]) == 0
    assert main(["cache", "invalidate", "--prefix", "v1", "--tag", "none", "--force"]) == 0
    assert store.count() == 1
    capsys.readouterr()
    assert main(["audit", "--action", "cache.invalidate", "--json"]) == 0
    assert len(as_json(capsys)["entries"]) == 1


def test_a_path_and_a_commit_are_invalidated(project: Path, home: Path, capsys: Printed) -> None:
    """What was read from them goes, and can be made again at once."""
    assert main(["cache", "warm"]) == 0
    assert capsys.readouterr().out.startswith("4 files of ")
    store = open_cache(home)
    kept = set(store.keys())
    assert main(["cache", "invalidate", "--path", "shop", "--dry-run", "--json"]) == 0
    assert as_json(capsys)["entries"] >= 3
    assert main(["cache", "invalidate", "--path", "shop", "--force", "--warm"]) == 0
    assert "2 were parsed just now" in capsys.readouterr().out
    assert set(store.keys()) >= {key for key in kept if "::parse::" in key}
    commit = git(project, "rev-parse", "HEAD")
    assert main(["cache", "invalidate", "--commit", "main", "--force"]) == 0
    assert store.keys(glob=f"*{commit}*") == []
    assert main(["cache", "invalidate", "--commit", "nope", "--force"]) == 4
    (project / "empty").mkdir()
    assert main(["cache", "invalidate", "--path", "empty", "--force"]) == 4


def test_a_key_is_explained_by_its_inputs(project: Path, capsys: Printed) -> None:
    """Why it is a miss, why it is a hit, and what it does not depend on."""
    assert main(["cache", "explain", "shop/cart.py", "--json"]) == 0
    found = as_json(capsys)
    assert (found["hit"], found["reason"]) == (False, "never stored")
    inputs = {one["name"]: one["value"] for one in found["inputs"]}
    assert inputs["content"] == git(project, "rev-parse", "HEAD:shop/cart.py")
    assert inputs["language"] == "python"
    assert "path" in {one["name"] for one in found["irrelevant"]}
    main(["cache", "warm"])
    capsys.readouterr()
    assert main(["cache", "explain", "shop/cart.py"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[1].startswith("hit     stored ")
    assert "the content is that of commit " in out
    key = out.split()[1]
    assert main(["cache", "explain", key[:30]]) == 0
    assert "(only in the digest)" in capsys.readouterr().out
    (project / "shop/cart.py").write_text("x = 1\n")
    assert main(["cache", "explain", "shop/cart.py"]) == 0
    assert "miss    dirty: this content was never seen\n" in capsys.readouterr().out
    main(["cache", "invalidate", key, "--force"])
    capsys.readouterr()
    assert main(["cache", "explain", key]) == 0
    assert "miss    invalidated\n" in capsys.readouterr().out
    main(["search", "x"])
    capsys.readouterr()
    assert main(["cache", "explain", "v1::search"]) == 0
    assert "changes " in capsys.readouterr().out
    (project / "lib.zip").write_bytes(b"PK\x03\x04")
    assert main(["cache", "explain", "lib.zip"]) == 4


def test_outside_git_the_state_is_a_digest(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    """Which the key of an answer has in place of the commit."""
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "a.py").write_text("def alone(): pass\n")
    monkeypatch.chdir(folder)
    assert main(["search", "alone"]) == 0
    assert main(["cache", "explain", "v1::search"]) == 0
    assert "Outside git, a digest of all files stands for the state." in capsys.readouterr().out
    assert main(["cache", "warm"]) == 0
    assert capsys.readouterr().out.startswith("1 files are indexed; ")


def test_chunks_are_embedded_and_found_by_meaning(
    project: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each once; when the server does not answer, that is said, and names and words are left."""
    with embedding_server() as server:
        monkeypatch.setenv("SLIPSTREAM_EMBEDDINGS_BASE_URL", server.url)
        monkeypatch.setenv("SLIPSTREAM_EMBEDDINGS_MODEL", "tiny")
        assert main(["cache", "warm", "--embed", "--json"]) == 0
        assert as_json(capsys)["embedded"] > 0
        assert main(["cache", "warm", "--embed"]) == 0
        assert " chunks have vectors.\n" in capsys.readouterr().out
        assert main(["search", "prices with tax", "--json"]) == 0
        assert "vector" in {way for hit in as_json(capsys)["hits"] for way in hit["why"].split("+")}
    assert main(["search", "another question"]) in (0, 4)
    assert "This search goes by names and words alone." in capsys.readouterr().err


def test_contents_that_are_missing_are_counted(project: Path, capsys: Printed) -> None:
    """As in a partial clone; what is there is searched."""
    blob = git(project, "rev-parse", "HEAD:shop/cart.py")
    (project / ".git/objects" / blob[:2] / blob[2:]).unlink()
    (project / "shop/cart.py").write_text("x = 1\n")
    assert main(["cache", "warm", "--revision", "HEAD"]) == 0
    assert "1 contents could not be read" in capsys.readouterr().err
    assert main(["search", "total", "--revision", "HEAD"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("shop/prices.py:6:")
    assert "1 contents could not be read and are not searched" in captured.err


def test_mistakes_in_the_settings_are_said_first(
    project: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the command goes on with the default."""
    monkeypatch.setenv("SLIPSTREAM_CACHE_TTL_DAYS", "soon")
    assert main(["search", "Cart"]) == 0
    assert "slip: warning: " in capsys.readouterr().err


def test_counters_are_reset_after_asking(project: Path, capsys: Printed) -> None:
    """It is written into the audit log."""
    main(["search", "Cart"])
    capsys.readouterr()
    assert main(["cache", "report", "--reset", "--force"]) == 0
    assert "operations were set to zero" in capsys.readouterr().err
    assert main(["cache", "stats", "--json"]) == 0
    assert as_json(capsys)["counters"] == []
    assert main(["audit", "--action", "cache.reset-counters"]) == 0
    assert "telemetry" in capsys.readouterr().out


def test_how_long_an_entry_lives() -> None:
    """In days and hours, hours, minutes."""
    later = [None, -1, 90, 5 * 3600, 3 * DAY_NS // 10**9 + 7200, 10**12]
    shown = [cache_commands.remaining((n or 0) * 10**9, 0) for n in later]
    assert shown == ["expired", "expired", "1 min", "5 h", "3 d 2 h", "never"]


def test_every_command_helps_with_examples(capsys: Printed) -> None:
    """Each of its commands shows how it is typed."""
    assert main(["cache", "--help"]) == 0
    listed = capsys.readouterr().out
    for name in "stats clear list inspect explain verify warm invalidate report".split():
        assert f"  {name} " in listed
        assert main(["cache", name, "--help"]) == 0
        assert f"slip cache {name}" in capsys.readouterr().out

"""Removing by key, prefix, pattern, tag and producer, with what depends on it; and eviction."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Protocol

import pytest

from slipstream.storage.cache import (
    CacheEvent,
    CacheStore,
    Item,
    Miss,
    MissReason,
    Removed,
    choose,
    evict,
    open_cache,
    rows,
)
from slipstream.storage.cache.values import INLINE
from slipstream.storage.config.settings import CacheLimits
from slipstream.storage.errors import UsageError


class Clock(Protocol):
    def __call__(self) -> int: ...

    def go(self, seconds: float) -> None: ...


def fill(store: CacheStore, *keys: str) -> None:
    store.set_many(Item(key, key.encode()) for key in keys)


def test_a_prefix_is_literal_whatever_its_characters(store: CacheStore) -> None:
    keys = ["a*b1", "a*b2", "aXb", "a*", "a[x]1", "ax1", "a%", "a_", "b", "a\U0010ffff1", "a\ud7ff"]
    fill(store, *keys)
    for prefix in ["a*b", "a*", "a[x]", "a%", "a_", "a", "", "a\U0010ffff", "a\ud7ff", "z"]:
        expected = sorted(key for key in keys if key.startswith(prefix))
        assert store.keys(prefix=prefix) == expected, prefix
    assert store.keys(prefix="a", limit=2) == ["a%", "a*"]


def test_a_pattern_matches_whole_keys(store: CacheStore) -> None:
    fill(store, "v1::parse::a", "v1::parse::b", "v1::parse::[c]", "v2::parse::a", "parse")
    assert store.keys(glob="*::parse::a") == ["v1::parse::a", "v2::parse::a"]
    assert store.keys(glob="v1::parse::?") == ["v1::parse::a", "v1::parse::b"]
    assert store.keys(glob="v1::parse::[ab]") == ["v1::parse::a", "v1::parse::b"]
    assert store.keys(glob="v1::parse::[^a]") == ["v1::parse::b"]
    assert store.keys(glob="v1::parse::[[]c]") == ["v1::parse::[c]"]
    assert store.keys(glob="PARSE") == []
    assert [entry.key for entry in store.entries(glob="*b")] == ["v1::parse::b"]


@pytest.mark.parametrize("glob", ["", "[", "a[b", "[]", "[^]", "x[]]["])
def test_a_pattern_that_is_none_is_refused_in_a_sentence(store: CacheStore, glob: str) -> None:
    with pytest.raises(UsageError, match="pattern"):
        store.keys(glob=glob)
    with pytest.raises(UsageError, match="pattern"):
        store.remove(glob=glob)


def test_removal_takes_what_all_conditions_hold_for(store: CacheStore, clock: Clock) -> None:
    store.set("a1", b"1", tags=["x"], producer="p 1")
    store.set("a2", b"12", tags=["y"], producer="p 2")
    store.set("b1", b"123", tags=["x"], ttl=5)
    assert store.remove(prefix="a", tag="x", dry_run=True) == Removed(1, 1)
    assert store.count() == 3
    assert store.remove(prefix="a", tag="x") == Removed(1, 1)
    assert store.remove(producer="p 2") == Removed(1, 2)
    assert store.remove(producer="") == Removed(0, 0)
    clock.go(6)
    assert store.remove(expired=True) == Removed(1, 3)
    assert (store.count(), store.size()) == (0, 0)
    with pytest.raises(UsageError, match="Nothing says"):
        store.remove()


def test_everything_is_removed_in_steps_that_can_be_interrupted(store: CacheStore) -> None:
    fill(store, *(f"k{n:04}" for n in range(1200)))

    def stop(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.remove(prefix="", progress=stop)
    assert store.count() == 700
    told: list[tuple[int, int]] = []
    assert store.remove(prefix="", progress=lambda done, of: told.append((done, of))).count == 700
    assert told == [(500, 700), (700, 700)]
    assert store.count() == 0


def test_what_depends_on_a_removed_entry_goes_with_it(store: CacheStore) -> None:
    store.set("chunk", b"c")
    store.set("embedding", b"e", depends_on=["chunk"])
    store.set("search", b"s", depends_on=["embedding", "ring"])
    store.set("ring", b"r", depends_on=["search"])
    store.set("by name", b"n", depends_on=["path:a.py"])
    assert store.remove(keys=["chunk"], cascade=False).count == 1
    assert store.count() == 4
    assert store.remove(prefix="path:").count == 1
    assert store.remove(keys=["chunk"], dry_run=True).count == 3
    assert store.remove(keys=["chunk"]).count == 3
    assert store.count() == 0


def test_a_new_value_forgets_what_the_old_one_depended_on(store: CacheStore) -> None:
    store.set("child", b"1", depends_on=["parent"])
    store.set("child", b"2")
    assert not store.delete("parent")
    assert store.get("child") == b"2"


def test_another_process_sees_a_removal_at_once(store: CacheStore, other: CacheStore) -> None:
    fill(store, "a1", "a2", "b")
    assert other.get_many(["a1", "a2", "b"]) == {"a1": b"a1", "a2": b"a2", "b": b"b"}
    store.remove(prefix="a")
    assert other.get_many(["a1", "a2", "b"]) == {"b": b"b"}
    store.set("b", b"new")
    assert other.get("b") == b"new"
    store.remove(prefix="")
    assert other.get("b") is None


def test_a_removal_of_what_is_only_in_memory_elsewhere_is_seen(
    store: CacheStore, other: CacheStore, home: Path
) -> None:
    """The entry was evicted on disk, and another process still has its value."""
    store.set("key", b"value")
    assert other.get("key") == b"value"
    with sqlite3.connect(home / "cache" / "cache.db") as connection:
        connection.execute("DELETE FROM entries")
    connection.close()
    assert other.get("key") == b"value"
    assert not store.delete("key")
    assert other.get("key") is None


def test_looking_up_a_prefix_reads_no_values(store: CacheStore) -> None:
    fill(store, "a", "b")
    choice = choose.choose(prefix="a")

    def plan(connection: sqlite3.Connection) -> list[str]:
        query = f"EXPLAIN QUERY PLAN SELECT key FROM entries WHERE {choice.where} ORDER BY key"
        return [row[3].partition(" (")[0] for row in connection.execute(query, choice.parameters)]

    assert store.disk.read(plan, [""]) == [
        "SEARCH entries USING COVERING INDEX sqlite_autoindex_entries_1"
    ]


def test_the_least_recently_used_entries_go_first(home: Path, clock: Clock) -> None:
    limits = CacheLimits(max_entries=100, audit_share=0)
    with open_cache(home, limits, clock) as store:
        for n in range(100):
            clock.go(1)
            store.set(f"k{n:03}", b"v")
        for n in range(10):
            store.get(f"k{n:03}")
        for n in range(100, 140):
            clock.go(1)
            store.set(f"k{n:03}", b"v")
        assert store.count() <= 100
        kept = store.keys()
        assert kept[:10] == [f"k{n:03}" for n in range(10)]
        assert "k010" not in kept
        assert kept[-1] == "k139"
        assert store.lookup("k010") == Miss(MissReason.EVICTED)
        assert store.stats().evictions == 140 - store.count()


def test_what_a_clock_that_was_ahead_left_does_not_crowd_out_the_rest(
    home: Path, clock: Clock
) -> None:
    """It is not served any more, and the last that was used."""
    limits = CacheLimits(max_entries=20, memory_bytes=0, audit_share=0)
    clock.go(10 * 365 * 86_400)
    with open_cache(home, limits, clock) as store:
        fill(store, *(f"future{n}" for n in range(20)))
    clock.go(-10 * 365 * 86_400)
    with open_cache(home, limits, clock) as store:
        fill(store, *(f"now{n}" for n in range(15)))
        assert len(store.get_many(f"now{n}" for n in range(15))) == 15
        assert store.remove(expired=True, dry_run=True).count == store.count() - 15
        store.clean()
        assert store.count() == 15


def test_tombstones_stay_few_without_a_clean_up(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what was evicted, and of what was removed."""
    monkeypatch.setattr(rows, "TOMBSTONES", 50)
    limits = CacheLimits(max_entries=20, memory_bytes=0, audit_share=0)
    with open_cache(home, limits) as store:
        for n in range(400):
            store.set(f"k{n}", b"")
            if n % 7 == 0:
                store.delete(f"k{n}")
        count = "SELECT count(*) FROM tombstones"
        left = store.disk.read(lambda base: base.execute(count).fetchone()[0], 0)
    assert 0 < left <= 2 * 50 + 20


def test_entries_of_low_priority_go_before_others(home: Path, clock: Clock) -> None:
    limits = CacheLimits(max_bytes=100_000, audit_share=0)
    with open_cache(home, limits, clock) as store:
        store.set("important", bytes(1000), priority=1)
        for n in range(200):
            clock.go(1)
            store.set(f"k{n:03}", bytes(1000))
            assert store.size() <= 100_000 + 1000
        assert store.get("important") == bytes(1000)
        assert store.size() > 80_000


def test_expired_entries_go_before_live_ones(home: Path, clock: Clock) -> None:
    limits = CacheLimits(max_entries=100, audit_share=0)
    with open_cache(home, limits, clock) as store:
        events: list[CacheEvent] = []
        store.listen(events.append)
        for n in range(100):
            store.set(f"k{n:03}", b"v", ttl=1000 if n < 60 else 1)
        clock.go(2)
        store.set("new", b"v")
        for n in range(10):
            store.set(f"newer {n}", b"v")
        assert [key for key in store.keys(prefix="k") if key < "k060"] == [
            f"k{n:03}" for n in range(60)
        ]
        assert store.stats().evictions == 0
        assert {e.reason for e in events if e.kind == "delete"} == {"expired"}


def test_large_values_make_room_and_their_files_go(home: Path) -> None:
    with open_cache(home, CacheLimits(max_bytes=1_000_000, audit_share=0)) as store:
        events: list[CacheEvent] = []
        store.listen(events.append)
        for n in range(30):
            store.set(f"k{n}", bytes([n]) * (INLINE + 1000))
        assert store.size() <= 1_000_000
        files = [path for path in (home / "cache" / "values").rglob("*") if path.is_file()]
        assert len(files) == store.count()
        assert {e.kind for e in events} == {"set", "evict"}


def test_a_call_stops_evicting_when_it_has_taken_its_time(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_cache(home, CacheLimits(max_entries=10_000, audit_share=0)) as store:
        fill(store, *(f"k{n:04}" for n in range(3000)))
    monkeypatch.setattr(evict, "SECONDS", 0)
    with open_cache(home, CacheLimits(max_entries=100, audit_share=0)) as store:
        before = store.count()
        store.set("new", b"v")
        assert before - evict.BATCH <= store.count() <= before
        while store.count() > 100:
            store.set("new", b"v")
        assert store.get("new") == b"v"


def test_clean_removes_what_expired_and_what_nobody_names(
    store: CacheStore, home: Path, clock: Clock
) -> None:
    store.set("short", bytes(INLINE + 1), ttl=1)
    store.set("long", bytes(INLINE + 2))
    values = home / "cache" / "values"
    (values / "ab").mkdir()
    (values / "ab" / ("ab" + "0" * 62)).write_bytes(b"orphan")
    (values / "new-1-1").write_bytes(b"being written")
    (home / "cache" / "flights").mkdir()
    (home / "cache" / "flights" / "f00").write_bytes(b"")
    clock.go(2)
    cleaned = store.clean()
    assert (cleaned.expired, cleaned.files) == (1, 2)
    assert (values / "new-1-1").exists()
    assert store.keys() == ["long"]
    assert store.get("long") == bytes(INLINE + 2)
    assert store.clean() == (0, 0, 0)

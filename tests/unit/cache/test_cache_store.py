"""Values by key: what is stored is found, for as long as it was to live."""

from __future__ import annotations

import math
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import pytest

from slipstream.storage.cache import (
    CacheEvent,
    CacheStore,
    Hit,
    Item,
    Miss,
    MissReason,
    open_cache,
    rows,
)
from slipstream.storage.cache.values import INLINE
from slipstream.storage.config.settings import CacheLimits
from slipstream.storage.errors import UsageError

DAY = 86_400


class Clock(Protocol):
    now: int

    def go(self, seconds: float) -> None: ...


@pytest.mark.parametrize("size", [0, 1, 1000, INLINE, INLINE + 1, 300_000])
def test_a_value_of_any_size_comes_back_from_disk_and_from_memory(
    store: CacheStore, other: CacheStore, size: int
) -> None:
    value = os.urandom(size)
    assert store.set("v1::a::b", value)
    assert other.get("v1::a::b") == value
    assert other.get("v1::a::b") == value
    view = other.view("v1::a::b")
    assert view is not None
    assert bytes(view) == value
    assert store.size() == size


def test_large_values_are_files_that_keys_with_the_same_content_share(
    store: CacheStore, home: Path
) -> None:
    value = os.urandom(INLINE + 1)
    store.set("one", value)
    store.set("two", value)
    files = [path for path in (home / "cache" / "values").rglob("*") if path.is_file()]
    assert len(files) == 1
    assert store.delete("one")
    assert store.get("two") == value
    store.set("two", b"small")
    assert not [path for path in (home / "cache" / "values").rglob("*") if path.is_file()]
    assert store.get("two") == b"small"


def test_folders_and_files_are_for_their_owner_alone(store: CacheStore, home: Path) -> None:
    store.set("key", os.urandom(INLINE + 1))
    store.get_or_compute("other", lambda: b"value")
    for path in [home / "cache", *(home / "cache").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_missing_key_gives_the_default(store: CacheStore) -> None:
    assert store.get("nothing") is None
    assert store.get("nothing", b"default") == b"default"
    assert store.view("nothing") is None
    assert not store.exists("nothing")
    assert not store.touch("nothing")
    assert not store.delete("nothing")


def test_many_are_stored_and_read_together(store: CacheStore, other: CacheStore) -> None:
    items = [Item(f"v1::many::{n}", str(n).encode()) for n in range(400)]
    assert store.set_many(items) == 400
    assert other.get_many([item.key for item in items] + ["none"]) == {
        item.key: item.value for item in items
    }
    assert store.count() == 400
    assert store.set_many([]) == 0


def test_memoryviews_and_bytearrays_are_stored_as_bytes(store: CacheStore) -> None:
    store.set("view", memoryview(b"abc").cast("B"))
    store.set("wide", memoryview(bytes(16)).cast("Q"))
    assert store.get("view") == b"abc"
    assert store.get("wide") == bytes(16)
    assert store.set("large", memoryview(bytes(INLINE * 2)).cast("Q"))
    assert store.get("large") == bytes(INLINE * 2)


def test_an_entry_expires_after_its_time(store: CacheStore, clock: Clock) -> None:
    store.set("default", b"1")
    store.set("short", b"2", ttl=10)
    store.set("ever", b"3", ttl=math.inf)
    store.set("long", b"4", ttl=1e30)
    clock.go(9.9)
    assert store.get("short") == b"2"
    clock.go(0.2)
    assert store.get("short") is None
    assert not store.exists("short")
    assert store.lookup("short") == Miss(MissReason.EXPIRED)
    clock.go(7 * DAY)
    assert store.get("default") is None
    assert store.get("ever") == b"3"
    assert store.get("long") == b"4"


def test_a_value_in_memory_expires_too(store: CacheStore, clock: Clock) -> None:
    store.set("key", b"value", ttl=30)
    assert store.get("key") == b"value"
    clock.go(29)
    assert store.get("key") == b"value"  # looks at the disk again, once a second
    assert store.get("key") == b"value"
    assert store.stats().memory.hits == 1
    clock.go(2)
    assert store.get("key") is None


def test_a_sliding_entry_lives_as_long_as_it_is_used(store: CacheStore, clock: Clock) -> None:
    store.set("key", b"value", ttl=100, sliding=True)
    for _ in range(5):
        clock.go(90)
        assert store.get("key") == b"value"
    clock.go(101)
    assert store.get("key") is None


def test_touch_begins_the_time_to_live_anew(store: CacheStore, clock: Clock) -> None:
    store.set("key", b"value", ttl=10)
    clock.go(9)
    assert store.touch("key", 10)
    clock.go(9)
    assert store.get("key") == b"value"
    clock.go(2)
    assert not store.touch("key")


@pytest.mark.parametrize("ttl", [0, -1, math.nan, -math.inf])
def test_a_time_to_live_that_is_none_is_refused(store: CacheStore, ttl: float) -> None:
    with pytest.raises(UsageError, match="above 0"):
        store.set("key", b"value", ttl=ttl)
    with pytest.raises(UsageError, match="above 0"):
        store.touch("key", ttl)


def test_after_the_clock_was_set_back_nothing_lives_longer_than_it_should(
    store: CacheStore, clock: Clock
) -> None:
    """An entry from the future counts as expired; one set by the corrected clock is found."""
    store.set("key", b"value")
    store.set("sliding", b"value", sliding=True)
    assert store.get("key") == b"value"
    clock.go(-365 * DAY)
    assert store.get("key") is None
    assert store.get("sliding") is None
    assert store.lookup("key") == Miss(MissReason.EXPIRED)
    assert store.get_or_compute("key", lambda: b"new") == b"new"
    assert store.get("key") == b"new"
    clock.go(-60)  # a small correction
    assert store.get("key") == b"new"
    store.clean()
    assert not store.warnings


@pytest.mark.parametrize("key", ["", "x" * 257, "half \ud800 pair"])
def test_a_key_that_cannot_be_one_is_computed_and_not_kept(store: CacheStore, key: str) -> None:
    assert not store.set(key, b"value")
    assert store.get(key) is None
    assert store.lookup(key) == Miss(MissReason.NOT_COMPUTABLE)
    assert store.get_or_compute(key, lambda: b"made") == b"made"
    assert not store.exists(key)
    assert store.entry(key) is None
    assert not store.touch(key)
    assert not store.delete(key)
    assert store.remove(prefix=key or "none").count == 0
    assert len(store.warnings) == 1


def test_tags_and_names_that_are_not_unicode_do_no_harm(store: CacheStore) -> None:
    bad = "half \ud800 pair"
    assert store.set("key", b"value", tags=[bad], depends_on=[bad], producer=bad, identity=bad)
    assert store.get("key") == b"value"
    assert store.remove(tag=bad).count == 0
    assert store.remove(keys=[bad]).count == 0
    assert store.keys(tag="half ? pair") == ["key"]


def test_keys_of_any_characters_are_found(store: CacheStore) -> None:
    keys = ["a'b\"c", "nul\0nul", "snow ☃ 𝄞", "%_*?[", "\n", "v1::x::é"]
    for key in keys:
        assert store.set(key, key.encode())
    assert store.get_many(keys) == {key: key.encode() for key in keys}
    assert sorted(store.keys()) == sorted(keys)


def test_a_value_larger_than_the_cache_is_not_kept(home: Path) -> None:
    with open_cache(home, CacheLimits(max_bytes=1000)) as store:
        assert not store.set("key", bytes(1001))
        assert store.get_or_compute("key", lambda: bytes(2000)) == bytes(2000)
        assert store.count() == 0
        assert "cache.max_bytes" in store.warnings[0]


def test_misses_tell_their_reason(store: CacheStore, clock: Clock) -> None:
    assert store.lookup("key") == Miss(MissReason.NEVER_STORED)
    store.set("key", b"value", producer="p 1", identity="inputs")
    found = store.lookup("key")
    assert isinstance(found, Hit)
    assert (found.value, found.created_ns) == (b"value", clock.now)
    assert store.lookup("key2", identity="inputs") == Miss(MissReason.NEW_PRODUCER)
    assert store.lookup("key2", identity="others") == Miss(MissReason.NEVER_STORED)
    store.delete("key")
    assert store.lookup("key") == Miss(MissReason.INVALIDATED)
    store.set("key", b"value", ttl=1)
    clock.go(2)
    assert store.lookup("key") == Miss(MissReason.EXPIRED)
    store.clean()
    assert store.lookup("key") == Miss(MissReason.EXPIRED)
    store.set("key", b"again")
    assert isinstance(store.lookup("key"), Hit)


def test_an_entry_tells_all_but_its_value(store: CacheStore, clock: Clock) -> None:
    store.set(
        "key", b"value", ttl=60, sliding=True, priority=3, tags=["b", "a", "a", ""],
        depends_on=["parent"], producer="python 1", identity="i",
    )  # fmt: skip
    entry = store.entry("key")
    assert entry is not None
    assert entry._replace(checksum="") == (
        "key", 5, clock.now, clock.now + 60 * 10**9, clock.now, 60 * 10**9, 3, "python 1", "i", "",
        "", ("a", "b"), ("parent",),
    )  # fmt: skip
    assert len(entry.checksum) == 32
    assert store.entries(tag="a") == [entry]
    store.set("key", b"other")  # what is not said again does not hold any more
    plain = store.entry("key")
    assert plain is not None
    assert (plain.tags, plain.depends_on, plain.priority) == ((), (), 0)
    assert store.keys(tag="a") == []


def test_statistics_count_what_this_process_did(store: CacheStore, clock: Clock) -> None:
    store.set("v1::symbols::a", b"12345")
    clock.go(1)
    store.set("v1::parse::a", b"123")
    store.set("other", b"1")
    store.get("v1::parse::a")
    store.get("v1::parse::a")
    store.get("nothing")
    store.delete("other")
    stats = store.stats()
    assert stats.memory[:2] == (1, 3)
    assert stats.memory.hits == 1
    assert (stats.disk.entries, stats.disk.size, stats.disk.hits) == (2, 8, 1)
    assert stats.disk.newest_ns - stats.disk.oldest_ns == 10**9
    assert stats.disk.file_bytes > 8
    assert (stats.misses, stats.sets, stats.deletes) == (1, 3, 1)
    assert store.by_operation() == [("symbols", 1, 5), ("parse", 1, 3)]


def test_a_closed_store_finds_nothing_and_computes(store: CacheStore) -> None:
    store.set("key", b"value")
    store.close()
    store.close()
    assert store.get("key") is None
    assert not store.set("key", b"value")
    assert store.get_or_compute("key", lambda: b"made") == b"made"
    assert store.lookup("key") == Miss(MissReason.UNUSABLE)
    assert store.stats().disk.entries == 0


def test_events_tell_every_operation(store: CacheStore, clock: Clock) -> None:
    events: list[CacheEvent] = []
    store.listen(events.append)
    store.set("v1::parse::a", b"value")
    store.get("v1::parse::a")
    store.get("v1::parse::a")
    store.view("v1::parse::a")
    store.get("v1::parse::b")
    store.view("v1::parse::b")
    store.delete("v1::parse::a")
    assert [(e.kind, e.operation, e.tier, e.size, e.reason) for e in events] == [
        ("set", "parse", "disk", 5, ""),
        ("hit", "parse", "disk", 5, ""),
        ("hit", "parse", "memory", 5, ""),
        ("hit", "parse", "disk", 5, ""),
        ("miss", "parse", "", 0, "never stored"),
        ("miss", "parse", "", 0, "never stored"),
        ("delete", "parse", "disk", 5, "invalidated"),
    ]
    assert all(event.latency_ns > 0 and event.at_ns == clock.now for event in events)
    store.listen(None)
    store.get("v1::parse::b")
    assert len(events) == 7


def test_a_listener_that_fails_is_dropped_and_nothing_else_happens(store: CacheStore) -> None:
    store.listen(lambda event: 1 / 0)
    assert store.set("key", b"value")
    assert store.get("key") == b"value"


def test_the_accesses_of_a_process_are_written_when_they_are_ten_minutes_newer(
    store: CacheStore, other: CacheStore, clock: Clock
) -> None:
    store.set("key", b"value")
    stored = clock.now
    clock.go(300)
    store.get("key")
    store.disk.write_accesses()
    entry = other.entry("key")
    assert entry is not None
    assert entry.accessed_ns == stored
    clock.go(600)
    store.get("key")
    store.close()
    entry = other.entry("key")
    assert entry is not None
    assert entry.accessed_ns == clock.now


def test_the_path_of_a_read_imports_little(home: Path) -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        "from pathlib import Path; from slipstream.storage.cache import open_cache\n"
        f"store = open_cache(Path({str(home)!r}))\n"
        "store.set('k', b'v'); assert store.get('k') == b'v'\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    heavy = {"sqlalchemy", "sqlmodel", "pydantic", "asyncio", "msgpack", "json.tool", "random",
             "logging", "shutil", "dataclasses", "inspect", "yaml"}  # fmt: skip
    assert heavy & set(done.stdout.split()) == set()


def test_a_limit_of_tombstones_holds(
    store: CacheStore, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr(rows, "TOMBSTONES", 10)
    for n in range(30):
        clock.go(1)
        store.set(f"k{n}", b"v")
        store.delete(f"k{n}")
    store.clean()
    assert store.lookup("k29") == Miss(MissReason.INVALIDATED)
    assert store.lookup("k0") == Miss(MissReason.NEVER_STORED)

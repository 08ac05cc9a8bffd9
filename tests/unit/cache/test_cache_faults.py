"""What goes wrong with the disk or the database: told once, and never the caller's problem."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from slipstream.storage import paths
from slipstream.storage.cache import (
    CacheEvent,
    CacheStore,
    Item,
    Miss,
    MissReason,
    database,
    disk,
    open_cache,
)
from slipstream.storage.cache.values import INLINE
from slipstream.storage.config.settings import CacheLimits
from slipstream.storage.errors import StorageError
from slipstream.storage.lock import try_lock

LIMITS = CacheLimits(memory_bytes=0, audit_share=0)


class Clock(Protocol):
    def __call__(self) -> int: ...

    def go(self, seconds: float) -> None: ...


def works_without(store: CacheStore) -> None:
    """Every call returns what it returns where nothing is stored."""
    assert store.get("key") is None
    assert store.view("key") is None
    store.set("key", b"value")
    store.set("large", bytes(INLINE + 1))
    assert store.get_or_compute("other", lambda: b"made") == b"made"
    store.delete("key")
    store.remove(prefix="")
    store.touch("key")
    store.exists("key")
    store.keys()
    store.stats()
    store.clean()
    store.verify()


def test_a_file_in_the_place_of_the_folder_is_told_once(home: Path) -> None:
    home.mkdir()
    (home / "cache").write_text("in the way")
    with open_cache(home, LIMITS) as store:
        works_without(store)
        assert store.lookup("key") == Miss(MissReason.UNUSABLE)
        assert len(store.warnings) == 1
        assert store.warnings[0].endswith("going on without it.")
    assert (home / "cache").read_text() == "in the way"


def test_without_a_home_folder_there_is_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Path:
        raise StorageError("There is no home folder.")

    monkeypatch.setattr(paths, "home_path", none)
    with open_cache(limits=LIMITS) as store:
        assert store.get_or_compute("key", lambda: b"made") == b"made"
        assert store.get("key") is None
        assert store.warnings == ["There is no home folder."]


def test_the_users_cache_is_opened_with_the_configured_limits(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPSTREAM_HOME", str(home))
    monkeypatch.setenv("SLIPSTREAM_CONFIG", str(home / "none.yaml"))
    with open_cache() as store:
        assert store.folder == home / "cache"
        assert store.limits == CacheLimits()


def test_a_database_that_another_program_holds_is_gone_on_without(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    monkeypatch.setattr(disk, "RETRY_SECONDS", 0.2)
    with open_cache(home, LIMITS) as store:
        store.set("key", b"value")
        holder = sqlite3.connect(home / "cache" / "cache.db", isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        assert store.get("key") == b"value"  # a writer does not keep readers out
        assert not store.set("key", b"new")
        assert store.get_or_compute("other", lambda: b"made") == b"made"
        holder.execute("ROLLBACK")
        holder.close()
        assert len(store.warnings) == 1
        assert "locked" in store.warnings[0]
        while not store.set("key", b"new"):
            pass
        assert store.get("key") == b"new"


def test_a_lock_that_is_held_for_too_long_is_gone_on_without(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCK_SECONDS", 0.05)
    with open_cache(home, LIMITS) as store, open_cache(home, LIMITS) as other:
        store.set("key", b"value")
        handle = os.open(home / "cache" / "lock", os.O_RDWR)
        assert try_lock(handle)
        assert not store.set("key", b"new")
        assert store.get("key") == b"value"
        assert other.get("key") is None  # not even opened
        assert "locked" in store.warnings[0]
        assert "locked" in other.warnings[0]
        os.close(handle)


def test_a_database_that_cannot_be_written_is_still_read(home: Path) -> None:
    with open_cache(home, LIMITS) as store:
        store.set("key", b"value")
        store.disk.read(lambda connection: connection.execute("PRAGMA query_only=1"), None)
        assert not store.set("key", b"new")
        assert not store.set("other", bytes(INLINE + 1))
        assert store.get("key") == b"value"
        assert store.get_or_compute("other", lambda: b"made") == b"made"
        assert len(store.warnings) == 1
        assert "cannot be written" in store.warnings[0]
    assert not [p for p in (home / "cache" / "values").rglob("*") if p.is_file()]


@pytest.mark.parametrize("what", ["cache.db", "lock", "."])
def test_a_cache_that_is_deleted_while_it_is_open_is_begun_anew(
    home: Path, clock: Clock, what: str
) -> None:
    limits = CacheLimits(audit_share=0)
    with open_cache(home, limits, clock) as store, open_cache(home, limits, clock) as other:
        store.set("key", b"value")
        assert other.get("key") == b"value"
        if what == ".":
            shutil.rmtree(home / "cache")
        else:
            (home / "cache" / what).unlink()
        clock.go(2)
        assert store.set("key", b"new")
        assert other.get("key") == b"new"
        assert store.set("other", bytes(INLINE + 1))
        assert other.get("other") == bytes(INLINE + 1)
        assert store.delete("key")
        assert other.get("key") is None
        assert store.warnings == other.warnings == []
    with open_cache(home, limits, clock) as again:
        assert again.keys() == ["other"]


@pytest.mark.parametrize("content", [b"", b"not a database at all", b"SQLite format 3\0" * 600])
def test_what_is_no_database_is_set_aside(home: Path, content: bytes) -> None:
    (home / "cache").mkdir(parents=True)
    for number in range(4):
        (home / "cache" / "cache.db").write_bytes(content + bytes([number]) * bool(content))
        with open_cache(home, LIMITS) as store:
            assert store.get("key") is None
            assert store.set("key", b"value")
            assert store.get("key") == b"value"
            assert "damaged" in store.warnings[0]
            assert store.stats().disk.damaged == min(number + 1, 2)
    kept = (home / "cache" / "damaged-1.db").read_bytes()
    assert kept == content + bytes([3]) * bool(content)


def test_a_database_of_another_schema_is_set_aside(home: Path) -> None:
    with open_cache(home, LIMITS) as store:
        store.set("key", b"value")
    connection = sqlite3.connect(home / "cache" / "cache.db")
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with open_cache(home, LIMITS) as store:
        assert store.get("key") is None
        assert store.set("key", b"value")
        assert store.stats().disk.damaged == 1


def test_a_database_that_is_set_aside_is_seen_by_all_who_have_it_open(home: Path) -> None:
    limits = CacheLimits(audit_share=0)
    with open_cache(home, limits) as store, open_cache(home, limits) as other:
        store.set("key", b"old")
        assert other.get("key") == b"old"
        store.disk.begin_anew()
        assert other.get("key") is None
        assert other.set("key", b"new")
        assert store.get("key") == b"new"
        assert store.stats().disk.damaged == 1


def test_a_write_never_goes_into_a_database_that_is_set_aside_meanwhile(home: Path) -> None:
    """It is, after the writer looked at it and before the writer has the lock."""
    with open_cache(home, LIMITS) as store, open_cache(home, LIMITS) as other:
        store.set("key", b"old")
        other.set("key", b"old")
        look = store.disk._check

        def look_and_lose(now: int) -> database.Database | None:
            found = look(now)
            store.disk._check = look  # type: ignore[method-assign]
            other.disk.begin_anew()
            return found

        for tags in ((), ("t",)):  # a plain one is one statement
            store.disk._check = look_and_lose  # type: ignore[method-assign]
            assert store.set("key", b"new", tags=tags)
            assert other.get("key") == b"new"


def test_a_flipped_bit_of_a_value_is_a_miss_and_is_counted(
    store: CacheStore, home: Path, clock: Clock
) -> None:
    store.set("small", b"a" * 1000)
    store.set("large", b"b" * (INLINE + 1))
    store.close()
    with sqlite3.connect(home / "cache" / "cache.db") as connection:
        connection.execute("UPDATE entries SET value = zeroblob(1000) WHERE key = 'small'")
    connection.close()
    file = next(path for path in (home / "cache" / "values").rglob("*") if path.is_file())
    data = bytearray(file.read_bytes())
    data[500] ^= 1
    file.write_bytes(data)
    with open_cache(home, LIMITS, clock) as again:
        events: list[CacheEvent] = []
        again.listen(events.append)
        assert again.get("small") is None
        assert again.lookup("small") == Miss(MissReason.CORRUPT)
        assert again.view("large") is None
        assert again.lookup("large") == Miss(MissReason.CORRUPT)
        assert again.stats().corruptions == 2
        assert [e.key for e in events if e.kind == "corrupt"] == ["small", "large"]
        assert again.count() == 0
        assert not file.exists()


@pytest.mark.parametrize("size", [None, 0, 10])
def test_a_value_file_that_is_missing_or_cut_is_a_miss(
    store: CacheStore, home: Path, size: int | None
) -> None:
    store.set("large", b"b" * (INLINE + 1))
    file = next(path for path in (home / "cache" / "values").rglob("*") if path.is_file())
    if size is None:
        file.unlink()
    else:
        os.truncate(file, size)
    assert store.get("large") is None
    assert store.lookup("large") == Miss(MissReason.CORRUPT)
    assert store.get_or_compute("large", lambda: b"again") == b"again"


@pytest.mark.parametrize(
    "change",
    [
        "checksum = 7",
        "checksum = 'a text that is longer than a checksum'",
        "value = 'text'",
        "value = 5",
        "value = NULL",
        "expires_ns = 'x'",
        "accessed_ns = x'00'",
        "flags = 4",
        "flags = 4, file = 'gone', value = NULL",
    ],
)
def test_a_row_of_wrong_types_is_a_miss(store: CacheStore, home: Path, change: str) -> None:
    store.set("key", b"value")
    with sqlite3.connect(home / "cache" / "cache.db") as connection:
        connection.execute(f"UPDATE entries SET {change}")
    connection.close()
    found = store.get("key")
    if change == "flags = 4":  # does not matter to a value that is what it was
        assert found == b"value"
    else:
        assert found is None
        assert store.get_or_compute("key", lambda: b"again") == b"again"
        assert store.get("key") == b"again"


@pytest.mark.parametrize(
    "change",
    ["UPDATE totals SET bytes = 'x'", "DELETE FROM totals", "UPDATE entries SET size = 'x'",
     "UPDATE entries SET file = x'00'", "UPDATE entries SET checksum = 'abcdefghijklmnopqrst'",
     "UPDATE entries SET accessed_ns = 'x', priority = 'x'"],
)  # fmt: skip
def test_damage_that_sqlite_does_not_see_reaches_no_caller(home: Path, change: str) -> None:
    """Whatever is done with such a cache, and it can be written to in the end."""
    with open_cache(home, LIMITS) as store:
        for n in range(9):
            store.set(f"k{n}", bytes(INLINE + n), tags=["t"])
    with sqlite3.connect(home / "cache" / "cache.db") as connection:
        connection.execute(change)
    connection.close()
    few = LIMITS._replace(max_entries=5)
    calls: list[Callable[[CacheStore], object]] = [
        lambda store: store.view("k1"),
        lambda store: store.entries(),
        lambda store: store.stats(),
        lambda store: store.remove(prefix="k3"),
        lambda store: [store.set(f"n{n}", b"x", tags=["t"]) for n in range(20)],
        lambda store: store.verify(),
        lambda store: store.clean(),
        lambda store: store.remove(tag="t"),
    ]
    for call in calls:
        with open_cache(home, few) as store:
            call(store)
    with open_cache(home, few) as store:
        assert store.set("key", b"value")
        assert store.get("key") == b"value"


@pytest.mark.parametrize("name", ["/{victim}", "{victim}", "../../../{victim}"])
def test_a_row_that_names_another_file_does_not_have_it_removed(
    home: Path, tmp_path: Path, name: str
) -> None:
    """A planted database is data: it cannot be made to touch what is not the cache's."""
    victim = tmp_path / "victim"
    victim.touch()
    with open_cache(home, LIMITS) as store:
        store.set("key", bytes(INLINE + 1))
        store.set("other", bytes(INLINE + 2))
    planted = name.format(victim=victim)
    with sqlite3.connect(home / "cache" / "cache.db") as connection:
        connection.execute("UPDATE entries SET file = ?", (planted,))
    connection.close()
    with open_cache(home, LIMITS) as store:
        store.verify()
        store.set("key", b"new")
        store.remove(prefix="")
        store.clean()
    assert victim.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX")
def test_a_limit_on_the_size_of_files_is_not_damage(home: Path) -> None:
    """What is there stays there, and is read; `ulimit -f` is the nearest to a quota."""
    with open_cache(home, LIMITS) as store:
        store.set_many(Item(f"k{n}", os.urandom(INLINE)) for n in range(30))
    program = (
        "import resource, sys\nfrom pathlib import Path\n"
        "from slipstream.storage.cache import open_cache\n"
        "from slipstream.storage.config.settings import CacheLimits\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
        "with open_cache(Path(sys.argv[1]), CacheLimits(memory_bytes=0)) as store:\n"
        "    stored = [store.set(f'n{n}', bytes(20000)) for n in range(9)]\n"
        "    print(all(stored), store.get('k3') is not None, len(store.warnings))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(home)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False True 1\n"
    assert not list(home.rglob("damaged-*"))
    with open_cache(home, LIMITS) as store:
        assert store.get("k3") is not None


def test_verify_reads_everything_and_removes_what_is_wrong(store: CacheStore, home: Path) -> None:
    for n in range(300):
        store.set(f"k{n:03}", bytes([n % 256]) * n)
    store.set("large", bytes(INLINE + 1))
    with sqlite3.connect(home / "cache" / "cache.db") as connection:
        connection.execute("UPDATE entries SET value = x'00' WHERE key IN ('k100', 'k200')")
        connection.execute("UPDATE totals SET entries = 7")
    connection.close()
    told: list[tuple[int, int]] = []
    found = store.verify(lambda done, of: told.append((done, of)))
    assert found.checked == 301
    assert found.corrupt == ("k100", "k200")
    assert not found.set_aside
    assert told[-1][0] == 301
    assert store.count() == 299
    assert store.verify().corrupt == ()


def test_what_is_replaced_while_it_is_verified_or_read_is_not_called_corrupt(
    store: CacheStore, home: Path
) -> None:
    """Its file is removed after its row was read."""
    done = threading.Event()

    def replace() -> None:
        with open_cache(home, LIMITS) as writer:
            for n in range(150):
                writer.set(f"k{n % 3}", n.to_bytes(2, "big") * INLINE)
        done.set()

    writing = threading.Thread(target=replace)
    writing.start()
    while not done.is_set():
        assert store.verify().corrupt == ()
        store.get_many(f"k{n}" for n in range(3))
    writing.join()
    assert store.stats().corruptions == 0


def test_verify_sets_a_damaged_database_aside(store: CacheStore, home: Path) -> None:
    for n in range(300):
        store.set(f"k{n:03}", bytes(1000))
    store.close()
    path = home / "cache" / "cache.db"
    data = bytearray(path.read_bytes())
    for page in range(30, len(data) // 8192):
        data[page * 8192 : page * 8192 + 100] = os.urandom(100)
    path.write_bytes(data)
    with open_cache(home, LIMITS) as again:
        assert again.verify().set_aside
        assert again.set("key", b"value")
        assert again.get("key") == b"value"


ROUNDS = int(os.environ.get("SLIPSTREAM_TEST_CORRUPTIONS", "60"))
EXPECTED = {f"v1::x::{n:04}": bytes([n % 251]) * (n * 7 % 3000) for n in range(200)} | {
    f"v1::large::{n}": bytes([n]) * (INLINE + n) for n in range(3)
}


@pytest.mark.parametrize("victim", ["cache.db", "cache.db-wal", "cache.db-shm", "value"])
@pytest.mark.parametrize("way", ["flip", "cut", "zero", "noise"])
def test_damage_anywhere_is_never_a_wrong_value_nor_an_error(
    tmp_path: Path, victim: str, way: str
) -> None:
    """Each damaged cache is used as it is, and is in order at the next start but one."""
    master = tmp_path / "master"
    with open_cache(master, LIMITS) as store:
        for key, value in EXPECTED.items():
            store.set(key, value, tags=["t"] if key.endswith("7") else ())
        store.remove(glob="v1::x::00[0-2]*")
        live = tmp_path / "live"
        shutil.copytree(master, live)  # with its log, as after a kill
    rng = random.Random(f"{victim} {way}")
    for number in range(max(1, ROUNDS // 16)):
        home = tmp_path / f"home{number}"
        shutil.copytree(live, home)
        damage(home / "cache", victim, way, rng)
        for _ in range(2):
            with open_cache(home, LIMITS) as store:
                for key, value in EXPECTED.items():
                    assert store.get(key) in (None, value)
                    if rng.random() < 0.2:
                        store.set(key, value)
                        store.delete(key[:-1])
                assert store.get_or_compute("new", lambda: b"made") == b"made"
                for key in store.keys(tag="t"):
                    assert store.get(key) in (None, EXPECTED[key])
                store.stats()
                if number % 2:
                    store.verify()
                store.clean()
        with open_cache(home, LIMITS) as store:
            assert store.set("after", b"value")
            assert store.get("after") == b"value"
            if number % 2:
                assert store.verify().corrupt == ()


def damage(folder: Path, victim: str, way: str, rng: random.Random) -> None:
    files = [p for p in (folder / "values").rglob("*") if p.is_file()]
    path = rng.choice(sorted(files)) if victim == "value" else folder / victim
    data = bytearray(path.read_bytes())
    # The header, then page heads and interiors alike.
    at = rng.choice([rng.randrange(100), rng.randrange(len(data)), rng.randrange(8192)])
    at = min(at, len(data) - 1)
    if way == "flip":
        data[at] ^= 1 << rng.randrange(8)
    elif way == "cut":
        del data[at:]
    elif way == "zero":
        data[at : at + 4096] = bytes(len(data[at : at + 4096]))
    else:
        data[at : at + 64] = rng.randbytes(len(data[at : at + 64]))
    path.write_bytes(data)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.usefixtures("unmeasured")
def test_a_forked_child_uses_a_connection_of_its_own(home: Path) -> None:
    """Written as a program: pytest is not to be forked."""
    program = (
        "import os, sys\nfrom pathlib import Path\n"
        "from slipstream.storage.cache import open_cache\n"
        f"store = open_cache(Path({str(home)!r}))\n"
        "store.set('parent', b'1'); assert store.get('parent') == b'1'\n"
        "connection = store.disk._database.connection\n"
        "for n in range(5):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        assert store.disk._database is None\n"
        "        assert store.get('parent') == b'1'\n"
        "        for i in range(50): assert store.set(f'child {n} {i}', b'2')\n"
        "        assert store.disk._database.connection is not connection\n"
        "        assert store.stats().sets == 50\n"
        "        store.close(); os._exit(0)\n"
        "    for i in range(50): assert store.set(f'own {n} {i}', b'3')\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0\n"
        "    assert store.get(f'child {n} 49') == b'2'\n"
        "assert store.disk._database.connection is connection\n"
        "assert store.count() == 501\n"
        "assert not store.warnings\n"
        "assert store.verify().corrupt == () and not store.verify().set_aside\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.usefixtures("unmeasured")  # coverage's tracer has a lock that a fork may inherit taken
def test_threads_may_fork_at_the_same_time(home: Path) -> None:
    """No store stays locked, in the parent or in a child."""
    program = (
        "import os, sys, threading\nfrom pathlib import Path\n"
        "from slipstream.storage.cache import open_cache\n"
        "sys.setswitchinterval(1e-6)\n"
        f"stores = [open_cache(Path({str(home)!r}, str(n))) for n in range(8)]\n"
        "def work():\n"
        "    for n in range(25):\n"
        "        child = os.fork()\n"
        "        if child == 0: os._exit(not all(s.disk.lock.acquire(timeout=9) for s in stores))\n"
        "        if os.waitpid(child, 0)[1]: os._exit(3)\n"
        "threads = [threading.Thread(target=work) for _ in range(4)]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
        "os._exit(not all(s.disk.lock.acquire(timeout=9) for s in stores))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr

"""The ways to keep values that `cache.py` compares; run as a program, it takes orders from it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from slipstream.storage.cache import Item, open_cache
from slipstream.storage.config.settings import CacheLimits

PACKAGES = {"diskcache": "diskcache==5.6.3", "joblib": "joblib>=1.5,<2", "lmdb": "lmdb>=1.7,<2"}
SIZES = (1024, 65_536)
KEYS = 1000
MANY = 50_000
GROUPS = 100  # prefixes among the many
LIMITS = CacheLimits(max_bytes=1 << 40, audit_share=0)


class Kept(NamedTuple):
    """An opened way."""

    get: Callable[[str], object]
    set: Callable[[str, bytes], object]
    find: Callable[[str], int] | None = None
    """How many keys a prefix means."""
    remove: Callable[[str], object] | None = None


def ours(folder: Path, memory: int) -> Kept:
    store = open_cache(folder, LIMITS._replace(memory_bytes=memory))
    return Kept(
        store.get,
        store.set,
        lambda prefix: len(store.keys(prefix=prefix)),
        lambda prefix: store.remove(prefix=prefix),
    )


def disk_cache(folder: Path, **options: object) -> Kept:
    import diskcache

    cache = diskcache.Cache(str(folder), size_limit=1 << 40, **options)

    def matching(prefix: str) -> list[str]:
        return [key for key in cache.iterkeys() if key.startswith(prefix)]

    return Kept(
        cache.get,
        cache.set,
        lambda prefix: len(matching(prefix)),
        lambda prefix: [cache.delete(key) for key in matching(prefix)],
    )


def joblib_memory(folder: Path) -> Kept:
    import joblib

    values: dict[str, bytes] = {}

    def compute(key: str) -> bytes:
        return values[key]

    cached = joblib.Memory(str(folder), verbose=0).cache(compute)

    def store(key: str, value: bytes) -> None:
        values[key] = value
        cached.call(key)

    return Kept(cached, store)


def raw_sqlite(folder: Path) -> Kept:
    folder.mkdir(exist_ok=True)
    connection = sqlite3.connect(folder / "raw.db", isolation_level=None, timeout=60)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value BLOB)")

    def get(key: str) -> object:
        return connection.execute("SELECT value FROM kept WHERE key = ?", (key,)).fetchone()

    def store(key: str, value: bytes) -> None:
        connection.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (key, value))

    return Kept(get, store)


def lightning(folder: Path) -> Kept:
    import lmdb

    # Without its synchronising each write: the others do not do that either.
    environment = lmdb.open(str(folder), map_size=8 << 30, sync=False, metasync=False)

    def get(key: str) -> object:
        with environment.begin() as transaction:
            return transaction.get(key.encode())

    def store(key: str, value: bytes) -> None:
        with environment.begin(write=True) as transaction:
            transaction.put(key.encode(), value)

    def matching(prefix: str) -> list[bytes]:
        first = prefix.encode()
        keys = []
        with environment.begin() as transaction, transaction.cursor() as cursor:
            if cursor.set_range(first):
                for key in cursor.iternext(values=False):
                    if not key.startswith(first):
                        break
                    keys.append(key)
        return keys

    def remove(prefix: str) -> None:
        with environment.begin(write=True) as transaction:
            for key in matching(prefix):
                transaction.delete(key)

    return Kept(get, store, lambda prefix: len(matching(prefix)), remove)


def plain_files(folder: Path) -> Kept:
    folder.mkdir(exist_ok=True)
    names = iter(range(1 << 60))

    def path(key: str) -> str:
        return os.path.join(folder, key.replace(":", "_"))

    def get(key: str) -> object:
        with open(path(key), "rb") as file:
            return file.read()

    def store(key: str, value: bytes) -> None:
        draft = os.path.join(folder, f".{os.getpid()}-{next(names)}")
        with open(draft, "wb") as file:
            file.write(value)
        os.replace(draft, path(key))

    return Kept(get, store)


class Way(NamedTuple):
    """How values are kept."""

    about: str
    open: Callable[[Path], Kept]
    needs: str = ""
    """The package."""
    finds: bool = False
    """Whether removal by prefix is measured."""


WAYS = {
    "ours": Way("ours, from disk", lambda folder: ours(folder, 0), finds=True),
    "memory": Way("ours, from memory", lambda folder: ours(folder, 1 << 30)),
    "diskcache": Way("diskcache", disk_cache, "diskcache", finds=True),
    "diskcache-lru": Way(
        "diskcache, LRU and statistics",
        lambda folder: disk_cache(
            folder, eviction_policy="least-recently-used", statistics=True
        ),
        "diskcache",
    ),
    "joblib": Way("joblib.Memory", joblib_memory, "joblib"),
    "sqlite3": Way("sqlite3 alone", raw_sqlite),
    "lmdb": Way("lmdb alone", lightning, "lmdb", finds=True),
    "files": Way("plain files", plain_files),
}  # fmt: skip


def fill_many(folder: Path) -> None:
    """A cache of ours with many entries and one that is asked for."""
    with open_cache(folder, LIMITS) as store:
        store.set_many(Item(key_of(n), b"value" * 20) for n in range(5000))
        store.set("key", b"value")


def key_of(number: int) -> str:
    return f"v1::op{number % GROUPS:02}::{'4b825dc6' * 5}::{number:032x}"


def work(folder: Path, number: int) -> None:
    """Do what the lines of standard input say, and answer each with microseconds."""
    opened: dict[tuple[str, int], Kept] = {}
    values = {size: [os.urandom(size) for _ in range(32)] for size in SIZES}
    fresh = 0
    for turn, line in enumerate(sys.stdin):
        if not line.strip():
            break
        operation, name, size_text, count_text = line.split()
        size, count = int(size_text), int(count_text)
        if operation == "many" and (folder / f"{name}-{size}").exists():
            shutil.rmtree(folder / f"{name}-{size}")
            opened.pop((name, size), None)
        if (name, size) not in opened:
            opened[name, size] = WAYS[name].open(folder / f"{name}-{size}")
        way = opened[name, size]
        keys = [key_of((n * 7919 + number * 31 + turn * 401) % KEYS) for n in range(count)]
        if operation == "new":
            keys = [f"v1::new::{number}::{fresh + n:032x}" for n in range(count)]
            fresh += count
        some = values[size]
        start = time.perf_counter()
        if operation == "get":
            for key in keys:
                way.get(key)
        elif operation in ("set", "new"):
            for n, key in enumerate(keys):
                way.set(key, some[n & 31])
        elif operation == "find":
            assert way.find is not None
            assert way.find("v1::op07::") == MANY // GROUPS
        elif operation == "remove":
            assert way.remove is not None
            way.remove("v1::op07::")
        else:
            for n in range(MANY if operation == "many" else KEYS):
                way.set(key_of(n), some[n & 31])
        taken = time.perf_counter() - start
        print(taken / max(1, count if operation in ("get", "set", "new") else 1) * 1e6, flush=True)


def _main(arguments: list[Any]) -> None:
    work(Path(arguments[0]), int(arguments[1]))


if __name__ == "__main__":
    _main(sys.argv[1:])

"""Computing what is missing: once at a time, without deadlocks, and failures are not kept."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Protocol

import pytest
from xxhash import xxh3_128_hexdigest

from slipstream.storage.cache import CacheStore, flight, open_cache
from slipstream.storage.config.settings import CacheLimits
from slipstream.storage.lock import try_lock


class Clock(Protocol):
    def go(self, seconds: float) -> None: ...


def in_threads(*actions: object) -> list[BaseException]:
    """Run all at once; what they raise."""
    failures: list[BaseException] = []

    def run(action: object) -> None:
        try:
            action()  # type: ignore[operator]
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), "a deadlock"
    return failures


def test_a_value_is_computed_once_and_found_again(store: CacheStore) -> None:
    made = []

    def compute() -> bytes:
        made.append(1)
        return b"value"

    for _ in range(3):
        assert store.get_or_compute("key", compute, tags=["t"]) == b"value"
    assert made == [1]
    assert store.keys(tag="t") == ["key"]


def test_threads_that_ask_at_once_compute_once(store: CacheStore, other: CacheStore) -> None:
    """Two stores stand for two processes: they share nothing but the folder."""
    made = []
    start = threading.Barrier(20)

    def ask(asked: CacheStore) -> None:
        def compute() -> bytes:
            made.append(1)
            time.sleep(0.05)
            return b"value"

        start.wait()
        assert asked.get_or_compute("key", compute) == b"value"

    asks = [lambda s=s: ask(s) for s in [store, other] * 10]
    assert in_threads(*asks) == []
    assert made == [1]
    assert not list((store.folder / "flights").iterdir())


def test_a_failure_is_raised_to_its_own_caller_and_not_kept(store: CacheStore) -> None:
    first = threading.Event()

    def fail() -> bytes:
        first.set()
        time.sleep(0.05)
        raise ValueError("mine")

    def ask_second() -> None:
        first.wait(10)
        assert store.get_or_compute("key", lambda: b"value") == b"value"

    failures = in_threads(lambda: store.get_or_compute("key", fail), ask_second)
    assert [str(error) for error in failures] == ["mine"]
    assert store.get("key") == b"value"


def test_a_computation_may_ask_for_other_keys_and_for_its_own(store: CacheStore) -> None:
    def own() -> bytes:
        return store.get_or_compute("a", lambda: b"inner") + b" outer"

    def deep(n: int) -> bytes:
        return b"." if n == 0 else store.get_or_compute(f"deep {n}", lambda: deep(n - 1)) + b"."

    assert store.get_or_compute("a", own) == b"inner outer"
    assert deep(30) == b"." * 31


def test_computations_that_ask_for_each_other_do_not_wait_for_ever(
    store: CacheStore, other: CacheStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flight, "NESTED_SECONDS", 0.1)
    both = threading.Barrier(2)

    def ask(asked: CacheStore, key: str, inner: str) -> None:
        def compute() -> bytes:
            both.wait(10)
            return key.encode() + asked.get_or_compute(inner, lambda: b"i")

        assert asked.get_or_compute(key, compute)

    for one, two in ((store, store), (store, other)):
        store.remove(prefix="")
        assert in_threads(lambda: ask(one, "a", "b"), lambda: ask(two, "b", "a")) == []  # noqa: B023


def test_waiting_for_a_key_for_too_long_ends_with_computing_it(
    store: CacheStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was stopped, not killed, must not stop all others."""
    monkeypatch.setattr(flight, "PATIENCE_SECONDS", 0.1)
    folder = store.folder / "flights"
    store.get_or_compute("other", lambda: b"")
    name = xxh3_128_hexdigest(b"key")
    handle = os.open(folder / name, os.O_RDWR | os.O_CREAT)
    assert try_lock(handle)
    assert store.get_or_compute("key", lambda: b"value") == b"value"
    os.close(handle)
    assert flight.remove_left(store.folder) == 1


def test_an_interrupted_computation_leaves_no_lock(store: CacheStore) -> None:
    def interrupt() -> bytes:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.get_or_compute("key", interrupt)
    assert store.get_or_compute("key", lambda: b"value") == b"value"
    assert not list((store.folder / "flights").iterdir())


def test_a_stale_value_is_returned_at_once_and_computed_behind(
    store: CacheStore, clock: Clock
) -> None:
    store.set("key", b"old", ttl=10)
    clock.go(11)
    go = threading.Event()

    def compute() -> bytes:
        assert go.wait(10)
        return b"new"

    for _ in range(3):
        assert store.get_or_compute("key", compute, stale_seconds=60, ttl=10) == b"old"
    go.set()
    store.computing.finish()
    assert store.get("key") == b"new"
    clock.go(100)
    assert store.get_or_compute("key", lambda: b"newest", stale_seconds=60) == b"newest"


def test_a_computation_behind_that_fails_is_left_to_the_next_caller(
    store: CacheStore, clock: Clock
) -> None:
    store.set("key", b"old", ttl=10)
    clock.go(11)

    def fail() -> bytes:
        raise ValueError("mine")

    assert store.get_or_compute("key", fail, stale_seconds=60) == b"old"
    store.computing.finish()
    with pytest.raises(ValueError, match="mine"):
        store.get_or_compute("key", fail)


def test_an_audit_replaces_a_value_that_is_computed_differently_now(home: Path) -> None:
    with open_cache(home, CacheLimits(audit_share=1)) as store:
        store.set("key", b"wrong when it was stored")
        assert store.get_or_compute("key", lambda: b"right") == b"right"
        assert store.get_or_compute("key", lambda: b"right") == b"right"

        def fail() -> bytes:
            raise ValueError("now it cannot be computed")

        assert store.get_or_compute("key", fail) == b"right"
        stats = store.stats()
        assert (stats.audits, stats.audit_differences) == (2, 1)


def test_the_share_of_audits_is_about_what_was_configured(home: Path) -> None:
    with open_cache(home, CacheLimits(audit_share=0.2)) as store:
        found = sum(store.computing.is_audited() for _ in range(5000))
        assert 500 < found < 1500
    with open_cache(home, CacheLimits(audit_share=0)) as store:
        assert not any(store.computing.is_audited() for _ in range(1000))


def test_a_hundred_operations_at_once_lose_nothing(store: CacheStore, other: CacheStore) -> None:
    def work(n: int) -> None:
        mine = store if n % 2 else other
        for i in range(5):
            assert mine.set(f"k{n} {i}", f"{n} {i}".encode())
            assert mine.get(f"k{n} {i}") == f"{n} {i}".encode()
            assert mine.get_or_compute(f"shared {i}", lambda i=i: b"%d" % i) == b"%d" % i  # type: ignore[misc]
        assert mine.delete(f"k{n} 0")

    assert in_threads(*[lambda n=n: work(n) for n in range(100)]) == []
    assert store.count() == 400 + 5
    sets = store.stats().sets + other.stats().sets
    assert sets == 500 + 5
    assert store.stats().deletes + other.stats().deletes == 100
    assert not store.warnings
    assert not other.warnings

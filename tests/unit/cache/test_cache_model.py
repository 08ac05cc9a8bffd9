"""Two stores on one folder, as two processes have it, behave as one dictionary with a clock."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from slipstream.storage.cache import CacheStore, Item, MissReason, open_cache
from slipstream.storage.cache.data import Miss
from slipstream.storage.cache.values import INLINE
from slipstream.storage.config.settings import CacheLimits

KEYS = [f"v1::{operation}::{n}" for operation in ("parse", "search", "a*b") for n in range(4)]
SECOND = 10**9

key = st.sampled_from(KEYS)
value = st.one_of(st.binary(max_size=50), st.just(b"L" * (INLINE + 1)), st.just(b"M" * INLINE))
who = st.integers(0, 1)


class Alike(RuleBasedStateMachine):
    """`kept` is what must be found: value, expiry, tags, parents."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp())
        self.now = 1_800_000_000 * SECOND
        self.kept: dict[str, tuple[bytes, int, tuple[str, ...], tuple[str, ...]]] = {}
        self.stores: list[CacheStore] = []

    @initialize()
    def open(self) -> None:
        limits = CacheLimits(audit_share=0)
        self.stores = [open_cache(self.home, limits, lambda: self.now) for _ in range(2)]

    def teardown(self) -> None:
        for store in self.stores:
            assert not store.warnings
            store.close()
        shutil.rmtree(self.home)

    def alive(self, key: str) -> bytes | None:
        found = self.kept.get(key)
        return found[0] if found and self.now < found[1] else None

    @rule(who=who, key=key, value=value, ttl=st.integers(1, 100),
          tags=st.sets(st.sampled_from("tu")), parents=st.sets(key, max_size=2))  # fmt: skip
    def put(
        self, who: int, key: str, value: bytes, ttl: int, tags: set[str], parents: set[str]
    ) -> None:
        assert self.stores[who].set(key, value, ttl=ttl, tags=tags, depends_on=parents)
        expires = self.now + ttl * SECOND
        self.kept[key] = value, expires, tuple(tags), tuple(parents)

    @rule(who=who, keys=st.lists(key, max_size=5, unique=True), value=value)
    def set_many(self, who: int, keys: list[str], value: bytes) -> None:
        assert self.stores[who].set_many([Item(key, value, ttl=50) for key in keys]) == len(keys)
        for key in keys:
            self.kept[key] = value, self.now + 50 * SECOND, (), ()

    @rule(who=who, key=key)
    def get(self, who: int, key: str) -> None:
        expected = self.alive(key)
        assert self.stores[who].get(key) == expected
        view = self.stores[who].view(key)
        assert (None if view is None else bytes(view)) == expected
        assert self.stores[who].exists(key) == (expected is not None)
        found = self.stores[who].lookup(key)
        if key in self.kept and expected is None:
            assert found == Miss(MissReason.EXPIRED)

    @rule(who=who, key=key, value=value)
    def get_or_compute(self, who: int, key: str, value: bytes) -> None:
        expected = self.alive(key)
        assert self.stores[who].get_or_compute(key, lambda: value, ttl=30) == (
            value if expected is None else expected
        )
        if expected is None:
            self.kept[key] = value, self.now + 30 * SECOND, (), ()

    @rule(who=who, key=key, ttl=st.integers(1, 100))
    def touch(self, who: int, key: str, ttl: int) -> None:
        alive = self.alive(key) is not None
        assert self.stores[who].touch(key, ttl) == alive
        if alive:
            value, _, tags, parents = self.kept[key]
            self.kept[key] = value, self.now + ttl * SECOND, tags, parents

    @rule(seconds=st.sampled_from([0.4, 5, 40]))
    def wait(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)

    @rule(who=who, key=key)
    def delete(self, who: int, key: str) -> None:
        assert self.stores[who].delete(key) == bool(self.remove({key}))

    @rule(who=who, prefix=st.sampled_from(["", "v1::", "v1::parse", "v1::a*", "v1::parse::1"]))
    def remove_prefix(self, who: int, prefix: str) -> None:
        roots = {key for key in KEYS if key.startswith(prefix)}
        self.removed(who, roots, prefix=prefix)

    @rule(who=who, tag=st.sampled_from("tu"))
    def remove_tag(self, who: int, tag: str) -> None:
        self.removed(who, {key for key, kept in self.kept.items() if tag in kept[2]}, tag=tag)

    @rule(who=who)
    def remove_expired(self, who: int) -> None:
        roots = {key for key, kept in self.kept.items() if kept[1] <= self.now}
        self.removed(who, roots, expired=True)

    @rule(who=who)
    def clean(self, who: int) -> None:
        self.stores[who].clean()
        self.kept = {key: kept for key, kept in self.kept.items() if kept[1] > self.now}

    @rule(who=who)
    def reopen(self, who: int) -> None:
        self.stores[who].close()
        self.stores[who] = open_cache(
            self.home, CacheLimits(audit_share=0), lambda: self.now
        )  # fmt: skip

    @rule(who=who)
    def verify(self, who: int) -> None:
        assert self.stores[who].verify().corrupt == ()

    def removed(self, who: int, roots: set[str], **which: object) -> None:
        foreseen = self.stores[who].remove(**which, dry_run=True)  # type: ignore[arg-type]
        told = self.stores[who].remove(**which)  # type: ignore[arg-type]
        gone = self.remove(roots)
        assert told == foreseen == (len(gone), sum(len(value) for value in gone))

    def remove(self, roots: set[str]) -> list[bytes]:
        """Take roots and all that depends on them out of the model."""
        gone = set(roots)
        while more := {k for k, kept in self.kept.items() if set(kept[3]) & gone} - gone:
            gone |= more
        return [self.kept.pop(key)[0] for key in sorted(gone) if key in self.kept]

    @invariant()
    def counts_are_exact(self) -> None:
        for store in self.stores:
            assert store.keys() == sorted(self.kept)
            assert store.count() == len(self.kept)
            assert store.size() == sum(len(kept[0]) for kept in self.kept.values())


TestAlike = Alike.TestCase
TestAlike.settings = settings(
    max_examples=20,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

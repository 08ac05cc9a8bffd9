"""The cache: values by key, in memory and on disk, that never fail their caller."""

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from slipstream.storage import logs
from slipstream.storage.cache import choose, lifetime, removal, rows, upkeep
from slipstream.storage.cache.computing import Computing
from slipstream.storage.cache.data import (
    CacheEvent,
    Cleaned,
    Entry,
    Hit,
    Item,
    Kind,
    MemoryStats,
    Miss,
    MissReason,
    OperationStats,
    Options,
    Removed,
    Stats,
    Tier,
    Verified,
    operation_of,
)
from slipstream.storage.cache.disk import Disk, Loaded
from slipstream.storage.cache.generation import ALL, slots_of
from slipstream.storage.cache.memory import Memory
from slipstream.storage.cache.put import prepare_all, put, put_plain, storable, time_to_live

if TYPE_CHECKING:
    from slipstream.storage.cache.typed import Codec, TypedCache
    from slipstream.storage.config.settings import CacheLimits

V = TypeVar("V")
Progress = Callable[[int, int], object]
"""Told how many of how many are done."""


class Counts:
    """What this process did since the store was opened; `lock` is held to change it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.sets = self.deletes = self.evictions = self.corruptions = 0
        self.audits = self.audit_differences = 0


class CacheStore:
    """A cache folder. Safe for threads, processes and forks; open it with `open_cache`.

    Nothing here raises because of the disk or the database: reads find nothing, writes keep
    nothing, computations are done without the cache, and `warnings` says why, in one sentence for
    each kind of fault.

    Attributes:
        context: Repository and commit that are worked on, for telemetry.
    """

    def __init__(
        self, folder: Path, limits: "CacheLimits", clock: Callable[[], int] = time.time_ns
    ) -> None:
        """Use the cache in `folder`; it is opened when something is first looked for.

        Args:
            folder: Of the cache alone.
            limits: As configured.
            clock: Nanoseconds since 1970.
        """
        self.folder = folder
        self.limits = limits
        self.context = ("", "")
        self.memory = Memory(limits.memory_bytes)
        self.disk = Disk(folder, clock, self._on_corrupt, self.memory)
        self.counts = Counts()
        self.clock = clock
        self.computing = Computing(self)
        self._listener: Callable[[CacheEvent], object] | None = None
        lifetime.opened.add(self)

    @property
    def warnings(self) -> list[str]:
        """Sentences about what kept the cache from being used."""
        return self.disk.warnings

    # Reading.

    def get(self, key: str, default: bytes | None = None) -> bytes | None:
        """The value of a key, or `default`."""
        if self._listener is not None:
            found = self._observed(key, "")
            return default if isinstance(found, MissReason) else found[0]
        now = self.clock()
        memory = self.memory
        if key in memory.kept and (kept := memory.get(key, now)) is not None:
            return kept.value  # type: ignore[no-any-return]
        loaded = self.disk.load(key, now)
        return default if loaded is None else self._remember(key, loaded, now)

    def view(self, key: str) -> memoryview | None:
        """The value of a key without a copy: a large one is mapped from its file, and checked."""
        start = time.perf_counter_ns()
        loaded = self.disk.load(key, self.clock())
        if loaded is None:
            self.missed(key, start)
            return None
        value = memoryview(loaded[0])
        self.tell("hit", key, "disk", start, len(value))
        return value

    def get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        """The values of those keys that have one."""
        found = {}
        for key in keys:
            if (value := self.get(key)) is not None:
                found[key] = value
        return found

    def lookup(self, key: str, identity: str = "") -> Hit | Miss:
        """The value of a key, or why there is none.

        Args:
            key: What to look for.
            identity: Digest of its inputs without the producer's version, which tells a new
                version of the producer from new inputs.
        """
        found = self._observed(key, identity)
        if isinstance(found, MissReason):
            return Miss(found)
        value, tier, expires = found
        entry = self.entry(key)
        return Hit(value, tier, entry.created_ns if entry else 0, expires)

    def exists(self, key: str) -> bool:
        """Whether a key has a value, which is not read."""
        found = self.entry(key)
        return found is not None and rows.alive(found.accessed_ns, found.expires_ns, self.clock())

    def entry(self, key: str) -> Entry | None:
        """All that is known of an entry but its value, expired or not."""
        return self.disk.read(lambda connection: rows.entry(connection, key), None)

    def keys(
        self,
        prefix: str | None = None,
        glob: str | None = None,
        tag: str | None = None,
        limit: int = -1,
    ) -> list[str]:
        """Keys in order, those of expired entries included; `limit` of them, -1: all.

        Raises:
            UsageError: The glob is not one.
        """
        choice = choose.choose(prefix, glob, tag)
        return self.disk.read(lambda connection: choose.find(connection, choice, limit), [])

    def entries(
        self,
        prefix: str | None = None,
        glob: str | None = None,
        tag: str | None = None,
        limit: int = -1,
    ) -> list[Entry]:
        """The same with all that is known of each.

        Raises:
            UsageError: The glob is not one.
        """
        choice = choose.choose(prefix, glob, tag)
        return self.disk.read(
            lambda connection: rows.entries(connection, choice.where, choice.parameters, limit), []
        )

    def count(self) -> int:
        """Number of entries on disk, expired ones that are not removed yet included."""
        return self.disk.read(rows.totals, (0, 0))[0]

    def size(self) -> int:
        """Bytes of the values on disk; a file that two keys share counts twice."""
        return self.disk.read(rows.totals, (0, 0))[1]

    # Writing.

    def set(self, key: str, value: bytes | memoryview, **options: Unpack[Options]) -> bool:
        """Store a value; see `Item` for the options.

        Returns:
            Whether it is stored: not where the cache cannot be used, and not when the value is
            larger than the whole cache may be, or the key is empty or too long.

        Raises:
            UsageError: The TTL is not a number of seconds above 0.
        """
        start = time.perf_counter_ns()
        item = Item(key, value, **options)
        if (stored := put_plain(self.disk, item, self.clock(), self.limits)) is None:
            return self.set_many((item,)) == 1
        if stored:
            with self.counts.lock:
                self.counts.sets += 1
            self.tell("set", key, "disk", start, len(value))
        return stored

    def set_many(self, items: Iterable[Item]) -> int:
        """Store values in one transaction; returns how many.

        Raises:
            UsageError: A TTL is not a number of seconds above 0.
        """
        start = time.perf_counter_ns()
        now = self.clock()
        prepared = prepare_all(self.disk, items, now, self.limits)
        if not prepared:
            return 0
        gone = put(self.disk, prepared, now, self.limits)
        if gone is None:
            return 0
        expired, evicted = gone
        with self.counts.lock:
            self.counts.sets += len(prepared)
            self.counts.deletes += len(expired)
            self.counts.evictions += len(evicted)
        if self._listener is not None:
            for item in prepared:
                self.tell("set", item.row.key, "disk", start, item.row.size)
            for entry in expired:
                self.tell("delete", entry.key, "disk", start, entry.size, MissReason.EXPIRED)
            for entry in evicted:
                self.tell("evict", entry.key, "disk", start, entry.size, MissReason.EVICTED)
        return len(prepared)

    def touch(self, key: str, ttl: float | None = None) -> bool:
        """Begin an entry's time to live anew; false when there is no such entry alive.

        Raises:
            UsageError: The TTL is not a number of seconds above 0.
        """
        now = self.clock()
        until = min(now + time_to_live(ttl, self.limits), rows.NEVER)
        if not storable(key):
            return False
        return self.disk.write(
            slots_of([key]), lambda base: rows.touch(base.connection, key, now, until), False
        )

    def delete(self, key: str) -> bool:
        """Remove an entry and what depends on it; false when there was none."""
        return self.remove(keys=[key]).count > 0

    def remove(
        self,
        *,
        prefix: str | None = None,
        glob: str | None = None,
        tag: str | None = None,
        keys: Iterable[str] | None = None,
        producer: str | None = None,
        expired: bool = False,
        cascade: bool = True,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> Removed:
        """Remove the entries that all of what is given holds for, in steps that let others work.

        Args:
            prefix: What keys begin with, literally; empty: every entry.
            glob: Pattern of whole keys.
            tag: A tag of the entry.
            keys: These keys.
            producer: The whole name of what computed it, with its version.
            expired: What is expired alone.
            cascade: What depends on a removed entry goes too.
            dry_run: Count, and remove nothing.
            progress: Told after each step; what it raises ends the removal between two steps.

        Raises:
            UsageError: Nothing is given, or the glob is not one.
        """
        start = time.perf_counter_ns()
        now = self.clock()
        named = None if keys is None else [key for key in keys if storable(key)]
        choice = removal.choose_some(prefix, glob, tag, named, producer, now if expired else None)
        if dry_run:
            return Removed(*removal.count(self.disk, choice, cascade))
        reason = MissReason.EXPIRED if expired else MissReason.INVALIDATED
        removed = Removed(0, 0)
        for gone in removal.remove(self.disk, now, choice, named, reason, cascade, progress):
            size = sum(entry.size for entry in gone)
            removed = Removed(removed.count + len(gone), removed.bytes + size)
            with self.counts.lock:
                self.counts.deletes += len(gone)
            for entry in gone if self._listener is not None else ():
                self.tell("delete", entry.key, "disk", start, entry.size, reason)
        return removed

    def forget_memory(self) -> None:
        """Let every process forget what it has in memory; the disk keeps it all."""
        self.memory.clear()
        self.disk.write((ALL,), lambda _: None, None)

    # Computing.

    def get_or_compute(
        self,
        key: str,
        compute: Callable[[], bytes],
        *,
        stale_seconds: float = 0,
        **options: Unpack[Options],
    ) -> bytes:
        """The value of a key, computed and stored when there is none.

        Of all threads and processes that ask for it at the same time one computes and the others
        wait; if it dies, another one does. Of the hits a configured share is computed again and
        compared, since a checksum cannot see what was wrong when it was stored.

        Args:
            key: Names all inputs of the computation.
            compute: What it raises is raised here, and nothing is stored.
            stale_seconds: A value that expired less than this long ago is returned at once, and
                computed anew behind the caller's back.
            options: As for `set`.

        Raises:
            UsageError: The TTL is not a number of seconds above 0.
        """
        if (value := self.get(key)) is not None:
            audited = self.computing.is_audited()
            return self.computing.audit(key, value, compute, options) if audited else value
        return self.computing.after_miss(key, compute, stale_seconds, options)

    def peek(self, key: str, grace_ns: int = 0) -> bytes | None:
        """The value of a key, which counts neither as a hit nor as a miss.

        Args:
            key: What to look for.
            grace_ns: An entry that expired less than this long ago counts as alive.
        """
        loaded = self.disk.load(key, self.clock(), grace_ns, counted=0)
        return None if loaded is None else bytes(loaded[0])

    def typed(
        self, codec: "Codec[V]", name: str, key: Callable[[Any], str] = str
    ) -> "TypedCache[V]":
        """This cache for values of one type, which stay decoded in memory.

        Args:
            codec: Turns values into bytes and back (`typed.json_codec`, `typed.msgpack_codec`).
            name: Tells the values of this codec from others of the same key in memory.
            key: Makes the key of what the values are looked up by.
        """
        from slipstream.storage.cache.typed import TypedCache

        return TypedCache(self, codec, name, key)

    # Care.

    def listen(self, callback: Callable[[CacheEvent], object] | None) -> None:
        """Tell each operation to `callback`; None: nobody, which costs nothing."""
        self._listener = callback

    def stats(self) -> Stats:
        """Both tiers, and what this process did."""
        disk = upkeep.disk_stats(self.disk)
        counts = self.counts
        return Stats(
            MemoryStats(len(self.memory), self.memory.size, self.memory.limit, self.memory.hits),
            disk._replace(
                limit=self.limits.max_bytes,
                entry_limit=self.limits.max_entries,
                hits=self.disk.hits,
            ),
            self.disk.loads - self.disk.hits,
            counts.sets,
            counts.deletes,
            counts.evictions,
            counts.corruptions,
            counts.audits,
            counts.audit_differences,
        )

    def by_operation(self) -> list[OperationStats]:
        """Entries and bytes of each operation, the largest first."""
        return upkeep.by_operation(self.disk)

    def verify(self, progress: Progress | None = None) -> Verified:
        """Read every value, and remove those that are not what was stored."""
        return upkeep.verify(self.disk, progress)

    def clean(self) -> Cleaned:
        """Remove what expired, and files that nobody names; give room back to the disk."""
        cleaned = upkeep.clean(self.disk, self.clock())
        with self.counts.lock:
            self.counts.deletes += cleaned.expired
        return cleaned

    def close(self) -> None:
        """Write what is due and close; afterwards nothing is found. Also done at exit."""
        self.computing.finish()
        self.disk.close()
        self.memory.clear()
        lifetime.opened.discard(self)

    def __enter__(self) -> "CacheStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What the typed caches use as well.

    def missed(self, key: str, start: int, identity: str = "") -> MissReason:
        """Say why a key has no value."""
        reason = self._why(key, identity)
        self.tell("miss", key, "", start, 0, reason)
        return reason

    def tell(
        self, kind: Kind, key: str, tier: Tier, start: int, size: int, reason: str = ""
    ) -> None:
        """Tell an event, if somebody listens; `start` is a reading of `perf_counter_ns`."""
        if (listener := self._listener) is None:
            return
        latency = time.perf_counter_ns() - start
        try:
            listener(
                CacheEvent(
                    kind, self.clock(), key, operation_of(key), tier, latency, size, str(reason)
                )
            )
        except Exception as error:  # telemetry that fails must not touch the cache
            self._listener = None
            logs.warning("cache.telemetry", reason=str(error))

    def _observed(self, key: str, identity: str) -> tuple[bytes, Tier, int] | MissReason:
        """A value with its tier and when it expires, or why there is none; told to the listener."""
        start = time.perf_counter_ns()
        now = self.clock()
        if (kept := self.memory.get(key, now)) is not None:
            self.tell("hit", key, "memory", start, kept.size)
            return kept.value, "memory", kept.expires_ns
        loaded = self.disk.load(key, now)
        if loaded is None:
            return self.missed(key, start, identity)
        value = self._remember(key, loaded, now)
        self.tell("hit", key, "disk", start, len(value))
        return value, "disk", loaded[1]

    def _remember(self, key: str, loaded: Loaded, now: int) -> bytes:
        data, expires, writes = loaded
        value = bytes(data)  # the same object when it is bytes already
        if self.memory.limit:
            self.memory.put(key, key, value, len(value), writes, now, expires)
        return value

    def _why(self, key: str, identity: str) -> MissReason:
        if not storable(key):
            return MissReason.NOT_COMPUTABLE
        now = self.clock()
        return self.disk.read(
            lambda connection: rows.why_missing(connection, key, identity, now),
            MissReason.UNUSABLE,
        )

    def _on_corrupt(self, key: str, size: int) -> None:
        with self.counts.lock:
            self.counts.corruptions += 1
        self.tell("corrupt", key, "disk", time.perf_counter_ns(), size, MissReason.CORRUPT)

    def before_fork(self) -> None:
        """Wait until no thread uses the database, and keep them from it."""
        self.disk.lock.acquire()

    def after_fork_in_parent(self) -> None:
        """Let them go on."""
        self.disk.lock.release()

    def after_fork_in_child(self) -> None:
        """Begin anew: locks, connection and counts are the parent's."""
        self.counts = Counts()
        self.memory.after_fork()
        self.disk.after_fork()
        self.computing = Computing(self)

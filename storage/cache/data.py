"""What the cache takes and gives back.

Times are UTC, in nanoseconds since 1970; sizes are in bytes.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal, NamedTuple, TypeAlias, TypedDict

Tier: TypeAlias = Literal["", "memory", "disk"]
Kind: TypeAlias = Literal["hit", "miss", "set", "delete", "evict", "corrupt"]


class MissReason(StrEnum):
    """Why a key has no value."""

    NEVER_STORED = "never stored"
    """Or so long ago that it is forgotten: only so many removals are remembered."""
    EXPIRED = "expired"
    EVICTED = "evicted"
    INVALIDATED = "invalidated"
    CORRUPT = "corrupt"
    NEW_PRODUCER = "new producer version"
    """The same inputs have a value of another version of what computes it."""
    DIRTY = "dirty"
    """The inputs were changed since the commit; said by callers, who know about commits."""
    NOT_COMPUTABLE = "key not computable"
    """A part of the key is missing (said by callers), or the key is none that can be stored."""
    UNUSABLE = "cache unusable"
    """Its database or folder cannot be used at the moment."""


class Item(NamedTuple):
    """A value with what `CacheStore.set` takes besides."""

    key: str
    """At most 256 characters."""
    value: bytes | memoryview
    ttl: float | None = None
    """Seconds; None: as configured; infinite: for ever."""
    sliding: bool = False
    """Each hit begins the time to live anew."""
    priority: int = 0
    """Entries of lower priority are evicted first."""
    tags: Iterable[str] = ()
    depends_on: Iterable[str] = ()
    """Keys, or names of anything: removing one of them removes this entry too."""
    producer: str = ""
    """What computed the value, with its version."""
    identity: str = ""
    """Digest of the inputs without the producer's version: tells a new version from new inputs."""


class Options(TypedDict, total=False):
    """What `set` takes besides key and value; see `Item`."""

    ttl: float | None
    sliding: bool
    priority: int
    tags: Iterable[str]
    depends_on: Iterable[str]
    producer: str
    identity: str


class Hit(NamedTuple):
    """A value that was found."""

    value: bytes
    tier: Tier
    created_ns: int
    expires_ns: int


class Miss(NamedTuple):
    """No value was found."""

    reason: MissReason


class Removed(NamedTuple):
    """What a removal took away, or would take."""

    count: int  # type: ignore[assignment]  # of entries, not the method of tuples
    bytes: int


class Entry(NamedTuple):
    """An entry without its value."""

    key: str
    size: int
    created_ns: int
    expires_ns: int
    accessed_ns: int
    """As written; it may be ten minutes behind."""
    sliding_ns: int
    """How long each hit prolongs it; 0: not at all."""
    priority: int
    producer: str
    identity: str
    checksum: str
    """xxh3-128 over key and value, 32 hex digits."""
    file: str
    """SHA-256 of a large value, which is the name of its file; empty: in the database."""
    tags: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()


class MemoryStats(NamedTuple):
    """The memory tier of this process, since the store was opened."""

    entries: int
    size: int
    limit: int
    hits: int


class DiskStats(NamedTuple):
    """The disk tier; hits are of this process since the store was opened."""

    entries: int
    size: int
    limit: int
    entry_limit: int
    hits: int
    oldest_ns: int
    """When the entry was set that was not set for longest; 0: there is none."""
    newest_ns: int
    file_bytes: int
    """What database, log and value files take on disk."""
    damaged: int
    """Databases that were set aside."""


class Stats(NamedTuple):
    """Both tiers, and what this process did since the store was opened."""

    memory: MemoryStats
    disk: DiskStats
    misses: int
    sets: int
    deletes: int
    evictions: int
    corruptions: int
    audits: int
    audit_differences: int


class OperationStats(NamedTuple):
    """Entries whose keys name one operation."""

    operation: str
    entries: int
    size: int


class Verified(NamedTuple):
    """What re-reading every value found."""

    checked: int
    bytes: int
    corrupt: tuple[str, ...]
    """Keys of values without their checksum, which are removed."""
    set_aside: bool
    """The database itself was damaged, and a new one was begun."""
    last: int = 0
    """Where the next check goes on; 0: all values were read."""


class Cleaned(NamedTuple):
    """What a clean-up took away."""

    expired: int
    files: int
    """Value files that no entry names, and left-over temporary and lock files."""
    bytes: int
    """Bytes of both."""


class CacheEvent(NamedTuple):
    """One operation, for telemetry."""

    kind: Kind
    at_ns: int
    key: str
    operation: str
    """Second part of the key."""
    tier: Tier
    latency_ns: int
    size: int
    reason: str


def operation_of(key: str) -> str:
    """The operation that a key names: `symbols` of `v1::symbols::…`; empty without one."""
    parts = key.split("::", 2)
    return parts[1] if len(parts) > 1 else ""

"""Caches of values of one type: encoded on disk, decoded in memory.

Values are data, never code: JSON or msgpack, behind a tag that names their schema. A value with
another tag is a miss. What a codec decodes must not be changed by its users, because memory hands
the same object to all of them.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar, Unpack

from slipstream.storage import logs
from slipstream.storage.cache.data import Item, Options

if TYPE_CHECKING:
    from slipstream.storage.cache.store import CacheStore

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")
K_contra = TypeVar("K_contra", contravariant=True)


class Codec(Protocol[V]):
    """Turns values into bytes and back."""

    def encode(self, value: V) -> bytes:
        """The bytes of a value."""

    def decode(self, data: bytes | memoryview) -> V:
        """The value of bytes.

        Raises:
            ValueError: They are of another schema.
        """


class Cache(Protocol[K_contra, V]):
    """What a typed cache does."""

    def get(self, key: K_contra) -> V | None:
        """The value of a key, or None."""

    def get_many(self, keys: Iterable[K_contra]) -> Mapping[Any, V]:
        """The values of those keys that have one."""

    def set(self, key: K_contra, value: V, **options: Unpack[Options]) -> bool:
        """Store a value; whether it is stored."""

    def set_many(self, values: Mapping[Any, V], **options: Unpack[Options]) -> int:
        """Store values in one transaction; returns how many."""

    def touch(self, key: K_contra, ttl: float | None = None) -> bool:
        """Begin a value's time to live anew; false when there is none."""

    def get_or_compute(
        self, key: K_contra, compute: Callable[[], V], **options: Unpack[Options]
    ) -> V:
        """The value of a key, computed by one of all that ask for it when there is none."""

    def delete(self, key: K_contra) -> bool:
        """Remove a value; false when there was none."""

    def exists(self, key: K_contra) -> bool:
        """Whether a key has a value."""


class TypedCache(Generic[V]):
    """A `Cache` in a store; made by `CacheStore.typed`."""

    def __init__(
        self, store: "CacheStore", codec: Codec[V], name: str, key: Callable[[Any], str]
    ) -> None:
        self.store, self._codec, self._name, self._key = store, codec, name, key

    def get(self, key: Any) -> V | None:
        """The value of a key, or None."""
        return self._find(self._key(key))

    def get_many(self, keys: Iterable[Any]) -> dict[Any, V]:
        """The values of those keys that have one."""
        found = {}
        for key in keys:
            if (value := self.get(key)) is not None:
                found[key] = value
        return found

    def set(self, key: Any, value: V, **options: Unpack[Options]) -> bool:
        """Store a value; whether it is stored."""
        return self.store.set(self._key(key), self._codec.encode(value), **options)

    def set_many(self, values: Mapping[Any, V], **options: Unpack[Options]) -> int:
        """Store values in one transaction; returns how many."""
        encode = self._codec.encode
        return self.store.set_many(
            Item(self._key(key), encode(value), **options) for key, value in values.items()
        )

    def touch(self, key: Any, ttl: float | None = None) -> bool:
        """Begin a value's time to live anew; false when there is none."""
        return self.store.touch(self._key(key), ttl)

    def get_or_compute(
        self,
        key: Any,
        compute: Callable[[], V],
        *,
        stale_seconds: float = 0,
        **options: Unpack[Options],
    ) -> V:
        """The value of a key, computed by one of all that ask for it when there is none.

        See `CacheStore.get_or_compute`.
        """
        text = self._key(key)

        def made() -> bytes:
            return self._codec.encode(compute())

        if (value := self._find(text)) is not None:
            if not self.store.computing.is_audited():
                return value
            data = self.store.computing.audit(text, self._codec.encode(value), made, options)
            return self._codec.decode(data)
        data = self.store.computing.after_miss(text, made, stale_seconds, options)
        try:
            return self._codec.decode(data)
        except ValueError:  # of another schema
            data = made()
            self.store.set(text, data, **options)
            return self._codec.decode(data)

    def delete(self, key: Any) -> bool:
        """Remove a value; false when there was none."""
        return self.store.delete(self._key(key))

    def exists(self, key: Any) -> bool:
        """Whether a key has a value."""
        return self.store.exists(self._key(key))

    def in_memory(self, key: Any) -> V | None:
        """The value of a key if memory has it."""
        start = perf_counter_ns()
        text = self._key(key)
        kept = self.store.memory.get((self._name, text), self.store.clock())
        if kept is None:
            return None
        self.store.tell("hit", text, "memory", start, kept.size)
        return kept.value  # type: ignore[no-any-return]

    def _find(self, key: str) -> V | None:
        start = perf_counter_ns()
        store = self.store
        now = store.clock()
        name = (self._name, key)
        if (kept := store.memory.get(name, now)) is not None:
            store.tell("hit", key, "memory", start, kept.size)
            return kept.value  # type: ignore[no-any-return]
        loaded = store.disk.load(key, now)
        if loaded is not None:
            try:
                data, expires, writes = loaded
                value = self._codec.decode(data)
            except ValueError as error:
                logs.info("cache.schema", key=key, reason=str(error))
            else:
                store.memory.put(name, key, value, len(data), writes, now, expires)
                store.tell("hit", key, "disk", start, len(data))
                return value
        store.missed(key, start)
        return None


class AsyncCache(Generic[V]):
    """The same for coroutines: what is not in memory is read, written and waited for in threads."""

    def __init__(self, cache: TypedCache[V]) -> None:
        """Wrap what `CacheStore.typed` made."""
        self._cache = cache

    async def get(self, key: Any) -> V | None:
        """The value of a key, or None."""
        if (value := self._cache.in_memory(key)) is not None:
            return value
        return await _in_thread(lambda: self._cache.get(key))

    async def get_many(self, keys: Iterable[Any]) -> dict[Any, V]:
        """The values of those keys that have one."""
        return await _in_thread(lambda: self._cache.get_many(keys))

    async def set(self, key: Any, value: V, **options: Unpack[Options]) -> bool:
        """Store a value; whether it is stored."""
        return await _in_thread(lambda: self._cache.set(key, value, **options))

    async def set_many(self, values: Mapping[Any, V], **options: Unpack[Options]) -> int:
        """Store values in one transaction; returns how many."""
        return await _in_thread(lambda: self._cache.set_many(values, **options))

    async def touch(self, key: Any, ttl: float | None = None) -> bool:
        """Begin a value's time to live anew; false when there is none."""
        return await _in_thread(lambda: self._cache.touch(key, ttl))

    async def get_or_compute(
        self,
        key: Any,
        compute: Callable[[], Awaitable[V]],
        *,
        stale_seconds: float = 0,
        **options: Unpack[Options],
    ) -> V:
        """The value of a key; `compute` runs in the loop of the caller."""
        import asyncio

        if (value := self._cache.in_memory(key)) is not None:
            return value
        loop = asyncio.get_running_loop()

        async def computed() -> V:
            return await compute()

        def wait() -> V:
            coroutine = computed()
            try:
                return asyncio.run_coroutine_threadsafe(coroutine, loop).result()
            except RuntimeError:  # the loop was closed meanwhile
                coroutine.close()
                raise

        return await _in_thread(
            lambda: self._cache.get_or_compute(key, wait, stale_seconds=stale_seconds, **options)
        )

    async def delete(self, key: Any) -> bool:
        """Remove a value; false when there was none."""
        return await _in_thread(lambda: self._cache.delete(key))

    async def exists(self, key: Any) -> bool:
        """Whether a key has a value."""
        return await _in_thread(lambda: self._cache.exists(key))

    async def ask(self, question: "Callable[[CacheStore], T]") -> T:
        """Whatever else the store knows: `await cache.ask(lambda store: store.keys(tag="t"))`."""
        return await _in_thread(lambda: question(self._cache.store))


async def _in_thread(action: Callable[[], T]) -> T:
    """What `action` returns, from a thread of its own.

    Not from the loop's pool: when each of its threads waited for a computation that itself needs
    one, none would ever go on.
    """
    import asyncio
    import threading

    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(value: T | None, error: BaseException | None) -> None:
        if not done.done():  # else the caller was cancelled
            if error is None:
                done.set_result(value)  # type: ignore[arg-type]
            else:
                done.set_exception(error)

    def run() -> None:
        value: T | None = None
        failure: BaseException | None = None
        try:
            value = action()
        except BaseException as error:
            failure = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, value, failure)

    threading.Thread(target=run, name="cache", daemon=True).start()
    return await done


class _Tagged(NamedTuple):
    tag: bytes
    pack: Callable[[Any], bytes]
    unpack: Callable[[bytes | memoryview], Any]

    def encode(self, value: Any) -> bytes:
        return self.tag + self.pack(value)

    def decode(self, data: bytes | memoryview) -> Any:
        size = len(self.tag)
        if bytes(data[:size]) != self.tag:
            raise ValueError(f"it is not tagged {self.tag!r}")
        return self.unpack(memoryview(data)[size:])


def json_codec(tag: str) -> Codec[Any]:
    """Values of what JSON knows; `tag` names their schema and its version."""
    import json

    def pack(value: Any) -> bytes:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()

    return _Tagged(f"json:{tag}\n".encode(), pack, lambda data: json.loads(bytes(data)))


def msgpack_codec(tag: str) -> Codec[Any]:
    """Values of what msgpack knows, lists as tuples; `tag` names their schema and its version."""
    import msgpack

    def unpack(data: bytes | memoryview) -> Any:
        try:
            return msgpack.unpackb(data, use_list=False, strict_map_key=False)
        except (msgpack.UnpackException, TypeError) as error:
            raise ValueError(str(error)) from error

    return _Tagged(f"msgpack:{tag}\n".encode(), msgpack.packb, unpack)

"""Values of one type: data and never code on disk, decoded once in memory."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from slipstream.storage.cache import (
    AsyncCache,
    Cache,
    CacheEvent,
    CacheStore,
    Codec,
    json_codec,
    msgpack_codec,
)

VALUES: list[Any] = ["text ☃", 1, 1.5, True, {"a": {"b": None}}, [], [1, [2]]]


@pytest.mark.parametrize("codec", [json_codec("t 1"), msgpack_codec("t 1")])
@pytest.mark.parametrize("value", VALUES, ids=str)
def test_a_value_comes_back(
    store: CacheStore, other: CacheStore, codec: Codec[Any], value: object
) -> None:
    def plain(found: object) -> object:
        return list(map(plain, found)) if isinstance(found, (list, tuple)) else found

    mine: Cache[str, Any] = store.typed(codec, "things")
    theirs: Cache[str, Any] = other.typed(codec, "things")
    assert mine.set("key", value)
    assert plain(theirs.get("key")) == value
    assert plain(mine.get_many(["key", "none"])["key"]) == value
    assert mine.exists("key")
    assert mine.touch("key", 5)
    assert mine.set_many({"key": value, "more": value}, tags=["t"]) == 2
    assert store.keys(tag="t") == ["key", "more"]
    assert theirs.delete("key")
    assert mine.get("key") is None


def test_memory_keeps_what_was_decoded(store: CacheStore) -> None:
    events: list[CacheEvent] = []
    store.listen(events.append)
    cache = store.typed(json_codec("t"), "things")
    cache.set("v1::x::a", {"a": 1})
    first = cache.get("v1::x::a")
    assert cache.get("v1::x::a") is first
    assert [(e.kind, e.tier) for e in events] == [
        ("set", "disk"), ("hit", "disk"), ("hit", "memory")
    ]  # fmt: skip
    store.set("v1::x::a", json_codec("t").encode({"a": 2}))
    assert cache.get("v1::x::a") == {"a": 2}


def test_the_bytes_of_a_key_and_its_decoded_value_are_not_mixed_up(store: CacheStore) -> None:
    one, two = store.typed(json_codec("t"), "one"), store.typed(msgpack_codec("t"), "two")
    one.set("key", [1])
    assert one.get("key") == [1]
    assert store.get("key") == b"json:t\n[1]"
    assert two.get("key") is None
    assert one.get("key") == [1]
    assert store.get("one\0key") is None


@pytest.mark.parametrize("data", [b"", b"json:t\n{", b"json:u\n1", b"msgpack:t\n1", b"\x80\x04."])
def test_bytes_of_another_schema_are_a_miss_and_are_computed_again(
    store: CacheStore, data: bytes
) -> None:
    cache = store.typed(json_codec("t"), "things")
    store.set("key", data)
    assert cache.get("key") is None
    assert cache.get_or_compute("key", lambda: [1]) == [1]
    assert cache.get("key") == [1]


@pytest.mark.parametrize("data", [b"msgpack:t\n", b"msgpack:t\n\xc1", b"msgpack:t\n\x01\x02"])
def test_damaged_msgpack_is_a_miss(store: CacheStore, data: bytes) -> None:
    store.set("key", data)
    assert store.typed(msgpack_codec("t"), "things").get("key") is None


def test_keys_of_any_type_are_made_into_text(store: CacheStore) -> None:
    cache = store.typed(json_codec("t"), "things", lambda key: "::".join(map(str, key)))
    assert cache.get_or_compute(("v1", 2), lambda: "value") == "value"
    assert cache.get(("v1", 2)) == "value"
    assert store.keys() == ["v1::2"]


def test_an_audit_compares_encoded_values(store: CacheStore) -> None:
    store.limits = store.limits._replace(audit_share=1)
    cache = store.typed(json_codec("t"), "things")
    cache.set("key", [1])
    assert cache.get_or_compute("key", lambda: [2]) == [2]
    assert cache.get("key") == [2]
    assert store.stats().audit_differences == 1


def test_coroutines_compute_once_and_find_what_is_in_memory(store: CacheStore) -> None:
    cache: AsyncCache[Any] = AsyncCache(store.typed(json_codec("t"), "things"))
    made = []

    async def compute() -> list[int]:
        made.append(1)
        await asyncio.sleep(0.02)
        inner = await cache.get_or_compute("inner", compute_inner)
        return [1, *inner]

    async def compute_inner() -> list[int]:
        return [2]

    async def main() -> None:
        asked = [cache.get_or_compute("key", compute) for _ in range(50)]
        assert await asyncio.gather(*asked) == [[1, 2]] * 50
        assert made == [1]
        assert await cache.get("key") == [1, 2]
        assert await cache.get_or_compute("key", compute) == [1, 2]
        assert await cache.get_many(["key", "none"]) == {"key": [1, 2]}
        assert await cache.set("other", 3)
        assert await cache.exists("other")
        assert await cache.touch("other")
        assert await cache.set_many({"other": 4, "another": 5}) == 2
        assert await cache.ask(lambda store: store.keys(glob="*other")) == ["another", "other"]
        assert await cache.delete("other")
        assert await cache.get("other") is None

        async def fail() -> list[int]:
            raise ValueError("mine")

        with pytest.raises(ValueError, match="mine"):
            await cache.get_or_compute("fails", fail)
        waiting = asyncio.ensure_future(cache.get_or_compute("slow", compute))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())

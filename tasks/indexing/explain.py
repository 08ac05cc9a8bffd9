"""What a key of the cache is made of, why each part is in it, and why it is a hit or a miss."""

import time
from typing import TYPE_CHECKING, NamedTuple

from slipstream.storage.cache import Miss, MissReason
from slipstream.storage.config.load import load
from slipstream.storage.errors import NotFoundError
from slipstream.tasks.indexing import artefacts, keys
from slipstream.tasks.indexing.operations import OPERATIONS
from slipstream.tasks.indexing.snapshot import open_source

if TYPE_CHECKING:
    from slipstream.storage.cache import CacheStore


class Input(NamedTuple):
    """One thing that a value depends on, or might be thought to.

    Attributes:
        name: As in `operations.OPERATIONS`.
        value: As text; empty: a digest of it is all that the key has.
        why: Why it is in the key, or is not.
    """

    name: str
    value: str
    why: str


class Explained(NamedTuple):
    """What is known of a key.

    Attributes:
        key: The whole key.
        operation: What computes its value.
        hit: Whether the cache has a value for it.
        reason: Why it is a hit, or a miss; a sentence.
        inputs: What the key is made of.
        irrelevant: What the value does not depend on.
    """

    key: str
    operation: str
    hit: bool
    reason: str
    inputs: tuple[Input, ...]
    irrelevant: tuple[Input, ...]


def of_path(path: str, store: "CacheStore") -> Explained:
    """The key of what is read from a file as it is now.

    Raises:
        NotFoundError: It is not a file that is indexed.
        UsageError: It lies outside of the current repository.
    """
    source = open_source(path, untracked=True)
    snapshot = source.snapshot()
    files = source.files(snapshot, store)
    relative = source.locate(path, files)
    content = files[relative]
    limit = load().config.index.max_file_bytes
    wanted = artefacts.wanted(relative, content, limit)
    if isinstance(wanted, str):
        raise NotFoundError(f"{path} is not read, because it is {wanted}: it has no key.")
    given = artefacts.inputs_of(content, wanted.language, limit)
    changed = relative in snapshot.changed
    return _explained(
        wanted.key,
        artefacts.OPERATION,
        {name: str(value) for name, value in given.items()},
        store,
        artefacts.identity(content, wanted.language, limit),
        f"the content is that of commit {snapshot.commit[:12]}"
        if snapshot.commit and not changed
        else "the content's name was made from the file as it is now",
        changed=changed and bool(snapshot.commit),
    )


def of_key(key: str, store: "CacheStore") -> Explained:
    """What a key says by itself.

    Raises:
        UsageError: It is not one.
    """
    parts = keys.parse_key(key)
    given = {}
    if parts.commit:
        given["commit"] = parts.commit
    if parts.dirty:
        given["changes"] = parts.dirty
    elif parts.part and not parts.commit:
        given["content"] = parts.part
    return _explained(key, parts.operation, given, store, "", "it was found under exactly this key")


def _explained(
    key: str,
    operation: str,
    given: dict[str, str],
    store: "CacheStore",
    identity: str,
    fresh: str,
    *,
    changed: bool = False,
) -> Explained:
    known = OPERATIONS.get(operation)
    whys = {
        "commit": "What is tracked and unchanged is fixed by it.",
        "changes": "It is a digest of the contents that differ from the commit.",
        "content": "Outside git, a digest of all files stands for the state.",
        **(known.inputs if known else {}),
    }
    names = dict.fromkeys([*given, *(known.inputs if known else {})])
    inputs = tuple(Input(name, given.get(name, ""), whys[name]) for name in names)
    irrelevant = tuple(Input(n, "", why) for n, why in known.irrelevant.items()) if known else ()
    found = store.lookup(key, identity)
    if isinstance(found, Miss):
        reason = str(found.reason)
        if changed and found.reason == MissReason.NEVER_STORED:
            reason = f"{MissReason.DIRTY}: this content was never seen"
        return Explained(key, operation, False, reason, inputs, irrelevant)
    age = max(0, time.time_ns() - found.created_ns) // 10**9
    reason = f"stored {age:,} s ago, with its checksum; {fresh}"
    return Explained(key, operation, True, reason, inputs, irrelevant)

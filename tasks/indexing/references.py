"""Which segments a repository has: the last of each worktree and branch, the newest first.

They are hints where to begin: one that is lost, or overwritten by another process, costs work and
nothing else.
"""

from typing import TYPE_CHECKING, NamedTuple

import msgpack

from slipstream.tasks.indexing import keys
from slipstream.tasks.indexing.model import Snapshot

if TYPE_CHECKING:
    from slipstream.storage.cache import CacheStore

KEPT = 16


class Reference(NamedTuple):
    """What was indexed last on a branch in a worktree.

    Attributes:
        worktree: Of the snapshot.
        branch: Of the snapshot.
        commit: Full object name.
        segment: Key of the segment that its index is based on.
    """

    worktree: str
    branch: str
    commit: str
    segment: str


def load(store: "CacheStore", repository: str, producer: str) -> list[Reference]:
    """The references of a repository, the newest first."""
    packed = store.get(_key(repository, producer))
    if packed is None:
        return []
    try:
        return [Reference(*map(str, row)) for row in msgpack.unpackb(packed)]
    except (ValueError, TypeError, msgpack.UnpackException):
        return []


def remember(store: "CacheStore", snapshot: Snapshot, producer: str, segment: str) -> None:
    """Put the segment that a snapshot was last indexed with first."""
    made = Reference(snapshot.worktree, snapshot.branch, snapshot.commit, segment)
    old = load(store, snapshot.repository, producer)
    if made in old[:1]:
        return
    others = [each for each in old if each[:2] != made[:2]]
    store.set(
        _key(snapshot.repository, producer),
        msgpack.packb([made, *others][:KEPT]),
        sliding=True,
        tags=[f"repository:{snapshot.repository}"],
    )


def candidates(found: list[Reference], snapshot: Snapshot) -> list[str]:
    """Keys of segments, those first that are likely to be near to a snapshot."""
    here, branch = snapshot.worktree, snapshot.branch
    ranked = sorted(found, key=lambda each: (each.branch != branch) + 2 * (each.worktree != here))
    return list(dict.fromkeys(each.segment for each in ranked))


def _key(repository: str, producer: str) -> str:
    return keys.artefact("reference", {"repository": repository, "producer": producer})

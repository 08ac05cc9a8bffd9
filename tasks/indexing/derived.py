"""Which entries of the cache were computed from a commit, or from a path: what to remove of it.

Contents are named by what they are, so that none of this is ever stale; it is removed to be
computed again, or to be gone.
"""

import re
from typing import TYPE_CHECKING

from slipstream.storage.config.load import load
from slipstream.storage.errors import NotFoundError
from slipstream.tasks.indexing import artefacts
from slipstream.tasks.indexing.snapshot import open_source

if TYPE_CHECKING:
    from slipstream.storage.cache import CacheStore

FULL_NAME = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")


def of_commit(store: "CacheStore", commit: str, path: str = ".") -> set[str]:
    """Keys of what was computed for a commit, its dirty states among them.

    Args:
        store: The cache.
        commit: A full object name, also of a commit that is gone; or a branch or tag.
        path: The repository in which a branch or tag is looked for.

    Raises:
        NotFoundError: The repository has no such commit.
    """
    if not FULL_NAME.fullmatch(commit):
        commit = open_source(path, commit).snapshot().commit
    return {*store.keys(tag=f"commit:{commit}"), *store.keys(glob=f"*::*::{commit}*::*")}


def of_path(store: "CacheStore", path: str) -> set[str]:
    """Keys of what was read from a file, or from the files of a folder, as they are now.

    Segments and answers hold what was read from all files of their repository, and go with it.

    Raises:
        NotFoundError: There is no such path, or no file of it is indexed.
        UsageError: It lies outside the repository that the current folder belongs to.
    """
    source = open_source(path, untracked=True)
    below = source.relative(path)
    snapshot = source.snapshot()
    limit = load().config.index.max_file_bytes
    found = {
        each.key
        for name, content in source.files(snapshot, store).items()
        if not below or name == below or name.startswith(f"{below}/")
        if not isinstance(each := artefacts.wanted(name, content, limit), str)
    }
    if not found:
        raise NotFoundError(f"No file of {path} is one that is indexed.")
    return found | set(store.keys(tag=f"repository:{snapshot.repository}"))

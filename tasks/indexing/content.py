"""Names of contents: inside git the object name of the blob, outside it the SHA-256 of the bytes.

Both are computed here from what is in the worktree, so that a file that was changed back, or is
committed as it stands, has the name that it has in the commit.
"""

import hashlib
import os
import stat
from typing import Literal, TypeAlias

Form: TypeAlias = Literal["sha1", "sha256", "plain"]
"""How bytes are named: as blobs of a SHA-1 or a SHA-256 repository, or plainly by SHA-256."""

PIECE = 1 << 20
"""Bytes read at once: what is large is never held whole."""

_BINARY = getattr(os, "O_BINARY", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)  # a pipe would wait for its writer


def name_of(data: bytes, form: Form) -> str:
    """The name of bytes at hand."""
    digest = begin(len(data), form)
    digest.update(data)
    return digest.hexdigest()


def empty_tree(form: Form) -> str:
    """The object name of a tree without files: what stands for the commit before the first one."""
    return hashlib.new("sha1" if form == "sha1" else "sha256", b"tree 0\0").hexdigest()


def read(path: str, form: Form, limit: int | None = None) -> tuple[str, bytes] | None:
    """Name a file or a symbolic link, whose content is its target, and read its beginning.

    Args:
        path: Where it is.
        form: How to name it.
        limit: Keep this many bytes; None: all. The rest is digested piece by piece.

    Returns:
        None when it is neither, is not there, cannot be read, or changes meanwhile.
    """
    try:
        if stat.S_ISLNK(os.lstat(path).st_mode):
            data = os.fsencode(os.readlink(path))
            return name_of(data, form), data
        handle = os.open(path, os.O_RDONLY | _BINARY | _NOFOLLOW | _NONBLOCK)
    except OSError:
        return None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            return None
        size = status.st_size
        digest = begin(size, form)
        seen, kept = 0, []
        while data := os.read(handle, min(size, PIECE) + 1):
            digest.update(data)
            if limit is None or seen < limit:
                kept.append(data)
            seen += len(data)
    except OSError:
        return None
    finally:
        os.close(handle)
    if seen != size:
        return None
    return digest.hexdigest(), b"".join(kept)[:limit]


def begin(size: int, form: Form) -> "hashlib._Hash":
    """A digest that becomes the name of `size` bytes once it was given them."""
    if form == "plain":
        return hashlib.sha256()
    digest = hashlib.sha1(usedforsecurity=False) if form == "sha1" else hashlib.sha256()
    digest.update(b"blob %d\0" % size)
    return digest

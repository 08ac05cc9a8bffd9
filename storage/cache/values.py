"""Large values: files named by the SHA-256 of what they hold, so that the same bytes are kept once.

A file is written under another name and moved to its own while its writer holds the cache's write
lock; it is removed under that lock too, when no entry names it. It is not synchronised to the disk:
what a loss of power leaves of it does not have its checksum, which is a miss.
"""

import mmap
import os
from pathlib import Path
from typing import TypeGuard

from xxhash import xxh3_128

from slipstream.storage.paths import make_private

INLINE = 64 * 1024  # bytes up to which a value is kept in the database
COPIED = 256 * 1024  # bytes up to which reading a file takes less than mapping it
FOLDER = "values"
NAME = 64  # digits of a SHA-256
_DIGITS = "0123456789abcdef"
_NEW = "new-"


def checksum(key: str, value: bytes | memoryview) -> bytes:
    """xxh3-128 over the key, with its length, and the value: 16 bytes."""
    state = xxh3_128(f"{len(key)}:{key}".encode())
    state.update(value)
    return state.digest()


def path_of(folder: Path, name: str) -> Path:
    """Where the file of a value is, below the cache's folder."""
    return folder / FOLDER / name[:2] / name


def is_name(name: object) -> TypeGuard[str]:
    """Whether this is a value's name; a damaged or planted row may have the path of any file."""
    return isinstance(name, str) and len(name) == NAME and not name.strip(_DIGITS)


def is_new(path: Path) -> bool:
    """Whether a file in the folder of values is one that is still being written."""
    return path.name.startswith(_NEW)


def write(folder: Path, value: bytes | memoryview) -> tuple[str, Path]:
    """Write a value under a temporary name.

    Returns:
        The name it is to have, and where it is now.

    Raises:
        OSError: It cannot be written; nothing is left.
        StorageError: The folder cannot be made.
    """
    import hashlib

    name = hashlib.sha256(value).hexdigest()
    # At random: processes of two containers that share the folder may have the same number.
    place = folder / FOLDER / f"{_NEW}{os.urandom(8).hex()}"
    make_private(folder)
    make_private(place.parent)
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        try:
            view = memoryview(value)
            while len(view):  # a write may be cut short
                view = view[os.write(handle, view) :]
        finally:
            os.close(handle)
    except OSError:
        place.unlink(missing_ok=True)
        raise
    return name, place


def place(folder: Path, name: str, written: Path) -> None:
    """Give a written file its name; the write lock is held."""
    path = path_of(folder, name)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    os.replace(written, path)


def read(folder: Path, name: str) -> bytes | memoryview | None:
    """What a value's file holds, mapped to memory when it is large; None when it cannot be read."""
    try:
        handle = os.open(f"{folder}/{FOLDER}/{name[:2]}/{name}", os.O_RDONLY)
    except OSError:
        return None
    try:
        size = os.fstat(handle).st_size
        if size <= COPIED:
            return os.read(handle, size)
        return memoryview(mmap.mmap(handle, size, access=mmap.ACCESS_READ))
    except (OSError, ValueError):
        return None
    finally:
        os.close(handle)


def remove(folder: Path, name: str) -> int:
    """Remove a value's file; returns its bytes, 0 when there is none."""
    path = path_of(folder, name)
    try:
        size = path.stat().st_size
        path.unlink()
    except OSError:  # Windows keeps files that are mapped; a clean-up removes them later
        return 0
    return size

"""The keys of what is read from contents, and of segments of it.

A path's name decides the language, but for two kinds of names whose content is looked at: headers
of C, which may be C++, and names that tell nothing, which may begin with `#!`. The key says which
kind it is, so that it is known without reading the content.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from slipstream.storage.cache import Item
from slipstream.tasks.indexing import keys, language, pack, parse, segment, skip
from slipstream.tasks.indexing.model import Files, SkipReason

if TYPE_CHECKING:
    from slipstream.storage.cache import CacheStore

HEADER = "c-or-cpp"
UNKNOWN = "by-content"
OPERATION = "parse"


class Wanted(NamedTuple):
    """A content that is to be read for the index.

    Attributes:
        path: One of those where it stands.
        content: Its name.
        language: What its path tells of its language.
        key: Of what is read from it.
    """

    path: str
    content: str
    language: str
    key: str


def wanted(path: str, content: str, max_bytes: int) -> Wanted | SkipReason:
    """The content of a path as it is to be read, or why it is not.

    Args:
        path: Relative to the root.
        content: Name of what stands there.
        max_bytes: Size of the largest content that is read.
    """
    if reason := skip.by_path(path, -1, max_bytes):
        return reason
    named = language_of(path)
    inputs = inputs_of(content, named, max_bytes)
    return Wanted(path, content, named, keys.artefact(OPERATION, inputs))


def inputs_of(content: str, named: str, max_bytes: int) -> dict[str, keys.Input]:
    """What the key of an artefact is made of."""
    return {
        "content": content,
        "language": named,
        "max_bytes": max_bytes,
        "producer": producer(named),
    }


def too_large(path: str) -> bytes:
    """The artefact of a content that is not read for its size."""
    return pack.join(language.of(path), 0, "large", (), {}, (), b"")


def store(cache: "CacheStore", made: Sequence[tuple[Wanted, bytes]], max_bytes: int) -> None:
    """Keep artefacts, at one go."""
    cache.set_many(
        Item(
            each.key,
            packed,
            producer=producer(each.language),
            identity=identity(each.content, each.language, max_bytes),
            sliding=True,
        )
        for each, packed in made
    )


def identity(content: str, named: str, max_bytes: int) -> str:
    """What stays the same when only the version of what reads a content changes."""
    return keys.digest([OPERATION, content, named, max_bytes])


def language_of(path: str) -> str:
    """What a path tells of the language of its content."""
    named = language.of(path)
    if named == language.TEXT:
        return UNKNOWN
    return HEADER if named == "c" and path.lower().endswith(".h") else named


@cache
def producer(named: str) -> str:
    """Version of what reads contents of a language; of everything where the content decides."""
    if named == HEADER:
        return f"{producer('c')}+{producer('cpp')}"
    if named == UNKNOWN:
        return everything()
    try:
        return parse.producer(named)
    except ModuleNotFoundError:  # its grammar is not installed: it is read as plain text
        return f"{named}-{parse.producer(language.TEXT)}"


@cache
def everything() -> str:
    """Digest of the versions of all that reads contents.

    The grammars' are those of the packages that are installed: one look into their folders, where
    asking for each of them takes 20 ms.
    """
    versions = [parse.producer(language.TEXT), pack.TAG]
    for folder in sys.path:
        with suppress(OSError):
            versions += [
                name
                for name in os.listdir(folder)
                if name.startswith("tree_sitter") and name.endswith(".dist-info")
            ]
    return keys.digest(sorted(versions))[:16]


def segment_key(files: Files, max_bytes: int) -> str:
    """The key of the segment of files."""
    ordered = sorted(files.items())
    # Joined, since 10,000 files one by one take ten times as long.
    joined = "\0".join([text for each in ordered for text in each])
    inputs = {"files": joined, "producer": segment_producer(max_bytes)}
    return keys.artefact("segment", inputs)


def segment_producer(max_bytes: int) -> str:
    """Version of all that a segment is made by."""
    return f"{segment.VERSION}-{everything()}-{max_bytes}"

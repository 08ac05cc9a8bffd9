"""Warming in parts: which contents of a commit belong together, and the work on one part.

A content's name decides its batch, not its place in a list: a commit that changes a few files
leaves all other batches as they were, and what was done for them counts.
"""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from slipstream.storage import logs
from slipstream.storage.config.load import load
from slipstream.storage.errors import SlipError, UsageError
from slipstream.tasks.indexing import artefacts, embed, keys, pack, warm
from slipstream.tasks.indexing.artefacts import Wanted
from slipstream.tasks.indexing.model import Chunk, Snapshot
from slipstream.tasks.indexing.snapshot import Source, open_source

if TYPE_CHECKING:
    from slipstream.storage.cache import CacheStore

LABEL = 12
"""Digits of a commit that a person reads."""


class Origin(NamedTuple):
    """Where the files of a snapshot are read, as `open_source` takes it."""

    path: str = "."
    revision: str = ""
    untracked: bool = False

    def __str__(self) -> str:
        return f"{self.path}@{self.revision or 'HEAD'}"

    def open(self) -> Source:
        """Open it.

        Raises:
            NotFoundError: There is no such path or revision.
        """
        return open_source(self.path, self.revision, self.untracked)


class Batch(NamedTuple):
    """Contents that are read together.

    Attributes:
        name: Its number of how many, with repository and commit: `3/8 of linux@1f3c5d7e9a2b`.
        wanted: The contents, in the order of their paths.
        identity: Digest of the keys of what is computed from them.
        missing: How many of those are not in the cache.
    """

    name: str
    wanted: tuple[Wanted, ...]
    identity: str
    missing: int


def label(origin: Origin) -> str:
    """The repository and the commit as a person names them: `linux@1f3c5d7e9a2b-dirty`."""
    try:
        return _label(origin.open().snapshot())
    except SlipError:  # the work itself will say why
        return str(origin)


def plan(origin: Origin, store: "CacheStore", size: int) -> list[Batch]:
    """All contents of a snapshot that are to be read, in batches of about `size`.

    Raises:
        NotFoundError: There is no such path or revision, or its files cannot be listed.
    """
    source = origin.open()
    snapshot = source.snapshot()
    limit = load().config.index.max_file_bytes
    found: dict[str, Wanted] = {}
    for path, content in sorted(source.files(snapshot, store).items()):
        each = artefacts.wanted(path, content, limit)
        if not isinstance(each, str):
            found.setdefault(each.key, each)
    # A power of two: when a repository grows past it, batches are halved and not all mixed anew.
    count = 1 << max(0, math.ceil(math.log2(max(1, len(found)) / size)))
    parts: list[list[Wanted]] = [[] for _ in range(count)]
    for key, each in found.items():
        parts[int(key[-8:], 16) % count].append(each)
    return [
        Batch(
            f"{number}/{count} of {_label(snapshot)}",
            tuple(part),
            keys.digest(sorted(each.key for each in part)),
            sum(not store.exists(each.key) for each in part),
        )
        for number, part in enumerate(parts, 1)
        if part
    ]


def index(batch: Batch, origin: Origin, store: "CacheStore", workers: int = 0) -> dict[str, Any]:
    """Read and parse what is missing of a batch.

    Returns:
        How many `contents` it has, and how many of them could not be read: `missing`.
    """
    report = warm.index_batch(origin.open(), list(batch.wanted), store, workers=workers)
    return {"contents": len(batch.wanted), "missing": len(report.missing)}


def checked_model() -> str:
    """The name of the configured embedding model, which the mode allows.

    Raises:
        UsageError: None is configured, or the mode does not allow its server.
        EndpointError: The local one is not installed.
    """
    embedder = _embedder()
    embedder.close()
    return embedder.model


def measure(store: "CacheStore") -> int:
    """How many numbers a vector of the configured model has.

    Raises:
        EndpointError: It does not answer with vectors.
    """
    embedder = _embedder()
    try:
        return embed.measure(embedder, store)
    finally:
        embedder.close()


def unembedded(planned: Sequence[Batch], store: "CacheStore", model: str, size: int) -> list[Batch]:
    """The batches with the number of chunks that have no vector as what is `missing`."""
    counted = []
    for batch in planned:
        digests = {chunk.digest for *_, chunks in _chunks(batch, store) for chunk in chunks}
        absent = sum(1 for _ in embed.absent(store, model, size, digests))
        counted.append(batch._replace(missing=absent))
    return counted


def embed_batch(
    batch: Batch, origin: Origin, store: "CacheStore", size: int, at_once: int
) -> dict[str, Any]:
    """Make the vectors of a batch's chunks that have none.

    Returns:
        How many different `chunks` it has, and how many files are `missing`.

    Raises:
        EndpointError: The model does not answer with vectors.
    """
    embedder = _embedder()
    try:
        report = embed.embed_files(
            origin.open(), store, embedder, size, _chunks(batch, store), at_once
        )
    finally:
        embedder.close()
    return {"chunks": report.chunks, "missing": report.missing}


def publish(origin: Origin, store: "CacheStore", workers: int = 0) -> dict[str, Any]:
    """Keep the segment of the files as they are now, and index what was changed meanwhile.

    Returns:
        The `commit` and its `part` of keys, the `segment`'s key; how many `files` and `chunks` are
        in the index, how many were `parsed` just now, `skipped` by reason, and could not be read.

    Raises:
        NotFoundError: There is no such path or revision, or its files cannot be listed.
    """
    found = warm.ensure(origin.open(), store, workers=workers)
    return {
        "commit": found.snapshot.commit,
        "part": found.snapshot.part,
        "segment": found.segment,
        "files": len(found.files),
        "chunks": found.view.chunks,
        "parsed": found.report.parsed,
        "skipped": dict(found.report.skipped),
        "missing": len(found.report.missing),
    }


def _label(snapshot: Snapshot) -> str:
    folder = snapshot.root.removesuffix("/.git").rpartition("/")[2]
    commit = snapshot.commit[:LABEL] or snapshot.part[:LABEL]
    return f"{folder}@{commit}{'-dirty' if keys.DIRTY in snapshot.part else ''}"


def _embedder() -> embed.Embedder:
    found = embed.open_embedder(load().config)
    if found is None:
        raise UsageError(
            "No embedding model is configured; set `embeddings.base_url` and `embeddings.model`, "
            f"or the model `{embed.LOCAL}`."
        )
    return found


def _chunks(batch: Batch, store: "CacheStore") -> Iterator[tuple[str, str, Sequence[Chunk]]]:
    """Path, content name and chunks of each content that was read."""
    for each in batch.wanted:
        packed = store.get(each.key)
        if packed is None:
            continue
        try:
            chunks = pack.unpack(packed).chunks
        except ValueError as error:
            logs.warning("index.artefact-unreadable", key=each.key, why=str(error))
            continue
        yield each.path, each.content, chunks

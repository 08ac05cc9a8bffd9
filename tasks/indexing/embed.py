"""Vectors of chunks and of queries: asked for once, then kept under text, model and size.

A chunk is named by its text, so that one that stands in many files and commits is sent once. How
many numbers a vector of a model has is known when it has answered once; that is kept too.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Protocol

from xxhash import xxh3_128_hexdigest

from slipstream.storage.cache.data import Item
from slipstream.storage.config.endpoints import EndpointError
from slipstream.storage.config.settings import Config
from slipstream.tasks.indexing import keys, skip
from slipstream.tasks.indexing.model import Chunk

if TYPE_CHECKING:
    from slipstream.storage.cache import CacheStore
    from slipstream.tasks.indexing.snapshot import Source

VERSION = 1
"""Bump when a text would be given another vector by the same model: its form, how it is cut."""
LOCAL = "local"
"""The name in `embeddings.model` of the model that needs no server."""
PRIORITY = 1  # of entries: they cost a server's time, so others are evicted first
LOOKED_UP = 1000  # keys at a time
TAG = "embedding"


class Embedder(Protocol):
    """A model that gives texts vectors.

    Attributes:
        model: Its name; vectors of two names are never compared.
    """

    model: str

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of the texts, in their order, all of one length."""

    def close(self) -> None:
        """Give back what it holds."""


class EmbedReport(NamedTuple):
    """What was done for the chunks of some files.

    Attributes:
        chunks: Distinct chunks.
        sent: How many of them had no vector, and were sent.
        missing: Files with such chunks whose content could not be read.
    """

    chunks: int
    sent: int
    missing: int


def model_name(config: Config) -> str:
    """The model that keys name, whether or not it can be reached; empty: none is set."""
    settings = config.embeddings
    if settings.model == LOCAL:
        from slipstream.tasks.indexing.embed_local import MODEL

        return MODEL
    return settings.model if settings.base_url else ""


def open_embedder(config: Config, *, tries: int = 0, seconds: float = 0.0) -> Embedder | None:
    """The model that the configuration names; None: it names none.

    Args:
        config: All settings.
        tries: How often a server that is not there is asked; 0: as often as work that may wait is.
        seconds: How long one answer may take; 0: as for work that may wait.

    Raises:
        EndpointError: The local model is not installed, or the server's host has no address.
        UsageError: The server's address is wrong, or the mode does not allow it.
    """
    if not model_name(config):
        return None
    if config.embeddings.model == LOCAL:
        from slipstream.tasks.indexing.embed_local import LocalEmbedder

        return LocalEmbedder()
    from slipstream.tasks.indexing.embed_server import SECONDS, TRIES, EmbeddingServer

    return EmbeddingServer(
        config.embeddings, config.mode, tries=tries or TRIES, seconds=seconds or SECONDS
    )


def key(text_digest: str, model: str, dimensions: int) -> str:
    """The key of a text's vector; the digest is xxh3-128 of its UTF-8, as of chunks."""
    inputs: dict[str, keys.Input] = {
        "text": text_digest,
        "model": model,
        "dimensions": dimensions,
        "producer": VERSION,
    }
    return keys.artefact("embedding", inputs)


def measure(embedder: Embedder, store: "CacheStore") -> int:
    """How many numbers a vector has: asked of the model now, and kept for `dimensions`.

    Raises:
        EndpointError: The model does not answer with vectors.
    """
    size = len(embedder.embed(["How long is a vector?"])[0])
    name = keys.artefact("embedding-size", {"model": embedder.model})
    store.set(name, json.dumps(["embedding-size-1", size]).encode(), sliding=True, tags=(TAG,))
    return size


def dimensions(model: str, store: "CacheStore") -> int:
    """How many numbers a vector of the model had when it was measured; 0: it never was."""
    kept = store.get(keys.artefact("embedding-size", {"model": model}))
    try:
        schema, size = json.loads(kept or b"null")
        return int(size) if schema == "embedding-size-1" else 0
    except (TypeError, ValueError):
        return 0


def embed_files(
    source: "Source",
    store: "CacheStore",
    embedder: Embedder,
    size: int,
    files: Iterable[tuple[str, str, Sequence[Chunk]]],
    at_once: int,
) -> EmbedReport:
    """See to it that every chunk of some files has a vector.

    What was done is kept after each batch, so that little is lost when it is ended.

    Args:
        source: Where contents are read.
        store: Where vectors are kept.
        embedder: The model.
        size: Numbers in a vector, as `measure` says.
        files: Path, content name and chunks of each.
        at_once: Texts that are sent together.

    Raises:
        EndpointError: The model does not answer with vectors.
    """
    from slipstream.tasks.indexing import quantise

    listed = list(files)
    chunks = dict.fromkeys(chunk.digest for *_, found in listed for chunk in found)
    wanted = set(absent(store, embedder.model, size, chunks))
    sent = 0
    texts = _Texts(source, listed, wanted)
    while group := dict(islice(texts, at_once)):
        vectors = embedder.embed(list(group.values()))
        if len(vectors[0]) != size:
            raise EndpointError(
                f"The model {embedder.model} answers with vectors of {len(vectors[0])} numbers "
                f"after ones of {size}; is more than one model behind this name?"
            )
        packed = zip(group, quantise.pack(vectors), strict=True)
        store.set_many([_item(digest, embedder.model, size, value) for digest, value in packed])
        sent += len(group)
    return EmbedReport(len(chunks), sent, texts.missing)


def absent(
    store: "CacheStore", model: str, dimensions: int, digests: Iterable[str]
) -> Iterator[str]:
    """The digests of texts that have no vector of this model and size, in their order."""
    left = iter(digests)
    while group := list(islice(left, LOOKED_UP)):
        names = [key(digest, model, dimensions) for digest in group]
        found = store.get_many(names)
        yield from (digest for digest, name in zip(group, names, strict=True) if name not in found)


def embed_query(text: str, embedder: Embedder, store: "CacheStore", dimensions: int) -> bytes:
    """The packed vector of a query, kept like that of a chunk.

    Raises:
        EndpointError: The model does not answer, or with a vector of another size.
    """
    from slipstream.tasks.indexing import quantise

    digest = xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass"))
    kept = store.get(key(digest, embedder.model, dimensions))
    if kept is not None and quantise.is_packed(kept, dimensions):
        return kept
    [vector] = embedder.embed([text])
    if len(vector) != dimensions:
        raise EndpointError(
            f"The model {embedder.model} answers with vectors of {len(vector)} numbers, and those "
            f"of the index have {dimensions}; run `slip cache warm --embed` to make them anew."
        )
    value: bytes = quantise.pack([vector])[0]
    store.set_many([_item(digest, embedder.model, dimensions, value)])
    return value


class _Texts:
    """The texts of wanted chunks, each once, file after file: digest and text.

    Attributes:
        missing: Files that could not be read so far.
    """

    def __init__(
        self,
        source: "Source",
        files: Iterable[tuple[str, str, Sequence[Chunk]]],
        wanted: set[str],
    ) -> None:
        self.missing = 0
        self._wanted = wanted
        self._chunks: Mapping[tuple[str, str], Sequence[Chunk]] = {
            (path, name): chunks
            for path, name, chunks in files
            if any(chunk.digest in wanted for chunk in chunks)
        }
        self._texts = self._read(source)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return self._texts

    def _read(self, source: "Source") -> Iterator[tuple[str, str]]:
        from slipstream.tasks.indexing.parse import offsets

        for path, name, data in source.read(self._chunks):
            text = None if data is None else skip.decoded(data)
            if text is None:
                self.missing += 1
                continue
            starts = offsets(text)
            for chunk in self._chunks[path, name]:
                if chunk.digest in self._wanted:
                    self._wanted.discard(chunk.digest)
                    piece = text[starts[chunk.start - 1] : starts[chunk.end]]
                    yield chunk.digest, piece.decode("utf-8", "replace")


def _item(digest: str, model: str, dimensions: int, value: bytes) -> Item:
    name = key(digest, model, dimensions)
    return Item(name, value, sliding=True, priority=PRIORITY, tags=(TAG,), producer=model)

"""Which chunks are nearest to a query by meaning: exact, by comparing it with all of them.

Up to `MOST` chunks that takes less time than the rest of a search, and unlike an approximate index
it gives the same answer whatever was indexed before. The vectors of a segment's chunks are kept as
one value, row by row, so that they are mapped into memory and not read one by one. All chunks that
are there have a vector, or there is no answer: half an answer would depend on the past.
"""

import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from xxhash import xxh3_128_hexdigest

from slipstream.storage.config.settings import Config
from slipstream.storage.errors import SlipError
from slipstream.tasks.indexing import embed, keys
from slipstream.tasks.indexing.model import Chunk
from slipstream.tasks.indexing.view import Part, View

if TYPE_CHECKING:
    from slipstream.storage.cache import CacheStore
    from slipstream.tasks.indexing.quantise import Floats, Integers
    from slipstream.tasks.indexing.snapshot import Source

VERSION = 1
"""Bump when the table of a segment's vectors is laid out differently."""
MOST = 100_000
"""Chunks; numpy compares so many vectors of 384 numbers in about 10 ms on two cores."""
ON_THE_WAY = 256
"""Chunks without a vector that a search sends itself: some edited files."""
KEPT_FROM = 1000
"""Chunks of a segment from which on its vectors are kept as one value."""
PRIORITY = -1  # of that value: it can be put together again from the vectors
FOUND = 1000
"""Chunks that a search is given: it leaves out those that its filters do not allow."""
TRIES, SECONDS = 2, 10.0
"""For the server during a search: somebody waits."""

_DIGEST = 16  # bytes
_WARM = "run `slip cache warm --embed`"

Ranked: TypeAlias = list[tuple[str, int]]
"""Path and number of a chunk in its file, the nearest first."""


class Searcher:
    """What a search asks for the chunks that are nearest to a query.

    Attributes:
        problem: Why the last query had no answer (the server is down, there are too many chunks,
            many have no vector), as a sentence; empty: it had one. The search went by names and
            words alone then, and its result must not be kept as a full one.
    """

    def __init__(self, view: View, source: "Source", store: "CacheStore", config: Config) -> None:
        """Nothing is asked yet; the arguments are those of `search`."""
        self.problem = ""
        self._search = partial(search, view, source=source, store=store, config=config)

    def __call__(self, query: str, limit: int = FOUND) -> Ranked:
        """The chunks nearest to the query; none when there is a problem."""
        self.problem = ""
        try:
            return self._search(query, limit)
        except SlipError as error:
            self.problem = f"{error} This search goes by names and words alone."
            return []


def searcher(view: View, source: "Source", store: "CacheStore", config: Config) -> Searcher | None:
    """What `search.search` takes as `vectors`; None: the configuration names no model."""
    return Searcher(view, source, store, config) if embed.model_name(config) else None


def search(
    view: View, query: str, limit: int, source: "Source", store: "CacheStore", config: Config
) -> Ranked:
    """The chunks of a view that are nearest to a query, ties in the order of paths and lines.

    Args:
        view: The index.
        query: In words or code.
        limit: How many to find.
        source: Where the contents of chunks are that have no vector yet.
        store: Where vectors are kept.
        config: All settings.

    Raises:
        SlipError: There is no answer; it says why.
    """
    model = embed.model_name(config)
    size = embed.dimensions(model, store)
    if not size:
        raise SlipError(f"No chunk has a vector by {model} yet; {_WARM} to make them.")
    if view.chunks > MOST:
        raise SlipError(f"More than {MOST:,} chunks ({view.chunks:,}) are not compared by vectors.")
    if "numpy" not in sys.modules:
        # Comparing is bound by memory: one core does 35,000 in 3 ms. The threads that numpy's
        # library starts otherwise wait for each other: 100 to 400 ms where the cores are busy.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    lazy = _Lazy(config)
    try:
        found = [_table(part, store, model, size) for part in view.parts]
        absent = [rows for _, rows in found]
        if any(absent):
            _send(view, absent, source, store, lazy, size, config)
            found = [_table(part, store, model, size) for part in view.parts]
        wanted = embed.embed_query(query, lazy, store, size)
    finally:
        lazy.close()
    if any(rows for _, rows in found):
        raise SlipError("The cache does not keep the vectors of chunks; see `slip cache stats`.")
    return _nearest(view, [table for table, _ in found], wanted, limit)


class _Lazy:
    """The model, opened when it is first asked: the vectors of most queries' chunks are there."""

    def __init__(self, config: Config) -> None:
        self.model = embed.model_name(config)
        self._config = config
        self._opened: embed.Embedder | None = None

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        if self._opened is None:
            self._opened = embed.open_embedder(self._config, tries=TRIES, seconds=SECONDS)
        assert self._opened is not None  # there is a name
        return self._opened.embed(texts)

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()


def _table(
    part: Part, store: "CacheStore", model: str, size: int
) -> "tuple[tuple[Floats, Integers] | None, list[int]]":
    """Scales and integers of each chunk of a part, gone ones too, and the chunks that lack them.

    Only chunks that are there and have no vector count as lacking one; a part without chunks has
    no table.
    """
    import numpy as np

    from slipstream.tasks.indexing import quantise

    count = part.segment.chunks()
    if not count:
        return None, []
    name = _table_key(part, model, size)
    kept = store.view(name) if count >= KEPT_FROM else None
    if kept is not None and len(kept) == count * (4 + size):
        scales = np.frombuffer(kept, "<f4", count)
        return (scales, np.frombuffer(kept, np.int8, offset=4 * count).reshape(count, size)), []
    digests = _digests(part)
    found = _vectors(dict.fromkeys(digests), store, model, size)
    nothing = quantise.TAG + bytes(4 + size)
    table = quantise.unpack([found.get(digest, nothing) for digest in digests], size)
    absent = [row for row, digest in enumerate(digests) if digest not in found]
    if count >= KEPT_FROM and not absent:
        value = table[0].astype("<f4").tobytes() + table[1].tobytes()
        store.set(name, value, priority=PRIORITY, tags=(embed.TAG,), producer=model)
    gone = part.gone_chunks
    return table, [row for row in absent if not (gone and gone[row])]


def _send(
    view: View,
    absent: list[list[int]],
    source: "Source",
    store: "CacheStore",
    model: embed.Embedder,
    size: int,
    config: Config,
) -> None:
    """Give the chunks of edited files their vectors."""
    if (count := sum(map(len, absent))) > ON_THE_WAY:
        raise SlipError(f"{count:,} chunks have no vector by {model.model} yet; {_WARM}.")
    files: dict[tuple[str, str], list[Chunk]] = {}
    for part, rows in zip(view.parts, absent, strict=True):
        tables, digests = part.segment, _digests(part)
        for row in rows:
            file = tables.file_of_chunk(row)
            chunk = Chunk(tables.chunk_start[row], tables.chunk_end[row], digests[row], -1)
            place = tables.paths.text(file), tables.contents.text(file)
            files.setdefault(place, []).append(chunk)
    listed = [(*place, chunks) for place, chunks in files.items()]
    report = embed.embed_files(source, store, model, size, listed, config.embeddings.batch)
    if report.missing:
        raise SlipError(f"{report.missing} files changed while they were read; search again.")


def _vectors(
    digests: dict[str, None], store: "CacheStore", model: str, size: int
) -> dict[str, bytes]:
    """The packed vectors of chunks, of those that have one."""
    from slipstream.tasks.indexing import quantise

    names = {embed.key(digest, model, size): digest for digest in digests}
    found = store.get_many(list(names))
    return {names[n]: value for n, value in found.items() if quantise.is_packed(value, size)}


def _nearest(
    view: View, tables: "list[tuple[Floats, Integers] | None]", wanted: bytes, limit: int
) -> Ranked:
    import numpy as np

    from slipstream.tasks.indexing import quantise

    best: list[tuple[float, str, int]] = []
    for part, table in zip(view.parts, tables, strict=True):
        if table is None:
            continue
        scores = quantise.scores(*table, wanted)
        if part.gone_chunks:
            scores[np.frombuffer(part.gone_chunks, np.uint8) != 0] = -np.inf
        count = min(limit, len(scores))
        # All that are as near as the last one: which of them are taken is decided by their place.
        least = np.partition(scores, -count)[-count] if count else np.inf
        for row in np.flatnonzero((scores >= least) & np.isfinite(scores)).tolist():
            file = part.segment.file_of_chunk(row)
            path = part.segment.paths.text(file)
            best.append((-float(scores[row]), path, row - part.segment.file_chunks[file]))
    return [(path, chunk) for _, path, chunk in sorted(best)[:limit]]


def _table_key(part: Part, model: str, size: int) -> str:
    """Two segments with the same chunks in the same order have the same vectors."""
    inputs: dict[str, keys.Input] = {
        "segment": xxh3_128_hexdigest(part.segment.chunk_digest),
        "model": model,
        "dimensions": size,
        "producer": VERSION,
    }
    return keys.artefact("vectors", inputs)


def _digests(part: Part) -> list[str]:
    """The digest of each chunk's text, as 32 hex digits."""
    whole = bytes(part.segment.chunk_digest).hex()
    return [whole[at : at + 2 * _DIGEST] for at in range(0, len(whole), 2 * _DIGEST)]

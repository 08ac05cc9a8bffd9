"""What a person or an agent asks of a repository: where something is, what a file has, a map.

The index is brought up to date on the way. An answer is kept under the state of the repository and
the question, so that the same question is answered without opening the index. It is not kept when
contents were missing, or vectors: it would be served when they are there.
"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import msgpack

from slipstream.storage.config.load import load
from slipstream.storage.config.settings import Config
from slipstream.storage.errors import NotFoundError, UsageError
from slipstream.tasks.indexing import artefacts, content, keys, language, names, pack, search
from slipstream.tasks.indexing.matching import Found
from slipstream.tasks.indexing.model import FileIndex, SearchHit, Snapshot
from slipstream.tasks.indexing.search import Mode
from slipstream.tasks.indexing.snapshot import Source, open_source

if TYPE_CHECKING:
    from slipstream.storage.cache import CacheStore
    from slipstream.tasks.indexing.warm import Index

VERSION = 2
"""Of the packed answer; it is part of the key."""

Progress: TypeAlias = Callable[[int, int], object]


class Question(NamedTuple):
    """What is looked for, and where.

    Attributes:
        query: A name, words, a text or a regular expression, as the mode takes it.
        mode: `hybrid`, `symbol`, `text` or `regex`.
        path_glob: Only files whose path fits; empty: all.
        language: Only files in it.
        kind: Only definitions of it, and what is in them.
        limit: Most hits.
        context: Lines before and after each hit.
        untracked: Files that git does not track are searched, too.
    """

    query: str
    mode: Mode = "hybrid"
    path_glob: str = ""
    language: str = ""
    kind: str = ""
    limit: int = 20
    context: int = 0
    untracked: bool = False


class Answer(NamedTuple):
    """What was found.

    Attributes:
        found: The best first, and how many there are.
        snapshot: The state that was searched.
        problems: What kept the answer from being complete, as sentences.
        cached: Whether it had been asked before.
    """

    found: Found
    snapshot: Snapshot
    problems: tuple[str, ...]
    cached: bool

    @property
    def hits(self) -> list[SearchHit]:
        """The places that were found."""
        return self.found.hits


def ask(
    source: Source, question: Question, store: "CacheStore", progress: Progress | None = None
) -> Answer:
    """Search a repository as it is now.

    Args:
        source: A worktree, revision or folder.
        question: What is looked for.
        store: The cache.
        progress: Told how much of the index was made.

    Raises:
        NotFoundError: The files of the commit cannot be listed.
        UsageError: The query cannot be used.
    """
    config = load().config
    model = _model(config) if question.mode == "hybrid" else ""
    snapshot = source.snapshot()
    store.context = (snapshot.repository, snapshot.commit)
    limit = config.index.max_file_bytes
    name = _key(snapshot, question, model, limit)
    packed = store.get(name) if name else None
    if packed is not None and (found := _unpack(packed)) is not None:
        return Answer(found, snapshot, _problems(source), True)

    from slipstream.tasks.indexing import warm

    index = warm.ensure(source, store, progress, snapshot=snapshot)
    vectors = None
    if model:
        from slipstream.tasks.indexing.vectors import searcher

        vectors = searcher(index.view, source, store, config)
    asked = question._asdict()
    del asked["untracked"]
    # Files are read by name, never as they happen to lie there: in another worktree git may have
    # been told to overlook an edit, or one may be made right now.
    missing = source.missing
    found = search.search(index.view, read=source.read, vectors=vectors, **asked)
    if not found.hits:
        found = found._replace(near=names.near(index.view, question.query))
    problems = (*_problems(source, index), *filter(None, [vectors.problem if vectors else ""]))
    # The state may have changed since: the answer is that of the state that was indexed.
    name = _key(index.snapshot, question, model, limit)
    if name and not problems and source.missing == missing:
        tags = [f"repository:{index.snapshot.repository}", f"commit:{index.snapshot.commit}"]
        store.set(name, _pack(found), tags=tags, producer=_producer(model, limit))
    return Answer(found, index.snapshot, problems, False)


def outline(path: str, store: "CacheStore", revision: str = "") -> FileIndex:
    """What one file defines: as it is now, whether or not git knows it, or in a revision.

    Raises:
        NotFoundError: There is no such file or revision.
        UsageError: It is a folder, or outside of what it should be in.
    """
    _check(path)
    if not revision and os.path.isdir(path):
        raise UsageError(f"{path} is a folder; name a file, or see `slip map {path}`.")
    source = open_source(path if not revision else os.path.dirname(path) or ".", revision)
    limit = load().config.index.max_file_bytes
    if revision:
        files = source.files(snapshot := source.snapshot(), store)
        relative = source.locate(path, files)
        name = files[relative]
        store.context = (snapshot.repository, snapshot.commit)
    else:
        relative = source.relative(path)
        found = content.read(path, source.form, limit + 1)
        if found is None:
            raise NotFoundError(f"{path} cannot be read; it has to be a file.")
        name, _ = found
    wanted = artefacts.wanted(relative, name, limit)
    if isinstance(wanted, str):
        return FileIndex(language.of(relative), 0, wanted, (), (), (), b"")
    packed = store.get(wanted.key)
    if packed is None:
        from slipstream.tasks.indexing import warm

        made = warm.index_batch(source, [wanted], store, workers=1).made
        packed = made.get(wanted.key)
    if packed is None:
        raise NotFoundError(f"{path} cannot be read, or changed while it was; try again.")
    return pack.unpack(packed)


def overview(
    path: str,
    room: int,
    store: "CacheStore",
    revision: str = "",
    progress: Progress | None = None,
) -> str:
    """A map of a repository, or of a folder in it, in at most `room` bytes.

    Raises:
        NotFoundError: There is no such path or revision.
    """
    from slipstream.tasks.indexing import map as maps
    from slipstream.tasks.indexing import warm

    source, folder = place(path, revision)
    index = warm.ensure(source, store, progress)
    return maps.render(index.view, room, folder)


def place(path: str, revision: str = "", untracked: bool = False) -> tuple[Source, str]:
    """The source that a path belongs to, and the path within it; empty: all of it.

    Raises:
        NotFoundError: There is no such path or revision.
        UsageError: The path is empty.
    """
    _check(path)
    source = open_source(path, revision, untracked)
    return source, source.relative(path)


def below(folder: str, glob: str) -> str:
    """The glob of what fits `glob` below a path of a source.

    Args:
        folder: A folder, or a file; empty: the root.
        glob: As `filters.Filter` has it; empty: everything.
    """
    if not folder:
        return glob
    escaped = "".join(f"[{c}]" if c in "*?[{\\" else c for c in folder)
    if not glob:
        return f"/{escaped}/"
    anchored = "/" in glob.rstrip("/")
    return f"/{escaped}/{glob.lstrip('/')}" if anchored else f"/{escaped}/**/{glob}"


def _check(path: str) -> None:
    """Refuse paths that no folder can be found by."""
    if not path:
        raise UsageError("The path is empty; name a file or a folder.")
    try:
        os.path.abspath(path)
    except OSError as error:
        raise NotFoundError("The current folder is gone; change to another one.") from error


def _model(config: Config) -> str:
    """The embedding model's name; empty: there is none, and nothing of it is imported."""
    if not config.embeddings.model:
        return ""
    from slipstream.tasks.indexing.embed import model_name

    return model_name(config)


def _key(snapshot: Snapshot, question: Question, model: str, max_bytes: int) -> str:
    """The key of an answer; empty: it cannot be computed, and the answer is not kept."""
    inputs: dict[str, keys.Input] = {
        **question._asdict(),
        "repository": snapshot.repository,
        "producer": _producer(model, max_bytes),
    }
    try:
        return keys.key("search", snapshot.part, inputs)
    except keys.KeyNotComputable:
        return ""


def _producer(model: str, max_bytes: int) -> str:
    """Version of all that an answer is made by."""
    return f"{VERSION}.{search.VERSION}-{artefacts.segment_producer(max_bytes)}-{model}"


def _pack(found: Found) -> bytes:
    packed: bytes = msgpack.packb(["answer", VERSION, found], unicode_errors="surrogatepass")
    return packed


def _unpack(packed: bytes) -> Found | None:
    """What was found; None: the value is something else."""
    try:
        tag, version, found = msgpack.unpackb(
            packed, use_list=False, unicode_errors="surrogatepass"
        )
        if (tag, version) != ("answer", VERSION):
            return None
        hits, *counts = found
        return Found([SearchHit._make(one) for one in hits], *counts)
    except (ValueError, TypeError, msgpack.UnpackException):
        return None


def _problems(source: Source, index: "Index | None" = None) -> tuple[str, ...]:
    """What kept the index from being complete."""
    found = [source.problem] if source.problem else []
    if index is not None and not index.complete:
        count = len(index.report.missing)
        found.append(
            f"{count:,} contents could not be read and are not searched: the clone has not got "
            "them, or the repository is damaged (`git fsck`)."
        )
    return tuple(found)

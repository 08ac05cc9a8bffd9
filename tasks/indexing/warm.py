"""Bring the index up to a snapshot: work in proportion to the contents that were never read.

    plan ─▶ what is missing ─▶ read and parsed in batches, each stored ─▶ a segment ─▶ a view

What was stored before a kill counts. Two processes at once both come out right: each looks again
before it parses, and they begin at different places.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from slipstream.storage import logs
from slipstream.storage.config.load import load
from slipstream.tasks.indexing import artefacts, language, pack, references, segment, view
from slipstream.tasks.indexing.artefacts import Wanted
from slipstream.tasks.indexing.model import Files, SkipReason, Snapshot
from slipstream.tasks.indexing.segment import Segment
from slipstream.tasks.indexing.snapshot import Source
from slipstream.tasks.indexing.view import View

if TYPE_CHECKING:
    from slipstream.storage.cache import CacheStore

Progress: TypeAlias = Callable[[int, int], object]
"""Called with how many contents were read, and how many are to be."""

SHARE = 0.1
"""A new segment is built when more than this part of the files differs from the nearest one."""
FEW = 200
"""So many files that differ are always laid over a segment, however small it is."""
PAYS = 10
"""So many changed files have a segment of their own that is kept: building it takes 0.6 ms a file,
and it is opened again by each search until the next change."""
NEAR = 0.01
"""A segment from which no more of the files than this differ is not compared with others."""
COMPARED = 4
"""Segments that are compared at most: each takes a few milliseconds."""
BATCH = 128
"""Contents that are stored at once."""
KEPT_BYTES = 256 * 1024 * 1024
"""What was just made is kept in memory up to this, for a cache that does not keep it."""
ATTEMPTS = 3
"""Looks at a worktree in which files change while they are read."""


class Plan(NamedTuple):
    """What is to be done for a snapshot.

    Attributes:
        snapshot: The state to index.
        files: Its files.
        exact: Key of the segment of just these files.
        base: Key of the nearest segment; empty: a new one is to be built.
        missing: Contents that the cache has nothing of, one for each key.
        skipped: Files that are not read because of their paths, of those that the base lacks.
    """

    snapshot: Snapshot
    files: Files
    exact: str
    base: str
    missing: list[Wanted]
    skipped: Mapping[str, SkipReason]


class Report(NamedTuple):
    """What was done.

    Attributes:
        parsed: How many contents were read and parsed.
        skipped: How many of them gave nothing, and files that were not read, by reason.
        missing: Names of contents that could not be read.
        made: Key → artefact of what was parsed, as much as fits into memory.
    """

    parsed: int
    skipped: Mapping[str, int]
    missing: frozenset[str]
    made: Mapping[str, bytes]


class Index(NamedTuple):
    """An index that is ready to be asked.

    Attributes:
        snapshot: The state that it is of.
        files: Path → content of what is in it: all files but those whose contents are missing.
        view: What is searched.
        segment: Key of the segment below the view.
        report: What had to be done for it.
    """

    snapshot: Snapshot
    files: Files
    view: View
    segment: str
    report: Report

    @property
    def complete(self) -> bool:
        """Whether no content was missing: else what was found must not be cached."""
        return not self.report.missing


def ensure(
    source: Source,
    store: "CacheStore",
    progress: Progress | None = None,
    workers: int = 0,
    snapshot: Snapshot | None = None,
) -> Index:
    """The index of a source as it is now, with everything done that was missing.

    Args:
        source: A worktree, revision or folder.
        store: The cache.
        progress: Told after each batch.
        workers: Processes that parse; 0: as configured.
        snapshot: The state, where it was looked at just now.

    Raises:
        NotFoundError: The files of the commit cannot be listed.
        UsageError: There is no git, and too many files to read at each look.
    """
    for _ in range(ATTEMPTS):
        planned = plan(source, snapshot or source.snapshot(), store)
        report = index_batch(source, planned.missing, store, progress, workers)
        if report.missing.isdisjoint(planned.snapshot.changed.values()):
            break
        snapshot = None  # a file was changed while it was read
    return publish(source, planned, report, store)


def plan(source: Source, snapshot: Snapshot, store: "CacheStore") -> Plan:
    """Find out what is missing for a snapshot.

    Raises:
        NotFoundError: The files of the commit cannot be listed.
    """
    files = source.files(snapshot, store)
    limit = load().config.index.max_file_bytes
    exact = artefacts.segment_key(files, limit)
    base, old = _nearest(files, exact, snapshot, store, limit)
    new, gone = [], 0
    if base != exact:
        new = [path for path, content in files.items() if old.get(path) != content]
        gone = sum(path not in files for path in old)
    if len(new) + gone > max(FEW, SHARE * len(files)):
        base, new = "", list(files)
    missing: dict[str, Wanted] = {}
    skipped: dict[str, SkipReason] = {}
    for path in new:
        each = artefacts.wanted(path, files[path], limit)
        if isinstance(each, str):
            skipped[path] = each
        elif each.key not in missing and not store.exists(each.key):
            missing[each.key] = each
    return Plan(snapshot, files, exact, base, list(missing.values()), skipped)


def index_batch(
    source: Source,
    batch: list[Wanted],
    store: "CacheStore",
    progress: Progress | None = None,
    workers: int = 0,
) -> Report:
    """Read, parse and store contents.

    Args:
        source: Where they are.
        batch: All that is missing, or a part of it.
        store: The cache.
        progress: Told after each group that was stored.
        workers: Processes that parse; 0: as configured.
    """
    if not batch:
        return Report(0, {}, frozenset(), {})
    from slipstream.tasks.indexing import pool  # nothing is missing most of the time

    settings = load().config.index
    work = _Work(store, settings.max_file_bytes, len(batch), progress)
    start = os.getpid() % (len(batch) or 1)
    contents = work.contents(source, batch[start:] + batch[:start])
    for each, packed in pool.parse_many(contents, workers or settings.workers):
        work.keep(each, packed)
    return work.report()


def publish(source: Source, planned: Plan, report: Report, store: "CacheStore") -> Index:
    """Open the view of a plan whose contents were read, on a new segment where it needs one.

    Args:
        source: What was indexed.
        planned: The plan.
        report: What `index_batch` did for it.
        store: The cache.
    """
    limit = load().config.index.max_file_bytes
    lost, files, exact = report.missing, planned.files, planned.exact
    if lost:
        files = {path: name for path, name in files.items() if name not in lost}
        exact = artefacts.segment_key(files, limit)
    lookup = _Lookup(source, files, report.made, store, limit)
    producer = artefacts.segment_producer(limit)
    key = exact if store.exists(exact) else planned.base or exact

    def kept(some: Files, artefact: view.Artefact) -> bytes | memoryview:
        """The segment of some of the files, from the cache where it pays."""
        if len(some) < PAYS and len(some) < len(files):
            return segment.build(some, artefact)
        name = artefacts.segment_key(some, limit)
        if (found := _view(name, store)) is not None:
            return found
        packed = segment.build(some, artefact)
        if not lookup.missing:
            store.set(name, packed, producer=producer, sliding=True, tags=_tags(planned.snapshot))
        return packed

    base = _open(key, store)
    if base is None:
        key, base = exact, segment.open(kept(files, lookup))
    made = view.make(base, files, lookup, kept)
    if not lookup.missing:
        references.remember(store, planned.snapshot, producer, key)
    skipped = Counter(report.skipped)
    skipped.update(planned.skipped.values())
    whole = Report(report.parsed, skipped, lost | lookup.missing, {})
    return Index(planned.snapshot, files, made, key, whole)


class _Work:
    """Contents on their way from the repository into the cache."""

    def __init__(
        self, store: "CacheStore", max_bytes: int, total: int, progress: Progress | None
    ) -> None:
        self._store = store
        self._max_bytes = max_bytes
        self._total = total
        self._progress = progress
        self._waiting: list[tuple[Wanted, bytes]] = []
        self._room = KEPT_BYTES
        self._done = self._parsed = 0
        self._skipped: Counter[str] = Counter()
        self._missing: set[str] = set()
        self._made: dict[str, bytes] = {}

    def contents(self, source: Source, wanted: list[Wanted]) -> Iterator[tuple[Wanted, str, bytes]]:
        """Read contents, those left out that another process has parsed meanwhile."""
        left: dict[str, Wanted] = {}

        def pairs() -> Iterator[tuple[str, str]]:
            for each in wanted:  # taken a few at a time
                if self._store.exists(each.key):
                    self._done += 1
                else:
                    left[each.path] = each
                    yield each.path, each.content

        for path, content, data in source.read(pairs(), self._max_bytes + 1):
            each = left.pop(path)
            if data is None:
                self._missing.add(content)
                self._done += 1
            elif len(data) > self._max_bytes:
                self.keep(each, artefacts.too_large(path))
            else:
                yield each, language.of(path, data[: language.HEAD]), data

    def keep(self, each: Wanted, packed: bytes) -> None:
        """Store what was read from a content."""
        self._waiting.append((each, packed))
        self._skipped[pack.open_packed(packed).skipped] += 1
        self._done += 1
        self._parsed += 1
        if self._room > 0:
            self._made[each.key] = packed
            self._room -= len(packed)
        if len(self._waiting) >= BATCH:
            self._store_waiting()

    def report(self) -> Report:
        """What was done."""
        self._store_waiting()
        del self._skipped[""]
        return Report(self._parsed, self._skipped, frozenset(self._missing), self._made)

    def _store_waiting(self) -> None:
        artefacts.store(self._store, self._waiting, self._max_bytes)
        self._waiting = []
        if self._progress and self._total:
            self._progress(self._done, self._total)


class _Lookup:
    """Path → artefact: just made, else from the cache, else made now."""

    def __init__(
        self,
        source: Source,
        files: Files,
        made: Mapping[str, bytes],
        store: "CacheStore",
        max_bytes: int,
    ) -> None:
        self.missing: frozenset[str] = frozenset()
        self._source = source
        self._files = files
        self._made = made
        self._store = store
        self._max_bytes = max_bytes

    def __call__(self, path: str) -> bytes | None:
        each = artefacts.wanted(path, self._files[path], self._max_bytes)
        if isinstance(each, str):
            return None
        found = self._made.get(each.key) or self._kept(each.key)
        if found is None:  # evicted since the plan was made, or the cache keeps nothing
            again = index_batch(self._source, [each], self._store)
            found = again.made.get(each.key) or self._store.get(each.key)
            self.missing |= again.missing
        return found

    def _kept(self, key: str) -> bytes | None:
        found = self._store.get(key)
        try:
            if found is not None:
                pack.open_packed(found)
        except ValueError as error:
            logs.warning("index.artefact-unreadable", key=key, why=str(error))
            self._store.delete(key)
            return None
        return found


def _nearest(
    files: Files, exact: str, snapshot: Snapshot, store: "CacheStore", max_bytes: int
) -> tuple[str, Files]:
    """The key and the files of the segment that differs least from files; none: empty."""
    if store.exists(exact):
        return exact, files
    producer = artefacts.segment_producer(max_bytes)
    known = references.candidates(references.load(store, snapshot.repository, producer), snapshot)
    best: tuple[str, Files] = ("", {})
    least = len(files) + 1
    for key in known[:COMPARED]:
        if found := _open(key, store):
            old = found.files()
            same = sum(old.get(path) == content for path, content in files.items())
            differs = len(files) + len(old) - 2 * same
            if differs < least:
                best, least = (key, old), differs
            if least <= NEAR * len(files):
                break
    return best


def _view(key: str, store: "CacheStore") -> memoryview | None:
    """A segment that is kept and can be opened."""
    packed = store.view(key) if store.exists(key) else None
    try:
        if packed is not None:
            segment.open(packed)
    except ValueError as error:
        logs.warning("index.segment-unreadable", key=key, why=str(error))
        return None
    return packed


def is_unreadable(key: str, store: "CacheStore") -> bool:
    """Whether a segment is kept that cannot be opened; one that is not kept is built again."""
    return store.exists(key) and _view(key, store) is None


def _open(key: str, store: "CacheStore") -> Segment | None:
    packed = _view(key, store)
    return segment.open(packed) if packed is not None else None


def _tags(snapshot: Snapshot) -> list[str]:
    tags = [f"repository:{snapshot.repository}"]
    return [*tags, f"commit:{snapshot.commit}"] if snapshot.commit else tags

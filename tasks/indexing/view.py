"""The index of exactly the files that are there: a segment, less what is gone, plus what is new.

A segment is of one manifest; a worktree differs from it by a few files. Their rows are masked, and
the changed ones stand in a small second segment. Whatever the base was, a view gives the same
answers, since all figures (chunks, lengths, how many chunks hold a term) are counted over what is
there and nothing is approximated.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

from slipstream.tasks.indexing import segment
from slipstream.tasks.indexing.model import Files
from slipstream.tasks.indexing.segment import Segment

Artefact: TypeAlias = Callable[[str], bytes | memoryview | None]


class Part(NamedTuple):
    """A segment of which some files are gone.

    Attributes:
        segment: Its tables.
        gone: One byte for each file, 1: it is gone; None: all are there.
        gone_chunks: The same for each chunk.
    """

    segment: Segment
    gone: bytes | None
    gone_chunks: bytes | None

    def present(self) -> Iterable[int]:
        """List the files that are there."""
        files = range(len(self.segment.paths))
        return files if self.gone is None else [file for file in files if not self.gone[file]]

    def postings(self, term: int) -> tuple[list[int], list[int]]:
        """List the chunks that are there and hold the term of a hash, and how often."""
        chunks, times = (found.tolist() for found in self.segment.postings(term))
        gone = self.gone_chunks
        if gone is None or not any(map(gone.__getitem__, chunks)):
            return chunks, times
        kept = [row for row, chunk in enumerate(chunks) if not gone[chunk]]
        return [chunks[row] for row in kept], [times[row] for row in kept]


class View(NamedTuple):
    """Parts that hold each file once.

    Attributes:
        parts: At most two, the base first.
        files: What is there.
        chunks: Number of chunks.
        length: Tokens of all chunks, weighted.
    """

    parts: tuple[Part, ...]
    files: Files
    chunks: int
    length: int

    def locate(self, path: str) -> tuple[int, int] | None:
        """Find the part and the file of a path."""
        for number, part in enumerate(self.parts):
            file = part.segment.paths.row(path)
            if file >= 0 and not (part.gone and part.gone[file]):
                return number, file
        return None


def make(
    base: Segment | None,
    files: Files,
    artefact: Artefact,
    build: Callable[[Files, Artefact], bytes | memoryview] = segment.build,
) -> View:
    """View files through a segment of similar ones.

    Args:
        base: Of any manifest; the more files it shares, the less is to do. None: there is none.
        files: What is there now.
        artefact: Path → its packed `FileIndex`; None: nothing was read from the file.
        build: Makes the segment of what is new, or finds one that was made before.

    Raises:
        ValueError: An artefact is damaged.
    """
    parts: list[Part] = []
    new = files
    if base is not None:
        old = base.files()
        if old == files:
            return _view([Part(base, None, None)], files)
        gone = bytes(files.get(path) != content for path, content in old.items())
        gone_chunks = bytearray(base.chunks())
        for file in (file for file, is_gone in enumerate(gone) if is_gone):
            first, end = base.file_chunks[file : file + 2]
            gone_chunks[first:end] = b"\1" * (end - first)
        parts.append(Part(base, gone, bytes(gone_chunks)) if any(gone) else Part(base, None, None))
        new = {path: name for path, name in files.items() if old.get(path) != name}
    if new or not parts:
        parts.append(Part(segment.open(build(new, artefact)), None, None))
    return _view(parts, files)


def _view(parts: list[Part], files: Files) -> View:
    chunks = length = 0
    for tables, _, gone in parts:
        chunks += tables.chunks() - (sum(gone) if gone else 0)
        lengths = tables.chunk_length
        length += sum(lengths)
        if gone:
            length -= sum(size for size, is_gone in zip(lengths, gone, strict=True) if is_gone)
    return View(tuple(parts), files, chunks, length)

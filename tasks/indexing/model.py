"""The data of the code index, from a repository's state to a hit of a search.

Positions are lines, counted from 1, the last one included. Texts are `str`; what a file holds that
is not UTF-8 was replaced when it was decoded. Paths are relative to the repository's root, with
`/`, as git has them. Keys and look-ups take them in Unicode form NFC.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal[
    "class",
    "constant",
    "constructor",
    "enum",
    "field",
    "function",
    "heading",
    "interface",
    "macro",
    "method",
    "module",
    "namespace",
    "property",
    "struct",
    "table",
    "trait",
    "type",
    "variable",
]

SkipReason: TypeAlias = Literal[
    "", "binary", "empty", "generated", "large", "missing", "minified", "submodule", "vendored"
]


class Symbol(NamedTuple):
    """A definition.

    Attributes:
        name: As written in the source, without its scope.
        kind: What it is.
        scope: Names of what it stands in, joined by `.`; empty at the top of a file.
        signature: Its head as one line, at most 200 characters.
        start: First line, decorators and the comment before it left out.
        end: Last line.
        doc: First sentence or line of its docstring or leading comment; empty: none.
    """

    name: str
    kind: Kind
    scope: str
    signature: str
    start: int
    end: int
    doc: str


class Reference(NamedTuple):
    """Where a name is used (called, instantiated, imported, inherited from)."""

    name: str
    line: int


class Chunk(NamedTuple):
    """A piece of a file, cut along its symbols; chunks cover a file without overlapping.

    Attributes:
        start: First line.
        end: Last line.
        digest: xxh3-128 of its text, 32 hex digits: the same text anywhere is the same chunk.
        symbol: Index in the file's symbols of the definition it belongs to; -1: none.
    """

    start: int
    end: int
    digest: str
    symbol: int


class FileIndex(NamedTuple):
    """What parsing found in one content. It depends on the bytes and the language alone.

    Attributes:
        language: Such as `python`; `text` for the rest.
        lines: Number of lines.
        skipped: Why nothing was read from it; empty: it was.
        symbols: In the order of their first lines.
        references: In the order of their lines.
        chunks: In order.
        terms: Postings of each chunk, as `terms.py` packs them.
    """

    language: str
    lines: int
    skipped: SkipReason
    symbols: tuple[Symbol, ...]
    references: tuple[Reference, ...]
    chunks: tuple[Chunk, ...]
    terms: bytes


class Snapshot(NamedTuple):
    """The files of a repository at one moment: a commit, with what was changed on top of it.

    Attributes:
        repository: Digest of the common git folder: the same for all worktrees. 32 hex digits.
        worktree: Digest of the worktree's root; empty for a revision or a bare repository.
        root: Folder of the worktree, or of the git folder where there is none.
        commit: Full object name; empty outside git and before the first commit.
        part: The commit part of keys: the commit, `…-dirty` and a digest, or a digest of content.
        branch: Empty for a detached HEAD.
        changed: Path → content name of what differs from the commit; None: deleted.
    """

    repository: str
    worktree: str
    root: str
    commit: str
    part: str
    branch: str
    changed: Mapping[str, str | None]


Files: TypeAlias = Mapping[str, str]
"""Path → content name: all regular files and symbolic links of a snapshot, submodules left out."""


class SearchHit(NamedTuple):
    """One place that a search found.

    Attributes:
        path: Of the file.
        line: The line to look at first.
        start: First line of what was found: a symbol, a chunk, a matching line.
        end: Last line of it.
        text: The line itself, without its end.
        before: Lines before it.
        after: Lines after it.
        kind: Kind of the symbol it is in or is; empty: none.
        name: Scope and name of that symbol; empty: none.
        language: Of the file.
        score: Larger is better; comparable within one answer only.
        why: What found it: `symbol`, `reference`, `text`, `vector`, joined by `+`.
    """

    path: str
    line: int
    start: int
    end: int
    text: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    kind: str
    name: str
    language: str
    score: float
    why: str

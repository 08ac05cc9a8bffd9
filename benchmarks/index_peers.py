"""What else reads and searches a repository: ctags, tree-sitter, ripgrep, tantivy, FTS5."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

TREE_SITTER = """
import sys
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from tree_sitter import Language, Parser
from slipstream.tasks.indexing.languages import PARSED, describe

def parse(lines):
    parsers = {}
    for line in lines:
        language, path = line.split("\\t", 1)
        if language not in parsers:
            about = describe(language)
            grammar = getattr(import_module(about.package), about.grammar)
            parsers[language] = Parser(Language(grammar()))
        parsers[language].parse(Path(path).read_bytes())

if __name__ == "__main__":
    lines = [line for line in sys.stdin.read().splitlines() if line.split("\\t")[0] in PARSED]
    halves = [get_context("fork").Process(target=parse, args=(lines[half::2],)) for half in (0, 1)]
    for half in halves:
        half.start()
    for half in halves:
        half.join()
"""
"""Reads and parses files with the same grammars, on two processes, and keeps nothing."""


class Document(NamedTuple):
    """A chunk as full-text indexes take it."""

    key: str
    text: str


class FullText(NamedTuple):
    """A full-text index that files are added to and removed from.

    Attributes:
        add: Adds documents.
        remove: Removes all documents of a file.
        search: Words, how many → keys of the best documents.
    """

    add: Callable[[Iterable[Document]], object]
    remove: Callable[[str], object]
    search: Callable[[Sequence[str], int], list[str]]


def ctags(root: Path, out: Path) -> float:
    """Seconds of a full run of universal-ctags; 0: it is not installed."""
    if not shutil.which("ctags"):
        return 0.0
    start = time.perf_counter()
    subprocess.run(["ctags", "-R", "-f", str(out), str(root)], check=True, capture_output=True)
    return time.perf_counter() - start


def tree_sitter(files: Iterable[tuple[str, Path]]) -> float:
    """Seconds of tree-sitter alone, two processes, from (language, path); start-up included."""
    listed = "\n".join(f"{language}\t{path}" for language, path in files)
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", TREE_SITTER], input=listed, text=True, check=True)
    return time.perf_counter() - start


def ripgrep(root: Path, query: str, *options: str) -> tuple[float, int]:
    """Seconds and matching lines; (0, 0): it is not installed."""
    if not shutil.which("rg"):
        return 0.0, 0
    command = ["rg", "-n", "--no-heading", *options, "-e", query, str(root)]
    start = time.perf_counter()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    return time.perf_counter() - start, done.stdout.count(b"\n")


def fts5() -> FullText:
    """SQLite's own, in memory, with its BM25."""
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE chunk USING fts5(key, path, text)")

    def add(documents: Iterable[Document]) -> None:
        rows = ((one.key, one.key.rpartition(":")[0], one.text) for one in documents)
        database.executemany("INSERT INTO chunk VALUES (?, ?, ?)", rows)
        database.commit()

    def remove(path: str) -> None:
        database.execute("DELETE FROM chunk WHERE path = ?", (path,))

    def search(words: Sequence[str], limit: int) -> list[str]:
        match = "text : (" + " OR ".join(f'"{word}"' for word in words) + ")"
        sql = "SELECT key FROM chunk WHERE chunk MATCH ? ORDER BY rank, key LIMIT ?"
        return [row[0] for row in database.execute(sql, (match, limit))]

    return FullText(add, remove, search)


def full_texts() -> Iterator[tuple[str, Callable[[], FullText]]]:
    """Name and maker of each that is installed."""
    if find_spec("tantivy"):
        yield "tantivy", tantivy
    yield "FTS5", fts5


def tantivy() -> FullText:
    """Tantivy, in memory."""
    import tantivy as library

    builder: Any = library.SchemaBuilder()
    builder.add_text_field("key", stored=True, tokenizer_name="raw")
    builder.add_text_field("path", stored=False, tokenizer_name="raw")
    builder.add_text_field("text", stored=False)
    index: Any = library.Index(builder.build())

    def add(documents: Iterable[Document]) -> None:
        writer = index.writer(128_000_000)
        for one in documents:
            path = one.key.rpartition(":")[0]
            writer.add_document(library.Document(key=one.key, path=path, text=one.text))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()

    def remove(path: str) -> None:
        writer = index.writer(16_000_000)
        writer.delete_documents("path", path)
        writer.commit()
        writer.wait_merging_threads()
        index.reload()

    def search(words: Sequence[str], limit: int) -> list[str]:
        searcher = index.searcher()
        found = searcher.search(index.parse_query(" ".join(words), ["text"]), limit)
        return [searcher.doc(address)["key"][0] for _, address in found.hits]

    return FullText(add, remove, search)

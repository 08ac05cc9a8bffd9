"""Measures the code index against its targets (Q4, Q5, quality) and beside others, in one run.

    python benchmarks/index.py
    python benchmarks/index.py --offline --only warm,search

Prints Markdown. It makes a repository of about 4,000 files with 100 commits below .bench/ (which
is kept for the next run) and takes about three minutes.
"""

from __future__ import annotations

import argparse
import platform
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from statistics import median, quantiles

import index_peers as peers
import index_repository as repository
import search_quality
from index_peers import Document, FullText

from slipstream.storage.cache import open_cache
from slipstream.tasks.indexing import language, parse, search, segment, skip, terms, view, warm
from slipstream.tasks.indexing.model import Files, SearchHit
from slipstream.tasks.indexing.ranking import bm25
from slipstream.tasks.indexing.snapshot import Source, open_source
from slipstream.tasks.indexing.view import View

PARTS = ("warm", "search", "fulltext", "quality")
QUERIES = 60
TIMES = 4
"""Runs of what is short; the fastest counts, since others use the machine, too."""
BEST = 10
ALL = 1_000_000
OLD = "old:"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path(".bench/index"))
    parser.add_argument("--offline", action="store_true", help="use the installed packages")
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    options = parser.parse_args()
    folder: Path = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    root = folder / "repository"
    told = repository.make(root, options.offline)
    print(f"{platform.machine()}, Python {platform.python_version()}, files of {told}\n")
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        home = Path(scratch)
        for part in options.only.split(","):
            {"warm": _warm, "search": _search, "fulltext": _full_text, "quality": _quality}[part](
                root, home
            )
    return 0


def _warm(root: Path, home: Path) -> None:
    """What each step of a day costs, from a process that is there already."""
    store = open_cache(home / "warm")
    others = home / "second"
    print("| step | seconds | contents parsed |\n| --- | --- | --- |")

    def step(name: str, before: Callable[[], object] | None = None, where: Path = root) -> float:
        if before:
            before()
        start = time.perf_counter()
        index = warm.ensure(open_source(str(where)), store)
        seconds = time.perf_counter() - start
        print(f"| {name} | {seconds:.3f} | {index.report.parsed:,} |")
        return seconds

    branch = f"bench-{time.time_ns()}"
    repository.git(root, "checkout", "-q", "-b", branch)
    cold = step("from nothing")
    step("nothing changed")
    step("a commit that changes one file", lambda: repository.commit(root, 1, "one"))
    step("a commit that changes ten files", lambda: repository.commit(root, 10, "ten"))
    step(
        "the state of 50 commits before", lambda: repository.git(root, "checkout", "-q", "main~50")
    )
    step("back again", lambda: repository.git(root, "checkout", "-q", branch))
    add = ("worktree", "add", "-q", "--detach", str(others), branch)
    step("a second worktree", lambda: repository.git(root, *add), others)
    edited = repository.tracked(root)[:1]
    step("one file edited, not committed", lambda: repository.edit(root, edited, "edit"))
    repository.git(root, "worktree", "remove", "--force", str(others))
    repository.git(root, "checkout", "-q", "-f", "main")
    repository.git(root, "branch", "-q", "-D", branch)
    files = [(language.of(path, b""), root / path) for path in repository.tracked(root)]
    rest = repository.git(root, "ls-files").splitlines()
    files += [(language.of(path, b""), root / path) for path in rest if not path.endswith(".py")]
    alone = peers.tree_sitter([one for one in files if one[1].is_file()])
    print(f"| tree-sitter alone, two processes | {alone:.3f} | |")
    print(f"| universal-ctags, full run | {peers.ctags(root, home / 'tags'):.3f} | |")
    print(f"\nFrom nothing: {cold / alone:.2f} times tree-sitter alone (target 2).\n")
    store.close()


def _search(root: Path, home: Path) -> None:
    store = open_cache(home / "search")
    source = open_source(str(root))
    index = warm.ensure(source, store)
    print(f"{len(index.files):,} files, {index.view.chunks:,} chunks.\n")
    drawn = _definitions(index.view, source)
    single = [one.name for one in drawn]
    worded = [" ".join(one.words) for one in drawn]
    print("| search | p50, ms | p95, ms |\n| --- | --- | --- |")
    named: tuple[tuple[str, list[str], search.Mode], ...] = (
        ("hybrid, a name", single, "hybrid"),
        ("hybrid, three words", worded, "hybrid"),
        ("symbol", single, "symbol"),
    )
    for name, queries, mode in named:
        took = [_milliseconds(_ask, index.view, source, q, mode) for q in queries]
        print(f"| {name} | {median(took):.1f} | {quantiles(took, n=20)[-1]:.1f} |")
    print(
        "\n| every line | ours, ms | hits | ripgrep, ms | lines |\n| --- | --- | --- | --- | --- |"
    )
    every_line: tuple[tuple[search.Mode, str, tuple[str, ...]], ...] = (
        ("text", single[0], ("-F", "-s")),
        ("text", single[1].lower(), ("-F", "-i")),
        ("text", "nowhere in any file", ("-F", "-i")),
        ("regex", r"def \w+_\w+\(self\)", ()),
        ("regex", r"(x+x+)+y", ()),
    )
    for way, query, options in every_line:
        ours = _milliseconds(_ask, index.view, source, query, way, ALL)
        hits = len(_ask(index.view, source, query, way, ALL))
        runs = [peers.ripgrep(root, query, *options) for _ in range(TIMES)]
        theirs = min(seconds for seconds, _ in runs) * 1000
        print(f"| {way} `{query}` | {ours:.0f} | {hits:,} | {theirs:.0f} | {runs[0][1]:,} |")
    print()
    store.close()


def _full_text(root: Path, home: Path) -> None:
    """The same chunks in each index; then the state of 50 commits before is left for today's."""
    store = open_cache(home / "fulltext")
    repository.git(root, "checkout", "-q", "main~50")
    old_source = open_source(str(root))
    old = warm.ensure(old_source, store).view
    before = dict(_documents(old, old_source))
    repository.git(root, "checkout", "-q", "main")
    source = open_source(str(root))
    new = warm.ensure(source, store).view
    after = dict(_documents(new, source))
    queries = [list(one.words) for one in _definitions(new, source)]
    every = [document for documents in after.values() for document in documents]
    print(f"{len(every):,} chunks; history: {len(_changed(before, after)):,} files changed.\n")
    print("The ten best of each query are compared with those of an index made anew: after the")
    print("changed files were replaced, and in one that has kept the chunks of both states.\n")
    print("| full text | build, s | query p50, ms | other answers: replaced | both kept |")
    print("| --- | --- | --- | --- | --- |")
    _ours(old, new, queries, source)
    for name, make in peers.full_texts():
        fresh, replaced, both = make(), make(), make()
        fresh.add(every)
        built = _milliseconds(_build, make, every) / 1000
        took = [_milliseconds(fresh.search, query, BEST) for query in queries]
        changed = _changed(before, after)
        replaced.add(document for documents in before.values() for document in documents)
        for path in changed:
            replaced.remove(path)
        replaced.add(document for path in changed for document in after.get(path, []))
        both.add(every)
        both.add(
            Document(f"{OLD}{document.key}", document.text)
            for path in changed
            for document in before.get(path, [])
        )
        others = [0, 0]
        for query in queries:
            right = fresh.search(query, BEST)
            found = [key for key in both.search(query, 20 * BEST) if not key.startswith(OLD)]
            others[0] += right != replaced.search(query, BEST)
            others[1] += right != found[:BEST]
        print(
            f"| {name} | {built:.2f} | {median(took):.2f} | {others[0]} of {len(queries)} | ",
            end="",
        )
        print(f"{others[1]} of {len(queries)} |")
    print()
    store.close()


def _ours(old: View, new: View, queries: list[list[str]], source: Source) -> None:
    artefacts = {}
    for path, data in ((path, data) for path, _, data in source.read(new.files.items())):
        if data is not None and not skip.by_path(path, len(data), 1 << 20):
            artefacts[path] = parse.packed(language.of(path, data[: language.HEAD]), data)
    packed = segment.build(new.files, artefacts.get)
    built = _milliseconds(segment.build, new.files, artefacts.get) / 1000
    fresh = view.make(segment.open(packed), new.files, artefacts.get)
    lived = view.make(old.parts[0].segment, new.files, artefacts.get)
    took = []
    other = 0
    for query in queries:
        words = " ".join(query)
        hashes = [terms.term_hash(term) for term in terms.query_terms(words)]
        took.append(_milliseconds(bm25, fresh, hashes, [None], BEST))
        other += _ask(fresh, source, words, "hybrid") != _ask(lived, source, words, "hybrid")
    print(f"| ours | {built:.2f} | {median(took):.2f} | {other} of {len(queries)} | |")


def _build(make: Callable[[], FullText], documents: list[Document]) -> None:
    make().add(documents)


def _changed(before: dict[str, list[Document]], after: dict[str, list[Document]]) -> list[str]:
    paths = sorted(before.keys() | after.keys())
    return [path for path in paths if before.get(path) != after.get(path)]


def _documents(seen: View, source: Source) -> Iterator[tuple[str, list[Document]]]:
    """The text of each chunk, as the others are given it."""
    for path, _, data in source.read(seen.files.items()):
        place = seen.locate(path)
        text = skip.decoded(data) if data else None
        if place is None or text is None:
            continue
        part, file = place
        tables, lines = seen.parts[part].segment, text.split(b"\n")
        yield (
            path,
            [
                Document(
                    f"{path}:{tables.chunk_start[chunk]}",
                    b"\n".join(
                        lines[tables.chunk_start[chunk] - 1 : tables.chunk_end[chunk]]
                    ).decode(),
                )
                for chunk in range(tables.file_chunks[file], tables.file_chunks[file + 1])
            ],
        )


def _quality(_: Path, __: Path) -> None:
    """On all of the standard library."""
    contents = search_quality.standard_library()
    files: Files = {path: path for path in contents}
    packed = segment.build(files, lambda path: parse.packed("python", contents[path]))
    seen = view.make(segment.open(packed), files, lambda _: None)

    def read(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, bytes | None]]:
        return ((path, name, contents[path]) for path, name in pairs)

    print(f"Standard library: {len(files):,} modules, {seen.chunks:,} chunks.\n")
    print("| definitions | drawn | name: first | `symbol`: first | words: first | among five |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, methods in (("functions and classes", False), ("methods", True)):
        known = search_quality.definitions(contents, methods=methods)
        found = search_quality.measure(seen, read, known)
        shares = " | ".join(f"{share:.1%}" for share in found[1:])
        print(f"| {name} | {found.drawn} of {len(known):,} | {shares} |")
    print()


def _definitions(seen: View, source: Source) -> list[search_quality.Definition]:
    """Documented definitions of the repository, as queries."""
    pairs = [(path, name) for path, name in seen.files.items() if path.endswith(".py")]
    contents = {path: data for path, _, data in source.read(pairs) if data}
    known = search_quality.definitions(contents, methods=False)
    return random.Random(search_quality.SEED).sample(known, min(QUERIES, len(known)))


def _ask(
    seen: View, source: Source, query: str, mode: search.Mode, limit: int = search.LIMIT
) -> list[SearchHit]:
    return search.search(seen, query, read=source.read, mode=mode, limit=limit).hits


def _milliseconds(run: Callable[..., object], *arguments: object) -> float:
    """Of the fastest of `TIMES` runs."""
    took = []
    for _ in range(TIMES):
        start = time.perf_counter()
        run(*arguments)
        took.append(time.perf_counter() - start)
    return min(took) * 1000


if __name__ == "__main__":
    sys.exit(main())

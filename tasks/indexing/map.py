"""A map of a repository that fits a budget: its folders, then the most referenced definitions.

A definition is worth as much as the files that refer to its name: each counts by the square root of
how often it does, so that many files count more than one that repeats itself; the file itself does
not count, tests count a quarter, and definitions of the same name share. Names that a large part of
all files use count less, since most of those uses are of something built in (`str`, `append`), and
of members count the files that name their class, too. All of it is in whole numbers, so that the
map depends on what is there and on nothing else.
"""

from collections import Counter
from collections.abc import Iterator
from math import isqrt
from typing import NamedTuple

from slipstream.tasks.indexing import names, terms
from slipstream.tasks.indexing.segment import Segment
from slipstream.tasks.indexing.view import View

BYTES_PER_TOKEN = 4
"""An estimate, for code and English; models differ."""

SCALE = 1000  # of a reference from a file that refers once
TEST_SHARE = 4  # references from tests, and definitions in them, count one in so many
BREADTH = 8  # the definition after so many of its file is worth half
LONGEST_SIGNATURE = 120  # characters
MOST_FOLDERS = 24
MOST_MISSED = 200  # definitions in a row that do not fit any more: the map is full

_MEMBERS = frozenset(("method", "constructor", "property"))
_INNER = _MEMBERS | {"function"}  # what is in them is not shown
_HIDDEN = frozenset(("heading", "variable", "field"))


class _Line(NamedTuple):
    """A definition as it may be shown.

    Attributes:
        tables: Of the part of the view.
        symbol: Its row there.
        parent: Number of the line in its file of what it stands in; -1: nothing.
        depth: In how many others it stands.
        worth: How much it is referred to.
    """

    tables: Segment
    symbol: int
    parent: int
    depth: int
    worth: int

    def text(self) -> str:
        """Write it, with its line number and its line feed."""
        signature = self.tables.signatures.text(self.symbol)[:LONGEST_SIGNATURE].rstrip()
        indent = "  " * (1 + self.depth)
        return f"{self.tables.symbol_start[self.symbol]:>6}{indent}{signature}\n"


class _Around(NamedTuple):
    """A definition that the next ones may stand in."""

    end: int  # last line
    line: int  # its number in what is listed of the file
    name: int  # hash
    hides: bool  # what is in it


def render(view: View, room: int, folder: str = "") -> str:
    """Draw the map.

    Args:
        view: What it is of.
        room: Bytes that it may take; for tokens, `BYTES_PER_TOKEN` times as many is an estimate.
        folder: Only what is in it; references from elsewhere count all the same.
    """
    inside = sorted(path for path in view.files if not folder or _is_in(path, folder))
    head = _head(inside, folder)
    left = room - _size(head)
    if left < 0:
        return ""
    shown: dict[str, set[int]] = {}
    files = dict(_files(view, folder))
    missed = 0
    for _, path, number in _ranked(files):
        listed, chosen = files[path], shown.get(path, set())
        new = set()
        while number >= 0 and number not in chosen:
            new.add(number)
            number = listed[number].parent
        cost = sum(_size(listed[one].text()) for one in new)
        cost += 0 if chosen else _size(_title(path))
        missed = 0 if cost <= left else missed + 1
        if cost <= left:
            left -= cost
            shown[path] = chosen | new
        elif missed > MOST_MISSED:
            break
    worth = {path: sum(files[path][one].worth for one in chosen) for path, chosen in shown.items()}
    body = []
    for path in sorted(shown, key=lambda path: (-worth[path], path)):
        body.append(_title(path))
        body += [files[path][one].text() for one in sorted(shown[path])]
    return head + "".join(body)


def _ranked(files: dict[str, list[_Line]]) -> list[tuple[int, str, int]]:
    """Worth (negative), path and number of each line, the most valuable first."""
    ranked = []
    for path, listed in files.items():
        order = sorted(range(len(listed)), key=lambda one: (-listed[one].worth, one))
        for before, one in enumerate(order):
            ranked.append((-(listed[one].worth * BREADTH // (BREADTH + before)), path, one))
    return sorted(ranked)


def _files(view: View, folder: str) -> Iterator[tuple[str, list[_Line]]]:
    """The definitions of each file that may be shown."""
    uses = _uses(view)
    defined = _defined(view)
    for number, part in enumerate(view.parts):
        tables, kinds = part.segment, part.segment.kinds.texts()
        hashes = [terms.name_hash(name) for name in tables.names.texts()]
        for file in part.present():
            path = tables.paths.text(file)
            if folder and not _is_in(path, folder):
                continue
            share = TEST_SHARE if names.is_test(path) else 1
            listed: list[_Line] = []
            around: list[_Around] = []
            for symbol in range(tables.file_symbols[file], tables.file_symbols[file + 1]):
                while around and around[-1].end < tables.symbol_start[symbol]:
                    around.pop()
                kind, name = kinds[tables.symbol_kind[symbol]], hashes[tables.symbol_name[symbol]]
                hides = kind in _HIDDEN or bool(around and around[-1].hides)
                if not hides:
                    used = uses.get(name, {})
                    by = set(used) - {(number, file)}
                    if kind in _MEMBERS and around:
                        by &= uses.get(around[-1].name, {}).keys()
                    worth = sum(map(used.__getitem__, by)) // (defined[name] * share)
                    worth = worth * (len(view.files) - len(used)) // len(view.files)
                    parent = around[-1].line if around else -1
                    listed.append(_Line(tables, symbol, parent, len(around), worth))
                hides = hides or kind in _INNER
                end = tables.symbol_end[symbol]
                around.append(_Around(end, len(listed) - 1, name, hides))
            if listed:
                yield path, listed


def _defined(view: View) -> Counter[int]:
    """Hash of a name → how many definitions have it."""
    found: Counter[int] = Counter()
    for part in view.parts:
        tables = part.segment
        hashes = [terms.name_hash(name) for name in tables.names.texts()]
        for file in part.present():
            symbols = slice(tables.file_symbols[file], tables.file_symbols[file + 1])
            found.update([hashes[row] for row in tables.symbol_name[symbols]])
    return found


def _uses(view: View) -> dict[int, dict[tuple[int, int], int]]:
    """Hash of a name → part and file → how much that file's references are worth."""
    found: dict[int, dict[tuple[int, int], int]] = {}
    for number, part in enumerate(view.parts):
        tables = part.segment
        tests = [names.is_test(path) for path in tables.paths.texts()]
        for row, name in enumerate(tables.used_hash):
            used = found.setdefault(name, {})
            for at in range(tables.used_first[row], tables.used_first[row + 1]):
                file = tables.used_file[at]
                if not (part.gone and part.gone[file]):
                    worth = isqrt(tables.used_times[at] * SCALE * SCALE)
                    used[number, file] = worth // TEST_SHARE if tests[file] else worth
    return found


def _head(paths: list[str], folder: str) -> str:
    """How many files there are in which folders."""
    skip = len(folder) + 1 if folder else 0
    counts = Counter(path[skip:].partition("/")[0] for path in paths if "/" in path[skip:])
    most = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    listed = [f"{name}/ {count:,}" for name, count in most[:MOST_FOLDERS]]
    if len(most) > MOST_FOLDERS:
        listed.append(f"{len(most) - MOST_FOLDERS:,} more folders")
    inside = ", ".join(listed)
    return f"{len(paths):,} files{': ' if inside else ''}{inside}\n"


def _title(path: str) -> str:
    return f"\n{path}\n"


def _size(text: str) -> int:
    """Bytes of a text; names that are not UTF-8 have as many as when they are written again."""
    return len(text.encode("utf-8", "surrogatepass"))


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")

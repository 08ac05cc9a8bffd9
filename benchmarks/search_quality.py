"""How often search finds the definition that was meant, on code whose answers are known.

Definitions are functions, classes and methods of Python files that have a docstring, drawn by seed;
they are found by Python's own parser. Each is looked for in two ways:

- by its name. Any definition of just that name counts, since the query tells no more; it has to be
  the first hit, which points at its first line.
- by the first three different words of its docstring that have at least four letters and are not
  among `STOP`. Only that very definition counts, and it has to be among the first five hits.
"""

from __future__ import annotations

import ast
import random
import re
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from slipstream.tasks.indexing.lines import Read
from slipstream.tasks.indexing.model import SearchHit
from slipstream.tasks.indexing.search import search
from slipstream.tasks.indexing.view import View

STOP = frozenset(
    "about above after again against also another because been before being below between both"
    " cannot could does doing down during each else ever every from further have having here hers"
    " into itself just like more most much must none only onto other over same shall should some"
    " such than that their them then there these they this those through under until upon very"
    " want was were what when where whether which while whom will with within without would your"
    " yours".split()
)
WORDS = 3
DRAWN = 200
SEED = 3
LEFT_OUT = frozenset(("__pycache__", "idlelib", "site-packages", "test", "tests"))


class Definition(NamedTuple):
    """What is looked for.

    Attributes:
        path: Of its file.
        name: Alone.
        qualified: With the classes it stands in.
        words: Of its docstring.
    """

    path: str
    name: str
    qualified: str
    words: tuple[str, ...]


class Quality(NamedTuple):
    """Shares of the definitions, 0 to 1.

    Attributes:
        drawn: How many definitions.
        first: Found first for their names by `hybrid`, the default.
        first_symbol: The same by `symbol`.
        best: Found first for words of their docstrings.
        among_five: Found among the first five for them.
    """

    drawn: int
    first: float
    first_symbol: float
    best: float
    among_five: float


def standard_library() -> dict[str, bytes]:
    """Path and content of the modules of the Python that runs this; tests left out."""
    root = Path(sysconfig.get_paths()["stdlib"])
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*.py"))
        if LEFT_OUT.isdisjoint(path.relative_to(root).parts)
    }


def definitions(files: Mapping[str, bytes], *, methods: bool) -> list[Definition]:
    """List functions and classes outside of classes, or else what is defined in classes."""
    found = []
    for path in sorted(files):
        try:
            tree = ast.parse(files[path])
        except (SyntaxError, ValueError):
            continue
        for qualified, doc in _documented(tree, ()):
            words = doc_words(doc)
            if len(words) == WORDS and (len(qualified) > 1) == methods:
                found.append(Definition(path, qualified[-1], ".".join(qualified), words))
    return found


def doc_words(doc: str) -> tuple[str, ...]:
    """The words by which a docstring is looked for."""
    words = (word.lower() for word in re.findall(r"[^\W\d_]{4,}", doc))
    return tuple(dict.fromkeys(word for word in words if word not in STOP))[:WORDS]


def measure(view: View, read: Read, known: list[Definition]) -> Quality:
    """Look for `DRAWN` of the definitions."""
    drawn = random.Random(SEED).sample(known, min(DRAWN, len(known)))
    first = first_symbol = best = among_five = 0
    for one in drawn:
        first += _is_first(one, search(view, one.name, read=read, limit=1).hits)
        found = search(view, one.name, read=read, mode="symbol", limit=1)
        first_symbol += _is_first(one, found.hits)
        hits = search(view, " ".join(one.words), read=read, limit=5).hits
        right = [(hit.path, hit.name) == (one.path, one.qualified) for hit in hits]
        best += any(right[:1])
        among_five += any(right)
    count = len(drawn)
    return Quality(count, first / count, first_symbol / count, best / count, among_five / count)


def _is_first(one: Definition, hits: list[SearchHit]) -> bool:
    return any(hit.name.split(".")[-1] == one.name and hit.line == hit.start for hit in hits[:1])


def _documented(node: ast.AST, scope: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _documented(child, scope)
            continue
        qualified = (*scope, child.name)
        if doc := ast.get_docstring(child):
            yield qualified, doc
        if isinstance(child, ast.ClassDef):
            yield from _documented(child, qualified)

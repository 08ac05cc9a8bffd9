"""Search finds what was meant, on the standard library of the Python that runs the tests.

A third of its modules, since parsing them all takes a while; `benchmarks/index.py` takes all.
"""

from __future__ import annotations

import search_quality
from indexed_tree import Tree


def test_definitions_are_found_by_their_names_and_by_what_they_say_of_themselves() -> None:
    """Functions and classes as required; methods, of which many say the same, not far behind."""
    files = dict(list(search_quality.standard_library().items())[::3])
    tree = Tree(files)
    seen = tree.view()
    outer = search_quality.definitions(files, methods=False)
    found = search_quality.measure(seen, tree.read, outer)
    assert found.drawn == search_quality.DRAWN
    assert found.first >= 0.98
    assert found.first_symbol >= 0.98
    assert found.among_five >= 0.8
    methods = search_quality.definitions(files, methods=True)
    assert search_quality.measure(seen, tree.read, methods).among_five >= 0.8

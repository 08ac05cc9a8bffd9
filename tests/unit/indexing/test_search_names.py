"""Names: how they fit a query, and which comes first."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from indexed_tree import Tree

from slipstream.tasks.indexing import names
from slipstream.tasks.indexing.filters import Filter

TREE = Tree(
    {
        "pkg/http/response.py": "class HttpResponse:\n    def write(self): pass\n\n"
        "class HttpResponseRedirect(HttpResponse):\n    def write(self): pass\n",
        "pkg/http/__init__.py": "def parse_header(text): pass\n",
        "pkg/parse.py": "def parseHeaders(text): pass\n\ndef reparse_it(): pass\n\nWRITE = 1\n",
        "tests/test_http.py": "class HttpResponse: pass\n",
    }
)


def find(query: str, least: int = names.SLIP) -> list[tuple[str, int]]:
    seen = TREE.view()
    return [
        (seen.parts[0].segment.names.text(seen.parts[0].segment.symbol_name[one.symbol]), one.fit)
        for one in names.find(seen, query, Filter(), least)
    ]


@pytest.mark.parametrize(
    ("query", "name", "fit"),
    [
        ("HttpResponse", "HttpResponse", names.EXACT),
        ("HttpResponse()", "HttpResponse", names.EXACT),
        ("httpresponse", "HttpResponse", names.OTHER_CASE),
        ("HttpResponseRe", "HttpResponseRedirect", names.PREFIX),
        ("PaHe", "parse_header", names.WORDS),
        ("parse header", "parse_header", names.WORDS),
        ("responseredir", "HttpResponseRedirect", names.SUBSTRING),
        ("HtpResponse", "HttpResponse", names.SLIP),
        ("HttpRepsonse", "HttpResponse", names.SLIP),
        ("parse_haeder", "parse_header", names.SLIP),
        ("HttpResponse.write", "write", names.EXACT),
        ("HttpResponse::write", "write", names.EXACT),
        ("pkg.http.HttpResponse", "HttpResponse", names.EXACT),
        ("pkg.http.parse_header", "parse_header", names.EXACT),
    ],
)
def test_a_name_is_found(query: str, name: str, fit: int) -> None:
    assert find(query)[0] == (name, fit)


def test_a_scope_leaves_out_what_stands_elsewhere() -> None:
    seen = TREE.view()
    found = names.find(seen, "HttpResponseRedirect.write", Filter())
    assert [one.line for one in found] == [5]
    assert find("nowhere.HttpResponse") == []


def test_code_comes_before_tests_and_short_names_before_long() -> None:
    seen = TREE.view()
    found = names.find(seen, "HttpResponse", Filter())
    assert [one.path for one in found][:2] == ["pkg/http/response.py", "tests/test_http.py"]
    assert found[-1].fit == names.PREFIX


def test_classes_come_before_methods_and_those_before_variables() -> None:
    assert [name for name, _ in find("write")] == ["write", "write", "WRITE"]


@pytest.mark.parametrize("query", ["", "::", "..", "()", "."])
def test_separators_alone_find_nothing(query: str) -> None:
    assert find(query) == []


def test_short_queries_find_no_parts_of_names() -> None:
    assert find("pa") == [("parse_header", names.PREFIX), ("parseHeaders", names.PREFIX)]
    assert find("xq") == []


def test_slips_are_looked_for_only_where_nothing_else_is_found() -> None:
    assert {fit for _, fit in find("parse")} == {names.PREFIX, names.SUBSTRING}
    assert find("HtpResponse", least=names.WORDS) == []


def test_a_query_of_many_words_ends_soon() -> None:
    """Words with gaps between them are not matched by an expression that backtracks."""
    tree = Tree({"a.md": "# " + "a b " * 2000 + "\n"})
    assert names.find(tree.view(), "a b " * 500 + "c", Filter()) == []


def plain_distance(one: str, other: str) -> int:
    """Optimal string alignment, by its definition."""
    if not one or not other:
        return len(one) + len(other)
    best = min(
        plain_distance(one[1:], other) + 1,
        plain_distance(one, other[1:]) + 1,
        plain_distance(one[1:], other[1:]) + (one[0] != other[0]),
    )
    if one[:2] == other[1::-1] and len(one) > 1 and len(other) > 1:
        best = min(best, plain_distance(one[2:], other[2:]) + 1)
    return best


@settings(deadline=None)
@given(st.text("abc", max_size=5), st.text("abc", max_size=5), st.integers(0, 5))
def test_the_distance_of_names_is_that_of_the_definition(one: str, other: str, most: int) -> None:
    real, found = plain_distance(one, other), names._distance(one, other, most)
    assert found == real if real <= most else found > most

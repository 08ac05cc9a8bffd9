"""BFCL's cases, and our verdict beside that of its own checker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from slipstream.storage.errors import CorruptError, NotFoundError, UsageError
from slipstream.tasks.benchmarking.tools import bfcl, case
from slipstream.tasks.benchmarking.tools import schema as schemas
from slipstream.tasks.benchmarking.tools.model import Rules

needed = pytest.mark.skipif(
    not bfcl.installed(), reason="BFCL's cases are not installed: `make bfcl`"
)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of that name, in front of the installed one; its folder of data."""
    data = tmp_path / bfcl.PACKAGE / "data"
    (data / "possible_answer").mkdir(parents=True)
    (tmp_path / bfcl.PACKAGE / "__init__.py").write_text("raise ImportError('never imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    bfcl.entries.cache_clear()
    yield data
    bfcl.entries.cache_clear()


def write(data: Path, category: str, entry: str, truth: str = "") -> None:
    name = f"{bfcl.PREFIX}{category}.json"
    (data / name).write_text(entry, encoding="utf-8")
    if truth:
        (data / "possible_answer" / name).write_text(truth, encoding="utf-8")


ENTRY = """
{"id": "x_0", "question": [[{"role": "user", "content": "Go."}]], "function": [{"name": "a.b",
 "description": "D.", "parameters": {"type": "dict", "properties": {"s": {"type": "string"},
 "n": {"type": "integer", "optional": true}, "f": {"type": "float"}, "v": {"type": "integer"},
 "t": {"type": "tuple", "items": {"type": "float"}}, "o": {"type": "dict", "properties":
 {"k": {"type": "any"}}}}, "required": ["s"]}}]}
""".replace("\n", "")
TRUTH = """
{"id": "x_0", "ground_truth": [{"a.b": {"s": ["x", "y"], "n": [1, ""], "f": [1.5, ""], "v": ["z"],
 "t": [[1.0, 2.0], ""], "o": [{"k": ["p", ""], "l": 3}, ""]}}]}
""".replace("\n", "")


def test_an_entry_becomes_a_case_in_the_chat_api_s_terms(package: Path) -> None:
    write(package, "simple_python", ENTRY, TRUTH)
    (one,) = bfcl.load("simple_python")
    assert one.messages == ({"role": "user", "content": "Go."},)
    (tool,) = one.tools
    assert tool["function"]["name"] == "a_b"
    assert schemas.parameters(tool) == {
        "type": "object",
        "properties": {
            "s": {"type": "string"},
            "n": {"type": "integer"},
            "f": {"type": "number"},
            "v": {"type": "integer"},
            "t": {"type": "array", "items": {"type": "number"}},
            "o": {"type": "object", "properties": {"k": {}}},
        },
        "required": ["s"],
    }
    ((call,),) = one.answers
    assert call.arguments == {
        "s": ("x", "y"),
        "n": (1,),
        "f": (1.5,),
        "v": ("z",),
        "t": ([1.0, 2.0], []),
        "o": ({"k": {"$optional": ["p", ""]}, "l": 3},),
    }
    assert call.optional == {"n", "f", "t", "o"}
    assert one.rules == Rules(
        extra="forbid",
        fold=frozenset({"a_b.s", "a_b.t", "a_b.o"}),
        exact=frozenset({"a_b.s", "a_b.n"}),
    )


def test_data_in_another_form_is_said_to_be_so(package: Path) -> None:
    with pytest.raises(CorruptError, match="irrelevance"):
        bfcl.load("irrelevance")  # its file is missing
    for entry in ('{"id": "x"}', "{", '{"id": 1, "question": [[]], "function": [{"name": "a"}]}'):
        write(package, "irrelevance", entry)
        with pytest.raises(CorruptError, match="not in the form of bfcl-eval"):
            bfcl.load("irrelevance")
        bfcl.entries.cache_clear()


def test_a_package_that_is_missing_is_named_with_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bfcl, "PACKAGE", "no_such_package")
    assert not bfcl.installed()
    bfcl.entries.cache_clear()
    with pytest.raises(NotFoundError, match="pip install --no-deps bfcl-eval"):
        case.load("bfcl:simple_python")


def test_a_category_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"simple_java.*live_relevance"):
        case.load("bfcl:simple_java")


@needed
def test_every_category_is_loaded_with_tools_that_are_json_schema() -> None:
    sizes = {category: len(bfcl.load(category)) for category in bfcl.categories()}
    assert sum(sizes.values()) == 3491
    for category in bfcl.categories():
        for one in bfcl.load(category)[::40]:
            assert all(not schemas.wrong(schemas.parameters(tool)) for tool in one.tools)
    found = case.load("bfcl:live_parallel")
    assert (found.name, len(found.cases)) == ("bfcl:live_parallel", 16)
    assert found.digest.startswith("sha256:")


@needed
def test_our_verdict_is_that_of_its_own_checker() -> None:
    """On a tenth of the cases, each changed in all ways; benchmarks/bfcl.py does all of them."""
    import bfcl as measured

    found = list(measured.compared(0.1))
    changes = {one.change for one in found}
    assert changes == set(measured.CHANGES)
    assert {one.category for one in found} == set(bfcl.categories())
    assert sum(one.right for one in found) > 500
    assert sum(one.agreed for one in found) / len(found) >= 0.995

"""Each language's definitions and references, in a source of ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from sources import SOURCES, listing, sources

from slipstream.tasks.indexing import language, parse, symbols
from slipstream.tasks.indexing.languages import PARSED, describe


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.name)
def test_a_source_holds_what_was_read_in_it_by_a_person(path: Path) -> None:
    expected = SOURCES / "expected" / f"{path.name}.txt"
    assert listing(path) == expected.read_text("utf-8")


def test_every_parsed_language_has_a_source() -> None:
    assert {language.of(path.name) for path in sources()} == PARSED


@pytest.mark.parametrize("name", sorted(PARSED))
def test_patterns_have_no_predicates_on_which_the_engine_crashes(name: str) -> None:
    about = describe(name)
    assert "(#" not in "".join((*about.definitions.values(), about.scopes, about.references))


@pytest.mark.parametrize("name", sorted(PARSED - {"tsx"}))
def test_every_kind_of_definition_is_in_the_source_of_its_language(name: str) -> None:
    kinds = {
        symbol.kind
        for path in sources()
        if language.of(path.name) == name
        for symbol in parse.parse(name, path.read_bytes()).symbols
    }
    # A variable may turn out a constant or a field, a function a method, by where it stands.
    assert set(describe(name).definitions) - {"variable"} <= kinds


@pytest.mark.parametrize("name", sorted(PARSED))
def test_a_language_that_is_parsed_is_one_that_a_file_can_be_in(name: str) -> None:
    assert name in language.NAMES
    assert parse.producer(name).startswith(f"{name}-{parse.VERSION}.")


def test_a_deep_nest_does_not_take_the_square_of_its_size_in_scopes() -> None:
    text = b"function f() {\n" * 3000 + b"}\n" * 3000
    found = symbols.find("javascript", text, parse.offsets(text))
    assert len(found.symbols) == 3000
    assert max(len(symbol.scope) for symbol in found.symbols) <= symbols.MAX_SCOPE + 2


@pytest.mark.parametrize(
    ("source", "doc"),
    [
        ('def f():\n    """Reads. Then writes."""', "Reads."),
        ('def f():\n    """\n    Reads\n    a file\n\n    and more\n    """', "Reads a file"),
        ("def f():\n    'Reads.'", "Reads."),
        ('def f():\n    r"""Reads \\d."""', "Reads \\d."),
        ("def f():\n    pass", ""),
        ("# Reads.\n@decorated\ndef f():\n    pass", "Reads."),
        ("# Not this.\n\ndef f():\n    pass", ""),
        ("def f():\n    " + "#" * 1900 + "\n    pass", ""),
        ("# -----\n# Reads!\n# -----\ndef f():\n    pass", "Reads!"),
    ],
)
def test_the_doc_of_a_python_function_is_its_first_sentence(source: str, doc: str) -> None:
    assert parse.parse("python", source.encode()).symbols[0].doc == doc


@pytest.mark.parametrize(
    ("source", "doc"),
    [
        ("/* Adds. */\nint f() {}", "Adds."),
        ("/**\n * Adds.\n * @param a\n */\nint f() {}", "Adds."),
        ("/** @internal */\nint f() {}", ""),
        ("// Adds\n// two\nint f() {}", "Adds two"),
        ("int a; /* not this */\nint f() {}", ""),
        ("*/\nint f() {}", ""),
        ("int a = 3; // not this\nint f() {}", ""),
    ],
)
def test_the_doc_of_a_c_function_is_the_comment_above_it(source: str, doc: str) -> None:
    found = parse.parse("c", source.encode()).symbols
    assert [symbol.doc for symbol in found if symbol.name == "f"] == [doc]


def test_a_signature_is_one_line_of_at_most_200_characters() -> None:
    names = ",\n".join(f"argument_{number}" for number in range(40))
    (symbol,) = parse.parse("python", f"def f(\n{names}\n):\n    pass\n".encode()).symbols
    assert len(symbol.signature) == 200
    assert symbol.signature.startswith("def f(argument_0, argument_1,")
    assert symbol.signature.endswith("…")


def test_a_source_with_errors_still_gives_what_can_be_read() -> None:
    found = parse.parse("python", b"def good():\n    pass\n\n)) ((\n\nclass Also:\n    x = 1\n")
    assert {"good", "Also"} <= {symbol.name for symbol in found.symbols}


def test_what_stands_around_a_method_outside_its_class_is_its_scope() -> None:
    found = parse.parse("cpp", b"int a::B<std::pair<int, c::D>>::f(int x) { return x; }\n").symbols
    assert [(symbol.scope, symbol.name, symbol.kind) for symbol in found] == [
        ("a.B", "f", "method")
    ]

"""Keys of the cache: deterministic, never shared between different inputs, readable again."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipstream.storage.errors import UsageError
from slipstream.tasks.indexing import keys, parse
from slipstream.tasks.indexing.keys import Input, KeyNotComputable
from slipstream.tasks.indexing.model import Snapshot
from slipstream.tasks.indexing.operations import OPERATIONS

ROOT = Path(__file__).resolve().parents[3]
COMMIT = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
FILES = {"a.py": "1" * 40, "lib/b.py": "2" * 40, "lib/ü.py": "3" * 40}


def snapshot(part: str = COMMIT) -> Snapshot:
    return Snapshot("r" * 32, "w" * 32, "/somewhere", COMMIT, part, "main", {})


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
inputs = st.recursive(
    scalars | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def exact(value: Any) -> str:
    """What tells two inputs apart that Python calls equal: `1`, `1.0` and `True`; `-0.0`."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{n!r}: {exact(value[n])}' for n in sorted(value))}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(exact, value))}]"
    return repr(value)


@given(inputs, inputs)
def test_two_inputs_have_the_same_digest_only_when_they_are_the_same(a: Input, b: Input) -> None:
    assert (keys.digest(a) == keys.digest(b)) == (exact(a) == exact(b))


@given(st.dictionaries(st.text(), scalars, min_size=2))
def test_the_order_of_parameters_is_nothing(params: dict[str, Input]) -> None:
    assert keys.digest(params) == keys.digest(dict(reversed(params.items())))


@pytest.mark.parametrize(
    ("one", "other"),
    [(["ab", "c"], ["a", "bc"]), (["a"], "a"), (1, "1"), (1, True), (None, ""), ({}, [])],
)
def test_lists_of_inputs_that_join_alike_are_kept_apart(one: Input, other: Input) -> None:
    assert keys.digest(one) != keys.digest(other)


@pytest.mark.parametrize("value", [{1: "a"}, object(), {"a": {1, 2}}])
def test_an_input_without_a_fixed_form_makes_no_key(value: Any) -> None:
    with pytest.raises(KeyNotComputable):
        keys.digest(value)


def test_the_same_inputs_make_the_same_key_in_every_process() -> None:
    """Whatever seeds its hashes; and this key never changes while `SCHEMA` stays."""
    program = (
        "from slipstream.tasks.indexing import keys\n"
        "print(keys.artefact('embedding-size', {'model': 'ü\\udcff'}))"
    )
    made = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PATH": "", "PYTHONPATH": str(ROOT / "typings")},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    expected = (
        "v1::embedding-size::db15a15cddc388173b063df96b63cff21878f2dee24fc2efea164a5ece789126"
    )
    assert len(made) == 1
    assert made.pop().decode().startswith(expected)


@given(
    st.sampled_from([COMMIT, "a" * 64, f"{'b' * 64}-dirty-{'c' * 32}", f"files-{'d' * 64}"]),
    st.text(),
)
def test_a_key_is_short_ascii_and_can_be_taken_apart(part: str, query: str) -> None:
    made = keys.for_path(snapshot(part), FILES, "a.py", "symbols", {"query": query})
    assert re.fullmatch(r"[A-Za-z0-9:._~-]{1,256}", made)
    found = keys.parse_key(made)
    assert (found.schema, found.operation, found.part) == (keys.SCHEMA, "symbols", part)
    assert "::".join(found[:4]) == made
    assert (found.dirty == "c" * 32) == ("dirty" in part)
    assert (found.commit == "") == part.startswith("files-")


def test_an_artefacts_key_has_no_commit_part() -> None:
    made = keys.artefact(
        "parse", {"content": "1", "language": "python", "max_bytes": 1, "producer": "1"}
    )
    assert keys.parse_key(made).part == ""


@pytest.mark.parametrize(
    "text", ["", "a", "v1::parse", "v1::parse::xyz", "x::parse::" + "0" * 64, "v1::" * 99]
)
def test_what_is_no_key_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(UsageError, match="is not a key of the cache"):
        keys.parse_key(text)


@pytest.mark.parametrize("part", ["", "HEAD", "4b825dc", "main"])
def test_no_short_or_symbolic_name_of_a_commit_enters_a_key(part: str) -> None:
    with pytest.raises(KeyNotComputable):
        keys.for_path(snapshot(part), FILES, "a.py", "symbols", {})


@pytest.mark.parametrize("path", ["../a.py", "lib/../../a.py", "/a.py", "gone.py", "li"])
def test_a_path_whose_content_is_not_known_makes_no_key(path: str) -> None:
    with pytest.raises(KeyNotComputable):
        keys.for_path(snapshot(), FILES, path, "symbols", {})


def test_a_name_that_is_none_makes_no_key() -> None:
    with pytest.raises(KeyNotComputable):
        keys.for_path(snapshot(), FILES, "a.py", "Symbols::x", {})


def of_path(path: str | list[str], files: dict[str, str] = FILES) -> str:
    return keys.for_path(snapshot(), files, path, "symbols", {})


def test_ways_to_write_one_path_make_one_key() -> None:
    same = {of_path(path) for path in ("lib/b.py", "./lib//b.py", "lib/x/../b.py")}
    assert len(same) == 1
    assert len({of_path(path) for path in ("", ".", "lib/..")}) == 1
    composed, apart = (unicodedata.normalize(form, "lib/ü.py") for form in ("NFC", "NFD"))
    assert of_path(composed) == of_path(apart)


def test_names_that_differ_in_case_have_keys_of_their_own() -> None:
    files = {"a.py": "1" * 40, "A.py": "1" * 40}
    assert of_path("a.py", files) != of_path("A.py", files)


def test_names_that_normalise_alike_have_keys_of_their_own_where_contents_differ() -> None:
    """A repository may hold both; its commit part alone would not tell them apart."""
    composed, apart = (unicodedata.normalize(form, "ü.py") for form in ("NFC", "NFD"))
    both = {composed: "1" * 40, apart: "2" * 40}
    assert keys.for_path(snapshot(), both, composed, "symbols", {}) != keys.for_path(
        snapshot(), both, apart, "symbols", {}
    )


def test_several_paths_combine_in_any_order() -> None:
    assert of_path(["a.py", "lib/b.py"]) == of_path(["lib/b.py", "a.py", "a.py"])
    assert of_path(["a.py"]) != of_path(["a.py", "lib/b.py"])


def test_a_folder_has_a_key_where_it_has_files() -> None:
    assert of_path("lib") != of_path("")


def test_inputs_must_be_those_that_are_declared() -> None:
    declared: dict[str, Input] = dict.fromkeys(OPERATIONS["parse"].inputs, "1")
    keys.artefact("parse", declared)
    for wrong in ({**declared, "more": "1"}, {"content": "1"}):
        with pytest.raises(KeyNotComputable):
            keys.artefact("parse", wrong)
    with pytest.raises(KeyNotComputable):
        keys.artefact("unheard-of", declared)
    with pytest.raises(KeyNotComputable):
        keys.key("parse", COMMIT, declared)


def test_a_dirty_part_is_that_of_the_contents_alone() -> None:
    one = keys.dirty_part(COMMIT, {"a": "1", "b": None})
    assert one == keys.dirty_part(COMMIT, {"b": None, "a": "1"})
    assert one != keys.dirty_part(COMMIT, {"a": "1", "b": "2"})
    assert keys.dirty_part(COMMIT, {}) == COMMIT


def test_every_input_says_why_it_is_in_the_key_or_is_not() -> None:
    for operation in OPERATIONS.values():
        assert operation.inputs
        assert not operation.inputs.keys() & operation.irrelevant.keys()
        for reason in (*operation.inputs.values(), *operation.irrelevant.values()):
            assert len(reason) > 15
            assert reason.endswith(".")


def test_every_operation_that_the_code_makes_keys_for_is_declared() -> None:
    """Reads the source for calls."""
    called = set(_calls())
    assert called
    assert called <= OPERATIONS.keys()


def _calls() -> Iterator[str]:
    for room in ("cli", "flows", "tasks"):
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and _is_of_keys(node.func):
                    first = node.args[0] if node.args else None
                    if isinstance(first, ast.Constant):
                        yield str(first.value)


def _is_of_keys(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == "keys"
        and function.attr in ("artefact", "key")
    )


def _producers() -> dict[str, list[Callable[..., object]]]:
    return {"parse": [parse.packed]}


@pytest.mark.parametrize("operation", _producers())
def test_every_parameter_of_what_computes_a_value_is_declared(operation: str) -> None:
    """A new one fails here until somebody says whether it is in the key."""
    known = OPERATIONS[operation]
    for function in _producers()[operation]:
        unknown = (
            inspect.signature(function).parameters.keys()
            - known.inputs.keys()
            - known.irrelevant.keys()
        )
        assert not unknown, f"{function.__qualname__} also depends on {sorted(unknown)}"

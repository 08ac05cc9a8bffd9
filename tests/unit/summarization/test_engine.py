"""Both engines tell of each line what Python's `re` tells of it alone."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipstream.tasks.summarization import engine
from slipstream.tasks.summarization.engine import Pattern, PatternError
from slipstream.tasks.summarization.rules import _patterns, builtin_rules
from slipstream.tasks.summarization.text import without_escapes

PATTERNS = (
    r"^error: ", r"error$", r"^\s+at \S+", r"\berror\b", r"^[^:]+:\d+: ", r"a\s+b", r"a\Sb",
    r"a\Wb", r"a\Db", r"a[\W_]b", r"a[\D]b", r"a[^\W]b", r"a[^\d]b", r"a[^b]b", r"[\s]b", r"[^\s]b",
    r"[]x]b", r"[^]x]b", r"[\]\-$]b", r"^\S+$", r"^ *\^~*$", r"x{2,3}", r"(?:a|b)$|c\d", r"a.b",
    r"error: .*", r"a\w+", r"a(?P<m>.+)", r"a\.*", r"ab*?", r"b[^x]+\s*", r"x\x62*", r"a.*b$",
    r"^a\b", r"b\B", r"\$1", r"é", r"→ \w", r"a\tb", r"\\s", r"^\w+\s*$", r"[a-c$]\s", r"(?i)FAIL",
    r"\(?success", r"\d+\Z", r"\Aa", r"a\vb", r"a|^\d+$", r"\.\.\.\s",
)  # fmt: skip
alphabet = st.sampled_from(
    ["a", "b", "x", " ", "\t", "1", ":", "_", "$", "^", ".", "]", "é", "→", "\v", "\\s", "error",
     "error: ", " at f", "success", "(", "FAIL", "fail", "...", "~"]
)  # fmt: skip
lines = st.lists(alphabet, max_size=6).map("".join)
ends = st.sampled_from(["\n", "\r\n", "\n\n"])
texts = st.lists(st.tuples(lines, ends), max_size=8).map(lambda some: "".join(map("".join, some)))


def engines(patterns: Sequence[Pattern]) -> list[engine.Engine]:
    """Every engine that is installed: tests want both."""
    pytest.importorskip("re2", reason="google-re2 has no wheel here")
    return [engine.compile_patterns(patterns), engine._Re2(patterns)]


def matched_lines(one: engine.Engine, data: bytes) -> set[tuple[int, int]]:
    """(line index, pattern index) of every match."""
    ends: list[tuple[int, int]] = []
    one.scan(data, lambda pattern, end: ends.append((end, pattern)))
    found, at, line = set(), 0, 0
    for end, pattern in sorted(ends):
        line += data.count(b"\n", at, end)
        at = end
        found.add((line, pattern))
    return found


def naive(patterns: Sequence[Pattern], data: bytes) -> set[tuple[int, int]]:
    """The same by Python's `re`, line by line, with and without the carriage return at its end."""
    compiled = [
        re.compile(p.source.encode().replace(rb"\z", rb"\Z"), re.I if p.caseless else 0)
        for p in patterns
    ]
    found = set()
    split = data.split(b"\n")
    for at, line in enumerate(split if split[-1] else split[:-1]):
        for index, pattern in enumerate(compiled):
            if pattern.search(line) or pattern.search(line.removesuffix(b"\r")):
                found.add((at, index))
    return found


CORPUS = [Pattern(source, caseless) for source in PATTERNS for caseless in (False, True)]
_compiled: list[engine.Engine] = []


@settings(max_examples=300, deadline=None)
@given(texts, st.booleans())
def test_a_match_is_that_of_the_line_alone(text: str, ended: bool) -> None:
    """No pattern looks past its line, and both engines agree."""
    data = text.encode() if ended else text.encode().rstrip(b"\r\n")
    _compiled[:] = _compiled or engines(CORPUS)
    expected = naive(CORPUS, data)
    for one in _compiled:
        assert matched_lines(one, data) == expected, one.name


@pytest.mark.parametrize(
    "source",
    [r"a\s*b", r"a\W*b", r"a[\W]b", r"a[\D]b", r"a[^c]b", r"a\v*b", r"a[\v]b", r"a.b", r"a[\s\S]b",
     r"a[[:space:]]b", r"a[[:^alpha:]]*b", r"a\D*b", r"a[^x\d]b", r"a\Sb"],
)  # fmt: skip
def test_no_pattern_matches_across_lines(source: str) -> None:
    for one in engines([Pattern(source)]):
        found = matched_lines(one, b"a\nb\nb\na\n\nb\na\r\nb\n")
        if source != r"a[[:^alpha:]]*b":  # the only class left that holds a line feed
            assert found == set(), one.name


@pytest.mark.parametrize(
    "source",
    ["(", "[", "a**", "*a", r"(a)\1", r"a(?=b)", r"(?<!a)b", r"(?P<a", "x{2,1}", r"a\nb", r"a\x0ab",
     r"a\012b", "a\nb", "(?s)a.b", "(?is:a.b)", r"[\n]x", r"a\Rb", r"\Cb"],
)  # fmt: skip
def test_a_pattern_that_cannot_be_searched_is_refused_with_a_reason(source: str) -> None:
    with pytest.raises(PatternError, match=r"\S"):
        engine.compile_patterns([Pattern(source)])
    with pytest.raises(PatternError, match=r"\S"):
        engine._Re2([Pattern("a"), Pattern(source)])


@pytest.mark.parametrize(
    "source", [r"\\n", r"C:\\new", r"\(?success", r"(?P<s>a)", r"[(?s]x", r"\x0ab0|\x0b"]
)
def test_what_only_looks_like_a_line_feed_is_taken(source: str) -> None:
    if source.startswith(r"\x0a"):
        with pytest.raises(PatternError):
            engine.compile_patterns([Pattern(source)])
    else:
        engine.compile_patterns([Pattern(source)])


def test_a_dumped_engine_finds_the_same() -> None:
    patterns = [Pattern(r"^error: \w+$"), Pattern("warning", True)]
    first = engine.compile_patterns(patterns)
    data = b"error: x\r\nok\nWARNING\n"
    again = engine.load(first.dump(), lambda: pytest.fail("compiled again"))
    assert matched_lines(again, data) == matched_lines(first, data) == {(0, 0), (2, 1)}


@pytest.mark.parametrize("damage", [b"", b"\0" * 40, b"not it", None])
def test_a_dump_that_cannot_be_read_is_compiled_again(damage: bytes | None) -> None:
    patterns = [Pattern("error")]
    dumped = engine.compile_patterns(patterns).dump()
    broken = dumped[: len(dumped) // 2] if damage is None else damage
    again = engine.load(broken, lambda: patterns)
    assert matched_lines(again, b"an error\n") == {(0, 0)}


def test_a_pattern_with_an_open_end_is_told_once_a_line() -> None:
    """Not once for each byte, which would take minutes where many lines match."""
    ends: list[int] = []
    sources = (r"error: .*", r"error: (?P<message>.+)", r"error:[ a-z]+\w*")
    one = engine.compile_patterns([Pattern(source) for source in sources])
    one.scan(b"error: a long message\n", lambda _, end: ends.append(end))
    assert len(ends) == len(sources)


def test_without_hyperscan_re2_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hyperscan", None)
    one = engine.compile_patterns([Pattern("error")])
    assert one.name == "re2"
    assert one.dump() == b""
    assert matched_lines(engine.load(b"made elsewhere", lambda: [Pattern("error")]), b"error") == {
        (0, 0)
    }


@pytest.mark.parametrize("data", [b"", b"\n", b"a", b"\0\xff\n" * 3, b"a\n"])
def test_any_bytes_are_searched(data: bytes) -> None:
    for one in engines([Pattern("a"), Pattern(r"^\xff"), Pattern(r"^\x00")]):
        assert matched_lines(one, data) == naive(
            [Pattern("a"), Pattern(r"^\xff"), Pattern(r"^\x00")], data
        )


def test_the_end_of_the_data_is_no_line() -> None:
    """So a pattern of an empty line is not told of a line that is not there."""
    for one in engines([Pattern("^$")]):
        assert matched_lines(one, b"a\n\nb\n") == {(1, 0)}, one.name


LOGS = Path(__file__).parents[2] / "fixtures" / "logs"


def test_both_engines_find_the_same_of_the_rules_of_all_families() -> None:
    """In the lines of all fixtures and examples, in any order, at any distance.

    Vectorscan 5.4.12 misses some of patterns that hold a run of digits, when many are compiled
    together (https://github.com/VectorCamp/vectorscan/pull/368); that is why it is not used.
    """
    rules = builtin_rules()
    first, second = engines(_patterns(rules))
    lines = [example.encode() for rule in rules for example in rule.examples]
    for log in sorted(LOGS.rglob("*.log")):
        lines += without_escapes(log.read_bytes()).split(b"\n")
    lines = sorted(set(lines))
    expected: dict[int, set[int]] = {}
    for at, pattern in matched_lines(second, b"\n".join(lines)):
        expected.setdefault(at, set()).add(pattern)
    random = Random(7)
    wrong = set()
    for size in [8] * 200 + [100] * 30 + [3000] * 2:
        some = [random.randrange(len(lines)) for _ in range(size)]
        found: dict[int, set[int]] = {}
        for at, pattern in matched_lines(first, b"\n".join([lines[at] for at in some])):
            found.setdefault(at, set()).add(pattern)
        for at, line in enumerate(some):
            wrong |= found.get(at, set()) ^ expected.get(line, set())
    assert not {rules[index].name for index in wrong}

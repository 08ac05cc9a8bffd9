"""What a chunk is found by, and how it is packed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipstream.tasks.indexing import terms
from slipstream.tasks.indexing.model import Chunk, Symbol


def of(text: str) -> list[str]:
    return [term for token in terms.tokens(text) for term in terms.token_terms(token)]


def counted(packed: bytes) -> list[Counter[int]]:
    """How often each term's hash is in each chunk."""
    parts = terms.unpack(packed)
    hashes, at = [], 0
    for length in parts.lengths:
        hashes.append(list(parts.hashes[at : at + length].cast("Q")))
        at += length
    found, at = [], 0
    for size in parts.sizes:
        chunk: Counter[int] = Counter()
        for token, times in zip(
            parts.tokens[at : at + size], parts.counts[at : at + size], strict=True
        ):
            for term in hashes[token]:
                chunk[term] += times
        found.append(chunk)
        at += size
    return found


def packed(
    lines: Sequence[str], chunks: Sequence[Chunk], symbols: Sequence[Symbol] = ()
) -> list[Counter[int]]:
    offsets = [0]
    for line in lines:
        offsets.append(offsets[-1] + len(line.encode()) + 1)
    data = "".join(f"{line}\n" for line in lines).encode()
    return counted(terms.chunk_terms(data, offsets, chunks, symbols))


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("parse_headers", {"parseheaders", "parse", "headers", "header"}),
        ("parseHeaders", {"parseheaders", "parse", "headers", "header"}),
        ("HTTPServer", {"httpserver", "http", "server"}),
        ("MAX_SIZE", {"maxsize", "max", "size"}),
        ("__init__", {"init"}),
        ("utf8", {"utf8", "utf"}),
        ("größeÄnderung", {"größeänderung"}),
        ("naïve_test", {"naïvetest", "naïve", "test"}),
        ("日本語", {"日本語", "日本", "本語"}),
        ("i", set()),
        ("7", set()),
        ("1234567890123", set()),
        ("a" * 65, set()),
    ],
)
def test_an_identifier_is_found_by_itself_and_by_its_words(token: str, expected: set[str]) -> None:
    assert set(of(token)) == expected


def test_what_is_written_in_either_form_of_unicode_is_the_same() -> None:
    assert of("cafe\u0301") == of("café")


@pytest.mark.parametrize(
    ("word", "expected"),
    [("headers", "header"), ("entries", "entry"), ("classes", "class"), ("boxes", "box"),
     ("class", "class"), ("status", "status"), ("this", "this"), ("bus", "bus")],
)  # fmt: skip
def test_plurals_lose_their_ending(word: str, expected: str) -> None:
    assert terms.singular(word) == expected


def test_a_query_lists_each_term_once() -> None:
    assert terms.query_terms("parse parse_it, parse!") == ["parse", "parseit", "it"]


def test_terms_are_counted_in_the_chunk_they_are_in() -> None:
    one, two = packed(["alpha beta", "alpha", "gamma"], [Chunk(1, 2, "", -1), Chunk(3, 3, "", -1)])
    assert one == {terms.term_hash("alpha"): 2, terms.term_hash("beta"): 1}
    assert two == {terms.term_hash("gamma"): 1}


def test_words_of_names_and_docs_weigh_more_than_those_of_bodies() -> None:
    symbol = Symbol("load", "method", "Reader", "def load", 1, 2, "Fetch it")
    (chunk,) = packed(["def load(): body"], [Chunk(1, 1, "", 0)], [symbol])
    assert chunk[terms.term_hash("load")] == 1 + terms.NAME_WEIGHT
    assert chunk[terms.term_hash("fetch")] == terms.DOC_WEIGHT
    assert chunk[terms.term_hash("reader")] == terms.SCOPE_WEIGHT
    assert chunk[terms.term_hash("body")] == 1


def test_further_chunks_of_a_long_definition_are_found_by_its_name() -> None:
    symbol = Symbol("load", "function", "", "def load", 1, 2, "")
    _, rest = packed(["def load():", "body"], [Chunk(1, 1, "", 0), Chunk(2, 2, "", 0)], [symbol])
    assert rest[terms.term_hash("load")] == terms.NAME_WEIGHT


def test_a_word_that_fills_a_chunk_is_counted_up_to_255() -> None:
    (chunk,) = packed(["word " * 1000], [Chunk(1, 1, "", -1)])
    assert chunk[terms.term_hash("word")] == 255


def test_the_memory_of_tokens_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms, "_REMEMBERED", 10)
    (chunk,) = packed([" ".join(f"word{i}x" for i in range(50))], [Chunk(1, 1, "", -1)])
    assert chunk[terms.term_hash("word")] == 50


@pytest.mark.parametrize("damage", [b"", b"short", b"\0" * 64])
def test_what_is_no_packed_terms_is_refused(damage: bytes) -> None:
    with pytest.raises(ValueError, match="packed terms"):
        terms.unpack(damage)


def test_packed_terms_that_are_cut_short_are_refused() -> None:
    whole = terms.chunk_terms(b"alpha beta\n", [0, 11], [Chunk(1, 1, "", -1)], [])
    for size in range(len(whole)):
        if (len(whole) - size) % 8:
            with pytest.raises(ValueError, match="packed terms"):
                terms.unpack(whole[:size])


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_have_terms_that_can_be_unpacked(data: bytes) -> None:
    found = counted(terms.chunk_terms(data, [0, len(data)], [Chunk(1, 1, "", -1)], []))
    assert len(found) == 1


@settings(deadline=None)
@given(st.text(max_size=80))
def test_a_text_is_found_by_its_own_words(text: str) -> None:
    """Whatever is indexed from a text and whatever is looked for with it are the same terms."""
    data = text.encode("utf-8", "replace")
    (chunk,) = counted(terms.chunk_terms(data, [0, len(data)], [Chunk(1, 1, "", -1)], []))
    assert set(chunk) == {terms.term_hash(term) for term in terms.query_terms(text)}

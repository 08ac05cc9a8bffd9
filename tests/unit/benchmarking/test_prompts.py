"""Prompts of an exact length, by whatever counts."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from slipstream.storage.errors import UsageError
from slipstream.tasks.benchmarking.model import Source
from slipstream.tasks.benchmarking.prompts import FEWEST, WORDS, Prompts, estimate, from_file
from slipstream.tasks.benchmarking.sample import Counter


def pieces(text: str) -> int:
    """A tokenizer that cuts long words, and begins with a start token."""
    return 1 + sum((len(word) + 4) // 5 for word in text.split(" "))


def letters(text: str) -> int:
    """One that knows no words."""
    return len(text.encode())


@pytest.mark.parametrize("count", [estimate, pieces])
@pytest.mark.parametrize("tokens", [3, 8, 9, 10, 100, 4096])
@pytest.mark.parametrize("unique", [True, False])
def test_a_prompt_has_exactly_the_tokens_that_are_asked_for(
    count: Counter, tokens: int, unique: bool
) -> None:
    prompts = Prompts(1, count, Source.SERVER)
    for number in range(20):
        found = prompts.make(tokens, "key", number, unique=unique)
        assert count(found.text) == found.tokens == tokens
        assert found.source is Source.SERVER


def test_where_no_length_fits_the_nearest_is_taken_and_told() -> None:
    """Words of several letters do not add up to any number of letters."""
    prompts = Prompts(1, letters, Source.TOKENIZER)
    for tokens in (1, 50, 1000):
        found = prompts.make(tokens, "key", 0, unique=False)
        assert letters(found.text) == found.tokens
        assert abs(found.tokens - tokens) < 10


def test_an_estimate_is_called_one() -> None:
    assert Prompts(1).make(10, "key", 0).source is Source.ESTIMATE
    assert estimate("one, two") == 3


def test_the_same_seed_gives_the_same_prompts_and_digest() -> None:
    def made(seed: int) -> tuple[list[str], str]:
        prompts = Prompts(seed)
        return [prompts.make(50, "a", n).text for n in range(40)], prompts.digest()

    assert made(1) == made(1)
    assert made(1)[0] != made(2)[0]
    assert made(1)[1] != made(2)[1]


def test_unique_prompts_differ_within_their_first_words() -> None:
    """Less than a block of any prefix cache, so that it has nothing."""
    prompts = Prompts(1)
    texts = [prompts.make(200, key, n).text for key in "ab" for n in range(500)]
    assert len({" ".join(text.split(" ")[:9]) for text in texts}) == 1000


def test_shared_prompts_are_one_for_each_key() -> None:
    prompts = Prompts(1)
    shared = {prompts.make(50, key, n, unique=False).text for key in "ab" for n in range(9)}
    assert len(shared) == 2


def test_there_are_enough_words_and_each_stands_once() -> None:
    assert len(WORDS) == len(set(WORDS)) > FEWEST
    assert all(re.fullmatch("[a-z]+", word) for word in WORDS)


def test_a_file_of_the_tokenizers_package_counts(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    model = tokenizers.models.WordLevel({"one": 0, "two": 1, "[UNK]": 2}, unk_token="[UNK]")
    made = tokenizers.Tokenizer(model)
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    file = tmp_path / "tokenizer.json"
    made.save(str(file))
    assert from_file(str(file))("one two three") == 3


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff\xfe"])
def test_a_file_that_is_no_tokenizer_is_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    pytest.importorskip("tokenizers")
    file = tmp_path / "tokenizer.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match=r"is no tokenizer\.json file"):
        from_file(str(file))


def test_the_package_is_asked_for_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(UsageError, match="needs the package tokenizers"):
        from_file("tokenizer.json")

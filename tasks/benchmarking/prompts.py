"""Prompts of an exact number of tokens: the same for the same seed, alike to no other by chance.

A prompt is a row of common English words that are one token each by the tokenizer that counts
(others are left out). So its length is known by the word, and is counted once more as a whole. Its
first words are drawn anew for each key: where they differ, a server's prefix cache has nothing.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Sequence
from typing import NamedTuple

from slipstream.storage.errors import UsageError
from slipstream.tasks.benchmarking.model import Source
from slipstream.tasks.benchmarking.sample import Counter

VERSION = 1  # to be raised when other prompts come out for the same seed
UNIQUE = 9  # words at the beginning that no other prompt has: eight of 100 words, 10^16 rows
FEWEST = 64  # words that a tokenizer must have as one token for exact prompts
TRIES = 8  # corrections until a prompt has its length
BASES = 16  # texts of one length that all prompts of that length are made from
_WORD = re.compile(r"\w+|[^\w\s]")

WORDS = (
    "the of and to in is you that it he was for on are as with his they at be this have from or "
    "one had by word but not what all were we when your can said there use an each which she do "
    "how their if will up other about out many then them these so some her would make like him "
    "into time has look two more write go see number no way could people my than first water been "
    "call who oil its now find long down day did get come made may part over new sound take only "
    "little work know place year live me back give most very after thing our just name good man"
).split()


class Prompt(NamedTuple):
    """A prompt and its length.

    Attributes:
        text: What is sent.
        tokens: How many it has.
        source: Who counted them.
    """

    text: str
    tokens: int
    source: Source


class Prompts:
    """Makes prompts.

    Attributes:
        source: Who counts.
    """

    def __init__(self, seed: int, count: Counter | None = None, source: Source | None = None):
        """Prepare.

        Args:
            seed: The same seed gives the same prompts.
            count: Counts the tokens of a text; None: they are estimated.
            source: Who that is.
        """
        self.seed = seed
        self.source = source or Source.ESTIMATE
        self._count = count or estimate
        words, self._overhead = _single(self._count)
        if len(words) < FEWEST:  # a tokenizer of bytes, for one
            words, self._overhead = list(WORDS), 0
        self._words = words
        self._bases: dict[tuple[int, str], Prompt] = {}

    def make(self, tokens: int, key: str, number: int, *, unique: bool = True) -> Prompt:
        """A prompt of that many tokens.

        Args:
            tokens: How many it shall have; one at least.
            key: Prompts of another key have nothing in common.
            number: Which prompt of the key.
            unique: It begins with words of its own; otherwise all of the key begin alike.
        """
        if not unique:
            return self._base(tokens, key)
        base = self._base(tokens, f"{number % BASES}")
        words = base.text.split(" ")
        own = self._draw(f"{key}/{number}", min(UNIQUE, len(words)))
        return base._replace(text=" ".join(own + words[UNIQUE:]))

    def digest(self) -> str:
        """SHA-256 of everything that decides which prompts have been made."""
        told = [f"{VERSION} {self.seed}"]
        told += [f"{key} {base.text}" for key, base in sorted(self._bases.items())]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()

    def _base(self, tokens: int, key: str) -> Prompt:
        place = (tokens, key)
        if place not in self._bases:
            self._bases[place] = self._fitted(tokens, key)
        return self._bases[place]

    def _fitted(self, tokens: int, key: str) -> Prompt:
        """As many words as make the count right."""
        wanted = max(1, tokens - self._overhead)
        best: Prompt | None = None
        for _ in range(TRIES):
            text = " ".join(self._draw(f"base/{tokens}/{key}", wanted))
            count = self._count(text)
            found = Prompt(text, count, self.source)
            if best is None or abs(count - tokens) < abs(best.tokens - tokens):
                best = found
            if count == tokens:
                break
            step = tokens - count
            share = wanted / max(1, count)
            wanted = max(1, wanted + (round(step * share) or (1 if step > 0 else -1)))
        assert best is not None
        return best

    def _draw(self, key: str, number: int) -> list[str]:
        chance = random.Random(f"{VERSION}/{self.seed}/{key}")
        # the first word of a text may be another token than the same one after a space
        return ["the", *chance.choices(self._words, k=number - 1)]


def estimate(text: str) -> int:
    """About how many tokens a text has: its words and marks. An estimate, and called one."""
    return len(_WORD.findall(text))


def from_file(path: str) -> Counter:
    """A counter from a `tokenizer.json` file.

    Raises:
        UsageError: The file cannot be read, or the package `tokenizers` is not installed.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise UsageError("--tokenizer needs the package tokenizers; install it.") from error
    try:
        tokenizer = Tokenizer.from_file(path)
    except Exception as error:  # the package raises nothing more precise
        raise UsageError(f"{path!r} is no tokenizer.json file: {error}.") from error
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def _single(count: Counter) -> tuple[list[str], int]:
    """The words that are one token each within a row, and what a row adds (a start token)."""
    overhead = 2 * count("the of") - count("the of the of")
    kept: list[str] = []
    for start in range(0, len(WORDS), 16):
        kept += _kept(count, WORDS[start : start + 16], overhead)
    return kept, overhead


def _kept(count: Counter, words: Sequence[str], overhead: int) -> list[str]:
    if count(" ".join(["the", *words])) == overhead + 1 + len(words):
        return list(words)
    if len(words) == 1:
        return []
    middle = len(words) // 2
    return _kept(count, words[:middle], overhead) + _kept(count, words[middle:], overhead)

"""The simulated server's tokens: exact, fast, reversible, and the same everywhere.

A token is, together with the one space before it, either up to eight letters, digits or
underscores, or one other visible character; or it is one white-space character that no such token
takes. The tokens of a text, put together, are the text. So `" word" * 100` is 100 tokens, and a
text may be made longer by exactly one token by adding a space and a short word.

An id is the CRC-32 of the token's UTF-8 bytes, without its highest bit. What an id stands for is
known to a tokenizer that has met the token.
"""

from __future__ import annotations

import re
from zlib import crc32

_TOKEN = re.compile(r" ?\w{1,8}| ?[^\w\s]|\s")
_MOST_KNOWN = 1_000_000  # tokens that can be had back by their id


def split(text: str) -> list[str]:
    """The tokens of a text."""
    return _TOKEN.findall(text)


def count(text: str) -> int:
    """The number of tokens of a text."""
    return len(_TOKEN.findall(text))


def identify(token: str) -> int:
    """The id of a token, from 0 to 2³¹ - 1."""
    return crc32(token.encode("utf-8", "surrogatepass")) & 0x7FFFFFFF


class Tokenizer:
    """Ids of texts, and texts of ids that were met before."""

    def __init__(self) -> None:
        self._known: dict[int, str] = {}

    def encode(self, text: str) -> list[int]:
        """The ids of a text's tokens."""
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        tokens = split(text)
        ids = [identify(token) for token in tokens]
        self._known.update(zip(ids, tokens, strict=True))
        return ids

    def decode(self, ids: list[int]) -> str:
        """The text of ids; those never met give U+FFFD."""
        return "".join(self._known.get(number, "\ufffd") for number in ids)

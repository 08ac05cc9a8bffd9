"""Text as numbers of word pieces, as models in the family of BERT read it.

Lower case, without accents; words and single punctuation marks; each word cut into the longest
pieces that the vocabulary has (Devlin et al., 2019, section 3; Wu et al., 2016, section 4.1). It is
written here because the usual library for it brings a client of a model hub with it.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

LONGEST_WORD = 100
"""Characters; longer ones are unknown as a whole."""

_ASCII = re.compile(r"[A-Za-z0-9]+|[!-/:-@\[-`{-~]")
_IDEOGRAPHS = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip


class WordPieces:
    """A vocabulary."""

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        """Take the number of each piece; those that continue a word begin with `##`."""
        self._vocabulary = vocabulary
        self._pieces = cache(self._cut)  # code repeats its words
        self._first, self._last = vocabulary["[CLS]"], vocabulary["[SEP]"]

    def numbers(self, text: str, most: int) -> list[int]:
        """The numbers of a text, between the two that mark its ends; `most` of them in all."""
        found: list[int] = []
        for word in words(text):
            found += self._pieces(word)
            if len(found) >= most - 2:
                break
        return [self._first, *found[: most - 2], self._last]

    def _cut(self, word: str) -> list[int]:
        unknown = [self._vocabulary["[UNK]"]]
        if len(word) > LONGEST_WORD:
            return unknown
        pieces: list[int] = []
        start = 0
        while start < len(word):
            mark = "##" if start else ""
            for end in range(len(word), start, -1):
                if (number := self._vocabulary.get(mark + word[start:end])) is not None:
                    break
            else:
                return unknown
            pieces.append(number)
            start = end
        return pieces


def words(text: str) -> list[str]:
    """Words and punctuation marks, in lower case and without accents."""
    if text.isascii():
        return _ASCII.findall(text.lower().translate(_CONTROLS))
    spaced = "".join(map(_spaced, text))
    plain = unicodedata.normalize("NFD", spaced.lower())
    return "".join(map(_apart, plain)).split()


@cache
def _spaced(char: str) -> str:
    """White space as a space, ideographs between spaces, control characters gone."""
    if char in "\t\n\r" or unicodedata.category(char) == "Zs":
        return " "
    if char in "\0\ufffd" or unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs"):
        return ""
    if any(first <= ord(char) <= last for first, last in _IDEOGRAPHS):
        return f" {char} "
    return char


@cache
def _apart(char: str) -> str:
    """Accents gone, punctuation between spaces."""
    category = unicodedata.category(char)
    if category == "Mn":
        return ""
    marks = char.isascii() and char.isprintable() and not char.isalnum() and char != " "
    return f" {char} " if marks or category.startswith("P") else char


_CONTROLS = {code: None for code in (*range(32), 127) if chr(code) not in "\t\n\r"}

"""Which files and kinds of definitions a search looks at."""

import re
from collections.abc import Callable
from functools import cache, lru_cache
from typing import NamedTuple

from slipstream.storage.errors import UsageError
from slipstream.tasks.indexing.view import Part


class Filter(NamedTuple):
    """What may be found; an empty text allows everything.

    Attributes:
        path_glob: As a `.gitignore` writes it: `*` within a name, `**` over folders, `?`, `[…]`,
            `{a,b}`; without `/` it is of a file's name anywhere; with one at its end, of what it
            names and everything in it.
        language: Such as `python`.
        kind: Of the definition, such as `function`.
    """

    path_glob: str = ""
    language: str = ""
    kind: str = ""

    def files(self, part: Part) -> Callable[[int], bool]:
        """Say of the files of a part whether they may be found; those that are gone may not."""
        tables, gone = part.segment, part.gone
        fits = glob_pattern(self.path_glob).fullmatch if self.path_glob else None
        wanted = {row for row, name in enumerate(tables.languages.texts()) if name == self.language}

        @cache
        def allowed(file: int) -> bool:
            if gone and gone[file]:
                return False
            if self.language and tables.file_language[file] not in wanted:
                return False
            return fits is None or fits(tables.paths.text(file)) is not None

        return allowed

    def kinds(self, part: Part) -> frozenset[int] | None:
        """List the rows of the kinds that may be found; None: all."""
        if not self.kind:
            return None
        names = part.segment.kinds.texts()
        return frozenset(row for row, name in enumerate(names) if name == self.kind)

    def chunks(self, part: Part) -> bytes | None:
        """Say of each chunk of a part, 1 or 0, whether it may be found; None: all there are."""
        if not any(self):
            return None
        tables, files, kinds = part.segment, self.files(part), self.kinds(part)
        allowed = bytearray(tables.chunks())
        for file in filter(files, range(len(tables.paths))):
            first, end = tables.file_chunks[file : file + 2]
            if kinds is None:
                allowed[first:end] = b"\1" * (end - first)
                continue
            for chunk in range(first, end):
                symbols = tables.symbols_of_chunk(chunk)
                allowed[chunk] = any(tables.symbol_kind[one] in kinds for one in symbols)
        return bytes(allowed)


@lru_cache(maxsize=64)
def glob_pattern(glob: str) -> re.Pattern[str]:
    """Compile a path glob.

    Raises:
        UsageError: A bracket in it is not closed, or a range goes backwards.
    """
    rest = _CLOSED.sub("", glob)
    for bracket in "[{":
        if bracket in rest:
            raise UsageError(
                f"The path glob {glob} has a {bracket} that is not closed; "
                f"\\{bracket} stands for the character."
            )
    anchored = "/" in glob.rstrip("/")
    source = _translate(glob.removeprefix("./").strip("/")) + "(?:/.*)?" * glob.endswith("/")
    try:
        return re.compile(source if anchored else f"(?:.*/)?{source}", re.DOTALL)
    except re.error as error:
        raise UsageError(f"The path glob {glob} is not valid: {error}.") from error


_PIECE = re.compile(
    r"(?P<deep>(?:(?<=/)|^)\*\*/)|(?P<rest>(?:(?<=/)|^)\*\*$)|(?P<star>\*+)|(?P<one>\?)"
    r"|\[(?P<set>[!^]?\]?[^\]/]*)\]|\{(?P<choice>[^{}]*)\}|\\(?P<escaped>.)|(?P<plain>.)",
    re.DOTALL,
)


_CLOSED = re.compile(r"\[[!^]?\]?[^\]/]*\]|\{[^{}]*\}|\\.", re.DOTALL)
"""What may hold a bracket that is none."""


def _translate(glob: str) -> str:
    out = []
    for found in _PIECE.finditer(glob):
        kind, text = found.lastgroup, found.group(found.lastgroup or 0)
        if kind == "deep":
            out.append("(?:.*/)?")
        elif kind == "rest":
            out.append(".*")
        elif kind == "star":
            out.append("[^/]*")
        elif kind == "one":
            out.append("[^/]")
        elif kind == "set":
            negated = text[:1] in ("!", "^")
            members = re.sub(r"([\\\[\]&~|^])", r"\\\1", text[negated:])
            out.append(f"[^/{members}]" if negated else f"[{members}]")
        elif kind == "choice":
            out.append("(?:" + "|".join(_translate(part) for part in text.split(",")) + ")")
        else:
            out.append(re.escape(text))
    return "".join(out)

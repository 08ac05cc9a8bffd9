"""Definitions and references of a source text: one query over its syntax tree, for any language.

What is particular to a language is data, in `languages/`. Nothing recurses: the tree may be as deep
as the text is long.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from operator import itemgetter
from time import thread_time
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from slipstream.tasks.indexing.languages import Description, describe
from slipstream.tasks.indexing.model import Kind, Symbol

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Query

MAX_SIGNATURE = 200  # characters
MAX_DOC = 200  # characters
MAX_SCOPE = 500  # characters, from which on it does not grow
MAX_NAME = 200  # bytes; longer ones are headings, or not names
_DOC_LINES = 100  # looked at above a definition
_HEAD_BYTES = 2000  # looked at for a signature or a docstring

# Of processor time for one text. Code takes a twentieth of it; what takes more is no code: where a
# grammar recovers from errors, each step may look at all that was read, so that steps say nothing.
_SECONDS = 1.0
_SECONDS_PER_MB = 2.0
_CALLS = 8  # of the parser, which it makes at each hundredth step, between looks at the clock
# Of a tree that is one error: a query takes the square of it, 0.5 s for 32,000.
_ERROR_CHILDREN = 4_000

_TYPES = frozenset(("class", "enum", "interface", "struct", "trait", "scope"))
_PLAIN = frozenset(("constant", "field", "variable"))  # without a body
_LOCAL = ("constant", "property", "variable")
_WITHIN = ("value", "right", "type")  # fields of a definition that may hold its body
_CODE = frozenset(("constructor", "function", "method"))

_FIRST_STRING = re.compile(
    rb"\s*(?:#[^\n]*\n\s*)*[rRuU]?(?:\"\"\"(.*?)(?:\"\"\"|\Z)|'''(.*?)(?:'''|\Z)|\"([^\"\n]*)|'([^'\n]*))",
    re.DOTALL,
)
_WORDS = re.compile(rb"[\w \t]+")
_POSITION = itemgetter(0, 1, 2)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_SENTENCE = re.compile(r".*?[.!?](?=\s|$)|.*?[。！？]")
_GENERIC = re.compile(r"<[^<>]*>")
_QUOTES = b"\"'`<>"
_CLOSING = "/*#-=~+ \t\r"
_MARKS = "/*!#-=~+;%<>|\\ \t\r"


_Role: TypeAlias = Kind | Literal["scope", ""]
"""What a pattern finds: a definition, what only gives a scope, or a reference."""


class TooHardError(Exception):
    """Parsing took longer than a text of this length may."""


class Found(NamedTuple):
    """What is in a text.

    Attributes:
        symbols: In the order of their first lines.
        depths: Of each symbol: in how many others it stands.
        references: Name → lines, in their order.
    """

    symbols: tuple[Symbol, ...]
    depths: tuple[int, ...]
    references: dict[str, list[int]]


class _Grammar(NamedTuple):
    about: Description
    language: "Language"
    query: "Query"
    kinds: tuple[_Role, ...]  # of each pattern; empty: a reference


@cache
def _grammar(language: str) -> _Grammar:
    from tree_sitter import Language, Query

    about = describe(language)
    grammar = Language(getattr(import_module(about.package), about.grammar)())
    sections: list[tuple[_Role, str]] = [
        *about.definitions.items(),
        ("scope", about.scopes),
        ("", about.references),
    ]
    text = ""
    ends: list[tuple[int, _Role]] = []
    for kind, patterns in sections:
        text += patterns + "\n"
        ends.append((len(text.encode()), kind))
    query = Query(grammar, text)
    kinds = tuple(
        next(kind for end, kind in ends if query.start_byte_for_pattern(pattern) < end)
        for pattern in range(query.pattern_count)
    )
    return _Grammar(about, grammar, query, kinds)


def find(language: str, data: bytes, starts: Sequence[int]) -> Found:
    """The definitions and references of a text.

    Args:
        language: One of `languages.PARSED`.
        data: UTF-8.
        starts: Byte offset of each line, and the length of `data`.

    Raises:
        TooHardError: The text is not what the grammar is for, such as brackets without an end.
    """
    grammar = _grammar(language)
    kinds, makers = grammar.kinds, grammar.about.makers
    definitions: dict[int, tuple[int, Node, Node, Node | None]] = {}
    lines: defaultdict[bytes, list[int]] = defaultdict(list)
    for pattern, captures in _matches(grammar, data):
        name = captures["name"][0]
        start = name.start_byte
        if not kinds[pattern]:
            lines[data[start : name.end_byte]].append(name.start_point[0] + 1)
        elif start not in definitions or pattern < definitions[start][0]:
            maker = captures.get("maker")
            if maker and data[maker[0].start_byte : maker[0].end_byte] not in makers:
                continue
            scope = captures.get("scope")
            definitions[start] = (pattern, captures["it"][0], name, scope[0] if scope else None)
    symbols, depths = _symbols(grammar, data, starts, list(definitions.values()))
    references = {
        name.strip(_QUOTES).decode("utf-8", "replace"): sorted(set(at))
        for name, at in lines.items()
        if len(name) <= MAX_NAME
    }
    return Found(symbols, depths, references)


def _matches(grammar: _Grammar, data: bytes) -> "list[tuple[int, dict[str, list[Node]]]]":
    from tree_sitter import Parser, QueryCursor

    end = thread_time() + _SECONDS + _SECONDS_PER_MB * len(data) / 1e6

    calls = 0

    def too_long(*_progress: object) -> bool:
        nonlocal calls
        calls += 1  # the clock is a system call
        return calls % _CALLS == 0 and thread_time() > end

    view = memoryview(data)
    try:
        # A parser of its own for each text: the callback lets other threads run in between.
        parser = Parser(grammar.language)
        tree = parser.parse(lambda at, _point: view[at:], progress_callback=too_long)
    except ValueError as error:
        raise TooHardError from error
    root = tree.root_node
    if root.is_error and root.child_count > _ERROR_CHILDREN:
        raise TooHardError
    # The query is not watched: `matches` with a callback crashes in tree-sitter 0.26.1.
    return QueryCursor(grammar.query).matches(root)


class _Open(NamedTuple):
    """What the definition at hand may stand in."""

    start: int
    end: int
    path: str  # its scope and name
    name: str
    kind: _Role
    depth: int


def _symbols(
    grammar: _Grammar,
    data: bytes,
    starts: Sequence[int],
    definitions: list[tuple[int, "Node", "Node", "Node | None"]],
) -> tuple[tuple[Symbol, ...], tuple[int, ...]]:
    about = grammar.about
    spans = [
        (it.start_byte, -it.end_byte, name.start_byte, name.end_byte, pattern, it, scope)
        for pattern, it, name, scope in definitions
    ]
    spans.sort(key=_POSITION)
    symbols: list[tuple[Symbol, int]] = []
    around = [_Open(0, len(data) + 1, "", "", "", 0)]
    for start, minus_end, name_start, name_end, pattern, it, scope in spans:
        end = -minus_end
        within = around[-1]
        while within.end < end or (within.end == end and within.start == start):
            around.pop()
            within = around[-1]
        if within.kind == "constructor" and grammar.kinds[pattern] == "property":
            within = around[-2]  # a parameter that makes a property
        qualifier, name = _name(data[name_start:name_end], about.separator)
        if scope:
            qualifier = _name(data[scope.start_byte : scope.end_byte], about.separator)[1]
        kind = _kind(grammar.kinds[pattern], name, within, qualifier, about)
        if not name or not kind:
            continue
        path = in_scope = _dotted(within.path, qualifier)
        if len(path) < MAX_SCOPE:  # else a deep nest would take the square of its size
            path = _dotted(path, name)
        depth = within.depth
        if kind == "scope":
            around.append(_Open(start, end, path, name, kind, depth))
            continue
        around.append(_Open(start, end, path, name, kind, depth + 1))
        first = _first(it, about.annotations) if about.annotations else it
        row = first.start_point[0]
        head, head_end = first.start_byte, starts[row + 1]
        body = 0
        if kind != "heading":
            if about.bodies or kind not in _PLAIN:
                body = _body(it, about)
            head_end = body or end
        line = starts[row]
        leads = line == head or data[line:head].isspace()
        if not leads and _WORDS.fullmatch(data, line, head):
            leads, head = True, line
        doc = _docstring(data, body) if body and about.docstring else ""
        if leads and not doc:
            doc = _comment_above(data, starts, it.start_point[0], about)
        signature = _signature(data, head, head_end)
        symbol = Symbol(name, kind, in_scope, signature, row + 1, _last_row(it) + 1, doc)
        symbols.append((symbol, depth))
    symbols.sort(key=lambda found: found[0].start)  # annotations may have moved some
    return tuple([symbol for symbol, _ in symbols]), tuple([depth for _, depth in symbols])


def _dotted(scope: str, name: str) -> str:
    return f"{scope}.{name}" if scope and name else scope or name


def _name(raw: bytes, separator: str) -> tuple[str, str]:
    """The scope that a qualified name gives, and the name itself, as one line."""
    name = raw[:MAX_NAME].decode("utf-8", "ignore")
    if name.isidentifier():
        return "", name
    name = " ".join(name.split()).strip("\"'`")
    if separator and separator in name and "operator" not in name:
        while (plain := _GENERIC.sub("", name)) != name:
            name = plain
        *scopes, name = (part.strip() for part in name.split(separator))
        return ".".join(filter(None, scopes)), name
    return "", name.lstrip(":")  # a Ruby symbol


def _kind(kind: _Role, name: str, within: _Open, qualifier: str, about: Description) -> _Role:
    """What a definition is where it stands; empty: a local variable, which is not kept."""
    in_type = within.kind in _TYPES or (qualifier != "" and within.kind not in _CODE)
    if kind in _LOCAL and within.kind in _CODE:
        return ""
    if kind == "variable":
        return "field" if in_type else "constant" if name.isupper() else kind
    if kind == "function" and in_type:
        kind = "method"
    if kind == "method" and (name in about.constructors or name == within.name):
        return "constructor"
    return kind


def _first(node: "Node", annotations: frozenset[str]) -> "Node":
    """Where a definition begins after its annotations."""
    for child in node.children:
        if child.type == "modifiers":
            for modifier in child.children:
                if modifier.type not in annotations:
                    return modifier
        elif child.type not in annotations:
            return child
    return node


def _body(node: "Node", about: Description) -> int:
    """The byte where a definition's head ends; 0: it has no body."""
    body = node.child_by_field_name("body")
    if body is None:
        for field in _WITHIN:
            if inner := node.child_by_field_name(field):
                body = inner.child_by_field_name("body") or _child(inner, about.bodies)
                break
        else:
            body = _child(node, about.bodies)
    return body.start_byte if body else 0


def _child(node: "Node", types: frozenset[str]) -> "Node | None":
    return next((child for child in node.children if child.type in types), None) if types else None


def _last_row(node: "Node") -> int:
    row, column = node.end_point
    return row - 1 if column == 0 and row > node.start_point[0] else row


def _signature(data: bytes, start: int, end: int) -> str:
    """A definition's head as one line."""
    text = data[start : min(end, start + _HEAD_BYTES)].decode("utf-8", "ignore")
    text = " ".join(text.split()).rstrip("{:=;, ")
    if "( " in text:  # an end of line after a bracket
        text = text.replace("( ", "(").replace(", )", ")").replace(" )", ")")
    return text if len(text) <= MAX_SIGNATURE else text[: MAX_SIGNATURE - 1] + "…"


def _docstring(data: bytes, body: int) -> str:
    found = _FIRST_STRING.match(data, body, body + _HEAD_BYTES)
    if not found or found.lastindex is None:
        return ""
    return _summary(found[found.lastindex].decode("utf-8", "ignore").split("\n"))


def _comment_above(data: bytes, starts: Sequence[int], row: int, about: Description) -> str:
    """The comment that ends in the line above a definition and its annotations."""
    lowest = max(0, row - _DOC_LINES)
    last, text = row, b""
    while last > lowest:
        last -= 1
        text = data[starts[last] : starts[last + 1]].strip()
        if not about.above or not text.startswith(about.above):
            break
    first = last
    if text.startswith(about.comments):
        while first > lowest and data[starts[first - 1] : starts[first]].lstrip().startswith(
            about.comments
        ):
            first -= 1
    elif about.block and text.endswith(about.block[1]):
        while about.block[0] not in text and first > lowest:
            first -= 1
            text = data[starts[first] : starts[first + 1]].strip()
        if not text.startswith(about.block[0]):
            return ""  # it stands behind code, or is too long
    else:
        return ""
    comment = data[starts[first] : starts[last + 1]].decode("utf-8", "ignore")
    return _summary(
        [_TAG.sub("", text).lstrip(_MARKS).rstrip(_CLOSING) for text in comment.split("\n")]
    )


def _summary(lines: Sequence[str]) -> str:
    """The first sentence of a comment, or its first paragraph where that has none."""
    paragraph: list[str] = []
    for line in lines:
        text = line.strip()
        if text.startswith("@") and paragraph:
            break
        if text and not text.startswith("@"):
            paragraph.append(text)
        elif paragraph:
            break
    text = " ".join(paragraph)
    sentence = _SENTENCE.match(text)
    return (sentence[0] if sentence else text)[:MAX_DOC]

"""What tree-sitter needs to know of each language, one file each: data, no code.

A language is added by a file here, named like the language, and its file names in `language.py`.
Its wheel is imported when the first file of the language is parsed: together they take 100 ms.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import NamedTuple

from slipstream.tasks.indexing.model import Kind


class Description(NamedTuple):
    """How definitions and references are found in the syntax tree of one language.

    Patterns are tree-sitter queries without predicates: those need the text of the tree, and a tree
    that was parsed through a callback has none: tree-sitter 0.26.1 crashes.

    Attributes:
        package: The grammar's wheel.
        definitions: Patterns by kind. `@it` is the definition, `@name` its name; `@scope` is what
            it belongs to where that is not around it, as a method's receiver in Go.
        references: Patterns; `@name` is the name that is used.
        scopes: Patterns of what gives a scope and is no definition, as `impl` in Rust.
        grammar: Function of the package that gives the grammar.
        separator: Between the scopes in a qualified name; empty: names are not qualified.
        comments: What a line begins with that is a comment.
        block: Opens and closes a comment of several lines; None: there is none.
        docstring: Whether a string that stands first in a body says what it is for.
        annotations: Types of nodes before a definition's own first line, inside its node.
        above: What a line begins with that stands between a definition and the comment above it.
        makers: What `@maker` of a definition may be, in languages that define by calling.
        constructors: Names of methods that make an instance; those named like their class are too.
        bodies: Types of nodes that end a signature where the grammar has no field `body`.
    """

    package: str
    definitions: Mapping[Kind, str]
    references: str
    scopes: str = ""
    grammar: str = "language"
    separator: str = ""
    comments: tuple[bytes, ...] = (b"//",)
    block: tuple[bytes, bytes] | None = (b"/*", b"*/")
    docstring: bool = False
    annotations: frozenset[str] = frozenset()
    above: tuple[bytes, ...] = ()
    makers: frozenset[bytes] = frozenset()
    constructors: frozenset[str] = frozenset()
    bodies: frozenset[str] = frozenset()


PARSED = frozenset(
    "bash c cpp csharp go java javascript kotlin markdown php python ruby rust sql swift tsx"
    " typescript".split()
)
"""Languages that have a file here."""


def describe(language: str) -> Description:
    """The description of a language of `PARSED`."""
    module = import_module(f"{__name__}.{language}")
    description: Description = module.DESCRIPTION
    return description

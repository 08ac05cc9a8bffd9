"""Reads the command line of the commands an agent waits for, without Typer (80 ms).

A command's options are a table. A line that the table does not explain (`--help`, an unknown
option, a missing value) is given back to Typer, which has the same options and says what is wrong;
a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Reader = Callable[[str], Any]
Options = Mapping[str, Reader | list[Reader]]
"""Option name to what reads its value: `str`, `int`, `float`; `bool` for a flag; a list of one for
an option that may be given several times."""


def parse(
    argv: Sequence[str],
    options: Options,
    aliases: Mapping[str, str] | None = None,
    *,
    rest: bool = False,
) -> tuple[dict[str, Any], list[str]] | None:
    """Options and operands of a command line, or None where Typer has to look at it.

    Args:
        argv: What follows the command's name.
        options: The command's options.
        aliases: Short names.
        rest: The first operand ends the options: what follows is a command line of its own.
    """
    values: dict[str, Any] = {}
    operands: list[str] = []
    words = iter(argv)
    for word in words:
        if word == "--":
            operands += words
            break
        if not word.startswith("-") or word == "-":
            operands.append(word)
            if rest:
                operands += words
                break
            continue
        name, equals, text = word.partition("=")
        if aliases and not equals:
            name = aliases.get(name, name)
        kind = options.get(name)
        if kind is None or (kind is bool and equals):
            return None
        key = name[2:].replace("-", "_")
        if kind is bool:
            values[key] = True
            continue
        several, read = (True, kind[0]) if isinstance(kind, list) else (False, kind)
        try:
            value = read(text if equals else next(words))
        except (StopIteration, ValueError):
            return None
        if several:
            values.setdefault(key, []).append(value)
        else:
            values[key] = value
    return values, operands

"""`slip symbols`: what a file defines, line by line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from slipstream.cli import output
from slipstream.cli.fast import Options, parse
from slipstream.storage.errors import NotFoundError

if TYPE_CHECKING:
    from slipstream.tasks.indexing.model import Symbol

OPTIONS: Options = {"--kind": str, "--revision": str, "--json": bool}
JSON_VERSION = 1


def fast(argv: Sequence[str]) -> int | None:
    """List symbols from a plain command line; None where Typer has to look at it."""
    parsed = parse(argv, OPTIONS)
    if parsed is None or len(parsed[1]) != 1:
        return None
    return symbols(parsed[1][0], **parsed[0])


def symbols(file: str, *, kind: str = "", revision: str = "", json: bool = False) -> int:
    """Print what a file defines, in the order of its lines.

    Raises:
        NotFoundError: There is no such file or revision, or it defines nothing that fits.
        UsageError: It is a folder, or outside the repository.
    """
    from slipstream.cli.cache_open import opened
    from slipstream.cli.search import check_kind
    from slipstream.tasks.indexing import query

    if kind:
        check_kind(kind)

    with opened() as store:
        found = query.outline(file, store, revision)
    chosen = [symbol for symbol in found.symbols if kind in ("", symbol.kind)]
    if json:
        output.print_json(
            {
                "version": JSON_VERSION,
                "file": file,
                "language": found.language,
                "lines": found.lines,
                "skipped": found.skipped,
                "symbols": [symbol._asdict() for symbol in chosen],
            }
        )
        return 0 if chosen else NotFoundError.exit_status
    if not chosen:
        what = f"no {kind}" if kind else "nothing that is known as a definition"
        why = f", and was not read because it is {found.skipped}" if found.skipped else ""
        raise NotFoundError(f"{file} ({found.language}) holds {what}{why}.")
    for symbol in chosen:
        print(_line(symbol))
    return 0


def _line(symbol: Symbol) -> str:
    """`12-40  class Store(Base)`, indented by what it stands in, with its first sentence."""
    depth = len(symbol.scope.split(".")) if symbol.scope else 0
    span = f"{symbol.start}-{symbol.end}" if symbol.end > symbol.start else str(symbol.start)
    text = symbol.name if symbol.kind == "heading" else symbol.signature or symbol.name
    text = f"{span.ljust(9)} {'  ' * depth}{text}"
    if symbol.kind not in ("class", "function", "method", "heading"):
        text += f"  [{symbol.kind}]"
    return output.printable(f"{text}  — {symbol.doc}" if symbol.doc else text)

"""`slip search` for Typer: its options, its help."""

from __future__ import annotations

from typing import Annotated

import typer

from slipstream.cli import search as plain

Revision = Annotated[
    str, typer.Option("--revision", help="Look at a commit, branch or tag, not the working tree.")
]
Untracked = Annotated[
    bool, typer.Option("--untracked", help="Count files that git does not track, too.")
]


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("search")(command)


def command(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="A name, words, or an expression.")],
    folder: Annotated[
        str, typer.Argument(metavar="[PATH]", help="A folder or file to search in; default: all.")
    ] = ".",
    mode: Annotated[
        str | None,
        typer.Option("--mode", help="hybrid (names and words, the default), symbol, text, regex."),
    ] = None,
    fixed: Annotated[
        bool, typer.Option("--fixed", "-F", help="Lines that hold QUERY as it stands: --mode text.")
    ] = False,
    regex: Annotated[
        bool, typer.Option("--regex", "-E", help="Lines that match QUERY: --mode regex.")
    ] = False,
    path: Annotated[
        str, typer.Option("--path", "-g", help="Only paths that match a glob, as in 'src/**/*.py'.")
    ] = "",
    lang: Annotated[str, typer.Option("--lang", "-t", help="Only one language, as python.")] = "",
    kind: Annotated[
        str, typer.Option("--kind", help="Only symbols of a kind, as function, class, method.")
    ] = "",
    limit: Annotated[
        int | None,
        typer.Option("--limit", "-m", help="Hits at the most; default: 20, with -F and -E 100."),
    ] = None,
    context: Annotated[
        int | None, typer.Option("--context", "-C", help="Lines around each hit.")
    ] = None,
    max_bytes: Annotated[
        int | None,
        typer.Option(
            "--max-bytes", help="Bytes of hits that are printed at the most; default: 10240."
        ),
    ] = None,
    revision: Revision = "",
    untracked: Untracked = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Find definitions and lines in a repository as it is now, the best first.

    What changed since the last search is indexed on the way; nothing else is. Exits with 4 when
    nothing was found.

    \b
    slip search "parse header"
    slip search Recorder --mode symbol --kind class
    slip search -F 'raise NotFoundError(' -g 'storage/**' -C 2
    slip search -E 'def test_.*clock' tests --json
    """
    return plain.search(
        query, folder, mode=mode, fixed=fixed, regex=regex, path=path, lang=lang, kind=kind,
        limit=limit, context=context, max_bytes=max_bytes, revision=revision,
        untracked=untracked, json=json,
    )  # fmt: skip

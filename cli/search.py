"""`slip search`: where something is in a repository, the best places first, in few bytes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from slipstream.cli import output
from slipstream.cli.fast import Options, parse
from slipstream.storage.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from slipstream.tasks.indexing.model import SearchHit
    from slipstream.tasks.indexing.query import Answer, Question
    from slipstream.tasks.indexing.search import Mode

OPTIONS: Options = {
    "--mode": str,
    "--fixed": bool,
    "--regex": bool,
    "--path": str,
    "--lang": str,
    "--kind": str,
    "--limit": int,
    "--context": int,
    "--max-bytes": int,
    "--revision": str,
    "--untracked": bool,
    "--json": bool,
}
ALIASES = {
    "-F": "--fixed",
    "-E": "--regex",
    "-g": "--path",
    "-t": "--lang",
    "-m": "--limit",
    "-C": "--context",
}
MODES: tuple[Mode, ...] = ("hybrid", "symbol", "text", "regex")
LIMIT = 20
MAX_BYTES = 10 * 1024
MOST = 1000  # hits that can be asked for
CONTEXT = {"hybrid": 1, "symbol": 1, "text": 0, "regex": 0}
LONGEST = 300  # characters of a line that are shown
JSON_VERSION = 1


def fast(argv: Sequence[str]) -> int | None:
    """Search from a plain command line; None where Typer has to look at it."""
    parsed = parse(argv, OPTIONS, ALIASES)
    if parsed is None or len(parsed[1]) not in (1, 2):
        return None
    values, operands = parsed
    return search(*operands, **values)


def search(
    query: str,
    folder: str = ".",
    *,
    mode: str | None = None,
    fixed: bool = False,
    regex: bool = False,
    path: str = "",
    lang: str = "",
    kind: str = "",
    limit: int = LIMIT,
    context: int | None = None,
    max_bytes: int = MAX_BYTES,
    revision: str = "",
    untracked: bool = False,
    json: bool = False,
) -> int:
    """Print the places that fit a query best.

    Raises:
        NotFoundError: There is none, or no such folder or revision.
        UsageError: An option is wrong.
    """
    chosen = _mode(mode, fixed, regex)
    if not query.strip():
        raise UsageError("The query is empty; name a symbol, some words, or an expression.")
    for option, count in (("--limit", limit), ("--max-bytes", max_bytes)):
        if count < 1:
            raise UsageError(f"{option} {count} must be above 0.")
    lines = CONTEXT[chosen] if context is None else context
    if lines < 0:
        raise UsageError(f"--context {lines} must not be negative.")

    from slipstream.cli.cache_open import opened
    from slipstream.cli.progress import Progress
    from slipstream.tasks.indexing import query as index

    if kind:
        check_kind(kind)
    source, inside = index.place(folder, revision, untracked)
    below = index.below(inside, path)
    asked = index.Question(
        query, chosen, below, _language(lang), kind, min(limit, MOST), lines, untracked
    )
    with opened() as store, Progress("indexing", "files") as progress:
        answer = index.ask(source, asked, store, progress)
    for problem in answer.problems:
        output.warn(problem)
    if json:
        output.print_json(_as_json(asked, answer))
        return 0 if answer.hits else NotFoundError.exit_status
    if not answer.hits:
        narrowed = any((asked.path_glob, lang, kind))
        advice = "look in more files or kinds" if narrowed else "try fewer or other words"
        shown = query if len(query) <= 60 else f"{query[:60]}…"
        raise NotFoundError(f"Nothing was found for {shown!r}; {advice}.")
    _print(answer.hits, max_bytes, context is not None)
    return 0


def check_kind(kind: str) -> None:
    """Refuse a kind of definition that there is none of.

    Raises:
        UsageError: It names the nearest that there is.
    """
    from typing import get_args

    from slipstream.tasks.indexing.model import Kind

    if kind not in get_args(Kind):
        raise UsageError(f"--kind {kind!r} is none; {_nearest(kind, get_args(Kind))}")


def _language(name: str) -> str:
    """A language by its name or the end of its files' names, as `py`.

    Raises:
        UsageError: It is neither.
    """
    from slipstream.tasks.indexing import language

    if not name or name in language.NAMES:
        return name
    if (known := language.of(f"file.{name}")) != language.TEXT:
        return known
    raise UsageError(f"--lang {name!r} is not known; {_nearest(name, sorted(language.NAMES))}")


def _nearest(name: str, known: Sequence[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name.lower(), known, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}."


def _mode(mode: str | None, fixed: bool, regex: bool) -> Mode:
    wanted: Mode = "text" if fixed else "regex" if regex else "hybrid"
    if mode is None and not (fixed and regex):
        return wanted
    if fixed or regex:
        raise UsageError("Only one of --mode, -F and -E can be given.")
    for known in MODES:
        if mode == known:
            return known
    raise UsageError(f"--mode {mode!r} is not one of {', '.join(MODES)}.")


def _print(hits: Sequence[SearchHit], max_bytes: int, before: bool) -> None:
    """Print hits until the limit, and say what was left out; the first one always."""
    room = max_bytes
    for number, hit in enumerate(hits):
        text = "\n".join(_shown(hit, before)) + "\n"
        room -= len(text.encode("utf-8", "replace"))
        if room < 0 and number:
            left = len(hits) - number
            print(f"… {left} more hits: raise --max-bytes, or narrow it with --path or --kind.")
            return
        sys.stdout.write(text)


def _shown(hit: SearchHit, before: bool) -> Iterator[str]:
    """`path:line: text  [kind name, lines A-B]`, and the numbered lines around it."""
    if before:
        for number, text in enumerate(hit.before, hit.line - len(hit.before)):
            yield f"  {number}- {_cut(text)}"
    span = f", lines {hit.start}-{hit.end}" if hit.end > hit.start else ""
    name = "" if hit.name in hit.text else f" {output.printable(hit.name)}"
    inside = f"  [{hit.kind}{name}{span}]" if hit.kind else ""
    yield f"{output.printable(hit.path)}:{hit.line}: {_cut(hit.text)}{inside}"
    for number, text in enumerate(hit.after, hit.line + 1):
        if before or text.strip():
            yield f"  {number}- {_cut(text)}"


def _cut(text: str) -> str:
    """A line without what would move a terminal's cursor; a long one ends in an ellipsis."""
    shown = output.printable(text.expandtabs(4))
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"


def _as_json(asked: Question, answer: Answer) -> dict[str, Any]:
    return {
        "version": JSON_VERSION,
        **asked._asdict(),
        "root": answer.snapshot.root,
        "commit": answer.snapshot.commit,
        "state": answer.snapshot.part,
        "problems": list(answer.problems),
        "hits": [hit._asdict() for hit in answer.hits],
    }

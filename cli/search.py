"""`slip search`: where something is in a repository, the best places first, in few bytes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from slipstream.cli import output
from slipstream.cli.fast import Options, parse
from slipstream.cli.search_hits import blocks
from slipstream.storage.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from slipstream.tasks.indexing.matching import Found
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
LINES = ("text", "regex")  # modes whose hits are lines, in the order of the files
LIMIT = {"hybrid": 20, "symbol": 20, "text": 100, "regex": 100}
MAX_BYTES = 10 * 1024
MOST_CONTEXT = 1000  # lines on each side
MOST = 10_000  # hits that can be asked for
CONTEXT = {"hybrid": 1, "symbol": 1, "text": 0, "regex": 0}
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
    limit: int | None = None,
    context: int | None = None,
    max_bytes: int | None = None,
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
    most = LIMIT[chosen] if limit is None else limit
    for option, count in (("--limit", most), ("--max-bytes", max_bytes)):
        if count is not None and count < 1:
            raise UsageError(f"{option} {count} must be above 0.")
    lines = CONTEXT[chosen] if context is None else min(context, MOST_CONTEXT)
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
        query, chosen, below, _language(lang), kind, min(most, MOST), lines, untracked
    )
    with opened() as store, Progress("indexing", "files") as progress:
        answer = index.ask(source, asked, store, progress)
    for problem in answer.problems:
        output.warn(problem)
    if json:
        output.print_json(_as_json(asked, answer, max_bytes))
        return 0 if answer.hits else NotFoundError.exit_status
    if not answer.hits:
        raise NotFoundError(_nothing(asked, answer.found.near))
    _print(asked, answer.found, max_bytes or MAX_BYTES, context is not None)
    return 0


def _nothing(asked: Question, near: Sequence[str]) -> str:
    """Say that nothing was found, and what else to look for."""
    shown = asked.query if len(asked.query) <= 60 else f"{asked.query[:60]}…"
    advice = "try fewer or other words."
    if near:
        *most, last = near
        advice = f"did you mean {', '.join(most)}{' or ' if most else ''}{last}?"
    elif asked.path_glob or asked.language or asked.kind:
        advice = "look in more files or kinds."
    return f"Nothing was found for {shown!r}; {advice}"


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


def _print(asked: Question, found: Found, max_bytes: int, before: bool) -> None:
    """Print hits until the limit, and say what was left out; the first one's line always."""
    grouped = asked.mode in LINES
    room, shown = max_bytes, 0
    for text in blocks(found.hits, before=before, grouped=grouped):
        room -= len(text.encode("utf-8", "replace"))
        if room < 0:
            if shown:
                break
            bare = found.hits[0]._replace(before=(), after=())
            text = next(blocks([bare], before=before, grouped=grouped))
        sys.stdout.write(text)
        shown += 1
    if shown < found.total or not found.whole:
        print(_left_out(asked, found, shown))


def _left_out(asked: Question, found: Found, shown: int) -> str:
    """Say how much of how many is shown, and what to do for more."""
    cut = "--limit" if shown == len(found.hits) else "--max-bytes"
    total = f"{found.total:,}" if found.whole else f"more than {found.total:,}"
    files = f"{found.files:,} file{'s' * (found.files > 1)}"
    what = f"lines in {files}" if asked.mode in LINES else "hits"
    return (
        f"… {shown:,} of {total} {what} are shown: "
        f"raise {cut}, or narrow it with --path, --lang or --kind."
    )


def _as_json(asked: Question, answer: Answer, max_bytes: int | None) -> dict[str, Any]:
    """All of an answer; of its hits as many as fit into so many bytes of JSON, one at least."""
    hits = [hit._asdict() for hit in answer.hits]
    if max_bytes is not None:
        hits = hits[: _fitting(hits, max_bytes)]
    return {
        "version": JSON_VERSION,
        **asked._asdict(),
        "root": answer.snapshot.root,
        "commit": answer.snapshot.commit,
        "state": answer.snapshot.part,
        "problems": list(answer.problems),
        "total": answer.found.total,
        "files": answer.found.files,
        "whole": answer.found.whole,
        "near": list(answer.found.near),
        "hits": hits,
    }


def _fitting(hits: Sequence[dict[str, Any]], room: int) -> int:
    """How many of the hits take no more than so many bytes as they are printed; one at least."""
    import json

    for number, hit in enumerate(hits):
        text = json.dumps(hit, indent=2, ensure_ascii=False)
        lines = text.count("\n") + 1
        room -= len(text.encode("utf-8", "replace")) + 4 * lines + len(",\n")
        if room < 0:
            return max(1, number)
    return len(hits)

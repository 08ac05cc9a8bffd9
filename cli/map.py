"""`slip map`: the definitions of a repository that most others use, in few bytes."""

from __future__ import annotations

from collections.abc import Sequence

from slipstream.cli import output
from slipstream.cli.fast import Options, parse
from slipstream.storage.errors import UsageError

OPTIONS: Options = {"--max-bytes": int, "--tokens": int, "--revision": str, "--json": bool}
MAX_BYTES = 10 * 1024
BYTES_PER_TOKEN = 4  # of code, for the tokenizers of today's models: an estimate
JSON_VERSION = 1


def fast(argv: Sequence[str]) -> int | None:
    """Show a map from a plain command line; None where Typer has to look at it."""
    parsed = parse(argv, OPTIONS)
    if parsed is None or len(parsed[1]) > 1:
        return None
    return show(*parsed[1], **parsed[0])


def show(
    folder: str = ".",
    *,
    max_bytes: int | None = None,
    tokens: int | None = None,
    revision: str = "",
    json: bool = False,
) -> int:
    """Print a map of a repository.

    Raises:
        NotFoundError: There is no such folder or revision.
        UsageError: The sizes are wrong.
    """
    if max_bytes is not None and tokens is not None:
        raise UsageError("Only one of --max-bytes and --tokens can be given.")
    for option, size in (("--max-bytes", max_bytes), ("--tokens", tokens)):
        if size is not None and size < 1:
            raise UsageError(f"{option} {size} must be above 0.")
    room = max_bytes or (tokens * BYTES_PER_TOKEN if tokens else MAX_BYTES)

    from slipstream.cli.cache_open import opened
    from slipstream.cli.progress import Progress
    from slipstream.tasks.indexing import query

    with opened() as store, Progress("indexing", "files") as progress:
        text = query.overview(folder, room, store, revision, progress)
    if not text:
        raise UsageError(f"{room} bytes are too few for a map; raise --max-bytes or --tokens.")
    if json:
        size = len(text.encode("utf-8", "replace"))
        output.print_json({"version": JSON_VERSION, "bytes": size, "text": text})
    else:
        print(text, end="" if text.endswith("\n") else "\n")
    return 0

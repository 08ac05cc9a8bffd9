"""`slip log`: the full logs, byte for byte: all of one, a part of it, a search in it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from slipstream.cli.fast import Options, parse
from slipstream.storage.errors import SlipError, UsageError

OPTIONS: Options = {
    "--head": int,
    "--tail": int,
    "--lines": str,
    "--grep": str,
    "--context": int,
    "--output": str,
}
ALIASES = {"-C": "--context", "-o": "--output"}


def fast(argv: Sequence[str]) -> int | None:
    """Show a log from a plain command line; None where Typer has to look at it."""
    parsed = parse(argv, OPTIONS, ALIASES)
    if parsed is None or len(parsed[1]) != 1 or parsed[1][0] in ("list", "prune"):
        return None
    values, operands = parsed
    return show(operands[0], **values)


def show(
    name: str,
    *,
    head: int | None = None,
    tail: int | None = None,
    lines: str | None = None,
    grep: str | None = None,
    context: int = 0,
    output: str | None = None,
) -> int:
    """Write a stored log, or the part that is asked for, exactly as it was printed.

    Raises:
        NotFoundError: No such log.
        AmbiguousError: The shortened id fits several.
        CorruptError: Its stored bytes are damaged.
        UsageError: The parts that are asked for do not go together.
    """
    from slipstream.storage.outputs.store import OutputStore
    from slipstream.storage.paths import home

    if sum(part is not None for part in (head, tail, lines)) > 1:
        raise UsageError("Only one of --head, --tail and --lines can be given.")
    for option, count in (("--head", head), ("--tail", tail), ("--context", context)):
        if count is not None and count < 0:
            raise UsageError(f"{option} {count} must not be negative.")
    wanted = line_range(lines) if lines is not None else None
    store = OutputStore(home())
    log = store.resolve(name)
    first, last = wanted or (1, log.lines)
    if head is not None:
        last = min(last, head)
    elif tail is not None:
        first = max(1, last - tail + 1)
    whole = first <= 1 and last >= log.lines
    chunks: Iterable[bytes] = store.read(log) if whole else store.read_lines(log, first, last)
    if first > last:
        chunks = ()
    if grep is not None:
        from slipstream.tasks.summarization.grep import grep as search

        chunks = search(chunks, grep, context, first)
    if not log.complete:
        print(
            f"slip: log {log.id} is not complete: its command or slip was cut off.", file=sys.stderr
        )
    return _write(chunks, output)


def line_range(text: str) -> tuple[int, int]:
    """`A:B`, `A:`, `:B` or `A` as the first and the last line.

    Raises:
        UsageError: It is none of these.
    """
    first, colon, last = text.partition(":")
    try:
        start = int(first) if first else 1
        stop = int(last) if last else (1 << 62 if colon else start)
    except ValueError:
        start, stop = 0, 0
    if start < 1 or stop < start:
        raise UsageError(f"--lines {text!r} is not a range of lines such as 40:60, 40: or :60.")
    return start, stop


def _write(chunks: Iterable[bytes], output: str | None) -> int:
    if output is None:
        sys.stdout.flush()
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        return 0
    try:
        with open(output, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
    except OSError as error:
        raise SlipError(f"{output!r} cannot be written: {error.strerror or error}.") from error
    return 0

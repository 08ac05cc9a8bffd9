"""Search in a stored log by a linear-time engine, so that no expression can run for ever."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from slipstream.storage.errors import UsageError
from slipstream.tasks.summarization.engine import Engine, Pattern, PatternError, compile_patterns

BLOCK = 1 << 20


def grep(
    chunks: Iterable[bytes], expression: str, context: int = 0, first: int = 1
) -> Iterator[bytes]:
    """Matching lines with their numbers, in the form of `grep -n -C`.

    Args:
        chunks: The bytes, in any pieces.
        expression: Regular expression of a single line, without look-around.
        context: Lines before and after each match.
        first: Number of the first line.

    Raises:
        UsageError: The expression cannot be used.
    """
    try:
        engine = compile_patterns([Pattern(expression)])
    except PatternError as error:
        raise UsageError(f"--grep {expression!r} cannot be used: {error}") from error
    before: deque[tuple[int, bytes]] = deque(maxlen=context)
    after, printed, number = 0, 0, first
    for block in _blocks(chunks):
        lines = block.split(b"\n")
        if not lines[-1]:
            lines.pop()
        matched = _matched(engine, block)
        if not matched and not after:
            before.extend(
                enumerate(
                    lines[-context:] if context else [], number + max(0, len(lines) - context)
                )
            )
            number += len(lines)
            continue
        for at, line in enumerate(lines):
            if at in matched:
                if printed and context and number - len(before) > printed + 1:
                    yield b"--\n"
                for old, text in before:
                    yield b"%d-%s\n" % (old, text)
                before.clear()
                yield b"%d:%s\n" % (number, line)
                printed, after = number, context
            elif after:
                yield b"%d-%s\n" % (number, line)
                printed, after = number, after - 1
            elif context:
                before.append((number, line))
            number += 1


def _matched(engine: Engine, block: bytes) -> set[int]:
    """Indices of the lines of the block that match."""
    ends: list[int] = []
    engine.scan(block, lambda _pattern, end: ends.append(end))
    matched: set[int] = set()
    at = line = 0
    for end in sorted(ends):
        line += block.count(b"\n", at, end)
        at = end
        matched.add(line)
    return matched


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Blocks of whole lines."""
    pending: list[bytes] = []
    size = 0
    for chunk in chunks:
        end = chunk.rfind(b"\n") + 1
        if not end:
            pending.append(chunk)
            continue
        pending.append(chunk[:end])
        size += end
        if size >= BLOCK:
            yield b"".join(pending)
            pending, size = [], 0
        if end < len(chunk):
            if pending:
                yield b"".join(pending)
            pending, size = [chunk[end:]], 0
    if pending:
        yield b"".join(pending)

"""Makes logs of any size with failures in the first, the middle and the last tenth.

The same kind, size and seed give the same bytes. Logs are written as they are made, so a gigabyte
costs no memory. Quiet parts come from a pool of different blocks of 256 KiB, drawn at random: far
enough apart that a fast compressor sees little more repetition than in a real log.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

BLOCK = 256 << 10
POOL = 64
PER_PLACE = 4
"""Failures in each of the three places; all twelve fit into 10,240 bytes with their reasons."""
WORDS = (
    "order", "cart", "stock", "price", "token", "cache", "queue", "page", "user", "mail", "image",
    "route", "graph", "batch", "shard",
)  # fmt: skip


class Log(NamedTuple):
    """A log that was written, and what has to be found in it."""

    kind: str
    path: Path
    size: int
    reasons: tuple[str, ...]
    """A text for each failure that says why it failed, and stands nowhere else."""


class _Kind(NamedTuple):
    quiet: Callable[[random.Random], str]
    """A line of ordinary work."""
    failing: Callable[[random.Random, int], tuple[str, str, str]]
    """Of a failure: the lines where it happens, those at the end of its part, and its reason."""
    end: Callable[[int], str]
    """Lines after a part, by the number of its failures."""


def write_log(kind: str, size: int, path: Path, seed: int = 7) -> Log:
    """Write about `size` bytes of a kind of log (see KINDS) to a file.

    Each of the ten parts is a session of its own, as of a monorepo's tests one after another; the
    first, the sixth and the last have failures, spread over them.
    """
    of = KINDS[kind]
    rng = random.Random(f"{kind} {seed}")
    pool = [_block(of, rng) for _ in range(min(POOL, size // BLOCK + 1))]
    reasons: list[str] = []
    written = 0
    with path.open("wb") as out:
        for part in range(10):
            failures = PER_PLACE if part in (0, 5, 9) else 0
            goal = size * (part + 1) // 10
            stops = [
                written + (goal - written) * (i + 1) // (failures + 1) for i in range(failures)
            ]
            later: list[str] = []
            for stop in [*stops, goal]:
                if stop == goal:
                    stop -= len("".join(later)) + 200  # what ends the part belongs to it
                for piece in _filler(pool, rng, stop - written):
                    written += out.write(piece)
                if stop in stops:
                    now, at_end, reason = of.failing(rng, 10_000 + len(reasons))
                    written += out.write(now.encode())
                    later.append(at_end)
                    reasons.append(reason)
            written += out.write("".join([*later, of.end(failures)]).encode())
    return Log(kind, path, written, tuple(reasons))


def write_matching_log(size: int, path: Path) -> Log:
    """A log in which every line is an error of its own."""
    rng = random.Random(3)
    written = 0
    with path.open("wb") as out:
        while written < size:
            lines = [
                f"src/{rng.choice(WORDS)}_{rng.randrange(999):03}.c:{rng.randrange(1, 4000)}:5: "
                f"error: '{rng.choice(WORDS)}_{rng.randrange(10**6)}' undeclared\n"
                for _ in range(4000)
            ]
            written += out.write("".join(lines).encode())
    return Log("every line matches", path, written, ())


def _block(of: _Kind, rng: random.Random) -> bytes:
    lines: list[str] = []
    length = 0
    while length < BLOCK:
        line = of.quiet(rng)
        lines.append(line)
        length += len(line)
    return "".join(lines).encode()


def _filler(pool: list[bytes], rng: random.Random, size: int) -> Iterator[bytes]:
    """Whole lines of about `size` bytes."""
    while size > 0:
        block = rng.choice(pool)
        if size < len(block):
            block = block[: block.find(b"\n", size) + 1]
        yield block
        size -= len(block)


def _word(rng: random.Random) -> str:
    """A name in a quiet line; one in 200 has a word of failures in it, as `test_error.py` has."""
    return "error" if rng.random() < 0.005 else rng.choice(WORDS)


def _pytest_quiet(rng: random.Random) -> str:
    word, other = rng.choice(WORDS), _word(rng)
    name = f"tests/{word}/test_{other}.py::Test{word.title()}::test_{other}_{rng.randrange(10**5)}"
    result = "SKIPPED (no network)" if rng.random() < 0.01 else "PASSED"
    return f"{name} {result}".ljust(100) + f" [{rng.randrange(100):3}%]\n"


def _pytest_failing(rng: random.Random, number: int) -> tuple[str, str, str]:
    word = rng.choice(WORDS)
    file, name, line = f"tests/{word}/test_{word}.py", f"test_total_{number}", rng.randrange(9, 900)
    reason = f"assert {number}7 == {number}8"
    block = (
        f"{'_' * 30} {name} {'_' * 30}\n\n    def {name}():\n        got = {word}.total()\n"
        f">       assert got == {number}8\nE       {reason}\nE        +  where {number}7 = got\n"
        f"\n{file}:{line}: AssertionError\n"
    )
    return f"{file}::{name} FAILED".ljust(100) + f" [{rng.randrange(100):3}%]\n", block, reason


def _pytest_end(failures: int) -> str:
    counts = f"{failures} failed, 4711 passed" if failures else "4711 passed"
    return f"{f' {counts} in 12.34s ':=^100}\n"


def _gcc_quiet(rng: random.Random) -> str:
    word, number = _word(rng), rng.randrange(10**5)
    if rng.random() < 0.004:
        return (
            f"src/{word}/{word}_{number}.c:{rng.randrange(1, 900)}:9: warning: unused variable "
            f"'tmp_{number}' [-Wunused-variable]\n   12 |     int tmp_{number};\n"
            f"      |         ^~~~~~~~~\n"
        )
    return (
        f"gcc -std=c17 -O2 -Wall -Wextra -Iinclude -DNDEBUG "
        f"-c src/{word}/{word}_{number}.c -o build/{word}/{word}_{number}.o\n"
    )


def _gcc_failing(rng: random.Random, number: int) -> tuple[str, str, str]:
    word, line = rng.choice(WORDS), rng.randrange(9, 900)
    file, reason = f"src/{word}/{word}_x.c", f"'{word}_{number}' undeclared"
    text = (
        f"{file}: In function '{word}_sum':\n"
        f"{file}:{line}:17: error: {reason} (first use in this function)\n"
        f"{line:5} |     return a + {word}_{number};\n      |                ^~~~~~~~~~~\n"
    )
    return text, f"make[1]: *** [Makefile:{line}: build/{word}/{word}_x.o] Error 1\n", reason


def _gcc_end(failures: int) -> str:
    return "make: *** [Makefile:4: all] Error 2\n" if failures else "ar rcs build/lib.a\n"


def _json_line(rng: random.Random, level: str, message: str, more: str = "") -> str:
    time = (
        f"2026-03-{rng.randrange(1, 29):02}T{rng.randrange(24):02}:{rng.randrange(60):02}:07.123Z"
    )
    return (
        f'{{"time":"{time}","level":"{level}","logger":"shop.{rng.choice(WORDS)}",'
        f'"trace":"{rng.getrandbits(64):016x}","msg":"{message}"{more}}}\n'
    )


def _json_quiet(rng: random.Random) -> str:
    word = _word(rng)
    if rng.random() < 0.003:
        return _json_line(rng, "warn", f"{word} is slow", f',"ms":{rng.randrange(900, 3000)}')
    level = "debug" if rng.random() < 0.3 else "info"
    said = f"{word} done, 0 errors" if rng.random() < 0.02 else f"{word} done"
    return _json_line(rng, level, said, f',"ms":{rng.randrange(900)}')


def _json_failing(rng: random.Random, number: int) -> tuple[str, str, str]:
    word = rng.choice(WORDS)
    reason = f"{word} {number} was refused by the {rng.choice(WORDS)} of"
    more = f',"error":"RefusedError","stack":"at {word}.js:{rng.randrange(9, 900)}:11"'
    # Each failure speaks of something else, or it would rightly be merged with the others.
    said = f"{reason} {WORDS[number % len(WORDS)]} {WORDS[number // 3 % len(WORDS)]}"
    return _json_line(rng, "error", said, more), "", reason


KINDS = {
    "pytest -v": _Kind(_pytest_quiet, _pytest_failing, _pytest_end),
    "gcc": _Kind(_gcc_quiet, _gcc_failing, _gcc_end),
    "JSON lines": _Kind(_json_quiet, _json_failing, lambda _: ""),
}

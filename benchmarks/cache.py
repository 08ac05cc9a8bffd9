"""Our cache beside others in one run: what a hit and a store take, and removals by prefix (Q1-Q6).

    python benchmarks/cache.py [--quick] [--ways ours,diskcache,…]

Every way takes its turn in each round, in one process and in four at once, so that a busy moment
hits all alike. Packages of others that are not installed go into a folder of their own below
.bench/; one that cannot be installed is left out and named.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from cache_ways import KEYS, MANY, PACKAGES, SIZES, WAYS, fill_many

ROOT = Path(__file__).resolve().parents[1]
TARGETS = ROOT / ".bench" / "cache"
OPERATIONS = {"get": (200, 60), "set": (600, 60), "new": (600, 60)}
"""Operations of a turn, by size. Turns of reading are short, and the least counts: nobody disturbed
it. Turns of storing are long enough to hold what is done now and then (copying a log, evicting),
and the median counts."""
_START = (
    "import sys, time\n"
    "start = time.perf_counter()\n"
    "from pathlib import Path\n"
    "from slipstream.storage.cache import open_cache\n"
    "from slipstream.storage.config.settings import CacheLimits\n"
    "imported = time.perf_counter()\n"
    "store = open_cache(Path(sys.argv[1]), CacheLimits())\n"
    "assert store.get('key') == b'value'\n"
    "print(imported - start, time.perf_counter() - imported)\n"
)


class Figure(NamedTuple):
    """Microseconds of one operation."""

    way: str
    operation: str
    size: int
    processes: int
    microseconds: float


def install(wanted: list[str]) -> tuple[dict[str, str], list[str]]:
    """The environment in which the others' packages are found, and what is missing."""
    names = [*filter(None, [str(TARGETS), os.environ.get("PYTHONPATH", "")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(names)}
    missing = []
    for module in sorted({WAYS[name].needs for name in wanted} - {""}):
        check = [sys.executable, "-c", f"import {module}"]
        if subprocess.run(check, env=environment, capture_output=True).returncode == 0:
            continue
        pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "install"]
        done = subprocess.run([*pip, "--target", str(TARGETS), PACKAGES[module]])
        if done.returncode:
            missing.append(module)
    return environment, missing


@contextmanager
def workers(
    folder: Path, count: int, environment: dict[str, str]
) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that do what they are told, a line at a time."""
    command = [sys.executable, str(Path(__file__).with_name("cache_ways.py")), str(folder)]
    running = [
        subprocess.Popen(
            [*command, str(number)],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for number in range(count)
    ]  # fmt: skip
    try:
        yield running
    finally:
        for process in running:
            process.communicate("\n")


def tell(running: list[subprocess.Popen[str]], *words: object) -> float:
    """Give all the same order at once; the mean of what they answer."""
    for process in running:
        assert process.stdin is not None
        print(*words, file=process.stdin, flush=True)
    answers = []
    for process in running:
        assert process.stdout is not None
        answers.append(float(process.stdout.readline()))
    return sum(answers) / len(answers)


def measure(
    names: list[str], rounds: int, processes: int, environment: dict[str, str]
) -> list[Figure]:
    """All operations of all ways, with so many processes at work."""
    figures = []
    for index, size in enumerate(SIZES):
        with (
            tempfile.TemporaryDirectory(dir=TARGETS) as folder,
            workers(Path(folder), processes, environment) as running,
        ):
            for name in names:
                tell(running[:1], "fill", name, size, 0)
                tell(running, "get", name, size, KEYS)  # what is kept in memory is there then
            for operation, turns in OPERATIONS.items():
                taken: dict[str, list[float]] = {name: [] for name in names}
                for _ in range(rounds if operation == "get" else rounds // 5):
                    for name in names:
                        taken[name].append(tell(running, operation, name, size, turns[index]))
                typical = min if operation == "get" else median
                figures += [
                    Figure(name, operation, size, processes, typical(times))
                    for name, times in taken.items()
                ]
    return figures


def table(figures: list[Figure], names: list[str]) -> str:
    """Rows are ways, columns operations and sizes; microseconds."""
    found = {(f.way, f.operation, f.size): f.microseconds for f in figures}
    columns = [(operation, size) for operation in OPERATIONS for size in SIZES]
    words = {"get": "get", "set": "set again", "new": "set new"}
    heads = [f"{words[operation]} {size // 1024} KB" for operation, size in columns]
    lines = [f"| µs | {' | '.join(heads)} |", "| --- |" + " ---: |" * len(columns)]
    for name in names:
        cells = [f"{found[name, *column]:.1f}" for column in columns]
        lines.append(f"| {WAYS[name].about} | {' | '.join(cells)} |")
    return "\n".join(lines)


def ratios(figures: list[Figure]) -> list[str]:
    """The targets that are ratios, with what was measured."""
    found = {(f.way, f.operation, f.size): f.microseconds for f in figures}
    lines = []
    for size in SIZES:
        kb = f"{size // 1024} KB"
        for ours, other, operation, target in (
            ("ours", "diskcache", "get", 1.0),
            ("ours", "diskcache-lru", "get", 5.0),
            ("memory", "diskcache", "get", 5.0),
            ("ours", "diskcache", "set", 1.5),
            ("ours", "diskcache", "new", 1.5),
        ):
            if (ours, operation, size) in found and (other, operation, size) in found:
                ratio = found[other, operation, size] / found[ours, operation, size]
                lines.append(
                    f"| {operation} {kb}, {WAYS[ours].about} | {WAYS[other].about} |"
                    f" {target:g} | {ratio:.1f} |"
                )
    return lines


def removals(names: list[str], environment: dict[str, str]) -> list[str]:
    """Milliseconds to find, and to remove, what one prefix of a hundred means among 50,000."""
    lines = []
    with (
        tempfile.TemporaryDirectory(dir=TARGETS) as folder,
        workers(Path(folder), 1, environment) as running,
    ):
        for name in [name for name in names if WAYS[name].finds]:
            tell(running, "many", name, SIZES[0], MANY)
            found = min(tell(running, "find", name, SIZES[0], 0) for _ in range(5))
            removed = tell(running, "remove", name, SIZES[0], 0)
            lines.append(f"| {WAYS[name].about} | {found / 1000:.2f} | {removed / 1000:.1f} |")
    return lines


def start(environment: dict[str, str], rounds: int) -> tuple[float, float]:
    """Milliseconds of a new process to import the cache, and to open it and read a value."""
    with tempfile.TemporaryDirectory(dir=TARGETS) as folder:
        fill_many(Path(folder))
        taken = []
        for _ in range(rounds):
            done = subprocess.run(
                [sys.executable, "-c", _START, folder],
                env=environment, capture_output=True, text=True, check=True,
            )  # fmt: skip
            taken.append([float(word) * 1000 for word in done.stdout.split()])
    return min(t[0] for t in taken), min(t[1] for t in taken)


def main() -> None:
    """Measure and print Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--ways", default=",".join(WAYS), help="which ways, by name")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    arguments = parser.parse_args()
    TARGETS.mkdir(parents=True, exist_ok=True)
    names = [name for name in arguments.ways.split(",") if name in WAYS]
    environment, missing = install(names)
    names = [name for name in names if WAYS[name].needs not in missing]
    rounds = 25 if arguments.quick else 80
    begun = time.monotonic()
    for processes in (1, 4):
        figures = measure(names, rounds, processes, environment)
        print(f"\n{processes} process{'es at once' if processes > 1 else ''}:\n")
        print(table(figures, names))
        if lines := ratios(figures):
            print(
                "\n| operation | times as fast as | target | measured |\n| --- | --- | --- | --- |"
            )
            print("\n".join(lines))
    print("\n| 500 of 50,000 by prefix, ms | find | remove |\n| --- | ---: | ---: |")
    print("\n".join(removals(names, environment)))
    imported, opened = start(environment, 20)
    print(f"\nA new process: import {imported:.1f} ms; open and first get {opened:.1f} ms.")
    if missing:
        print(f"\nNot installed here: {', '.join(missing)}.")
    print(f"\n{rounds} rounds, {time.monotonic() - begun:.0f} s.", file=sys.stderr)


if __name__ == "__main__":
    main()

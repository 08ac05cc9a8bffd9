"""Measures summarization against its targets (P1 to P5) and beside others, in one run.

    make bench
    python benchmarks/summarization.py --sizes 1MB,50MB --peers tail,grep --quick

Prints Markdown and writes the same figures as JSON. It needs some gigabytes below .bench/ for the
logs of 1 GB, which are removed at the end, and about ten minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from make_logs import KINDS, Log, write_log, write_matching_log
from measure import Run, median_seconds, run
from peers import OFFLINE, Peer, install, peers

LIMIT = 10_240
"""Bytes of a summary, and of what an agent would read of another's output."""
MB = 1_000_000
FORMAT = 1
"""Version of the JSON file."""
_SCAN = (
    "import sys\n"
    "from pathlib import Path\n"
    "from slipstream.tasks.summarization.rules import ruleset\n"
    "from slipstream.tasks.summarization.scan import Scanner\n"
    "rules = ruleset(Path(sys.argv[2]))\n"
    "scanner = Scanner(rules.rules, rules.engine)\n"
    "with open(sys.argv[1], 'rb', buffering=0) as log:\n"
    "    while data := log.read(1 << 20):\n"
    "        scanner.feed(data)\n"
    "print(len(scanner.finish().hits))\n"
)
"""Finding alone: the pass over the bytes, and nothing stored."""
_LOCKS = (
    "import sqlite3, sys, time\n"
    "from slipstream.storage import lock\n"
    "worst, wait, connect = 0.0, lock._wait, sqlite3.connect\n"
    "def timed(function, *arguments):\n"
    "    global worst\n"
    "    start = time.perf_counter()\n"
    "    try:\n"
    "        return function(*arguments)\n"
    "    finally:\n"
    "        worst = max(worst, time.perf_counter() - start)\n"
    "class Connection(sqlite3.Connection):\n"
    "    def execute(self, sql, *arguments):\n"
    "        if sql.startswith('BEGIN'):\n"
    "            return timed(super().execute, sql, *arguments)\n"
    "        return super().execute(sql, *arguments)\n"
    "lock._wait = lambda handle: timed(wait, handle)\n"
    "sqlite3.connect = lambda *a, **k: connect(*a, **{**k, 'factory': Connection})\n"
    "from slipstream.cli.main import main\n"
    "status = main(sys.argv[1:])\n"
    "print(worst, file=sys.stderr)\n"
    "sys.exit(status)\n"
)
"""`slip`, with the longest wait for a lock or a transaction as its last line of errors."""


def main() -> int:
    options = _options()
    folder = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    home = folder / "home"
    env = {**os.environ, **OFFLINE, "SLIPSTREAM_HOME": str(home), "HOME": str(folder), "CI": "1"}
    programs, missing = install(folder, options.peers)
    result: dict[str, Any] = {"format": FORMAT, "machine": _machine(), "left out": missing}
    run([*options.slip, "run", "--", "true"], env)  # makes the data folder and compiles the rules
    print(f"# Summarization, measured\n\n{result['machine']}\n")
    print(*missing, sep="\n")
    result["start"] = _start(options, env)
    result["one megabyte"] = _one_megabyte(options, env)
    result["at once"] = _at_once(options, env)
    result["logs"] = list(_logs(options, env, peers(programs, options.peers)))
    result["every line matches"] = _matching(options, env)
    shutil.rmtree(home, ignore_errors=True)
    options.json.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\nThe same as JSON: {options.json}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure summarization, beside others.")
    parser.add_argument("--sizes", type=_sizes, default=_sizes("1MB,50MB,1GB"), help="1MB,50MB,1GB")
    parser.add_argument("--kinds", type=_names, default=list(KINDS), help=", ".join(KINDS))
    parser.add_argument("--peers", type=_names, default=["rtk", "headroom", "tail", "grep"])
    parser.add_argument("--quick", action="store_true", help="fewer runs")
    parser.add_argument("--slip", type=shlex.split, default=[_beside("slip")], help="the command")
    parser.add_argument("--folder", type=Path, default=Path(".bench").absolute())
    parser.add_argument("--json", type=Path, default=Path(".bench/summarization.json"))
    parser.add_argument("--time-limit", type=float, default=300, help="seconds of one run")
    return parser.parse_args()


def _sizes(text: str) -> list[int]:
    units = {"KB": 1000, "MB": MB, "GB": 1000 * MB}
    return [int(float(part[:-2]) * units[part[-2:].upper()]) for part in _names(text)]


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _beside(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python " + (
        platform.python_version()
    )


def _start(options: argparse.Namespace, env: dict[str, str]) -> dict[str, float]:
    """P1: what `slip run` adds to a command that does nothing."""
    plain, ours = median_seconds(
        [["true"], [*options.slip, "run", "--", "true"]], env, 10 if options.quick else 40
    )
    added = (ours - plain) * 1000
    print("## Cost of `slip run` (P1: at most 80 ms more)\n")
    print(f"`true` {plain * 1000:.1f} ms, `slip run -- true` {ours * 1000:.1f} ms: ", end="")
    print(f"{added:.1f} ms more (median of turns).\n")
    return {"true": plain, "slip run -- true": ours}


def _one_megabyte(options: argparse.Namespace, env: dict[str, str]) -> list[dict[str, Any]]:
    """P2: start of the process to the summary, store included."""
    print("## 1 MB from start to summary (P2: under 100 ms)\n")
    print("| log | `slip summarize` | `slip run -- cat` |\n| --- | --- | --- |")
    rows = []
    for kind in options.kinds:
        log = write_log(kind, MB, options.folder / "1mb.log")
        summarize, through = median_seconds(
            [_summarize(options, log.path), _through(options, log.path)], env,
            5 if options.quick else 20,
        )  # fmt: skip
        print(f"| {kind} | {summarize * 1000:.0f} ms | {through * 1000:.0f} ms |")
        rows.append({"kind": kind, "slip summarize": summarize, "slip run": through})
        log.path.unlink()
    print()
    return rows


def _at_once(options: argparse.Namespace, env: dict[str, str]) -> dict[str, Any]:
    """P4: ten summaries at the same time, each of another log."""
    logs = [write_log("gcc", MB, options.folder / f"{n}.log", seed=n) for n in range(10)]
    waits, failed = [], []
    for _ in range(1 if options.quick else 5):
        children = [
            subprocess.Popen(
                [_beside("python"), "-c", _LOCKS, "summarize", str(log.path), "--exit-code", "1"],
                env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for log in logs
        ]  # fmt: skip
        for child in children:
            out, err = child.communicate()
            if not out or "Traceback" in err or "could not be kept" in out + err:
                failed.append(err[-500:])
            else:
                waits.append(float(err.split()[-1]))
    for log in logs:
        log.path.unlink()
    slowest = max(waits, default=0.0)
    print("## Ten summaries at once (P4: no errors, no lock wait above 100 ms)\n")
    print(
        f"{len(waits) + len(failed)} summaries, {len(failed)} errors; the longest wait for a ",
        end="",
    )
    print(f"lock {slowest * 1000:.1f} ms, the median of the longest {_middle(waits):.1f} ms.\n")
    return {"summaries": len(waits) + len(failed), "errors": failed, "slowest wait": slowest}


def _middle(seconds: list[float]) -> float:
    return median(seconds) * 1000 if seconds else 0.0


def _logs(
    options: argparse.Namespace, env: dict[str, str], others: list[Peer]
) -> Iterator[dict[str, Any]]:
    """P3 and the comparison: each size and kind of log through each program."""
    for size in options.sizes:
        for kind in options.kinds:
            log = write_log(kind, size, options.folder / "big.log")
            total = len(log.reasons)
            print(f"## {kind}, {log.size / MB:,.0f} MB, {total} failures\n")
            _head("failures kept in 10,240 bytes")
            for name, argv, stdin, skip in _contenders(options, log, others):
                if skip:
                    print(f"| {name} | {skip} | | | | |")
                    continue
                done = run(argv, env, options.time_limit, log.path if stdin else None)
                yield _row(name, log, done)
            print()
            log.path.unlink()
            shutil.rmtree(Path(env["SLIPSTREAM_HOME"]) / "outputs", ignore_errors=True)


def _contenders(
    options: argparse.Namespace, log: Log, others: list[Peer]
) -> Iterator[tuple[str, list[str], bool, str]]:
    """Name, command, whether the log is its standard input, and why it is not run."""
    yield "slip summarize", _summarize(options, log.path), False, ""
    yield "slip run -- cat", _through(options, log.path), False, ""
    cache = str(options.folder / "home" / "cache")
    scan = [_beside("python"), "-c", _SCAN, str(log.path), cache]
    yield "slip, finding alone (nothing stored)", scan, False, ""
    for peer in others:
        if not peer.kinds or log.kind in peer.kinds:
            much = bool(peer.most) and log.size > peer.most
            yield peer.name, peer.argv(log.path), peer.stdin, "not run: memory" if much else ""


def _head(last: str) -> None:
    print(f"| | MB/s | processor, s | peak memory, MB | bytes out | {last} |")
    print("| --- | --- | --- | --- | --- | --- |")


def _row(name: str, log: Log, done: Run) -> dict[str, Any]:
    kept = max(_kept(log, done.head[:LIMIT]), _kept(log, done.tail[-LIMIT:]))
    speed = log.size / MB / done.seconds
    stopped = " (stopped at the time limit)" if done.status == -9 else ""
    counts = f"{kept} of {len(log.reasons)}" if log.reasons and "alone" not in name else ""
    print(f"| {name} | {speed:,.0f}{stopped} | {done.cpu:.2f} | {done.memory / MB:,.0f} | ", end="")
    print(f"{done.size:,} | {counts} |", flush=True)
    return {
        "kind": log.kind, "bytes": log.size, "program": name, "seconds": done.seconds,
        "cpu": done.cpu,
        "MB/s": speed, "memory": done.memory, "bytes out": done.size, "status": done.status,
        "failures": len(log.reasons), "failures kept": kept,
    }  # fmt: skip


def _kept(log: Log, shown: bytes) -> int:
    text = shown.decode("utf-8", "replace")
    return sum(reason in text for reason in log.reasons)


def _matching(options: argparse.Namespace, env: dict[str, str]) -> dict[str, Any]:
    """P3: a log in which every line matches."""
    log = write_matching_log(max(options.sizes), options.folder / "big.log")
    print(f"## Every line matches, {log.size / MB:,.0f} MB (P3: at least 100 MB/s)\n")
    _head("")
    rows = [
        _row(name, log, run(argv, env, options.time_limit))
        for name, argv, _, _ in _contenders(options, log, [])
    ]
    log.path.unlink()
    return {"rows": rows}


def _summarize(options: argparse.Namespace, log: Path) -> list[str]:
    return [*options.slip, "summarize", str(log), "--exit-code", "1"]


def _through(options: argparse.Namespace, log: Path) -> list[str]:
    return [*options.slip, "run", "--", "cat", str(log)]


if __name__ == "__main__":
    sys.exit(main())

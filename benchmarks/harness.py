"""Measures the measuring client against its targets (H1 to H3) and beside others, in one run.

    python benchmarks/harness.py
    python benchmarks/harness.py --quick --peers aiohttp --streams 1,64

All measure the same simulated server (first token after 50 ms, then one each 10 ms, 64 tokens),
which notes when it had read each request and when it gave each chunk to the system; what a client
says of a request is held against that. Prints Markdown and writes the same figures as JSON. It
takes about fifteen minutes on a quiet machine with two cores; Linux alone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

import harness_peers as others
from harness_measure import GROWTH_STREAMS, ITL, Failed, Point, growth, measure, ready
from harness_peers import OURS, Client
from peers import install

WITHIN = 0.05  # of the truth: a client that is further off cannot time so many streams
ROUNDS = 5  # requests of each stream that are measured
MOST = 1024  # streams that are tried
MARKS = ("<!-- printed by benchmarks/harness.py -->\n", "<!-- end -->\n")
"""Between these the tables stand in a page."""


class Report:
    """Prints lines, and keeps them for the page."""

    def __init__(self) -> None:
        self.text = ""

    def say(self, line: str = "") -> None:
        print(line, flush=True)
        self.text += line + "\n"

    def write(self, page: Path) -> None:
        """Put all lines in place of those that stand in a page."""
        before, _, rest = page.read_text(encoding="utf-8").partition(MARKS[0])
        after = rest.partition(MARKS[1])[2]
        page.write_text(before + MARKS[0] + self.text + MARKS[1] + after, encoding="utf-8")


def main() -> int:
    options = _options()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # for clients that do not do it
    folder: Path = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    programs, missing = install(folder, options.peers, others.PACKAGES)
    clients = others.clients(programs, options.slip, options.peers)
    report = Report()
    cores, load = os.cpu_count() or 1, os.getloadavg()[0]
    busy = " Other work kept the machine busy: figures tell of that, too." if load > cores else ""
    python = platform.python_version()
    report.say(f"{cores} cores, Python {python}; load average before: {load:.1f}.{busy}\n")
    for sentence in missing:
        report.say(sentence + "\n")
    points = _table(report, options, clients)
    if not options.quick:
        points += _search(report, options, clients, points)
    _summary(report, clients, points, options.streams[-1])
    figures = _targets(report, options, clients[0], points)
    told = {"points": [p._asdict() | {"error": p.error} for p in points], "ours": figures}
    file: Path = options.json or folder / "harness.json"
    file.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(f"\nThe same as JSON: {file}")
    if options.page:
        report.write(options.page)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=_numbers, default=[1, 16, 64, 128, 256])
    parser.add_argument(
        "--peers", type=lambda text: text.split(","), default=["guidellm", "aiperf", "aiohttp"],
        help="of guidellm, aiperf, aiohttp; none: ours alone",
    )  # fmt: skip
    parser.add_argument("--requests", type=int, default=40, help="measured in each row, at least")
    parser.add_argument("--growth", type=int, default=10_000, help="requests of the memory test")
    parser.add_argument("--quick", action="store_true", help="each once, and no search for limits")
    beside = [str(Path(sys.executable).with_name("slip"))]
    parser.add_argument("--slip", type=shlex.split, default=beside, help="the command")
    parser.add_argument("--folder", type=Path, default=Path(".bench"))
    parser.add_argument("--json", type=Path, help="default: harness.json in the folder")
    parser.add_argument("--page", type=Path, help="put the tables into this page, between marks")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return sorted({int(part) for part in text.split(",")})


def _table(report: Report, options: argparse.Namespace, clients: Sequence[Client]) -> list[Point]:
    """Each client with each number of streams; they take turns."""
    report.say(
        "| streams | client | requests | TTFT p50 (truth) | p99 (truth) | off, p99 by request "
        "| ITL p50 (truth) | p99 (truth) | worst error | CPU per request | memory |\n"
        "| --: | --- " + "| --: " * 9 + "|"
    )
    found = []
    for streams in options.streams:
        for client in clients:
            if point := _measured(report, options, client, streams):
                found.append(point)
    return found


def _measured(
    report: Report, options: argparse.Namespace, client: Client, streams: int
) -> Point | None:
    """A row of the table; one beyond the limit is measured again, since others use the machine."""
    best: Point | None = None
    for _ in range(1 if options.quick else 2):
        try:
            point = measure(client, streams, max(options.requests, streams * ROUNDS))
        except Failed as failure:
            report.say(f"| {streams} | {client.name} | {failure} " + "| " * 8 + "|")
            return best
        if best is None or point.error < best.error:
            best = point
        if best.error <= WITHIN:
            break
    assert best is not None
    report.say(_row(best))
    return best


def _row(p: Point) -> str:
    cells = (p.streams, p.client, p.requests, f"{p.ttft[0]:.2f} ({p.true_ttft[0]:.2f})",
             f"{p.ttft[2]:.1f} ({p.true_ttft[2]:.1f})", f"{p.ttft_apart:.2f}",
             f"{p.itl[0]:.3f} ({p.true_itl[0]:.3f})", f"{p.itl[1]:.2f} ({p.true_itl[1]:.2f})",
             f"{p.error:.1%}", f"{p.cpu:.2f} ms", f"{p.memory:.0f} MB")  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def _search(
    report: Report,
    options: argparse.Namespace,
    clients: Sequence[Client],
    points: Sequence[Point],
) -> list[Point]:
    """Look between the numbers of the table, and beyond them, for the most of each client."""
    found: list[Point] = []
    for client in clients:
        own = {p.streams: p for p in points if p.client == client.name}
        while (streams := _next(own)) and (point := _measured(report, options, client, streams)):
            own[streams] = point
            found.append(point)
    return found


def _next(own: dict[int, Point]) -> int | None:
    """The next number of streams to try; None: the limit is known, to a factor of two."""
    good = _most(own.values())
    bad = min((s for s, p in own.items() if s > good), default=None)
    if bad is None:
        return good * 2 if 0 < good < MOST else None
    between = [1 << power for power in range(11) if good < 1 << power < bad]
    return between[len(between) // 2] if between else None


def _most(points: Iterable[Point]) -> int:
    """The most streams that were timed within the limit, with all smaller numbers."""
    good = 0
    for point in sorted(points, key=lambda p: p.streams):
        if point.error > WITHIN:
            break
        good = point.streams
    return good


def _summary(
    report: Report, clients: Sequence[Client], points: Sequence[Point], streams: int
) -> None:
    report.say(
        f"\n| client | most streams within {WITHIN:.0%} | CPU per request at {streams} streams "
        "| memory | first request after | CPU until then |\n| --- " + "| --: " * 5 + "|"
    )
    for client in clients:
        own = [p for p in points if p.client == client.name]
        if own:
            cpu = next((f"{p.cpu:.2f} ms" for p in own if p.streams == streams), "")
            memory = max(p.memory for p in own)
            after, before = median(p.ready for p in own), median(p.ready_cpu for p in own)
            report.say(
                f"| {client.name} | {_most(own)} | {cpu} | {memory:.0f} MB | {after:.1f} s "
                f"| {before:.1f} s |"
            )


def _targets(
    report: Report, options: argparse.Namespace, ours: Client, points: Sequence[Point]
) -> dict[str, float]:
    """H1 to H3."""
    figures: dict[str, float] = {}
    own = {p.streams: p for p in points if p.client == OURS}
    report.say("\n| what | target | measured |\n| --- | --- | --: |")

    def say(what: str, target: str, value: float, unit: str) -> None:
        figures[what] = value
        report.say(f"| {what} | {target} | {value:.2f}{unit} |")

    if point := own.get(64):
        say("TTFT at 64 streams: median off by", "0.5 ms", point.ttft[0] - point.true_ttft[0],
            " ms")  # fmt: skip
        say("the same, p99", "5 ms", point.ttft[2] - point.true_ttft[2], " ms")
        say("ITL at 64 streams: mean off by", "1 %", point.itl_off / ITL * 100, " %")
        say("CPU per request of 64 chunks, at 64 streams", "2 ms", point.cpu, " ms")
    theirs = [
        _most(p for p in points if p.client == name)
        for name in {p.client for p in points}
        if name.startswith(("GuideLLM", "AIPerf"))
    ]
    if theirs and not options.quick:
        say("streams within 5 %, times those of the best of GuideLLM and AIPerf", "3",
            _most(own.values()) / max(1, *theirs), "")  # fmt: skip
    number = min(options.growth, 1000) if options.quick else options.growth
    what = f"memory growth over {number:,} requests, {GROWTH_STREAMS} streams"
    try:
        say(what, "100 MB", growth(ours, number), " MB")
        say("first request after `slip bench run` was typed", "1.5 s", ready(options.slip), " s")
    except Failed as failure:
        report.say(f"\n{OURS} {failure}.")
    return figures


if __name__ == "__main__":
    sys.exit(main())

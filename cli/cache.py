"""`slip cache stats`: what the cache holds, how often it helped, and why it did not."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from slipstream.cli import output
from slipstream.cli.fast import Options, parse

if TYPE_CHECKING:
    from slipstream.storage.cache.data import OperationStats, Stats
    from slipstream.storage.telemetry.histogram import Bucket
    from slipstream.storage.telemetry.report import Counter, Totals

STATS: Options = {"--by-type": bool, "--verbose": bool, "--json": bool}
JSON_VERSION = 1
BAR = 30  # characters of the longest bar of a histogram


class Tier(NamedTuple):
    """One tier: what it holds, and what the exact counters say since they were reset."""

    tier: str
    entries: int
    size: int
    limit: int
    used: float
    """Share of the limit."""
    hits: int
    misses: int
    hit_rate: float | None
    evictions: int
    oldest_ns: int
    newest_ns: int
    average: int
    """Bytes of an entry."""


class Gathered(NamedTuple):
    """All that is shown."""

    tiers: tuple[Tier, ...]
    stored: Stats
    by_type: tuple[OperationStats, ...]
    counters: tuple[Counter, ...]
    windows: dict[str, Totals]
    latency: dict[tuple[str, str, str], list[Bucket]]
    sizes: dict[tuple[str, str, str], list[Bucket]]


def fast(argv: Sequence[str]) -> int | None:
    """Show the figures from a plain command line; None where Typer has to look at it."""
    if not argv or argv[0] != "stats":
        return None
    parsed = parse(argv[1:], STATS)
    if parsed is None or parsed[1]:
        return None
    return stats(**parsed[0])


def stats(*, by_type: bool = False, verbose: bool = False, json: bool = False) -> int:
    """Show both tiers, the hits of the last minutes, and the reasons of misses."""
    found = gathered()
    if json:
        output.print_json(_as_json(found))
        return 0
    _print_tiers(found)
    if by_type:
        print()
        _print_types(found)
    if verbose:
        print()
        _print_reasons(found)
        _print_histograms(found)
    return 0


def gathered() -> Gathered:
    """Read the store's figures and the telemetry's."""
    from slipstream.cli.cache_open import opened
    from slipstream.storage import database, paths
    from slipstream.storage.telemetry import report

    with opened(recorded=False) as store:
        stored, by_type = store.stats(), tuple(store.by_operation())
    with closing(database.connect(paths.home())) as connection:
        counters = tuple(report.counters(connection))
        windows = report.windows(connection, int(time.time()))
        latency, sizes = (report.histogram(connection, name) for name in ("latency", "size"))
    tiers = _tiers(stored, counters)
    return Gathered(tiers, stored, by_type, counters, windows, latency, sizes)


def _tiers(stored: Stats, counters: Sequence[Counter]) -> tuple[Tier, ...]:
    """A look-up that memory does not answer goes to the disk, so that it is a miss of memory."""

    def count(kind: str, tier: str | None = None) -> int:
        return sum(c.amount for c in counters if c.kind == kind and tier in (None, c.tier))

    missed, on_disk, in_memory = count("miss"), count("hit", "disk"), count("hit", "memory")
    disk, memory = stored.disk, stored.memory
    evicted = count("evict", "memory")
    return (
        Tier("memory", memory.entries, memory.size, memory.limit, _share(memory.size, memory.limit),
             in_memory, on_disk + missed, _rate(in_memory, on_disk + missed), evicted, 0, 0,
             _average(memory.size, memory.entries)),
        Tier("disk", disk.entries, disk.size, disk.limit, _share(disk.size, disk.limit),
             on_disk, missed, _rate(on_disk, missed), count("evict") - evicted,
             disk.oldest_ns, disk.newest_ns, _average(disk.size, disk.entries)),
    )  # fmt: skip


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _rate(hits: int, misses: int) -> float | None:
    return hits / (hits + misses) if hits + misses else None


def _average(size: int, entries: int) -> int:
    return round(size / entries) if entries else 0


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share * 100:.1f} %"


def _print_tiers(found: Gathered) -> None:
    output.print_table(
        ("tier", "entries", "size", "limit", "used", "hits", "misses", "rate", "evicted",
         "oldest", "newest", "average"),
        [
            (t.tier, t.entries, output.bytes_text(t.size), output.bytes_text(t.limit),
             _percent(t.used), t.hits, t.misses, _percent(t.hit_rate), t.evictions,
             _time(t.oldest_ns), _time(t.newest_ns), output.bytes_text(t.average))
            for t in found.tiers
        ],
        "entries size limit used hits misses rate evicted average",
    )  # fmt: skip
    print()
    for name, now in found.windows.items():
        asked = now.hits + now.misses
        rate = f", {_percent(now.hit_rate)}" if asked else ""
        print(f"{name.ljust(10)}  {now.hits:,} hits of {asked:,}{rate}; {now.sets:,} stored")
    if found.counters:
        print(f"counted since {_time(min(c.since_ns for c in found.counters))}")
    if found.stored.disk.damaged:
        print(f"{found.stored.disk.damaged} damaged databases were set aside")


def _print_types(found: Gathered) -> None:
    kept = {one.operation: one for one in found.by_type}
    rows = []
    for operation in sorted(kept.keys() | {c.operation for c in found.counters}):
        own = [c for c in found.counters if c.operation == operation]
        hits = sum(c.amount for c in own if c.kind == "hit")
        misses = sum(c.amount for c in own if c.kind == "miss")
        entries = kept[operation].entries if operation in kept else 0
        size = kept[operation].size if operation in kept else 0
        rows.append(
            (operation, entries, output.bytes_text(size), hits, misses,
             _percent(_rate(hits, misses)), output.bytes_text(_average(size, entries)))
        )  # fmt: skip
    right = "entries size hits misses rate average"
    output.print_table(("type", *right.split()), rows, right)


def _print_reasons(found: Gathered) -> None:
    reasons: dict[str, int] = {}
    for counter in found.counters:
        if counter.kind == "miss":
            reasons[counter.reason] = reasons.get(counter.reason, 0) + counter.amount
    ordered = sorted(reasons.items(), key=lambda item: -item[1])
    output.print_table(("misses because", "number"), ordered, "number")


def _print_histograms(found: Gathered) -> None:
    """Bars of how long hits took and of how large they were."""
    from slipstream.cli.cache_report import duration

    for title, kept, unit in (
        ("latency of hits", found.latency, duration),
        ("size of hits", found.sizes, lambda size: output.bytes_text(int(size))),
    ):
        amounts: dict[int, int] = {}
        for (_, _, kind), buckets in kept.items():
            for bucket in buckets if kind == "hit" else ():
                amounts[bucket.number] = amounts.get(bucket.number, 0) + bucket.amount
        if not amounts:
            continue
        print(f"\n{title}")
        most = max(amounts.values())
        for number in range(min(amounts), max(amounts) + 1):
            amount = amounts.get(number, 0)
            bar = "█" * -(-amount * BAR // most)
            print(f"  up to {unit(2**number).rjust(9)}  {bar.ljust(BAR)}  {amount:,}")


def _time(at_ns: int) -> str:
    return output.time_text(at_ns) if at_ns else ""


def _as_json(found: Gathered) -> dict[str, Any]:
    from slipstream.storage.telemetry.export import counts

    def histogram(kept: dict[tuple[str, str, str], list[Bucket]]) -> list[dict[str, Any]]:
        return [
            {
                "operation": operation, "tier": tier, "kind": kind,
                "buckets": [
                    {"up_to": 2**b.number, "count": b.amount, "sum": b.total} for b in buckets
                ],
            }
            for (operation, tier, kind), buckets in kept.items()
        ]  # fmt: skip

    return {
        "version": JSON_VERSION,
        "tiers": [tier._asdict() for tier in found.tiers],
        "by_type": [one._asdict() for one in found.by_type],
        "counters": [counter._asdict() for counter in found.counters],
        "windows": {name: counts(now) for name, now in found.windows.items()},
        "latency_ns": histogram(found.latency),
        "size_bytes": histogram(found.sizes),
        "set_aside": found.stored.disk.damaged,
    }

"""The telemetry in formats of others: JSON, CSV, and the text that Prometheus reads."""

import sqlite3
from collections.abc import Iterator
from typing import Any

from slipstream.storage.telemetry.histogram import Bucket
from slipstream.storage.telemetry.report import SHARES, Line, Report, Totals, counters, histogram

VERSION = 1  # of the JSON
NANO = 1_000_000_000
# Bounds that every histogram shows, so that series can be added up: bucket numbers of `le`.
LATENCY_SHOWN = range(10, 35, 2)  # 1 µs to 17 s
SIZE_SHOWN = range(6, 31, 2)  # 64 B to 1 GiB


def as_json(report: Report) -> dict[str, Any]:
    """A report as JSON takes it; times in seconds since 1970, latencies in nanoseconds."""
    return {
        "version": VERSION,
        "from": report.start,
        "to": report.end,
        "compared": list(report.compared) if report.compared else None,
        "by": list(report.by),
        "rows": [dict(_fields(report, line)) for line in report.lines],
        "total": dict(_fields(report, report.total)),
    }


def as_csv(report: Report) -> str:
    """A report as CSV (RFC 4180), one line for each group, without the total."""
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(name for name, _ in _flat(report, report.total._replace(group=report.by)))
    for line in report.lines:
        writer.writerow(_guarded(value) for _, value in _flat(report, line))
    return text.getvalue()


def counts(totals: Totals) -> dict[str, int | float | None]:
    """The numbers by their names, the hit rate among them."""
    return {**totals._asdict(), "hit_rate": totals.hit_rate}


def as_prometheus(connection: sqlite3.Connection) -> str:
    """Counters and histograms since the last reset, in Prometheus's text format 0.0.4."""
    counted = counters(connection)
    lines = [*_head("operations_total", "counter", "Operations of the cache since the last reset.")]
    for one in counted:
        lines.append(_sample("operations_total", _labels(one), one.amount))
    lines += _head("bytes_total", "counter", "Bytes of the values of these operations.")
    for one in counted:
        lines.append(_sample("bytes_total", _labels(one), one.size))
    for measure, name, shown, unit, help_text in (
        (
            "latency",
            "latency_seconds",
            LATENCY_SHOWN,
            NANO,
            "How long an operation took (sampled).",
        ),
        ("size", "value_bytes", SIZE_SHOWN, 1, "Size of the value of an operation (sampled)."),
    ):
        lines += _head(name, "histogram", help_text)
        for (operation, tier, kind), buckets in histogram(connection, measure).items():
            labels = {"operation": operation, "tier": tier, "kind": kind}
            lines += _histogram(name, labels, buckets, shown, unit)
    return "\n".join(lines) + "\n"


def _fields(report: Report, line: Line) -> Iterator[tuple[str, Any]]:
    yield from zip(report.by, line.group, strict=False)
    yield from counts(line.now).items()
    for share, value in zip(SHARES, line.latency, strict=False):
        yield f"p{share * 100:.0f}_ns", None if value is None else round(value)
    if line.before is not None:
        yield "before", counts(line.before)
        yield "hit_rate_change", change(line.now.hit_rate, line.before.hit_rate)


def _flat(report: Report, line: Line) -> Iterator[tuple[str, Any]]:
    for name, value in _fields(report, line):
        if isinstance(value, dict):
            yield from ((f"{name}_{below}", number) for below, number in value.items())
        else:
            yield name, value


def change(now: float | None, before: float | None) -> float | None:
    """The difference of two shares; None when one is missing."""
    return None if now is None or before is None else now - before


def _guarded(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value


def _labels(counter: Any) -> dict[str, str]:
    names = ("operation", "tier", "kind", "reason")
    return {name: getattr(counter, name) for name in names}


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP slipstream_cache_{name} {text}"
    yield f"# TYPE slipstream_cache_{name} {kind}"


def _sample(name: str, labels: dict[str, str], value: float) -> str:
    shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"slipstream_cache_{name}{{{shown}}} {_number(value)}"


def _histogram(
    name: str, labels: dict[str, str], buckets: list[Bucket], shown: range, unit: int
) -> Iterator[str]:
    """Buckets add up: each holds the values of those below it, and `+Inf` holds all."""
    for bound in shown:
        below = sum(one.amount for one in buckets if one.number <= bound)
        yield _sample(f"{name}_bucket", {**labels, "le": _number(2**bound / unit)}, below)
    every = sum(one.amount for one in buckets)
    yield _sample(f"{name}_bucket", {**labels, "le": "+Inf"}, every)
    yield _sample(f"{name}_sum", labels, sum(one.total for one in buckets) / unit)
    yield _sample(f"{name}_count", labels, every)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

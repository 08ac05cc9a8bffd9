"""How judged answers are shown: how many are right, and what is wrong with the others."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from slipstream.cli import bench_view, output
from slipstream.storage import bench, bench_answers
from slipstream.storage.bench import CellRecord, MetricRow, RunRecord
from slipstream.storage.bench_answers import PENDING, AnswerRow
from slipstream.storage.results import Connection
from slipstream.tasks.benchmarking.tools.model import Layer

if TYPE_CHECKING:
    from slipstream.tasks.benchmarking.tools.case import CaseFile
    from slipstream.tasks.benchmarking.tools.model import Case

HEADERS = ("accuracy", "right", "of", "share", "low", "high")
NAMES = ("accuracy", "score", "flaky")
SHOWN = 10  # cases that went wrong, where not all are wanted
LONGEST = 300  # characters of a prompt, a call or a reason, where not all is wanted
INDENT = " " * 11


class Scored(NamedTuple):
    """A benchmark with right and wrong answers.

    Attributes:
        cell: What was asked.
        metrics: Its figures, by name and statistic.
        answers: By their numbers.
        faults: How many requests failed, by kind.
    """

    cell: CellRecord
    metrics: dict[tuple[str, str], MetricRow]
    answers: list[AnswerRow]
    faults: dict[str, int]

    @property
    def accuracy(self) -> MetricRow | None:
        """Of all answers; None: there are none."""
        return self.metrics.get(("accuracy", "value"))


def scored(connection: Connection, run: RunRecord) -> list[Scored]:
    """The benchmarks of a run that have right and wrong answers."""
    found = []
    for cell in bench.cells(connection, run.id):
        if answers := bench_answers.answers(connection, cell.id):
            metrics = bench_view.by_name(bench.metrics(connection, cell.id))
            faults = bench.tally(connection, cell.id, "fault")
            found.append(Scored(cell, metrics, answers, faults))
    return found


def as_json(run: RunRecord, found: Sequence[Scored]) -> dict[str, Any]:
    """A run's judged answers as data."""
    told = {"run": run.id, "model": run.model, "server": run.base_url, "state": run.state}
    return told | {
        "benchmarks": [
            {
                "benchmark": one.cell.benchmark,
                "cases": one.cell.settings["cases"],
                "accuracy": one.accuracy and one.accuracy.value,
                "answered": len(one.answers) - _failed(one),
                "failed": _failed(one),
                "metrics": [
                    row._asdict() for (name, _), row in one.metrics.items() if name in NAMES
                ],
                "answers": [_plain(row) for row in one.answers],
            }
            for one in found
        ]
    }


def show(found: Sequence[Scored], *, most: int | None) -> None:
    """Print shares and failures.

    Args:
        found: Benchmarks.
        most: Cases that went wrong, at most; None: all, and as they were written.
    """
    for one in found:
        table(one)
        failures(one, most)


def table(one: Scored) -> None:
    """Print how many answers are right, with 95 % intervals."""
    rows: list[tuple[str | int | None, ...]] = []
    for (name, statistic), row in one.metrics.items():
        if name in NAMES:
            label = {"value": "all"}.get(statistic, statistic) if name == "accuracy" else name
            mean = name == "score" or statistic == "pass@1"
            right = None if mean else round(row.value * row.size)
            rows.append((label, right, row.size, *map(_share, (row.value, row.low, row.high))))
    output.note(f"{one.cell.benchmark}, {one.cell.label}")
    if rows:
        output.print_table(HEADERS, rows, " ".join(HEADERS[1:]))
    if lost := _failed(one):
        output.warn(
            f"{one.cell.benchmark}: {lost} of {len(one.answers)} requests failed; they count "
            "neither as right nor as wrong."
        )
    silent = [row for row in one.answers if row.layer == Layer.EXTRACTION]
    if silent:  # what is imported takes a while
        from slipstream.tasks.benchmarking.tools.measure import UNSEEN

        if unseen := sum(UNSEEN in row.reason for row in silent):
            output.warn(f"{one.cell.benchmark}: {unseen} of {len(one.answers)} answers: {UNSEEN}")


def failures(one: Scored, most: int | None) -> None:
    """Print the cases that went wrong: what was asked, expected, called, and what is wrong."""
    wrong: dict[str, list[AnswerRow]] = {}
    asked: dict[str, int] = {}
    for row in one.answers:
        if row.layer not in (Layer.FAILED, PENDING):
            asked[row.case_id] = asked.get(row.case_id, 0) + 1
            if row.layer != Layer.RIGHT:
                wrong.setdefault(row.case_id, []).append(row)
    for case_id, rows in list(wrong.items())[:most]:
        often = f", {len(rows)} of {asked[case_id]} times" if asked[case_id] > 1 else ""
        for row in rows if most is None else rows[:1]:
            print()
            head = f"{case_id} ({row.category}, {row.difficulty}): {row.layer}{often}"
            print(output.style(output.printable(head), "1"))
            for name, text in _lines(row):
                print(f"  {name:<9}{_cut(text, whole=most is None)}")
    if most is not None and len(wrong) > most:
        more = " more" if most else ""
        output.note(f"{len(wrong) - most}{more} cases went wrong; --failures shows all")


def _lines(row: AnswerRow) -> Iterator[tuple[str, str]]:
    alternatives = json.loads(row.expected)
    calls = json.loads(row.actual)
    yield "asked", row.prompt
    if all(isinstance(wanted, str) for wanted in alternatives):  # tests of code, or facts
        yield "expected", "; ".join(alternatives)
    else:
        yield "expected", " or ".join(_calls(calls, every=True) for calls in alternatives)
        yield "called", _calls(calls, every=False)
    yield "reason", row.reason
    if row.text and (not calls or row.form != "native"):
        yield "wrote", row.text


def _calls(calls: Sequence[dict[str, Any]], *, every: bool) -> str:
    """Calls as a person reads them."""
    return " + ".join(_call(call, every=every) for call in calls) or "no call"


def _call(call: dict[str, Any], *, every: bool) -> str:
    arguments = call["arguments"]
    if not isinstance(arguments, dict):  # what was sent is no object
        return f"{call['name']}({arguments})"
    parts = []
    for name, value in arguments.items():
        values = [json.dumps(one, ensure_ascii=False) for one in (value if every else [value])]
        mark = "?" if name in call.get("optional", ()) else ""
        parts.append(f"{name}{mark}={'|'.join(values)}")
    return f"{call['name']}({', '.join(parts)})"


def _cut(text: str, *, whole: bool) -> str:
    if not whole and len(text) > LONGEST:
        text = f"{text[:LONGEST]}…"
    lines = text.splitlines() or [""]
    if not whole:
        lines = [" ".join(part.strip() for part in lines)]
    return f"\n{INDENT}".join(map(output.printable, lines))


def _failed(one: Scored) -> int:
    return sum(row.layer == Layer.FAILED for row in one.answers)


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.1%}"


def _plain(row: AnswerRow) -> dict[str, Any]:
    told = row._asdict()
    return told | {name: json.loads(told[name]) for name in ("expected", "actual")}


def files(found: Sequence[tuple[str, CaseFile]], *, json: bool) -> None:
    """Print files of cases."""
    rows = []
    for name, file in found:
        categories = dict.fromkeys(case.category for case in file.cases)
        rows.append((name, len(file.cases), ", ".join(categories), file.description))
    headers = ("cases", "number", "categories", "what")
    _print(headers, rows, "number", json=json)


def cases(file: CaseFile, *, json: bool) -> None:
    """Print the cases of a file."""
    headers = ("case", "category", "difficulty", "right", "offered", "tags")
    rows = [
        (c.id, c.category, c.difficulty, _right(c), len(c.tools), " ".join(c.tags))
        for c in file.cases
    ]
    _print(headers, rows, "offered", json=json)


def _print(
    headers: Sequence[str], rows: Sequence[Sequence[str | int]], right: str, *, json: bool
) -> None:
    if json:
        output.print_json([dict(zip(headers, row, strict=True)) for row in rows])
    else:
        output.print_table(headers, rows, right)


def _right(case: Case) -> str:
    return " + ".join(call.name for call in case.answers[0]) if case.answers else ""

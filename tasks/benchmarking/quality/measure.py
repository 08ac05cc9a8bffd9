"""Asking tasks: what is sent for each, and how its answer is judged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from slipstream.storage.bench_answers import PENDING, AnswerRow
from slipstream.storage.errors import UsageError
from slipstream.tasks.benchmarking.answer import Answer
from slipstream.tasks.benchmarking.faults import MEANINGS
from slipstream.tasks.benchmarking.model import Sample
from slipstream.tasks.benchmarking.quality import case as files
from slipstream.tasks.benchmarking.quality import code, explain, sandbox
from slipstream.tasks.benchmarking.quality.case import CodeTask, ExplainTask
from slipstream.tasks.benchmarking.suite import Benchmark, Cell
from slipstream.tasks.benchmarking.target import Server
from slipstream.tasks.benchmarking.tools.measure import answered
from slipstream.tasks.benchmarking.tools.model import Layer

LAYERS = {"code": code.LAYERS, "explain": explain.LAYERS}


class Asked(NamedTuple):
    """The tasks of a benchmark; as those of tools, see `tools.measure.Asked`.

    Attributes:
        system: The system message of all.
        cases: In their order.
        digest: Of their file.
        repeats: How often each is asked.
        unlimited: Code is run where it cannot be limited too.
    """

    system: str
    cases: tuple[CodeTask | ExplainTask, ...]
    digest: str
    repeats: int
    unlimited: bool

    def planned(self, cell: Cell) -> Cell:
        """The cell with as many requests as that makes."""
        new = {"iterations": len(self.cases) * self.repeats}
        return cell._replace(benchmark=cell.benchmark.model_copy(update=new))

    def requests(self, server: Server) -> list[Mapping[str, Any]]:
        """What differs from request to request: all tasks once, in their order."""
        del server  # all are asked alike
        system = [{"role": "system", "content": self.system}] if self.system else []
        return [
            {"messages": [*system, {"role": "user", "content": task.prompt}]} for task in self.cases
        ]

    def judged(self, sample: Sample, answer: Answer) -> AnswerRow:
        """The answer as it is kept until it is judged: that takes too long while others come."""
        attempt, place = divmod(sample.number, len(self.cases))
        task = self.cases[place]
        layer, reason = PENDING, ""
        if not answered(sample):
            assert sample.fault is not None
            layer = str(Layer.FAILED)
            reason = f"{MEANINGS[sample.fault].sentence} {sample.detail}".strip()
        elif sample.finish_reason == "length":
            reason = "The answer was cut off at its most tokens."
        wanted = task.tests if isinstance(task, CodeTask) else task.facts
        return AnswerRow(
            number=sample.number,
            case_id=task.id,
            attempt=attempt,
            category=task.category,
            difficulty=task.difficulty,
            tool="",
            score=0.0,
            layer=layer,
            reason=reason,
            form="",
            prompt=task.prompt,
            expected=json.dumps([want.name for want in wanted]),
            actual="[]",
            text=answer.text,
        )

    def settled(self, row: AnswerRow) -> AnswerRow:
        """An answer that was pending, judged; may run code, and be called in any thread.

        Raises:
            UsageError: Code cannot be held here.
        """
        task = self.cases[row.number % len(self.cases)]
        if isinstance(task, CodeTask):
            found = code.judge(task, row.text, sandbox.USUAL, unlimited=self.unlimited)
        else:
            found = explain.judge(task, row.text)
        reason = f"{found.reason} {row.reason}".strip() if found.reason else ""
        return row._replace(score=found.score, layer=found.layer, reason=reason)


def asked(benchmark: Benchmark, *, unlimited: bool) -> Asked:
    """The tasks that a benchmark asks.

    Raises:
        UsageError: There are none, their file is not valid, or this platform cannot hold code.
    """
    if benchmark.family == "code":
        sandbox.check(unlimited=unlimited)
    file, digest = files.load(benchmark.cases, benchmark.family)
    every: tuple[CodeTask | ExplainTask, ...] = tuple(file.cases)
    for wanted, of, what in (
        (benchmark.categories, _category, "category"),
        (benchmark.ids, _id, "task"),
        (benchmark.tags, _tags, "tag"),
    ):
        known = {name for task in file.cases for name in of(task)}
        if unknown := [name for name in wanted if name not in known]:
            raise UsageError(
                f"The tasks {benchmark.cases} have no {what} {unknown[0]}; there are "
                f"{', '.join(sorted(known))}."
            )
        every = tuple(task for task in every if not wanted or of(task) & set(wanted))
    if not every:
        raise UsageError(f"None of the tasks {benchmark.cases} is all that was asked for.")
    return Asked(file.system, every, digest, benchmark.repeats, unlimited)


def _category(task: CodeTask | ExplainTask) -> set[str]:
    return {task.category}


def _id(task: CodeTask | ExplainTask) -> set[str]:
    return {task.id}


def _tags(task: CodeTask | ExplainTask) -> set[str]:
    return set(task.tags)

"""Asking tasks: what is sent for each, and how its answer is judged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from slipstream.storage.bench_answers import PENDING, AnswerRow
from slipstream.tasks.benchmarking.answer import Answer
from slipstream.tasks.benchmarking.model import Sample
from slipstream.tasks.benchmarking.quality import case as files
from slipstream.tasks.benchmarking.quality import code, explain, sandbox
from slipstream.tasks.benchmarking.quality.case import CodeTask, ExplainTask
from slipstream.tasks.benchmarking.suite import Benchmark
from slipstream.tasks.benchmarking.target import Server
from slipstream.tasks.benchmarking.tools.measure import CUT_OFF, answered, failure, selected
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
            layer, reason = str(Layer.FAILED), failure(sample)
        elif sample.finish_reason == "length":
            reason = CUT_OFF
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
    chosen = selected(benchmark, every)
    return Asked(file.system, chosen, digest, benchmark.repeats, unlimited)

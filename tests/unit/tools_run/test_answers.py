"""Judged answers in the database."""

from __future__ import annotations

from pathlib import Path

from slipstream.storage import bench, bench_answers, results
from slipstream.storage.bench import CellRecord, RunRecord
from tests.unit.tools_run.made import row


def test_an_answer_is_kept_once_with_whatever_a_model_wrote(home: Path) -> None:
    """Half of a surrogate pair becomes a question mark, as in all texts of the database."""
    with results.opened(home) as connection:
        bench.save_run(connection, RunRecord("0" * 12, "s", "{}", "http://x/v1", "m", 0, {}))
        cell = bench.save_cell(connection, "0" * 12, CellRecord(0, 0, "b", "tools", "l", {})).id
        first = row("a", 1, "value", text='a "quote"\n🚀 \x00 \ud800', score=0.25)
        bench_answers.add(connection, cell, first)
        bench_answers.add(connection, cell, row("b", 1))
        bench_answers.add(connection, cell, row("b", 0))
        assert bench_answers.answers(connection, cell) == [
            row("b", 0),
            first._replace(text='a "quote"\n🚀 \x00 ?'),
        ]
        bench.delete(connection, "0" * 12)
        assert bench_answers.answers(connection, cell) == []

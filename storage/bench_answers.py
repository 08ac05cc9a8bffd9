"""Judged answers of a benchmark with right and wrong ones. Values in, values out.

An answer is written together with its request's sample, in one transaction of the caller's: a run
that is resumed has both or neither.
"""

from __future__ import annotations

from typing import NamedTuple

from slipstream.storage import results
from slipstream.storage.database import printable

PENDING = "pending"
"""The layer of an answer that is kept and not yet judged."""


class AnswerRow(NamedTuple):
    """How one request was judged; see `models.BenchAnswer`."""

    number: int
    case_id: str
    attempt: int
    category: str
    difficulty: str
    tool: str
    score: float
    layer: str
    reason: str
    form: str
    prompt: str
    expected: str
    actual: str
    text: str


_COLUMNS = ", ".join(AnswerRow._fields)
_MARKS = ", ".join("?" * len(AnswerRow._fields))


def add(connection: results.Connection, cell: int, answer: AnswerRow) -> None:
    """Keep an answer; one that is there already (by its number) is left as it is.

    Raises:
        results.Error: It was not kept.
    """
    values = [printable(value) if isinstance(value, str) else value for value in answer]
    connection.execute(
        f"INSERT INTO bench_answers (cell_id, {_COLUMNS}) VALUES (?, {_MARKS})"
        " ON CONFLICT DO NOTHING",
        (cell, *values),
    )


def replace(connection: results.Connection, cell: int, answer: AnswerRow) -> None:
    """Keep an answer in place of the one with its number: it was judged.

    Raises:
        results.Error: It was not kept.
    """
    connection.execute(
        "UPDATE bench_answers SET score = ?, layer = ?, reason = ?"
        " WHERE cell_id = ? AND number = ?",
        (answer.score, answer.layer, printable(answer.reason), cell, answer.number),
    )


def answers(connection: results.Connection, cell: int) -> list[AnswerRow]:
    """The answers of a cell, by their numbers."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM bench_answers WHERE cell_id = ? ORDER BY number", (cell,)
    )
    return [AnswerRow(*row) for row in rows]

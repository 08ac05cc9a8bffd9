"""Runs that are repeated together, so that the noise between runs is known.

A series has the id of its first run, and the ids of the others follow from that: whoever repeats it
once more, after a kill for one, finds what is there and goes on. Each run has a seed of its own,
counted up from the suite's: the same prompts again would be answered from a server's prefix cache.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from slipstream.storage import bench, bench_names, results
from slipstream.storage.bench import RunRecord
from slipstream.storage.errors import NotFoundError
from slipstream.storage.results import Connection
from slipstream.tasks.benchmarking import run as runs
from slipstream.tasks.benchmarking import suite as suites
from slipstream.tasks.benchmarking.run import Limit, Options, Watcher
from slipstream.tasks.benchmarking.suite import Suite

ID = 2 * runs.ID_BYTES  # hex digits


class Turn(NamedTuple):
    """A run that is to be made, or gone on with.

    Attributes:
        suite: What is run, with the seed of the first run.
        options: How.
        first: The id of the series' first run.
        number: Its place, from 0.
        of: How many runs the series is to have; 1: it is none.
        tag: Of the series; empty: none.
    """

    suite: Suite
    options: Options
    first: str
    number: int = 0
    of: int = 1
    tag: str = ""


def turns(suite: Suite, options: Options, first: str, of: int, tag: str = "") -> list[Turn]:
    """All runs of a series, in their order."""
    return [Turn(suite, options, first, number, of, tag) for number in range(of)]


def identity(first: str, number: int) -> str:
    """The id of a run by that of the first and its place, from 0."""
    if not number:
        return first
    return hashlib.sha256(f"{first}/{number}".encode()).hexdigest()[:ID]


def name_of(first: str, of: int) -> str:
    """What a series is called in a comparison; a run alone by its id."""
    return f"{bench_names.SERIES}{first}" if of > 1 else first


def check_tag(tag: str, of: int) -> None:
    """See that a name can be the tag of a series, and with a number behind it of its runs.

    Raises:
        UsageError: It cannot.
    """
    bench_names.check_tag(tag)
    if of > 1:
        bench_names.check_tag(f"{tag}-{of}")


def cut_off(connection: Connection, run: RunRecord, of: int) -> RunRecord:
    """The first run of a series that has not all its runs, or not to their end.

    Args:
        connection: To the database.
        run: One of them.
        of: How many there are to be.

    Raises:
        NotFoundError: There is nothing left to do.
    """
    if of == 1:
        if run.state == "done":
            raise NotFoundError(f"Run {run.id} is complete; there is nothing to resume.")
        return run
    first = bench.run(connection, run.series) if run.series else run
    if first is None:
        raise NotFoundError(f"The first run of series {run.series} was deleted; begin a new one.")
    known = [bench.run(connection, identity(first.id, number)) for number in range(of)]
    if all(found and found.state == "done" for found in known):
        raise NotFoundError(f"The {of} runs of series {first.id} are complete; ask for more.")
    return first


def suite_of(first: RunRecord) -> Suite:
    """The suite that the runs of a series repeat."""
    return suites.parse(first.suite_json, f"run {first.id}")


def begun(connection: Connection, home: Path, turn: Turn) -> RunRecord:
    """The run of a turn: the one that is there already, or a new one, not yet saved."""
    run = bench.run(connection, identity(turn.first, turn.number))
    if run and turn.of > 1 and not run.series:  # a single run that is repeated afterwards
        run = run._replace(series=turn.first)
        bench.save_run(connection, run)
    if run:
        return run
    suite = turn.suite.model_copy(update={"seed": turn.suite.seed + turn.number})
    run = runs.begin(home, suite, turn.options)
    series = turn.first if turn.of > 1 else ""
    return run._replace(id=identity(turn.first, turn.number), series=series)


def kept(connection: Connection, run: RunRecord, turn: Turn, days: int) -> None:
    """Give a run that ended its tags; what is older than `days` goes."""
    if turn.tag and turn.of > 1:
        bench.add_tag(connection, run.id, f"{turn.tag}-{turn.number + 1}")
    if turn.tag:
        bench.add_tag(connection, run.id, turn.tag, whole=turn.of > 1)
    bench.prune(connection, days)


async def measure(
    home: Path,
    planned: Sequence[Turn],
    watcher: Watcher,
    cancelled: asyncio.Event,
    limit: Limit | None,
    days: int,
    told: Callable[[RunRecord, Turn], None],
) -> list[RunRecord]:
    """Measure one run after the other, until one does not come to its end.

    Args:
        home: The data folder.
        planned: In their order; one that is done already is left as it is.
        watcher: Is told how each goes.
        cancelled: Set by somebody else to end within a second, keeping what was measured.
        limit: See `run.measure`.
        days: How long runs are kept.
        told: Is told of each run before it begins.

    Returns:
        The runs as they are kept, those included that were done before; none of those that had
        not begun when it was cancelled, but for the first.

    Raises:
        SlipError: One could not begin, or results cannot be kept; what was measured before is.
    """
    done: list[RunRecord] = []
    for turn in planned:
        if done and cancelled.is_set():  # between two runs
            break
        with results.opened(home) as connection:
            run = begun(connection, home, turn)
        if run.state != "done":
            told(run, turn)
            run = await runs.measure(home, run, turn.options, watcher, cancelled, limit)
        with results.opened(home) as connection:
            kept(connection, run, turn, days)
        done.append(run)
        if run.state != "done":
            break
    return done

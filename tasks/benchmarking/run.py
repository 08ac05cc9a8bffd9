"""Running a suite: one run at a time on a machine, kept while it goes on, resumed when cut off."""

from __future__ import annotations

import asyncio
import secrets
import time
from array import array
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from slipstream.storage import bench, bench_answers, results
from slipstream.storage.bench import CellRecord, RunRecord
from slipstream.storage.errors import NotFoundError, SlipError, UsageError
from slipstream.tasks.benchmarking import clients as processes
from slipstream.tasks.benchmarking import environment, judging, keep, metrics, statistics, target
from slipstream.tasks.benchmarking import suite as suites
from slipstream.tasks.benchmarking.alone import only_one, only_one_at
from slipstream.tasks.benchmarking.cell import Ended, Measuring, Progress
from slipstream.tasks.benchmarking.clients import Clients
from slipstream.tasks.benchmarking.faults import Fault
from slipstream.tasks.benchmarking.memory import Memory
from slipstream.tasks.benchmarking.model import Metric, Source, Waits
from slipstream.tasks.benchmarking.own import Own
from slipstream.tasks.benchmarking.prompts import Prompts, from_file
from slipstream.tasks.benchmarking.requests import Requests
from slipstream.tasks.benchmarking.sample import Counter
from slipstream.tasks.benchmarking.start import CannotUnload, Command, unload
from slipstream.tasks.benchmarking.suite import Cell, Suite
from slipstream.tasks.benchmarking.target import Server, Target
from slipstream.tasks.benchmarking.tools import scores

if TYPE_CHECKING:
    from slipstream.tasks.benchmarking.build import Builder

ID_BYTES = 6
STATES = {"done": "done", "enough": "done", "time": "done", "cancelled": "cancelled",
          "failed": "failed", "skipped": "skipped"}  # fmt: skip
"""Of a cell, by how its load ended; anything else: stopped."""


class Options(NamedTuple):
    """How a suite is run.

    Attributes:
        target: The server.
        model: The one to measure; empty: the only one that the server lists.
        waits: How long requests wait.
        load_seconds: How long to wait for a server that still loads its model.
        tokenizer: A tokenizer.json file; empty: the server's own, else an estimate.
        processes: Client processes; 0: as many as can time the load, while there are cores.
        server_pid: The server's process, for its memory; 0: not known.
        server_command: Starts the server; empty: it runs already.
        unlimited: Code that a model wrote is run where this platform cannot limit it too.
    """

    target: Target
    model: str = ""
    waits: Waits = Waits()
    load_seconds: float = 120.0
    tokenizer: str = ""
    processes: int = 0
    server_pid: int = 0
    server_command: tuple[str, ...] = ()
    unlimited: bool = False


class Watcher(NamedTuple):
    """Who is told how it goes.

    Attributes:
        note: Is told what is done, in words.
        begun: Is told which cell begins, and how many there are.
        progress: Is told how far the cell is.
        ended: Is told of each cell that ended, with its figures.
    """

    note: Callable[[str], None] = lambda _: None
    begun: Callable[[Cell, int], None] = lambda _cell, _of: None
    progress: Callable[[Progress], None] = lambda _: None
    ended: Callable[[CellRecord, Sequence[Metric]], None] = lambda _cell, _metrics: None


QUIET = Watcher()
Limit: TypeAlias = Callable[[Cell, Clients], Awaitable[str]]
"""Says why the figures of a cell would be the client's own; empty: they would not."""
Attempt: TypeAlias = Callable[[], Awaitable[Ended]]
Around: TypeAlias = Callable[[Cell, str, Attempt], Awaitable[Ended]]
"""Is given a cell, the model and what measures the cell, going on where it ended before."""
SOUND = frozenset({"error_rate", "dispatch_lag", "ready", *metrics.COUNTS, *scores.NAMES})
"""Metrics that are sound whatever the client can time."""


def begin(home: Path, suite: Suite, options: Options) -> RunRecord:
    """A new run of a suite, not yet saved."""
    return RunRecord(
        id=secrets.token_hex(ID_BYTES),
        suite=suite.name,
        suite_json=suite.model_dump_json(),
        base_url=options.target.base_url,
        model=options.model,
        seed=suite.seed,
        environment={},
        started_ns=time.time_ns(),
    )


def resumed(run: RunRecord) -> Suite:
    """The suite of a run that was cut off.

    Raises:
        NotFoundError: There is nothing left to do.
    """
    if run.state == "done":
        raise NotFoundError(f"Run {run.id} is complete; there is nothing to resume.")
    return suites.parse(run.suite_json, f"run {run.id}")


async def measure(
    home: Path,
    run: RunRecord,
    options: Options,
    watcher: Watcher = QUIET,
    cancelled: asyncio.Event | None = None,
    limit: Limit | None = None,
    around: Around | None = None,
) -> RunRecord:
    """Measure what of a run is not there yet.

    Args:
        home: The data folder.
        run: From `begin`, or one that was cut off.
        options: How.
        watcher: Is told how it goes.
        cancelled: Set by somebody else to end within a second, keeping what was measured.
        limit: Awaited before each cell.
        around: Awaited for each cell; default: measures it once.

    Returns:
        The run as it was saved last.

    Raises:
        SlipError: It could not begin, another one is running, or results cannot be kept.
    """
    stop = cancelled or asyncio.Event()
    here, there = only_one(run.id), only_one_at(options.target.endpoint)
    with here, there, results.opened(home) as connection:
        return await _measure(connection, home, run, options, watcher, stop, limit, around)


async def _measure(
    connection: results.Connection,
    home: Path,
    run: RunRecord,
    options: Options,
    watcher: Watcher,
    stop: asyncio.Event,
    limit: Limit | None,
    around: Around | None,
) -> RunRecord:
    suite = suites.parse(run.suite_json, f"run {run.id}")
    if any(b.entry for b in suite.benchmarks) and bench.run(connection, run.id):
        raise UsageError(
            f"Run {run.id} runs code of its suite and is not resumed; run the suite's file anew."
        )
    asked = {
        b.name: judging.asked(b, unlimited=options.unlimited) for b in suite.benchmarks if b.cases
    }
    command = None
    if options.server_command:
        command = Command(options.server_command, options.target, home)
    started = await processes.start(options.processes or 1)
    try:
        if command:
            watcher.note("starting the server")
            await command.start(stop)
        # half a second, in which the client processes start
        from slipstream.tasks.benchmarking.build import Builder

        server = await asyncio.to_thread(
            target.look,
            options.target,
            options.model or run.model,
            options.load_seconds,
            lambda: watcher.note("the server loads its model; waiting"),
        )
        count, source = counter(options, server)
        prompts = await asyncio.to_thread(Prompts, suite.seed, count, source)
        run = run._replace(model=server.model, state=bench.RUNNING, reason="", ended_ns=None)
        run = run._replace(environment=run.environment or _environment(server, prompts))
        bench.save_run(connection, run)
        await started.open(options.waits, options.target.endpoint.addresses)
        builder = Builder(options.target.base_url, options.target.api_key)
        local = count if source is Source.TOKENIZER else None
        state, reason = "done", ""
        todo = suites.cells(suite)
        known = {record.position: record for record in bench.cells(connection, run.id)}

        async def able(cell: Cell) -> str:
            """Why figures are withheld, with as many clients as it takes and there are cores."""
            nonlocal started
            while limit and (withheld := await limit(cell, started)):
                more = 2 * len(started)
                if options.processes or more > processes.most() or 0 < cell.slots < more:
                    return withheld
                watcher.note(f"trying {more} client processes")
                await started.close()
                started = await processes.start(more)
                await started.open(options.waits, options.target.endpoint.addresses)
            return ""

        async def renew() -> int:
            if command:
                return await command.start(stop)
            await unload(options.target, server, stop)
            return 0

        async def attempt(cell: Cell) -> Ended:
            withheld = "" if cell.benchmark.gives == "samples" else await able(cell)
            overhead = await asyncio.to_thread(_overhead, options, server, cell)
            cases = asked.get(cell.benchmark.name)
            if cases:
                cell = judging.planned(cell, cases)
            record = keep.record(cell, known.get(cell.position), withheld, cases)
            record = bench.save_cell(connection, run.id, record)
            watcher.begun(cell, len(todo))
            pid = options.server_pid or (command.pid if command and not cell.benchmark.cold else 0)
            memory = Memory(options.target, pid, started.pids)
            watching = asyncio.create_task(memory.watch())
            own = Own(suite, cell, options.target.base_url, server.model, stop)
            try:
                if cell.benchmark.gives == "samples":
                    numbers, save = keep.keeping(connection, record)
                    ended = await own.measure(save, len(numbers), watcher.progress)
                else:
                    given: Sequence[Mapping[str, Any]] = ()
                    if cases:
                        given = cases.requests(server)
                    elif cell.benchmark.entry:
                        given = await own.requests()
                    requests = Requests(suite, cell, server, prompts, overhead, given)
                    if cell.benchmark.entry:
                        own.check(builder, requests, len(given))
                    measuring = _measuring(
                        connection, record, cell, requests, builder, local, watcher,
                        renew if cell.benchmark.cold else None, cases,
                    )  # fmt: skip
                    ended = await measuring.run(started, stop)
                    if cases:
                        await asyncio.to_thread(judging.settle, home, record.id, cases, stop.is_set)
            except SlipError as error:
                if not (cell.benchmark.entry or cell.benchmark.cold):
                    raise
                end = "skipped" if isinstance(error, CannotUnload) else "failed"
                ended = Ended(end, str(error), 0.0, array("q"))
            finally:
                watching.cancel()
            record, found = _finish(connection, run, record, cell, ended, memory)
            known[cell.position] = record
            watcher.ended(record, found)
            return ended

        for cell in todo:
            if cell.position in known and known[cell.position].state == "done":
                continue
            work = partial(attempt, cell)
            ended = await (around(cell, run.model, work) if around else work())
            if ended.fault is Fault.NO_TOOLS:
                continue  # benchmarks without tools may fare better
            if ended.end in ("cancelled", "hopeless"):
                state, reason = ("cancelled", "It was cancelled.")
                if ended.end == "hopeless":
                    state, reason = "stopped", ended.reason
                break
    finally:
        await started.close()
        if command:
            await command.end()
    environment_after = run.environment | {"load_after": environment.load_average()}
    run = run._replace(
        state=state,
        reason=reason,
        digest=prompts.digest(),
        environment=environment_after,
        ended_ns=time.time_ns(),
    )
    bench.save_run(connection, run)
    return run


def _measuring(
    connection: results.Connection,
    record: CellRecord,
    cell: Cell,
    requests: Requests,
    builder: Builder,
    local: Counter | None,
    watcher: Watcher,
    renew: Callable[[], Awaitable[int]] | None,
    cases: judging.Asked | None,
) -> Measuring:
    known, save = keep.keeping(connection, record, cases)
    return Measuring(
        cell,
        requests,
        builder,
        save,
        session=record.sessions - 1,
        known=known,
        counter=local,
        progress=watcher.progress,
        renew=renew,
    )


def _finish(
    connection: results.Connection,
    run: RunRecord,
    record: CellRecord,
    cell: Cell,
    ended: Ended,
    memory: Memory,
) -> tuple[CellRecord, list[Metric]]:
    """Write a cell's end and its figures."""
    samples = [keep.to_sample(row) for row in bench.samples(connection, record.id)]
    objectives = cell.benchmark.objectives.as_metrics()
    found = metrics.compute(samples, objectives, run.seed)
    family = "cold" if cell.benchmark.cold else cell.benchmark.family
    found += metrics.of_family(samples, family, cell.slots)
    if cell.benchmark.cases:
        found += judging.metrics(bench_answers.answers(connection, record.id), cell.benchmark)
    if family == "cold":  # the server's delay, not the client's: `ready` and `first_token`
        found = [m for m in found if m.name != "dispatch_lag" and "_scheduled" not in m.name]
    if record.withheld:
        found = [metric for metric in found if metric.name in SOUND]
    if ended.lags:
        lags = [lag / metrics.MS for lag in ended.lags]
        found += metrics.as_metrics("loop_lag", "ms", "lower", statistics.summarise(lags))
    found += memory.metrics()
    bench.save_metrics(connection, record.id, map(keep.metric_row, found))
    record = record._replace(
        state=STATES.get(ended.end, "stopped"),
        reason=ended.reason,
        seconds=record.seconds + ended.seconds,
    )
    return bench.save_cell(connection, run.id, record), found


def counter(options: Options, server: Server) -> tuple[Counter | None, Source]:
    """What counts the tokens of prompts, and who that is.

    Raises:
        UsageError: The tokenizer that was named cannot be used.
    """
    if options.tokenizer:
        return from_file(options.tokenizer), Source.TOKENIZER
    if not server.tokenize:
        return None, Source.ESTIMATE

    def count(text: str) -> int:
        found = target.count_tokens(options.target, server.tokenize, server.model, text)
        if found is None:
            raise SlipError("The server no longer tells how many tokens a text has; try again.")
        return found

    return count, Source.SERVER


def _overhead(options: Options, server: Server, cell: Cell) -> int:
    """Tokens that the chat template adds, where the server counts and chat is asked for."""
    if options.tokenizer or not server.tokenize or cell.benchmark.endpoint != "chat":
        return 0
    roles = ["system", "user"] if cell.benchmark.shared_tokens else ["user"]
    return target.chat_overhead(options.target, server, roles)


def _environment(server: Server, prompts: Prompts) -> dict[str, Any]:
    return environment.machine() | {
        "server": {"name": server.name, "version": server.version, "model": server.properties},
        "tokens": str(prompts.source),
        "commit": environment.commit(),
        "load_before": environment.load_average(),
    }

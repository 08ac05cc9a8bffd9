"""The flow `run-benchmark`: runs a suite against a model server, a task for each of its cells."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

from prefect import flow, get_run_logger, tags, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from prefect.states import Cancelled
from pydantic import BaseModel, Field, model_validator

from slipstream.flows import artifacts
from slipstream.flows.benchmark_report import report, show
from slipstream.flows.compare_benchmarks import CompareParameters, compare_benchmarks
from slipstream.flows.limits import one_benchmark
from slipstream.flows.result_storage import JsonSerializer
from slipstream.flows.retries import BACKOFF, JITTER, RETRIES, may_pass
from slipstream.storage import bench, bench_names, paths, results
from slipstream.storage.bench import CellRecord, RunRecord
from slipstream.storage.config.load import load
from slipstream.storage.errors import SlipError, UsageError
from slipstream.tasks.benchmarking import against, prepare, reuse, series, target
from slipstream.tasks.benchmarking import run as runs
from slipstream.tasks.benchmarking import suite as suites
from slipstream.tasks.benchmarking.cell import Ended
from slipstream.tasks.benchmarking.faults import MAY_PASS
from slipstream.tasks.benchmarking.model import Metric
from slipstream.tasks.benchmarking.run import Attempt, Options, Watcher
from slipstream.tasks.benchmarking.series import Turn
from slipstream.tasks.benchmarking.simulate import process
from slipstream.tasks.benchmarking.suite import Cell, Suite

LOOK_SECONDS = 300
SLACK_SECONDS = 600
"""Added to a cell's own limit: for its calibration, its prompts and its figures."""
TAG = "slipstream-bench"
"""`prefect concurrency-limit create slipstream-bench 1` lets one cell at a time run on all hosts
of a Prefect server; on one machine a lock sees to that."""

Slots = Annotated[int, Field(ge=1, le=100_000)]
Rate = Annotated[float, Field(gt=0, le=100_000)]
Tokens = Annotated[int, Field(ge=1, le=10_000_000)]


class BenchmarkParameters(BaseModel):
    """What to measure, and how; what is left out is as the configuration or the suite has it."""

    suite: str = Field("", description="A suite by name, or a file; empty: as configured.")
    benchmarks: list[str] = Field([], description="Only these of the suite.")
    base_url: str = Field("", description="The server; empty: as configured, else simulated.")
    model: str = Field("", description="Empty: as configured, else the only one it lists.")
    repeats: int = Field(1, ge=1, le=100, description="Whole runs, as a series.")
    concurrency: list[Slots] = Field([], description="Closed loop.")
    rate: list[Rate] = Field([], description="Open loop, requests per second.")
    prompt_tokens: list[Tokens] = Field([], description="Lengths of prompts.")
    output_tokens: Tokens | None = Field(None, description="Most tokens of an answer.")
    iterations: int | None = Field(None, ge=1, le=10_000_000, description="Requests of a cell.")
    warmup: int | None = Field(None, ge=0, le=1_000_000, description="Requests not counted.")
    limit_s: float | None = Field(None, gt=0, le=86_400, description="Most seconds of a cell.")
    seed: int | None = Field(None, description="Of prompts and arrivals.")
    timeout: float = Field(120, ge=0.1, le=86_400, description="Seconds between two bytes.")
    tokenizer: str = Field("", description="A tokenizer.json that counts.")
    processes: int = Field(0, ge=0, le=64, description="Client processes; 0: one.")
    server_pid: int = Field(0, ge=0, description="The server's process, for its memory.")
    calibrate: bool = Field(True, description="Withhold what the client is not proven to time.")
    reuse: bool = Field(
        False, description="Serve a stored run where nothing has changed since, and say so."
    )
    tag: str = Field("", description="Of the run, or of the series; its runs with -1, -2, ….")
    compare: bool = Field(True, description="Hold it against its baseline, where it has one.")
    run: str = Field(
        "",
        pattern=r"^([0-9a-f]{12})?$",
        description="The run's id; one that is there and was cut off is gone on with.",
    )

    @model_validator(mode="after")
    def _one_loop(self) -> BenchmarkParameters:
        if self.concurrency and self.rate:
            raise ValueError("give either concurrency or rate")
        return self

    def changes(self) -> dict[str, Any]:
        """What of the suite's benchmarks is replaced."""
        single = ("output_tokens", "iterations", "warmup", "limit_s", "seed")
        found = {name: getattr(self, name) for name in ("concurrency", "rate", "prompt_tokens")}
        found = {name: value for name, value in found.items() if value}
        given = {name: getattr(self, name) for name in single}
        return found | {name: value for name, value in given.items() if value is not None}


class Stopped(Exception):
    """A cell ended because nothing there can work any more.

    Attributes:
        ended: How.
        may_pass: Another try, a little later, may do.
    """

    def __init__(self, ended: Ended) -> None:
        super().__init__(ended.reason)
        self.ended = ended
        self.may_pass = ended.fault in MAY_PASS


def run_name() -> str:
    """Names a run by its suite, its model and its server."""
    parameters = flow_run.parameters["parameters"]
    if not isinstance(parameters, BenchmarkParameters):
        parameters = BenchmarkParameters.model_validate(parameters)
    settings = load().config.bench
    url = parameters.base_url or settings.base_url or "the simulated server"
    model = parameters.model or settings.model
    return f"{parameters.suite or settings.suite} of {model + ' on ' if model else ''}{url}"


@task(
    name="look-at-server",
    task_run_name="look at {where}",
    retries=RETRIES,
    retry_delay_seconds=BACKOFF,
    retry_jitter_factor=JITTER,
    retry_condition_fn=may_pass,
    timeout_seconds=LOOK_SECONDS,
    tags=[TAG],
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def look(where: str, options: Callable[[], Options]) -> str:
    """The model that will be measured; a server that loads it is waited for."""
    how = options()
    server = await asyncio.to_thread(target.look, how.target, how.model, how.load_seconds)
    return server.model


@task(
    name="measure-cell",
    task_run_name="measure {name}",
    retries=RETRIES,
    retry_delay_seconds=BACKOFF,
    retry_jitter_factor=JITTER,
    retry_condition_fn=may_pass,
    tags=[TAG],
    cache_policy=NO_CACHE,
    persist_result=False,
    cache_result_in_memory=False,
)
async def measure_cell(name: str, work: Attempt) -> Ended:
    """Measure a cell, or what of it is missing."""
    ended = await work()
    if ended.fault:
        raise Stopped(ended)
    return ended


@flow(
    name="run-benchmark",
    flow_run_name=run_name,
    persist_result=False,
    result_serializer=JsonSerializer(),
)
async def run_benchmark(parameters: BenchmarkParameters) -> Any:
    """Run a suite: look at the server, measure cell by cell, keep, show.

    Cancelled, or ended by SIGINT or SIGTERM, it keeps what was measured. Run once more, by a retry
    or with the same `run`, it goes on where it was cut off.

    Returns:
        Of each repeat its `run`, `suite`, `model`, `server`, `state`, `reason`, its `cells`, and
        whether it is a stored one that is `reused`. In the last one the `comparison` with the
        baseline, where there is one; see `compare_benchmarks`.

    Raises:
        UsageError: A suite, a benchmark, a tag, the URL or the model is none.
        ServerError: Nothing can be measured there.
        SlipError: Another benchmark is running, or the run was stopped.
    """
    home, plan = paths.home(), planned(parameters)
    reports = []
    async with one_benchmark():
        with ExitStack() as stack, ending() as cancelled:
            options = await looked_at(parameters, stack)
            for number in range(parameters.repeats):
                run, again = await measured(home, parameters, plan, options, number, cancelled)
                reports.append(report(home, run) | {"reused": again})
                await show(home, run, reports[-1])
                if run.state == "cancelled":
                    return Cancelled(
                        message=f"Run {run.id} was cancelled; what it measured is kept."
                    )
                if run.state != "done":
                    raise SlipError(f"The run was stopped: {run.reason}")
    if parameters.compare and (comparison := await held(home, run)):
        reports[-1]["comparison"] = comparison
    return reports


async def held(home: Path, run: RunRecord) -> dict[str, Any] | None:
    """Hold a run, or its series, against its baseline, where there is one; as a flow of its own.

    Whatever goes wrong there, the run was measured.
    """
    with results.opened(home) as connection:
        candidate = against.candidate_of(connection, run)
    if candidate is None:
        return None
    asked = {"base": bench_names.BASELINE, "candidates": [candidate.name]}
    parameters = CompareParameters.model_validate(asked)
    with tags(*flow_run.tags):  # it is found with them on the pages, as this run is
        state = await compare_benchmarks(parameters, return_state=True)
    if not state.is_completed():
        get_run_logger().warning(f"It was not compared with its baseline: {state.message}")
        return None
    found: dict[str, Any] = await state.result()
    return found


def planned(parameters: BenchmarkParameters) -> Suite:
    """The suite as it is asked for.

    Raises:
        UsageError: There is none, or a setting, a benchmark or the tag is wrong.
    """
    if parameters.tag:
        series.check_tag(parameters.tag, parameters.repeats)
    suite = suites.load(parameters.suite or load().config.bench.suite)
    plan = suites.selected(suite, parameters.benchmarks)
    changes = parameters.changes()
    return suites.changed(plan, changes) if changes else plan


async def looked_at(parameters: BenchmarkParameters, stack: ExitStack) -> Options:
    """How the server is measured, after a look at it; without one the simulated one is started."""
    config = load().config
    url = parameters.base_url or config.bench.base_url
    model = parameters.model or config.bench.model
    if not url:
        url, model = stack.enter_context(await asyncio.to_thread(process.start)).base_url, ""

    def options() -> Options:
        made = prepare.options_for(config, url, model, parameters.timeout, parameters.tokenizer)
        return made._replace(processes=parameters.processes, server_pid=parameters.server_pid)

    found = await look(url, options)
    return options()._replace(model=found)


async def measured(
    home: Path,
    parameters: BenchmarkParameters,
    plan: Suite,
    options: Options,
    number: int,
    cancelled: asyncio.Event,
) -> tuple[RunRecord, bool]:
    """Measure a repeat, a task for each cell, and give it its tag; one that is done stays.

    Returns:
        The run, and whether it is a stored one that stands for this repeat.
    """
    logger = get_run_logger()
    turn = turn_of(home, parameters, plan, options, number)
    run = begun(home, parameters, turn)
    if run.state == "done":
        return run, False
    if parameters.reuse and (stored := await asyncio.to_thread(reusable, home, run, options)):
        logger.info(
            f"Run {stored.id} is served again instead of measuring: nothing that can be told has "
            "changed since."
        )
        return stored, True
    size = len(suites.cells(suites.parse(run.suite_json, f"run {run.id}")))
    words = f"Run {run.id}: cells of {run.suite} that are done."
    progress = await artifacts.progress(artifacts.key("run-benchmark-progress"), words)

    async def around(cell: Cell, model: str, work: Attempt) -> Ended:
        name = f"{run.suite} {cell.benchmark.name} {cell.label} of {model}"
        seconds = cell.benchmark.limit_s + SLACK_SECONDS
        try:
            ended = await measure_cell.with_options(timeout_seconds=seconds)(name, work)
        except Stopped as stopped:
            ended = stopped.ended
        await progress(cell.position + 1, size)
        return ended

    def told(record: CellRecord, found: Sequence[Metric]) -> None:
        ttft = next((m.value for m in found if (m.name, m.statistic) == ("ttft", "p50")), None)
        figure = "" if ttft is None else f", median time to first token {ttft:.2f} ms"
        logger.info(f"{record.benchmark} {record.label}: {record.state}{figure} {record.reason}")

    with ExitStack() as stack:
        limit = prepare.limit_of(home, stack, logger.info) if parameters.calibrate else None
        watcher = Watcher(note=logger.info, ended=told)
        running = asyncio.create_task(
            runs.measure(home, run, options, watcher, cancelled, limit, around)
        )
        try:
            run = await asyncio.shield(running)
        except asyncio.CancelledError:
            cancelled.set()
            run = await running
    with results.opened(home) as connection:
        series.kept(connection, run, turn, load().config.bench.keep_days)
    return run, False


def reusable(home: Path, planned: RunRecord, options: Options) -> RunRecord | None:
    """A stored run that stands for one that is planned; None: there is none, or it has begun."""
    server = target.look(options.target, options.model, options.load_seconds)
    with results.opened(home) as connection:
        if bench.run(connection, planned.id):
            return None
        return bench.run(connection, reuse.found(connection, planned, options, server))


def turn_of(
    home: Path, parameters: BenchmarkParameters, plan: Suite, options: Options, number: int
) -> Turn:
    """A repeat; its run's id follows from the flow run's, which finds it when it is tried again."""
    first = parameters.run or flow_run.id.replace("-", "")[-series.ID :]
    with results.opened(home) as connection:
        before = bench.run(connection, first)
    suite = series.suite_of(before) if before else plan
    return Turn(suite, options, first, number, parameters.repeats, parameters.tag)


def begun(home: Path, parameters: BenchmarkParameters, turn: Turn) -> RunRecord:
    """The run of a repeat: the one that is there already, or a new one.

    Raises:
        UsageError: It is there, and measured another server.
    """
    with results.opened(home) as connection:
        run = series.begun(connection, home, turn)
    asked = parameters.base_url.rstrip("/")
    if asked and asked != run.base_url:
        raise UsageError(
            f"Run {run.id} measures {run.base_url}; name that server, or leave `run` out."
        )
    return run


@contextmanager
def ending() -> Iterator[asyncio.Event]:
    """An event that is set when this process is told to end, instead of ending it at once."""
    event, loop = asyncio.Event(), asyncio.get_running_loop()
    before: dict[signal.Signals, Any] = {}
    try:
        for name in (signal.SIGINT, signal.SIGTERM):
            old = signal.getsignal(name)
            try:
                loop.add_signal_handler(name, event.set)
            except (NotImplementedError, RuntimeError, ValueError):  # Windows; another thread
                break
            before[name] = old
        yield event
    finally:
        for name, old in before.items():
            loop.remove_signal_handler(name)
            signal.signal(name, old)

"""The flow `warm-cache`: builds the index of a commit, in batches that are computed once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from prefect import Task, flow, task
from prefect.runtime import flow_run
from prefect.transactions import BaseTransaction, atransaction, get_transaction
from pydantic import BaseModel, Field

from slipstream.flows import artifacts
from slipstream.flows.cache_policy import ContentPolicy
from slipstream.flows.open_store import flow_store
from slipstream.flows.result_storage import CacheStorage, JsonSerializer, saved_storage
from slipstream.flows.retries import BACKOFF, JITTER, RETRIES, may_pass
from slipstream.storage.config.load import load
from slipstream.storage.errors import SlipError
from slipstream.tasks.indexing import batches, warm
from slipstream.tasks.indexing.batches import Batch, Origin

AT_ONCE = 1
"""Batches that are parsed at the same time: each uses all cores by itself."""
EMBED_AT_ONCE = 2
"""Batches that are embedded at the same time: one is read while another waits for the server."""
PLAN_SECONDS, BATCH_SECONDS, EMBED_SECONDS = 300, 600, 3600
TAG = "slipstream-index"
"""`prefect concurrency-limit create slipstream-index N` bounds it over all flows."""
EMBED_TAG = "slipstream-embed"
"""The same, for the requests to an embedding server."""
SEGMENT = "segment"
"""Under which a transaction knows what was published."""


class WarmParameters(BaseModel):
    """What to index, and how."""

    path: str = Field(".", min_length=1, description="A folder of the repository.")
    revision: str = Field("", description="A branch, tag or commit; empty: the files as they are.")
    untracked: bool = Field(False, description="Index untracked files too.")
    workers: int = Field(0, ge=0, le=64, description="Processes that parse; 0: one for each core.")
    batch: int = Field(512, ge=16, le=16384, description="Contents in a task, about.")
    embed: bool = Field(False, description="Make vectors of the chunks as well.")

    @property
    def origin(self) -> Origin:
        """Where the files are read."""
        return Origin(self.path, self.revision, self.untracked)


def run_name() -> str:
    """Names a run by its repository and commit."""
    parameters = flow_run.parameters["parameters"]
    if not isinstance(parameters, WarmParameters):
        parameters = WarmParameters.model_validate(parameters)
    return f"warm {batches.label(parameters.origin)}"


@task(
    name="plan-batches",
    task_run_name="plan {origin}",
    retries=RETRIES,
    retry_delay_seconds=BACKOFF,
    retry_jitter_factor=JITTER,
    retry_condition_fn=may_pass,
    timeout_seconds=PLAN_SECONDS,
    tags=[TAG],
    persist_result=False,  # it looks at the state of now
)
async def plan(origin: Origin, size: int) -> list[Batch]:
    """The contents of the commit in batches of about `size`, with how many of each are missing."""
    return await asyncio.to_thread(batches.plan, origin, flow_store(), size)


@task(
    name="index-files",
    task_run_name="index {batch.name}",
    retries=RETRIES,
    retry_delay_seconds=BACKOFF,
    retry_jitter_factor=JITTER,
    retry_condition_fn=may_pass,
    timeout_seconds=BATCH_SECONDS,
    tags=[TAG],
    cache_policy=ContentPolicy(),
    persist_result=True,
    result_serializer=JsonSerializer(),
    cache_result_in_memory=False,
)
async def index_files(batch: Batch, origin: Origin, workers: int) -> dict[str, Any]:
    """Read and parse what is missing of a batch."""
    return await asyncio.to_thread(batches.index, batch, origin, flow_store(), workers)


@task(
    name="measure-model",
    task_run_name="measure the embedding model",
    retries=RETRIES,
    retry_delay_seconds=BACKOFF,
    retry_jitter_factor=JITTER,
    retry_condition_fn=may_pass,
    timeout_seconds=BATCH_SECONDS,
    tags=[EMBED_TAG],
    persist_result=False,  # the model behind a name may have changed
)
async def measure() -> int:
    """How many numbers the model's vectors have; that it answers is known then too."""
    return await asyncio.to_thread(batches.measure, flow_store())


@task(
    name="embed-files",
    task_run_name="embed {batch.name} by {model}",
    retries=RETRIES,
    retry_delay_seconds=BACKOFF,
    retry_jitter_factor=JITTER,
    retry_condition_fn=may_pass,
    timeout_seconds=EMBED_SECONDS,
    tags=[EMBED_TAG],
    cache_policy=ContentPolicy(),
    persist_result=True,
    result_serializer=JsonSerializer(),
    cache_result_in_memory=False,
)
async def embed_files(
    batch: Batch, origin: Origin, model: str, dimensions: int, at_once: int
) -> dict[str, Any]:
    """Make the vectors of a batch's chunks that have none."""
    return await asyncio.to_thread(
        batches.embed_batch, batch, origin, flow_store(), dimensions, at_once
    )


@task(
    name="publish-index",
    task_run_name="publish {origin}",
    retries=RETRIES,
    retry_delay_seconds=BACKOFF,
    retry_jitter_factor=JITTER,
    retry_condition_fn=may_pass,
    timeout_seconds=BATCH_SECONDS,
    tags=[TAG],
    persist_result=False,  # it is what the next search opens, and is only made when it is not there
)
async def publish(origin: Origin, workers: int) -> dict[str, Any]:
    """Keep the manifest and the segment; what was changed meanwhile is indexed too."""
    report = await asyncio.to_thread(batches.publish, origin, flow_store(), workers)
    if (transaction := get_transaction()) is not None:
        transaction.set(SEGMENT, report["segment"])
    return report


@publish.on_rollback
def withdraw(transaction: BaseTransaction) -> None:
    """Take back what was published, so that no search opens it; the next one builds it anew."""
    flow_store().delete(transaction.get(SEGMENT))


@task(
    name="check-index",
    task_run_name="check the index of {origin}",
    timeout_seconds=BATCH_SECONDS,
    tags=[TAG],
    persist_result=False,
)
async def check(origin: Origin, segment: str) -> None:
    """See that what was published can be opened as a search would.

    Raises:
        SlipError: It cannot.
    """
    if await asyncio.to_thread(warm.is_unreadable, segment, flow_store()):
        raise SlipError(
            f"The index of {origin} cannot be opened as it was published, and was taken back; "
            "`slip cache verify` checks the rest, and the next search builds it anew."
        )


@flow(
    name="warm-cache",
    flow_run_name=run_name,
    persist_result=False,
    result_serializer=JsonSerializer(),
)
async def warm_cache(parameters: WarmParameters) -> dict[str, Any]:
    """Index a commit: plan, parse in batches, embed if asked, publish and check.

    Returns:
        What is in the index, and what had to be done for it; see `batches.publish`.

    Raises:
        NotFoundError: There is no such path or revision.
        UsageError: Vectors are asked for and no model is configured, or the mode forbids it.
        EndpointError: The embedding server does not answer with vectors.
    """
    origin, workers = parameters.origin, parameters.workers
    model = await asyncio.to_thread(batches.checked_model) if parameters.embed else ""
    storage = await saved_storage()
    planned = await plan(origin, parameters.batch)
    repository = batches.label(origin).partition("@")[0]
    inputs: dict[str, Any] = {"origin": origin, "workers": workers}
    bar = await artifacts.progress(
        artifacts.key("warm-cache-progress", repository), f"Batches of {repository} that are read."
    )
    indexed = await over(index_files, planned, inputs, storage, AT_ONCE, bar)
    embedded = []
    if model:
        size = await measure()
        lacking = await asyncio.to_thread(batches.unembedded, planned, flow_store(), model, size)
        inputs = {"origin": origin, "model": model, "dimensions": size}
        inputs["at_once"] = load().config.embeddings.batch
        embedded = await over(embed_files, lacking, inputs, storage, EMBED_AT_ONCE)
    async with atransaction():
        report = await publish(origin, workers)
        await check(origin, report["segment"])
    report["parsed"] += sum(batch.missing for batch in planned)
    report |= {"batches": len(indexed), "embedded": sum(one["chunks"] for one in embedded)}
    await show(repository, report)
    return report


async def over(
    work: Task[..., Any],
    planned: Sequence[Batch],
    inputs: dict[str, Any],
    storage: CacheStorage,
    at_once: int,
    bar: artifacts.Progress | None = None,
) -> list[dict[str, Any]]:
    """Map a task over batches, a few at a time.

    Where something is missing the task runs whatever result is kept of it: what it leaves behind
    may have been evicted since.
    """
    kept = work.with_options(result_storage=storage)
    anew = kept.with_options(refresh_cache=True)
    gate = asyncio.Semaphore(at_once)
    done = 0

    async def one(batch: Batch) -> dict[str, Any]:
        nonlocal done
        async with gate:
            result: dict[str, Any] = await (anew if batch.missing else kept)(batch, **inputs)
            done += 1
            if bar:
                await bar(done, len(planned))
            return result

    try:
        async with asyncio.TaskGroup() as group:  # the first failure ends the others
            running = [group.create_task(one(batch)) for batch in planned]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [each.result() for each in running]


async def show(repository: str, report: dict[str, Any]) -> None:
    """Put the figures where Prefect's pages show them: of the commit, and of the cache."""
    store = flow_store()
    stats = store.stats()
    figures = {
        **{name: value for name, value in report.items() if isinstance(value, int | str)},
        "cache entries": stats.disk.entries,
        "cache bytes": stats.disk.size,
    }
    await artifacts.table(
        artifacts.key("warm-cache", repository),
        [{"figure": name, "value": value} for name, value in figures.items()],
        f"What is in the index of {repository}, and what the cache holds.",
    )
    await artifacts.table(
        "cache-statistics",
        [each._asdict() for each in store.by_operation()],
        f"Entries of the cache and their bytes, by what they are of; {stats.disk.limit:,} bytes "
        f"and {stats.disk.entry_limit:,} entries fit.",
    )

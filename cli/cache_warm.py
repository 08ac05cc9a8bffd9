"""`slip cache warm`: indexes a repository, directly or as a Prefect flow."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from slipstream.cli import output
from slipstream.cli.cache_open import opened
from slipstream.cli.progress import Progress
from slipstream.storage.config.load import load
from slipstream.tasks.indexing import batches, warm
from slipstream.tasks.indexing.batches import Origin

if TYPE_CHECKING:
    from slipstream.storage.cache import CacheStore

JSON_VERSION = 1
BATCH = 512  # contents whose chunks are embedded together, as the flow has it


def run(origin: Origin, *, embed: bool, flow: bool, json: bool) -> int:
    """Index a repository, and say what was done.

    Args:
        origin: What to index.
        embed: Make vectors of the chunks, too.
        flow: Run the Prefect flow.
        json: Print JSON.

    Raises:
        NotFoundError: There is no such folder or revision.
        UsageError: Vectors are wanted, and no model is configured.
    """
    origin.open()  # a wrong path is said at once, not after the server's start
    started = time.monotonic()
    report = _by_flow(origin, embed) if flow else _directly(origin, embed)
    seconds = time.monotonic() - started
    if json:
        output.print_json({"version": JSON_VERSION, **report, "seconds": round(seconds, 3)})
    else:
        print(described(report, seconds))
    if report["missing"]:
        output.warn(
            f"{report['missing']:,} contents could not be read: the clone has not got them, or the "
            "repository is damaged (`git fsck`)."
        )
    return 0


def described(report: dict[str, Any], seconds: float) -> str:
    """What was done, as a sentence or two."""
    commit = f" of {report['commit'][:12]}" if report["commit"] else ""
    dirty = " with changes" if "-dirty" in report["part"] else ""
    text = (
        f"{report['files']:,} files{commit}{dirty} are indexed; "
        f"{report['parsed']:,} were parsed just now, in {seconds:.1f} s."
    )
    if skipped := report["skipped"]:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(skipped.items()))
        text += f" Left out: {reasons}."
    if embedded := report.get("embedded"):
        text += f" {embedded:,} chunks have vectors."
    return text


def _directly(origin: Origin, embed: bool) -> dict[str, Any]:
    model = batches.checked_model() if embed else ""
    with opened() as store:
        with Progress("indexing", "files") as progress:
            index = warm.ensure(origin.open(), store, progress)
        embedded = _embed(origin, store, model) if model else 0
    return {
        "commit": index.snapshot.commit,
        "part": index.snapshot.part,
        "segment": index.segment,
        "files": len(index.files),
        "chunks": index.view.chunks,
        "parsed": index.report.parsed,
        "skipped": dict(index.report.skipped),
        "missing": len(index.report.missing),
        "embedded": embedded,
    }


def _embed(origin: Origin, store: CacheStore, model: str) -> int:
    """Give every chunk its vector; the number of chunks."""
    size = batches.measure(store)
    planned = batches.plan(origin, store, BATCH)
    at_once = load().config.embeddings.batch
    chunks = 0
    with Progress("embedding", "batches") as progress:
        for number, batch in enumerate(batches.unembedded(planned, store, model, size), 1):
            chunks += batches.embed_batch(batch, origin, store, size, at_once)["chunks"]
            progress(number, len(planned))
    return chunks


def _by_flow(origin: Origin, embed: bool) -> dict[str, Any]:
    from slipstream.flows import launch

    say_server()
    return launch.run_warm({**origin._asdict(), "embed": embed})


def say_server() -> None:
    """Say that a flow takes a while to start, where no server is up."""
    from slipstream.flows import launch

    if not launch.has_server():
        output.note("no Prefect server is set; a temporary one is started for this run.")

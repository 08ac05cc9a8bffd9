"""Who subscribes to events, and the pump that brings events to them. Out of everybody's way.

    OutputGenerated            → summarizer: a log without a summary, which a kill left, gets one
    CacheHit, CacheMiss        → telemetry: live counters of all hosts
    BenchmarkComplete          → reporter: the run's figures as a file below reports/

An event may come twice; each of them leaves the same behind then.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

from slipstream.storage import bench, database, events, logs, redis_client, results
from slipstream.storage.bus import counters, relay, streams
from slipstream.storage.bus.model import BenchmarkComplete, OutputGenerated
from slipstream.storage.config.load import load
from slipstream.storage.errors import SlipError, StorageError
from slipstream.storage.maintenance.model import Outcome, Settings, counted
from slipstream.storage.outputs import OutputStore
from slipstream.storage.paths import make_private
from slipstream.storage.redis_client import Client

Subscriptions: TypeAlias = Mapping[str, Mapping[str, streams.Handler]]
"""By the name of the subscriber: what handles which event."""

SETTLE_SECONDS = 5.0
"""A command whose output was just stored makes its summary itself; so long it is waited for."""
REPORTS = "reports"
STEP = "events"
"""Of the maintenance."""
EVERY_SECONDS = 5.0
LONGEST_WAIT = 60.0
"""Seconds between two tries while a server is down; the wait doubles up to it."""


class Pumped(NamedTuple):
    """What a pump did.

    Attributes:
        sent: Events that left the outbox.
        handled: Times that a subscriber handled one.
        failed: Times that a subscriber failed on one; it comes again.
    """

    sent: int = 0
    handled: int = 0
    failed: int = 0


def pump(home: Path, subscriptions: Subscriptions | None = None) -> Pumped:
    """Bring what waits in the outbox to the streams, and what is in them to the subscribers.

    Where another process does so for this data folder, nothing is done.

    Args:
        home: The data folder.
        subscriptions: Default: those of this module.

    Raises:
        SlipError: Redis or the database of results cannot be used; what was not sent waits.
    """
    import redis

    client = redis_client.client(home)
    with relay.alone(make_private(home)) as mine:
        if not mine:
            return Pumped()
        wanted = subscribers(home, client) if subscriptions is None else subscriptions
        try:
            return _pump(home, client, wanted)
        except redis.RedisError as error:
            raise redis_client.unusable(error) from error


def _pump(home: Path, client: Client, subscriptions: Subscriptions) -> Pumped:
    own = redis_client.is_own(client)
    handled = failed = 0

    def consume() -> None:
        """Streams of this process end with it: all is handled before it counts as delivered."""
        nonlocal handled, failed
        again = True
        while again:
            again = False
            for name, handlers in subscriptions.items():
                group = f"{name}@{events.origin(home)}"
                done = streams.consume(client, group, handlers, 0 if own else streams.RETRY_SECONDS)
                handled, failed = handled + done.done, failed + done.failed
                again = again or (own and done.failed > 0)

    settle = consume if own else lambda: None
    with closing(database.connect(home)) as connection:
        sent = relay.relay(connection, client, settle)
    if not own:
        consume()
    if load().config.storage.database_url:
        with results.opened(home) as shared, relay.alone_of_all(shared) as first:
            if first and (more := relay.relay(shared, client, settle)):
                sent += more
                if not own:
                    consume()
    return Pumped(sent, handled, failed)


def follow(
    home: Path,
    stop: threading.Event,
    every: float = EVERY_SECONDS,
    told: Callable[[str], None] = lambda _: None,
) -> None:
    """Pump until told to stop. While a server is down it tries less and less often.

    Args:
        home: The data folder.
        stop: Set by somebody else.
        every: Seconds between two pumps.
        told: Is told, once, what is wrong, and when it works again.
    """
    wait, failing = 0.0, False
    while not stop.wait(wait):
        try:
            pump(home)
        except SlipError as error:
            wait = min(2 * max(wait, every), LONGEST_WAIT)
            if not failing:
                logs.warning("events.not_relayed", reason=str(error))
                told(str(error))
            failing = True
            continue
        if failing:
            logs.info("events.relayed_again")
            told("Events are delivered again.")
        wait, failing = every, False


def maintain(settings: Settings) -> Outcome:
    """Pump, as a step of the maintenance.

    Raises:
        SlipError: As `pump`.
    """
    if settings.dry_run:
        with closing(database.connect(settings.home)) as connection:
            waiting = sum(events.waiting(connection).values())
        return Outcome(note=f"{counted(waiting, 'event')} waiting")
    done = pump(settings.home)
    return Outcome(note=f"{counted(done.sent, 'event')} sent, {done.handled:,} handled")


def subscribers(home: Path, client: Client) -> Subscriptions:
    """Those of this program."""
    count = partial(counters.keep, client)
    return {
        "summarizer": {events.OUTPUT_GENERATED: partial(summarise, home)},
        "telemetry": {events.CACHE_HIT: count, events.CACHE_MISS: count},
        "reporter": {events.BENCHMARK_COMPLETE: partial(report, home)},
    }


def summarise(home: Path, event: OutputGenerated) -> None:
    """Summarise a stored log that has no summary.

    Raises:
        StorageError: The summary cannot be kept.
    """
    with closing(OutputStore(home)) as store:
        if not _without_summary(store, event.sha256):
            return
        age = (time.time_ns() - event.at_ns) / 1e9
        time.sleep(max(0.0, min(SETTLE_SECONDS - age, SETTLE_SECONDS)))
        if not (token := _without_summary(store, event.sha256)):
            return
        from slipstream.tasks.summarization.model import Outcome
        from slipstream.tasks.summarization.produce import Request, summarise_chunks

        log = store.resolve(event.sha256)
        request = Request(log.command, log.cwd, token=token)
        outcome = Outcome(log.exit_status)
        made = summarise_chunks(store.read(log), home, load().config, request, outcome)
        if made.warnings:
            raise StorageError(made.warnings[0])


def _without_summary(store: OutputStore, sha256: str) -> str:
    """The token of a stored log's newest capture; empty: another host's, or summarised."""
    row = store.connection.execute(
        "SELECT c.token FROM captures c JOIN outputs o ON o.id = c.output_id WHERE o.sha256 = ?"
        " AND NOT EXISTS (SELECT 1 FROM summaries s WHERE s.sha256 = o.sha256)"
        " ORDER BY c.id DESC LIMIT 1",
        (sha256,),
    ).fetchone()
    return str(row[0]) if row else ""


def report(home: Path, event: BenchmarkComplete) -> None:
    """Write the figures of a run as JSON; reports of runs that are gone go."""
    from slipstream.tasks.benchmarking import export

    with results.opened(home) as connection:
        found = bench.run(connection, event.run)
        if found is None:  # of another host's own database, or deleted
            return
        text = json.dumps(export.to_json(connection, found, samples=False), indent=2)
        folder = make_private(home / REPORTS)
        draft = folder / f".{found.id}.{os.getpid()}"
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text + "\n")
        draft.replace(folder / f"run-{found.id}.json")
        for path in folder.glob("run-*.json"):
            if bench.run(connection, path.stem.removeprefix("run-")) is None:
                path.unlink(missing_ok=True)

"""`slip events ls|tail|relay`: what was published, and bringing it to who subscribed."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slipstream.cli import output
from slipstream.storage import database, events, paths, results
from slipstream.storage.config.load import load

if TYPE_CHECKING:
    from slipstream.storage.bus.counters import Counter as HostCounter
    from slipstream.storage.connection import Connection
    from slipstream.storage.events import Row

LOOK_SECONDS = 0.5
MANY = 500
"""Events that may come between two looks of `--follow`."""

app = typer.Typer(help="Events: what was published, and bringing it to who subscribed.")
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="events")


@app.command("ls")
def listed(as_json: Json = False) -> int:
    """List the kinds of events: how many wait in the outbox, and how many the streams hold.

    With `storage.redis_url`, the hits and misses of the caches of all hosts as well.

    \b
    slip events ls
    slip events ls --json
    """
    from slipstream.storage.bus.model import EVENTS

    home = paths.home()
    waiting = Counter[str]()
    for connection in _outboxes(home):
        waiting.update(events.waiting(connection))
    lengths, hosts = _streams(home)
    if as_json:
        told = [
            {"name": name, "waiting": waiting[name], "streamed": lengths.get(name)}
            for name in EVENTS
        ]
        output.print_json(
            {"version": 1, "events": told, "counters": [host._asdict() for host in hosts]}
        )
        return 0
    rows = [(name, waiting[name], lengths.get(name)) for name in EVENTS]
    output.print_table(("event", "waiting", "streamed"), rows, right="waiting streamed")
    if hosts:
        seen = [(h.origin, h.name, h.total, output.time_text(h.at_ns)) for h in hosts]
        output.print_table(("cache of", "counts", "total", "as of"), seen, right="total")
    return 0


@app.command()
def tail(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=MANY, help="How many.")] = 20,
    name: Annotated[str, typer.Option("--name", help="Only these, such as CacheMiss.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object a line.")] = False,
) -> int:
    """Show the newest events, oldest of them first: of the streams of Redis, else of the outbox.

    \b
    slip events tail -n 5
    slip events tail --follow --name BenchmarkComplete --json
    """
    _check_name(name)
    shown: set[str] = set()
    amount = limit
    while True:
        rows = [row for row in _newest(amount, name) if row.id not in shown]
        for row in rows:
            _show(row, as_json=as_json)
        shown = (shown if len(shown) < 100 * MANY else set()) | {row.id for row in rows}
        if not follow:
            return 0
        amount = MANY
        time.sleep(LOOK_SECONDS)


@app.command()
def relay(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    as_json: Json = False,
) -> int:
    """Bring what waits in the outbox to the streams, and to this program's own subscribers.

    `slip up` and `slip maintain` do so, too; where another process does, nothing is done.

    \b
    slip events relay
    slip events relay --follow
    """
    from slipstream.tasks import subscribers

    home = paths.home()
    if follow:
        subscribers.follow(home, threading.Event(), told=output.warn)
    done = subscribers.pump(home)
    if as_json:
        output.print_json({"version": 1, **done._asdict()})
    else:
        print(f"{done.sent:,} events sent, {done.handled:,} handled, {done.failed:,} failed")
    return 0


def _newest(limit: int, name: str) -> list[Row]:
    home = paths.home()
    if not load().config.storage.redis_url:
        rows = [r for found in _outboxes(home) for r in events.newest(found, limit, name)]
        return sorted(rows, key=lambda row: row.at_ns)[-limit:]
    import redis

    from slipstream.storage import redis_client
    from slipstream.storage.bus import streams
    from slipstream.storage.bus.model import EVENTS

    try:
        return streams.newest(redis_client.client(home), [name] if name else EVENTS, limit)
    except redis.RedisError as error:
        raise redis_client.unusable(error) from error


def _outboxes(home: Path) -> Iterator[Connection]:
    """The data folder's, and that of results where they are kept elsewhere."""
    with closing(database.connect(home)) as connection:
        yield connection
    if load().config.storage.database_url:
        with results.opened(home) as connection:
            yield connection


def _streams(home: Path) -> tuple[dict[str, int], list[HostCounter]]:
    """How long each stream is, and the counters of all hosts; nothing without a server."""
    if not load().config.storage.redis_url:
        return {}, []
    import redis

    from slipstream.storage import redis_client
    from slipstream.storage.bus import counters, streams
    from slipstream.storage.bus.model import EVENTS

    client = redis_client.client(home)
    try:
        lengths = {name: client.xlen(streams.stream_of(name)) for name in EVENTS}
        return lengths, counters.read(client)
    except redis.RedisError as error:
        raise redis_client.unusable(error) from error


def _show(row: Row, *, as_json: bool) -> None:
    payload: dict[str, Any] = json.loads(row.payload)
    payload.pop("event", None)
    if as_json:
        told = {"id": row.id, "at_ns": row.at_ns, "name": row.name, **payload}
        print(json.dumps(told), flush=True)
        return
    about = " ".join(f"{key}={value}" for key, value in payload.items() if value not in ("", None))
    line = f"{output.time_text(row.at_ns)}  {row.name}  {about}"
    print(output.printable(line), flush=True)


def _check_name(name: str) -> None:
    from slipstream.storage.bus.model import EVENTS
    from slipstream.storage.config.yaml_file import suggestion
    from slipstream.storage.errors import UsageError

    if name and name not in EVENTS:
        near = suggestion(name, list(EVENTS))
        raise UsageError(f"There is no event {name!r}{near}; `slip events ls` lists all.")

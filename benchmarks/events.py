"""What an event costs who publishes it, and how fast events are delivered.

    python benchmarks/events.py [--rounds 7]

Ways take turns in each round, and the least of the rounds counts, so that a busy moment hits all
alike. With a redis-server on PATH that is measured too, on loopback.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from unittest import mock

from slipstream.storage import audit, database, events, redis_client
from slipstream.storage.bus import relay, streams
from slipstream.storage.cache import open_cache
from slipstream.storage.redis_client import Client
from slipstream.storage.telemetry import Recorder

TRANSACTIONS = 2000  # of a turn: long enough to hold the checkpoints of the log
HITS = 1000  # of a turn, and of a batch of the telemetry
DELIVERED = 5000
PAYLOAD = {"run": "a" * 12, "suite": "smoke", "model": "m", "server": "http://127.0.0.1:8000/v1",
           "state": "done", "reason": ""}  # fmt: skip


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder, server() as redis:
        home = Path(folder)
        print("| what | µs each |\n| --- | --- |")
        for name, seconds in least(published(home, redis), rounds).items():
            print(f"| {name} | {1e6 * seconds / TRANSACTIONS:.1f} |")
        for name, seconds in least(flushed(home), rounds).items():
            print(f"| {name} | {1e6 * seconds / HITS:.2f} |")
        print("\n| delivered to one subscriber | events/s |\n| --- | --- |")
        for name, client in (("within the process", redis_client.own(home)), ("Redis", redis)):
            if client is not None:
                print(f"| {name} | {delivered(home, client):,.0f} |")


def least(ways: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """The least seconds of each way."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            taken[name].append(way())
    return {name: min(seconds) for name, seconds in taken.items()}


def published(home: Path, redis: Client | None) -> dict[str, Callable[[], float]]:
    """Transactions that write one row, without an event, with one, and with one sent at once."""
    connection = database.connect(home)

    def turn(publish: Callable[[], object]) -> Callable[[], float]:
        def run() -> float:
            start = time.perf_counter()
            for _ in range(TRANSACTIONS):
                with database.transaction(connection):
                    audit.record(connection, "bench run", "a" * 12)
                    publish()
            return time.perf_counter() - start

        return run

    ways = {
        "a transaction of one row": turn(lambda: None),
        "the same with an event": turn(
            lambda: events.emit(connection, events.BENCHMARK_COMPLETE, PAYLOAD)
        ),
    }
    if redis is not None:
        fields = {"payload": json.dumps(PAYLOAD)}
        ways["the same, sent to Redis at once"] = turn(
            lambda: redis.xadd("measured", fields, maxlen=streams.KEPT, approximate=True)
        )
    return ways


def flushed(home: Path) -> dict[str, Callable[[], float]]:
    """Hits of the cache with their telemetry written, without and with their event."""
    store = open_cache(home)
    store.set("v1::a::b", b"x" * 1000)
    recorder = Recorder(home).attach(store)

    def turn() -> float:
        start = time.perf_counter()
        for _ in range(HITS - 1):
            store.get("v1::a::b")
        recorder.flush()
        return time.perf_counter() - start

    def without() -> float:
        with mock.patch.object(Recorder, "_publish"):
            return turn()

    return {"a hit and its telemetry": without, "the same with an event for all hits": turn}


def delivered(home: Path, client: Client) -> float:
    """Events per second from the outbox through the streams to a subscriber that does nothing."""
    with closing(database.connect(home)) as connection:
        relay.relay(connection, redis_client.own(home / "drain"))
        with database.transaction(connection):
            for _ in range(DELIVERED):
                events.emit(connection, events.BENCHMARK_COMPLETE, PAYLOAD)
        start = time.perf_counter()
        relay.relay(connection, client)
        done = streams.consume(client, "measured", {events.BENCHMARK_COMPLETE: lambda _: None})
        assert done.done >= DELIVERED, done
        return DELIVERED / (time.perf_counter() - start)


@contextmanager
def server() -> Iterator[Client | None]:
    """A client of a redis-server of our own, where one is installed."""
    program = shutil.which("redis-server")
    if program is None:
        yield None
        return
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        client = redis_client.connect(f"redis://127.0.0.1:{port}/0", "air-gapped")
        for _ in range(100):
            try:
                client.ping()
                break
            except Exception:
                time.sleep(0.05)
        yield client
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()

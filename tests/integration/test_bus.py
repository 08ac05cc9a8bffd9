"""From the outbox to the subscribers, by the Redis within the process and by a real server."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from slipstream.cli import doctor
from slipstream.cli.main import main
from slipstream.storage import bench, database, events, postgres, redis_client
from slipstream.storage.bench import CellRecord, MetricRow, RunRecord
from slipstream.storage.bus import counters, relay, streams
from slipstream.storage.bus.model import BenchmarkComplete, CacheHit
from slipstream.storage.errors import SlipError, StorageError
from slipstream.storage.maintenance.model import Settings
from slipstream.storage.outputs import OutputStore
from slipstream.storage.redis_client import Client
from slipstream.storage.summaries import newest
from slipstream.tasks import subscribers
from slipstream.tasks.subscribers import Pumped, pump
from tests import servers

WAIT = 60  # seconds; a busy machine
URL = "SLIPSTREAM_STORAGE_REDIS_URL"
NAME = events.BENCHMARK_COMPLETE
OTHER = events.REGRESSION_DETECTED

PUBLISH = """
import sys
from pathlib import Path
from slipstream.storage import database, events
connection = database.connect(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    with database.transaction(connection):
        events.emit(connection, "BenchmarkComplete", {
            "run": f"{sys.argv[2]}-{number}", "suite": "", "model": "", "server": "",
            "state": "done", "reason": ""})
"""

# Ends where a kill does most harm: sent, and handled where the streams end with the process, but
# not noted as delivered.
SEND_AND_HANG = """
import sys, time
from pathlib import Path
from slipstream.storage import events
from slipstream.tasks import subscribers
def hang(*_):
    print("sent", flush=True)
    time.sleep(600)
events.mark_delivered = hang
def note(event):
    with open(sys.argv[2], "a") as file:
        file.write(event.run + "\\n")
subscribers.pump(Path(sys.argv[1]), {"noting": {"BenchmarkComplete": note}})
"""

# The same for a subscriber: it has handled the first event, which is not noted.
HANDLE_AND_HANG = """
import sys, time
from slipstream.storage import redis_client
from slipstream.storage.bus import streams
def handle(event):
    print(event.run, flush=True)
    if event.run == "b":
        time.sleep(600)
client = redis_client.connect(sys.argv[1], "local-only")
streams.consume(client, "g", {"BenchmarkComplete": handle}, 0)
"""


@pytest.fixture(params=["in-process", "redis-server"])
def bus(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    """The client that the configuration gives, of an empty Redis of either kind."""
    if request.param == "redis-server":
        monkeypatch.setenv(URL, request.getfixturevalue("redis_url"))
    return redis_client.client(home)


def publish(home: Path, *runs: str, name: str = NAME) -> None:
    """Put events into the outbox."""
    fields = dict.fromkeys(("suite", "model", "server", "reason"), "") | {"state": "done"}
    with closing(database.connect(home)) as connection:
        for run in runs:
            events.emit(connection, name, {"run": run, **fields})


def waiting(home: Path) -> int:
    """Events that are not delivered."""
    with closing(database.connect(home)) as connection:
        return len(events.pending(connection, 99_999))


def python(program: str, *arguments: object) -> subprocess.Popen[str]:
    """Another process."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)


@contextmanager
def killed(process: subprocess.Popen[str]) -> Iterator[None]:
    """Kill a process as hard as it goes, whatever happens in the block."""
    try:
        yield
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(WAIT)


def collecting(into: list[Any], name: str = NAME) -> subscribers.Subscriptions:
    """A subscriber that keeps what it is given."""
    return {"collector": {name: into.append}}


def test_events_reach_their_subscribers_once_and_in_order(bus: Client, home: Path) -> None:
    """When nothing goes wrong."""
    runs = [f"r{number}" for number in range(1200)]  # more than one batch
    publish(home, *runs)
    seen: list[BenchmarkComplete] = []
    assert pump(home, collecting(seen)) == Pumped(1200, 1200, 0)
    assert [event.run for event in seen] == runs
    assert len({event.event for event in seen}) == 1200
    assert waiting(home) == 0
    assert pump(home, collecting(seen)) == Pumped()


def test_two_publishers_are_delivered_in_the_order_of_the_outbox(bus: Client, home: Path) -> None:
    """And so each of them in its own."""
    publishers = [python(PUBLISH, home, who, 60) for who in "ab"]
    assert [publisher.wait(WAIT) for publisher in publishers] == [0, 0]
    with closing(database.connect(home)) as connection:
        order = [json.loads(row.payload)["run"] for row in events.pending(connection, 999)]
    seen: list[BenchmarkComplete] = []
    pump(home, collecting(seen))
    assert [event.run for event in seen] == order
    for who in "ab":
        assert [e.run for e in seen if e.run[0] == who] == [f"{who}-{n}" for n in range(60)]


def test_every_subscriber_is_given_every_event_from_the_oldest_on(bus: Client, home: Path) -> None:
    """One that comes later, too, as far as the streams reach back; each kind has its own stream."""
    publish(home, "r0")
    publish(home, "r1", name=OTHER)
    first: list[Any] = []
    streams.send(bus, [])
    pump(home, collecting(first))
    assert [event.run for event in first] == ["r0"]
    late: list[Any] = []
    assert streams.consume(bus, "late", {NAME: late.append}).done == 1
    assert late == first
    rows = streams.newest(bus, [NAME, OTHER], 9)
    assert [row.name for row in rows] == [NAME, OTHER]
    assert streams.newest(bus, [NAME, OTHER], 1) == rows[1:]


def test_a_relay_that_is_killed_before_it_notes_what_it_sent_repeats_and_loses_nothing(
    bus: Client, home: Path, tmp_path: Path, unmeasured: None
) -> None:
    """The id is the same both times, so that a subscriber can tell."""
    publish(home, "r0", "r1", "r2")
    noted = tmp_path / "noted"
    process = python(SEND_AND_HANG, home, noted)
    assert process.stdout is not None
    with killed(process):
        assert process.stdout.readline() == "sent\n"
    assert waiting(home) == 3
    publish(home, "r3")
    seen: list[BenchmarkComplete] = []
    pump(home, collecting(seen))
    assert waiting(home) == 0
    runs = [event.run for event in seen]
    if redis_client.is_own(bus):  # the first one handled them within its process
        assert noted.read_text().split() == ["r0", "r1", "r2"]
        assert runs == ["r0", "r1", "r2", "r3"]
    else:
        assert runs == ["r0", "r1", "r2", "r0", "r1", "r2", "r3"]
        assert len({event.event for event in seen}) == 4


def test_a_subscriber_that_is_killed_is_given_the_event_again(
    redis_url: str, home: Path, unmeasured: None
) -> None:
    """And none that it had finished."""
    client = redis_client.connect(redis_url, "local-only")
    publish(home, "a", "b", "c")
    with closing(database.connect(home)) as connection:
        assert relay.relay(connection, client) == 3
    process = python(HANDLE_AND_HANG, redis_url)
    assert process.stdout is not None
    with killed(process):
        assert [process.stdout.readline() for _ in range(2)] == ["a\n", "b\n"]
    seen: list[Any] = []
    assert streams.consume(client, "g", {NAME: seen.append}, 0).done == 2
    assert [event.run for event in seen] == ["b", "c"]
    assert streams.consume(client, "g", {NAME: seen.append}, 0).done == 0


def test_a_subscriber_that_fails_is_tried_again_and_then_given_up(bus: Client, home: Path) -> None:
    """Others, and other events, do not wait for it."""
    publish(home, "bad", "good")
    seen: list[str] = []

    def handle(event: BenchmarkComplete) -> None:
        seen.append(event.run)
        if event.run == "bad":
            raise RuntimeError("no")

    pump(home, {"failing": {NAME: handle}})
    for _ in range(streams.TRIES):
        streams.consume(bus, f"failing@{events.origin(home)}", {NAME: handle}, 0)
    assert seen == ["bad", "good", *["bad"] * (streams.TRIES - 1)]
    assert waiting(home) == 0
    log = (home / "program" / "slip.log").read_text()
    assert log.count("events.handler_failed") == streams.TRIES
    assert log.count("events.given_up") == 1


def test_a_subscriber_that_mends_itself_has_lost_nothing(bus: Client, home: Path) -> None:
    publish(home, "r0")
    tries = iter([RuntimeError, OSError])
    seen: list[Any] = []

    def handle(event: BenchmarkComplete) -> None:
        if error := next(tries, None):
            raise error("not yet")
        seen.append(event)

    pump(home, {"mending": {NAME: handle}})
    for _ in range(2):
        streams.consume(bus, f"mending@{events.origin(home)}", {NAME: handle}, 0)
    assert len(seen) == 1


def test_what_cannot_be_understood_is_left_alone(bus: Client, home: Path) -> None:
    """An event of a newer version, or one that somebody else put there."""
    publish(home, "r0")
    bus.xadd(streams.stream_of(NAME), {"payload": "{", "at_ns": "1", "event": "x"})
    bus.xadd(streams.stream_of(NAME), {"anything": "else"})
    seen: list[Any] = []
    assert pump(home, collecting(seen)).failed == 0
    assert [event.run for event in seen] == ["r0"]
    assert "events.not_understood" in (home / "program" / "slip.log").read_text()


def test_streams_are_bounded(bus: Client, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis trims whole nodes of a hundred entries."""
    monkeypatch.setattr(streams, "KEPT", 50)
    publish(home, *(f"r{number}" for number in range(600)))
    pump(home, {})
    assert 50 <= bus.xlen(streams.stream_of(NAME)) <= 150
    assert json.loads(streams.newest(bus, [NAME], 1)[0].payload)["run"] == "r599"


def test_one_process_at_a_time_relays(bus: Client, home: Path) -> None:
    """Others leave it to that one."""
    publish(home, "r0")
    with relay.alone(home) as mine:
        assert mine
        assert pump(home) == Pumped()
    assert waiting(home) == 1


def test_without_an_answer_of_redis_events_wait_and_publishers_do_not(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL, "redis://:hunter2@127.0.0.1:1/0")
    publish(home, "r0")
    with pytest.raises(
        StorageError, match=r"on 127.0.0.1 port 1 cannot be used .*events wait"
    ) as e:
        pump(home)
    assert "hunter2" not in str(e.value)
    publish(home, "r1")
    monkeypatch.delenv(URL)
    seen: list[Any] = []
    pump(home, collecting(seen))
    assert [event.run for event in seen] == ["r0", "r1"]


def test_who_follows_says_once_what_is_wrong_and_goes_on_when_it_is_mended(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server starts after its client."""
    monkeypatch.setattr(subscribers, "LONGEST_WAIT", 0.1)
    with servers.redis_on_socket() as (url, start):
        monkeypatch.setenv(URL, url)
        publish(home, "r0")
        told: list[str] = []
        stop = threading.Event()
        follower = threading.Thread(
            target=subscribers.follow, args=(home, stop, 0.02, told.append), daemon=True
        )
        follower.start()
        try:
            waited(lambda: told)
            time.sleep(0.3)  # some more tries
            start()
            waited(lambda: waiting(home) == 0)
            waited(lambda: len(told) == 2)
        finally:
            stop.set()
            follower.join(WAIT)
    assert "cannot be used" in told[0]
    assert told[1] == "Events are delivered again."


def test_a_wrong_password_is_one_sentence_without_it(
    redis_url: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL, redis_url.replace("//", "//me:hunter2@"))
    with pytest.raises(StorageError, match="check the user and the password") as failed:
        pump(home)
    assert "hunter2" not in str(failed.value)


@pytest.mark.parametrize(
    ("url", "mode", "wrong"),
    [
        ("redis://8.8.8.8/0", "local-only", "allows loopback and private"),
        ("rediss://10.0.0.7/0", "air-gapped", "allows loopback alone"),
        ("redis://redis.example/0", "air-gapped", "allows loopback alone"),
        ("redis:///?host=8.8.8.8", "local-only", "allows loopback and private"),
        ("redis://127.0.0.1:x/0", "local-only", "is no URL of Redis"),
    ],
    ids=["public", "private", "name", "hidden", "port"],
)
def test_the_mode_says_which_redis_may_be_named(url: str, mode: Any, wrong: str) -> None:
    with pytest.raises(SlipError, match=wrong):
        redis_client.connect(url, mode)


def test_a_socket_and_loopback_are_allowed_in_every_mode(redis_url: str) -> None:
    url = redis_url.replace("127.0.0.1", "localhost")
    assert redis_client.connect(url, "air-gapped").ping()
    made = redis_client.connect("unix:///run/redis.sock?db=2", "air-gapped")
    assert made.connection_pool.connection_kwargs["path"] == "/run/redis.sock"
    assert redis_client.where("unix:///run/redis.sock") == "Redis at /run/redis.sock"


def test_a_log_that_a_killed_command_left_is_summarised(
    bus: Client, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once; one that its command summarised is left as it is, as is one of another host."""
    monkeypatch.setattr(subscribers, "SETTLE_SECONDS", 0.1)
    with closing(OutputStore(home)) as store:
        writer = store.writer(("make",), "/")
        writer.write(b"main.c:1:2: error: expected ';'\n")
        stored = writer.finish(2)
    pump(home)
    with closing(database.connect(home)) as connection:
        (made,) = newest(connection)
        (captures,) = connection.execute("SELECT count(*) FROM captures").fetchone()
        assert captures == 1
        assert (made.sha256, made.errors, made.command) == (stored.sha256, 1, ("make",))
    assert pump(home).failed == 0  # the event of the summariser's own
    with closing(database.connect(home)) as connection:
        assert len(newest(connection)) == 1
        far = {"id": "f", "sha256": "f" * 64, "size": 1, "lines": 1, "complete": True}
        events.emit(connection, events.OUTPUT_GENERATED, far)
    assert pump(home).failed == 0


def test_the_counters_of_all_hosts_are_live(bus: Client, home: Path) -> None:
    """An older event, or one that comes twice, changes nothing."""
    with closing(database.connect(home)) as connection:
        for origin, count, total in (("a", 3, 3), ("b", 1, 9), ("a", 2, 5)):
            sums = {"count": count, "size": 0, "total": total, "total_size": 10 * total}
            events.emit(connection, events.CACHE_HIT, {"origin": origin, **sums})
        rows = events.pending(connection)
    pump(home)
    streams.send(bus, rows[:1])
    pump(home)
    found = [(c.origin, c.name, c.total, c.size) for c in counters.read(bus)]
    assert found == [("a", "CacheHit", 5, 50), ("b", "CacheHit", 9, 90)]


def test_a_run_that_has_ended_is_reported_as_a_file(bus: Client, home: Path) -> None:
    """For its owner alone; the report of a run that is deleted goes with the next one."""
    for identity in ("aa0000000000", "bb0000000000"):
        with closing(database.connect(home)) as connection:
            run = RunRecord(identity, "smoke", "{}", "http://127.0.0.1/v1", "m", 7, {})
            bench.save_run(connection, run)
            cell = bench.save_cell(connection, run.id, CellRecord(0, 0, "b", "latency", "c=1", {}))
            metric = MetricRow("ttft", "p50", "ms", "lower", 5.0, None, None, 10)
            bench.save_metrics(connection, cell.id, [metric])
            bench.save_run(connection, run._replace(state="done"))
        pump(home)
        (file,) = (home / "reports").iterdir()
        assert file.name == f"run-{identity}.json"
        assert json.loads(file.read_text())["cells"][0]["metrics"][0]["value"] == 5.0
        assert file.stat().st_mode & 0o077 == 0
        with closing(database.connect(home)) as connection:
            bench.delete(connection, identity)


def test_events_of_results_in_postgres_are_relayed_by_one_host_at_a_time(
    redis_url: str, postgres_url: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are in the transaction that kept the results, in the database where those are."""
    monkeypatch.setenv(URL, redis_url)
    monkeypatch.setenv("SLIPSTREAM_STORAGE_DATABASE_URL", postgres_url)
    run = RunRecord("aa0000000000", "smoke", "{}", "http://127.0.0.1/v1", "m", 7, {}, state="done")
    with closing(postgres.connect(postgres_url, "local-only")) as connection:
        bench.save_run(connection, run)
        with relay.alone_of_all(connection) as first:
            assert first
            assert pump(home) == Pumped()
    assert pump(home) == Pumped(1, 1, 0)
    assert (home / "reports" / f"run-{run.id}.json").exists()
    with closing(postgres.connect(postgres_url, "local-only")) as connection:
        assert events.pending(connection) == []


def test_the_commands_show_what_was_published_and_relay_it(
    redis_url: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*arguments: str) -> str:
        assert main(["events", *arguments]) == 0
        return capsys.readouterr().out

    publish(home, "r0", "r1")
    by_name = {kind["name"]: kind for kind in json.loads(said("ls", "--json"))["events"]}
    assert by_name[NAME] == {"name": NAME, "waiting": 2, "streamed": None}
    assert re.search(r"BenchmarkComplete  run=r1 .*\n$", said("tail", "-n", "1"))
    monkeypatch.setenv(URL, redis_url)
    assert said("relay") == "2 events sent, 2 handled, 0 failed\n"
    assert json.loads(said("relay", "--json"))["sent"] == 0
    hit = CacheHit(event="e", at_ns=1, origin="o", count=1, size=0, total=7, total_size=0)
    counters.keep(redis_client.client(home), hit)
    shown = said("ls")
    assert f"{NAME}\t0\t2\n" in shown
    assert "o\tCacheHit\t7\t" in shown
    lines = said("tail", "--json", "--name", NAME).splitlines()
    assert [json.loads(line)["run"] for line in lines] == ["r0", "r1"]
    check = doctor.examine("Redis", doctor.CHECKS["Redis"])
    assert (check.result, check.mend[:22]) == ("warning", "set appendonly to yes:")
    assert main(["events", "tail", "--name", "BenchmarkDone"]) == 2
    assert "did you mean BenchmarkComplete" in capsys.readouterr().err


def test_without_an_answer_of_redis_the_commands_say_so(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one sentence; the doctor, too."""
    monkeypatch.setenv(URL, "redis://127.0.0.1:1/0")
    for command in (["ls"], ["tail"], ["relay"]):
        assert main(["events", *command]) == 1
        said = capsys.readouterr().err
        assert "Redis on 127.0.0.1 port 1 cannot be used" in said
        assert said.count("\n") == 1
    assert doctor.examine("Redis", doctor.CHECKS["Redis"]).result == "failed"


def test_maintenance_delivers_what_waits(home: Path) -> None:
    """And says how much would be delivered in a dry run."""
    publish(home, "r0", "r1")
    settings = Settings(home)
    assert subscribers.maintain(settings._replace(dry_run=True)).note == "2 events waiting"
    assert subscribers.maintain(settings).note == "2 events sent, 2 handled"


def test_events_of_results_in_postgres_are_listed(
    postgres_url: str,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Beside those of the data folder."""
    publish(home, "here")
    monkeypatch.setenv("SLIPSTREAM_STORAGE_DATABASE_URL", postgres_url)
    run = RunRecord("aa0000000000", "smoke", "{}", "http://127.0.0.1/v1", "m", 7, {}, state="done")
    with closing(postgres.connect(postgres_url, "local-only")) as connection:
        bench.save_run(connection, run)
    assert main(["events", "tail", "--json"]) == 0
    told = [json.loads(line)["run"] for line in capsys.readouterr().out.splitlines()]
    assert told == ["here", run.id]
    assert pump(home) == Pumped(2, 2, 0)  # within the process
    assert (home / "reports" / f"run-{run.id}.json").exists()


@pytest.mark.parametrize("what", ["tail", "relay"])
def test_following_ends_with_an_interruption(what: str, home: Path, unmeasured: None) -> None:
    publish(home, "r0")
    command = [sys.executable, "-m", "slipstream.cli", "events", what, "--follow"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)
    try:
        assert process.stdout is not None
        if what == "tail":
            assert "run=r0" in process.stdout.readline()
            publish(home, "r1")
            assert "run=r1" in process.stdout.readline()
        else:
            waited(lambda: waiting(home) == 0)
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT) == 130
    finally:
        process.kill()
        process.wait()


def waited(condition: Callable[[], object]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)

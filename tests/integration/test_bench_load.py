"""Client processes against servers that are there: load, schedules, ends, and every bad answer."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterator
from itertools import count, islice
from typing import Any, TypeVar

import numpy as np
import pytest

from slipstream.storage.errors import SlipError
from slipstream.tasks.benchmarking import arrivals, clients, load, metrics, sample
from slipstream.tasks.benchmarking.build import Builder
from slipstream.tasks.benchmarking.clients import Clients
from slipstream.tasks.benchmarking.faults import Fault
from slipstream.tasks.benchmarking.load import Load, Loaded
from slipstream.tasks.benchmarking.model import Exchange, Phase, RequestSpec, Sample, Waits, clock
from slipstream.tasks.benchmarking.simulate import process
from slipstream.tasks.benchmarking.simulate.process import Simulated
from slipstream.tasks.benchmarking.simulate.settings import OVERRIDE_HEADER, Settings
from tests.raw_server import saying

T = TypeVar("T")
WAITS = Waits(connect=2, read=0.5)


@pytest.fixture(scope="module")
def server() -> Iterator[Simulated]:
    with process.start(Settings(ttft_ms=5, itl_ms=1)) as running:
        yield running


def spec(number: int, tokens: int = 8, **settings: Any) -> RequestSpec:
    headers = {"x-request-id": f"r{number}", OVERRIDE_HEADER: json.dumps(settings)}
    arguments = {
        "model": "simulated",
        "messages": [{"role": "user", "content": f"say {number}"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": tokens,
        "extra_headers": headers,
    }
    return RequestSpec(number, Phase.MEASURED, "chat", arguments)


def with_clients(work: Callable[[Clients], Awaitable[T]], number: int = 1) -> T:
    async def run() -> T:
        started = await clients.start(number)
        try:
            await started.open(WAITS)
            return await work(started)
        finally:
            await started.close()

    return asyncio.run(run())


def measured(
    url: str, specs: list[RequestSpec], how: Load | None = None, processes: int = 1
) -> tuple[list[Sample], Loaded]:
    """The samples of a load that sends each of these once."""
    builder = Builder(url)
    got: list[Exchange] = []

    def receive(done: Exchange) -> bool:
        got.append(done)
        return True

    async def work(started: Clients) -> Loaded:
        requests = ((s.number, builder.build(s)) for s in specs)
        return await load.run(started, how or Load(), requests, receive)

    ended = with_clients(work, processes)
    samples = [sample.make(done, specs[done.key])[0] for done in got]
    return sorted(samples, key=lambda s: s.number), ended


@pytest.mark.parametrize("slots", [1, 8])
def test_a_closed_loop_sends_each_request_once(server: Simulated, slots: int) -> None:
    """And what it says of each is what the server says."""
    server.clear()
    samples, ended = measured(server.base_url, [spec(n) for n in range(40)], Load(slots=slots))
    assert [s.number for s in samples] == list(range(40))
    assert all(s.fault is None and s.output_tokens == len(s.chunk_ns) == 8 for s in samples)
    assert ended.end == "done"
    truth = {record["id"]: record for record in server.truth()}
    assert len(truth) == 40
    for s in samples:
        record = truth[f"r{s.number}"]
        assert s.sent_ns <= record["read_ns"]
        sent = [t for t, kind in zip(record["begun"], record["kinds"], strict=True)
                if kind == "content"]  # fmt: skip
        arrived = [s.sent_ns + after for after in s.chunk_ns]
        assert all(a >= b for a, b in zip(arrived, sent, strict=True))
        assert s.intended_ns <= s.sent_ns < arrived[0] <= s.ended_ns


def test_no_more_requests_are_under_way_than_there_are_slots(server: Simulated) -> None:
    samples, _ = measured(server.base_url, [spec(n) for n in range(30)], Load(slots=3))
    moments = sorted([(s.sent_ns, 1) for s in samples] + [(s.ended_ns, -1) for s in samples])
    assert np.cumsum([change for _, change in moments]).max() == 3


def test_several_processes_share_the_slots_and_the_requests(server: Simulated) -> None:
    samples, _ = measured(server.base_url, [spec(n) for n in range(40)], Load(slots=5), processes=2)
    assert [s.number for s in samples] == list(range(40))
    assert {s.worker for s in samples} == {0, 1}


def test_an_open_loop_sends_on_time_whatever_the_server_does(server: Simulated) -> None:
    """The first answers take longer than all requests together; none waits for another."""
    moments = list(islice(arrivals.offsets("poisson", 100, 5), 30))
    specs = [spec(n, ttft_ms=400) for n in range(30)]
    samples, ended = measured(server.base_url, specs, Load(slots=0, arrivals=moments))
    assert [s.intended_ns - ended.started_ns for s in samples] == moments
    assert all(s.sent_ns >= s.intended_ns for s in samples)
    last_sent = max(s.sent_ns for s in samples)
    assert last_sent < min(s.sent_ns + s.chunk_ns[0] for s in samples) + 400e6
    assert len([s for s in samples if s.good]) == 30


def test_the_receiver_says_when_it_is_enough(server: Simulated) -> None:
    """What is under way then is cut off, and is told with what had come."""
    builder = Builder(server.base_url)
    got: list[Exchange] = []

    def receive(done: Exchange) -> bool:
        got.append(done)
        return len(got) < 10

    async def work(started: Clients) -> tuple[Loaded, Loaded]:
        endless = ((n, builder.build(spec(n, 200))) for n in count())
        first = await load.run(started, Load(slots=4), endless, receive)
        again = [(0, builder.build(spec(0)))]
        return first, await load.run(started, Load(), again, lambda done: True)

    first, second = with_clients(work)
    assert (first.end, second.end) == ("enough", "done")
    whole = [done for done in got if done.fault is None]
    cut = [done for done in got if done.fault is Fault.CUT_OFF]
    assert len(whole) >= 10
    assert 1 <= len(cut) <= 4
    assert len(first.lags) > 0


def test_time_ends_a_load(server: Simulated) -> None:
    builder = Builder(server.base_url)
    endless = ((n, builder.build(spec(n))) for n in count())
    how = Load(slots=2, limit_ns=300_000_000)
    ended = with_clients(lambda c: load.run(c, how, endless, lambda done: True))
    assert ended.end == "time"


def test_cancelling_takes_less_than_a_second(server: Simulated) -> None:
    """Also while an answer is awaited that never comes; what was measured has been told."""
    builder = Builder(server.base_url)
    got: list[Exchange] = []

    def receive(done: Exchange) -> bool:
        got.append(done)
        return True

    async def work(started: Clients) -> tuple[Loaded, int]:
        cancelled = asyncio.Event()
        specs = [spec(0), spec(1, errors={"silent": 1})]
        running = asyncio.create_task(
            load.run(
                started,
                Load(),
                [(s.number, builder.build(s)) for s in specs],
                receive,
                cancelled,
            )
        )
        while not got:
            await asyncio.sleep(0.01)
        before = clock()
        cancelled.set()
        return await running, clock() - before

    ended, took = with_clients(work)
    assert ended.end == "cancelled"
    assert took < 1e9
    assert [done.key for done in got if done.fault is None] == [0]


def test_a_client_process_that_dies_is_one_sentence(server: Simulated) -> None:
    builder = Builder(server.base_url)

    async def work(started: Clients) -> None:
        endless = ((n, builder.build(spec(n))) for n in count())

        def receive(_done: Exchange) -> bool:
            started.processes[0].kill()
            return True

        with pytest.raises(SlipError, match="client process ended"):
            await load.run(started, Load(), endless, receive)

    with_clients(work)


SIMULATED: list[tuple[dict[str, Any], Fault | None]] = [
    ({"errors": {"rate_limit": 1}, "retry_after_s": 0.1}, Fault.RATE_LIMITED),
    ({"errors": {"server_error": 1}}, Fault.SERVER_ERROR),
    ({"errors": {"loading": 1}}, Fault.LOADING),
    ({"errors": {"not_found": 1}}, Fault.UNKNOWN_MODEL),
    ({"errors": {"unauthorized": 1}}, Fault.WRONG_KEY),
    ({"errors": {"redirect": 1}}, Fault.REDIRECT),
    ({"errors": {"html": 1}}, Fault.HTML),
    ({"errors": {"blank": 1}}, Fault.EMPTY),
    ({"errors": {"empty": 1}}, Fault.EMPTY),
    ({"errors": {"silent": 1}}, Fault.NO_ANSWER),
    ({"errors": {"stalled": 1}}, Fault.STALLED),
    ({"errors": {"closed": 1}}, Fault.CLOSED_EARLY),
    ({"errors": {"reset": 1}}, Fault.CLOSED_EARLY),
    ({"errors": {"malformed": 1}}, Fault.MALFORMED),
    ({"errors": {"stream_error": 1}}, Fault.ERROR_IN_STREAM),
    ({"errors": {"no_done": 1}}, None),
    ({"usage": "never"}, Fault.NO_USAGE),
]


def test_every_bad_answer_has_its_kind_and_the_load_goes_on(server: Simulated) -> None:
    """A good request follows each bad one."""
    specs: list[RequestSpec] = []
    for settings, _ in SIMULATED:
        specs += [spec(len(specs), **settings), spec(len(specs) + 1)]
    samples, _ = measured(server.base_url, specs, Load(slots=4))
    assert [s.fault for s in samples[::2]] == [fault for _, fault in SIMULATED]
    assert {s.fault for s in samples[1::2]} == {None}


def test_a_wrong_path_and_a_wrong_model_are_told_apart(server: Simulated) -> None:
    body = b'{"detail": "Not Found"}'
    with saying(b"HTTP/1.1 404 Not Found\r\ncontent-length: %d\r\n\r\n" % len(body) + body) as url:
        assert measured(url, [spec(0)])[0][0].fault is Fault.WRONG_PATH
    other = spec(0)
    other = other._replace(arguments={**other.arguments, "model": "another"})
    assert measured(server.base_url, [other])[0][0].fault is Fault.UNKNOWN_MODEL


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"", Fault.CLOSED_EARLY),
        (b"hello, this is no HTTP\r\n\r\n", Fault.MALFORMED),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\ndata: ", Fault.CLOSED_EARLY),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", Fault.MALFORMED),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc",
         Fault.CLOSED_EARLY),
    ],
    ids=["nothing", "no HTTP", "short", "bad chunk", "bad gzip"],
)  # fmt: skip
def test_what_breaks_the_protocol_is_an_error_of_its_request(answer: bytes, fault: Fault) -> None:
    with saying(answer) as url:
        (found,), _ = measured(url, [spec(0)])
    assert found.fault is fault
    assert found.detail


def test_a_server_that_is_not_there_is_refused_or_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    samples, _ = measured(f"http://127.0.0.1:{port}/v1", [spec(0)])
    assert (samples[0].fault, samples[0].sent_ns) == (Fault.REFUSED, 0)
    samples, _ = measured("http://no-such-host.invalid/v1", [spec(0)])
    assert samples[0].fault is Fault.UNREACHABLE


def test_a_secure_connection_to_a_server_without_one_is_named(server: Simulated) -> None:
    (found,), _ = measured(server.base_url.replace("http:", "https:"), [spec(0)])
    assert found.fault is Fault.TLS


def test_an_idle_connection_that_the_server_closed_is_no_error(server: Simulated) -> None:
    """Each answer is followed by a close that it did not announce; the next request goes anew."""
    body = b'{"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}'
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    with saying(head % len(body) + body) as url:
        samples, _ = measured(url, [spec(n) for n in range(5)])
    assert {s.fault for s in samples} == {Fault.NO_USAGE}


@pytest.mark.parametrize(
    "settings",
    [
        {"role_chunk": True, "role_ms": 1},
        {"tokens_per_chunk": 4},
        {"reasoning_tokens": 8, "tokens_per_chunk": 3, "profile": "vllm"},
    ],
    ids=["role first", "several tokens in a chunk", "reasoning first"],
)
def test_chunks_and_tokens_are_taken_for_what_they_are(
    server: Simulated, settings: dict[str, Any]
) -> None:
    """No chunk is seen before the server sent it, as a role would be that is taken for a token."""
    with process.start(Settings(ttft_ms=60, itl_ms=6, **settings)) as running:
        samples, _ = measured(running.base_url, [spec(n, 32) for n in range(5)], Load(slots=1))
        truth = {record["id"]: record for record in running.truth()}
    for s in samples:
        record = truth[f"r{s.number}"]
        told = zip(record["begun"], record["kinds"], record["tokens"], strict=True)
        chunks = [(begun, kind) for begun, kind, tokens in told if tokens]
        assert s.output_tokens == sum(record["tokens"]) == 32
        arrived = [s.sent_ns + after for after in s.chunk_ns]
        for at, (begun, _) in zip(arrived, chunks, strict=True):
            assert at >= begun
        content = [kind for _, kind in chunks].index("content")
        assert s.first_content_ns == s.chunk_ns[content]
        thought = s.chunk_ns[0] if content else None
        assert s.first_reasoning_ns == thought
        (tpot,) = metrics.values([s], "tpot").values
        assert tpot > 0

"""From a request for an answer to the answer on its way, or to its planned failure."""

from __future__ import annotations

import json
from collections import deque
from random import Random
from time import monotonic_ns
from typing import Any, NamedTuple

from slipstream.tasks.benchmarking.simulate import answer as answers
from slipstream.tasks.benchmarking.simulate import chunks, embeddings, profiles
from slipstream.tasks.benchmarking.simulate.answer import Answer, BadRequest
from slipstream.tasks.benchmarking.simulate.connection import Connection, Request
from slipstream.tasks.benchmarking.simulate.loop import Loop
from slipstream.tasks.benchmarking.simulate.prefix import PrefixCache
from slipstream.tasks.benchmarking.simulate.replies import (
    JSON,
    Failure,
    check_key,
    head,
    keeps,
    object_of,
    reply,
)
from slipstream.tasks.benchmarking.simulate.running import IN_THE_MIDDLE, Pace, Plan, Running
from slipstream.tasks.benchmarking.simulate.settings import (
    EXPECT_HEADER,
    OVERRIDE_HEADER,
    ErrorKind,
    Settings,
    override,
)
from slipstream.tasks.benchmarking.simulate.truth import Record, Truth

CHAT, COMPLETION, EMBEDDING = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"
_MS = 1_000_000  # ns
_MOST_OVERRIDES = 1000  # that are remembered
_CRASHED = "The engine encountered an issue."
_PAGE = b"<!DOCTYPE html><html><head><title>Welcome</title></head><body>It works!</body></html>"
_STATUS = {
    ErrorKind.RATE_LIMIT: (429, "Too many requests: try again later."),
    ErrorKind.SERVER_ERROR: (500, _CRASHED),
    ErrorKind.LOADING: (503, "Loading model"),
    ErrorKind.UNAUTHORIZED: (401, "Invalid API key."),
}
_SPEAKING = IN_THE_MIDDLE | {ErrorKind.EMPTY, ErrorKind.NO_DONE}  # these begin an answer


class _Job(NamedTuple):
    """One answer to be sent."""

    connection: Connection
    record: Record
    shape: chunks.Shape
    said: Answer
    random: Random
    error: ErrorKind | None
    keep: bool  # the connection, afterwards


class Generation:
    """Answers requests, some at a time, and counts."""

    def __init__(self, settings: Settings, loop: Loop, truth: Truth) -> None:
        self._settings = settings
        self._loop = loop
        self._truth = truth
        self._overrides: dict[str, Settings] = {}
        self._number = 0  # of the next request
        self._loaded = False  # the first request has been admitted
        self._queue: deque[_Job] = deque()
        self.prefixes = PrefixCache()
        self.running = 0
        self.prompt_tokens = 0
        self.output_tokens = 0
        self.cached_tokens = 0

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._queue)

    def handle(self, connection: Connection, request: Request) -> None:
        """Begin to answer.

        Raises:
            Failure: By plan, or because of the request.
            BadRequest: It cannot be answered.
            UsageError: It asks for impossible settings.
        """
        number = self._number
        self._number += 1
        identity = f"{'chatcmpl' if request.path == CHAT else 'cmpl'}-{number:012x}"
        record = Record(
            request.headers.get("x-request-id", identity), number, request.path, request.read_ns
        )
        self._truth.add(record)
        try:
            self._handle(connection, request, record, identity)
        except Exception as problem:
            record.status = problem.status if isinstance(problem, Failure) else 400
            self._truth.done(record)
            raise

    def _handle(
        self, connection: Connection, request: Request, record: Record, identity: str
    ) -> None:
        check_key(request, self._settings.api_key)
        settings = self._settings_of(request)
        random = Random(f"{settings.seed}/{record.number}")
        error = _draw(settings, random)
        record.error = error or ""
        body = object_of(request.body)
        model = record.model = _model_of(settings, body)
        keep = keeps(connection, request, settings.profile)
        if error and error not in _SPEAKING:
            self._fail(connection, request, record, settings, error)
        elif request.path == EMBEDDING:
            self._embed(connection, record, settings, body, random, keep)
        else:
            if body.get("n") not in (None, 1):
                raise BadRequest("`n` must be 1.")
            chat = request.path == CHAT
            prompt = answers.prompt_of(body, chat)
            record.prompt_tokens = len(prompt)
            expected = _expected(request)
            said = answers.answer(settings, random, body, len(prompt), expected, chat)
            if error == ErrorKind.EMPTY:
                said = Answer([], [], (), "stop")
            if settings.prefix_cache:
                record.cached_tokens = self.prefixes.add(prompt, settings.prefix_block, model)
            record.stream = bool(body.get("stream"))
            options = body.get("stream_options")
            asked = isinstance(options, dict) and bool(options.get("include_usage"))
            tokens = (record.prompt_tokens, record.cached_tokens)
            shape = chunks.Shape(settings, identity, model, chat, *tokens, asked)
            self._admit(_Job(connection, record, shape, said, random, error, keep))

    def _admit(self, job: _Job) -> None:
        """Begin, or wait until another has ended."""
        if self._settings.max_running and self.running >= self._settings.max_running:
            self._queue.append(job)
            return
        self.running += 1
        self._begin(job)

    def _begin(self, job: _Job) -> None:
        settings, record = job.shape.settings, job.record
        pace = Pace(settings, job.random)
        loading = 0.0 if self._loaded else settings.first_request_ms
        self._loaded = True
        first = pace.first(record.prompt_tokens - record.cached_tokens, loading)
        record.status = 200
        if job.connection.closed:  # while it waited
            record.finish = "gone"
            self._ended(job)
        elif record.stream:
            self._stream(job, pace, first)
        else:
            self._whole(job, pace, first)

    def _stream(self, job: _Job, pace: Pace, first: int) -> None:
        settings = job.shape.settings
        kind, more = "text/event-stream; charset=utf-8", f"x-request-id: {job.record.id}\r\n"
        job.connection.send(head(200, settings.profile, kind, None, job.keep, more))
        told = profiles.error_body(settings.profile, 500, _CRASHED)
        plan = Plan(
            first,
            None if settings.role_ms is None else round(settings.role_ms * _MS),
            job.error,
            max(1, int(chunks.count(job.said) * settings.error_at)),
            chunks.event(json.dumps(told).encode()),
        )
        Running(
            self._loop,
            job.connection,
            job.record,
            chunks.stream(job.shape, job.said, job.random),
            pace,
            plan,
            job.keep,
            lambda: self.running,
            lambda: self._ended(job),
        )

    def _whole(self, job: _Job, pace: Pace, first: int) -> None:
        """Send an answer as one body when its last token is there."""
        connection, record, error = job.connection, job.record, job.error
        data, tokens = chunks.body(job.shape, job.said, job.random), chunks.count(job.said)
        due = record.started_ns + first + pace.next(max(tokens - 1, 0), self.running)
        cut = error in (ErrorKind.CLOSED, ErrorKind.RESET)
        if error == ErrorKind.STREAM_ERROR:  # there is no stream: the body is the error
            told = profiles.error_body(job.shape.settings.profile, 500, _CRASHED)
            data, tokens = json.dumps(told).encode(), 0
        kept = data[: len(data) // 2] if cut or error == ErrorKind.MALFORMED else data
        length = len(data) if cut else len(kept)
        more = f"x-request-id: {record.id}\r\n"
        whole = head(200, job.shape.settings.profile, JSON, length, job.keep, more) + kept

        def gone() -> None:
            record.finish = "gone"
            self._ended(job)

        def send() -> None:
            if connection.closed or error == ErrorKind.STALLED:
                return
            self._send(connection, record, whole, tokens, due)
            record.finish = "cut" if cut else ""
            connection.on_close = None
            self._ended(job)
            if cut:
                connection.close(reset=error == ErrorKind.RESET)
            else:
                connection.done(job.keep)

        connection.on_close = gone
        self._loop.at(due, send)

    def _embed(
        self,
        connection: Connection,
        record: Record,
        settings: Settings,
        body: dict[str, Any],
        random: Random,
        keep: bool,
    ) -> None:
        told, tokens = embeddings.answer(body, record.model, settings.embedding_dimensions)
        record.prompt_tokens, record.status, record.finish = tokens, 200, "stop"
        due = record.started_ns + Pace(settings, random).first(tokens)
        data = json.dumps(told).encode()
        whole = head(200, settings.profile, JSON, len(data), keep) + data

        def send() -> None:
            self._send(connection, record, whole, 0, due)
            self.prompt_tokens += tokens
            self._truth.done(record)
            connection.done(keep)

        self._loop.at(due, send)

    def _send(
        self, connection: Connection, record: Record, data: bytes, tokens: int, due: int
    ) -> None:
        begun = monotonic_ns()
        sent = connection.send(data, record.sent, len(record.sent))
        record.add(chunks.BODY, tokens, due, begun, sent)

    def _ended(self, job: _Job) -> None:
        """A running answer has ended: count it, and let the next one run."""
        record = job.record
        record.finish = record.finish or job.said.finish
        self.running -= 1
        self.prompt_tokens += record.prompt_tokens
        self.cached_tokens += record.cached_tokens
        self.output_tokens += sum(record.tokens)
        self._truth.done(record)
        if self._queue:
            following = self._queue.popleft()
            following.record.started_ns = monotonic_ns()
            self.running += 1
            self._begin(following)

    def _fail(
        self,
        connection: Connection,
        request: Request,
        record: Record,
        settings: Settings,
        error: ErrorKind,
    ) -> None:
        """Answer with an error in place of an answer."""
        profile = settings.profile
        if error == ErrorKind.NOT_FOUND:
            raise Failure(404, profiles.unknown_model(profile, record.model, settings.models))
        if error in _STATUS:
            limited = f"Retry-After: {settings.retry_after_s:g}\r\n"
            raise Failure(*_STATUS[error], limited if error == ErrorKind.RATE_LIMIT else "")
        record.status = 200
        if error == ErrorKind.SILENT:
            record.status = 0
        elif error == ErrorKind.REDIRECT:
            record.status = 307
            # Another host than the one that was asked, though on loopback all the same.
            port = request.headers.get("host", "").rpartition(":")[2]
            place = f"Location: http://localhost:{port}{request.path}\r\n"
            reply(connection, request, profile, b"", status=307, kind="text/plain", more=place)
        elif error == ErrorKind.HTML:
            reply(connection, request, profile, _PAGE, kind="text/html")
        else:
            reply(connection, request, profile, b"")
        self._truth.done(record)

    def _settings_of(self, request: Request) -> Settings:
        given = request.headers.get(OVERRIDE_HEADER, "")
        if not given:
            return self._settings
        if given not in self._overrides:
            if len(self._overrides) >= _MOST_OVERRIDES:
                self._overrides.clear()
            values = object_of(given.encode("latin-1"), OVERRIDE_HEADER)
            self._overrides[given] = override(self._settings, values)
        return self._overrides[given]


def _draw(settings: Settings, random: Random) -> ErrorKind | None:
    """What goes wrong with this request."""
    draw = random.random()  # always, so that what is drawn later does not depend on the errors
    for kind, share in settings.errors.items():
        if draw < share:
            return kind
        draw -= share
    return None


def _model_of(settings: Settings, body: dict[str, Any]) -> str:
    model = body.get("model")
    if profiles.PROFILES[settings.profile].any_model:
        return settings.models[0]
    if model not in settings.models:
        raise Failure(404, profiles.unknown_model(settings.profile, str(model), settings.models))
    return str(model)


def _expected(request: Request) -> list[dict[str, Any]] | None:
    given = request.headers.get(EXPECT_HEADER)
    if given is None:
        return None
    try:
        calls = json.loads(given.encode("latin-1"))
    except ValueError as error:
        raise BadRequest(f"{EXPECT_HEADER} is not JSON: {error}") from None
    if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
        raise BadRequest(f"{EXPECT_HEADER} must be a list of calls.")
    return calls

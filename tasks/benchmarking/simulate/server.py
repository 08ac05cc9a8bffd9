"""The simulated server: its socket, and what each path answers."""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
from collections.abc import Callable
from time import monotonic_ns
from typing import Any
from urllib.parse import parse_qs

from slipstream.storage.errors import UsageError
from slipstream.tasks.benchmarking.simulate import answer as answers
from slipstream.tasks.benchmarking.simulate import generation, metrics, profiles
from slipstream.tasks.benchmarking.simulate.answer import BadRequest
from slipstream.tasks.benchmarking.simulate.connection import Connection, Request
from slipstream.tasks.benchmarking.simulate.generation import Generation
from slipstream.tasks.benchmarking.simulate.loop import Loop
from slipstream.tasks.benchmarking.simulate.replies import (
    Failure,
    check_key,
    object_of,
    reply,
    reply_failure,
)
from slipstream.tasks.benchmarking.simulate.settings import Settings
from slipstream.tasks.benchmarking.simulate.tokenizer import Tokenizer, split
from slipstream.tasks.benchmarking.simulate.truth import Truth

HOST = "127.0.0.1"
TRUTH = "/slipstream/truth"
_BACKLOG = 4096  # connections that wait to be accepted
_Answer = Callable[[Connection, Request], None]


class Unknown(Exception):
    """This server has no such path."""


class Server:
    """A server on loopback."""

    def __init__(self, settings: Settings) -> None:
        """Listen.

        Raises:
            UsageError: The port is taken.
        """
        self.loop = Loop()
        self._settings = settings
        self._profile = profiles.PROFILES[settings.profile]
        try:
            self._listener = socket.create_server((HOST, settings.port), backlog=_BACKLOG)
        except OSError as error:
            raise UsageError(
                f"port {settings.port} cannot be used ({error.strerror}): choose another with "
                "--port, or 0 for a free one."
            ) from None
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._truth = Truth(settings.truth_kept, settings.truth_file)
        self._generation = Generation(settings, self.loop, self._truth)
        self._tokenizer = Tokenizer()
        self._ready_ns = monotonic_ns() + round(settings.start_ms * 1_000_000)
        generate = self._generation.handle
        self._routes: dict[str, tuple[str, _Answer]] = {
            "/v1/models": ("GET", self._models),
            "/metrics": ("GET", self._metrics),
            "/tokenize": ("POST", self._tokenize),
            "/detokenize": ("POST", self._detokenize),
            generation.CHAT: ("POST", generate),
            generation.COMPLETION: ("POST", generate),
            generation.EMBEDDING: ("POST", generate),
            TRUTH: ("GET DELETE", self._tell_truth),
        }
        if self._profile.health:
            self._routes["/health"] = ("GET", self._health)
        if self._profile.tokenize == "content":
            self._routes["/apply-template"] = ("POST", self._apply_template)
        if self._profile.about:
            self._routes[self._profile.about] = ("GET", self._about)

    def run(self) -> None:
        """Serve until `loop.stop`."""
        self.loop.watch(self._listener, selectors.EVENT_READ, self._accept)
        self.loop.run()
        self._listener.close()
        self._truth.close()

    def _accept(self, _mask: int) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                Connection(self._listener.accept()[0], self.loop, self._handle)

    def _handle(self, connection: Connection, request: Request) -> None:
        profile = self._settings.profile
        try:
            methods, function = self._routes.get(request.path, ("", None))
            if function is None:
                raise Unknown
            if request.method not in methods.split():
                raise Failure(405, f"{request.path} is for {methods}.")
            if request.path != TRUTH and monotonic_ns() < self._ready_ns:
                raise Failure(503, "Loading model")
            function(connection, request)
        except Unknown:
            told = profiles.unknown_path(profile, request.method, request.path)
            reply(connection, request, profile, told[1], status=told[0], kind=told[2])
        except Failure as failure:
            reply_failure(connection, request, profile, failure)
        except (BadRequest, UsageError) as error:
            reply_failure(connection, request, profile, Failure(400, str(error)))
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            # A field of the body that nobody foresaw, such as a schema that is none.
            words = f"The request cannot be understood ({type(error).__name__}: {error})."
            reply_failure(connection, request, profile, Failure(400, words))

    def _health(self, connection: Connection, request: Request) -> None:
        self._reply(connection, request, {"status": "ok"})

    def _models(self, connection: Connection, request: Request) -> None:
        settings = self._settings
        check_key(request, settings.api_key)
        length = settings.context_length
        cards = [profiles.model_card(settings.profile, name, length) for name in settings.models]
        self._reply(connection, request, {"object": "list", "data": cards})

    def _about(self, connection: Connection, request: Request) -> None:
        settings = self._settings
        told = profiles.about(settings.profile, settings.models, settings.context_length)
        self._reply(connection, request, told)

    def _metrics(self, connection: Connection, request: Request) -> None:
        if not self._profile.metrics:
            raise Unknown
        counted, settings = self._generation, self._settings
        figures = metrics.Figures(
            counted.running,
            counted.waiting,
            counted.prompt_tokens,
            counted.output_tokens,
            counted.cached_tokens,
        )
        memory = round(settings.memory_mb * 1_000_000) or metrics.resident_bytes()
        page = metrics.text(self._profile.metrics, settings.models[0], figures, memory).encode()
        kind = "text/plain; version=0.0.4; charset=utf-8"
        reply(connection, request, settings.profile, page, kind=kind)

    def _tokenize(self, connection: Connection, request: Request) -> None:
        """As vLLM and SGLang have it (`prompt`, and of a chat `messages`), or llama.cpp."""
        body, name = self._tokenizing(request)
        text = body.get(name)
        if name == "prompt" and "messages" in body:
            text = answers.render(body)
        if not isinstance(text, str):
            raise BadRequest(f"`{name}` must be a text.")
        ids: list[Any] = list(self._tokenizer.encode(text))
        told: dict[str, Any] = {"tokens": ids}
        if name == "prompt":
            told |= {"count": len(ids), "max_model_len": self._settings.context_length}
            told["token_strs"] = split(text) if body.get("return_token_strs") else None
        elif body.get("with_pieces"):
            pieces = zip(ids, split(text), strict=True)
            told["tokens"] = [{"id": number, "piece": piece} for number, piece in pieces]
        self._reply(connection, request, told)

    def _apply_template(self, connection: Connection, request: Request) -> None:
        """As llama.cpp has it: the prompt that messages make."""
        body, _ = self._tokenizing(request)
        self._reply(connection, request, {"prompt": answers.render(body)})

    def _detokenize(self, connection: Connection, request: Request) -> None:
        body, name = self._tokenizing(request)
        ids = body.get("tokens")
        if not isinstance(ids, list) or not all(isinstance(number, int) for number in ids):
            raise BadRequest("`tokens` must be a list of ids.")
        self._reply(connection, request, {name: self._tokenizer.decode(ids)})

    def _tokenizing(self, request: Request) -> tuple[dict[str, Any], str]:
        check_key(request, self._settings.api_key)
        if not self._profile.tokenize:
            raise Unknown
        return object_of(request.body), self._profile.tokenize

    def _tell_truth(self, connection: Connection, request: Request) -> None:
        """GET: records as JSON lines (?id= ?since= ?limit=); DELETE: forget them and prefixes."""
        if request.method == "DELETE":
            self._truth.clear()
            self._generation.prefixes.clear()
        asked = {name: values[0] for name, values in parse_qs(request.query).items()}
        since, limit = asked.get("since", "0"), asked.get("limit", "0")
        if not since.isdecimal() or not limit.isdecimal():
            raise BadRequest("`since` and `limit` must be whole numbers.")
        lines = self._truth.read(asked.get("id", ""), int(since), int(limit)).encode()
        profile = self._settings.profile
        reply(connection, request, profile, lines, kind="application/x-ndjson")

    def _reply(self, connection: Connection, request: Request, value: dict[str, Any]) -> None:
        reply(connection, request, self._settings.profile, json.dumps(value).encode())

"""Requests as the `openai` client builds them, kept instead of sent.

The client's own transport is replaced by one that keeps the request: what goes over the wire is
what a user of that client sends, and building it costs no time that is measured. The client takes
0.5 ms for each; where nothing but the text differs from the request before, it is put into that.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import httpx2
import openai

from slipstream.tasks.benchmarking.model import Prepared, RequestSpec

OWN_HEADERS = frozenset({"host", "connection", "content-length", "accept-encoding"})
"""What the connection decides; an answer is never compressed, which would delay its chunks."""
TEXTS = {"chat": "messages", "completions": "prompt", "embeddings": "input"}
"""The argument that differs from request to request."""
NO_KEY = "none"  # the client wants one, a server on this machine usually does not


class _Keep(httpx2.BaseTransport):
    """Keeps the last request, and answers with an empty stream."""

    def __init__(self) -> None:
        self.kept: Prepared | None = None

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        headers = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in request.headers.raw
            if name.decode("latin-1").lower() not in OWN_HEADERS
        ]
        headers.append(("Accept-Encoding", "identity"))
        self.kept = Prepared(str(request.url), tuple(headers), request.read())
        return httpx2.Response(200, json={}, request=request)


class _Built(NamedTuple):
    """The request before, and what it was made of."""

    endpoint: str
    fixed: dict[str, Any]
    request: Prepared
    body: dict[str, Any]


class Builder:
    """Builds the requests to one server."""

    def __init__(self, base_url: str, api_key: str = "") -> None:
        self._keep = _Keep()
        self._client = openai.OpenAI(
            base_url=base_url,
            api_key=api_key or NO_KEY,
            max_retries=0,
            http_client=httpx2.Client(transport=self._keep),
        ).with_raw_response
        self._before: _Built | None = None

    def build(self, spec: RequestSpec) -> Prepared:
        """The request of a specification.

        Raises:
            TypeError: The client's method does not take the arguments.
        """
        text = TEXTS[spec.endpoint]
        fixed = {name: value for name, value in spec.arguments.items() if name != text}
        before = self._before
        if before is None or before.endpoint != spec.endpoint or before.fixed != fixed:
            methods: dict[str, Any] = {
                "chat": self._client.chat.completions.create,
                "completions": self._client.completions.create,
                "embeddings": self._client.embeddings.create,
            }
            methods[spec.endpoint](**spec.arguments)
            assert self._keep.kept is not None
            body = json.loads(self._keep.kept.body)
            self._before = _Built(spec.endpoint, fixed, self._keep.kept, body)
            return self._keep.kept
        body = before.body | {text: spec.arguments[text]}
        return before.request._replace(
            body=json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        )

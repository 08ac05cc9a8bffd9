"""A client for the `/v1/embeddings` of a server with an OpenAI-compatible API.

It is light, since the query of a search goes through it: the standard library's `http.client`,
one connection that is kept. Redirects are not followed, so that neither text nor key goes to
another host; the connection goes to the addresses that the mode was checked against.
"""

from __future__ import annotations

import http.client
import json
import math
import os
import random
import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import Any

from slipstream.storage.config.endpoints import (
    Endpoint,
    EndpointError,
    EndpointUnavailable,
    connect,
    resolve,
)
from slipstream.storage.config.settings import Embeddings, Mode

TRIES = 4
FIRST_WAIT, LAST_WAIT = 0.5, 8.0
"""Seconds before the second try; it doubles, with up to half of it more by chance."""
MAX_RETRY_AFTER = 30.0
"""Seconds: a server that asks for a longer pause is said to be busy instead."""
SECONDS = 60.0
"""For one answer."""
MAX_CHARACTERS = 8000
"""Of one text, about 2,000 tokens: what is longer is cut."""
LEAST_CHARACTERS = 256
"""A text is cut in halves down to this when the server finds it too long."""
MAX_ANSWER = 256 * 1024 * 1024
"""Bytes of an answer."""

_BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_TOO_LONG = frozenset({400, 413, 422})


class _Refused(EndpointError):
    """The server will not take these texts: they may be too long for it."""


class _Busy(EndpointUnavailable):
    """Another try may do, after `after` seconds when the server says so."""

    def __init__(self, sentence: str, after: float | None = None) -> None:
        super().__init__(sentence)
        self.after = after


class _Connection(http.client.HTTPConnection):
    """Goes to the addresses that were checked, whatever the name leads to by now."""

    def __init__(self, endpoint: Endpoint, seconds: float) -> None:
        super().__init__(endpoint.host, endpoint.port, timeout=seconds)
        self._endpoint = endpoint
        self._seconds = seconds

    def connect(self) -> None:
        """Connect to the first address that answers."""
        self.sock = connect(self._endpoint, self._seconds)


class EmbeddingServer:
    """A model behind `/v1/embeddings`.

    Attributes:
        model: Its name.
    """

    def __init__(
        self, settings: Embeddings, mode: Mode, *, tries: int = TRIES, seconds: float = SECONDS
    ) -> None:
        """Check where it is; nothing is sent yet.

        Args:
            settings: Its address, model and key.
            mode: Where connections may go.
            tries: How often a request is sent when the server is not there, busy or slow.
            seconds: How long one answer may take.

        Raises:
            UsageError: The address is wrong, or the mode does not allow it.
            EndpointUnavailable: Its host has no address.
        """
        self.model = settings.model
        self._variable = settings.api_key_variable
        self._endpoint = resolve(settings.base_url, mode)
        self._tries = tries
        self._seconds = seconds
        self._connection = _Connection(self._endpoint, seconds)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of the texts, all of one length, in their order.

        Raises:
            EndpointUnavailable: It is not there, busy or slow, after all tries.
            EndpointError: It answers with something else than vectors of these texts.
        """
        return self._embed([text[:MAX_CHARACTERS] or " " for text in texts])

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def _embed(self, texts: list[str]) -> list[list[float]]:
        """Texts that are refused together are sent in halves, one alone is cut in half."""
        if not texts:
            return []
        try:
            return self._vectors(self._ask(texts), len(texts))
        except _Refused:
            if len(texts) > 1:
                middle = len(texts) // 2
                return self._embed(texts[:middle]) + self._embed(texts[middle:])
            if len(texts[0]) <= LEAST_CHARACTERS:
                raise
            return self._embed([texts[0][: len(texts[0]) // 2]])

    def _ask(self, texts: list[str]) -> Any:
        """The answer to one request, as JSON, after as many tries as it takes."""
        for tried in range(1, self._tries + 1):
            try:
                return self._once(texts)
            except _Busy as error:
                wait = min(FIRST_WAIT * 2 ** (tried - 1), LAST_WAIT)
                wait *= 1 + random.random() / 2
                if error.after is not None:
                    wait = error.after
                if tried == self._tries or wait > MAX_RETRY_AFTER:
                    raise
                time.sleep(wait)
        raise AssertionError("unreachable: the last try returns or raises")

    def _once(self, texts: list[str]) -> Any:
        body = json.dumps({"model": self.model, "input": texts, "encoding_format": "float"})
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if key := os.environ.get(self._variable, "").strip():
            headers["Authorization"] = f"Bearer {key}"
        try:
            response = self._send(body.encode(), headers)
            content = _read(response, self._seconds)
        except TimeoutError as error:
            self.close()
            raise _Busy(
                f"{self._server} did not answer within {self._seconds:g} seconds."
            ) from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            sentence = (
                f"{self._server} cannot be reached ({reason}); "
                "start it, or set another `embeddings.base_url`."
            )
            import ssl

            # A wrong certificate, or a server without TLS, stays so.
            raise (
                EndpointError(sentence) if isinstance(error, ssl.SSLError) else _Busy(sentence)
            ) from error
        except ValueError as error:  # a key with a line break, or one that is not Latin-1
            self.close()
            raise EndpointError(
                f"The key in ${self._variable} cannot be sent ({type(error).__name__}); correct it."
            ) from error
        return self._checked(response, content)

    def _send(self, body: bytes, headers: dict[str, str]) -> http.client.HTTPResponse:
        """The answer's head; a kept connection that the server has closed is opened again."""
        kept = self._connection.sock is not None
        try:
            return self._request(body, headers)
        except (ConnectionError, http.client.BadStatusLine):
            self.close()
            if not kept:
                raise
            return self._request(body, headers)

    def _request(self, body: bytes, headers: dict[str, str]) -> http.client.HTTPResponse:
        self._connection.request("POST", f"{self._endpoint.path}/embeddings", body, headers)
        return self._connection.getresponse()

    def _checked(self, response: http.client.HTTPResponse, content: bytes) -> Any:
        """The JSON of an answer, or the sentence that says why there is none."""
        status = response.status
        said = _said(content)
        if 300 <= status < 400:
            raise EndpointError(
                f"{self._server} redirects to {response.headers.get('Location', 'another place')}, "
                "which is not followed; set `embeddings.base_url` to where the server is."
            )
        if status in (401, 403):
            raise EndpointError(
                f"{self._server} refuses the key in ${self._variable} (status {status})."
            )
        if status == 404:
            raise EndpointError(
                f"{self._server} has no model {self.model!r} or no /embeddings below "
                f"`embeddings.base_url` (status 404{said})."
            )
        # llama.cpp says with status 500 that "the input is too large to process".
        if status in _TOO_LONG or (status == 500 and "too l" in said):
            raise _Refused(f"{self._server} refuses the text (status {status}{said}).")
        if status in _BUSY:
            after = _retry_after(response.headers.get("Retry-After"))
            raise _Busy(f"{self._server} is busy or broken (status {status}{said}).", after)
        if status != 200:
            raise EndpointError(f"{self._server} answers with status {status}{said}.")
        try:
            return json.loads(content)
        except ValueError as error:
            kind = response.headers.get_content_type()
            raise EndpointError(
                f"{self._server} answers with {kind} instead of JSON; `embeddings.base_url` is "
                "perhaps not the address of its API, which often ends with /v1."
            ) from error

    def _vectors(self, answer: Any, count: int) -> list[list[float]]:
        try:
            items = sorted(answer["data"], key=lambda item: item.get("index", 0))
            vectors = [[float(x) for x in item["embedding"]] for item in items]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise EndpointError(f"{self._server} answers with JSON that has no vectors.") from error
        if len(vectors) != count:
            raise EndpointError(
                f"{self._server} answers with {len(vectors)} vectors for {count} texts."
            )
        if len({len(vector) for vector in vectors}) != 1 or not vectors[0]:
            raise EndpointError(f"{self._server} answers with vectors of different lengths.")
        if not all(map(math.isfinite, map(sum, vectors))):
            raise EndpointError(f"{self._server} answers with vectors that hold no numbers (NaN).")
        return vectors

    @property
    def _server(self) -> str:
        host = f"[{self._endpoint.host}]" if ":" in self._endpoint.host else self._endpoint.host
        return f"The embedding server at {host}:{self._endpoint.port}"


def _read(response: http.client.HTTPResponse, seconds: float) -> bytes:
    """The body, which may come in drops: the time counts for all of it."""
    end = time.monotonic() + seconds
    parts: list[bytes] = []
    size = 0
    while part := response.read1(1 << 20):
        parts.append(part)
        size += len(part)
        if size > MAX_ANSWER:
            raise http.client.HTTPException("the answer is too long")
        if time.monotonic() > end:
            raise TimeoutError
    response.close()  # `read1` leaves it open, and the connection could not be used again
    return b"".join(parts)


def _said(content: bytes) -> str:
    """The server's own words about an error, as the end of a parenthesis: short, on one line."""
    try:
        error = json.loads(content)
        error = error.get("error", error)
        text = error.get("message", "") if isinstance(error, dict) else error
    except (ValueError, AttributeError):
        return ""
    line = " ".join(str(text).split())[:200]
    return f": {line}" if line.isprintable() and line else ""


def _retry_after(value: str | None) -> float | None:
    """Seconds from a `Retry-After` header (RFC 9110, 10.2.3): a number or a date."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return None

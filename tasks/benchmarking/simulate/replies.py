"""HTTP answers, and the JSON that requests bring."""

from __future__ import annotations

import json
from typing import Any

from slipstream.tasks.benchmarking.simulate import profiles
from slipstream.tasks.benchmarking.simulate.answer import BadRequest
from slipstream.tasks.benchmarking.simulate.connection import Connection, Request

JSON = "application/json"
_REASONS = {
    200: "OK",
    307: "Temporary Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class Failure(Exception):
    """An answer that is an error.

    Attributes:
        status: Of HTTP.
        headers: Further ones, each with its line end.
    """

    def __init__(self, status: int, message: str, headers: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


def keeps(connection: Connection, request: Request, profile: str) -> bool:
    """Whether the connection stays open after this answer."""
    most = profiles.PROFILES[profile].keep_requests
    return request.keep_alive and not (most and connection.answered + 1 >= most)


def head(
    status: int, profile: str, kind: str, length: int | None, keep: bool, more: str = ""
) -> bytes:
    """Status line and headers.

    Args:
        status: Of HTTP.
        profile: Whose headers.
        kind: Content-Type.
        length: Of the body; None: it is sent in chunks.
        keep: Whether the connection stays open.
        more: Further headers, each with its line end.
    """
    server = profiles.PROFILES[profile].server
    return (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\n"
        + (f"Server: {server}\r\n" if server else "")
        + f"Content-Type: {kind}\r\n"
        + ("Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}")
        + f"\r\nConnection: {'keep-alive' if keep else 'close'}\r\n{more}\r\n"
    ).encode("latin-1", "replace")


def reply(
    connection: Connection,
    request: Request,
    profile: str,
    body: bytes,
    *,
    status: int = 200,
    kind: str = JSON,
    more: str = "",
) -> None:
    """Answer at once."""
    keep = keeps(connection, request, profile)
    connection.send(head(status, profile, kind, len(body), keep, more) + body)
    connection.done(keep)


def reply_failure(connection: Connection, request: Request, profile: str, failure: Failure) -> None:
    """Answer with an error as this server tells it."""
    told = profiles.error_body(profile, failure.status, str(failure))
    body = json.dumps(told).encode()
    reply(connection, request, profile, body, status=failure.status, more=failure.headers)


def object_of(data: bytes, what: str = "the body") -> dict[str, Any]:
    """A JSON object.

    Raises:
        BadRequest: It is none.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"{what} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadRequest(f"{what} must be a JSON object.")
    return value


def check_key(request: Request, key: str) -> None:
    """Demand the key, where there is one.

    Raises:
        Failure: The request does not bring it.
    """
    if key and request.headers.get("authorization") != f"Bearer {key}":
        raise Failure(401, "Invalid API key.")

"""Keeps pages of other sites away from a server that asks nobody who they are.

A browser lets any page send requests to this machine. What they carry gives them away: `Origin`
names the site of the page (RFC 6454, section 7), and `Host` the name by which the browser was led
here, which is the site's own where its name was made to point to this machine (DNS rebinding).
Programs send no `Origin`. Prefect itself allows all sites.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from slipstream.flows.supervise import is_loopback

Message: TypeAlias = MutableMapping[str, Any]
App: TypeAlias = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]


def guarded(app: App, host: str) -> App:
    """An ASGI application, for its own pages and for programs alone.

    Args:
        app: What is to be guarded.
        host: Where it listens; on loopback it is called by loopback's names alone.
    """

    async def guard(scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan" or _is_own(scope["headers"], host):
            await app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})  # which answers 403
        else:
            await send({"type": "http.response.start", "status": 403, "headers": []})
            await send({"type": "http.response.body", "body": b"Another site may not ask."})

    return guard


def _is_own(headers: list[tuple[bytes, bytes]], host: str) -> bool:
    given = {name.lower(): value.decode("latin-1") for name, value in headers}
    called = given.get(b"host", "")
    origin = given.get(b"origin")
    try:
        name = urlsplit(f"//{called}").hostname or ""
        elsewhere = origin is not None and urlsplit(origin).netloc != called
    except ValueError:
        return False
    return not elsewhere and (is_loopback(name) or not is_loopback(host))

"""Which requests reach Prefect's server, of those that a browser sends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from slipstream.flows.same_origin import guarded

HERE = "127.0.0.1:4283"


def answer(kind: str, listens: str, **headers: str) -> Any:
    """What comes first: the application's own `reached`, or what the guard sends."""
    sent: list[Any] = []

    async def app(*_: Any) -> None:
        sent.append("reached")

    async def receive() -> Any:
        return {"type": f"{kind}.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    given = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    asyncio.run(guarded(app, listens)({"type": kind, "headers": given}, receive, send))  # type: ignore[arg-type]
    return sent[0]


@pytest.mark.parametrize(
    "headers",
    [
        {"host": HERE},
        {"host": HERE, "origin": f"http://{HERE}"},
        {"host": "localhost:9", "origin": "http://localhost:9"},  # through a tunnel
        {"host": "[::1]:4283"},
    ],
    ids=["program", "own page", "tunnel", "version 6"],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_programs_and_its_own_pages_reach_it(kind: str, headers: dict[str, str]) -> None:
    """By whatever name of loopback."""
    assert answer(kind, "127.0.0.1", **headers) == "reached"


@pytest.mark.parametrize(
    "headers",
    [
        {"host": HERE, "origin": "https://elsewhere.example"},
        {"host": HERE, "origin": "null"},
        {"host": HERE, "origin": "http://127.0.0.1:8000"},
        {"host": HERE, "origin": "http://[broken"},
        {"host": "elsewhere.example", "origin": "http://elsewhere.example"},
        {"host": "127.0.0.1.elsewhere.example"},
        {},
    ],
    ids=["site", "no site", "other port", "broken", "rebound", "rebound program", "nothing"],
)
def test_pages_of_other_sites_do_not(headers: dict[str, str]) -> None:
    """Nor those of other programs on this machine."""
    assert answer("http", "127.0.0.1", **headers)["status"] == 403
    assert answer("websocket", "127.0.0.1", **headers)["type"] == "websocket.close"


def test_what_is_open_to_the_network_has_any_name_and_still_one_origin() -> None:
    """Which name leads there is not known here."""
    listens = "0.0.0.0"
    assert answer("http", listens, host="box.lan:80", origin="http://box.lan:80") == "reached"
    assert answer("http", listens, host="box.lan:80", origin="http://other.lan")["status"] == 403
    assert answer("lifespan", listens) == "reached"

"""What each failure of a connection is called."""

from __future__ import annotations

import asyncio
import socket
import ssl
from array import array

import aiohttp
import pytest

from slipstream.tasks.benchmarking import frames
from slipstream.tasks.benchmarking.exchange import Checked, named
from slipstream.tasks.benchmarking.faults import Fault
from slipstream.tasks.benchmarking.model import Exchange

CASES: list[tuple[Exception, bool, Fault]] = [
    (aiohttp.ConnectionTimeoutError(), False, Fault.UNREACHABLE),
    (aiohttp.SocketTimeoutError("slow"), False, Fault.NO_ANSWER),
    (aiohttp.SocketTimeoutError("slow"), True, Fault.STALLED),
    (ssl.SSLError(1, "bad"), False, Fault.TLS),
    (aiohttp.InvalidURL("http://"), False, Fault.UNREACHABLE),
    (aiohttp.ClientPayloadError("short"), True, Fault.CLOSED_EARLY),
    (ConnectionResetError("reset"), True, Fault.CLOSED_EARLY),
    (OSError(24, "Too many open files"), False, Fault.CLOSED_EARLY),
]


@pytest.mark.parametrize(("error", "begun", "fault"), CASES, ids=repr)
def test_each_failure_has_its_name_and_words(error: Exception, begun: bool, fault: Fault) -> None:
    found, words = named(error, begun=begun)
    assert found is fault
    assert words


def test_every_host_leads_to_the_addresses_that_were_checked() -> None:
    async def resolved() -> list[tuple[str, int, int]]:
        resolver = Checked(["127.0.0.1", "::1"])
        found = await resolver.resolve("anywhere.example", 8000)
        await resolver.close()
        return [(r["host"], r["port"], r["family"]) for r in found]

    assert asyncio.run(resolved()) == [
        ("127.0.0.1", 8000, socket.AF_INET),
        ("::1", 8000, socket.AF_INET6),
    ]


@pytest.mark.parametrize("fault", [None, Fault.STALLED])
def test_an_exchange_survives_the_pipe(fault: Fault | None) -> None:
    whole = Exchange(
        1, 2, 3, 4, 5, 200, {"a": "b"}, array("q", [7, 8]), array("q", [1, 2]), b"\0abc",
        fault, "why",
    )  # fmt: skip
    frame = frames.pack(frames.as_row(whole))
    body = frame[frames.HEAD :]
    assert frames.length(frame[: frames.HEAD]) == len(body)
    assert frames.from_row(frames.unpack(body)) == whole

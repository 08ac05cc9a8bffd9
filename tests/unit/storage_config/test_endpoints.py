"""Where the mode lets a connection go."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from slipstream.storage.config.endpoints import EndpointUnavailable, resolve
from slipstream.storage.config.settings import MODES, Mode
from slipstream.storage.errors import UsageError


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.0.0.1", "air-gapped local-only burst"),
        ("127.8.8.8", "air-gapped local-only burst"),
        ("[::1]", "air-gapped local-only burst"),
        ("localhost", "air-gapped local-only burst"),
        ("api.localhost", "air-gapped local-only burst"),
        ("[::ffff:127.0.0.1]", "air-gapped local-only burst"),
        ("10.1.2.3", "local-only burst"),
        ("172.31.255.1", "local-only burst"),
        ("192.168.0.7", "local-only burst"),
        ("[fd00::7]", "local-only burst"),
        ("[::ffff:10.0.0.1]", "local-only burst"),
        ("172.32.0.1", "burst"),
        ("169.254.169.254", "burst"),
        ("[fe80::1]", "burst"),
        ("0.0.0.0", "burst"),
        ("8.8.8.8", "burst"),
        ("[::ffff:8.8.8.8]", "burst"),
        ("[2001:4860:4860::8888]", "burst"),
    ],
)
def test_an_address_is_allowed_in_these_modes_alone(host: str, allowed: str) -> None:
    """Loopback in each, private ones in two, the rest in one."""
    for mode in MODES:
        if mode in allowed.split():
            assert resolve(f"http://{host}:80/v1", mode).addresses
        else:
            with pytest.raises(UsageError, match=rf"mode {mode} allows .* is none"):
                resolve(f"http://{host}:80/v1", mode)


def test_the_parts_of_a_url_are_told_apart() -> None:
    """Port by scheme, path without its last slash."""
    found = resolve("https://127.0.0.1/v1/", "air-gapped")
    assert found == (True, "127.0.0.1", 443, "/v1", ("127.0.0.1",))
    assert resolve("http://localhost:1", "burst") == (
        False, "localhost", 1, "", ("127.0.0.1", "::1"),
    )  # fmt: skip


@pytest.mark.parametrize(
    "url",
    ["", "ftp://127.0.0.1", "http://", "http://[::1", "http://a:x/", "http://me:pw@127.0.0.1/"],
)
def test_what_is_no_url_of_a_server_is_refused_without_its_password(url: str) -> None:
    """A key goes into a variable, not into the address."""
    with pytest.raises(UsageError, match="is no URL of a model server") as caught:
        resolve(url, "burst")
    assert "pw" not in str(caught.value)


def resolving_to(*addresses: str) -> Any:
    """A resolver that gives these addresses."""

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        if not addresses:
            raise socket.gaierror("Name or service not known")
        return [(0, 0, 0, "", (address, port)) for address in addresses]

    return getaddrinfo


@pytest.mark.parametrize(
    ("mode", "addresses", "fits"),
    [
        ("local-only", ["10.0.0.1", "fd00::1"], True),
        ("local-only", ["10.0.0.1", "93.184.216.34"], False),
        ("burst", ["93.184.216.34"], True),
    ],
)
def test_a_name_is_allowed_when_all_its_addresses_are(
    mode: Mode, addresses: list[str], fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the connection goes to those."""
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to(*addresses))
    if fits:
        assert resolve("http://models.lan/v1", mode).addresses == tuple(addresses)
    else:
        with pytest.raises(UsageError, match=r"models\.lan \(93\.184\.216\.34\) is none"):
            resolve("http://models.lan/v1", mode)


def test_a_name_is_not_asked_for_in_a_gap_of_air(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking is a connection; and a name that leads nowhere may lead somewhere later."""
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to())
    with pytest.raises(UsageError, match=r"models\.lan is none"):
        resolve("http://models.lan/v1", "air-gapped")
    with pytest.raises(EndpointUnavailable, match="has no address"):
        resolve("http://models.lan/v1", "local-only")

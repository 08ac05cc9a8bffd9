"""Where a connection to a server may go: the mode is checked against real addresses.

A name is resolved once and the connection goes to the addresses that were checked, so that a name
which points elsewhere a moment later leads nowhere. Nothing is resolved in the mode `air-gapped`,
since asking for a name is a connection too.
"""

import ipaddress
import socket
from typing import NamedTuple
from urllib.parse import urlsplit

from slipstream.storage.config.settings import Mode
from slipstream.storage.errors import SlipError, UsageError

PORTS = {"http": 80, "https": 443}
LOOPBACK = ("127.0.0.1", "::1")
PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
"""RFC 1918 and RFC 4193. Link-local ones are not among them: clouds keep secrets there."""


class EndpointError(SlipError):
    """A model server cannot be used.

    Attributes:
        may_pass: Another try may do: it is not there, busy or slow.
    """

    may_pass = False


class EndpointUnavailable(EndpointError):
    """A model server is not there, busy or slow: another try may do."""

    may_pass = True


class Endpoint(NamedTuple):
    """A server that the mode allows.

    Attributes:
        secure: Over TLS.
        host: As it was written: for the `Host` header and the certificate.
        port: Its port.
        path: What all requests begin with, without a `/` at its end.
        addresses: Where to connect, in order; all of them are allowed.
    """

    secure: bool
    host: str
    port: int
    path: str
    addresses: tuple[str, ...]


def resolve(url: str, mode: Mode) -> Endpoint:
    """The server of a base URL.

    Args:
        url: Such as `http://127.0.0.1:8000/v1`.
        mode: `air-gapped` allows loopback alone, `local-only` private addresses too, `burst` all.

    Raises:
        UsageError: The URL is none, or the mode does not allow where it leads.
        EndpointUnavailable: Its host has no address.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    except (ValueError, KeyError):
        host, port = "", 0
    if not host or parts.username or parts.query or parts.fragment:
        raise UsageError(
            f"{_shown(url)!r} is no URL of a model server; give one like http://127.0.0.1:8000/v1."
        )
    addresses = allowed(host, port, mode)
    return Endpoint(parts.scheme == "https", host, port, parts.path.rstrip("/"), addresses)


def allowed(host: str, port: int, mode: Mode) -> tuple[str, ...]:
    """The addresses of a host, in order; the mode allows each of them.

    Raises:
        UsageError: The mode does not allow where it leads.
        EndpointUnavailable: It has no address.
    """
    addresses = _addresses(host, port, mode)
    refused = [a for a in addresses if not _allowed(a, mode)]
    if refused or not addresses:
        where = f"{host} ({refused[0]})" if refused and refused[0] != host else host
        allowed = "loopback" if mode == "air-gapped" else "loopback and private addresses"
        raise UsageError(
            f"The mode {mode} allows {allowed} alone, and {where} is none; "
            "name another server, or set another `mode`."
        )
    return addresses


def _addresses(host: str, port: int, mode: Mode) -> tuple[str, ...]:
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761: always loopback
        return LOOPBACK
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        if mode == "air-gapped":
            return ()
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise EndpointUnavailable(
            f"The server {host} has no address ({error}); check its name and the network."
        ) from error
    return tuple(dict.fromkeys(str(address[4][0]) for address in found))


def _allowed(address: str, mode: Mode) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip  # ::ffff:10.0.0.1 leads to 10.0.0.1
    if mode == "burst" or ip.is_loopback:
        return True
    private = any(ip.version == network.version and ip in network for network in PRIVATE)
    return mode == "local-only" and private


def _shown(url: str) -> str:
    """The URL without what may be a password in it."""
    return url.rpartition("@")[2] if "@" in url else url


def connect(endpoint: Endpoint, seconds: float) -> socket.socket:
    """A connection to the first of the checked addresses that answers, whatever the name means now.

    Args:
        endpoint: As `resolve` gave it.
        seconds: How long each address may take, and each wait on the connection after that.

    Raises:
        OSError: None of them answers, or the certificate is not that of the host.
    """
    failed: OSError = ConnectionRefusedError("no address")
    for address in endpoint.addresses:
        try:
            connected = socket.create_connection((address, endpoint.port), seconds)
        except OSError as error:
            failed = error
            continue
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not endpoint.secure:
            return connected
        import ssl

        return ssl.create_default_context().wrap_socket(connected, server_hostname=endpoint.host)
    raise failed

"""One request and its answer over the wire, with the moments that are measured.

aiohttp, because of what was measured of the alternatives (docs/benchmarking.md): the moment when
the request's last byte is written comes from its tracing, the answer is read as it arrives and not
looked into before it has ended.
"""

import asyncio
import socket
import ssl
from array import array
from collections.abc import Mapping, Sequence

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from slipstream.tasks.benchmarking.faults import Fault
from slipstream.tasks.benchmarking.model import Exchange, Prepared, Waits, clock

MAX_BODY = 64 * 1024 * 1024  # bytes of one answer; a server that never ends fills no memory
KEPT_HEADERS = frozenset({"content-type", "location", "retry-after", "server"})


class Checked(AbstractResolver):
    """Gives every host the addresses that the mode was checked against, whatever its name says."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses."""
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Nothing to close."""


class Sent:
    """What tracing tells of one request."""

    __slots__ = ("at", "reused")

    def __init__(self) -> None:
        self.at = 0
        self.reused = False


def make_session(waits: Waits, addresses: Sequence[str] = ()) -> aiohttp.ClientSession:
    """A session that opens as many connections as there are requests under way.

    Args:
        waits: How long requests wait.
        addresses: Where to connect, whatever the host's name; empty: as the system resolves it.
    """
    trace = aiohttp.TraceConfig()
    trace.on_request_chunk_sent.append(_chunk_sent)
    trace.on_connection_reuseconn.append(_reused)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=0, ttl_dns_cache=600, resolver=Checked(addresses) if addresses else None
        ),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=waits.connect, sock_read=waits.read),
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[trace],
        read_bufsize=1 << 20,
    )


async def exchange(
    session: aiohttp.ClientSession, request: Prepared, key: int, worker: int, intended_ns: int
) -> Exchange:
    """Send a request and read its answer to the end; when it is cancelled, what came so far.

    Never raises. What is cancelled has the fault `CUT_OFF`: its caller must not go on.
    """
    sent = Sent()
    times, sizes = array("q"), array("q")
    parts: list[bytes] = []
    status, headers = 0, dict[str, str]()
    fault: Fault | None = None
    detail = ""
    for again in (True, False):
        sent.at = 0
        try:
            async with session.post(
                request.url,
                data=request.body,
                headers=request.headers,
                allow_redirects=False,
                trace_request_ctx=sent,
            ) as response:
                status = response.status
                headers = _kept(response.headers)
                total = 0
                async for part in response.content.iter_any():
                    times.append(clock())
                    sizes.append(len(part))
                    parts.append(part)
                    total += len(part)
                    if total > MAX_BODY:
                        fault, detail = Fault.MALFORMED, f"more than {MAX_BODY} bytes"
                        response.close()
                        break
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            if again and sent.reused and not status:
                # The server had closed an idle connection: no word on this request.
                sent.reused = False
                continue
            fault, detail = named(error, begun=bool(times))
        except asyncio.CancelledError:
            fault = Fault.CUT_OFF
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            fault, detail = named(error, begun=bool(times))
        break
    return Exchange(
        key=key,
        worker=worker,
        intended_ns=intended_ns,
        sent_ns=sent.at,
        ended_ns=times[-1] if times and fault is None else clock(),
        status=status,
        headers=headers,
        times=times,
        sizes=sizes,
        body=b"".join(parts),
        fault=fault,
        detail=detail,
    )


def named(error: Exception, *, begun: bool) -> tuple[Fault, str]:
    """What an exception of aiohttp's means, and its words.

    Args:
        error: The exception.
        begun: Whether bytes of the answer had arrived.
    """
    words = str(error) or type(error).__name__
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return Fault.UNREACHABLE, "no connection in time"
    if isinstance(error, TimeoutError):
        return (Fault.STALLED if begun else Fault.NO_ANSWER), words
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return Fault.TLS, words
    if isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
        refused = isinstance(cause, ConnectionRefusedError) or "refused" in words.lower()
        return (Fault.REFUSED if refused else Fault.UNREACHABLE), words
    if isinstance(error, aiohttp.InvalidURL | ValueError):
        return Fault.UNREACHABLE, words
    if isinstance(error, aiohttp.ClientResponseError):  # what it sent is not HTTP
        return Fault.MALFORMED, words
    return Fault.CLOSED_EARLY, words


async def _chunk_sent(
    _session: aiohttp.ClientSession,
    context: object,
    _params: aiohttp.TraceRequestChunkSentParams,
) -> None:
    context.trace_request_ctx.at = clock()  # type: ignore[attr-defined]


async def _reused(
    _session: aiohttp.ClientSession,
    context: object,
    _params: aiohttp.TraceConnectionReuseconnParams,
) -> None:
    context.trace_request_ctx.reused = True  # type: ignore[attr-defined]


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items() if name.lower() in KEPT_HEADERS}


def install_loop() -> None:
    """Use uvloop where there is one."""
    try:
        import uvloop
    except ImportError:
        return
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())

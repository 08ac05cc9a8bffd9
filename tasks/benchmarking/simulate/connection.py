"""One HTTP connection: requests in, bytes out. httptools parses."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
from array import array
from collections import deque
from collections.abc import Callable
from time import monotonic_ns
from typing import NamedTuple

import httptools

from slipstream.tasks.benchmarking.simulate.loop import Loop

_MOST_BODY = 64 * 1024 * 1024  # bytes
_READ = 256 * 1024


class Request(NamedTuple):
    """A request, and when its last byte had been read (monotonic ns)."""

    method: str
    path: str
    query: str
    headers: dict[str, str]  # names in small letters
    body: bytes
    read_ns: int
    keep_alive: bool


class Connection:
    """Reads requests one after the other, and hands on the next when one has been answered."""

    def __init__(
        self, sock: socket.socket, loop: Loop, handle: Callable[[Connection, Request], None]
    ) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self._loop = loop
        self._handle = handle
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Request] = deque()
        self._unsent: deque[tuple[bytes, array[int] | None, int]] = deque()
        self._busy = False
        self._advancing = False
        self._closing = False  # after what is unsent
        self.closed = False
        self.answered = 0
        self.on_close: Callable[[], None] | None = None  # set while a request is answered
        loop.watch(sock, selectors.EVENT_READ, self._ready)

    def on_message_begin(self) -> None:
        """The parser: a request begins."""
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body = bytearray()

    def on_url(self, url: bytes) -> None:
        """The parser: a piece of the address."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """The parser: a header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The parser: the body may come."""
        if self._headers.get("expect", "").lower() == "100-continue":
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """The parser: a piece of the body."""
        self._body += body
        if len(self._body) > _MOST_BODY:
            raise ValueError("too large")

    def on_message_complete(self) -> None:
        """The parser: the request is whole."""
        url = httptools.parse_url(self._url)
        path = (url.path or b"/").decode("latin-1")
        query = (url.query or b"").decode("latin-1")
        method = self._parser.get_method().decode("latin-1")
        keep = self._parser.should_keep_alive()
        body = bytes(self._body)
        now = monotonic_ns()
        self._waiting.append(Request(method, path, query, self._headers, body, now, keep))

    def send(self, data: bytes, stamps: array[int] | None = None, place: int = 0) -> int:
        """Give bytes to the system.

        Args:
            data: The bytes.
            stamps: Where the time is noted when the system takes them only later …
            place: … and at which index.

        Returns:
            The monotonic ns at which the system had taken all of them; 0: it has not yet.
        """
        if self.closed:
            return 0
        if not self._unsent:
            try:
                taken = self._sock.send(data)
            except BlockingIOError:
                taken = 0
            except OSError:
                self.close()
                return 0
            if taken == len(data):
                return monotonic_ns()
            data = data[taken:]
        self._unsent.append((data, stamps, place))
        self._loop.watch(self._sock, selectors.EVENT_READ | selectors.EVENT_WRITE, self._ready)
        return 0

    def done(self, keep: bool) -> None:
        """The request has been answered: hand on the next one, or close."""
        self._busy = False
        self.on_close = None
        self.answered += 1
        if not keep:
            self._closing = True
            if not self._unsent:
                self.close()
        else:
            self._advance()

    def close(self, reset: bool = False) -> None:
        """End the connection, by a reset if wanted."""
        if self.closed:
            return
        self.closed = True
        self._loop.forget(self._sock)
        with contextlib.suppress(OSError):
            if reset:
                linger = struct.pack("ii", 1, 0)
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            else:
                self._sock.shutdown(socket.SHUT_WR)
        self._sock.close()
        del self._parser  # which holds this connection in turn; garbage is not collected
        if self.on_close:
            self.on_close()

    def _advance(self) -> None:
        """Hand on requests until one is not answered at once; a loop, since `done` calls it too."""
        if self._advancing:
            return
        self._advancing = True
        while self._waiting and not (self._busy or self._closing or self.closed):
            self._busy = True
            self._handle(self, self._waiting.popleft())
        self._advancing = False

    def _ready(self, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            self._flush()
        if mask & selectors.EVENT_READ and not self.closed:
            self._read()

    def _read(self) -> None:
        try:
            data = self._sock.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade, ValueError):
            self.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            self.close()
            return
        self._advance()

    def _flush(self) -> None:
        while self._unsent:
            data, stamps, place = self._unsent.popleft()
            try:
                taken = self._sock.send(data)
            except BlockingIOError:
                taken = 0
            except OSError:
                self.close()
                return
            if taken < len(data):
                self._unsent.appendleft((data[taken:], stamps, place))
                return
            if stamps is not None:
                stamps[place] = monotonic_ns()
        if self._closing:
            self.close()
        else:
            self._loop.watch(self._sock, selectors.EVENT_READ, self._ready)

"""A real server for `/v1/embeddings` on 127.0.0.1, which can be told to fail in each way."""

from __future__ import annotations

import hashlib
import json
import re
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

SIZE = 32


class Failure(NamedTuple):
    """What the server does instead of answering one request.

    Attributes:
        status: Of the answer; 0: the connection is closed without one.
        body: Of the answer.
        headers: Of the answer.
        seconds: How long it waits before it.
    """

    status: int = 0
    body: bytes = b""
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    seconds: float = 0.0


class Server(ThreadingHTTPServer):
    """Gives each text the sum of directions of its words; a text's vector is always the same.

    Attributes:
        requests: Headers and JSON body of each request, in order.
        failures: What to do with the next requests, None: answer; after them, all is well.
        size: Numbers in a vector.
        longest: Characters; longer texts are refused.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.connections = 0
        self.failures: Sequence[Failure | None] = ()
        self.size = SIZE
        self.longest = 1_000_000

    @property
    def url(self) -> str:
        scheme = "https" if isinstance(self.socket, ssl.SSLSocket) else "http"
        return f"{scheme}://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Quiet: clients that hang up are what is tested."""

    @property
    def texts(self) -> list[str]:
        """All texts that were sent, in order."""
        return [text for _, body in self.requests for text in body["input"]]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((dict(self.headers), body))
        failure, *self.server.failures = self.server.failures or (None,)
        if failure is not None:
            time.sleep(failure.seconds)
            if not failure.status:
                self.close_connection = True
                return
            self._answer(failure.status, failure.body, failure.headers)
        elif self.path != "/v1/embeddings":
            self._answer(404, b"<html>not found</html>", {"Content-Type": "text/html"})
        elif any(len(text) > self.server.longest for text in body["input"]):
            self._answer(400, b'{"error": {"message": "the input is too long"}}', {})
        else:
            data = [
                {"index": number, "embedding": vector(text, self.server.size)}
                for number, text in enumerate(body["input"])
            ]
            data.reverse()  # the order is the index's, not the list's
            self._answer(200, json.dumps({"object": "list", "data": data}).encode(), {})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def vector(text: str, size: int = SIZE) -> list[float]:
    """The sum of the directions of its words, whose endings are cut off."""
    total = [0.001] * size
    for word in re.findall(r"[a-z]{3,}", text.lower()):
        digest = hashlib.shake_256(word[:5].encode()).digest(size)
        total = [sum_ + byte - 127.5 for sum_, byte in zip(total, digest, strict=True)]
    return total


@contextmanager
def embedding_server() -> Iterator[Server]:
    """A server that runs for the length of a block."""
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

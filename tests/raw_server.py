"""A server that gives every connection the same bytes, whatever it is asked."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager


@contextmanager
def saying(answer: bytes, hold: float = 0.0) -> Iterator[str]:
    """Its base URL.

    Args:
        answer: What it sends before it closes the connection.
        hold: Seconds for which it keeps the connection before that.
    """
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                peer.recv(65536)
                time.sleep(hold)
                peer.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    with closing(listener):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"

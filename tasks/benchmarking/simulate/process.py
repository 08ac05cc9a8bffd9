"""The simulated server as a process of its own, so that it does not disturb its client's timing."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any, TextIO

from slipstream.storage.errors import SlipError
from slipstream.tasks.benchmarking.simulate.server import HOST, TRUTH, Server
from slipstream.tasks.benchmarking.simulate.settings import Settings, parse, to_json

_START_SECONDS = 30
_STOP_SECONDS = 5
_PR_SET_TIMERSLACK = 29


class Simulated:
    """A simulated server that runs; also a context manager that ends it.

    Attributes:
        base_url: What clients take as base URL, with /v1.
        pid: Its process.
    """

    def __init__(self, process: subprocess.Popen[str], base_url: str) -> None:
        self._process = process
        self.base_url = base_url
        self.pid = process.pid

    @property
    def root(self) -> str:
        """Its address without /v1."""
        return self.base_url.removesuffix("/v1")

    def truth(self, identity: str = "", since: int = 0, limit: int = 0) -> list[dict[str, Any]]:
        """The truth about its requests in their order; see `truth.Record` for the fields.

        Args:
            identity: Only of requests with this x-request-id.
            since: Leave out so many.
            limit: At most so many; 0: all.
        """
        import urllib.request  # here, since the server itself has no use for it

        query = f"?id={identity}&since={since}&limit={limit}"
        with urllib.request.urlopen(self.root + TRUTH + query) as answer:
            return [json.loads(line) for line in answer]

    def clear(self) -> None:
        """Have it forget truth and prompt prefixes."""
        import urllib.request

        asked = urllib.request.Request(self.root + TRUTH, method="DELETE")
        urllib.request.urlopen(asked).close()

    def stop(self) -> None:
        """End it."""
        if self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()  # which tells it to end
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def __enter__(self) -> Simulated:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(settings: Settings | None = None) -> Simulated:
    """Start a server in a process that ends with this one at the latest.

    Raises:
        UsageError: A setting is wrong.
        SlipError: It did not start.
    """
    checked = parse((settings or Settings())._asdict())
    command = [sys.executable, "-P", "-m", "slipstream.tasks.benchmarking.simulate", "-"]
    # Ctrl-C in a terminal is for its client: requests under way must not fail on the way out.
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(to_json(checked) + "\n")
        process.stdin.flush()
    base_url = process.stdout.readline().strip()  # empty when the process has ended
    running = Simulated(process, base_url)
    if not base_url:
        running.stop()
        raise SlipError("the simulated server did not start; what it said stands above.")
    return running


def serve(settings: Settings, say: Callable[[str], None], until: TextIO | None = None) -> None:
    """Serve in this process until SIGINT or SIGTERM, or until a stream ends.

    Args:
        settings: What to do.
        say: Told the base URL when it listens.
        until: Whose end ends the server: the pipe from a parent that may die.

    Raises:
        UsageError: The port is taken.
    """
    server = Server(settings)
    _wake_precisely()
    # Collecting garbage takes milliseconds in which no chunk goes out; nothing here makes cycles
    # but closed connections.
    gc.collect()
    gc.disable()
    woken, waker = socket.socketpair()
    for end in (woken, waker):
        end.setblocking(False)
    old_waker = signal.set_wakeup_fd(waker.fileno())
    names = (signal.SIGINT, signal.SIGTERM)
    old = [signal.signal(name, lambda *_: server.loop.stop()) for name in names]
    server.loop.watch(woken, selectors.EVENT_READ, lambda _: server.loop.stop())
    if until is not None and sys.platform != "win32":
        server.loop.watch(until, selectors.EVENT_READ, lambda _: server.loop.stop())
    say(f"http://{HOST}:{server.port}/v1")
    try:
        server.run()
    finally:
        gc.enable()
        signal.set_wakeup_fd(old_waker)
        for name, handler in zip(names, old, strict=True):
            signal.signal(name, handler)
        woken.close()
        waker.close()


def main(arguments: list[str]) -> int:
    """`python -m slipstream.tasks.benchmarking.simulate JSON`: settings; `-`: from standard input.

    With `-` the first line of the input is the settings, and its end is the server's.
    """
    try:
        first = sys.stdin.readline() if arguments == ["-"] else "".join(arguments[:1])
        settings = parse(json.loads(first or "{}"))
        until = sys.stdin if arguments == ["-"] else None
        serve(settings, lambda url: print(url, flush=True), until)
    except (SlipError, ValueError) as error:
        print(f"simulate: {error}", file=sys.stderr)
        return 2
    return 0


def _wake_precisely() -> None:
    """Linux lets a sleeper oversleep by 50 µs to save energy; not this one."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)

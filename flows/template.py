"""A process with everything imported that forks a copy of itself for each flow run.

A new process takes 3 s until it has imported Prefect, a fork some 10 ms; and a run that crashes,
leaks or is killed takes nothing with it, as in a process of its own it is. A fork is safe where no
other thread could hold a lock: so the template has one thread, and does nothing but wait and fork.

    runner → template   {"run": id, "flow": name, "data": the flow run}, {"stop": id}, {"kill": id}
    template → runner   {"ended": id, "status": n}    one JSON a line; n < 0: ended by that signal
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import selectors
import signal
import socket
import sys
import threading
import traceback
from typing import Any, NoReturn

from slipstream.flows import server

CANCEL_SIGNAL = getattr(signal, "SIGUSR1", signal.SIGTERM)
"""Comes before SIGTERM, and says that this is a cancellation and no crash."""
_PR_SET_PDEATHSIG = 1
_READ = 1 << 16


def forked() -> socket.socket:
    """Fork the template from this process, which has one thread, and return the line to it."""
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        status = 1
        try:
            _Template(theirs).serve()
            status = 0
        except BaseException:
            traceback.print_exc()
        server.leave(status)
    theirs.close()
    return ours


class _Template:
    """Forks what it is told to, and tells how each ended."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._children: dict[int, str] = {}  # process → flow run
        self._woken, waker = socket.socketpair()
        for end in (self._woken, waker):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(name, signal.SIG_IGN)  # it ends with the runner
        signal.set_wakeup_fd(waker.fileno())
        self._waker = waker
        gc.collect()
        gc.freeze()  # so that a collection in a child does not copy all pages

    def serve(self) -> None:
        """Work until the runner ends; what runs then ends, too."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._line, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            rest = b""
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if self._woken in ready:
                    with contextlib.suppress(BlockingIOError):
                        self._woken.recv(_READ)
                    self._reap()
                if self._line in ready:
                    received = self._line.recv(_READ)
                    if not received:
                        break
                    *lines, rest = (rest + received).split(b"\n")
                    for text in lines:
                        self._obey(json.loads(text))
        for process in self._children:
            _signal_group(process, signal.SIGKILL)

    def _obey(self, message: dict[str, Any]) -> None:
        if identity := message.get("run"):
            process = os.fork()
            if process == 0:
                self._become(message["flow"], message["data"])
            self._children[process] = identity
            return
        for process, identity in self._children.items():
            if identity == message.get("stop"):
                os.kill(process, CANCEL_SIGNAL)
                os.kill(process, signal.SIGTERM)
            elif identity == message.get("kill"):
                _signal_group(process, signal.SIGKILL)

    def _reap(self) -> None:
        while self._children:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process == 0:
                return
            if identity := self._children.pop(process, ""):
                ended = {"ended": identity, "status": os.waitstatus_to_exitcode(status)}
                with contextlib.suppress(OSError):
                    self._line.sendall(json.dumps(ended).encode() + b"\n")

    def _become(self, flow: str, data: str) -> NoReturn:
        """Be the process of a flow run, until it ends."""
        status = 1
        try:
            os.setsid()  # what it starts can be killed with it
            signal.set_wakeup_fd(-1)
            for end in (self._line, self._woken, self._waker):
                end.close()
            for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
                signal.signal(name, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            if sys.platform == "linux":
                ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            from slipstream.flows.execute import execute

            status = execute(flow, data)
        except BaseException:
            traceback.print_exc()
        finally:
            # As at the end of a process: threads that send the last logs are waited for.
            with contextlib.suppress(BaseException):
                threading._shutdown()  # type: ignore[attr-defined]
            server.leave(status)


def _signal_group(process: int, number: int) -> None:
    """Send a signal to a flow run's process and what it started."""
    for send in (os.killpg, os.kill):  # it may not have made its group yet
        with contextlib.suppress(ProcessLookupError, PermissionError):
            send(process, number)

"""Runs commands in a network namespace that has loopback and nothing else; Linux alone.

    python apart.py    reads requests and writes answers, one JSON a line, until its input ends

The first line it writes is empty, or says why there is no such namespace here.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000  # linux/sched.h
SECONDS = 300  # for a command, on a machine that is busy with other tests
SET_FLAGS, UP = 0x8914, 0x1  # SIOCSIFFLAGS, IFF_UP: linux/sockios.h, linux/if.h


def enter() -> None:
    """Have no network but loopback from here on.

    The user stays who it is: some programs refuse to run as root.

    Raises:
        OSError: The kernel does not allow it.
    """
    import fcntl

    user, group = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_USER | NEW_NETWORK):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh14x", b"lo", UP))


def answer(asked: dict[str, Any], started: list[subprocess.Popen[str]]) -> Any:
    """Run a command to its end; or start it, and give the first line that it prints."""
    how = {"cwd": asked["cwd"], "env": asked["env"], "encoding": "utf-8"}
    if asked["start"]:
        process = subprocess.Popen(
            asked["command"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, **how
        )
        started.append(process)
        return [0, process.stdout.readline() if process.stdout else "", ""]
    done = subprocess.run(
        asked["command"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=SECONDS,
        **how,
    )
    return [done.returncode, done.stdout, done.stderr]


def main() -> None:
    """Answer until the input ends."""
    try:
        enter()
    except OSError as error:
        print(json.dumps(error.strerror or str(error)), flush=True)
        return
    print(json.dumps(""), flush=True)
    started: list[subprocess.Popen[str]] = []
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line), started)), flush=True)
    for process in started:
        process.send_signal(signal.SIGINT)
    for process in started:
        process.wait()


if __name__ == "__main__":
    main()

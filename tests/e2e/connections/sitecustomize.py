"""Imported by each Python process with this folder on PYTHONPATH: notes where it connects to.

A line of JSON for each process that begins, and one for each connection and each look-up of a name
that is not loopback's, into the file that `CONNECTIONS_LOG` names: when it is tried, whatever
becomes of it.
"""

from __future__ import annotations

import ipaddress
import json
import os
import sys
from typing import Any

CONNECTS = ("socket.connect", "socket.sendto", "socket.sendmsg")  # socket, address
ASKS = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")  # host, …


def _note(event: str, whom: str) -> None:
    line = {"event": event, "whom": whom, "process": os.getpid(), "arguments": sys.orig_argv}
    handle = os.open(os.environ["CONNECTIONS_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, json.dumps(line).encode() + b"\n")
    finally:
        os.close(handle)


def _address(host: str) -> Any:
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event in CONNECTS:
        to = arguments[1]
        host = to[0] if isinstance(to, tuple) else "localhost"  # a socket in the file system
    elif event in ASKS:
        host = arguments[0]
    else:
        return
    name = os.fsdecode(host or "localhost")
    if name == "localhost" or name.endswith(".localhost"):
        return
    if (address := _address(name)) and (
        event in ASKS or address.is_loopback or address.is_unspecified
    ):
        return  # nobody has to be asked for an address; unspecified: this machine
    _note(event, name)


if "CONNECTIONS_LOG" in os.environ:
    _note("began", "")
    sys.addaudithook(_watch)

"""What the tests of the simulated server ask it with."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from typing import Any

from slipstream.tasks.benchmarking.simulate import Simulated

FAST: dict[str, Any] = {"ttft_ms": 4, "itl_ms": 1}
MESSAGES: Any = [{"role": "user", "content": "hello"}]
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": name,
            "parameters": {
                "type": "object",
                "properties": {"path": {"type": "string"}},
                "required": ["path"],
            },
        },
    }
    for name in ("read_file", "write_file")
]
EXPECTED = [
    {"name": "read_file", "arguments": {"path": "a b.txt"}},
    {"name": "write_file", "arguments": {"path": "ü"}},
]


def with_settings(**settings: Any) -> dict[str, str]:
    return {"x-slipstream-simulate": json.dumps(settings)}


def ask(server: Simulated, path: str, body: Any = None, **headers: str) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.root + path, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers


def chat(**more: Any) -> dict[str, Any]:
    return {"model": "simulated", "messages": MESSAGES, "max_tokens": 8} | more


def raw(server: Simulated, request: bytes) -> bytes:
    """All that comes back on one connection; what comes after a reset is lost."""
    _, _, port = server.root.rpartition(":")
    received = b""
    with socket.create_connection(("127.0.0.1", int(port)), timeout=20) as sock:
        sock.sendall(request)
        while data := sock.recv(65536):
            received += data
    return received


def post(body: dict[str, Any], path: str = "/v1/chat/completions", **headers: str) -> bytes:
    data = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(data)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + data

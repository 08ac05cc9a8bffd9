"""How the harness and its client processes speak: msgpack values, each behind its length."""

import struct
from array import array
from typing import IO, Any

import msgpack

from slipstream.tasks.benchmarking.faults import Fault
from slipstream.tasks.benchmarking.model import Exchange

_LENGTH = struct.Struct("<I")


def pack(value: Any) -> bytes:
    """A value as a frame."""
    body: bytes = msgpack.packb(value, use_bin_type=True)
    return _LENGTH.pack(len(body)) + body


def unpack(body: bytes) -> Any:
    """The value of a frame's body."""
    return msgpack.unpackb(body, raw=False, strict_map_key=False)


HEAD = _LENGTH.size


def length(head: bytes) -> int:
    """How many bytes the body has that follows these `HEAD` bytes."""
    return int(_LENGTH.unpack(head)[0])


def read(stream: IO[bytes]) -> Any:
    """The next value of a stream, waiting for it.

    Raises:
        EOFError: The stream has ended.
    """
    head = stream.read(HEAD)
    if len(head) < HEAD:
        raise EOFError
    body = stream.read(length(head))
    return unpack(body)


def as_row(done: Exchange) -> list[Any]:
    """An exchange as values of msgpack."""
    return [
        *done[:6], dict(done.headers), done.times.tobytes(), done.sizes.tobytes(), done.body,
        done.fault, done.detail,
    ]  # fmt: skip


def from_row(row: list[Any]) -> Exchange:
    """What `as_row` made."""
    times, sizes = array("q"), array("q")
    times.frombytes(row[7])
    sizes.frombytes(row[8])
    fault = Fault(row[10]) if row[10] else None
    key, worker, intended, sent, ended, status, headers = row[:7]
    return Exchange(
        key, worker, intended, sent, ended, status, headers, times, sizes, row[9], fault, row[11]
    )

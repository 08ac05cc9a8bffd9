"""How the harness and its client processes speak: msgpack values, each behind its length."""

import struct
from typing import IO, Any

import msgpack

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

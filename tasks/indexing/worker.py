"""The process that parses for `pool.py`: batches in on standard input, answers out, until its end.

A frame is a length, 4 bytes, and a body. In come batches, `[[language, content], …]` in msgpack;
out goes the packed index of each content at once, so that the parent knows which one broke it. The
first frame out is empty: it is ready. It ends with its standard input, however its parent ended.
"""

import gc
import os
import signal
import struct
from typing import IO

import msgpack

from slipstream.tasks.indexing import parse

LENGTH = struct.Struct("<I")


def read_frame(stream: IO[bytes]) -> bytes:
    """The next frame.

    Raises:
        EOFError: The other side has ended.
    """
    head = stream.read(LENGTH.size)
    body = stream.read(LENGTH.unpack(head)[0]) if len(head) == LENGTH.size else b""
    if len(head) < LENGTH.size or len(body) < LENGTH.unpack(head)[0]:
        raise EOFError
    return body


def write_frame(stream: IO[bytes], body: bytes) -> None:
    """Send a frame."""
    stream.write(LENGTH.pack(len(body)) + body)
    stream.flush()


def main() -> None:
    """Answer batches until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted, and ends this process
    # Matches of a query are many short-lived containers without cycles: looking for cycles among
    # them takes a fifth of the whole time.
    gc.disable()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between the frames
    batches = os.fdopen(0, "rb", closefd=False)
    try:
        write_frame(answers, b"")
        while True:
            batch = msgpack.unpackb(read_frame(batches))
            for language, data in batch:
                write_frame(answers, parse.packed(language, data))
    except (EOFError, BrokenPipeError):
        return


if __name__ == "__main__":
    main()

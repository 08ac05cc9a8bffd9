"""Bytes in any pieces to blocks of whole lines of UTF-8."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

BLOCK = 1 << 18
"""Bytes of a block at the most. Of a line that is longer only the two ends are kept."""
LONG_END = 1 << 15
"""Bytes kept at each end of a line that is longer than a block."""

# The longest marks first: UTF-32-LE begins with the mark of UTF-16-LE.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip


class Blocks:
    """Gathers bytes into blocks that end with a line.

    Attributes:
        encoding: "utf-8" unless a byte order mark told another.
        long_lines: Lines that were longer than a block, of which the middle was left out.
        cut: Bytes that were left out of them.
    """

    def __init__(self) -> None:
        self.encoding = ""
        self.long_lines = 0
        self.cut = 0
        self._decoder: codecs.IncrementalDecoder | None = None
        self._pending: list[bytes] = []
        self._size = 0
        self._long: tuple[bytes, bytes] | None = None
        """The two ends so far of a line that is longer than a block."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take bytes; yield the blocks that are complete.

        Where a block ends does not depend on the pieces that the bytes come in.
        """
        if self.encoding != "utf-8":
            data = self._decode(data)
        if self._long is not None:
            data = self._lengthen(data)
        self._pending.append(data)
        self._size += len(data)
        if self._size < BLOCK:
            return
        data = b"".join(self._pending)
        at = 0
        while len(data) - at >= BLOCK:
            end = data.rfind(b"\n", at, at + BLOCK) + 1
            if end:
                yield data[at:end]
                at = end
                continue
            self.long_lines += 1
            self._long = (data[at : at + LONG_END], b"")
            rest = self._lengthen(data[at + LONG_END :])
            data, at = rest, 0
        self._pending = [data[at:]]
        self._size = len(data) - at

    def pending(self) -> bytes:
        """The bytes that are not part of a block yet."""
        return b"".join(self._pending)

    def finish(self) -> Iterator[bytes]:
        """Yield what is left; the last block may not end with a line feed."""
        if self._decoder:
            self._pending.append(self._decoder.decode(b"", True).encode("utf-8", "replace"))
        if self._long is not None:
            self._pending[:0] = self._long
        data = b"".join(self._pending)
        if data:
            yield data

    def _lengthen(self, data: bytes) -> bytes:
        """Take the rest of a long line; return what is complete with it, or nothing yet."""
        assert self._long is not None
        head, tail = self._long
        end = data.find(b"\n")
        piece = data if end < 0 else data[:end]
        joined = tail + piece
        self.cut += max(0, len(joined) - LONG_END)
        if end < 0:
            self._long = (head, joined[-LONG_END:])
            return b""
        self._long = None
        return head + joined[-LONG_END:] + data[end:]

    def _decode(self, data: bytes) -> bytes:
        """UTF-8 of the bytes; the first ones tell the encoding by their byte order mark."""
        if not self.encoding:
            data = b"".join((*self._pending, data))
            self._pending, self._size = [], 0
            if len(data) < 4 and b"\n" not in data:
                return data  # not enough to tell; the next bytes decide
            self.encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
            if self.encoding != "utf-8":
                self._decoder = codecs.getincrementaldecoder(self.encoding)("replace")
        if self._decoder:
            return self._decoder.decode(data).encode("utf-8", "replace")
        return data

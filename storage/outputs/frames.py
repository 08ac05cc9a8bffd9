"""The form in which an output is stored: independent compressed frames, then an index of lines.

    file    = MAGIC  frame*  index  trailer
    frame   = header  runs  payload       about 1 MiB of raw bytes each
    index   = three columns of u64, one entry per frame and one for the end:
              offset in the file, offset in the raw bytes, newlines before
    trailer = END  frames  raw bytes  newlines  SHA-256 of the raw bytes  CRC of index and trailer

All numbers are little-endian. Each frame's CRC-32 covers its header, runs and payload, so a frame
is trusted before it is unpacked; zlib's CRC costs no import and 0.2 ms per frame. A small output is
the same bytes in a database column instead of a file.

Runs tell which stream each byte came from: a varint of `length << 2 | stream` per run, where stream
is 0 (a file or standard input), 1 (stdout) or 2 (stderr).
"""

from __future__ import annotations

import hashlib
import sys
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from io import BytesIO
from struct import Struct
from typing import BinaryIO, NamedTuple

MAGIC = b"SLIPLOG1"
END = b"SLIPEND1"
FRAME_BYTES = 1 << 20  # raw bytes at which a frame is closed: unpacked in 1 to 3 ms
RAW_BELOW = 4096  # bytes; under it compressing saves less than importing zstandard costs
LEVEL = 1  # zstd; level 3 takes twice the time for the same size on logs

_HEADER = Struct("<IIIII")  # codec, raw bytes, payload bytes, runs bytes, CRC
_TRAILER = Struct("<8sQQQ32sI")
_RAW, _ZSTD = 0, 1
_STREAMS_BYTES = 1 << 16  # of runs that are compressed together

Run = tuple[int, int]  # stream, length in bytes


class Damaged(Exception):
    """Bytes are not what was written; the message says which."""


class Frame(NamedTuple):
    """A frame that was read and checked, not yet unpacked."""

    codec: int
    raw_size: int
    runs: bytes
    payload: bytes

    def unpack(self) -> bytes:
        """The raw bytes.

        Raises:
            Damaged: They do not unpack to the size that the header says.
        """
        if self.codec == _RAW:
            return self.payload
        import zstandard

        try:
            raw = zstandard.ZstdDecompressor().decompress(self.payload, self.raw_size)
        except zstandard.ZstdError as error:
            raise Damaged(f"a frame does not unpack ({error})") from error
        if len(raw) != self.raw_size:
            raise Damaged("a frame unpacks to another size")
        return raw


def pack_frame(raw: bytes, runs: bytes) -> bytes:
    """Make the frame of raw bytes and their runs."""
    codec, payload = _RAW, raw
    if len(raw) > RAW_BELOW:
        import zstandard

        packed = zstandard.ZstdCompressor(level=LEVEL).compress(raw)
        if len(packed) < len(raw):
            codec, payload = _ZSTD, packed
    fields = codec, len(raw), len(payload), len(runs)
    crc = zlib.crc32(payload, zlib.crc32(runs, zlib.crc32(_HEADER.pack(*fields, 0))))
    return b"".join((_HEADER.pack(*fields, crc), runs, payload))


def read_frame(source: BinaryIO) -> Frame | None:
    """Read the frame at the source's position; None where there is no whole, undamaged one."""
    header = source.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    *fields, crc = _HEADER.unpack(header)
    codec, raw_size, payload_size, runs_size = fields
    # A damaged size may be anything below 4 GiB; no frame is near that.
    if codec > _ZSTD or max(raw_size, payload_size, runs_size) > 64 * FRAME_BYTES:
        return None
    runs, payload = source.read(runs_size), source.read(payload_size)
    found = zlib.crc32(payload, zlib.crc32(runs, zlib.crc32(_HEADER.pack(*fields, 0))))
    if found != crc or len(payload) != payload_size:
        return None
    return Frame(codec, raw_size, runs, payload)


class FrameIndex:
    """Where each frame begins: in the file, in the raw bytes, in newlines."""

    def __init__(self) -> None:
        self.offsets = array("Q", [len(MAGIC)])
        self.raws = array("Q", [0])
        self.newlines = array("Q", [0])

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def size(self) -> int:
        """Raw bytes."""
        return self.raws[-1]

    def add(self, stored: int, raw: int, newlines: int) -> None:
        """Append a frame of `stored` bytes, which holds `raw` bytes."""
        self.offsets.append(self.offsets[-1] + stored)
        self.raws.append(self.raws[-1] + raw)
        self.newlines.append(self.newlines[-1] + newlines)

    def pack(self, sha256: bytes) -> bytes:
        """The index and the trailer."""
        columns = b"".join(map(_little_endian, (self.offsets, self.raws, self.newlines)))
        fields = END, len(self), self.size, self.newlines[-1], sha256
        crc = zlib.crc32(_TRAILER.pack(*fields, 0), zlib.crc32(columns))
        return columns + _TRAILER.pack(*fields, crc)


class StoredLog:
    """A stored output that is open for reading.

    Raises:
        Damaged: The index or the trailer is not what was written; so do all methods that read.
    """

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.index = FrameIndex()
        if source.read(len(MAGIC)) != MAGIC:
            raise Damaged("its beginning is damaged")
        size = source.seek(0, 2)
        source.seek(max(0, size - _TRAILER.size))
        tail = source.read(_TRAILER.size)
        if len(tail) < _TRAILER.size:
            raise Damaged("its end is missing")
        end, frames, raw_size, newlines, self.sha256, crc = _TRAILER.unpack(tail)
        width = (frames + 1) * 8
        start = size - _TRAILER.size - 3 * width
        if end != END or start < len(MAGIC):
            raise Damaged("its end is missing or damaged")
        source.seek(start)
        columns = source.read(3 * width)
        fields = end, frames, raw_size, newlines, self.sha256
        if zlib.crc32(_TRAILER.pack(*fields, 0), zlib.crc32(columns)) != crc:
            raise Damaged("its index is damaged")
        parts = (columns[at : at + width] for at in range(0, 3 * width, width))
        self.index.offsets, self.index.raws, self.index.newlines = map(_from_bytes, parts)

    def frame(self, number: int) -> bytes:
        """The raw bytes of one frame, counted from 0."""
        self._source.seek(self.index.offsets[number])
        frame = read_frame(self._source)
        if frame is None:
            raise Damaged(f"frame {number + 1} of {len(self.index)} is damaged")
        return frame.unpack()

    def chunks(self) -> Iterator[bytes]:
        """All raw bytes in order, a frame at a time; the SHA-256 is checked at the end."""
        digest = hashlib.sha256()
        for number in range(len(self.index)):
            raw = self.frame(number)
            digest.update(raw)
            yield raw
        if digest.digest() != self.sha256:
            raise Damaged("its bytes do not have their SHA-256")

    def line_chunks(self, first: int, last: int) -> Iterator[bytes]:
        """The bytes of lines `first` to `last` (1-based, inclusive), a frame at most at a time.

        Only the frames that hold them are read. Lines that do not exist are left out.
        """
        newlines = self.index.newlines
        first, count = max(first, 1), len(self.index)
        # Line L begins behind newline L-1, and ends behind newline L.
        start = bisect_left(newlines, first - 1, 1) - 1 if first > 1 else 0
        for number in range(start, count):
            if newlines[number] >= last:
                return
            raw = self.frame(number)
            begin, end = 0, len(raw)
            if number == start:
                begin = newline_end(raw, first - 1 - newlines[number])
            if newlines[number + 1] >= last:
                end = newline_end(raw, last - newlines[number])
            if begin < end:
                yield raw[begin:end]


def newline_end(raw: bytes, count: int) -> int:
    """The offset behind the `count`-th newline of `raw`, which has at least that many.

    Halves by counting, which is a hundred times as fast as finding one newline after the other.
    """
    low, high = 0, len(raw)
    while high - low > 1024:
        middle = (low + high) // 2
        found = raw.count(b"\n", low, middle)
        if found >= count:
            high = middle
        else:
            count -= found
            low = middle
    for _ in range(count):
        low = raw.index(b"\n", low) + 1
    return low


def split_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut chunks into lines, each with its newline if it has one."""
    begun: list[bytes] = []  # pieces of a line that spans chunks
    for chunk in chunks:
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            if begun:
                line = b"".join((*begun, line))
                begun = []
            yield line + b"\n"
        if rest:
            begun.append(rest)
    if begun:
        yield b"".join(begun)


def pack_runs(runs: Iterable[Run]) -> bytes:
    """Encode runs as varints."""
    packed = bytearray()
    for stream, length in runs:
        value = length << 2 | stream
        while value > 127:
            packed.append(value & 127 | 128)
            value >>= 7
        packed.append(value)
    return bytes(packed)


def unpack_runs(packed: bytes | bytearray) -> Iterator[Run]:
    """Decode runs; neighbours of one stream come as one."""
    stream, length, value, shift = 0, 0, 0, 0
    for byte in packed:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            if value & 3 != stream and length:
                yield stream, length
                length = 0
            stream = value & 3
            length += value >> 2
            value, shift = 0, 0
    if length:
        yield stream, length


class Streams:
    """Collects the runs of an output's frames, which may be many when streams alternate."""

    def __init__(self) -> None:
        self._packed = bytearray()  # whole frames, of runs
        self._rest = bytearray()

    def add(self, runs: bytes) -> None:
        """Append packed runs."""
        self._rest += runs
        if len(self._rest) >= _STREAMS_BYTES:
            self._close()

    def pack(self) -> bytes:
        """All of them, compressed and with checksums."""
        if self._rest:
            self._close()
        return bytes(self._packed)

    def _close(self) -> None:
        self._packed += pack_frame(bytes(self._rest), b"")
        self._rest.clear()


def unpack_streams(packed: bytes) -> Iterator[Run]:
    """The runs that `Streams` packed.

    Raises:
        Damaged: They are not what was written.
    """
    source = BytesIO(packed)
    runs = bytearray()
    while source.tell() < len(packed):
        frame = read_frame(source)
        if frame is None:
            raise Damaged("the record of its streams is damaged")
        runs += frame.unpack()
    return unpack_runs(runs)


def _little_endian(column: array[int]) -> bytes:
    if sys.byteorder == "big":  # pragma: no cover
        column = array("Q", column)
        column.byteswap()
    return column.tobytes()


def _from_bytes(data: bytes) -> array[int]:
    column = array("Q", data)
    if sys.byteorder == "big":  # pragma: no cover
        column.byteswap()
    return column

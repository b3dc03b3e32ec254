"""The messages of one MCAP file, as far as they are whole: a recorder that was killed leaves a last chunk without its end."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import zstandard
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Attachment, Channel, Chunk, Footer, McapRecord, Metadata
from mcap.stream_reader import StreamReader, get_chunk_data_stream

from interfaces.errors import ConfigError

_MAGIC = b"\x89MCAP0\r\n"
_RECORD = struct.Struct("<BQ")  # operation code and length before every record
_MESSAGE = struct.Struct("<HIQQ")  # channel, sequence, log time, publish time before a message's data
_CHUNK_SIZES = struct.Struct(
    "<QQQI"
)  # start, end, size and checksum at the head of a chunk; placeholders while it is open
_PIECE = 4096  # bytes of a broken chunk unpacked at once: what comes before the break is kept
_BROKEN = (McapError, struct.error, zstandard.ZstdError, ValueError, EOFError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a message lies, to be read again when somebody wants it."""

    path: Path
    chunk_offset: int  # where its chunk begins in the file, in bytes
    index: int  # among the messages of that chunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message, as it lies in the file."""

    topic: str
    encoding: str
    log_time_ns: int
    data: bytes
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A metadata record: what the file says of itself."""

    name: str
    values: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The file ends before its end: always the last item."""

    why: str


def read_mcap(path: Path) -> Iterator[Message | Note | Cut]:
    """Return what the file at `path` holds, in its order; raises ConfigError when it is no MCAP file."""
    channels: dict[int, Channel] = {}
    with _open(path) as file:
        for start, record in _top_records(file):
            if isinstance(record, Metadata):
                yield Note(name=record.name, values=dict(record.metadata))
            elif isinstance(record, Attachment):
                yield Note(name=record.name, values={"text": record.data.decode(errors="replace")})
            elif isinstance(record, Chunk):
                yield from _messages(_unpacked(record), channels, path, start)
            elif isinstance(record, Cut):
                yield from _messages(_salvaged(file, start), channels, path, start)
                yield record


def load(place: Place) -> bytes:
    """Return the data of the message at `place`; raises ConfigError where the file is gone."""
    with _open(place.path) as file:
        file.seek(place.chunk_offset)
        _, record = next(_top_records(file, skip_magic=True))
        data = _unpacked(record) if isinstance(record, Chunk) else _salvaged(file, place.chunk_offset)
    found = [record for record in _inside(data) if not isinstance(record, Channel)]
    return found[place.index][_MESSAGE.size :]


def _open(path: Path) -> BinaryIO:
    try:
        file = path.open("rb")
    except OSError as error:
        raise ConfigError(str(path), "file", error.strerror, "a readable flight record (.mcap)") from error
    if file.read(len(_MAGIC)) != _MAGIC:
        file.close()
        raise ConfigError(str(path), "file", "no MCAP file", "a flight record (.mcap)")
    file.seek(0)
    return file


def _top_records(file: BinaryIO, *, skip_magic: bool = False) -> Iterator[tuple[int, McapRecord | Cut]]:
    """Return the records of a file and where each begins, chunks unopened; a Cut where no whole one follows."""
    start = file.tell() if skip_magic else len(_MAGIC)
    records = iter(StreamReader(file, skip_magic=skip_magic, emit_chunks=True).records)
    try:
        for record in records:
            yield start, record
            start = file.tell()
            if isinstance(record, Footer):
                return
    except _BROKEN as error:
        yield start, Cut(why=f"{type(error).__name__} at byte {start}")


def _unpacked(chunk: Chunk) -> bytes:
    stream, length = get_chunk_data_stream(chunk)
    return stream.read(length)


def _salvaged(file: BinaryIO, start: int) -> bytes:
    """Return what was already written of the chunk that begins at `start`; nothing where no chunk does."""
    file.seek(start)
    tail = file.read()
    head = _RECORD.size + _CHUNK_SIZES.size
    if len(tail) < head + 4 or tail[0] != Opcode.CHUNK:
        return b""
    (name_size,) = struct.unpack_from("<I", tail, head)
    body = head + 4 + name_size + 8
    compression = tail[head + 4 : head + 4 + name_size]
    if compression != b"zstd":
        return tail[body:] if compression == b"" else b""
    unpack = zstandard.ZstdDecompressor().decompressobj()
    whole = bytearray()
    try:
        for at in range(body, len(tail), _PIECE):
            whole += unpack.decompress(tail[at : at + _PIECE])
    except _BROKEN:
        pass  # what was unpacked before is what there is
    return bytes(whole)


def _messages(data: bytes, channels: dict[int, Channel], path: Path, start: int) -> Iterator[Message]:
    index = 0
    for record in _inside(data):
        if isinstance(record, Channel):
            channels[record.id] = record
            continue
        channel_id, _, log_time_ns, _ = _MESSAGE.unpack_from(record)
        channel = channels.get(channel_id)
        if channel is not None:
            yield Message(
                topic=channel.topic,
                encoding=channel.message_encoding,
                log_time_ns=log_time_ns,
                data=record[_MESSAGE.size :],
                place=Place(path=path, chunk_offset=start, index=index),
            )
        index += 1


def _inside(data: bytes) -> Iterator[Channel | bytes]:
    """Return the whole channels, and the bytes of the whole messages, in a chunk's data."""
    at = 0
    while at + _RECORD.size <= len(data):
        code, length = _RECORD.unpack_from(data, at)
        body, after = at + _RECORD.size, at + _RECORD.size + length
        if after > len(data):
            return
        if code == Opcode.CHANNEL:
            yield Channel.read(ReadDataStream(io.BytesIO(data[body:after])))
        elif code == Opcode.MESSAGE:
            yield data[body:after]
        at = after

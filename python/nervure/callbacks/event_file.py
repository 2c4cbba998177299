"""Event files that TensorBoard reads, written without TensorFlow.

A file is a series of TFRecords (length, its checksum, bytes, their checksum). Each record is an `Event` of TensorFlow's
`event.proto`, with a `Summary` of `summary.proto` in it. Only the fields that TensorBoard needs are written, by a
protocol buffer encoder of a few lines: a field is a key (number and wire type) and a value, which is a varint, 4 or 8
bytes, or a length and bytes.
"""

from __future__ import annotations

import struct
import time
from typing import Any

import numpy as np

__all__ = ["EventFile"]

_BUCKETS = 30  # of a histogram


def _crc_table() -> list[int]:
    """Of CRC-32C (Castagnoli, Braeuer and Herrmann, 1993), bits reversed."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _crc_table()


def masked_crc32c(data: bytes) -> int:
    """The checksum of a TFRecord: CRC-32C, turned and shifted, as a checksum of data that hold checksums is weak.

    >>> hex(masked_crc32c(b"123456789"))
    '0xc78ab0e5'
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _varint(value: int) -> bytes:
    out = bytearray()
    value &= 0xFFFFFFFFFFFFFFFF  # a negative int64 as its two's complement
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _integer(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _double(number: int, value: float) -> bytes:
    return _varint(number << 3 | 1) + struct.pack("<d", value)


def _data(number: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _tensor(array: np.ndarray[Any, Any]) -> bytes:
    """A `TensorProto` of float32 or float64."""
    shape = b"".join(_data(2, _integer(1, size)) for size in array.shape)
    dtype = {"float32": 1, "float64": 2}[array.dtype.name]
    return _integer(1, dtype) + _data(2, shape) + _data(4, array.astype(array.dtype.newbyteorder("<")).tobytes())


def _texts(values: list[bytes], scalar: bool = False) -> bytes:
    """A `TensorProto` of strings."""
    shape = b"" if scalar else _data(2, _integer(1, len(values)))
    return _integer(1, 7) + _data(2, shape) + b"".join(_data(8, value) for value in values)


def _value(tag: str, tensor: bytes, plugin: str, content: bytes = b"", data_class: int = 0) -> bytes:
    """A `Summary.Value`: the tensor, and the plugin of TensorBoard's that shows it."""
    metadata = _data(1, _data(1, plugin) + (_data(2, content) if content else b""))
    metadata += _integer(4, data_class) if data_class else b""
    return _data(1, tag) + _data(8, tensor) + _data(9, metadata)


def histogram(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Rows (left, right, count) of 30 buckets of equal width from the least value to the greatest.

    Values that are not finite are left out. If all are the same, only the last bucket counts. Of no values, zeros.

    >>> histogram(np.arange(60.0))[[0, -1]]
    array([[ 0.        ,  1.96666667,  2.        ],
           [57.03333333, 59.        ,  2.        ]])
    """
    flat = np.asarray(values, np.float64).ravel()
    flat = flat[np.isfinite(flat)]
    rows = np.zeros((_BUCKETS, 3))
    if flat.size == 0:
        return rows
    low, high = flat.min(), flat.max()
    edges = np.linspace(low, high, _BUCKETS + 1)
    rows[:, 0], rows[:, 1] = edges[:-1], edges[1:]
    if low == high:
        rows[-1, 2] = flat.size
        return rows
    places = ((flat - low) / ((high - low) / _BUCKETS)).astype(np.int64)
    rows[:, 2] = np.bincount(np.clip(places, 0, _BUCKETS - 1), minlength=_BUCKETS)
    return rows


def png(pixels: np.ndarray[Any, Any]) -> bytes:
    """A picture of (height, width, channels), 1, 3 or 4 channels of bytes, as a PNG file (ISO/IEC 15948).

    >>> png(np.zeros((2, 2, 1), np.uint8))[:4]
    b'\\x89PNG'
    """
    import zlib

    height, width, channels = pixels.shape
    color = {1: 0, 3: 2, 4: 6}[channels]
    rows = np.zeros((height, 1 + width * channels), np.uint8)  # each row after the number of its filter: none
    rows[:, 1:] = pixels.reshape(height, -1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows.tobytes())) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


class EventFile:
    """A new event file in `directory`, which is made. TensorBoard shows what is written since the last `flush`.

    >>> import os, tempfile
    >>> directory = tempfile.mkdtemp()
    >>> file = EventFile(directory)
    >>> file.scalar("loss", 0.5, step=1)
    >>> file.close()
    >>> os.listdir(directory)[0].startswith("events.out.tfevents.")
    True
    """

    _made = 0  # files of this process, whose names must differ

    def __init__(self, directory: str) -> None:
        import os
        import socket

        os.makedirs(directory, exist_ok=True)
        host = "".join(c if c.isalnum() or c in "-." else "_" for c in socket.gethostname())
        name = f"events.out.tfevents.{int(time.time())}.{host}.{os.getpid()}.{EventFile._made}.v2"
        EventFile._made += 1
        self._file = open(os.path.join(directory, name), "wb")  # noqa: SIM115
        self._record(_data(3, "brain.Event:2"))

    def _record(self, fields: bytes) -> None:
        event = _double(1, time.time()) + fields
        length = struct.pack("<Q", len(event))
        self._file.write(length + struct.pack("<I", masked_crc32c(length)))
        self._file.write(event + struct.pack("<I", masked_crc32c(event)))

    def _summary(self, step: int, value: bytes) -> None:
        self._record(_integer(2, step) + _data(5, _data(1, value)))

    def scalar(self, tag: str, value: Any, step: int) -> None:
        """A point of a curve."""
        self._summary(step, _value(tag, _tensor(np.asarray(value, np.float32)), "scalars", data_class=1))

    def histogram(self, tag: str, values: Any, step: int) -> None:
        """How values are distributed."""
        self._summary(step, _value(tag, _tensor(histogram(np.asarray(values))), "histograms", data_class=2))

    def images(self, tag: str, pixels: np.ndarray[Any, Any], step: int) -> None:
        """At most three pictures (n, height, width, channels) of floats from 0 to 1."""
        n, height, width, _ = pixels.shape
        shown = np.clip(np.nan_to_num(pixels[: min(n, 3)]) * 255.0 + 0.5, 0, 255).astype(np.uint8)
        texts = [str(width).encode(), str(height).encode(), *map(png, shown)]
        self._summary(step, _value(tag, _texts(texts), "images", data_class=3))

    def model(self, tag: str, config: str, step: int) -> None:
        """The graph of a model, as the JSON of Keras's config."""
        self._summary(step, _value(tag, _texts([config.encode()], scalar=True), "graph_keras_model", b"1"))

    def flush(self) -> None:
        """Hands what was written to the operating system."""
        self._file.flush()

    def close(self) -> None:
        """Ends the file."""
        self._file.close()

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()

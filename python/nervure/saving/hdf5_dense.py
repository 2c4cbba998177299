"""The links of a large group in files of newer versions of the HDF5 library: records in a B-tree of version 2 that say
where in a fractal heap each link is. See `hdf5_read` for what is checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .hdf5_read import UNDEFINED, Bytes, _Link, link_of

__all__ = ["dense_links"]

_LEVELS = 8


def dense_links(file: Bytes, heap_at: int, index_at: int, path: str) -> dict[str, _Link]:
    """The links whose names the B-tree at `index_at` knows."""
    where = f"group '{path}'"
    heap = _Heap(file, heap_at, where)
    links = {}
    for record in _records(file, index_at, where):
        name, link = link_of(heap.get(bytes(record[4:])), path)  # a hash of the name comes first
        links[name] = link
    return links


class _Block(NamedTuple):
    at: int
    records: int
    depth: int


def _size_of(limit: int) -> int:
    """How many bytes a number up to `limit` takes."""
    return max(1, -(-limit.bit_length() // 8))


def _records(file: Bytes, at: int, where: str) -> Iterator[memoryview]:
    """III.A.2: the records of a B-tree of version 2, type 5 (links by the hash of their names)."""
    what = f"index of the {where}"
    file.expect(b"BTHD", at, what)
    version, kind, node, record, depth = file.unpack("<BBIHH", at + 4, what)
    root, in_root = file.unpack("<QH", at + 16, what)
    if version != 0 or kind != 5 or record < 5 or node < 32 or depth > _LEVELS:
        raise ValueError(f"HDF5: {what}: version {version}, type {kind}, records of {record} bytes, {depth} levels")
    most = [(node - 10) // record]  # records in a node of each level
    below = [most[0]]  # records in it and under it
    width = _size_of(most[0])
    for level in range(1, depth + 1):
        pointer = 8 + width + (_size_of(below[level - 1]) if level > 1 else 0)
        most.append((node - 10 - pointer) // (record + pointer))
        below.append((most[level] + 1) * below[level - 1] + most[level])
    todo = [_Block(root, in_root, depth)] if root != UNDEFINED else []
    visited: set[int] = set()
    while todo:
        block = todo.pop()
        if block.at in visited:
            raise ValueError(f"HDF5: {what}: the node at {block.at} is reached twice")
        visited.add(block.at)
        file.expect(b"BTIN" if block.depth else b"BTLF", block.at, what)
        p = block.at + 6
        for k in range(block.records):
            yield file.take(p + k * record, record, what)
        p += block.records * record
        for _ in range(block.records + 1 if block.depth else 0):
            (child,) = file.unpack("<Q", p, what)
            count = int.from_bytes(file.take(p + 8, width, what), "little")
            todo.append(_Block(child, count, block.depth - 1))
            p += 8 + width + (_size_of(below[block.depth - 1]) if block.depth > 1 else 0)


class _Heap:
    """III.G: a fractal heap, of which managed objects are read."""

    def __init__(self, file: Bytes, at: int, where: str) -> None:
        self._file, self._what = file, f"links of the {where}"
        file.expect(b"FRHP", at, self._what)
        version, self._id_size, filters, _ = file.unpack("<BHHB", at + 4, self._what)
        self._width, self._start, self._most, bits, _, self._root, self._rows = file.unpack(
            "<HQQHHQH", at + 110, self._what
        )
        powers = self._start > 0 and self._start & self._start - 1 == 0 and self._most & self._most - 1 == 0
        if version != 0 or filters or not self._width or not powers or self._most < self._start or bits > 64:
            raise ValueError(f"HDF5: {self._what}: a heap of version {version} with {filters} bytes of filters")
        self._offset_size = -(-bits // 8)
        if self._id_size < self._offset_size + 2:
            raise ValueError(f"HDF5: {self._what}: identifiers of {self._id_size} bytes")

    def get(self, identifier: bytes) -> Bytes:
        if identifier[0] & 0x30:
            raise ValueError(f"HDF5: {self._what}: an object of kind {identifier[0]:#x} is not supported")
        offset = int.from_bytes(identifier[1 : 1 + self._offset_size], "little")
        length = int.from_bytes(identifier[1 + self._offset_size : self._id_size], "little")
        at, inside = self._block(self._root, self._rows, offset)
        self._file.expect(b"FHDB", at, self._what)
        return Bytes(self._file.take(at + inside, length, self._what))

    def _row_size(self, row: int) -> int:
        return self._start << max(0, row - 1)

    def _block(self, at: int, rows: int, offset: int) -> tuple[int, int]:
        """Where the direct block with `offset` is, and where in it. No rows: it is that block itself."""
        for _ in range(_LEVELS):
            if rows == 0:
                return at, offset
            self._file.expect(b"FHIB", at, self._what)
            entry, begin = at + 13 + self._offset_size, 0
            for row in range(rows):
                size = self._row_size(row)
                if offset < begin + size * self._width:
                    column = (offset - begin) // size
                    (at,) = self._file.unpack("<Q", entry + 8 * column, self._what)
                    offset -= begin + size * column
                    rows = 0 if size <= self._most else (size // (self._start * self._width)).bit_length()
                    break
                begin += size * self._width
                entry += 8 * self._width
            else:
                break
        raise ValueError(f"HDF5: {self._what}: an object at {offset} is outside of the heap")

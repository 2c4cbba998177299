"""Writes arrays as an HDF5 file: the small part of the format that files of weights need.

Version 0 of the superblock, groups as symbol tables, one block of contiguous little-endian data an array, texts as
attributes of groups: what the HDF5 library itself writes by default, so that every version of it reads the file. The
layouts are those of "HDF5 File Format Specification Version 3.0" (The HDF Group); its section numbers stand beside
them. All that describes the arrays comes first and their data last, so that large arrays are never copied.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

__all__ = ["Group", "write"]

_UNDEFINED = 2**64 - 1  # the address of nothing
_LEAF_K, _INTERNAL_K = 4, 16  # half of how many entries a symbol node and a B-tree node can hold
_TEXTS = 1000  # attribute texts in one collection of the global heap; its 16-bit indices could go to 65535

# III.: bit fields, then the properties of floats: offset, precision, exponent at, its bits, mantissa at, its bits, bias
_FLOATS = {
    2: (b"\x20\x0f\x00", (0, 16, 10, 5, 0, 10, 15)),
    4: (b"\x20\x1f\x00", (0, 32, 23, 8, 0, 23, 127)),
    8: (b"\x20\x3f\x00", (0, 64, 52, 11, 0, 52, 1023)),
}


class Group:
    """Groups and arrays by name, and texts that describe the group.

    >>> group = Group({"name": "dense"})
    >>> group.make("layers/dense/vars")["0"] = np.zeros(3)
    >>> list(group["layers"])
    ['dense']
    """

    def __init__(self, attributes: dict[str, str] | None = None) -> None:
        self.attributes: dict[str, str] = dict(attributes or {})
        self.children: dict[str, Any] = {}

    def __setitem__(self, name: str, value: Any) -> None:
        self.children[name] = value

    def __getitem__(self, name: str) -> Any:
        return self.children[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.children)

    def make(self, path: str) -> Group:
        """The group at `path`, made if it is not there, as are those on the way."""
        group = self
        for part in path.split("/") if path else ():
            group = group.children.setdefault(part, Group())
            if not isinstance(group, Group):
                raise ValueError(f"HDF5: cannot make the group '{path}': '{part}' is an array")
        return group


def write(file: BinaryIO, root: Group) -> None:
    """Writes `root` and all that is in it to a file opened for writing bytes, from where it stands.

    ValueError for arrays that are neither numbers, bools nor byte strings, and for names that HDF5 cannot hold.
    """
    writer = _Writer()
    writer.superblock(root)
    file.write(writer.finish())
    for array in writer.arrays:
        file.write(array.reshape(-1).view("uint8").data if array.nbytes else b"")
        file.write(bytes(-array.nbytes % 8))


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


class _Writer:
    def __init__(self) -> None:
        self.meta = bytearray(96)  # the superblock, filled in last
        self.arrays: list[np.ndarray[Any, Any]] = []
        self._data: list[int] = []  # where in `meta` the address of each array's data belongs
        self._texts: dict[str, tuple[int, int]] = {}  # (address of the collection, index in it)

    def put(self, data: bytes) -> int:
        """Appends to what describes the arrays, and returns the address."""
        at = len(self.meta)
        self.meta += _padded(data)
        return at

    def superblock(self, root: Group) -> None:
        """II.A, version 0."""
        self._collect(root)
        header, tree, heap = self._group(root, "")
        fields = (0, 0, 0, 0, 0, 8, 8, 0, _LEAF_K, _INTERNAL_K, 0, 0, _UNDEFINED, 0, _UNDEFINED)
        entry = struct.pack("<QQIIQQ", 0, header, 1, 0, tree, heap)
        self.meta[:96] = b"\x89HDF\r\n\x1a\n" + struct.pack("<8B2HI4Q", *fields) + entry

    def finish(self) -> bytes:
        """Fills in where the data and the end of the file are."""
        end = len(self.meta)
        for at, array in zip(self._data, self.arrays, strict=True):
            struct.pack_into("<Q", self.meta, at, end if array.nbytes else _UNDEFINED)
            end += array.nbytes + -array.nbytes % 8
        struct.pack_into("<Q", self.meta, 40, end)
        return bytes(self.meta)

    def _collect(self, root: Group) -> None:
        """III.E: the global heap, with the texts of all attributes."""
        texts: dict[str, None] = {}
        todo = [root]
        while todo:
            group = todo.pop()
            texts |= dict.fromkeys(group.attributes.values())
            todo += [child for child in group.children.values() if isinstance(child, Group)]
        listed = list(texts)
        for first in range(0, len(listed), _TEXTS):
            objects, chunk = b"", listed[first : first + _TEXTS]
            for index, text in enumerate(chunk, 1):
                data = text.encode("utf-8")
                objects += struct.pack("<HHIQ", index, 1, 0, len(data)) + _padded(data)
            size = max(4096, 16 + len(objects) + 16)
            rest = size - 16 - len(objects)  # object 0 is the free space, its own header included
            free = struct.pack("<HHIQ", 0, 0, 0, rest) + bytes(rest - 16)
            at = self.put(b"GCOL" + struct.pack("<B3xQ", 1, size) + objects + free)
            self._texts |= {text: (at, index) for index, text in enumerate(chunk, 1)}

    def _header(self, messages: list[tuple[int, int, bytes]]) -> tuple[int, list[int]]:
        """IV.A.1.a, version 1: messages of (type, flags, data). Returns its address and those of the messages' data."""
        body, places = b"", []
        for kind, flags, data in messages:
            data = _padded(data)
            places.append(16 + len(body) + 8)
            body += struct.pack("<HHB3x", kind, len(data), flags) + data
            if len(data) >= 2**16:
                raise ValueError(f"HDF5: a description of {len(data)} bytes is too long")
        at = self.put(struct.pack("<BxHII4x", 1, len(messages), 1, len(body)) + body)
        return at, [at + place for place in places]

    def _group(self, group: Group, path: str) -> tuple[int, int, int]:
        """The addresses of a group's header, B-tree and heap."""
        names = {}
        for name in group.children:
            if not name or "/" in name or "\0" in name or name == ".":
                raise ValueError(f"HDF5: {name!r} cannot be a name in the group '{path}'")
            names[name.encode("utf-8")] = name
        offsets, text = {}, bytearray(8)  # III.D: the local heap; offset 0 is the empty name
        for key in sorted(names):
            offsets[key] = len(text)
            text += _padded(key + b"\0")
        segment = self.put(bytes(text))
        heap = self.put(b"HEAP" + struct.pack("<B3xQQQ", 0, len(text), 1, segment))
        entries = []
        for key in sorted(names):
            child = group.children[names[key]]
            where = f"{path}/{names[key]}"
            if isinstance(child, Group):
                header, tree, inner = self._group(child, where)
                entries.append(struct.pack("<QQIIQQ", offsets[key], header, 1, 0, tree, inner))
            else:
                entries.append(struct.pack("<QQII16x", offsets[key], self._array(child, where), 0, 0))
        tree = self._tree(entries, list(offsets.values()))
        messages = [(0x11, 0, struct.pack("<QQ", tree, heap))]
        messages += [(0x0C, 0, self._attribute(name, value)) for name, value in group.attributes.items()]
        return self._header(messages)[0], tree, heap

    def _tree(self, entries: list[bytes], keys: list[int]) -> int:
        """III.A.1 and III.C: a B-tree of symbol nodes; a node's key on the right is the last name in it."""
        nodes: list[tuple[int, int]] = []  # (address, last key)
        for first in range(0, len(entries), 2 * _LEAF_K):
            some = entries[first : first + 2 * _LEAF_K]
            room = bytes(40 * (2 * _LEAF_K - len(some)))
            at = self.put(b"SNOD" + struct.pack("<BxH", 1, len(some)) + b"".join(some) + room)
            nodes.append((at, keys[first + len(some) - 1]))
        level = 0
        while True:
            size = 24 + 8 * (4 * _INTERNAL_K + 1)
            count = max(1, -(-len(nodes) // (2 * _INTERNAL_K)))
            first_at, above, before = len(self.meta), [], 0
            for k in range(count):
                below = nodes[k * 2 * _INTERNAL_K : (k + 1) * 2 * _INTERNAL_K]
                left = first_at + (k - 1) * size if k else _UNDEFINED
                right = first_at + (k + 1) * size if k + 1 < count else _UNDEFINED
                node = b"TREE" + struct.pack("<BBHQQQ", 0, level, len(below), left, right, before)
                node += b"".join(struct.pack("<QQ", at, key) for at, key in below)
                before = below[-1][1] if below else 0
                above.append((self.put(node + bytes(size - len(node))), before))
            if count == 1:
                return above[0][0]
            nodes, level = above, level + 1

    def _attribute(self, name: str, text: str) -> bytes:
        """IV.A.2.m, version 1: a text of variable length, which is in the global heap."""
        at, index = self._texts[text]
        kind = b"\x19\x01\x01\x00" + struct.pack("<I", 16) + _datatype(np.dtype("uint8"))
        place = _padded(b"\x01\0\0\0\0\0\0\0")  # a scalar
        label = name.encode("utf-8") + b"\0"
        data = struct.pack("<IQI", len(text.encode("utf-8")), at, index)
        sizes = struct.pack("<BxHHH", 1, len(label), len(kind), len(place))
        return sizes + _padded(label) + _padded(kind) + place + data

    def _array(self, value: Any, path: str) -> int:
        """The address of the header of an array whose data will come at the end."""
        array = np.asarray(value)
        if array.dtype.kind == "U":
            array = np.char.encode(array, "utf-8")
        if array.dtype.kind not in "biufS" or (array.dtype.itemsize not in (1, 2, 4, 8) and array.dtype.kind != "S"):
            raise ValueError(f"HDF5: cannot write '{path}' of dtype {array.dtype}: expected numbers, bools or strings")
        array = np.require(array, array.dtype.newbyteorder("<"), "C")
        dims = struct.pack(f"<{array.ndim}Q", *array.shape)
        place = struct.pack("<BBB5x", 1, array.ndim, 1 if array.ndim else 0) + dims * 2  # sizes, and largest sizes
        layout = struct.pack("<BBQQ", 3, 1, 0, array.nbytes)  # IV.A.2.i: contiguous
        _, places = self._header(
            [
                (0x01, 0, place),
                (0x03, 1, _datatype(array.dtype)),
                (0x05, 1, b"\x02\x02\x02\x01\0\0\0\0"),
                (0x08, 0, layout),
            ]
        )
        self._data.append(places[3] + 2)
        self.arrays.append(array)
        return places[0] - 24


def _datatype(dtype: np.dtype[Any]) -> bytes:
    """IV.A.2.d, version 1."""
    size = dtype.itemsize
    if dtype.kind == "f":
        bits, properties = _FLOATS[size]
        return b"\x11" + bits + struct.pack("<IHHBBBBI", size, *properties)
    if dtype.kind == "b":  # an enumeration, as h5py has it
        names = b"FALSE\0\0\0TRUE\0\0\0\0"
        return b"\x18\x02\0\0" + struct.pack("<I", 1) + _datatype(np.dtype("int8")) + names + b"\0\1"
    if dtype.kind == "S":
        return b"\x13\x01\0\0" + struct.pack("<I", max(size, 1))
    return b"\x10" + (b"\x08" if dtype.kind == "i" else b"\0") + b"\0\0" + struct.pack("<IHH", size, 0, 8 * size)

"""Reads the arrays of an HDF5 file: the part of the format that files of weights use.

Groups of both kinds (symbol tables, links), headers of both versions, contiguous and compact arrays of numbers, bools
and strings, and attributes that are numbers or strings. The layouts are those of "HDF5 File Format Specification
Version 3.0" (The HDF Group); its section numbers stand beside them. Data in chunks, compressed, in other files or
behind links is refused.

Nothing in a file is believed: every address and size is checked against the bytes there are before it is followed or
anything is allocated, and nothing is visited twice. What is wrong is a ValueError that names the field.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from math import prod
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Dataset", "Group", "read"]

UNDEFINED = 2**64 - 1
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_DEPTH = 64  # groups inside of groups
_MESSAGES = 2**16  # in one header
_LEVELS = 16  # of a B-tree


class Bytes:
    """The file, out of which pieces are taken by address."""

    def __init__(self, data: Any) -> None:
        self._data = memoryview(data)

    def take(self, at: int, size: int, what: str) -> memoryview:
        """`size` bytes at `at`; ValueError if they are not all in the file."""
        if not 0 <= at <= len(self._data) or not 0 <= size <= len(self._data) - at:
            raise ValueError(
                f"HDF5: {what} at {at}, of {size} bytes, is not inside the file of {len(self._data)} bytes"
            )
        return self._data[at : at + size]

    def unpack(self, layout: str, at: int, what: str) -> tuple[Any, ...]:
        return struct.unpack(layout, self.take(at, struct.calcsize(layout), what))

    def expect(self, signature: bytes, at: int, what: str) -> None:
        found = bytes(self.take(at, len(signature), what))
        if found != signature:
            raise ValueError(f"HDF5: {what} at {at} begins with {found!r} instead of {signature!r}")


class _Message(NamedTuple):
    kind: int
    flags: int
    data: Bytes


class _Link(NamedTuple):
    address: int | None  # None for one that leads elsewhere
    kind: str


class Group:
    """A group of a file: what is in it by name, `group["a/b"]`, and its attributes."""

    def __init__(self, file: Bytes, address: int, ancestors: tuple[int, ...], path: str) -> None:
        if address in ancestors:
            raise ValueError(f"HDF5: the group '{path}' contains itself")
        if len(ancestors) >= _DEPTH:
            raise ValueError(f"HDF5: the group '{path}' is more than {_DEPTH} groups deep")
        self.path = path
        self._file = file
        self._ancestors = (*ancestors, address)
        self._messages = _header(file, address, path)
        self._links = _links(file, self._messages, path)

    def keys(self) -> list[str]:
        """The names in the group."""
        return list(self._links)

    def __iter__(self) -> Iterator[str]:
        return iter(self._links)

    def __len__(self) -> int:
        return len(self._links)

    def __contains__(self, path: Any) -> bool:
        try:
            self[path]
        except KeyError:
            return False
        return True

    def __getitem__(self, path: str) -> Any:
        """The group or array at `path`. KeyError if there is none, ValueError if it is not in this file."""
        found: Any = self
        for name in path.split("/"):
            if not isinstance(found, Group) or name not in found._links:
                raise KeyError(path)
            found = found._child(name)
        return found

    def _child(self, name: str) -> Any:
        link, path = self._links[name], f"{self.path}/{name}"
        if link.address is None:
            raise ValueError(f"HDF5: '{path}' is {link.kind}, which is not followed")
        messages = _header(self._file, link.address, path)
        if any(m.kind == 0x08 for m in messages):
            return Dataset(self._file, messages, path)
        return Group(self._file, link.address, self._ancestors, path)

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes that are numbers or strings (bytes where the file does not say that it is UTF-8)."""
        return _attributes(self._file, self._messages, self.path)


class Dataset:
    """An array of a file, not read yet."""

    def __init__(self, file: Bytes, messages: list[_Message], path: str) -> None:
        self.path = path
        known = {m.kind: m for m in messages}
        for kind, what in ((0x07, "keeps its data in other files"), (0x0B, "is compressed")):
            if kind in known:
                raise ValueError(f"HDF5: '{path}' {what}, which is not supported")
        if 0x01 not in known or 0x03 not in known:
            raise ValueError(f"HDF5: '{path}' lacks its dataspace or its datatype")
        if (known[0x01].flags | known[0x03].flags) & 2:
            raise ValueError(f"HDF5: '{path}' shares its datatype with other arrays, which is not supported")
        self.shape = _dataspace(known[0x01].data, path)
        self.dtype, _ = _datatype(known[0x03].data, path)
        size = prod(self.shape) * self.dtype.itemsize
        self._data = _data(file, known[0x08].data, size, path)

    def read(self) -> np.ndarray[Any, Any]:
        """The array: read-only, its memory is that of the file where its byte order is the machine's."""
        if self.dtype.hasobject:
            raise ValueError(f"HDF5: '{self.path}' holds strings of variable length, which are only read as attributes")
        array = np.frombuffer(self._data, self.dtype).reshape(self.shape)
        return array.astype(array.dtype.newbyteorder("="), copy=False)


def read(data: Any) -> Group:
    """The root group of a file that is in memory as bytes. ValueError if it is not an HDF5 file or is damaged.

    >>> read(b"PK")
    Traceback (most recent call last):
     ...
    ValueError: HDF5: signature at 0, of 8 bytes, is not inside the file of 2 bytes
    """
    file = Bytes(data)
    file.expect(_SIGNATURE, 0, "signature")
    (version,) = file.unpack("<B", 8, "version of the superblock")
    if version in (0, 1):  # II.A
        sizes = file.unpack("<BB", 13, "sizes of addresses and lengths")
        at = 24 if version == 0 else 28
        base, _, end, _ = file.unpack("<4Q", at, "addresses in the superblock")
        (root,) = file.unpack("<Q", at + 40, "address of the root group")
    elif version in (2, 3):  # II.B, II.C
        sizes = file.unpack("<BB", 9, "sizes of addresses and lengths")
        base, _, end, root = file.unpack("<4Q", 12, "addresses in the superblock")
    else:
        raise ValueError(f"HDF5: version of the superblock: expected 0 to 3, got {version}")
    if sizes != (8, 8):
        raise ValueError(f"HDF5: sizes of addresses and lengths: expected 8 and 8, got {sizes[0]} and {sizes[1]}")
    if base != 0:
        raise ValueError(f"HDF5: base address: expected 0, got {base}")
    file.take(0, end, "end of the file by the superblock")
    return Group(file, root, (), "")


# ---- headers of objects (IV.A) ----


def _header(file: Bytes, at: int, path: str) -> list[_Message]:
    """The messages of an object."""
    where = f"header of '{path or '/'}'"
    first = bytes(file.take(at, 4, where))
    blocks: list[tuple[int, int]] = []
    if first == b"OHDR":  # version 2
        version, flags = file.unpack("<BB", at + 4, where)
        if version != 2:
            raise ValueError(f"HDF5: version of the {where}: expected 2, got {version}")
        at += 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        size = int.from_bytes(file.take(at, width, f"size of the {where}"), "little")
        blocks.append((at + width, size))
        ordered = 2 if flags & 0x04 else 0
        return _collect(file, blocks, where, lambda block, p: _message_v2(block, p, ordered, where), True)
    if first[0] != 1:
        raise ValueError(f"HDF5: version of the {where}: expected 1 or 2, got {first[0]}")
    (size,) = file.unpack("<I", at + 8, f"size of the {where}")
    blocks.append((at + 16, size))
    return _collect(file, blocks, where, lambda block, p: _message_v1(block, p, where), False)


def _message_v1(block: Bytes, p: int, where: str) -> tuple[int, int, int, int]:
    kind, size, flags = block.unpack("<HHB", p, f"message in the {where}")
    return kind, size, flags, p + 8


def _message_v2(block: Bytes, p: int, ordered: int, where: str) -> tuple[int, int, int, int]:
    kind, size, flags = block.unpack("<BHB", p, f"message in the {where}")
    return kind, size, flags, p + 4 + ordered


def _collect(
    file: Bytes,
    blocks: list[tuple[int, int]],
    where: str,
    message: Callable[[Bytes, int], tuple[int, int, int, int]],
    signed: bool,
) -> list[_Message]:
    found: list[_Message] = []
    visited: set[int] = set()
    while blocks:
        at, size = blocks.pop(0)
        if at in visited:
            raise ValueError(f"HDF5: continuation of the {where} at {at} is its own continuation")
        visited.add(at)
        block = Bytes(file.take(at, size, f"messages of the {where}"))
        p, smallest = 0, 4 if signed else 8
        while p + smallest <= size:
            kind, length, flags, data_at = message(block, p)
            data = Bytes(block.take(data_at, length, f"message of type {kind:#x} in the {where}"))
            p = data_at + length
            if kind == 0x10:  # IV.A.2.q: continued elsewhere
                there, there_size = data.unpack("<QQ", 0, f"continuation of the {where}")
                if signed:
                    file.expect(b"OCHK", there, f"continuation of the {where}")
                    there, there_size = there + 4, there_size - 8
                blocks.append((there, there_size))
            elif kind != 0:
                found.append(_Message(kind, flags, data))
            if len(found) > _MESSAGES:
                raise ValueError(f"HDF5: the {where} has more than {_MESSAGES} messages")
    return found


# ---- what is in a group ----


def _links(file: Bytes, messages: list[_Message], path: str) -> dict[str, _Link]:
    links: dict[str, _Link] = {}
    is_group = False
    for m in messages:
        if m.kind == 0x11:  # IV.A.2.r: symbol table
            is_group = True
            tree, heap = m.data.unpack("<QQ", 0, f"symbol table of '{path}'")
            links |= _symbols(file, tree, heap, path)
        elif m.kind == 0x06:
            is_group = True
            name, link = link_of(m.data, path)
            links[name] = link
        elif m.kind == 0x02:  # IV.A.2.c: where the links are if they are many
            is_group = True
            _, flags = m.data.unpack("<BB", 0, f"link info of '{path}'")
            heap, index = m.data.unpack("<QQ", 10 if flags & 1 else 2, f"link info of '{path}'")
            if heap != UNDEFINED:
                from .hdf5_dense import dense_links

                links |= dense_links(file, heap, index, path)
    if not is_group and messages and path == "":
        raise ValueError("HDF5: the root of the file is no group")
    return dict(sorted(links.items()))


def link_of(data: Bytes, path: str) -> tuple[str, _Link]:
    """IV.A.2.g: a link message."""
    what = f"link in '{path}'"
    version, flags = data.unpack("<BB", 0, what)
    if version != 1:
        raise ValueError(f"HDF5: version of a {what}: expected 1, got {version}")
    p, kind = 2, 0
    if flags & 0x08:
        (kind,) = data.unpack("<B", p, what)
        p += 1
    p += (8 if flags & 0x04 else 0) + (1 if flags & 0x10 else 0)
    width = 1 << (flags & 3)
    length = int.from_bytes(data.take(p, width, what), "little")
    name = _text(data.take(p + width, length, f"name of a {what}"), what)
    if kind != 0:
        return name, _Link(None, "a symbolic link" if kind == 1 else "a link to another file")
    (address,) = data.unpack("<Q", p + width + length, f"address of a {what}")
    return name, _Link(address, "a hard link")


def _symbols(file: Bytes, tree: int, heap: int, path: str) -> dict[str, _Link]:
    """III.A.1, III.C and III.D: a B-tree of symbol nodes, whose names are in a local heap."""
    where = f"group '{path}'"
    file.expect(b"HEAP", heap, f"heap of names of the {where}")
    size, _, segment = file.unpack("<3Q", heap + 8, f"heap of names of the {where}")
    names = bytes(file.take(segment, size, f"names of the {where}"))
    links: dict[str, _Link] = {}
    todo, visited = [(tree, None)], set()
    while todo:
        at, level = todo.pop()
        if at in visited:
            raise ValueError(f"HDF5: node at {at} of the {where} is reached twice")
        visited.add(at)
        if level == -1:
            links |= _symbol_node(file, at, names, where)
            continue
        file.expect(b"TREE", at, f"B-tree of the {where}")
        kind, found_level, used = file.unpack("<BBH", at + 4, f"B-tree of the {where}")
        if kind != 0 or found_level > _LEVELS or (level is not None and found_level != level):
            raise ValueError(f"HDF5: B-tree of the {where} at {at} has type {kind} and level {found_level}")
        children = file.unpack("<" + "QQ" * used, at + 32, f"B-tree of the {where}")[::2]
        todo += [(child, found_level - 1) for child in children]  # type: ignore[misc]
    return links


def _symbol_node(file: Bytes, at: int, names: bytes, where: str) -> dict[str, _Link]:
    file.expect(b"SNOD", at, f"symbols of the {where}")
    (count,) = file.unpack("<H", at + 6, f"symbols of the {where}")
    links = {}
    for k in range(count):
        offset, address, cache = file.unpack("<QQI", at + 8 + 40 * k, f"symbol of the {where}")
        end = names.find(b"\0", offset) if offset < len(names) else -1
        if end <= offset:
            raise ValueError(f"HDF5: name at {offset} in the heap of the {where} is not there")
        name = _text(names[offset:end], where)
        links[name] = _Link(None, "a symbolic link") if cache == 2 else _Link(address, "a hard link")
    return links


def _text(data: Any, where: str) -> str:
    try:
        return bytes(data).decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"HDF5: a name in the {where} is not UTF-8: {bytes(data)!r}") from None


# ---- arrays (IV.A.2) ----


def _dataspace(data: Bytes, path: str) -> tuple[int, ...]:
    what = f"dataspace of '{path}'"
    version, rank = data.unpack("<BB", 0, what)
    if version not in (1, 2) or rank > 32:
        raise ValueError(f"HDF5: {what}: expected version 1 or 2 and at most 32 axes, got {version} and {rank}")
    if version == 2 and data.unpack("<B", 3, what)[0] == 2:
        raise ValueError(f"HDF5: {what}: '{path}' holds nothing, not even a scalar")
    return data.unpack(f"<{rank}Q", 8 if version == 1 else 4, what)


_FLOATS = {2: (10, 5, 0, 10, 15), 4: (23, 8, 0, 23, 127), 8: (52, 11, 0, 52, 1023)}


def _datatype(data: Bytes, path: str) -> tuple[np.dtype[Any], bool]:
    """The dtype (object for texts of variable length), and whether a string is UTF-8."""
    what = f"datatype of '{path}'"
    head, bits, more, _, size = data.unpack("<BBBBI", 0, what)
    kind, version = head & 15, head >> 4
    if not 1 <= version <= 5:
        raise ValueError(f"HDF5: version of the {what}: expected 1 to 5, got {version}")
    order = ">" if bits & 1 else "<"
    if kind == 0 and size in (1, 2, 4, 8):
        if data.unpack("<HH", 8, what) != (0, 8 * size):
            raise ValueError(f"HDF5: {what}: integers that do not fill their bytes are not supported")
        return np.dtype(f"{order}{'i' if bits & 8 else 'u'}{size}"), False
    if kind == 1 and size in _FLOATS and not bits & 0x40:
        offset, precision, *rest = data.unpack("<HHBBBBI", 8, what)
        if (offset, precision) != (0, 8 * size) or tuple(rest) != _FLOATS[size] or more != 8 * size - 1:
            raise ValueError(f"HDF5: {what}: floats of {size} bytes that are not IEEE 754 are not supported")
        return np.dtype(f"{order}f{size}"), False
    if kind == 3 and size > 0:
        return np.dtype(f"S{size}"), bool(bits & 0x10)
    if kind == 8 and size == 1 and bits | more << 8 == 2 and bytes(data.take(20, 5, what)) == b"FALSE":
        return np.dtype("bool"), False  # h5py's bool: an enumeration of FALSE and TRUE
    if kind == 9 and bits & 15 == 1 and size == 16:
        return np.dtype(object), bool(more & 1)
    raise ValueError(f"HDF5: {what}: class {kind} of {size} bytes is not supported: expected numbers, bools or strings")


def _data(file: Bytes, layout: Bytes, size: int, path: str) -> memoryview:
    """IV.A.2.i: the bytes of an array."""
    what = f"layout of '{path}'"
    version, kind = layout.unpack("<BB", 0, what)
    if version not in (3, 4):
        raise ValueError(f"HDF5: version of the {what}: expected 3 or 4, got {version}")
    if kind == 0:
        (stored,) = layout.unpack("<H", 2, what)
        return _whole(layout.take(4, stored, what), size, path)
    if kind == 1:
        at, stored = layout.unpack("<QQ", 2, what)
        if at == UNDEFINED:
            if size:
                raise ValueError(f"HDF5: '{path}' has {size} bytes by its shape, but no data")
            return memoryview(b"")
        return _whole(file.take(at, stored, f"data of '{path}'"), size, path)
    raise ValueError(f"HDF5: '{path}' is stored in chunks, which is not supported")


def _whole(data: memoryview, size: int, path: str) -> memoryview:
    if len(data) < size:
        raise ValueError(f"HDF5: '{path}' has {size} bytes by its shape, but only {len(data)} bytes of data")
    return data[:size]


# ---- attributes (IV.A.2.m) ----


def _attributes(file: Bytes, messages: list[_Message], path: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for m in messages:
        if m.kind != 0x0C:
            continue
        what = f"attribute of '{path}'"
        version, flags, name_size, type_size, space_size = m.data.unpack("<BBHHH", 0, what)
        if version not in (1, 2, 3):
            raise ValueError(f"HDF5: version of an {what}: expected 1 to 3, got {version}")
        if version > 1 and flags & 3:
            continue  # its datatype is elsewhere
        p, parts = 8 + (version == 3), []
        for size in (name_size, type_size, space_size):
            parts.append(m.data.take(p, size, what))
            p += size + (-size % 8 if version == 1 else 0)
        name = _text(bytes(parts[0]).rstrip(b"\0"), what)
        shape = _dataspace(Bytes(parts[2]), f"{path}@{name}")
        dtype, utf8 = _datatype(Bytes(parts[1]), f"{path}@{name}")
        size = prod(shape) * (16 if dtype.hasobject else dtype.itemsize)
        data = m.data.take(p, size, f"{what}, '{name}'")
        found[name] = _value(file, data, dtype, shape, utf8, f"{path}@{name}")
    return found


def _value(file: Bytes, data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...], utf8: bool, what: str) -> Any:
    if not dtype.hasobject:
        array = np.frombuffer(data, dtype).reshape(shape)
        return array if shape else (array.item().decode("utf-8") if utf8 else array.item())
    texts: list[Any] = []
    for p in range(0, len(data), 16):  # VIII: length, and where in the global heap
        length, at, index = struct.unpack("<IQI", data[p : p + 16])
        text = _heap_object(file, at, index, length, what) if length else b""
        texts.append(text.decode("utf-8", "replace") if utf8 else text)
    return np.array(texts, dtype=object).reshape(shape) if shape else texts[0]


def _heap_object(file: Bytes, at: int, index: int, length: int, what: str) -> bytes:
    """III.E: an object of the global heap."""
    file.expect(b"GCOL", at, f"texts of '{what}'")
    (size,) = file.unpack("<Q", at + 8, f"texts of '{what}'")
    heap = Bytes(file.take(at, size, f"texts of '{what}'"))
    p = 16
    while p + 16 <= size:
        found, _, _, stored = heap.unpack("<HHIQ", p, f"texts of '{what}'")
        if found == index:
            if stored < length:
                raise ValueError(f"HDF5: text of '{what}' has {length} bytes, of which {stored} are there")
            return bytes(heap.take(p + 16, length, f"text of '{what}'"))
        if found == 0:
            break
        p += 16 + stored + -stored % 8
    raise ValueError(f"HDF5: text {index} of '{what}' is not in the heap at {at}")

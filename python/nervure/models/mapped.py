"""Rows in memory-mapped files: taken in the order in which they lie there, and their pages let go of when used."""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["is_mapped", "spare_memory", "take_rows"]

_AROUND = 1 << 16  # bytes that come into memory around one that is read
_TOUCHED = 1 << 26  # bytes that may have come into memory before they are let go of


def _mapping(array: Any) -> tuple[Any, np.ndarray[Any, Any]] | None:
    """The map that `array` lies in, and the array that was made of it."""
    while isinstance(array, np.ndarray):
        mapped = getattr(array, "_mmap", None)
        if mapped is not None and not isinstance(array.base, np.memmap):
            return mapped, array
        array = array.base  # type: ignore[assignment]
    return None


def is_mapped(array: Any) -> bool:
    """Does it read from a memory-mapped file?"""
    return _mapping(array) is not None


def _advise(array: np.ndarray[Any, Any], advice: str, rows: np.ndarray[Any, Any] | None = None) -> None:
    """Advice about the mapped file that `array` lies in, or about the pages of each of the rows, if there is one."""
    found = _mapping(array)
    if found is None or not hasattr(mmap, advice):
        return
    mapped, whole = found
    # a page written in mode "c" exists nowhere else
    if advice == "MADV_DONTNEED" and getattr(whole, "mode", "c") == "c":
        return
    if rows is None:
        mapped.madvise(getattr(mmap, advice))
        return
    first = rows * array.strides[0] + (array.ctypes.data - np.frombuffer(mapped, np.uint8).ctypes.data)
    page = first & -mmap.PAGESIZE
    lengths = first - page + array.nbytes // len(array)
    for start, length in zip(page.tolist(), lengths.tolist(), strict=True):
        mapped.madvise(getattr(mmap, advice), start, length)


def spare_memory(arrays: Sequence[Any]) -> None:
    """Lets go of the pages of memory-mapped files that were read. The system keeps them as its cache, which it can
    drop; as pages of this process they would pile up to the size of the file."""
    for a in arrays:
        _advise(a, "MADV_DONTNEED")


def take_rows(array: np.ndarray[Any, Any], rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """`array[rows]`, read in the order of the file: a page is needed once, and not for long."""
    if not is_mapped(array):
        return array[rows]
    taken = np.empty((len(rows), *array.shape[1:]), array.dtype)
    if not taken.size:
        return taken
    # Rows of a file that the memory cannot hold are mostly not there: the disk reads many at a time faster than each
    # when it is asked for. Of a smaller file it reads what lies around them, and soon has all.
    ahead = array.nbytes > _physical_memory()
    order = np.argsort(rows)
    some = max(_TOUCHED // (_AROUND + array.nbytes // len(array)), 1)
    for at in range(0, len(rows), some):
        places = order[at : at + some]
        if ahead:
            _advise(array, "MADV_WILLNEED", rows[places])
        taken[places] = array[rows[places]]
        spare_memory([array])
    return taken


def _physical_memory() -> int:
    """Bytes of the machine; more than any file if it does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 1 << 62

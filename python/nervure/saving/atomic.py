"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

__all__ = ["replacing"]


@contextmanager
def replacing(path: Any) -> Iterator[BinaryIO]:
    """A new file, to be written, that takes the place of `path` at the end: until then, and after an error, what was
    at `path` is untouched. The bytes are on the disk before the name is.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "a")
    ...     with replacing(path) as file:
    ...         _ = file.write(b"abc")
    ...     path.read_bytes(), len(os.listdir(folder))
    (b'abc', 1)
    """
    target = os.path.realpath(os.fspath(path))
    folder, name = os.path.split(target)
    beside = os.path.join(folder, f".{name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        with open(
            os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666), "w+b"
        ) as file:
            with suppress(OSError):
                os.chmod(beside, os.stat(target).st_mode & 0o7777)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise
    with suppress(OSError, AttributeError):  # not every system opens folders
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

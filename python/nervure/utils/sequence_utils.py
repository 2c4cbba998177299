"""`pad_sequences`: sequences of different lengths as one array."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["pad_sequences"]


def pad_sequences(
    sequences: Any,
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray[Any, Any]:
    """Sequences as the rows of an array (n, maxlen, ...) of `dtype`.

    `maxlen` is the length of the longest unless given. Shorter ones get `value` before ("pre") or after them ("post"),
    longer ones lose their beginning ("pre") or their end ("post"). ValueError for what is no sequence, for sequences
    whose items differ in shape, and for a text as `value` of numbers.

    >>> pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2)
    array([[0, 1],
           [2, 3],
           [5, 6]], dtype=int32)
    """
    if not hasattr(sequences, "__len__"):
        raise ValueError("`sequences` must be iterable.")
    for name, side in (("Padding", padding), ("Truncating", truncating)):
        if side not in ("pre", "post"):
            raise ValueError(f'{name} type "{side}" not understood')
    for item in sequences:
        if not hasattr(item, "__len__"):
            raise ValueError(f"`sequences` must be a list of iterables. Found non-iterable: {item}")
    lengths = [len(item) for item in sequences]
    if maxlen is None:
        maxlen = max(lengths, default=0)
    kind = np.dtype(dtype)
    if isinstance(value, str) and kind.kind not in "OUS":
        raise ValueError(
            f"`dtype` {dtype} is not compatible with `value`'s type: {type(value)}\nYou should set `dtype=object` for "
            "variable length strings."
        )
    shape = next((np.asarray(item).shape[1:] for item in sequences if len(item)), ())
    padded = np.full((len(lengths), maxlen, *shape), value, dtype=kind)
    for k, item in enumerate(sequences):
        kept = item[max(len(item) - maxlen, 0) :] if truncating == "pre" else item[:maxlen]
        if not len(kept):
            continue
        row = np.asarray(kept, dtype=kind)
        if row.shape[1:] != shape:
            raise ValueError(
                f"Shape of sample {row.shape[1:]} of sequence at position {k} is different from expected shape {shape}"
            )
        if padding == "post":
            padded[k, : len(row)] = row
        else:
            padded[k, -len(row) :] = row
    return padded

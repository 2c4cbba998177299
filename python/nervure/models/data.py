"""What users hand to `fit`, turned into arrays that the epoch loop can gather from, without copying them whole.

Accepted: NumPy arrays and memmaps, anything with `__array__` (pandas, tensors of other libraries), lists of numbers;
and lists, tuples and dicts of these for models with several inputs or outputs. A copy is made, once, only of what the
loop cannot read: values that are not adjacent within a row, float16, foreign byte order, lists.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .. import config, tree
from .._dtypes import graph_dtype, is_float

__all__ = ["Batches", "as_rows", "class_weights", "leaves", "split", "unpack"]

ACCEPTED = (
    "arrays (NumPy, memmap, pandas or anything with __array__), lists of numbers, or lists and dicts of these; "
    "generators, PyDataset and tf.data are not supported"
)


def _is_numbers(value: Any) -> bool:
    flat = tree.flatten(value) if isinstance(value, (list, tuple)) else []
    return bool(flat) and all(isinstance(v, (bool, int, float, np.number, np.bool_)) for v in flat)


def leaves(name: str, data: Any) -> Any:
    """`data` with every array-like in it as an ndarray of rows, in the same structure of lists and dicts."""
    if data is None:
        return None
    if isinstance(data, (list, tuple)) and not _is_numbers(data):
        if not data:
            raise ValueError(f"`{name}` is empty")
        if isinstance(data[0], (str, bytes)):
            raise TypeError(f"`{name}` must hold numbers, got a list of {type(data[0]).__name__}")
        if _is_numbers(data[:1]):
            wrong = next(value for value in tree.flatten(data) if not _is_numbers([value]))
            raise TypeError(f"`{name}` must hold numbers, got {wrong!r} among them")
        return [leaves(f"{name}[{k}]", item) for k, item in enumerate(data)]
    if isinstance(data, dict):
        return {k: leaves(f"{name}[{k!r}]", item) for k, item in data.items()}
    return as_rows(name, data)


def as_rows(name: str, data: Any) -> np.ndarray[Any, Any]:
    """One array whose rows the epoch loop can read. TypeError or ValueError naming the argument otherwise."""
    if isinstance(data, (str, bytes)) or not (isinstance(data, (list, tuple)) or hasattr(data, "__array__")):
        raise TypeError(f"`{name}` must be {ACCEPTED}; got {type(data).__name__}")
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ValueError(f"`{name}` is not a rectangular array: {error}") from None
    if array.dtype.kind not in "biuf":
        hint = "; if all are numbers, convert it with .astype('float32')" if array.dtype == object else ""
        raise TypeError(f"`{name}` must hold numbers, got an array of dtype {array.dtype}{hint}")
    if array.ndim == 0:
        raise ValueError(f"`{name}` must have at least one dimension, got a scalar")
    if array.shape[0] == 0:
        raise ValueError(f"`{name}` is empty: it has shape {array.shape}")
    if array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    elif array.dtype == np.float16:
        array = array.astype(np.float32)
    elif not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    stride = array.dtype.itemsize
    for size, step in zip(reversed(array.shape[1:]), reversed(array.strides[1:]), strict=True):
        if size > 1 and step != stride:
            return np.ascontiguousarray(array)
        stride *= size
    return array if array.flags.aligned else array.copy()


def rows_dtype(array: np.ndarray[Any, Any]) -> str:
    """The dtype in which the rows enter a graph: floats as `floatx()`, integers as integers."""
    dtype = graph_dtype(array.dtype)
    return config.floatx() if is_float(dtype) else dtype


def unpack(name: str, data: Any) -> tuple[Any, Any, Any]:
    """(x,), (x, y) or (x, y, sample_weight) as three."""
    if not isinstance(data, (list, tuple)) or not 1 <= len(data) <= 3:
        raise ValueError(f"`{name}` must be a tuple (x, y) or (x, y, sample_weight), got {type(data).__name__}")
    return (*data, *(None,) * (3 - len(data)))  # type: ignore[return-value]


def split(x: Any, y: Any, sample_weight: Any, share: float) -> tuple[Any, Any]:
    """(train, validation), each (x, y, sample_weight): the last `share` of the rows, before any shuffling,
    validates.
    """
    if isinstance(share, bool) or not isinstance(share, (int, float, np.number)) or not 0 < share < 1:
        raise ValueError(f"`validation_split` must be between 0 and 1, got {share!r}")
    parts = (x, y, sample_weight)
    n = count_rows(parts)
    at = math.floor(n * (1.0 - share))
    if at == 0 or at == n:
        raise ValueError(
            f"`validation_split`={share} of {n} rows leaves no row to {'train on' if at == 0 else 'validate on'}"
        )
    first = tree.map_structure(lambda a: None if a is None else a[:at], parts)
    return first, tree.map_structure(lambda a: None if a is None else a[at:], parts)


def count_rows(parts: Any) -> int:
    """The number of rows all arrays share; ValueError listing them if they differ."""
    names = ("x", "y", "sample_weight")
    sizes = {}
    for name, part in zip(names, parts, strict=False):
        flat = [a for a in tree.flatten(part) if a is not None]
        for k, a in enumerate(flat):
            sizes[name if len(flat) == 1 else f"{name}[{k}]"] = a.shape[0]
    if not sizes:
        raise ValueError("`x` is missing")
    if len(set(sizes.values())) > 1:
        shown = ", ".join(f"{name!r}: {n}" for name, n in list(sizes.items())[:3])
        more = hint = ""
        if len(sizes) > 3:
            more = f", .. ({len(sizes)} arrays)"
        if len(sizes) > 8:
            hint = "; a list of arrays means several inputs or outputs: numpy.stack makes them one"
        raise ValueError(f"all arrays must have the same number of rows, got {{{shown}{more}}}{hint}")
    return int(next(iter(sizes.values())))


def class_weights(y: Any, weights: dict[int, float], n_outputs: int) -> np.ndarray[Any, Any]:
    """One weight a row: that of its class, given as a number or one-hot; 1 for classes that are not listed."""
    numbers = (int, float, np.number)
    if not isinstance(weights, dict) or not all(isinstance(k, (int, np.integer)) for k in weights):
        raise ValueError(f"`class_weight` must be a dict from class numbers to weights, got {weights!r}")
    for k, weight in weights.items():
        if not isinstance(weight, numbers) or not np.isfinite(weight):
            raise ValueError(f"`class_weight` of class {k} must be a finite number, got {weight!r}")
    if not isinstance(y, np.ndarray) or n_outputs != 1:
        raise ValueError("`class_weight` needs one array of targets and a model with one output")
    labels = y
    if y.ndim > 1:
        labels = np.argmax(y, axis=-1) if y.shape[-1] > 1 else y[..., 0]
    rounded = np.round(labels)
    found = np.ones(rounded.shape, config.floatx())
    for k, weight in weights.items():
        found[rounded == k] = weight
    return found


class Batches(NamedTuple):
    """How many rows make a step, and how many steps an epoch."""

    n: int
    batch: int
    steps: int  # a pass over all rows
    per_epoch: int  # steps in an epoch; fewer than `steps` if steps_per_epoch says so

    @classmethod
    def of(cls, n: int, batch_size: Any, steps: Any) -> Batches:
        for name, value in (("batch_size", batch_size), ("steps", steps)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1):
                raise ValueError(f"`{name}` must be a positive integer, got {value!r}")
        batch = int(batch_size) if batch_size is not None else (math.ceil(n / int(steps)) if steps is not None else 32)
        count = math.ceil(n / batch)
        return cls(n, batch, count, int(steps) if steps is not None else count)

    @property
    def tail(self) -> int:
        """Rows in the last, smaller step of a pass; 0 if there is none."""
        return self.n % self.batch

"""What users hand to `fit`, turned into arrays that the epoch loop can gather from, without copying them whole.

Accepted: NumPy arrays and memmaps, anything with `__array__` or `__dlpack__` (pandas, Arrow, tensors of other
libraries), SciPy's sparse matrices (their rows become dense batch by batch), lists of numbers; and lists, tuples and
dicts of these for models with several inputs or outputs. A copy is made, once, only of what the loop cannot read:
values that are not adjacent within a row, float16, foreign byte order, lists. Batches from elsewhere are `stream`'s.
"""

from __future__ import annotations

import math
import sys
from typing import Any, NamedTuple

import numpy as np

from .. import _core, config, tree
from .._dtypes import graph_dtype, is_float
from .mapped import is_mapped, spare_memory

__all__ = [
    "Batches", "SparseRows", "as_rows", "check_finite", "chunks", "class_weights", "leaves",
    "positive_integer", "split", "unpack",
]  # fmt: skip

ACCEPTED = (
    "arrays (NumPy, memmap, pandas, SciPy sparse or anything with __array__ or __dlpack__), lists of numbers, lists "
    "and dicts of these, or batches: a generator, a PyDataset or another iterable"
)
_LARGEST = sys.float_info.max
_CHUNK = 1 << 24  # bytes that are looked at in one go


class SparseRows:
    """A SciPy sparse matrix of which rows are taken as dense arrays."""

    def __init__(self, matrix: Any) -> None:
        self._rows = matrix.tocsr()
        self.shape: tuple[int, ...] = tuple(self._rows.shape)
        self.dtype: np.dtype[Any] = self._rows.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def dense(self) -> Any:
        """All rows."""
        return self._rows.toarray()

    def __getitem__(self, rows: Any) -> Any:
        """A slice is sparse again; rows by number are dense."""
        if isinstance(rows, slice):
            return SparseRows(self._rows[rows])
        return self._rows[rows].toarray()


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


def _is_sparse(data: Any) -> bool:
    return hasattr(data, "tocsr") and hasattr(data, "nnz")


def _as_array(name: str, data: Any) -> np.ndarray[Any, Any]:
    """An ndarray of whatever has numbers, without a copy where that is possible."""
    if isinstance(data, np.ndarray):
        return data
    known = hasattr(data, "__array__") or hasattr(data, "__dlpack__")
    if isinstance(data, (str, bytes)) or not (isinstance(data, (list, tuple)) or known):
        raise TypeError(f"`{name}` must be {ACCEPTED}; got {type(data).__name__}")
    if hasattr(data, "requires_grad"):  # a tensor of PyTorch that its autodiff watches
        data = data.detach()
    try:
        array = np.asarray(data) if hasattr(data, "__array__") or not known else np.from_dlpack(data)
    except ValueError as error:
        raise ValueError(f"`{name}` is not a rectangular array: {error}") from None
    if array.dtype == object and hasattr(data, "dtypes"):  # a table with columns of several dtypes
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError):
            kinds = {str(k): str(v) for k, v in zip(data.columns, data.dtypes, strict=True)}
            raise TypeError(f"`{name}` must hold numbers, got a table with the columns {kinds}") from None
    if array.ndim == 1 and type(data).__name__ == "Series":  # as Keras has it: a column of a table is a column
        array = array[:, None]
    return array


def as_rows(name: str, data: Any) -> Any:
    """One array (or `SparseRows`) whose rows a step can take. TypeError or ValueError naming the argument otherwise."""
    if isinstance(data, SparseRows) or _is_sparse(data):
        if data.shape[0] == 0:
            raise ValueError(f"`{name}` is empty: it has shape {data.shape}")
        return data if isinstance(data, SparseRows) else SparseRows(data)
    array = _as_array(name, data)
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


def chunks(array: np.ndarray[Any, Any]) -> Any:
    """Slices of `array` that are looked at one after the other, so that one larger than the memory can be."""
    if array.nbytes <= _CHUNK or not array.shape[0]:
        yield 0, array
        return
    rows = max(_CHUNK * array.shape[0] // array.nbytes, 1)
    for start in range(0, array.shape[0], rows):
        yield start, array[start : start + rows]
        spare_memory([array])


def check_finite(name: str, array: Any) -> None:
    """ValueError with the first number that is NaN or infinite."""
    for _, part in chunks(array):
        if _core.within(part, -_LARGEST, _LARGEST):
            continue
        good = np.isfinite(part)
        if not good.all():
            raise ValueError(f"`{name}` must be finite, got {part[~good][0]}")


def rows_dtype(array: Any) -> str:
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
    if not is_mapped(y) or y.nbytes <= _CHUNK:
        return np.concatenate([_weights_of(part, weights) for _, part in chunks(y)])
    from tempfile import TemporaryFile

    with TemporaryFile() as file:  # the weights would be a good part of the memory that mapping the targets saves
        for _, part in chunks(y):
            file.write(_weights_of(part, weights).tobytes())
        file.flush()
        return np.memmap(file, config.floatx(), "r", shape=y.shape[:1] if y.ndim < 2 else y.shape[:-1])


def _weights_of(y: np.ndarray[Any, Any], weights: dict[int, float]) -> np.ndarray[Any, Any]:
    labels = y
    if y.ndim > 1:
        labels = np.argmax(y, axis=-1) if y.shape[-1] > 1 else y[..., 0]
    rounded = np.round(labels)
    found = np.ones(labels.shape, config.floatx())
    for k, weight in weights.items():
        found[rounded == k] = weight
    return found


def positive_integer(name: str, value: Any) -> int:
    """`value` as an int. ValueError naming the argument unless it is an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"`{name}` must be a positive integer, got {value!r}")
    return int(value)


class Batches(NamedTuple):
    """How many rows make a step, and how many steps an epoch."""

    n: int
    batch: int
    steps: int  # a pass over all rows
    per_epoch: int  # steps in an epoch; fewer than `steps` if steps_per_epoch says so

    @classmethod
    def of(cls, n: int, batch_size: Any, steps: Any) -> Batches:
        batch = None if batch_size is None else positive_integer("batch_size", batch_size)
        steps = None if steps is None else positive_integer("steps", steps)
        if batch is None:
            batch = 32 if steps is None else math.ceil(n / steps)
        count = math.ceil(n / batch)
        return cls(n, batch, count, count if steps is None else steps)

    @property
    def tail(self) -> int:
        """Rows in the last, smaller step of a pass; 0 if there is none."""
        return self.n % self.batch

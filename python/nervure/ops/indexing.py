"""Ops that pick, place and order elements: indexing, take, scatter, segment sums, sort, top-k, quantiles."""

import math
import operator
from typing import Any

import numpy as np

from .._dtypes import is_float
from .._tensor import Tensor
from ..variable import Variable
from .dispatch import (
    as_array,
    at,
    axis_of,
    cast_to,
    floating,
    iota,
    local,
    node,
    op,
    pair,
    reshaped,
    scalar,
    shape_of,
    sliced,
    tensor,
)
from .elementwise import GENERATED, where
from .manipulation import expand_dims, flip, moveaxis, pad, plain, squeeze
from .reduction import on_last, reduce, sum

__all__ = [
    "argsort", "bincount", "digitize", "get_item", "in_top_k", "isin", "median", "percentile", "quantile",
    "scatter", "scatter_update", "searchsorted", "segment_sum", "slice", "slice_update", "sort", "take",
    "take_along_axis", "top_k",
]  # fmt: skip

_add, _subtract, _multiply, _less, _less_equal, _equal, _greater = (
    GENERATED[name] for name in ("add", "subtract", "multiply", "less", "less_equal", "equal", "greater")
)


_Slice = slice  # the name is an op's below

# ---- x[key] ----


def get_item(x: Any, key: Any) -> Any:
    """x[key]. Of arrays as in NumPy, but a copy. Of Tensors: slices, integers, None, Ellipsis, and integer arrays next
    to each other; a boolean mask has no fixed shape and is a TypeError (use `where`).

    >>> import nervure as nv
    >>> nv.ops.get_item([1, 2, 3], -1)
    array(3, dtype=int32)
    """
    if local.scope is None and isinstance(x, (np.ndarray, Variable, list, tuple)):
        return np.array(as_array(x)[key])
    return _get_item(x, key)


def _is_array(k: Any) -> bool:
    if isinstance(k, Tensor):
        return k.ndim > 0 or k.node.op not in ("full", "constant")
    return isinstance(k, (list, np.ndarray, Variable))


def _place(k: Any) -> int:
    if isinstance(k, Tensor):
        return int(k)
    try:
        return operator.index(k)
    except TypeError:
        raise IndexError(f"an index is an int, a slice, '...', None or an array of ints, got {k!r}") from None


@op
def _get_item(x: Any, key: Any) -> Tensor:
    x = tensor(x)
    keys = list(key) if isinstance(key, tuple) else [key]
    for k in keys:
        if isinstance(k, (bool, np.bool_)) or str(getattr(k, "dtype", "")) == "bool":
            raise TypeError("a mask of booleans picks an unknown number of elements; use ops.where or multiply by it")
    used = len([k for k in keys if k is not None and k is not Ellipsis])
    if used > x.ndim:
        raise IndexError(f"{used} indices for an array of {x.ndim} dimensions")
    dots = [j for j, k in enumerate(keys) if k is Ellipsis]
    if len(dots) > 1:
        raise IndexError("an index can have one '...' only")
    j = dots[0] if dots else len(keys)
    keys[j : j + 1] = [_Slice(None)] * (x.ndim - used)
    arrays = [j for j, k in enumerate(keys) if _is_array(k)]
    if arrays and arrays != list(range(arrays[0], arrays[-1] + 1)):
        raise TypeError("index arrays must stand next to each other; use ops.take or ops.take_along_axis")

    shape = x.shape
    begins, sizes, steps = [], [], []
    kept: list[int] = []  # the shape after slicing: integers drop their axis, None adds one
    first = 0  # the axis, in `kept`, of the first index array
    axis = 0
    for j, k in enumerate(keys):
        if j in arrays[:1]:
            first = len(kept)
        if k is None:
            kept.append(1)
            continue
        n = shape[axis]
        if j in arrays:
            begin, size, step = 0, n, 1
        elif isinstance(k, _Slice):
            begin, stop, step = _Slice(*(None if v is None else _place(v) for v in (k.start, k.stop, k.step))).indices(
                n
            )
            size = len(range(begin, stop, step))
            begin = begin if size else 0
        else:
            begin, size, step = _place(k), 1, 1
            if not -n <= begin < n:
                raise IndexError(f"index {begin} is out of bounds for axis {axis} of size {n}")
            begin %= n
        begins.append(begin)
        sizes.append(size)
        steps.append(step)
        if j in arrays or isinstance(k, _Slice):
            kept.append(size)
        axis += 1
    y = x if tuple(sizes) == shape and set(steps) <= {1} else node("slice", x, ints=(*begins, *sizes, *steps))
    y = reshaped(y, kept)
    return _gather(y, first, [tensor(keys[j]) for j in arrays]) if arrays else y


def _gather(x: Tensor, axis: int, indices: list[Tensor]) -> Tensor:
    """x[.., i, j, ..] for integer arrays i, j .. of axes from `axis`: one `take` over those axes merged."""
    shape = x.shape
    sizes = shape[axis : axis + len(indices)]
    merged = reshaped(x, (*shape[:axis], math.prod(sizes), *shape[axis + len(indices) :]))
    return node("take", merged, _merged([_integers(i) for i in indices], sizes), ints=(axis,))


def _integers(index: Any) -> Tensor:
    index = tensor(index)
    if is_float(index.dtype):
        raise TypeError(f"indices must be integers, got {index.dtype}")
    return cast_to(index, "int32") if index.dtype == "bool" else index


def _merged(indices: list[Tensor], sizes: tuple[int, ...]) -> Tensor:
    """One index array for several axes merged. The kernels wrap and check an index; where several make one, both are
    done here, and a wrong one is made wrong for the merged axis."""
    if len(indices) == 1:
        return indices[0]
    flat: Any = 0
    inside: Any = True
    for index, n in zip(indices, sizes, strict=True):
        part = where(_less(index, 0), _add(index, n), index)
        for bound in (_less_equal(0, part), _less(part, n)):
            inside = GENERATED["logical_and"](inside, bound)
        flat = _add(_multiply(flat, n), part)
    return where(inside, flat, -(2**31))


# ---- take and put ----


@op(arrays=2)
def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """The slices of `x` at `indices` along `axis`, or the elements of the flattened `x`. -1 is the last.

    >>> import nervure as nv
    >>> nv.ops.take([10, 20, 30], [2, 0, -1])
    array([30, 10, 30], dtype=int32)
    """
    x = tensor(x)
    if axis is None:
        x, axis = reshaped(x, (x.size,)), 0
    return _gather(x, axis_of(axis, x.ndim, "take"), [tensor(indices)])


@op(arrays=2)
def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """y[.., i, ..] = x[.., indices[.., i, ..], ..] along `axis`, or of the flattened `x`; the other axes broadcast.

    >>> import nervure as nv
    >>> nv.ops.take_along_axis([[10, 20, 30]], [[2, 0]], axis=1)
    array([[30, 10]], dtype=int32)
    """
    x = tensor(x)
    if axis is None:
        x, axis = reshaped(x, (x.size,)), 0
        indices = reshaped(tensor(indices), (tensor(indices).size,))
    k = axis_of(axis, x.ndim, "take_along_axis")
    index = _integers(indices)
    if index.ndim != x.ndim:
        raise ValueError(f"take_along_axis: shapes {x.shape} and {index.shape} differ in rank")
    common = [n if n != 1 else m for n, m in zip(x.shape, index.shape, strict=True)]
    for target in (x, index):
        full = [target.shape[k] if j == k else n for j, n in enumerate(common)]
        if target is x:
            x = x if x.shape == tuple(full) else node("broadcast_to", x, ints=full)
        else:
            index = index if index.shape == tuple(full) else node("broadcast_to", index, ints=full)
    return node("take_along_axis", x, index, ints=(k,))


def _flat_index(indices: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Positions in an array of `shape`, flattened, of the points `indices[.., :]`."""
    if not indices.shape or indices.shape[-1] > len(shape):
        raise ValueError(f"scatter: indices of shape {indices.shape} do not point into shape {shape}")
    depth = indices.shape[-1]
    parts = [reshaped(sliced(indices, indices.ndim - 1, j, 1), indices.shape[:-1]) for j in range(depth)]
    return _merged(parts, shape[:depth])


def _scattered(indices: Tensor, values: Tensor, shape: tuple[int, ...]) -> Tensor:
    depth = indices.shape[-1] if indices.shape else 0
    flat = _flat_index(indices, shape)
    heads, rest = math.prod(shape[:depth]), shape[depth:]
    count = flat.size
    if values.shape != (*flat.shape, *rest):
        values = node("broadcast_to", values, ints=(*flat.shape, *rest))
    y = node("scatter_add", reshaped(flat, (count,)), reshaped(values, (count, *rest)), ints=(0, heads))
    return reshaped(y, shape)


@op(arrays=2)
def scatter(indices: Any, values: Any, shape: Any) -> Tensor:
    """Zeros of `shape` with `values[i]` added at the point `indices[i]`.

    >>> import nervure as nv
    >>> nv.ops.scatter([[0], [2]], [1.0, 2.0], (4,))
    array([1., 0., 2., 0.], dtype=float32)
    """
    return _scattered(tensor(indices), tensor(values), shape_of(shape, "scatter"))


@op(arrays=3)
def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Tensor:
    """`inputs` with `updates[i]` at the point `indices[i]`.

    Without a reduction the points must differ. With `reduction` "add", "max", "min" or "mul", what is there and all
    updates of a point are combined; "mul" and the extremes compare every update with every point.

    >>> import nervure as nv
    >>> nv.ops.scatter_update([1.0, 2.0, 3.0], [[1]], [9.0])
    array([1., 9., 3.], dtype=float32)
    """
    x, index = tensor(inputs), tensor(indices)
    values = cast_to(tensor(updates), x.dtype)
    if reduction == "add":
        return _add(x, _scattered(index, values, x.shape))
    if reduction in ("max", "min", "mul"):
        return _combined(x, index, values, reduction)
    if reduction is not None:
        raise ValueError(f"scatter_update: reduction must be None, 'add', 'max', 'min' or 'mul', got {reduction!r}")
    number = cast_to(x, "int32") if x.dtype == "bool" else x
    values = cast_to(values, number.dtype)
    hit = _scattered(index, scalar(1, "int32"), x.shape)
    return cast_to(where(_greater(hit, 0), _scattered(index, values, x.shape), number), x.dtype)


def _combined(x: Tensor, index: Tensor, values: Tensor, how: str) -> Tensor:
    depth = index.shape[-1]
    flat = _flat_index(index, x.shape)
    heads, rest = math.prod(x.shape[:depth]), x.shape[depth:]
    count, block = flat.size, math.prod(rest)
    if values.shape != (*flat.shape, *rest):
        values = node("broadcast_to", values, ints=(*flat.shape, *rest))
    hit = _equal(reshaped(flat, (1, count, 1)), iota((heads, 1, 1), 0, flat.dtype))
    old = reshaped(x, (heads, 1, block))
    neutral = scalar(1, x.dtype) if how == "mul" else old
    new = where(hit, reshaped(values, (1, count, block)), neutral)
    y = reduce("prod" if how == "mul" else how, new, 1, True)
    merged = GENERATED[{"mul": "multiply", "max": "maximum", "min": "minimum"}[how]](old, y)
    return reshaped(merged, x.shape)


def _concrete(x: Any, what: str) -> Any:
    """The numbers of `x`, on which the shape of a result depends."""
    if isinstance(x, Tensor):
        try:
            return np.asarray(x)
        except TypeError:
            raise TypeError(
                f"{what} must be given inside a trace, where the shape of a result cannot depend on data"
            ) from None
    return as_array(x)


def check_segments(what: str, x: Tensor, index: Tensor) -> None:
    """A ValueError unless there is one id for each of the slices of `x`."""
    if index.ndim != 1:
        raise ValueError(f"{what}: Argument `segment_ids` should be an 1-D vector, got shape {index.shape}")
    if not x.ndim or x.shape[0] != index.size:
        raise ValueError(
            f"{what}: Argument `segment_ids` and `data` should have same leading dimension. Got {index.shape} and "
            f"{x.shape}"
        )


def segment_sum(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """y[s] = the sum of data[i] over all i with segment_ids[i] == s. Negative ids belong to no segment; an id that is
    not below `num_segments` is an IndexError. `sorted` is a hint that needs no heed.

    >>> import nervure as nv
    >>> nv.ops.segment_sum([1.0, 2.0, 4.0], [0, 1, 0])
    array([5., 2.], dtype=float32)
    """
    if num_segments is None:
        ids = _concrete(segment_ids, "segment_sum: num_segments")
        num_segments = int(ids.max()) + 1 if ids.size else 0
    return _segment_sum(data, segment_ids, num_segments)


@op(arrays=2)
def _segment_sum(data: Any, segment_ids: Any, num_segments: int) -> Tensor:
    x, index = tensor(data), tensor(segment_ids)
    check_segments("segment_sum", x, index)
    nowhere = _less(index, 0)  # a scatter would count it from the end
    rows = reshaped(nowhere, (index.size, *(1,) * (x.ndim - 1)))
    return node("scatter_add", where(nowhere, 0, index), where(rows, 0, x), ints=(0, num_segments))


def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Any:
    """How often each integer from 0 occurs in the last axis of `x`, or the sum of its weights.

    >>> import nervure as nv
    >>> nv.ops.bincount([0, 2, 2])
    array([1, 0, 2], dtype=int32)
    """
    if sparse:
        raise ValueError("bincount: sparse tensors are not supported")
    values = _concrete(x, "bincount: numbers to count")
    n = max(int(values.max()) + 1 if values.size else 0, minlength)
    return _bincount(x, weights, n)


@op(arrays=2)
def _bincount(x: Any, weights: Any, n: int) -> Tensor:
    x = tensor(x)
    hits = cast_to(_equal(expand_dims(x, -1), iota((n,), 0, x.dtype)), "int32")
    if weights is not None:
        w = expand_dims(tensor(weights), -1)
        hits = _multiply(cast_to(hits, w.dtype), w)
    return sum(hits, axis=-2)


def _starts(indices: Any, what: str) -> tuple[int, ...]:
    if isinstance(indices, Tensor):
        indices = _concrete(indices, f"{what}: constant start_indices")
    return tuple(int(i) for i in np.ravel(plain(indices)))


def slice(inputs: Any, start_indices: Any, shape: Any) -> Any:
    """The block of `shape` that begins at `start_indices`.

    >>> import nervure as nv
    >>> nv.ops.slice([[1, 2, 3], [4, 5, 6]], (0, 1), (2, 2))
    array([[2, 3],
           [5, 6]], dtype=int32)
    """
    return _slice(inputs, _starts(start_indices, "slice"), tuple(plain(shape)))


@op
def _slice(inputs: Any, starts: tuple[int, ...], shape: tuple[int, ...]) -> Tensor:
    x = tensor(inputs)
    sizes = [n - s if m == -1 else m for n, s, m in zip(x.shape, starts, shape, strict=True)]
    return node("slice", x, ints=(*starts, *sizes, *(1,) * x.ndim))


def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Any:
    """`inputs` with the block that begins at `start_indices` replaced by `updates`.

    >>> import nervure as nv
    >>> nv.ops.slice_update([1.0, 2.0, 3.0], (1,), [8.0, 9.0])
    array([1., 8., 9.], dtype=float32)
    """
    return _slice_update(inputs, updates, _starts(start_indices, "slice_update"))


@op(arrays=2)
def _slice_update(inputs: Any, updates: Any, starts: tuple[int, ...]) -> Tensor:
    x = tensor(inputs)
    block = cast_to(tensor(updates), x.dtype)
    widths = [(s, n - s - m) for s, n, m in zip(starts, x.shape, block.shape, strict=False)]
    if not len(starts) == x.ndim == block.ndim or any(w < 0 for pair in widths for w in pair):
        raise ValueError(f"slice_update: updates of shape {block.shape} at {starts} do not fit shape {x.shape}")
    inside = pad(node("broadcast_to", scalar(True, "bool"), ints=block.shape), widths)
    return where(inside, pad(block, widths), x)


# ---- order ----


@op
def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Tensor, Tensor]:
    """The k largest elements of the last axis, in descending order, and their indices (int32). Of equals the first
    comes first.

    >>> import nervure as nv
    >>> nv.ops.top_k([1.0, 3.0, 2.0], k=2)
    (array([3., 2.], dtype=float32), array([1, 2], dtype=int32))
    """
    x = tensor(x)
    if not x.ndim or not 0 <= k <= x.shape[-1]:
        raise ValueError(f"top_k: cannot take {k} of the last axis of shape {x.shape}")
    index = node("top_k_indices", cast_to(x, "int32") if x.dtype == "bool" else x, ints=(k,))
    return node("take_along_axis", x, index, ints=(x.ndim - 1,)), index


@op(arrays=2)
def in_top_k(targets: Any, predictions: Any, k: int) -> Tensor:
    """Whether predictions[i, targets[i]] is among the k largest of its row; ties with the k-th count as in.

    >>> import nervure as nv
    >>> nv.ops.in_top_k([1, 0], [[1.0, 3.0], [1.0, 3.0]], 1)
    array([ True, False])
    """
    x, target = floating(predictions), tensor(targets)
    own = take_along_axis(x, expand_dims(target, -1), axis=-1)
    finite = squeeze(GENERATED["isfinite"](own), -1)
    larger = sum(cast_to(_greater(x, own), "int32"), axis=-1)
    return GENERATED["logical_and"](_less(larger, k), finite)


def _ascending(x: Any, axis: int | None, what: str) -> tuple[Tensor, Tensor, int]:
    x = tensor(x)
    if axis is None or not x.ndim:
        x, axis = reshaped(x, (x.size,)), 0
    k = axis_of(axis, x.ndim, what)
    last = moveaxis(x, k, -1)
    # Descending, of the elements in reverse, in reverse: so equals keep their order and NaN comes last.
    n = last.shape[-1]
    number = cast_to(last, "int32") if last.dtype == "bool" else last
    index = node("top_k_indices", flip(number, -1), ints=(n,))
    return last, _subtract(n - 1, flip(index, -1)), k


@op
def argsort(x: Any, axis: int | None = -1) -> Tensor:
    """The indices (int32) that sort `x` along `axis`, or flattened. Equals keep their order; NaN comes last.

    >>> import nervure as nv
    >>> nv.ops.argsort([3, 1, 2])
    array([1, 2, 0], dtype=int32)
    """
    _, index, k = _ascending(x, axis, "argsort")
    return moveaxis(index, -1, k)


@op
def sort(x: Any, axis: int | None = -1) -> Tensor:
    """`x` in ascending order along `axis`, or flattened; NaN comes last.

    >>> import nervure as nv
    >>> nv.ops.sort([3, 1, 2])
    array([1, 2, 3], dtype=int32)
    """
    last, index, k = _ascending(x, axis, "sort")
    return moveaxis(node("take_along_axis", last, index, ints=(last.ndim - 1,)), -1, k)


@op(arrays=2)
def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Tensor:
    """Where `values` would go in a sorted vector: before their equals, or after with side="right". int32.

    >>> import nervure as nv
    >>> nv.ops.searchsorted([1, 3, 5], [3, 4])
    array([1, 2], dtype=int32)
    """
    if side not in ("left", "right"):
        raise ValueError(f"searchsorted: side must be 'left' or 'right', got {side!r}")
    a, v = pair(sorted_sequence, values)
    if a.ndim != 1:
        raise ValueError(f"searchsorted: the sorted sequence must be a vector, got shape {a.shape}")
    before = (_less if side == "left" else _less_equal)(a, reshaped(v, (*v.shape, 1)))
    return reduce("sum", cast_to(before, "int32"), -1, False)


@op(arrays=2)
def digitize(x: Any, bins: Any) -> Tensor:
    """The number of `bins` (ascending) at or below each element: int32.

    >>> import nervure as nv
    >>> nv.ops.digitize([0.5, 2.5], [1.0, 2.0])
    array([0, 2], dtype=int32)
    """
    return searchsorted(bins, x, side="right")


@op(arrays=2)
def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Which elements of x1 occur in x2.

    >>> import nervure as nv
    >>> nv.ops.isin([1, 2, 3], [2, 3])
    array([False,  True,  True])
    """
    a, b = pair(x1, x2)
    found = reduce("any", _equal(reshaped(a, (*a.shape, 1)), reshaped(b, (b.size,))), -1, False)
    return GENERATED["logical_not"](found) if invert else found


@op(arrays=2)
def quantile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """The q-quantiles over axes, 0 <= q <= 1; q's axis, if it has one, comes first.

    `method`: "linear", "lower", "higher", "midpoint" or "nearest".

    >>> import nervure as nv
    >>> nv.ops.quantile([1.0, 2.0, 3.0, 4.0], 0.5)
    array(2.5, dtype=float32)
    """
    x = floating(x)
    q = at(q, x.dtype)
    last, order, _ = on_last(x, axis, "quantile")
    n = last.shape[-1]
    if n == 0:
        raise ValueError("quantile: nothing to order")
    ordered = sort(last)
    place = _multiply(q, n - 1)
    low, high = GENERATED["floor"](place), GENERATED["ceil"](place)
    part = _subtract(place, low)
    if method == "nearest":
        low = high = GENERATED["round"](place)
    elif method != "linear":
        choices = {"lower": (low, low), "higher": (high, high), "midpoint": (low, high)}
        if method not in choices:
            raise ValueError(f"quantile: method must be linear, lower, higher, midpoint or nearest, got {method!r}")
        low, high = choices[method]
        part = GENERATED["multiply"](_subtract(high, low), 0.5) if method == "midpoint" else part
    a, b = (take(ordered, cast_to(i, "int32"), axis=-1) for i in (low, high))
    y = where(_equal(a, b), a, _add(a, _multiply(_subtract(b, a), part)))  # also where both are infinite
    if q.ndim:
        y = moveaxis(y, -1, 0)
    y = where(reduce("any", GENERATED["isnan"](last), -1, False), math.nan, y)
    if keepdims:
        axes = order[last.ndim - 1 :]
        y = reshaped(y, (*q.shape, *(1 if k in axes else m for k, m in enumerate(x.shape))))
    return y


@op(arrays=2)
def percentile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """The q-th percentiles: `quantile` of q / 100.

    >>> import nervure as nv
    >>> nv.ops.percentile([1.0, 2.0, 3.0], 50)
    array(2., dtype=float32)
    """
    x = floating(x)
    return quantile(x, GENERATED["divide"](at(q, x.dtype), 100.0), axis, method, keepdims)


@op
def median(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The middle element over axes, or the mean of the two middle ones.

    >>> import nervure as nv
    >>> nv.ops.median([3.0, 1.0, 2.0])
    array(2., dtype=float32)
    """
    return quantile(x, 0.5, axis, "linear", keepdims)

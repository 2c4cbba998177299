"""Statistics of samples: quantiles and extremes without NaN, correlation, distances, histograms, segments."""

import math
from typing import Any

from .._dtypes import FLOAT, is_float
from .._tensor import Tensor
from .dispatch import at, axes_of, cast_to, floating, iota, node, op, pair, reshaped, tensor
from .elementwise import GENERATED, where
from .indexing import _concrete, check_segments, sort, take_along_axis
from .linalg import matmul
from .manipulation import expand_dims, flip, linspace, moveaxis, pad
from .reduction import argmax, argmin, max, mean, min, on_last, prod, reduce, sum

__all__ = [
    "cdist", "corrcoef", "correlate", "histogram", "nanargmax", "nanargmin", "nanmedian", "nanpercentile",
    "nanquantile", "segment_max", "segment_min", "segment_prod",
]  # fmt: skip

_METHODS = ("linear", "lower", "higher", "midpoint", "nearest")
_add, _subtract, _multiply, _divide, _equal, _isnan = (
    GENERATED[name] for name in ("add", "subtract", "multiply", "divide", "equal", "isnan")
)


@op(arrays=2)
def nanquantile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """`quantile` of what is not NaN; NaN where there is nothing else.

    >>> import nervure as nv, numpy as np
    >>> nv.ops.nanquantile([1.0, np.nan, 3.0], 0.5)
    array(2., dtype=float32)
    """
    if method not in _METHODS:
        raise ValueError(f"nanquantile: method must be one of {', '.join(_METHODS)}, got {method!r}")
    x = floating(x)
    q = at(q, x.dtype)
    if q.ndim > 1:
        raise ValueError(f"nanquantile: q must be a number or a vector, got shape {q.shape}")
    last, order, _ = on_last(x, axis, "nanquantile")
    ordered = sort(last)  # NaN comes last
    count = reduce("sum", cast_to(GENERATED["logical_not"](_isnan(last)), x.dtype), -1, True)
    place = _multiply(reshaped(q, (q.size,)), GENERATED["maximum"](_subtract(count, 1), 0))
    low, high = GENERATED["floor"](place), GENERATED["ceil"](place)
    part = _subtract(place, low)
    if method == "nearest":
        low = high = GENERATED["round"](place)
    elif method == "lower":
        high = low
    elif method == "higher":
        low = high
    elif method == "midpoint":
        part = _multiply(_subtract(high, low), 0.5)
    a, b = (take_along_axis(ordered, cast_to(i, "int32"), axis=-1) for i in (low, high))
    y = where(_equal(a, b), a, _add(a, _multiply(_subtract(b, a), part)))
    y = where(_equal(count, 0), math.nan, y)
    axes = order[last.ndim - 1 :]
    kept = tuple(1 if k in axes else n for k, n in enumerate(x.shape)) if keepdims else last.shape[:-1]
    return reshaped(moveaxis(y, -1, 0), (*q.shape, *kept))


@op(arrays=2)
def nanpercentile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """The q-th percentiles of what is not NaN: `nanquantile` of q / 100.

    >>> import nervure as nv, numpy as np
    >>> nv.ops.nanpercentile([1.0, np.nan, 3.0], 50)
    array(2., dtype=float32)
    """
    x = floating(x)
    return nanquantile(x, _divide(at(q, x.dtype), 100.0), axis, method, keepdims)


@op
def nanmedian(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The median of what is not NaN.

    >>> import nervure as nv, numpy as np
    >>> nv.ops.nanmedian([5.0, np.nan, 1.0])
    array(3., dtype=float32)
    """
    return nanquantile(x, 0.5, axis, "linear", keepdims)


def _nan_arg(f: Any, x: Any, worst: float, axis: int | None, keepdims: bool) -> Tensor:
    x = tensor(x)
    if not is_float(x.dtype):
        return f(x, axis, keepdims)
    nan = _isnan(x)
    # Worse than an infinity: what is not NaN wins over it, as it comes with a flag of its own.
    best = f(where(nan, worst, x), axis, keepdims)
    reached = (max if worst < 0 else min)(where(nan, worst, x), axis, True)
    first = argmax(cast_to(GENERATED["logical_and"](_equal(x, reached), GENERATED["logical_not"](nan)), "int32"), axis,
                   keepdims)  # fmt: skip
    none = reduce("all", nan, axes_of(axis, x.ndim, "nanargmax"), keepdims)
    return where(none, cast_to(tensor(-1), best.dtype), first)


@op
def nanargmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index (int32) of the largest element that is not NaN, of the first of equals; -1 where all are NaN.

    >>> import nervure as nv, numpy as np
    >>> nv.ops.nanargmax([1.0, np.nan, 3.0])
    array(2, dtype=int32)
    """
    return _nan_arg(argmax, x, -math.inf, axis, keepdims)


@op
def nanargmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index (int32) of the smallest element that is not NaN, of the first of equals; -1 where all are NaN.

    >>> import nervure as nv, numpy as np
    >>> nv.ops.nanargmin([np.nan, 1.0, 3.0])
    array(1, dtype=int32)
    """
    return _nan_arg(argmin, x, math.inf, axis, keepdims)


@op
def corrcoef(x: Any) -> Tensor:
    """Pearson's correlation of each pair of rows.

    >>> import nervure as nv
    >>> nv.ops.corrcoef([[1.0, 2.0], [2.0, 1.0]]).round(4).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    x = floating(x)
    if x.ndim > 2:
        raise ValueError(f"corrcoef: x must be a vector or a matrix, got shape {x.shape}")
    rows = reshaped(x, (1, x.size)) if x.ndim < 2 else x
    centred = _subtract(rows, mean(rows, -1, True))
    covariance = matmul(centred, moveaxis(centred, 0, 1))
    size = GENERATED["sqrt"](sum(GENERATED["square"](centred), -1, True))
    y = _divide(_divide(covariance, size), moveaxis(size, 0, 1))
    y = GENERATED["minimum"](GENERATED["maximum"](y, -1.0), 1.0)
    return reshaped(y, ()) if x.ndim < 2 else y


@op(arrays=2)
def correlate(x1: Any, x2: Any, mode: str = "valid") -> Tensor:
    """The cross-correlation of two vectors: y[k] = sum over i of x1[i + k] * x2[i].

    `mode`: "valid" where the shorter lies within the longer, "full" where they meet at all, "same" the middle of that.

    >>> import nervure as nv
    >>> nv.ops.correlate([1.0, 2.0, 3.0], [0.0, 1.0])
    array([2., 3.], dtype=float32)
    """
    a, b = pair(x1, x2)
    if a.ndim != 1 or b.ndim != 1 or not a.size or not b.size:
        raise ValueError(f"correlate: two vectors are needed, got shapes {a.shape} and {b.shape}")
    if mode not in ("valid", "same", "full"):
        raise ValueError(f"correlate: mode must be 'valid', 'same' or 'full', got {mode!r}")
    n, m = a.size, b.size
    if n < m:
        return flip(correlate(b, a, mode))
    whole = n + m - 1
    padded = pad(a, (m - 1, m - 1))
    at_ = _add(iota((whole, m), 0), iota((whole, m), 1))
    y = reduce("sum", _multiply(node("take", padded, at_, ints=(0,)), b), -1, False)
    size = {"full": whole, "same": n, "valid": n - m + 1}[mode]
    begin = {"full": 0, "same": (m - 1) // 2, "valid": m - 1}[mode]
    return node("slice", y, ints=(begin, size, 1))


@op(arrays=2)
def cdist(x1: Any, x2: Any) -> Tensor:
    """The Euclidean distance of each row of x1 to each row of x2.

    >>> import nervure as nv
    >>> nv.ops.cdist([[0.0, 0.0]], [[3.0, 4.0], [0.0, 1.0]])
    array([[5., 1.]], dtype=float32)
    """
    a, b = pair(x1, x2, FLOAT)
    if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-1]:
        raise ValueError(f"cdist: rows of equal length are needed, got shapes {a.shape} and {b.shape}")
    squares = reduce("sum", GENERATED["square"](_subtract(expand_dims(a, -2), expand_dims(b, -3))), -1, False)
    same = _equal(squares, 0)  # where the root has no slope
    return where(same, 0, GENERATED["sqrt"](where(same, 1, squares)))


def histogram(x: Any, bins: int = 10, range: Any = None) -> tuple[Any, Any]:
    """How many elements fall into each of `bins` equal parts of `range` (by default, from the least to the largest
    element), and the edges of the parts. An edge belongs to the part on its right, the last edge to the last part.

    >>> import nervure as nv
    >>> nv.ops.histogram([0.0, 1.0, 4.0], bins=2)
    (array([2, 1], dtype=int32), array([0., 2., 4.], dtype=float32))
    """
    if not isinstance(bins, int) or bins <= 0:
        raise ValueError(f"histogram: bins must be a positive int, got {bins!r}")
    if range is not None and (len(range) != 2 or not range[0] <= range[1]):
        raise ValueError(f"histogram: range must be (low, high) with low <= high, got {range!r}")
    return _histogram(x, bins, None if range is None else (float(range[0]), float(range[1])))


@op
def _histogram(x: Any, bins: int, range: tuple[float, float] | None) -> tuple[Tensor, Tensor]:
    x = floating(x)
    flat = reshaped(x, (x.size,))
    if range is not None:
        low, high = at(range[0], x.dtype), at(range[1], x.dtype)
    elif x.size:
        low, high = min(flat), max(flat)
    else:
        low, high = at(0.0, x.dtype), at(1.0, x.dtype)
    point = _equal(low, high)
    low, high = where(point, _subtract(low, 0.5), low), where(point, _add(high, 0.5), high)
    edges = linspace(low, high, bins + 1)
    column = reshaped(flat, (x.size, 1))
    left, right = node("slice", edges, ints=(0, bins, 1)), node("slice", edges, ints=(1, bins, 1))
    last = _equal(iota((bins,), 0), bins - 1)
    below = where(last, GENERATED["less_equal"](column, right), GENERATED["less"](column, right))
    inside = GENERATED["logical_and"](GENERATED["greater_equal"](column, left), below)
    return reduce("sum", cast_to(inside, "int32"), 0, False), edges


# ---- segments ----


def _segments(what: str, f: Any, empty: Any, data: Any, segment_ids: Any, num_segments: int | None) -> Any:
    if num_segments is None:
        ids = _concrete(segment_ids, f"{what}: num_segments")
        num_segments = int(ids.max()) + 1 if ids.size else 0
    return _segmented(data, segment_ids, what, f, empty, num_segments)


@op(arrays=2)
def _segmented(data: Any, segment_ids: Any, what: str, f: Any, empty: Any, n: int) -> Tensor:
    x, index = tensor(data), tensor(segment_ids)
    check_segments(what, x, index)
    if not is_float(x.dtype) and isinstance(empty, float):
        info = 2 ** (31 if x.dtype == "int32" else 63)
        empty = -info if empty < 0 else info - 1
    own = _equal(reshaped(index, (1, index.size)), reshaped(iota((n,), 0, index.dtype), (n, 1)))
    own = reshaped(own, (n, index.size, *(1,) * (x.ndim - 1)))
    return f(where(own, reshaped(x, (1, *x.shape)), at(empty, x.dtype)), 1)


def segment_max(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """y[s] = the largest data[i] over all i with segment_ids[i] == s; the least number of the dtype (-infinity) where
    there is none. Ids that are negative or not below `num_segments` belong to no segment.

    >>> import nervure as nv
    >>> nv.ops.segment_max([1.0, 2.0, 4.0], [0, 1, 0])
    array([4., 2.], dtype=float32)
    """
    return _segments("segment_max", max, -math.inf, data, segment_ids, num_segments)


def segment_min(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """y[s] = the smallest data[i] over all i with segment_ids[i] == s; the largest number of the dtype (infinity)
    where there is none.

    >>> import nervure as nv
    >>> nv.ops.segment_min([1.0, 2.0, 4.0], [0, 1, 0])
    array([1., 2.], dtype=float32)
    """
    return _segments("segment_min", min, math.inf, data, segment_ids, num_segments)


def segment_prod(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """y[s] = the product of data[i] over all i with segment_ids[i] == s; 1 where there is none.

    >>> import nervure as nv
    >>> nv.ops.segment_prod([1.0, 2.0, 4.0], [0, 1, 0])
    array([4., 2.], dtype=float32)
    """
    return _segments("segment_prod", prod, 1, data, segment_ids, num_segments)

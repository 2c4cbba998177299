"""Ops that reduce axes (sum, max, mean, argmax, norms ..) or run along one (cumsum, logsumexp).

`axis` is None for all axes, an int, or a sequence of ints; with `keepdims` the reduced axes stay as size 1.
"""

import math
from typing import Any

from .._dtypes import is_float
from .._tensor import Tensor
from .dispatch import at, axes_of, axis_of, cast_to, floating, node, op, permuted, reshaped, tensor
from .elementwise import GENERATED, as_bool, where

__all__ = [
    "all", "allclose", "amax", "amin", "any", "argmax", "argmin", "average", "count_nonzero", "cumprod",
    "cumsum", "logsumexp", "max", "mean", "min", "nancumprod", "nancumsum", "nanmax", "nanmean", "nanmin",
    "nanprod", "nanstd", "nansum", "nanvar", "norm", "prod", "ptp", "std", "sum", "var",
]  # fmt: skip

any_ = any  # Python's: the name is an op's below

_add, _subtract, _multiply, _divide, _square, _sqrt, _abs, _maximum, _isnan = (
    GENERATED[name]
    for name in ("add", "subtract", "multiply", "divide", "square", "sqrt", "absolute", "maximum", "isnan")
)


def without(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """`shape` less `axes`."""
    return tuple([n for k, n in enumerate(shape) if k not in axes])


def reduce(name: str, x: Tensor, axis: Any, keepdims: bool) -> Tensor:
    """The reduction `name` of the op table."""
    shape = x.shape
    axes = axes_of(axis, len(shape), name)
    if not axes:
        return x
    y = node(name, x, ints=axes)
    return y if keepdims else node("reshape", y, ints=without(shape, axes))


def _at_least_int(x: Any) -> Tensor:
    x = tensor(x)
    return cast_to(x, "int32") if x.dtype == "bool" else x


@op
def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The sum over axes; of bools as int32.

    >>> import nervure as nv
    >>> nv.ops.sum([[1.0, 2.0], [3.0, 4.0]], axis=0)
    array([4., 6.], dtype=float32)
    """
    return reduce("sum", _at_least_int(x), axis, keepdims)


@op
def prod(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Tensor:
    """The product over axes; of bools as int32.

    >>> import nervure as nv
    >>> nv.ops.prod([2, 3, 4])
    array(24, dtype=int32)
    """
    return reduce("prod", _at_least_int(x) if dtype is None else at(x, dtype), axis, keepdims)


def _extreme(name: str, x: Any, axis: Any, keepdims: bool, initial: Any) -> Tensor:
    x = tensor(x)
    shape = x.shape
    axes = axes_of(axis, len(shape), name)
    empty = any_(shape[k] == 0 for k in axes)
    if empty and initial is None:
        raise ValueError(f"{name}: an empty axis has none, in shape {shape}; give `initial`")
    if x.dtype == "bool":
        y = reduce("any" if name == "max" else "all", x, axis, keepdims)
    elif empty:
        kept = tuple(1 if k in axes else n for k, n in enumerate(shape)) if keepdims else without(shape, axes)
        return node("broadcast_to", at(initial, x.dtype), ints=kept)
    else:
        y = reduce(name, x, axis, keepdims)
    return y if initial is None else GENERATED[name + "imum"](y, initial)


@op
def max(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Tensor:
    """The largest element over axes (NaN if there is one), at least `initial`; ties share the gradient.

    >>> import nervure as nv
    >>> nv.ops.max([[1, 5], [7, 2]], axis=0)
    array([7, 5], dtype=int32)
    """
    return _extreme("max", x, axis, keepdims, initial)


@op
def min(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Tensor:
    """The smallest element over axes (NaN if there is one), at most `initial`; ties share the gradient.

    >>> import nervure as nv
    >>> nv.ops.min([[1, 5], [7, 2]], axis=0)
    array([1, 2], dtype=int32)
    """
    return _extreme("min", x, axis, keepdims, initial)


amax, amin = max, min


@op
def any(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether some element over axes is true.

    >>> import nervure as nv
    >>> nv.ops.any([[True, False], [False, False]], axis=1)
    array([ True, False])
    """
    return reduce("any", as_bool(x), axis, keepdims)


@op
def all(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether every element over axes is true.

    >>> import nervure as nv
    >>> nv.ops.all([[True, False], [True, True]], axis=1)
    array([False,  True])
    """
    return reduce("all", as_bool(x), axis, keepdims)


@op
def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The mean over axes; NaN of nothing.

    >>> import nervure as nv
    >>> nv.ops.mean([[1.0, 2.0], [3.0, 4.0]], axis=1)
    array([1.5, 3.5], dtype=float32)
    """
    x = floating(x)
    shape = x.shape
    n = math.prod(shape[k] for k in axes_of(axis, len(shape), "mean"))
    y = reduce("sum", x, axis, keepdims)
    return y if n == 1 else _divide(y, float(n))  # not times 1 / n: the mean of ones is 1


@op
def var(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The variance over axes, divided by their size: mean((x - mean(x))**2).

    >>> import nervure as nv
    >>> nv.ops.var([1.0, 3.0])
    array(1., dtype=float32)
    """
    x = floating(x)
    return mean(_square(_subtract(x, mean(x, axis, True))), axis, keepdims)


@op
def std(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The square root of `var`.

    >>> import nervure as nv
    >>> nv.ops.std([1.0, 3.0])
    array(1., dtype=float32)
    """
    return _sqrt(var(x, axis, keepdims))


@op
def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """max - min.

    >>> import nervure as nv
    >>> nv.ops.ptp([3, 9, 4])
    array(6, dtype=int32)
    """
    return _subtract(max(x, axis, keepdims), min(x, axis, keepdims))


@op
def count_nonzero(x: Any, axis: Any = None) -> Tensor:
    """How many elements over axes are not 0.

    >>> import nervure as nv
    >>> nv.ops.count_nonzero([0, 1, 2])
    array(2, dtype=int32)
    """
    return sum(as_bool(x), axis)


@op
def average(x: Any, axis: Any = None, weights: Any = None) -> Tensor:
    """sum(x * weights) / sum(weights); the mean without weights. 1-d weights run along an int `axis`.

    >>> import nervure as nv
    >>> nv.ops.average([1.0, 3.0], weights=[3.0, 1.0])
    array(1.5, dtype=float32)
    """
    if weights is None:
        return mean(x, axis)
    x, w = floating(x), floating(weights)
    if w.ndim == 1 and x.ndim > 1 and isinstance(axis, int):
        w = reshaped(w, [n if k == axis_of(axis, x.ndim, "average") else 1 for k, n in enumerate(x.shape)])
    xw = _multiply(x, w)
    return _divide(sum(xw, axis), sum(node("broadcast_to", w, ints=xw.shape), axis))


def _arg(name: str, x: Any, axis: Any, keepdims: bool) -> Tensor:
    x = _at_least_int(x)
    ndim = x.ndim
    if axis is None:
        y = node(name, reshaped(x, (x.size,)), ints=(0,))
        return reshaped(y, (1,) * ndim if keepdims else ())
    k = axis_of(axis, ndim, name)
    y = node(name, x, ints=(k,))
    return y if keepdims else reshaped(y, without(x.shape, (k,)))


@op
def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the first largest element along `axis`, or in the flattened array: int32.

    >>> import nervure as nv
    >>> nv.ops.argmax([[1, 5], [7, 2]], axis=1)
    array([1, 0], dtype=int32)
    """
    return _arg("argmax", x, axis, keepdims)


@op
def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the first smallest element along `axis`, or in the flattened array: int32.

    >>> import nervure as nv
    >>> nv.ops.argmin([[1, 5], [7, 2]], axis=1)
    array([0, 1], dtype=int32)
    """
    return _arg("argmin", x, axis, keepdims)


def on_last(x: Tensor, axis: Any, what: str) -> tuple[Tensor, tuple[int, ...], tuple[int, ...]]:
    """`x` with `axis` moved last and, if several, merged; the order of axes this took, and the moved shape."""
    shape = x.shape
    axes = axes_of(axis, len(shape), what)
    order = (*(k for k in range(len(shape)) if k not in axes), *axes)
    moved = permuted(x, order)
    kept = tuple(shape[k] for k in order[: len(shape) - len(axes)])
    merged = reshaped(moved, (*kept, math.prod(shape[k] for k in axes)))
    return merged, order, moved.shape


def from_last(y: Tensor, order: tuple[int, ...], moved: tuple[int, ...]) -> Tensor:
    """Undoes `on_last` on an array of the same shape."""
    back = [0] * len(order)
    for to, k in enumerate(order):
        back[k] = to
    return permuted(reshaped(y, moved), back)


@op
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))) over axes, for any size of x.

    >>> import nervure as nv
    >>> round(float(nv.ops.logsumexp([1000.0, 1000.0])), 3)
    1000.693
    """
    x = floating(x)
    axes = axes_of(axis, x.ndim, "logsumexp")
    y = node("logsumexp", on_last(x, axes, "logsumexp")[0])
    shape = x.shape
    return reshaped(y, [1 if k in axes else n for k, n in enumerate(shape)] if keepdims else without(shape, axes))


def _scan(name: str, x: Any, axis: Any, dtype: Any) -> Tensor:
    x = _at_least_int(x) if dtype is None else at(x, dtype)
    if axis is None:
        x, axis = reshaped(x, (x.size,)), 0
    last, order, moved = on_last(x, axis_of(axis, x.ndim, name), name)
    return from_last(node(name, last), order, moved)


@op
def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Running sums along `axis`, or of the flattened array.

    >>> import nervure as nv
    >>> nv.ops.cumsum([1, 2, 3])
    array([1, 3, 6], dtype=int32)
    """
    return _scan("cumsum", x, axis, dtype)


@op
def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Running products along `axis`, or of the flattened array.

    >>> import nervure as nv
    >>> nv.ops.cumprod([1, 2, 3])
    array([1, 2, 6], dtype=int32)
    """
    return _scan("cumprod", x, axis, dtype)


def _ignoring_nan(x: Any, instead: float) -> Tensor:
    x = _at_least_int(x)
    return where(_isnan(x), instead, x) if is_float(x.dtype) else x


@op
def nansum(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """`sum` of what is not NaN.

    >>> import nervure as nv, numpy as np
    >>> nv.ops.nansum([1.0, np.nan])
    array(1., dtype=float32)
    """
    return sum(_ignoring_nan(x, 0.0), axis, keepdims)


@op
def nanprod(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """`prod` of what is not NaN.

    >>> import nervure as nv, numpy as np
    >>> nv.ops.nanprod([2.0, np.nan])
    array(2., dtype=float32)
    """
    return prod(_ignoring_nan(x, 1.0), axis, keepdims)


def _nan_extreme(f: Any, x: Any, worst: float, axis: Any, keepdims: bool) -> Tensor:
    x = tensor(x)
    if not is_float(x.dtype):
        return f(x, axis, keepdims)
    return where(all(_isnan(x), axis, keepdims), math.nan, f(_ignoring_nan(x, worst), axis, keepdims))


@op
def nanmax(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """`max` of what is not NaN; NaN if nothing is left.

    >>> import nervure as nv, numpy as np
    >>> nv.ops.nanmax([2.0, np.nan])
    array(2., dtype=float32)
    """
    return _nan_extreme(max, x, -math.inf, axis, keepdims)


@op
def nanmin(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """`min` of what is not NaN; NaN if nothing is left.

    >>> import nervure as nv, numpy as np
    >>> nv.ops.nanmin([2.0, np.nan])
    array(2., dtype=float32)
    """
    return _nan_extreme(min, x, math.inf, axis, keepdims)


@op
def nancumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """`cumsum` with NaN as 0.

    >>> import nervure as nv, numpy as np
    >>> nv.ops.nancumsum([1.0, np.nan, 2.0])
    array([1., 1., 3.], dtype=float32)
    """
    return cumsum(_ignoring_nan(x, 0.0), axis, dtype)


@op
def nancumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """`cumprod` with NaN as 1.

    >>> import nervure as nv, numpy as np
    >>> nv.ops.nancumprod([1.0, np.nan, 2.0])
    array([1., 1., 2.], dtype=float32)
    """
    return cumprod(_ignoring_nan(x, 1.0), axis, dtype)


@op
def nanmean(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """`mean` of what is not NaN.

    >>> import nervure as nv, numpy as np
    >>> nv.ops.nanmean([1.0, np.nan, 3.0])
    array(2., dtype=float32)
    """
    x = floating(x)
    count = sum(cast_to(GENERATED["logical_not"](_isnan(x)), x.dtype), axis, keepdims)
    return _divide(nansum(x, axis, keepdims), count)


@op
def nanvar(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """`var` of what is not NaN.

    >>> import nervure as nv, numpy as np
    >>> nv.ops.nanvar([1.0, np.nan, 3.0])
    array(1., dtype=float32)
    """
    x = floating(x)
    return nanmean(_square(_subtract(x, nanmean(x, axis, True))), axis, keepdims)


@op
def nanstd(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """`std` of what is not NaN.

    >>> import nervure as nv, numpy as np
    >>> nv.ops.nanstd([1.0, np.nan, 3.0])
    array(1., dtype=float32)
    """
    return _sqrt(nanvar(x, axis, keepdims))


@op(arrays=2)
def allclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Whether |x1 - x2| <= atol + rtol |x2| everywhere.

    >>> import nervure as nv
    >>> nv.ops.allclose([1.0], [1.0 + 1e-7])
    array(True)
    """
    from .elementwise import isclose

    return all(isclose(x1, x2, rtol, atol, equal_nan))


@op
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """A norm of vectors or matrices.

    Without `ord`: the Euclidean norm over `axis` (all axes by default). Over one axis: inf, -inf, 0 (the count of
    nonzeros) or any p, (sum |x|^p)^(1/p). Over two: "fro", and 1, -1, inf, -inf, the extreme column or row sums.

    >>> import nervure as nv
    >>> nv.ops.norm([3.0, 4.0])
    array(5., dtype=float32)
    """
    x = floating(x)
    if ord is None:
        return _sqrt(sum(_square(x), axis, keepdims))
    axes = tuple(
        axis_of(k, x.ndim, "norm")
        for k in (range(x.ndim) if axis is None else axis if isinstance(axis, (list, tuple)) else (axis,))
    )
    if len(axes) == 2:
        if ord == "fro":
            return _sqrt(sum(_square(x), axes, keepdims))
        if ord in (1, -1, math.inf, -math.inf):
            first, second = axes if abs(ord) == 1 else axes[::-1]
            y = (max if ord > 0 else min)(sum(_abs(x), first, True), second, True)
            return y if keepdims else reshaped(y, without(x.shape, axes))
    if len(axes) != 1 or isinstance(ord, str):
        raise ValueError(f"norm: ord={ord!r} is not supported over {len(axes)} axes")
    if ord == math.inf:
        return max(_abs(x), axes, keepdims)
    if ord == -math.inf:
        return min(_abs(x), axes, keepdims)
    if ord == 0:
        return cast_to(sum(as_bool(x), axes, keepdims), x.dtype)
    if ord == 1:
        return sum(_abs(x), axes, keepdims)
    if ord == 2:
        return _sqrt(sum(_square(x), axes, keepdims))
    power = GENERATED["power"]
    return power(sum(power(_abs(x), ord), axes, keepdims), 1.0 / ord)

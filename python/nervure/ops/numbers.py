"""More of NumPy's names: parts of numbers, sequences of them, and what depends on the data (eagerly only)."""

import math
from typing import Any

import numpy as np

from .._dtypes import FLOAT, is_float, standardize_dtype
from .._tensor import Tensor
from .core import convert_to_tensor
from .dispatch import (
    axis_of,
    cast_to,
    floating,
    iota,
    node,
    op,
    pair,
    reshaped,
    scalar,
    shape_of,
    tensor,
)
from .elementwise import GENERATED, where
from .indexing import _concrete, argsort
from .manipulation import flip, linspace, split

__all__ = [
    "angle", "argpartition", "conj", "conjugate", "dsplit", "gcd", "geomspace", "imag", "isreal", "lcm", "nonzero",
    "real", "signbit", "unique", "unravel_index", "vander",
]  # fmt: skip

_add, _subtract, _multiply, _divide, _equal, _less, _abs = (
    GENERATED[name] for name in ("add", "subtract", "multiply", "divide", "equal", "less", "absolute")
)


@op
def real(x: Any) -> Tensor:
    """The real part: of real numbers, themselves.

    >>> import nervure as nv
    >>> nv.ops.real([1.5])
    array([1.5], dtype=float32)
    """
    return tensor(x)


@op
def imag(x: Any) -> Tensor:
    """The imaginary part: of real numbers, zeros.

    >>> import nervure as nv
    >>> nv.ops.imag([1.5])
    array([0.], dtype=float32)
    """
    x = tensor(x)
    return node("broadcast_to", scalar(0, x.dtype), ints=x.shape)


@op
def conj(x: Any) -> Tensor:
    """The complex conjugate: of real numbers, themselves.

    >>> import nervure as nv
    >>> nv.ops.conj([1.5])
    array([1.5], dtype=float32)
    """
    return tensor(x)


conjugate = conj


@op
def isreal(x: Any) -> Tensor:
    """Where the imaginary part is 0: everywhere.

    >>> import nervure as nv
    >>> nv.ops.isreal([1.5])
    array([ True])
    """
    return node("broadcast_to", scalar(True, "bool"), ints=tensor(x).shape)


@op
def angle(x: Any) -> Tensor:
    """The argument of a complex number: 0 for real numbers, pi for negative ones.

    >>> import nervure as nv
    >>> nv.ops.angle([1.0, -1.0])
    array([0.       , 3.1415927], dtype=float32)
    """
    x = floating(x)
    return where(signbit(x), math.pi, where(GENERATED["isnan"](x), x, 0))


@op
def signbit(x: Any) -> Tensor:
    """Where x is negative, -0.0 too.

    >>> import nervure as nv
    >>> nv.ops.signbit([-1.0, -0.0, 0.0])
    array([ True,  True, False])
    """
    x = tensor(x)
    if x.dtype == "bool":
        return node("broadcast_to", scalar(False, "bool"), ints=x.shape)
    below = _less(x, 0)
    if not is_float(x.dtype):
        return below
    zero = _equal(x, 0)
    return GENERATED["logical_or"](below, GENERATED["logical_and"](zero, _less(_divide(1, where(zero, x, 1)), 0)))


@op(arrays=2)
def gcd(x1: Any, x2: Any) -> Tensor:
    """The greatest common divisor of integers, by as many of Euclid's steps as the dtype may need.

    >>> import nervure as nv
    >>> nv.ops.gcd([12, 0], [18, 5])
    array([6, 5], dtype=int32)
    """
    a, b = pair(x1, x2, 2)
    if is_float(a.dtype):
        raise TypeError(f"gcd: integers are needed, got {a.dtype}")
    a, b = _abs(a), _abs(b)
    for _ in range(46 if a.dtype == "int32" else 91):  # consecutive Fibonacci numbers take the most
        done = _equal(b, 0)
        a, b = where(done, a, b), where(done, 0, GENERATED["mod"](a, where(done, 1, b)))
    return a


@op(arrays=2)
def lcm(x1: Any, x2: Any) -> Tensor:
    """The least common multiple of integers; 0 if one is 0.

    >>> import nervure as nv
    >>> nv.ops.lcm([4], [6])
    array([12], dtype=int32)
    """
    a, b = pair(x1, x2, 2)
    common = gcd(a, b)
    return _abs(_multiply(GENERATED["floor_divide"](a, where(_equal(common, 0), 1, common)), b))


@op(arrays=2)
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Tensor:
    """`num` numbers from `start` to `stop` with the same ratio from each to the next; both of one sign and not 0.

    >>> import nervure as nv
    >>> nv.ops.geomspace(1.0, 100.0, 3).round(3).tolist()
    [1.0, 10.0, 100.0]
    """
    a, b = pair(start, stop, FLOAT)
    sign = GENERATED["sign"](a)
    exponent = linspace(GENERATED["log10"](_abs(a)), GENERATED["log10"](_abs(b)), num, endpoint, axis=axis)
    y = GENERATED["power"](scalar(10.0, a.dtype), exponent)
    if sign.ndim:
        k = axis_of(axis, y.ndim, "geomspace")
        sign = reshaped(sign, (*sign.shape[:k], 1, *sign.shape[k:]))
    y = _multiply(y, sign)
    return y if dtype is None else cast_to(y, standardize_dtype(dtype))


@op
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers of each element as a row, N of them, descending to 0 or `increasing` from 0.

    >>> import nervure as nv
    >>> nv.ops.vander([2, 3], 3)
    array([[4, 2, 1],
           [9, 3, 1]], dtype=int32)
    """
    x = tensor(x)
    if x.ndim != 1:
        raise ValueError(f"vander: x must be a vector, got shape {x.shape}")
    n = x.size if N is None else N
    if not isinstance(n, int) or n < 0:
        raise ValueError(f"vander: N must be an int that is not negative, got {N!r}")
    x = cast_to(x, "int32") if x.dtype == "bool" else x
    column = reshaped(x, (x.size, 1))
    powers = iota((n,), 0, x.dtype if not is_float(x.dtype) else "int32")
    y = GENERATED["power"](column, powers)
    return y if increasing else flip(y, 1)


@op
def argpartition(x: Any, kth: int, axis: int | None = -1) -> Tensor:
    """Indices (int32) that put the element of rank `kth` in its place, smaller ones before it and larger ones after:
    here, those that sort.

    >>> import nervure as nv
    >>> nv.ops.argpartition([3, 1, 2], 1)
    array([1, 2, 0], dtype=int32)
    """
    x = tensor(x)
    n = x.size if axis is None else x.shape[axis_of(axis, x.ndim, "argpartition")]
    if not -n <= kth < n:
        raise ValueError(f"argpartition: kth={kth} is out of bounds for {n} elements")
    return argsort(x, axis)


def dsplit(x: Any, indices_or_sections: Any) -> Any:
    """`split` along the third axis.

    >>> import nervure as nv
    >>> [part.shape for part in nv.ops.dsplit([[[1, 2]]], 2)]
    [(1, 1, 1), (1, 1, 1)]
    """
    return split(x, indices_or_sections, axis=2)


def unravel_index(indices: Any, shape: Any) -> tuple[Any, ...]:
    """The coordinates, one array an axis of `shape`, of positions in the flattened array.

    >>> import nervure as nv
    >>> nv.ops.unravel_index([5], (2, 3))
    (array([1], dtype=int32), array([2], dtype=int32))
    """
    return _unravel_index(indices, shape_of(shape, "unravel_index"))


@op
def _unravel_index(indices: Any, shape: tuple[int, ...]) -> tuple[Tensor, ...]:
    index = tensor(indices)
    index = where(_less(index, 0), _add(index, math.prod(shape)), index)
    found = []
    for n in reversed(shape):
        found.append(GENERATED["mod"](index, n))
        index = GENERATED["floor_divide"](index, n)
    return tuple(reversed(found))


def nonzero(x: Any) -> tuple[Any, ...]:
    """The coordinates (int32), one array an axis, of the elements that are not 0. How many there are depends on the
    data: inside a trace, a TypeError.

    >>> import nervure as nv
    >>> nv.ops.nonzero([0, 3, 4])
    (array([1, 2], dtype=int32),)
    """
    found = np.nonzero(_concrete(x, "nonzero: an array"))
    return tuple(convert_to_tensor(part, "int32") for part in found)


def unique(
    x: Any,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """The different elements of the flattened `x`, or slices along `axis`, in ascending order, each NaN
    by itself; with `return_index` where each occurs first, with `return_inverse` which of them each element is, with
    `return_counts` how often each occurs (int32). `size` cuts them or fills them
    up, with `fill_value` (by default the least). How many there are depends on the data: inside a trace, a TypeError.

    >>> import nervure as nv
    >>> nv.ops.unique([3, 1, 3], return_counts=True)
    (array([1, 3], dtype=int32), array([1, 2], dtype=int32))
    """
    array = _concrete(x, "unique: an array")
    found = np.unique(array, return_index=True, return_inverse=True, return_counts=True, axis=axis, equal_nan=False)
    values, first, inverse, counts = found
    k = 0 if axis is None else axis
    if size is not None:
        n = values.shape[k]
        if size <= n:
            values, first, counts = np.take(values, range(size), k), first[:size], counts[:size]
        else:
            fill = values.min() if fill_value is None and values.size else fill_value or 0
            widths = [(0, size - n if j == k % values.ndim else 0) for j in range(values.ndim)]
            values = np.pad(values, widths, constant_values=fill)
            first, counts = np.pad(first, (0, size - n)), np.pad(counts, (0, size - n))
    out = [convert_to_tensor(values, None)]
    if return_index:
        out.append(convert_to_tensor(first, "int32"))
    if return_inverse:
        out.append(convert_to_tensor(inverse.reshape(array.shape if axis is None else -1), "int32"))
    if return_counts:
        out.append(convert_to_tensor(counts, "int32"))
    return out[0] if len(out) == 1 else tuple(out)

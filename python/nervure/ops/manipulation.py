"""Ops that make arrays (zeros, arange, eye) and ops that rearrange them (reshape, transpose, concatenate, pad)."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._dtypes import name_of, standardize_dtype
from .._tensor import Tensor
from .dispatch import (
    at,
    axes_of,
    axis_of,
    broadcasted,
    cast_to,
    iota,
    level,
    node,
    op,
    permuted,
    promote,
    reshaped,
    scalar,
    shape_of,
    sliced,
    tensor,
)
from .elementwise import GENERATED, where

__all__ = [
    "append", "arange", "array_split", "broadcast_to", "concatenate", "diag", "diagflat", "diagonal", "diff",
    "dstack", "empty", "empty_like", "expand_dims", "eye", "flip", "fliplr", "flipud", "full", "full_like",
    "hsplit", "hstack", "identity", "linspace", "logspace", "meshgrid", "moveaxis", "ones", "ones_like", "pad",
    "ravel", "repeat", "reshape", "roll", "rot90", "split", "squeeze", "stack", "swapaxes", "tile", "trace",
    "transpose", "trapezoid", "tri", "tril", "triu", "unstack", "vsplit", "vstack", "zeros", "zeros_like",
]  # fmt: skip

_add, _subtract, _multiply, _equal, _greater_equal = (
    GENERATED[name] for name in ("add", "subtract", "multiply", "equal", "greater_equal")
)

# ---- making ----


def plain(x: Any) -> Any:
    """A NumPy scalar or 0-d array as the Python number, so that it counts as part of a signature."""
    if isinstance(x, np.generic) or (isinstance(x, np.ndarray) and x.ndim == 0):
        return x.item()
    if isinstance(x, np.ndarray):
        return tuple(x.tolist())
    return tuple(plain(n) for n in x) if isinstance(x, (list, tuple)) else x


def _listed(x: Any) -> list[Any]:
    return list(x) if isinstance(x, (list, tuple)) else [x]


@op
def _full(fill_value: Any, shape: tuple[int, ...], dtype: str) -> Tensor:
    return broadcasted(at(fill_value, dtype), shape)


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """An array of `shape` that holds `fill_value`, which may broadcast; float by default.

    >>> import nervure as nv
    >>> nv.ops.full((2,), 7)
    array([7., 7.], dtype=float32)
    """
    return _full(fill_value, shape_of(plain(shape), "full"), standardize_dtype(dtype))


def zeros(shape: Any, dtype: Any = None) -> Any:
    """Zeros; float by default."""
    return _full(0, shape_of(plain(shape), "zeros"), standardize_dtype(dtype))


def ones(shape: Any, dtype: Any = None) -> Any:
    """Ones; float by default."""
    return _full(1, shape_of(plain(shape), "ones"), standardize_dtype(dtype))


empty = zeros


@op
def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """`fill_value` in x's shape and dtype.

    >>> import nervure as nv
    >>> nv.ops.full_like([1.5, 2.5], 7)
    array([7., 7.], dtype=float32)
    """
    x = tensor(x)
    return broadcasted(at(fill_value, standardize_dtype(dtype) if dtype is not None else x.dtype), x.shape)


@op
def zeros_like(x: Any, dtype: Any = None) -> Tensor:
    """Zeros in x's shape and dtype."""
    return full_like(x, 0, dtype)


@op
def ones_like(x: Any, dtype: Any = None) -> Tensor:
    """Ones in x's shape and dtype."""
    return full_like(x, 1, dtype)


empty_like = zeros_like


@op(arrays=0)
def _arange(n: int, start: Any, step: Any, dtype: str) -> Tensor:
    # Floats are start + k step in double precision, as NumPy's are.
    if isinstance(start, float) or isinstance(step, float):
        return cast_to(_add(_multiply(iota((n,), 0, "float64"), float(step)), float(start)), dtype)
    return cast_to(_add(_multiply(iota((n,), 0, "int64"), at(step, "int64")), at(start, "int64")), dtype)


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Any:
    """start, start + step, .. before stop.

    >>> import nervure as nv
    >>> nv.ops.arange(3)
    array([0, 1, 2], dtype=int32)
    """
    start, stop, step = plain(start), plain(stop), 1 if step is None else plain(step)
    if stop is None:
        start, stop = 0, start
    if step == 0:
        raise ValueError("arange: step is 0")
    if dtype is None:
        dtype = name_of(max(level(v) for v in (start, stop, step)) or 1)
    n = max(0, math.ceil((stop - start) / step))
    return _arange(n, start, step, standardize_dtype("int32" if dtype == "" else dtype))


@op(arrays=2)
def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None, axis: int = 0
) -> Any:
    """`num` numbers evenly from start to stop, which may be arrays: then the numbers run along `axis`.

    >>> import nervure as nv
    >>> nv.ops.linspace(0, 1, 3)
    array([0. , 0.5, 1. ], dtype=float32)
    """
    start, stop = promote(start, stop, least=4)
    name = standardize_dtype(dtype) if dtype is not None else start.dtype
    step = GENERATED["divide"](_subtract(stop, start), float(max(num - endpoint, 1)))
    shape = step.shape
    k = axis_of(axis, len(shape) + 1, "linspace")
    index = iota((*(1,) * k, num, *(1,) * (len(shape) - k)), k, start.dtype)
    points = _add(_multiply(expand_dims(step, k), index), expand_dims(broadcasted(start, shape), k))
    if endpoint and num > 1:
        points = where(_equal(index, num - 1), expand_dims(broadcasted(stop, shape), k), points)
    points = cast_to(points, name)
    return (points, step) if retstep else points


@op(arrays=2)
def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: float = 10, dtype: Any = None, axis: int = 0
) -> Tensor:
    """base ** linspace(start, stop, num)."""
    powers = GENERATED["power"](float(base), linspace(start, stop, num, endpoint, axis=axis))
    return powers if dtype is None else cast_to(powers, standardize_dtype(dtype))


@op(arrays=0)
def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """N x M, 1 on the k-th diagonal and 0 elsewhere.

    >>> import nervure as nv
    >>> nv.ops.eye(2, k=1)
    array([[0., 1.],
           [0., 0.]], dtype=float32)
    """
    shape = (N, N if M is None else M)
    return cast_to(_equal(_add(iota(shape, 0), k), iota(shape, 1)), standardize_dtype(dtype))


def identity(n: int, dtype: Any = None) -> Any:
    """The n x n identity matrix."""
    return eye(n, dtype=dtype)


@op(arrays=0)
def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """N x M, 1 on and below the k-th diagonal and 0 above.

    >>> import nervure as nv
    >>> nv.ops.tri(2)
    array([[1., 0.],
           [1., 1.]], dtype=float32)
    """
    shape = (N, N if M is None else M)
    return cast_to(_lower(shape, k), standardize_dtype(dtype))


def _lower(shape: tuple[int, ...], k: int) -> Tensor:
    n = len(shape)
    if n < 2:
        raise ValueError(f"tril, triu: a matrix or a stack of them is needed, got shape {shape}")
    return _greater_equal(_add(iota(shape, n - 2), k), iota(shape, n - 1))


@op
def tril(x: Any, k: int = 0) -> Tensor:
    """`x` with zeros above the k-th diagonal of the last two axes.

    >>> import nervure as nv
    >>> nv.ops.tril([[1, 2], [3, 4]])
    array([[1, 0],
           [3, 4]], dtype=int32)
    """
    x = tensor(x)
    return where(_lower(x.shape[-2:], k), x, scalar(0, x.dtype))


@op
def triu(x: Any, k: int = 0) -> Tensor:
    """`x` with zeros below the k-th diagonal of the last two axes.

    >>> import nervure as nv
    >>> nv.ops.triu([[1, 2], [3, 4]])
    array([[1, 2],
           [0, 4]], dtype=int32)
    """
    x = tensor(x)
    return where(_lower(x.shape[-2:], k - 1), scalar(0, x.dtype), x)


@op(arrays=99)
def meshgrid(*x: Any, indexing: str = "xy") -> list[Tensor]:
    """Coordinate grids of 1-d arrays.

    >>> import nervure as nv
    >>> nv.ops.meshgrid([1, 2], [3, 4])
    [array([[1, 2],
           [1, 2]], dtype=int32), array([[3, 3],
           [4, 4]], dtype=int32)]
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing must be 'xy' or 'ij', got {indexing!r}")
    vectors = [ravel(v) for v in x]
    n = len(vectors)
    order = list(range(n))
    if indexing == "xy" and n > 1:
        order[:2] = [1, 0]
    shape = [vectors[k].size for k in order]
    return [
        broadcasted(reshaped(v, [v.size if order[j] == k else 1 for j in range(n)]), shape)
        for k, v in enumerate(vectors)
    ]


# ---- rearranging ----


@op
def reshape(x: Any, newshape: Any) -> Tensor:
    """The same elements in another shape; one extent may be -1.

    >>> import nervure as nv
    >>> nv.ops.reshape([[1, 2], [3, 4]], (4, -1)).shape
    (4, 1)
    """
    x = tensor(x)
    dims = [n if n == -1 else shape_of(n, "reshape")[0] for n in _listed(newshape)]
    if dims.count(-1) == 1:
        rest = -math.prod(dims)
        if rest > 0 and x.size % rest == 0:
            dims[dims.index(-1)] = x.size // rest
    if math.prod(dims) != x.size or any(n < 0 for n in dims):
        raise ValueError(f"reshape: cannot make shape {tuple(dims)} of shape {x.shape}")
    return reshaped(x, dims)


@op
def ravel(x: Any) -> Tensor:
    """The elements in one axis."""
    x = tensor(x)
    return reshaped(x, (x.size,))


@op
def expand_dims(x: Any, axis: Any) -> Tensor:
    """`x` with a new axis of size 1 at `axis`, or at each of several.

    >>> import nervure as nv
    >>> nv.ops.expand_dims([1, 2], 1)
    array([[1],
           [2]], dtype=int32)
    """
    x = tensor(x)
    count = len(axis) if isinstance(axis, (list, tuple)) else 1
    axes = axes_of(axis, x.ndim + count, "expand_dims")
    old = iter(x.shape)
    return reshaped(x, [1 if k in axes else next(old) for k in range(x.ndim + count)])


@op
def squeeze(x: Any, axis: Any = None) -> Tensor:
    """`x` without `axis`, or without all axes, of size 1.

    >>> import nervure as nv
    >>> nv.ops.squeeze([[1, 2]])
    array([1, 2], dtype=int32)
    """
    x = tensor(x)
    shape = x.shape
    axes = tuple(k for k, n in enumerate(shape) if n == 1) if axis is None else axes_of(axis, len(shape), "squeeze")
    for k in axes:
        if shape[k] != 1:
            raise ValueError(f"squeeze: axis {k} of shape {shape} is not of size 1")
    return reshaped(x, [n for k, n in enumerate(shape) if k not in axes])


@op
def transpose(x: Any, axes: Any = None) -> Tensor:
    """`x` with its axes in the order `axes`, reversed by default.

    >>> import nervure as nv
    >>> nv.ops.transpose([[1, 2], [3, 4]])
    array([[1, 3],
           [2, 4]], dtype=int32)
    """
    x = tensor(x)
    n = x.ndim
    order = tuple(range(n))[::-1] if axes is None else tuple(axis_of(k, n, "transpose") for k in axes)
    if sorted(order) != list(range(n)):
        raise ValueError(f"transpose: axes must name each of the {n} axes once, got {tuple(axes)}")
    return permuted(x, order)


@op
def swapaxes(x: Any, axis1: int, axis2: int) -> Tensor:
    """`x` with two axes exchanged."""
    x = tensor(x)
    order = list(range(x.ndim))
    a, b = axis_of(axis1, x.ndim, "swapaxes"), axis_of(axis2, x.ndim, "swapaxes")
    order[a], order[b] = b, a
    return permuted(x, order)


@op
def moveaxis(x: Any, source: Any, destination: Any) -> Tensor:
    """`x` with the axes `source` at the positions `destination`; the others keep their order.

    >>> import nervure as nv, numpy as np
    >>> nv.ops.moveaxis(np.ones((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    x = tensor(x)
    n = x.ndim
    pairs = [list(v) if isinstance(v, (list, tuple)) else [v] for v in (source, destination)]
    sources, destinations = ([axis_of(k, n, "moveaxis") for k in v] for v in pairs)
    if len(sources) != len(destinations) or len(set(sources)) != len(sources) or len(set(destinations)) != len(sources):
        raise ValueError(f"moveaxis: cannot move axes {source} to {destination}")
    order = [k for k in range(n) if k not in sources]
    for to, k in sorted(zip(destinations, sources, strict=True)):
        order.insert(to, k)
    return permuted(x, order)


@op
def broadcast_to(x: Any, shape: Any) -> Tensor:
    """`x` repeated along new axes and axes of size 1.

    >>> import nervure as nv
    >>> nv.ops.broadcast_to([1, 2], (2, 2))
    array([[1, 2],
           [1, 2]], dtype=int32)
    """
    return broadcasted(tensor(x), shape_of(shape, "broadcast_to"))


def joined(xs: Sequence[Any], what: str) -> tuple[Tensor, ...]:
    """A non-empty sequence of arrays in their common dtype."""
    if isinstance(xs, Tensor):
        xs = [reshaped(sliced(xs, 0, k, 1), xs.shape[1:]) for k in range(xs.shape[0])]
    if len(xs) == 0:
        raise ValueError(f"{what}: there is nothing to join")
    return promote(*xs)


@op(sequence=True)
def concatenate(xs: Any, axis: int | None = 0) -> Tensor:
    """Arrays one after the other along `axis`; their other extents are equal. With axis=None, flattened.

    >>> import nervure as nv, numpy as np
    >>> nv.ops.concatenate([np.ones(2), np.zeros(1)])
    array([1., 1., 0.])
    """
    parts = joined(xs, "concatenate")
    if axis is None:
        return node("concatenate", *(reshaped(part, (part.size,)) for part in parts), ints=(0,))
    return node("concatenate", *parts, ints=(axis_of(axis, parts[0].ndim, "concatenate"),))


@op(sequence=True)
def stack(x: Any, axis: int = 0) -> Tensor:
    """Arrays of one shape side by side along a new axis.

    >>> import nervure as nv
    >>> nv.ops.stack([[1, 2], [3, 4]], axis=1)
    array([[1, 3],
           [2, 4]], dtype=int32)
    """
    parts = joined(x, "stack")
    shape = parts[0].shape
    for part in parts:
        if part.shape != shape:
            raise ValueError(f"stack: all shapes must be equal, got {shape} and {part.shape}")
    k = axis_of(axis, len(shape) + 1, "stack")
    rows = [reshaped(part, (*shape[:k], 1, *shape[k:])) for part in parts]
    return node("concatenate", *rows, ints=(k,))


@op(sequence=True)
def hstack(xs: Any) -> Tensor:
    """Arrays one after the other along the second axis; vectors along the first."""
    parts = [reshaped(p, p.shape or (1,)) for p in joined(xs, "hstack")]
    return concatenate(parts, axis=1 if parts[0].ndim > 1 else 0)


@op(sequence=True)
def vstack(xs: Any) -> Tensor:
    """Arrays below each other, vectors as rows."""
    return concatenate([p if p.ndim > 1 else reshaped(p, (1, p.size)) for p in joined(xs, "vstack")])


@op(sequence=True)
def dstack(xs: Any) -> Tensor:
    """Arrays one after the other along the third axis."""
    parts = [p if p.ndim > 1 else reshaped(p, (1, p.size)) for p in joined(xs, "dstack")]
    return concatenate([p if p.ndim > 2 else reshaped(p, (*p.shape, 1)) for p in parts], axis=2)


@op(arrays=2)
def append(x1: Any, x2: Any, axis: int | None = None) -> Tensor:
    """x2 after x1 along `axis`, or both flattened."""
    return concatenate([ravel(x1), ravel(x2)] if axis is None else [x1, x2], axis=axis or 0)


def _cut(x: Tensor, k: int, cuts: list[int]) -> list[Tensor]:
    n = x.shape[k]
    ends = [min(max(c + n if c < 0 else c, 0), n) for c in cuts]
    return [sliced(x, k, a, max(b - a, 0)) for a, b in zip([0, *ends], [*ends, n], strict=True)]


@op
def _split(x: Any, sections: Any, axis: int, equal: bool) -> list[Tensor]:
    x = tensor(x)
    k = axis_of(axis, x.ndim, "split")
    if isinstance(sections, tuple):
        return _cut(x, k, [int(c) for c in sections])
    parts = int(sections)
    if parts < 1 or (equal and x.shape[k] % parts):
        equally = "equal " if equal else ""
        raise ValueError(f"split: axis {axis} of shape {x.shape} does not divide into {parts} {equally}parts")
    size, more = divmod(x.shape[k], parts)
    return _cut(x, k, [size * j + min(j, more) for j in range(1, parts)])


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """Equal parts along `axis`, their number given; or the parts between given positions. A list.

    ValueError if the axis does not divide.

    >>> import nervure as nv
    >>> nv.ops.split([1, 2, 3, 4], 2)
    [array([1, 2], dtype=int32), array([3, 4], dtype=int32)]
    """
    return _split(x, plain(indices_or_sections), axis, True)


def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """Like `split`; the first parts are one longer where the axis does not divide."""
    return _split(x, plain(indices_or_sections), axis, False)


def hsplit(x: Any, indices_or_sections: Any) -> Any:
    """`split` along the second axis; of a vector along the first."""
    return split(x, indices_or_sections, axis=1 if len(np.shape(x) if isinstance(x, list) else x.shape) > 1 else 0)


def vsplit(x: Any, indices_or_sections: Any) -> Any:
    """`split` along the first axis."""
    return split(x, indices_or_sections, axis=0)


@op
def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Tensor]:
    """The slices along `axis`, as a list.

    >>> import nervure as nv
    >>> nv.ops.unstack([[1, 2], [3, 4]])
    [array([1, 2], dtype=int32), array([3, 4], dtype=int32)]
    """
    x = tensor(x)
    k = axis_of(axis, x.ndim, "unstack")
    shape = x.shape
    if num is not None and num != shape[k]:
        raise ValueError(f"unstack: axis {axis} of shape {shape} has not {num} slices")
    rest = shape[:k] + shape[k + 1 :]
    return [reshaped(sliced(x, k, j, 1), rest) for j in range(shape[k])]


@op
def tile(x: Any, repeats: Any) -> Tensor:
    """`x` laid `repeats[k]` times along axis k.

    >>> import nervure as nv
    >>> nv.ops.tile([1, 2], 2)
    array([1, 2, 1, 2], dtype=int32)
    """
    x = tensor(x)
    times = shape_of(repeats, "tile")
    n = max(len(times), x.ndim)
    times = (1,) * (n - len(times)) + times
    shape = (1,) * (n - x.ndim) + x.shape
    both = [v for pair in zip(times, shape, strict=True) for v in pair]
    alone = [v for s in shape for v in (1, s)]
    return reshaped(broadcasted(reshaped(x, alone), both), [t * s for t, s in zip(times, shape, strict=True)])


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Each element along `axis`, or of the flattened array, `repeats` times: an int, or one for each element.

    >>> import nervure as nv
    >>> nv.ops.repeat([1, 2], 2)
    array([1, 1, 2, 2], dtype=int32)
    """
    return _repeat(x, shape_of(plain(repeats), "repeat"), axis)


@op
def _repeat(x: Any, counts: tuple[int, ...], axis: int | None) -> Tensor:
    x = tensor(x)
    if axis is None:
        x, axis = reshaped(x, (x.size,)), 0
    k = axis_of(axis, x.ndim, "repeat")
    shape = x.shape
    if len(counts) == 1:
        wide = broadcasted(
            reshaped(x, (*shape[: k + 1], 1, *shape[k + 1 :])), (*shape[: k + 1], *counts, *shape[k + 1 :])
        )
        return reshaped(wide, (*shape[:k], shape[k] * counts[0], *shape[k + 1 :]))
    if len(counts) != shape[k]:
        raise ValueError(f"repeat: {len(counts)} counts for axis {axis} of shape {shape}")
    return node("take", x, tensor(np.repeat(np.arange(shape[k], dtype=np.int32), counts)), ints=(k,))


@op
def flip(x: Any, axis: Any = None) -> Tensor:
    """`x` with the order along axes reversed.

    >>> import nervure as nv
    >>> nv.ops.flip([1, 2, 3])
    array([3, 2, 1], dtype=int32)
    """
    x = tensor(x)
    for k in axes_of(axis, x.ndim, "flip"):
        n = x.shape[k]
        x = sliced(x, k, max(n - 1, 0), n, -1)
    return x


@op
def fliplr(x: Any) -> Tensor:
    """`flip` along the second axis."""
    return flip(x, 1)


@op
def flipud(x: Any) -> Tensor:
    """`flip` along the first axis."""
    return flip(x, 0)


@op
def rot90(array: Any, k: int = 1, axes: Any = (0, 1)) -> Tensor:
    """Turned k times by 90 degrees, from the first of `axes` towards the second."""
    x = tensor(array)
    a, b = (axis_of(axis, x.ndim, "rot90") for axis in axes)
    if a == b:
        raise ValueError(f"rot90: two different axes are needed, got {tuple(axes)}")
    if k % 4 in (1, 2):
        x = flip(x, b)
    if k % 2:
        x = swapaxes(x, a, b)
    return flip(x, b if k % 4 == 3 else a) if k % 4 in (2, 3) else x


@op
def roll(x: Any, shift: Any, axis: Any = None) -> Tensor:
    """Elements moved along `axis` by `shift`; those that leave at one end come in at the other.

    Both may be sequences; one of them alone goes with each of the other. Without an axis `x` is rolled as if flat.

    >>> import nervure as nv
    >>> nv.ops.roll([1, 2, 3], 1)
    array([3, 1, 2], dtype=int32)
    """
    x = tensor(x)
    if axis is None:
        return reshaped(roll(reshaped(x, (x.size,)), shift, 0), x.shape)
    shifts, axes = _listed(shift), _listed(axis)
    n = max(len(shifts), len(axes))
    if {len(shifts), len(axes)} - {1, n}:
        raise ValueError(f"roll: {len(shifts)} shifts do not go with {len(axes)} axes")
    for by, a in zip(shifts * (n // len(shifts)), axes * (n // len(axes)), strict=True):
        k = axis_of(a, x.ndim, "roll")
        n = x.shape[k]
        if n and by % n:
            x = concatenate([sliced(x, k, n - by % n, by % n), sliced(x, k, 0, n - by % n)], axis=k)
    return x


@op
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Tensor:
    """`x` with more elements before and after each axis: an int, (before, after), or one such pair an axis.

    `mode`: "constant" (`constant_values`, 0 by default), or "edge", "reflect", "symmetric", "wrap" as in NumPy.

    >>> import nervure as nv
    >>> nv.ops.pad([1, 2], (1, 2))
    array([0, 1, 2, 0, 0], dtype=int32)
    """
    x = tensor(x)
    if constant_values is not None and mode != "constant":
        raise ValueError(
            f"pad: Argument `constant_values` can only be provided when `mode == 'constant'`, got mode={mode!r}"
        )
    try:
        widths = np.broadcast_to(np.asarray(plain(pad_width), dtype=np.int64), (x.ndim, 2)).tolist()
    except ValueError:
        raise ValueError(f"pad: pad_width is no pair for each axis of shape {x.shape}, got {pad_width}") from None
    if any(n < 0 for pair in widths for n in pair):
        raise ValueError(f"pad: widths cannot be negative, got {pad_width}")
    if mode == "constant":
        lows, highs = zip(*widths, strict=True) if widths else ((), ())
        dtype = x.dtype
        y = cast_to(x, "int32") if dtype == "bool" else x
        value = 0 if constant_values is None else constant_values
        return cast_to(node("pad", y, ints=(*lows, *highs, *(0,) * x.ndim), floats=(float(value),)), dtype)
    for k, (low, high) in enumerate(widths):
        if low or high:
            index = np.pad(np.arange(x.shape[k], dtype=np.int32), (low, high), mode)  # type: ignore[call-overload]
            x = node("take", x, tensor(index), ints=(k,))
    return x


@op
def diff(a: Any, n: int = 1, axis: int = -1) -> Tensor:
    """The n-th differences of neighbours along `axis`.

    >>> import nervure as nv
    >>> nv.ops.diff([1, 4, 9])
    array([3, 5], dtype=int32)
    """
    x = tensor(a)
    k = axis_of(axis, x.ndim, "diff")
    for _ in range(n):
        size = max(x.shape[k] - 1, 0)
        f = GENERATED["not_equal"] if x.dtype == "bool" else _subtract
        x = f(sliced(x, k, min(1, x.shape[k]), size), sliced(x, k, 0, size))
    return x


@op
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The elements x[.., i, i + offset, ..] of two axes, as a last axis.

    >>> import nervure as nv
    >>> nv.ops.diagonal([[1, 2], [3, 4]])
    array([1, 4], dtype=int32)
    """
    x = tensor(x)
    n = x.ndim
    a, b = axis_of(axis1, n, "diagonal"), axis_of(axis2, n, "diagonal")
    if a == b:
        raise ValueError("diagonal: axis1 and axis2 are the same")
    x = permuted(x, [k for k in range(n) if k not in (a, b)] + [a, b])
    *rest, rows, columns = x.shape
    first = offset if offset >= 0 else -offset * columns
    size = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    return sliced(reshaped(x, (*rest, rows * columns)), n - 2, first if size else 0, size, columns + 1)


@op
def diag(x: Any, k: int = 0) -> Tensor:
    """A matrix with a vector on its k-th diagonal; or the k-th diagonal of a matrix.

    >>> import nervure as nv
    >>> nv.ops.diag([1, 2])
    array([[1, 0],
           [0, 2]], dtype=int32)
    """
    x = tensor(x)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ValueError(f"diag: a vector or a matrix is needed, got shape {x.shape}")
    n = x.size
    below, above = max(-k, 0), max(k, 0)
    square = where(_equal(iota((n, n), 0), iota((n, n), 1)), x, scalar(0, x.dtype))
    return pad(square, ((below, above), (above, below)))


@op
def diagflat(x: Any, k: int = 0) -> Tensor:
    """A matrix with the flattened `x` on its k-th diagonal."""
    return diag(ravel(x), k)


@op
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The sum of a diagonal.

    >>> import nervure as nv
    >>> nv.ops.trace([[1, 2], [3, 4]])
    array(5, dtype=int32)
    """
    from .reduction import sum as sum_

    return sum_(diagonal(x, offset, axis1, axis2), axis=-1)


@op(arrays=2)
def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Tensor:
    """The integral along `axis` by the trapezoidal rule.

    >>> import nervure as nv
    >>> nv.ops.trapezoid([1.0, 2.0, 3.0])
    array(4., dtype=float32)
    """
    from .reduction import sum as sum_

    y = promote(y, least=4)[0]
    k = axis_of(axis, y.ndim, "trapezoid")
    n = y.shape[k] - 1
    step: Any = dx
    if x is not None:
        step = diff(x, axis=axis if tensor(x).ndim > 1 else -1)
        if step.ndim == 1:
            step = reshaped(step, [n if j == k else 1 for j in range(y.ndim)])
    heights = _add(sliced(y, k, 1, n), sliced(y, k, 0, n))
    return _multiply(sum_(_multiply(heights, step), axis=k), 0.5)

"""Products of arrays: matmul, dot, tensordot, einsum and their relatives. All end in the GEMM or in a fused product."""

import math
from collections.abc import Sequence
from typing import Any

from .._dtypes import is_float
from .._tensor import Tensor
from .dispatch import axis_of, cast_to, node, op, pair, permuted, promote, reshaped, scalar, shape_of, sliced
from .elementwise import GENERATED
from .manipulation import concatenate, diagonal, expand_dims
from .reduction import norm, sum

__all__ = [
    "cross", "dot", "einsum", "inner", "kron", "matmul", "norm", "outer", "tensordot", "vdot",
]  # fmt: skip

_multiply, _subtract = GENERATED["multiply"], GENERATED["subtract"]


def gemm(a: Tensor, b: Tensor) -> Tensor:
    """The matrix product over the last two axes. Integers go through float64: exact while sums stay under 2**53."""
    dtype = a.dtype
    if is_float(dtype):
        return node("matmul", a, b, ints=(0, 0))
    return cast_to(node("matmul", cast_to(a, "float64"), cast_to(b, "float64"), ints=(0, 0)), dtype)


@op(arrays=2)
def matmul(x1: Any, x2: Any) -> Tensor:
    """The matrix product of the last two axes; the others broadcast. A vector counts as a row on the left, as a column
    on the right.

    >>> import nervure as nv
    >>> nv.ops.matmul([[1.0, 2.0]], [[3.0], [4.0]])
    array([[11.]], dtype=float32)
    """
    a, b = pair(x1, x2)
    left, right = a.shape, b.shape
    if not left or not right:
        raise ValueError(f"matmul: arrays of at least 1 dimension are needed, got shapes {left} and {right}")
    if left[-1] != right[-2 if len(right) > 1 else 0]:
        raise ValueError(
            f"matmul: the last axis of one and the last but one of the other must be equal, got {left} and {right}"
        )
    if len(left) > 1 and len(right) > 1:
        return gemm(a, b)
    y = gemm(
        reshaped(a, (1, *left)) if len(left) == 1 else a,
        reshaped(b, (*right, 1)) if len(right) == 1 else b,
    )
    shape = y.shape[:-1] if len(right) == 1 else y.shape
    if len(left) == 1:
        shape = shape[:-2] + shape[-1:] if len(right) > 1 else shape[:-1]
    return reshaped(y, shape)


def _contract(a: Tensor, b: Tensor, left: Sequence[int], right: Sequence[int]) -> Tensor:
    """The sum over the products along pairs of axes; the other axes of a, then those of b."""
    free_a = [k for k in range(a.ndim) if k not in left]
    free_b = [k for k in range(b.ndim) if k not in right]
    shape_a, shape_b = a.shape, b.shape
    inner = math.prod(shape_a[k] for k in left)
    rows, columns = [shape_a[k] for k in free_a], [shape_b[k] for k in free_b]
    y = gemm(
        reshaped(permuted(a, [*free_a, *left]), (math.prod(rows), inner)),
        reshaped(permuted(b, [*right, *free_b]), (inner, math.prod(columns))),
    )
    return reshaped(y, (*rows, *columns))


@op(arrays=2)
def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Tensor:
    """The sum of products over the last `axes` axes of x1 and the first of x2, or over axes[0] of x1 and axes[1] of
    x2.

    >>> import nervure as nv
    >>> nv.ops.tensordot([[1.0, 2.0]], [[3.0], [4.0]], axes=1)
    array([[11.]], dtype=float32)
    """
    a, b = pair(x1, x2)
    if isinstance(axes, (list, tuple)):
        left, right = ([v] if isinstance(v, int) else list(v) for v in axes)
        left = [axis_of(k, a.ndim, "tensordot") for k in left]
        right = [axis_of(k, b.ndim, "tensordot") for k in right]
    else:
        count = shape_of(axes, "tensordot")[0]
        left, right = list(range(a.ndim - count, a.ndim)), list(range(count))
    sizes_a, sizes_b = a.shape, b.shape
    if not len(left) == len(right) == len(set(left)) == len(set(right)) or any(
        j < 0 or k >= b.ndim or sizes_a[j] != sizes_b[k] for j, k in zip(left, right, strict=True)
    ):
        raise ValueError(f"tensordot: shapes {sizes_a} and {sizes_b} do not match over axes {axes}")
    return _contract(a, b, left, right)


@op(arrays=2)
def dot(x1: Any, x2: Any) -> Tensor:
    """The sum of products over the last axis of x1 and the last but one of x2 (its only one, if a vector).

    A scalar multiplies.

    >>> import nervure as nv
    >>> nv.ops.dot([1.0, 2.0], [3.0, 4.0])
    array(11., dtype=float32)
    """
    a, b = pair(x1, x2)
    if a.ndim == 0 or b.ndim == 0:
        return _multiply(a, b)
    if a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        raise ValueError(f"dot: shapes {a.shape} and {b.shape} do not match")
    return _contract(a, b, [a.ndim - 1], [max(b.ndim - 2, 0)])


@op(arrays=2)
def inner(x1: Any, x2: Any) -> Tensor:
    """The sum of products over the last axes.

    >>> import nervure as nv
    >>> nv.ops.inner([[1.0, 2.0]], [[3.0, 4.0]])
    array([[11.]], dtype=float32)
    """
    a, b = pair(x1, x2)
    if a.ndim == 0 or b.ndim == 0:
        return _multiply(a, b)
    if a.shape[-1] != b.shape[-1]:
        raise ValueError(f"inner: the last axes of shapes {a.shape} and {b.shape} differ")
    return _contract(a, b, [a.ndim - 1], [b.ndim - 1])


@op(arrays=2)
def vdot(x1: Any, x2: Any) -> Tensor:
    """The sum of the products of all elements, both flattened.

    >>> import nervure as nv
    >>> nv.ops.vdot([1.0, 2.0], [3.0, 4.0])
    array(11., dtype=float32)
    """
    a, b = pair(x1, x2)
    return sum(_multiply(reshaped(a, (a.size,)), reshaped(b, (b.size,))))


@op(arrays=2)
def outer(x1: Any, x2: Any) -> Tensor:
    """All products of an element of x1 (rows) and one of x2 (columns), both flattened.

    >>> import nervure as nv
    >>> nv.ops.outer([1, 2], [3, 4])
    array([[3, 4],
           [6, 8]], dtype=int32)
    """
    a, b = pair(x1, x2)
    return _multiply(reshaped(a, (a.size, 1)), reshaped(b, (1, b.size)))


@op(arrays=2)
def kron(x1: Any, x2: Any) -> Tensor:
    """The Kronecker product.

    >>> import nervure as nv
    >>> nv.ops.kron([[1, 2]], [[1], [1]])
    array([[1, 2],
           [1, 2]], dtype=int32)
    """
    a, b = pair(x1, x2)
    n = max(a.ndim, b.ndim)
    left, right = (1,) * (n - a.ndim) + a.shape, (1,) * (n - b.ndim) + b.shape
    y = _multiply(
        reshaped(a, [v for s in left for v in (s, 1)]),
        reshaped(b, [v for s in right for v in (1, s)]),
    )
    return reshaped(y, [s * t for s, t in zip(left, right, strict=True)])


@op(arrays=2)
def cross(x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Tensor:
    """The cross product of 3-vectors along `axis`, or along `axisa` and `axisb` with the result along `axisc`.

    The third element of a 2-vector is 0; of two 2-vectors the result is the third element alone, without the axis.

    >>> import nervure as nv
    >>> nv.ops.cross([1, 0, 0], [0, 1, 0])
    array([0, 0, 1], dtype=int32)
    """
    a, b = pair(x1, x2)
    if axis is not None:
        axisa = axisb = axisc = axis
    ka, kb = axis_of(axisa, a.ndim, "cross"), axis_of(axisb, b.ndim, "cross")
    if not {a.shape[ka], b.shape[kb]} <= {2, 3}:
        raise ValueError(f"cross: vectors of 2 or 3 elements are needed, got shapes {a.shape} and {b.shape}")
    flat = a.shape[ka] == b.shape[kb] == 2

    def part(x: Tensor, k: int, j: int) -> Tensor:
        shape = x.shape
        if j == shape[k]:  # the third of two
            return scalar(0, x.dtype)
        return reshaped(sliced(x, k, j, 1), shape[:k] + shape[k + 1 :])

    ax, ay, az = (part(a, ka, j) for j in range(3))
    bx, by, bz = (part(b, kb, j) for j in range(3))
    terms = ((ay, bz, az, by), (az, bx, ax, bz), (ax, by, ay, bx))
    parts = [_subtract(_multiply(p, q), _multiply(r, s)) for p, q, r, s in terms[2 if flat else 0 :]]
    if flat:
        return parts[0]
    k = axis_of(axisc, parts[0].ndim + 1, "cross")
    return concatenate([expand_dims(p, k) for p in parts], axis=k)


# ---- einsum: operands are joined from left to right; a label is summed as soon as no later operand and not the result
# has it, inside the GEMM where it is in both ----


def _labels(term: str, ndim: int, rest: int) -> list[str]:
    """One label an axis; the axes of '...' are '0', '1', .. counted from the right of `rest`."""
    if "..." not in term:
        labels = list(term)
    else:
        before, after = term.split("...")
        n = ndim - len(before) - len(after)
        labels = [*before, *(str(rest - n + k) for k in range(n)), *after]
    if len(labels) != ndim:
        raise ValueError(f"einsum: '{term}' does not name the axes of an operand with {ndim} dimensions")
    return labels


def _parse(subscripts: str, ranks: list[int]) -> tuple[list[list[str]], list[str]]:
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    letters = text.replace("->", "").replace(",", "").replace("...", "")
    if not all(c.isalpha() for c in letters):
        raise ValueError(f"einsum: cannot read {subscripts!r}")
    if len(terms) != len(ranks):
        raise ValueError(f"einsum: {subscripts!r} names {len(terms)} operands, {len(ranks)} came")
    rest = max((r - len(t.replace("...", "")) for t, r in zip(terms, ranks, strict=True) if "..." in t), default=0)
    operands = [_labels(t, r, rest) for t, r in zip(terms, ranks, strict=True)]
    used = [c for labels in operands for c in labels]
    if arrow:
        result = _labels(right, len(right.replace("...", "")) + (rest if "..." in right else 0), rest)
    else:
        result = [str(k) for k in range(rest)] + sorted(c for c in set(used) if c.isalpha() and used.count(c) == 1)
    if arrow and rest and "..." not in right:
        raise ValueError(
            f"einsum: the result of {subscripts!r} has no '...' for the axes that the operands' stands for"
        )
    if len(set(result)) != len(result) or not set(result) <= set(used):
        raise ValueError(f"einsum: the result of {subscripts!r} must name axes of the operands, each once")
    return operands, result


def _prepare(x: Tensor, labels: list[str], needed: set[str]) -> tuple[Tensor, list[str]]:
    """Takes diagonals of repeated labels and sums those that nobody needs."""
    for c in sorted(set(labels)):
        while labels.count(c) > 1:
            j = labels.index(c)
            k = labels.index(c, j + 1)
            if x.shape[j] != x.shape[k]:
                raise ValueError(f"einsum: label '{c}' names axes of {x.shape[j]} and {x.shape[k]}")
            x = diagonal(x, 0, j, k)
            labels = [*labels[:j], *labels[j + 1 : k], *labels[k + 1 :], c]
    lone = [k for k, c in enumerate(labels) if c not in needed]
    return (sum(x, axis=lone) if lone else x), [c for c in labels if c in needed]


def _aligned(x: Tensor, labels: list[str], order: list[str]) -> Tensor:
    """`x` with its axes in `order`, and axes of size 1 for labels it has not."""
    at = {c: k for k, c in enumerate(labels)}
    shape = x.shape
    x = permuted(x, [at[c] for c in order if c in at])
    return reshaped(x, [shape[at[c]] if c in at else 1 for c in order])


def _join(a: Tensor, la: list[str], b: Tensor, lb: list[str], needed: set[str]) -> tuple[Tensor, list[str]]:
    a, la = _prepare(a, la, needed | set(lb))
    b, lb = _prepare(b, lb, needed | set(la))
    size = dict(zip(la, a.shape, strict=True))
    for c, n in zip(lb, b.shape, strict=True):
        if size.setdefault(c, n) != n and 1 not in (size[c], n):
            raise ValueError(f"einsum: label '{c}' names axes of {size[c]} and {n}")
        size[c] = max(size[c], n) if size[c] and n else 0
    both = [c for c in la if c in lb]
    stretched = [c for c in both if a.shape[la.index(c)] != b.shape[lb.index(c)]]
    summed = [c for c in both if c not in needed]
    if not summed or stretched:
        order = [*la, *(c for c in lb if c not in la)]
        return _prepare(_multiply(_aligned(a, la, order), _aligned(b, lb, order)), order, needed)
    batch = [c for c in both if c in needed]
    rows, columns = [c for c in la if c not in lb], [c for c in lb if c not in la]

    def sizes(labels: list[str]) -> list[int]:
        return [size[c] for c in labels]

    n = math.prod(sizes(summed))
    y = gemm(
        reshaped(_aligned(a, la, [*batch, *rows, *summed]), (*sizes(batch), math.prod(sizes(rows)), n)),
        reshaped(_aligned(b, lb, [*batch, *summed, *columns]), (*sizes(batch), n, math.prod(sizes(columns)))),
    )
    return reshaped(y, sizes([*batch, *rows, *columns])), [*batch, *rows, *columns]


@op(arrays=99)
def einsum(subscripts: str, *operands: Any, optimize: Any = None) -> Tensor:
    """Sums of products named by Einstein's convention, as in NumPy: "ij,jk->ik", "...d,df->...f", "ii->i".

    Operands are joined from left to right; `optimize` is a hint that needs no heed.

    >>> import nervure as nv, numpy as np
    >>> nv.ops.einsum("ij,kj->ik", np.eye(2), np.ones((3, 2))).shape
    (2, 3)
    """
    if not isinstance(subscripts, str):
        raise TypeError(f"einsum: subscripts must be a string, got {subscripts!r}")
    xs = list(promote(*operands)) if operands else []
    terms, result = _parse(subscripts, [x.ndim for x in xs])
    x, labels = xs[0], terms[0]
    for k in range(1, len(xs)):
        needed = set(result).union(*terms[k + 1 :])
        x, labels = _join(x, labels, xs[k], terms[k], needed)
    x, labels = _prepare(x, labels, set(result))
    return permuted(x, [labels.index(c) for c in result])

"""Derivatives of every row by itself, from a graph that works on all rows at once.

A reverse sweep from z, of shape (n, ...), gives sum_i u_i' dz_i/dw for whatever is put in for u, z's adjoint; what is
wanted is every term of that sum. Let u be a symbol. The nodes that depend on it are linear in it, and `Lift` computes
each of them once more with one more axis for the rows, where its shape shows one of two things:

- it has an axis of rows: slice i depends on u_i only. Elementwise operations, products with what does not depend on u,
  sums over other axes and so on keep that.
- it is a sum over rows of terms of its own shape, term i depending on u_i only. A sum over the axis of rows makes one,
  or a matrix product over it; linear operations that do not look at rows keep it.

A node that is neither (a sum over rows that goes back to rows, as in batch normalization; a row moved to another) ends
the attempt. Otherwise term i of the gradient of w is u_i' dz_i/dw: both are linear in u_i alone, and their sums over i
are equal for all u. Nothing is asked of the nodes that do not depend on u, whatever rows they mix: they are constants
of this linear function. The directions of u are a second axis: with the identity for u_i, all of a row's Jacobian is
found at once.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import NamedTuple

import numpy as np

from .. import _core
from .._dtypes import is_float
from .._function import _alias
from .._tensor import Tensor
from .._trace import local
from ..ops.dispatch import broadcasted, cast_to, iota, node, permuted, reshaped
from .nodes import dependents

_MOST_AXES = 8  # of a node
_SMALL = 1 << 24  # elements of a node that are few whatever the sizes of the weights


class MixedError(Exception):
    """A node whose rows cannot be told apart."""


class Lifted(NamedTuple):
    """A node, row by row and direction by direction."""

    value: Tensor  # (n, directions, *shape), or 1 for n where rows do not differ; on `axis` what one row has of it
    axis: int | None  # where the node has its rows, each some consecutive elements; None: it is the sum over rows


def symbol(z: Tensor) -> Tensor:
    """Something of z's type to be linear in: a zero that the graph does not see through."""
    return _alias(node("full", ints=z.shape, floats=(0.0,), dtype=z.dtype))


def _insert(x: Tensor, at: int, ndim: int) -> Tensor:
    """`x`, whose axes after the first `at` are aligned from the right with `ndim` axes, in at + ndim axes."""
    shape = x.shape
    return reshaped(x, (*shape[:at], *[1] * (at + ndim - len(shape)), *shape[at:]))


def _swapped(x: Tensor) -> Tensor:
    """The transposes of matrices."""
    last = x.ndim - 1
    return permuted(x, (*range(last - 1), last, last - 1))


def _product(a: Tensor, b: Tensor) -> Tensor:
    """The matrix product; of columns and rows it is elementwise, and can be fused."""
    return node("multiply", a, b) if a.shape[-1] == 1 else node("matmul", a, b, ints=(0, 0))


def _is_zero(x: _core.Node) -> bool:
    return x.op == "full" and x.floats[0] == 0.0


class Lift:
    """The nodes that depend on `u`, which has n rows on its first axis, row by row.

    `seed` (1 or n, directions, 1, *u.shape[1:]) is what u is replaced by. Nodes of more than `limit` elements are given
    up, as are those that mix rows: `lifted` raises MixedError.
    """

    def __init__(self, u: Tensor, seed: Tensor, limit: int) -> None:
        self.n, self.limit = u.shape[0], max(limit, _SMALL)
        self.found: dict[_core.Node, Lifted] = {u.node: Lifted(seed, 0 if self.n > 1 else None)}  # one row is its sum

    def lifted(self, roots: Sequence[_core.Node]) -> list[Lifted | None]:
        """Each root; None for one that does not depend on u."""
        for x in dependents(roots, set(self.found)):
            if x not in self.found:
                rule = _RULES.get(x.op)
                if rule is None or len(x.shape) + 2 > _MOST_AXES:
                    raise MixedError(x.op)
                made = rule(self, x)
                if made.value.size > self.limit:
                    raise MixedError(x.op)
                self.found[x] = made
        return [self.found.get(root) for root in roots]

    def fixed(self, x: _core.Node, ndim: int, axis: int | None) -> Tensor:
        """A node that does not depend on u, beside those of `ndim` axes with rows on `axis`: what each row sees."""
        t, k = Tensor(x), None if axis is None else axis - ndim + len(x.shape)
        if k is None or k < 0 or x.shape[k] == 1:
            return reshaped(t, (1, 1, *[1] * (ndim - t.ndim), *t.shape))
        if x.shape[k] % self.n:
            raise MixedError(x.op)
        split = reshaped(t, (*t.shape[:k], self.n, t.shape[k] // self.n, *t.shape[k + 1 :]))
        rows = permuted(split, (k, *range(k), *range(k + 1, split.ndim)))
        return _insert(reshaped(rows, (self.n, 1, *rows.shape[1:])), 2, ndim)

    def only(self, x: _core.Node, k: int) -> Lifted:
        """Input k, which must be the only one that depends on u."""
        if any((y in self.found) != (j == k) for j, y in enumerate(x.inputs)):
            raise MixedError(x.op)
        return self.found[x.inputs[k]]

    # ---- the rules ----

    def same(self, x: _core.Node) -> Lifted:
        return self.only(x, 0)

    def elementwise(self, x: _core.Node) -> Lifted:
        ndim, inputs = len(x.shape), x.inputs
        if not _is_linear(x, [y in self.found for y in inputs]):
            raise MixedError(x.op)
        axis = self.common(x, ndim)
        values = [
            _insert(self.found[y].value, 2, ndim) if y in self.found else self.fixed(y, ndim, axis) for y in inputs
        ]
        return Lifted(node(x.op, *values, dtype=x.dtype if x.op == "cast" else None), axis)

    def common(self, x: _core.Node, ndim: int) -> int | None:
        """Where all inputs of `x` that depend on u have their rows, and `x`, too."""
        axes = {
            None if lifted.axis is None else lifted.axis + ndim - len(y.shape)
            for y in x.inputs
            if (lifted := self.found.get(y)) is not None
        }
        if len(axes) != 1:
            raise MixedError(x.op)
        axis = axes.pop()
        if axis is not None:
            for y in x.inputs:
                if y in self.found and y.shape[axis - ndim] != x.shape[axis]:  # one row seen by many
                    raise MixedError(x.op)
        return axis

    def reshape(self, x: _core.Node) -> Lifted:
        value, axis = self.only(x, 0)
        shape, to = x.inputs[0].shape, None
        if axis is None:
            return Lifted(reshaped(value, (*value.shape[:2], *x.shape)), None)
        for k, extent in enumerate(x.shape):  # as many elements before them, and whole rows
            if extent and extent % self.n == 0 and prod(x.shape[:k]) == prod(shape[:axis]):
                to = k
        if to is None or not x.shape[to]:
            raise MixedError(x.op)
        own = (*x.shape[:to], x.shape[to] // self.n, *x.shape[to + 1 :])
        return Lifted(reshaped(value, (*value.shape[:2], *own)), to)

    def transpose(self, x: _core.Node) -> Lifted:
        value, axis = self.only(x, 0)
        return Lifted(permuted(value, (0, 1, *(k + 2 for k in x.ints))), None if axis is None else x.ints.index(axis))

    def broadcast(self, x: _core.Node) -> Lifted:
        value, axis = self.only(x, 0)
        ndim, shape = len(x.shape), list(x.shape)
        axis = self.common(x, ndim)
        value = _insert(value, 2, ndim)
        if axis is not None:
            shape[axis] = value.shape[2 + axis]
        return Lifted(broadcasted(value, (*value.shape[:2], *shape)), axis)

    def slice(self, x: _core.Node) -> Lifted:
        value, axis = self.only(x, 0)
        ndim = len(x.shape)
        begin, size, step = (list(x.ints[k * ndim : (k + 1) * ndim]) for k in range(3))
        if axis is not None:
            if size[axis] != x.inputs[0].shape[axis] or step[axis] != 1:
                raise MixedError(x.op)
            size[axis] = value.shape[2 + axis]
        ints = (0, 0, *begin, *value.shape[:2], *size, 1, 1, *step)
        return Lifted(node("slice", value, ints=ints), axis)

    def pad(self, x: _core.Node) -> Lifted:
        value, axis = self.only(x, 0)
        ndim = len(x.shape)
        if x.floats[0] != 0.0 or (axis is not None and x.shape[axis] != x.inputs[0].shape[axis]):
            raise MixedError(x.op)
        ints = [width for k in range(3) for width in (0, 0, *x.ints[k * ndim : (k + 1) * ndim])]
        return Lifted(node("pad", value, ints=ints, floats=(0.0,)), axis)

    def concatenate(self, x: _core.Node) -> Lifted:
        ndim, along = len(x.shape), x.ints[0]
        axes = {self.found[y].axis for y in x.inputs if y in self.found}
        if len(axes) != 1 or along in axes or any(y not in self.found and not _is_zero(y) for y in x.inputs):
            raise MixedError(x.op)
        axis = axes.pop()
        values = [self.found[y].value if y in self.found else self.fixed(y, ndim, axis) for y in x.inputs]
        lead = tuple(max(v.shape[k] for v in values) for k in (0, 1))
        values = [broadcasted(v, (*lead, *v.shape[2:])) for v in values]
        return Lifted(node("concatenate", *values, ints=(along + 2,)), axis)

    def sum(self, x: _core.Node) -> Lifted:
        value, axis = self.only(x, 0)
        made = node("sum", value, ints=[k + 2 for k in x.ints])
        return Lifted(made, None if axis in x.ints else axis)

    def cumsum(self, x: _core.Node) -> Lifted:
        value, axis = self.only(x, 0)
        if axis == len(x.shape) - 1:
            raise MixedError(x.op)
        return Lifted(node("cumsum", value), axis)

    def matmul(self, x: _core.Node) -> Lifted:
        k = 0 if x.inputs[0] in self.found else 1
        value, axis = self.only(x, k)
        moving, still, ndim = x.inputs[k], x.inputs[1 - k], len(x.shape)
        value = _insert(value, 2, ndim)
        if axis is not None:
            axis += ndim - len(moving.shape)
        inner = (ndim - 2 if x.ints[0] else ndim - 1, ndim - 1 if x.ints[1] else ndim - 2)  # summed over, of each input
        if axis is None or axis == (ndim * 2 - 3) - inner[k]:  # the other matrix is the same for all rows
            other, place = self.fixed(still, ndim, None), None if axis is None else ndim - 2 + k
            if k == 1:  # (A B)' = B' A': one product for all rows
                b = value if x.ints[1] else _swapped(value)
                return Lifted(_swapped(_product(b, other if x.ints[0] else _swapped(other))), place)
            a = _swapped(value) if x.ints[0] else value
            return Lifted(_product(a, _swapped(other) if x.ints[1] else other), place)
        if axis < ndim - 2:  # a matrix for each row
            other, place = self.fixed(still, ndim, axis), axis
            if moving.shape[axis - ndim] != x.shape[axis]:
                raise MixedError(x.op)
        else:  # a sum over rows
            other, place = self.fixed(still, ndim, inner[1 - k]), None
        a, b = (value, other) if k == 0 else (other, value)
        return Lifted(_product(_swapped(a) if x.ints[0] else a, _swapped(b) if x.ints[1] else b), place)

    def take(self, x: _core.Node) -> Lifted:
        value, axis = self.only(x, 0)
        along, more = x.ints[0], len(x.inputs[1].shape) - 1
        if axis == along:
            raise MixedError(x.op)
        made = node("take", value, Tensor(x.inputs[1]), ints=(along + 2,))
        return Lifted(made, axis if axis is None or axis < along else axis + more)

    def scatter(self, x: _core.Node) -> Lifted:
        value, axis = self.only(x, 1)
        index, (along, size) = x.inputs[0], x.ints
        more = len(index.shape) - 1
        if axis is None or not along <= axis <= along + more:  # the same places for all rows
            made = node("scatter_add", Tensor(index), value, ints=(along + 2, size))
            return Lifted(made, axis if axis is None or axis < along else axis - more)
        # Other places for each row, as the gradient of an embedding has them: a product with one-hot rows.
        places = self.fixed(index, len(index.shape), axis - along)
        before, after = prod(value.shape[2 : along + 2]), prod(x.shape[along + 1 :])
        places = reshaped(places, (self.n, 1, 1, 1, places.size // self.n))
        classes = reshaped(iota((size,), 0, index.dtype), (size, 1))
        wanted = node(
            "where", node("less", places, _number(places, 0)), node("add", places, _number(places, size)), places
        )
        if self.n * size * places.shape[-1] > self.limit:
            raise MixedError(x.op)
        chosen = cast_to(node("equal", classes, wanted), x.dtype)
        updates = reshaped(value, (*value.shape[:2], before, places.shape[-1], after))
        return Lifted(reshaped(_product(chosen, updates), (self.n, value.shape[1], *x.shape)), None)

    def along(self, x: _core.Node) -> Lifted:
        """take_along_axis(x, index) and put_along_axis_add(index, x)."""
        k = 0 if x.op == "take_along_axis" else 1
        value, axis = self.only(x, k)
        index, ndim = x.inputs[1 - k], len(x.shape)
        if axis == x.ints[0]:
            raise MixedError(x.op)
        places = self.fixed(index, ndim, axis)
        lead = (max(value.shape[0], places.shape[0]), value.shape[1])
        places = broadcasted(places, (*lead, *places.shape[2:]))
        value = broadcasted(value, (*lead, *value.shape[2:]))
        operands = (value, places) if k == 0 else (places, value)
        return Lifted(node(x.op, *operands, ints=(x.ints[0] + 2, *x.ints[1:])), axis)


def _number(like: Tensor, value: int) -> Tensor:
    return node("full", ints=(), floats=(value,), dtype=like.dtype)


def _is_linear(x: _core.Node, moving: list[bool]) -> bool:
    """Is x linear in its inputs that are `moving`? Zero is where they all are."""
    zero = [m or _is_zero(y) for m, y in zip(moving, x.inputs, strict=True)]
    match x.op:
        case "neg":
            return True
        case "cast":
            return is_float(x.dtype) and is_float(x.inputs[0].dtype)
        case "add" | "subtract":
            return all(zero)
        case "multiply":
            return moving.count(True) == 1
        case "divide":
            return moving == [True, False]
        case "where" | "relu_grad":
            return not moving[0] and all(zero[1:])
        case "fma":
            return moving[:2].count(True) == 1 and zero[2]
    return False


_LINEAR = frozenset(("neg", "cast", "add", "subtract", "multiply", "divide", "where", "relu_grad", "fma"))
_RULES: dict[str, Callable[[Lift, _core.Node], Lifted]] = {
    **dict.fromkeys(_LINEAR, Lift.elementwise),
    "identity": Lift.same,
    "stop_gradient": Lift.same,
    "reshape": Lift.reshape,
    "transpose": Lift.transpose,
    "broadcast_to": Lift.broadcast,
    "slice": Lift.slice,
    "pad": Lift.pad,
    "concatenate": Lift.concatenate,
    "sum": Lift.sum,
    "cumsum": Lift.cumsum,
    "matmul": Lift.matmul,
    "take": Lift.take,
    "scatter_add": Lift.scatter,
    "take_along_axis": Lift.along,
    "put_along_axis_add": Lift.along,
}


def identity(z: Tensor) -> Tensor:
    """All directions of one row of z: a seed (1, K, 1, *z.shape[1:]), where K is the size of a row."""
    k = z.size // z.shape[0]
    if k == 1:
        return node("full", ints=(1, 1, *[1] * z.ndim), floats=(1.0,), dtype=z.dtype)
    graph = z.node.graph
    return Tensor(graph.constant(np.eye(k, dtype=z.dtype).reshape(1, k, 1, *z.shape[1:])))


def zeros(shape: Sequence[int], dtype: str) -> Tensor:
    """An array of zeros."""
    return node("full", ints=tuple(shape), floats=(0.0,), dtype=dtype)


def per_row_jacobian(outputs: Tensor, weights: Sequence[Tensor]) -> list[Tensor] | None:
    """dz[i, k] / dw for the rows i of z, of shape (n, ...), each flattened to K numbers: an array (n, K, w.size) for
    each of the weights.

    None where the graph is not seen to treat rows one by one, or where some array on the way would be much larger than
    the result. The work is that of one reverse sweep with K directions; nothing is summed over rows.

    >>> import numpy as np
    >>> from nervure import ops
    >>> from nervure._trace import tracing
    >>> with tracing() as scope:
    ...     x, w = scope.input((2, 2), "float64"), scope.input((2, 1), "float64")
    ...     plan = scope.plan([x, w], per_row_jacobian(ops.square(ops.matmul(x, w)), [w]))
    >>> plan.run(np.array([[1.0, 0.0], [1.0, 2.0]]), np.ones((2, 1)))[0].tolist()  # 2 (x_i w) x_i
    [[[2.0, 0.0]], [[6.0, 12.0]]]
    """
    scope = local.scope
    assert scope is not None
    n = outputs.shape[0] if outputs.ndim else 0
    if outputs.size == 0 or outputs.ndim + 2 > _MOST_AXES or not is_float(outputs.dtype):
        return None
    k = outputs.size // n
    u = symbol(outputs)
    gradients = scope.grad(outputs, weights, dy=u)
    limit = 4 * n * k * max(sum(w.size for w in weights), 1)
    try:
        lifted = Lift(u, identity(outputs), limit).lifted([g.node for g in gradients])
    except MixedError:
        return None
    found = []
    for w, g, terms in zip(weights, gradients, lifted, strict=True):
        if terms is None:
            if not _is_zero(g.node):  # it cannot be: a linear function of u that does not depend on it
                return None
            found.append(zeros((n, k, w.size), w.dtype))
        elif terms.axis is not None:  # each row has a part of w of its own
            return None
        else:
            found.append(reshaped(broadcasted(terms.value, (n, k, *w.shape)), (n, k, w.size)))
    return found

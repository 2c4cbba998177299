"""Second derivatives on the graph: products with the Hessian and with the Gauss-Newton matrix, and that matrix itself.

For a loss L of a model's outputs z(w), the Hessian is J' H_L J + sum_k dL/dz_k H_(z_k), J = dz/dw and H_L the loss's
own Hessian by z. The Gauss-Newton matrix is its first term (Schraudolph, "Fast Curvature Matrix-Vector Products for
Second-Order Gradient Descent", 2002): positive semidefinite where L is convex in z, and the Hessian itself where z is
linear in w or fits exactly.
"""

from collections.abc import Sequence
from itertools import accumulate
from math import prod
from typing import NamedTuple

from .. import _core, ops
from .._function import _alias
from .._tensor import Tensor
from .._trace import Scope
from ..ops.dispatch import cast_to, iota, node, reshaped, sliced
from .nodes import ancestors, dependents, substituted
from .per_row import Lift, MixedError, identity, per_row_jacobian, symbol, zeros

_PANEL = 512  # columns of the Gauss-Newton matrix made at once: one product's worth, little beside the triangle saved
_MOST_OUTPUTS = 64  # of a row: beyond, the blocks d2 loss / dz2 and the Jacobian are too large
_ELEMENTWISE = frozenset(row["name"] for row in _core.op_table() if row["elementwise"])


def _dot(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    """sum <a_k, b_k>."""
    terms = [ops.sum(ops.multiply(x, y)) for x, y in zip(a, b, strict=True)]
    total: Tensor = terms[0]
    for term in terms[1:]:
        total = ops.add(total, term)
    return total


# ---- products ----


def hessian_product(
    scope: Scope, loss: Tensor, weights: Sequence[Tensor], directions: Sequence[Tensor]
) -> list[Tensor]:
    """H v for the Hessian of a scalar loss by all weights together: the gradient of <g, v> with v held fixed
    (Pearlmutter, "Fast Exact Multiplication by the Hessian", 1994).

    >>> from nervure._trace import tracing
    >>> with tracing() as scope:
    ...     w, v = scope.input((2,), "float64"), scope.input((2,), "float64")
    ...     plan = scope.plan([w, v], hessian_product(scope, ops.sum(w**3), [w], [v]))
    >>> import numpy as np
    >>> plan.run(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    [array([ 6., 12.])]
    """
    slope = _dot(scope.grad(loss, weights), [ops.stop_gradient(v) for v in directions])
    return scope.grad(slope, weights)


def jacobian_product(
    scope: Scope, outputs: Sequence[Tensor], weights: Sequence[Tensor], directions: Sequence[Tensor]
) -> list[Tensor]:
    """J v for each of the outputs: how they change as the weights move along v.

    Forward mode by two reverse sweeps: u' J is linear in u, and the gradient of u' J v by u is J v (Pearlmutter's R
    operator as Townsend writes it, "A new trick for calculating Jacobian vector products", 2017).

    >>> from nervure._trace import tracing
    >>> with tracing() as scope:
    ...     w, v = scope.input((2,), "float64"), scope.input((2,), "float64")
    ...     plan = scope.plan([w, v], jacobian_product(scope, [w**3], [w], [v]))
    >>> import numpy as np
    >>> plan.run(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    [array([ 3., 12.])]
    """
    found = []
    for z in outputs:
        u = symbol(z)
        found += scope.grad(_dot(scope.grad(z, weights, dy=u), [ops.stop_gradient(v) for v in directions]), [u])
    return found


def _apart(loss: Tensor, outputs: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """The loss as a function of outputs that are not computed from each other."""
    nodes = [z.node for z in outputs]
    if all(set(nodes).isdisjoint(ancestors(z.inputs)) for z in nodes):
        return loss, list(outputs)
    fresh = [_alias(z) for z in outputs]
    return substituted(loss, {z: f.node for z, f in zip(nodes, fresh, strict=True)}), fresh


def gauss_newton_product(
    scope: Scope, loss: Tensor, outputs: Sequence[Tensor], weights: Sequence[Tensor], directions: Sequence[Tensor]
) -> list[Tensor]:
    """J' H_L J v: the Gauss-Newton matrix of the loss, which depends on the weights through `outputs` only, times v
    (Schraudolph, 2002, sections 3 and 4).

    >>> from nervure._trace import tracing
    >>> with tracing() as scope:
    ...     w, v = scope.input((2,), "float64"), scope.input((2,), "float64")
    ...     z = w**2
    ...     plan = scope.plan([w, v], gauss_newton_product(scope, ops.sum(z**2), [z], [w], [v]))
    >>> import numpy as np
    >>> plan.run(np.array([1.0, 2.0]), np.array([1.0, 1.0]))  # (2 w) 2 (2 w)
    [array([ 8., 32.])]
    """
    outputs = _distinct(outputs)
    moves = [ops.stop_gradient(m) for m in jacobian_product(scope, outputs, weights, directions)]
    loss, cuts = _apart(loss, outputs)
    slopes = scope.grad(_dot(scope.grad(loss, cuts), moves), cuts)
    totals: list[Tensor] = []
    for z, h in zip(outputs, slopes, strict=True):
        parts = scope.grad(z, weights, dy=h)
        totals = [ops.add(a, b) for a, b in zip(totals, parts, strict=True)] if totals else parts
    return totals


def _distinct(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [Tensor(x) for x in dict.fromkeys(t.node for t in tensors)]


def cut(outputs: Sequence[Tensor], loss: Tensor) -> list[Tensor]:
    """Where a loss is cut from the model: of the outputs, and of what they are the softmax or sigmoid of, those that it
    is computed from. Cross-entropies take the logits where they find them, are convex in them, and do not read the
    output then. All of the outputs if the loss has none of these in it.
    """
    nodes = [x for z in outputs for x in (z.node, *(z.node.inputs if z.node.op in ("softmax", "sigmoid") else ()))]
    reached = set(ancestors([loss.node], set(nodes)))
    return _distinct([Tensor(x) for x in nodes if x in reached] or outputs)


# ---- the matrix ----


def _is_diagonal(root: _core.Node, u: Tensor) -> bool:
    """Is each element of `root` a function of that element of u alone?"""
    size = u.size
    return all(
        x == u.node or ((x.op in _ELEMENTWISE or x.op == "reshape") and Tensor(x).size == size)
        for x in dependents([root], {u.node})
    )


def _of_rows(u: Tensor, seed: Tensor, slopes: Sequence[Tensor]) -> list[Tensor | None]:
    """How each slope, of rows as u has them, depends on u: (n or 1, directions, 1, ...), or None where it does not."""
    n = u.shape[0]
    found = Lift(u, seed, 4 * u.size * seed.shape[1]).lifted([h.node for h in slopes])
    if n > 1 and any(h is not None and h.axis != 0 for h in found):
        raise MixedError("loss")
    return [None if h is None else h.value for h in found]


class _Blocks:
    """d2 loss / dz2 of every row, for outputs z_j of K_j numbers a row.

    `diagonal`: for each output (n or 1, K_j, 1), if no element of an output bears on the slope of another. Otherwise
    `dense[j][l]` is (n or 1, K_j, K_l), or None for zeros. `slopes` are dloss / dz_j. Raises MixedError if rows bear on
    each other's slopes.
    """

    def __init__(self, scope: Scope, loss: Tensor, outputs: Sequence[Tensor]) -> None:
        loss, cuts = _apart(loss, outputs)
        self.slopes = slopes = scope.grad(loss, cuts)
        symbols = [symbol(z) for z in cuts]
        curved = [scope.grad(_dot([g], [u]), cuts) for g, u in zip(slopes, symbols, strict=True)]
        self.diagonal: list[Tensor] | None = None
        self.dense: list[list[Tensor | None]] = []
        reached = [[bool(dependents([h.node], {u.node})) for h in row] for row, u in zip(curved, symbols, strict=True)]
        coupled = any(here and j != k for j, row in enumerate(reached) for k, here in enumerate(row))
        if not coupled and all(_is_diagonal(curved[j][j].node, u) for j, u in enumerate(symbols)):
            self.diagonal = []
            for j, (z, u) in enumerate(zip(cuts, symbols, strict=True)):
                one = node("full", ints=(1, 1, 1, *z.shape[1:]), floats=(1.0,), dtype=z.dtype)
                (h,) = _of_rows(u, one, [curved[j][j]])
                h = zeros(one.shape, z.dtype) if h is None else h
                self.diagonal.append(reshaped(h, (h.shape[0], z.size // z.shape[0], 1)))
            return
        for row, u, z in zip(curved, symbols, cuts, strict=True):
            blocks = _of_rows(u, identity(z), row)
            self.dense.append([None if h is None else reshaped(h, (*h.shape[:2], prod(h.shape[2:]))) for h in blocks])

    def times(self, j: int, jacobians: Sequence[Tensor]) -> Tensor | None:
        """sum_l B_jl J_l, where J_l is (n, K_l, p); None for zeros."""
        if self.diagonal is not None:
            return node("multiply", cast_to(self.diagonal[j], "float64"), jacobians[j])
        total: Tensor | None = None
        for block, jacobian in zip(self.dense[j], jacobians, strict=True):
            if block is not None:
                term = ops.matmul(cast_to(block, "float64"), jacobian)
                total = term if total is None else ops.add(total, term)
        return total

    def factor(self) -> float | None:
        """c if all of it is c times the identity, known now."""
        if self.diagonal is None:
            return None
        values = {x.node.floats[0] if x.node.op == "full" else None for x in self.diagonal}
        return values.pop() if len(values) == 1 else None


def _joined(parts: Sequence[Tensor], axis: int) -> Tensor:
    return node("concatenate", *parts, ints=(axis,))


class NormalEquations(NamedTuple):
    """What a Gauss-Newton step is computed from, float64."""

    gradients: list[Tensor]  # J' dloss/dz, of the weights' shapes
    panels: list[tuple[Tensor, int]]  # J' H_L J, as `gauss_newton_matrix` gives it


def normal_equations(
    scope: Scope, loss: Tensor, outputs: Sequence[Tensor], weights: Sequence[Tensor]
) -> NormalEquations | None:
    """`gauss_newton_matrix` together with the gradient, for which its Jacobian serves: less than a sweep of its own.

    >>> from nervure._trace import tracing
    >>> with tracing() as scope:
    ...     x, w = scope.input((2, 1), "float64"), scope.input((1, 1), "float64")
    ...     z = x * w
    ...     gradients, panels = normal_equations(scope, ops.sum(z * z), [z], [w])
    ...     plan = scope.plan([x, w], [*gradients, panels[0][0]])
    >>> import numpy as np
    >>> plan.run(np.array([[1.0], [2.0]]), np.array([[3.0]]))  # 2 (1 + 4) 3, 2 (1 + 4)
    [array([[30.]]), array([[10.]])]
    """
    outputs = _distinct(outputs)
    if any(z.ndim == 0 or z.size == 0 for z in outputs) or len({z.shape[0] for z in outputs}) != 1:
        return None
    if sum(z.size // z.shape[0] for z in outputs) > _MOST_OUTPUTS:
        return None
    parts = []
    for z in outputs:
        rows = per_row_jacobian(z, weights)
        if rows is None:
            return None
        if len({r.dtype for r in rows}) > 1:
            rows = [cast_to(r, "float64") for r in rows]
        parts.append(rows)
    try:
        blocks = _Blocks(scope, loss, outputs)
    except MixedError:
        return None
    p = sum(w.size for w in weights)
    scale = blocks.factor()
    if scale and p < _PANEL:  # one product for both: of (J, slopes) with itself, for which half the work will do
        wider = []
        for rows, g in zip(parts, blocks.slopes, strict=True):
            column = cast_to(reshaped(g, (*rows[0].shape[:2], 1)), rows[0].dtype)
            wider.append(_flat(cast_to(_joined([*rows, column], 2), "float64"), p + 1))
        both = _joined(wider, 0)
        product = sliced(node("matmul", both, both, ints=(1, 0)), 0, 0, p)
        total = sliced(product, 1, p, 1)
        panels = [(ops.multiply(sliced(product, 1, 0, p), scale), 0)]
    else:
        jacobians = [cast_to(_joined(rows, 2), "float64") for rows in parts]
        slopes = [reshaped(cast_to(g, "float64"), (g.size, 1)) for g in blocks.slopes]
        total = node("matmul", _joined([_flat(j, p) for j in jacobians], 0), _joined(slopes, 0), ints=(1, 0))
        panels = _panels(blocks, jacobians, p)
    ends = list(accumulate(w.size for w in weights))
    gradients = [
        reshaped(sliced(total, 0, end - w.size, w.size), w.shape) for w, end in zip(weights, ends, strict=True)
    ]
    return NormalEquations(gradients, panels)


def _flat(x: Tensor, p: int) -> Tensor:
    return reshaped(x, (x.size // p, p))


def _panels(blocks: _Blocks, jacobians: Sequence[Tensor], p: int) -> list[tuple[Tensor, int]]:
    """sum_jl J_j' B_jl J_l, as one product of what stands above each other; a common factor is left to the result."""
    scale = blocks.factor()
    products = [j if scale is not None else blocks.times(k, jacobians) for k, j in enumerate(jacobians)]
    left = [_flat(j, p) for j, b in zip(jacobians, products, strict=True) if b is not None]
    right = [_flat(b, p) for b in products if b is not None]
    if not left or scale == 0.0:
        left = right = [zeros((1, p), "float64")]
    a, b = _joined(left, 0), _joined(right, 0)
    panels = []
    for first in range(0, p, _PANEL):
        width = min(_PANEL, p - first)
        panel = node("matmul", sliced(a, 1, first, width), sliced(b, 1, first, p - first), ints=(1, 0))
        panels.append((panel if scale is None else ops.multiply(panel, scale), first))
    return panels


def gauss_newton_matrix(
    scope: Scope, loss: Tensor, outputs: Sequence[Tensor], weights: Sequence[Tensor]
) -> list[tuple[Tensor, int]] | None:
    """J' H_L J over all weights, each flattened, one after the other: float64, the upper triangle, in panels.

    Each panel is (G[c : c + width, c:], c), width at most 512. None where rows are not seen to be independent in the
    outputs and in the loss, or where a row has more than 64 outputs. The loss must depend on the weights through
    `outputs` only.

    >>> from nervure._trace import tracing
    >>> with tracing() as scope:
    ...     x, w = scope.input((2, 1), "float64"), scope.input((1, 1), "float64")
    ...     z = x * w
    ...     plan = scope.plan([x, w], [panel for panel, _ in gauss_newton_matrix(scope, ops.sum(z * z), [z], [w])])
    >>> import numpy as np
    >>> plan.run(np.array([[1.0], [2.0]]), np.array([[3.0]]))  # 2 (1 + 4)
    [array([[10.]])]
    """
    found = normal_equations(scope, loss, outputs, weights)
    return None if found is None else found.panels


# ---- columns ----


def jacobian_columns(scope: Scope, residuals: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """The Jacobian (m, p) of residuals (m,) by all weights, each flattened, one after the other.

    Row by row at once where the graph lets; else by a sweep for each column or each row, whichever are fewer.

    >>> from nervure._trace import tracing
    >>> with tracing() as scope:
    ...     b = scope.input((2,), "float64")
    ...     plan = scope.plan([b], [jacobian_columns(scope, ops.cumsum(b), [b])])
    >>> import numpy as np
    >>> plan.run(np.zeros(2))
    [array([[1., 0.],
           [1., 1.]])]
    """
    m, sizes = residuals.size, [w.size for w in weights]
    rows = per_row_jacobian(residuals, weights)
    if rows is not None:
        return _joined([reshaped(r, (m, size)) for r, size in zip(rows, sizes, strict=True)], 1)
    if sum(sizes) <= m:
        columns = []
        for k, w in enumerate(weights):
            for i in range(w.size):
                directions = [_unit(w, i) if j == k else zeros(v.shape, v.dtype) for j, v in enumerate(weights)]
                (column,) = jacobian_product(scope, [residuals], weights, directions)
                columns.append(reshaped(column, (m, 1)))
        return _joined(columns, 1)
    lines = []
    for i in range(m):
        parts = scope.grad(residuals, weights, dy=_unit(residuals, i))
        lines.append(_joined([reshaped(part, (1, size)) for part, size in zip(parts, sizes, strict=True)], 1))
    return _joined(lines, 0)


def _unit(like: Tensor, i: int) -> Tensor:
    """1 at place i, else 0."""
    return reshaped(cast_to(ops.equal(iota((like.size,), 0), i), like.dtype), like.shape)

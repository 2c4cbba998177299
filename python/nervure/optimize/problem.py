"""From traced functions to a `_core.Objective`: which plans it consists of, and the variables that they share.

A trace says what is minimized; from it come the passes: the value, its gradient, products of a vector with the
Hessian or the Gauss-Newton matrix, that matrix itself, or residuals and their Jacobian.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _core, ops
from .._tensor import Tensor
from .._trace import Scope, tracing
from ..ops.dispatch import cast_to, iota, node, reshaped, sliced
from ..variable import Variable
from .curvature import cut, gauss_newton_product, hessian_product, jacobian_columns, normal_equations

__all__ = ["Passes", "Problem", "Traced"]


class Traced(NamedTuple):
    """What a trace says."""

    loss: Tensor | None  # a scalar, what is minimized
    data: Tensor | None = None  # the part of it that depends on the weights through `outputs` only
    outputs: Sequence[Tensor] = ()
    extra: Tensor | None = None  # the rest
    curvature: Sequence[float] | None = None  # of the rest, if its Hessian is diagonal: a number for each weight array
    residuals: Tensor | None = None  # (m,), of a sum of squares


class Passes:
    """The variables that the plans of an objective share, and the plans themselves.

    `weights` holds a trial point: one variable for each (shape, dtype). With `adds`, a pass is the sum over several
    runs of its plan.
    """

    def __init__(self, like: Iterable[tuple[Sequence[int], str]], adds: bool = False) -> None:
        self.like = [(tuple(shape), str(dtype)) for shape, dtype in like]
        self.adds = adds
        self.weights = [_variable(shape, dtype) for shape, dtype in self.like]
        self.size = sum(int(np.prod(shape)) for shape, _ in self.like)
        self.value = _variable((), "float64")
        self.chunk = _variable((), "int64")
        self.gradient = self._beside()
        self.directions: list[Variable] = []
        self.product: list[Variable] = []
        self.matrix: list[Variable] = []
        self.residuals: Variable | None = None
        self.jacobian: Variable | None = None

    def _beside(self) -> list[Variable]:
        return [_variable(shape, "float64") for shape, _ in self.like]

    def plans(
        self, names: Iterable[str], trace: Callable[[Scope], tuple[Sequence[Tensor], Traced]]
    ) -> dict[str, _core.Plan]:
        """The plans of these passes, from one trace; those that there cannot be are left out. `trace` gives the plans'
        inputs and what they mean.
        """
        found = {}
        with tracing() as scope:
            weights = [scope.read(w) for w in self.weights]
            inputs, traced = trace(scope)
            nodes = [t.node for t in inputs]
            for name in names:
                if name == "gauss_product" and "normal" in found:
                    continue  # the matrix itself is there
                results = getattr(self, f"_{name}")(scope, traced, weights)
                if results is None:
                    continue
                updates = [(v.core, self._taken(scope, v, t).node) for v, t in results]
                if scope.notes.get("counts_chunks"):
                    updates.append((self.chunk.core, (scope.read(self.chunk) + 1).node))
                found[name] = scope.graph.plan(nodes, [], updates)
        return found

    def _taken(self, scope: Scope, variable: Variable, value: Tensor) -> Tensor:
        value = reshaped(cast_to(value, "float64"), variable.shape)
        return scope.read(variable) + value if self.adds else value

    # ---- what each pass leaves in which variable ----

    def _value(self, scope: Scope, traced: Traced, weights: list[Tensor]) -> Any:
        return [(self.value, traced.loss)]

    def _gradient(self, scope: Scope, traced: Traced, weights: list[Tensor]) -> Any:
        assert traced.loss is not None
        slopes = scope.grad(traced.loss, weights)
        return [(self.value, traced.loss), *zip(self.gradient, slopes, strict=True)]

    def _along(self, scope: Scope) -> list[Tensor]:
        if not self.product:
            self.directions = [_variable(shape, dtype) for shape, dtype in self.like]
            self.product = self._beside()
        return [scope.read(v) for v in self.directions]

    def _hessian_product(self, scope: Scope, traced: Traced, weights: list[Tensor]) -> Any:
        assert traced.loss is not None
        products = hessian_product(scope, traced.loss, weights, self._along(scope))
        return list(zip(self.product, products, strict=True))

    def _gauss_product(self, scope: Scope, traced: Traced, weights: list[Tensor]) -> Any:
        if traced.data is None:
            return None
        along = self._along(scope)
        products = gauss_newton_product(scope, traced.data, cut(traced.outputs, traced.data), weights, along)
        if traced.extra is not None:
            more = hessian_product(scope, traced.extra, weights, along)
            products = [a + b for a, b in zip(products, more, strict=True)]
        return list(zip(self.product, products, strict=True))

    def _normal(self, scope: Scope, traced: Traced, weights: list[Tensor]) -> Any:
        if traced.data is None or (traced.extra is not None and traced.curvature is None):
            return None
        found = normal_equations(scope, traced.data, cut(traced.outputs, traced.data), weights)
        if found is None:
            return None
        slopes, panels = found
        if traced.extra is not None:
            slopes = [a + cast_to(b, "float64") for a, b in zip(slopes, scope.grad(traced.extra, weights), strict=True)]
        results: list[Any] = [(self.value, traced.loss), *zip(self.gradient, slopes, strict=True)]
        made = bool(self.matrix)
        for k, (panel, first) in enumerate(panels):
            if traced.extra is not None:
                panel = panel + self._diagonal(traced.curvature or (), first, panel.shape)
            if not made:
                self.matrix.append(_variable(panel.shape, "float64"))
            results.append((self.matrix[k], panel))
        return results

    def _diagonal(self, curvature: Sequence[float], first: int, shape: tuple[int, ...]) -> Tensor:
        """Rows first, .. of the diagonal matrix, from column first on."""
        parts = [
            node("full", ints=(int(np.prod(s)),), floats=(c,), dtype="float64")
            for (s, _), c in zip(self.like, curvature, strict=True)
        ]
        whole = parts[0] if len(parts) == 1 else node("concatenate", *parts, ints=(0,))
        rows = reshaped(sliced(whole, 0, first, shape[0]), (shape[0], 1))
        return rows * cast_to(ops.equal(iota(shape, 0), iota(shape, 1)), "float64")

    def _residuals(self, scope: Scope, traced: Traced, weights: list[Tensor]) -> Any:
        assert traced.residuals is not None
        if self.residuals is None:
            self.residuals = _variable((traced.residuals.size,), "float64")
        return [(self.residuals, traced.residuals)]

    def _jacobian(self, scope: Scope, traced: Traced, weights: list[Tensor]) -> Any:
        assert traced.residuals is not None
        results = self._residuals(scope, traced, weights)
        if self.jacobian is None:
            self.jacobian = _variable((traced.residuals.size, self.size), "float64")
        return [*results, (self.jacobian, jacobian_columns(scope, traced.residuals, weights))]

    # ---- the whole ----

    def objective(self, loops: dict[str, _core.Loop]) -> _core.Objective:
        """All of it, with a loop for each pass."""
        return _core.Objective(
            _cores(self.weights),
            loops,
            directions=_cores(self.directions),
            value=self.value.core,
            gradient=_cores(self.gradient),
            product=_cores(self.product),
            matrix=_cores(self.matrix),
            residuals=None if self.residuals is None else self.residuals.core,
            jacobian=None if self.jacobian is None else self.jacobian.core,
            chunk=self.chunk.core,
            adds=self.adds,
        )


class Problem:
    """A function of one array, for methods that minimize it: a scalar, or residuals of which half the sum of squares is
    minimized.

    >>> problem = Problem.of_function(lambda x: ops.sum(x * x), np.array([1.0, 2.0]))
    >>> problem.gradient(np.array([1.0, 2.0]))
    (5.0, array([2., 4.]))
    """

    def __init__(self, objective: _core.Objective, shape: tuple[int, ...]) -> None:
        self.objective, self.shape = objective, shape

    @classmethod
    def of_function(
        cls, fun: Callable[..., Any], x0: Any, args: Sequence[Any] = (), needs: Iterable[str] = ()
    ) -> Problem:
        """`fun(x, *args)` gives a scalar Tensor, as `functions.scalar_of` sees to it. `needs`: passes beside value and
        gradient; "gauss_product" and "normal" are left out: a scalar does not say of what it is the sum of squares.
        """

        def trace(scope: Scope, x: Tensor) -> Traced:
            return Traced(fun(x, *args))

        wanted = [n for n in ("hessian_product",) if n in frozenset(needs)]
        return cls._of(["value", "gradient", *wanted], x0, trace)

    @classmethod
    def of_residuals(
        cls,
        fun: Callable[..., Any],
        x0: Any,
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Problem:
        """`fun(x, *args, **kwargs)` gives a Tensor of residuals, (m,), as `functions.residuals_of` sees to it."""

        def trace(scope: Scope, x: Tensor) -> Traced:
            return Traced(None, residuals=fun(x, *args, **(kwargs or {})))

        return cls._of(["residuals", "jacobian"], x0, trace)

    @classmethod
    def _of(cls, names: Sequence[str], x0: Any, trace: Callable[[Scope, Tensor], Traced]) -> Problem:
        x0 = np.asarray(x0)
        passes = Passes([(x0.shape, str(x0.dtype))])
        plans = passes.plans(names, lambda scope: ((), trace(scope, scope.read(passes.weights[0]))))
        loops = {name: _core.Loop(plan, None, [], 1, 1) for name, plan in plans.items()}
        return cls(passes.objective(loops), x0.shape)

    def minimizer(
        self, method: str, settings: dict[str, float], lower: Any = None, upper: Any = None
    ) -> _core.Minimizer:
        """A method at work on it, not yet started. Bounds are arrays of x's size."""
        return _core.Minimizer(self.objective, method, settings, None, lower, upper)

    def gradient(self, x: Any) -> tuple[float, Any]:
        """f(x) and its gradient, flat."""
        return self.objective.gradient(np.ravel(x))

    def jacobian(self, x: Any) -> tuple[Any, Any]:
        """The residuals at x and their Jacobian (m, x.size)."""
        return self.objective.jacobian(np.ravel(x))


def _variable(shape: Sequence[int], dtype: str) -> Variable:
    return Variable(np.zeros(tuple(shape), dtype), dtype=dtype, trainable=False, name="flat")


def _cores(variables: Iterable[Variable]) -> list[_core.Variable]:
    return [v.core for v in variables]

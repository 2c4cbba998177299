"""Scaled conjugate gradients, without a line search."""

from __future__ import annotations

from typing import Any

from .base import FullBatchOptimizer
from .options import positive


class ScaledConjugateGradient(FullBatchOptimizer):
    """w += t d with t = -g'd / (d'Hd + lambda |d|^2): conjugate directions whose step comes from the curvature along
    them, with lambda raised where the loss did not fall as the quadratic model said (Moller, Neural Networks 6, 1993).

    Moller takes H d from a difference of gradients with a step sigma; here it is the exact product, and there is no
    sigma. No line search and nothing to tune: MATLAB's `trainscg`. For classification by networks of any size. It
    builds on one function: `fit` refuses a `batch_size`.

    An iteration costs a gradient, a product with the Hessian (about two gradients) and O(p); memory is O(p).

    Args:
        lambda_: the first lambda. `lambda` itself is a word of Python.
        goal, gtol, ftol, xtol, max_evals, name, patience, max_seconds: see `FullBatchOptimizer`.

    L1 penalties: only a subgradient.

    >>> import nervure as nv
    >>> optimizer = ScaledConjugateGradient()
    >>> optimizer.settings()["lambda"], sorted(optimizer.needs)
    (5e-07, ['hessian_product'])
    """

    method = "scaled_conjugate_gradient"
    batches = False
    own = ("lambda_",)

    def __init__(
        self,
        lambda_: float = 5e-7,
        goal: float | None = None,
        gtol: float = 1e-5,
        ftol: float = 0.0,
        xtol: float = 0.0,
        max_evals: int | None = None,
        name: str | None = None,
        *,
        patience: int = 1,
        max_seconds: float | None = None,
        **kwargs: Any,
    ) -> None:
        common: dict[str, Any] = {"patience": patience, "max_seconds": max_seconds}
        super().__init__(goal, gtol, ftol, xtol, max_evals, name, **common, **kwargs)
        self.lambda_ = positive("lambda_", lambda_)

    @property
    def needs(self) -> frozenset[str]:
        return frozenset(("hessian_product",))

    def settings(self) -> dict[str, float]:
        return super().settings() | {"lambda": float(self.lambda_)}

"""Newton's method with conjugate gradients inside, and a line search."""

from __future__ import annotations

from typing import Any

from .line_search import LineSearchOptimizer
from .options import HESSIANS, chosen, positive_int


class NewtonCG(LineSearchOptimizer):
    """w += t d, where d solves H d = -g roughly, by conjugate gradients that see H only in products H v (Dembo and
    Steihaug, 1983; Nocedal and Wright, "Numerical Optimization", 2nd ed., 7.1). Products are exact (Pearlmutter, Neural
    Computation 6, 1994).

    They end when |H d + g| <= min(1/10, sqrt(|g|)) |g|, and where the curvature is negative. t is found by a line
    search.

    Also known as Hessian-free optimization. For deep or badly scaled networks, where a gradient says little about how
    far to go; for networks of any size.

    An iteration costs one or more gradients, a few up to `max_cg` products (about two gradients each) and O(max_cg p);
    memory is O(p).

    Args:
        hessian: "gauss_newton" takes J'LJ for H, with J the Jacobian of the outputs and L the loss's second derivative
            by them. It is never negative for the usual losses, so that all directions go downhill and none is cut
            short: better for networks, and so the default (Martens, ICML 2010; Schraudolph, Neural Computation 14,
            2002). "exact" is the Hessian itself, with faster convergence close to a minimum where residuals are large.
        max_cg: the largest number of products an iteration; None for p.
        line_search, c1, c2: how t is found, see `LineSearchOptimizer`.
        goal, gtol, ftol, xtol, max_evals, name, patience, max_seconds: see `FullBatchOptimizer`.

    L1 penalties: only a subgradient.

    >>> import nervure as nv
    >>> sorted(NewtonCG().needs), sorted(NewtonCG("exact").needs)
    (['gauss_product'], ['hessian_product'])
    """

    method = "newton_cg"
    own = ("hessian", "max_cg", "line_search", "c1", "c2")

    def __init__(
        self,
        hessian: str = "gauss_newton",
        max_cg: int | None = None,
        line_search: str = "strong_wolfe",
        goal: float | None = None,
        gtol: float = 1e-5,
        ftol: float = 0.0,
        xtol: float = 0.0,
        max_evals: int | None = None,
        name: str | None = None,
        *,
        patience: int = 1,
        max_seconds: float | None = None,
        c1: float = 1e-4,
        c2: float = 0.9,
        **kwargs: Any,
    ) -> None:
        common: dict[str, Any] = {"patience": patience, "max_seconds": max_seconds}
        super().__init__(line_search, c1, c2, goal, gtol, ftol, xtol, max_evals, name, **common, **kwargs)
        self.hessian = chosen("hessian", hessian, HESSIANS)
        self.max_cg: int | None = positive_int("max_cg", max_cg, optional=True)

    @property
    def needs(self) -> frozenset[str]:
        return frozenset(("gauss_product" if self.hessian == "gauss_newton" else "hessian_product",))

    def settings(self) -> dict[str, float]:
        return super().settings() | {"hessian": float(HESSIANS[self.hessian])} | self._numbers("max_cg")

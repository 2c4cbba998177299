"""Newton's method in a trust region."""

from __future__ import annotations

from typing import Any

from ..arguments import real
from .base import FullBatchOptimizer
from .options import HESSIANS, chosen, positive, positive_int


class TrustRegionNewton(FullBatchOptimizer):
    """w += d, where d minimizes g'd + d'Hd / 2 roughly among all |d| <= radius, by conjugate gradients that stop at the
    boundary (Steihaug, SIAM J. Numer. Anal. 20, 1983; Nocedal and Wright, "Numerical Optimization", 2nd ed., 4.1 and
    7.2). The radius follows how well the quadratic model foretold the loss.

    Along a direction of negative curvature it goes as far as the radius lets it: it leaves saddles where other methods
    stop. The most robust method for hard functions, for networks of any size.

    An iteration costs one evaluation and gradient, a few up to `max_cg` products (about two gradients each); memory is
    O(p).

    Args:
        hessian: "exact" is the Hessian, and the default here, as negative curvature is what the method makes use of.
            "gauss_newton" takes J'LJ, with J the Jacobian of the outputs and L the loss's second derivative by them:
            never negative for the usual losses, and often better far from a minimum (Martens, ICML 2010).
        radius: the first radius.
        max_radius: it grows no larger.
        eta: a step is kept if the loss falls by more than eta times what the model foretold; 0 <= eta < 1/4.
        max_cg: the largest number of products an iteration; None for p.
        goal, gtol, ftol, xtol, max_evals, name, patience, max_seconds: see `FullBatchOptimizer`.

    L1 penalties: only a subgradient.

    >>> import nervure as nv
    >>> nv.optimizers.TrustRegionNewton(radius=10.0, max_radius=1.0)
    Traceback (most recent call last):
    ValueError: `max_radius` must be at least `radius`. Received: radius=10.0, max_radius=1.0.
    """

    method = "trust_region"
    own = ("hessian", "radius", "max_radius", "eta", "max_cg")

    def __init__(
        self,
        hessian: str = "exact",
        radius: float = 1.0,
        max_radius: float = 1000.0,
        eta: float = 0.15,
        max_cg: int | None = None,
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
        self.hessian = chosen("hessian", hessian, HESSIANS)
        self.radius, self.max_radius = positive("radius", radius), positive("max_radius", max_radius)
        if self.max_radius < self.radius:
            raise ValueError(
                f"`max_radius` must be at least `radius`. Received: radius={radius!r}, max_radius={max_radius!r}."
            )
        self.eta = real("eta", eta)
        if not 0 <= self.eta < 0.25:
            raise ValueError(f"`eta` must be in the range [0, 0.25). Received: eta={eta!r}.")
        self.max_cg: int | None = positive_int("max_cg", max_cg, optional=True)

    @property
    def needs(self) -> frozenset[str]:
        return frozenset(("gauss_product" if self.hessian == "gauss_newton" else "hessian_product",))

    def settings(self) -> dict[str, float]:
        hessian = {"hessian": float(HESSIANS[self.hessian])}
        return super().settings() | hessian | self._numbers("radius", "max_radius", "eta", "max_cg")

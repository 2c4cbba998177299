"""Levenberg-Marquardt: least squares with a damped Gauss-Newton step."""

from __future__ import annotations

from typing import Any

from .base import FullBatchOptimizer
from .options import chosen, positive, positive_int

_SCALINGS = {"identity": 0, "marquardt": 1}
_SOLVERS = {"auto": 0, "dense": 1, "cg": 2}


class LevenbergMarquardt(FullBatchOptimizer):
    """w -= (J'LJ + mu D)^-1 g, with J the Jacobian of the outputs by the weights and L the loss's second derivative by
    the outputs: for squares J'J (Levenberg, 1944; Marquardt, SIAM J. 11, 1963).

    mu falls where the model foretold the loss well, which makes it Gauss-Newton, and grows where the loss did not
    fall, which makes it a short step downhill: by Nielsen's rule (IMM-REP-1999-05). Ends when mu > mu_max.

    The fastest by far for regression with small networks (up to some 1,000 weights): MATLAB's `trainlm`. Cross-entropy
    works, too, with the matrix that belongs to it, and so does every loss that is convex in the outputs.

    An iteration costs a gradient and, dense, O(n p^2 + p^3) with p^2 numbers of memory; with "cg" up to `max_cg`
    products (about two gradients each) and O(p).

    Args:
        mu: the first mu.
        mu_max: where it ends.
        scaling: D. "marquardt": the largest diagonal of J'LJ so far, so that the scale of each weight does not matter.
            "identity": 1.
        solver: "dense" forms the matrix and factorizes it, "cg" solves by conjugate gradients. "auto" takes "dense" for
            up to 512 weights, and for up to 5,000 where that is not much more work than products with it.
        max_cg: the largest number of products an iteration; None for p, but from 100 to 1,000.
        goal, gtol, ftol, xtol, max_evals, name, patience, max_seconds: see `FullBatchOptimizer`.

    L1 penalties: only a subgradient.

    >>> import nervure as nv
    >>> optimizer = LevenbergMarquardt(mu=0.1, solver="dense")
    >>> optimizer.settings()["mu"], sorted(optimizer.needs)
    (0.1, ['normal'])
    """

    method = "levenberg_marquardt"
    own = ("mu", "mu_max", "scaling", "solver", "max_cg")

    def __init__(
        self,
        mu: float = 1e-3,
        mu_max: float = 1e10,
        scaling: str = "marquardt",
        solver: str = "auto",
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
        self.mu, self.mu_max = damping(mu, mu_max)
        self.scaling = chosen("scaling", scaling, _SCALINGS)
        self.solver = chosen("solver", solver, _SOLVERS)
        self.max_cg: int | None = positive_int("max_cg", max_cg, optional=True)

    @property
    def needs(self) -> frozenset[str]:
        """With "auto" both: which of them is used depends on the numbers of weights, rows and outputs."""
        kinds = {"dense": ("normal",), "cg": ("gauss_product",), "auto": ("normal", "gauss_product")}
        return frozenset(kinds[self.solver])

    def settings(self) -> dict[str, float]:
        words = {"scaling": float(_SCALINGS[self.scaling]), "solver": float(_SOLVERS[self.solver])}
        return super().settings() | words | self._numbers("mu", "mu_max", "max_cg")


def damping(mu: Any, mu_max: Any) -> tuple[Any, Any]:
    """The two, if 0 < mu <= mu_max; ValueError otherwise."""
    mu, mu_max = positive("mu", mu), positive("mu_max", mu_max)
    if mu_max < mu:
        raise ValueError(f"`mu_max` must be at least `mu`. Received: mu={mu!r}, mu_max={mu_max!r}.")
    return mu, mu_max

"""Nonlinear conjugate gradients."""

from __future__ import annotations

from typing import Any

from ..arguments import at_least_zero, real
from .base import FullBatchOptimizer
from .options import chosen, wolfe

_VARIANTS = {"pr+": 0, "fr": 1, "hs": 2, "dy": 3, "hz": 4}
_LONG = {
    "polak_ribiere": "pr+",
    "fletcher_reeves": "fr",
    "hestenes_stiefel": "hs",
    "dai_yuan": "dy",
    "hager_zhang": "hz",
}


class ConjugateGradient(FullBatchOptimizer):
    """w += t d; d = -g + beta d, with beta of the new gradient g, the old one and their difference y:

    - "pr+" or "polak_ribiere": max(0, g'y / |g_old|^2) (Polak and Ribiere, 1969; Powell, 1984)
    - "fr" or "fletcher_reeves": |g|^2 / |g_old|^2 (Fletcher and Reeves, 1964)
    - "hs" or "hestenes_stiefel": g'y / d'y (Hestenes and Stiefel, 1952)
    - "dy" or "dai_yuan": |g|^2 / d'y (Dai and Yuan, 1999)
    - "hz" or "hager_zhang": (y - 2 d |y|^2 / d'y)'g / d'y, bounded from below: CG_DESCENT (Hager and Zhang, SIAM J.
      Optim. 16, 2005), whose directions are always downhill

    The least memory of the fast methods: for more weights than even `LBFGS` has room for. "hz" is the most robust,
    "pr+" the one textbooks recommend. It builds on one function: `fit` refuses a `batch_size`.

    An iteration costs one to three gradients and O(p); memory is O(p), some 6 p numbers in all.

    Args:
        variant: one of the above.
        goal, gtol, ftol, xtol, max_evals, name, patience, max_seconds: see `FullBatchOptimizer`.
        c1, c2: of the line search, see `LineSearchOptimizer`: strong Wolfe conditions, for "hz" those of Hager and
            Zhang. None is 1e-4 and 0.1, for "hz" 0.1 and 0.9; "fr" needs c2 < 1/2 for directions that go downhill.
        restart: begins anew with d = -g where |g'g_old| >= restart |g|^2, as gradients should be orthogonal (Powell,
            1977).

    L1 penalties: only a subgradient.

    >>> import nervure as nv
    >>> optimizer = ConjugateGradient("hager_zhang")
    >>> optimizer.variant, optimizer.settings()["c2"]
    ('hz', 0.9)
    """

    method = "conjugate_gradient"
    batches = False
    own = ("variant", "c1", "c2", "restart")

    def __init__(
        self,
        variant: str = "pr+",
        goal: float | None = None,
        gtol: float = 1e-5,
        ftol: float = 0.0,
        xtol: float = 0.0,
        max_evals: int | None = None,
        name: str | None = None,
        *,
        patience: int = 1,
        max_seconds: float | None = None,
        c1: float | None = None,
        c2: float | None = None,
        restart: float = 0.2,
        **kwargs: Any,
    ) -> None:
        common: dict[str, Any] = {"patience": patience, "max_seconds": max_seconds}
        super().__init__(goal, gtol, ftol, xtol, max_evals, name, **common, **kwargs)
        variant = chosen("variant", variant, _VARIANTS | _LONG)
        self.variant = _LONG.get(variant, variant)
        self.c1 = None if c1 is None else real("c1", c1)
        self.c2 = None if c2 is None else real("c2", c2)
        self._line()
        self.restart = at_least_zero("restart", restart)

    def _line(self) -> dict[str, float]:
        c1, c2 = (0.1, 0.9) if self.variant == "hz" else (1e-4, 0.1)
        c1, c2 = wolfe(c1 if self.c1 is None else self.c1, c2 if self.c2 is None else self.c2)
        return {"c1": float(c1), "c2": float(c2)}

    def settings(self) -> dict[str, float]:
        variant = {"variant": float(_VARIANTS[self.variant])}
        return super().settings() | variant | self._line() | self._numbers("restart")

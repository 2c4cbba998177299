"""Levenberg-Marquardt that finds the strength of weight decay by itself."""

from __future__ import annotations

from typing import Any

from .base import FullBatchOptimizer
from .levenberg_marquardt import damping


class BayesianRegularization(FullBatchOptimizer):
    """Minimizes beta E + alpha W by Levenberg-Marquardt, with E the sum of squared errors and W that of squared
    weights, and after each step sets alpha and beta to what the data make most probable (MacKay, Neural Computation 4,
    1992; Foresee and Hagan, ICNN 1997):

        gamma = p - 2 alpha tr(H^-1), alpha = gamma / (2 W), beta = (m - gamma) / (2 E)

    with H = 2 beta J'J + 2 alpha I the Hessian, m the number of errors, and gamma the number of weights that the data
    determine.

    For regression on little, noisy data: no validation rows and no penalty to choose, and too many weights do no harm.
    MATLAB's `trainbr`. The loss must be a mean squared error. It builds on one function: `fit` refuses a `batch_size`.

    An iteration costs a gradient and O(n p^2 + p^3); memory is a few times p^2 numbers. For up to some 1,000 weights.

    Args:
        mu: the first damping of `LevenbergMarquardt`.
        mu_max: ends when it is larger.
        goal, gtol, ftol, xtol, max_evals, name, patience, max_seconds: see `FullBatchOptimizer`.

    L1 penalties: only a subgradient.

    >>> import nervure as nv
    >>> BayesianRegularization(mu=0.01).get_config()["mu"]
    0.01
    """

    method = "bayesian_regularization"
    batches = False
    own = ("mu", "mu_max")

    def __init__(
        self,
        mu: float = 1e-3,
        mu_max: float = 1e10,
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

    @property
    def needs(self) -> frozenset[str]:
        return frozenset(("normal",))

    def settings(self) -> dict[str, float]:
        return super().settings() | self._numbers("mu", "mu_max")

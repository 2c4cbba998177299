"""How well residuals determine parameters: the covariance of a least squares estimate."""

from __future__ import annotations

import numpy as np

from .functions import Array

__all__ = ["covariance_of"]


def covariance_of(jac: Array) -> Array | None:
    """(J'J)^-1 by the singular values of J; None where J is rank-deficient to rounding.

    Columns are first brought to length 1, so that the units of the parameters do not decide what counts as deficient:
    a singular value s <= eps * max(m, n) * s_1. With J D^-1 = U S V' it is D^-1 V S^-2 V' D^-1 (Golub & Van Loan,
    "Matrix Computations", 4th ed., 5.3 and 5.5).

    >>> covariance_of(np.array([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]]))
    array([[1.  , 0.  ],
           [0.  , 0.25]])
    >>> covariance_of(np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]])) is None
    True
    """
    jac = np.asarray(jac, np.float64)
    largest = np.abs(jac).max(axis=0, initial=0.0)
    if not np.isfinite(jac).all() or (largest == 0).any() or jac.shape[0] < jac.shape[1]:
        return None
    scaled = jac / largest  # so that no square leaves the range of doubles
    norm = np.sqrt(np.sum(scaled**2, axis=0))
    s, vt = np.linalg.svd(scaled / norm, full_matrices=False)[1:]
    if s[-1] <= np.finfo(np.float64).eps * max(jac.shape) * s[0]:
        return None
    half = vt.T / s / (norm * largest)[:, None]
    return half @ half.T

"""Free functions that minimize: any function, sums of squares, curves through points. With SciPy's signatures.

>>> import nervure as nv
>>> result = nv.optimize.minimize(lambda x: nv.ops.sum((x - 3.0) ** 2), [0.0, 1.0])
>>> result.x.round(6)
array([3., 3.])
"""

from typing import TYPE_CHECKING

from .._absent import absent
from .curve_fit import CurveFit, curve_fit
from .least_squares import least_squares
from .minimize import minimize
from .result import OptimizeResult, OptimizeWarning

__all__ = ["CurveFit", "OptimizeResult", "OptimizeWarning", "curve_fit", "least_squares", "minimize"]

if not TYPE_CHECKING:
    __getattr__ = absent(__name__)

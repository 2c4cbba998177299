"""The 54 runs of NIST's nonlinear regression problems: how many certified digits, in how many evaluations, beside
SciPy's MINPACK with the same exact Jacobian, and with the tolerances of either and 1e-15.

    python benchmarks/nist_digits.py
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import nervure as nv
import numpy as np
import scipy.optimize

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from nist.strd import Problem, load


def ours(problem: Problem, start: Any) -> tuple[Any, int]:
    found = nv.optimize.least_squares(problem.residuals(nv.ops), start)
    return found.x, found.nfev


def scipys(problem: Problem, start: Any, tolerance: float) -> tuple[Any, int]:
    jac = nv.jacobian(problem.residuals(nv.ops))
    t = {"ftol": tolerance, "xtol": tolerance, "gtol": tolerance}
    try:
        found = scipy.optimize.least_squares(
            problem.residuals(np), start, jac=jac, method="lm", x_scale="jac", max_nfev=2000, **t
        )
    except ValueError:  # MINPACK met NaN
        return np.full(len(start), np.nan), 0
    return found.x, found.nfev


def main() -> None:
    np.seterr(all="ignore")
    warnings.simplefilter("ignore")
    sides = {
        "nervure": ours,
        "scipy 1e-8": lambda p, s: scipys(p, s, 1e-8),
        "scipy 1e-15": lambda p, s: scipys(p, s, 1e-15),
    }
    print(f"{'least digits, evaluations':<14}" + "".join(f"{side:>20}" for side in sides))
    all_digits: dict[str, list[float]] = {side: [] for side in sides}
    totals = dict.fromkeys(sides, 0)
    for problem in load().values():
        for k, start in enumerate(problem.starts):
            row = f"{problem.name:<10} {k + 1}  "
            for side, solve in sides.items():
                x, evaluations = solve(problem, start)
                digits = float(problem.digits(x).min())
                all_digits[side].append(digits)
                totals[side] += evaluations
                row += f"{digits:>12.1f}{evaluations:>8}"
            print(row)
    for side, digits in all_digits.items():
        good = sum(d >= 4 for d in digits)
        print(
            f"{side:<12} {good} of {len(digits)} with 4 digits, least {min(digits):.1f}, mean {np.mean(digits):.2f}, "
            f"{totals[side]} evaluations"
        )


if __name__ == "__main__":
    main()

"""How many evaluations it takes to reach known optima, beside SciPy's counterparts with the same exact derivatives.

Reached: f <= f* + 1e-8 f*, and 1e-10 where f* is 0. An evaluation is one of f, with derivatives or without; a method
that does not get there within 5000, or that ends elsewhere, has none.

    python benchmarks/known_optima.py
"""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nervure as nv
import numpy as np
import scipy.optimize

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from mgh_problems import PROBLEMS, Problem

MOST = 5000


def goal_of(problem: Problem, f: float) -> float:
    """The sum of squares at which the optimum nearest to f counts as reached."""
    near = min(problem.optima, key=lambda optimum: abs(f - optimum))
    return near * (1 + 1e-8) if near else 1e-10


def counted(solve: Callable[[Callable[[Any], None]], Any], problem: Problem, f: Callable[[Any], Any]) -> int | None:
    """Evaluations until the optimum that `solve` ends at was reached; it calls back at each evaluation."""
    seen: list[float] = []
    with contextlib.suppress(ValueError):  # MINPACK met NaN
        solve(lambda x: seen.append(float(f(x))))
    best = np.nanmin(seen) if seen else np.inf
    goal = goal_of(problem, best)
    for k, value in enumerate(seen):
        if value <= goal:
            return k + 1
    return None


def scipys(problem: Problem, method: str) -> int | None:
    r, f = problem.residuals(np), problem.sum_of_squares(np)
    traced = problem.sum_of_squares(nv.ops)
    grad, start = nv.grad(traced), np.array(problem.start, float)

    def solve(note: Callable[[Any], None]) -> Any:
        def value(x: Any) -> Any:
            note(x)
            return f(x)

        def residuals(x: Any) -> Any:
            note(x)
            return r(x)

        if method == "lm":
            jac = nv.jacobian(problem.residuals(nv.ops))
            t = {"ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15}
            return scipy.optimize.least_squares(residuals, start, jac=jac, method="lm", max_nfev=MOST, **t)
        more: dict[str, Any] = {"options": {"maxfun": MOST, "maxiter": MOST, "ftol": 1e-16, "gtol": 1e-10}}
        if method == "trust-ncg":
            more = {"hessp": lambda x, v: nv.hvp(traced, x, v), "options": {"maxiter": MOST, "gtol": 1e-10}}
        return scipy.optimize.minimize(value, start, jac=grad, method=method, **more)

    return counted(solve, problem, f)


def until(goal: float) -> Callable[..., None]:
    """A callback that ends the search at this sum of squares."""

    def there(intermediate_result: Any) -> None:
        if 2 * intermediate_result.fun <= goal:
            raise StopIteration

    return there


def ours(problem: Problem, method: str) -> int | None:
    start = np.array(problem.start, float)
    for optimum in problem.optima:
        goal = optimum * (1 + 1e-8) if optimum else 1e-10
        if method == "lm":
            found = nv.optimize.least_squares(problem.residuals(nv.ops), start, max_nfev=MOST, callback=until(goal))
            if 2 * found.cost <= goal:
                return int(found.nfev)
            continue
        options = {"goal": goal, "gtol": 1e-12, "max_evals": MOST, "maxiter": MOST}
        found = nv.optimize.minimize(problem.sum_of_squares(nv.ops), start, method=method, options=options)
        if found.fun <= goal:
            return int(found.nfev)
    return None


PAIRS = {"lbfgs": "L-BFGS-B", "trust-ncg": "trust-ncg", "lm": "lm"}


def main() -> None:
    np.seterr(all="ignore")
    warnings.simplefilter("ignore")
    print(f"{'nervure | scipy':<27}" + "".join(f"{name:>14}" for name in PAIRS))
    wins = dict.fromkeys(PAIRS, 0)
    both = dict.fromkeys(PAIRS, 0)
    reached = dict.fromkeys(PAIRS, 0)
    for name, problem in PROBLEMS.items():
        row = f"{name:<27}"
        for here, there in PAIRS.items():
            a, b = ours(problem, here), scipys(problem, there)
            row += f"{a or '-':>7}{'|':>2}{b or '-':>5}"
            reached[here] += a is not None
            both[here] += a is not None or b is not None
            wins[here] += a is not None and (b is None or a <= b)
        print(row, flush=True)
    for name in PAIRS:
        print(
            f"{name}: reached {reached[name]} of {len(PROBLEMS)}, no more evaluations on {wins[name]} of {both[name]}"
        )


if __name__ == "__main__":
    main()

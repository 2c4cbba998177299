"""Test problems of More, Garbow and Hillstrom: optima of the literature from the standard starts."""

import nervure as nv
import numpy as np
import pytest
from mgh_problems import PROBLEMS

# Meyer's and Watson's with 12 are too badly conditioned for methods that see the sum of squares only.
HARD = {"meyer", "watson12"}


def reached(f: float, optima: tuple[float, ...], tolerance: float) -> bool:
    return any(abs(f - optimum) <= tolerance * optimum + 1e-9 * (optimum == 0) for optimum in optima)


@pytest.mark.parametrize("name", PROBLEMS)
def test_numpy_and_ops_give_the_same_residuals(name: str) -> None:
    problem = PROBLEMS[name]
    x = np.array(problem.start)
    expected = problem.residuals(np)(x)
    np.testing.assert_allclose(nv.function(problem.residuals(nv.ops))(x), expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", PROBLEMS)
def test_least_squares(name: str) -> None:
    problem = PROBLEMS[name]
    found = nv.optimize.least_squares(problem.residuals(nv.ops), problem.start)
    assert found.success, found.message
    assert reached(2 * found.cost, problem.optima, 1e-7), found.cost


@pytest.mark.parametrize("method", ["lbfgs", "trust-ncg"])
@pytest.mark.parametrize("name", sorted(set(PROBLEMS) - HARD))
def test_minimize(name: str, method: str) -> None:
    problem = PROBLEMS[name]
    options = {"gtol": 1e-10, "maxiter": 5000}
    found = nv.optimize.minimize(problem.sum_of_squares(nv.ops), problem.start, method=method, options=options)
    assert reached(found.fun, problem.optima, 1e-5), (found.fun, found.message)

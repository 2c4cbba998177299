"""NIST's nonlinear regression problems, from both starts: certified parameters, their deviations, sums of squares."""

import nervure as nv
import numpy as np
import pytest
from nist.strd import Problem, load

PROBLEMS = load()
RUNS = [(name, k) for name in PROBLEMS for k in (0, 1)]


def test_all_problems_are_there() -> None:
    assert len(PROBLEMS) == 27
    for problem in PROBLEMS.values():
        if problem.name != "Lanczos1":  # whose sum of squares is rounding of the parameters
            found = np.sum(problem.residuals(np)(problem.certified) ** 2)
            assert found == pytest.approx(problem.sum_of_squares, rel=1e-9)


@pytest.mark.parametrize(("name", "k"), RUNS)
def test_certified_parameters(name: str, k: int) -> None:
    problem: Problem = PROBLEMS[name]
    found = nv.optimize.least_squares(problem.residuals(nv.ops), problem.starts[k])
    assert found.success, found.message
    assert problem.digits(found.x).min() >= 9, problem.digits(found.x)
    if name != "Lanczos1":
        assert 2 * found.cost == pytest.approx(problem.sum_of_squares, rel=1e-9)


@pytest.mark.parametrize("name", PROBLEMS)
def test_certified_deviations(name: str) -> None:
    problem: Problem = PROBLEMS[name]
    fit = nv.optimize.curve_fit(problem.model(nv.ops), problem.x.tolist(), problem.y.tolist(), problem.starts[1])
    assert problem.digits(fit.popt).min() >= 9
    if name == "Lanczos1":  # 1e-25 is the certified sum of squares, rounding of the data
        assert fit.chi2 < 1e-24
        return
    np.testing.assert_allclose(fit.stderr, problem.deviations, rtol=2e-6)
    assert fit.dof == problem.dof and fit.chi2 == pytest.approx(problem.sum_of_squares, rel=1e-9)

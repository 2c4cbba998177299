"""`nv.optimize`: arguments, results, errors; against closed forms and SciPy."""

import pickle
import warnings

import nervure as nv
import numpy as np
import pytest
import scipy.optimize
from nervure.optimize import OptimizeWarning, curve_fit, least_squares, minimize

ops = nv.ops
METHODS = ["BFGS", "L-BFGS-B", "lbfgs", "CG", "fr", "hs", "dy", "hz", "SCG", "Newton-CG", "newton", "trust-ncg", None]
NAN = float("nan")


def bowl(x):
    return ops.sum((x - [1.0, -2.0]) ** 2 * [1.0, 10.0])


@pytest.mark.parametrize("method", [*METHODS, "gradient_descent"])
def test_every_method_finds_the_bottom(method):
    found = minimize(bowl, [0.1, 0.1], method=method, tol=1e-8)
    assert found.success and found.status == 0, found.message
    np.testing.assert_allclose(found.x, [1, -2], atol=1e-7)
    assert found.nfev >= 1 and found.nit >= 1 and np.abs(found.jac).max() <= 1e-8


@pytest.mark.parametrize("method", METHODS)
def test_rosenbrock(method):
    def rosenbrock(x):
        return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2

    found = minimize(rosenbrock, (-1.2, 1.0), method=method, tol=1e-9)
    assert found.success, found.message
    np.testing.assert_allclose(found.x, [1, 1], atol=1e-7)


def test_an_optimizer_brings_its_settings():
    found = minimize(bowl, [0.0, 0.0], method=nv.optimizers.LBFGS(max_evals=2, gtol=0.0))
    assert not found.success and found.nfev <= 3 and "evaluations" in found.message
    with pytest.raises(ValueError, match="tol"):
        minimize(bowl, [0.0, 0.0], method=nv.optimizers.LBFGS(), tol=1e-3)


def test_shapes_dtypes_and_numbers():
    found = minimize(lambda x: ops.sum((x - np.arange(6.0).reshape(2, 3)) ** 2), np.zeros((2, 3)))
    assert found.x.shape == found.jac.shape == (2, 3) and found.x.dtype == np.float64
    assert minimize(lambda x: (x - 2) ** 2, 1).x == pytest.approx(2, abs=1e-5)
    assert minimize(lambda x: ops.sum((x - 2) ** 2), np.zeros(2, "float32")).x.dtype == np.float32


def test_lists_and_numbers_are_doubles():
    third = 1 / 3
    found = least_squares(lambda x: x * [3.0, 1.0] - [1.0, third], [0.0, 0.0])
    np.testing.assert_array_equal(found.x, [third, third])
    a, b = curve_fit(lambda x, a, b: a + b * x, [1, 2, 3], [1.1, 1.2, 1.3])[0]
    assert a == pytest.approx(1.0, abs=1e-14) and b == pytest.approx(0.1, abs=1e-14)
    assert nv.config.floatx() == "float32"


def test_parameters_unpack_and_numpy_numbers_mix():
    def fun(p, scale):
        a, b = p
        return ops.stack([np.float64(2) * a - scale, (-b) ** np.float64(2.0) - 4.0, a - b * np.float64(1.5)])

    found = least_squares(fun, [1.0, 1.0], args=(4.0,))
    expected = scipy.optimize.least_squares(lambda p: [2 * p[0] - 4, p[1] ** 2 - 4, p[0] - 1.5 * p[1]], [1.0, 1.0])
    np.testing.assert_allclose(found.x, expected.x, rtol=1e-6)
    with pytest.raises(TypeError, match=r"nervure\.ops\.exp"):
        minimize(lambda x: np.exp(x), [1.0])


def test_callbacks():
    seen = []
    minimize(bowl, [0.0, 0.0], callback=lambda x: seen.append(x))
    assert len(seen) >= 1 and seen[-1].shape == (2,)

    def stop(intermediate_result):
        assert intermediate_result.fun <= 41 and intermediate_result.nit == 1
        raise StopIteration

    found = minimize(bowl, [0.0, 0.0], method="gradient_descent", callback=stop)
    assert found.nit == 1 and found.status == 99 and not found.success and "callback" in found.message
    with pytest.raises(ZeroDivisionError):
        minimize(bowl, [0.0, 0.0], callback=lambda x: 1 / 0)


def test_what_fun_raises_comes_as_it_is():
    class Mine(Exception):
        pass

    def fun(x):
        raise Mine("here")

    with pytest.raises(Mine, match="here"):
        minimize(fun, [0.0])
    with pytest.raises(Mine, match="here"):
        least_squares(fun, [0.0])


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"x0": [NAN, 0.0]}, "x0 must be finite"),
        ({"x0": []}, "x0 is empty"),
        ({"bounds": [(0, 1)]}, "bounds"),
        ({"jac": True}, "jac"),
        ({"constraints": {"type": "eq"}}, "constraints"),
        ({"method": "nelder-mead"}, "no method"),
        ({"method": "lm"}, "least_squares"),
        ({"options": {"maxls": 3}}, "maxls"),
        ({"options": {"maxiter": -1}}, "maxiter"),
        ({"options": {"gtol": -1.0}}, "gtol"),
        ({"fun": lambda x: x}, "scalar"),
        ({"method": nv.optimizers.TrustRegionNewton(hessian="gauss_newton")}, "least_squares"),
    ],
)
def test_minimize_refuses(arguments, match):
    with pytest.raises(ValueError, match=match):
        minimize(**{"fun": bowl, "x0": [0.0, 0.0], **arguments})


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"x0": [np.inf, 0.0]}, "x0 must be finite"),
        ({"x0": [[0.0, 0.0]]}, "at most 1 axis"),
        ({"jac": "3-point"}, "jac"),
        ({"method": "trf"}, "method"),
        ({"loss": "huber"}, "loss"),
        ({"x_scale": 2.0}, "x_scale"),
        ({"tr_solver": "lsmr"}, "tr_solver"),
        ({"ftol": -1.0}, "ftol"),
        ({"max_nfev": 0}, "max_nfev"),
        ({"bounds": ([0, 0], [1, 0])}, "bound"),
        ({"bounds": (1, 2)}, "within"),
        ({"bounds": 3}, "bounds"),
    ],
)
def test_least_squares_refuses(arguments, match):
    with pytest.raises(ValueError, match=match):
        least_squares(**{"fun": lambda x: x - [1.0, 2.0], "x0": [0.0, 0.0], **arguments})


def test_bad_starts_and_flat_functions_say_why():
    found = minimize(lambda x: ops.sum(ops.log(x)), [-1.0])
    assert not found.success and found.status == 3 and "start" in found.message
    found = least_squares(lambda x: ops.sqrt(x), [-1.0])
    assert not found.success and found.status == -5
    found = minimize(lambda x: ops.sum(0.0 * x) + 3.0, [1.0, 2.0])
    assert found.success and found.fun == 3 and (found.x == [1, 2]).all()
    assert least_squares(lambda x: 0.0 * x + 1.0, [1.0, 2.0]).success
    assert least_squares(lambda x: x[:1] + x[1:] - 3.0, [0.0, 0.0]).cost < 1e-28  # more parameters than residuals
    found = minimize(lambda x: x[0] ** 2 - x[1] ** 2 + x[1] ** 4, [1.0, 1e-3], method="trust-ncg", tol=1e-9)
    assert found.fun == pytest.approx(-0.25)


def test_least_squares_fields():
    t = np.arange(6.0)
    y = np.exp(-t) + [0.01, -0.02, 0.01, 0, 0.02, -0.01]
    found = least_squares(lambda p, t, y=None: p[0] * ops.exp(-p[1] * t) - y, [2.0, 2.0], args=(t,), kwargs={"y": y})
    other = scipy.optimize.least_squares(lambda p: p[0] * np.exp(-p[1] * t) - y, [2.0, 2.0], xtol=1e-14, ftol=1e-14)
    np.testing.assert_allclose(found.x, other.x, rtol=1e-6)
    np.testing.assert_allclose(found.jac, other.jac, atol=1e-5)
    np.testing.assert_allclose(found.fun, other.fun, atol=1e-6)
    assert found.cost == pytest.approx(other.cost) and found.optimality < 1e-12 and found.status > 0
    assert (found.active_mask == 0).all() and found.grad.shape == (2,)


def test_bounds():
    fun = lambda x: ops.stack([10 * (x[1] - x[0] ** 2), 1 - x[0]])  # noqa: E731
    found = least_squares(fun, [0.0, 0.0], bounds=([-1.0, -1.0], [0.5, np.inf]))
    np.testing.assert_allclose(found.x, [0.5, 0.25], atol=1e-10)
    assert found.success and (found.active_mask == [1, 0]).all() and found.optimality < 1e-8


def test_results_print_pickle_and_explain():
    found = minimize(bowl, [0.0, 0.0])
    again = pickle.loads(pickle.dumps(found))
    assert (again.x == found.x).all() and again["nit"] == found.nit and "message: " in repr(found)
    assert "x" in dir(found)
    with pytest.raises(AttributeError, match="it has x"):
        found.hess_inv  # noqa: B018


def model(x, a, b):
    return a * ops.exp(-b * x)


X = np.linspace(0, 4, 30)
Y = 2.5 * np.exp(-1.3 * X) + 0.05 * np.sin(17 * X)
SIGMA = 0.05 + 0.02 * X
COVARIANCE = np.diag(SIGMA**2) + 1e-3 * np.exp(-np.abs(X[:, None] - X[None, :]))


@pytest.mark.parametrize("sigma", [None, SIGMA, COVARIANCE, 0.5])
@pytest.mark.parametrize("absolute", [False, True])
def test_curve_fit_is_scipys(sigma, absolute):
    fit = curve_fit(model, X, Y, sigma=sigma, absolute_sigma=absolute)
    scipys = 0.5 * np.ones(30) if sigma is not None and np.ndim(sigma) == 0 else sigma
    f = lambda x, a, b: a * np.exp(-b * x)  # noqa: E731
    popt, pcov = scipy.optimize.curve_fit(f, X, Y, sigma=scipys, absolute_sigma=absolute, ftol=1e-14, xtol=1e-14)
    np.testing.assert_allclose(fit.popt, popt, rtol=1e-6)
    np.testing.assert_allclose(fit.pcov, pcov, rtol=1e-5)
    np.testing.assert_allclose(fit.residuals, Y - f(X, *popt), atol=1e-7)
    np.testing.assert_array_equal(fit.stderr, np.sqrt(np.diag(fit.pcov)))
    assert fit.dof == 28 and fit.reduced_chi2 == fit.chi2 / 28 and 0.9 < fit.r2 < 1
    assert (pickle.loads(pickle.dumps(fit)).popt == fit.popt).all()


def test_curve_fit_takes_many_kinds_of_data():
    z = np.stack([X, X**2])
    y = 3 * X - 0.5 * X**2 + 1
    plane = lambda x, a, b, c: a + b * x[0] + c * x[1]  # noqa: E731
    for data in (z, (X, X**2), z.tolist()):
        np.testing.assert_allclose(curve_fit(plane, data, y)[0], [1, 3, -0.5], atol=1e-12)
    fit = curve_fit(lambda x, a: a * x["t"], {"t": X}, 2 * X, full_output=True)
    assert len(fit) == 5 and fit[0] == pytest.approx(2) and fit[2]["nfev"] >= 1
    broken = np.where(np.arange(30) == 3, NAN, Y)
    np.testing.assert_allclose(
        curve_fit(model, X, broken, nan_policy="omit")[0],
        curve_fit(model, np.delete(X, 3), np.delete(Y, 3))[0],
        rtol=1e-9,
    )
    inside = curve_fit(model, X, Y, bounds=([0, 0], [2.0, 5.0]))
    assert inside.popt[0] == 2.0


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"ydata": np.where(X > 3, NAN, Y)}, ValueError, "ydata"),
        ({"xdata": np.where(X > 3, np.inf, X)}, ValueError, "xdata"),
        ({"nan_policy": "propagate"}, ValueError, "nan_policy"),
        ({"sigma": np.ones(3)}, ValueError, "sigma"),
        ({"sigma": np.zeros(30)}, ValueError, "positive"),
        ({"sigma": -np.eye(30)}, ValueError, "positive definite"),
        ({"p0": np.ones(31)}, TypeError, "31 parameters"),
        ({"f": lambda x, *p: p[0] * x}, ValueError, "p0"),
        ({"method": "trf"}, ValueError, "method"),
        ({"jac": model}, ValueError, "jac"),
        ({"args": (1,)}, ValueError, "args"),
        ({"f": lambda x, a, b: ops.stack([a * x, b * x])}, ValueError, "shape"),
        ({"maxfev": 1}, RuntimeError, "no minimum"),
    ],
)
def test_curve_fit_refuses(arguments, error, match):
    with pytest.raises(error, match=match):
        curve_fit(**{"f": model, "xdata": X, "ydata": Y, **arguments})


def test_what_data_do_not_determine():
    with pytest.warns(OptimizeWarning, match="not determine"):
        fit = curve_fit(lambda x, a, b: a * x + b * x, X, 3 * X)
    assert np.isinf(fit.pcov).all() and fit.popt.sum() == pytest.approx(3)
    with pytest.warns(OptimizeWarning, match="no more data"):
        curve_fit(model, X[:2], Y[:2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        curve_fit(model, X[:2], Y[:2], absolute_sigma=True)

"""`model.objective`: the loss as a function of one vector, against finite differences, `evaluate` and SciPy."""

import nervure as nv
import numpy as np
import pytest
from nervure import layers, regularizers

X = np.random.default_rng(0).normal(size=(40, 3))
Y = np.sin(X[:, :1]) + X[:, 1:2] * X[:, 2:]


@pytest.fixture(autouse=True)
def _float64():
    nv.utils.set_random_seed(1)
    nv.config.set_floatx("float64")
    yield
    nv.config.set_floatx("float32")


def network(loss="mse", outputs=1, **more):
    hidden = layers.Dense(5, activation="tanh", kernel_regularizer=regularizers.L1L2(1e-3, 1e-2))
    model = nv.Sequential([nv.Input((3,)), hidden, *more.get("middle", ()), layers.Dense(outputs)])
    model.compile("sgd", loss)
    return model


def test_value_is_what_evaluate_says():
    model = network()
    f = model.objective(X, Y)
    assert f.size == model.count_params() and f.x0.dtype == np.float64
    assert f(f.x0) == f.value(f.x0) == pytest.approx(model.evaluate(X, Y, verbose=0, batch_size=40), rel=1e-14)
    w = f.x0 + 0.1
    before = model.get_weights()
    value = f.value(w)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    f.set_weights(w)
    assert model.evaluate(X, Y, verbose=0, batch_size=40) == pytest.approx(value, rel=1e-14)


def test_derivatives_by_differences():
    f = network().objective(X, Y, np.linspace(0.5, 2, 40))
    rng = np.random.default_rng(3)
    w, v, h = f.x0 + 0.1, rng.normal(size=f.size), 1e-6
    value, gradient = f.value_and_gradient(w)
    assert value == f.value(w) and np.array_equal(gradient, f.gradient(w))
    assert gradient @ v == pytest.approx((f(w + h * v) - f(w - h * v)) / (2 * h), rel=1e-7)
    slopes = (f.gradient(w + h * v) - f.gradient(w - h * v)) / (2 * h)
    np.testing.assert_allclose(f.hessian_product(w, v), slopes, rtol=1e-6, atol=1e-8)


def test_gauss_newton_of_a_linear_model_is_the_hessian_and_positive_of_a_network():
    linear = nv.Sequential([nv.Input((3,)), layers.Dense(2, kernel_regularizer="l2")])
    linear.compile("sgd", "mse")
    f = linear.objective(X, np.hstack([Y, Y**2]))
    v = np.arange(1.0, f.size + 1)
    np.testing.assert_allclose(f.gauss_newton_product(f.x0, v), f.hessian_product(f.x0, v), rtol=1e-12)
    model = network(nv.losses.SparseCategoricalCrossentropy(from_logits=True), 3)
    f = model.objective(X, (X[:, 0] > 0).astype(int))
    matrix = np.array([f.gauss_newton_product(f.x0, e) for e in np.eye(f.size)])
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-14)
    assert np.linalg.eigvalsh(matrix).min() > -1e-12


def test_scipy_minimizes_it():
    optimize = pytest.importorskip("scipy.optimize")
    model = network()
    f = model.objective(X, Y)
    found = optimize.minimize(f.value_and_gradient, f.x0, jac=True, hessp=f.hessian_product, method="trust-ncg")
    first = f(f.x0)
    f.set_weights(found.x)
    assert found.fun == pytest.approx(model.evaluate(X, Y, verbose=0, batch_size=40), rel=1e-12)
    assert found.fun < 0.7 * first


def test_a_mask_is_held_until_another_is_drawn():
    f = network(middle=[layers.Dropout(0.5)]).objective(X, Y)
    first = f(f.x0)
    assert first == f(f.x0)
    f.draw()
    assert first != f(f.x0)


def test_bad_arguments():
    model = nv.Sequential([nv.Input((3,)), layers.Dense(1)])
    with pytest.raises(ValueError, match="compile"):
        model.objective(X, Y)
    f = network().objective(X, Y)
    with pytest.raises(ValueError, match=r"w must have shape \(26,\).*got shape \(3,\)"):
        f.value(np.zeros(3))
    with pytest.raises(ValueError, match="v must have shape"):
        f.hessian_product(f.x0, np.zeros((26, 1)))
    with pytest.raises(ValueError):
        network().objective(X, Y[:5])

"""Regularizers and constraints: their formulas in NumPy, zeros, slopes, names, configs and bad arguments."""

import json

import nervure as nv
import numpy as np
import pytest
from nervure import constraints, ops, regularizers
from nervure.saving import register_keras_serializable

W = np.random.default_rng(2).normal(size=(5, 4))
W0 = W * np.array([1, 0, 1, 1])  # a column of zeros


def mean_cosine(rows):
    unit = [r / max(np.linalg.norm(r), 1e-12) for r in rows]
    pairs = [abs(unit[i] @ unit[j]) for i in range(len(rows)) for j in range(i)]
    return np.mean(pairs) if pairs else 0.0


@pytest.mark.parametrize("w", [W, W0, W[:1], np.eye(3)], ids=["any", "zeros", "one row", "orthogonal"])
def test_orthogonal_regularizer(w):
    for mode, rows in (("rows", w), ("columns", w.T)):
        penalty = regularizers.OrthogonalRegularizer(0.3, mode)
        np.testing.assert_allclose(penalty(w), 0.3 * mean_cosine(rows), rtol=1e-6, atol=1e-12)
        assert np.isfinite(nv.grad(penalty)(w)).all()


def test_slope_of_the_orthogonal_regularizer():
    penalty, h = regularizers.OrthogonalRegularizer(0.3, "columns"), 1e-6
    slope = np.zeros_like(W)
    for k in np.ndindex(W.shape):
        step = np.zeros_like(W)
        step[k] = h
        slope[k] = (penalty(W + step) - penalty(W - step)) / (2 * h)
    np.testing.assert_allclose(nv.grad(penalty)(W), slope, atol=1e-8)


def test_sums():
    x = W.astype(np.float32)
    np.testing.assert_allclose(regularizers.L1(0.3)(x), 0.3 * np.abs(W).sum(), rtol=1e-6)
    np.testing.assert_allclose(regularizers.L2(0.3)(x), 0.3 * (W**2).sum(), rtol=1e-6)
    both = regularizers.L1L2(0.1, 0.2)
    np.testing.assert_allclose(both(x), 0.1 * np.abs(W).sum() + 0.2 * (W**2).sum(), rtol=1e-6)
    assert float(regularizers.L1L2()(x)) == 0
    assert regularizers.L1(None).l1 == 0.01 and regularizers.L1L2(None, None).get_config() == {"l1": 0.0, "l2": 0.0}


def norms(w, axis=0):
    return np.sqrt((w**2).sum(axis, keepdims=True))


@pytest.mark.parametrize("axis", [0, 1, (0, 1)])
def test_norms(axis):
    n = norms(W0, axis)
    safe = np.where(n == 0, 1, n)
    close = {"rtol": 1e-5, "atol": 1e-7}
    np.testing.assert_allclose(constraints.MaxNorm(1.2, axis)(W0), W0 * np.minimum(n, 1.2) / safe, **close)
    np.testing.assert_allclose(constraints.UnitNorm(axis)(W0), W0 / safe, **close)
    np.testing.assert_allclose(constraints.MinMaxNorm(1.0, 1.5, 1.0, axis)(W0), W0 * np.clip(n, 1, 1.5) / safe, **close)
    half = constraints.MinMaxNorm(1.0, 1.5, 0.5, axis)(W0)
    np.testing.assert_allclose(half, W0 * (np.clip(n, 1, 1.5) + n) / 2 / safe, **close)
    np.testing.assert_array_equal(constraints.NonNeg()(W), np.maximum(W, 0))
    assert constraints.Constraint()(W) is W


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_is_kept(dtype):
    for constraint in (constraints.MaxNorm(), constraints.UnitNorm(), constraints.MinMaxNorm(), constraints.NonNeg()):
        assert constraint(W.astype(dtype)).dtype == dtype
    for penalty in (regularizers.L2(), regularizers.OrthogonalRegularizer()):
        assert penalty(W.astype(dtype)).dtype == dtype


def test_in_training():
    """After each step the columns are no longer than the constraint allows; the penalty is part of the loss."""
    model = nv.Sequential([nv.Input((5,))])
    model.add(nv.layers.Dense(4, kernel_constraint="max_norm", kernel_regularizer="orthogonal_regularizer"))
    x, y = np.random.default_rng(3).normal(size=(2, 40, 5))
    model.compile(nv.optimizers.SGD(1.0), loss="mse")
    model.fit(x, 50 * y[:, :4], epochs=2, verbose=0)
    w = model.get_weights()[0]
    assert norms(w).max() <= 2 + 1e-5 and norms(w).max() > 1.9
    residual = ((model.predict(x, verbose=0) - 50 * y[:, :4]) ** 2).mean()
    whole = model.evaluate(x, 50 * y[:, :4], batch_size=40, verbose=0)
    np.testing.assert_allclose(whole, residual + 0.01 * mean_cosine(w), rtol=1e-5)


MADE = [
    (regularizers, regularizers.L1(0.1)), (regularizers, regularizers.L2(0.2)),
    (regularizers, regularizers.L1L2(0.1, 0.2)), (regularizers, regularizers.OrthogonalRegularizer(0.3, "columns")),
    (constraints, constraints.MaxNorm(3, axis=1)), (constraints, constraints.MinMaxNorm(0.1, 0.2, 0.3, axis=[0, 1])),
    (constraints, constraints.UnitNorm(axis=1)), (constraints, constraints.NonNeg()),
]  # fmt: skip


@pytest.mark.parametrize("module, made", MADE, ids=lambda v: type(v).__name__)
def test_configs(module, made):
    config = json.loads(json.dumps(module.serialize(made)))
    assert config["module"] == f"keras.{module.__name__.split('.')[-1]}" and config["registered_name"] is None
    for again in (module.deserialize(config), module.get(config), type(made).from_config(made.get_config())):
        assert type(again) is type(made) and again.get_config() == made.get_config()
    assert type(module.get(type(made))) is type(made)
    assert module.get(made) is made and module.get(None) is None
    assert type(module.get(type(made).__name__)) is type(made)


@pytest.mark.parametrize(
    "module, name, cls",
    [
        (regularizers, "l1", "L1"), (regularizers, "l2", "L2"), (regularizers, "l1l2", "L1L2"),
        (regularizers, "l1_l2", "L1L2"), (regularizers, "orthogonal_regularizer", "OrthogonalRegularizer"),
        (constraints, "max_norm", "MaxNorm"), (constraints, "min_max_norm", "MinMaxNorm"),
        (constraints, "unit_norm", "UnitNorm"), (constraints, "non_neg", "NonNeg"),
    ],
)  # fmt: skip
def test_names(module, name, cls):
    assert type(module.get(name)).__name__ == type(module.deserialize(name)).__name__ == cls
    if name != "l1l2":
        assert getattr(module, name) is getattr(module, cls)


@pytest.mark.parametrize("module", [regularizers, constraints])
def test_custom(module):
    def mine(w):
        return ops.sum(w)

    config = module.serialize(mine)
    assert config["class_name"] == "function" and module.deserialize(config, {"mine": mine}) is mine
    assert module.get(mine) is mine

    @register_keras_serializable("tests", name=f"Own{module.__name__}")
    class Own(getattr(module, "Regularizer", None) or module.Constraint):
        def get_config(self):
            return {}

    assert isinstance(module.get(module.serialize(Own())), Own)
    for wrong in ("nothing", 3, {"class_name": "Nothing", "config": {}}, int):
        with pytest.raises(ValueError, match="Could not interpret"):
            module.get(wrong)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: regularizers.L1(-1), "Invalid value for argument l1: expected a non-negative float"),
        (lambda: regularizers.L2("a"), "argument l2"),
        (lambda: regularizers.L1L2(l2=np.inf), "argument l2"),
        (lambda: regularizers.L1L2(l1=""), "argument l1"),
        (lambda: regularizers.OrthogonalRegularizer(np.nan), "argument factor"),
        (lambda: regularizers.OrthogonalRegularizer(mode="diagonal"), "argument `mode`"),
        (lambda: regularizers.OrthogonalRegularizer()(W[0]), r"must have rank 2.*\(4,\)"),
        (lambda: constraints.MaxNorm("a"), "MaxNorm: max_value"),
        (lambda: constraints.MaxNorm(-1), "MaxNorm: max_value"),
        (lambda: constraints.MaxNorm(axis="x"), "MaxNorm: axis"),
        (lambda: constraints.UnitNorm(axis=0.5), "UnitNorm: axis"),
        (lambda: constraints.MinMaxNorm(2.0, 1.0), "min_value 2.0 must not be above max_value 1.0"),
        (lambda: constraints.MinMaxNorm(rate=2), "rate must be a number from 0 to 1"),
    ],
)
def test_bad_arguments(make, words):
    with pytest.raises(ValueError, match=words):
        make()

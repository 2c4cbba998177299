"""Losses against their formulas in float64, reductions, weights, ranks, resolution of names."""

import nervure as nv
import numpy as np
import pytest
from nervure import losses, ops

RNG = np.random.default_rng(1)
T, P = RNG.uniform(0, 1, (6, 4)), RNG.uniform(0.05, 0.95, (6, 4))
ONE_HOT = np.eye(4)[[0, 1, 2, 3, 1, 0]]
LABELS = np.array([0, 1, 2, 3, 1, 0])
PROBS = P / P.sum(-1, keepdims=True)
LOGITS = RNG.normal(size=(6, 4)) * 3


def log_softmax(z):
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def bce(t, p):
    return -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(-1)


def huber(t, p, d):
    e = np.abs(t - p)
    return np.where(e <= d, 0.5 * e**2, d * e - 0.5 * d**2).mean(-1)


CASES = [
    (losses.MeanSquaredError(), T, P, ((T - P) ** 2).mean(-1)),
    (losses.MeanAbsoluteError(), T, P, np.abs(T - P).mean(-1)),
    (losses.MeanAbsolutePercentageError(), T, P, 100 * np.abs((T - P) / np.maximum(T, 1e-7)).mean(-1)),
    (losses.MeanSquaredLogarithmicError(), T, P, ((np.log1p(T) - np.log1p(P)) ** 2).mean(-1)),
    (losses.Huber(0.3), T, P, huber(T, P, 0.3)),
    (losses.BinaryCrossentropy(), ONE_HOT, P, bce(ONE_HOT, P)),
    (losses.BinaryCrossentropy(label_smoothing=0.2), ONE_HOT, P, bce(ONE_HOT * 0.8 + 0.1, P)),
    (losses.BinaryCrossentropy(from_logits=True), ONE_HOT, LOGITS, bce(ONE_HOT, sigmoid(LOGITS))),
    (losses.CategoricalCrossentropy(), ONE_HOT, PROBS, -(ONE_HOT * np.log(PROBS)).sum(-1)),
    (losses.CategoricalCrossentropy(), ONE_HOT, P, -(ONE_HOT * np.log(PROBS)).sum(-1)),  # normalized first
    (losses.CategoricalCrossentropy(from_logits=True), ONE_HOT, LOGITS, -(ONE_HOT * log_softmax(LOGITS)).sum(-1)),
    (
        losses.CategoricalCrossentropy(label_smoothing=0.1),
        ONE_HOT,
        PROBS,
        -((ONE_HOT * 0.9 + 0.025) * np.log(PROBS)).sum(-1),
    ),
    (losses.SparseCategoricalCrossentropy(), LABELS, PROBS, -np.log(PROBS)[range(6), LABELS]),
    (losses.SparseCategoricalCrossentropy(), LABELS[:, None].astype("float64"), P, -np.log(PROBS)[range(6), LABELS]),
    (
        losses.SparseCategoricalCrossentropy(from_logits=True),
        LABELS,
        LOGITS,
        -log_softmax(LOGITS)[range(6), LABELS],
    ),
    (
        losses.SparseCategoricalCrossentropy(ignore_class=1),
        LABELS,
        PROBS,
        np.where(LABELS == 1, 0, -np.log(PROBS)[range(6), LABELS]),  # and means are over the other four
    ),
]


@pytest.mark.parametrize("k", range(len(CASES)))
def test_values_and_reductions(k):
    loss, t, p, expected = CASES[k]
    close = {"rtol": 3e-5, "atol": 1e-6}
    counts = loss.get_config().get("ignore_class") != LABELS  # all but in the last case
    np.testing.assert_allclose(loss(t, p), expected.sum() / counts.sum(), **close)
    w = np.array([0.5, 0.0, 2.0, 1.0, 0.0, 3.0])
    np.testing.assert_allclose(loss(t, p, sample_weight=w), (expected * w).sum() / counts.sum(), **close)
    np.testing.assert_allclose(loss(t, p, sample_weight=w[:, None]), (expected * w).sum() / counts.sum(), **close)
    config = loss.get_config()
    for reduction, value in (
        ("none", expected * w),
        (None, expected * w),
        ("sum", (expected * w).sum()),
        ("mean", (expected * w).sum() / counts.sum()),
        ("mean_with_sample_weight", (expected * w).sum() / w[counts].sum()),
    ):
        again = type(loss).from_config({**config, "reduction": reduction})
        np.testing.assert_allclose(again(t, p, sample_weight=w), value, **close)


def test_float64_is_kept():
    assert losses.MeanSquaredError(dtype="float64")(T, P) == pytest.approx(((T - P) ** 2).mean(), rel=1e-14)


def test_no_silent_broadcast():
    y, p = np.arange(5.0), np.zeros((5, 1))
    assert float(losses.MeanSquaredError()(y, p)) == pytest.approx((y**2).mean())
    assert float(losses.MeanSquaredError()(p, y)) == pytest.approx((y**2).mean())
    np.testing.assert_allclose(losses.mean_squared_error(y, p), y**2)
    with pytest.raises(ValueError, match=r"mean_squared_error expects .* same shape.*\(5, 2\).*\(5, 1\)"):
        losses.MeanSquaredError()(np.zeros((5, 2)), p)


def test_extremes_are_finite():
    t = np.array([[1.0, 0.0]])
    assert float(losses.BinaryCrossentropy()([[1.0]], [[0.0]])) == pytest.approx(16.118, abs=0.01)
    assert float(losses.CategoricalCrossentropy()(t, np.array([[0.0, 1.0]]))) == pytest.approx(16.118, abs=0.01)
    far = np.array([[-200.0, 200.0]])
    assert float(losses.BinaryCrossentropy(from_logits=True)(t, far)) == pytest.approx(200.0)
    assert float(losses.SparseCategoricalCrossentropy(from_logits=True)([0], far)) == pytest.approx(400.0)


def test_custom():
    class Cubed(losses.Loss):
        def call(self, y_true, y_pred):
            return ops.mean(ops.absolute(y_true - y_pred) ** 3, axis=-1)

    assert float(Cubed()(T, P)) == pytest.approx((np.abs(T - P) ** 3).mean(), rel=1e-5)
    assert Cubed().name.startswith("cubed")


def test_functions_and_objects_name_their_results():
    def MyLoss(y, p):
        return ops.mean(y - p, axis=-1)

    class Other:
        def __call__(self, y, p):
            return ops.mean(y - p, axis=-1)

    names = [losses.as_loss(f).name for f in (MyLoss, lambda y, p: y, Other(), losses.Huber(name="h"), "mse")]
    assert names == ["my_loss", "lambda", "other", "h", "mse"]
    value = losses.MeanSquaredError()(np.zeros((2, 1)), np.ones((2, 1)))
    assert type(value) is np.ndarray  # as with the other reductions


@pytest.mark.parametrize("name", ["mse", "MSE", "mean_squared_error", "mae", "bce", "mape", "msle", "huber"])
def test_names_give_functions(name):
    assert losses.get(name)(T, P).shape == (6,)


def test_get():
    assert losses.get(None) is None
    assert isinstance(losses.get("SparseCategoricalCrossentropy"), losses.SparseCategoricalCrossentropy)
    assert isinstance(losses.get({"class_name": "Huber", "config": {"delta": 2.0}}), losses.Huber)
    assert losses.get(sum) is sum
    with pytest.raises(ValueError, match="Could not interpret loss identifier: 'hubber'"):
        losses.get("hubber")
    with pytest.raises(ValueError, match="reduction"):
        losses.MeanSquaredError(reduction="average")


@pytest.mark.parametrize("sparse", [True, False])
def test_fused_with_the_softmax_before_it(sparse):
    """A model that ends in softmax gets the same loss and gradient as one that gives logits, however large they are."""
    z = np.array([[60.0, -60.0], [0.3, 0.1]], "float32")
    labels = np.array([1, 0])
    t = labels if sparse else np.eye(2, dtype="float32")[labels]
    loss = losses.SparseCategoricalCrossentropy() if sparse else losses.CategoricalCrossentropy()
    exact = type(loss)(from_logits=True)
    value, grad = nv.value_and_grad(lambda a: loss(t, ops.softmax(a)))(z)
    np.testing.assert_allclose(value, -log_softmax(z.astype("float64"))[[0, 1], labels].mean(), rtol=1e-6)
    np.testing.assert_allclose(value, exact(t, z), rtol=1e-6)
    expected = (np.exp(log_softmax(z.astype("float64"))) - np.eye(2)[labels]) / 2
    np.testing.assert_allclose(grad, expected, rtol=1e-5, atol=1e-7)

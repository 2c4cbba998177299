"""Metrics: running values over uneven batches, weights, custom ones; the same alone and in the loop."""

import nervure as nv
import numpy as np
import pytest
from nervure import metrics, ops

RNG = np.random.default_rng(2)
LABELS = RNG.integers(0, 3, 50)
SCORES = RNG.normal(size=(50, 3)).astype("float32")
ONE_HOT = np.eye(3, dtype="float32")[LABELS]
Y, P = RNG.normal(size=(50, 2)).astype("float32"), RNG.normal(size=(50, 2)).astype("float32")
YES, PROB = RNG.integers(0, 2, (50, 1)), RNG.uniform(size=(50, 1)).astype("float32")
HIT = (SCORES.argmax(-1) == LABELS).astype(float)
CASES = [
    (metrics.Accuracy, LABELS, SCORES.argmax(-1), HIT),
    (metrics.SparseCategoricalAccuracy, LABELS, SCORES, HIT),
    (metrics.SparseCategoricalAccuracy, LABELS[:, None].astype("float32"), SCORES, HIT),
    (metrics.CategoricalAccuracy, ONE_HOT, SCORES, HIT),
    (metrics.BinaryAccuracy, YES, PROB, ((PROB > 0.5) == YES).mean(-1)),
    (metrics.BinaryAccuracy, YES[:, 0], PROB, ((PROB > 0.5) == YES).mean(-1)),
    (metrics.MeanSquaredError, Y, P, ((Y - P) ** 2).mean(-1)),
    (metrics.MeanAbsoluteError, Y, P, np.abs(Y - P).mean(-1)),
]


@pytest.mark.parametrize("k", range(len(CASES)))
def test_running_means(k):
    make, t, p, expected = CASES[k]
    m = make()
    for a, b in ((0, 20), (20, 27), (27, 50)):
        m.update_state(t[a:b], p[a:b])
    np.testing.assert_allclose(m.result(), expected.mean(), rtol=1e-5)
    m.reset_state()
    assert float(m.result()) == 0
    w = RNG.uniform(size=50)
    for a, b in ((0, 20), (20, 50)):
        m.update_state(t[a:b], p[a:b], sample_weight=w[a:b])
    np.testing.assert_allclose(m.result(), (expected * w).sum() / w.sum(), rtol=1e-5)
    again = make.from_config(m.get_config())
    assert again.name == m.name


def test_root_mean_squared_error():
    m = metrics.RootMeanSquaredError()
    for a, b in ((0, 20), (20, 50)):
        m.update_state(Y[a:b], P[a:b])
    np.testing.assert_allclose(m.result(), np.sqrt(((Y - P) ** 2).mean()), rtol=1e-5)


def test_root_mean_squared_error_of_single_numbers_counts_each():
    m = metrics.RootMeanSquaredError()
    m.update_state(np.zeros(4), np.array([1.0, 1.0, 1.0, 1.0]), sample_weight=[1, 1, 0, 2])
    m.update_state(np.zeros(2), np.array([3.0, 5.0]))
    assert float(m.result()) == pytest.approx(np.sqrt((4 + 9 + 25) / 6))


def test_crossentropies():
    probs = np.exp(SCORES) / np.exp(SCORES).sum(-1, keepdims=True)
    expected = -np.log(probs[range(50), LABELS]).mean()
    np.testing.assert_allclose(metrics.SparseCategoricalCrossentropy()(LABELS, probs), expected, rtol=1e-5)
    np.testing.assert_allclose(
        metrics.SparseCategoricalCrossentropy(from_logits=True)(LABELS, SCORES), expected, rtol=1e-5
    )
    np.testing.assert_allclose(metrics.CategoricalCrossentropy()(ONE_HOT, probs), expected, rtol=1e-5)
    yes = -(YES * np.log(PROB) + (1 - YES) * np.log(1 - PROB)).mean()
    np.testing.assert_allclose(metrics.BinaryCrossentropy()(YES, PROB), yes, rtol=1e-5)


def test_mean_and_sum():
    mean, total = metrics.Mean(), metrics.Sum()
    for values in ([1.0, 3.0], [5.0]):
        mean.update_state(values)
        total.update_state(values)
    assert (float(mean.result()), float(total.result())) == (3.0, 9.0)
    mean.reset_state()
    mean.update_state([1.0, 5.0], sample_weight=[3.0, 1.0])
    assert float(mean.result()) == 2.0
    mean.reset_state()
    mean.update_state(4.0)
    assert float(mean.result()) == 4.0
    mean.reset_state()
    mean.update_state(np.array([[1.0, 3.0], [5.0, 7.0]]), sample_weight=[1.0, 0.0])
    assert float(mean.result()) == 2.0


class Worst(metrics.Metric):
    """The largest error: a custom metric with a custom state."""

    def __init__(self, name="worst", **kwargs):
        super().__init__(name=name, **kwargs)
        self.largest = self.add_weight(shape=(), initializer="zeros", name="largest")
        self.inner = metrics.Mean(name="inner")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.largest.assign(ops.maximum(self.largest, ops.max(ops.absolute(y_true - y_pred))))
        self.inner.update_state(y_true)

    def result(self):
        return self.largest.value


def test_custom_metric_alone_and_in_the_loop():
    m = Worst()
    assert len(m.variables) == 3
    m.update_state(Y, P)
    assert float(m.result()) == np.abs(Y - P).max()
    model = nv.Sequential([nv.Input((2,)), nv.layers.Activation("linear")])
    model.compile(loss="mse", metrics=[m, "mae", lambda y, p: ops.mean(ops.square(y - p), axis=-1) * 2.0])
    logs = model.evaluate(P, Y, batch_size=16, verbose=0, return_dict=True)
    np.testing.assert_allclose(logs["worst"], np.abs(Y - P).max(), rtol=1e-6)
    np.testing.assert_allclose(logs["mae"], np.abs(Y - P).mean(), rtol=1e-5)
    np.testing.assert_allclose(logs["loss"], ((Y - P) ** 2).mean(), rtol=1e-5)
    np.testing.assert_allclose(logs["lambda"], 2 * ((Y - P) ** 2).mean(), rtol=1e-5)


def test_get():
    assert metrics.get(None) is None
    assert isinstance(metrics.get("mae"), metrics.MeanAbsoluteError)
    assert isinstance(metrics.get("RootMeanSquaredError"), metrics.RootMeanSquaredError)
    with pytest.raises(ValueError, match="Could not interpret metric identifier: 'acuracy'"):
        metrics.get("acuracy")


@pytest.mark.parametrize("string", ["accuracy", "acc"])
@pytest.mark.parametrize(
    "y, outputs, kind",
    [
        (YES, PROB, "BinaryAccuracy"),
        (YES[:, 0], PROB, "BinaryAccuracy"),
        (LABELS, SCORES, "SparseCategoricalAccuracy"),
        (LABELS[:, None], SCORES, "SparseCategoricalAccuracy"),
        (ONE_HOT, SCORES, "CategoricalAccuracy"),
    ],
)
def test_accuracy_is_resolved_by_shape(string, y, outputs, kind):
    model = nv.Sequential([nv.Input(outputs.shape[1:]), nv.layers.Activation("linear")])
    # a loss that takes any targets
    model.compile(loss=lambda t, p: ops.mean(p, axis=-1), metrics=[string])
    logs = model.evaluate(outputs, y, batch_size=32, verbose=0, return_dict=True)
    assert list(logs) == sorted([string, "loss"])
    expected = getattr(metrics, kind)()(y, outputs)
    np.testing.assert_allclose(logs[string], expected, rtol=1e-6)


@pytest.mark.parametrize("string", ["crossentropy", "ce"])
def test_crossentropy_is_resolved_by_shape(string):
    model = nv.Sequential([nv.Input((3,)), nv.layers.Softmax()])
    model.compile(loss=string, metrics=[string])
    one = model.evaluate(SCORES, LABELS, verbose=0)
    assert one[0] == pytest.approx(one[1], rel=1e-6)
    model.compile(loss=string)
    assert model.evaluate(SCORES, ONE_HOT, verbose=0) == pytest.approx(one[0], rel=1e-6)

"""The base class of metrics: state, tracing, masks, configs; and metrics in the training loop."""

import copy
import json

import nervure as nv
import numpy as np
import pytest
from nervure import _function, metrics, ops
from nervure._masks import get_mask, set_mask

RNG = np.random.default_rng(8)
Y = np.eye(3, dtype="float32")[RNG.integers(0, 3, 40)]
P = RNG.uniform(size=(40, 3)).astype("float32")
ARGUMENTS = {
    "MeanMetricWrapper": (metrics.mean_squared_error,),
    "IoU": (3, [0, 2]), "MeanIoU": (3,), "OneHotIoU": (3, [1]), "OneHotMeanIoU": (3,),
    "PrecisionAtRecall": (0.5,), "RecallAtPrecision": (0.5,),
    "SensitivityAtSpecificity": (0.5,), "SpecificityAtSensitivity": (0.5,),
}  # fmt: skip
CLASSES = [c for c in (getattr(metrics, n) for n in metrics.__all__) if isinstance(c, type) and c is not metrics.Metric]


def made(cls, **kwargs):
    return cls(*ARGUMENTS.get(cls.__name__, ()), **kwargs)


@pytest.fixture
def traces(monkeypatch):
    """How often something was traced."""
    count, compile_call = [0], _function.compile_call

    def counted(*args):
        count[0] += 1
        return compile_call(*args)

    monkeypatch.setattr(_function, "compile_call", counted)
    return count


class Errors(metrics.Metric):
    """As users of Keras write metrics."""

    def __init__(self, name="errors", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.seen = self.add_variable(shape=(2,), initializer="ones", name="seen", dtype="int32")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total.assign_add(ops.sum(ops.abs(y_true - y_pred)))
        self.seen.assign(self.seen + 1)

    def result(self):
        return self.total

    def reset_state(self):
        self.total.assign(0.0)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__name__)
def test_configs_round_trip(cls):
    for kwargs in ({}, {"name": "mine", "dtype": "float64"}):
        m = made(cls, **kwargs)
        config = m.get_config()
        assert set(config) >= {"name", "dtype"} and json.loads(json.dumps(config)) is not None
        again = cls.from_config(config)
        assert again.get_config() == config and again.dtype == m.dtype and again is not m
        found = metrics.deserialize(json.loads(json.dumps(metrics.serialize(m))))
        assert type(found) is cls and found.get_config() == config


def test_a_custom_metric_goes_through_a_scope():
    config = metrics.serialize(Errors(name="mine"))
    assert config["class_name"] == "Errors"
    assert type(metrics.deserialize(config, custom_objects={"Errors": Errors})) is Errors
    with nv.saving.custom_object_scope({"Errors": Errors}):
        assert metrics.get("Errors").name == "errors"
        assert metrics.get(config).name == "mine"
    with pytest.raises((ValueError, TypeError)):
        metrics.deserialize(config)


def test_functions_from_their_names_and_configs():
    function = metrics.mean_squared_error
    assert metrics.deserialize(metrics.serialize(function)).name == "mean_squared_error"  # as in Keras, the class
    described = {"module": "builtins", "class_name": "function", "config": "mean_squared_error"}
    assert metrics.deserialize(described) is function
    assert metrics.deserialize("binary_focal_crossentropy") is metrics.binary_focal_crossentropy
    assert metrics.get({"class_name": "AUC", "config": {"curve": "PR"}}).get_config()["curve"] == "PR"
    with pytest.raises(ValueError, match="Could not interpret metric identifier: 'kld'"):
        metrics.get("kld")


def test_directions():
    up = "accuracy auc precision recall score io_u similarity specificity sensitivity correlation"
    down = "error hinge crossentropy divergence poisson logcosh"
    for cls in CLASSES:
        name = nv.utils.naming.to_snake_case(cls.__name__)
        expected = "up" if any(w in name for w in up.split()) else None
        expected = "down" if any(w in name for w in down.split()) or cls is metrics.MeanMetricWrapper else expected
        assert getattr(made(cls), "_direction", None) == expected, cls
    assert metrics.MeanMetricWrapper(nv.losses.Huber())._direction == "down"
    assert not hasattr(metrics.MeanMetricWrapper(lambda y, p: p), "_direction")


# ---- state ----


def test_variables_are_found_in_attributes_and_metrics():
    m = Errors()
    m.more = {"a": [nv.Variable(0.0), nv.Variable(1.0)], "b": (metrics.Mean(), metrics.AUC())}
    m.alone = nv.Variable(2.0)
    m.again = m.total
    assert len(m.variables) == 2 + 2 + 2 + 4 + 1
    assert [v.path for v in m.variables[:2]] == ["errors/total", "errors/seen"]
    assert metrics.Mean(name="a/b").variables[0].path == "a>b/total"


def test_dtypes_of_variables():
    assert [v.dtype for v in metrics.Mean(dtype="float64").variables] == ["float64", "float64"]
    assert [v.dtype for v in Errors(dtype="float64").variables] == ["float32", "int32"]
    assert metrics.Mean(dtype=nv.DTypePolicy("float64")).dtype == "float64"
    assert metrics.MeanIoU(2).dtype == "int32"
    with pytest.raises(AttributeError):
        metrics.Mean().dtype = "float64"


def test_a_forgotten_super():
    class Forgets(metrics.Metric):
        def __init__(self):
            self.total = self.add_weight(name="total")

    with pytest.raises(RuntimeError, match=r"forgot to call `super\(\).__init__\(\)`"):
        Forgets()


def test_names_and_texts():
    nv.utils.clear_session()
    assert [metrics.AUC().name, metrics.AUC().name, metrics.MeanIoU(2).name] == ["auc", "auc_1", "mean_io_u"]
    assert str(metrics.Mean()) == repr(metrics.Mean()) == "<Mean name=mean>"
    for method in (lambda m: m.update_state(1), lambda m: m.result()):
        with pytest.raises(NotImplementedError):
            method(metrics.Metric())


@pytest.mark.parametrize("m", [Errors(), metrics.AUC(), metrics.MeanSquaredError()], ids=lambda m: m.name)
def test_stateless(m):
    m.reset_state()
    start = [np.array(v.numpy()) for v in m.variables]
    state = m.stateless_update_state(start, Y, P)
    state = m.stateless_update_state(state, Y[:7], P[:7])
    value = m.stateless_result(state)
    for v, before in zip(m.variables, start, strict=True):
        np.testing.assert_array_equal(v.numpy(), before)
    traced = nv.function(lambda s, y, p: (m.stateless_update_state(s, y, p), m.stateless_result(s)))
    traced_state, _ = traced(start, Y, P)
    _, traced_value = traced(traced_state, Y, P)
    for a, b in zip(m.stateless_update_state(start, Y, P), traced_state, strict=True):
        np.testing.assert_array_equal(a, b)
    for v, before in zip(m.variables, start, strict=True):
        np.testing.assert_array_equal(v.numpy(), before)
    m.update_state(Y, P)
    assert float(m.result()) == float(traced_value)
    m.update_state(Y[:7], P[:7])
    assert float(m.result()) == float(value)
    for a, b in zip(m.stateless_reset_state()[:1], m.variables, strict=False):
        assert not a.any() and np.any(b.numpy())
    with pytest.raises(ValueError, match="corresponding 1:1"):
        m.stateless_result([1.0])


# ---- on arrays: traced once ----


@pytest.mark.parametrize(
    "m", [metrics.AUC(), metrics.F1Score(), metrics.CategoricalAccuracy(), metrics.Precision()], ids=lambda m: m.name
)
def test_calls_on_arrays_are_traced_once(m, traces):
    for _ in range(2):  # what is built in the first call is known in the second
        m.update_state(Y, P)
        m.result()
    known = traces[0]
    for _ in range(5):
        m.update_state(Y, RNG.uniform(size=P.shape).astype("float32"))
        m.result()
        m.reset_state()
    assert traces[0] == known
    m.update_state(Y[:3], P[:3])
    assert traces[0] == known + 1


def test_numbers_and_lists_are_arrays(traces):
    m = metrics.Mean()
    m.update_state(1.0)
    m.update_state([2.0, 3.0], sample_weight=[1, 0])
    known = traces[0]
    m.update_state(7.5)
    m.update_state([4.0, 5.0], sample_weight=[1, 1])
    assert traces[0] == known
    assert float(m.result()) == pytest.approx((1 + 2 + 7.5 + 4 + 5) / 5)


def test_an_attribute_that_changes_is_seen():
    m = metrics.Precision()
    m.update_state(Y, P)
    m.class_id = 1
    m.reset_state()
    m.update_state(Y, P)
    fresh = metrics.Precision(class_id=1)
    fresh.update_state(Y, P)
    np.testing.assert_array_equal(m.result(), fresh.result())


def test_results_are_copies():
    m = metrics.TruePositives(thresholds=[0.2, 0.8])
    first = m(Y, P)
    kept = first.copy()
    m.update_state(Y, P)
    np.testing.assert_array_equal(first, kept)


def test_python_functions_see_arrays():
    """On arrays a user's function may do with them what is not traceable."""

    def share(y_true, y_pred):
        return np.mean(np.argsort(y_pred)[:, -1] == np.argmax(y_true, -1))

    m = metrics.MeanMetricWrapper(share)
    assert m.name.startswith("mean_metric_wrapper")
    np.testing.assert_allclose(m(Y, P), (P.argmax(-1) == Y.argmax(-1)).mean(), rtol=1e-6)
    structured = metrics.MeanMetricWrapper(lambda y, p: ops.abs(y["a"] - p["a"][0]))
    assert float(structured({"a": np.ones(2)}, {"a": [np.zeros(2)]})) == 1.0
    assert float(metrics.MeanMetricWrapper(lambda y, p: y + p)([1.0, 2.0], [1.0, 2.0])) == 3.0
    with pytest.raises(TypeError, match="fn must be a function"):
        metrics.MeanMetricWrapper(3)
    with pytest.raises(TypeError, match="must return a tensor, got None"):
        metrics.MeanMetricWrapper(lambda y, p: None)(Y, P)


def test_a_function_with_arguments_has_them_in_its_config():
    m = metrics.MeanMetricWrapper(metrics.binary_accuracy, name="over", threshold=0.7)
    config = m.get_config()
    assert config["threshold"] == 0.7 and config["fn"]["config"] == "binary_accuracy"
    again = metrics.MeanMetricWrapper.from_config(config)
    assert float(again(Y, P)) == float(m(Y, P)) == pytest.approx(((P > 0.7) == Y).mean(), rel=1e-6)


# ---- masks ----


@pytest.mark.parametrize("traced", [False, True])
def test_masks(traced):
    y, p = RNG.normal(size=(4, 5)).astype("float32"), RNG.normal(size=(4, 5)).astype("float32")
    mask, w = RNG.uniform(size=(4, 5)) < 0.6, np.array([1.0, 2.0, 0.0, 3.0], "float32")
    error = np.abs(y - p)
    for weights, expected in (
        (None, error[mask].mean()),
        (w, (error * mask * w[:, None]).sum() / (mask * w[:, None]).sum()),
        (np.tile(w[:, None], 5), (error * mask * w[:, None]).sum() / (mask * w[:, None]).sum()),
    ):
        for m in (
            metrics.MeanMetricWrapper(lambda a, b: ops.abs(a - b)),
            metrics.MeanAbsoluteError(),
        ):
            own = (y[..., None], p[..., None]) if isinstance(m, metrics.MeanAbsoluteError) else (y, p)
            if traced:

                def update(a, b, m=m, weights=weights):
                    set_mask(b, mask)
                    m.update_state(a, b, sample_weight=weights)

                nv.function(update)(*own)
            else:
                set_mask(own[1], mask)
                m.update_state(own[0], y_pred=own[1], sample_weight=weights)
                set_mask(own[1], None)
            # each sample is the mean of its steps, weighed by the mean of its weights
            np.testing.assert_allclose(m.result(), expected, rtol=1e-5)
    assert get_mask(p) is None


def test_what_has_a_mask_and_a_weight():
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    set_mask(values, np.array([[True, False], [True, True]]))
    m = metrics.Mean()
    m.update_state(values, sample_weight=np.ones((2, 2)))
    assert float(m.result()) == pytest.approx(8 / 3)
    set_mask(values, None)


# ---- in the loop ----


def model(**compile):
    nv.utils.set_random_seed(3)
    net = nv.Sequential([nv.Input((3,)), nv.layers.Dense(3, activation="softmax")])
    net.compile("sgd", "categorical_crossentropy", **compile)
    return net


def test_all_metrics_in_one_step():
    """They give what they give alone, and a second evaluation begins anew."""
    kinds = [c for c in CLASSES if c not in (metrics.Mean, metrics.Sum) and "Sparse" not in c.__name__]
    sparse_labels = ("IoU", "MeanIoU")
    ms = [made(c) for c in kinds if c.__name__ not in sparse_labels]
    net = model(metrics=ms)
    outputs = net.predict(P, verbose=0)
    for _ in range(2):
        logs = net.evaluate(P, Y, batch_size=16, verbose=0, return_dict=True)
    for m in ms:
        alone = type(m).from_config(m.get_config())
        for rows in (slice(0, 16), slice(16, 32), slice(32, 40)):
            alone.update_state(Y[rows], outputs[rows])
        np.testing.assert_allclose(logs[m.name], alone.result(), rtol=2e-5, atol=1e-6, err_msg=m.name)


def test_metrics_of_metrics_are_reset_with_them():
    class Both(metrics.Metric):
        def __init__(self):
            super().__init__(name="both")
            self.parts = [metrics.Precision(), metrics.Recall()]

        def update_state(self, y_true, y_pred, sample_weight=None):
            for part in self.parts:
                part.update_state(y_true, y_pred, sample_weight)

        def result(self):
            return self.parts[0].result() + self.parts[1].result()

    net = model(metrics=[Both()], weighted_metrics=["AUC", metrics.Recall(name="r")])
    history = net.fit(P, Y, sample_weight=np.arange(40) / 40, epochs=2, shuffle=False, verbose=0, batch_size=16).history
    assert set(history) == {"loss", "both", "AUC", "r"}
    first, second = (net.evaluate(P, Y, verbose=0) for _ in range(2))
    assert first == second


def test_strings_of_metrics():
    net = model(metrics=["auc", "Precision", "f1_score", "MAPE", "top_k_categorical_accuracy"])
    logs = net.evaluate(P, Y, verbose=0, return_dict=True)
    assert set(logs) == {"loss", "auc", "Precision", "f1_score", "MAPE", "top_k_categorical_accuracy"}
    assert np.shape(logs["f1_score"]) == (3,)


def test_ignored_classes_have_no_weight_where_samples_are_weighted():
    labels, w = np.array([0, 1, 2, 1]), np.array([1.0, 2.0, 5.0, 1.0])
    p = P[:4] / P[:4].sum(-1, keepdims=True)
    m = metrics.SparseCategoricalCrossentropy(ignore_class=2)
    values = -np.log(p[range(4), labels]) * (labels != 2)
    assert float(m(labels, p, sample_weight=w)) == pytest.approx((values * w).sum() / 4, rel=1e-5)


def test_a_shallow_copy_has_its_own_plans():
    m = metrics.AUC()
    m.update_state(Y, P)
    other = copy.copy(m)
    assert other.variables == m.variables
    assert float(other.result()) == float(m.result())

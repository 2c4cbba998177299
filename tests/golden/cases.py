"""Small programs written for Keras, run twice: by make_golden.py with Keras, whose numbers are kept in golden.json, and
by test_keras_golden.py with nervure in its place. A program takes the module and returns named arrays and texts.

Every input comes from `RandomState`, whose stream NumPy has frozen, so only results need to be kept.
"""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

CASES: dict[str, Callable[[Any], dict[str, Any]]] = {}


def case(name: str, function: Callable[..., dict[str, Any]], *args: Any, **kwargs: Any) -> None:
    assert name not in CASES, name
    CASES[name] = partial(function, *args, **kwargs)


def randn(seed: int, *shape: int) -> np.ndarray:
    return np.random.RandomState(seed).randn(*shape).astype(np.float32)


def rand(seed: int, *shape: int) -> np.ndarray:
    return np.random.RandomState(seed).rand(*shape).astype(np.float32)


def set_weights(model: Any, seed: int = 7) -> None:
    """The same weights whatever the library's random numbers; variances positive."""
    values = []
    for k, w in enumerate(model.weights):
        value = 0.5 * randn(seed + k, *w.shape)
        values.append(np.abs(value) + 0.5 if w.name in ("moving_variance", "gamma") else value)
    model.set_weights(values)


def numbers(prefix: str, values: Any) -> dict[str, Any]:
    return {f"{prefix}/{k}": np.asarray(v) for k, v in enumerate(values)}


# ---- layers: the output in inference, then one step of SGD(1) on sum(c * y), which moves weights by the gradients ----


def dot_loss(k: Any) -> Callable[[Any, Any], Any]:
    return lambda c, y: k.ops.sum(c * y)


def layer(build: Callable[[Any], list[Any]], shape: tuple[int, ...], k: Any) -> dict[str, Any]:
    """`build(keras)` gives the layers; a Dense in front of them lets the gradient pass through."""
    k.utils.clear_session()
    pre = k.layers.Dense(shape[-1], name="pre")
    model = k.Sequential([k.Input(shape), pre, *build(k)])
    set_weights(model)
    x = randn(1, 5, *shape)
    out = {"predict": model.predict_on_batch(x)}
    model.compile(k.optimizers.SGD(1.0), loss=dot_loss(k))
    c = 0.1 * randn(2, *out["predict"].shape)
    out["loss"] = np.asarray(model.train_on_batch(x, c))
    out |= numbers("weights", model.get_weights())
    return out


def activation_values(name: str, k: Any, *args: float) -> dict[str, Any]:
    x = [-100, -30, -10, -5, -3, -2.5, -1, -0.5, -1e-3, -1e-20, 0, 1e-20, 1e-3, 0.25, 0.5, 1, 2.5, 3, 5, 10, 30, 80]
    function = getattr(k.activations, name)
    return {"values": k.ops.convert_to_numpy(function(k.ops.convert_to_tensor(np.float32([x])), *args))}


ACTIVATIONS = [
    "celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish",
    "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid",
    "silu", "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "squareplus",
    "swish", "tanh", "tanh_shrink",
]  # fmt: skip
for name in ACTIVATIONS:
    case(f"activation/{name}", activation_values, name)
    case(f"layer/dense_{name}", layer, lambda k, n=name: [k.layers.Dense(6, activation=n)], (4,))
    case(f"layer/activation_{name}", layer, lambda k, n=name: [k.layers.Activation(n)], (6,))

case("activation/threshold", lambda k: activation_values("threshold", k, 0.3, -2.0))

LAYERS: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "dense_no_bias": (lambda k: k.layers.Dense(3, use_bias=False), (4,)),
    "dense_3d": (lambda k: k.layers.Dense(3, activation="tanh"), (4, 5)),
    "dense_4d": (lambda k: k.layers.Dense(2), (2, 3, 4)),
    "dense_one_unit": (lambda k: k.layers.Dense(1, activation="sigmoid"), (3,)),
    "relu": (lambda k: k.layers.ReLU(), (6,)),
    "relu_max": (lambda k: k.layers.ReLU(max_value=0.8), (6,)),
    "relu_slope": (lambda k: k.layers.ReLU(negative_slope=0.2), (6,)),
    "relu_threshold": (lambda k: k.layers.ReLU(threshold=0.3), (6,)),
    "relu_all": (lambda k: k.layers.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.4), (6,)),
    "leaky_relu": (lambda k: k.layers.LeakyReLU(), (6,)),
    "leaky_relu_slope": (lambda k: k.layers.LeakyReLU(negative_slope=0.05), (6,)),
    "softmax": (lambda k: k.layers.Softmax(), (6,)),
    "softmax_axis": (lambda k: k.layers.Softmax(axis=1), (3, 4)),
    "softmax_axes": (lambda k: k.layers.Softmax(axis=(1, 2)), (3, 4)),
    "leaky_relu_alpha": (lambda k: k.layers.LeakyReLU(alpha=0.1), (6,)),
    "dropout_zero": (lambda k: k.layers.Dropout(0.0), (6,)),
    "batchnorm": (lambda k: k.layers.BatchNormalization(), (6,)),
    "batchnorm_momentum": (lambda k: k.layers.BatchNormalization(momentum=0.5, epsilon=0.1), (6,)),
    "batchnorm_no_center": (lambda k: k.layers.BatchNormalization(center=False), (6,)),
    "batchnorm_no_scale": (lambda k: k.layers.BatchNormalization(scale=False), (6,)),
    "batchnorm_bare": (lambda k: k.layers.BatchNormalization(center=False, scale=False), (6,)),
    "batchnorm_3d": (lambda k: k.layers.BatchNormalization(), (3, 4)),
    "batchnorm_axis1": (lambda k: k.layers.BatchNormalization(axis=1), (3, 4)),
    "batchnorm_frozen": (lambda k: k.layers.BatchNormalization(trainable=False), (6,)),
    "flatten": (lambda k: k.layers.Flatten(), (2, 3, 4)),
    "flatten_1d": (lambda k: k.layers.Flatten(), (4,)),
    "reshape": (lambda k: k.layers.Reshape((4, 3)), (2, 6)),
    "reshape_infer": (lambda k: k.layers.Reshape((-1, 2)), (2, 6)),
    "rescaling": (lambda k: k.layers.Rescaling(0.25, offset=-1.0), (6,)),
    "rescaling_arrays": (lambda k: k.layers.Rescaling(np.arange(6.0), offset=[1, 0, 0, 2, 0, -1]), (6,)),
    "flatten_channels_first": (lambda k: k.layers.Flatten("channels_first"), (2, 3, 4)),
    "dense_regularized": (
        lambda k: k.layers.Dense(
            3,
            kernel_regularizer=k.regularizers.L1L2(0.01, 0.02),
            bias_regularizer="l2",
            activity_regularizer=k.regularizers.L2(0.03),
            kernel_constraint="non_neg",
        ),
        (4,),
    ),
    "batchnorm_regularized": (
        lambda k: k.layers.BatchNormalization(gamma_regularizer="l1", beta_regularizer=k.regularizers.l2(0.1)),
        (6,),
    ),
}
for name, (make, shape) in LAYERS.items():
    case(f"layer/{name}", layer, lambda k, f=make: [f(k)], shape)


def merge(make: Callable[[Any], Any], shapes: list[tuple[int, ...]], k: Any) -> dict[str, Any]:
    k.utils.clear_session()
    inputs = [k.Input(s) for s in shapes]
    pre = [k.layers.Dense(s[-1])(i) for s, i in zip(shapes, inputs)]
    model = k.Model(inputs, make(k)(pre))
    set_weights(model)
    x = [randn(10 + n, 5, *s) for n, s in enumerate(shapes)]
    out = {"predict": model.predict_on_batch(x)}
    model.compile(k.optimizers.SGD(1.0), loss=dot_loss(k))
    out["loss"] = np.asarray(model.train_on_batch(x, 0.1 * randn(2, *out["predict"].shape)))
    return out | numbers("weights", model.get_weights())


MERGES: dict[str, tuple[Callable[[Any], Any], list[tuple[int, ...]]]] = {
    "add": (lambda k: k.layers.Add(), [(4,), (4,), (4,)]),
    "subtract": (lambda k: k.layers.Subtract(), [(4,), (4,)]),
    "multiply": (lambda k: k.layers.Multiply(), [(4,), (4,), (4,)]),
    "average": (lambda k: k.layers.Average(), [(4,), (4,), (4,)]),
    "maximum": (lambda k: k.layers.Maximum(), [(4,), (4,)]),
    "minimum": (lambda k: k.layers.Minimum(), [(4,), (4,)]),
    "add_broadcast": (lambda k: k.layers.Add(), [(3, 4), (1, 4)]),
    "concatenate": (lambda k: k.layers.Concatenate(), [(4,), (2,), (3,)]),
    "concatenate_axis1": (lambda k: k.layers.Concatenate(axis=1), [(2, 3), (4, 3)]),
}
for name, (make, shapes) in MERGES.items():
    case(f"layer/{name}", merge, make, shapes)


# ---- losses: called on arrays; then the gradient, as the move of a kernel that is y_pred (x is the identity) ----

MSE_TRUE, MSE_PRED = randn(20, 6, 3), randn(21, 6, 3)
BINARY_TRUE, BINARY_PRED = (rand(22, 6, 3) > 0.5).astype(np.float32), rand(23, 6, 3)
SPARSE_TRUE = np.array([0, 3, 1, 2, 2, 0])
ONE_HOT = np.eye(4, dtype=np.float32)[SPARSE_TRUE]
SOFT = rand(24, 6, 4) / rand(24, 6, 4).sum(1, keepdims=True)
CLASS_PRED = rand(25, 6, 4) / rand(25, 6, 4).sum(1, keepdims=True)
LOGITS = 3 * randn(26, 6, 4)
EDGE_BINARY_TRUE = np.float32([[0, 1, 0, 1, 1, 0]]).T
EDGE_BINARY_PRED = np.float32([[0, 1, 1, 0, 0.5, 1e-9]]).T
EDGE_CLASS = np.eye(4, dtype=np.float32)[[0, 1, 1, 2, 3, 0]]
EDGE_CLASS[4] = [0.5, 0.5, 0, 0]
BIG_LOGITS = np.float32(
    [[100, -100, 0, 5], [-80, 90, 3, 2], [0, 0, 0, 0], [1e4, -1e4, 0, 0], [2, 2, 2, 2], [-50, -50, -49, -60]]
)
BIG_BINARY = np.float32([[-100, -20, 0], [100, 20, 0], [-1e4, 1e4, 3], [5, -5, 1], [1e-3, -1e-3, 0], [30, -30, 17]])
WEIGHTS = np.float32([1, 0, 2.5, 0.5, 1, 3])

# name: class, arguments, y_true, y_pred
LOSSES: dict[str, tuple[str, dict[str, Any], np.ndarray, np.ndarray]] = {
    "mse": ("MeanSquaredError", {}, MSE_TRUE, MSE_PRED),
    "mse_rank": ("MeanSquaredError", {}, MSE_TRUE[:, 0], MSE_PRED[:, :1]),
    "mae": ("MeanAbsoluteError", {}, MSE_TRUE, MSE_PRED),
    "mape": ("MeanAbsolutePercentageError", {}, MSE_TRUE, MSE_PRED),
    "msle": ("MeanSquaredLogarithmicError", {}, np.abs(MSE_TRUE), MSE_PRED),
    "huber": ("Huber", {}, MSE_TRUE, MSE_PRED),
    "huber_delta": ("Huber", {"delta": 0.3}, MSE_TRUE, MSE_PRED),
    "bce": ("BinaryCrossentropy", {}, BINARY_TRUE, BINARY_PRED),
    "bce_edge": ("BinaryCrossentropy", {}, EDGE_BINARY_TRUE, EDGE_BINARY_PRED),
    "bce_smooth": ("BinaryCrossentropy", {"label_smoothing": 0.2}, BINARY_TRUE, BINARY_PRED),
    "bce_logits": ("BinaryCrossentropy", {"from_logits": True}, BINARY_TRUE, LOGITS[:, :3]),
    "bce_logits_big": ("BinaryCrossentropy", {"from_logits": True}, BINARY_TRUE, BIG_BINARY),
    "bce_logits_smooth": (
        "BinaryCrossentropy",
        {"from_logits": True, "label_smoothing": 0.1},
        BINARY_TRUE,
        LOGITS[:, :3],
    ),
    "cce": ("CategoricalCrossentropy", {}, ONE_HOT, CLASS_PRED),
    "cce_unnormalised": ("CategoricalCrossentropy", {}, ONE_HOT, 3 * rand(27, 6, 4)),
    "cce_soft": ("CategoricalCrossentropy", {}, SOFT, CLASS_PRED),
    "cce_edge": ("CategoricalCrossentropy", {}, ONE_HOT, EDGE_CLASS),
    "cce_smooth": ("CategoricalCrossentropy", {"label_smoothing": 0.1}, ONE_HOT, CLASS_PRED),
    "cce_logits": ("CategoricalCrossentropy", {"from_logits": True}, ONE_HOT, LOGITS),
    "cce_logits_big": ("CategoricalCrossentropy", {"from_logits": True}, ONE_HOT, BIG_LOGITS),
    "cce_logits_smooth": ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, ONE_HOT, LOGITS),
    "scce": ("SparseCategoricalCrossentropy", {}, SPARSE_TRUE, CLASS_PRED),
    "scce_column": ("SparseCategoricalCrossentropy", {}, SPARSE_TRUE[:, None], CLASS_PRED),
    "scce_float": ("SparseCategoricalCrossentropy", {}, SPARSE_TRUE.astype(np.float32), CLASS_PRED),
    "scce_edge": ("SparseCategoricalCrossentropy", {}, SPARSE_TRUE, EDGE_CLASS),
    "scce_logits": ("SparseCategoricalCrossentropy", {"from_logits": True}, SPARSE_TRUE, LOGITS),
    "scce_logits_big": ("SparseCategoricalCrossentropy", {"from_logits": True}, SPARSE_TRUE, BIG_LOGITS),
    "scce_ignore": ("SparseCategoricalCrossentropy", {"from_logits": True, "ignore_class": 2}, SPARSE_TRUE, LOGITS),
}
REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none")


def loss_values(cls: str, args: dict[str, Any], y: np.ndarray, p: np.ndarray, k: Any) -> dict[str, Any]:
    out = {}
    for reduction in REDUCTIONS:
        loss = getattr(k.losses, cls)(reduction=reduction, **args)
        out[reduction] = np.asarray(loss(y, p))
        out[f"{reduction}/weighted"] = np.asarray(loss(y, p, sample_weight=WEIGHTS))
    out["weights_column"] = np.asarray(getattr(k.losses, cls)(**args)(y, p, sample_weight=WEIGHTS[:, None]))
    return out


def loss_gradient(cls: str, args: dict[str, Any], y: np.ndarray, p: np.ndarray, k: Any) -> dict[str, Any]:
    out = {}
    for label, weights in (("plain", None), ("weighted", WEIGHTS)):
        model = k.Sequential([k.Input((len(p),)), k.layers.Dense(p.shape[1], use_bias=False)])
        model.set_weights([p])
        model.compile(k.optimizers.SGD(1.0), loss=getattr(k.losses, cls)(reduction="sum", **args))
        out[f"{label}/loss"] = np.asarray(
            model.train_on_batch(np.eye(len(p), dtype=np.float32), y, sample_weight=weights)
        )
        out[f"{label}/gradient"] = p - np.asarray(model.get_weights()[0])
    return out


for name, row in LOSSES.items():
    case(f"loss/{name}", loss_values, *row)
    if "ignore" not in name:
        case(f"gradient/{name}", loss_gradient, *row)


# ---- metrics: a stream of three batches, results after each, then a reset ----

METRICS: dict[str, tuple[str, dict[str, Any], np.ndarray, np.ndarray | None]] = {
    "mean": ("Mean", {}, MSE_TRUE[:, 0], None),
    "mse": ("MeanSquaredError", {}, MSE_TRUE, MSE_PRED),
    "mae": ("MeanAbsoluteError", {}, MSE_TRUE, MSE_PRED),
    "sum": ("Sum", {}, MSE_TRUE[:, 0], None),
    "rmse": ("RootMeanSquaredError", {}, MSE_TRUE, MSE_PRED),
    "binary_crossentropy": ("BinaryCrossentropy", {"label_smoothing": 0.1}, BINARY_TRUE, BINARY_PRED),
    "categorical_crossentropy": ("CategoricalCrossentropy", {"from_logits": True}, ONE_HOT, LOGITS),
    "sparse_categorical_crossentropy": ("SparseCategoricalCrossentropy", {}, SPARSE_TRUE, CLASS_PRED),
    "accuracy": ("Accuracy", {}, SPARSE_TRUE, np.array([0, 3, 2, 2, 1, 0])),
    "binary_accuracy": ("BinaryAccuracy", {}, BINARY_TRUE, BINARY_PRED),
    "binary_accuracy_half": ("BinaryAccuracy", {}, EDGE_BINARY_TRUE, np.float32([[0.5, 0.5, 0.51, 0.49, 1, 0]]).T),
    "binary_accuracy_threshold": ("BinaryAccuracy", {"threshold": 0.3}, BINARY_TRUE, BINARY_PRED),
    "categorical_accuracy": ("CategoricalAccuracy", {}, ONE_HOT, CLASS_PRED),
    "sparse_categorical_accuracy": ("SparseCategoricalAccuracy", {}, SPARSE_TRUE, CLASS_PRED),
    "sparse_categorical_accuracy_column": ("SparseCategoricalAccuracy", {}, SPARSE_TRUE[:, None], CLASS_PRED),
}


def metric(cls: str, args: dict[str, Any], y: np.ndarray, p: np.ndarray | None, k: Any) -> dict[str, Any]:
    out = {}
    for label, weights in (("plain", None), ("weighted", WEIGHTS)):
        m = getattr(k.metrics, cls)(**args)
        results = [float(m.result())]
        for rows in (slice(0, 3), slice(3, 5), slice(5, 6)):
            w = None if weights is None else weights[rows]
            m.update_state(*([y[rows]] if p is None else [y[rows], p[rows]]), sample_weight=w)
            results.append(float(m.result()))
        m.reset_state()
        out[label] = np.array([*results, float(m.result())])
    return out


for name, entry in METRICS.items():
    case(f"metric/{name}", metric, *entry)


# ---- optimizers: 12 steps with given gradients, two variables ----

OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {}),
    "sgd_momentum": ("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
    "sgd_nesterov": ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    "sgd_weight_decay": ("SGD", {"learning_rate": 0.1, "weight_decay": 0.1}),
    "sgd_clipnorm": ("SGD", {"learning_rate": 0.1, "clipnorm": 1.0}),
    "sgd_clipvalue": ("SGD", {"learning_rate": 0.1, "clipvalue": 0.5}),
    "sgd_global_clipnorm": ("SGD", {"learning_rate": 0.1, "global_clipnorm": 1.0}),
    "rmsprop": ("RMSprop", {}),
    "rmsprop_args": ("RMSprop", {"learning_rate": 0.05, "rho": 0.8, "momentum": 0.5, "epsilon": 1e-3}),
    "rmsprop_centered": ("RMSprop", {"learning_rate": 0.05, "momentum": 0.9, "centered": True}),
    "adam": ("Adam", {}),
    "adam_args": ("Adam", {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}),
    "sgd_ema": ("SGD", {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3}),
    "adam_weight_decay": ("Adam", {"learning_rate": 0.05, "weight_decay": 0.1}),
    "adam_clipnorm": ("Adam", {"learning_rate": 0.05, "clipnorm": 0.5}),
    "adam_amsgrad": ("Adam", {"learning_rate": 0.05, "amsgrad": True}),
    "adam_tiny_gradients": ("Adam", {"learning_rate": 0.1}),
}


def optimizer(name: str, cls: str, args: dict[str, Any], k: Any) -> dict[str, Any]:
    scale = 1e-6 if "tiny" in name else 1.0
    variables = [k.Variable(randn(30, 3, 4)), k.Variable(randn(31, 5))]
    opt = getattr(k.optimizers, cls)(**args)
    out = {}
    for step in range(12):
        fade = 0.0 if step == 6 else scale / (1 + step)
        opt.apply([fade * randn(40 + step, 3, 4), fade * randn(60 + step, 5)], variables)
        if step in (0, 1, 11):
            out |= numbers(f"step{step + 1}", [np.array(v.numpy()) for v in variables])
    out["iterations"] = np.asarray(opt.iterations)
    return out


for name, (cls, args) in OPTIMIZERS.items():
    case(f"optimizer/{name}", optimizer, name, cls, args)


# ---- whole runs: shuffle=False, the same first weights; history, weights, evaluate and predict ----


def train(model: Any, x: Any, y: Any, compile: dict[str, Any], fit: dict[str, Any], test: Any = None) -> dict[str, Any]:
    set_weights(model)
    model.compile(**compile)
    history = model.fit(x, y, **{"epochs": 4, "batch_size": 8, "shuffle": False, "verbose": 0} | fit)
    tx, ty = test or (x, y)
    out: dict[str, Any] = {f"history/{key}": np.array(values) for key, values in history.history.items()}
    out["history"] = list(history.history)
    out["epoch"] = np.array(history.epoch)
    out |= numbers("weights", model.get_weights())
    scores = model.evaluate(tx, ty, batch_size=5, verbose=0, return_dict=True)
    out["evaluate"] = list(scores)
    out |= {f"evaluate/{key}": np.array(value) for key, value in scores.items()}
    predicted = model.predict(tx, batch_size=7, verbose=0)
    out["predict"] = [type(predicted).__name__]
    if isinstance(predicted, dict):
        out["predict"] += sorted(predicted)
        predicted = [predicted[key] for key in sorted(predicted)]
    return out | numbers("predict", predicted if isinstance(predicted, (list, tuple)) else [predicted])


def mlp(k: Any, widths: tuple[int, ...], last: str | None = None, hidden: str = "relu") -> Any:
    k.utils.clear_session()
    *inner, outputs = widths
    layers = [k.layers.Dense(w, activation=hidden) for w in inner]
    return k.Sequential([k.Input((5,)), *layers, k.layers.Dense(outputs, activation=last)])


X = randn(70, 37, 5)  # 37 = 4 * 8 + 5: the last batch is smaller
Y_REAL = (X @ randn(71, 5, 2) + 0.1 * randn(72, 37, 2)).astype(np.float32)
Y_CLASS = (X @ randn(73, 5, 3)).argmax(1)
Y_BINARY = (X @ randn(74, 5) > 0).astype(np.int64)
SAMPLE_WEIGHT = rand(75, 37) + 0.25


def regression(k: Any, compile: dict[str, Any] | None = None, **fit: Any) -> dict[str, Any]:
    compile = {"optimizer": "adam", "loss": "mse", "metrics": ["mae"]} | (compile or {})
    return train(mlp(k, (8, 6, 2), hidden="tanh"), X, Y_REAL, compile, fit)


def out_of_data(k: Any, **fit: Any) -> dict[str, Any]:
    """Epochs that end with the data, before their steps, and warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return regression(k, **fit)


def sparse(k: Any, compile: dict[str, Any] | None = None, last: str = "softmax", **fit: Any) -> dict[str, Any]:
    base = {"optimizer": "adam", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    return train(mlp(k, (8, 3), last), X, Y_CLASS, base | (compile or {}), fit)


def sparse_logits(k: Any) -> dict[str, Any]:
    return sparse(k, {"loss": k.losses.SparseCategoricalCrossentropy(from_logits=True)}, "linear")


def one_hot(k: Any, label_smoothing: float = 0.0, **fit: Any) -> dict[str, Any]:
    model = mlp(k, (8, 3), "softmax")
    compile = {"optimizer": k.optimizers.SGD(0.1, momentum=0.9), "metrics": ["accuracy", "mse"]}
    compile["loss"] = k.losses.CategoricalCrossentropy(label_smoothing=label_smoothing)
    return train(model, X, np.eye(3, dtype=np.float32)[Y_CLASS], compile, fit)


def binary(k: Any, **fit: Any) -> dict[str, Any]:
    model = mlp(k, (8, 1), "sigmoid")
    compile = {"optimizer": k.optimizers.Adam(0.02), "loss": "binary_crossentropy", "metrics": ["accuracy", "mae"]}
    return train(model, X, Y_BINARY, compile, fit)


def weighted(k: Any, **fit: Any) -> dict[str, Any]:
    compile = {"optimizer": "sgd", "loss": "mse", "metrics": ["mae"], "weighted_metrics": ["mae", "mse"]}
    return regression(k, compile, **fit)


def batchnorm(k: Any) -> dict[str, Any]:
    """Without biases before the normalization: their gradients are rounding, which Adam blows up to whole steps."""
    k.utils.clear_session()
    L = k.layers
    model = k.Sequential([
        k.Input((5,)), L.Dense(8, use_bias=False), L.BatchNormalization(momentum=0.8), L.ReLU(),
        L.Dense(6, use_bias=False), L.BatchNormalization(), L.Activation("relu"), L.Dense(3, activation="softmax"),
    ])  # fmt: skip
    compile = {"optimizer": k.optimizers.Adam(0.01), "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    return train(model, X, Y_CLASS, compile, {"validation_split": 0.2})


def two_by_two(k: Any, **compile: Any) -> dict[str, Any]:
    """Two inputs, a shared layer, two outputs with their own losses and weights."""
    k.utils.clear_session()
    L = k.layers
    a, b = k.Input((5,), name="a"), k.Input((5,), name="b")
    shared = L.Dense(6, activation="tanh", name="shared")
    both = L.Concatenate(name="both")([shared(a), shared(b)])
    summed = L.Add(name="summed")([shared(a), shared(b)])
    model = k.Model([a, b], [L.Dense(2, name="r")(both), L.Dense(3, activation="softmax", name="c")(summed)])
    options = {
        "optimizer": k.optimizers.Adam(0.01),
        "loss": ["mse", "sparse_categorical_crossentropy"],
        "loss_weights": [1.0, 0.5],
        "metrics": [["mae"], ["accuracy"]],
    }
    return train(model, [X, X[::-1].copy()], [Y_REAL, Y_CLASS], options | compile, {"validation_split": 0.25})


def nested(k: Any) -> dict[str, Any]:
    k.utils.clear_session()
    L = k.layers
    inner = k.Sequential([k.Input((5,)), L.Dense(4, activation="relu"), L.Dense(5)])
    x = k.Input((5,))
    model = k.Model(x, L.Dense(2)(L.Add()([x, inner(inner(x))])))
    return train(model, X, Y_REAL, {"optimizer": k.optimizers.SGD(0.02), "loss": "mse"}, {"validation_split": 0.1})


def subclassed(k: Any) -> dict[str, Any]:
    """A custom layer, a custom model and a custom loss."""
    k.utils.clear_session()

    class Scale(k.layers.Layer):
        def build(self, shape: Any) -> None:
            self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")

        def call(self, x: Any) -> Any:
            return k.ops.tanh(x) * self.scale

    class Net(k.Model):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.scale, self.last = k.layers.Dense(6), Scale(), k.layers.Dense(2)

        def call(self, x: Any) -> Any:
            return self.last(self.scale(self.first(x)))

    def pinball(y: Any, p: Any) -> Any:
        return k.ops.mean(k.ops.maximum(0.3 * (y - p), 0.7 * (p - y)), axis=-1)

    model = Net()
    model(X[:1])
    return train(model, X, Y_REAL, {"optimizer": "adam", "loss": pinball, "metrics": ["mse"]}, {})


def continued(k: Any, optimizer: Any) -> dict[str, Any]:
    """A second `fit` goes on with the optimizer's state, and a frozen layer stays as it is."""
    model = mlp(k, (8, 6, 3), "softmax")
    model.layers[1].trainable = False
    compile = {"optimizer": optimizer, "loss": "sparse_categorical_crossentropy"}
    out = train(model, X, Y_CLASS, compile, {})
    history = model.fit(X, Y_CLASS, epochs=2, batch_size=8, shuffle=False, verbose=0)
    return out | {"again": np.array(history.history["loss"])} | numbers("slots", optimizer.variables[2:])


def unnamed_outputs(k: Any, structure: type, **compile: Any) -> dict[str, Any]:
    """A model with a `call` of its own that gives a list, a tuple or a dict."""
    k.utils.clear_session()

    class Net(k.Model):
        def __init__(self) -> None:
            super().__init__()
            self.trunk, self.real = k.layers.Dense(6, activation="tanh"), k.layers.Dense(2)
            self.label = k.layers.Dense(3, activation="softmax")

        def call(self, x: Any, training: bool = False) -> Any:
            h = self.trunk(x) * (1.5 if training else 1.0)
            both = self.real(h), self.label(h)
            return structure(zip(("real", "class"), both)) if structure is dict else structure(both)

    model = Net()
    model(X[:1])
    y: Any = {"real": Y_REAL, "class": Y_CLASS} if structure is dict else structure([Y_REAL, Y_CLASS])
    return train(model, X, y, {"optimizer": "sgd"} | compile, {"validation_split": 0.2})


def list_of_one(k: Any) -> dict[str, Any]:
    """A list of one input and one output is no list to those who train and predict."""
    k.utils.clear_session()
    x = k.Input((5,), name="x")
    model = k.Model([x], [k.layers.Dense(2, name="y")(x)])
    out = train(model, X, Y_REAL, {"optimizer": "sgd", "loss": ["mse"], "metrics": [["mae"]]}, {})
    return out | {"shapes": [str(model.input_shape), str(model.output_shape)]}


def named_metrics(k: Any) -> dict[str, Any]:
    """Under which names results appear, and what a loss makes of itself as a metric."""

    def Furthest(y: Any, p: Any) -> Any:
        return k.ops.max(k.ops.abs(y - p), axis=-1)

    metrics = ["MSE", "mse", Furthest, lambda y, p: k.ops.mean(y - p), k.losses.MeanSquaredError()]
    out = regression(k, {"metrics": metrics, "loss": Furthest})
    model = mlp(k, (4, 3), "softmax")
    out |= {
        f"c/{n}": v for n, v in train(model, X, Y_CLASS, {"loss": "ce", "metrics": ["ACC", "Accuracy"]}, {}).items()
    }
    model.compile("sgd", loss="ce", metrics=[])
    return out | {"none": model.metrics_names}


def by_time(k: Any, **fit: Any) -> dict[str, Any]:
    """A target for each of four times; weights for samples or for each time."""
    k.utils.clear_session()
    model = k.Sequential([k.Input((4, 5)), k.layers.Dense(3, activation="softmax")])
    loss = k.losses.SparseCategoricalCrossentropy(ignore_class=fit.pop("ignore_class", None))
    compile = {"optimizer": "sgd", "loss": loss, "metrics": ["accuracy"], "weighted_metrics": ["accuracy"]}
    return train(model, randn(76, 20, 4, 5), np.random.RandomState(77).randint(0, 3, (20, 4)), compile, fit)


def other_dtypes(k: Any, dtype: str) -> dict[str, Any]:
    return train(mlp(k, (4, 3), "softmax"), (3 * np.abs(X)).astype(dtype), Y_CLASS[:, None].astype(dtype), {
        "optimizer": "sgd", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"],
    }, {})  # fmt: skip


HALF = {"validation_data": (X[20:], Y_REAL[20:]), "validation_batch_size": 3}
case("train/regression", regression)
case("train/regression_validation_data", regression, **HALF)
case("train/regression_validation_split", regression, validation_split=0.3, epochs=3)
case("train/regression_validation_freq", regression, validation_split=0.3, validation_freq=2)
case("train/regression_initial_epoch", regression, initial_epoch=1, epochs=5)
case("train/regression_batch_1", regression, batch_size=1, epochs=3)
case("train/regression_batch_37", regression, batch_size=37)
case("train/regression_batch_64", regression, batch_size=64)
case("train/regression_sample_weight", weighted, sample_weight=SAMPLE_WEIGHT)
case("train/regression_sample_weight_split", weighted, sample_weight=SAMPLE_WEIGHT, validation_split=0.3)
case("train/weighted_metrics_without_weights", weighted)
case("train/sparse", sparse)
case("train/sparse_logits", sparse_logits)
case("train/sparse_class_weight", sparse, class_weight={0: 0.5, 1: 2.0, 2: 1.5}, validation_split=0.2)
case("train/sparse_class_weight_partial", sparse, class_weight={1: 3.0})
case("train/one_hot", one_hot)
case("train/one_hot_smooth", one_hot, label_smoothing=0.1)
case("train/one_hot_class_weight", one_hot, class_weight={0: 0.5, 1: 2.0, 2: 1.5})
case("train/binary", binary)
case("train/binary_class_weight", binary, class_weight={0: 0.5, 1: 2.0})
case("train/batchnorm", batchnorm)
case("train/two_by_two", two_by_two)
case(
    "train/two_by_two_dict",
    two_by_two,
    loss={"r": "mae", "c": "sparse_categorical_crossentropy"},
    loss_weights={"r": 0.3, "c": 1.0},
    metrics={"c": ["accuracy"], "r": ["mse", "mae"]},
)
BOTH = ["mse", "sparse_categorical_crossentropy"]
case("train/list_outputs", unnamed_outputs, structure=list, loss=BOTH, metrics=[["mae"], ["accuracy"]])
case(
    "train/tuple_outputs", unnamed_outputs, structure=tuple, loss=BOTH, loss_weights=[0.5, 2.0], metrics=["mae", "acc"]
)
case(
    "train/dict_outputs",
    unnamed_outputs,
    structure=dict,
    loss=dict(zip(("real", "class"), BOTH)),
    metrics={"class": ["accuracy"], "real": "mae"},
    weighted_metrics={"real": ["mae"]},
)
case("train/list_of_one", list_of_one)
case("train/named_metrics", named_metrics)
case("train/regression_steps_per_epoch", out_of_data, steps_per_epoch=2)
case("train/regression_steps_beyond_the_data", out_of_data, steps_per_epoch=9)
case("train/regression_validation_steps", regression, validation_steps=2, **HALF)
case("train/by_time", by_time)
case("train/by_time_sample_weight", by_time, sample_weight=rand(78, 20, 1))
case("train/by_time_weight_of_each", by_time, sample_weight=rand(79, 20, 4))
case("train/by_time_ignore", by_time, ignore_class=1, sample_weight=rand(79, 20, 4))
for dtype in ("uint8", "int64", "float64"):
    case(f"train/{dtype}", other_dtypes, dtype=dtype)
for cls, args in (("SGD", {"momentum": 0.9, "nesterov": True}), ("Adam", {"amsgrad": True, "clipnorm": 0.3})):
    case(
        f"train/{cls.lower()}_kept",
        lambda k, c=cls, a=args: continued(k, getattr(k.optimizers, c)(0.02, **a)),
    )
case("train/nested", nested)
case("train/subclassed", subclassed)


def on_batch(k: Any) -> dict[str, Any]:
    model = mlp(k, (8, 3), "softmax")
    set_weights(model)
    model.compile("sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    out = {f"train/{n}": np.array(model.train_on_batch(X[n::4], Y_CLASS[n::4])) for n in range(3)}
    weight = {0: 0.5, 1: 2.0, 2: 1.0}
    out["class_weight"] = np.array(model.train_on_batch(X, Y_CLASS, class_weight=weight))
    out["sample_weight"] = np.array(model.train_on_batch(X, Y_CLASS, sample_weight=SAMPLE_WEIGHT))
    result = model.train_on_batch(X, Y_CLASS, return_dict=True)
    out["keys"] = sorted(result)
    out["test"] = np.array(model.test_on_batch(X, Y_CLASS))
    out["predict"] = np.array(model.predict_on_batch(X))
    return out | numbers("weights", model.get_weights())


case("train/on_batch", on_batch)


# ---- random things, by their statistics ----

INITIALIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "glorot_uniform": ("GlorotUniform", {"seed": 1}),
    "glorot_normal": ("GlorotNormal", {"seed": 1}),
    "he_uniform": ("HeUniform", {"seed": 1}),
    "he_normal": ("HeNormal", {"seed": 1}),
    "lecun_uniform": ("LecunUniform", {"seed": 1}),
    "lecun_normal": ("LecunNormal", {"seed": 1}),
    "random_uniform": ("RandomUniform", {"seed": 1}),
    "random_uniform_args": ("RandomUniform", {"minval": -1.0, "maxval": 3.0, "seed": 1}),
    "random_normal": ("RandomNormal", {"mean": 0.5, "stddev": 0.2, "seed": 1}),
    "truncated_normal": ("TruncatedNormal", {"stddev": 0.2, "seed": 1}),
    "variance_scaling": ("VarianceScaling", {"seed": 1}),
    "variance_scaling_out": (
        "VarianceScaling",
        {"scale": 3.0, "mode": "fan_out", "distribution": "uniform", "seed": 1},
    ),
    "variance_scaling_normal": (
        "VarianceScaling",
        {"mode": "fan_avg", "distribution": "untruncated_normal", "seed": 1},
    ),
    "zeros": ("Zeros", {}),
    "ones": ("Ones", {}),
    "constant": ("Constant", {"value": 0.75}),
    "identity": ("Identity", {"gain": 2.0}),
}


def initializer(cls: str, args: dict[str, Any], k: Any) -> dict[str, Any]:
    """The logarithm of the spread (and of the widest value, where there is a limit), the mean in spreads, and how many
    values lie within some spreads of zero."""
    out = {}
    for shape in ((200, 300), (3, 5, 40, 50))[: 1 if cls == "Identity" else 2]:
        w = np.asarray(getattr(k.initializers, cls)(**args)(shape), np.float64)
        spread = w.std() + 1e-9
        shares = [np.mean(np.abs(w) <= limit * spread) for limit in (0.25, 0.5, 1, 1.5, 2, 2.5)]
        unbounded = cls == "RandomNormal" or args.get("distribution") == "untruncated_normal"
        widest = [] if unbounded else [np.log(np.abs(w).max() + 1e-9)]
        out["x".join(map(str, shape))] = np.array([np.log(spread), w.mean() / spread, *shares, *widest])
    return out


for name, (cls, args) in INITIALIZERS.items():
    case(f"initializer/{name}", initializer, cls, args)


# ---- what is printed, without the times ----


def printed(function: Callable[..., Any], *args: Any, **kwargs: Any) -> list[str]:
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        function(*args, **kwargs)
    clean = re.sub(r"\d+(\.\d+)?(us|ms|s)/(step|epoch)", "T/step", text.getvalue())
    return [line.rstrip() for line in re.sub(r" - \d+s - ", " - Ts - ", clean).splitlines()]


def verbose_2(k: Any) -> dict[str, Any]:
    model = mlp(k, (8, 3), "softmax")
    set_weights(model)
    model.compile("sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    options = {"batch_size": 8, "verbose": 2, "shuffle": False}
    out = {"fit": printed(model.fit, X, Y_CLASS, epochs=2, validation_split=0.25, **options)}
    out["one_epoch"] = printed(model.fit, X, Y_CLASS, epochs=1, **options)
    out["evaluate"] = printed(model.evaluate, X, Y_CLASS, batch_size=8, verbose=2)
    return out


def summary_words(model: Any) -> list[str]:
    """The summary's words, line by line, without the frame and what only nervure says."""
    lines: list[str] = []
    model.summary(print_fn=lambda text, **_: lines.extend(text.splitlines()), line_length=160)
    words = [" ".join(re.sub(r"[^\x20-\x7e]", " ", line).split()) for line in lines]
    return [line for line in words if line and not line.startswith("Memory")]


def summaries(k: Any) -> dict[str, Any]:
    k.utils.clear_session()
    L = k.layers
    model = k.Sequential(
        [
            k.Input((8, 8)),
            L.Rescaling(1 / 16),
            L.Flatten(),
            L.Dense(32),
            L.BatchNormalization(),
            L.ReLU(),
            L.Dropout(0.1),
        ]
    )
    model.add(L.Dense(10, activation="softmax"))
    out = {"sequential": summary_words(model)}
    model.compile("adam", loss="sparse_categorical_crossentropy")
    model.fit(np.zeros((4, 8, 8), np.float32), np.zeros(4, np.int64), verbose=0)
    out["trained"] = summary_words(model)
    k.utils.clear_session()
    a, b = k.Input((5,), name="a"), k.Input((3,), name="b")
    functional = k.Model([a, b], L.Dense(2)(L.Concatenate()([L.Dense(4)(a), b])))
    out["functional"] = summary_words(functional)
    return out


def nested_outputs(k: Any) -> dict[str, Any]:
    """Outputs in a dict of lists, with losses, weights and metrics nested alike."""
    k.utils.clear_session()
    x = k.Input((4,), name="x")
    a, b, c = (k.layers.Dense(n, name=name)(x) for name, n in (("a", 2), ("b", 3), ("c", 1)))
    model = k.Model(x, {"p": [a, b], "q": c})
    set_weights(model)
    data = randn(1, 32, 4)
    y = {"p": [data[:, :2], data[:, :3]], "q": data[:, :1]}
    out = {}
    for name, kwargs in {
        "alike": {
            "loss": {"p": ["mse", "mae"], "q": "mse"},
            "loss_weights": {"p": [1.0, 2.0], "q": 3.0},
            "metrics": {"p": [["mae"], ["mse"]], "q": ["mae"]},
        },
        "flat": {"loss": ["mse", "mae", "mse"], "metrics": {"p": [["mae"], None], "q": None}},
    }.items():
        model.compile("sgd", **kwargs)
        logs = model.evaluate(data, y, return_dict=True, verbose=0)
        out[f"{name}/names"] = sorted(logs)
        out |= {f"{name}/{key}": np.asarray(value) for key, value in logs.items()}
    return out


case("outputs/nested", nested_outputs)
case("text/verbose_2", verbose_2)
case("text/summary", summaries)

import_module(".cases_preprocessing", __package__) if __package__ else import_module("cases_preprocessing")
import_module(".cases_optimizers", __package__) if __package__ else import_module("cases_optimizers")
import_module(".cases_losses", __package__) if __package__ else import_module("cases_losses")
import_module(".cases_layers", __package__) if __package__ else import_module("cases_layers")
import_module(".cases_callbacks", __package__) if __package__ else import_module("cases_callbacks")
import_module(".cases_metrics", __package__) if __package__ else import_module("cases_metrics")
import_module(".cases_models", __package__) if __package__ else import_module("cases_models")

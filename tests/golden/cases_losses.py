"""Losses, initializers, regularizers and constraints: values, gradients and configs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

try:
    from . import cases as c
except ImportError:  # in make_golden.py
    import cases as c  # type: ignore[import-not-found, no-redef]

SIGNS = np.where(c.BINARY_TRUE > 0, np.float32(1), np.float32(-1))
MIXED = np.float32([[0, 1, -1], [1, 1, 0], [-1, -1, 1], [0, 0, 0], [1, 0, 1], [0.5, 1, -1]])
POSITIVE = np.abs(c.MSE_PRED) + np.float32(0.1)
COUNTS = np.floor(5 * c.rand(80, 6, 3))
UNIT = c.randn(81, 6, 4)
UNIT /= np.sqrt((UNIT**2).sum(1, keepdims=True))
GROUPS = np.array([0, 1, 0, 2, 1, 0])
ZERO_ROW = c.MSE_PRED * np.float32([[1], [1], [0], [1], [1], [1]])
SPELLED = np.array([[1, 2, 1, 0], [1, 1, 0, 0], [3, 0, 0, 0], [2, 3, 2, 3], [1, 1, 1, 0], [1, 2, 0, 2]])
HEARD = 2 * c.randn(85, 6, 7, 4)

LOSSES: dict[str, tuple[str, dict[str, Any], np.ndarray, np.ndarray]] = {
    "log_cosh": ("LogCosh", {}, c.MSE_TRUE, c.MSE_PRED),
    "log_cosh_far": ("LogCosh", {}, c.MSE_TRUE, 40 * c.MSE_PRED),
    "cosine": ("CosineSimilarity", {}, c.MSE_TRUE, c.MSE_PRED),
    "cosine_zero_target": ("CosineSimilarity", {}, ZERO_ROW, c.MSE_TRUE),
    "hinge_signs": ("Hinge", {}, SIGNS, c.MSE_PRED),
    "hinge_binary": ("Hinge", {}, c.BINARY_TRUE, c.MSE_PRED),
    "hinge_mixed": ("Hinge", {}, MIXED, c.MSE_PRED),
    "squared_hinge_signs": ("SquaredHinge", {}, SIGNS, c.MSE_PRED),
    "squared_hinge_binary": ("SquaredHinge", {}, c.BINARY_TRUE, c.MSE_PRED),
    "categorical_hinge": ("CategoricalHinge", {}, c.ONE_HOT, c.LOGITS),
    "categorical_hinge_soft": ("CategoricalHinge", {}, c.SOFT, c.LOGITS),
    "kld": ("KLDivergence", {}, c.SOFT, c.CLASS_PRED),
    "kld_edge": ("KLDivergence", {}, c.ONE_HOT, c.EDGE_CLASS),
    "poisson": ("Poisson", {}, COUNTS, POSITIVE),
    "poisson_zero": ("Poisson", {}, COUNTS, 0 * POSITIVE),
    "focal": ("BinaryFocalCrossentropy", {}, c.BINARY_TRUE, c.BINARY_PRED),
    "focal_balanced": (
        "BinaryFocalCrossentropy",
        {"apply_class_balancing": True, "alpha": 0.4, "gamma": 1.5},
        c.BINARY_TRUE,
        c.BINARY_PRED,
    ),
    "focal_gamma_0": ("BinaryFocalCrossentropy", {"gamma": 0.0}, c.BINARY_TRUE, c.BINARY_PRED),
    "focal_edge": ("BinaryFocalCrossentropy", {}, c.EDGE_BINARY_TRUE, c.EDGE_BINARY_PRED),
    "focal_logits": (
        "BinaryFocalCrossentropy",
        {"from_logits": True, "label_smoothing": 0.1},
        c.BINARY_TRUE,
        c.LOGITS[:, :3],
    ),
    "categorical_focal": ("CategoricalFocalCrossentropy", {}, c.ONE_HOT, c.CLASS_PRED),
    "categorical_focal_unnormalised": ("CategoricalFocalCrossentropy", {"gamma": 1.0}, c.SOFT, 3 * c.rand(27, 6, 4)),
    "categorical_focal_alphas": (
        "CategoricalFocalCrossentropy",
        {"alpha": [0.1, 0.2, 0.3, 0.4], "label_smoothing": 0.1},
        c.ONE_HOT,
        c.CLASS_PRED,
    ),
    "categorical_focal_logits": ("CategoricalFocalCrossentropy", {"from_logits": True}, c.ONE_HOT, c.LOGITS),
    "generalized": ("CategoricalGeneralizedCrossEntropy", {}, c.SPARSE_TRUE, c.CLASS_PRED),
    "generalized_q": ("CategoricalGeneralizedCrossEntropy", {"q": 0.9}, c.SPARSE_TRUE, c.CLASS_PRED),
    "dice": ("Dice", {}, c.BINARY_TRUE, c.BINARY_PRED),
    "dice_rows": ("Dice", {"axis": 1}, c.BINARY_TRUE, c.BINARY_PRED),
    "dice_empty": ("Dice", {"axis": -1}, 0 * c.BINARY_TRUE, 0 * c.BINARY_PRED),
    "tversky": ("Tversky", {}, c.BINARY_TRUE, c.BINARY_PRED),
    "tversky_rows": ("Tversky", {"alpha": 0.3, "beta": 0.9, "axis": (1,)}, c.BINARY_TRUE, c.BINARY_PRED),
    "circle": ("Circle", {}, GROUPS, UNIT),
    "circle_args": ("Circle", {"gamma": 12.0, "margin": 0.25, "remove_diagonal": False}, GROUPS, UNIT),
    "ctc": ("CTC", {}, SPELLED, HEARD),
    "circle_column": ("Circle", {"gamma": 8.0}, GROUPS[:, None], UNIT),
}
# Not as gradients: outputs of three axes; and where Keras gives NaN, for a label of its own and for a zero vector.
VALUES_ONLY = ("ctc", "circle", "circle_args", "circle_column", "cosine_zero_target")
for name, row in LOSSES.items():
    c.case(f"loss/{name}", c.loss_values, *row)
    if name not in VALUES_ONLY:
        c.case(f"gradient/{name}", c.loss_gradient, *row)
c.LOSSES.update(LOSSES)

AXES: dict[str, tuple[str, dict[str, Any]]] = {
    "cosine": ("CosineSimilarity", {"axis": 1}),
    "bce": ("BinaryCrossentropy", {"axis": 1}),
    "focal": ("BinaryFocalCrossentropy", {"axis": 1}),
    "cce": ("CategoricalCrossentropy", {"axis": 1}),
    "categorical_focal": ("CategoricalFocalCrossentropy", {"axis": 1}),
    "dice": ("Dice", {"axis": (1, 2)}),
    "tversky": ("Tversky", {"axis": (0, 2)}),
}


def along(cls: str, args: dict[str, Any], k: Any) -> dict[str, Any]:
    """Three axes, the loss along one in the middle or along two."""
    y, p = (c.rand(82, 2, 3, 4) > 0.5).astype(np.float32), c.rand(83, 2, 3, 4) * np.float32(0.9) + np.float32(0.05)
    made = {r: getattr(k.losses, cls)(reduction=r, **args)(y, p) for r in ("none", "mean", "sum")}
    return {r: np.asarray(value) for r, value in made.items()}


for name, (cls, args) in AXES.items():
    c.case(f"loss_axis/{name}", along, cls, args)


def references(k: Any) -> dict[str, Any]:
    """`circle` of one set of embeddings against another."""
    other, labels = UNIT[::-1].copy(), GROUPS[[2, 0, 1, 3, 3, 4]]
    options = {"ref_labels": labels, "ref_embeddings": other, "remove_diagonal": False, "gamma": 4.0}
    return {"values": np.asarray(k.losses.circle(GROUPS, UNIT, **options))}


def by_name(k: Any) -> dict[str, Any]:
    """Names of losses, through `compile`: the loss of each after one batch."""
    out = {}
    names = ["kld", "KLD", "hinge", "SquaredHinge", "log_cosh", "poisson", "CosineSimilarity", "dice", "tversky"]
    for name in [*names, "binary_focal_crossentropy", "CategoricalHinge", "categorical_focal_crossentropy"]:
        k.utils.clear_session()
        model = k.Sequential([k.Input((6,)), k.layers.Dense(4, use_bias=False)])
        model.set_weights([c.CLASS_PRED])
        model.compile("sgd", loss=name)
        out[name] = np.asarray(model.train_on_batch(np.eye(6, dtype=np.float32), c.ONE_HOT))
    return out


c.case("loss/circle_references", references)
c.case("loss/names", by_name)

c.ACTIVATIONS.append("sparsemax")
c.case("activation/sparsemax", c.activation_values, "sparsemax")


# ---- initializers, regularizers, constraints ----


def orthogonal(k: Any) -> dict[str, Any]:
    """What holds whatever the numbers: products of columns, or of rows; their spread."""
    out = {}
    for shape in ((40, 30), (30, 40), (5, 6, 7), (2, 3, 50)):
        w = np.asarray(k.initializers.Orthogonal(gain=1.5, seed=3)(shape)).astype(np.float64).reshape(-1, shape[-1])
        gram = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
        out["x".join(map(str, shape))] = np.round(gram, 4) + 0.0
    w = np.asarray(k.initializers.Orthogonal(seed=4)((300, 200)), np.float64)
    shares = [np.mean(np.abs(w) <= limit * w.std()) for limit in (0.25, 0.5, 1, 1.5, 2, 2.5)]
    return out | {"spread": np.array([np.log(w.std()), w.mean() / w.std(), *shares])}


def stft(k: Any) -> dict[str, Any]:
    out = {}
    for side in ("real", "imag"):
        for window in (None, "hann", "hamming", "blackman", "boxcar"):
            for scaling in (None, "density", "spectrum"):
                for periodic in (True, False):
                    made = k.initializers.STFT(side, window, scaling, periodic)((8, 1, 5))
                    out[f"{side}/{window}/{scaling}/{periodic}"] = np.asarray(made)
    return out


c.INITIALIZERS["orthogonal"] = ("Orthogonal", {"gain": 1.5, "seed": 3})
c.INITIALIZERS["stft"] = ("STFT", {})
c.case("initializer/orthogonal", orthogonal)
c.case("initializer/stft", stft)

ON_WEIGHTS: dict[str, Callable[[Any], Any]] = {
    "orthogonal_rows": lambda k: k.regularizers.OrthogonalRegularizer(0.25),
    "orthogonal_columns": lambda k: k.regularizers.orthogonal_regularizer(0.5, mode="columns"),
    "l1": lambda k: k.regularizers.L1(0.25),
    "l1l2": lambda k: k.regularizers.get("l1l2"),
    "max_norm": lambda k: k.constraints.MaxNorm(1.5),
    "max_norm_axis": lambda k: k.constraints.max_norm(max_value=0.7, axis=1),
    "max_norm_axes": lambda k: k.constraints.MaxNorm(1.0, axis=[0, 1]),
    "unit_norm": lambda k: k.constraints.UnitNorm(),
    "unit_norm_axis": lambda k: k.constraints.unit_norm(axis=1),
    "min_max_norm": lambda k: k.constraints.MinMaxNorm(0.5, 1.5),
    "min_max_norm_rate": lambda k: k.constraints.min_max_norm(1.0, 2.0, rate=0.3, axis=1),
    "non_neg": lambda k: k.constraints.get("non_neg"),
}


def on_weights(make: Callable[[Any], Any], k: Any) -> dict[str, Any]:
    w = c.randn(84, 5, 4)
    w[2] = 0
    return {"value": np.asarray(make(k)(k.ops.convert_to_tensor(w)))}


for name, make in ON_WEIGHTS.items():
    c.case(f"on_weights/{name}", on_weights, make)


# ---- configs ----

CONFIGS: dict[str, Callable[[Any], Any]] = {
    "mse": lambda k: k.losses.serialize(k.losses.MeanSquaredError(reduction="sum", name="m")),
    "huber": lambda k: k.losses.serialize(k.losses.Huber()),
    "cosine": lambda k: k.losses.serialize(k.losses.CosineSimilarity()),
    "log_cosh": lambda k: k.losses.serialize(k.losses.LogCosh()),
    "bce": lambda k: k.losses.serialize(k.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1)),
    "focal": lambda k: k.losses.serialize(k.losses.BinaryFocalCrossentropy(True, 0.3, gamma=1.0, axis=1)),
    "cce": lambda k: k.losses.serialize(k.losses.CategoricalCrossentropy(axis=1)),
    "categorical_focal": lambda k: k.losses.serialize(k.losses.CategoricalFocalCrossentropy(alpha=[0.5, 0.25])),
    "scce": lambda k: k.losses.serialize(k.losses.SparseCategoricalCrossentropy(ignore_class=3)),
    "generalized": lambda k: k.losses.serialize(k.losses.CategoricalGeneralizedCrossEntropy(0.25)),
    "hinge": lambda k: k.losses.serialize(k.losses.SquaredHinge()),
    "kld": lambda k: k.losses.serialize(k.losses.KLDivergence()),
    "dice": lambda k: k.losses.serialize(k.losses.Dice(axis=1)),
    "tversky": lambda k: k.losses.serialize(k.losses.Tversky(0.25, 0.75)),
    "circle": lambda k: k.losses.serialize(k.losses.Circle()),
    "loss": lambda k: k.losses.Loss(name="base", reduction=None).get_config(),
    "constant": lambda k: k.initializers.serialize(k.initializers.Constant(0.5)),
    "constant_array": lambda k: k.initializers.serialize(k.initializers.Constant(np.arange(3))),
    "constant_list": lambda k: k.initializers.Constant([1, 2.5]).get_config(),
    "glorot": lambda k: k.initializers.serialize(k.initializers.GlorotUniform(seed=3)),
    "he": lambda k: k.initializers.serialize(k.initializers.HeNormal(input_axes=[0], output_axes=[1, 2])),
    "variance_scaling": lambda k: k.initializers.serialize(k.initializers.VarianceScaling(2.0, "fan_out", "Normal")),
    "random_normal": lambda k: k.initializers.serialize(
        k.initializers.RandomNormal(1.0, 0.5, seed=k.random.SeedGenerator(7, name="g"))
    ),
    "truncated": lambda k: k.initializers.serialize(k.initializers.TruncatedNormal()),
    "uniform": lambda k: k.initializers.serialize(k.initializers.RandomUniform(-1, 1, 5)),
    "orthogonal": lambda k: k.initializers.serialize(k.initializers.Orthogonal(2.0, 5)),
    "stft": lambda k: k.initializers.serialize(k.initializers.STFT("imag", None, None, True)),
    "zeros": lambda k: k.initializers.serialize(k.initializers.Zeros()),
    "l1": lambda k: k.regularizers.serialize(k.regularizers.L1(0.25)),
    "l2": lambda k: k.regularizers.serialize(k.regularizers.L2()),
    "l1l2": lambda k: k.regularizers.serialize(k.regularizers.L1L2(0.25, 0.5)),
    "orthogonal_regularizer": lambda k: k.regularizers.serialize(k.regularizers.OrthogonalRegularizer(0.25, "columns")),
    "max_norm": lambda k: k.constraints.serialize(k.constraints.MaxNorm(3, axis=[0, 1])),
    "min_max_norm": lambda k: k.constraints.serialize(k.constraints.MinMaxNorm(0.5, rate=0.5)),
    "unit_norm": lambda k: k.constraints.serialize(k.constraints.UnitNorm()),
    "non_neg": lambda k: k.constraints.serialize(k.constraints.NonNeg()),
    "activations": lambda k: [
        k.activations.serialize(getattr(k.activations, n)) for n in sorted({*c.ACTIVATIONS, "threshold"})
    ],
}


def config(make: Callable[[Any], Any], k: Any) -> dict[str, Any]:
    return {"json": [json.dumps(make(k), sort_keys=True)]}


for name, make in CONFIGS.items():
    c.case(f"config/{name}", config, make)

"""Metrics: a stream of uneven batches, weighted or not; results and state after each. Masks, configs, names."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

try:
    from .cases import METRICS, case, rand, randn
except ImportError:  # in make_golden.py
    from cases import METRICS, case, rand, randn  # type: ignore[import-not-found, no-redef]

ROWS = (slice(0, 5), slice(5, 9), slice(9, 12))
CLASS = np.random.RandomState(41).randint(0, 4, 12)
HOT = np.eye(4, dtype=np.float32)[CLASS]
MANY = (rand(42, 12, 4) > 0.6).astype(np.int64)  # several labels at once
SCORE = rand(43, 12, 4)
SCORE[::3, 1] = [0.0, 1.0, 0.5, 0.25]
LOGIT = 2 * randn(44, 12, 4)
PROB = (SCORE / SCORE.sum(-1, keepdims=True)).astype(np.float32)
YES, MAYBE = MANY[:, 0], SCORE[:, 1]
REAL, GUESS = randn(45, 12, 4), randn(46, 12, 4)
BACK = REAL + 0.5 * GUESS
WEIGHT = np.float32([1, 0.5, 2, 0, 1, 0.25, 3, 1, 1, 0, 2, 1.5])
WHOLE = np.array([1, 2, 0, 1, 3, 1, 1, 2, 1, 0, 1, 1])  # weights of counts that are integers
LABELS = np.random.RandomState(47).randint(0, 4, (12, 3))
FOUND = np.random.RandomState(48).randint(0, 5, (12, 3))

NEW: dict[str, tuple[str, dict[str, Any], np.ndarray, np.ndarray]] = {
    "mape": ("MeanAbsolutePercentageError", {}, REAL, GUESS),
    "msle": ("MeanSquaredLogarithmicError", {}, SCORE, PROB),
    "logcosh": ("LogCoshError", {}, REAL, GUESS),
    "cosine": ("CosineSimilarity", {}, REAL, GUESS),
    "cosine_axis": ("CosineSimilarity", {"axis": 0}, REAL, GUESS),
    "hinge": ("Hinge", {}, MANY, GUESS),
    "hinge_signs": ("Hinge", {}, 2 * MANY - 1, GUESS),
    "squared_hinge": ("SquaredHinge", {}, MANY, GUESS),
    "categorical_hinge": ("CategoricalHinge", {}, HOT, GUESS),
    "kl_divergence": ("KLDivergence", {}, PROB, SCORE),
    "poisson": ("Poisson", {}, MANY.astype(np.float32), SCORE + np.float32(0.1)),
    "bce_logits": ("BinaryCrossentropy", {"from_logits": True}, MANY, LOGIT),
    "scce_ignore": ("SparseCategoricalCrossentropy", {"ignore_class": 2}, CLASS, PROB),
    "top_k": ("TopKCategoricalAccuracy", {"k": 2}, HOT, SCORE),
    "top_k_all": ("TopKCategoricalAccuracy", {}, HOT, SCORE),
    "sparse_top_k": ("SparseTopKCategoricalAccuracy", {"k": 2}, CLASS, SCORE),
    "sparse_top_k_column": ("SparseTopKCategoricalAccuracy", {"k": 3}, CLASS[:, None], SCORE),
    "sparse_top_k_sorted": ("SparseTopKCategoricalAccuracy", {"k": 2, "from_sorted_ids": True}, LABELS[:, 0], FOUND),
    "pearson": ("PearsonCorrelation", {}, REAL, BACK),
    "pearson_axis": ("PearsonCorrelation", {"axis": 0}, REAL, BACK),
    "concordance": ("ConcordanceCorrelation", {}, REAL, BACK),
    "r2": ("R2Score", {}, REAL, BACK),
    "r2_none": ("R2Score", {"class_aggregation": None}, REAL, BACK),
    "r2_variance": ("R2Score", {"class_aggregation": "variance_weighted_average"}, REAL, BACK),
    "r2_adjusted": ("R2Score", {"num_regressors": 2}, REAL, BACK),
    "f1": ("F1Score", {}, MANY, SCORE),
    "f1_threshold": ("F1Score", {"threshold": 0.5}, MANY, SCORE),
    "f1_macro": ("F1Score", {"average": "macro"}, MANY, SCORE),
    "f1_micro": ("F1Score", {"average": "micro", "threshold": 0.3}, MANY, SCORE),
    "fbeta_weighted": ("FBetaScore", {"average": "weighted", "beta": 2.0}, MANY, SCORE),
    "tp": ("TruePositives", {}, MANY, SCORE),
    "tp_thresholds": ("TruePositives", {"thresholds": [0.2, 0.25, 0.8]}, MANY, SCORE),
    "fp": ("FalsePositives", {"thresholds": 0.25}, MANY, SCORE),
    "tn": ("TrueNegatives", {"thresholds": [0.0, 0.5, 1.0]}, MANY, SCORE),
    "fn": ("FalseNegatives", {"thresholds": [0.5, 0.1]}, YES, MAYBE[:, None]),
    "precision": ("Precision", {}, MANY, SCORE),
    "precision_thresholds": ("Precision", {"thresholds": [0.1, 0.5, 0.7]}, MANY, SCORE),
    "precision_top_k": ("Precision", {"top_k": 2}, MANY, SCORE),
    "precision_top_k_class": ("Precision", {"top_k": 2, "class_id": 1, "thresholds": 0.4}, MANY, SCORE),
    "recall": ("Recall", {}, MANY, SCORE),
    "recall_thresholds": ("Recall", {"thresholds": [0.0, 0.5, 1.0]}, MANY, SCORE),
    "recall_class": ("Recall", {"class_id": 3}, MANY, SCORE),
    "recall_top_k": ("Recall", {"top_k": 3}, MANY, SCORE),
    "precision_at_recall": ("PrecisionAtRecall", {"recall": 0.6}, MANY, SCORE),
    "recall_at_precision": ("RecallAtPrecision", {"precision": 0.5, "num_thresholds": 11}, MANY, SCORE),
    "recall_at_precision_never": ("RecallAtPrecision", {"precision": 1.0, "num_thresholds": 3}, MANY, SCORE),
    "sensitivity_at_specificity": ("SensitivityAtSpecificity", {"specificity": 0.5}, MANY, SCORE),
    "sensitivity_one_threshold": (
        "SensitivityAtSpecificity", {"specificity": 0.4, "num_thresholds": 1, "class_id": 1}, MANY, SCORE,
    ),
    "specificity_at_sensitivity": ("SpecificityAtSensitivity", {"sensitivity": 0.7, "class_id": 2}, MANY, SCORE),
    "auc": ("AUC", {}, MANY, SCORE),
    "auc_vector": ("AUC", {"num_thresholds": 7}, YES, MAYBE),
    "auc_logits": ("AUC", {"from_logits": True, "num_thresholds": 20}, MANY, LOGIT),
    "auc_given": ("AUC", {"thresholds": [0.7, 0.1, 0.25]}, MANY, SCORE),
    "auc_even": ("AUC", {"thresholds": [0.25, 0.5, 0.75]}, MANY, SCORE),
    "auc_label_weights": ("AUC", {"label_weights": [1.0, 2.0, 0.0, 0.5], "num_thresholds": 9}, MANY, SCORE),
    "iou": ("IoU", {"num_classes": 4, "target_class_ids": [0, 2]}, LABELS, FOUND),
    "mean_iou": ("MeanIoU", {"num_classes": 5}, LABELS, FOUND),
    "mean_iou_ignore": ("MeanIoU", {"num_classes": 4, "ignore_class": 1}, LABELS, FOUND),
    "mean_iou_scores": ("MeanIoU", {"num_classes": 4, "sparse_y_pred": False}, CLASS, SCORE),
    "binary_iou": ("BinaryIoU", {"threshold": 0.3}, YES, MAYBE),
    "one_hot_iou": ("OneHotIoU", {"num_classes": 4, "target_class_ids": [1]}, HOT, SCORE),
    "one_hot_mean_iou": ("OneHotMeanIoU", {"num_classes": 4}, HOT, SCORE),
}  # fmt: skip
for _curve in ("ROC", "PR", "PRGAIN"):
    for _method in ("interpolation", "minoring", "majoring"):
        _args = {"curve": _curve, "summation_method": _method, "num_thresholds": 15}
        NEW[f"auc_{_curve}_{_method}"] = ("AUC", _args, MANY, SCORE)
for _curve in ("ROC", "PR"):
    _args = {"curve": _curve, "multi_label": True, "num_thresholds": 12}
    NEW[f"auc_{_curve}_labels"] = ("AUC", _args, MANY, SCORE)
    NEW[f"auc_{_curve}_labels_weighted"] = (
        "AUC", _args | {"num_labels": 4, "label_weights": [0.5, 1.0, 2.0, 0.0]}, MANY, SCORE,
    )  # fmt: skip
    NEW[f"auc_{_curve}_labels_given"] = (
        "AUC",
        {"curve": _curve, "multi_label": True, "thresholds": [0.3]},
        MANY,
        SCORE,
    )
METRICS |= NEW


def stream(cls: str, args: dict[str, Any], y: np.ndarray, p: np.ndarray, k: Any) -> dict[str, Any]:
    out = {}
    for label, weight in (("plain", None), ("weighted", WHOLE if "IoU" in cls else WEIGHT)):
        if weight is not None and "IoU" in cls and y.ndim == 2 and "OneHot" not in cls:
            weight = np.repeat(weight[:, None], y.shape[1], 1)  # IoU takes a weight a label
        if weight is not None and args.get("axis") == 0:
            continue  # one value a column, so no weight a row
        m = getattr(k.metrics, cls)(**args)
        for i, rows in enumerate(ROWS):
            m.update_state(y[rows], p[rows], sample_weight=None if weight is None else weight[rows])
            out[f"{label}/{i}"] = np.array(m.result())
        for v in m.variables:
            out[f"{label}/{v.name}"] = np.array(v.value)
    return out


for _name, _row in NEW.items():
    case(f"metric/{_name}", stream, *_row)


def masks(k: Any) -> dict[str, Any]:
    """Steps that a mask leaves out count nothing, weighted or not."""
    x = randn(49, 6, 5, 3)
    x[0, 2:], x[3, 4:], x[5] = 0, 0, 0
    y, w = randn(50, 6, 5, 1), rand(51, 6, 5)
    out = {}

    class Steps(k.layers.Layer):
        def call(self, x: Any) -> Any:
            return k.ops.sum(x, axis=-1, keepdims=True)

        def compute_mask(self, x: Any, mask: Any = None) -> Any:
            return k.ops.any(k.ops.not_equal(x, 0.0), axis=-1)

    for label, weight in (("plain", None), ("weighted", w)):
        inputs = k.Input((5, 3))
        model = k.Model(inputs, Steps()(inputs))
        model.compile("sgd", "mse", metrics=["mae", k.metrics.BinaryAccuracy(threshold=0.0)], weighted_metrics=["mse"])
        values = model.evaluate(x, y, sample_weight=weight, verbose=0, return_dict=True)
        out |= {f"{label}/{name}": np.array(value) for name, value in values.items() if name != "loss"}
    return out


def configs(k: Any) -> dict[str, Any]:
    """Names, directions and configs of all metrics."""
    texts = []
    for cls, args, _, _ in NEW.values():
        if cls == "CosineSimilarity" and args:
            continue  # Keras's config forgets the axis
        made = getattr(k.metrics, cls)(**args, **({} if "dtype" in args else {"name": "m"}))
        config = made.get_config()
        for key in ("label_weights", "thresholds"):
            if config.get(key) is not None:
                config[key] = np.asarray(config[key]).tolist()
        default = getattr(k.metrics, cls)(**args).name.rstrip("0123456789_")
        texts.append(f"{cls} {default} {getattr(made, '_direction', None)} {json.dumps(config, sort_keys=True)}")
    wrapped = k.metrics.MeanMetricWrapper(k.metrics.mean_squared_error, name="mine", k=2)
    config = wrapped.get_config()
    function = config.pop("fn")
    wrapper = [json.dumps(config, sort_keys=True), function["class_name"], function["config"], wrapped._direction]
    return {"texts": texts, "wrapper": wrapper}


def names(k: Any) -> dict[str, Any]:
    """What strings stand for."""
    words = """
        mse MSE mae MAE mape MAPE msle MSLE bce BCE auc AUC precision Recall hinge kl_divergence poisson kld huber
        cosine_similarity log_cosh_error logcosh f1_score r2_score binary_io_u top_k_categorical_accuracy acuracy
    """
    found = []
    for name in words.split():
        try:
            found.append(f"{name} {type(k.metrics.get(name)).__name__}")
        except ValueError:
            found.append(f"{name} ValueError")
    return {"found": found}


case("metric_masks", masks)
case("metric_texts/configs", configs)
case("metric_texts/names", names)

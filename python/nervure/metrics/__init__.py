"""Metrics: running results over batches, held in variables.

Use one on arrays (`m.update_state(y, p); m.result()`) or give it to `compile`, where it is traced into the epoch loop.
A custom metric subclasses `Metric` and is written with `nervure.ops`; a plain function of (y_true, y_pred) works too.
The modules of the metrics are loaded when one of theirs is first used.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .. import losses
from .._absent import missing
from .._identify import describe, identify
from ..losses import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    object_name,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from ..saving.registration import known_object
from ..utils import to_snake_case
from .metric import Metric

if TYPE_CHECKING:
    from .accuracies import (
        Accuracy,
        BinaryAccuracy,
        CategoricalAccuracy,
        SparseCategoricalAccuracy,
        SparseTopKCategoricalAccuracy,
        TopKCategoricalAccuracy,
        accuracy,
        binary_accuracy,
        categorical_accuracy,
        sparse_categorical_accuracy,
        sparse_top_k_categorical_accuracy,
        top_k_categorical_accuracy,
    )
    from .auc import (
        AUC,
    )
    from .confusion import (
        FalseNegatives,
        FalsePositives,
        Precision,
        PrecisionAtRecall,
        Recall,
        RecallAtPrecision,
        SensitivityAtSpecificity,
        SpecificityAtSensitivity,
        TrueNegatives,
        TruePositives,
    )
    from .correlation import (
        ConcordanceCorrelation,
        PearsonCorrelation,
        concordance_correlation,
        pearson_correlation,
    )
    from .f_score import (
        F1Score,
        FBetaScore,
    )
    from .hinges import (
        CategoricalHinge,
        Hinge,
        SquaredHinge,
    )
    from .iou import (
        BinaryIoU,
        IoU,
        MeanIoU,
        OneHotIoU,
        OneHotMeanIoU,
    )
    from .probabilistic import (
        BinaryCrossentropy,
        CategoricalCrossentropy,
        KLDivergence,
        Poisson,
        SparseCategoricalCrossentropy,
    )
    from .reduction import (
        Mean,
        MeanMetricWrapper,
        Sum,
    )
    from .regression import (
        CosineSimilarity,
        LogCoshError,
        MeanAbsoluteError,
        MeanAbsolutePercentageError,
        MeanSquaredError,
        MeanSquaredLogarithmicError,
        R2Score,
        RootMeanSquaredError,
    )

__all__ = [
    "AUC", "Accuracy", "BinaryAccuracy", "BinaryCrossentropy", "BinaryIoU", "CategoricalAccuracy",
    "CategoricalCrossentropy", "CategoricalHinge", "ConcordanceCorrelation", "CosineSimilarity", "F1Score",
    "FBetaScore", "FalseNegatives", "FalsePositives", "Hinge", "IoU", "KLDivergence", "LogCoshError", "Mean",
    "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanIoU", "MeanMetricWrapper", "MeanSquaredError",
    "MeanSquaredLogarithmicError", "Metric", "OneHotIoU", "OneHotMeanIoU", "PearsonCorrelation", "Poisson",
    "Precision", "PrecisionAtRecall", "R2Score", "Recall", "RecallAtPrecision", "RootMeanSquaredError",
    "SensitivityAtSpecificity", "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy", "SpecificityAtSensitivity", "SquaredHinge", "Sum", "TopKCategoricalAccuracy",
    "TrueNegatives", "TruePositives", "accuracy", "binary_accuracy", "binary_crossentropy",
    "binary_focal_crossentropy", "categorical_accuracy", "categorical_crossentropy",
    "categorical_focal_crossentropy", "categorical_hinge", "concordance_correlation", "deserialize", "get", "hinge",
    "huber", "kl_divergence", "log_cosh", "mean_absolute_error", "mean_absolute_percentage_error",
    "mean_squared_error", "mean_squared_logarithmic_error", "pearson_correlation", "poisson", "serialize",
    "sparse_categorical_accuracy", "sparse_categorical_crossentropy", "sparse_top_k_categorical_accuracy",
    "squared_hinge", "top_k_categorical_accuracy",
]  # fmt: skip

_HOMES = {
    "accuracies": """
        Accuracy BinaryAccuracy CategoricalAccuracy SparseCategoricalAccuracy SparseTopKCategoricalAccuracy
        TopKCategoricalAccuracy accuracy binary_accuracy categorical_accuracy sparse_categorical_accuracy
        sparse_top_k_categorical_accuracy top_k_categorical_accuracy
    """,
    "auc": """
        AUC
    """,
    "confusion": """
        FalseNegatives FalsePositives Precision PrecisionAtRecall Recall RecallAtPrecision
        SensitivityAtSpecificity SpecificityAtSensitivity TrueNegatives TruePositives
    """,
    "correlation": """
        ConcordanceCorrelation PearsonCorrelation concordance_correlation pearson_correlation
    """,
    "f_score": """
        F1Score FBetaScore
    """,
    "hinges": """
        CategoricalHinge Hinge SquaredHinge
    """,
    "iou": """
        BinaryIoU IoU MeanIoU OneHotIoU OneHotMeanIoU
    """,
    "probabilistic": """
        BinaryCrossentropy CategoricalCrossentropy KLDivergence Poisson SparseCategoricalCrossentropy
    """,
    "reduction": """
        Mean MeanMetricWrapper Sum
    """,
    "regression": """
        CosineSimilarity LogCoshError MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError
        MeanSquaredLogarithmicError R2Score RootMeanSquaredError
    """,
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise missing(__name__, name)
        value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Known(Mapping[str, Any]):
    """What names stand for, looked up when asked."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def __getitem__(self, key: str) -> Any:
        return getattr(sys.modules[__name__], self.names[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


_FUNCTIONS = {
    name: name for name in __all__ if name == name.lower() and name not in ("deserialize", "get", "serialize")
}
_CLASSES = {name: name for name in __all__ if name != name.lower()}
_CLASSES |= {to_snake_case(name): name for name in _CLASSES}
for _short, _long in (
    ("bce", "BinaryCrossentropy"), ("mse", "MeanSquaredError"), ("mae", "MeanAbsoluteError"),
    ("mape", "MeanAbsolutePercentageError"), ("msle", "MeanSquaredLogarithmicError"),
):  # fmt: skip
    _CLASSES[_short] = _CLASSES[_short.upper()] = _long
_KNOWN = _Known(_CLASSES)


def get(identifier: Any) -> Any:
    """A metric from its name ("mae"), class, config or callable; None stays None. ValueError on an unknown name.

    >>> get("mae").name
    'mean_absolute_error'
    """
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    return identify("metric", identifier, (Metric, losses.Loss), _KNOWN)


def check(identifier: Any) -> None:
    """ValueError if `get` would not take it; no object is made of a name, so that later ones keep their numbers.

    >>> check("AUC")
    """
    if not isinstance(identifier, str) or (identifier not in _KNOWN and known_object(identifier) is None):
        get(identifier)


def serialize(metric: Any) -> Any:
    """The config of a metric, in Keras's form; of a function its name if it is not registered.

    >>> from nervure.metrics import Mean
    >>> serialize(Mean())["class_name"]
    'Mean'
    """
    return describe(metric)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The metric, or the function, that `serialize` described, or of that name. ValueError if there is none.

    >>> from nervure.metrics import Mean
    >>> deserialize(serialize(Mean(name="average"))).name
    'average'
    """
    function = isinstance(config, Mapping) and config.get("class_name") == "function"
    known = _Known(_CLASSES | _FUNCTIONS if function else _FUNCTIONS | _CLASSES)
    return identify("metric", config, (Metric, losses.Loss), known, custom_objects)


def as_metric(identifier: Any) -> Metric:
    """A `Metric` from anything `get` takes: a callable is wrapped, a string gives the metric its name."""
    found = get(identifier)
    if found is None:
        raise ValueError("expected a metric, got None")
    if not isinstance(found, Metric):
        from .reduction import MeanMetricWrapper

        found = MeanMetricWrapper(found, name=object_name(found))
    if isinstance(identifier, str):
        found.name = identifier
    return found

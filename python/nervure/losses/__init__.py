"""Losses: what training minimizes, as classes with a reduction and as functions of one value a sample.

A loss takes `y_true` and `y_pred` of shape (batch, ...) and gives a scalar. The per-sample functions keep all axes but
the last. Any Python function of (y_true, y_pred) written with `nervure.ops` is a loss too, and runs as fast as these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._absent import absent
from .._identify import identify
from ..utils.naming import to_snake_case
from .crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
    categorical_generalized_cross_entropy,
    sparse_categorical_crossentropy,
)
from .distributions import KLDivergence, Poisson, kl_divergence, poisson
from .focal import (
    BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy,
    binary_focal_crossentropy,
    categorical_focal_crossentropy,
)
from .hinge import CategoricalHinge, Hinge, SquaredHinge, categorical_hinge, hinge, squared_hinge
from .loss import BuiltIn as _BuiltIn
from .loss import Loss, LossFunctionWrapper
from .loss import reduce_weighted_values as reduce_weighted_values
from .ranks import same_shape as same_shape
from .ranks import squeeze_or_expand_to_same_rank as squeeze_or_expand_to_same_rank
from .regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from .segmentation import Dice, Tversky, dice, tversky
from .sequence import CTC, ctc
from .similarity import Circle, circle

__all__ = [
    "CTC", "BinaryCrossentropy", "BinaryFocalCrossentropy", "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy", "CategoricalGeneralizedCrossEntropy", "CategoricalHinge", "Circle",
    "CosineSimilarity", "Dice", "Hinge", "Huber", "KLDivergence", "LogCosh", "Loss", "LossFunctionWrapper",
    "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError", "MeanSquaredLogarithmicError",
    "Poisson", "SparseCategoricalCrossentropy", "SquaredHinge", "Tversky", "binary_crossentropy",
    "binary_focal_crossentropy", "categorical_crossentropy", "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy", "categorical_hinge", "circle", "cosine_similarity", "ctc",
    "deserialize", "dice", "get", "hinge", "huber", "kl_divergence", "log_cosh", "mean_absolute_error",
    "mean_absolute_percentage_error", "mean_squared_error", "mean_squared_logarithmic_error", "poisson",
    "serialize", "sparse_categorical_crossentropy", "squared_hinge", "tversky",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__ = absent(__name__)

_CLASSES: dict[str, type[_BuiltIn]] = {
    name: cls for name in __all__ if isinstance(cls := globals().get(name), type) and issubclass(cls, _BuiltIn)
}
_FUNCTIONS: dict[str, Any] = {name: globals()[name] for name in map(to_snake_case, _CLASSES)}
_KNOWN: dict[str, Any] = _CLASSES | _FUNCTIONS | {"LossFunctionWrapper": LossFunctionWrapper}
for _short, _long in (
    ("mse", mean_squared_error), ("mae", mean_absolute_error), ("mape", mean_absolute_percentage_error),
    ("msle", mean_squared_logarithmic_error), ("bce", binary_crossentropy), ("kld", kl_divergence),
):  # fmt: skip
    _KNOWN[_short] = _KNOWN[_short.upper()] = _long
_BY_FUNCTION: dict[Any, type[_BuiltIn]] = {_FUNCTIONS[to_snake_case(name)]: cls for name, cls in _CLASSES.items()}


def serialize(loss: Any) -> Any:
    """The config of a loss or of a function.

    >>> serialize(Huber())["class_name"], serialize(huber)["config"]
    ('Huber', 'huber')
    """
    from ..saving import serialize_keras_object

    return serialize_keras_object(loss)


def deserialize(name: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The loss that a name or a config stands for. ValueError if it is unknown.

    >>> deserialize(serialize(Huber(0.5))).delta
    0.5
    """
    return identify("loss", name, Loss, _KNOWN, custom_objects)


def get(identifier: Any) -> Any:
    """A loss from its name ("mse"), class, config or callable; None stays None.

    A name in snake_case gives the function, a class name an instance. ValueError on an unknown name.

    >>> get("mse") is mean_squared_error, get("Huber").name
    (True, 'huber_loss')
    """
    return identify("loss", identifier, Loss, _KNOWN)


def object_name(function: Any) -> str:
    """What results of a callable are called: its own `name`, or that of the function or class in snake case."""
    name = getattr(function, "name", None)
    return name or to_snake_case(getattr(function, "__name__", type(function).__name__))


def as_loss(identifier: Any) -> Loss:
    """A `Loss` from anything `get` takes; a built-in function becomes its class, any other callable is wrapped."""
    found = get(identifier)
    if isinstance(found, Loss):
        return found
    name = identifier if isinstance(identifier, str) else object_name(found)
    if found in _BY_FUNCTION:
        return _BY_FUNCTION[found](name=name)  # type: ignore[call-arg]
    return LossFunctionWrapper(found, name=name)

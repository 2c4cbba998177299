"""Focal cross-entropies (Lin et al., 2017): what the model is sure of counts less, by the factor (1 - p) ** gamma."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import config, ops
from .checks import axis_number, fraction, number
from .crossentropy import one_hot_targets, yes_no_targets
from .loss import BuiltIn

__all__ = [
    "BinaryFocalCrossentropy", "CategoricalFocalCrossentropy", "binary_focal_crossentropy",
    "categorical_focal_crossentropy",
]  # fmt: skip


def _power(doubt: Any, gamma: float) -> Any:
    """doubt ** gamma, with a slope of 0 at 0, where that of a `gamma` below 1 would be infinite."""
    return ops.power(ops.maximum(doubt, float(np.finfo(str(doubt.dtype)).tiny)), gamma)


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: Any = -1,
) -> Any:
    """(1 - p_t) ** gamma times the binary cross-entropy, the mean over `axis`; p_t = y p + (1 - y) (1 - p).

    With `apply_class_balancing` also times y alpha + (1 - y) (1 - alpha). The cross-entropy clips p as
    `binary_crossentropy` does, and is exact for logits.

    >>> import numpy as np
    >>> binary_focal_crossentropy(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]])).round(4).tolist()
    [0.1733]
    """
    y_true, y_pred = yes_no_targets("binary_focal_crossentropy", y_true, y_pred, label_smoothing)
    values = ops.binary_crossentropy(y_true, y_pred, from_logits=from_logits)
    p = ops.sigmoid(y_pred) if from_logits else y_pred
    values = _power(1.0 - (y_true * p + (1.0 - y_true) * (1.0 - p)), gamma) * values
    if apply_class_balancing:
        values = (y_true * alpha + (1.0 - y_true) * (1.0 - alpha)) * values
    return ops.mean(values, axis=axis)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """-sum(alpha (1 - p) ** gamma y log p) over `axis`, for one-hot targets; `alpha` is one number, or one a class.

    Probabilities are divided by their sum and clipped to [epsilon, 1 - epsilon]; logits stay exact.

    >>> import numpy as np
    >>> categorical_focal_crossentropy(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]])).round(4).tolist()
    [0.0433]
    """
    y_true, y_pred = one_hot_targets("categorical_focal_crossentropy", y_true, y_pred, label_smoothing, axis)
    if from_logits:
        logarithm = ops.log_softmax(y_pred, axis=axis)
        p = ops.exp(logarithm)
    else:
        p = y_pred / ops.sum(y_pred, axis=axis, keepdims=True)
        p = ops.clip(p, config.epsilon(), 1.0 - config.epsilon())
        logarithm = ops.log(p)
    weight = ops.multiply(_power(1.0 - p, gamma), ops.convert_to_tensor(alpha, dtype=str(p.dtype)))
    return ops.negative(ops.sum(weight * y_true * logarithm, axis=axis))


class BinaryFocalCrossentropy(BuiltIn):
    """Binary cross-entropy times (1 - p_t) ** gamma, p_t the probability given to the true answer (Lin et al., 2017).

    `apply_class_balancing` weighs answers 1 by `alpha` and answers 0 by 1 - alpha.

    >>> import numpy as np
    >>> round(float(BinaryFocalCrossentropy()(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]]))), 4)
    0.1733
    """

    target_range = (-1e-6, 1 + 1e-6)
    apply_class_balancing: bool
    alpha: float
    gamma: float
    from_logits: bool
    label_smoothing: float
    axis: Any

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: Any = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        owner = "BinaryFocalCrossentropy"
        super().__init__(
            binary_focal_crossentropy,
            reduction,
            name,
            dtype,
            apply_class_balancing=apply_class_balancing,
            alpha=number(owner, "alpha", alpha),
            gamma=number(owner, "gamma", gamma, 0.0, "a finite number of at least 0"),
            from_logits=from_logits,
            label_smoothing=fraction(owner, label_smoothing),
            axis=axis,
        )


class CategoricalFocalCrossentropy(BuiltIn):
    """Cross-entropy of one-hot targets times alpha (1 - p) ** gamma (Lin et al., 2017).

    `alpha` is one number, or a list of one for each class.

    >>> import numpy as np
    >>> round(float(CategoricalFocalCrossentropy()(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]]))), 4)
    0.0433
    """

    alpha: Any
    gamma: float
    from_logits: bool
    label_smoothing: float
    axis: int

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        owner = "CategoricalFocalCrossentropy"
        super().__init__(
            categorical_focal_crossentropy,
            reduction,
            name,
            dtype,
            alpha=alpha if np.ndim(alpha) else number(owner, "alpha", alpha),
            gamma=number(owner, "gamma", gamma, 0.0, "a finite number of at least 0"),
            from_logits=from_logits,
            label_smoothing=fraction(owner, label_smoothing),
            axis=axis_number(owner, axis),
        )

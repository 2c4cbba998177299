"""F-scores: means of precision and recall."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import config, ops
from ..variable import Variable
from .metric import Metric, check_columns, compiled

__all__ = ["F1Score", "FBetaScore"]


class FBetaScore(Metric):
    """(1 + beta ** 2) * precision * recall / (beta ** 2 * precision + recall) (van Rijsbergen, 1979): recall counts
    beta times as much as precision.

    y_true (0 or 1) and y_pred are of shape (batch, classes): ValueError otherwise. A prediction is positive where it is
    above `threshold` or, without one, where it is the largest of its row.

    `average`: None gives one score a class, "micro" counts all classes together, "macro" is the mean of the classes'
    scores, "weighted" their mean weighted by how often each class is true.

    >>> m = FBetaScore(beta=2.0, threshold=0.5)
    >>> m.update_state([[1, 1, 1], [1, 0, 0], [1, 1, 0]], [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0.0]])
    >>> m.result().round(4).tolist()
    [0.384..., 0.909..., 0.833...]
    """

    _direction = "up"
    true_positives: Variable
    false_positives: Variable
    false_negatives: Variable
    intermediate_weights: Variable

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(
                "Invalid `average` argument value. Expected one of: {None, 'micro', 'macro', 'weighted'}. Received: "
                f"average={average}"
            )
        _check_float("beta", beta)
        if beta <= 0.0:
            raise ValueError(f"Invalid `beta` argument value. It should be > 0. Received: beta={beta}")
        if threshold is not None:
            _check_float("threshold", threshold)
            if not 0.0 < threshold <= 1.0:
                raise ValueError(
                    "Invalid `threshold` argument value. It should verify 0 < threshold <= 1. Received: "
                    f"threshold={threshold}"
                )
        self.average = average
        self.beta = beta
        self.threshold = threshold
        self.axis = None if average == "micro" else 0
        self._built = False

    def _build(self, y_true_shape: Sequence[int | None], y_pred_shape: Sequence[int | None]) -> None:
        check_columns("FBetaScore", y_true_shape, y_pred_shape)
        shape = () if self.average == "micro" else (y_pred_shape[-1],)
        self.true_positives = self.add_variable(shape, dtype=self._dtype, name="true_positives")
        self.false_positives = self.add_variable(shape, dtype=self._dtype, name="false_positives")
        self.false_negatives = self.add_variable(shape, dtype=self._dtype, name="false_negatives")
        self.intermediate_weights = self.add_variable(shape, dtype=self._dtype, name="intermediate_weights")
        self._built = True

    @compiled
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = ops.cast(y_true, self._dtype), ops.cast(y_pred, self._dtype)
        check_columns("FBetaScore", tuple(y_true.shape), tuple(y_pred.shape))
        if y_pred.shape != y_true.shape:
            raise ValueError(
                f"FBetaScore expects y_true and y_pred of the same shape, got y_true {tuple(y_true.shape)} and y_pred "
                f"{tuple(y_pred.shape)}"
            )
        if self.threshold is None:  # an all-zero row predicts nothing
            largest = ops.max(y_pred, axis=-1, keepdims=True)
            positive = ops.logical_and(y_pred >= largest, ops.absolute(y_pred) > 1e-9)
        else:
            positive = y_pred > self.threshold
        positive = ops.cast(positive, self._dtype)
        weighted = y_true
        if sample_weight is not None:
            weight = ops.cast(sample_weight, self._dtype)
            weight = ops.expand_dims(weight, -1) if len(weight.shape) == 1 else weight
            weighted, positive_weight = y_true * weight, positive * weight
        else:
            positive_weight = positive
        if not self._built:
            self._build(tuple(y_true.shape), tuple(y_pred.shape))
        self.true_positives.assign_add(ops.sum(positive * weighted, axis=self.axis))
        self.false_positives.assign_add(ops.sum(positive_weight * (1.0 - y_true), axis=self.axis))
        self.false_negatives.assign_add(ops.sum((1.0 - positive) * weighted, axis=self.axis))
        self.intermediate_weights.assign_add(ops.sum(weighted, axis=self.axis))

    @compiled
    def result(self) -> Any:
        if not self._built:
            return ops.zeros((), self._dtype)
        epsilon = config.epsilon()
        precision = self.true_positives / (self.true_positives + self.false_positives + epsilon)
        recall = self.true_positives / (self.true_positives + self.false_negatives + epsilon)
        square = self.beta**2
        scores = (1.0 + square) * (precision * recall / (square * precision + recall + epsilon))
        if self.average == "weighted":
            return ops.sum(scores * (self.intermediate_weights / (ops.sum(self.intermediate_weights) + epsilon)))
        return scores if self.average is None else ops.mean(scores)

    def get_config(self) -> dict[str, Any]:
        own = {"average": self.average, "beta": self.beta, "threshold": self.threshold}
        return super().get_config() | own


def _check_float(name: str, value: Any) -> None:
    if not isinstance(value, float):
        raise ValueError(
            f"Invalid `{name}` argument value. It should be a Python float. Received: {name}={value} of type "
            f"'{type(value)}'"
        )


class F1Score(FBetaScore):
    """2 * precision * recall / (precision + recall): `FBetaScore` with beta 1.

    >>> m = F1Score(threshold=0.5)
    >>> m.update_state([[1, 1, 1], [1, 0, 0], [1, 1, 0]], [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0.0]])
    >>> m.result().round(4).tolist()
    [0.5, 0.800..., 0.666...]
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average=average, beta=1.0, threshold=threshold, name=name, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["beta"]
        return config

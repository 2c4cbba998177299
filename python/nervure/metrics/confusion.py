"""Counts of right and wrong yes/no predictions, and their ratios: precision, recall, one at a level of another."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..variable import Variable
from .metric import Metric, compiled
from .thresholding import NEG_INF, Thresholds, add_counts

__all__ = [
    "FalseNegatives", "FalsePositives", "Precision", "PrecisionAtRecall", "Recall", "RecallAtPrecision",
    "SensitivityAtSpecificity", "SpecificityAtSensitivity", "TrueNegatives", "TruePositives",
]  # fmt: skip

_NAMES = {"tp": "true_positives", "fp": "false_positives", "tn": "true_negatives", "fn": "false_negatives"}


class _Counts(Metric):
    """The base of the four counts."""

    _counted: str

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.thresholds = Thresholds.of(type(self).__name__, thresholds)
        self._grid = Thresholds(self.thresholds)
        self.accumulator = self.add_variable((len(self.thresholds),), name="accumulator")

    @compiled
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        counted = {self._counted: self.accumulator}
        add_counts(type(self).__name__, counted, y_true, y_pred, self._grid, sample_weight)

    @compiled
    def result(self) -> Any:
        return self.accumulator[0] if len(self.thresholds) == 1 else self.accumulator.value

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"thresholds": self.init_thresholds}


class TruePositives(_Counts):
    """How many samples are positive and predicted above the threshold, each counted with its weight.

    `thresholds`: a number in [0, 1] (0.5 by default), or several, with a count for each. ValueError if out of range.

    >>> float(TruePositives()([0, 1, 1, 1], [1, 0, 1, 1]))
    2.0
    """

    _counted = "tp"


class FalsePositives(_Counts):
    """How many samples are negative and predicted above the threshold, each counted with its weight.

    `thresholds`: a number in [0, 1] (0.5 by default), or several, with a count for each. ValueError if out of range.

    >>> float(FalsePositives()([0, 1, 0, 0], [0, 0, 1, 1]))
    2.0
    """

    _counted = "fp"


class TrueNegatives(_Counts):
    """How many samples are negative and not predicted above the threshold, each counted with its weight.

    `thresholds`: a number in [0, 1] (0.5 by default), or several, with a count for each. ValueError if out of range.

    >>> float(TrueNegatives()([0, 1, 0, 0], [1, 1, 0, 0]))
    2.0
    """

    _counted = "tn"


class FalseNegatives(_Counts):
    """How many samples are positive and not predicted above the threshold, each counted with its weight.

    `thresholds`: a number in [0, 1] (0.5 by default), or several, with a count for each. ValueError if out of range.

    >>> float(FalseNegatives()([0, 1, 1, 1], [0, 1, 0, 0]))
    2.0
    """

    _counted = "fn"


class _Ratio(Metric):
    """true positives / (true positives + other): the base of precision and recall."""

    _direction = "up"
    _other: str
    true_positives: Variable

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.top_k = top_k
        self.class_id = class_id
        self.thresholds = Thresholds.of(type(self).__name__, thresholds, 0.5 if top_k is None else NEG_INF)
        self._grid = Thresholds(self.thresholds)
        self._counted: dict[str, Variable] = {}
        for key in ("tp", self._other):
            self._counted[key] = self.add_variable((len(self.thresholds),), name=_NAMES[key])
            setattr(self, _NAMES[key], self._counted[key])

    @compiled
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        add_counts(
            type(self).__name__, self._counted, y_true, y_pred, self._grid, sample_weight, self.top_k, self.class_id
        )

    @compiled
    def result(self) -> Any:
        right, other = self._counted.values()
        value = ops.divide_no_nan(right, right + other)
        return value[0] if len(self.thresholds) == 1 else value

    def get_config(self) -> dict[str, Any]:
        own = {"thresholds": self.init_thresholds, "top_k": self.top_k, "class_id": self.class_id}
        return super().get_config() | own


class Precision(_Ratio):
    """true positives / (true positives + false positives): how often a positive prediction is right.

    A prediction is positive above the threshold; with `top_k`, if it is among the k largest of its row (and above the
    threshold, if one is given). `class_id` looks at one column only.

    `thresholds`: a number in [0, 1] (0.5 by default), or several, with a value for each. ValueError if out of range.

    >>> m = Precision()
    >>> m.update_state([0, 1, 1, 1], [1, 0, 1, 1])
    >>> round(float(m.result()), 4)
    0.6667
    """

    _other = "fp"
    false_positives: Variable


class Recall(_Ratio):
    """true positives / (true positives + false negatives): how many of the positive samples are found.

    A prediction is positive above the threshold; with `top_k`, if it is among the k largest of its row (and above the
    threshold, if one is given). `class_id` looks at one column only.

    `thresholds`: a number in [0, 1] (0.5 by default), or several, with a value for each. ValueError if out of range.

    >>> m = Recall()
    >>> m.update_state([0, 1, 1, 1], [1, 0, 1, 1])
    >>> round(float(m.result()), 4)
    0.6667
    """

    _other = "fn"
    false_negatives: Variable


class SensitivitySpecificityBase(Metric):
    """The best of one ratio over all thresholds at which another is at least `value`. Not for direct use."""

    _direction = "up"
    _level: str  # the name of the constructor's first argument

    def __init__(
        self,
        value: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if not 0 <= value <= 1:
            raise ValueError(f"Argument `{self._level}` must be in the range [0, 1]. Received: {self._level}={value}")
        if num_thresholds <= 0:
            raise ValueError(
                f"Argument `num_thresholds` must be an integer > 0. Received: num_thresholds={num_thresholds}"
            )
        setattr(self, self._level, value)
        self.value = value
        self.class_id = class_id
        self.num_thresholds = num_thresholds
        self.thresholds = [0.5]
        if num_thresholds > 1:
            self.thresholds = [0.0, *((i + 1) / (num_thresholds - 1) for i in range(num_thresholds - 2)), 1.0]
        self._grid = Thresholds(self.thresholds, even=num_thresholds > 1)
        shape = (len(self.thresholds),)
        self.true_positives = self.add_variable(shape, name="true_positives")
        self.false_positives = self.add_variable(shape, name="false_positives")
        self.true_negatives = self.add_variable(shape, name="true_negatives")
        self.false_negatives = self.add_variable(shape, name="false_negatives")

    @compiled
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        counted = {key: getattr(self, name) for key, name in _NAMES.items()}
        add_counts(type(self).__name__, counted, y_true, y_pred, self._grid, sample_weight, class_id=self.class_id)

    def _sensitivity(self) -> Any:
        return ops.divide_no_nan(self.true_positives, self.true_positives + self.false_negatives)

    def _specificity(self) -> Any:
        return ops.divide_no_nan(self.true_negatives, self.true_negatives + self.false_positives)

    def _precision(self) -> Any:
        return ops.divide_no_nan(self.true_positives, self.true_positives + self.false_positives)

    def _best(self, dependent: Any, constrained: Any) -> Any:
        return ops.maximum(ops.max(ops.where(constrained >= self.value, dependent, 0.0)), 0.0)

    def get_config(self) -> dict[str, Any]:
        own = {"num_thresholds": self.num_thresholds, self._level: self.value, "class_id": self.class_id}
        return super().get_config() | own


class SensitivityAtSpecificity(SensitivitySpecificityBase):
    """The best sensitivity tp / (tp + fn) over thresholds at which the specificity tn / (tn + fp) is at least
    `specificity`. The `num_thresholds` thresholds are spread evenly over [0, 1].

    ValueError unless 0 <= specificity <= 1 and num_thresholds > 0.

    >>> m = SensitivityAtSpecificity(0.5)
    >>> m.update_state([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
    >>> float(m.result())
    0.5
    """

    _level = "specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(specificity, num_thresholds=num_thresholds, class_id=class_id, name=name, dtype=dtype)

    @compiled
    def result(self) -> Any:
        return self._best(self._sensitivity(), self._specificity())


class SpecificityAtSensitivity(SensitivitySpecificityBase):
    """The best specificity tn / (tn + fp) over thresholds at which the sensitivity tp / (tp + fn) is at least
    `sensitivity`. The `num_thresholds` thresholds are spread evenly over [0, 1].

    ValueError unless 0 <= sensitivity <= 1 and num_thresholds > 0.

    >>> m = SpecificityAtSensitivity(0.5)
    >>> m.update_state([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
    >>> round(float(m.result()), 4)
    0.6667
    """

    _level = "sensitivity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds=num_thresholds, class_id=class_id, name=name, dtype=dtype)

    @compiled
    def result(self) -> Any:
        return self._best(self._specificity(), self._sensitivity())


class PrecisionAtRecall(SensitivitySpecificityBase):
    """The best precision tp / (tp + fp) over thresholds at which the recall tp / (tp + fn) is at least `recall`. The
    `num_thresholds` thresholds are spread evenly over [0, 1].

    ValueError unless 0 <= recall <= 1 and num_thresholds > 0.

    >>> m = PrecisionAtRecall(0.5)
    >>> m.update_state([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
    >>> float(m.result())
    0.5
    """

    _level = "recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(recall, num_thresholds=num_thresholds, class_id=class_id, name=name, dtype=dtype)

    @compiled
    def result(self) -> Any:
        return self._best(self._precision(), self._sensitivity())


class RecallAtPrecision(SensitivitySpecificityBase):
    """The best recall tp / (tp + fn) over thresholds at which the precision tp / (tp + fp) is at least `precision`; 0
    if it is nowhere. The `num_thresholds` thresholds are spread evenly over [0, 1].

    ValueError unless 0 <= precision <= 1 and num_thresholds > 0.

    >>> m = RecallAtPrecision(0.8)
    >>> m.update_state([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
    >>> float(m.result())
    0.5
    """

    _level = "precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(precision, num_thresholds=num_thresholds, class_id=class_id, name=name, dtype=dtype)

    @compiled
    def result(self) -> Any:
        return self._best(self._sensitivity(), self._precision())

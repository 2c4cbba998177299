"""The area under a curve of two ratios over all thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

import numpy as np

from .. import config, ops
from ..variable import Variable
from .metric import Metric, compiled
from .thresholding import Thresholds, add_counts

__all__ = ["AUC", "AUCCurve", "AUCSummationMethod"]


class AUCCurve(Enum):
    """The curves of `AUC`."""

    ROC = "ROC"
    PR = "PR"
    PRGAIN = "PRGAIN"


class AUCSummationMethod(Enum):
    """How `AUC` takes the height of the curve between two thresholds."""

    INTERPOLATION = "interpolation"
    MAJORING = "majoring"
    MINORING = "minoring"


class AUC(Metric):
    """The area under the ROC or the precision-recall curve, approximated from counts at thresholds.

    `curve`: "ROC" is the true positive rate over the false positive rate; "PR" precision over recall; "PRGAIN" their
    gains over a classifier that says yes always (Flach & Kull, 2015). `summation_method`: "interpolation" joins the
    points by lines, those of the PR curve by the curve that lines of counts give (Davis & Goadrich, 2006); "minoring"
    takes the lower of two points, "majoring" the higher.

    The `num_thresholds` thresholds are spread evenly over [0, 1], unless `thresholds` gives those between 0 and 1.
    y_true is 0 or 1, y_pred a probability, or a logit with `from_logits`. With `multi_label` they are of shape (batch,
    labels) and the result is the mean of the labels' areas, weighted by `label_weights`; otherwise all labels are
    counted together, with `label_weights` as weights. ValueError for bad arguments or shapes that differ.

    >>> m = AUC(num_thresholds=3)
    >>> m.update_state([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
    >>> float(m.result())
    0.75
    """

    _direction = "up"
    true_positives: Variable
    false_positives: Variable
    true_negatives: Variable
    false_negatives: Variable

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: Any = "ROC",
        summation_method: Any = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self._init_from_thresholds = thresholds is not None
        even: bool | None = True
        if thresholds is not None:
            inner = sorted(float(t) for t in thresholds)
            even = Thresholds([0.0, *inner, 1.0]).even
        else:
            if num_thresholds <= 1:
                raise ValueError(
                    f"Argument `num_thresholds` must be an integer > 1. Received: num_thresholds={num_thresholds}"
                )
            inner = [(i + 1) / (num_thresholds - 1) for i in range(num_thresholds - 2)]
        # The outer thresholds lie just outside, so that all predictions are above the first and none above the last.
        self._grid = Thresholds([0.0 - config.epsilon(), *inner, 1.0 + config.epsilon()], even=even)
        self.num_thresholds = len(self._grid)
        self.curve = _member("curve", AUCCurve, curve, (str.lower, str.upper), '["PR", "ROC", "PRGAIN"]')
        self.summation_method = _member(
            "summation method",
            AUCSummationMethod,
            summation_method,
            (str.lower, str.capitalize),
            '["interpolation", "majoring", "minoring"]',
        )
        if num_labels and not multi_label:
            raise ValueError("`num_labels` is needed only when `multi_label` is True.")
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = None if label_weights is None else np.asarray(label_weights, self._dtype)
        self._from_logits = from_logits
        self._built = False
        if not multi_label:
            self._build(())
        elif num_labels:
            self._build((num_labels,))

    @property
    def thresholds(self) -> list[float]:
        """The thresholds, the two outer ones included."""
        return list(self._grid.values)

    def _build(self, labels: tuple[int, ...]) -> None:
        shape = (self.num_thresholds, *labels)
        self.true_positives = self.add_variable(shape, name="true_positives")
        self.false_positives = self.add_variable(shape, name="false_positives")
        self.true_negatives = self.add_variable(shape, name="true_negatives")
        self.false_negatives = self.add_variable(shape, name="false_negatives")
        self._built = True

    @compiled
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        if self.multi_label:
            if len(y_pred.shape) != 2:
                raise ValueError(
                    f"`y_pred` must have rank 2 when `multi_label=True`. Found rank {len(y_pred.shape)}. Full shape "
                    f"received for `y_pred`: {tuple(y_pred.shape)}"
                )
            if not self._built:
                self._build(tuple(y_pred.shape[1:]))
            elif y_pred.shape[1] != self.true_positives.shape[1]:
                raise ValueError(f"AUC counts {self.true_positives.shape[1]} labels, got y_pred {tuple(y_pred.shape)}")
        if self._from_logits:
            y_pred = ops.sigmoid(y_pred)
        counted = {
            "tp": self.true_positives,
            "tn": self.true_negatives,
            "fp": self.false_positives,
            "fn": self.false_negatives,
        }
        label_weights = None if self.multi_label else self.label_weights
        add_counts(
            "AUC", counted, y_true, y_pred, self._grid, sample_weight,
            multi_label=self.multi_label, label_weights=label_weights,
        )  # fmt: skip

    @compiled
    def result(self) -> Any:
        if not self._built:
            return ops.zeros((), self._dtype)
        if self.curve is AUCCurve.PR and self.summation_method is AUCSummationMethod.INTERPOLATION:
            return self._total(self._pr_areas())
        x, y = self._points()
        left, right = y[:-1], y[1:]
        if self.summation_method is AUCSummationMethod.INTERPOLATION:
            height = (left + right) / 2.0
        elif self.summation_method is AUCSummationMethod.MINORING:
            height = ops.minimum(left, right)
        else:
            height = ops.maximum(left, right)
        return self._total((x[:-1] - x[1:]) * height)

    def _counts(self) -> tuple[Any, Any, Any, Any]:
        variables = self.true_positives, self.false_positives, self.true_negatives, self.false_negatives
        return tuple(v.value for v in variables)  # type: ignore[return-value]

    def _points(self) -> tuple[Any, Any]:
        """x and y of the curve at each threshold."""
        tp, fp, tn, fn = self._counts()
        recall = ops.divide_no_nan(tp, tp + fn)
        if self.curve is AUCCurve.ROC:
            return ops.divide_no_nan(fp, fp + tn), recall
        if self.curve is AUCCurve.PR:
            return recall, ops.divide_no_nan(tp, tp + fp)
        # Gains are hyperbolic. Without true positives recall gains 0 and precision 1; recall never gains less than 0.
        odds = ops.divide_no_nan(tp + fn, tn + fp)
        recall_gain = 1.0 - odds * ops.divide_no_nan(fn, tp)
        precision_gain = 1.0 - odds * ops.divide_no_nan(fp, tp)
        found = ops.greater(tp, 0.0)
        return ops.maximum(ops.where(found, recall_gain, 0.0), 0.0), ops.where(found, precision_gain, 1.0)

    def _pr_areas(self) -> Any:
        """The area of the PR curve between neighbouring thresholds A and B, where tp and p = tp + fp are linear.

        With slope = dtp / dp and tp = intercept + slope * p, precision is tp / p and recall tp / positives, so that
        the integral of precision over recall is slope * (dtp + intercept * log(p_A / p_B)) / positives.
        """
        tp, fp, _, fn = self._counts()
        p = tp + fp
        dtp, dp = tp[:-1] - tp[1:], p[:-1] - p[1:]
        slope = ops.divide_no_nan(dtp, ops.maximum(dp, 0.0))
        intercept = tp[1:] - slope * p[1:]
        both = ops.logical_and(p[:-1] > 0.0, p[1:] > 0.0)
        ratio = ops.where(both, ops.divide_no_nan(p[:-1], ops.maximum(p[1:], 0.0)), ops.ones_like(p[1:]))
        return ops.divide_no_nan(slope * (dtp + intercept * ops.log(ratio)), ops.maximum(tp[1:] + fn[1:], 0.0))

    def _total(self, areas: Any) -> Any:
        """The sum of the areas; of several labels, the mean of their sums."""
        total = ops.sum(areas, axis=0)
        if not self.multi_label:
            return total
        if self.label_weights is None:
            return ops.mean(total)
        return ops.divide_no_nan(ops.sum(total * self.label_weights), ops.sum(self.label_weights))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config() | {
            "num_thresholds": self.num_thresholds,
            "curve": self.curve.value,
            "summation_method": self.summation_method.value,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": None if self.label_weights is None else self.label_weights.tolist(),
            "from_logits": self._from_logits,
        }
        return config | ({"thresholds": self.thresholds[1:-1]} if self._init_from_thresholds else {})


def _member(what: str, kind: Any, given: Any, spellings: Any, known: str) -> Any:
    """The member of an enumeration that is given, or its value in one of two spellings."""
    if isinstance(given, kind):
        return given
    for member in kind:
        if given in [spell(member.value) for spell in spellings]:
            return member
    raise ValueError(f'Invalid AUC {what} value: "{given}". Expected values are {known}')

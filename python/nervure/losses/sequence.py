"""The loss of sequences whose labels are in order, but at unknown times: connectionist temporal classification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import config, ops
from .._dtypes import is_float
from .loss import BuiltIn

__all__ = ["CTC", "ctc"]

_NEVER = -1e5  # the logarithm of no probability: far below all others, and with a gradient of 0


def _interleaved(even: Any, odd: Any) -> Any:
    """even, odd, even, .., even along the last axis; `even` has one more."""
    n = odd.shape[-1]
    pairs = ops.stack([even[..., :n], odd], axis=-1)
    return ops.concatenate([ops.reshape(pairs, (*odd.shape[:-1], 2 * n)), even[..., n:]], axis=-1)


def ctc(y_true: Any, y_pred: Any) -> Any:
    """Minus the logarithm of the probability that the times of y_pred spell the labels of y_true (Graves et al., 2006).

    `y_pred` are logits, (batch, times, classes); class 0 is the blank. `y_true` are class numbers, (batch, labels), of
    which as many count as are not 0. A time gives a label, the label before it again, or a blank; between two equal
    labels a blank must be. A sequence too short for its labels costs about 1e5.

    >>> import numpy as np
    >>> ctc(np.array([[1]]), np.zeros((1, 2, 2))).round(4).tolist()  # 01, 10 and 11 of the four that can be
    [0.2877]
    """
    y_true, y_pred = ops.cast(y_true, "int32"), ops.convert_to_tensor(y_pred)
    if len(y_true.shape) != 2 or not y_true.shape[1]:
        raise ValueError(
            "Targets `y_true` are expected to be a tensor of shape `(batch_size, max_length)` in integer format. "
            f"Received: y_true.shape={tuple(y_true.shape)}"
        )
    if len(y_pred.shape) != 3 or y_pred.shape[0] != y_true.shape[0]:
        raise ValueError(
            "Logits `y_pred` are expected to be a tensor of shape `(batch_size, max_length, num_classes)`. "
            f"Received: y_pred.shape={tuple(y_pred.shape)} for y_true.shape={tuple(y_true.shape)}"
        )
    if not is_float(str(y_pred.dtype)):
        y_pred = ops.cast(y_pred, config.floatx())
    (batch, times, _), labels = y_pred.shape, y_true.shape[1]
    logarithms = ops.log_softmax(y_pred, axis=-1)
    emitted = ops.take_along_axis(logarithms, ops.broadcast_to(y_true[:, None, :], (batch, times, labels)), axis=2)
    blank = ops.broadcast_to(logarithms[:, :, :1], (batch, times, labels + 1))
    states = _interleaved(blank, emitted)  # blank, label, blank, .., blank: the states in their order
    # A label may follow the one before it without a blank if it is another.
    other = ops.not_equal(y_true[:, 1:], y_true[:, :-1])
    other = ops.concatenate([ops.zeros((batch, 1), "bool"), other], axis=1)
    leap = _interleaved(ops.zeros((batch, labels + 1), "bool"), other)
    begins = np.arange(2 * labels + 1) < 2
    alpha = ops.where(begins, states[:, 0], _NEVER)
    never = ops.full((batch, 2), _NEVER, str(alpha.dtype))
    for t in range(1, times):
        moved = ops.concatenate([never, alpha], axis=1)
        leapt = ops.where(leap, moved[:, :-2], _NEVER)
        alpha = ops.logsumexp(ops.stack([alpha, moved[:, 1:-1], leapt]), axis=0) + states[:, t]
    last = 2 * ops.sum(ops.cast(ops.not_equal(y_true, 0), "int32"), axis=1, keepdims=True)
    at_blank = ops.take_along_axis(alpha, last, axis=1)
    at_label = ops.take_along_axis(alpha, ops.maximum(last - 1, 0), axis=1)
    at_label = ops.where(ops.greater(last, 0), at_label, _NEVER)
    return ops.negative(ops.squeeze(ops.logaddexp(at_blank, at_label), axis=1))


class CTC(BuiltIn):
    """For sequences of labels without their times (Graves et al., 2006): class numbers (batch, labels), filled up with
    0, as targets; logits (batch, times, classes), class 0 the blank, as outputs.

    >>> import numpy as np
    >>> round(float(CTC()(np.array([[1]]), np.zeros((1, 2, 2)))), 4)
    0.2877
    """

    integer_targets = True

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "ctc", dtype: Any = None
    ) -> None:
        super().__init__(ctc, reduction, name, dtype)

    def check_targets(self, y: np.ndarray[Any, Any], shape: Sequence[int]) -> None:
        bad = ~((y >= 0) & (y < shape[-1]))
        if bad.any():
            where = np.argwhere(bad)[0]
            raise ValueError(
                f"{self.name} expects class numbers 0 to {shape[-1] - 1}, got {y[tuple(where)]} in row {where[0]}"
            )

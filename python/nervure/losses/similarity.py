"""Losses of embeddings: near for the same label, far for different ones."""

from __future__ import annotations

from typing import Any

from .. import config, ops
from .._dtypes import is_float
from .._masks import set_mask
from .checks import number
from .loss import BuiltIn

__all__ = ["Circle", "circle"]

_OUT = -1e30  # exp of it is 0, and unlike minus infinity it has a gradient


def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Any:
    """softplus(logsumexp over the pairs of equal labels + logsumexp over the others), one number a row (Sun et al.,
    2020).

    `y_pred` holds embeddings of unit length, (batch, d), `y_true` their labels, (batch,) or (batch, 1). With the
    cosine distance d = max(1 - dot, 0), a pair of equal labels gives gamma * max(margin + d, 0) * (d - margin), another
    gamma * max(1 + margin - d, 0) * (1 - margin - d). Pairs are of the batch with itself, or with `ref_embeddings` and
    their `ref_labels`; `remove_diagonal` leaves out those of a row with itself. The mask of the result keeps the rows
    above 0.

    >>> import numpy as np
    >>> circle(np.array([1, 1]), np.array([[1.0, 0.0], [0.0, 1.0]])).tolist()
    [0.0, 0.0]
    """
    y_pred = ops.convert_to_tensor(y_pred)
    if not is_float(str(y_pred.dtype)):
        y_pred = ops.cast(y_pred, config.floatx())
    dtype = str(y_pred.dtype)
    references = y_pred if ref_embeddings is None else ops.cast(ref_embeddings, dtype)
    labels = _column("y_true", y_true, y_pred)
    others = labels if ref_labels is None else _column("ref_labels", ref_labels, references)
    distance = ops.maximum(1.0 - ops.matmul(y_pred, ops.transpose(references)), 0.0)
    equal = ops.equal(labels, ops.transpose(others))
    different = ops.logical_not(equal)
    if remove_diagonal:
        itself = ops.eye(labels.shape[0], others.shape[0], dtype="bool")
        equal = ops.logical_and(equal, ops.logical_not(itself))
    near = gamma * ops.maximum(margin + distance, 0.0) * (distance - margin)
    far = gamma * ops.maximum(1.0 + margin - distance, 0.0) * (1.0 - margin - distance)
    near = ops.logsumexp(ops.where(equal, near, _OUT), axis=1)
    far = ops.logsumexp(ops.where(different, far, _OUT), axis=1)
    values = ops.softplus(near + far)
    set_mask(values, ops.greater(values, 0.0))
    return values


def _column(name: str, labels: Any, embeddings: Any) -> Any:
    labels = ops.convert_to_tensor(labels)
    rows = tuple(embeddings.shape[:1])
    if len(embeddings.shape) != 2 or tuple(labels.shape) not in (rows, (*rows, 1)):
        raise ValueError(
            f"circle expects embeddings of shape (batch, d) and labels of shape (batch,) or (batch, 1), got embeddings "
            f"{tuple(embeddings.shape)} and {name} {tuple(labels.shape)}"
        )
    return ops.reshape(ops.cast(labels, "int32"), (*rows, 1))


class Circle(BuiltIn):
    """Brings embeddings of equal labels together and others apart (Sun et al., 2020): labels as targets, vectors of
    unit length as outputs. A mean is over the rows whose value is above 0.

    >>> import numpy as np
    >>> far, near = np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([[1.0, 0.0], [1.0, 0.0]])
    >>> float(Circle()(np.array([0, 1]), far)), float(Circle()(np.array([0, 0]), near))
    (0.0, 0.0)
    """

    integer_targets = True
    gamma: float
    margin: float
    remove_diagonal: bool

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "circle",
        dtype: Any = None,
    ) -> None:
        gamma, margin = number("Circle", "gamma", gamma), number("Circle", "margin", margin)
        super().__init__(
            circle, reduction, name, dtype, gamma=gamma, margin=margin, remove_diagonal=bool(remove_diagonal)
        )

"""`Loss`, the base class: how values of samples are masked, weighted and reduced to a number; functions as losses."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from .. import _core, config, ops, tree
from .._dtypes import standardize_dtype
from .._masks import get_mask
from .._trace import current
from ..utils.naming import auto_name
from .ranks import fit, misfit, same_ranks

__all__ = ["BuiltIn", "Loss", "LossFunctionWrapper", "reduce_weighted_values", "standardize_reduction"]

_REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None)


def standardize_reduction(reduction: Any) -> str | None:
    """`reduction` itself. ValueError unless it is one of those `Loss` knows."""
    if reduction not in _REDUCTIONS:
        raise ValueError(
            f"Invalid value for argument `reduction`. Expected one of {_REDUCTIONS}. Received: reduction={reduction!r}"
        )
    return reduction  # type: ignore[no-any-return]


def reduce_weighted_values(
    values: Any,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: str | None = "sum_over_batch_size",
    dtype: Any = None,
) -> Any:
    """Weighs the values of the samples, then reduces them: see `Loss`. A mean is over the samples that `mask` keeps.

    >>> import numpy as np
    >>> float(reduce_weighted_values(np.array([1.0, 2.0, 9.0]), mask=np.array([True, True, False])))
    1.5
    """
    standardize_reduction(reduction)
    values = ops.convert_to_tensor(values, dtype=dtype)
    notes = _notes()
    if notes.get("wide"):  # sums over all rows, of which methods see the last digits
        values = ops.cast(values, "float64")
        sample_weight = None if sample_weight is None else ops.cast(sample_weight, "float64")
    if mask is not None or reduction == "mean_with_sample_weight":
        notes["indivisible"] = True  # means over what is not known before: chunks do not add up to them
    if mask is not None:
        weight = ops.cast(ops.cast(mask, "bool"), str(values.dtype))
        if reduction in ("sum_over_batch_size", "mean"):
            # A sum over all samples of what is kept, times total / kept, over the total is the mean of what is kept.
            weight = weight * ops.divide_no_nan(float(np.prod(weight.shape)), ops.sum(weight))
        if sample_weight is not None:
            sample_weight, weight = fit(sample_weight, weight)
            weight = weight * sample_weight
        sample_weight = weight
    if sample_weight is not None:
        sample_weight, values = fit(sample_weight, values)
        try:
            values = values * sample_weight
        except ValueError:
            raise misfit(tuple(sample_weight.shape), values) from None
    if reduction in (None, "none") or tuple(values.shape) in ((), (0,)):
        notes["indivisible"] = True  # a scalar already: who knows how it depends on the rows
        return values
    total = ops.sum(values)
    if reduction == "sum":
        return total * (notes["whole"] / notes["batch"]) if "whole" in notes else total
    if reduction == "mean_with_sample_weight" and sample_weight is not None:
        return ops.divide_no_nan(total, ops.sum(sample_weight))
    return ops.divide(total, float(max(int(np.prod(values.shape)), 1)))


def _notes() -> dict[str, Any]:
    """What a trace over all rows, in chunks, says of itself (nervure.models.full_batch)."""
    scope = current()
    return {} if scope is None else scope.notes


class Loss:
    """Base class: write `call(y_true, y_pred)`, giving one value a sample.

    `reduction`: "sum_over_batch_size" or "mean" (the sum of weighted values over their number),
    "mean_with_sample_weight" (over the sum of the weights), "sum", or None. Steps that the mask of y_pred, or of the
    values, leaves out count nothing, and means are over the others. `dtype` None means `config.floatx()`.

    >>> import numpy as np, nervure as nv
    >>> class Absolute(nv.losses.Loss):
    ...     def call(self, y_true, y_pred):
    ...         return nv.ops.mean(nv.ops.absolute(y_true - y_pred), axis=-1)
    >>> float(Absolute()(np.zeros((2, 1)), np.ones((2, 1))))
    1.0
    """

    integer_targets = False  # are the targets class numbers?
    target_range: tuple[float, float] | None = None  # None: any targets, as in a loss that gives NaN a meaning

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None
    ) -> None:
        self.name = name or auto_name(type(self).__name__)
        self.reduction = standardize_reduction(reduction)
        self._dtype = standardize_dtype(getattr(dtype, "compute_dtype", dtype))

    @property
    def dtype(self) -> str:
        return self._dtype

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        mask = get_mask(y_pred)
        y_pred = tree.map_structure(lambda t: ops.convert_to_tensor(t, dtype=self._dtype), _arrays(y_pred))
        if not self.integer_targets:
            y_true = tree.map_structure(lambda t: ops.convert_to_tensor(t, dtype=self._dtype), _arrays(y_true))
        values = self.call(y_true, y_pred)
        if values is None:
            raise TypeError(f"loss '{self.name}' must return a tensor, got None")
        own = get_mask(values)
        if mask is not None and own is not None:
            mask = ops.logical_and(mask, own)
        elif own is not None:
            mask = own
        values = ops.cast(values, self._dtype)
        return reduce_weighted_values(values, sample_weight, mask, self.reduction, self._dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """One value a sample, shape (batch, ...)."""
        raise NotImplementedError(f"{type(self).__name__} does not implement call(y_true, y_pred)")

    def check_targets(self, y: np.ndarray[Any, Any], shape: Sequence[int]) -> None:
        """ValueError naming the first row of `y` that cannot be a target of outputs of that shape."""
        if self.target_range is None or not type(self).__module__.startswith(f"{__package__}.") or not y.size:
            return  # a subclass made elsewhere may give NaN a meaning too
        low, high = map(np.float64, self.target_range)
        if _core.within(y, low, high):
            return
        bad = ~((y >= low) & (y <= high))  # true of NaN
        if not bad.any():
            return
        where = np.argwhere(bad)[0]
        limits = "finite targets" if high > 2 else "targets between 0 and 1"
        raise ValueError(f"{self.name} expects {limits}, got {y[tuple(where)]} in row {where[0]}")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; `dtype` is among them only if it is not `config.floatx()`."""
        own = {"name": self.name, "reduction": self.reduction}
        return own if self._dtype == config.floatx() else own | {"dtype": self._dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """A new loss from `get_config`'s result."""
        return cls(**config)


def _arrays(y: Any) -> Any:
    """Plain lists of numbers become arrays; structures of tensors stay."""
    if isinstance(y, (list, tuple)) and not any(hasattr(leaf, "shape") for leaf in tree.flatten(y)):
        return np.asarray(y)
    return y


class LossFunctionWrapper(Loss):
    """A function of (y_true, y_pred, **kwargs) as a loss.

    >>> import numpy as np, nervure as nv
    >>> float(LossFunctionWrapper(nv.losses.huber, delta=0.5)(np.zeros((1, 1)), np.ones((1, 1))))
    0.375
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.fn = fn
        self._fn_kwargs = kwargs

    def call(self, y_true: Any, y_pred: Any) -> Any:
        y_true, y_pred = same_ranks(y_true, y_pred)
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        from ..saving import serialize_keras_object

        own = {"fn": serialize_keras_object(self.fn), **serialize_keras_object(self._fn_kwargs)}
        return super().get_config() | own

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        from ..saving import deserialize_keras_object

        return cls(**(deserialize_keras_object(config) if "fn" in config else config))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self.fn}, kwargs={self._fn_kwargs})>"


class BuiltIn(LossFunctionWrapper):
    """A loss of nervure's own: its arguments are attributes, and its targets are finite, as one NaN among them would
    make all weights NaN.
    """

    target_range = (-sys.float_info.max, sys.float_info.max)
    _implied: ClassVar[dict[str, Any]] = {}  # arguments that a config need not say, with their defaults

    def __init__(
        self, fn: Callable[..., Any], reduction: str | None, name: str | None, dtype: Any, **kwargs: Any
    ) -> None:
        super().__init__(fn, reduction, name, dtype, **kwargs)
        for key, value in kwargs.items():
            setattr(self, key, value)

    def get_config(self) -> dict[str, Any]:
        said = {k: v for k, v in self._fn_kwargs.items() if k not in self._implied or v != self._implied[k]}
        return Loss.get_config(self) | said

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        return cls(**config)

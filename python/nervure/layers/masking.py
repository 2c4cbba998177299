"""`Masking`: which steps of a sequence do not count."""

from __future__ import annotations

from typing import Any

from .. import ops
from .._masks import set_mask
from ..saving import deserialize_keras_object, serialize_keras_object
from .checks import is_number
from .same_shape import SameShape

__all__ = ["Masking"]


class Masking(SameShape):
    """A step of (batch, steps, features) all of whose features are `mask_value` is masked, and becomes zeros.

    The mask, of shape (batch, steps) and True where a step counts, goes with the output to the layers that follow.

    >>> import numpy as np
    >>> Masking(9.0)(np.array([[[9.0, 9.0], [9.0, 1.0]]], "float32")).tolist()
    [[[0.0, 0.0], [9.0, 1.0]]]
    """

    def __init__(self, mask_value: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(mask_value, dict):
            mask_value = deserialize_keras_object(mask_value)
        if not is_number(mask_value) and not hasattr(mask_value, "dtype"):
            raise ValueError(f"Masking: expected `mask_value` to be a number or an array, got {mask_value!r}")
        self.mask_value = mask_value

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """True where any feature differs from `mask_value`."""
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs: Any) -> Any:
        mask = self.compute_mask(inputs)
        outputs = ops.where(ops.expand_dims(mask, -1), inputs, 0)
        set_mask(outputs, mask)
        return outputs

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"mask_value": serialize_keras_object(self.mask_value)}

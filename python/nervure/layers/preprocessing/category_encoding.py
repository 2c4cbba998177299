"""`CategoryEncoding`."""

from __future__ import annotations

from typing import Any

from ... import ops
from .data_layer import DataLayer, as_array
from .encoding import encode, encoded_shape

__all__ = ["CategoryEncoding"]


class CategoryEncoding(DataLayer):
    """Integers from 0 to num_tokens - 1 as vectors of `num_tokens`.

    `output_mode` is "one_hot" (each integer a vector, in a new last axis or in place of a last axis of size 1),
    "multi_hot" (which integers occur in a row) or "count" (how often; with `count_weights`, of the inputs' shape, by
    their weights). Other integers leave no trace. ValueError for another mode and for `sparse=True`.

    >>> CategoryEncoding(4, output_mode="count")([[0, 1, 1], [3, 3, 3]]).tolist()
    [[1.0, 2.0, 0.0, 0.0], [0.0, 0.0, 0.0, 3.0]]
    """

    def __init__(
        self, num_tokens: int | None = None, output_mode: str = "multi_hot", sparse: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        output_mode = "multi_hot" if output_mode == "binary" else output_mode
        if output_mode not in ("count", "one_hot", "multi_hot"):
            raise ValueError(f"Unknown arg for output_mode: {output_mode}")
        if num_tokens is None:
            raise ValueError(
                "num_tokens must be set to use this layer. If the number of tokens is not known beforehand, use the "
                "IntegerLookup layer instead."
            )
        if num_tokens < 1:
            raise ValueError(f"`num_tokens` must be >= 1. Received: num_tokens={num_tokens}.")
        if sparse:
            raise ValueError("CategoryEncoding: `sparse=True` is not supported")
        self.num_tokens, self.output_mode, self.sparse = int(num_tokens), output_mode, False

    def __call__(self, inputs: Any, count_weights: Any = None, **kwargs: Any) -> Any:
        if count_weights is not None:
            kwargs["count_weights"] = as_array(count_weights)
        return super().__call__(inputs, **kwargs)

    def call(self, inputs: Any, count_weights: Any = None) -> Any:
        if count_weights is not None:
            if self.output_mode != "count":
                raise ValueError(
                    "`count_weights` is not used when `output_mode` is not `'count'`. Received "
                    f"`count_weights={count_weights}`."
                )
            if tuple(count_weights.shape) != tuple(inputs.shape):
                raise ValueError(
                    f"Layer '{self.name}': `count_weights` must have the shape of the inputs, {tuple(inputs.shape)}, "
                    f"got {tuple(count_weights.shape)}"
                )
            count_weights = ops.cast(count_weights, self.dtype)
        return self._encode(inputs, count_weights)

    def _encode(self, inputs: Any, count_weights: Any = None) -> Any:
        return encode(inputs, self.output_mode, self.num_tokens, self.dtype, count_weights)

    def compute_output_shape(self, input_shape: Any, count_weights_shape: Any = None) -> Any:
        return encoded_shape(input_shape, self.output_mode, self.num_tokens)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"num_tokens": self.num_tokens, "output_mode": self.output_mode}

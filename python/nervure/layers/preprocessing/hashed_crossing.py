"""`HashedCrossing`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..layer import Layer
from .data_layer import check_choice
from .encoding import encode, encoded_shape
from .fingerprints import combine, fingerprint64
from .texts import data_of, texts

__all__ = ["HashedCrossing"]

_START = 0xDECAFCAFFE  # the hash of no feature: TensorFlow's, so that bins are the same


class HashedCrossing(Layer):
    """Two or more features as one: the bin, below `num_bins`, of a hash of all their values together.

    A feature is an array of texts or integers of shape (), (n,) or (n, 1), all of one shape. `output_mode` is "int"
    (int64) or "one_hot". It works on data, not inside a model: TypeError there. ValueError for other shapes, dtypes and
    modes, and for `sparse=True`.

    >>> HashedCrossing(num_bins=5)((["A", "B", "A", "B", "A"], [101, 101, 101, 102, 102])).tolist()
    [1, 4, 1, 1, 3]
    """

    def __init__(
        self,
        num_bins: int,
        output_mode: str = "int",
        sparse: bool = False,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, dtype="int64" if output_mode == "int" and dtype is None else dtype)
        if sparse:
            raise ValueError("HashedCrossing: `sparse=True` can only be used with the TensorFlow backend.")
        check_choice("HashedCrossing", "output_mode", output_mode, ("int", "one_hot"))
        if num_bins is None or num_bins <= 0:
            raise ValueError(f"HashedCrossing: expected `num_bins` to be positive, got num_bins={num_bins}")
        self.num_bins, self.output_mode, self.sparse = num_bins, output_mode, False
        self.built = True

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(
                f"`HashedCrossing` should be called on a list or tuple of inputs. Received: inputs={inputs}"
            )
        if len(inputs) < 2:
            raise ValueError(f"`HashedCrossing` should be called on at least two inputs. Received: inputs={inputs}")
        inputs = data_of(inputs, f"Layer '{self.name}'", "it hashes texts and numbers")
        arrays = [np.asarray(x) for x in inputs]
        shape = arrays[0].shape
        if len(shape) > 2 or (len(shape) == 2 and shape[-1] != 1):
            raise ValueError(
                "All `HashedCrossing` inputs should have shape `()`, `(batch_size)` or `(batch_size, 1)`. Received: "
                f"inputs={inputs}"
            )
        if any(a.shape != shape for a in arrays):
            raise ValueError(f"All `HashedCrossing` inputs should have equal shape. Received: inputs={inputs}")
        if any(a.dtype.kind not in "iuUSTO" for a in arrays):
            raise ValueError(
                f"All `HashedCrossing` inputs should have an integer or string dtype. Received: inputs={inputs}"
            )
        crossed = np.full(arrays[0].size, _START, np.uint64)
        for array in arrays:
            if array.dtype.kind in "iu":
                words = array.reshape(-1).astype(np.int64).view(np.uint64)
            else:
                words = fingerprint64([t.encode() for t in texts(array, f"Layer '{self.name}'")[0]])
            crossed = combine(crossed, words)
        bins = (crossed % np.uint64(self.num_bins)).astype(np.int64).reshape(shape)
        return encode(bins, self.output_mode, self.num_bins, self.dtype)

    def call(self, inputs: Any) -> Any:
        return self(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        if len(input_shape) != 2 or not all(isinstance(shape, (tuple, list)) for shape in input_shape):
            raise ValueError(f"Expected as input a list/tuple of 2 tensors. Received input_shape={input_shape}")
        first, second = map(tuple, input_shape)
        if first[-1:] != second[-1:]:
            raise ValueError(
                f"Expected the two input tensors to have identical shapes. Received input_shape={input_shape}"
            )
        return encoded_shape(first, self.output_mode, self.num_bins)

    def get_config(self) -> dict[str, Any]:
        return {
            "num_bins": self.num_bins,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "name": self.name,
            "dtype": self.dtype,
        }

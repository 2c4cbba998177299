"""`Hashing`, and the hash of an array that other layers use, too."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import config
from ..layer import Layer
from .encoding import encode, encoded_shape
from .fingerprints import fingerprint64, siphash24
from .texts import data_of, decimal, texts

__all__ = ["Hashing", "bins_of", "salt_of"]

_MODES = ("int", "one_hot", "multi_hot", "count")


def bins_of(written: list[bytes], bins: int, salt: list[int] | None) -> np.ndarray[Any, Any]:
    """The bin (int64) of each text: FarmHash's Fingerprint64, or SipHash-2-4 keyed by `salt`, modulo `bins`."""
    words = fingerprint64(written) if salt is None else siphash24(written, salt)
    return (words % np.uint64(bins)).astype(np.int64)


def salt_of(owner: str, salt: Any, wording: str) -> list[int] | None:
    """A salt as a list of two integers; ValueError unless it is one integer or two."""
    if salt is None:
        return None
    if isinstance(salt, (tuple, list)) and len(salt) == 2:
        return list(salt)
    if isinstance(salt, int):
        return [salt, salt]
    raise ValueError(f"The `salt` argument for `{owner}` can only be {wording}. Received: salt={salt}.")


class Hashing(Layer):
    """Texts and integers as bins, by a hash of the text (of the decimal digits of an integer), modulo `num_bins`.

    The hash is FarmHash's Fingerprint64 or, with a `salt` (one integer or two), SipHash-2-4: the same numbers on every
    machine. Floats are cut to integers. `mask_value` is always in bin 0, and nothing else is. `output_mode` is "int"
    (int64, or the integer `dtype`), or "one_hot", "multi_hot" or "count" as of `CategoryEncoding`.

    It works on data (lists, arrays, pandas Series), not inside a model: TypeError there. ValueError for a number of
    bins that is not positive, another mode, a salt or dtype that is none, and `sparse=True`.

    >>> Hashing(num_bins=3)([["A"], ["B"], ["C"], ["D"], ["E"]]).tolist()
    [[1], [0], [1], [1], [2]]
    >>> Hashing(num_bins=3, salt=133)([["A"], ["B"], ["C"], ["D"], ["E"]]).tolist()
    [[0], [0], [2], [1], [0]]
    """

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: Any = None,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = "int64" if output_mode == "int" else config.floatx()
        super().__init__(**kwargs)
        if num_bins is None or num_bins <= 0:
            raise ValueError(
                f"The `num_bins` for `Hashing` cannot be `None` or non-positive values. Received: num_bins={num_bins}."
            )
        if output_mode == "int" and self.dtype not in ("int32", "int64"):
            raise ValueError(
                "When `output_mode=\"int\"`, `dtype` should be an integer type, 'int32' or 'int64'. Received: "
                f"dtype={kwargs['dtype']}"
            )
        if output_mode not in _MODES:
            raise ValueError(
                f"Invalid value for argument `output_mode`. Expected one of {_MODES}. Received: "
                f"output_mode={output_mode}"
            )
        if sparse and output_mode == "int":
            raise ValueError(
                '`sparse` may only be true if `output_mode` is `"one_hot"`, `"multi_hot"`, or `"count"`. Received: '
                f"sparse={sparse} and output_mode={output_mode}"
            )
        if sparse:
            raise ValueError("Hashing: `sparse=True` is not supported")
        self.num_bins, self.mask_value, self.output_mode, self.sparse = num_bins, mask_value, output_mode, False
        self.salt = salt_of("Hashing", salt, "a tuple of size 2 integers, or a single integer")
        self.strong_hash = salt is not None
        self.built = True

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        inputs = data_of(inputs, f"Layer '{self.name}'", "it hashes texts and the digits of numbers")
        return encode(self._bins(inputs), self.output_mode, self.num_bins, self.dtype)

    def call(self, inputs: Any) -> Any:
        return self(inputs)

    def _bins(self, inputs: Any) -> np.ndarray[Any, Any]:
        array = np.asarray(inputs)
        if array.dtype.kind == "O" and all(isinstance(v, (int, np.integer)) for v in array.flat):
            array = array.astype(np.int64)
        if array.dtype.kind in "iuf":
            masked = array == self.mask_value if self.mask_value is not None else None
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise ValueError(f"Layer '{self.name}': NaN and infinity cannot be hashed")
            written, shape = decimal(array if array.dtype.kind != "f" else array.astype(np.int64)), array.shape
        else:
            flat, shape = texts(array, f"Layer '{self.name}'")
            mask = self.mask_value.decode() if isinstance(self.mask_value, bytes) else self.mask_value
            masked = np.array([value == mask for value in flat], bool).reshape(shape) if mask is not None else None
            written = [value.encode() for value in flat]
        if masked is None or self.num_bins == 1:
            return bins_of(written, self.num_bins, self.salt).reshape(shape)
        bins = bins_of(written, self.num_bins - 1, self.salt).reshape(shape)
        return np.where(masked, 0, bins + 1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return encoded_shape(input_shape, self.output_mode, self.num_bins)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "num_bins": self.num_bins,
            "salt": self.salt,
            "mask_value": self.mask_value,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
        }

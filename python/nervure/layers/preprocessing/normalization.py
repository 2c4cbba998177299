"""`Normalization`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ... import config, ops
from .data_layer import DataLayer, batches, is_symbolic, one_array

__all__ = ["Normalization"]

_CHUNK = 1 << 20  # elements of an array that are in memory as float64 at a time


class Normalization(DataLayer):
    """Shifts and scales features to zero mean and unit variance: (x - mean) / max(sqrt(variance), epsilon), where
    epsilon is `config.epsilon()`.

    `axis` is the axis, or axes, that keep a mean and a variance for each index; the others are averaged over. None (or
    an empty tuple) is one mean for everything. Mean and variance are given, broadcast to the kept axes, or learned by
    `adapt`. With `invert`, the layer goes back: mean + x * max(sqrt(variance), epsilon).

    Weights, unless they are given: mean, variance (biased) and count (unused; Keras has it), none of them trained.
    ValueError for a mean without a variance, for shapes that do not fit and axes that do not exist.

    >>> layer = Normalization()
    >>> layer.adapt(np.array([[0.0, 5.0], [2.0, 9.0]]))
    >>> layer(np.array([[2.0, 7.0]])).tolist()
    [[1.0, 0.0]]
    """

    def __init__(
        self, axis: Any = -1, mean: Any = None, variance: Any = None, invert: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.axis = () if axis is None else (axis,) if isinstance(axis, (int, np.integer)) else tuple(axis)
        self.input_mean, self.input_variance = mean, variance
        self.invert = bool(invert)
        self.supports_masking = True
        self._build_input_shape: tuple[int | None, ...] | None = None
        if (mean is not None) != (variance is not None):
            raise ValueError(
                "When setting values directly, both `mean` and `variance` must be set. Received: "
                f"mean={mean} and variance={variance}"
            )
        if mean is not None:
            if np.shape(mean) != np.shape(variance):
                raise ValueError(
                    "When setting values directly, `mean` and `variance` must have the same shape. Received: mean "
                    f"shape {np.shape(mean)} and variance shape {np.shape(variance)}"
                )
            if np.ndim(mean) > len(self.axis):
                raise ValueError(
                    f"The rank of `mean` must be less than or equal to the number of axes ({len(self.axis)}). "
                    f"Received: mean shape {np.shape(mean)} for axis {self.axis}"
                )

    def _kept(self, shape: tuple[int | None, ...]) -> tuple[int, ...]:
        """The axes that are not averaged over, ascending, all of known size."""
        ndim = len(shape)
        if any(a < -ndim or a >= ndim for a in self.axis):
            raise ValueError(
                "All `axis` values must be in the range [-ndim, ndim). Received inputs with "
                f"ndim={ndim}, while axis={self.axis}"
            )
        kept = tuple(sorted(a % ndim for a in self.axis))
        for a in kept:
            if shape[a] is None:
                raise ValueError(
                    f"All `axis` values to be kept must have a known shape. Received axis={self.axis}, "
                    f"inputs.shape={shape}, with unknown axis at index {a}"
                )
        return kept

    def build(self, input_shape: Any) -> None:
        if input_shape is None:
            return
        shape = tuple(input_shape)
        kept = self._kept(shape)
        broadcast = tuple(n if k in kept else 1 for k, n in enumerate(shape))
        if self.input_mean is None:
            sizes = tuple(shape[k] for k in kept)
            self.adapt_mean = self.add_weight(name="mean", shape=sizes, initializer="zeros", trainable=False)
            self.adapt_variance = self.add_weight(name="variance", shape=sizes, initializer="ones", trainable=False)
            self.count = self.add_weight(name="count", shape=(), dtype="int", initializer="zeros", trainable=False)
        else:
            self._given = [
                _broadcast_to(np.asarray(v, self.dtype), kept, broadcast, self.name)
                for v in (self.input_mean, self.input_variance)
            ]
        self._build_input_shape, self._broadcast_shape = shape, broadcast

    @property
    def mean(self) -> Any:
        """The mean, with as many axes as the inputs; None before the layer is built."""
        return self._statistic(0)

    @property
    def variance(self) -> Any:
        """The variance, with as many axes as the inputs; None before the layer is built."""
        return self._statistic(1)

    def _statistic(self, k: int) -> Any:
        if self._build_input_shape is None:
            return None
        if self.input_mean is not None:
            return self._given[k]
        return ops.reshape((self.adapt_mean, self.adapt_variance)[k], self._broadcast_shape)

    def adapt(self, data: Any) -> None:
        """Learns mean and variance from an array, or from batches: a list of arrays, a generator, a `PyDataset`; of
        batches that are tuples the first part counts. It replaces what was learned before.

        The sums are in float64, and an array is read in pieces, so that it may be a memory map much larger than memory.
        Batches are merged by the pairwise update of Chan, Golub and LeVeque ("Updating formulae and a pairwise
        algorithm for computing sample variances", 1979). ValueError, and nothing is changed, for empty data, values
        that are not finite and shapes that do not fit; TypeError for elements that are no arrays.
        """
        if self.input_mean is not None:
            raise ValueError(
                f"Cannot adapt layer '{self.name}': it was given its `mean` and `variance` when it was made"
            )
        if is_symbolic(data):
            raise TypeError(f"Layer '{self.name}': adapt() needs data, got {data!r}")
        if one_array(data):
            pieces: Iterator[Any] = iter((data,))
        elif hasattr(data, "__iter__") or hasattr(data, "__getitem__"):
            pieces = (batch[0] if isinstance(batch, tuple) else batch for batch in batches(data))
        else:
            raise TypeError(
                f"Unsupported data type: {type(data)}. `adapt` supports arrays, `PyDataset` and iterables of batches "
                "(e.g. list, generator)."
            )
        moments: _Moments | None = None
        shape: tuple[int, ...] = ()
        for piece in pieces:
            if not hasattr(piece, "shape"):
                raise TypeError(
                    "adapt() expects an iterable that yields arrays or tensors with a `.shape` attribute. Got an "
                    f"element of type {type(piece).__name__}."
                )
            array = piece if isinstance(piece, np.ndarray) else np.asarray(piece)
            if moments is None:
                shape = array.shape
                moments = _Moments(self.name, self._kept(shape))
                self._check_kept(moments.kept, shape)
            if len(array.shape) != len(shape) or any(array.shape[k] != shape[k] for k in moments.kept):
                raise ValueError(
                    f"adapt() yielded a batch with incompatible shape. Expected {shape}, got {tuple(array.shape)}."
                )
            moments.add(array)
        if moments is None:
            raise ValueError(
                "adapt() received an empty iterable (no batches). Expected at least one batch, e.g. layer.adapt([x])."
            )
        if not moments.count:
            raise ValueError(f"Layer '{self.name}': adapt() received empty data, of shape {shape}")
        if not self.built:
            self.build(shape)
        sizes = tuple(shape[k] for k in moments.kept)
        mean, variance = moments.mean.reshape(sizes), moments.variance.reshape(sizes)
        self.adapt_mean.assign(mean)
        self.adapt_variance.assign(variance)
        self.finalize_state()

    def _check_kept(self, kept: tuple[int, ...], shape: tuple[int, ...]) -> None:
        built = self._build_input_shape
        if built is not None and (len(built) != len(shape) or any(built[k] != shape[k] for k in kept)):
            raise ValueError(
                f"The layer was built with input_shape={built}, but adapt() is being called with data with an "
                f"incompatible shape, data.shape={shape}"
            )

    def finalize_state(self) -> None:
        """Does nothing: `call` reads the weights, however they were set."""

    def call(self, inputs: Any) -> Any:
        mean, variance = self.mean, self.variance
        if mean is None:
            raise ValueError("You must call `.build(input_shape)` on the layer before using it.")
        x = ops.cast(inputs, self.dtype)
        deviation = ops.maximum(ops.sqrt(variance), config.epsilon())
        return mean + x * deviation if self.invert else (x - mean) / deviation

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "axis": self.axis,
            "invert": self.invert,
            "mean": np.array(self.input_mean).tolist(),
            "variance": np.array(self.input_variance).tolist(),
        }

    def get_build_config(self) -> dict[str, Any] | None:
        """The shape the layer was built for; None before."""
        return None if self._build_input_shape is None else {"input_shape": self._build_input_shape}

    def build_from_config(self, config: dict[str, Any] | None) -> None:
        """Builds the layer for the shape that `get_build_config` gave."""
        if config:
            self.build(config["input_shape"])


class _Moments:
    """Mean and variance of arrays that come one after the other, for each index of the axes `kept`."""

    def __init__(self, owner: str, kept: tuple[int, ...]) -> None:
        self.owner, self.kept = owner, kept
        self.count = 0
        self.mean: Any = 0.0
        self.variance: Any = 0.0

    def add(self, x: np.ndarray[Any, Any]) -> None:
        """Takes the elements of one array in."""
        if x.dtype.kind not in "biuf":
            raise TypeError(f"Layer '{self.owner}': adapt() expects numbers, got an array of dtype {x.dtype}")
        if x.ndim == 0:
            x = x.reshape(1)
        if 0 in self.kept:  # pieces of an axis that is kept do not merge: all at once
            self._merge(x)
            return
        rows = max(1, _CHUNK // max(1, x[:1].size))
        for at in range(0, len(x), rows):
            self._merge(x[at : at + rows])

    def _merge(self, x: np.ndarray[Any, Any]) -> None:
        reduced = tuple(k for k in range(x.ndim) if k not in self.kept)
        count = int(np.prod([x.shape[k] for k in reduced], dtype=np.int64))
        if not count or not x.size:
            return
        x = np.asarray(x, np.float64)
        mean = x.mean(reduced, keepdims=True)
        deviation = x - mean
        variance = np.mean(np.square(deviation, out=deviation), reduced)
        mean = mean.reshape(variance.shape)
        if not np.isfinite(variance).all():
            raise ValueError(f"Layer '{self.owner}': adapt() received values that are not finite (NaN or infinity)")
        total = self.count + count
        share = count / total
        delta = mean - self.mean
        self.variance = self.variance * (1 - share) + variance * share + np.square(delta) * (share * (1 - share))
        self.mean = self.mean + delta * share
        self.count = total


def _broadcast_to(
    value: np.ndarray[Any, Any], kept: tuple[int, ...], shape: tuple[int | None, ...], owner: str
) -> np.ndarray[Any, Any]:
    """A value that was given, its axes those of the kept ones, from the right."""
    sizes = [1] * len(shape)
    for i in range(1, value.ndim + 1):
        sizes[kept[-i]] = value.shape[-i]
    try:
        return np.broadcast_to(value.reshape(sizes), tuple(n or 0 for n in shape))
    except ValueError:
        raise ValueError(
            f"Layer '{owner}': `mean` and `variance` of shape {value.shape} do not broadcast to the kept axes of an "
            f"input that needs {shape}"
        ) from None

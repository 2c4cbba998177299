"""`Discretization`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import config, ops
from ..._trace import current
from .data_layer import DataLayer, batches, check_choice, is_symbolic, one_array
from .encoding import encode, encoded_shape
from .searching import count_at_most

__all__ = ["Discretization"]

_MODES = ("int", "one_hot", "multi_hot", "count")


class Discretization(DataLayer):
    """Numbers as the index of the bin they are in: bin k is [boundary k-1, boundary k), the outer two are open ended;
    NaN is in the last one.

    The boundaries (ascending) are `bin_boundaries`, or learned by `adapt` so that `num_bins` bins have about equally
    many values, to within `epsilon` of them. `output_mode` is "int" (int32), or "one_hot", "multi_hot" or "count" as
    of `CategoryEncoding`, of the layer's dtype. ValueError unless one of the two is given, and for `sparse=True`.

    >>> Discretization(bin_boundaries=[0.0, 1.0, 2.0])([[-1.5, 1.0, 3.4, 0.5]]).tolist()
    [[0, 2, 3, 1]]
    >>> layer = Discretization(num_bins=2)
    >>> layer.adapt(np.arange(10.0))
    >>> layer.bin_boundaries
    [4.0]
    """

    def __init__(
        self,
        bin_boundaries: Any = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if sparse:
            raise ValueError("Discretization: `sparse=True` is not supported")
        check_choice("Discretization", "output_mode", output_mode, _MODES)
        if num_bins is not None and num_bins < 0:
            raise ValueError(f"`num_bins` must be greater than or equal to 0. Received: `num_bins={num_bins}`")
        if num_bins is not None and bin_boundaries is not None:
            raise ValueError(
                f"Both `num_bins` and `bin_boundaries` should not be set. Received: `num_bins={num_bins}` and "
                f"`bin_boundaries={bin_boundaries}`"
            )
        if num_bins is None and bin_boundaries is None:
            raise ValueError("You need to set either `num_bins` or `bin_boundaries`.")
        if not 0 < epsilon <= 1:
            raise ValueError(f"Discretization: expected `epsilon` in (0, 1], got epsilon={epsilon!r}")
        if bin_boundaries is not None:
            bin_boundaries = [float(b) if isinstance(b, np.generic) else b for b in bin_boundaries]
            steps = np.diff(np.asarray(bin_boundaries, np.float64))
            if not (steps >= 0).all():
                raise ValueError(f"`bin_boundaries` must be sorted in ascending order, got {bin_boundaries}")
        self.bin_boundaries: list[float] | None = bin_boundaries
        self.num_bins, self.epsilon, self.output_mode, self.sparse = num_bins, epsilon, output_mode, False
        self.summary = None if bin_boundaries else _nothing()
        self.autocast = False

    @property
    def input_dtype(self) -> str:
        return config.floatx()

    @property
    def output_dtype(self) -> str:
        """The dtype of what the layer gives."""
        return "int32" if self.output_mode == "int" else self.dtype

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learns the boundaries from an array, or from batches (at most `steps` of them). It replaces what was learned
        before.

        ValueError, and nothing is changed, for a layer made with `bin_boundaries`, for empty data and for NaN.
        """
        if self.num_bins is None:
            raise ValueError(
                "Cannot adapt a Discretization layer that has been initialized with `bin_boundaries`, use `num_bins` "
                "instead."
            )
        if is_symbolic(data):
            raise TypeError(f"Layer '{self.name}': adapt() needs data, got {data!r}")
        before = self.summary
        try:
            self.reset_state()
            for batch in batches([data]) if one_array(data) else batches(data, steps):
                self.update_state(batch)
            if self.summary is None or not self.summary.size:
                raise ValueError(f"Layer '{self.name}': adapt() received no data")
            self.finalize_state()
        except BaseException:
            self.summary = before
            raise

    def update_state(self, data: Any) -> None:
        """Takes the values of a batch into the summary, which stays small."""
        values = np.asarray(data)
        if values.dtype.kind not in "biuf":
            raise TypeError(f"Layer '{self.name}': adapt() expects numbers, got an array of dtype {values.dtype}")
        values = values.astype(np.float32)
        if np.isnan(values).any():
            raise ValueError(f"Layer '{self.name}': adapt() received NaN, which belongs to no bin")
        if values.size:
            self.summary = _merged(_summary(values, self.epsilon), self.summary, self.epsilon)

    def finalize_state(self) -> None:
        """Makes the boundaries of the summary."""
        if self.num_bins is None:
            return
        if self.num_bins == 0:
            raise ValueError(f"Layer '{self.name}': adapt() needs at least one bin, got num_bins=0")
        self.bin_boundaries = _compressed(self.summary, 1.0 / self.num_bins)[0, :-1].tolist()

    def reset_state(self) -> None:
        """Forgets the values seen so far; the boundaries stay."""
        if self.num_bins is not None:
            self.summary = _nothing()

    @property
    def _depth(self) -> int:
        if self.bin_boundaries is not None:
            return len(self.bin_boundaries) + 1
        assert self.num_bins is not None
        return self.num_bins

    def call(self, inputs: Any) -> Any:
        boundaries = self.bin_boundaries
        if boundaries is None:
            scope = current()
            if scope is None or not scope.frozen:
                raise ValueError(
                    "You need to either pass the `bin_boundaries` argument at construction time or call "
                    "`adapt(dataset)` before you can start using the `Discretization` layer."
                )
            boundaries = []  # only the shape is asked for
        x = ops.cast(inputs, config.floatx())
        bins = count_at_most(np.asarray(boundaries, config.floatx()), x)
        bins = ops.where(ops.isnan(x), len(boundaries), bins)
        return encode(bins, self.output_mode, self._depth, self.output_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return encoded_shape(input_shape, self.output_mode, self._depth)

    def save_own_variables(self, store: Any) -> None:
        """Nothing: the boundaries are in the config."""

    def load_own_variables(self, store: Any) -> None:
        """The summary, which old files have."""
        if len(store) == 1:
            self.summary = np.asarray(store["0"])

    def get_config(self) -> dict[str, Any]:
        return {
            "bin_boundaries": self.bin_boundaries,
            "num_bins": self.num_bins,
            "epsilon": self.epsilon,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "name": self.name,
            "dtype": self.dtype,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Discretization:
        """A layer from its config. One that was adapted has both the number of bins and the boundaries."""
        learned = config.get("bin_boundaries") if config.get("num_bins") is not None else None
        layer = cls(**config if learned is None else config | {"bin_boundaries": None})
        if learned is not None:
            layer.bin_boundaries = list(learned)
        return layer


# ---- a summary of values: a matrix of two rows, some of the values in ascending order, and how many each stands for.
# Summaries merge, and are thinned to about 1 / epsilon columns at equal steps of the cumulative count. ----


def _nothing() -> np.ndarray[Any, Any]:
    return np.zeros((2, 0), np.float32)


def _summary(values: np.ndarray[Any, Any], epsilon: float) -> np.ndarray[Any, Any]:
    """Every k-th of the sorted values, with weight k, so that 1 / epsilon remain; all if there are fewer."""
    ascending = np.sort(values.reshape(-1))
    step = max(ascending.size / (1.0 / epsilon), 1)
    chosen = ascending[int(step - 1) :: int(step)]
    return np.stack([chosen, np.full_like(chosen, step)])


def _merged(a: Any, b: Any, epsilon: float) -> np.ndarray[Any, Any]:
    both = np.concatenate((a, b), axis=1)
    return _compressed(both[:, np.argsort(both[0])], epsilon)


def _compressed(summary: Any, epsilon: float) -> np.ndarray[Any, Any]:
    """The values at every `epsilon` of the total weight, interpolated linearly. One that is small stays as it is."""
    if summary.shape[1] * epsilon < 1:
        return np.asarray(summary)
    wanted = epsilon + np.arange(0.0, 1.0, epsilon)
    weights = summary[1].cumsum()
    shares = weights / weights[-1]
    values = np.interp(wanted, shares, summary[0])
    weights = np.interp(wanted, shares, weights)
    return np.stack((values, np.diff(weights, prepend=0.0))).astype(np.float32)

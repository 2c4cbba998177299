"""Layers that only act while training: noise, and the penalty of an activity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from .. import ops, random, regularizers
from . import checks
from .checks import fraction, is_int
from .input_spec import InputSpec
from .same_shape import SameShape

__all__ = [
    "ActivityRegularization", "AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise",
    "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D",
]  # fmt: skip


class ActivityRegularization(SameShape):
    """The identity; adds `l1 * sum(|x|) + l2 * sum(x^2)`, divided by the size of the batch, to the loss.

    >>> import numpy as np
    >>> layer = ActivityRegularization(l1=0.5)
    >>> _ = layer(np.array([[1.0], [-3.0]], "float32"))
    >>> float(layer.losses[0])
    1.0
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.l1, self.l2 = l1, l2

    def call(self, inputs: Any) -> Any:
        return inputs

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.pop("activity_regularizer", None)
        return config | {"l1": self.l1, "l2": self.l2}


class _Noise(SameShape):
    """Base of layers that draw random numbers while training, if `rate` is above 0."""

    def __init__(self, argument: str, rate: float, seed: int | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        setattr(self, argument, fraction(type(self).__name__, argument, rate))
        self.seed = seed
        self.seed_generator = random.SeedGenerator(seed) if rate > 0 else None


class Dropout(_Noise):
    """While training, zeroes each value with probability `rate` and divides the others by `1 - rate` (Srivastava,
    Hinton, Krizhevsky, Sutskever and Salakhutdinov, JMLR 2014). Otherwise the identity.

    `noise_shape` (None for the input's size along an axis) shares one draw along the axes where it is 1.

    >>> import numpy as np
    >>> Dropout(0.5)(np.ones(3, "float32")).tolist()
    [1.0, 1.0, 1.0]
    """

    rate: float

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__("rate", rate, seed, **kwargs)
        self.noise_shape = _noise_shape("Dropout", noise_shape)

    def call(self, inputs: Any, training: Any = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        noise_shape = _concrete(self.name, self.noise_shape, tuple(inputs.shape))
        return random.dropout(inputs, self.rate, noise_shape=noise_shape, seed=self.seed_generator)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}


def _noise_shape(owner: str, value: Any) -> tuple[int | None, ...] | None:
    if value is None:
        return None
    wanted = None
    if not isinstance(value, (tuple, list)):
        wanted = "Expected a tuple or list of integers"
    elif not all(n is None or is_int(n) for n in value):
        wanted = "Expected all elements to be integers or None"
    elif not all(n is None or n > 0 for n in value):
        wanted = "Expected all dimensions to be positive integers or None"
    if wanted:
        raise ValueError(
            f"Invalid value received for argument `noise_shape`. {wanted}. Received: noise_shape={value!r} ({owner})"
        )
    return tuple(value)


def _concrete(name: str, noise_shape: tuple[int | None, ...] | None, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the noise for inputs of this shape: it broadcasts to it."""
    if noise_shape is None:
        return shape
    full = tuple(shape[k] if n is None and k < len(shape) else n for k, n in enumerate(noise_shape))
    full = (1,) * (len(shape) - len(full)) + full
    if len(full) != len(shape) or any(m not in (1, n) for m, n in zip(full, shape, strict=True)):
        raise ValueError(
            f"Layer '{name}': expected noise_shape to broadcast to the input's shape {shape}, got {noise_shape}"
        )
    return full  # type: ignore[return-value]


class _SpatialDropout(Dropout):
    """Dropout of whole channels."""

    dimensions: ClassVar[int]
    data_format: str = "channels_last"

    def __init__(self, rate: float, seed: int | None = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.input_spec = InputSpec(ndim=self.dimensions + 2)

    def call(self, inputs: Any, training: Any = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        kept = (0, 1) if self.data_format == "channels_first" else (0, self.dimensions + 1)
        noise_shape = tuple(n if k in kept else 1 for k, n in enumerate(inputs.shape))
        return random.dropout(inputs, self.rate, noise_shape=noise_shape, seed=self.seed_generator)

    def get_config(self) -> dict[str, Any]:
        return {"rate": self.rate, "seed": self.seed, "name": self.name, "dtype": self.dtype}


class SpatialDropout1D(_SpatialDropout):
    """Dropout of whole features of (batch, steps, features): one draw for all steps (Tompson, Goroshin, Jain, LeCun and
    Bregler, CVPR 2015).

    >>> import numpy as np
    >>> y = SpatialDropout1D(0.5, seed=1)(np.ones((1, 4, 3), "float32"), training=True)
    >>> bool((y == y[:, :1]).all())
    True
    """

    dimensions: ClassVar[int] = 1


class _SpatialDropoutOfImages(_SpatialDropout):
    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.data_format = checks.data_format(data_format)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"data_format": self.data_format}


class SpatialDropout2D(_SpatialDropoutOfImages):
    """Dropout of whole channels of (batch, height, width, channels).

    >>> import numpy as np
    >>> y = SpatialDropout2D(0.5, seed=1)(np.ones((1, 4, 4, 3), "float32"), training=True)
    >>> bool((y == y[:, :1, :1]).all())
    True
    """

    dimensions: ClassVar[int] = 2


class SpatialDropout3D(_SpatialDropoutOfImages):
    """Dropout of whole channels of (batch, depth, height, width, channels).

    >>> import numpy as np
    >>> y = SpatialDropout3D(0.5, seed=1)(np.ones((1, 2, 4, 4, 3), "float32"), training=True)
    >>> bool((y == y[:, :1, :1, :1]).all())
    True
    """

    dimensions: ClassVar[int] = 3


class GaussianNoise(_Noise):
    """While training, adds normal noise of mean 0 and the given `stddev` (in [0, 1]). Otherwise the identity.

    >>> import numpy as np
    >>> GaussianNoise(0.1)(np.ones(3, "float32")).tolist()
    [1.0, 1.0, 1.0]
    """

    stddev: float

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__("stddev", stddev, seed, **kwargs)

    def call(self, inputs: Any, training: Any = False) -> Any:
        if not training or self.stddev == 0:
            return inputs
        noise = random.normal(inputs.shape, stddev=self.stddev, dtype=self.compute_dtype, seed=self.seed_generator)
        return inputs + noise

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"stddev": self.stddev, "seed": self.seed}


class GaussianDropout(_Noise):
    """While training, multiplies with normal noise of mean 1 and standard deviation sqrt(rate / (1 - rate)) (Srivastava
    et al., JMLR 2014, section 10). Otherwise the identity.

    >>> import numpy as np
    >>> GaussianDropout(0.5)(np.ones(3, "float32")).tolist()
    [1.0, 1.0, 1.0]
    """

    rate: float

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__("rate", rate, seed, **kwargs)

    def call(self, inputs: Any, training: Any = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        stddev = math.sqrt(self.rate / _kept(self.name, self.rate))
        noise = random.normal(inputs.shape, 1.0, stddev, dtype=self.compute_dtype, seed=self.seed_generator)
        return inputs * noise

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"rate": self.rate, "seed": self.seed}


def _kept(name: str, rate: float) -> float:
    if rate == 1:
        raise ValueError(f"Layer '{name}': nothing is left at rate=1, and the noise would be infinite")
    return 1.0 - rate


class AlphaDropout(_Noise):
    """Dropout for networks of `selu`: values become the lower bound of selu instead of 0, and all are then scaled and
    shifted so that a mean of 0 and a variance of 1 stay (Klambauer, Unterthiner, Mayr and Hochreiter, NeurIPS 2017).

    `noise_shape` is as for `Dropout`.

    >>> import numpy as np
    >>> AlphaDropout(0.5)(np.ones(3, "float32")).tolist()
    [1.0, 1.0, 1.0]
    """

    rate: float

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__("rate", rate, seed, **kwargs)
        self.noise_shape = _noise_shape("AlphaDropout", noise_shape)

    def call(self, inputs: Any, training: Any = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        bound = -1.6732632423543772 * 1.0507009873554805  # selu's at minus infinity
        shape = _concrete(self.name, self.noise_shape, tuple(inputs.shape))
        kept = ops.greater_equal(random.uniform(shape, seed=self.seed_generator), self.rate)
        a = (_kept(self.name, self.rate) * (1.0 + self.rate * bound**2)) ** -0.5
        return a * ops.where(kept, inputs, bound) - a * bound * self.rate

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}

"""First values for weights. An initializer is called with a shape and a dtype, and gives an array.

One with an int seed, or none, gives the same values on each call; one with a `SeedGenerator` new ones. Without a seed,
it draws its own from the global generator when it is made.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import ops, random
from ._absent import absent
from ._dtypes import standardize_dtype
from ._identify import describe, identify
from ._tensor import Operators
from .utils.naming import to_snake_case

__all__ = [
    "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity", "Initializer",
    "LecunNormal", "LecunUniform", "Ones", "RandomNormal", "RandomUniform", "TruncatedNormal",
    "VarianceScaling", "Zeros", "constant", "deserialize", "get", "glorot_normal", "glorot_uniform",
    "he_normal", "he_uniform", "identity", "lecun_normal", "lecun_uniform", "ones", "random_normal",
    "random_uniform", "serialize", "truncated_normal", "variance_scaling", "zeros",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__ = absent(__name__)


class Initializer:
    """The base class: define `__call__(shape, dtype=None)` and `get_config`.

    >>> import numpy as np
    >>> class Ramp(Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return np.linspace(0, 1, int(np.prod(shape)), dtype=dtype).reshape(shape)
    >>> Ramp()((3,)).tolist()
    [0.0, 0.5, 1.0]
    """

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define __call__(shape, dtype=None)")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Initializer":
        """A new initializer from `get_config`'s result."""
        return cls(**config)

    def clone(self) -> "Initializer":
        """A new one with the same arguments."""
        return self.from_config(self.get_config())


class Zeros(Initializer):
    """0 everywhere.

    >>> Zeros()((2,))
    array([0., 0.], dtype=float32)
    """

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return ops.zeros(shape, dtype)


class Ones(Initializer):
    """1 everywhere.

    >>> Ones()((2,), "int32")
    array([1, 1], dtype=int32)
    """

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return ops.ones(shape, dtype)


class Constant(Initializer):
    """`value` everywhere: a number, or an array that broadcasts.

    >>> Constant(0.5)((2,))
    array([0.5, 0.5], dtype=float32)
    """

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return ops.full(shape, self.value, standardize_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value}


class Identity(Initializer):
    """`gain` on the diagonal of a matrix, 0 elsewhere. ValueError unless the shape is of a matrix.

    >>> Identity()((2, 2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        if len(shape) != 2:
            raise ValueError(f"Identity: the shape of a matrix is needed, got {tuple(shape)}")
        return ops.multiply(ops.eye(*shape, dtype=dtype), self.gain)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}


class RandomInitializer(Initializer):
    """Base of the random ones: keeps the seed."""

    def __init__(self, seed: Any = None) -> None:
        self._init_seed = seed
        if seed is None:
            seed = random.make_default_seed()
        elif isinstance(seed, dict):
            seed = random.SeedGenerator.from_config(seed.get("config", seed))
        elif isinstance(seed, bool) or not isinstance(seed, (int, np.integer, random.SeedGenerator)):
            raise ValueError(f"seed must be an int, a SeedGenerator or None, got {seed!r}")
        self.seed = seed

    def get_config(self) -> dict[str, Any]:
        seed = self._init_seed
        if isinstance(seed, random.SeedGenerator):
            seed = {"class_name": "SeedGenerator", "config": seed.get_config()}
        return {"seed": seed}


class RandomNormal(RandomInitializer):
    """Normal numbers.

    >>> bool(abs(RandomNormal(stddev=2.0, seed=1)((100, 100)).std() - 2.0) < 0.05)
    True
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        self.mean, self.stddev = mean, stddev
        super().__init__(seed)

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return random.normal(shape, self.mean, self.stddev, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "stddev": self.stddev, **super().get_config()}


class TruncatedNormal(RandomNormal):
    """Normal numbers within two standard deviations of the mean.

    >>> bool(abs(TruncatedNormal(stddev=0.5, seed=1)((100, 100))).max() <= 1.0)
    True
    """

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return random.truncated_normal(shape, self.mean, self.stddev, dtype, self.seed)


class RandomUniform(RandomInitializer):
    """Uniform numbers in [minval, maxval).

    >>> bool(0.0 <= RandomUniform(0.0, 1.0, seed=1)((100,)).min())
    True
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None) -> None:
        self.minval, self.maxval = minval, maxval
        super().__init__(seed)

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return random.uniform(shape, self.minval, self.maxval, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        return {"minval": self.minval, "maxval": self.maxval, **super().get_config()}


def compute_fans(
    shape: Sequence[int], input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None
) -> tuple[int, int]:
    """How many inputs and outputs a weight of that shape connects.

    >>> compute_fans((784, 10)), compute_fans((3, 3, 8, 16))
    ((784, 10), (72, 144))
    """
    shape = tuple(shape)
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[k] for k in input_axes), math.prod(shape[k] for k in output_axes)
    if len(shape) < 2:
        n = shape[0] if shape else 1
        return n, n
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


class VarianceScaling(RandomInitializer):
    """Random numbers whose variance is scale / n, n the inputs ("fan_in"), outputs ("fan_out") or their mean
    ("fan_avg").

    `distribution`: "truncated_normal" (within two standard deviations), "untruncated_normal" or "uniform".

    >>> w = VarianceScaling(seed=1)((100, 100))
    >>> bool(abs(w.std() - 0.1) < 0.005)
    True
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        if not scale > 0:
            raise ValueError(f"scale must be positive, got {scale}")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(f"mode must be 'fan_in', 'fan_out' or 'fan_avg', got {mode!r}")
        distribution = "truncated_normal" if distribution.lower() == "normal" else distribution.lower()
        if distribution not in ("uniform", "truncated_normal", "untruncated_normal"):
            raise ValueError(
                f"distribution must be 'uniform', 'truncated_normal' or 'untruncated_normal', got {distribution!r}"
            )
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.input_axes, self.output_axes = input_axes, output_axes
        super().__init__(seed)

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return random.uniform(shape, -limit, limit, dtype, self.seed)
        if self.distribution == "untruncated_normal":
            return random.normal(shape, 0.0, math.sqrt(variance), dtype, self.seed)
        # 0.8796.. is the standard deviation of a standard normal truncated to (-2, 2).
        return random.truncated_normal(shape, 0.0, math.sqrt(variance) / 0.87962566103423978, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        own = {"scale": self.scale, "mode": self.mode, "distribution": self.distribution}
        return {**own, **super().get_config(), "input_axes": self.input_axes, "output_axes": self.output_axes}


class _Scaled(VarianceScaling):
    """A VarianceScaling with a name of its own."""

    _fixed: tuple[float, str, str]

    def __init__(
        self, seed: Any = None, input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None
    ) -> None:
        super().__init__(*self._fixed, seed, input_axes, output_axes)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {key: config[key] for key in ("seed", "input_axes", "output_axes")}


class GlorotUniform(_Scaled):
    """Uniform within sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio, 2010).

    >>> bool(abs(GlorotUniform(seed=1)((3, 3))).max() < 1.0)
    True
    """

    _fixed = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Scaled):
    """Truncated normal of variance 2 / (fan_in + fan_out) (Glorot & Bengio, 2010).

    >>> bool(abs(GlorotNormal(seed=1)((200, 200)).std() - 0.0707) < 0.002)
    True
    """

    _fixed = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Scaled):
    """Uniform within sqrt(6 / fan_in) (He et al., 2015).

    >>> bool(abs(HeUniform(seed=1)((6, 50))).max() < 1.0)
    True
    """

    _fixed = (2.0, "fan_in", "uniform")


class HeNormal(_Scaled):
    """Truncated normal of variance 2 / fan_in (He et al., 2015).

    >>> bool(abs(HeNormal(seed=1)((200, 200)).std() - 0.1) < 0.002)
    True
    """

    _fixed = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Scaled):
    """Uniform within sqrt(3 / fan_in) (LeCun et al., 1998).

    >>> bool(abs(LecunUniform(seed=1)((3, 50))).max() < 1.0)
    True
    """

    _fixed = (1.0, "fan_in", "uniform")


class LecunNormal(_Scaled):
    """Truncated normal of variance 1 / fan_in (LeCun et al., 1998).

    >>> bool(abs(LecunNormal(seed=1)((100, 100)).std() - 0.1) < 0.002)
    True
    """

    _fixed = (1.0, "fan_in", "truncated_normal")


_classes: dict[str, Any] = {name: globals()[name] for name in __all__ if name[0].isupper() and name != "Initializer"}
constant = Constant
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
identity = Identity
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
ones = Ones
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
zeros = Zeros

_aliases: dict[str, Any] = {to_snake_case(name): c for name, c in _classes.items()}
_aliases |= {
    "normal": RandomNormal,
    "uniform": RandomUniform,
    "one": Ones,
    "zero": Zeros,
    "IdentityInitializer": Identity,
}
_known: dict[str, Any] = {**_classes, **_aliases}


def serialize(initializer: Any) -> Any:
    """The class and the arguments of an initializer; the name of a function.

    >>> serialize(Ones())["class_name"]
    'Ones'
    """
    return describe(initializer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The initializer that `serialize` described. ValueError if it is unknown.

    >>> deserialize(serialize(Constant(2.0))).value
    2.0
    """
    return identify("initializer", config, Initializer, _known, custom_objects)


def get(identifier: Any) -> Any:
    """A name, a class, a config or an array as an initializer; a function or None as itself.

    >>> get("he_normal").scale
    2.0
    """
    if identifier is None:
        return None
    if isinstance(identifier, (dict, str)):
        return deserialize(identifier)
    if isinstance(identifier, (np.ndarray, np.generic, Operators)):
        value = np.array(identifier)

        def given(shape: Any, dtype: Any = None) -> Any:
            if tuple(shape) != value.shape:
                raise ValueError(
                    f"the initial value has shape {value.shape}, a weight of shape {tuple(shape)} asked for it"
                )
            return ops.cast(value, standardize_dtype(dtype))

        return given
    if isinstance(identifier, type):
        return identifier()
    if callable(identifier):
        return identifier
    raise ValueError(f"an initializer is a name, an object, a function or an array, got {identifier!r}")

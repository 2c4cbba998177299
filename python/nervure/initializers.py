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
from ._identify import identify
from ._tensor import Operators
from .utils.naming import to_snake_case

__all__ = [
    "STFT", "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity", "IdentityInitializer",
    "Initializer", "LecunNormal", "LecunUniform", "Ones", "Orthogonal", "OrthogonalInitializer", "RandomNormal",
    "RandomUniform", "STFTInitializer", "TruncatedNormal", "VarianceScaling", "Zeros", "constant", "deserialize",
    "get", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "identity", "lecun_normal",
    "lecun_uniform", "ones", "orthogonal", "random_normal", "random_uniform", "serialize", "stft",
    "truncated_normal", "variance_scaling", "zeros",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__ = absent(__name__)


def _check_number(owner: Any, name: str, value: Any) -> Any:
    """`value`. ValueError unless it is a finite number."""
    try:
        good = not isinstance(value, str) and math.isfinite(value)
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ValueError(f"{type(owner).__name__}: {name} must be a finite number, got {value!r}")
    return value


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
    """`value` everywhere: a number, or an array that broadcasts. ValueError if it is neither.

    >>> Constant(0.5)((2,))
    array([0.5, 0.5], dtype=float32)
    """

    def __init__(self, value: Any = 0.0) -> None:
        try:
            kind = np.asarray(value).dtype.kind if not isinstance(value, Operators) else "f"
        except ValueError:  # rows of different lengths
            kind = "O"
        if kind not in "biuf":
            raise ValueError(f"Constant: value must be a number or an array of numbers, got {value!r}")
        self.value = value

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return ops.full(shape, self.value, standardize_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        from .saving import serialize_keras_object

        return {"value": serialize_keras_object(self.value)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Constant":
        from .saving import deserialize_keras_object

        return cls(**{key: deserialize_keras_object(value) for key, value in config.items()})


class Identity(Initializer):
    """`gain` on the diagonal of a matrix, 0 elsewhere. ValueError unless the shape is of a matrix.

    >>> Identity()((2, 2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = _check_number(self, "gain", gain)

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        if len(shape) != 2:
            raise ValueError(
                f"Identity matrix initializer can only be used for 2D matrices. Received: shape={tuple(shape)} of rank "
                f"{len(shape)}."
            )
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
            from .saving import deserialize_keras_object

            seed = self._init_seed = deserialize_keras_object(seed)
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer, random.SeedGenerator)):
            raise ValueError(f"`seed` argument should be an int, a SeedGenerator or None. Received: seed={seed!r}")
        self.seed = seed

    def get_config(self) -> dict[str, Any]:
        from .saving import serialize_keras_object

        return {"seed": serialize_keras_object(self._init_seed)}


class RandomNormal(RandomInitializer):
    """Normal numbers.

    >>> bool(abs(RandomNormal(stddev=2.0, seed=1)((100, 100)).std() - 2.0) < 0.05)
    True
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        self.mean, self.stddev = _check_number(self, "mean", mean), _check_number(self, "stddev", stddev)
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
        self.minval, self.maxval = _check_number(self, "minval", minval), _check_number(self, "maxval", maxval)
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
        if not _check_number(self, "scale", scale) > 0:
            raise ValueError(f"Argument `scale` must be positive float. Received: scale={scale}")
        modes = ("fan_in", "fan_out", "fan_avg")
        if mode not in modes:
            raise ValueError(f"Invalid `mode` argument: {mode!r}. Please use one of {modes}")
        name = str(distribution).lower()
        name = "truncated_normal" if name == "normal" else name
        distributions = ("uniform", "truncated_normal", "untruncated_normal")
        if name not in distributions:
            raise ValueError(f"Invalid `distribution` argument: {distribution!r}. Please use one of {distributions}")
        distribution = name
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


def _orthonormal(columns: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The columns made orthogonal and of unit length, one after the other (Gram-Schmidt): the Q of the QR decomposition
    whose R has a positive diagonal.

    What is left of a column after the first pass can be small, with the rounding errors of all that was taken away: a
    second pass takes those away ("twice is enough": Kahan, in Parlett, 1980). LAPACK's would depend on the machine in
    the last bits; NumPy's products of elements and sums of rows do not.
    """
    q = np.array(columns.T, np.float64)  # a vector a row
    for k, v in enumerate(q):
        for _ in range(2 if k else 0):
            shares = (q[:k] * v).sum(axis=1, keepdims=True)
            v -= (q[:k] * shares).sum(axis=0)
        v /= math.sqrt((v * v).sum())
    return q.T


class Orthogonal(RandomInitializer):
    """A random matrix whose columns, or whose rows if it is wider than high, are orthogonal and of length `gain` (Saxe
    et al., 2014). Of more than two axes, all but the last count as rows. ValueError for fewer than two.

    >>> w = Orthogonal(seed=1)((3, 3), "float64")
    >>> bool(np.allclose(w.T @ w, np.eye(3)))
    True
    """

    def __init__(self, gain: float = 1.0, seed: Any = None) -> None:
        self.gain = _check_number(self, "gain", gain)
        super().__init__(seed)

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        shape, name = tuple(shape), standardize_dtype(dtype)
        if len(shape) < 2:
            raise ValueError(
                f"The tensor to initialize must be at least two-dimensional. Received: shape={shape} of rank "
                f"{len(shape)}."
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        normal = random.normal((max(rows, columns), min(rows, columns)), dtype="float64", seed=self.seed)
        q = _orthonormal(normal)
        return ops.cast(ops.multiply((q if rows >= columns else q.T).reshape(shape), self.gain), name)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gain": self.gain}


# Windows that are sums of cosines: a0 - a1 cos(t) + a2 cos(2 t) - .. (Harris, 1978).
_COSINES = {
    "boxcar": (1.0,),
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.5, 0.08),
    "nuttall": (0.3635819, 0.4891775, 0.1365995, 0.0106411),
    "blackmanharris": (0.35875, 0.48829, 0.14128, 0.01168),
    "flattop": (0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368),
}


def _window(name: str, size: int, periodic: bool) -> np.ndarray[Any, Any]:
    """A window by its name: a sum of cosines, or else one of SciPy's. ValueError for neither."""
    if name in _COSINES:
        t = 2.0 * math.pi * np.arange(size) / max(size if periodic else size - 1, 1)
        terms = (a * (-1.0) ** k * ops.cos(k * t) for k, a in enumerate(_COSINES[name]))
        return np.ones(size) if size == 1 else np.asarray(sum(terms))
    try:
        from scipy.signal import get_window  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        raise ValueError(
            f"Unknown window {name!r}: nervure has {sorted(_COSINES)}, and all of SciPy's where that is installed"
        ) from None
    return np.asarray(get_window(name, size, periodic))


class STFT(Initializer):
    """The kernel of a convolution that takes the short-time Fourier transform: cosines (`side` "real") or sines
    ("imag") of the frequencies k / (2 (n - 1)), for the shape (frame_length, channels, n).

    `window`, a name or frame_length numbers, multiplies them; `scaling` "density" then divides by the root of the sum
    of its squares, "spectrum" by its sum. `periodic` makes the window of a name one of a longer series.

    >>> STFT("real", window=None)((2, 1, 3)).round(3).tolist()
    [[[1.0, 1.0, 1.0]], [[1.0, 0.0, -1.0]]]
    """

    def __init__(
        self, side: str = "real", window: Any = "hann", scaling: str | None = "density", periodic: bool = False
    ) -> None:
        if side not in ("real", "imag"):
            raise ValueError(f"side should be 'real' or 'imag', not {side!r}")
        if isinstance(window, str):
            _window(window, 1, periodic)
        if scaling not in (None, "density", "spectrum"):
            raise ValueError(
                f"Scaling is invalid, it must be `None`, 'density' or 'spectrum'. Received scaling={scaling!r}"
            )
        self.side, self.window, self.scaling, self.periodic = side, window, scaling, periodic

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        if len(shape) != 3:
            raise ValueError(f"STFT: the shape must be (frame_length, channels, fft_length), got {tuple(shape)}")
        size, _, frequencies = shape
        turns = np.outer(np.arange(size), np.arange(frequencies)) / (2.0 * max(frequencies - 1, 1))
        turns = -2.0 * math.pi * (turns % 1.0)
        kernel = ops.cos(turns) if self.side == "real" else ops.sin(turns)
        if self.window is not None:
            named = isinstance(self.window, str)
            window = _window(self.window, size, self.periodic) if named else np.asarray(self.window, np.float64)
            if window.shape != (size,):
                raise ValueError(
                    f"The shape of `window` must be equal to [frame_length]. Received: window shape={window.shape}"
                )
            if self.scaling == "density":
                window = window / math.sqrt((window * window).sum())
            elif self.scaling == "spectrum":
                window = window / np.abs(window).sum()
            kernel = kernel * window[:, None]
        return ops.cast(ops.broadcast_to(kernel[:, None, :], tuple(shape)), standardize_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"side": self.side, "window": self.window, "periodic": self.periodic, "scaling": self.scaling}


IdentityInitializer = Identity
OrthogonalInitializer = Orthogonal
STFTInitializer = STFT
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
orthogonal = Orthogonal
random_normal = RandomNormal
random_uniform = RandomUniform
stft = STFT
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
zeros = Zeros

_known: dict[str, Any] = {**_classes, **{to_snake_case(name): c for name, c in _classes.items()}}
_known |= {"normal": RandomNormal, "uniform": RandomUniform, "one": Ones, "zero": Zeros}


def serialize(initializer: Any) -> Any:
    """The class and the arguments of an initializer, or the config of a function.

    >>> serialize(Ones())["class_name"]
    'Ones'
    """
    from .saving import serialize_keras_object

    return serialize_keras_object(initializer)


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
                    f"Expected `shape` to be {value.shape} for direct tensor as initializer. Received shape={shape}"
                )
            return ops.cast(value, standardize_dtype(dtype))

        return given
    if isinstance(identifier, type):
        return identifier()
    if callable(identifier):
        return identifier
    raise ValueError(
        f"Could not interpret initializer identifier: {identifier!r}; expected a name, an object, a function "
        "or an array"
    )

"""Random numbers, counter-based (Philox4x32-10: Salmon et al., 2011): each draw is a function of a seed and a counter.

`seed` is an int (the same values each time), a `SeedGenerator` (new values each time), or None: the global generator,
which `nervure.utils.set_random_seed` sets and which is otherwise seeded by the operating system.

>>> import nervure as nv
>>> float(nv.random.uniform((), seed=1)) == float(nv.random.uniform((), seed=1))
True
"""

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import config
from ._absent import absent
from ._dtypes import is_float, standardize_dtype
from ._trace import local
from .ops.dispatch import axis_of, cast_to, floating, node, op, reshaped, scalar, shape_of, sliced, tensor
from .ops.elementwise import GENERATED as _g
from .ops.elementwise import clip, where
from .ops.indexing import argsort, take, take_along_axis
from .ops.manipulation import broadcast_to, plain
from .ops.reduction import argmax
from .utils.naming import auto_name
from .variable import Variable

__all__ = [
    "SeedGenerator",
    "bernoulli",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]

if not TYPE_CHECKING:
    __getattr__ = absent(__name__)

_MASK = 2**64 - 1


def _int64(x: int) -> int:
    """The 64 low bits of x, as a signed number."""
    return ((x & _MASK) ^ 2**63) - 2**63


class SeedGenerator:
    """A seed and a count of draws, in a variable: so that a traced computation, too, draws new numbers each time it
    runs.

    >>> g = SeedGenerator(7)
    >>> g.next(), g.next()
    (array([7, 0]), array([7, 1]))
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any) -> None:
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments: {kwargs}")
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer))):
            raise ValueError(f"Argument `seed` must be an integer or None. Received: seed={seed!r}")
        self.name = name or auto_name(type(self).__name__)
        self._initial_seed = seed
        first = make_default_seed() if seed is None else int(seed)
        self.state = Variable(np.array([_int64(first), 0], np.int64), trainable=False, name="seed_generator_state")
        self.state.path = f"{self.name}/seed_generator_state"

    def next(self, ordered: bool = True) -> Any:
        """The state for one draw; the next call gives another."""
        scope = local.scope
        if scope is not None:
            state = scope.read(self.state)
            scope.assign(self.state, _g["add"](state, np.array([0, 1], np.int64)))
            return state
        memory = self.state.core.array
        state = memory.copy()
        memory[1] += 1
        return state

    def reset(self, seed: int) -> None:
        """Starts again from `seed`."""
        self.state.core.array[...] = (_int64(seed), 0)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "SeedGenerator":
        """A new generator from `get_config`'s result."""
        return cls(**config)


_global: list[SeedGenerator] = []


def global_generator() -> SeedGenerator:
    """The generator behind `seed=None`. One object for the life of the process: plans hold its state."""
    if not _global:
        _global.append(SeedGenerator(int.from_bytes(os.urandom(8), "little"), name="global_seed_generator"))
    return _global[0]


def make_default_seed() -> int:
    """A seed for a generator or initializer that was given none: drawn from the global generator."""
    seed, counter = map(int, global_generator().state.core.array)
    global_generator().state.core.array[1] += 1
    # SplitMix64 (Steele, Lea & Flood, 2014), whose output is well mixed for any (seed, counter).
    z = (seed * 0xD1342543DE82EF95 + (counter + 1) * 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return (z ^ (z >> 31)) >> 1


def draw_seed(seed: Any) -> Any:
    """The state, int64[2], that a seed stands for: an array, or inside a trace perhaps a Tensor."""
    if seed is None:
        return global_generator().next()
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
        return np.array([_int64(int(seed)), 0], np.int64)
    raise ValueError(
        f"Argument `seed` must be either an integer or an instance of `SeedGenerator`, or None. Received: seed={seed!r}"
    )


def _float_dtype(dtype: Any, what: str) -> str:
    name = standardize_dtype(dtype)
    if not is_float(name):
        raise ValueError(f"`keras.random.{what}` requires a floating point `dtype`. Received: dtype={name}")
    return name


def _unit(state: Any, shape: Sequence[int], low: float, high: float, dtype: str) -> Any:
    return node("random_uniform", tensor(state), ints=tuple(shape), floats=(low, high), dtype=dtype)


def _standard_normal(state: Any, shape: Sequence[int], low: float, high: float, dtype: str) -> Any:
    """The inverse distribution function, on uniform numbers between the ranks `low` and `high` in (-1, 1)."""
    return _g["multiply"](_g["erfinv"](_unit(state, shape, low, high, dtype)), math.sqrt(2.0))


@op
def _uniform(state: Any, minval: Any, maxval: Any, shape: tuple[int, ...], dtype: str) -> Any:
    if isinstance(minval, (int, float)) and isinstance(maxval, (int, float)):
        if minval == maxval:
            return node("broadcast_to", scalar(minval, dtype), ints=shape)
        return _unit(state, shape, float(minval), float(maxval), dtype)
    u = _unit(state, shape, 0.0, 1.0, dtype)
    return cast_to(_g["add"](_g["multiply"](u, _g["subtract"](maxval, minval)), minval), dtype)


def uniform(shape: Any, minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """Uniform numbers in [minval, maxval).

    >>> import nervure as nv
    >>> x = nv.random.uniform((1000,), -1, 1, seed=1)
    >>> x.shape, x.dtype, bool(abs(x.mean()) < 0.1)
    ((1000,), dtype('float32'), True)
    """
    dims, name = shape_of(plain(shape), "uniform"), _float_dtype(dtype, "uniform")
    return _uniform(draw_seed(seed), plain(minval), plain(maxval), dims, name)


@op
def _normal(state: Any, mean: Any, stddev: Any, shape: tuple[int, ...], dtype: str, truncated: bool) -> Any:
    if truncated:
        rank = math.erf(2.0 / math.sqrt(2.0))
        x = clip(_standard_normal(state, shape, -rank, rank, dtype), -2, 2)
    else:  # the rank -1 has no finite quantile: start at the number above it
        above = float(np.nextafter(np.array(-1, dtype), np.array(0, dtype)))
        x = _standard_normal(state, shape, above, 1.0, dtype)
    return cast_to(_g["add"](_g["multiply"](x, stddev), mean), dtype)


def normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """Normal numbers, by the inverse of their distribution function.

    >>> import nervure as nv
    >>> x = nv.random.normal((10000,), mean=3.0, seed=1)
    >>> x.shape, x.dtype, bool(abs(x.mean() - 3) < 0.05)
    ((10000,), dtype('float32'), True)
    """
    dims, name = shape_of(plain(shape), "normal"), _float_dtype(dtype, "normal")
    return _normal(draw_seed(seed), plain(mean), plain(stddev), dims, name, False)


def truncated_normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """Normal numbers within two standard deviations of the mean.

    >>> import nervure as nv
    >>> bool(abs(nv.random.truncated_normal((1000,), seed=1)).max() <= 2)
    True
    """
    dims, name = shape_of(plain(shape), "truncated_normal"), _float_dtype(dtype, "truncated_normal")
    return _normal(draw_seed(seed), plain(mean), plain(stddev), dims, name, True)


@op
def _randint(state: Any, shape: tuple[int, ...], minval: int, maxval: int, dtype: str) -> Any:
    u = _unit(state, shape, 0.0, 1.0, "float64")
    count = cast_to(_g["floor"](_g["multiply"](u, float(maxval - minval))), "int64")
    return cast_to(_g["add"](_g["minimum"](count, maxval - minval - 1), minval), dtype)


def randint(shape: Any, minval: int, maxval: int, dtype: Any = "int32", seed: Any = None) -> Any:
    """Integers from minval to maxval - 1, all equally likely.

    >>> import nervure as nv
    >>> sorted(set(nv.random.randint((100,), 1, 4, seed=1).tolist()))
    [1, 2, 3]
    """
    name, low, high = standardize_dtype(dtype), plain(minval), plain(maxval)
    if is_float(name) or name == "bool":
        raise ValueError(f"`keras.random.randint` requires an integer `dtype`. Received: dtype={name}")
    if not all(isinstance(v, int) for v in (low, high)):
        raise TypeError(f"randint: minval and maxval must be ints, got {minval!r} and {maxval!r}")
    if not low < high:
        raise ValueError(f"randint: minval must be below maxval, got {low} and {high}")
    return _randint(draw_seed(seed), shape_of(plain(shape), "randint"), int(low), int(high), name)


@op(arrays=2)
def _bernoulli(state: Any, p: Any, shape: tuple[int, ...], dtype: str) -> Any:
    return cast_to(_g["less"](_unit(state, shape, 0.0, 1.0, config.floatx()), p), dtype)


def bernoulli(shape: Any, p: Any = 0.5, dtype: Any = None, seed: Any = None) -> Any:
    """1 with probability p, which may broadcast to `shape`, and 0 otherwise; dtype floatx by default.

    >>> import nervure as nv
    >>> sorted(set(nv.random.bernoulli((100,), 0.3, seed=1).tolist()))
    [0.0, 1.0]
    """
    return _bernoulli(draw_seed(seed), plain(p), shape_of(plain(shape), "bernoulli"), standardize_dtype(dtype))


# ---- by rejection: candidates are drawn until one is accepted; here a number of them at once, of which the first ----


def _first(accepted: Any, values: Any) -> Any:
    """Along axis 0, the first value that is accepted, or the very first: so many are drawn that this never matters."""
    which = argmax(cast_to(accepted, "int32"), axis=0, keepdims=True)
    return reshaped(take_along_axis(values, which, axis=0), values.shape[1:])


def _within(name: str, value: Any, low: float, high: float, open: bool = False) -> Any:
    """`value` as numbers. ValueError if some that are known lie outside [low, high], or outside (low, high)."""
    if isinstance(value, (int, float, list, tuple, np.ndarray, np.generic)):
        array = np.asarray(value, np.float64)
        if not ((array > low) if open else (array >= low)).all() or not (array <= high).all() or not array.size:
            limits = f"above {low:g}" if open else f"from {low:g} to {high:g}"
            raise ValueError(f"{name} must be numbers {limits}, got {value!r}")
        return array
    return value


def _wide(x: Any, shape: tuple[int, ...]) -> Any:
    return broadcast_to(cast_to(tensor(x), "float64"), shape)


_TRIES = 8  # of candidates for a gamma number 1 in 20 is refused: all of them, once in 10^10 numbers


def _log_gamma(u: Any, alpha: Any) -> Any:
    """The logarithms of gamma numbers from uniform ones (2 * _TRIES + 1, ...), by Marsaglia & Tsang (2000).

    A number for alpha below 1 is one for alpha + 1 times u ** (1 / alpha), which can be too small to be a float: hence
    logarithms.
    """
    add, subtract, multiply, log = _g["add"], _g["subtract"], _g["multiply"], _g["log"]
    small = _g["less"](alpha, 1.0)
    d = subtract(where(small, add(alpha, 1.0), alpha), 1.0 / 3.0)
    ranks = _g["maximum"](subtract(multiply(sliced(u, 0, 0, _TRIES), 2.0), 1.0), -1.0 + 2.0**-53)
    x = multiply(_g["erfinv"](ranks), math.sqrt(2.0))
    v = add(multiply(x, _g["rsqrt"](multiply(d, 9.0))), 1.0)
    log_v = multiply(log(_g["maximum"](v, 1e-300)), 3.0)
    v = multiply(multiply(v, v), v)
    bound = add(multiply(_g["square"](x), 0.5), multiply(d, add(subtract(1.0, v), log_v)))
    accepted = _g["logical_and"](_g["greater"](v, 0.0), _g["less"](log(sliced(u, 0, _TRIES, _TRIES)), bound))
    last = reshaped(sliced(u, 0, 2 * _TRIES, 1), u.shape[1:])
    boost = _g["divide"](log(subtract(1.0, last)), where(small, alpha, 1.0))
    return add(add(log(d), _first(accepted, log_v)), where(small, boost, 0.0))


@op(arrays=2)
def _gamma(state: Any, alpha: Any, shape: tuple[int, ...], dtype: str) -> Any:
    u = _unit(state, (2 * _TRIES + 1, *shape), 0.0, 1.0, "float64")
    return cast_to(_g["exp"](_log_gamma(u, _wide(alpha, shape))), dtype)


def gamma(shape: Any, alpha: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Numbers with the gamma distribution of shape `alpha` and scale 1, by Marsaglia & Tsang's method (2000).

    `alpha` is a number above 0, or an array that broadcasts to `shape`.

    >>> import nervure as nv
    >>> x = nv.random.gamma((10000,), 3.0, seed=1)
    >>> bool(abs(x.mean() - 3) < 0.1), bool(abs(x.var() - 3) < 0.2)
    (True, True)
    """
    dims, name = shape_of(plain(shape), "gamma"), _float_dtype(dtype, "gamma")
    return _gamma(draw_seed(seed), _within("gamma: alpha", alpha, 0.0, math.inf, open=True), dims, name)


@op(arrays=3)
def _beta(state: Any, a: Any, b: Any, shape: tuple[int, ...], dtype: str) -> Any:
    rows = 2 * _TRIES + 1
    u = _unit(state, (2 * rows, *shape), 0.0, 1.0, "float64")
    first = _log_gamma(sliced(u, 0, 0, rows), _wide(a, shape))
    second = _log_gamma(sliced(u, 0, rows, rows), _wide(b, shape))
    return cast_to(_g["sigmoid"](_g["subtract"](first, second)), dtype)  # x / (x + y), of logarithms


def beta(shape: Any, alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Numbers from 0 to 1 with the beta distribution: x / (x + y) for gamma numbers x of `alpha` and y of `beta`.

    Both are numbers above 0, or arrays that broadcast to `shape`.

    >>> import nervure as nv
    >>> x = nv.random.beta((10000,), 1.0, 3.0, seed=1)
    >>> bool(abs(x.mean() - 0.25) < 0.01)
    True
    """
    dims, name = shape_of(plain(shape), "beta"), _float_dtype(dtype, "beta")
    alpha = _within("beta: alpha", alpha, 0.0, math.inf, open=True)
    return _beta(draw_seed(seed), alpha, _within("beta: beta", beta, 0.0, math.inf, open=True), dims, name)


def _binomial_below(u: Any, n: Any, p: Any) -> Any:
    """Where n p < 10: how many of the first sums of probabilities u exceeds. That of 50 differs from 1 by 1e-19."""
    odds = _g["divide"](p, _g["subtract"](1.0, p))
    probability = _g["exp"](_g["multiply"](n, _g["log1p"](_g["negative"](p))))
    total, count = probability, cast_to(_g["greater_equal"](u, probability), "float64")
    for k in range(50):
        step = _g["multiply"](_g["divide"](_g["maximum"](_g["subtract"](n, float(k)), 0.0), float(k + 1)), odds)
        probability = _g["multiply"](probability, step)
        total = _g["add"](total, probability)
        count = _g["add"](count, cast_to(_g["greater_equal"](u, total), "float64"))
    return _g["minimum"](count, n)


# log k! - (log sqrt(2 pi) + (k + 1/2) log(k + 1) - (k + 1)) for k = 0 to 9; beyond, three terms of its series do.
_STIRLING = [
    math.lgamma(k + 1) - 0.5 * math.log(2 * math.pi) - (k + 0.5) * math.log(k + 1) + (k + 1) for k in range(10)
]


def _stirling(k: Any) -> Any:
    inverse = _g["divide"](1.0, _g["add"](k, 1.0))
    square = _g["square"](inverse)
    inner = _g["subtract"](1.0 / 360.0, _g["multiply"](square, 1.0 / 1260.0))
    series = _g["multiply"](_g["subtract"](1.0 / 12.0, _g["multiply"](inner, square)), inverse)
    known = take(np.array(_STIRLING), cast_to(clip(k, 0.0, 9.0), "int32"), axis=0)
    return where(_g["less"](k, 10.0), known, series)


_ROUNDS = 24  # of candidates for a binomial number less than 1 in 3 is refused


def _binomial_above(u: Any, n: Any, p: Any) -> Any:
    """Where n p >= 10 and p <= 1/2: transformed rejection with squeeze, BTRS (Hörmann, 1993), from uniform numbers
    (2 * _ROUNDS, ...).
    """
    add, subtract, multiply, divide, log = (_g[f] for f in ("add", "subtract", "multiply", "divide", "log"))
    spread = _g["sqrt"](multiply(multiply(n, p), subtract(1.0, p)))
    b = add(multiply(spread, 2.53), 1.15)
    a = add(add(multiply(b, 0.0248), multiply(p, 0.01)), -0.0873)
    height = subtract(0.92, divide(4.2, b))
    alpha = multiply(add(divide(5.1, b), 2.83), spread)
    odds, mode = divide(p, subtract(1.0, p)), _g["floor"](multiply(add(n, 1.0), p))
    x, v = subtract(sliced(u, 0, 0, _ROUNDS), 0.5), sliced(u, 0, _ROUNDS, _ROUNDS)
    edge = _g["maximum"](subtract(0.5, _g["absolute"](x)), 1e-300)
    k = _g["floor"](add(multiply(add(divide(multiply(a, 2.0), edge), b), x), add(multiply(n, p), 0.5)))
    inside = _g["logical_and"](_g["greater_equal"](k, 0.0), _g["less_equal"](k, n))
    squeezed = _g["logical_and"](_g["greater_equal"](edge, 0.07), _g["less_equal"](v, height))
    k = _g["minimum"](_g["maximum"](k, 0.0), n)
    left = log(divide(multiply(_g["maximum"](v, 1e-300), alpha), add(divide(a, _g["square"](edge)), b)))
    rest, after = subtract(n, k), subtract(n, mode)
    right = multiply(add(mode, 0.5), log(divide(add(mode, 1.0), multiply(odds, add(after, 1.0)))))
    right = add(right, multiply(add(n, 1.0), log(divide(add(after, 1.0), add(rest, 1.0)))))
    right = add(right, multiply(add(k, 0.5), log(divide(multiply(odds, add(rest, 1.0)), add(k, 1.0)))))
    right = add(right, subtract(add(_stirling(mode), _stirling(after)), add(_stirling(k), _stirling(rest))))
    accepted = _g["logical_and"](inside, _g["logical_or"](squeezed, _g["less_equal"](left, right)))
    return _first(accepted, k)


@op(arrays=3)
def _binomial(state: Any, counts: Any, probabilities: Any, shape: tuple[int, ...], dtype: str) -> Any:
    u = _unit(state, (2 * _ROUNDS + 1, *shape), 0.0, 1.0, "float64")
    n = _g["floor"](_wide(counts, shape))
    given = _wide(probabilities, shape)
    p = _g["minimum"](given, _g["subtract"](1.0, given))
    many = _g["greater_equal"](_g["multiply"](n, p), 10.0)
    above = _binomial_above(sliced(u, 0, 0, 2 * _ROUNDS), where(many, n, 100.0), where(many, p, 0.5))
    last = reshaped(sliced(u, 0, 2 * _ROUNDS, 1), shape)
    below = _binomial_below(last, where(many, 1.0, n), where(many, 0.5, p))
    k = where(many, above, below)
    return cast_to(where(_g["greater"](given, 0.5), _g["subtract"](n, k), k), dtype)


def binomial(shape: Any, counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None) -> Any:
    """How many of `counts` trials succeed, each with its probability in `probabilities`; as floats.

    Both are numbers, or arrays that broadcast to `shape`. By inversion where few are expected, otherwise by Hörmann's
    BTRS (1993).

    >>> import nervure as nv
    >>> x = nv.random.binomial((10000,), 10, 0.3, seed=1)
    >>> bool(abs(x.mean() - 3) < 0.1), bool(0 <= x.min() and x.max() <= 10)
    (True, True)
    """
    dims, name = shape_of(plain(shape), "binomial"), _float_dtype(dtype, "binomial")
    n = _within("binomial: counts", counts, 0.0, 2.0**53)
    return _binomial(draw_seed(seed), n, _within("binomial: probabilities", probabilities, 0.0, 1.0), dims, name)


@op
def _categorical(logits: Any, state: Any, num_samples: int, dtype: str) -> Any:
    x = floating(logits)
    if x.ndim != 2:
        raise ValueError(f"categorical: logits must be a matrix, got shape {x.shape}")
    rows, classes = x.shape
    # The largest of logits + Gumbel noise is a sample (Gumbel, 1954). 1 - u is in (0, 1]; at 1 the noise is infinite.
    u = _unit(state, (rows, num_samples, classes), 0.0, 1.0, "float64")
    noise = _g["negative"](_g["log"](_g["negative"](_g["log"](_g["subtract"](1.0, u)))))
    return cast_to(argmax(_g["add"](reshaped(x, (rows, 1, classes)), noise), axis=-1), dtype)


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> Any:
    """Classes drawn with probabilities softmax(logits): `num_samples` for each row.

    >>> import numpy as np, nervure as nv
    >>> nv.random.categorical(np.array([[0.0, 99.0]]), 3, seed=1).tolist()
    [[1, 1, 1]]
    """
    return _categorical(logits, draw_seed(seed), int(num_samples), standardize_dtype(dtype))


@op
def _shuffle(x: Any, state: Any, axis: int) -> Any:
    x = tensor(x)
    k = axis_of(axis, x.ndim, "shuffle")
    return take(x, argsort(_unit(state, (x.shape[k],), 0.0, 1.0, "float64")), axis=k)


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Any:
    """The slices along `axis` in random order.

    >>> import numpy as np, nervure as nv
    >>> sorted(nv.random.shuffle(np.arange(4), seed=1).tolist())
    [0, 1, 2, 3]
    """
    return _shuffle(x, draw_seed(seed), axis)


@op
def _dropout(x: Any, state: Any, rate: float, noise_shape: tuple[int, ...] | None) -> Any:
    x = floating(x)
    if rate == 1:
        return node("broadcast_to", scalar(0, x.dtype), ints=x.shape)
    noise_shape = x.shape if noise_shape is None else noise_shape
    shape = tuple(n if m is None else m for m, n in zip(noise_shape, x.shape, strict=False))
    if len(noise_shape) != x.ndim or any(m not in (1, n) for m, n in zip(shape, x.shape, strict=True)):
        raise ValueError(
            f"dropout: noise_shape has an extent of 1, None or x's for each axis of {x.shape}, got {noise_shape}"
        )
    kept = _g["greater_equal"](_unit(state, shape, 0.0, 1.0, x.dtype), rate)
    return where(kept, _g["multiply"](x, 1.0 / (1.0 - rate)), scalar(0, x.dtype))


def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Any:
    """`inputs` with each element 0 with probability `rate`, and otherwise divided by 1 - rate (Srivastava et al.,
    2014).

    Extents of 1 in `noise_shape` drop along the whole axis.

    >>> import numpy as np, nervure as nv
    >>> sorted(set(nv.random.dropout(np.ones(100, "float32"), 0.5, seed=1).tolist()))
    [0.0, 2.0]
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"dropout: rate must be from 0 to 1, got {rate}")
    if rate == 0:
        return inputs
    return _dropout(inputs, draw_seed(seed), float(rate), None if noise_shape is None else tuple(plain(noise_shape)))

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
from .ops.dispatch import axis_of, cast_to, floating, node, op, reshaped, scalar, shape_of, tensor
from .ops.elementwise import GENERATED as _g
from .ops.elementwise import clip, where
from .ops.indexing import argsort, take
from .ops.manipulation import plain
from .ops.reduction import argmax
from .utils.naming import auto_name
from .variable import Variable

__all__ = [
    "SeedGenerator",
    "bernoulli",
    "categorical",
    "dropout",
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

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer))):
            raise ValueError(f"seed must be an int or None, got {seed!r}")
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
    raise ValueError(f"seed must be an int, a SeedGenerator or None, got {seed!r}")


def _float_dtype(dtype: Any, what: str) -> str:
    name = standardize_dtype(dtype)
    if not is_float(name):
        raise ValueError(f"{what}: dtype must be a float, got {name}")
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
        raise ValueError(f"randint: dtype must be an integer, got {name}")
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

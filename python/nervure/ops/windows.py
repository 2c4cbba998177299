"""Window functions: weights of n samples that fall off to both sides, as vectors of floats (Harris, 1978)."""

import math
from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from .. import config
from .core import convert_to_tensor

__all__ = ["bartlett", "blackman", "hamming", "hanning", "kaiser"]


def _cosines(x: Any, what: str, weights: Sequence[float]) -> Any:
    """The sum of weights[k] * cos(2 pi k i / (n - 1)): n samples of a period."""
    n = _count(x, what)
    if n == 1:
        return convert_to_tensor(np.ones(1), config.floatx())
    angle = 2 * math.pi * np.arange(n) / (n - 1)
    return convert_to_tensor(sum(w * np.cos(k * angle) for k, w in enumerate(weights)), config.floatx())


def _count(x: Any, what: str) -> int:
    try:
        value = np.asarray(x).item()
        n = int(value) if isinstance(value, float) and value.is_integer() else index(value)
    except (TypeError, ValueError):
        raise TypeError(f"{what}: the number of samples is an int, got {x!r}") from None
    if n < 0:
        raise ValueError(f"{what}: the number of samples is not negative, got {n}")
    return n


def bartlett(x: Any) -> Any:
    """The triangle of x samples, 0 at both ends.

    >>> import nervure as nv
    >>> nv.ops.bartlett(5)
    array([0. , 0.5, 1. , 0.5, 0. ], dtype=float32)
    """
    n = _count(x, "bartlett")
    if n == 1:
        return convert_to_tensor(np.ones(1), config.floatx())
    return convert_to_tensor(1 - np.abs(2 * np.arange(n) / (n - 1) - 1) if n else np.zeros(0), config.floatx())


def blackman(x: Any) -> Any:
    """0.42 - 0.5 cos(2 pi i / (x - 1)) + 0.08 cos(4 pi i / (x - 1)).

    >>> import nervure as nv
    >>> nv.ops.blackman(3).round(3).tolist()
    [-0.0, 1.0, -0.0]
    """
    return _cosines(x, "blackman", (0.42, -0.5, 0.08))


def hamming(x: Any) -> Any:
    """0.54 - 0.46 cos(2 pi i / (x - 1)).

    >>> import nervure as nv
    >>> nv.ops.hamming(3).round(2).tolist()
    [0.07999999821186066, 1.0, 0.07999999821186066]
    """
    return _cosines(x, "hamming", (0.54, -0.46))


def hanning(x: Any) -> Any:
    """0.5 - 0.5 cos(2 pi i / (x - 1)).

    >>> import nervure as nv
    >>> nv.ops.hanning(3).tolist()
    [0.0, 1.0, 0.0]
    """
    return _cosines(x, "hanning", (0.5, -0.5))


def kaiser(x: Any, beta: Any) -> Any:
    """I0(beta sqrt(1 - t^2)) / I0(beta) for t from -1 to 1 (Kaiser & Schafer, 1980).

    >>> import nervure as nv
    >>> nv.ops.kaiser(3, 0.0).tolist()
    [1.0, 1.0, 1.0]
    """
    return convert_to_tensor(np.kaiser(_count(x, "kaiser"), float(beta)), config.floatx())

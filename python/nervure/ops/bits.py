"""The bits of integers: and, or, xor, not and shifts. Graphs know arithmetic only, so a number is written as its bits,
which are combined and added up again."""

from typing import Any

import numpy as np

from .._dtypes import is_float
from .._tensor import Tensor
from .dispatch import cast_to, node, op, pair, reshaped, tensor
from .elementwise import GENERATED, where
from .reduction import reduce

__all__ = [
    "bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift",
    "bitwise_xor", "left_shift", "right_shift",
]  # fmt: skip

_WIDTH = {"int32": 32, "int64": 64}
_multiply, _subtract, _mod, _floor_divide = (
    GENERATED[name] for name in ("multiply", "subtract", "mod", "floor_divide")
)


def _integers(what: str, x1: Any, x2: Any) -> tuple[Tensor, Tensor]:
    a, b = pair(x1, x2)
    if is_float(a.dtype):
        raise TypeError(f"{what}: integers or bools are needed, got {a.dtype}")
    return a, b


def _weights(dtype: str) -> "np.ndarray[Any, Any]":
    """What each bit stands for, the sign's last: two's complement."""
    n = _WIDTH[dtype]
    return np.array([2**k for k in range(n - 1)] + [-(2 ** (n - 1))], dtype)


def _bits(x: Tensor) -> Tensor:
    """The bits along a new last axis. The sign is no power of two that a division could find."""
    powers = tensor(_weights(x.dtype)[:-1])
    column = reshaped(x, (*x.shape, 1))
    low = _mod(_floor_divide(column, powers), 2)
    sign = cast_to(GENERATED["less"](column, 0), x.dtype)
    return node("concatenate", low, sign, ints=(x.ndim,))


def _number(bits: Tensor, dtype: str) -> Tensor:
    return reduce("sum", _multiply(bits, tensor(_weights(dtype))), -1, False)


@op(arrays=2)
def bitwise_and(x1: Any, x2: Any) -> Tensor:
    """The bits that are set in both.

    >>> import nervure as nv
    >>> nv.ops.bitwise_and([6, -1], [3, 12])
    array([ 2, 12], dtype=int32)
    """
    a, b = _integers("bitwise_and", x1, x2)
    if a.dtype == "bool":
        return GENERATED["logical_and"](a, b)
    return _number(_multiply(_bits(a), _bits(b)), a.dtype)


@op(arrays=2)
def bitwise_or(x1: Any, x2: Any) -> Tensor:
    """The bits that are set in one or both.

    >>> import nervure as nv
    >>> nv.ops.bitwise_or([6], [3])
    array([7], dtype=int32)
    """
    a, b = _integers("bitwise_or", x1, x2)
    if a.dtype == "bool":
        return GENERATED["logical_or"](a, b)
    return _number(GENERATED["maximum"](_bits(a), _bits(b)), a.dtype)


@op(arrays=2)
def bitwise_xor(x1: Any, x2: Any) -> Tensor:
    """The bits that are set in one of the two.

    >>> import nervure as nv
    >>> nv.ops.bitwise_xor([6], [3])
    array([5], dtype=int32)
    """
    a, b = _integers("bitwise_xor", x1, x2)
    if a.dtype == "bool":
        return GENERATED["logical_xor"](a, b)
    return _number(cast_to(GENERATED["not_equal"](_bits(a), _bits(b)), a.dtype), a.dtype)


@op
def bitwise_not(x: Any) -> Tensor:
    """Every bit turned: -1 - x; of bools, the other one.

    >>> import nervure as nv
    >>> nv.ops.bitwise_not([0, 5])
    array([-1, -6], dtype=int32)
    """
    a, _ = _integers("bitwise_not", x, False)
    return GENERATED["logical_not"](a) if a.dtype == "bool" else _subtract(-1, a)


bitwise_invert = bitwise_not


def _powers(x: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """`x`, 2**shift and where that is no number: a shift by the width of the dtype or more."""
    n = _WIDTH[x.dtype]
    far = GENERATED["logical_or"](GENERATED["less"](shift, 0), GENERATED["greater_equal"](shift, n - 1))
    places = tensor(np.arange(n - 1).astype(x.dtype))
    hit = cast_to(GENERATED["equal"](reshaped(shift, (*shift.shape, 1)), places), x.dtype)
    power = reduce("sum", _multiply(hit, tensor(_weights(x.dtype)[:-1])), -1, False)
    return x, where(far, 1, power), far


def _shiftable(what: str, x: Any, y: Any) -> tuple[Tensor, Tensor]:
    a, b = _integers(what, x, y)
    return (cast_to(a, "int32"), cast_to(b, "int32")) if a.dtype == "bool" else (a, b)


@op(arrays=2)
def bitwise_left_shift(x: Any, y: Any) -> Tensor:
    """x * 2**y. What leaves the dtype is lost, and 0 is left of a shift by its width or more.

    >>> import nervure as nv
    >>> nv.ops.bitwise_left_shift([3], [2])
    array([12], dtype=int32)
    """
    a, b = _shiftable("bitwise_left_shift", x, y)
    n = _WIDTH[a.dtype]
    # Bit k of the result is bit k - y of `a`.
    places = tensor(np.arange(n).astype(a.dtype))
    source = _subtract(places, reshaped(b, (*b.shape, 1)))
    pairs = GENERATED["equal"](reshaped(source, (*source.shape, 1)), places)
    bits = _bits(a)
    moved = _multiply(cast_to(pairs, a.dtype), reshaped(bits, (*bits.shape[:-1], 1, n)))
    return _number(reduce("sum", moved, -1, False), a.dtype)


@op(arrays=2)
def bitwise_right_shift(x: Any, y: Any) -> Tensor:
    """x / 2**y rounded down: the sign stays.

    >>> import nervure as nv
    >>> nv.ops.bitwise_right_shift([12, -1], [2, 1])
    array([ 3, -1], dtype=int32)
    """
    a, power, far = _powers(*_shiftable("bitwise_right_shift", x, y))
    return where(far, where(GENERATED["less"](a, 0), -1, 0), _floor_divide(a, power))


left_shift = bitwise_left_shift
right_shift = bitwise_right_shift

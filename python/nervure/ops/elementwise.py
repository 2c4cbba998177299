"""Ops that work element by element. Those that are one row of the op table are made from the table; the rest are short
compositions of them."""

import math
from typing import Any

from .. import _core
from .._dtypes import FLOAT, LEVEL, is_float
from .._tensor import Tensor
from .dispatch import at, cast_to, floating, local, node, op, pair, promote, scalar, tensor

__all__ = [
    "abs", "cast", "cbrt", "clip", "copy", "deg2rad", "divide_no_nan", "exp2", "fabs", "fmax", "fmin", "fmod",
    "heaviside", "hypot", "isclose", "isneginf", "isposinf", "ldexp", "logaddexp", "logaddexp2", "nan_to_num",
    "rad2deg", "round", "select", "sinc", "stop_gradient", "true_divide", "where",
]  # fmt: skip

# Rows take integers as floats (exp, sqrt, divide), unless they stand here.
_ANY = {
    "neg",
    "abs",
    "sign",
    "trunc",
    "round",
    "maximum",
    "minimum",
    "add",
    "subtract",
    "multiply",
    "equal",
    "not_equal",
}
_ANY |= {"less", "less_equal", "greater", "greater_equal", "negative", "absolute"}
_NOT_BOOL = {"square", "relu", "floor_divide", "mod", "power"}  # bools count as int32
_AS_BOOL = {"add": "logical_or", "multiply": "logical_and", "maximum": "logical_or", "minimum": "logical_and"}
_PYTHON_NAME = {"neg": "negative", "abs": "absolute"}
_SELF = {"trunc", "round"}  # of integers and bools: themselves
_SELF_OF_BOOL = {"abs"}


def as_bool(x: Any) -> Tensor:
    """`x` as truth values: anything but 0 is true."""
    x = tensor(x)
    return x if x.dtype == "bool" else node("not_equal", x, scalar(0, x.dtype))


def _make(row: dict[str, Any]) -> Any:
    """The Python function of an elementwise row."""
    name: str = row["name"]
    logical = row["domain"].startswith("b")
    least = 0 if name in _ANY else LEVEL["int32"] if name in _NOT_BOOL else FLOAT
    if row["min_in"] == 1:

        def unary(x: Any) -> Tensor:
            x = tensor(x)
            dtype = x.node.dtype
            if logical:
                x = as_bool(x)
            elif not is_float(dtype):
                if name in _SELF or (dtype == "bool" and name in _SELF_OF_BOOL):
                    return x
                if LEVEL[dtype] < least:
                    x = floating(x) if least == FLOAT else cast_to(x, "int32")
            return Tensor(local.scope.graph.op(name, (x.node,)))  # type: ignore[union-attr]

        return unary
    if row["min_in"] == 2:
        as_bools = _AS_BOOL.get(name, name)

        def binary(x1: Any, x2: Any) -> Tensor:
            a, b = (as_bool(x1), as_bool(x2)) if logical else pair(x1, x2, least)
            n = a.node
            row_name = as_bools if n.dtype == "bool" else name
            return Tensor(local.scope.graph.op(row_name, (n, b.node)))  # type: ignore[union-attr]

        return binary

    def ternary(x1: Any, x2: Any, x3: Any) -> Tensor:
        return node(name, *promote(x1, x2, x3, least=least))

    return ternary


def _generate() -> dict[str, Any]:
    """One op for each public elementwise row without attributes."""
    made = {}
    for row in _core.op_table():
        n = row["min_in"]
        if (
            row["hidden"]
            or not row["elementwise"]
            or row["attrs"]
            or n != row["max_in"]
            or n < 1
            or row["name"] == "where"
        ):
            continue
        name = _PYTHON_NAME.get(row["name"], row["name"])
        f = _make(row)
        f.__name__ = f.__qualname__ = name
        f.__module__ = __name__
        how = "with broadcasting and Keras's dtype rules" if n > 1 else "with Keras's dtype rules"
        f.__doc__ = f"{row['doc']}\n\n    Element by element, {how}.\n    "
        made[name] = op(f, arrays=n)
    return made


GENERATED = _generate()
globals().update(GENERATED)
__all__ += GENERATED

_g = GENERATED
_add, _subtract, _multiply, _divide, _maximum, _minimum, _power = (
    _g[name] for name in ("add", "subtract", "multiply", "divide", "maximum", "minimum", "power")
)
_equal, _less, _greater, _less_equal, _greater_equal = (
    _g[name] for name in ("equal", "less", "greater", "less_equal", "greater_equal")
)
_abs, _negative, _exp, _log, _log1p, _sqrt, _square, _sin, _floor, _round, _isnan, _sigmoid = (
    _g[name]
    for name in (
        "absolute",
        "negative",
        "exp",
        "log",
        "log1p",
        "sqrt",
        "square",
        "sin",
        "floor",
        "round",
        "isnan",
        "sigmoid",
    )
)
abs = _abs
true_divide = _divide


@op
def fabs(x: Any) -> Tensor:
    """|x| as a float.

    >>> import nervure as nv
    >>> nv.ops.fabs([-1, 2])
    array([1., 2.], dtype=float32)
    """
    return _abs(floating(x))


@op
def exp2(x: Any) -> Tensor:
    """2 to the power of x.

    >>> import nervure as nv
    >>> nv.ops.exp2([3])
    array([8.], dtype=float32)
    """
    return _exp(_multiply(floating(x), math.log(2.0)))


@op
def cbrt(x: Any) -> Tensor:
    """The real cube root.

    >>> import nervure as nv
    >>> nv.ops.cbrt([-8.0, 27.0])
    array([-2.,  3.], dtype=float32)
    """
    x = floating(x)
    return _multiply(node("sign", x), _power(_abs(x), 1.0 / 3.0))


@op
def deg2rad(x: Any) -> Tensor:
    """Degrees in radians.

    >>> import nervure as nv
    >>> nv.ops.deg2rad([180.0])
    array([3.1415927], dtype=float32)
    """
    return _multiply(floating(x), math.pi / 180.0)


@op
def rad2deg(x: Any) -> Tensor:
    """Radians in degrees.

    >>> import nervure as nv, numpy as np
    >>> nv.ops.rad2deg([np.pi])
    array([180.], dtype=float32)
    """
    return _multiply(floating(x), 180.0 / math.pi)


@op
def sinc(x: Any) -> Tensor:
    """sin(pi x) / (pi x), and 1 at 0.

    >>> import nervure as nv
    >>> nv.ops.sinc([0.0, 0.5])
    array([1.        , 0.63661975], dtype=float32)
    """
    x = floating(x)
    zero = _equal(x, 0)
    y = _multiply(where(zero, 1, x), math.pi)
    near = _subtract(1, _multiply(_square(x), math.pi**2 / 6))  # its series, for the derivatives at 0
    return where(zero, near, _divide(_sin(y), y))


@op
def round(x: Any, decimals: int = 0) -> Tensor:
    """To the nearest multiple of 10**-decimals; halves go to the even neighbour.

    >>> import nervure as nv
    >>> nv.ops.round([0.5, 1.5, -2.5])
    array([ 0.,  2., -2.], dtype=float32)
    """
    x = tensor(x)
    if not is_float(x.dtype):
        x = cast_to(x, "int32") if x.dtype == "bool" else x
        if decimals >= 0:
            return x
        return cast_to(_multiply(_round(_divide(cast_to(x, "float64"), 10.0**-decimals)), 10.0**-decimals), x.dtype)
    if decimals == 0:
        return _round(x)
    if decimals < 0:
        return _multiply(_round(_divide(x, 10.0**-decimals)), 10.0**-decimals)
    return _divide(_round(_multiply(x, 10.0**decimals)), 10.0**decimals)


@op(arrays=3)
def where(condition: Any, x1: Any = None, x2: Any = None) -> Tensor:
    """x1 where `condition` holds, x2 elsewhere; all three broadcast.

    >>> import nervure as nv
    >>> nv.ops.where([True, False], 1.0, [2.0, 3.0])
    array([1., 3.], dtype=float32)
    """
    if x1 is None or x2 is None:
        raise ValueError("where: both x1 and x2 are needed: the positions of true values have no fixed shape")
    return node("where", as_bool(condition), *pair(x1, x2))


@op(sequence=True)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Tensor:
    """The choice that belongs to the first condition that holds, element by element; `default` where none does.

    >>> import nervure as nv
    >>> nv.ops.select([[True, False], [True, True]], [[1, 2], [3, 4]])
    array([1, 4], dtype=int32)
    """
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError(f"select: as many choices as conditions are needed, got {len(choicelist)} and {len(condlist)}")
    chosen = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        chosen = where(condition, choice, chosen)
    return chosen


@op(arrays=3)
def clip(x: Any, x_min: Any, x_max: Any) -> Tensor:
    """min(max(x, x_min), x_max); a bound that is None does not bind.

    >>> import nervure as nv
    >>> nv.ops.clip([-2.0, 0.5, 3.0], 0, 1)
    array([0. , 0.5, 1. ], dtype=float32)
    """
    x = tensor(x) if x_min is None else _maximum(x, x_min)
    return x if x_max is None else _minimum(x, x_max)


@op(arrays=2)
def hypot(x1: Any, x2: Any) -> Tensor:
    """sqrt(x1**2 + x2**2), without overflow of the squares.

    >>> import nervure as nv
    >>> nv.ops.hypot([3.0], [4.0])
    array([5.], dtype=float32)
    """
    a, b = pair(x1, x2, FLOAT)
    a, b = _abs(a), _abs(b)
    big, small = _maximum(a, b), _minimum(a, b)
    zero = _equal(big, 0)
    ratio = _divide(small, where(zero, 1, big))
    infinite = _g["logical_or"](_g["isinf"](a), _g["isinf"](b))  # also where the other is NaN (C's hypot)
    return where(infinite, math.inf, _multiply(big, _sqrt(_add(_square(ratio), 1))))


@op(arrays=2)
def logaddexp(x1: Any, x2: Any) -> Tensor:
    """log(exp(x1) + exp(x2)), for any size of x1 and x2.

    >>> import nervure as nv
    >>> nv.ops.logaddexp([1000.0], [1000.0])
    array([1000.6932], dtype=float32)
    """
    a, b = pair(x1, x2, FLOAT)
    big, difference = _maximum(a, b), _abs(_subtract(a, b))
    same = _equal(a, b)  # also both infinite, whose difference is NaN
    return _add(big, _log1p(_exp(_negative(where(same, 0, difference)))))


@op(arrays=2)
def logaddexp2(x1: Any, x2: Any) -> Tensor:
    """log2(2**x1 + 2**x2), for any size of x1 and x2.

    >>> import nervure as nv
    >>> nv.ops.logaddexp2([10.0], [10.0])
    array([11.], dtype=float32)
    """
    a, b = pair(x1, x2, FLOAT)
    return _divide(logaddexp(_multiply(a, math.log(2.0)), _multiply(b, math.log(2.0))), math.log(2.0))


@op(arrays=2)
def divide_no_nan(x1: Any, x2: Any) -> Tensor:
    """x1 / x2, and 0 where x2 is 0.

    >>> import nervure as nv
    >>> nv.ops.divide_no_nan([1.0, 1.0], [2.0, 0.0])
    array([0.5, 0. ], dtype=float32)
    """
    a, b = pair(x1, x2, FLOAT)
    zero = _equal(b, 0)
    return where(zero, 0, _divide(a, where(zero, 1, b)))


@op(arrays=2)
def heaviside(x1: Any, x2: Any) -> Tensor:
    """0 where x1 < 0, x2 where x1 is 0, 1 where x1 > 0.

    >>> import nervure as nv
    >>> nv.ops.heaviside([-1.0, 0.0, 2.0], 0.5)
    array([0. , 0.5, 1. ], dtype=float32)
    """
    a, b = pair(x1, x2, FLOAT)
    return where(_equal(a, 0), b, where(_isnan(a), a, cast_to(_greater(a, 0), a.dtype)))


@op(arrays=2)
def fmax(x1: Any, x2: Any) -> Tensor:
    """The larger; the other where one is NaN.

    >>> import nervure as nv, numpy as np
    >>> nv.ops.fmax([1.0, np.nan], [0.0, 2.0])
    array([1., 2.], dtype=float32)
    """
    a, b = pair(x1, x2)
    return where(_g["not_equal"](a, a), b, where(_g["not_equal"](b, b), a, _maximum(a, b)))


@op(arrays=2)
def fmin(x1: Any, x2: Any) -> Tensor:
    """The smaller; the other where one is NaN.

    >>> import nervure as nv, numpy as np
    >>> nv.ops.fmin([1.0, np.nan], [0.0, 2.0])
    array([0., 2.], dtype=float32)
    """
    a, b = pair(x1, x2)
    return where(_g["not_equal"](a, a), b, where(_g["not_equal"](b, b), a, _minimum(a, b)))


@op(arrays=2)
def fmod(x1: Any, x2: Any) -> Tensor:
    """The remainder of the division, with the sign of x1.

    >>> import nervure as nv
    >>> nv.ops.fmod([-5, 5], [3, -3])
    array([-2,  2], dtype=int32)
    """
    a, b = pair(x1, x2, LEVEL["int32"])
    remainder = _g["mod"](_abs(a), _abs(b))
    return where(_less(a, 0), _negative(remainder), remainder)


@op
def nan_to_num(x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """`nan` for NaN, `posinf` and `neginf` (the largest finite numbers by default) for the infinities.

    >>> import nervure as nv, numpy as np
    >>> nv.ops.nan_to_num([np.nan, 1.0])
    array([0., 1.], dtype=float32)
    """
    x = tensor(x)
    if not is_float(x.dtype):
        return x
    largest = 3.4028234663852886e38 if x.dtype == "float32" else 1.7976931348623157e308
    x = where(_isnan(x), nan, x)
    x = where(_equal(x, math.inf), largest if posinf is None else posinf, x)
    return where(_equal(x, -math.inf), -largest if neginf is None else neginf, x)


@op
def isposinf(x: Any) -> Tensor:
    """Where x is +infinity.

    >>> import nervure as nv, numpy as np
    >>> nv.ops.isposinf([np.inf, -np.inf])
    array([ True, False])
    """
    return _equal(floating(x), math.inf)


@op
def isneginf(x: Any) -> Tensor:
    """Where x is -infinity.

    >>> import nervure as nv, numpy as np
    >>> nv.ops.isneginf([np.inf, -np.inf])
    array([False,  True])
    """
    return _equal(floating(x), -math.inf)


@op(arrays=2)
def isclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Where |x1 - x2| <= atol + rtol |x2|.

    >>> import nervure as nv
    >>> nv.ops.isclose([1.0, 1.1], [1.0, 1.0])
    array([ True, False])
    """
    a, b = pair(x1, x2, FLOAT)
    finite = _g["logical_and"](_g["isfinite"](a), _g["isfinite"](b))
    near = _less_equal(_abs(_subtract(a, b)), _add(_multiply(_abs(b), rtol), atol))
    close = where(finite, near, _equal(a, b))
    return _g["logical_or"](close, _g["logical_and"](_isnan(a), _isnan(b))) if equal_nan else close


@op(arrays=2)
def ldexp(x1: Any, x2: Any) -> Tensor:
    """x1 * 2**x2.

    >>> import nervure as nv
    >>> nv.ops.ldexp([1.5], [3])
    array([12.], dtype=float32)
    """
    a, b = pair(x1, x2, FLOAT)
    return _multiply(a, _power(scalar(2, a.dtype), b))


@op
def copy(x: Any) -> Tensor:
    """The same values in new memory.

    >>> import nervure as nv
    >>> nv.ops.copy([1, 2])
    array([1, 2], dtype=int32)
    """
    return tensor(x)


@op
def stop_gradient(variable: Any) -> Tensor:
    """The same value, taken as a constant by gradients."""
    return node("stop_gradient", tensor(variable))


@op
def cast(x: Any, dtype: Any) -> Tensor:
    """`x` with another dtype. Floats are truncated towards 0 to integers, numbers out of range saturate, NaN gives 0.

    >>> import nervure as nv
    >>> nv.ops.cast([1.9, -1.9], "int32")
    array([ 1, -1], dtype=int32)
    """
    from .._dtypes import standardize_dtype

    name = standardize_dtype(dtype)
    return as_bool(x) if name == "bool" else at(x, name)

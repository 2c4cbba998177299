"""Checks of constructor arguments, with one wording."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import config


def positive_int(owner: str, name: str, value: Any) -> int:
    """`value` as an int; ValueError naming the class and the argument unless it is an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{owner}: expected `{name}` to be a positive integer, got {name}={value!r}")
    return int(value)


def counted(name: str, value: Any) -> int:
    """`value` as an int; TypeError unless it is an integer, ValueError unless it is at least 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"Expected an integer value for `{name}`, got {type(value)}.")
    if value < 1:
        raise ValueError(f"Argument `{name}` should be a positive integer. Received: {name}={value}")
    return int(value)


def fraction(owner: str, name: str, value: Any) -> Any:
    """`value` unless it is no number in [0, 1]: ValueError."""
    if not is_number(value) or not 0 <= value <= 1:
        raise ValueError(
            f"Invalid value received for argument `{name}`. Expected a float value between 0 and 1. Received: "
            f"{name}={value!r} ({owner})"
        )
    return value


def is_number(value: Any) -> bool:
    """True for ints and floats, not for bools."""
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def is_axes(value: Any) -> bool:
    """True for an int, or a list or tuple of ints."""
    return is_int(value) or (isinstance(value, (list, tuple)) and len(value) > 0 and all(map(is_int, value)))


def axis_or_axes(owner: str, value: Any, error: type[Exception] = TypeError) -> Any:
    """An int, or a list of ints; `error` for anything else."""
    if not is_axes(value):
        raise error(
            f"Expected an int or a list/tuple of ints for the argument 'axis', but received: {value!r} ({owner})"
        )
    return int(value) if is_int(value) else list(value)


def is_int(value: Any) -> bool:
    """True for integers, not for bools."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def inside(axis: Any, input_shape: Sequence[int | None]) -> None:
    """ValueError unless each axis is one of the shape's."""
    for k in axis if isinstance(axis, (list, tuple)) else [axis]:
        if not -len(input_shape) <= k < len(input_shape):
            raise ValueError(f"Axis {k} is out of bounds for input shape {tuple(input_shape)}. Received: axis={axis}")


def data_format(value: str | None) -> str:
    """ "channels_last" or "channels_first", by default the one of `config`; ValueError for anything else."""
    value = config.image_data_format() if value is None else str(value).lower()
    if value not in ("channels_last", "channels_first"):
        raise ValueError(
            f"The `data_format` argument must be one of 'channels_first', 'channels_last'. Received: {value}"
        )
    return value


def sizes(name: str, value: Any, count: int, least: int = 0) -> tuple[int, ...]:
    """`count` integers of at least `least`, given as such or as one for all; ValueError otherwise."""
    values = (value,) * count if is_int(value) else tuple(value) if isinstance(value, (list, tuple)) else ()
    if len(values) != count or not all(is_int(v) and v >= least for v in values):
        raise ValueError(
            f"The `{name}` argument must be a tuple of {count} integers of at least {least}. Received {name}={value}"
        )
    return tuple(int(v) for v in values)


def unsupported(owner: str, **arguments: Any) -> None:
    """ValueError naming the first argument that was given a value."""
    for name, value in arguments.items():
        if value is not None:
            raise ValueError(f"{owner} does not support {name}={value!r}")

"""`keras.backend`: what programs look up there."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ._absent import absent
from ._dtypes import is_float, result_type, standardize_dtype
from .config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from .keras_tensor import is_keras_tensor
from .utils import clear_session

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "name_scope",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]


def is_float_dtype(dtype: Any) -> bool:
    """True for floating-point dtypes, given as a name, a NumPy dtype or a Python type.

    >>> is_float_dtype("float64"), is_float_dtype(int)
    (True, False)
    """
    return is_float(standardize_dtype(dtype))


def is_int_dtype(dtype: Any) -> bool:
    """True for integer dtypes, given as a name, a NumPy dtype or a Python type; bool is none.

    >>> is_int_dtype("int32"), is_int_dtype("bool")
    (True, False)
    """
    return standardize_dtype(dtype).startswith("int")


def get_uid(prefix: str = "") -> int:
    """The next number for `prefix`, from 1, in the process; `clear_session` starts again.

    >>> get_uid("an_example"), get_uid("an_example")
    (1, 2)
    """
    from .utils.naming import next_uid

    return next_uid(prefix)


@contextmanager
def name_scope(name: str) -> Iterator[str]:
    """Variables made in the `with` block outside of layers have `name/` before their path; blocks nest. The value of
    the block is the whole prefix.

    >>> import nervure as nv
    >>> with name_scope("outer"), name_scope("inner"):
    ...     v = nv.Variable(1.0, name="v")
    >>> v.path
    'outer/inner/v'
    """
    from . import variable

    if not isinstance(name, str) or not name or "/" in name:
        raise ValueError(f"name must be a string without '/', got {name!r}")
    variable.scopes.append(name)
    try:
        yield "/".join(variable.scopes)
    finally:
        variable.scopes.pop()


if not TYPE_CHECKING:
    __getattr__ = absent(__name__)

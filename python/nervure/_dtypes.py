"""dtypes by name, and the rules that mix them: Keras's promotion lattice, with int64 and float64 kept.

Python scalars are weak: they take the dtype of what they meet, within their kind. In rising order:
bool, Python int, int32, int64, Python float, float32, float64; the highest wins, a Python float alone or among integers
is `floatx()`, a Python int alone or among bools is int32.
"""

from typing import Any

import numpy as np

from . import config

LEVEL = {"bool": 0, "int32": 2, "int64": 3, "float32": 5, "float64": 6}
WEAK = {bool: 0, int: 1, float: 4}
FLOAT = 4  # levels from here on are floats
_NAMES = ("bool", "int32", "int32", "int64", "", "float32", "float64")
_PYTHON = {bool: "bool", int: "int32", "int": "int32"}
# Arrays of other dtypes are read as the narrowest dtype of a graph that holds them.
_WIDENED = {
    **{np.dtype(name): name for name in LEVEL},
    **dict.fromkeys(map(np.dtype, ("int8", "uint8", "int16", "uint16")), "int32"),
    **dict.fromkeys(map(np.dtype, ("uint32", "uint64")), "int64"),
    np.dtype("float16"): "float32",
}


def name_of(level: int) -> str:
    """The dtype of a level of the lattice."""
    return config.floatx() if level == FLOAT else _NAMES[level]


def graph_dtype(dtype: np.dtype[Any]) -> str:
    """The name of the graph dtype that holds `dtype`; TypeError for strings, objects and complex numbers."""
    name = _WIDENED.get(dtype)
    if name is None:
        name = _WIDENED.get(dtype.newbyteorder("="))
        if name is None:
            raise TypeError(f"expected numbers or booleans, got an array of dtype {dtype}")
    return name


def is_float(dtype: str) -> bool:
    """True for "float32" and "float64".

    >>> is_float("float32"), is_float("int32")
    (True, False)
    """
    return LEVEL[dtype] > FLOAT


def standardize_dtype(dtype: Any) -> str:
    """The name of a dtype given as a string, a NumPy dtype or a Python type; None is `floatx()`.

    >>> standardize_dtype(None), standardize_dtype(int), standardize_dtype(np.float64)
    ('float32', 'int32', 'float64')
    """
    if type(dtype) is str and dtype in LEVEL:
        return dtype
    if dtype is None or dtype is float or (type(dtype) is str and dtype == "float"):
        return config.floatx()
    if dtype is bool or dtype is int or (type(dtype) is str and dtype == "int"):  # a np.dtype("int64") equals "int"
        return _PYTHON[dtype]
    try:
        name = np.dtype(dtype).name
    except TypeError:
        name = str(getattr(dtype, "name", dtype))
    if name not in LEVEL:
        raise ValueError(f"dtype must be one of {', '.join(LEVEL)}, got {dtype!r}")
    return name


def result_type(*dtypes: Any) -> str:
    """The dtype that mixing `dtypes` gives: names, NumPy dtypes, or the types `int`, `float`, `bool` for Python
    scalars.

    >>> result_type("int32", "float32"), result_type("bool", int), result_type("float64", float)
    ('float32', 'int32', 'float64')
    """
    if not dtypes:
        return config.floatx()
    return name_of(max(WEAK[d] if d in (bool, int, float) else LEVEL[standardize_dtype(d)] for d in dtypes))

"""Functions of arrays, under the names and with the semantics of `keras.ops`.

Each works in three modes (`nervure.ops.dispatch`): on arrays, giving NumPy arrays; inside a trace, where it adds to the
graph; and on Keras tensors, where it becomes a step of a functional model. dtypes mix by Keras's rules
(`nervure._dtypes`): Python numbers are weak, integers with floats give floats, float64 and int64 stay what they are.

>>> import nervure as nv, numpy as np
>>> nv.ops.add(np.array([1, 2], "int32"), 0.5)
array([1.5, 2.5], dtype=float32)
"""
# ruff: noqa: F403

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import _tensor
from .._absent import absent
from . import (
    bits,
    core,
    elementwise,
    indexing,
    linalg,
    manipulation,
    nn,
    numbers,
    numpy,
    rearranging,
    reduction,
    statistics,
    windows,
)
from .bits import *
from .core import *
from .elementwise import *
from .indexing import *
from .linalg import *
from .manipulation import *
from .nn import *
from .numbers import *
from .rearranging import *
from .reduction import *
from .statistics import *
from .windows import *

_symbolic: Callable[[Any, Any, Any], Any]  # (op, args, kwargs), set by nervure.keras_tensor

__all__ = sorted(
    {
        name
        for m in (
            bits,
            core,
            elementwise,
            indexing,
            linalg,
            manipulation,
            nn,
            numbers,
            rearranging,
            reduction,
            statistics,
            windows,
        )
        for name in m.__all__
    }
)
_tensor._ops = sys.modules[__name__]

if TYPE_CHECKING:  # the ops made from the table

    def __getattr__(name: str) -> Any: ...
else:
    __getattr__ = absent(__name__)
    for _part in (linalg, nn, numpy):
        _part.__getattr__ = absent(_part.__name__)

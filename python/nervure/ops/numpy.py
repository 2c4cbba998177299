"""`keras.ops.numpy`: the ops that have NumPy's names."""
# ruff: noqa: F403

from . import bits, linalg, numbers, statistics, windows
from .bits import *
from .core import array, ndim, size
from .elementwise import *
from .elementwise import __all__ as _elementwise
from .indexing import *
from .indexing import __all__ as _indexing
from .linalg import *
from .manipulation import *
from .manipulation import __all__ as _manipulation
from .numbers import *
from .reduction import *
from .reduction import __all__ as _reduction
from .statistics import *
from .windows import *

__all__ = ["array", "ndim", "size", *_elementwise, *_manipulation, *_reduction, *linalg.__all__, *_indexing,
    *bits.__all__, *numbers.__all__, *statistics.__all__, *windows.__all__]  # fmt: skip

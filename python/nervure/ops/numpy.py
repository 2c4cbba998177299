"""`keras.ops.numpy`: the ops that have NumPy's names."""
# ruff: noqa: F403

from . import linalg
from .core import array, ndim, size
from .elementwise import *
from .elementwise import __all__ as _elementwise
from .indexing import *
from .indexing import __all__ as _indexing
from .linalg import *
from .manipulation import *
from .manipulation import __all__ as _manipulation
from .reduction import *
from .reduction import __all__ as _reduction

__all__ = ["array", "ndim", "size", *_elementwise, *_manipulation, *_reduction, *linalg.__all__, *_indexing]

"""`keras.backend`: what programs look up there."""

from typing import TYPE_CHECKING

from ._absent import absent
from ._dtypes import is_float as is_float_dtype
from ._dtypes import result_type, standardize_dtype
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
    "image_data_format",
    "is_float_dtype",
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]

if not TYPE_CHECKING:
    __getattr__ = absent(__name__)

"""Objects as data: the registry of custom classes and functions, and configs in Keras's form."""

from typing import TYPE_CHECKING

from .._absent import absent
from .registration import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from .serialization import deserialize_keras_object, serialize_keras_object

__all__ = [
    "CustomObjectScope", "custom_object_scope", "deserialize_keras_object", "get_custom_objects",
    "get_registered_name", "get_registered_object", "register_keras_serializable", "serialize_keras_object",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__ = absent(__name__)

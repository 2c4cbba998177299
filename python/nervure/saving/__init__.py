"""Objects as data: the registry of custom classes and functions, configs in Keras's form, and models in files."""

from typing import TYPE_CHECKING

from .._absent import absent
from .model_files import load_model, load_weights, save_model, save_weights
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
    "get_registered_name", "get_registered_object", "load_model", "load_weights", "register_keras_serializable",
    "save_model", "save_weights", "serialize_keras_object",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__ = absent(__name__)

"""Objects as data: the registry of custom classes and functions, configs in Keras's form, and models in files."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .._absent import missing
from .registration import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)

__all__ = [
    "CustomObjectScope", "custom_object_scope", "deserialize_keras_object", "get_custom_objects",
    "get_registered_name", "get_registered_object", "load_model", "load_weights", "register_keras_serializable",
    "save_model", "save_weights", "serialize_keras_object",
]  # fmt: skip

_HOMES = {
    "deserialize_keras_object": "serialization",
    "load_model": "model_files",
    "load_weights": "model_files",
    "save_model": "model_files",
    "save_weights": "model_files",
    "serialize_keras_object": "serialization",
}

if TYPE_CHECKING:
    from .model_files import load_model, load_weights, save_model, save_weights
    from .serialization import deserialize_keras_object, serialize_keras_object
else:

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise missing(__name__, name)
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

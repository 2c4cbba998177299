"""Objects to configs and back, in the form that Keras's files have.

A config is `{"module", "class_name", "config", "registered_name"}`. Only names from a closed list become objects: the
public names of nervure, and what was registered or given as `custom_objects`. Nothing is imported by name, and no code
is stored.
"""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType
from typing import Any

import numpy as np

from .operations import by_class
from .registration import CustomObjectScope, get_custom_objects, get_registered_name, known_object

__all__ = ["deserialize_keras_object", "public_name", "serialize_keras_object", "serialize_shared", "sharing"]

_PLAIN = (str, int, float, bool, type(None))
# Where public names live; a name in several of them is the first one's.
_MODULES = (
    "layers", "models", "losses", "metrics", "optimizers", "optimizers.schedules", "initializers", "regularizers",
    "constraints", "activations", "callbacks", "dtype_policies", "random", "ops",
)  # fmt: skip
_FUNCTIONS = ("losses", "metrics", "activations", "ops", "initializers", "regularizers", "constraints")
_TOP = ("DTypePolicy", "Model", "Sequential", "Variable")  # Keras shows these in its top module
_UNSHOWN = {"Functional": "keras.src.models.functional"}  # in files, though not among the public names


class _Local(threading.local):
    shared: _Shared | None = None


class _Shared:
    """What was met since `sharing` began."""

    def __init__(self) -> None:
        self.made: dict[Any, Any] = {}  # objects by their id in the file
        self.described: dict[int, Any] = {}  # objects are held, so that their ids stay their own


_local = _Local()


@contextmanager
def sharing() -> Iterator[None]:
    """Inside, configs say by `shared_object_id` which object they are of, and from configs with the same one a single
    object is made.
    """
    outer = _local.shared
    _local.shared = _Shared()
    try:
        yield
    finally:
        _local.shared = outer


def serialize_shared(obj: Any) -> Any:
    """`serialize_keras_object` with a `shared_object_id` in the configs of objects that occur more than once.

    >>> from nervure import losses
    >>> loss = losses.Huber()
    >>> a, b, c = serialize_shared([loss, loss, losses.Huber()])
    >>> a["shared_object_id"] == b["shared_object_id"], "shared_object_id" in c
    (True, False)
    """
    with sharing():
        config = serialize_keras_object(obj)
    found: dict[int, list[dict[str, Any]]] = {}
    todo = [config]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            if "shared_object_id" in item:
                found.setdefault(item["shared_object_id"], []).append(item)
            todo += item.values()
        elif isinstance(item, (list, tuple)):
            todo += item
    for places in found.values():
        if len(places) == 1:
            del places[0]["shared_object_id"]
    return config


def _module(name: str) -> Any:
    import importlib

    try:
        return importlib.import_module(f"nervure.{name}")
    except ModuleNotFoundError:
        return None


def public_name(item: Any) -> tuple[str, str] | None:
    """(module, name) under which Keras shows a class or function of nervure's, e.g. ("keras.layers", "Dense"); None
    for others.
    """
    home, name = getattr(item, "__module__", None), getattr(item, "__name__", None)
    if not isinstance(home, str) or not home.startswith("nervure.") or name is None:
        return None
    if name in _TOP:
        return "keras", name
    parts = home.split(".")
    for depth in (2, 3):
        if ".".join(parts[1:depth]) not in _MODULES:
            continue  # a part of a module, not one that users see
        module = sys.modules.get(".".join(parts[:depth]))
        if module is not None and getattr(module, name, None) is item and name in getattr(module, "__all__", ()):
            return ".".join(["keras", *parts[1:depth]]), name
    return None


def serialize_keras_object(obj: Any) -> Any:
    """The config of an object: numbers, texts, and lists and dicts of them. TypeError for what has no config.

    >>> from nervure import losses
    >>> serialize_keras_object(losses.Huber(0.5))["class_name"]
    'Huber'
    """
    from ..keras_tensor import KerasTensor

    if isinstance(obj, np.generic):
        return obj.item()
    if isinstance(obj, _PLAIN):
        return obj
    if isinstance(obj, (list, tuple)):
        items = [serialize_keras_object(item) for item in obj]
        return tuple(items) if isinstance(obj, tuple) else items
    if isinstance(obj, dict):
        return {key: serialize_keras_object(value) for key, value in obj.items()}
    if isinstance(obj, bytes):
        return {"class_name": "__bytes__", "config": {"value": obj.decode("utf-8")}}
    if isinstance(obj, slice):
        ends = {"start": obj.start, "stop": obj.stop, "step": obj.step}
        return {"class_name": "__slice__", "config": serialize_keras_object(ends)}
    if obj is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(obj, KerasTensor):
        history = obj._keras_history
        place = [history.operation.name, history.node_index, history.tensor_index] if history is not None else None
        return {
            "class_name": "__keras_tensor__",
            "config": {"shape": obj.shape, "dtype": obj.dtype, "keras_history": place},
        }
    if isinstance(obj, np.ndarray):
        if obj.ndim == 0:
            return obj.item()
        return {"class_name": "__numpy__", "config": {"value": obj.tolist(), "dtype": obj.dtype.name}}
    if isinstance(obj, type) or not hasattr(obj, "get_config"):
        return _function_config(obj)
    return _described(obj)


def _described(obj: Any) -> dict[str, Any]:
    cls, inner = type(obj), obj.get_config()
    if not isinstance(inner, dict):
        raise TypeError(f"The `get_config()` method of {obj} should return a dict. It returned: {inner}")
    inner = serialize_keras_object(inner)
    public = public_name(cls)
    if public is not None:
        config = {"module": public[0], "class_name": public[1], "config": inner, "registered_name": None}
    else:
        module = None if cls.__module__ == "__main__" else cls.__module__
        if cls.__module__.startswith("nervure."):
            module = _UNSHOWN.get(cls.__name__, module)
        registered = get_registered_name(cls)
        config = {"module": module, "class_name": cls.__name__, "config": inner, "registered_name": registered}
    for key, method in (("build_config", "get_build_config"), ("compile_config", "get_compile_config")):
        more = getattr(obj, method, lambda: None)()
        if more is not None:
            config[key] = serialize_keras_object(more)
    shared = _local.shared
    if shared is not None:
        shared.described[id(obj)] = obj
        config["shared_object_id"] = id(obj)
    return config


def _function_config(function: Any) -> dict[str, Any]:
    name = getattr(function, "__name__", None)
    if name == "<lambda>":
        warnings.warn(
            "The object being serialized includes a `lambda`, whose code is not stored: what is saved now cannot be "
            "loaded as it is. Use a named function and register it with register_keras_serializable",
            stacklevel=2,
        )
        return {"class_name": "__lambda__", "config": {"value": None}}
    if name is None:
        raise TypeError(
            f"{function!r} cannot be described by a config: give it a `get_config`, or use a function with a name"
        )
    registered = get_registered_name(function)
    module = "builtins" if public_name(function) is not None else function.__module__
    return {"module": module, "class_name": "function", "config": name, "registered_name": registered}


def deserialize_keras_object(
    config: Any, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True, **kwargs: Any
) -> Any:
    """The object that a config describes. `safe_mode` changes nothing: no config can hold code.

    TypeError for a class that is neither nervure's nor registered nor in `custom_objects`.

    >>> from nervure import losses
    >>> deserialize_keras_object(serialize_keras_object(losses.Huber(0.5))).name
    'huber_loss'
    """
    found = known_object(config, custom_objects) if isinstance(config, str) else None
    if found is not None:
        return found
    if isinstance(config, _PLAIN):
        return config
    if isinstance(config, (list, tuple)):
        return [deserialize_keras_object(item, custom_objects) for item in config]
    if not isinstance(config, Mapping):
        raise TypeError(f"Could not parse config: {config!r}")
    if "class_name" not in config or "config" not in config:
        return {key: deserialize_keras_object(value, custom_objects) for key, value in config.items()}
    name, inner = config["class_name"], config["config"]
    if not isinstance(name, str):
        raise TypeError(f"Expected `class_name` to be a string, got {name!r}")
    if name.startswith("__"):
        return _special(name, inner or {})
    if name == "function":
        return _function(config, custom_objects)
    if inner is not None and not isinstance(inner, Mapping):
        raise TypeError(f"Expected 'config' to be a dict for class '{name}'. Received: {inner!r}")
    shared, shared_id = _local.shared, config.get("shared_object_id")
    if shared is not None and shared_id is not None and isinstance(shared_id, (int, str)) and shared_id in shared.made:
        return shared.made[shared_id]
    cls = _find(config, name, custom_objects)
    if isinstance(cls, FunctionType):
        return cls
    if not hasattr(cls, "from_config"):
        raise TypeError(
            f"Unable to reconstruct an instance of '{name}' because the class is missing a `from_config()` method. "
            f"Full object config: {config!r}"
        )
    outer = known_scope(custom_objects)
    with CustomObjectScope(outer):
        try:
            made = cls.from_config(dict(inner or {}))
        except TypeError as error:
            raise TypeError(
                f"{cls} could not be deserialized properly. Please ensure that components that are Python object "
                "instances (layers, models, etc.) returned by `get_config()` are explicitly deserialized in the "
                f"model's `from_config()` method.\n\nconfig={config}.\n\nException encountered: {error}"
            ) from error
        if config.get("build_config") and not getattr(made, "built", True):
            made.build_from_config(deserialize_keras_object(config["build_config"]))
        if config.get("compile_config") and hasattr(made, "compile_from_config"):
            made.compile_from_config(config["compile_config"])
    if shared is not None and isinstance(shared_id, (int, str)):
        shared.made[shared_id] = made
    return made


def known_scope(custom_objects: Mapping[str, Any] | None) -> dict[str, Any]:
    """The objects of the innermost scope and these."""
    from .registration import _local

    return {**_local.scope, **(custom_objects or {})}


def _special(name: str, inner: Mapping[str, Any]) -> Any:
    if name == "__keras_tensor__":
        from ..keras_tensor import KerasTensor

        tensor = KerasTensor(inner["shape"], inner["dtype"])
        tensor._saved_history = inner.get("keras_history")
        return tensor
    if name in ("__numpy__", "__tensor__"):
        return np.array(inner["value"], inner["dtype"])
    if name == "__bytes__":
        return str(inner["value"]).encode("utf-8")
    if name == "__ellipsis__":
        return Ellipsis
    if name == "__slice__":
        return slice(*(deserialize_keras_object(inner[key]) for key in ("start", "stop", "step")))
    if name == "__lambda__":
        raise ValueError(
            "The config holds the code of a Python lambda. nervure runs no code from a config or a file: write a named "
            "function and register it with register_keras_serializable, or pass it in `custom_objects`"
        )
    raise TypeError(f"Unknown kind of config: {name!r}")


def _function(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None) -> Any:
    name = config["config"]
    if not isinstance(name, str):
        raise TypeError(f"Expected 'config' to be a non-null str, the name of a function. Received: {name!r}")
    return _find(config, name, custom_objects)


def _find(config: Mapping[str, Any], name: str, custom_objects: Mapping[str, Any] | None) -> Any:
    """The class or function of that name, from the closed list."""
    for key in (config.get("registered_name"), name):
        found = known_object(key, custom_objects)
        if found is not None:
            return found
    home = config.get("module")
    is_function = config["class_name"] == "function"
    if is_function and ">" not in name:  # files of Keras 3.6 and before leave the package out
        known = {**get_custom_objects(), **known_scope(custom_objects)}
        found = next((item for key, item in known.items() if key.endswith(f">{name}")), None)
        if found is not None:
            return found
    if isinstance(home, str) and home.startswith("keras.src.ops.") and not is_function and name in by_class():
        from .. import ops
        from ..keras_tensor import function_class

        function = getattr(ops, by_class()[name].function, None)
        if function is not None:
            return function_class(function)
    wanted = home.removeprefix("keras.").removeprefix("src.") if isinstance(home, str) else ""
    ours = home is None or home == "builtins" or home.split(".")[0] in ("keras", "nervure", "tf_keras")
    if ours and name in _UNSHOWN:
        from ..models import model

        return getattr(model, name)
    places = _FUNCTIONS if is_function else _MODULES
    first = [m for m in places if wanted == m or wanted.startswith(f"{m}.")]
    for place in (*first, *(m for m in places if m not in first)) if ours else ():
        module = _module(place)
        if module is not None and name in module.__all__:
            registered = config.get("registered_name")
            if registered not in (None, "", name, "function"):
                raise ValueError(
                    f"The config of {place}.{name}, which is resolved to a Keras built-in, has "
                    f"registered_name={registered!r}: it was made for another class or function"
                )
            return getattr(module, name)
    raise TypeError(
        f"Could not locate {'function' if is_function else 'class'} '{name}'. Make sure custom "
        f"classes and functions are decorated with `register_keras_serializable()` or given in `custom_objects`. Full "
        f"object config: {dict(config)!r}"
    )

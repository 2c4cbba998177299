"""Which custom classes and functions a config may name: those registered, and those of a `custom_object_scope`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

__all__ = [
    "CustomObjectScope", "custom_object_scope", "get_custom_objects", "get_registered_name",
    "get_registered_object", "known_object", "register_keras_serializable",
]  # fmt: skip

_T = TypeVar("_T")
_objects: dict[str, Any] = {}
_names: dict[Any, str] = {}


class _Local(threading.local):
    scope: Mapping[str, Any] = {}


_local = _Local()


class CustomObjectScope:
    """Inside, names in `custom_objects` stand for these classes and functions. The inner of two scopes hides the outer.

    >>> from nervure import losses
    >>> def gap(y_true, y_pred):
    ...     return y_pred - y_true
    >>> with CustomObjectScope({"gap": gap}):
    ...     losses.get("gap") is gap
    True
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None) -> None:
        self.custom_objects = dict(custom_objects or {})
        self._outer: list[Mapping[str, Any]] = []

    def __enter__(self) -> CustomObjectScope:
        self._outer.append(_local.scope)
        _local.scope = self.custom_objects
        return self

    def __exit__(self, *exception: Any) -> None:
        _local.scope = self._outer.pop()


custom_object_scope = CustomObjectScope


def get_custom_objects() -> dict[str, Any]:
    """The registered classes and functions by name: the dict itself, so that it can be changed.

    >>> isinstance(get_custom_objects(), dict)
    True
    """
    return _objects


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[_T], _T]:
    """A decorator: configs may name this class or function, as `package>name`. ValueError for a class without
    `get_config`.

    >>> @register_keras_serializable("mine")
    ... def double(x):
    ...     return 2 * x
    >>> get_registered_name(double)
    'mine>double'
    """

    def register(item: _T) -> _T:
        if isinstance(item, type) and not hasattr(item, "get_config"):
            raise ValueError("Cannot register a class that does not have a get_config() method.")
        key = f"{package}>{name if name is not None else item.__name__}"  # type: ignore[attr-defined]
        _objects[key] = item
        _names[item] = key
        return item

    return register


def get_registered_name(obj: Any) -> str:
    """The name under which a class or function is registered, or its own.

    >>> get_registered_name(dict)
    'dict'
    """
    try:
        return _names.get(obj) or obj.__name__
    except TypeError:  # cannot be hashed
        return obj.__name__  # type: ignore[no-any-return]


def get_registered_object(
    name: str, custom_objects: Mapping[str, Any] | None = None, module_objects: Mapping[str, Any] | None = None
) -> Any:
    """The class or function of that name: of the innermost scope, registered, or among the given ones; else None.

    >>> get_registered_object("one", {"one": 1})
    1
    """
    for known in (_local.scope, _objects, custom_objects or {}, module_objects or {}):
        if name in known:
            return known[name]
    return None


def known_object(name: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """What a name stands for before built-in names are looked at; None if for nothing."""
    if not isinstance(name, str) or not (_local.scope or _objects or custom_objects):
        return None
    return get_registered_object(name, custom_objects)

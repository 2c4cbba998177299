"""From a name, a class or a config to an object, and back: what the `get` and `serialize` of several modules share."""

from collections.abc import Mapping
from types import FunctionType
from typing import Any

from .saving.registration import known_object

__all__ = ["describe", "identify"]


def identify(
    kind: str, identifier: Any, base: Any, known: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """The object of class `base` (or one of several), or the function, that `identifier` stands for.

    Objects, functions and None stand for themselves, a class for an object of it, a config ({"class_name", "config"})
    or a name for what is registered, in `custom_objects`, or `known` by it. ValueError listing the names otherwise.

    >>> identify("number", "one", int, {"one": int})
    0
    """
    if identifier is None or (callable(identifier) and not isinstance(identifier, type)):
        return identifier
    if isinstance(identifier, base):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, base):
        return identifier()
    if isinstance(identifier, Mapping) and "class_name" in identifier:
        found = _described(identifier, known, custom_objects)
        if found is not None:
            return found
    if isinstance(identifier, str):
        found = known_object(identifier, custom_objects) or known.get(identifier)
        if found is not None:
            return found() if isinstance(found, type) else found
    raise ValueError(
        f"Could not interpret {kind} identifier: {identifier!r}; expected None, a callable or one of "
        f"{sorted(name for name in known if name == name.lower())}"
    )


def _described(config: Mapping[str, Any], known: Mapping[str, Any], custom: Mapping[str, Any] | None) -> Any:
    name, inner = config["class_name"], config.get("config")
    key = inner if name == "function" else name
    for candidate in (config.get("registered_name"), key):
        found = known_object(candidate, custom)
        found = known.get(candidate) if found is None and isinstance(candidate, str) else found
        if isinstance(found, type):
            from .saving.registration import CustomObjectScope
            from .saving.serialization import known_scope

            with CustomObjectScope(known_scope(custom)):
                return found.from_config(dict(inner or {})) if hasattr(found, "from_config") else found()
        if found is not None:
            return found
    return None


def describe(item: Any) -> Any:
    """The config of an object, in Keras's form; the name of a function that is not registered; None of None."""
    from .saving.serialization import serialize_keras_object

    if isinstance(item, FunctionType):
        from .saving.registration import get_registered_name

        return get_registered_name(item)
    return serialize_keras_object(item)

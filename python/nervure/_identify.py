"""From a name, a class or a config to an object, and back: what the `get` and `serialize` of several modules share."""

from collections.abc import Mapping
from typing import Any

__all__ = ["describe", "identify"]


def identify(kind: str, identifier: Any, base: Any, known: Mapping[str, Any]) -> Any:
    """The object of class `base` (or one of several), or the function, that `identifier` stands for.

    Objects, functions and None stand for themselves, a class for an object of it, a config ({"class_name", "config"})
    or a name for what is `known` by it. ValueError listing the names otherwise.

    >>> identify("number", "one", int, {"one": int})
    0
    """
    if identifier is None or (callable(identifier) and not isinstance(identifier, type)):
        return identifier
    if isinstance(identifier, base):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, base):
        return identifier()
    if isinstance(identifier, dict) and identifier.get("class_name") in known:
        return known[identifier["class_name"]].from_config(identifier.get("config", {}))
    if isinstance(identifier, str) and identifier in known:
        found = known[identifier]
        return found() if isinstance(found, type) else found
    raise ValueError(
        f"Could not interpret {kind} identifier: {identifier!r}; expected None, a callable or one of "
        f"{sorted(name for name in known if name == name.lower())}"
    )


def describe(item: Any) -> Any:
    """The config of an object that has one, else the name of a function, else None."""
    if not hasattr(item, "get_config"):
        return getattr(item, "__name__", None)
    return {"class_name": type(item).__name__, "config": item.get_config()}

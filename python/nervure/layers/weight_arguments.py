"""The arguments that say how weights begin and stay: `kernel_initializer`, `bias_regularizer`, .."""

from __future__ import annotations

from typing import Any

from .. import constraints, initializers, regularizers
from .layer import Layer

_KINDS: dict[str, Any] = {"initializer": initializers, "regularizer": regularizers, "constraint": constraints}


def _module(name: str) -> Any:
    return _KINDS[name.rpartition("_")[2]]


def keep(layer: Layer, **arguments: Any) -> None:
    """Sets the attributes of these names to the objects that the arguments stand for. ValueError for unknown ones."""
    for name, value in arguments.items():
        setattr(layer, name, _module(name).get(value))


def options(layer: Layer, weight: str) -> dict[str, Any]:
    """What `add_weight` is to be told of a weight."""
    return {kind: getattr(layer, f"{weight}_{kind}", None) for kind in _KINDS}


def described(layer: Layer, *names: str) -> dict[str, Any]:
    """The configs of the arguments of these names."""
    return {name: _module(name).serialize(getattr(layer, name)) for name in names}

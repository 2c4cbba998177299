"""Optimizers: how a step changes the weights."""

from typing import Any

from .adam import Adam
from .optimizer import Optimizer
from .rmsprop import RMSprop
from .sgd import SGD

__all__ = ["SGD", "Adam", "Optimizer", "RMSprop", "get"]

_KNOWN: dict[str, type[Optimizer]] = {c.__name__.lower(): c for c in (SGD, Adam, RMSprop)}


def get(identifier: Any) -> Optimizer:
    """An optimizer from its name in any case ("adam"), class, config or itself. ValueError on an unknown name.

    >>> type(get("sgd")).__name__
    'SGD'
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()
    if isinstance(identifier, dict) and str(identifier.get("class_name")).lower() in _KNOWN:
        return _KNOWN[identifier["class_name"].lower()].from_config(identifier.get("config", {}))
    if isinstance(identifier, str) and identifier.lower() in _KNOWN:
        return _KNOWN[identifier.lower()]()
    raise ValueError(
        f"Could not interpret optimizer identifier: {identifier!r}; expected an Optimizer or one of {sorted(_KNOWN)}"
    )

"""Optimizers: how a step changes the weights."""

from typing import TYPE_CHECKING, Any

from .._absent import absent
from .adam import Adam
from .optimizer import Optimizer
from .rmsprop import RMSprop
from .sgd import SGD

__all__ = ["SGD", "Adam", "Optimizer", "RMSprop", "get"]

if not TYPE_CHECKING:
    __getattr__ = absent(__name__)

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

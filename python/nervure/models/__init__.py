"""Models: functional, sequential, subclassed; how they are trained."""

from typing import TYPE_CHECKING

from .._absent import absent
from .model import Model
from .sequential import Sequential

__all__ = ["Model", "Sequential"]

if not TYPE_CHECKING:
    __getattr__ = absent(__name__)

"""Models: functional, sequential, subclassed; how they are trained."""

from .model import Model
from .sequential import Sequential

__all__ = ["Model", "Sequential"]

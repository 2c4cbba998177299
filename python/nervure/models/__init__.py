"""Models: functional, sequential, subclassed; how they are trained, described, cloned and saved."""

from typing import TYPE_CHECKING

from .._absent import absent
from ..saving.model_files import load_model, save_model
from .cloning import clone_model
from .config import model_from_json
from .model import Model
from .sequential import Sequential

__all__ = ["Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]

if not TYPE_CHECKING:
    __getattr__ = absent(__name__)

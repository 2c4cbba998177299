"""Models: functional, sequential, subclassed; how they are trained, described, cloned and saved."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .._absent import missing
from .model import Model
from .sequential import Sequential

__all__ = ["Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]

_HOMES = {
    "clone_model": "models.cloning",
    "load_model": "saving.model_files",
    "model_from_json": "models.config",
    "save_model": "saving.model_files",
}

if TYPE_CHECKING:
    from ..saving.model_files import load_model, save_model
    from .cloning import clone_model
    from .config import model_from_json
else:

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise missing(__name__, name)
        return getattr(import_module(f"nervure.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

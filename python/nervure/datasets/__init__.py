"""Data sets that come with the package, so that examples and tests need no network."""

from typing import TYPE_CHECKING

from .._absent import absent
from . import digits

__all__ = ["digits"]

if not TYPE_CHECKING:
    __getattr__ = absent(__name__)

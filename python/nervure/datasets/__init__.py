"""Data sets that come with the package, so that examples and tests need no network."""

from nervure.datasets import digits

__all__ = ["digits"]

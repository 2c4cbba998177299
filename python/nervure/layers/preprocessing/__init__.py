"""Layers that prepare tabular data and texts: scaling, binning, encoding categories, looking up and hashing.

They are names of `nervure.layers`, and each is imported when it is first asked for.
"""

from importlib import import_module
from typing import Any

__all__ = ["HOMES", "load"]

HOMES = {
    "CategoryEncoding": "category_encoding",
    "Discretization": "discretization",
    "HashedCrossing": "hashed_crossing",
    "Hashing": "hashing",
    "IntegerLookup": "integer_lookup",
    "Normalization": "normalization",
    "Pipeline": "pipeline",
    "StringLookup": "string_lookup",
    "TextVectorization": "text_vectorization",
}


def load(name: str) -> Any:
    """The layer of that name, one of `HOMES`.

    >>> load("Hashing").__name__
    'Hashing'
    """
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)

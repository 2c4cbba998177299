"""Layers that prepare tabular data and texts: scaling, binning, encoding categories, looking up and hashing."""

from .category_encoding import CategoryEncoding
from .discretization import Discretization
from .hashed_crossing import HashedCrossing
from .hashing import Hashing
from .integer_lookup import IntegerLookup
from .normalization import Normalization
from .pipeline import Pipeline
from .string_lookup import StringLookup
from .text_vectorization import TextVectorization

__all__ = [
    "CategoryEncoding", "Discretization", "HashedCrossing", "Hashing", "IntegerLookup", "Normalization", "Pipeline",
    "StringLookup", "TextVectorization",
]  # fmt: skip

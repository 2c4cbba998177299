"""Layers that prepare tabular data and texts: scaling, binning, encoding categories, looking up and hashing.

They are names of `nervure.layers`, and each is imported when it is first asked for.
"""

__all__ = ["HOMES"]

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

"""Layers: compositions of `nervure.ops` with weights."""

from typing import TYPE_CHECKING, Any

from .._absent import missing
from .activation import Activation, LeakyReLU, ReLU, Softmax
from .dense import Dense
from .input_layer import Input, InputLayer
from .input_spec import InputSpec
from .layer import Layer
from .merging import (
    Add,
    Average,
    Concatenate,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    maximum,
    minimum,
    multiply,
    subtract,
)
from .normalization import BatchNormalization
from .preprocessing import HOMES, load
from .regularization import Dropout
from .reshaping import Flatten, Rescaling, Reshape

__all__ = [
    "Activation", "Add", "Average", "BatchNormalization", "CategoryEncoding", "Concatenate", "Dense", "Discretization",
    "Dropout", "Flatten", "HashedCrossing", "Hashing", "Input", "InputLayer", "InputSpec", "IntegerLookup", "Layer",
    "LeakyReLU", "Maximum", "Minimum", "Multiply", "Normalization", "Pipeline", "ReLU", "Rescaling", "Reshape",
    "Softmax", "StringLookup", "Subtract", "TextVectorization",
    "add", "average", "concatenate", "maximum", "minimum", "multiply", "subtract",
]  # fmt: skip

if TYPE_CHECKING:
    from .preprocessing.category_encoding import CategoryEncoding
    from .preprocessing.discretization import Discretization
    from .preprocessing.hashed_crossing import HashedCrossing
    from .preprocessing.hashing import Hashing
    from .preprocessing.integer_lookup import IntegerLookup
    from .preprocessing.normalization import Normalization
    from .preprocessing.pipeline import Pipeline
    from .preprocessing.string_lookup import StringLookup
    from .preprocessing.text_vectorization import TextVectorization
else:

    def __getattr__(name: str) -> Any:
        if name not in HOMES:
            raise missing(__name__, name)
        layer = globals()[name] = load(name)
        return layer


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""Layers: compositions of `nervure.ops` with weights."""

from typing import TYPE_CHECKING

from .._absent import absent
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
from .preprocessing import (
    CategoryEncoding,
    Discretization,
    HashedCrossing,
    Hashing,
    IntegerLookup,
    Normalization,
    Pipeline,
    StringLookup,
    TextVectorization,
)
from .regularization import Dropout
from .reshaping import Flatten, Rescaling, Reshape

__all__ = [
    "Activation", "Add", "Average", "BatchNormalization", "CategoryEncoding", "Concatenate", "Dense", "Discretization",
    "Dropout", "Flatten", "HashedCrossing", "Hashing", "Input", "InputLayer", "InputSpec", "IntegerLookup", "Layer",
    "LeakyReLU", "Maximum", "Minimum", "Multiply", "Normalization", "Pipeline", "ReLU", "Rescaling", "Reshape",
    "Softmax", "StringLookup", "Subtract", "TextVectorization",
    "add", "average", "concatenate", "maximum", "minimum", "multiply", "subtract",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__ = absent(__name__)

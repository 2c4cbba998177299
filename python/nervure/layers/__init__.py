"""Layers: compositions of `nervure.ops` with weights."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .._absent import missing
from .activation import ELU, Activation, LeakyReLU, PReLU, ReLU, Softmax
from .batch_normalization import BatchNormalization
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
from .preprocessing import HOMES as PREPROCESSING
from .regularization import (
    ActivityRegularization,
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)
from .reshaping import Flatten, Permute, RepeatVector, Rescaling, Reshape
from .same_shape import Identity

__all__ = [
    "ELU", "Activation", "ActivityRegularization", "Add", "AlphaDropout", "Average", "BatchNormalization",
    "CategoryEncoding", "Concatenate", "Cropping1D", "Cropping2D", "Cropping3D", "Dense", "Discretization", "Dot",
    "Dropout", "EinsumDense", "Embedding", "Flatten", "GaussianDropout", "GaussianNoise", "GlobalAveragePooling1D",
    "GlobalAveragePooling2D", "GlobalAveragePooling3D", "GlobalAvgPool1D", "GlobalAvgPool2D", "GlobalAvgPool3D",
    "GlobalMaxPool1D", "GlobalMaxPool2D", "GlobalMaxPool3D", "GlobalMaxPooling1D", "GlobalMaxPooling2D",
    "GlobalMaxPooling3D", "GroupNormalization", "HashedCrossing", "Hashing", "Identity", "Input", "InputLayer",
    "InputSpec", "IntegerLookup", "Lambda", "Layer", "LayerNormalization", "LeakyReLU", "Masking", "Maximum",
    "Minimum", "Multiply", "Normalization", "PReLU", "Permute", "Pipeline", "RMSNormalization", "ReLU",
    "RepeatVector", "Rescaling", "Reshape", "Softmax", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D",
    "SpectralNormalization", "StringLookup", "Subtract", "TextVectorization", "TimeDistributed", "UnitNormalization",
    "UpSampling1D", "UpSampling2D", "UpSampling3D", "Wrapper", "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D",
    "add", "average", "concatenate", "deserialize", "dot", "maximum", "minimum", "multiply", "serialize", "subtract",
]  # fmt: skip

# Those that few programs use are imported when they are first asked for: each with the module it is in.
_HOMES = {name: f"preprocessing.{home}" for name, home in PREPROCESSING.items()}
_HOMES |= {
    "Dot": "dot_product",
    "dot": "dot_product",
    "EinsumDense": "einsum_dense",
    "Embedding": "embedding",
    "Lambda": "lambda_layer",
    "Masking": "masking",
    "GroupNormalization": "normalization",
    "LayerNormalization": "normalization",
    "RMSNormalization": "normalization",
    "UnitNormalization": "normalization",
    "GlobalAveragePooling1D": "pooling",
    "GlobalAveragePooling2D": "pooling",
    "GlobalAveragePooling3D": "pooling",
    "GlobalMaxPooling1D": "pooling",
    "GlobalMaxPooling2D": "pooling",
    "GlobalMaxPooling3D": "pooling",
    "Cropping1D": "resizing",
    "Cropping2D": "resizing",
    "Cropping3D": "resizing",
    "UpSampling1D": "resizing",
    "UpSampling2D": "resizing",
    "UpSampling3D": "resizing",
    "ZeroPadding1D": "resizing",
    "ZeroPadding2D": "resizing",
    "ZeroPadding3D": "resizing",
    "deserialize": "serialization",
    "serialize": "serialization",
    "SpectralNormalization": "wrapper",
    "TimeDistributed": "wrapper",
    "Wrapper": "wrapper",
    "GlobalAvgPool1D": "pooling",
    "GlobalAvgPool2D": "pooling",
    "GlobalAvgPool3D": "pooling",
    "GlobalMaxPool1D": "pooling",
    "GlobalMaxPool2D": "pooling",
    "GlobalMaxPool3D": "pooling",
}

if TYPE_CHECKING:
    from .dot_product import Dot, dot
    from .einsum_dense import EinsumDense
    from .embedding import Embedding
    from .lambda_layer import Lambda
    from .masking import Masking
    from .normalization import GroupNormalization, LayerNormalization, RMSNormalization, UnitNormalization
    from .pooling import (
        GlobalAveragePooling1D,
        GlobalAveragePooling2D,
        GlobalAveragePooling3D,
        GlobalAvgPool1D,
        GlobalAvgPool2D,
        GlobalAvgPool3D,
        GlobalMaxPool1D,
        GlobalMaxPool2D,
        GlobalMaxPool3D,
        GlobalMaxPooling1D,
        GlobalMaxPooling2D,
        GlobalMaxPooling3D,
    )
    from .preprocessing.category_encoding import CategoryEncoding
    from .preprocessing.discretization import Discretization
    from .preprocessing.hashed_crossing import HashedCrossing
    from .preprocessing.hashing import Hashing
    from .preprocessing.integer_lookup import IntegerLookup
    from .preprocessing.normalization import Normalization
    from .preprocessing.pipeline import Pipeline
    from .preprocessing.string_lookup import StringLookup
    from .preprocessing.text_vectorization import TextVectorization
    from .resizing import (
        Cropping1D,
        Cropping2D,
        Cropping3D,
        UpSampling1D,
        UpSampling2D,
        UpSampling3D,
        ZeroPadding1D,
        ZeroPadding2D,
        ZeroPadding3D,
    )
    from .serialization import deserialize, serialize
    from .wrapper import SpectralNormalization, TimeDistributed, Wrapper
else:

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise missing(__name__, name)
        found = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""Names that Keras 3 has and nervure does not: asking for one of them says so.

A module takes part with `__getattr__ = absent(__name__)`. The table is data; a name in it that has since been made is
found before anyone looks here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

__all__ = ["absent", "missing"]

_IN_KERAS = {
    "nervure": """
        Quantizer RematScope StatelessScope SymbolicScope applications device distillation distribution export
        legacy mixed_precision preprocessing quantizers remat visualization wrappers
    """,
    "nervure.callbacks": "OrbaxCheckpoint",
    "nervure.datasets": "boston_housing california_housing cifar10 cifar100 fashion_mnist imdb mnist reuters",
    "nervure.dtype_policies": """
        AWQDTypePolicy DTypePolicyMap GPTQDTypePolicy Int4DTypePolicy QuantizedDTypePolicy
        QuantizedFloat8DTypePolicy
    """,
    "nervure.layers": """
        AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D
        AdaptiveMaxPooling2D AdaptiveMaxPooling3D AdditiveAttention Attention AugMix AutoContrast AveragePooling1D
        AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D AvgPool3D Bidirectional CenterCrop
        ContrastLimitedAdaptiveHistogramEqualization Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D
        Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Convolution1D Convolution1DTranspose Convolution2D
        Convolution2DTranspose Convolution3D Convolution3DTranspose CutMix DepthwiseConv1D DepthwiseConv2D
        Equalization FlaxLayer GRU GRUCell GroupQueryAttention JaxLayer LSTM LSTMCell MaxNumBoundingBoxes MaxPool1D
        MaxPool2D MaxPool3D MaxPooling1D MaxPooling2D MaxPooling3D MelSpectrogram MixUp MultiHeadAttention RNN
        RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop
        RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHue RandomInvert
        RandomPerspective RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear
        RandomTranslation RandomZoom Resizing ReversibleEmbedding STFTSpectrogram SeparableConv1D SeparableConv2D
        SeparableConvolution1D SeparableConvolution2D SimpleRNN SimpleRNNCell Solarization StackedRNNCells TFSMLayer
        TorchModuleWrapper
    """,
    "nervure.ops": """
        adaptive_average_pool adaptive_max_pool associative_scan average_pool cholesky cholesky_inverse conv
        conv_transpose ctc_decode ctc_loss custom_gradient depth_to_space depthwise_conv det dot_product_attention
        eig eigh extract_sequences fft fft2 fold i0 ifft2 image inv irfft istft jvp logdet lstsq lu_factor
        matrix_rank max_pool nextafter pinv polar qr rfft separable_conv slogdet solve solve_triangular
        space_to_depth stft svd unfold vectorize view view_as_complex view_as_real
    """,
    "nervure.optimizers": "legacy",
    "nervure.saving": "KerasFileEditor",
    "nervure.utils": """
        Config FeatureSpace array_to_img audio_dataset_from_directory bounding_boxes get_source_inputs
        image_dataset_from_directory img_to_array legacy load_img save_img text_dataset_from_directory
    """,
}


def missing(module: str, name: str) -> AttributeError:
    """The error for a name that `module` does not have: is it Keras's, and what is nearest to it here?"""
    text = f"module '{module}' has no attribute '{name}'"
    if not name.startswith("_"):
        import difflib
        import sys

        table = "nervure.ops" if module.startswith("nervure.ops.") else module  # one table for all of its parts
        if name in _IN_KERAS.get(table, "").split():
            text += ": Keras has it, nervure does not"
        here = [n for n in dir(sys.modules[module]) if not n.startswith("_")]
        near = difflib.get_close_matches(name, here, 1)
        text += f". Did you mean '{near[0]}'?" if near else ""
    return AttributeError(text)


def absent(module: str) -> Callable[[str], NoReturn]:
    """The `__getattr__` of a module all of whose names are there when it is imported."""

    def __getattr__(name: str) -> NoReturn:
        raise missing(module, name)

    return __getattr__

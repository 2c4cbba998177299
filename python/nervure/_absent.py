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
        Quantizer RematScope StatelessScope SymbolicScope applications device
        distillation distribution export legacy mixed_precision name_scope preprocessing
        quantizers remat visualization wrappers
    """,
    "nervure.backend": "get_uid is_int_dtype",
    "nervure.callbacks": """
        BackupAndRestore CSVLogger EarlyStopping LearningRateScheduler ModelCheckpoint OrbaxCheckpoint
        ReduceLROnPlateau RemoteMonitor SwapEMAWeights TensorBoard TerminateOnNaN
    """,
    "nervure.dtype_policies": "DTypePolicyMap FloatDTypePolicyMap QuantizedDTypePolicy QuantizedFloat8DTypePolicy",
    "nervure.saving": "KerasFileEditor",
    "nervure.config": """
        disable_flash_attention disable_interactive_logging disable_traceback_filtering
        enable_flash_attention enable_interactive_logging enable_traceback_filtering
        enable_unsafe_deserialization is_flash_attention_enabled is_interactive_logging_enabled is_nnx_enabled
        is_traceback_filtering_enabled set_backend
    """,
    "nervure.datasets": """
        boston_housing california_housing cifar10 cifar100 fashion_mnist imdb mnist reuters
    """,
    "nervure.layers": """
        AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D
        AdaptiveMaxPooling2D AdaptiveMaxPooling3D AdditiveAttention Attention AugMix AutoContrast
        AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D AvgPool3D Bidirectional
        CenterCrop ContrastLimitedAdaptiveHistogramEqualization Conv1D Conv1DTranspose Conv2D Conv2DTranspose
        Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Convolution1D Convolution1DTranspose
        Convolution2D Convolution2DTranspose Convolution3D Convolution3DTranspose CutMix DepthwiseConv1D
        DepthwiseConv2D Equalization FlaxLayer GRU GRUCell GroupQueryAttention JaxLayer LSTM LSTMCell
        MaxNumBoundingBoxes MaxPool1D MaxPool2D MaxPool3D MaxPooling1D MaxPooling2D MaxPooling3D
        MelSpectrogram MixUp MultiHeadAttention RNN RandAugment RandomBrightness RandomColorDegeneration
        RandomColorJitter RandomContrast RandomCrop RandomElasticTransform RandomErasing RandomFlip
        RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective RandomPosterization
        RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom Resizing
        ReversibleEmbedding STFTSpectrogram SeparableConv1D SeparableConv2D SeparableConvolution1D
        SeparableConvolution2D SimpleRNN SimpleRNNCell Solarization StackedRNNCells TFSMLayer
        TorchModuleWrapper
    """,
    "nervure.metrics": """
        AUC BinaryIoU CategoricalHinge ConcordanceCorrelation CosineSimilarity F1Score FBetaScore FalseNegatives
        FalsePositives Hinge IoU KLDivergence LogCoshError MeanAbsolutePercentageError MeanIoU
        MeanSquaredLogarithmicError OneHotIoU OneHotMeanIoU PearsonCorrelation Poisson Precision
        PrecisionAtRecall R2Score Recall RecallAtPrecision SensitivityAtSpecificity
        SparseTopKCategoricalAccuracy SpecificityAtSensitivity SquaredHinge TopKCategoricalAccuracy
        TrueNegatives TruePositives binary_focal_crossentropy categorical_focal_crossentropy categorical_hinge
        concordance_correlation deserialize hinge huber kl_divergence log_cosh mean_absolute_percentage_error
        mean_squared_logarithmic_error pearson_correlation poisson serialize sparse_top_k_categorical_accuracy
        squared_hinge top_k_categorical_accuracy
    """,
    "nervure.ops": """
        adaptive_average_pool adaptive_max_pool angle argpartition associative_scan average_pool bartlett
        bitwise_and bitwise_invert bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor
        blackman cdist cholesky cholesky_inverse conj conjugate conv conv_transpose corrcoef correlate
        ctc_decode ctc_loss custom_gradient depth_to_space depthwise_conv det dot_product_attention dsplit eig
        eigh extract_sequences fft fft2 fold gcd geomspace hamming hanning histogram i0 ifft2 imag image inv
        irfft isreal istft jvp kaiser lcm left_shift logdet lstsq lu_factor matrix_rank max_pool nanargmax
        nanargmin nanmedian nanpercentile nanquantile nextafter nonzero numpy pinv polar qr real rearrange rfft
        right_shift segment_max segment_min segment_prod separable_conv signbit slogdet solve solve_triangular
        space_to_depth stft svd unfold unique unravel_index vander vectorize view view_as_complex
        view_as_real
    """,
    "nervure.optimizers": "legacy",
    "nervure.tree": """
        MAP_TO_NONE assert_same_paths flatten_with_path lists_to_tuples map_shape_structure map_structure_up_to
        traverse
    """,
    "nervure.utils": """
        Config FeatureSpace array_to_img audio_dataset_from_directory
        bounding_boxes disable_interactive_logging
        enable_interactive_logging get_file
        get_source_inputs image_dataset_from_directory img_to_array is_interactive_logging_enabled legacy
        load_img model_to_dot pack_x_y_sample_weight pad_sequences plot_model
        save_img split_dataset text_dataset_from_directory timeseries_dataset_from_array
        unpack_x_y_sample_weight
    """,
}


def missing(module: str, name: str) -> AttributeError:
    """The error for a name that `module` does not have: is it Keras's, and what is nearest to it here?"""
    text = f"module '{module}' has no attribute '{name}'"
    if not name.startswith("_"):
        import difflib
        import sys

        if name in _IN_KERAS.get(module, "").split():
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

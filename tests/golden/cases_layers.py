"""Layers: outputs, gradients (as the move of one step), masks, configs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

try:
    from .cases import case, dot_loss, layer, merge, numbers, rand, randn, set_weights
except ImportError:  # in make_golden.py
    from cases import (  # type: ignore[import-not-found, no-redef]
        case,
        dot_loss,
        layer,
        merge,
        numbers,
        rand,
        randn,
        set_weights,
    )  # fmt: skip

Make = Callable[[Any], Any]

LAYERS: dict[str, tuple[Make, tuple[int, ...]]] = {
    "elu": (lambda k: k.layers.ELU(), (6,)),
    "elu_alpha": (lambda k: k.layers.ELU(alpha=0.3), (6,)),
    "prelu": (lambda k: k.layers.PReLU(), (6,)),
    "prelu_shared": (lambda k: k.layers.PReLU("he_normal", shared_axes=[1]), (3, 4)),
    "prelu_regularized": (lambda k: k.layers.PReLU(alpha_regularizer="l2", alpha_constraint="non_neg"), (6,)),
    "softmax_axes_3": (lambda k: k.layers.Softmax(axis=[1]), (3, 4)),
    "identity": (lambda k: k.layers.Identity(), (6,)),
    "lambda": (lambda k: k.layers.Lambda(lambda x: k.ops.tanh(x) * 2), (6,)),
    "lambda_arguments": (lambda k: k.layers.Lambda(lambda x, n: x**n, arguments={"n": 3}), (6,)),
    "lambda_training": (lambda k: k.layers.Lambda(lambda x, training: x * (3.0 if training else 2.0)), (6,)),
    "masking": (lambda k: k.layers.Masking(), (3, 4)),
    "activity": (lambda k: k.layers.ActivityRegularization(l1=0.1, l2=0.2), (6,)),
    "permute": (lambda k: k.layers.Permute((3, 1, 2)), (2, 3, 4)),
    "repeat_vector": (lambda k: k.layers.RepeatVector(3), (4,)),
    "cropping": (lambda k: k.layers.Cropping1D((2, 1)), (6, 4)),
    "cropping_end": (lambda k: k.layers.Cropping1D((0, 2)), (6, 4)),
    "cropping_2d": (lambda k: k.layers.Cropping2D(((1, 2), 1)), (6, 5, 2)),
    "cropping_2d_first": (lambda k: k.layers.Cropping2D((2, 1), data_format="channels_first"), (2, 6, 5)),
    "cropping_3d": (lambda k: k.layers.Cropping3D(((1, 0), (0, 1), 1)), (3, 4, 5, 2)),
    "padding": (lambda k: k.layers.ZeroPadding1D((2, 1)), (3, 4)),
    "padding_first": (lambda k: k.layers.ZeroPadding1D(2, data_format="channels_first"), (3, 4)),
    "padding_2d": (lambda k: k.layers.ZeroPadding2D(((1, 2), (0, 3))), (3, 4, 2)),
    "padding_3d": (lambda k: k.layers.ZeroPadding3D((1, 0, 2)), (2, 3, 2, 2)),
    "upsampling": (lambda k: k.layers.UpSampling1D(3), (3, 4)),
    "upsampling_2d": (lambda k: k.layers.UpSampling2D((2, 3)), (3, 2, 2)),
    "upsampling_2d_first": (lambda k: k.layers.UpSampling2D(2, data_format="channels_first"), (2, 3, 2)),
    "upsampling_3d": (lambda k: k.layers.UpSampling3D((1, 2, 3)), (2, 2, 1, 2)),
    "reshape_scalar": (lambda k: k.layers.Reshape(()), (1,)),
    "einsum": (lambda k: k.layers.EinsumDense("ab,bc->ac", 5, activation="tanh", bias_axes="c"), (4,)),
    "einsum_steps": (lambda k: k.layers.EinsumDense("abc,cd->abd", (3, 5), bias_axes="bd"), (3, 4)),
    "einsum_left": (lambda k: k.layers.EinsumDense("...x,xy->...y", 5, bias_axes="y"), (2, 3, 4)),
    "einsum_right": (lambda k: k.layers.EinsumDense("ab...,bc->ac...", 5, bias_axes="c"), (4, 2, 3)),
    "einsum_heads": (lambda k: k.layers.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de"), (3, 4)),
    "einsum_sum": (lambda k: k.layers.EinsumDense("abde,dec->abc", (None, 5)), (2, 3, 4)),
    "einsum_regularized": (
        lambda k: k.layers.EinsumDense(
            "ab,bc->ac", 3, bias_axes="c", kernel_regularizer="l2", bias_regularizer="l1", kernel_constraint="non_neg"
        ),
        (4,),
    ),
    "gaussian_noise_zero": (lambda k: k.layers.GaussianNoise(0.0), (6,)),
    "gaussian_dropout_zero": (lambda k: k.layers.GaussianDropout(0), (6,)),
    "alpha_dropout_zero": (lambda k: k.layers.AlphaDropout(0.0), (6,)),
    "spatial_dropout_zero": (lambda k: k.layers.SpatialDropout1D(0.0), (3, 4)),
    "spatial_dropout_2d_zero": (lambda k: k.layers.SpatialDropout2D(0.0), (3, 4, 2)),
    "spatial_dropout_3d_zero": (lambda k: k.layers.SpatialDropout3D(0.0), (3, 2, 4, 2)),
    "layernorm": (lambda k: k.layers.LayerNormalization(), (6,)),
    "layernorm_epsilon": (lambda k: k.layers.LayerNormalization(epsilon=0.1), (6,)),
    "layernorm_no_center": (lambda k: k.layers.LayerNormalization(center=False), (6,)),
    "layernorm_no_scale": (lambda k: k.layers.LayerNormalization(scale=False), (6,)),
    "layernorm_axis1": (lambda k: k.layers.LayerNormalization(axis=1), (3, 4)),
    "layernorm_axes": (lambda k: k.layers.LayerNormalization(axis=[2, 1]), (3, 4)),
    "layernorm_regularized": (
        lambda k: k.layers.LayerNormalization(
            gamma_regularizer="l1", beta_regularizer="l2", gamma_constraint="non_neg"
        ),
        (6,),
    ),
    "groupnorm": (lambda k: k.layers.GroupNormalization(groups=2), (6,)),
    "groupnorm_steps": (lambda k: k.layers.GroupNormalization(groups=2, epsilon=0.1), (3, 4)),
    "groupnorm_instances": (lambda k: k.layers.GroupNormalization(groups=-1), (3, 4)),
    "groupnorm_axis1": (lambda k: k.layers.GroupNormalization(groups=2, axis=1), (4, 3)),
    "groupnorm_axis2": (lambda k: k.layers.GroupNormalization(groups=2, axis=2), (3, 4, 2)),
    "groupnorm_bare": (lambda k: k.layers.GroupNormalization(groups=3, center=False, scale=False), (6,)),
    "rmsnorm": (lambda k: k.layers.RMSNormalization(), (6,)),
    "rmsnorm_axes": (lambda k: k.layers.RMSNormalization(axis=(1, 2), epsilon=0.1), (3, 4)),
    "unitnorm": (lambda k: k.layers.UnitNormalization(), (6,)),
    "unitnorm_axes": (lambda k: k.layers.UnitNormalization(axis=[1, 2]), (3, 4)),
    "global_average": (lambda k: k.layers.GlobalAveragePooling1D(), (3, 4)),
    "global_average_first": (lambda k: k.layers.GlobalAveragePooling1D("channels_first", keepdims=True), (3, 4)),
    "global_average_2d": (lambda k: k.layers.GlobalAveragePooling2D(), (3, 2, 4)),
    "global_average_3d": (lambda k: k.layers.GlobalAveragePooling3D(data_format="channels_first"), (2, 3, 2, 4)),
    "global_max": (lambda k: k.layers.GlobalMaxPooling1D(), (3, 4)),
    "global_max_2d": (lambda k: k.layers.GlobalMaxPooling2D(keepdims=True), (3, 2, 4)),
    "global_max_3d": (lambda k: k.layers.GlobalMaxPooling3D(), (2, 3, 2, 4)),
    "time_distributed": (lambda k: k.layers.TimeDistributed(k.layers.Dense(3, activation="tanh")), (3, 4)),
    "time_distributed_shapes": (lambda k: k.layers.TimeDistributed(k.layers.Flatten()), (3, 2, 4)),
    "time_distributed_batchnorm": (
        lambda k: k.layers.TimeDistributed(k.layers.BatchNormalization(momentum=0.7)),
        (3, 4),
    ),
    "wrapper": (lambda k: twice(k)(k.layers.Dense(4)), (4,)),
}  # fmt: skip


def twice(k: Any) -> Any:
    class Twice(k.layers.Wrapper):
        def call(self, inputs: Any) -> Any:
            return self.layer(self.layer(inputs))

    return Twice


for name, (make, shape) in LAYERS.items():
    case(f"layer/{name}", layer, lambda k, f=make: [f(k)], shape)

case("layer/dot", merge, lambda k: k.layers.Dot(axes=1), [(4,), (4,)])
case("layer/dot_steps", merge, lambda k: k.layers.Dot(axes=-1), [(3, 4), (2, 4)])
case("layer/dot_pair", merge, lambda k: k.layers.Dot(axes=(1, 2)), [(3, 4), (2, 3)])
case("layer/dot_mixed", merge, lambda k: k.layers.Dot(axes=(2, 1)), [(3, 4), (4,)])
case("layer/dot_four", merge, lambda k: k.layers.Dot(axes=(2, 1)), [(3, 4), (4, 2, 3)])
case("layer/dot_normalized", merge, lambda k: k.layers.Dot(axes=1, normalize=True), [(4,), (4,)])
case("layer/add_ranks", merge, lambda k: k.layers.Add(), [(4,), (3, 4), (2, 3, 4)])
case("layer/multiply_ranks", merge, lambda k: k.layers.Multiply(), [(3, 4), (4,)])


# ---- with a mask that is given ----

MASK = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 1], [0, 1, 0], [0, 0, 1]], bool)


def given_mask(make: Make, full: bool, k: Any) -> dict[str, Any]:
    """The mask is an argument of the call; `full` gives it the inputs' own shape."""
    k.utils.clear_session()
    x, mask = k.Input((3, 4)), k.Input((3, 4) if full else (3,), dtype="bool")
    model = k.Model([x, mask], make(k)(k.layers.Dense(4)(x), mask=mask))
    set_weights(model)
    data = [randn(3, 5, 3, 4), rand(4, 5, 3, 4) > 0.4 if full else MASK]
    out = {"predict": model.predict_on_batch(data)}
    model.compile(k.optimizers.SGD(1.0), loss=dot_loss(k))
    out["loss"] = np.asarray(model.train_on_batch(data, 0.1 * randn(2, *out["predict"].shape)))
    return out | numbers("weights", model.get_weights())


case("masked/batchnorm", given_mask, lambda k: k.layers.BatchNormalization(momentum=0.6), False)
case("masked/softmax", given_mask, lambda k: k.layers.Softmax(), True)
case("masked/softmax_axes", given_mask, lambda k: k.layers.Softmax(axis=(1, 2)), True)
case("masked/global_average", given_mask, lambda k: k.layers.GlobalAveragePooling1D(), False)
case(
    "masked/lambda",
    given_mask,
    lambda k: k.layers.Lambda(
        lambda x, mask: x * k.ops.cast(mask, "float32")[:, :, None], output_shape=(3, 4), mask=lambda x, mask: mask
    ),
    False,
)


# ---- with masks that go from layer to layer ----

STEPS = np.where(MASK[:, :, None], randn(5, 5, 3, 4), 0.0).astype(np.float32)
OTHER = np.where(rand(6, 5, 3, 1) > 0.4, randn(7, 5, 3, 4), 0.0).astype(np.float32)
OTHER[:, 1] = 1.0  # no sample without any step


def masked_merge(make: Make, both: bool, k: Any) -> dict[str, Any]:
    """Two sequences, one or both of them masked, are joined; the mean over the steps that count shows the mask."""
    k.utils.clear_session()
    a, b = k.Input((3, 4)), k.Input((3, 4))
    inputs = [k.layers.Masking()(a), k.layers.Masking()(b) if both else b]
    joined = make(k)([k.layers.Dense(4)(x) for x in inputs])
    model = k.Model([a, b], [joined, k.layers.GlobalAveragePooling1D()(joined)])
    set_weights(model)
    out = numbers("predict", model.predict_on_batch([STEPS, OTHER]))
    model.compile(k.optimizers.SGD(1.0), loss=[dot_loss(k)] * 2)
    c = [0.1 * randn(8, *out["predict/0"].shape), 0.1 * randn(9, *out["predict/1"].shape)]
    model.train_on_batch([STEPS, OTHER], c)
    return out | numbers("weights", model.get_weights())


for name in ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"):
    case(f"masked/{name.lower()}", masked_merge, lambda k, n=name: getattr(k.layers, n)(), True)
    case(f"masked/{name.lower()}_one", masked_merge, lambda k, n=name: getattr(k.layers, n)(), False)
case("masked/concatenate_steps", masked_merge, lambda k: k.layers.Concatenate(axis=1), True)


def embedding(k: Any, after: Make, dtype: str = "int32", **options: Any) -> dict[str, Any]:
    """Rows that appear several times in a batch gather their gradients."""
    k.utils.clear_session()
    x = k.Input((4,), dtype=dtype)
    y = k.layers.Embedding(7, 3, **options)(x)
    for step in after(k):
        y = step(y)
    model = k.Model(x, y)
    set_weights(model)
    data = np.random.RandomState(11).randint(0, 7, (5, 4)).astype(dtype)
    data[:, 0] = 3
    data = data + (np.asarray(0.6).astype(dtype))
    out = {"predict": model.predict_on_batch(data)}
    model.compile(k.optimizers.SGD(1.0), loss=dot_loss(k))
    out["loss"] = np.asarray(model.train_on_batch(data, 0.1 * randn(2, *out["predict"].shape)))
    return out | numbers("weights", model.get_weights())


DENSE = [lambda k: [k.layers.Flatten(), k.layers.Dense(2)], lambda k: [k.layers.GlobalAveragePooling1D()]]
case("embedding/plain", embedding, after=lambda k: [])
case("embedding/flatten", embedding, after=DENSE[0])
case("embedding/mean", embedding, after=DENSE[1])
case("embedding/mask_zero", embedding, after=DENSE[1], mask_zero=True)
case("embedding/through_layers", embedding, mask_zero=True, after=lambda k: [
    k.layers.Dense(3), k.layers.Dropout(0.0), k.layers.LayerNormalization(), k.layers.Activation("tanh"),
    k.layers.GlobalAveragePooling1D(),
])  # fmt: skip
case("embedding/batchnorm", embedding, mask_zero=True, after=lambda k: [
    k.layers.BatchNormalization(momentum=0.5), k.layers.GlobalAveragePooling1D(),
])  # fmt: skip
case("embedding/floats", embedding, after=DENSE[1], dtype="float32", mask_zero=True)
case("embedding/int64", embedding, after=DENSE[1], dtype="int64")
case("embedding/regularized", embedding, after=DENSE[1], embeddings_regularizer="l2", embeddings_constraint="non_neg")


def renorm(k: Any, **options: Any) -> dict[str, Any]:
    k.utils.clear_session()
    model = k.Sequential([k.Input((6,)), k.layers.Dense(6), k.layers.BatchNormalization(renorm=True, **options)])
    set_weights(model)
    weights = model.get_weights()
    names = [w.name for w in model.weights]
    model.set_weights([np.abs(v) + 0.5 if n.endswith("stddev") else v for n, v in zip(names, weights)])
    model.compile(k.optimizers.SGD(0.1), loss=dot_loss(k))
    out: dict[str, Any] = {"names": names}
    for step in range(2):
        out[f"loss/{step}"] = np.asarray(model.train_on_batch(randn(step, 5, 6), 0.1 * randn(step + 2, 5, 6)))
    return out | numbers("weights", model.get_weights()) | {"predict": model.predict_on_batch(randn(9, 5, 6))}


case("layer/renorm", renorm)
case("layer/renorm_clipped", renorm, renorm_clipping={"rmax": 1.2, "rmin": 0.8, "dmax": 0.3}, renorm_momentum=0.7)
case("layer/renorm_bare", renorm, center=False, scale=False, momentum=0.5)


def spectral(k: Any, power_iterations: int, zero: bool) -> dict[str, Any]:
    k.utils.clear_session()
    model = k.layers.SpectralNormalization(k.layers.Dense(3), power_iterations)
    x = randn(1, 5, 4)
    model(x)
    set_weights(model)
    if zero:
        model.layer.kernel.assign(np.zeros((4, 3)))
    out = {"names": [w.name for w in model.weights], "inference": np.asarray(model(x))}
    for step in range(3):
        out[f"output/{step}"] = np.asarray(model(x, training=True))
    return out | numbers("weights", model.get_weights())


case("layer/spectral", spectral, power_iterations=1, zero=False)
case("layer/spectral_three", spectral, power_iterations=3, zero=False)
case("layer/spectral_zero", spectral, power_iterations=1, zero=True)


# ---- configs ----

CONFIGS: dict[str, Make] = {
    "dense": lambda L: L.Dense(3, "relu", kernel_initializer="he_normal", dtype="float64", trainable=False),
    "activation": lambda L: L.Activation("tanh"),
    "relu": lambda L: L.ReLU(6),
    "leaky_relu": lambda L: L.LeakyReLU(0.1),
    "elu": lambda L: L.ELU(2.0),
    "prelu": lambda L: L.PReLU(shared_axes=[1]),
    "softmax": lambda L: L.Softmax(axis=(1, 2)),
    "identity": lambda L: L.Identity(),
    "masking": lambda L: L.Masking(1.5),
    "embedding": lambda L: L.Embedding(3, 4, mask_zero=True),
    "einsum": lambda L: L.EinsumDense("abc,cd->abd", (None, 5), bias_axes="d"),
    "activity": lambda L: L.ActivityRegularization(0.5, 0.25),
    "wrapper": lambda L: L.Wrapper(L.Dense(2)),
    "time_distributed": lambda L: L.TimeDistributed(L.Flatten()),
    "spectral": lambda L: L.SpectralNormalization(L.Dense(2), power_iterations=2),
    "dot": lambda L: L.Dot((1, 2), normalize=True),
    "add": lambda L: L.Add(),
    "concatenate": lambda L: L.Concatenate(1),
    "permute": lambda L: L.Permute((2, 1)),
    "repeat_vector": lambda L: L.RepeatVector(2),
    "cropping": lambda L: L.Cropping1D(2),
    "cropping_2d": lambda L: L.Cropping2D((1, 2)),
    "padding": lambda L: L.ZeroPadding1D(1),
    "padding_2d": lambda L: L.ZeroPadding2D(),
    "upsampling": lambda L: L.UpSampling1D(2),
    "upsampling_2d": lambda L: L.UpSampling2D(3),
    "reshape": lambda L: L.Reshape((2, -1)),
    "flatten": lambda L: L.Flatten(),
    "rescaling": lambda L: L.Rescaling([1.0, 2.0], np.array([0.5, 1.5])),
    "dropout": lambda L: L.Dropout(0.1, (None, 1), 3),
    "gaussian_noise": lambda L: L.GaussianNoise(0.1),
    "gaussian_dropout": lambda L: L.GaussianDropout(0.1, seed=1),
    "alpha_dropout": lambda L: L.AlphaDropout(0.1, (None, 1)),
    "spatial_dropout": lambda L: L.SpatialDropout1D(0.1, seed=4),
    "spatial_dropout_2d": lambda L: L.SpatialDropout2D(0.1),
    "batchnorm": lambda L: L.BatchNormalization(1, renorm=True, renorm_clipping={"rmax": 2.0}),
    "layernorm": lambda L: L.LayerNormalization(axis=(1, 2)),
    "groupnorm": lambda L: L.GroupNormalization(2),
    "rmsnorm": lambda L: L.RMSNormalization(),
    "unitnorm": lambda L: L.UnitNormalization((1, 2)),
    "global_average": lambda L: L.GlobalAveragePooling1D(keepdims=True),
    "global_max": lambda L: L.GlobalMaxPooling1D("channels_first"),
    "input": lambda L: L.InputLayer((3,), batch_size=2, dtype="int32"),
}


def described(make: Make, k: Any) -> dict[str, Any]:
    """The config, and that of a layer made from it; what else a program may ask a layer."""
    k.utils.clear_session()
    one = make(k.layers)
    again = type(one).from_config(one.get_config())
    configs = [json.dumps(x.get_config(), sort_keys=True) for x in (one, again)]
    whole = json.dumps(k.layers.serialize(one), sort_keys=True)
    same = json.dumps(k.layers.serialize(k.layers.deserialize(k.layers.serialize(one))), sort_keys=True) == whole
    return {"config": [*configs, whole], "state": [str(one.supports_masking), str(one.autocast), str(same)]}


for name, make in CONFIGS.items():
    case(f"config/{name}", described, make)


def built_axis(make: Make, k: Any) -> dict[str, Any]:
    one = make(k.layers)
    one.build((None, 3, 4))
    return {"axis": [str(one.get_config()["axis"])]}


case("config/layernorm_built", built_axis, lambda L: L.LayerNormalization())
case("config/layernorm_sorted", built_axis, lambda L: L.LayerNormalization(axis=(2, 1)))
case("config/rmsnorm_built", built_axis, lambda L: L.RMSNormalization())
case("config/groupnorm_built", built_axis, lambda L: L.GroupNormalization(2))

"""Layers around another layer."""

from __future__ import annotations

from typing import Any

from .. import initializers, ops
from ..saving import deserialize_keras_object, serialize_keras_object
from .checks import is_int
from .input_spec import InputSpec
from .layer import Layer

__all__ = ["SpectralNormalization", "TimeDistributed", "Wrapper"]


class Wrapper(Layer):
    """Base of layers that hold one other layer, in `self.layer`; subclasses write `call`. ValueError unless `layer` is
    a layer.

    >>> import numpy as np, nervure as nv
    >>> class Twice(Wrapper):
    ...     def call(self, inputs):
    ...         return self.layer(self.layer(inputs))
    >>> Twice(nv.layers.Rescaling(3.0))(np.array([1.0], "float32"))
    array([9.], dtype=float32)
    """

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Layer {layer!r} supplied to Wrapper isn't a supported layer type. Please ensure wrapped layer is a "
                f"valid Keras layer. ({type(self).__name__})"
            )
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"layer": serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Layer:
        """A wrapper, and a layer in it, from what `get_config` gave."""
        config = dict(config)
        layer = deserialize_keras_object(config.pop("layer"), custom_objects)
        return cls(layer, **config)


class TimeDistributed(Wrapper):
    """Applies a layer to each step of (batch, steps, ...), with the same weights.

    All steps go through the layer at once, as so many more samples. Only a layer that updates a state while training,
    as batch normalization does, sees one step after the other.

    >>> import numpy as np, nervure as nv
    >>> TimeDistributed(nv.layers.Flatten())(np.ones((2, 5, 3, 4), "float32")).shape
    (2, 5, 12)
    """

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise ValueError(f"Please initialize `TimeDistributed` layer with a layer instance. Received: {layer!r}")
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any = None) -> None:
        super().build(_of_a_step(input_shape))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, steps, and what the layer makes of a step)."""
        batch, *rest = self.layer.compute_output_shape(_of_a_step(input_shape))
        return (batch, input_shape[1], *rest)

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        batch, steps = inputs.shape[:2]
        if mask is not None and tuple(mask.shape[:2]) != (batch, steps):
            raise ValueError(
                f"The `mask` passed to the `TimeDistributed` layer has a shape {tuple(mask.shape)} that is "
                f"incompatible with the input shape {tuple(inputs.shape)}. The first two dimensions of the mask "
                "(batch size and timesteps) must match the input's first two dimensions."
            )
        takes = self.layer._call_parameters()
        given: dict[str, Any] = {"training": training} if "training" in takes else {}
        masks = mask if "mask" in takes else None
        if training and any(not layer._trains[w] for layer in self.layer._walk_layers() for w in layer._own_weights()):
            outputs = []
            for k in range(steps):
                if masks is not None:
                    given["mask"] = masks[:, k]
                outputs.append(self.layer(inputs[:, k], **given))
            return ops.stack(outputs, axis=1)
        if masks is not None:
            given["mask"] = ops.reshape(masks, (batch * steps, *masks.shape[2:]))
        outputs = self.layer(ops.reshape(inputs, (batch * steps, *inputs.shape[2:])), **given)
        return ops.reshape(outputs, (batch, steps, *outputs.shape[1:]))


def _of_a_step(input_shape: Any) -> Any:
    if not isinstance(input_shape, (tuple, list)) or len(input_shape) < 3:
        raise ValueError(
            "`TimeDistributed` Layer should be passed an `input_shape` with at least 3 dimensions, received: "
            f"{input_shape}"
        )
    return (input_shape[0], *input_shape[2:])


class SpectralNormalization(Wrapper):
    """Divides the kernel of a layer (or the table of an embedding) by an estimate of its largest singular value at each
    call while training (Miyato, Kataoka, Koyama and Yoshida, ICLR 2018).

    The estimate comes from `power_iterations` steps of the power method, which goes on from where the call before left
    it: the weight `vector_u`, of shape (1, outputs), not trained. A kernel of zeros stays as it is.

    >>> import numpy as np, nervure as nv
    >>> layer = SpectralNormalization(nv.layers.Dense(2, kernel_initializer="identity", use_bias=False))
    >>> layer(np.array([[3.0, 4.0]], "float32"), training=True).round(4).tolist()
    [[3.0, 4.0]]
    """

    def __init__(self, layer: Layer, power_iterations: int = 1, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        if not is_int(power_iterations) or power_iterations <= 0:
            raise ValueError(
                f"`power_iterations` should be greater than zero. Received: `power_iterations={power_iterations}`"
            )
        self.power_iterations = power_iterations

    def build(self, input_shape: Any = None) -> None:
        super().build(input_shape)
        self.input_spec = InputSpec(min_ndim=1, axes={-1: input_shape[-1]})
        self.kernel = self._normalized()
        self.vector_u = self.add_weight(
            shape=(1, self.kernel.shape[-1]),
            initializer=initializers.TruncatedNormal(stddev=0.02),
            trainable=False,
            name="vector_u",
            dtype=self.kernel.dtype,
        )

    def _normalized(self) -> Any:
        """The weight of the layer that is to be normalized."""
        for name in ("kernel", "embeddings"):
            if getattr(self.layer, name, None) is not None:
                return getattr(self.layer, name)
        raise ValueError(f"{type(self.layer).__name__} object has no attribute 'kernel' nor 'embeddings'")

    def call(self, inputs: Any, training: Any = False) -> Any:
        if training:
            self._normalize()
        return ops.cast(self.layer(inputs), inputs.dtype)

    def _normalize(self) -> None:
        for variable, value in zip((self.vector_u, self.kernel), self.normalized_weights(), strict=True):
            variable.assign(value)

    def normalized_weights(self) -> tuple[Any, Any]:
        """What `vector_u` and the kernel become when training calls the layer."""
        kernel, u = self.kernel, self.vector_u
        weights = ops.reshape(kernel, (-1, kernel.shape[-1]))
        right = ops.convert_to_tensor(u)
        for _ in range(self.power_iterations):
            left = ops.normalize(ops.matmul(right, ops.transpose(weights)), axis=(0, 1))
            right = ops.normalize(ops.matmul(left, weights), axis=(0, 1))
        left, right = ops.stop_gradient(left), ops.stop_gradient(right)
        sigma = ops.matmul(ops.matmul(left, weights), ops.transpose(right))[0, 0]
        none = ops.all(ops.equal(weights, 0))
        return ops.where(none, u, right), kernel / ops.where(none, 1.0, sigma)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The layer's."""
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"power_iterations": self.power_iterations}

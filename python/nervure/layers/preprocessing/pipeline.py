"""`Pipeline`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import tree
from ..._masks import get_mask
from ..layer import Layer
from .data_layer import is_symbolic

__all__ = ["Pipeline"]


class Pipeline(Layer):
    """Layers applied one after the other, each to what the one before gives: a layer, not a model.

    On data each layer works by itself, so that layers for texts may be among them; inside a model they become a part of
    it. `training` (True unless said otherwise) and `mask` go to the layers that take them.

    >>> from nervure import layers
    >>> words = layers.StringLookup(vocabulary=["a", "b"])
    >>> Pipeline([words, layers.CategoryEncoding(3, output_mode="one_hot")])(["b", "z"]).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """

    def __init__(self, layers: Sequence[Any], name: str | None = None) -> None:
        super().__init__(name=name)
        for layer in layers:
            if not isinstance(layer, Layer):
                raise TypeError(f"Pipeline expects a list of layers, got {layer!r} among them")
        self._pipeline_layers = list(layers)
        self.built = True

    @property
    def layers(self) -> list[Any]:
        """The layers, in the order in which they are applied."""
        return self._pipeline_layers

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if is_symbolic(inputs):
            return super().__call__(inputs, *args, **kwargs)
        return self.call(inputs, *args, **kwargs)

    def call(self, inputs: Any, training: Any = True, mask: Any = None) -> Any:
        outputs = inputs
        for layer in self._pipeline_layers:
            takes = layer._call_parameters()
            given = {"mask": mask} if "mask" in takes and mask is not None else {}
            if "training" in takes and training is not None:
                given["training"] = training
            outputs = layer(outputs, **given)
            mask = tree.map_structure(lambda y: get_mask(y) if hasattr(y, "dtype") else None, outputs)
        return outputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        for layer in self._pipeline_layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        from ...saving import serialize_keras_object

        return {"layers": serialize_keras_object(self._pipeline_layers), "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Pipeline:
        """A pipeline from its config."""
        from ...saving import deserialize_keras_object

        layers = config.get("layers")
        if not isinstance(layers, (list, tuple)):
            raise ValueError(
                "`Pipeline` config must contain a `layers` key mapping to a list of serialized layers. Received config "
                f"with layers={layers}."
            )
        return cls(**config | {"layers": [deserialize_keras_object(layer) for layer in layers]})

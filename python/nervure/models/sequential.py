"""`Sequential`: one layer after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..keras_tensor import KerasTensor
from ..layers import InputLayer, Layer
from ..saving.serialization import deserialize_keras_object, serialize_keras_object
from .function import Graph
from .model import Model

__all__ = ["Sequential"]


class Sequential(Model):
    """A stack of layers with one input and one output each.

    It is built at once if it starts with `Input` (or the first layer was given `input_shape`), otherwise by the first
    data or by `build(input_shape)`.

    >>> import numpy as np, nervure as nv
    >>> model = Sequential([nv.layers.Dense(8, activation="relu"), nv.layers.Dense(1)])
    >>> model.predict(np.ones((3, 4)), verbose=0).shape
    (3, 1)
    """

    def __init__(self, layers: Sequence[Any] | None = None, trainable: bool = True, name: str | None = None) -> None:
        super().__init__(trainable=trainable, name=name)
        self._layers: list[Layer] = []
        self._chain: list[KerasTensor] = []  # the input, then each layer's output; empty until the shape is known
        if layers is not None and not isinstance(layers, (list, tuple)):
            raise ValueError(f"Sequential expects a list of layers, got {layers!r}")
        for layer in layers or ():
            self.add(layer)

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Puts a layer on top. ValueError, and nothing is changed, if it does not fit or its name is taken."""
        if isinstance(layer, KerasTensor) and layer._keras_history is not None:
            layer = layer._keras_history.operation
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Only instances of `Layer` can be added to a Sequential model. Received: {layer!r} (of type "
                f"{type(layer)})"
            )
        if any(part is self for part in layer._walk_layers()):
            raise ValueError(f"Sequential model '{self.name}' cannot hold itself: '{layer.name}' contains it")
        if any(known.name == layer.name for known in self._layers):
            raise ValueError(
                f"All layers added to a Sequential model should have unique names. In '{self.name}', the name "
                f"'{layer.name}' is taken. Update the `name` argument to pass a unique name."
            )
        shape = layer._input_shape_arg
        if not self._layers and shape is not None and not isinstance(layer, InputLayer):
            self.add(InputLayer(shape=shape))
        if isinstance(layer, InputLayer):
            if self._layers:
                if isinstance(self._layers[0], InputLayer):
                    raise ValueError(
                        f"Sequential model '{self.name}' has already been configured to use input shape "
                        f"{self._layers[0].batch_shape}. You cannot add a different Input layer to it."
                    )
                raise ValueError(
                    f"Sequential model '{self.name}': an input must come first, got '{layer.name}' after other layers"
                )
            chain = [layer.output]
        elif self._chain:
            chain = [*self._chain, self._output(layer, self._chain[-1])]
        else:
            chain = []
        self._become([*self._layers, layer], chain)

    def pop(self, rebuild: bool = True) -> Layer:
        """Takes the last layer off and returns it."""
        if not self.layers:
            raise ValueError(f"Sequential model '{self.name}' has no layers to pop")
        layer = self._layers[-1]
        self._become(self._layers[:-1], self._chain[:-1])
        return layer

    def _output(self, layer: Layer, x: KerasTensor) -> KerasTensor:
        with self._named():  # the model's name begins the paths of the weights made now
            output = layer(x)
        if not isinstance(output, KerasTensor):
            raise ValueError(
                f"Sequential model '{self.name}': layer '{layer.name}' must give a single tensor, got {output!r}"
            )
        return output

    def _become(self, layers: list[Layer], chain: list[KerasTensor]) -> None:
        """Everything that can fail, or be interrupted, comes first. `_chain` comes last: `build` goes by it."""
        built = bool(chain) and any(not isinstance(layer, InputLayer) for layer in layers)
        graph = Graph(self.name, chain[0], chain[-1]) if built else None
        self._plans.clear()
        self._layers, self._graph, self.built, self.autocast = layers, graph, built, graph is None
        self._chain = chain

    def build(self, input_shape: Any = None) -> None:
        """Builds all layers for inputs of this shape, None for the batch."""
        if not self.layers:
            raise ValueError(
                f"Sequential model '{self.name}' cannot be built because it has no layers: call `model.add(layer)`"
            )
        if self._chain:
            known = self._chain[0].shape
            if input_shape is not None and not _fits(input_shape, known):
                raise ValueError(
                    f"Sequential model '{self.name}' has already been configured to use input shape {known}. You "
                    f"cannot build it with input_shape {input_shape}"
                )
            return
        if isinstance(input_shape, dict) or (
            isinstance(input_shape, (tuple, list)) and any(isinstance(d, (tuple, list, dict)) for d in input_shape)
        ):
            return  # the layers themselves say what they take
        if not isinstance(input_shape, (tuple, list)):
            raise ValueError(f"Sequential model '{self.name}' expects the shape of a single input, got {input_shape!r}")
        chain = [InputLayer(batch_shape=(None, *input_shape[1:]), dtype=self.dtype).output]
        for layer in self._layers:
            chain.append(self._output(layer, chain[-1]))
        self._become(self._layers, chain)

    def call(self, inputs: Any, training: Any = None) -> Any:
        if self._graph is not None:
            return super().call(inputs, training)
        for layer in self.layers:  # of inputs that are no single tensor there is no graph
            inputs = layer(inputs)
        return inputs

    def get_config(self) -> dict[str, Any]:
        """The layers' configs, the input's first once it is known."""
        listed: list[Any] = list(self._layers)
        if self._chain and not isinstance(self._layers[0], InputLayer):
            listed.insert(0, self._chain[0]._keras_history.operation)  # type: ignore[union-attr]
        config = super().get_config() | {"name": self.name}
        config["layers"] = [serialize_keras_object(layer) for layer in listed]
        if self.built and self._chain:
            config["build_input_shape"] = self._chain[0].shape
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """A model from what `get_config` gave, with new weights. ValueError without name and layers."""
        if "name" not in config or not isinstance(config.get("layers"), (list, tuple)):
            raise ValueError(
                "A Sequential model configuration must be a dictionary containing the 'name' and 'layers' keys. "
                f"Received: config={config}"
            )
        model = cls(name=config["name"])
        for entry in config["layers"]:
            if not isinstance(entry, Mapping) or "config" not in entry:
                raise ValueError(f"Expected a dictionary containing a 'config' key. Received: {entry!r}")
            model.add(deserialize_keras_object(entry, custom_objects=custom_objects))
        shape = config.get("build_input_shape")
        if not model._chain and isinstance(shape, (tuple, list)) and model._layers:
            model.build(tuple(shape))
        if config.get("trainable") is False:
            object.__setattr__(model, "_trainable", False)  # each layer has its own in its config
        return model

    def get_build_config(self) -> dict[str, Any] | None:
        return {"input_shape": self._chain[0].shape} if self.built and self._chain else None

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input."""
        return [layer for layer in self._layers if not isinstance(layer, InputLayer)]

    @layers.setter
    def layers(self, value: Any) -> None:
        raise AttributeError(
            "`Sequential.layers` attribute is reserved and should not be used. Use `add()` and `pop()` to change the "
            "layers in this model."
        )


def _fits(shape: Any, known: tuple[int | None, ...]) -> bool:
    """Whether a shape agrees with one that is known but for None, the batch aside."""
    shape = tuple(shape)
    pairs = zip(shape[1:], known[1:], strict=False)
    return len(shape) == len(known) and all(a is None or b is None or a == b for a, b in pairs)

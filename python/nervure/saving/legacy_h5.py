"""Weights in the HDF5 files of Keras 2, `.h5`: each layer's arrays under the layer's name, listed in attributes."""

from __future__ import annotations

import warnings
from typing import Any

from .hdf5_read import Dataset, Group

__all__ = ["load_legacy_model", "load_legacy_weights"]


def load_legacy_model(data: bytes, custom_objects: Any, compile: bool) -> Any:
    """Refuses: of these files only the weights are read."""
    raise ValueError(
        "nervure reads only the weights of legacy HDF5 files of whole models: make the model, then call "
        "`model.load_weights('my_model.h5')`; or save it with Keras as `.keras`"
    )


def _names(group: Group, attribute: str) -> list[str]:
    """The list of names in an attribute, which is in pieces (`layer_names0`, ..) if it is long."""
    attributes = group.attributes
    found = [attributes[attribute]] if attribute in attributes else []
    while f"{attribute}{len(found)}" in attributes:
        found.append(attributes[f"{attribute}{len(found)}"])
    if not found:
        raise ValueError(f"HDF5: '{group.path or '/'}' is no file of weights: it lacks the attribute '{attribute}'")
    return [name.decode("utf-8") if isinstance(name, bytes) else str(name) for part in found for name in part]


def _weights(layer: Any) -> list[Any]:
    """A layer's weights in the order of these files: trainable ones first."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def load_legacy_weights(model: Any, root: Group, skip_mismatch: bool, by_name: bool) -> None:
    """Gives the layers of `model` the weights of the layers of a file, in order or by name.

    ValueError, and then nothing is changed, for other numbers or shapes; with `skip_mismatch` that is a warning.
    """
    if "layer_names" not in root.attributes and "model_weights" in root:
        root = root["model_weights"]
    stored: dict[str, list[Any]] = {}
    for name in _names(root, "layer_names"):
        group = root[name]
        arrays = [group[weight] for weight in _names(group, "weight_names")]
        if not all(isinstance(array, Dataset) for array in arrays):
            raise ValueError(f"HDF5: the weights of '{group.path}' are groups, expected arrays")
        if arrays:
            stored[name] = arrays
    layers = [layer for layer in model.layers if layer.weights]
    if by_name:
        pairs = [(layer, stored[layer.name]) for layer in layers if layer.name in stored]
    elif len(layers) != len(stored):
        raise ValueError(
            f"Layer count mismatch when loading weights from file. Model expected {len(layers)} layers, found "
            f"{len(stored)} saved layers."
        )
    else:
        pairs = list(zip(layers, stored.values(), strict=True))
    fitting = []
    for layer, arrays in pairs:
        variables = _weights(layer)
        shapes, wanted = [a.shape for a in arrays], [tuple(v.shape) for v in variables]
        if shapes == wanted:
            fitting.append((variables, arrays))
            continue
        message = f"Weights of layer '{layer.name}' expect the shapes {wanted}, the saved ones have {shapes}"
        if not skip_mismatch:
            raise ValueError(message)
        warnings.warn(f"Skipping loading weights for layer '{layer.name}': {message}", stacklevel=4)
    values = [(v, a.read()) for variables, arrays in fitting for v, a in zip(variables, arrays, strict=True)]
    for v, value in values:
        v.assign(value)

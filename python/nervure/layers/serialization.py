"""Layers as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..saving import deserialize_keras_object, serialize_keras_object
from .layer import Layer

__all__ = ["deserialize", "serialize"]


def serialize(layer: Layer) -> dict[str, Any]:
    """The config of a layer: {"module", "class_name", "config", "registered_name"}.

    >>> from nervure import layers
    >>> serialize(layers.ReLU())["class_name"]
    'ReLU'
    """
    return serialize_keras_object(layer)  # type: ignore[no-any-return]


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Layer:
    """The layer of a config. ValueError if it describes something else.

    >>> from nervure import layers
    >>> deserialize({"class_name": "Dense", "config": {"units": 3}}).units
    3
    """
    layer = deserialize_keras_object(config, custom_objects=custom_objects)
    if not isinstance(layer, Layer):
        raise ValueError(f"`layers.deserialize` was passed a `config` object that is not a layer. Received: {config}")
    return layer

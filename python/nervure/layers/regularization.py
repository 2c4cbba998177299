"""Layers that only act while training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import random
from .checks import fraction
from .layer import Layer

__all__ = ["Dropout"]


class Dropout(Layer):
    """While training, zeroes each value with probability `rate` and divides the others by `1 - rate` (Srivastava,
    Hinton, Krizhevsky, Sutskever and Salakhutdinov, JMLR 2014). Otherwise the identity.

    `noise_shape` (None for the input's size along an axis) shares one draw along the axes where it is 1.

    >>> import numpy as np
    >>> Dropout(0.5)(np.ones(3, "float32")).tolist()
    [1.0, 1.0, 1.0]
    """

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.rate = fraction("Dropout", "rate", rate)
        sizes = () if noise_shape is None else noise_shape
        if not isinstance(sizes, (tuple, list)) or not all(n is None or (isinstance(n, int) and n > 0) for n in sizes):
            raise ValueError(f"Dropout: expected noise_shape to be positive integers or None, got {noise_shape!r}")
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        self.seed = seed
        self.seed_generator = random.SeedGenerator(seed) if self.rate > 0 else None
        self.built = True

    def call(self, inputs: Any, training: Any = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        noise_shape = self.noise_shape
        if noise_shape is not None:
            if len(noise_shape) != len(inputs.shape):
                raise ValueError(
                    f"Layer '{self.name}': expected noise_shape to have {len(inputs.shape)} sizes as the input "
                    f"{tuple(inputs.shape)} has, got {noise_shape}"
                )
            noise_shape = tuple(n if m is None else m for n, m in zip(inputs.shape, noise_shape, strict=True))
        return random.dropout(inputs, self.rate, noise_shape=noise_shape, seed=self.seed_generator)

    def get_config(self) -> dict[str, Any]:
        seed = self.seed if isinstance(self.seed, int) else None
        return super().get_config() | {"rate": self.rate, "seed": seed, "noise_shape": self.noise_shape}

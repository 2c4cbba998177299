"""`InputSpec`: what a layer accepts, checked at each trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import tree
from .._dtypes import standardize_dtype

__all__ = ["InputSpec", "check_inputs"]


class InputSpec:
    """Rank, dtype and sizes that an input must have. None means anything.

    `shape` is a tuple with None for free dimensions; `axes` maps an axis to its size, for instance `{-1: 64}`.

    >>> InputSpec(min_ndim=2, axes={-1: 4})
    InputSpec(min_ndim=2, axes={-1: 4})
    """

    def __init__(
        self,
        dtype: str | None = None,
        shape: Sequence[int | None] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype = None if dtype is None else standardize_dtype(dtype)
        self.shape = tuple(None if d is None else int(d) for d in shape) if shape is not None else None
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        try:
            self.axes = {int(k): v for k, v in (axes or {}).items()}
        except (AttributeError, TypeError, ValueError):
            raise TypeError(f"Argument `axes` must be a dict with integer keys. Received: axes={axes}") from None
        known = self.ndim if self.ndim is not None else max_ndim
        if self.axes and known is not None and max(self.axes) > known - 1:
            raise ValueError(f"Axis {max(self.axes)} is greater than the maximum allowed value: {known - 1}")
        self.allow_last_axis_squeeze, self.name, self.optional = allow_last_axis_squeeze, name, optional

    def __repr__(self) -> str:
        parts = [f"{k}={v}" for k, v in vars(self).items() if v not in (None, {}, False)]
        return f"InputSpec({', '.join(parts)})"

    def get_config(self) -> dict[str, Any]:
        """What `from_config` takes."""
        names = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes", "optional")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputSpec:
        """The spec of a config.

        >>> InputSpec.from_config(InputSpec(shape=(None, 3)).get_config())
        InputSpec(shape=(None, 3), ndim=2)
        """
        return cls(**config)

    def problem(self, x: Any) -> str | None:
        """What is wrong with `x` (anything with shape and dtype), or None."""
        shape, ndim = tuple(x.shape), len(x.shape)
        if self.ndim is not None and ndim != self.ndim:
            if not (self.allow_last_axis_squeeze and self.shape is not None and _squeezes(shape, self.shape)):
                return f"expected ndim={self.ndim}, found ndim={ndim}. Full shape received: {shape}"
            return None
        if self.max_ndim is not None and ndim > self.max_ndim:
            return f"expected max_ndim={self.max_ndim}, found ndim={ndim}. Full shape received: {shape}"
        if self.min_ndim is not None and ndim < self.min_ndim:
            return f"expected min_ndim={self.min_ndim}, found ndim={ndim}. Full shape received: {shape}"
        if self.dtype is not None and str(x.dtype) != self.dtype:
            return f"expected dtype={self.dtype}, found dtype={x.dtype}"
        for axis, size in self.axes.items():
            if size is not None and shape[axis] not in (size, None):
                return (
                    f"expected axis {axis} of input shape to have value {size}, but received input with shape {shape}"
                )
        if self.shape is not None and any(a not in (None, b) and b is not None for a, b in zip(self.shape, shape)):
            return f"expected shape={self.shape}, found shape={shape}"
        return None


def _squeezes(shape: tuple[Any, ...], expected: tuple[Any, ...]) -> bool:
    return (len(shape) == len(expected) + 1 and shape[-1] == 1) or (
        len(shape) == len(expected) - 1 and expected[-1] == 1
    )


def check_inputs(layer_name: str, specs: Any, inputs: Any) -> None:
    """ValueError naming the layer, the input, what was expected and what came, unless `inputs` meet `specs`."""
    if specs is None:
        return
    flat_specs, flat = tree.flatten(specs), tree.flatten(inputs)
    if len(flat_specs) != len(flat):
        raise ValueError(
            f"Layer '{layer_name}' expects {len(flat_specs)} input(s), but it received {len(flat)} input tensors. "
            f"Inputs received: {flat}"
        )
    for k, (spec, x) in enumerate(zip(flat_specs, flat, strict=True)):
        if spec is None or (x is None and spec.optional):
            continue
        label = f"Input {k}" + (f" with name '{spec.name}'" if spec.name else "")
        if x is None or not hasattr(x, "shape"):
            raise ValueError(f"{label} of layer '{layer_name}' is not a tensor: received {x!r}")
        problem = spec.problem(x)
        if problem:
            raise ValueError(f"{label} of layer '{layer_name}' is incompatible with the layer: {problem}")

"""`EinsumDense`: a dense layer whose sums an equation names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from .. import activations, initializers, ops
from . import weight_arguments
from .calling import not_implemented
from .checks import is_int, unsupported
from .input_spec import InputSpec
from .layer import Layer

__all__ = ["EinsumDense"]

# "[X],[Y]->[Z]", "...[X],[Y]->...[Z]" and "[X]...,[Y]->[Z]...".
_EQUATION = re.compile(r"(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?")


class EinsumDense(Layer):
    """activation(einsum(equation, inputs, kernel) + bias).

    `equation` is "[X],[Y]->[Z]", where X names the axes of the input, the batch first, Y those of the kernel and Z
    those of the output; "..." may stand on the left or on the right of X and Z for axes that stay. `output_shape` gives
    the sizes of the named output axes but the batch, None for a size that the input has. `bias_axes` are those output
    axes along which the bias varies; None for no bias.

    ValueError for an equation that is not of this form, or that does not fit the shapes.

    >>> import numpy as np
    >>> layer = EinsumDense("abc,cd->abd", output_shape=(None, 5), bias_axes="d")
    >>> layer(np.ones((2, 3, 4), "float32")).shape, layer.kernel.shape, layer.bias.shape
    ((2, 3, 5), (4, 5), (5,))
    """

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: None = None,
        lora_alpha: None = None,
        gptq_unpacked_column_size: None = None,
        quantization_config: None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        unsupported(
            "EinsumDense",
            lora_rank=lora_rank,
            lora_alpha=lora_alpha,
            gptq_unpacked_column_size=gptq_unpacked_column_size,
            quantization_config=quantization_config,
        )
        self.equation = equation
        _Equation.of(equation)
        shape = (output_shape,) if is_int(output_shape) else output_shape
        if not isinstance(shape, (tuple, list)) or not all(n is None or (is_int(n) and n > 0) for n in shape):
            raise ValueError(f"EinsumDense: expected output_shape to be sizes or None, got {output_shape!r}")
        self.partial_output_shape = tuple(shape)
        if bias_axes is not None and not isinstance(bias_axes, str):
            raise ValueError(f"EinsumDense: expected bias_axes to be a string or None, got {bias_axes!r}")
        self.bias_axes = bias_axes
        self.activation = activations.get(activation)
        weight_arguments.keep(
            self,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        self.bias: Any = None

    def build(self, input_shape: Any) -> None:
        found = _analyse(self.equation, self.bias_axes, tuple(input_shape), self.partial_output_shape)
        options = weight_arguments.options(self, "kernel")
        first = options["initializer"]
        if isinstance(first, initializers.VarianceScaling) and None in (first.input_axes, first.output_axes):
            axes = {"input_axes": found.input_axes, "output_axes": found.output_axes}
            options["initializer"] = type(first).from_config(first.get_config() | {"seed": first.seed} | axes)
        self.kernel = self.add_weight(name="kernel", shape=found.kernel, **options)
        if found.bias is not None:
            self.bias = self.add_weight(name="bias", shape=found.bias, **weight_arguments.options(self, "bias"))
        self.input_spec = InputSpec(ndim=len(input_shape))

    def call(self, inputs: Any, training: Any = None) -> Any:
        x = ops.einsum(self.equation, inputs, self.kernel)
        if self.bias is not None:
            x = ops.add(x, self.bias)
        return x if self.activation is None else self.activation(x)

    def enable_lora(self, *args: Any, **kwargs: Any) -> None:
        """NotImplementedError: the weights have no low-rank adaptation."""
        raise not_implemented(self, "enable_lora")

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The sizes that the equation gives."""
        return _analyse(self.equation, self.bias_axes, tuple(input_shape), self.partial_output_shape).output

    def get_config(self) -> dict[str, Any]:
        names = ("kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer")
        return (
            super().get_config()
            | {
                "output_shape": self.partial_output_shape,
                "equation": self.equation,
                "activation": activations.serialize(self.activation),
                "bias_axes": self.bias_axes,
            }
            | weight_arguments.described(self, *names, "activity_regularizer", "kernel_constraint", "bias_constraint")
            | {"quantization_config": None}
        )


class _Equation(NamedTuple):
    """The letters of an equation, and whether there is an ellipsis on the left or the right."""

    inputs: str
    kernel: str
    output: str
    left: bool
    right: bool

    @staticmethod
    def of(text: Any) -> _Equation:
        found = _EQUATION.fullmatch(text.replace(" ", "")) if isinstance(text, str) else None
        left, x, right, y, left_out, z, right_out = found.groups() if found else (None,) * 7
        if x is None or y is None or z is None or left != left_out or right != right_out or (left and right):
            raise ValueError(
                f"Invalid einsum equation '{text}'. Equations must be in the form [X],[Y]->[Z], ...[X],[Y]->...[Z], or "
                "[X]...,[Y]->[Z]...."
            )
        for letter in z:
            if letter not in x and letter not in y:
                raise ValueError(
                    f"Dimension '{letter}' was specified in the output '{z}' but has no corresponding dim in the input "
                    f"spec '{x}' or weight spec '{y}'"
                )
        for letter in y:
            if letter not in x and letter not in z:
                raise ValueError(
                    f"Weight dimension '{letter}' did not have a match in either the input spec '{x}' or the output "
                    f"spec '{z}'. For this layer, the weight must be fully specified."
                )
        return _Equation(x, y, z, left is not None, right is not None)


class _Shapes(NamedTuple):
    kernel: tuple[int | None, ...]
    bias: tuple[int | None, ...] | None
    output: tuple[int | None, ...]
    input_axes: list[int]  # those of the kernel that are summed over
    output_axes: list[int]


def _analyse(
    equation: str, bias_axes: str | None, input_shape: tuple[Any, ...], output_shape: tuple[Any, ...]
) -> _Shapes:
    """The shapes of the weights and of the output, for an input of this shape."""
    x, y, z, left, right = _Equation.of(equation)
    elided = len(input_shape) - len(x)
    # What "..." stands for begins with the batch when it is on the left.
    kept = input_shape[:elided] if left else input_shape[len(x) :]
    output = (*kept, *output_shape) if left and elided else (input_shape[0], *output_shape, *(() if left else kept))
    # Input axes that the equation does not have are for the call to complain of.
    if elided < 0 or (len(output) != len(z) + elided and (not elided or left or right)):
        raise ValueError(
            f"The einsum equation '{equation}' does not fit output_shape={output_shape} for an input of shape "
            f"{input_shape}"
        )
    shift = elided if left else 0
    sizes_in = dict(zip(x, input_shape[shift:], strict=False))
    sizes_out = dict(zip(z, output[shift:], strict=False))
    for letter, n in sizes_in.items():
        m = sizes_out.get(letter)
        if m is not None and m != n:
            raise ValueError(
                f"Input shape and output shape do not match at shared dimension '{letter}'. Input shape is {n}, and "
                f"output shape is {m}."
            )
    sizes_out = {letter: sizes_in.get(letter) if n is None else n for letter, n in sizes_out.items()}
    output = (*output[:shift], *sizes_out.values(), *output[shift + len(z) :])
    kernel = tuple(sizes_out.get(letter, sizes_in.get(letter)) for letter in y)
    bias: tuple[int | None, ...] | None = None
    if bias_axes is not None:
        for letter in bias_axes:
            if letter not in z:
                raise ValueError(f"Bias dimension '{letter}' was requested, but is not part of the output spec '{z}'")
        varying = z[min(z.find(letter) for letter in bias_axes) :] if bias_axes else ""
        bias = tuple(sizes_out[letter] if letter in bias_axes else 1 for letter in varying)
        bias += () if left else (1,) * elided
    inputs = [k for k, letter in enumerate(y) if letter not in z]
    return _Shapes(kernel, bias, output, inputs, [k for k, letter in enumerate(y) if letter in z])

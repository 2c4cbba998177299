"""Activations, normalisation and crossentropies: `keras.ops.nn` for dense networks."""

import math
from typing import Any

import numpy as np

from .. import config
from .._dtypes import FLOAT, is_float, standardize_dtype
from .._tensor import Tensor
from .dispatch import (
    at,
    axes_of,
    axis_of,
    cast_to,
    floating,
    iota,
    node,
    op,
    pair,
    reshaped,
    sliced,
    tensor,
)
from .elementwise import GENERATED, clip, where
from .indexing import sort
from .manipulation import expand_dims, flip, squeeze
from .reduction import cumsum, from_last, max, mean, norm, on_last, sum, var

__all__ = [
    "batch_normalization", "binary_crossentropy", "categorical_crossentropy", "celu", "elu", "gelu", "glu",
    "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "layer_normalization", "leaky_relu",
    "log_sigmoid", "log_softmax", "mish", "moments", "multi_hot", "normalize", "one_hot", "psnr", "relu",
    "relu6", "rms_normalization", "selu", "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign",
    "sparse_categorical_crossentropy", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "swish",
    "tanh_shrink", "threshold",
]  # fmt: skip

_add, _subtract, _multiply, _divide, _maximum, _minimum, _less, _greater, _equal = (
    GENERATED[name]
    for name in ("add", "subtract", "multiply", "divide", "maximum", "minimum", "less", "greater", "equal")
)
_abs, _negative, _expm1, _log, _sqrt, _rsqrt, _square, _erfc, _tanh = (
    GENERATED[name] for name in ("absolute", "negative", "expm1", "log", "sqrt", "rsqrt", "square", "erfc", "tanh")
)
relu, sigmoid, softplus = (GENERATED[name] for name in ("relu", "sigmoid", "softplus"))

# ---- activations ----


@op
def relu6(x: Any) -> Tensor:
    """min(max(x, 0), 6); derivative 0 at 0 and 6.

    >>> import nervure as nv
    >>> nv.ops.relu6([-1.0, 3.0, 8.0])
    array([0., 3., 6.], dtype=float32)
    """
    x = floating(x)
    return where(GENERATED["greater_equal"](x, 6), 6, relu(x))


@op
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Tensor:
    """x where positive, negative_slope * x elsewhere.

    >>> import nervure as nv
    >>> nv.ops.leaky_relu([-1.0, 1.0])
    array([-0.2,  1. ], dtype=float32)
    """
    x = floating(x)
    return where(_greater(x, 0), x, _multiply(x, negative_slope))


def _exponential_below(x: Tensor, height: float, width: float) -> Tensor:
    """x where positive, height expm1(x / width) elsewhere, with the derivatives of the latter at 0."""
    positive = _greater(x, 0)
    below = where(positive, 0, x)  # chosen before the exponential, which may overflow
    return where(positive, x, _multiply(_expm1(below if width == 1 else _divide(below, width)), height))


@op
def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """x where positive, alpha (exp(x) - 1) elsewhere (Clevert et al., 2016).

    >>> import nervure as nv
    >>> nv.ops.elu([-1.0, 1.0])
    array([-0.63212055,  1.        ], dtype=float32)
    """
    return _exponential_below(floating(x), alpha, 1.0)


@op
def celu(x: Any, alpha: float = 1.0) -> Tensor:
    """max(x, 0) + min(0, alpha (exp(x / alpha) - 1)) (Barron, 2017).

    >>> import nervure as nv
    >>> nv.ops.celu([-1.0, 1.0], alpha=2.0)
    array([-0.78693867,  1.        ], dtype=float32)
    """
    return _exponential_below(floating(x), alpha, alpha)


@op
def selu(x: Any) -> Tensor:
    """scale * elu(x, alpha), with the constants that keep mean 0 and variance 1 (Klambauer et al., 2017).

    >>> import nervure as nv
    >>> nv.ops.selu([-1.0, 1.0])
    array([-1.1113307,  1.050701 ], dtype=float32)
    """
    return _multiply(elu(x, 1.6732632423543772), 1.0507009873554805)


@op
def gelu(x: Any, approximate: bool = True) -> Tensor:
    """x times the normal distribution function of x (Hendrycks & Gimpel, 2016); with `approximate`, its tanh formula.

    >>> import nervure as nv
    >>> nv.ops.gelu(1.0), nv.ops.gelu(1.0, approximate=False)
    (array(0.841192, dtype=float32), array(0.8413447, dtype=float32))
    """
    x = floating(x)
    if approximate:
        cubic = _multiply(_add(x, _multiply(_multiply(_square(x), x), 0.044715)), math.sqrt(2.0 / math.pi))
        return _multiply(_multiply(x, 0.5), _add(_tanh(cubic), 1))
    return _multiply(_multiply(x, 0.5), _erfc(_multiply(x, -math.sqrt(0.5))))


@op
def silu(x: Any) -> Tensor:
    """x sigmoid(x).

    >>> import nervure as nv
    >>> nv.ops.silu([-1.0, 1.0])
    array([-0.26894143,  0.7310586 ], dtype=float32)
    """
    x = floating(x)
    return _multiply(x, sigmoid(x))


swish = silu


@op
def mish(x: Any) -> Tensor:
    """x tanh(softplus(x)) (Misra, 2019).

    >>> import nervure as nv
    >>> nv.ops.mish([-1.0, 1.0])
    array([-0.30340147,  0.8650984 ], dtype=float32)
    """
    x = floating(x)
    return _multiply(x, _tanh(softplus(x)))


@op
def softsign(x: Any) -> Tensor:
    """x / (1 + |x|).

    >>> import nervure as nv
    >>> nv.ops.softsign([-1.0, 3.0])
    array([-0.5 ,  0.75], dtype=float32)
    """
    x = floating(x)
    return _divide(x, _add(_abs(x), 1))


@op
def log_sigmoid(x: Any) -> Tensor:
    """log(sigmoid(x)) = -softplus(-x).

    >>> import nervure as nv
    >>> nv.ops.log_sigmoid([0.0])
    array([-0.6931472], dtype=float32)
    """
    return _negative(softplus(_negative(floating(x))))


@op
def hard_sigmoid(x: Any) -> Tensor:
    """clip(x / 6 + 1/2, 0, 1).

    >>> import nervure as nv
    >>> nv.ops.hard_sigmoid([-4.0, 0.0, 1.5])
    array([0.  , 0.5 , 0.75], dtype=float32)
    """
    return _multiply(relu6(_add(floating(x), 3)), 1.0 / 6.0)


@op
def hard_silu(x: Any) -> Tensor:
    """x hard_sigmoid(x).

    >>> import nervure as nv
    >>> nv.ops.hard_silu([-4.0, 0.0, 1.5])
    array([-0.   ,  0.   ,  1.125], dtype=float32)
    """
    x = floating(x)
    return _multiply(x, hard_sigmoid(x))


hard_swish = hard_silu


@op
def hard_tanh(x: Any) -> Tensor:
    """clip(x, -1, 1).

    >>> import nervure as nv
    >>> nv.ops.hard_tanh([-4.0, 0.5])
    array([-1. ,  0.5], dtype=float32)
    """
    return clip(floating(x), -1, 1)


@op
def tanh_shrink(x: Any) -> Tensor:
    """x - tanh(x).

    >>> import nervure as nv
    >>> nv.ops.tanh_shrink([1.0])
    array([0.23840582], dtype=float32)
    """
    x = floating(x)
    return _subtract(x, _tanh(x))


@op
def hard_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """x where |x| > threshold, 0 elsewhere.

    >>> import nervure as nv
    >>> nv.ops.hard_shrink([-1.0, 0.3])
    array([-1.,  0.], dtype=float32)
    """
    x = floating(x)
    return where(_greater(_abs(x), threshold), x, 0)


@op
def soft_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """x moved towards 0 by `threshold`, 0 where it would cross.

    >>> import nervure as nv
    >>> nv.ops.soft_shrink([-1.0, 0.3, 1.0])
    array([-0.5,  0. ,  0.5], dtype=float32)
    """
    x = floating(x)
    return _subtract(x, clip(x, -threshold, threshold))


@op
def threshold(x: Any, threshold: float, default_value: float) -> Tensor:
    """x where x > threshold, default_value elsewhere.

    >>> import nervure as nv
    >>> nv.ops.threshold([1.0, 3.0], 2.0, 0.0)
    array([0., 3.], dtype=float32)
    """
    x = floating(x)
    return where(_greater(x, threshold), x, default_value)


@op
def squareplus(x: Any, b: float = 4) -> Tensor:
    """(x + sqrt(x^2 + b)) / 2 (Barron, 2021).

    >>> import nervure as nv
    >>> nv.ops.squareplus([0.0, 1.5])
    array([1., 2.], dtype=float32)
    """
    x = floating(x)
    return _multiply(_add(x, _sqrt(_add(_square(x), b))), 0.5)


@op
def sparse_plus(x: Any) -> Tensor:
    """0 below -1, x above 1, (x + 1)^2 / 4 between.

    >>> import nervure as nv
    >>> nv.ops.sparse_plus([-2.0, 0.0, 2.0])
    array([0.  , 0.25, 2.  ], dtype=float32)
    """
    x = floating(x)
    between = _multiply(_square(_add(x, 1)), 0.25)
    return where(_less(x, -1), 0, where(_greater(x, 1), x, between))


@op
def sparse_sigmoid(x: Any) -> Tensor:
    """clip((x + 1) / 2, 0, 1).

    >>> import nervure as nv
    >>> nv.ops.sparse_sigmoid([-2.0, 0.0, 2.0])
    array([0. , 0.5, 1. ], dtype=float32)
    """
    return clip(_multiply(_add(floating(x), 1), 0.5), 0, 1)


@op
def glu(x: Any, axis: int = -1) -> Tensor:
    """The first half along `axis`, times the sigmoid of the second (Dauphin et al., 2017).

    >>> import nervure as nv
    >>> nv.ops.glu([1.0, 2.0, 0.0, 0.0])
    array([0.5, 1. ], dtype=float32)
    """
    x = floating(x)
    k = axis_of(axis, x.ndim, "glu")
    n = x.shape[k]
    if n % 2:
        raise ValueError(f"glu: axis {axis} of shape {x.shape} has no two halves")
    return _multiply(sliced(x, k, 0, n // 2), sigmoid(sliced(x, k, n // 2, n // 2)))


def _along(name: str, x: Any, axis: Any) -> Tensor:
    x = floating(x)
    last, order, moved = on_last(x, axis, name)
    return from_last(node(name, last), order, moved)


@op
def softmax(x: Any, axis: Any = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along `axis`, for any size of x.

    >>> import nervure as nv
    >>> nv.ops.softmax([0.0, 0.0])
    array([0.5, 0.5], dtype=float32)
    """
    return _along("softmax", x, axis)


@op
def log_softmax(x: Any, axis: Any = -1) -> Tensor:
    """x - logsumexp(x) along `axis`.

    >>> import nervure as nv
    >>> nv.ops.log_softmax([0.0, 0.0])
    array([-0.6931472, -0.6931472], dtype=float32)
    """
    return _along("log_softmax", x, axis)


@op
def sparsemax(x: Any, axis: int = -1) -> Tensor:
    """The point nearest to x among probabilities along `axis`: max(x - t, 0), with t such that the sum is 1
    (Martins & Astudillo, 2016). Unlike softmax it has zeros.

    >>> import nervure as nv
    >>> nv.ops.sparsemax([0.5, 1.0, -3.0])
    array([0.25, 0.75, 0.  ], dtype=float32)
    """
    x = floating(x)
    k = axis_of(axis, x.ndim, "sparsemax")
    x = _subtract(x, max(x, k, True))
    # Of the values from the largest on, those belong to the sum of 1 that are above the t they would make with all
    # before. The rest is linear: which values belong has no gradient.
    falling = flip(sort(x, k), k)
    count = _add(iota([x.shape[k] if j == k else 1 for j in range(x.ndim)], k, x.dtype), 1)
    belong = _greater(_add(_multiply(count, falling), 1), cumsum(falling, k))
    last = _negative(max(where(belong, _negative(falling), -math.inf), k, True))
    kept = GENERATED["greater_equal"](x, last)
    t = _divide(_subtract(sum(where(kept, x, 0), k, True), 1), sum(cast_to(kept, x.dtype), k, True))
    return relu(_subtract(x, t))


# ---- labels ----


@op
def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Tensor:
    """1 at the class along a new axis of `num_classes`, 0 elsewhere; all 0 for a class out of range.

    >>> import nervure as nv
    >>> nv.ops.one_hot([1, 0], 2)
    array([[0., 1.],
           [1., 0.]], dtype=float32)
    """
    if sparse:
        raise ValueError("one_hot: sparse tensors are not supported")
    x = tensor(x)
    x = x if x.dtype in ("int32", "int64") else cast_to(x, "int32")
    k = axis_of(axis, x.ndim + 1, "one_hot")
    classes = iota([num_classes if j == k else 1 for j in range(x.ndim + 1)], k, x.dtype)
    return cast_to(_equal(expand_dims(x, k), classes), standardize_dtype(dtype))


@op
def multi_hot(inputs: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Tensor:
    """1 for each class that occurs in a row, 0 elsewhere.

    >>> import nervure as nv
    >>> nv.ops.multi_hot([[0, 2], [1, 1]], 3)
    array([[1., 0., 1.],
           [0., 1., 0.]], dtype=float32)
    """
    from .reduction import max as max_

    x = tensor(inputs)
    return max_(one_hot(x, num_classes, axis, dtype, sparse), axis=1 if x.ndim > 1 else 0)


# ---- crossentropies ----
# Given probabilities, Keras takes the log of what it clips to [1e-7, 1 - 1e-7]. Where the probabilities are themselves
# the softmax or sigmoid of logits, the logits are used instead: exact, and stable for any size of them.


def _same_shape(what: str, target: Tensor, output: Tensor) -> None:
    if target.shape != output.shape:
        raise ValueError(f"{what}: target and output must have the same shape, got {target.shape} and {output.shape}")


def _logits(output: Tensor, maker: str, axis: int) -> Tensor | None:
    """What `output` is the `maker` of, over its last axis."""
    made = output.node
    return Tensor(made.inputs[0]) if made.op == maker and axis in (-1, output.ndim - 1) else None


def _log_probabilities(output: Tensor, from_logits: bool, axis: int) -> Tensor:
    if not from_logits:
        logits = _logits(output, "softmax", axis)
        if logits is None:
            p = _divide(output, sum(output, axis, True))
            return _log(clip(p, config.epsilon(), 1.0 - config.epsilon()))
        output = logits
    return log_softmax(output, axis)


@op(arrays=2)
def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Tensor:
    """-sum(target log(p)) along `axis`, p = output / sum(output), or softmax(output) with `from_logits`.

    >>> import nervure as nv
    >>> nv.ops.categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])
    array([0.6931472], dtype=float32)
    """
    target, output = pair(target, output, FLOAT)
    _same_shape("categorical_crossentropy", target, output)
    if not output.ndim:
        raise ValueError("categorical_crossentropy: target and output need an axis of classes, got scalars")
    return _negative(sum(_multiply(target, _log_probabilities(output, from_logits, axis)), axis))


@op(arrays=2)
def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Tensor:
    """-log(p[target]) along `axis`: `categorical_crossentropy` with integer labels. A label out of range is an error.

    >>> import nervure as nv
    >>> nv.ops.sparse_categorical_crossentropy([1], [[0.5, 0.5]])
    array([0.6931472], dtype=float32)
    """
    output = floating(output)
    label = tensor(target)
    if not output.ndim:
        raise ValueError("sparse_categorical_crossentropy: output needs an axis of classes, got a scalar")
    if label.ndim == output.ndim and label.shape[-1] == 1:
        label = squeeze(label, -1)
    if is_float(label.dtype):
        label = where(_equal(label, label), label, -1)  # NaN is no label
    label = label if label.dtype in ("int32", "int64") else cast_to(label, "int32")
    k = axis_of(axis, output.ndim, "sparse_categorical_crossentropy")
    if label.shape != output.shape[:k] + output.shape[k + 1 :]:
        raise ValueError(
            "sparse_categorical_crossentropy: target must have output's shape without the classes, "
            f"got {label.shape} and {output.shape}"
        )
    logits = output if from_logits else _logits(output, "softmax", axis)
    if logits is not None and k == output.ndim - 1:
        return node("sparse_softmax_cross_entropy", logits, label)
    log_p = _log_probabilities(output, from_logits, axis)
    label = where(_less(label, 0), output.shape[k], label)  # -1 is no class: let the kernel say so
    picked = node("take_along_axis", log_p, expand_dims(label, k), ints=(k,))
    return _negative(squeeze(picked, k))


@op(arrays=2)
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Tensor:
    """-target log(p) - (1 - target) log(1 - p), p = output, or sigmoid(output) with `from_logits`.

    >>> import nervure as nv
    >>> nv.ops.binary_crossentropy([0.0, 1.0], [0.5, 0.5])
    array([0.6931472, 0.6931472], dtype=float32)
    """
    target, output = pair(target, output, FLOAT)
    _same_shape("binary_crossentropy", target, output)
    logits = output if from_logits else _logits(output, "sigmoid", -1)
    if logits is not None:
        # -t log(s(z)) - (1 - t) log(1 - s(z)) = softplus(z) - t z
        return _subtract(softplus(logits), _multiply(target, logits))
    p = clip(output, config.epsilon(), 1.0 - config.epsilon())
    yes = _multiply(target, _log(p))
    no = _multiply(_subtract(1, target), _log(_subtract(1, p)))
    return _negative(_add(yes, no))


# ---- normalisation ----


@op
def moments(x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False) -> tuple[Tensor, Tensor]:
    """The mean and the variance over `axes`.

    >>> import nervure as nv
    >>> nv.ops.moments([[1.0, 3.0]], axes=1)
    (array([2.], dtype=float32), array([1.], dtype=float32))
    """
    if synchronized:
        raise ValueError("moments: synchronized=True is for several replicas; there is one")
    return mean(x, axes, keepdims), var(x, axes, keepdims)


@op(arrays=3)
def batch_normalization(
    x: Any, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 1e-3
) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, with statistics of `axis` (Ioffe & Szegedy, 2015).

    >>> import nervure as nv
    >>> nv.ops.batch_normalization([[1.0], [3.0]], [2.0], [1.0], axis=-1, epsilon=0.0)
    array([[-1.],
           [ 1.]], dtype=float32)
    """
    x = floating(x)
    k = axis_of(axis, x.ndim, "batch_normalization")

    def along(v: Any) -> Tensor:
        v = at(v, x.dtype)
        if v.shape != (x.shape[k],):
            raise ValueError(
                f"batch_normalization: axis {axis} of shape {x.shape} needs vectors of {x.shape[k]}, got {v.shape}"
            )
        return reshaped(v, [n if j == k else 1 for j, n in enumerate(x.shape)])

    factor = _rsqrt(_add(along(variance), epsilon))
    if scale is not None:
        factor = _multiply(factor, along(scale))
    shift = _negative(_multiply(along(mean), factor))
    if offset is not None:
        shift = _add(shift, along(offset))
    return _add(_multiply(x, factor), shift)


@op
def layer_normalization(
    x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float | None = None
) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta, with statistics over `axis` (Ba et al., 2016).

    >>> import nervure as nv
    >>> nv.ops.layer_normalization([[1.0, 3.0]])
    array([[-1.,  1.]], dtype=float32)
    """
    x = floating(x)
    axes = axes_of(axis, x.ndim, "layer_normalization")

    def along(v: Any) -> Tensor:
        v = at(v, x.dtype)
        if v.ndim == x.ndim or axes == (x.ndim - 1,):
            return v
        return reshaped(v, [n if k in axes else 1 for k, n in enumerate(x.shape)])

    factor = _rsqrt(_add(var(x, axes, True), config.epsilon() if epsilon is None else epsilon))
    if gamma is not None:
        factor = _multiply(factor, along(gamma))
    shift = _negative(_multiply(mean(x, axes, True), factor))
    if beta is not None:
        shift = _add(shift, along(beta))
    return _add(_multiply(x, factor), shift)


@op
def rms_normalization(x: Any, scale: Any = None, axis: Any = -1, epsilon: float | None = None) -> Tensor:
    """x / sqrt(mean(x^2) + epsilon) * scale, with the mean over `axis` (Zhang & Sennrich, 2019).

    >>> import nervure as nv
    >>> nv.ops.rms_normalization([[3.0, 3.0]])
    array([[1., 1.]], dtype=float32)
    """
    x = floating(x)
    root = _rsqrt(_add(mean(_square(x), axis, True), config.epsilon() if epsilon is None else epsilon))
    y = _multiply(x, root)
    return y if scale is None else _multiply(y, at(scale, x.dtype))


@op
def normalize(x: Any, axis: Any = -1, order: int = 2, epsilon: float | None = None) -> Tensor:
    """x / max(its norm along `axis`, epsilon).

    >>> import nervure as nv
    >>> nv.ops.normalize([[3.0, 4.0]])
    array([[0.6, 0.8]], dtype=float32)
    """
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"normalize: order must be an int of at least 1, got {order!r}")
    x = floating(x)
    x = x if x.ndim else reshaped(x, (1,))
    tiny = config.epsilon() if epsilon is None else epsilon
    if order == 2:  # the bound is inside the root, whose slope at 0 is infinite
        least = float(np.maximum(tiny * tiny, np.finfo(x.dtype).tiny))
        return _multiply(x, _rsqrt(_maximum(sum(_square(x), axis, True), least)))
    return _divide(x, _maximum(norm(x, order, axis, True), tiny))


@op(arrays=2)
def psnr(x1: Any, x2: Any, max_val: float) -> Tensor:
    """Peak signal-to-noise ratio in decibels: 20 log10(max_val) - 10 log10(mean((x1 - x2)^2)).

    >>> import nervure as nv
    >>> nv.ops.psnr([0.0, 1.0], [0.1, 1.0], max_val=1.0)
    array(23.0103, dtype=float32)
    """
    a, b = pair(x1, x2, FLOAT)
    _same_shape("psnr", a, b)
    log10 = GENERATED["log10"]
    return _subtract(_multiply(log10(at(max_val, a.dtype)), 20), _multiply(log10(mean(_square(_subtract(a, b)))), 10))

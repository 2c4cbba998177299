"""Records which dtypes Keras gives: KERAS_BACKEND=jax python make_dtypes.py > dtypes.json (Keras 3.15.1)."""
# ruff: noqa: SIM905

import json
import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np
from keras import ops

UNARY = (
    "abs absolute negative sign square sqrt reciprocal exp expm1 exp2 log log1p log2 log10 sin cos tan arcsin "
    "arccos arctan sinh cosh tanh arcsinh arctanh softplus erfc erfinv relu relu6 floor ceil round trunc isnan "
    "isinf isfinite logical_not sum prod max min any all mean std var median cumsum cumprod argmax argmin argsort "
    "sort count_nonzero logsumexp softmax log_softmax norm deg2rad rad2deg gelu elu selu nansum nanmean nanmax "
    "ptp diff softsign leaky_relu hard_sigmoid cbrt "
).split()
BINARY = (
    "add subtract multiply divide true_divide floor_divide mod power maximum minimum arctan2 equal less logical_and "
    "logical_xor hypot logaddexp divide_no_nan matmul dot inner outer heaviside fmax"
).split()
PAIRS = [
    ("bool", "bool"), ("bool", "int32"), ("bool", "float32"), ("int32", "int32"), ("int32", "float32"),
    ("float32", "float32"), ("bool", 1), ("bool", 1.0), ("int32", 1), ("int32", 1.0), ("float32", 1), ("float32", 1.0),
]  # fmt: skip


def record(name, *args):
    try:
        return str(getattr(ops, name)(*args).dtype)
    except (TypeError, ValueError):
        return None  # Keras refuses


table = {
    "unary": {n: {d: record(n, np.ones(2, d)) for d in ("bool", "int32", "float32")} for n in UNARY},
    "binary": {
        n: [[a, b, record(n, np.ones(2, a), np.ones(2, b) if isinstance(b, str) else b)] for a, b in PAIRS]
        for n in BINARY
    },
}
print(json.dumps(table))

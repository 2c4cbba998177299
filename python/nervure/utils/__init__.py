"""Helpers around training: seeds, labels, names, the progress bar."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from .._absent import missing
from .naming import auto_name, reset_names, to_snake_case

__all__ = [
    "Progbar",
    "PyDataset",
    "Sequence",
    "auto_name",
    "clear_session",
    "is_keras_tensor",
    "normalize",
    "set_random_seed",
    "standardize_dtype",
    "to_categorical",
    "to_snake_case",
]

_ELSEWHERE = {
    "Progbar": "nervure.utils.progbar",
    "PyDataset": "nervure.utils.py_dataset",
    "Sequence": "nervure.utils.py_dataset",
    "is_keras_tensor": "nervure.keras_tensor",
    "standardize_dtype": "nervure._dtypes",
}


if TYPE_CHECKING:
    from .._dtypes import standardize_dtype
    from ..keras_tensor import is_keras_tensor
    from .progbar import Progbar
    from .py_dataset import PyDataset, Sequence
else:

    def __getattr__(name: str) -> Any:
        if name in _ELSEWHERE:
            return getattr(importlib.import_module(_ELSEWHERE[name]), name)
        raise missing(__name__, name)


def set_random_seed(seed: int) -> None:
    """Seeds Python's `random`, NumPy's global generator and nervure's, so that a run repeats bit for bit.

    Neither the number of threads nor the instruction set (AVX2, AVX-512, NEON) changes a bit.

    >>> import nervure as nv
    >>> nv.utils.set_random_seed(1)
    >>> a = nv.random.uniform((2,))
    >>> nv.utils.set_random_seed(1)
    >>> bool((a == nv.random.uniform((2,))).all())
    True
    """
    import random

    from ..random import global_generator

    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise ValueError(f"seed must be an int, got {seed!r}")
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed must be from 0 to 2**32 - 1, got {seed}")
    random.seed(int(seed))
    np.random.seed(int(seed))
    global_generator().reset(int(seed))


def clear_session(free_memory: bool = True) -> None:
    """Starts automatic names again, and drops the cache of plans of eager ops.

    >>> import nervure as nv
    >>> nv.utils.clear_session()
    >>> nv.layers.ReLU().name, nv.layers.ReLU().name
    ('re_lu', 're_lu_1')
    """
    reset_names()
    if free_memory:
        from ..ops.dispatch import compiled

        compiled.cache_clear()


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """Integer classes as rows with a 1 at the class and 0 elsewhere; of arrays float64, as in Keras.

    >>> to_categorical([0, 2], 3)
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    from .._tensor import Operators

    if isinstance(x, Operators):
        from .. import ops

        if num_classes is None:
            raise ValueError("to_categorical: num_classes must be given for a tensor")
        return ops.one_hot(ops.squeeze(x, -1) if len(x.shape) > 1 and x.shape[-1] == 1 else x, num_classes)
    given = np.asarray(x)
    if given.dtype.kind not in "biuf":
        raise TypeError(f"to_categorical expects class numbers, got an array of dtype {given.dtype}")
    if given.dtype.kind == "f" and not (given == np.floor(given)).all():  # false of NaN
        wrong = given[given != np.floor(given)].flat[0]
        raise ValueError(f"to_categorical expects class numbers, got {wrong}")
    if num_classes is not None and (not isinstance(num_classes, (int, np.integer)) or num_classes < 1):
        raise ValueError(f"to_categorical: num_classes must be a positive integer, got {num_classes!r}")
    labels = given.astype(np.int64)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if num_classes is None:
        num_classes = int(labels.max()) + 1 if labels.size else 0
    if labels.size and not 0 <= labels.min() <= labels.max() < num_classes:
        wrong = labels[(labels < 0) | (labels >= num_classes)].flat[0]
        raise ValueError(f"to_categorical: label {wrong} is not in [0, {num_classes})")
    rows = np.zeros((labels.size, num_classes))
    rows[np.arange(labels.size), labels.ravel()] = 1
    return rows.reshape(*labels.shape, num_classes)


def normalize(x: Any, axis: int = -1, order: int = 2) -> Any:
    """x divided by its norm along `axis`; zeros stay.

    >>> normalize(np.array([[3.0, 4.0]]))
    array([[0.6, 0.8]])
    """
    if isinstance(x, np.ndarray):
        norms = np.linalg.norm(x, order, axis, keepdims=True)
        return x / np.where(norms == 0, 1, norms)
    from .. import ops

    return ops.normalize(x, axis=axis, order=order)

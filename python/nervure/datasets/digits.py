"""Handwritten digits: the test part of the UCI set "Optical Recognition of Handwritten Digits", 1,797 images of 8x8.

E. Alpaydin and C. Kaynak (1998), UCI Machine Learning Repository, https://doi.org/10.24432/C50P49, licensed CC BY 4.0
(https://creativecommons.org/licenses/by/4.0/). Each pixel counts the ink, 0 to 16, in a 4x4 block of a 32x32 scan.
Unchanged but for its form: the numbers of `optdigits.tes`, in its order, as a compressed array.
"""

from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["load_data"]

Part = tuple[NDArray[np.uint8], NDArray[np.int64]]


def load_data() -> tuple[Part, Part]:
    """`(x_train, y_train), (x_test, y_test)`: images uint8 [n, 8, 8] with values 0..16, labels int64 [n].

    The split is fixed: of each digit's images, in the file's order, every fifth is for testing. That leaves 1,442 to
    train with and 355 to test with, every digit in the same share of both. The arrays are new at each call.

    Credit: E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository, https://doi.org/10.24432/C50P49, CC BY 4.0.

    >>> (x_train, y_train), (x_test, y_test) = load_data()
    >>> x_train.shape, x_test.shape, int(x_train.max())
    ((1442, 8, 8), (355, 8, 8), 16)
    """
    with files("nervure.datasets").joinpath("digits.npz").open("rb") as file, np.load(file) as stored:
        images, labels = stored["images"], stored["labels"].astype(np.int64)
    test = _every_fifth(labels)
    return (images[~test], labels[~test]), (images[test], labels[test])


def _every_fifth(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """True at the 5th, 10th, ... occurrence of each label."""
    test = np.zeros(len(labels), bool)
    for label in range(10):
        test[np.flatnonzero(labels == label)[4::5]] = True
    return test

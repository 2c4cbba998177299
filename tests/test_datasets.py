"""The digits are the UCI set's, whole, and split as documented."""

import numpy as np
from nervure.datasets import digits


def test_shapes_and_types() -> None:
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert x_train.shape == (1442, 8, 8) and x_test.shape == (355, 8, 8)
    assert y_train.shape == (1442,) and y_test.shape == (355,)
    assert x_train.dtype == x_test.dtype == np.uint8 and y_train.dtype == y_test.dtype == np.int64
    assert x_train.min() == 0 and x_train.max() == 16


def test_contents_are_the_published_ones() -> None:
    """The first digit as published, and the class counts and the sum of all pixels of `optdigits.tes`."""
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    first = [0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0, 0, 3, 15, 2, 0, 11, 8, 0, 0, 4, 12, 0, 0, 8, 8, 0]
    first += [0, 5, 8, 0, 0, 9, 8, 0, 0, 4, 11, 0, 1, 12, 7, 0, 0, 2, 14, 5, 10, 12, 0, 0, 0, 0, 6, 13, 10, 0, 0, 0]
    assert x_train[0].ravel().tolist() == first and y_train[0] == 0
    counts = np.bincount(y_train) + np.bincount(y_test)
    assert counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert int(x_train.sum()) + int(x_test.sum()) == 561718


def test_the_split_is_every_fifth_of_each_digit() -> None:
    (_, y_train), (_, y_test) = digits.load_data()
    counts = np.bincount(y_train) + np.bincount(y_test)
    assert np.bincount(y_test).tolist() == (counts // 5).tolist()


def test_no_image_is_in_both_parts_and_arrays_are_new() -> None:
    (x_train, _), (x_test, _) = digits.load_data()
    assert not {x.tobytes() for x in x_train} & {x.tobytes() for x in x_test}
    x_train[:] = 0
    assert digits.load_data()[0][0].any()

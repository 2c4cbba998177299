"""Nested structures."""

from collections import namedtuple

import pytest
from nervure import tree

Point = namedtuple("Point", "x y")
NESTED = {"b": [1, (2, None)], "a": Point(3, {"k": 4})}


def test_flatten_and_pack():
    leaves = tree.flatten(NESTED)
    assert leaves == [3, 4, 1, 2, None]
    packed = tree.pack_sequence_as(NESTED, leaves)
    assert packed == NESTED
    assert list(packed) == ["b", "a"]
    assert isinstance(packed["a"], Point)
    assert tree.flatten(5) == [5]
    assert tree.flatten(None) == [None]
    assert tree.flatten([]) == []
    assert tree.pack_sequence_as([], []) == []


def test_pack_checks_the_count():
    for leaves in ([1], [1, 2, 3]):
        with pytest.raises((ValueError, TypeError)):
            tree.pack_sequence_as([0, 0], leaves)


def test_is_nested():
    assert all(map(tree.is_nested, ([], (), {}, Point(1, 2))))
    assert not any(map(tree.is_nested, (None, "ab", 1, {1, 2}, range(3))))


def test_map_structure():
    assert tree.map_structure(lambda a, b: (a, b), [1, {"k": 2}], [3, {"k": 4}]) == [(1, 3), {"k": (2, 4)}]
    assert tree.map_structure(lambda x: x is None, [None, 1]) == [True, False]
    with pytest.raises((ValueError, TypeError)):
        tree.map_structure(lambda a, b: a, [1, 2], [1])


def test_assert_same_structure():
    tree.assert_same_structure(NESTED, NESTED)
    for other in ([1], {"b": 1, "a": 2}, 3):
        with pytest.raises((ValueError, TypeError)):
            tree.assert_same_structure(NESTED, other)

"""Nested structures."""

from collections import OrderedDict, defaultdict, deque, namedtuple

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


def test_structures_must_agree():
    for a, b in (([1], (1,)), (Point(1, 2), (1, 2)), ({"a": 1}, {"b": 1}), ([1, 2], [1]), (deque([1]), [1]), ([1], 1)):
        with pytest.raises(ValueError, match="don't have the same nested structure: expected a"):
            tree.assert_same_structure(a, b)
        with pytest.raises(ValueError, match="same nested structure"):
            tree.map_structure(lambda x, y: x, a, b)
    tree.assert_same_structure({"a": 1, "b": 2}, OrderedDict(b=1, a=2))
    with pytest.warns(DeprecationWarning, match="check_types"):
        tree.assert_same_structure([1], [2], check_types=False)
    tree.assert_same_paths([1, (2,)], (1, [2]))
    with pytest.raises(ValueError, match=r"don't have the same paths.\nPaths in `b` missing in `a`:\n{\(1,\)}"):
        tree.assert_same_paths([1], [1, 2])


def test_dicts_of_another_order_are_mapped_by_key():
    ordered = OrderedDict([("b", 1), ("a", 2)])
    assert tree.flatten(ordered) == [1, 2]
    assert tree.map_structure(lambda x, y: (x, y), ordered, {"a": 20, "b": 10}) == {"b": (1, 10), "a": (2, 20)}
    kept = tree.map_structure(lambda x: x + 1, defaultdict(int, {"z": 1, "a": 2}))
    assert kept.default_factory is int and list(kept.items()) == [("z", 2), ("a", 3)]
    assert tree.map_structure(str, deque([1, 2], maxlen=3)) == deque(["1", "2"]) and tree.is_nested(deque())
    assert tree.map_structure(lambda x: 0, [None, [1]], none_is_leaf=False) == [None, [0]]


def test_walks_and_maps_up_to():
    seen = []
    assert tree.traverse(seen.append, [(1, 2), {"a": 3}]) == [(1, 2), {"a": 3}]
    assert seen == [[(1, 2), {"a": 3}], (1, 2), 1, 2, {"a": 3}, 3]
    seen.clear()
    tree.traverse(seen.append, [(1, 2), 3], top_down=False)
    assert seen == [1, 2, (1, 2), 3, [(1, 2), 3]]
    assert tree.traverse(lambda x: tree.MAP_TO_NONE if x == (1, 2) else None, [(1, 2), 3]) == [None, 3]
    assert tree.map_structure_up_to({"a": 0}, lambda x, y: (x, y), {"a": [1]}, {"a": 2}) == {"a": ([1], 2)}
    assert tree.map_structure_up_to(0, len, [1, 2]) == 2
    with pytest.raises(ValueError, match="same nested structure"):
        tree.map_structure_up_to([0, 0], len, [[1]])
    for call in (tree.map_structure, tree.traverse, tree.map_shape_structure):
        with pytest.raises(TypeError, match="`func` must be callable, got 3"):
            call(3, [1])
    for call in (tree.map_structure, lambda f: tree.map_structure_up_to([0], f)):
        with pytest.raises(ValueError, match="at least one structure"):
            call(len)
    assert tree.map_shape_structure(tuple, [1, None]) == (1, None)

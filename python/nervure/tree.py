"""Nested structures of lists, tuples and dicts: flatten them, map over them, build them again.

A dict is walked by its sorted keys, so that two dicts with the same keys always pair. `None` is a leaf, as are arrays,
tensors and strings.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ._absent import absent

__all__ = ["assert_same_structure", "flatten", "is_nested", "map_structure", "outline", "pack_sequence_as"]

if not TYPE_CHECKING:
    __getattr__ = absent(__name__)


def is_nested(structure: Any) -> bool:
    """True for a list, a tuple or a dict.

    >>> is_nested([1, 2]), is_nested("ab")
    (True, False)
    """
    return isinstance(structure, (list, tuple, dict))


def _keys(structure: dict[Any, Any]) -> list[Any]:
    try:
        return sorted(structure)
    except TypeError:
        raise TypeError(f"the keys of a dict of tensors must be sortable, got {list(structure)}") from None


def _children(structure: Any) -> list[Any]:
    if isinstance(structure, dict):
        return [structure[k] for k in _keys(structure)]
    return list(structure)


def flatten(structure: Any) -> list[Any]:
    """The leaves, depth first.

    >>> flatten({"b": [1, 2], "a": (3,)})
    [3, 1, 2]
    """
    if not is_nested(structure):
        return [structure]
    leaves: list[Any] = []
    for child in _children(structure):
        if is_nested(child):
            leaves.extend(flatten(child))
        else:
            leaves.append(child)
    return leaves


def _pack(structure: Any, leaves: Iterator[Any]) -> Any:
    if not is_nested(structure):
        return next(leaves)
    if isinstance(structure, dict):
        packed = {k: _pack(structure[k], leaves) for k in _keys(structure)}
        return type(structure)((k, packed[k]) for k in structure)  # in the order they came
    children = [_pack(child, leaves) for child in structure]
    if hasattr(structure, "_fields"):
        return type(structure)(*children)
    return type(structure)(children)


def pack_sequence_as(structure: Any, flat: Sequence[Any]) -> Any:
    """`flat` in the shape of `structure`; ValueError if the numbers of leaves differ.

    >>> pack_sequence_as({"b": [0, 0], "a": 0}, [1, 2, 3])
    {'b': [2, 3], 'a': 1}
    """
    flat = list(flat)
    n = len(flatten(structure))
    if n != len(flat):
        raise ValueError(f"expected {n} leaves to fill the structure {structure}, got {len(flat)}")
    return _pack(structure, iter(flat))


def map_structure(function: Callable[..., Any], *structures: Any) -> Any:
    """Applies `function` leaf by leaf to structures that have the same shape.

    >>> map_structure(lambda a, b: a + b, [1, (2,)], [10, (20,)])
    [11, (22,)]
    """
    if not structures:
        raise ValueError("map_structure expects at least one structure")
    first = structures[0]
    for other in structures[1:]:
        assert_same_structure(first, other)
    columns = [flatten(s) for s in structures]
    return _pack(first, iter([function(*row) for row in zip(*columns, strict=True)]))


def assert_same_structure(a: Any, b: Any) -> None:
    """ValueError unless `a` and `b` nest alike; a list and a tuple of the same length count as alike.

    >>> assert_same_structure([1, {"x": 2}], (5, {"x": 6}))
    """
    if is_nested(a) != is_nested(b) or isinstance(a, dict) != isinstance(b, dict):
        raise ValueError(f"expected the same structure, got {outline(a)} and {outline(b)}")
    if not is_nested(a):
        return
    if (set(a) != set(b)) if isinstance(a, dict) else (len(a) != len(b)):
        raise ValueError(f"expected the same structure, got {outline(a)} and {outline(b)}")
    for x, y in zip(_children(a), _children(b), strict=True):
        assert_same_structure(x, y)


def outline(structure: Any) -> str:
    """The nesting as text, leaves as `*`.

    >>> outline({"a": [1, 2]})
    "{'a': [*, *]}"
    """
    if isinstance(structure, dict):
        return "{" + ", ".join(f"{k!r}: {outline(v)}" for k, v in structure.items()) + "}"
    if is_nested(structure):
        return "[" + ", ".join(outline(v) for v in structure) + "]"
    return "*"

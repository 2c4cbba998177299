"""Nested structures of lists, tuples, deques and dicts: flatten them, map over them, build them again.

A dict is walked by its sorted keys, so that two dicts with the same keys always pair; an `OrderedDict` in its own
order. `None` is a leaf, as are arrays, tensors and strings.
"""

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ._absent import absent

__all__ = [
    "MAP_TO_NONE",
    "assert_same_paths",
    "assert_same_structure",
    "flatten",
    "flatten_with_path",
    "is_nested",
    "lists_to_tuples",
    "map_shape_structure",
    "map_structure",
    "map_structure_up_to",
    "outline",
    "pack_sequence_as",
    "traverse",
]

if not TYPE_CHECKING:
    __getattr__ = absent(__name__)

_NESTS = (list, tuple, dict, deque)


class MAP_TO_NONE:
    """What a function given to `traverse` returns for a part that shall become None.

    >>> traverse(lambda x: MAP_TO_NONE if x == 2 else None, [1, 2])
    [1, None]
    """


def is_nested(structure: Any) -> bool:
    """True for a list, a tuple, a deque or a dict.

    >>> is_nested([1, 2]), is_nested("ab")
    (True, False)
    """
    return isinstance(structure, _NESTS)


def _keys(structure: dict[Any, Any]) -> list[Any]:
    if isinstance(structure, OrderedDict):
        return list(structure)
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


def flatten_with_path(structure: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """The leaves, each after its path: the tuple of indices and keys that lead to it.

    >>> flatten_with_path([{"a": 42}])
    [((0, 'a'), 42)]
    """
    if not is_nested(structure):
        return [((), structure)]
    keys = _keys(structure) if isinstance(structure, dict) else range(len(structure))
    children = zip(keys, _children(structure), strict=True)
    return [((key, *path), leaf) for key, child in children for path, leaf in flatten_with_path(child)]


def _rebuild(structure: Any, children: list[Any]) -> Any:
    """A structure like this one with other children, which come in the order of `_children`."""
    if isinstance(structure, dict):
        packed = dict(zip(_keys(structure), children, strict=True))
        pairs = [(k, packed[k]) for k in structure]  # in the order they came
        if isinstance(structure, defaultdict):
            return type(structure)(structure.default_factory, pairs)
        return type(structure)(pairs)
    if isinstance(structure, deque):
        return type(structure)(children, structure.maxlen)
    return type(structure)(*children) if hasattr(structure, "_fields") else type(structure)(children)


def _pack(structure: Any, leaves: Iterator[Any]) -> Any:
    if not is_nested(structure):
        return next(leaves)
    return _rebuild(structure, [_pack(child, leaves) for child in _children(structure)])


def pack_sequence_as(structure: Any, flat_sequence: Sequence[Any]) -> Any:
    """`flat_sequence` in the shape of `structure`; ValueError if the numbers of leaves differ.

    >>> pack_sequence_as({"b": [0, 0], "a": 0}, [1, 2, 3])
    {'b': [2, 3], 'a': 1}
    """
    flat = list(flat_sequence)
    n = len(flatten(structure))
    if n != len(flat):
        raise ValueError(f"expected {n} leaves to fill the structure {structure}, got {len(flat)}")
    return _pack(structure, iter(flat))


def _check_function(func: Any) -> None:
    if not callable(func):
        raise TypeError(f"`func` must be callable, got {func!r}")


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """Applies `func` leaf by leaf to structures that have the same shape; none_is_leaf=False leaves None as it is.

    ValueError if their shapes differ (see `assert_same_structure`).

    >>> map_structure(lambda a, b: a + b, [1, (2,)], [10, (20,)])
    [11, (22,)]
    """
    _check_function(func)
    if not structures:
        raise ValueError("Must provide at least one structure")
    first = structures[0]
    for other in structures[1:]:
        assert_same_structure(first, other)
    if not none_is_leaf:
        inner, func = func, lambda *row: None if row[0] is None else inner(*row)
    columns = [_like(first, s) for s in structures]
    return _pack(first, iter([func(*row) for row in zip(*columns, strict=True)]))


def _like(model: Any, structure: Any) -> list[Any]:
    """The leaves of `structure` in the order of those of `model`, whose dicts may be ordered otherwise."""
    if not is_nested(model):
        return [structure]
    if not isinstance(model, dict):
        return [leaf for m, s in zip(model, structure, strict=True) for leaf in _like(m, s)]
    return [leaf for k in _keys(model) for leaf in _like(model[k], structure[k])]


def map_structure_up_to(shallow_structure: Any, func: Callable[..., Any], *structures: Any) -> Any:
    """`map_structure` as deep as `shallow_structure` goes: what lies deeper is given to `func` whole.

    ValueError for a structure that is not nested like the shallow one as far as that goes.

    >>> map_structure_up_to([None, [None, None]], str, [[1, 1], [2, 2]])
    ['[1, 1]', ['2', '2']]
    """
    _check_function(func)
    if not structures:
        raise ValueError("Must provide at least one structure")
    if not is_nested(shallow_structure):
        return func(*structures)
    for other in structures:
        _check_node(shallow_structure, other)
    if isinstance(shallow_structure, dict):
        keys = _keys(shallow_structure)
        rows = [(shallow_structure[k], *(s[k] for s in structures)) for k in keys]
    else:
        rows = list(zip(shallow_structure, *structures, strict=True))
    return _rebuild(shallow_structure, [map_structure_up_to(row[0], func, *row[1:]) for row in rows])


def _check_node(a: Any, b: Any) -> None:
    """ValueError unless the outermost levels agree: dicts in their keys, other nests in type and length."""
    if isinstance(a, dict) and isinstance(b, dict):
        alike = set(a) == set(b)
    else:
        alike = is_nested(a) and type(a) is type(b) and len(a) == len(b)
    if not alike:
        raise ValueError(
            f"The two structures don't have the same nested structure: expected a {type(a).__name__} {outline(a)}, "
            f"got a {type(b).__name__} {outline(b)}"
        )


def assert_same_structure(a: Any, b: Any, check_types: Any = None) -> None:
    """ValueError unless `a` and `b` nest alike: all nests of the same types and lengths.

    Dicts of all kinds are alike if their keys are; a list and a tuple are not (`assert_same_paths` takes them to be).
    `check_types` has no effect any more.

    >>> assert_same_structure([1, {"x": 2}], [5, {"x": 6}])
    """
    if check_types is not None:
        import warnings

        warnings.warn(
            "The `check_types` argument is deprecated and no longer has any effect. For a looser check, use "
            "`tree.assert_same_paths()`",
            DeprecationWarning,
            stacklevel=2,
        )
    if not is_nested(a) and not is_nested(b):
        return
    _check_node(a, b)
    pairs = [(a[k], b[k]) for k in a] if isinstance(a, dict) else list(zip(a, b, strict=True))
    for x, y in pairs:
        assert_same_structure(x, y)


def assert_same_paths(a: Any, b: Any) -> None:
    """ValueError unless the same paths lead to the leaves of `a` and `b`, whatever the types of the nests.

    >>> assert_same_paths([1, 2], (3, 4))
    """
    ours, theirs = ({path for path, _ in flatten_with_path(structure)} for structure in (a, b))
    if ours != theirs:
        message = "`a` and `b` don't have the same paths."
        for here, there, missing in (("a", "b", ours - theirs), ("b", "a", theirs - ours)):
            message += f"\nPaths in `{here}` missing in `{there}`:\n{missing}" if missing else ""
        raise ValueError(message)


def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """Replaces parts: `func` is called with every nest and leaf, and what it returns takes the place of that part.

    None leaves the part as it is; `MAP_TO_NONE` makes it None. Top down, a part that was replaced is not entered;
    bottom up, `func` sees nests whose parts have been replaced.

    >>> traverse(lambda x: x * 10 if isinstance(x, int) else None, [1, {"a": 2}])
    [10, {'a': 20}]
    """
    _check_function(func)
    result = func(structure) if top_down else None
    if result is None:
        if is_nested(structure):
            structure = _rebuild(structure, [traverse(func, child, top_down) for child in _children(structure)])
        result = None if top_down else func(structure)
        if result is None:
            return structure
    return None if result is MAP_TO_NONE else result


def lists_to_tuples(structure: Any) -> Any:
    """The same structure with tuples in place of lists.

    >>> lists_to_tuples([1, {"a": [2]}])
    (1, {'a': (2,)})
    """
    return traverse(lambda x: tuple(x) if isinstance(x, list) else None, structure, top_down=False)


def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """`map_structure` whose leaves are shapes: lists and tuples of nothing but ints and None.

    >>> map_shape_structure(len, {"a": (None, 3), "b": [(2, 2, 2)]})
    {'a': 2, 'b': [3]}
    """
    _check_function(func)
    if not is_nested(structure):
        return func(structure)
    if isinstance(structure, (list, tuple)) and all(x is None or isinstance(x, int) for x in structure):
        return func(structure)
    return _rebuild(structure, [map_shape_structure(func, child) for child in _children(structure)])


def outline(structure: Any) -> str:
    """The nesting as text, leaves as `*`.

    >>> outline({"a": [1, 2]})
    "{'a': [*, *]}"
    """
    if isinstance(structure, dict):
        return "{" + ", ".join(f"{k!r}: {outline(v)}" for k, v in structure.items()) + "}"
    if is_nested(structure):
        ends = "()" if isinstance(structure, tuple) else "[]"
        return ends[0] + ", ".join(outline(v) for v in structure) + ends[1]
    return "*"

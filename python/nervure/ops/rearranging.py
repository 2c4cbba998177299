"""`rearrange`: axes named in a pattern, split, merged and put in order (Rogozhnikov, 2022)."""

import math
import re
from typing import Any

from .._tensor import Tensor
from .dispatch import op, permuted, reshaped
from .dispatch import tensor as as_tensor

__all__ = ["rearrange"]


def _groups(side: str, pattern: str) -> list[list[str]]:
    """The names of one side, grouped by the axes of the array that they make up."""
    groups: list[list[str]] = []
    inside = False
    for token in re.findall(r"\w+|[()]|\S", side):
        if token in "()":
            if inside == (token == "("):
                raise ValueError(f"rearrange: unbalanced parentheses in pattern {pattern!r}")
            inside = token == "("
            if inside:
                groups.append([])
        elif token == "1" or token.isidentifier():
            names = [] if token == "1" else [token]
            if inside:
                groups[-1] += names
            else:
                groups.append(names)
        else:
            raise ValueError(f"rearrange: {token!r} is no name of an axis, in pattern {pattern!r}")
    if inside:
        raise ValueError(f"rearrange: unbalanced parentheses in pattern {pattern!r}")
    return groups


@op
def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Tensor:
    """`tensor` with its axes named on the left of "->" and wanted as on the right. Names in parentheses make up one
    axis, the last running fastest; all but one of their lengths are given by `axes_lengths`. 1 is an axis of size 1.

    >>> import nervure as nv, numpy as np
    >>> nv.ops.rearrange(np.arange(6), "(a b) -> b a", a=2).tolist()
    [[0, 3], [1, 4], [2, 5]]
    """
    x = as_tensor(tensor)
    sides = pattern.split("->")
    if len(sides) != 2:
        raise ValueError(f"rearrange: a pattern has one '->', got {pattern!r}")
    left, right = (_groups(side, pattern) for side in sides)
    names, wanted = [n for g in left for n in g], [n for g in right for n in g]
    if len(left) != x.ndim:
        raise ValueError(f"rearrange: pattern {pattern!r} names {len(left)} axes, the array has shape {x.shape}")
    if len(set(names)) != len(names) or sorted(names) != sorted(wanted):
        raise ValueError(f"rearrange: both sides of {pattern!r} must have the same names, each once")
    unknown = set(axes_lengths) - set(names)
    if unknown:
        raise ValueError(f"rearrange: {sorted(unknown)} are not in pattern {pattern!r}")
    length = dict(axes_lengths)
    for group, extent in zip(left, x.shape, strict=True):
        free = [n for n in group if n not in length]
        known = math.prod(length[n] for n in group if n in length)
        if len(free) == 1 and known and extent % known == 0:
            length[free[0]] = extent // known
        elif free or known != extent:
            raise ValueError(f"rearrange: an axis of {extent} is not {' times '.join(group) or 1} with {axes_lengths}")
    split = reshaped(x, [length[n] for n in names])
    ordered = permuted(split, [names.index(n) for n in wanted])
    return reshaped(ordered, [math.prod(length[n] for n in group) for group in right])

"""`OptimizeResult`: what is found, and why the search for it ended."""

from __future__ import annotations

from typing import Any

__all__ = ["OptimizeResult", "OptimizeWarning"]


class OptimizeWarning(UserWarning):
    """Something about a fit cannot be trusted; what, is in the text.

    >>> issubclass(OptimizeWarning, UserWarning)
    True
    """


class OptimizeResult(dict[str, Any]):
    """A dict whose items are attributes as well.

    Which there are depends on what made it: see `minimize` and `least_squares`. Common to all:

    - x: the best point found, in the shape of the start.
    - fun, jac: the value and its derivatives there.
    - success: did it end because x is as good as was asked for? Where it did not, x is still the best point found.
    - status, message: why it ended, as a number and in words.
    - nit, nfev, njev: iterations; evaluations of the function, and of its derivatives.

    AttributeError naming what there is for other attributes.

    >>> result = OptimizeResult(x=1.0, success=True)
    >>> result.x, result["success"]
    (1.0, True)
    >>> result
    success: True
          x: 1.0
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the result has no '{name}': it has {', '.join(self)}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(f"the result has no '{name}'") from None

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]

    def __repr__(self) -> str:
        if not self:
            return "OptimizeResult()"
        first = ("message", "success", "status", "fun", "cost", "x", "nit")
        names = [name for name in first if name in self] if len(self) > 2 else sorted(self)
        names += [name for name in self if name not in names]
        width = max(map(len, names))
        return "\n".join(f"{name:>{width}}: {_indented(self[name], width + 2)}" for name in names)


def _indented(value: Any, width: int) -> str:
    import numpy as np

    if isinstance(value, np.ndarray):
        text = np.array2string(value, max_line_width=118 - width, threshold=20, edgeitems=3, precision=8)
    else:
        text = repr(value) if not isinstance(value, str) else value
    return text.replace("\n", "\n" + " " * width)

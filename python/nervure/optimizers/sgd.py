"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..variable import Variable
from .optimizer import Optimizer, beta

__all__ = ["SGD"]


class SGD(Optimizer):
    """w -= learning_rate * g; with momentum m = momentum * m - learning_rate * g, w += m (Polyak, 1964); with
    `nesterov` w += momentum * m - learning_rate * g (Nesterov, 1983). The learning rate is inside of the buffer.

    >>> import numpy as np, nervure as nv
    >>> w = nv.Variable(np.ones(2, "float32"))
    >>> SGD(0.5).apply([np.ones(2, "float32")], [w])
    >>> w.numpy().tolist()
    [0.5, 0.5]
    """

    def __init__(self, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False, **kwargs: Any) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum = beta("SGD", "momentum", momentum)
        if not isinstance(nesterov, bool):
            raise ValueError(f"SGD: expected `nesterov` to be True or False, got nesterov={nesterov!r}")
        self.nesterov = bool(nesterov)
        self.momentums: list[Variable] = []

    def build(self, variables: Sequence[Variable]) -> None:
        super().build(variables)
        if self.momentum:
            self.momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        step = gradient * learning_rate
        if not self.momentum:
            variable.assign_sub(step)
            return
        m = self.momentums[self._get_variable_index(variable)]
        m.assign(m * self.momentum - step)
        variable.assign_add(m * self.momentum - step if self.nesterov else m)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"momentum": self.momentum, "nesterov": self.nesterov}

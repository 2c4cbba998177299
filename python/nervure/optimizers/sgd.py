"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..variable import Variable
from .arguments import between
from .optimizer import Optimizer


class SGD(Optimizer):
    """w -= learning_rate * g; with momentum m = momentum * m - learning_rate * g, w += m (Polyak, 1964); with
    `nesterov` w += momentum * m - learning_rate * g (Nesterov, 1983). The learning rate is inside of the buffer.

    >>> import nervure as nv
    >>> w = nv.Variable([1.0])
    >>> SGD(0.5).apply([nv.ops.convert_to_tensor([1.0])], [w])
    >>> round(float(w.numpy()[0]), 4)
    0.5
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            **kwargs,
        )
        self.momentum = between("momentum", momentum)
        if not isinstance(nesterov, bool):
            raise ValueError(f"SGD: expected `nesterov` to be True or False, got nesterov={nesterov!r}")
        self.nesterov = nesterov
        self.momentums: list[Variable] = []

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
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

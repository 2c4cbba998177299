"""RMSprop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ops
from ..variable import Variable
from .arguments import at_least_zero, between
from .optimizer import Optimizer


class RMSprop(Optimizer):
    """v = rho * v + (1 - rho) * g * g; w -= learning_rate * g / sqrt(v + epsilon) (Tieleman and Hinton, 2012).

    `centered` subtracts the square of the mean gradient from v (Graves, 2013). With momentum the steps go through a
    buffer: m = momentum * m + step; w -= m.

    >>> import nervure as nv
    >>> w = nv.Variable([1.0])
    >>> RMSprop(0.1, rho=0.0).apply([nv.ops.convert_to_tensor([1.0])], [w])
    >>> round(float(w.numpy()[0]), 4)
    0.9
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
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
        self.rho = between("rho", rho)
        self.momentum = between("momentum", momentum)
        self.epsilon = at_least_zero("epsilon", epsilon)
        self.centered = bool(centered)
        self._velocities: list[Variable] = []
        self._momentums: list[Variable] = []
        self._average_gradients: list[Variable] = []

    def build(self, var_list: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(var_list)
        self._velocities = self.add_optimizer_variables(var_list, "velocity")
        if self.momentum:
            self._momentums = self.add_optimizer_variables(var_list, "momentum")
        if self.centered:
            self._average_gradients = self.add_optimizer_variables(var_list, "average_gradient")

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        k = self._get_variable_index(variable)
        v = self._velocities[k]
        v.assign(v * self.rho + ops.square(gradient) * (1.0 - self.rho))
        spread = v
        if self.centered:
            mean = self._average_gradients[k]
            mean.assign(mean * self.rho + gradient * (1.0 - self.rho))
            spread = v - ops.square(mean)
        step = learning_rate * gradient / ops.sqrt(spread + self.epsilon)
        if self.momentum:
            m = self._momentums[k]
            m.assign(m * self.momentum + step)
            step = m
        variable.assign_sub(step)

    def get_config(self) -> dict[str, Any]:
        config = {"rho": self.rho, "momentum": self.momentum, "epsilon": self.epsilon, "centered": self.centered}
        return super().get_config() | config

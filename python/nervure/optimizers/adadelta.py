"""Adadelta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ops
from ..variable import Variable
from .arguments import at_least_zero, between
from .optimizer import Optimizer


class Adadelta(Optimizer):
    """a = rho * a + (1 - rho) * g * g; d = g * sqrt(b + epsilon) / sqrt(a + epsilon); b = rho * b + (1 - rho) * d * d;
    w -= learning_rate * d (Zeiler, 2012, whose own rate is 1).

    >>> import nervure as nv
    >>> w = nv.Variable([1.0])
    >>> Adadelta(1.0, rho=0.0, epsilon=0.25).apply([nv.ops.convert_to_tensor([1.0])], [w])
    >>> round(float(w.numpy()[0]), 4)
    0.5528
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
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
        self.epsilon = at_least_zero("epsilon", epsilon)
        self._accumulated_grads: list[Variable] = []
        self._accumulated_delta_vars: list[Variable] = []

    def build(self, var_list: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(var_list)
        self._accumulated_grads, self._accumulated_delta_vars = self.add_optimizer_variables(
            var_list, ["accumulated_grad", "accumulated_delta_var"]
        )

    def update_step(self, grad: Any, variable: Variable, learning_rate: Any) -> None:
        k = self._get_variable_index(variable)
        a, b = self._accumulated_grads[k], self._accumulated_delta_vars[k]
        a.assign(a * self.rho + ops.square(grad) * (1.0 - self.rho))
        step = ops.sqrt(b + self.epsilon) * grad / ops.sqrt(a + self.epsilon)
        b.assign(b * self.rho + ops.square(step) * (1.0 - self.rho))
        variable.assign_sub(learning_rate * step)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"rho": self.rho, "epsilon": self.epsilon}

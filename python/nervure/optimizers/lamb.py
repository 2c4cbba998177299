"""Lamb."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ops
from ..variable import Variable
from .arguments import at_least_zero, between
from .clipping import global_norm
from .optimizer import Optimizer


class Lamb(Optimizer):
    """Adam's step, scaled to the norm of the weight (You et al., ICLR 2020):

    m += (g - m) * (1 - beta_1); v += (g * g - v) * (1 - beta_2);
    u = m / (1 - beta_1 ** t) / (sqrt(v / (1 - beta_2 ** t)) + epsilon); w -= learning_rate * |w| / |u| * u,
    where the quotient of the norms is 1 if one of them is 0.

    >>> import nervure as nv
    >>> w = nv.Variable([1.0])
    >>> Lamb(0.5).apply([nv.ops.convert_to_tensor([1.0])], [w])
    >>> round(float(w.numpy()[0]), 4)
    0.5
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
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
        self.beta_1 = between("beta_1", beta_1)
        self.beta_2 = between("beta_2", beta_2)
        self.epsilon = at_least_zero("epsilon", epsilon)
        self._momentums: list[Variable] = []
        self._velocities: list[Variable] = []

    def build(self, var_list: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(var_list)
        self._momentums, self._velocities = self.add_optimizer_variables(var_list, ["momentum", "velocity"])

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        k = self._get_variable_index(variable)
        m, v = self._momentums[k], self._velocities[k]
        t = ops.cast(self.iterations + 1, variable.dtype)
        m.assign_add((gradient - m) * (1.0 - self.beta_1))
        v.assign_add((ops.square(gradient) - v) * (1.0 - self.beta_2))
        of_m, of_v = 1.0 / (1.0 - ops.power(self.beta_1, t)), 1.0 / (1.0 - ops.power(self.beta_2, t))
        step = m * of_m / (ops.sqrt(v * of_v) + self.epsilon)
        w_norm, norm = global_norm([variable]), global_norm([step])
        both = ops.logical_and(ops.greater(w_norm, 0.0), ops.greater(norm, 0.0))
        variable.assign_sub(ops.where(both, w_norm / norm, 1.0) * learning_rate * step)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}

"""Adamax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ops
from ..variable import Variable
from .arguments import at_least_zero, between
from .optimizer import Optimizer


class Adamax(Optimizer):
    """m += (g - m) * (1 - beta_1); u = max(beta_2 * u, |g|);
    w -= learning_rate * m / ((1 - beta_1 ** t) * (u + epsilon)) (Kingma and Ba, ICLR 2015, section 7.1).

    >>> import nervure as nv
    >>> w = nv.Variable([1.0])
    >>> Adamax(0.5).apply([nv.ops.convert_to_tensor([1.0])], [w])
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
        self._m: list[Variable] = []
        self._u: list[Variable] = []

    def build(self, var_list: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(var_list)
        self._m, self._u = self.add_optimizer_variables(var_list, ["momentum", "norm"])

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        k = self._get_variable_index(variable)
        m, u = self._m[k], self._u[k]
        t = ops.cast(self.iterations + 1, variable.dtype)
        m.assign_add((gradient - m) * (1.0 - self.beta_1))
        u.assign(ops.maximum(u * self.beta_2, ops.absolute(gradient)))
        variable.assign_sub((learning_rate / (1.0 - ops.power(self.beta_1, t))) * m / (u + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}

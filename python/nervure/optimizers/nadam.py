"""Nadam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import initializers, ops
from ..variable import Variable
from .arguments import at_least_zero, between
from .optimizer import Optimizer


class Nadam(Optimizer):
    """Adam with Nesterov's momentum (Dozat, 2016). With u_t = beta_1 * (1 - 0.96 ** t / 2) and their product U_t,

    m += (g - m) * (1 - beta_1); v += (g * g - v) * (1 - beta_2);
    w -= learning_rate * (u_(t+1) * m / (1 - U_(t+1)) + (1 - u_t) * g / (1 - U_t))
    / (sqrt(v / (1 - beta_2 ** t)) + epsilon).

    >>> import nervure as nv
    >>> w = nv.Variable([1.0])
    >>> Nadam(0.5).apply([nv.ops.convert_to_tensor([1.0])], [w])
    >>> round(float(w.numpy()[0]), 4)
    0.4686
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
        dtype = var_list[0].dtype if var_list else None
        self._u_product = self.add_variable((), initializers.Constant(1.0), dtype, name="u_product")

    def _u(self, t: Any) -> Any:
        return self.beta_1 * (1.0 - 0.5 * ops.power(0.96, t))

    def _backend_update_step(self, grads: list[Any], trainable_variables: list[Variable], learning_rate: Any) -> None:
        product = self._u_product
        product.assign(product * self._u(ops.cast(self.iterations + 1, product.dtype)))
        super()._backend_update_step(grads, trainable_variables, learning_rate)

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        k = self._get_variable_index(variable)
        m, v = self._momentums[k], self._velocities[k]
        t = ops.cast(self.iterations + 1, variable.dtype)
        product = ops.cast(self._u_product, variable.dtype)
        following = self._u(t + 1.0)
        m.assign_add((gradient - m) * (1.0 - self.beta_1))
        v.assign_add((ops.square(gradient) - v) * (1.0 - self.beta_2))
        of_m = learning_rate * following / (1.0 - product * following)
        of_gradient = learning_rate * (1.0 - self._u(t)) / (1.0 - product)
        spread = v * (1.0 / (1.0 - ops.power(self.beta_2, t)))
        variable.assign_sub((m * of_m + gradient * of_gradient) / (ops.sqrt(spread) + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}

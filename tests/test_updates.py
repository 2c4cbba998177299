"""The update of a parameter is one pass over it, however it is spelled, and has the bits of its ops one by one."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import nervure as nv
import numpy as np
import pytest
from nervure import _core, ops, optimizers
from nervure._trace import tracing


def plans() -> list[str]:
    gc.collect()
    return [o.text for o in gc.get_objects() if isinstance(o, _core.Plan)]


def update_lines(optimizer: Any, dtype: str = "float32") -> list[str]:
    """What a training step's plan says of the update of a weight of shape (20, 30)."""
    before = set(plans())
    model = nv.Sequential([nv.Input((20,), dtype=dtype), nv.layers.Dense(30, dtype=dtype)])
    model.compile(optimizer, loss="mse")
    model.fit(np.ones((8, 20)), np.ones((8, 30)), verbose=0)
    texts = set(plans()) - before
    return [line for text in texts for line in text.splitlines() if f"variable {dtype}(20, 30)" in line]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_adam_updates_a_weight_in_one_pass(dtype: str) -> None:
    lines = update_lines("adam", dtype)
    assert any(" adam -> " in line for line in lines), lines


class Spelled(optimizers.Optimizer):
    """Adam, as `spelling` has it."""

    def __init__(self, spelling: Callable[..., None], **kwargs: Any) -> None:
        super().__init__(learning_rate=0.01, **kwargs)
        self.spelling = spelling

    def build(self, variables: Any) -> None:
        super().build(variables)
        self.m, self.v = self.add_optimizer_variables(variables, ["m", "v"])

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        k = self._get_variable_index(variable)
        t = ops.cast(self.iterations + 1, variable.dtype)
        self.spelling(self, gradient, variable, self.m[k], self.v[k], learning_rate, t)


def as_keras(o: Any, g: Any, w: Any, m: Any, v: Any, lr: Any, t: Any) -> None:
    alpha = lr * ops.sqrt(1 - ops.power(0.999, t)) / (1 - ops.power(0.9, t))
    o.assign_add(m, ops.multiply(ops.subtract(g, m), 1 - 0.9))
    o.assign_add(v, ops.multiply(ops.subtract(ops.square(g), v), 1 - 0.999))
    o.assign_sub(w, ops.divide(ops.multiply(m, alpha), ops.add(ops.sqrt(v), 1e-7)))


def turned_around(o: Any, g: Any, w: Any, m: Any, v: Any, lr: Any, t: Any) -> None:
    """The same, every sum and product the other way round, the square a product, the slots last."""
    alpha = lr * ops.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    new_v = v + (1 - 0.999) * (g * g - v)
    new_m = m + (1 - 0.9) * (g - m)
    w.assign(w - alpha * new_m / (1e-7 + ops.sqrt(new_v)))
    v.assign(new_v)
    m.assign(new_m)


def textbook(o: Any, g: Any, w: Any, m: Any, v: Any, lr: Any, t: Any) -> None:
    m.assign(0.9 * m + (1 - 0.9) * g)
    v.assign(0.999 * v + (1 - 0.999) * ops.square(g))
    m_hat, v_hat = m / (1 - ops.power(0.9, t)), v / (1 - ops.power(0.999, t))
    w.assign_sub(lr * m_hat / (ops.sqrt(v_hat) + 1e-7))


def rate_last(o: Any, g: Any, w: Any, m: Any, v: Any, lr: Any, t: Any) -> None:
    m.assign((1 - 0.9) * g + 0.9 * m)
    v.assign((1 - 0.999) * g**2 + 0.999 * v)
    m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
    w.assign(w - lr * (m_hat / (1e-7 + ops.sqrt(v_hat))))


def one_rate(o: Any, g: Any, w: Any, m: Any, v: Any, lr: Any, t: Any) -> None:
    m.assign(ops.add(ops.multiply(m, 0.9), ops.multiply(g, 1 - 0.9)))
    v.assign(ops.add(ops.multiply(v, 0.999), ops.multiply(ops.multiply(g, g), 1 - 0.999)))
    w.assign_sub((m / (ops.sqrt(v) + 1e-7)) * (lr * ops.sqrt(1 - 0.999**t) / (1 - 0.9**t)))


def decayed(o: Any, g: Any, w: Any, m: Any, v: Any, lr: Any, t: Any) -> None:
    w.assign(w - w * (lr * 0.1))
    as_keras(o, g, w, m, v, lr, t)


def decayed_inside(o: Any, g: Any, w: Any, m: Any, v: Any, lr: Any, t: Any) -> None:
    m.assign(m + (g - m) * 0.1)
    v.assign(v + (g * g - v) * 0.001)
    w.assign_sub(lr * m / (ops.sqrt(v) + 1e-7) + lr * 0.1 * w)


def rmsprop(o: Any, g: Any, w: Any, m: Any, v: Any, lr: Any, t: Any) -> None:
    o.assign(v, ops.add(ops.multiply(0.9, v), ops.multiply(1 - 0.9, ops.square(g))))
    o.assign_sub(w, ops.divide(ops.multiply(lr, g), ops.sqrt(ops.add(v, 1e-7))))


def lion(o: Any, g: Any, w: Any, m: Any, v: Any, lr: Any, t: Any) -> None:
    o.assign_sub(w, ops.multiply(lr, ops.sign(ops.add(ops.multiply(m, 0.9), ops.multiply(g, 0.1)))))
    o.assign(m, ops.add(ops.multiply(m, 0.99), ops.multiply(g, 0.01)))


def momentum(o: Any, g: Any, w: Any, m: Any, v: Any, lr: Any, t: Any) -> None:
    o.assign(m, ops.subtract(ops.multiply(m, 0.9), ops.multiply(g, lr)))
    o.assign_add(w, m)


def old_slot_after_new(o: Any, g: Any, w: Any, m: Any, v: Any, lr: Any, t: Any) -> None:
    """The weight needs what m was before: m may not be overwritten first."""
    before = m.value
    m.assign(0.9 * m + 0.1 * g)
    v.assign(0.5 * before + 0.5 * w)
    w.assign(w - (before * lr + m * 0.5))


SPELLINGS = {
    as_keras: ["adam"],
    turned_around: ["adam"],
    textbook: ["blend", "blend_square", "adam_hats"],
    rate_last: ["blend", "blend_square", "adam_hats_rate_last"],
    one_rate: ["blend", "blend_square", "adam_rate_last"],
    decayed: ["move", "move_square", "adamw_step"],
    decayed_inside: ["move", "move_square", "quotient"],
    rmsprop: ["blend_square", "rmsprop_step"],
    lion: ["blend", "lion_step"],
    momentum: ["momentum", "add"],
    old_slot_after_new: ["blend"],
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_users_spelling_has_kernels_of_its_own(spelling: Any) -> None:
    lines = update_lines(Spelled(spelling))
    updates = [line for line in lines if all(f" {name} " in line for name in SPELLINGS[spelling])]
    assert len(updates) == 1, lines


BUILT_IN = {
    "SGD": ({"momentum": 0.9}, "momentum"),
    "RMSprop": ({}, "rmsprop_step"),
    "AdamW": ({}, "adamw_step"),
    "Nadam": ({}, "nadam_step"),
    "Lion": ({}, "lion_step"),
    "Adagrad": ({}, "rmsprop_step"),
}


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_built_in_ones_do(name: str) -> None:
    args, kernel = BUILT_IN[name]
    lines = update_lines(getattr(optimizers, name)(**args))
    assert any(f" {kernel} " in line for line in lines), lines


class Plain:
    """A value for `spelling` outside of a trace, where every op is a computation of its own."""

    __array_priority__ = 2000.0

    def __init__(self, value: np.ndarray) -> None:
        self.value = value

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.value

    def assign(self, value: Any) -> None:
        self.value = np.asarray(value)

    def assign_add(self, value: Any) -> None:
        self.assign(ops.add(self.value, value))

    def assign_sub(self, value: Any) -> None:
        self.assign(ops.subtract(self.value, value))

    def __add__(self, other: Any) -> Any:
        return Plain(ops.add(self.value, _value(other)))

    def __radd__(self, other: Any) -> Any:
        return Plain(ops.add(_value(other), self.value))

    def __sub__(self, other: Any) -> Any:
        return Plain(ops.subtract(self.value, _value(other)))

    def __rsub__(self, other: Any) -> Any:
        return Plain(ops.subtract(_value(other), self.value))

    def __mul__(self, other: Any) -> Any:
        return Plain(ops.multiply(self.value, _value(other)))

    def __rmul__(self, other: Any) -> Any:
        return Plain(ops.multiply(_value(other), self.value))

    def __truediv__(self, other: Any) -> Any:
        return Plain(ops.divide(self.value, _value(other)))

    def __pow__(self, other: Any) -> Any:
        return Plain(ops.power(self.value, _value(other)))

    def __rpow__(self, other: Any) -> Any:
        return Plain(ops.power(_value(other), self.value))


def _value(x: Any) -> Any:
    return x.value if isinstance(x, Plain) else x


def wild(rng: np.random.Generator, n: int, dtype: str) -> np.ndarray:
    x = rng.normal(size=n) * 10.0 ** rng.integers(-30, 30, n)
    x[rng.random(n) < 0.1] = 0.0
    return x.astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_bits_are_those_of_the_ops_one_by_one(spelling: Any, dtype: str) -> None:
    rng = np.random.default_rng(5)

    class Helper:
        assign = staticmethod(lambda x, y: x.assign(y))
        assign_add = staticmethod(lambda x, y: x.assign_add(y))
        assign_sub = staticmethod(lambda x, y: x.assign_sub(y))

    for n in (1, 7, 64, 1000, 5003):
        g, w, m = (wild(rng, n, dtype) for _ in range(3))
        v = np.abs(wild(rng, n, dtype))
        traced = [nv.Variable(x) for x in (w, m, v)]
        with tracing() as scope:
            inputs = [scope.input((n,), dtype), scope.input((), dtype), scope.input((), dtype)]
            spelling(Helper, inputs[0], *traced, *inputs[1:])
            plan = scope.plan(inputs)
        lr, t = np.array(0.01, dtype), np.array(3.0, dtype)
        with np.errstate(all="ignore"):
            plan.run(g, lr, t)
            single = [Plain(x) for x in (w, m, v)]
            spelling(Helper, Plain(g), *single, Plain(lr), Plain(t))
        for a, b in zip(traced, single, strict=True):
            np.testing.assert_array_equal(a.numpy(), b.value)

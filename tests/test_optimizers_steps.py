"""Around an optimizer's update: kept plans, schedules, accumulation, scaling, custom optimizers, state, configs."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import nervure as nv
import numpy as np
import pytest
from nervure import ops, optimizers
from nervure._trace import tracing
from nervure.optimizers import schedules

NAMES = [
    name
    for name in optimizers.__all__
    if isinstance(getattr(optimizers, name), type) and name not in ("MultiOptimizer", "LossScaleOptimizer")
    if issubclass(getattr(optimizers, name), optimizers.Optimizer) and name != "Optimizer"
    if not getattr(optimizers, name).full_batch  # they take no steps but in fit
]


class Traced(optimizers.SGD):
    """SGD that counts how often it is traced."""

    traces = 0

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        Traced.traces += 1
        super().update_step(gradient, variable, learning_rate)


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, "float32")


def test_steps_on_arrays_are_traced_once() -> None:
    w = [nv.Variable(ones(2)), nv.Variable(ones(3, 2))]
    optimizer, Traced.traces = Traced(0.5, momentum=0.5), 0
    for _ in range(5):
        optimizer.apply([ones(2), ones(3, 2)], w)
        optimizer.apply_gradients(zip([ones(3, 2), ones(2)], w[::-1], strict=True))
    assert Traced.traces == 4  # two orders, two variables
    optimizer.learning_rate = 0.25
    optimizer.apply([ones(2), ones(3, 2)], w)
    assert Traced.traces == 4


def test_a_set_attribute_is_seen_by_the_next_step() -> None:
    w = nv.Variable(ones(1))
    optimizer = optimizers.SGD(1.0, momentum=0.5)
    optimizer.apply([ones(1)], [w])  # m = -1
    optimizer.momentum = 0.0
    optimizer.apply([ones(1)], [w])
    assert w.numpy()[0] == -1.0  # with the slot: -1.5
    optimizer.clipvalue = 0.25
    optimizer.apply([ones(1)], [w])
    assert w.numpy()[0] == -1.25
    w.constraint = nv.constraints.NonNeg()
    optimizer.apply([ones(1)], [w])
    assert w.numpy()[0] == 0.0
    scaled = optimizers.LossScaleOptimizer(optimizers.SGD(1.0), initial_scale=1.0)
    scaled.apply([ones(1)], [w])
    scaled.inner_optimizer.clipvalue = 0.5
    scaled.apply([ones(1)], [w])
    assert w.numpy()[0] == 0.0
    w.constraint = None
    scaled.apply([ones(1)], [w])
    assert w.numpy()[0] == -0.5


def test_a_schedule_is_evaluated_before_the_step_is_counted() -> None:
    class Line(schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> Any:
            return 1.0 + ops.cast(step, "float32")

    w = nv.Variable(np.zeros(1, "float32"))
    optimizer = optimizers.SGD(Line())
    assert [v.name for v in optimizer.variables] == ["iteration"]
    for expected in (-1.0, -3.0, -6.0):
        optimizer.apply([ones(1)], [w])
        assert w.numpy()[0] == expected
    assert float(optimizer.learning_rate) == 4.0
    with pytest.raises(TypeError, match="not settable"):
        optimizer.learning_rate = 0.1
    optimizer.learning_rate = schedules.PiecewiseConstantDecay([100], [0.5, 0.0])
    optimizer.apply([ones(1)], [w])
    assert w.numpy()[0] == -6.5


def test_a_schedule_takes_the_place_of_the_variable() -> None:
    optimizer = optimizers.Adam(0.25)
    optimizer.learning_rate = schedules.PolynomialDecay(optimizer.learning_rate, 4)
    assert [v.name for v in optimizer.variables] == ["iteration"]
    assert float(optimizer.learning_rate) == 0.25


def test_a_function_is_asked_for_the_rate_at_each_step() -> None:
    rates = iter([0.5, 0.25, 0.125])
    w = nv.Variable(ones(1))
    optimizer, Traced.traces = Traced(lambda: next(rates)), 0
    for expected in (0.5, 0.25, 0.125):
        optimizer.apply([ones(1)], [w])
        assert w.numpy()[0] == expected
    assert Traced.traces == 1


def test_schedules_in_a_model() -> None:
    model = nv.Sequential([nv.Input((1,)), nv.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(optimizers.SGD(schedules.PiecewiseConstantDecay([0, 1], [0.25, 0.125, 0.0])), "mse")
    seen = []
    for _ in range(4):  # the gradient is 2 * (w - 1)
        model.train_on_batch(ones(1, 1), ones(1, 1))
        seen.append(float(model.layers[0].kernel.numpy()[0, 0]))
    assert seen == [0.5, 0.625, 0.625, 0.625]
    assert int(model.optimizer.iterations) == 4


@pytest.mark.parametrize("name", NAMES)
def test_accumulated_gradients_are_one_gradient(name: str) -> None:
    """k steps of accumulation are a step with the mean; nothing but the sums changes in between."""
    rng = np.random.default_rng(1)
    one, three = (getattr(optimizers, name)(0.05, **extra) for extra in ({}, {"gradient_accumulation_steps": 3}))
    values = [rng.normal(size=s).astype("float32") for s in ((3, 4), (5,))]
    w1, w3 = ([nv.Variable(v, name=f"w{k}") for k, v in enumerate(values)] for _ in range(2))
    for step in range(4):
        grads = [[rng.normal(size=v.shape).astype("float32") for v in values] for _ in range(3)]
        one.apply([np.mean(g, 0) for g in zip(*grads, strict=True)], w1)
        before = [v.numpy().copy() for v in w3]
        for part in range(3):
            three.apply(grads[part], w3)
            if part < 2:
                assert all(np.array_equal(b, v.numpy()) for b, v in zip(before, w3, strict=True))
        for a, b in zip(w1, w3, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-5)
        assert int(three.iterations) == step + 1
    assert not any(s.numpy().any() for s in three._accumulated_gradients)


@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_finds_the_least(name: str) -> None:
    """Of |x - 1|^2: a step in the wrong direction, or with a wrong sign of a slot, does not."""
    rate = {"Adadelta": 30.0, "Ftrl": 0.5, "Adagrad": 0.5, "Muon": 0.05, "Adafactor": 0.3, "ScheduleFreeAdamW": 0.3}
    w = nv.Variable(np.zeros((3, 2), "float32"))
    optimizer = getattr(optimizers, name)(rate.get(name, 0.05))
    for _ in range(200):
        optimizer.apply([2 * (w.numpy() - 1)], [w])
    np.testing.assert_allclose(w.numpy(), 1.0, atol=0.15)


@pytest.mark.parametrize("name", NAMES)
def test_state_can_be_saved_and_loaded(name: str) -> None:
    rng = np.random.default_rng(2)
    grads = [[rng.normal(size=(3, 2)).astype("float32")] for _ in range(6)]
    a, b = nv.Variable(ones(3, 2), name="w"), nv.Variable(ones(3, 2), name="w")
    first = getattr(optimizers, name)(0.1, use_ema=True, gradient_accumulation_steps=2)
    for g in grads[:3]:
        first.apply(g, [a])
    second = optimizers.deserialize(optimizers.serialize(first))
    second.build([b])
    store: dict[str, Any] = {}
    first.save_own_variables(store)
    second.load_own_variables({key: np.array(value) for key, value in store.items()})
    b.assign(a.numpy())
    for g in grads[3:]:
        first.apply(g, [a])
        second.apply(g, [b])
    assert np.array_equal(a.numpy(), b.numpy())
    assert second.get_config() == first.get_config()
    assert pickle.loads(pickle.dumps(first)).get_config() == first.get_config()
    assert copy.deepcopy(first).get_config() == first.get_config()
    third = getattr(optimizers, name)()
    with pytest.warns(UserWarning, match="Skipping variable loading"):
        third.load_own_variables(store)


@pytest.mark.parametrize("name", NAMES)
def test_stateless_apply_changes_nothing(name: str) -> None:
    w, same = nv.Variable(ones(3, 2), name="w"), nv.Variable(ones(3, 2), name="w")
    pure, usual = (getattr(optimizers, name)(0.1, weight_decay=0.1) for _ in range(2))
    pure.build([w])
    state, values = [np.array(v.numpy()) for v in pure.variables], [np.array(w.numpy())]
    gradient = np.arange(6, dtype="float32").reshape(3, 2)
    for _ in range(3):
        values, state = pure.stateless_apply(state, [gradient], values)
        usual.apply([gradient], [same])
    np.testing.assert_allclose(values[0], same.numpy(), rtol=1e-6)
    for got, want in zip(state, usual.variables, strict=True):
        np.testing.assert_allclose(got, want.numpy(), rtol=1e-6)
    assert (w.numpy() == 1).all()
    assert int(pure.iterations) == 0
    with pytest.raises(ValueError, match="optimizer_variables"):
        pure.stateless_apply([], [gradient], values)
    with pytest.raises(ValueError, match="must be built"):
        optimizers.SGD().stateless_apply([], [], [])


def test_names_and_order_of_slots() -> None:
    variables = [nv.Variable(ones(2, 3), name="a"), nv.Variable(ones(2), name="b")]
    for make, names in (
        (lambda: optimizers.SGD(momentum=0.9), "a_momentum b_momentum"),
        (lambda: optimizers.Nadam(), "a_momentum a_velocity b_momentum b_velocity u_product"),
        (lambda: optimizers.Adafactor(), "a a a_velocity b b b_velocity"),
        (lambda: optimizers.Muon(), "a_momentum b_momentum b_velocity"),
        (lambda: optimizers.RMSprop(momentum=0.9), "a_velocity b_velocity a_momentum b_momentum"),
        (
            lambda: optimizers.SGD(use_ema=True, gradient_accumulation_steps=2),
            "a_average b_average a_gradient_accumulator b_gradient_accumulator",
        ),
    ):
        optimizer = make()
        optimizer.build(variables)
        assert [v.name for v in optimizer.variables] == ["iteration", "learning_rate", *names.split()]
        assert all(v.path == f"{optimizer.name}/{v.name}" for v in optimizer.variables)


class Rows(optimizers.Optimizer):
    """A custom optimizer with a variable and a list of its own, as users write them."""

    def __init__(self, learning_rate: float = 0.01, momentum: float = 0.5, **kwargs: Any) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum = momentum

    def build(self, variables: Any) -> None:
        if self.built:
            return
        super().build(variables)
        self.total = nv.Variable(0.0, name="total")
        self.momentums = []
        for variable in variables:
            self.momentums.append(self.add_variable_from_reference(reference_variable=variable, name="momentum"))
        self.own = [nv.Variable(ones(*v.shape), name="own") for v in variables]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        learning_rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        m = self.momentums[self._get_variable_index(variable)]
        self.assign(m, ops.subtract(ops.multiply(m, self.momentum), ops.multiply(gradient, learning_rate)))
        self.assign_add(variable, m)
        self.assign_add(self.total, ops.sum(gradient))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update({"momentum": self.momentum})
        return config


def test_a_custom_optimizer() -> None:
    w, same = nv.Variable(ones(2), name="w"), nv.Variable(ones(2), name="w")
    custom, known = Rows(0.1), optimizers.SGD(0.1, momentum=0.5)
    for _ in range(3):
        custom.apply([ones(2)], [w])
        known.apply([ones(2)], [same])
    np.testing.assert_allclose(w.numpy(), same.numpy(), rtol=1e-6)
    assert float(custom.total) == 6.0
    assert [v.name for v in custom.variables] == ["iteration", "learning_rate", "total", "w_momentum", "own"]
    config = optimizers.serialize(custom)
    assert config["class_name"] == "Rows"
    assert config["config"]["momentum"] == 0.5
    again = optimizers.deserialize(config, custom_objects={"Rows": Rows})
    assert isinstance(again, Rows)
    with nv.saving.custom_object_scope({"Rows": Rows}):
        assert isinstance(optimizers.get("Rows"), Rows)
    with pytest.raises(ValueError, match="Could not interpret"):
        optimizers.get("Rows")


def test_super_must_be_called_first() -> None:
    class Late(optimizers.Optimizer):
        def __init__(self) -> None:
            self.momentum = 0.5
            super().__init__()

    with pytest.raises(RuntimeError, match=r"forgot to call `super\(\).__init__\(\)`"):
        Late()


def test_the_loss_is_scaled_and_gradients_are_not() -> None:
    w = nv.Variable(ones(1))
    optimizer = optimizers.SGD(1.0, loss_scale_factor=4.0)
    assert optimizer.scale_loss(2.0) == 8.0
    optimizer.apply([4 * ones(1)], [w])
    assert w.numpy()[0] == 0.0


def test_a_scaled_step_that_overflows_is_skipped() -> None:
    w = nv.Variable(ones(2))
    optimizer = optimizers.LossScaleOptimizer(optimizers.Adam(0.5), initial_scale=8.0, dynamic_growth_steps=2)
    assert optimizer.scale_loss(1.0) == 8.0
    optimizer.apply([np.array([np.inf, 1.0], "float32")], [w])
    assert w.numpy().tolist() == [1.0, 1.0]
    assert (float(optimizer.scale_loss(1.0)), int(optimizer.iterations)) == (4.0, 0)
    for _ in range(2):
        optimizer.apply([ones(2)], [w])
    assert (float(optimizer.scale_loss(1.0)), int(optimizer.iterations)) == (8.0, 2)
    np.testing.assert_allclose(w.numpy(), 0.0, atol=1e-4)
    optimizer.learning_rate = 0.25
    assert float(optimizer.inner_optimizer.learning_rate) == 0.25


def test_several_optimizers() -> None:
    a, b = nv.Variable(ones(2), name="a"), nv.Variable(ones(3), name="b")
    rules = optimizers.OptimizerMap(optimizers.SGD(0.5), {"b": optimizers.SGD(0.25)})
    optimizer = optimizers.MultiOptimizer(rules)
    for _ in range(2):
        optimizer.apply([ones(2), ones(3)], [a, b])
    assert (a.numpy()[0], b.numpy()[0], int(optimizer.iterations)) == (0.0, 0.5, 2)
    with pytest.raises(AttributeError, match="cannot be accessed"):
        _ = optimizer.learning_rate
    with pytest.raises(AttributeError, match="cannot be set"):
        optimizer.learning_rate = 0.1
    with pytest.raises(ValueError, match="already exists"):
        rules["b"] = optimizers.SGD()
    with pytest.raises(ValueError, match="cannot be MultiOptimizer"):
        rules["c"] = optimizer
    with pytest.raises(TypeError, match="default_optimizer"):
        optimizers.OptimizerMap("sgd")
    rules[".*"] = optimizers.SGD()
    rules["a.*"] = optimizers.SGD()
    with pytest.raises(ValueError, match="Multiple optimizers"):
        rules["ab"]


def test_weight_decay_spares_by_pattern() -> None:
    a, b, c = (nv.Variable(ones(1), name=name) for name in ("kernel", "bias", "gamma"))
    optimizer = optimizers.AdamW(0.5, weight_decay=1.0)
    optimizer.exclude_from_weight_decay(var_list=[c], var_names=["^bi.s$"])
    optimizer.apply([0 * ones(1)] * 3, [a, b, c])
    assert [float(v.numpy()[0]) for v in (a, b, c)] == [0.5, 1.0, 1.0]
    with pytest.raises(ValueError, match="before the optimizer is built"):
        optimizer.exclude_from_weight_decay(var_names=["x"])


def test_a_step_inside_a_trace() -> None:
    w = nv.Variable(ones(2))
    optimizer = optimizers.Nadam(0.1)

    @nv.function
    def step(x: Any) -> Any:
        loss, (dw,) = nv.value_and_grad(lambda: ops.sum(w * w * x), wrt=[w])()
        optimizer.apply([dw], [w])
        return loss

    losses = [float(step(ones(2))) for _ in range(9)]
    assert losses == sorted(losses, reverse=True)
    assert int(optimizer.iterations) == 9


def test_bad_steps_change_nothing() -> None:
    w = nv.Variable(ones(2))
    optimizer = optimizers.Adam()
    optimizer.apply([ones(2)], [w])
    before = [np.array(v.numpy()) for v in (w, *optimizer.variables)]
    for grads, variables in (
        ([ones(3)], [w]),
        ([None], [w]),
        ([ones(2)], [nv.Variable(ones(2))]),
        ([ones(2)] * 2, [w]),
    ):
        with pytest.raises(ValueError):
            optimizer.apply(grads, variables)
    optimizer.apply([], [])
    assert all(np.array_equal(b, v.numpy()) for b, v in zip(before, (w, *optimizer.variables), strict=True))


def test_the_old_decay_argument_is_ignored() -> None:
    with pytest.warns(UserWarning, match="`decay` is no longer supported"):
        optimizers.Adam(decay=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizers.Adam(decay=None)


def test_a_global_norm_that_is_not_finite_is_not_hidden() -> None:
    w = nv.Variable(ones(2))
    optimizers.SGD(1.0, global_clipnorm=1.0).apply([np.array([np.inf, 1.0], "float32")], [w])
    assert np.isnan(w.numpy()).all()


@pytest.mark.parametrize(
    "make, closed",
    [
        (lambda: schedules.ExponentialDecay(0.1, 10, 0.5), lambda t: 0.1 * 0.5 ** (t / 10)),
        (lambda: schedules.ExponentialDecay(0.1, 10, 0.5, True), lambda t: 0.1 * 0.5 ** (t // 10)),
        (lambda: schedules.InverseTimeDecay(0.1, 10, 0.5), lambda t: 0.1 / (1 + 0.5 * t / 10)),
        (lambda: schedules.PolynomialDecay(0.1, 20, 0.02, 2.0), lambda t: 0.02 + 0.08 * (1 - min(t / 20, 1)) ** 2),
        (lambda: schedules.CosineDecay(0.1, 20), lambda t: 0.05 * (1 + np.cos(np.pi * min(t / 20, 1)))),
        (lambda: schedules.CosineDecayRestarts(0.1, 10, 1.0), lambda t: 0.05 * (1 + np.cos(np.pi * (t % 10) / 10))),
        (lambda: schedules.PiecewiseConstantDecay([3, 9], [3, 2, 1]), lambda t: 3.0 - (t > 3) - (t > 9)),
        (lambda: schedules.CosineDecay(0.0, 5, 0.0, "n", 0.2, 10), lambda t: 0.02 * t if t < 10 else None),
    ],
)
def test_schedules(make: Any, closed: Any) -> None:
    schedule = make()
    again = schedules.deserialize(schedules.serialize(schedule))
    for t in (0, 1, 3, 4, 9, 10, 15, 20, 33):
        if closed(t) is None:
            continue
        np.testing.assert_allclose(float(schedule(t)), closed(t), rtol=1e-5, atol=1e-7)
        assert float(schedule(np.int64(t))) == float(again(t)) == float(schedule(nv.Variable(t, dtype="int32")))
    with tracing():
        assert schedule(ops.convert_to_tensor(3)).shape == ()


def test_bad_schedules() -> None:
    for make in (
        lambda: schedules.ExponentialDecay(0.1, 0, 0.5),
        lambda: schedules.InverseTimeDecay(0.1, -1, 0.5),
        lambda: schedules.PolynomialDecay(0.1, 0),
        lambda: schedules.CosineDecay(0.1, 0),
        lambda: schedules.CosineDecayRestarts(0.1, 0),
    ):
        with pytest.raises(ValueError, match="must be > 0"):
            make()
    with pytest.raises(ValueError, match="1 less"):
        schedules.PiecewiseConstantDecay([1], [0.1])
    with pytest.raises(NotImplementedError, match="__call__"):
        schedules.LearningRateSchedule()(1)
    with pytest.raises(NotImplementedError, match="get_config"):
        schedules.serialize(schedules.LearningRateSchedule())
    with pytest.raises(TypeError, match="Could not locate"):
        schedules.deserialize({"class_name": "Typo", "config": {}})


def test_an_inner_optimizer_is_seen_through_a_wrapper() -> None:
    """Also by `stateless_apply`, whose plan is kept, too."""
    w, gradient = nv.Variable(ones(1)), 2 * ones(1)
    inner = optimizers.SGD(1.0)
    outer = optimizers.MultiOptimizer(optimizers.OptimizerMap(inner))
    outer.build([w])
    state = [np.array(v.numpy()) for v in outer.variables]
    assert outer.stateless_apply(state, [gradient], [ones(1)])[0][0] == -1.0
    inner.clipvalue = 0.5
    assert outer.stateless_apply(state, [gradient], [ones(1)])[0][0] == 0.5
    inner.learning_rate = lambda: 0.25
    outer.apply([gradient])
    assert w.numpy()[0] == 0.875
    inner.learning_rate = lambda: 0.5
    outer.apply([gradient])
    assert w.numpy()[0] == 0.625


def test_the_plans_of_many_sets_of_variables() -> None:
    w = [nv.Variable(ones(1)) for _ in range(100)]
    optimizer = optimizers.SGD(1.0)
    optimizer.build(w)
    for v in w:
        optimizer.apply([ones(1)], [v])
    assert not any(v.numpy().any() for v in w)
    assert len(optimizer._plans) <= 64

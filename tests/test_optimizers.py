"""Optimizers against their formulas in float64, step by step; clipping, decay, averages, constraints, settings."""

import nervure as nv
import numpy as np
import pytest
from nervure import ops, optimizers

RNG = np.random.default_rng(3)
W0 = [RNG.normal(size=(3, 2)), RNG.normal(size=(2,))]
GRADS = [[RNG.normal(size=w.shape) for w in W0] for _ in range(5)]


def run(optimizer, dtype="float64", grads=GRADS):
    variables = [nv.Variable(w.astype(dtype), name=f"w{k}") for k, w in enumerate(W0)]
    for step in grads:
        optimizer.apply([g.astype(dtype) for g in step], variables)
    return [v.numpy() for v in variables]


def sgd(lr=0.01, mu=0.0, nesterov=False):
    out = []
    for k, w in enumerate(W0):
        w, m = w.copy(), np.zeros_like(w)
        for step in GRADS:
            g = step[k]
            m = mu * m - lr * g
            w += (mu * m - lr * g) if nesterov else m
        out.append(w)
    return out


def adam(lr=0.001, b1=0.9, b2=0.999, eps=1e-7, amsgrad=False):
    out = []
    for k, w in enumerate(W0):
        w, m, v, top = w.copy(), np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
        for t, step in enumerate(GRADS, 1):
            g = step[k]
            m = b1 * m + (1 - b1) * g
            v = b2 * v + (1 - b2) * g * g
            top = np.maximum(top, v)
            alpha = lr * np.sqrt(1 - b2**t) / (1 - b1**t)
            w -= alpha * m / (np.sqrt(top if amsgrad else v) + eps)
        out.append(w)
    return out


def rmsprop(lr=0.001, rho=0.9, mu=0.0, eps=1e-7, centered=False):
    out = []
    for k, w in enumerate(W0):
        w, v, a, m = w.copy(), np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
        for step in GRADS:
            g = step[k]
            v = rho * v + (1 - rho) * g * g
            a = rho * a + (1 - rho) * g
            inc = lr * g / np.sqrt(v - (a * a if centered else 0) + eps)
            m = mu * m + inc
            w -= m
        out.append(w)
    return out


CASES = [
    (optimizers.SGD(), sgd()),
    (optimizers.SGD(0.1), sgd(0.1)),
    (optimizers.SGD(0.1, momentum=0.9), sgd(0.1, 0.9)),
    (optimizers.SGD(0.1, momentum=0.9, nesterov=True), sgd(0.1, 0.9, True)),
    (optimizers.Adam(), adam()),
    (optimizers.Adam(0.05, beta_1=0.8, beta_2=0.9, epsilon=1e-3), adam(0.05, 0.8, 0.9, 1e-3)),
    (optimizers.Adam(0.05, beta_2=0.5, amsgrad=True), adam(0.05, b2=0.5, amsgrad=True)),
    (optimizers.RMSprop(), rmsprop()),
    (optimizers.RMSprop(0.05, rho=0.7, momentum=0.8), rmsprop(0.05, 0.7, 0.8)),
    (optimizers.RMSprop(0.05, centered=True), rmsprop(0.05, centered=True)),
]


@pytest.mark.parametrize("k", range(len(CASES)))
@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-6), ("float32", 1e-4)])
def test_steps(k, dtype, tolerance):
    optimizer, expected = CASES[k]
    optimizer = type(optimizer).from_config(optimizer.get_config())
    for got, want in zip(run(optimizer, dtype), expected, strict=True):
        assert got.dtype == dtype
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)  # the learning rate is a float32
    assert int(optimizer.iterations.numpy()) == 5


def test_epsilon_is_outside_of_the_root():
    w = nv.Variable(np.zeros(1))
    optimizers.Adam(0.1).apply([np.array([1e-6])], [w])
    np.testing.assert_allclose(w.numpy(), [-0.0240253], rtol=1e-4)


def norm(g):
    return np.sqrt((g**2).sum())


def test_clipping():
    total = np.sqrt(sum(norm(g) ** 2 for g in GRADS[0]))
    for argument, clipped in (
        ({"clipnorm": 0.5}, [g * min(1, 0.5 / norm(g)) for g in GRADS[0]]),
        ({"clipnorm": 100.0}, GRADS[0]),
        ({"global_clipnorm": 0.5}, [g * 0.5 / total for g in GRADS[0]]),
        ({"global_clipnorm": 100.0}, GRADS[0]),
        ({"clipvalue": 0.3}, [np.clip(g, -0.3, 0.3) for g in GRADS[0]]),
    ):
        got = run(optimizers.SGD(1.0, **argument), grads=GRADS[:1])
        for w, w0, g in zip(got, W0, clipped, strict=True):
            np.testing.assert_allclose(w, w0 - g, rtol=1e-6)
    w = nv.Variable(np.ones(2))
    optimizers.SGD(1.0, clipnorm=1.0).apply([np.zeros(2)], [w])
    assert w.numpy().tolist() == [1.0, 1.0]


def test_weight_decay():
    optimizer = optimizers.SGD(0.5, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["w1"])
    got = run(optimizer, grads=GRADS[:1])
    np.testing.assert_allclose(got[0], W0[0] * (1 - 0.05) - 0.5 * GRADS[0][0], rtol=1e-6)
    np.testing.assert_allclose(got[1], W0[1] - 0.5 * GRADS[0][1], rtol=1e-6)


def test_moving_averages():
    optimizer = optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
    variables = [nv.Variable(w.copy()) for w in W0]
    w, average = W0[0].copy(), None
    for step in GRADS:
        optimizer.apply(step, variables)
        w = w - 0.1 * step[0]
        average = w if average is None else 0.5 * average + 0.5 * w
    np.testing.assert_allclose(variables[0].numpy(), w, rtol=1e-6)
    optimizer.finalize_variable_values(variables)
    np.testing.assert_allclose(variables[0].numpy(), average, rtol=1e-6)
    often = optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2)
    v = nv.Variable(np.array([1.0]))
    for _ in range(2):
        often.apply([np.array([1.0])], [v])
    np.testing.assert_allclose(v.numpy(), [(0.9 + 0.8) / 2], rtol=1e-6)


def test_constraint_and_missing_gradients():
    a, b = nv.Variable(np.array([0.1, 5.0])), nv.Variable(np.ones(1))
    a.constraint = nv.constraints.NonNeg()
    with pytest.warns(UserWarning, match="Gradients do not exist for variables"):
        optimizers.SGD(1.0).apply([np.array([1.0, 1.0]), None], [a, b])
    assert a.numpy().tolist() == [0.0, 4.0]
    assert b.numpy().tolist() == [1.0]


def test_learning_rate_can_be_set_without_compiling_again():
    model = nv.Sequential([nv.Input((1,)), nv.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(optimizers.SGD(0.5), "mse")
    x = y = np.ones((1, 1), "float32")
    model.train_on_batch(x, y)
    assert model.layers[0].kernel.numpy()[0, 0] == 1.0
    model.optimizer.learning_rate = 0.0
    y = y * 3
    model.train_on_batch(x, y)
    assert model.layers[0].kernel.numpy()[0, 0] == 1.0
    model.optimizer.learning_rate.assign(0.25)
    model.fit(x, y, verbose=0)
    assert model.layers[0].kernel.numpy()[0, 0] == 2.0
    assert float(model.optimizer.learning_rate.numpy()) == 0.25


def test_variables_and_their_order():
    optimizer = optimizers.Adam(amsgrad=True, use_ema=True)
    variables = [nv.Variable(np.zeros(2), name="a"), nv.Variable(np.zeros(3), name="b")]
    optimizer.build(variables)
    names = [v.name for v in optimizer.variables]
    assert names == [
        "iteration", "learning_rate", "a_average", "b_average", "a_momentum", "a_velocity", "b_momentum", "b_velocity",
        "a_velocity_hat", "b_velocity_hat",
    ]  # fmt: skip
    weights = [np.ones(v.shape) for v in optimizer.variables]
    optimizer.set_weights(weights)
    assert optimizer.variables[-1].numpy().tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match="expects 10 arrays"):
        optimizer.set_weights(weights[:3])


class Sign(optimizers.Optimizer):
    """A custom optimizer in the way of Keras."""

    def build(self, variables):
        super().build(variables)
        self.seen = self.add_optimizer_variables(variables, "seen")

    def update_step(self, gradient, variable, learning_rate):
        seen = self.seen[self._get_variable_index(variable)]
        self.assign_add(seen, ops.absolute(gradient))
        self.assign_sub(variable, learning_rate * ops.sign(gradient))


def test_custom_optimizer():
    optimizer = Sign(0.5)
    got = run(optimizer, grads=GRADS[:2])
    np.testing.assert_allclose(got[0], W0[0] - 0.5 * (np.sign(GRADS[0][0]) + np.sign(GRADS[1][0])), rtol=1e-6)
    np.testing.assert_allclose(optimizer.seen[0].numpy(), np.abs(GRADS[0][0]) + np.abs(GRADS[1][0]), rtol=1e-6)


def test_get():
    assert isinstance(optimizers.get("Adam"), optimizers.Adam)
    assert isinstance(optimizers.get("rmsprop"), optimizers.RMSprop)
    assert isinstance(optimizers.get({"class_name": "SGD", "config": {"momentum": 0.5}}), optimizers.SGD)
    with pytest.raises(ValueError, match="Could not interpret optimizer identifier: 'adma'"):
        optimizers.get("adma")


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: optimizers.SGD(learning_rate=np.nan), "learning_rate"),
        (lambda: optimizers.SGD(learning_rate=None), "learning_rate"),
        (lambda: optimizers.SGD(learning_rate="fast"), "learning_rate"),
        (lambda: optimizers.SGD(momentum=2), r"`momentum` must be a float between \[0, 1\]"),
        (lambda: optimizers.SGD(nesterov=1), "nesterov"),
        (lambda: optimizers.Adam(beta_1=-0.1), "beta_1"),
        (lambda: optimizers.Adam(epsilon=-1.0), "epsilon"),
        (lambda: optimizers.Adam(clipnorm=-1), "clipnorm"),
        (lambda: optimizers.Adam(clipnorm=1.0, clipvalue=1.0), "Only one of"),
        (lambda: optimizers.Adam(weight_decay="much"), "weight_decay"),
        (lambda: optimizers.Adam(loss_scale_factor=-2.0), "loss_scale_factor"),
        (
            lambda: optimizers.Adam(gradient_accumulation_steps=1),
            "gradient_accumulation_steps` must be an integer >= 2",
        ),
        (lambda: optimizers.Adam(gradient_accumulation_steps=2.5), "gradient_accumulation_steps"),
        (lambda: optimizers.Adam(use_ema=True, ema_momentum=2.0), "ema_momentum"),
        (lambda: optimizers.Adam(use_ema=True, ema_overwrite_frequency=-1), "ema_overwrite_frequency"),
        (lambda: optimizers.Adam(lr=0.1), "not recognized.*lr"),
        (lambda: optimizers.AdamW(weight_decay=None), "weight_decay"),
        (lambda: optimizers.Lion(beta_1=0.0), "degenerates to SignSGD"),
        (lambda: optimizers.Ftrl(learning_rate_power=0.1), "`learning_rate_power` needs to be negative or zero"),
        (lambda: optimizers.Ftrl(l1_regularization_strength=-1.0), "`l1_regularization_strength` needs to be positive"),
        (lambda: optimizers.LossScaleOptimizer(optimizers.SGD(), clipnorm=1.0), "does not support `clipnorm`"),
        (lambda: optimizers.LossScaleOptimizer("sgd"), "inner_optimizer"),
        (lambda: optimizers.SGD().apply([np.ones(2)]), "must already be built"),
        (lambda: optimizers.SGD().set_weights([]), "has not yet been built"),
        (lambda: optimizers.get({"class_name": "Adma", "config": {}}), "Could not interpret"),
        (lambda: optimizers.get(print), "Could not interpret"),
        (lambda: optimizers.SGD().apply([np.ones(2)], []), "one gradient a variable"),
        (lambda: optimizers.SGD().apply([np.ones(2)], [nv.Variable(np.ones(3))]), r"shape \(3,\)"),
        (lambda: optimizers.SGD().apply([None], [nv.Variable(np.ones(3))]), "No gradients provided"),
    ],
)
def test_bad_arguments(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_unknown_variable():
    optimizer = optimizers.SGD()
    a, b = nv.Variable(np.ones(1), name="a"), nv.Variable(np.ones(1), name="b")
    optimizer.apply([np.ones(1)], [a])
    with pytest.raises(ValueError, match="Unknown variable: b"):
        optimizer.apply([np.ones(1)], [b])
    assert b.numpy()[0] == 1.0

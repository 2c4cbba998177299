"""`fit` by full-batch optimizers where things are unusual: nothing to do, many rows, odd layers, interruptions."""

import warnings

import nervure as nv
import numpy as np
import pytest
from nervure import callbacks, layers, ops, optimizers, regularizers
from nervure.losses import MeanSquaredError, SparseCategoricalCrossentropy
from nervure.models import full_batch
from nervure.models.data import leaves
from nervure.models.feed import Feed

RNG = np.random.default_rng(12)
X = RNG.normal(size=(103, 3))
CURVE = np.sin(2 * X[:, :1])
METHODS = {
    "GradientDescent": optimizers.GradientDescent,
    "LBFGS": optimizers.LBFGS,
    "BFGS": optimizers.BFGS,
    "ConjugateGradient": optimizers.ConjugateGradient,
    "ScaledConjugateGradient": optimizers.ScaledConjugateGradient,
    "NewtonCG": optimizers.NewtonCG,
    "TrustRegionNewton": optimizers.TrustRegionNewton,
    "Newton": optimizers.Newton,
    "LevenbergMarquardt": optimizers.LevenbergMarquardt,
    "BayesianRegularization": optimizers.BayesianRegularization,
}
BATCHED = ["GradientDescent", "LBFGS", "NewtonCG", "TrustRegionNewton", "LevenbergMarquardt"]
each = pytest.mark.parametrize("kind", sorted(METHODS))


@pytest.fixture(autouse=True)
def _float64():
    nv.utils.set_random_seed(3)
    nv.config.set_floatx("float64")
    yield
    nv.config.set_floatx("float32")


def net(optimizer, loss="mse", *middle, outputs=1, **compile):
    nv.utils.set_random_seed(3)
    model = nv.Sequential([nv.Input((3,)), layers.Dense(4, activation="tanh"), *middle, layers.Dense(outputs)])
    model.compile(optimizer, loss, **compile)
    return model


def linear(optimizer, **compile):
    model = nv.Sequential([nv.Input((3,)), layers.Dense(1, kernel_initializer="zeros")])
    model.compile(optimizer, "mse", **compile)
    return model


def fit(model, x=X, y=CURVE, epochs=5, **given):
    return model.fit(x, y, epochs=epochs, **({"verbose": 0} | given))


def bits(model):
    return b"".join(w.tobytes() for w in model.get_weights())


# ---- the end, with and without somebody who looks ----


@each
@pytest.mark.parametrize("epochs", [1, 7, 700])
def test_looking_changes_nothing(kind, epochs):
    """An epoch a call or all at once: the same history, counts and weights, also where it ends by itself."""
    found = []
    for watched in ([], [callbacks.Callback()]):
        model = net(METHODS[kind](gtol=1e-300, ftol=0.0))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            run = fit(model, X[:9], CURVE[:9], epochs, callbacks=watched)
        counts = [getattr(model.optimizer, n) for n in ("n_iter", "n_evals", "n_gradients", "n_products", "n_matrices")]
        found.append(
            (run.epoch, run.history, counts, run.stop_reason, bits(model), int(model.optimizer.iterations.numpy()))
        )
    assert found[0] == found[1]
    assert len(found[0][0]) - found[0][2][0] in (0, 1)


def test_an_epoch_that_finds_nothing_has_the_loss_as_it_was():
    for watched in ([], [callbacks.Callback()]):
        model = linear(optimizers.ConjugateGradient(gtol=0.0))
        with pytest.warns(RuntimeWarning, match="no lower point"):
            run = fit(model, epochs=50, callbacks=watched)
        assert len(run.epoch) == model.optimizer.n_iter + 1 < 50
        assert run.history["loss"][-1] == run.history["loss"][-2]


def test_metrics_where_there_is_nothing_to_do():
    model = net(optimizers.LBFGS(gtol=1e3), metrics=["mae"])
    run = fit(model)
    loss, mae = model.evaluate(X, CURVE, verbose=0)
    assert run.history == {"loss": [pytest.approx(loss)], "mae": [pytest.approx(mae)]}


def test_metrics_where_it_cannot_begin():
    model = net(optimizers.LBFGS(), "mse", layers.BatchNormalization(), metrics=["mae"])
    before = bits(model)
    with pytest.warns(RuntimeWarning, match="not finite"):
        run = fit(model, X * np.inf)
    assert np.isnan(run.history["loss"]).all() and np.isnan(run.history["mae"]).all()
    assert bits(model) == before


def test_no_epochs(recwarn):
    model = net(optimizers.LBFGS())
    for _ in range(2):
        assert fit(model, epochs=0).stop_reason == "the maximum of 0 epochs"
    assert not recwarn and model.optimizer.n_iter == 0


def test_a_list_of_callbacks_without_a_history():
    model = net(optimizers.LBFGS())
    before = model.evaluate(X, CURVE, verbose=0)
    fit(model, callbacks=callbacks.CallbackList([], add_history=False, model=model))
    assert model.evaluate(X, CURVE, verbose=0) < before


# ---- batches ----


@pytest.mark.parametrize("kind", BATCHED)
def test_a_batch_at_its_minimum_is_not_the_end(kind):
    model = linear(METHODS[kind]())
    y = np.ones((100, 1))
    y[:20] = 0
    before = model.evaluate(X[:100], y, verbose=0)
    run = fit(model, X[:100], y, batch_size=20, shuffle=False)
    assert len(run.epoch) == 5 and model.evaluate(X[:100], y, verbose=0) < before


def test_what_batches_tell():
    """After each iteration the loss of its batch, and metrics with the weights then: means over the epoch so far."""
    told = []
    model = net(optimizers.GradientDescent(gtol=0.0), metrics=["mae"])

    class Look(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            rows = slice(40 * batch, 40 * batch + 40)
            error = np.asarray(self.model(X[rows])) - CURVE[rows]
            told.append((batch, len(error), logs["loss"], np.mean(error**2), logs["mae"], np.mean(np.abs(error))))

    run = fit(model, epochs=2, batch_size=40, shuffle=False, callbacks=[Look()])
    assert [t[:2] for t in told] == [(0, 40), (1, 40), (2, 23)] * 2
    for epoch in (told[:3], told[3:]):
        for k in range(3):
            _, _, loss, _, mae, _ = epoch[k]
            rows = np.array([t[1] for t in epoch[: k + 1]])
            assert loss == pytest.approx(np.average([t[3] for t in epoch[: k + 1]], weights=rows))
            assert mae == pytest.approx(np.average([t[5] for t in epoch[: k + 1]], weights=rows))
    assert run.history == {"loss": [told[2][2], told[5][2]], "mae": [told[2][4], told[5][4]]}


def test_batches_in_order_and_shuffled():
    """The same rows in an order of ones own are the same iterations; a shuffled epoch is another."""
    found = {}
    for name, given in {"order": {"shuffle": False}, "shuffled": {}, "again": {}}.items():
        model = net(optimizers.LBFGS(gtol=0.0))
        fit(model, epochs=3, batch_size=40, **given)
        found[name] = bits(model)
    assert found["shuffled"] == found["again"] != found["order"]


def test_a_fit_of_an_epoch_each_has_another_mask_each():
    model = net(optimizers.GradientDescent(gtol=0.0), "mse", layers.Dropout(0.5))
    start, losses = model.get_weights(), set()
    for _ in range(4):
        model.set_weights(start)
        losses.add(fit(model, epochs=1).history["loss"][0])
    assert len(losses) == 4


# ---- more rows than are seen at once ----

WEIGHTS = np.linspace(0.1, 3.0, 103)
LABELS = RNG.integers(0, 3, 103)


def two_heads():
    inputs = nv.Input((3,))
    shared = layers.Dense(4, activation="tanh", kernel_regularizer=regularizers.L1L2(0.1, 0.2))(inputs)
    model = nv.Model(inputs, {"a": layers.Dense(1, name="a")(shared), "b": layers.Dense(3, name="b")(shared)})
    losses = {"a": MeanSquaredError(reduction="sum"), "b": SparseCategoricalCrossentropy(from_logits=True)}
    model.compile("adam", losses, loss_weights={"a": 0.3, "b": 1.0})
    return model, {"a": CURVE, "b": LABELS}, {"a": WEIGHTS, "b": WEIGHTS[::-1].copy()}


def one_head(loss, *middle):
    return net("adam", loss, *middle), CURVE, None


def weighted(loss, *middle):
    return net("adam", loss, *middle), CURVE, WEIGHTS


class AddsALoss(layers.Layer):
    def call(self, x):
        self.add_loss(ops.sqrt(ops.mean(ops.square(x))))
        return x


class OwnLoss(nv.Sequential):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.sum(ops.square(y - y_pred))


def own_loss():
    model = OwnLoss([nv.Input((3,)), layers.Dense(1)])
    model.compile("adam")
    return model, CURVE, None


def masked():
    model = nv.Sequential([nv.Input((3, 1)), layers.Masking(-1.0), layers.Dense(1)])
    model.compile("adam", "mse")
    return model, np.repeat(CURVE[:, None], 3, 1), WEIGHTS


DIVISIBLE = {
    "sum": lambda: one_head(MeanSquaredError(reduction="sum")),
    "mean": lambda: one_head("mse"),
    "weights": lambda: weighted("mse"),
    "weights in a sum": lambda: weighted(MeanSquaredError(reduction="sum")),
    "a function of rows": lambda: one_head(lambda y, p: ops.mean(ops.abs(y - p) ** 3, axis=-1)),
    "L2": lambda: one_head("mse", layers.Dense(3, kernel_regularizer="l2", bias_regularizer="l1")),
    "activity": lambda: one_head("mse", layers.Dense(3, activity_regularizer="l2", kernel_regularizer="l2")),
    "two heads": two_heads,
    "dropout": lambda: one_head("mse", layers.Dropout(0.0)),
}
WHOLE = {
    "batch normalization": lambda: one_head("mse", layers.BatchNormalization()),
    "mean of weights": lambda: weighted(MeanSquaredError(reduction="mean_with_sample_weight")),
    "mask": masked,
    "a function of all rows": lambda: one_head(lambda y, p: ops.sqrt(ops.mean(ops.square(y - p)))),
    "add_loss": lambda: one_head("mse", AddsALoss()),
    "compute_loss": own_loss,
    "activity of all rows": lambda: one_head(
        "mse", layers.Dense(3, activity_regularizer=lambda x: ops.sqrt(ops.sum(ops.square(x))))
    ),
}


def chunked(monkeypatch, arena, model, y, weight=None, needs=("hessian_product",)):
    monkeypatch.setattr(full_batch, "_ARENA", arena)
    x = (X > 0)[..., None] * 2.0 - 1 if model.input_shape[1:] == (3, 1) else X
    feed = Feed(model, leaves("x", x), leaves("y", y), leaves("sample_weight", weight))
    return full_batch.RowsObjective(model, feed, frozenset(needs))


@pytest.mark.parametrize("case", [*DIVISIBLE, *WHOLE])
def test_chunks_add_up(monkeypatch, case):
    """All passes over chunks give what they give over all rows at once, and rows go in chunks only where that is so."""
    model, y, weight = (DIVISIBLE | WHOLE)[case]()
    needs = ["hessian_product"] if case == "compute_loss" else ["hessian_product", "gauss_product", "normal"]
    one, many = (chunked(monkeypatch, arena, model, y, weight, needs) for arena in (16 << 20, 3000))
    assert one.rows == 103
    assert (many.rows < 50) == (case in DIVISIBLE), many.rows
    assert one.objective.passes == many.objective.passes and len(one.objective.passes) >= 3
    x, v = one.weights(), np.random.default_rng(1).normal(size=one.size)
    for name in one.objective.passes:
        given = (x, v) if "product" in name else (x,)
        pair = [getattr(o.objective, name)(*given) for o in (one, many)]
        for a, b in zip(*(p if isinstance(p, tuple) else (p,) for p in pair), strict=True):
            np.testing.assert_allclose(b, a, rtol=0, atol=1e-13 * np.abs(a).max())


def test_each_chunk_has_its_mask_and_keeps_it(monkeypatch):
    """The sum of squares of what dropout leaves of ones counts it. Slopes fit values: one function until drawn."""
    model = nv.Sequential([nv.Input((1,)), layers.Dropout(0.5), layers.Dense(1, kernel_initializer="ones")])
    model.compile("adam", MeanSquaredError(reduction="sum"))
    monkeypatch.setattr(full_batch, "_ARENA", 20000)
    feed = Feed(model, leaves("x", np.ones((3000, 1))), leaves("y", np.zeros((3000, 1))), None)
    rows = full_batch.RowsObjective(model, feed, frozenset(["hessian_product"]))
    x, pass_ = rows.weights(), rows.objective
    assert rows.rows < 1500 and 3000 % rows.rows == 0
    kept = pass_.value(x) / 4
    assert kept != round(kept * rows.rows / 3000) * 3000 / rows.rows  # the same mask for all would give a multiple
    assert abs(kept - 1500) < 150
    assert pass_.gradient(x)[0] == pass_.value(x) == 4 * kept
    np.testing.assert_allclose(pass_.hessian_product(x, np.array([1.0, 0.0]))[0], 8 * kept)
    rows.draws.run()
    assert pass_.value(x) not in (0, 4 * kept)


@each
def test_training_in_chunks(monkeypatch, kind):
    """The losses of a few iterations, and metrics, which are those of `evaluate`."""
    found = []
    for arena in (16 << 20, 4000):
        monkeypatch.setattr(full_batch, "_ARENA", arena)
        monkeypatch.setattr(full_batch, "_PROBE", 4)
        model = net(METHODS[kind](gtol=0.0), metrics=["mae"])
        found.append(fit(model, epochs=4).history)
        loss, mae = model.evaluate(X, CURVE, verbose=0)
        assert (loss, mae) == pytest.approx((found[-1]["loss"][-1], found[-1]["mae"][-1]), rel=1e-9)
    assert found[0]["loss"] == pytest.approx(found[1]["loss"], rel=1e-6)
    assert found[0]["loss"] != found[1]["loss"]


def test_what_gauss_newton_needs_is_said():
    for make in (optimizers.LevenbergMarquardt, optimizers.NewtonCG):
        model, y, _ = own_loss()
        model.compile(make())
        with pytest.raises(ValueError, match=f"{make.__name__} needs.*compute_loss"):
            fit(model)
    for make in (optimizers.LBFGS, optimizers.GradientDescent, optimizers.Newton):
        model.compile(make())
        before = np.sum((np.asarray(model(X)) - y) ** 2)
        assert fit(model, epochs=1).history["loss"][0] < before


@pytest.mark.parametrize("solver", ["auto", "dense", "cg"])
def test_levenberg_marquardt_with_a_penalty_on_activity(solver):
    """The Gauss-Newton matrix is then made of products."""
    model = net(optimizers.LevenbergMarquardt(solver=solver), "mse", layers.Dense(2, activity_regularizer="l2"))
    before = model.evaluate(X, CURVE, verbose=0)
    assert fit(model, epochs=10).history["loss"][-1] < 0.5 * before

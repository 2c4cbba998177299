"""`fit` by full-batch optimizers where things are unusual: nothing to do, many rows, odd layers, interruptions."""

import copy
import gc
import pickle
import threading
import time
import warnings

import nervure as nv
import numpy as np
import pytest
from alarms import alarm
from nervure import _core, callbacks, layers, ops, optimizers, regularizers
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
        counts.append(int(model.optimizer.iterations.numpy()))
        found.append((run.epoch, run.history, counts, run.stop_reason, bits(model)))
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
            loss, mae = epoch[k][2], epoch[k][4]
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


def test_shuffled_within_batches_is_in_order_and_other_words_are_refused():
    found = []
    for shuffle in (False, "batch"):
        model = net(optimizers.LBFGS(gtol=0.0))
        fit(model, batch_size=40, shuffle=shuffle)
        found.append(bits(model))
    assert found[0] == found[1]
    with pytest.raises(ValueError, match="shuffle"):
        fit(model, shuffle="bogus")


def test_the_goal_is_for_an_epoch_of_batches():
    model = net(optimizers.LBFGS(goal=0.15))
    run = fit(model, epochs=200, batch_size=20)
    assert run.history["loss"][-1] <= 0.15 < min(run.history["loss"][:-1]) and "goal" in run.stop_reason
    assert model.optimizer.n_iter == 6 * len(run.epoch)


def test_evaluations_are_counted_on_where_weights_are_set():
    model = net(optimizers.LBFGS(max_evals=20))
    move = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: model.set_weights([1.01 * w for w in model.get_weights()])
    )
    run = fit(model, epochs=100, callbacks=[move])
    assert 20 <= model.optimizer.n_evals <= 25 and "max_evals" in run.stop_reason


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
    """The sum of squares of what dropout leaves of ones counts it. It is one function until drawn."""
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


# ---- interruptions, threads, memory ----


class Stop(Exception):
    pass


def stop(*_):
    raise Stop


@pytest.mark.parametrize("kind", ["LBFGS", "LevenbergMarquardt", "TrustRegionNewton"])
@pytest.mark.parametrize("watched", [False, True])
def test_interrupted_anywhere(kind, watched):
    """The weights are those of a whole iteration, the counts too, and the history has (nearly) all of them."""
    model, after, epochs = net(METHODS[kind](gtol=0.0)), [], 300
    start = model.get_weights()
    note = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: after.append(bits(model)))
    after.append(bits(model))
    given = {"epochs": epochs, "callbacks": [callbacks.Callback()] if watched else []}
    fit(model, epochs=epochs, callbacks=[note])
    assert len(set(after)) == epochs + 1
    model.set_weights(start)
    began = time.perf_counter()
    fit(model, **given)
    took = time.perf_counter() - began
    stopped = 0
    for k in range(30):
        model.set_weights(start)
        model.history = None
        try:
            with alarm(stop, 0.0005 + took * k / 30):
                fit(model, **given)
        except Stop:
            stopped += 1
        made = after.index(bits(model))
        if model.history is not None and made:
            assert model.optimizer.n_iter == made and 0 <= made - len(model.history.epoch) <= 1
    assert stopped > 5
    model.set_weights(start)
    fit(model, **given)
    assert bits(model) == after[-1]


def test_a_long_iteration_is_interrupted():
    """One Newton iteration takes seconds here: nothing has changed then, and another fit works."""
    model = net(optimizers.Newton(gtol=0.0), "mse", layers.Dense(200, activation="tanh"))
    x = np.tile(X, (200, 1))
    before = bits(model)
    began = time.perf_counter()
    with alarm(stop, 0.4), pytest.raises(Stop):
        fit(model, x, np.tile(CURVE, (200, 1)))
    assert time.perf_counter() - began < 4 and bits(model) == before
    model.compile(optimizers.LBFGS(), "mse")
    assert np.isfinite(fit(model).history["loss"]).all()


def test_models_are_trained_on_several_threads_at_once():
    kinds = ["BFGS", "LBFGS", "LevenbergMarquardt", "NewtonCG"]
    found = []
    for at_once in (False, True):
        models = [net(METHODS[kind](gtol=0.0)) for kind in kinds]
        workers = [threading.Thread(target=fit, args=(m,), kwargs={"epochs": 30}) for m in models]
        for w in workers:
            w.start()
            if not at_once:
                w.join()
        for w in workers:
            w.join()
        found.append([bits(m) for m in models])
    assert found[0] == found[1]


def test_a_model_that_two_threads_train_stays_whole():
    model = net(optimizers.LBFGS(gtol=0.0))
    workers = [threading.Thread(target=fit, args=(model,), kwargs={"epochs": 200}) for _ in range(3)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert np.isfinite(fit(model).history["loss"]).all()


def test_fit_inside_of_fit():
    """It goes on from where the inner one has come to."""
    model, inner = net(optimizers.LBFGS(gtol=0.0)), []

    def more(epoch, logs):
        if epoch == 2:
            inner.append(fit(model, epochs=10).history["loss"][-1])

    loss = fit(model, epochs=5, callbacks=[callbacks.LambdaCallback(on_epoch_end=more)]).history["loss"]
    assert len(loss) == 5 and loss[3] < inner[0] < loss[2]


def test_weights_set_in_the_middle():
    model, at = net(optimizers.LBFGS(gtol=0.0)), []

    def move(epoch, logs):
        if epoch == 2:
            model.set_weights([np.full_like(w, 0.1) for w in model.get_weights()])
            at.append(model.evaluate(X, CURVE, verbose=0))

    loss = fit(model, epochs=6, callbacks=[callbacks.LambdaCallback(on_epoch_end=move)]).history["loss"]
    assert loss[2] < loss[3] < at[0] and loss[5] < loss[4] < loss[3]
    assert model.optimizer.n_iter == 6


@each
def test_no_memory(kind):
    """Wherever an allocation fails, nothing has changed and nothing is lost."""
    model = net(METHODS[kind](gtol=0.0))
    fit(model, epochs=2)
    before, live, n, failed = bits(model), [], 1, 0
    while True:
        _core.alloc_fail_at(n)
        try:
            fit(model, epochs=2)
            break
        except MemoryError:
            failed += 1
        finally:
            _core.alloc_fail_at(0)
        assert bits(model) == before
        gc.collect()
        live.append(_core.alloc_live())
        n += 7
    assert failed > 10 and live[-1] <= live[1]


def test_copies_go_on_alike(tmp_path):
    model = net(optimizers.LBFGS(gtol=0.0))
    fit(model)
    model.save(tmp_path / "model.keras")
    copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model)), nv.models.load_model(tmp_path / "model.keras")]
    expected = fit(model).history["loss"]
    for other in copies:
        assert int(other.optimizer.iterations.numpy()) == 5
        assert fit(other).history["loss"] == expected


def test_one_optimizer_for_two_models():
    optimizer = optimizers.LBFGS(gtol=0.0)
    one, other = net(optimizer), net(optimizer, "mse", layers.Dense(3))
    first = fit(one).history["loss"]
    fit(other)
    assert fit(one).history["loss"][-1] < first[-1] and int(optimizer.iterations.numpy()) == 15


def test_adam_first():
    model = net("adam")
    adam = fit(model).history["loss"]
    before = bits(model)
    model.compile(optimizers.LBFGS(), "mse")
    assert bits(model) == before and fit(model).history["loss"][0] < adam[-1]


# ---- dtypes, layers ----


def test_inputs_are_what_they_hold(tmp_path):
    """The same numbers in another dtype, order or place: the same iterations."""
    small = (20 * X + 100).astype("uint8")
    mapped = np.memmap(tmp_path / "x", "float64", "w+", shape=small.shape)
    mapped[:] = small
    losses = [
        fit(net(optimizers.LBFGS()), x).history["loss"]
        for x in (small.astype("float64"), small, small.astype("int64"), np.asfortranarray(small), mapped)
    ]
    assert all(one == losses[0] for one in losses)


@each
def test_weights_of_two_dtypes(kind):
    nv.utils.set_random_seed(3)
    parts = [layers.Dense(4, activation="tanh", dtype="float32"), layers.Dense(1, dtype="float64")]
    model = nv.Sequential([nv.Input((3,)), *parts])
    model.compile(METHODS[kind](), "mse")
    before = model.evaluate(X, CURVE, verbose=0)
    fit(model, epochs=10)
    assert model.evaluate(X, CURVE, verbose=0) < before
    assert [w.dtype.name for w in model.get_weights()] == ["float32"] * 2 + ["float64"] * 2


@pytest.mark.parametrize("kind", sorted(set(METHODS) - {"BayesianRegularization"}))
def test_odd_layers(kind):
    """Embedding, a shared layer, layer normalization, and one that is frozen."""
    words = nv.Input((2,), dtype="int64")
    shared = layers.Dense(3, activation="tanh")
    h = layers.Flatten()(layers.Embedding(5, 3)(words))
    h = layers.LayerNormalization()(layers.Dense(3)(h))
    frozen = layers.Dense(3, trainable=False)
    model = nv.Model(words, layers.Dense(1)(frozen(shared(shared(h)))))
    model.compile(METHODS[kind](), "mse")
    x = RNG.integers(0, 5, (60, 2))
    y = (x[:, :1] - x[:, 1:]) / 2.0
    before, kept = model.evaluate(x, y, verbose=0), frozen.get_weights()[0].copy()
    fit(model, x, y, epochs=15)
    assert model.evaluate(x, y, verbose=0) < 0.8 * before
    assert np.array_equal(frozen.get_weights()[0], kept)


# ---- L1 ----


def test_l1_is_in_the_loss_that_is_told():
    penalty = regularizers.L1L2(0.3, 0.1)
    model = net(optimizers.LBFGS(), "mse", layers.Dense(3, kernel_regularizer=penalty))
    run = fit(model, epochs=60)
    assert run.history["loss"][-1] == pytest.approx(model.evaluate(X, CURVE, verbose=0), rel=1e-12)
    assert (model.layers[1].get_weights()[0] == 0).any()


def test_l1_of_activity_is_no_penalty_on_weights(recwarn):
    for kind in ("LBFGS", "BFGS"):
        model = net(METHODS[kind](), "mse", layers.Dense(3, activity_regularizer=regularizers.L1(0.01)))
        run = fit(model, epochs=10)
        assert run.history["loss"][-1] == pytest.approx(model.evaluate(X, CURVE, verbose=0), rel=1e-12)
    assert not [w for w in recwarn if "L1" in str(w.message)]

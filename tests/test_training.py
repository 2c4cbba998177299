"""fit, evaluate, predict and the one-batch forms: against NumPy step by step, and against each other."""

import signal
import threading
import time

import nervure as nv
import numpy as np
import pytest
from nervure import layers, ops

RNG = np.random.default_rng(5)
X = RNG.normal(size=(70, 4)).astype("float32")
Y = (X @ RNG.normal(size=(4, 2)) + 0.1).astype("float32")
LABELS = (X.sum(1) > 0).astype("int64")


def linear(optimizer="sgd", loss="mse", outputs=2, **compile):
    model = nv.Sequential([nv.Input((4,)), layers.Dense(outputs, name="dense")])
    model.compile(optimizer, loss, **compile)
    return model


def reference(model, x, y, order, batch, lr=0.01, weights=None):
    """SGD on mean squared error by hand, in float64. Returns the mean loss of each epoch."""
    w, b = (a.astype("float64") for a in model.get_weights())
    losses = []
    for rows in order:
        total = 0.0
        for k in range(0, len(rows), batch):
            part = rows[k : k + batch]
            e = x[part] @ w + b - y[part]
            s = np.ones(len(part)) if weights is None else weights[part]
            total += (s[:, None] * e**2).mean() * len(part)
            g = 2 * s[:, None] * e / e.size
            w, b = w - lr * x[part].T @ g, b - lr * g.sum(0)
        losses.append(total / len(rows))
    return losses, w, b


def test_fit_is_what_numpy_computes():
    model = linear()
    losses, w, b = reference(model, X, Y, [np.arange(70)] * 3, 32)
    history = model.fit(X, Y, epochs=3, shuffle=False, verbose=0)
    np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[0], w, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.get_weights()[1], b, rtol=1e-4, atol=1e-6)
    assert history.epoch == [0, 1, 2]
    assert history.params == {"verbose": 0, "epochs": 3, "steps": 3}
    assert history.model is model
    assert model.history is history
    assert all(type(v) is float for v in history.history["loss"])


def test_shuffling():
    """Each epoch sees all rows once in another order, and a seed repeats it."""

    class Spy(nv.metrics.Metric):
        def __init__(self):
            super().__init__(name="spy")
            self.at = self.add_variable((), dtype="int32")
            self.rows = self.add_variable((210,))

        def reset_state(self):
            pass

        def update_state(self, y_true, y_pred, sample_weight=None):
            n = y_true.shape[0]
            here = self.at + ops.arange(n)
            self.rows.assign_add(ops.segment_sum(ops.reshape(y_true, (n,)), here, num_segments=210))
            self.at.assign_add(n)

        def result(self):
            return ops.cast(self.at, "float32")

    def run(shuffle, batch=32):
        nv.utils.set_random_seed(11)
        spy = Spy()
        model = linear(outputs=1, metrics=[spy])
        model.fit(X, np.arange(70.0), epochs=3, shuffle=shuffle, verbose=0, batch_size=batch)
        return spy.rows.numpy().reshape(3, 70).copy()

    seen = run(True)
    assert all(sorted(e) == list(range(70)) for e in seen)
    assert not np.array_equal(seen[0], seen[1])
    assert not np.array_equal(seen[0], np.arange(70))
    assert np.array_equal(run(True), seen)
    assert (run(False) == np.arange(70)).all()
    batches = run("batch", 20)
    assert not np.array_equal(batches[0], np.arange(70))
    for k in range(0, 70, 20):
        assert sorted(batches[0][k : k + 20]) == list(range(k, min(k + 20, 70)))


def test_dropout_draws_anew_each_step_and_a_seed_repeats_it():
    def run():
        nv.utils.set_random_seed(2)
        model = nv.Sequential([nv.Input((4,)), layers.Dense(8), layers.Dropout(0.5), layers.Dense(2)])
        model.compile("adam", "mse")
        return model.fit(X, Y, epochs=3, verbose=0).history["loss"], model.get_weights()

    (a, wa), (b, wb) = run(), run()
    assert a == b
    assert all(np.array_equal(p, q) for p, q in zip(wa, wb, strict=True))
    model = nv.Sequential([nv.Input((400,)), layers.Dropout(0.5)])
    model.compile("sgd", lambda y, p: ops.mean(p, axis=-1) + 0 * y[:, 0])
    ones = np.ones((3, 400), "float32")
    losses = []
    stop = nv.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: losses.append(logs["loss"]))
    with pytest.warns(UserWarning, match="any trainable weights"):
        model.fit(ones, ones, batch_size=1, verbose=0, callbacks=[stop])
    assert len(set(losses)) == 3
    assert model.evaluate(ones, ones, verbose=0) == 1.0


def test_weights_of_samples_and_classes():
    weights = RNG.uniform(size=70)
    model = linear()
    losses, w, _ = reference(model, X, Y, [np.arange(70)], 32, weights=weights)
    history = model.fit(X, Y, shuffle=False, verbose=0, sample_weight=weights)
    np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[0], w, rtol=1e-4, atol=1e-6)
    table = {0: 0.5, 1: 3.0}
    results = []
    for given in ({"class_weight": table}, {"sample_weight": np.where(LABELS == 1, 3.0, 0.5)}):
        for y in (LABELS, np.eye(2, dtype="float32")[LABELS]):
            model = linear(loss="crossentropy", metrics=["accuracy"], weighted_metrics=["accuracy"])
            model.set_weights([np.ones((4, 2)), np.zeros(2)])
            model.layers[-1].activation = nv.activations.softmax
            results.append(model.fit(X, y, shuffle=False, verbose=0, **given).history)
    for other in results[1:]:
        for key, values in results[0].items():
            np.testing.assert_allclose(other[key], values, rtol=1e-6)
    assert sorted(results[0]) == ["accuracy", "loss", "weighted_accuracy"]
    partial = linear(outputs=1, loss="mse")
    partial.fit(X, LABELS, class_weight={1: 2.0}, verbose=0)


def test_validation():
    model = linear(metrics=["mae"])
    history = model.fit(X, Y, epochs=2, validation_split=0.2, shuffle=False, verbose=0)
    assert list(history.history) == ["loss", "mae", "val_loss", "val_mae"]
    assert history.params["steps"] == 2  # 56 rows
    tail = model.evaluate(X[56:], Y[56:], verbose=0)
    np.testing.assert_allclose([history.history["val_loss"][-1], history.history["val_mae"][-1]], tail, rtol=1e-6)
    given = model.fit(X, Y, epochs=4, validation_data=(X[:10], Y[:10]), validation_freq=2, verbose=0)
    assert len(given.history["val_loss"]) == 2
    assert len(given.history["loss"]) == 4
    weighted = model.fit(X, Y, validation_data=(X[:10], Y[:10], np.zeros(10)), verbose=0)
    assert weighted.history["val_loss"] == [0.0]
    chosen = model.fit(X, Y, epochs=3, validation_data=(X, Y), validation_freq=[1, 3], verbose=0)
    assert len(chosen.history["val_loss"]) == 2
    first = {"validation_data": (X, Y), "validation_steps": 1, "validation_batch_size": 5, "verbose": 0}
    for _ in range(2):  # each validation begins at the first row
        short = model.fit(X, Y, epochs=2, **first)
        loss = model.evaluate(X[:5], Y[:5], verbose=0)[0]
        np.testing.assert_allclose(short.history["val_loss"][-1], loss, rtol=1e-6)


def test_epochs_and_steps():
    model = linear()
    history = model.fit(X, Y, epochs=5, initial_epoch=3, verbose=0)
    assert history.epoch == [3, 4]
    assert model.fit(X, Y, epochs=0, verbose=0).history == {}
    assert int(model.optimizer.iterations.numpy()) == 6
    model.fit(X, Y, epochs=3, steps_per_epoch=2, batch_size=10, verbose=0)
    assert int(model.optimizer.iterations.numpy()) == 12
    model = linear()  # an epoch may end inside of a pass: 3 epochs of 2 steps are one pass over 6 batches
    _, w, _ = reference(model, X[:60], Y[:60], [np.arange(60)], 10)
    model.fit(X[:60], Y[:60], epochs=3, steps_per_epoch=2, batch_size=10, verbose=0, shuffle=False)
    np.testing.assert_allclose(model.get_weights()[0], w, rtol=1e-4, atol=1e-6)
    model = linear()
    assert model.fit(X, Y, steps_per_epoch=7, verbose=0).params["steps"] == 7  # batches of 10
    with pytest.warns(UserWarning, match="ended after 7 of the 9 steps"):
        model.fit(X, Y, batch_size=10, steps_per_epoch=9, verbose=0)
    assert model.evaluate(X, Y, steps=1, batch_size=7, verbose=0) == pytest.approx(
        model.evaluate(X[:7], Y[:7], verbose=0)
    )


@pytest.mark.parametrize("batch", [1, 7, 32, 70, 100])
def test_evaluate_and_predict_do_not_depend_on_the_batch(batch):
    model = linear(metrics=["mae"])
    p = X @ model.get_weights()[0] + model.get_weights()[1]
    expected = [((p - Y) ** 2).mean(), np.abs(p - Y).mean()]
    np.testing.assert_allclose(model.evaluate(X, Y, batch_size=batch, verbose=0), expected, rtol=1e-5)
    np.testing.assert_allclose(model.predict(X, batch_size=batch, verbose=0), p, rtol=1e-5, atol=1e-6)
    logs = model.evaluate(X, Y, batch_size=batch, verbose=0, return_dict=True)
    assert list(logs) == ["loss", "mae"]


def test_one_batch_at_a_time_is_the_same_as_fit():
    a, b = linear(metrics=["mae"]), linear(metrics=["mae"])
    b.set_weights(a.get_weights())
    a.fit(X[:64], Y[:64], shuffle=False, verbose=0)
    logs = [b.train_on_batch(X[k : k + 32], Y[k : k + 32]) for k in (0, 32)]
    assert all(np.array_equal(p, q) for p, q in zip(a.get_weights(), b.get_weights(), strict=True))
    assert len(logs[0]) == 2
    out = b.test_on_batch(X[:5], Y[:5], return_dict=True)
    assert out == pytest.approx(b.evaluate(X[:5], Y[:5], verbose=0, return_dict=True), rel=1e-6)
    weighted = b.test_on_batch(X[:5], Y[:5], sample_weight=np.zeros(5))
    assert weighted[0] == 0
    assert b.train_on_batch(X[:5], Y[:5], class_weight=None, return_dict=True).keys() == {"loss", "mae"}


def two_outputs():
    x = nv.Input((4,))
    a, b = layers.Dense(2, name="a")(x), layers.Dense(1, name="b", activation="sigmoid")(x)
    return nv.Model(x, [a, b])


@pytest.mark.parametrize(
    "compile, y",
    [
        ({"loss": ["mse", "bce"], "loss_weights": [2.0, 0.5], "metrics": [["mae"], "accuracy"]}, [Y, LABELS]),
        (
            {
                "loss": {"b": "bce", "a": "mse"},
                "loss_weights": {"a": 2.0, "b": 0.5},
                "metrics": {"a": "mae", "b": ["accuracy"]},
            },
            {"b": LABELS, "a": Y},
        ),
        ({"loss": ["mse", "bce"], "loss_weights": (2, 0.5), "metrics": [["mae"], ["accuracy"]]}, (Y, LABELS[:, None])),
    ],
)  # fmt: skip
def test_several_outputs(compile, y):
    model = two_outputs()
    model.compile("sgd", **compile)
    logs = model.evaluate(X, y, verbose=0, return_dict=True)
    assert list(logs) == ["a_loss", "a_mae", "b_accuracy", "b_loss", "loss"]
    pa, pb = model.predict(X, verbose=0)
    mse, yes = ((pa - Y) ** 2).mean(), LABELS[:, None]
    bce = -(yes * np.log(pb) + (1 - yes) * np.log(1 - pb)).mean()
    expected = {
        "a_loss": mse, "b_loss": bce, "loss": 2 * mse + 0.5 * bce, "a_mae": np.abs(pa - Y).mean(),
        "b_accuracy": ((pb > 0.5) == yes).mean(),
    }  # fmt: skip
    assert logs == pytest.approx(expected, rel=1e-4)
    values = model.evaluate(X, y, verbose=0)
    assert values == pytest.approx([logs[k] for k in ("loss", "a_loss", "b_loss", "a_mae", "b_accuracy")])
    history = model.fit(X, y, verbose=0, epochs=2, sample_weight=np.ones(70))
    assert list(history.history) == list(logs)


def test_an_output_without_a_loss():
    model = two_outputs()
    model.compile("sgd", loss=["mse", None])
    before = model.get_layer("b").get_weights()
    history = model.fit(X, [Y, LABELS], verbose=0)
    assert list(history.history) == ["loss"]
    assert np.array_equal(before[0], model.get_layer("b").get_weights()[0])


def test_losses_added_by_layers():
    class Net(nv.Model):
        def __init__(self):
            super().__init__()
            self.inner = layers.Dense(2, kernel_regularizer=nv.regularizers.L2(0.5))

        def call(self, x):
            y = self.inner(x)
            self.add_loss(3.0 * ops.mean(y))
            return y

    net = Net()
    net.compile("sgd", "mse")
    p = net.predict(X, verbose=0)
    w = net.inner.kernel.numpy()
    expected = ((p - Y) ** 2).mean() + 3 * p.mean() + 0.5 * (w**2).sum()
    assert net.evaluate(X, Y, batch_size=70, verbose=0) == pytest.approx(expected, rel=1e-4)
    alone = Net()
    alone.compile("sgd")  # the added losses are all there is
    before = alone.fit(X, verbose=0, epochs=5).history["loss"]
    assert before[-1] < before[0]


def test_overriding_the_loss_and_the_metrics():
    class Net(nv.Model):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return 2.0 * super().compute_loss(x, y, y_pred, sample_weight, training)

        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            return super().compute_metrics(x, y * 0, y_pred, sample_weight)

    x = nv.Input((4,))
    net = Net(x, layers.Dense(2)(x))
    net.compile("sgd", "mse", metrics=["mae"])
    p = net.predict(X, verbose=0)
    loss, mae = net.evaluate(X, Y, verbose=0)
    assert loss == pytest.approx(2 * ((p - Y) ** 2).mean(), rel=1e-4)
    assert mae == pytest.approx(np.abs(p).mean(), rel=1e-4)


def test_batch_normalization_while_fitting():
    model = nv.Sequential([nv.Input((4,)), layers.BatchNormalization(momentum=0.5, name="bn"), layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(X, Y, batch_size=35, shuffle=False, verbose=0)
    mean = var = None
    m, v = np.zeros(4), np.ones(4)
    for part in (X[:35], X[35:]):
        mean, var = part.mean(0), part.var(0)
        m, v = 0.5 * m + 0.5 * mean, 0.5 * v + 0.5 * var
    bn = model.get_layer("bn")
    np.testing.assert_allclose(bn.moving_mean.numpy(), m, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(bn.moving_variance.numpy(), v, rtol=1e-4)


def test_training_reaches_layers_of_a_call_that_names_it_only():
    class Net(nv.Model):
        def __init__(self):
            super().__init__()
            self.bn = layers.BatchNormalization()
            self.end = layers.Dense(2)

        def call(self, x):
            return self.end(self.bn(x))

    class Told(Net):
        def call(self, x, training=None):
            return self.end(self.bn(x))

    moved = []
    for net in (Net(), Told()):
        net.compile("sgd", "mse")
        net.fit(X + 5, Y, verbose=0)
        moved.append(bool((net.bn.moving_mean.numpy() != 0).all()))
    assert moved == [False, True]


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "int64", "float16", "float64", "bool", ">f8", "uint32"])
def test_data_of_any_dtype_is_read_as_it_is(dtype, tmp_path):
    data = RNG.integers(0, 2, (70, 4)).astype(dtype)
    results = []
    for x in (data, data.astype("float32"), np.lib.stride_tricks.as_strided(data, data.shape, data.strides)):
        model = linear()
        model.set_weights([np.ones((4, 2)), np.zeros(2)])
        results.append(model.fit(x, Y, shuffle=False, verbose=0).history["loss"][0])
    assert results[0] == results[1] == results[2]
    path = tmp_path / "x.npy"
    np.save(path, data)
    model = linear()
    model.set_weights([np.ones((4, 2)), np.zeros(2)])
    history = model.fit(np.load(path, mmap_mode="r"), Y, shuffle=False, verbose=0)
    assert history.history["loss"][0] == results[0]


def test_strided_rows_and_broadcast_targets():
    wide = np.zeros((140, 9), "float32")
    view = wide[::2, 2:6]
    view[:] = X
    columns = np.asfortranarray(X)
    losses = []
    for x in (X, view, columns, X[::-1][::-1]):
        model = linear()
        model.set_weights([np.ones((4, 2)), np.zeros(2)])
        losses.append(model.fit(x, np.broadcast_to(Y[:1], (70, 2)), shuffle=False, verbose=0).history["loss"][0])
    assert len(set(losses)) == 1


class Frame:
    """What a pandas DataFrame is to us: something with __array__ and a shape."""

    def __init__(self, array):
        self.array, self.shape = array, array.shape

    def __array__(self, dtype=None, copy=None):
        return self.array


def test_frames_and_lists():
    model = linear()
    assert model.evaluate(Frame(X), Frame(Y), verbose=0) == pytest.approx(model.evaluate(X, Y, verbose=0))
    assert model.evaluate(X.tolist(), Y.tolist(), verbose=0) == pytest.approx(model.evaluate(X, Y, verbose=0))


def test_targets_of_one_column():
    for y in (Y[:, 0], Y[:, :1]):
        model = linear(outputs=1, metrics=["mae"])
        model.set_weights([np.ones((4, 1)), np.zeros(1)])
        loss, mae = model.evaluate(X, y, verbose=0)
        e = X.sum(1) - Y[:, 0]
        assert loss == pytest.approx((e**2).mean(), rel=1e-5)
        assert mae == pytest.approx(np.abs(e).mean(), rel=1e-5)


def test_labels_may_be_floats_and_columns():
    losses = set()
    for y in (LABELS, LABELS.astype("float64"), LABELS[:, None], LABELS.astype("uint8")):
        model = nv.Sequential([nv.Input((4,)), layers.Dense(2, activation="softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.set_weights([np.eye(4)[:, :2], np.zeros(2)])
        losses.add(model.fit(X, y, shuffle=False, verbose=0).history["loss"][0])
    assert len(losses) == 1


def test_custom_losses_and_metrics_in_python():
    def loss(y, p):
        return ops.mean(ops.square(y - p), axis=-1)

    model, plain = linear(loss=loss, metrics=[loss]), linear()
    plain.set_weights(model.get_weights())
    history = model.fit(X, Y, epochs=2, shuffle=False, verbose=0).history
    assert history["loss"] == pytest.approx(
        plain.fit(X, Y, epochs=2, shuffle=False, verbose=0).history["loss"], rel=1e-6
    )


def test_learning():
    nv.utils.set_random_seed(0)
    model = nv.Sequential([nv.Input((4,)), layers.Dense(16, activation="relu"), layers.Dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.optimizer.learning_rate = 0.02
    history = model.fit(X, LABELS, epochs=60, verbose=0).history
    assert history["accuracy"][-1] > 0.95
    assert history["loss"][-1] < 0.2 * history["loss"][0]
    assert (model.predict(X, verbose=0).argmax(1) == LABELS).mean() == pytest.approx(
        model.evaluate(X, LABELS, verbose=0)[1]
    )


def test_training_again_does_not_trace_again():
    traces = []

    class Spy(nv.Layer):
        def call(self, x):
            traces.append(x.shape)
            return x

    model = nv.Sequential([nv.Input((4,)), Spy(), layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0, validation_split=0.1)
    n = len(traces)
    for _ in range(3):
        model.fit(X, Y, epochs=2, verbose=0, validation_split=0.1)
        model.evaluate(X[63:], Y[63:], verbose=0)
    assert len(traces) == n
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert len(traces) > n


def test_two_threads_train_two_models():
    models = [linear("adam") for _ in range(2)]
    for m in models:
        m.set_weights([np.ones((4, 2)), np.zeros(2)])
    alone = linear("adam")
    alone.set_weights([np.ones((4, 2)), np.zeros(2)])
    expected = alone.fit(X, Y, epochs=30, shuffle=False, verbose=0).history["loss"]
    results = [None, None]

    def work(k):
        results[k] = models[k].fit(X, Y, epochs=30, shuffle=False, verbose=0).history["loss"]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == [expected, expected]


def test_threads_predict_with_one_model():
    model = linear()
    parts = [RNG.normal(size=(n, 4)).astype("float32") for n in (3, 40, 77)]
    expected = [model.predict_on_batch(p) for p in parts]
    wrong = []

    def work(k):
        for _ in range(200):
            if not np.array_equal(model.predict_on_batch(parts[k]), expected[k]):
                wrong.append(k)
            if not np.array_equal(model.predict(parts[k], verbose=0, batch_size=77), expected[k]):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX timers")
@pytest.mark.parametrize("verbose", [0, 2])
def test_ctrl_c(verbose, capsys):
    """Back in Python soon; the model is as after its last whole step and can go on."""
    model = linear("adam")
    x = np.broadcast_to(X[:1], (2_000_000, 4))
    y = np.broadcast_to(Y[:1], (2_000_000, 2))
    began = []

    def interrupt(*_):
        began.append(time.perf_counter())
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(KeyboardInterrupt):
            model.fit(x, y, batch_size=1, epochs=100, verbose=verbose, shuffle=False)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert time.perf_counter() - began[0] < 0.1
    steps = int(model.optimizer.iterations.numpy())
    assert steps > 0
    assert all(np.isfinite(w).all() for w in model.get_weights())
    model.fit(X, Y, verbose=0)
    assert int(model.optimizer.iterations.numpy()) == steps + 3


def test_metrics_of_the_model():
    model = linear(metrics=["mae", nv.metrics.MeanSquaredError()])
    model.evaluate(X, Y, verbose=0)
    assert model.metrics_names == ["loss", "compile_metrics"]
    assert [m.name for m in model.metrics[1].metrics] == ["mae", "mean_squared_error"]
    model.reset_metrics()
    assert model.get_metrics_result() == {"loss": 0, "mae": 0, "mean_squared_error": 0}


def test_moving_averages_replace_the_weights_after_fit():
    model = linear(nv.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9))
    model.fit(X, Y, epochs=2, verbose=0)
    assert np.array_equal(model.get_weights()[0], model.optimizer.variables[2].numpy())

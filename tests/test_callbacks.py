"""Callbacks: order, logs, stopping, and that C runs whole epochs unless a batch hook asks."""

from xml.etree import ElementTree

import nervure as nv
import numpy as np
import pytest
from nervure.callbacks import Callback, CallbackList, History, LambdaCallback

X = np.arange(24, dtype="float32").reshape(12, 2) / 24
Y = X.sum(1)


def model():
    m = nv.Sequential([nv.Input((2,)), nv.layers.Dense(1)])
    m.compile("sgd", "mse", metrics=["mae"])
    return m


HOOKS = [name for name in dir(Callback) if name.startswith("on_")]


def recorder(names=HOOKS):
    calls = []
    made = LambdaCallback(**{n: lambda *args, n=n: calls.append((n, *args)) for n in names})
    return made, calls


def test_order_and_logs():
    callback, calls = recorder()
    m = model()
    m.fit(X, Y, epochs=2, batch_size=8, verbose=0, callbacks=[callback], validation_data=(X[:4], Y[:4]))
    epoch = [
        "on_epoch_begin",
        *("on_train_batch_begin", "on_train_batch_end") * 2,
        "on_test_begin", "on_test_batch_begin", "on_test_batch_end", "on_test_end",
        "on_epoch_end",
    ]  # fmt: skip
    assert [c[0] for c in calls] == ["on_train_begin", *epoch, *epoch, "on_train_end"]
    logs = [c[-1] for c in calls if c[0] == "on_epoch_end"]
    assert list(logs[0]) == ["loss", "mae", "val_loss", "val_mae"]
    assert [c[1] for c in calls if c[0] == "on_epoch_end"] == [0, 1]
    assert [c[1] for c in calls if c[0] == "on_train_batch_end"] == [0, 1, 0, 1]
    batch = [c[-1] for c in calls if c[0] == "on_train_batch_end"]
    assert batch[1]["loss"] == logs[0]["loss"]  # running means: the last batch has seen all
    assert calls[-1][-1] == logs[1]
    m.evaluate(X, Y, verbose=0, callbacks=[callback])
    assert [c[0] for c in calls[-4:]] == ["on_test_begin", "on_test_batch_begin", "on_test_batch_end", "on_test_end"]
    m.predict(X, batch_size=6, verbose=0, callbacks=[callback])
    assert [c[0] for c in calls[-6:]] == [
        "on_predict_begin", *("on_predict_batch_begin", "on_predict_batch_end") * 2, "on_predict_end"
    ]  # fmt: skip


def test_train_batch_hooks_call_the_old_names():
    seen = []

    class Old(Callback):
        def on_batch_begin(self, batch, logs=None):
            seen.append(batch)

        def on_batch_end(self, batch, logs=None):
            seen.append(logs["loss"] >= 0)

    model().fit(X, Y, batch_size=8, verbose=0, callbacks=[Old()])
    assert seen == [0, True, 1, True]


def test_hooks_do_not_change_the_numbers():
    a, b = model(), model()
    b.set_weights(a.get_weights())
    for m, callbacks in ((a, None), (b, [recorder()[0]])):
        nv.utils.set_random_seed(1)
        m.fit(X, Y, epochs=3, batch_size=5, verbose=0, callbacks=callbacks)
    assert a.history.history == b.history.history
    assert all(np.array_equal(p, q) for p, q in zip(a.get_weights(), b.get_weights(), strict=True))


def test_epochs_are_one_call_unless_a_batch_hook_asks():
    class Epochs(Callback):
        def on_epoch_end(self, epoch, logs=None):
            pass

        def on_train_begin(self, logs=None):
            pass

    class Batches(Epochs):
        def on_train_batch_end(self, batch, logs=None):
            pass

    assert not CallbackList([Epochs(), History()], add_progbar=True).wants_batches("train")
    assert CallbackList([Batches()]).wants_batches("train")
    assert not CallbackList([Batches()]).wants_batches("test")
    assert not CallbackList([LambdaCallback(on_epoch_end=print)]).wants_batches("train")
    assert CallbackList([LambdaCallback(on_batch_end=print)]).wants_batches("train")


def test_stopping():
    class Stop(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    m = model()
    assert m.fit(X, Y, epochs=9, verbose=0, callbacks=Stop()).epoch == [0, 1]
    assert m.fit(X, Y, epochs=1, verbose=0).epoch == [0]  # the flag is reset

    class StopAtOnce(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True

    before = int(m.optimizer.iterations.numpy())
    m.fit(X, Y, epochs=9, batch_size=3, verbose=0, callbacks=[StopAtOnce()])
    assert int(m.optimizer.iterations.numpy()) == before + 1


def test_an_exception_in_a_callback_leaves_the_model_usable():
    def fail(epoch, logs):
        raise KeyError("mine")

    m = model()
    with pytest.raises(KeyError, match="mine"):
        m.fit(X, Y, epochs=3, verbose=0, callbacks=[LambdaCallback(on_epoch_end=fail)])
    assert len(m.fit(X, Y, epochs=2, verbose=0).epoch) == 2


def test_attributes_and_logs_can_be_changed():
    class Rate(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            assert self.params["epochs"] == 3
            self.model.optimizer.learning_rate = 0.1 / (epoch + 1)

        def on_epoch_end(self, epoch, logs=None):
            logs["learning_rate"] = float(self.model.optimizer.learning_rate.numpy())

    history = model().fit(X, Y, epochs=3, verbose=0, callbacks=[Rate()]).history
    np.testing.assert_allclose(history["learning_rate"], [0.1, 0.05, 0.1 / 3], rtol=1e-6)


def test_history_goes_on_when_given():
    history = History()
    m = model()
    assert m.fit(X, Y, verbose=0, callbacks=[history]) is history
    assert len(history.history["loss"]) == 1
    m.fit(X, Y, verbose=0, epochs=2, callbacks=[history])
    assert len(history.history["loss"]) == 3


def test_curves(tmp_path):
    m = model()
    history = m.fit(X, Y, epochs=4, validation_split=0.5, verbose=0)
    plot = history.plot("loss")
    root = ElementTree.fromstring(plot.svg)
    assert plot._repr_svg_() == plot.svg
    lines = root.findall(".//{http://www.w3.org/2000/svg}polyline")
    assert [len(line.get("points").split()) for line in lines] == [4, 4]
    assert [line.get("stroke-dasharray") for line in lines] == [None, "5 3"]
    for line in lines:
        x, y = np.array([point.split(",") for point in line.get("points").split()], float).T
        assert (np.diff(x) > 0).all() and (y >= 0).all() and (y <= 220).all() and x[-1] <= 360
    plot.save(tmp_path / "run.svg")
    assert (tmp_path / "run.svg").read_text() == plot.svg
    assert history._repr_html_() == history.plot().svg
    with pytest.raises(ValueError, match=r"no metric 'los' to draw; there are .*'loss'"):
        history.plot("los")
    with pytest.raises(ValueError, match="no epoch was trained"):
        nv.callbacks.History().plot()
    assert nv.callbacks.History()._repr_html_() is None


def test_curves_of_values_that_cannot_be_drawn():
    history = nv.callbacks.History()
    history.history = {"a<b": [1.0, np.nan, 2.0, np.inf, 3.0, 4.0], "flat": [2.0], "none": [np.nan], "word": ["x"]}
    svg = history.plot().svg
    assert "a&lt;b" in svg and "nan" not in svg and "inf" not in svg and "word" not in svg
    points = [line.get("points").split() for line in ElementTree.fromstring(svg).iter() if line.get("points")]
    assert [len(p) for p in points] == [2, 2, 2, 2]
    assert [len(set(p)) for p in points] == [1, 1, 2, 1]  # dots, a line


def test_a_notebook_shows_a_model():
    shown = model()._repr_html_()
    assert shown.startswith("<pre") and "Total params" in shown and ElementTree.fromstring(shown) is not None


@pytest.mark.parametrize(
    "callbacks, words",
    [(3, "Callback instances"), ([3], "must be Callback instances"), (["early"], "must be Callback instances")],
)
def test_not_callbacks(callbacks, words):
    with pytest.raises((TypeError, ValueError), match=words):
        model().fit(X, Y, verbose=0, callbacks=callbacks)


def test_unknown_hooks():
    with pytest.raises(ValueError, match="unknown hook 'on_epoch_and'"):
        LambdaCallback(on_epoch_and=print)
    with pytest.raises(ValueError, match="must be callable"):
        LambdaCallback(on_epoch_end=3)


def test_predict_hands_out_each_batch():
    seen = []
    x = nv.Input((3,))
    model = nv.Model(x, {"a": nv.layers.Dense(2)(x), "b": nv.layers.ReLU()(x)})
    rows = np.random.RandomState(0).randn(10, 3).astype("float32")
    hook = LambdaCallback(on_predict_batch_end=lambda batch, logs: seen.append((batch, logs["outputs"])))
    whole = model.predict(rows, batch_size=4, callbacks=[hook], verbose=0)
    assert [batch for batch, _ in seen] == [0, 1, 2]
    for name, values in whole.items():
        np.testing.assert_array_equal(np.concatenate([outputs[name] for _, outputs in seen]), values)

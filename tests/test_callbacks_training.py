"""Callbacks in training: when they stop it, what they save and restore, and that they cost no batch hooks."""

import json
import pickle
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import nervure as nv
import numpy as np
import pytest
from nervure import callbacks as cb

X = np.arange(24, dtype="float32").reshape(12, 2) / 24
Y = X.sum(1)


def model(rate=0.1, **compile_args):
    m = nv.Sequential([nv.Input((2,)), nv.layers.Dense(1, kernel_initializer="zeros")])
    m.compile(nv.optimizers.SGD(rate), "mse", **compile_args)
    return m


class Scripted(cb.Callback):
    """Puts values of our choice into the logs, before other callbacks see them."""

    def __init__(self, **values):
        super().__init__()
        self.values = values

    def on_epoch_end(self, epoch, logs=None):
        logs.update({name: values[epoch] for name, values in self.values.items()})


def test_early_stopping_says_why_and_brings_the_best_weights_back():
    m, weights = model(), []
    keep = cb.LambdaCallback(on_epoch_end=lambda epoch, logs: weights.append(m.get_weights()))
    stop = cb.EarlyStopping("v", mode="min", patience=2, restore_best_weights=True)
    script = Scripted(v=[3.0, 1.0, 2.0, 2.0, 0.0])
    run = m.fit(X, Y, epochs=5, verbose=0, callbacks=[script, keep, stop])
    assert run.epoch == [0, 1, 2, 3] and stop.best_epoch == 1 and stop.stopped_epoch == 3
    assert run.stop_reason == "early stopping: v has not improved for 2 epochs"
    for a, b in zip(m.get_weights(), weights[1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_best_weights_come_back_without_an_early_stop():
    m, weights = model(), []
    keep = cb.LambdaCallback(on_epoch_end=lambda epoch, logs: weights.append(m.get_weights()))
    stop = cb.EarlyStopping("v", mode="max", patience=9, restore_best_weights=True)
    m.fit(X, Y, epochs=3, verbose=0, callbacks=[Scripted(v=[3.0, 4.0, 2.0]), keep, stop])
    np.testing.assert_array_equal(m.get_weights()[0], weights[1][0])
    assert m.stop_reason == "the maximum of 3 epochs"


def monitor(name, metrics=(), **args):
    """A callback that watches a metric, of a model that has been trained."""
    m = model(metrics=list(metrics))
    m.fit(X, Y, verbose=0)
    watch = cb.MonitorCallback(name, **args)
    watch.set_model(m)
    return watch


@pytest.mark.parametrize("direction, better", [("up", 2.0), ("down", 0.5)])
@pytest.mark.parametrize("name", ["score", "val_score"])
def test_the_metric_says_which_way_is_better(direction, better, name):
    metric = nv.metrics.MeanSquaredError(name="score")
    metric._direction = direction
    watch = monitor(name, [metric])
    watch._set_monitor_op()
    assert watch._is_improvement(better, 1.0) and not watch._is_improvement(1.5 - better / 2, 1.0)
    assert not watch._is_improvement(1.0, 1.0)


def test_which_way_is_better():
    for name, args, up in (("loss", {}, False), ("val_loss", {}, False), ("x", {"mode": "max"}, True)):
        watch = monitor(name, **args)
        watch._set_monitor_op()
        assert watch._is_improvement(2.0, 1.0) == up
    with pytest.raises(ValueError, match=r"EarlyStopping callback received monitor=val_x.*Pass `mode='max'`"):
        model().fit(X, Y, verbose=0, callbacks=[cb.EarlyStopping("val_x")])
    with pytest.warns(UserWarning, match="mode 'best' is unknown, fallback to auto mode"):
        assert cb.EarlyStopping("loss", mode="best").mode == "auto"


def test_the_losses_and_metrics_of_several_outputs():
    x = nv.Input((2,))
    two = nv.Model(x, {"a": nv.layers.Dense(1, name="a")(x), "b": nv.layers.Dense(1, name="b")(x)})
    metric = nv.metrics.MeanSquaredError(name="score")
    metric._direction = "up"
    two.compile("sgd", "mse", metrics={"a": [metric]})
    two.fit(X, {"a": Y, "b": Y}, verbose=0)
    for name, up in (("val_b_loss", False), ("a_score", True)):
        watch = cb.MonitorCallback(name)
        watch.set_model(two)
        watch._set_monitor_op()
        assert watch._is_improvement(2.0, 1.0) == up


def test_a_plateau_lowers_the_rate():
    m = model(0.5)
    reduce = cb.ReduceLROnPlateau("v", mode="min", factor=0.5, patience=1)
    run = m.fit(X, Y, epochs=4, verbose=0, callbacks=[Scripted(v=[1.0, 1.0, 1.0, 0.5]), reduce])
    assert run.history["learning_rate"] == [0.5, 0.5, 0.25, 0.125]  # as it was in the epoch
    with pytest.raises(ValueError, match=r"factor >= 1.0"):
        cb.ReduceLROnPlateau(factor=1.0)


def test_a_schedule_of_epochs():
    def schedule(epoch, rate):
        raise TypeError("mine")

    with pytest.raises(TypeError, match="mine"):
        model().fit(X, Y, verbose=0, callbacks=[cb.LearningRateScheduler(schedule)])
    with pytest.raises(ValueError, match=r"should be a float. Got: 1"):
        model().fit(X, Y, verbose=0, callbacks=[cb.LearningRateScheduler(lambda epoch: 1)])
    with pytest.raises(ValueError, match="`schedule`"):
        cb.LearningRateScheduler(0.5)


HUGE = np.where(np.arange(12)[:, None] == 7, 1e30, X).astype("float32")  # its square is infinite


def test_training_stops_at_the_batch_whose_loss_is_no_number(capsys):
    m = model()
    run = m.fit(HUGE, Y, epochs=5, batch_size=3, verbose=0, shuffle=False, callbacks=[cb.TerminateOnNaN()])
    assert capsys.readouterr().out == "Batch 2: Invalid loss, terminating training\n"
    assert run.epoch == [0] and run.stop_reason == "loss is infinite" and int(m.optimizer.iterations.numpy()) == 3
    with pytest.raises(RuntimeError, match="NaN or Inf loss encountered at batch 2"):
        model().fit(HUGE, Y, batch_size=3, verbose=0, shuffle=False, callbacks=[cb.TerminateOnNaN(raise_error=True)])


def test_convergence():
    m = model()
    script = Scripted(v=[5.0, 1.0, 1.00005, 1.0, 2.0, 2.0, 2.0, 2.0, 9.0])
    run = m.fit(X, Y, epochs=9, verbose=0, callbacks=[script, cb.Convergence("v")])
    assert run.epoch[-1] == 7 and run.stop_reason == "v has stopped moving"
    large = Scripted(v=[1e6, 1e6 + 90, 1e6 + 180, 0.0])  # relative to what is large
    assert m.fit(X, Y, epochs=4, verbose=0, callbacks=[large, cb.Convergence("v", patience=2)]).epoch[-1] == 2
    assert not cb.Convergence().needs_gradient_norm
    small = cb.Convergence(tolerance=0.0, gradient_tolerance=0.5)
    assert small.needs_gradient_norm
    run = m.fit(X, Y, epochs=3, verbose=0, callbacks=[Scripted(gradient_norm=[1.0, 0.5, 0.1]), small])
    assert run.epoch[-1] == 1 and run.stop_reason == "gradient is small"
    with pytest.raises(ValueError, match=r"no metric 'lost' to watch. Available metrics are: loss"):
        m.fit(X, Y, verbose=0, callbacks=[cb.Convergence("lost")])


def test_convergence_measures_the_gradient():
    run = model(0.5).fit(X, Y, epochs=2000, verbose=0, callbacks=[cb.Convergence(tolerance=0, gradient_tolerance=1e-2)])
    assert run.stop_reason == "gradient is small" and run.history["gradient_norm"][-1] <= 1e-2
    assert min(run.history["gradient_norm"][:-1], default=1.0) > 1e-2


def test_evaluation_with_averaged_weights():
    def trained(callbacks):
        m = nv.Sequential([nv.Input((2,)), nv.layers.Dense(1, kernel_initializer="zeros")])
        m.compile(nv.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.9), "mse")
        run = m.fit(X, Y, epochs=3, batch_size=4, shuffle=False, verbose=0, validation_data=(X, Y), callbacks=callbacks)
        return m, run

    plain, one = trained([])
    m, run = trained([cb.SwapEMAWeights()])
    assert run.history["loss"] == one.history["loss"]  # training does not notice
    assert run.history["val_loss"] != one.history["val_loss"]
    assert run.history["val_loss"][-1] == m.evaluate(X, Y, batch_size=4, verbose=0)
    np.testing.assert_array_equal(m.get_weights()[0], plain.get_weights()[0])  # the averages, at the end

    seen = []
    look = cb.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(swapped.model.get_weights()[0]))
    swapped = cb.SwapEMAWeights(swap_on_epoch=True)
    stop = cb.EarlyStopping("never", patience=0, mode="min")  # an early end must not lose the averages
    with pytest.warns(UserWarning, match="not available"):
        m, run = trained([swapped, look, stop])
    np.testing.assert_array_equal(seen[-1], m.get_weights()[0])
    assert run.history["loss"] == one.history["loss"]
    before = m.get_weights()[0]
    m.predict(X, verbose=0, callbacks=[cb.SwapEMAWeights()])
    np.testing.assert_array_equal(m.get_weights()[0], before)
    with pytest.raises(ValueError, match="`use_ema=True` is set on the optimizer"):
        model().fit(X, Y, verbose=0, validation_data=(X, Y), callbacks=[cb.SwapEMAWeights()])


# ---- saving, with files of our own ----


class Pickled(nv.Sequential):
    """A model whose files are pickles, so that these tests are of callbacks alone."""

    def save_weights(self, filepath, overwrite=True):
        with open(filepath, "wb") as file:
            pickle.dump([self.get_weights(), [v.numpy() for v in self.optimizer.variables]], file)

    def load_weights(self, filepath):
        with open(filepath, "rb") as file:
            try:
                weights, state = pickle.load(file)
            except pickle.UnpicklingError as error:
                raise OSError(str(error)) from None
        self.set_weights(weights)
        self.optimizer.set_weights(state)

    def save(self, filepath, overwrite=True):
        self.save_weights(filepath)


def pickled():
    m = Pickled([nv.Input((2,)), nv.layers.Dense(1, kernel_initializer="zeros")])
    m.compile(nv.optimizers.Adam(0.1), "mse")
    return m


def test_checkpoints(tmp_path):
    path = tmp_path / "a" / "m-{epoch}-{loss:.1f}.keras"
    m = pickled()
    m.fit(X, Y, epochs=2, verbose=0, callbacks=[cb.ModelCheckpoint(path)])
    assert sorted(p.name.split("-")[1] for p in path.parent.iterdir()) == ["1", "2"]
    best = tmp_path / "best.weights.h5"
    save = cb.ModelCheckpoint(best, "v", mode="min", save_best_only=True, save_weights_only=True)
    m.fit(X, Y, epochs=3, verbose=0, callbacks=[Scripted(v=[2.0, 1.0, 3.0]), save])
    assert save.best == 1.0
    first = best.read_bytes()
    m.fit(X, Y, epochs=1, verbose=0, callbacks=[Scripted(v=[1.5]), save])  # the best of all runs
    assert best.read_bytes() == first
    with pytest.raises(KeyError, match=r"Failed to format this callback filepath.*nothing"):
        m.fit(X, Y, verbose=0, callbacks=[cb.ModelCheckpoint("{nothing}.keras")])
    (tmp_path / "folder.keras").mkdir()
    with pytest.raises(OSError, match="existing directory"):
        m.fit(X, Y, verbose=0, callbacks=[cb.ModelCheckpoint(tmp_path / "folder.keras")])
    for args, words in (
        ({"filepath": "m.txt"}, "must end in `.keras`"),
        ({"filepath": "m.h5", "save_weights_only": True}, "must end in `.weights.h5`"),
        ({"filepath": "m.keras", "save_freq": "batch"}, "Unrecognized save_freq: batch"),
        ({"filepath": "m.keras", "save_freq": 0}, "Unrecognized save_freq: 0"),
    ):
        with pytest.raises(ValueError, match=words):
            cb.ModelCheckpoint(**args)


def test_training_goes_on_after_an_interruption(tmp_path):
    def fail(epoch, logs):
        if epoch == 2:
            raise RuntimeError("power cut")

    options = {"epochs": 5, "batch_size": 5, "shuffle": False, "verbose": 0}
    whole = pickled()
    whole.fit(X, Y, **options)
    first, backup = pickled(), tmp_path / "backup"
    with pytest.raises(RuntimeError, match="power cut"):
        fails = cb.LambdaCallback(on_epoch_begin=fail)
        first.fit(X, Y, callbacks=[cb.BackupAndRestore(backup), fails], **options)
    assert json.loads((backup / "training_metadata.json").read_text()) == {"epoch": 2, "batch": 0}
    assert sorted(p.name for p in backup.iterdir()) == ["latest.weights.h5", "training_metadata.json"]
    second = pickled()
    second.set_weights([w + 9 for w in second.get_weights()])  # all of it comes from the file
    run = second.fit(X, Y, callbacks=[cb.BackupAndRestore(backup)], **options)
    assert run.epoch == [2, 3, 4] and not backup.exists()
    np.testing.assert_array_equal(second.get_weights()[0], whole.get_weights()[0])


def test_the_backup_before_the_last_one(tmp_path):
    m = pickled()
    keep = {"double_checkpoint": True, "delete_checkpoint": False}
    m.fit(X, Y, epochs=3, verbose=0, callbacks=[cb.BackupAndRestore(tmp_path, **keep)])
    (tmp_path / "latest.weights.h5").write_bytes(b"0")
    run = m.fit(X, Y, epochs=4, verbose=0, callbacks=[cb.BackupAndRestore(tmp_path, **keep)])
    assert run.epoch == [2, 3]
    (tmp_path / "latest.weights.h5").write_bytes(b"0")
    (tmp_path / "latest.weights.h5.bkp").unlink()
    with pytest.raises(OSError):
        m.fit(X, Y, epochs=5, verbose=0, callbacks=[cb.BackupAndRestore(tmp_path)])


def test_backups_by_batches(tmp_path):
    m, found = pickled(), []
    backup = cb.BackupAndRestore(tmp_path / "b", save_freq=2)
    read = lambda batch, logs: found.append((tmp_path / "b" / "latest.weights.h5").exists())  # noqa: E731
    m.fit(X, Y, batch_size=4, verbose=0, callbacks=[backup, cb.LambdaCallback(on_train_batch_end=read)])
    assert found == [False, True, True]
    unbuilt = nv.Sequential([nv.layers.Dense(1)])
    unbuilt.compile("sgd", "mse")
    backup.set_model(unbuilt)
    with pytest.raises(ValueError, match="must be built"):
        backup.on_train_begin()
    for wrong in ("batch", 0, True, 0.5):
        with pytest.raises(ValueError, match="save_freq"):
            cb.BackupAndRestore("x", save_freq=wrong)


@pytest.mark.skipif(not hasattr(nv.Model, "save"), reason="models have no files yet")
def test_with_real_files(tmp_path):
    m = model()
    best = tmp_path / "best.keras"
    m.fit(X, Y, epochs=2, verbose=0, callbacks=[cb.ModelCheckpoint(best, "loss", save_best_only=True)])
    np.testing.assert_array_equal(nv.models.load_model(best).predict(X, verbose=0), m.predict(X, verbose=0))
    keep = cb.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)
    m.fit(X, Y, epochs=2, verbose=0, callbacks=[keep])
    assert m.fit(X, Y, epochs=3, verbose=0, callbacks=[keep]).epoch == [2]


# ---- what they cost ----


def test_batch_hooks_are_asked_for_only_where_they_do_something(tmp_path):
    def wants(callback, mode="train"):
        return cb.CallbackList([callback]).wants_batches(mode)

    class Mine(cb.ModelCheckpoint):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)

    for quiet in (
        cb.EarlyStopping(), cb.ReduceLROnPlateau(), cb.CSVLogger(tmp_path / "x"), cb.RemoteMonitor(), cb.Convergence(),
        cb.LearningRateScheduler(abs), cb.SwapEMAWeights(), cb.ModelCheckpoint("m.keras"), cb.BackupAndRestore("b"),
        cb.TensorBoard("t"), cb.ProgbarLogger(), cb.History(),
    ):  # fmt: skip
        assert not any(wants(quiet, mode) for mode in ("train", "test", "predict")), quiet
    for asks in (
        cb.ModelCheckpoint("m.keras", save_freq=5), cb.BackupAndRestore("b", save_freq=5), Mine("m.keras"),
        cb.TensorBoard("t", update_freq=5), cb.TensorBoard("t", update_freq="batch"), cb.TerminateOnNaN(),
    ):  # fmt: skip
        assert wants(asks) and not wants(asks, "test") and not wants(asks, "predict"), asks
    assert wants(cb.CallbackList([cb.TerminateOnNaN()]))


def test_a_list_of_callbacks():
    seen = []
    note = cb.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(dict(logs)))
    add = cb.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(more=1.0))
    both = cb.CallbackList([[add], (note,)], add_history=True, add_progbar=True, model=model(), epochs=1)
    assert [type(c) for c in both.callbacks[2:]] == [cb.History, cb.ProgbarLogger]
    given = {"z": np.float32(1), "a": 2, "list": [1]}
    both.callbacks.pop()
    both.on_epoch_end(0, given)
    assert seen == [{"a": 2.0, "list": [1], "more": 1.0, "z": 1.0}] and list(seen[0])[:3] == ["a", "list", "z"]
    assert type(seen[0]["z"]) is float and "more" not in given
    own = cb.CallbackList([note], add_history=True)
    assert isinstance(own, cb.Callback)


def test_bad_arguments_fail_in_the_constructor():
    for make, words in (
        (lambda: cb.EarlyStopping(3), "`monitor`"),
        (lambda: cb.EarlyStopping(patience=-1), "patience=-1"),
        (lambda: cb.EarlyStopping(start_from_epoch="2"), "start_from_epoch='2'"),
        (lambda: cb.ReduceLROnPlateau(cooldown=-1), "cooldown=-1"),
        (lambda: cb.CSVLogger("x", separator="::"), "`separator`"),
        (lambda: cb.Convergence(patience=0), "`patience`"),
        (lambda: cb.Convergence(tolerance=-1), "tolerance=-1"),
        (lambda: cb.Convergence(gradient_tolerance=-1), "gradient_tolerance=-1"),
        (lambda: cb.TensorBoard(update_freq=0), "`update_freq`"),
        (lambda: cb.TensorBoard(profile_batch=3), "Profiling is not available"),
    ):
        with pytest.raises(ValueError, match=words):
            make()


def test_other_attributes_of_a_lambda_callback():
    assert cb.LambdaCallback(custom=lambda: 3, number=4).custom() == 3


def test_a_csv_file_is_closed_when_training_fails(tmp_path):
    logger = cb.CSVLogger(tmp_path / "log.csv")
    with pytest.raises(ValueError, match="mine"):
        fails = cb.LambdaCallback(on_epoch_end=lambda epoch, logs: (_ for _ in ()).throw(ValueError("mine")))
        model().fit(X, Y, verbose=0, callbacks=[logger, fails])
    assert (tmp_path / "log.csv").read_text().splitlines()[0] == "epoch,loss,val_loss"
    model().fit(X, Y, verbose=0, callbacks=[logger])
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 2


@pytest.mark.parametrize("as_json", [False, True])
def test_logs_are_sent_to_a_server(as_json):
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            got.append((self.path, self.headers["Content-Type"], self.headers["X-Key"], body))
            self.send_response(200 if as_json else 404)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        send = cb.RemoteMonitor(
            f"http://127.0.0.1:{server.server_port}", "/here/", headers={"X-Key": "7"}, send_as_json=as_json
        )
        send.on_epoch_end(2, {"loss": np.float32(0.5), "list": [1]})
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    ((path, kind, key, body),) = got
    assert (path, key) == ("/here/", "7")
    assert kind == ("application/json" if as_json else "application/x-www-form-urlencoded")
    assert json.loads(body if as_json else parse_qs(body)["data"][0]) == {"epoch": 2, "loss": 0.5, "list": [1]}
    with pytest.warns(UserWarning, match="Could not reach RemoteMonitor root server"):
        send.on_epoch_end(3, {"loss": 0.5})

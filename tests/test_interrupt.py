"""Ctrl-C and other exceptions in the middle of things: Python has them within 100 ms, and the model is as after its
last whole step."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from typing import Any

import nervure as nv
import numpy as np
import pytest
from alarms import alarm
from nervure import _core

SOON = 0.1  # seconds from a signal to its handler ..
PATIENCE = (30 if "NERVURE_SANITIZED" in os.environ else 10) * SOON  # .. on an idle machine: tests may share theirs
ROWS, BATCH = 8192, 1024


class Stop(Exception):
    at = 0.0


def stop(*_: Any) -> None:
    Stop.at = time.perf_counter()
    raise Stop


@pytest.fixture(params=[1, 2])
def threads(request: Any) -> Iterator[int]:
    before = _core.config()["threads"]
    _core.set_threads(request.param)
    yield request.param
    _core.set_threads(before)


def data() -> tuple[Any, Any]:
    rng = np.random.RandomState(0)
    return rng.rand(ROWS, 32).astype(np.float32), rng.randint(0, 10, ROWS)


def net() -> nv.Model:
    """Softmax in the middle, so that much of a step is spent in ops that are asked to stop row by row."""
    nv.utils.set_random_seed(1)
    L = nv.layers
    model = nv.Sequential(
        [nv.Input((32,)), L.Dense(64, activation="relu"), L.Dense(256), L.Softmax(), L.Dense(10, activation="softmax")]
    )
    model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def steps_of(model: nv.Model) -> int:
    return int(model.optimizer.iterations.numpy())


def trained(steps: int) -> list[Any]:
    """The weights after so many whole steps."""
    model, (x, y) = net(), data()
    per_epoch = ROWS // BATCH
    for first in range(0, steps, per_epoch):
        rows = min(per_epoch, steps - first) * BATCH
        model.fit(x[:rows], y[:rows], batch_size=BATCH, shuffle=False, verbose=0)
    return model.get_weights()


@pytest.mark.parametrize("verbose", [0, 1])
def test_an_interrupted_fit_has_made_whole_steps(threads: int, verbose: int) -> None:
    x, y = data()
    for k in range(5):
        model = net()
        with (
            redirect_stdout(io.StringIO()),
            alarm(stop, 0.05 + 0.02 * k),
            pytest.raises(Stop),
        ):
            model.fit(x, y, batch_size=BATCH, epochs=10**6, shuffle=False, verbose=verbose)
        assert time.perf_counter() - Stop.at < PATIENCE
        for got, expected in zip(model.get_weights(), trained(steps_of(model)), strict=True):
            assert np.array_equal(got, expected)


def test_fit_goes_on_after_each_of_many_interruptions(threads: int) -> None:
    """.. wherever they fall, in the building of the model too."""
    (x, y), model = data(), net()
    for k in range(40):
        with alarm(stop, 0.001 + 0.001 * k), pytest.raises(Stop):
            model.fit(x, y, batch_size=BATCH, epochs=10**6, shuffle=False, verbose=0)
    before = steps_of(model)
    model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0)
    assert steps_of(model) == before + ROWS // BATCH
    assert len(model.optimizer.variables) == 2 + 2 * len(model.trainable_variables)


def test_long_calls_are_interrupted(threads: int) -> None:
    x, y = data()
    model = net()
    many = np.broadcast_to(x[:1], (40_000_000, 32))
    labels = np.broadcast_to(y[:1], (40_000_000,))
    big = np.ones((6000, 6000), np.float32)
    column = np.ones((30_000_000,), np.float32)
    index = np.random.RandomState(0).randint(0, 30_000_000, 30_000_000)
    few = index % 10
    square = column[:25_000_000].reshape(5000, 5000)
    model.predict(x, verbose=0)
    model.evaluate(x, y, verbose=0)

    def again(function: Callable[..., Any], *arguments: Any) -> None:
        while True:
            function(*arguments)

    calls: dict[str, Callable[[], Any]] = {
        "predict": lambda: model.predict(many, batch_size=1024, verbose=0),
        "evaluate": lambda: model.evaluate(many, labels, batch_size=1024, verbose=0),
        "one product": lambda: again(nv.ops.matmul, big, big),
        "one elementwise op": lambda: again(nv.ops.tanh, column),
        "sum": lambda: again(nv.ops.sum, column),
        "rows": lambda: again(nv.ops.softmax, square),
        "take": lambda: again(nv.ops.take, column, index),
        "scatter": lambda: again(nv.ops.segment_sum, column, few, 10),
        "concatenate": lambda: again(nv.ops.concatenate, [square, square], 1),
        "pad": lambda: again(nv.ops.pad, square, [[1, 1], [1, 1]]),
    }
    late = {}
    for name, call in calls.items():
        due = time.perf_counter() + 0.2
        with alarm(stop, 0.2), pytest.raises(Stop):
            call()
        late[name] = max(Stop.at - due, time.perf_counter() - Stop.at)
    assert max(late.values()) < PATIENCE, late


def test_a_handler_that_returns_changes_nothing(threads: int) -> None:
    (x, y), model, calls = data(), net(), []
    with alarm(lambda *_: calls.append(1), 0.02):
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        model.fit(x, y, batch_size=BATCH, epochs=6, shuffle=False, verbose=0)
    assert calls
    for got, expected in zip(model.get_weights(), trained(6 * ROWS // BATCH), strict=True):
        assert np.array_equal(got, expected)


@pytest.mark.parametrize("kind", [Stop, SystemExit, KeyboardInterrupt])
def test_what_a_callback_raises_comes_out(kind: type[BaseException]) -> None:
    class At(nv.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if batch == 3:
                raise kind

    (x, y), model = data(), net()
    with pytest.raises(kind):
        model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[At()])
    assert steps_of(model) == 4
    model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0)
    assert steps_of(model) == 4 + ROWS // BATCH


def test_the_main_thread_is_interrupted_while_another_trains() -> None:
    (x, y), model, ready = data(), net(), threading.Event()

    class Ready(nv.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            ready.set()
            self.model.stop_training = done.is_set()

    done = threading.Event()
    thread = threading.Thread(
        target=lambda: model.fit(x, y, batch_size=BATCH, epochs=10**6, verbose=0, callbacks=[Ready()])
    )
    thread.start()
    ready.wait()
    other = net()
    try:
        with alarm(stop, 0.1), pytest.raises(Stop):
            other.fit(x, y, batch_size=BATCH, epochs=10**6, verbose=0)
        late = time.perf_counter() - Stop.at
        with pytest.raises(Stop), alarm(stop, 0.1):  # the same model's predictions, meanwhile
            while True:
                assert np.isfinite(model.predict(x, verbose=0)).all()
    finally:
        done.set()
        thread.join()
    assert late < PATIENCE


CTRL_C = """
import signal
import sys
import numpy as np
import nervure as nv

signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background of a shell it is ignored
model = nv.Sequential([nv.Input((8,)), nv.layers.Dense(8), nv.layers.Dense(1)])
model.compile("sgd", loss="mse")
x, y = np.ones((100_000, 8), np.float32), np.ones(100_000, np.float32)

class Say(nv.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            print("go", file=sys.stderr, flush=True)

try:
    model.fit(x, y, epochs=10**6, verbose=int(sys.argv[1]), callbacks=[Say()])
except KeyboardInterrupt:
    model.fit(x[:100], y[:100], verbose=0)
    print("interrupted")
"""


@pytest.mark.parametrize("verbose", ["0", "1", "2"])
def test_ctrl_c(verbose: str, run_python: Any) -> None:
    command = [sys.executable, "-c", CTRL_C, verbose]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        assert child.stderr.readline() == "go\n"
        time.sleep(0.1)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    assert child.returncode == 0 and out.endswith("interrupted\n"), err

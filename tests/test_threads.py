"""Models in threads and forked processes: the same bits as alone."""

import multiprocessing
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import nervure as nv
import numpy as np
import pytest
from nervure import _core

STEPS = 64


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = _core.config()["threads"]
    _core.set_threads(2)
    yield
    _core.set_threads(before)


def net() -> nv.Model:
    nv.utils.set_random_seed(1)
    L = nv.layers
    model = nv.Sequential(
        [nv.Input((32,)), L.Dense(128, activation="relu"), L.Dense(128, activation="relu"), L.Dense(10)]
    )
    model.compile("adam", loss=nv.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def fit(model: nv.Model) -> nv.Model:
    rng = np.random.RandomState(0)
    x, y = rng.rand(64 * STEPS, 32).astype(np.float32), rng.randint(0, 10, 64 * STEPS)
    model.fit(x, y, batch_size=64, shuffle=False, verbose=0)
    return model


def same(a: nv.Model, weights: list[Any]) -> bool:
    return all(np.array_equal(got, expected) for got, expected in zip(a.get_weights(), weights, strict=True))


def side_by_side(*calls: Callable[[], Any]) -> None:
    errors: list[BaseException] = []

    def guarded(call: Callable[[], Any]) -> None:
        try:
            call()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors


def test_two_models_in_two_threads() -> None:
    alone = fit(net()).get_weights()
    models = [net(), net()]
    side_by_side(*(lambda m=m: fit(m) for m in models))
    assert all(same(m, alone) for m in models)


def test_one_model_in_two_threads_makes_all_steps() -> None:
    model = net()
    side_by_side(lambda: fit(model), lambda: fit(model))
    assert model.optimizer.iterations.numpy() == 2 * STEPS
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_predictions_while_another_thread_trains() -> None:
    alone, model, done, seen = fit(net()).get_weights(), net(), threading.Event(), []
    x = np.ones((100, 32), np.float32)

    def predict() -> None:
        while not done.is_set():
            seen.append(np.isfinite(model.predict(x, verbose=0)).all())

    def train() -> None:
        try:
            fit(model)
        finally:
            done.set()

    side_by_side(predict, train)
    assert same(model, alone) and seen and all(seen)


def in_child(queue: Any, weights: list[Any]) -> None:
    queue.put(same(fit(net()), weights))


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("busy", [False, True])
def test_training_in_a_child_process(method: str, busy: bool) -> None:
    """.. also while another thread of the parent trains."""
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    weights = fit(net()).get_weights()
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    child = context.Process(target=in_child, args=(queue, weights))

    def run() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forking with threads
            child.start()
        assert queue.get(timeout=120)
        child.join()
        assert child.exitcode == 0

    side_by_side(run, *([lambda: fit(net())] if busy else []))

"""Nothing is allocated in a training step, nothing grows with time, and nothing but the order grows with the data."""

import gc
import os

import nervure as nv
import numpy as np
import pytest
from nervure import _core


def net(width: int = 12, optimizer: str = "adam") -> nv.Model:
    L = nv.layers
    model = nv.Sequential(
        [
            nv.Input((width,)),
            L.Dense(32),
            L.BatchNormalization(),
            L.ReLU(),
            L.Dropout(0.2),
            L.Dense(3, activation="softmax"),
        ]
    )
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_no_allocation_in_a_training_step(optimizer: str, dtype: type) -> None:
    """An epoch of 10 steps makes as many allocations as one of 500."""
    model = net(optimizer=optimizer)
    rng = np.random.RandomState(0)
    x, y = (10 * rng.rand(8000, 12)).astype(dtype), rng.randint(0, 3, 8000)
    counts = []
    for rows in (160, 160, 8000):
        before = _core.alloc_count()
        model.fit(x[:rows], y[:rows], batch_size=16, epochs=1, verbose=0)
        counts.append(_core.alloc_count() - before)
    assert counts[2] == counts[1] <= counts[0]


def test_no_allocation_in_a_predicted_batch() -> None:
    model = net()
    x = np.ones((6400, 12), np.float32)
    counts = []
    for rows in (320, 320, 6400):
        before = _core.alloc_count()
        model.predict(x[:rows], verbose=0)
        counts.append(_core.alloc_count() - before)
    assert counts[2] == counts[1]


resident_memory = pytest.mark.skipif(
    not os.path.exists("/proc/self/statm") or "NERVURE_SANITIZED" in os.environ,
    reason="needs Linux's /proc, and no sanitizer, which holds back what is freed",
)


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


@resident_memory
def test_no_growth_in_a_hundred_thousand_predicts() -> None:
    model = net()
    x = np.ones((1, 12), np.float32)
    for _ in range(2000):
        model.predict_on_batch(x)
    gc.collect()
    live, memory = _core.alloc_live(), resident()
    for _ in range(100_000):
        model.predict_on_batch(x)
    gc.collect()
    assert _core.alloc_live() <= live
    assert resident() - memory < 1_000_000


def test_models_that_are_dropped_are_freed() -> None:
    def use() -> None:
        model = net()
        model.fit(np.ones((40, 12), np.float32), np.zeros(40, int), verbose=0)
        model.predict(np.ones((40, 12), np.float32), verbose=0)

    use()
    gc.collect()
    live = _core.alloc_live()
    for _ in range(5):
        use()
    gc.collect()
    assert _core.alloc_live() <= live


def test_the_number_of_plans_is_bounded() -> None:
    """A hundred shapes leave no more behind than the cache may keep."""
    model = net()
    for rows in range(1, 101):
        model.predict_on_batch(np.ones((rows, 12), np.float32))
    gc.collect()
    live = _core.alloc_live()
    for rows in range(101, 201):
        model.predict_on_batch(np.ones((rows, 12), np.float32))
    gc.collect()
    assert _core.alloc_live() <= live * 1.1


BIG = """
import resource
import numpy as np
import nervure as nv

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

model = nv.Sequential([nv.Input((400,)), nv.layers.Dense(16, activation="relu"), nv.layers.Dense(1)])
model.compile("adam", loss="mse")
small = np.ones((1000, 400), np.uint8)
model.fit(small, np.zeros(1000, np.float32), batch_size=512, verbose=0)
model.evaluate(small, np.zeros(1000, np.float32), batch_size=512, verbose=0)
n = 250_000  # 100 MB as uint8, 400 MB as float32
x, y = np.ones((n, 400), np.uint8), np.zeros(n, np.float32)
before = peak()
model.fit(x, y, batch_size=512, epochs=1, verbose=0, validation_split=0.1)
model.evaluate(x, y, batch_size=512, verbose=0)
print(peak() - before)
"""


@resident_memory
def test_memory_does_not_grow_with_the_data(run_python) -> None:
    """Beside the data there are the shuffled order, 8 bytes a row, and one batch."""
    assert int(run_python("-c", BIG)) < 250_000 * 8 + 12_000_000

"""Data in memory-mapped files, and more rows than an order is made of at once: the same training, in little memory."""

import os
import tempfile

import nervure as nv
import numpy as np
import pytest
from nervure import layers, ops
from nervure.models import data, mapped, passes, steps

RNG = np.random.default_rng(0)
N = 70


class Spy(nv.metrics.Metric):
    """The numbers of the rows in the order in which they came, of three epochs."""

    def __init__(self):
        super().__init__(name="spy")
        self.at = self.add_variable((), dtype="int32")
        self.rows = self.add_variable((3 * N,))

    def reset_state(self):
        pass

    def update_state(self, y_true, y_pred, sample_weight=None):
        n = y_true.shape[0]
        here = self.at + ops.arange(n)
        self.rows.assign_add(ops.segment_sum(ops.reshape(y_true, (n,)), here, num_segments=3 * N))
        self.at.assign_add(n)

    def result(self):
        return ops.cast(self.at, "float32")


def model(**kwargs):
    made = nv.Sequential([nv.Input((4,)), layers.Dense(1, kernel_initializer="ones")])
    made.compile("sgd", "mse", **kwargs)
    return made


def orders(shuffle, batch, **kwargs):
    nv.utils.set_random_seed(11)
    spy = Spy()
    x = np.zeros((N, 4), np.float32)
    fit = {"epochs": 3, "shuffle": shuffle, "verbose": 0, "batch_size": batch}
    model(metrics=[spy]).fit(x, np.arange(N, dtype=np.float32), **{**fit, **kwargs})
    return spy.rows.numpy().reshape(3, N).astype(int)


@pytest.fixture
def sliced(monkeypatch):
    """Orders are made 20 rows at a time."""
    monkeypatch.setattr(passes, "_WHOLE", 10)
    monkeypatch.setattr(passes, "_SLICE", 20)


@pytest.mark.parametrize("batch", [1, 7, 10, 32, 100])
def test_every_row_once_an_epoch(sliced, batch):
    seen = orders(True, batch)
    assert all(np.array_equal(np.sort(e), np.arange(N)) for e in seen)
    assert not np.array_equal(seen[0], seen[1]) and not np.array_equal(seen[0], np.arange(N))
    assert np.array_equal(orders(True, batch), seen)
    assert np.array_equal(orders(True, 1), seen)  # the batch is no part of the order


@pytest.mark.parametrize("batch", [7, 20, 32, 100])
def test_within_batches(sliced, batch):
    seen = orders("batch", batch)
    for epoch in seen:
        assert not np.array_equal(epoch, np.arange(N))
        for k in range(0, N, batch):
            assert np.array_equal(np.sort(epoch[k : k + batch]), np.arange(k, min(k + batch, N)))
    assert not np.array_equal(seen[0], seen[1])


@pytest.mark.parametrize("shuffle", [True, "batch"])
def test_epochs_that_end_inside_of_a_pass(sliced, shuffle):
    """3 of 7 steps an epoch: the order goes on where it was, in slices of two steps."""
    with pytest.warns(UserWarning, match="ended after 1 of the 3 steps"):
        seen = orders(shuffle, 10, steps_per_epoch=3, epochs=9)
    assert np.array_equal(seen, orders(shuffle, 10))


def test_eager_steps_and_callbacks(sliced):
    expected = orders(True, 7)
    assert np.array_equal(
        orders(True, 7, callbacks=[nv.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)]), expected
    )
    nv.utils.set_random_seed(11)
    spy = Spy()
    x = np.zeros((N, 4), np.float32)
    model(metrics=[spy], run_eagerly=True).fit(x, np.arange(N, dtype=np.float32), epochs=3, batch_size=7, verbose=0)
    assert np.array_equal(spy.rows.numpy().reshape(3, N), expected)


def test_an_order_made_at_once_is_as_it_was():
    assert orders(True, 10)[0, :6].tolist() == [5, 49, 24, 65, 26, 17]
    assert orders("batch", 10)[0, :6].tolist() == [5, 4, 7, 3, 2, 6]


def files(tmp_path, x, y, mode="r"):
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    return [np.load(tmp_path / f"{k}.npy", mmap_mode=mode) for k in "xy"]


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_files_train_as_arrays_do(tmp_path, monkeypatch, mode, many, dtype):
    """To the last bit, also where few rows are brought together at a time and every row is asked for beforehand."""
    if many:
        monkeypatch.setattr(passes, "_WHOLE", 10)
    x, y = (RNG.random((N, 4)) * 9).astype(dtype), RNG.random((N, 1)).astype(np.float32)
    weights = []
    for staged in (None, 1, 200, 500):
        if staged is not None:
            monkeypatch.setattr(passes, "_STAGED_BYTES", staged)
            monkeypatch.setattr(mapped, "_TOUCHED", 3 * mapped._AROUND)
            monkeypatch.setattr(mapped, "_physical_memory", lambda: 100)
        for sources in (files(tmp_path, x, y, mode), [files(tmp_path, x, y, mode)[0][::-1], y[::-1]], [x, y]):
            turned = sources[0].strides[0] < 0
            nv.utils.set_random_seed(3)
            trained = model()
            trained.fit(*(a[::-1] if turned else a for a in sources), epochs=3, batch_size=8, verbose=0)
            weights.append(trained.get_weights())
    assert all(np.array_equal(a, b) for w in weights[1:] for a, b in zip(w, weights[0], strict=True))


def test_taken_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(mapped, "_TOUCHED", 1 << 18)
    monkeypatch.setattr(mapped, "_physical_memory", lambda: 0)
    whole = RNG.integers(0, 255, (3000, 7, 5), dtype=np.uint8)
    (x, _) = files(tmp_path, whole, whole)
    for view, expected in ((x, whole), (x[10:], whole[10:]), (x[::-2], whole[::-2]), (x[:, 2], whole[:, 2])):
        rows = RNG.permutation(len(view))[:1000]
        taken = mapped.take_rows(view, rows)
        assert type(taken) is np.ndarray and np.array_equal(taken, expected[rows])
    assert mapped.take_rows(x[:, :0], np.arange(5)).shape == (5, 0, 5)
    assert mapped.take_rows(x, np.arange(0)).shape == (0, 7, 5)
    assert mapped.is_mapped(x[3:][::2]) and not mapped.is_mapped(whole) and not mapped.is_mapped(x + 1)


def test_an_error_inside_of_a_part_leaves_the_pass_usable(tmp_path, monkeypatch):
    """Training stopped by an exception of a callback goes on with a new fit."""
    monkeypatch.setattr(passes, "_STAGED_BYTES", 200)
    x, y = files(tmp_path, RNG.random((N, 4)).astype(np.float32), RNG.random((N, 1)).astype(np.float32))

    def stop(batch, logs):
        if batch == 2:
            raise InterruptedError

    trained = model()
    with pytest.raises(InterruptedError):
        trained.fit(x, y, batch_size=8, verbose=0, callbacks=[nv.callbacks.LambdaCallback(on_train_batch_end=stop)])
    assert int(trained.optimizer.iterations.numpy()) == 3
    trained.fit(x, y, batch_size=8, verbose=0)
    assert int(trained.optimizer.iterations.numpy()) == 3 + 9


@pytest.mark.parametrize("shape", [(N,), (N, 1), (N, 3)])
def test_class_weights_of_a_file_are_a_file(tmp_path, monkeypatch, shape):
    y = RNG.integers(0, 3, N)
    y = np.eye(3, dtype=np.float32)[y] if shape == (N, 3) else y.reshape(shape).astype(np.float32)
    _, there = files(tmp_path, y, y)
    expected = data.class_weights(there, {0: 2.0, 2: 0.5}, 1)
    assert not mapped.is_mapped(expected) and expected.dtype == np.float32
    monkeypatch.setattr(data, "_CHUNK", 100)
    found = data.class_weights(there, {0: 2.0, 2: 0.5}, 1)
    assert mapped.is_mapped(found) and found.dtype == np.float32 and np.array_equal(found, expected)
    in_memory = data.class_weights(y, {0: 2.0, 2: 0.5}, 1)
    assert not mapped.is_mapped(in_memory) and np.array_equal(in_memory, expected)
    labels = y.argmax(1) if shape == (N, 3) else y.reshape(N)
    assert np.array_equal(expected.reshape(N), np.array([2.0, 1.0, 0.5], np.float32)[labels.astype(int)])


@pytest.mark.parametrize("bad", [0, 1, 24, 25, 69])
def test_the_row_of_a_bad_target_is_counted_from_the_first(monkeypatch, bad):
    monkeypatch.setattr(data, "_CHUNK", 100)  # 25 rows
    x, y = np.zeros((N, 4), np.float32), np.zeros(N, np.int32)
    y[bad] = 9
    trained = nv.Sequential([nv.Input((4,)), layers.Dense(3, activation="softmax")])
    trained.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match=rf"got 9 in row {bad}$"):
        trained.fit(x, y, verbose=0)
    assert steps._counted_from(7, "in row 3 of y, in row 5") == "in row 3 of y, in row 12"


BIG = """
import resource, sys
import numpy as np
import nervure as nv
from nervure.models import passes

passes._WHOLE = 10**5

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

def files(n, k):
    return (np.memmap(f"{sys.argv[1]}/x{k}", "float32", "w+", shape=(n, 16)),
            np.memmap(f"{sys.argv[1]}/y{k}", "float32", "w+", shape=(n, 1)))

model = nv.Sequential([nv.Input((16,)), nv.layers.Dense(1)])
model.compile("adam", loss="mse")
for shuffle in (True, "batch", False):
    x, y = files(1000, 0)
    model.fit(x, y, batch_size=512, verbose=0, shuffle=shuffle, class_weight={0: 2.0})
before = peak()
x, y = files(6_000_000, 1)  # 384 MB
for shuffle in (True, "batch", False):
    model.fit(x, y, batch_size=4096, verbose=0, shuffle=shuffle, class_weight={0: 2.0})
print(peak() - before)
"""


@pytest.mark.skipif(
    not os.path.exists("/proc/self/statm") or "NERVURE_SANITIZED" in os.environ,
    reason="needs Linux's /proc, and no sanitizer, which holds back what is freed",
)
def test_memory_does_not_grow_with_the_file(run_python) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert int(run_python("-c", BIG, folder)) < 200_000_000

"""Batches that come from elsewhere (generators, datasets, other iterables), and arrays of other libraries."""

import itertools
from typing import Any

import nervure as nv
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from nervure import layers

RNG = np.random.default_rng(0)
X = (RNG.random((250, 8)) * (RNG.random((250, 8)) > 0.5)).astype("float32")
Y = (X[:, 0] > 0).astype("int32")


def classifier(**options: Any) -> nv.Model:
    nv.utils.set_random_seed(1)
    model = nv.Sequential([nv.Input((8,)), layers.Dense(16, activation="relu"), layers.Dropout(0.1), layers.Dense(2)])
    model.compile("adam", nv.losses.SparseCategoricalCrossentropy(True), metrics=["accuracy"], **options)
    return model


def trained(model: nv.Model, *args: Any, **kwargs: Any) -> tuple[dict[str, list[float]], list[Any]]:
    history = model.fit(*args, verbose=0, **kwargs).history
    return history, [w.tobytes() for w in model.get_weights()]


def batches(times: int = 1, rows: int = 32):
    for _ in range(times):
        for start in range(0, len(X), rows):
            yield X[start : start + rows], Y[start : start + rows]


class Slices(nv.utils.PyDataset):
    """`batches` by number."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int):
        some = slice(index * 32, index * 32 + 32)
        return X[some], Y[some]


class Loader:
    """An iterable that is no dataset: each `iter` begins anew."""

    def __iter__(self):
        return batches()


EXPECTED = trained(classifier(), X, Y, epochs=2, shuffle=False)


@pytest.mark.parametrize(
    "source",
    [
        lambda: (batches(2), {"steps_per_epoch": 8}),
        lambda: (Slices(), {"shuffle": False}),
        lambda: (Slices(workers=3, max_queue_size=2), {"shuffle": False}),
        lambda: (Loader(), {}),
        lambda: (Loader(), {"steps_per_epoch": 8}),
        lambda: ((list(b) for b in batches(2)), {"steps_per_epoch": 8}),
        lambda: (((x.astype("float64"), y.astype("int64")) for x, y in batches(2)), {"steps_per_epoch": 8}),
        lambda: (((x, y, np.ones(len(x))) for x, y in batches(2)), {"steps_per_epoch": 8}),
        lambda: (((x.tolist(), y.tolist()) for x, y in batches(2)), {"steps_per_epoch": 8}),
    ],
)
def test_the_same_batches_give_the_same_bits_as_arrays(source):
    x, options = source()
    history, weights = trained(classifier(), x, epochs=2, **options)
    np.testing.assert_allclose(history["loss"], EXPECTED[0]["loss"], rtol=1e-6)
    assert weights == EXPECTED[1]


@pytest.mark.filterwarnings("ignore:.*fork")
def test_processes_make_the_batches():
    dataset = Slices(workers=2, use_multiprocessing=True)
    assert trained(classifier(), dataset, epochs=2, shuffle=False) == EXPECTED


def test_evaluate_and_predict_take_batches():
    model = classifier()
    for source in (batches(), Slices(), Loader()):
        assert model.evaluate(source, verbose=0) == model.evaluate(X, Y, verbose=0)
    expected = model.predict(X, verbose=0)
    assert np.array_equal(model.predict(Slices(), verbose=0), expected)
    assert np.array_equal(model.predict((x for x, _ in batches()), verbose=0), expected)
    assert np.array_equal(model.predict(batches(), steps=3, verbose=0), expected[:96])
    assert model.evaluate(itertools.cycle(batches()), steps=8, verbose=0) == model.evaluate(X, Y, verbose=0)


def test_batches_of_several_inputs_by_name():
    a, b = nv.Input((8,), name="a"), nv.Input((8,), name="b")
    y = layers.Dense(1, name="out")(layers.Concatenate()([a, b]))
    model = nv.Model({"a": a, "b": b}, y)
    model.compile("sgd", "mse", metrics=["mae"])
    start = model.get_weights()
    expected = model.fit({"a": X, "b": 2 * X}, Y, verbose=0, shuffle=False).history
    for make in (
        lambda x, y: ({"b": 2 * x, "a": x}, y),
        lambda x, y: ({"a": x, "b": 2 * x}, {"out": y}),
        lambda x, y: ({"a": x, "b": 2 * x}, y, np.ones(len(y), "float32")),
    ):
        model.set_weights(start)
        got = model.fit((make(x, y) for x, y in batches()), verbose=0).history
        np.testing.assert_allclose(got["loss"], expected["loss"], rtol=1e-6)


def test_batches_of_changing_shape():
    model = nv.Sequential([nv.Input((None, 4)), layers.Dense(3), layers.Dense(1)])
    model.compile("sgd", "mse")

    def ragged():
        for rows, steps in ((3, 5), (4, 2), (1, 1), (3, 5)):
            yield np.ones((rows, steps, 4), "float32"), np.zeros((rows, steps, 1), "float32")

    assert len(model.fit(ragged(), verbose=0).history["loss"]) == 1


def test_a_dataset_hears_of_epochs_and_is_shuffled():
    events: list[Any] = []

    class Heard(Slices):
        def on_epoch_begin(self):
            events.append("begin")

        def on_epoch_end(self):
            events.append("end")

        def __getitem__(self, index):
            events.append(index)
            return super().__getitem__(index)

    def run():
        events.clear()
        nv.utils.set_random_seed(3)
        classifier().fit(Heard(), epochs=2, verbose=0)
        return list(events)

    first = run()
    assert first[0] == first[10] == "begin" and first[9] == first[19] == "end"
    assert sorted(first[1:9]) == sorted(first[11:19]) == list(range(8))
    assert first[1:9] != first[11:19] and first[1:9] != list(range(8))
    assert run() == first


def test_a_dataset_without_end_and_batches_of_none():
    class Endless(Slices):
        num_batches = None

        def __getitem__(self, index):
            return None if index % 3 == 0 else super().__getitem__(index % 8)

    history = classifier().fit(Endless(), steps_per_epoch=4, epochs=2, verbose=0, shuffle=False)
    assert len(history.history["loss"]) == 2


def test_validation_data_may_be_batches():
    model = classifier()
    history = model.fit(batches(2), steps_per_epoch=8, epochs=2, validation_data=Slices(), verbose=0).history
    assert history["val_loss"][-1] == pytest.approx(model.evaluate(X, Y, verbose=0)[0], rel=1e-6)


def test_class_weights_of_batches():
    weights = {0: 0.5, 1: 3.0}
    expected = trained(classifier(), X, Y, class_weight=weights, shuffle=False)
    assert trained(classifier(), Slices(), class_weight=weights, shuffle=False) == expected


def test_why_training_stopped():
    model = classifier()
    assert model.fit(X, Y, epochs=2, verbose=0).stop_reason == "the maximum of 2 epochs"
    with pytest.warns(UserWarning, match="training stops after 1 of 3 epochs"):
        history = model.fit(batches(), epochs=3, verbose=0)
    assert history.stop_reason == "the data ended" and len(history.history["loss"]) == 1

    class Stop(nv.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    assert model.fit(X, Y, epochs=2, callbacks=[Stop()], verbose=0).stop_reason == "a callback set stop_training"

    class Fail(nv.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        model.fit(X, Y, epochs=2, callbacks=[Fail()], verbose=0)
    assert model.history.stop_reason == model.stop_reason == "OSError: disk full"


def test_data_that_end_early_or_raise():
    model = classifier()
    with pytest.warns(UserWarning, match="ran out of data after 8 of the 10 steps"):
        model.fit(batches(), steps_per_epoch=10, verbose=0)
    with pytest.raises(ValueError, match="has no batches"):
        model.fit((b for b in ()), verbose=0)
    with pytest.raises(ValueError, match="has no batches"):
        model.evaluate((b for b in ()), verbose=0)

    def broken():
        yield next(batches())
        raise KeyError("disk")

    with pytest.raises(KeyError, match="disk"):
        model.fit(broken(), verbose=0)

    class Broken(Slices):
        def __getitem__(self, index):
            raise RuntimeError(f"no batch {index}")

    for dataset in (Broken(), Broken(workers=2)):
        with pytest.raises(RuntimeError, match="no batch 0"):
            model.fit(dataset, shuffle=False, verbose=0)
    assert np.isfinite(model.evaluate(X, Y, verbose=0)[0])


def test_each_batch_is_looked_at():
    model = classifier()

    def late(y):
        yield from batches()
        yield X[:32], y

    with pytest.raises(ValueError, match=r"expects class numbers 0 to 1.*got 7 in row 3"):
        model.fit(late(np.where(np.arange(32) == 3, 7, Y[:32])), verbose=0)
    with pytest.raises(ValueError, match=r"`sample_weight` must be finite, got nan"):
        model.fit(((x, y, np.full(len(x), np.nan)) for x, y in batches()), verbose=0)
    with pytest.raises(ValueError, match=r"expected shape|incompatible|input"):
        model.fit(((x[:, :3], y) for x, y in batches()), verbose=0)
    with pytest.raises(ValueError, match=r"found a tuple of 4"):
        model.fit(((x, y, y, y) for x, y in batches()), verbose=0)


@pytest.mark.parametrize(
    "kwargs, words",
    [
        ({"y": Y}, "When providing `x` as a generator, `y` should not be passed"),
        ({"sample_weight": Y}, "`sample_weight` should not be passed"),
        ({"validation_split": 0.5}, "`validation_split` is only supported for arrays"),
        ({"steps_per_epoch": 0}, "`steps` must be a positive integer"),
    ],
)
def test_what_does_not_go_with_batches(kwargs, words):
    with pytest.raises(ValueError, match=words):
        classifier().fit(batches(), verbose=0, **kwargs)


class Elsewhere:
    """An array that another library holds."""

    def __init__(self, array: np.ndarray):
        self.array = array

    def __dlpack__(self, **kwargs):
        return self.array.__dlpack__(**kwargs)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


class Watched:
    """As a tensor that an autodiff watches: its array is that of its detached twin."""

    requires_grad = True

    def __init__(self, array: np.ndarray):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("detach it first")

    def detach(self):
        return self.array


@pytest.mark.parametrize(
    "convert",
    [
        lambda x: scipy.sparse.csr_matrix(x) if x.ndim > 1 else x,
        lambda x: scipy.sparse.coo_array(x) if x.ndim > 1 else x,
        lambda x: pd.DataFrame(x) if x.ndim > 1 else pd.Series(x),
        lambda x: pd.DataFrame(x).astype({0: "float64"}) if x.ndim > 1 else x,
        Elsewhere,
        Watched,
    ],
)
def test_arrays_of_other_libraries(convert):
    def results(x, y):
        model = classifier()
        history = model.fit(x, y, epochs=2, validation_split=0.2, verbose=0).history
        return (
            history,
            model.evaluate(x, y, verbose=0),
            model.predict(x, verbose=0).tobytes(),
            model.predict_on_batch(x).tobytes(),
            model.train_on_batch(x, y),
            model.get_weights()[0].tobytes(),
        )

    assert results(convert(X), convert(Y)) == results(X, Y)


def test_tables_must_hold_numbers():
    table = pd.DataFrame({"size": [1.0, 2.0], "name": ["a", "b"]})
    with pytest.raises(TypeError, match=r"`x` must hold numbers, got a table with the columns.*'name'"):
        classifier().fit(table, Y[:2], verbose=0)


def test_memory_mapped_files(tmp_path):
    for name, array in (("x", X), ("y", Y)):
        np.save(tmp_path / f"{name}.npy", array)
    for mode in ("r", "r+", "c"):
        x, y = (np.load(tmp_path / f"{name}.npy", mmap_mode=mode) for name in "xy")
        assert trained(classifier(), x, y, epochs=2) == trained(classifier(), X, Y, epochs=2)
    x[0] = 5.0  # a page that is written exists in memory alone
    classifier().fit(x, y, verbose=0)
    assert x[0, 0] == 5.0


def test_limits_for_trial_runs():
    nv.config.set_max_epochs(1)
    nv.config.set_max_steps_per_epoch(2)
    try:
        with pytest.warns(UserWarning, match="epochs to 1"), pytest.warns(UserWarning, match="steps_per_epoch"):
            history = classifier().fit(X, Y, epochs=3, verbose=0)
        assert history.epoch == [0] and history.params["steps"] == 2
    finally:
        nv.config.set_max_epochs(None)
        nv.config.set_max_steps_per_epoch(None)
    with pytest.raises(ValueError, match="max_epochs must be a positive integer"):
        nv.config.set_max_epochs(0)

"""What the preprocessing layers promise beside Keras's numbers: they learn in little memory and all or nothing, are
parts of models where they can be, come back from their configs, and say what is wrong."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nervure as nv
import numpy as np
import pytest
from alarms import alarm
from nervure import layers as L
from nervure._masks import get_mask, set_mask
from nervure.layers.preprocessing.fingerprints import fingerprint64, siphash24
from nervure.layers.preprocessing.searching import count_at_most

R = np.random.RandomState(0)
WORDS = ["b", "a", "b", "c", "b", "a"]


class Series:
    """What pandas gives: an array in something else."""

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values, object)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.values

    def __iter__(self) -> Any:
        return iter(self.values)


# ---- learning ----


def test_mean_and_variance_are_exact_far_from_zero() -> None:
    """float32 sums would lose them all."""
    x = (1e6 + R.randn(300_000, 2)).astype(np.float32)
    layer = L.Normalization()
    layer.adapt(x)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(layer.variance[0], exact.var(0), 1e-6)
    np.testing.assert_allclose(layer.mean[0], exact.mean(0), 1e-7)
    in_parts = L.Normalization()
    in_parts.adapt(x[k : k + 7001] for k in range(0, len(x), 7001))
    np.testing.assert_allclose(in_parts.variance, layer.variance, 1e-6)


@pytest.mark.parametrize("axis", [-1, None, 0, (0, 1), (1, 2), ()])
def test_every_choice_of_axes(axis: Any) -> None:
    x = 3 * R.randn(6, 5, 4) + 2
    kept = () if axis is None else tuple(a % 3 for a in np.atleast_1d(np.array(axis, int)))
    reduced = tuple(a for a in range(3) if a not in kept)
    layer = L.Normalization(axis=axis, dtype="float64")
    layer.adapt(x)
    np.testing.assert_allclose(layer.mean, x.mean(reduced, keepdims=True), 1e-12)
    np.testing.assert_allclose(layer.variance, x.var(reduced, keepdims=True), 1e-12)
    inverse = L.Normalization(axis=axis, invert=True, dtype="float64")
    inverse.adapt(x)
    np.testing.assert_allclose(inverse(layer(x)), x, 1e-6)


@pytest.mark.skipif(
    not os.path.exists("/proc/self/status") or "NERVURE_SANITIZED" in os.environ,
    reason="reads the memory of a normal build from /proc",
)
def test_an_array_larger_than_what_is_read_at_once(tmp_path: Path, run_python: Callable[..., str]) -> None:
    """A memory map of 400 MB in a process that may not have more than 120 MB beside it."""
    program = """
import resource, sys
import numpy as np
import nervure as nv
x = np.memmap(sys.argv[1], "float32", "w+", shape=(1_000_000, 100))
for k in range(0, 1_000_000, 100_000):
    x[k : k + 100_000] = k
layer = nv.layers.Normalization()
layer(np.zeros((1, 100), "float32"))
anonymous = lambda: int(next(l for l in open("/proc/self/status") if l.startswith("RssAnon")).split()[1])
peak, before = [0], anonymous()
def watch(frame, event, argument):
    peak[0] = max(peak[0], anonymous())
sys.setprofile(watch)
layer.adapt(x)
sys.setprofile(None)
print(float(layer.mean[0, 0]), peak[0] - before)
"""
    mean, more = run_python("-c", program, str(tmp_path / "x.bin")).split()
    assert float(mean) == 450_000 and int(more) < 120_000


def test_a_dataset_with_a_length_is_read_by_index() -> None:
    class Dataset:
        num_batches = 3

        def __len__(self) -> int:
            return 3

        def __getitem__(self, k: int) -> Any:
            return np.full((2, 1), float(k)), np.zeros(2)

    layer = L.Normalization()
    layer.adapt(Dataset())
    assert layer.mean.item() == 1.0


@pytest.mark.parametrize(
    ("make", "good", "bad", "error"),
    [
        (L.Normalization, [[1.0], [3.0]], np.array([[1.0], [np.nan]]), ValueError),
        (L.Normalization, [[1.0], [3.0]], np.zeros((0, 1)), ValueError),
        (L.Normalization, [[1.0], [3.0]], (np.ones((1, 1 + (k == 2))) for k in range(4)), ValueError),
        (L.Normalization, [[1.0], [3.0]], np.array([["a"]]), TypeError),
        (lambda: L.Discretization(num_bins=2), [1.0, 2.0, 3.0], [np.ones(3), np.array([np.nan])], ValueError),
        (lambda: L.Discretization(num_bins=2), [1.0, 2.0, 3.0], np.zeros(0), ValueError),
        (L.StringLookup, WORDS, ["a", None], TypeError),
        (L.StringLookup, WORDS, np.array([1, 2]), TypeError),
        (L.StringLookup, WORDS, [["a", "b"], ["c"]], ValueError),
        (L.StringLookup, WORDS, [], ValueError),
        (lambda: L.StringLookup(output_mode="count"), WORDS, ["of", "another", "size", "than", "before"], RuntimeError),
        (L.IntegerLookup, [1, 2, 2], iter([np.array([1]), np.array(["x"])]), TypeError),
        (L.TextVectorization, WORDS, iter([["a b"], [None]]), TypeError),
    ],
)
def test_bad_data_change_nothing(make: Any, good: Any, bad: Any, error: type[Exception]) -> None:
    layer = make()
    layer.adapt(np.array(good))
    state = layer.get_vocabulary if hasattr(layer, "get_vocabulary") else lambda: layer(np.array(good)).tolist()
    before = state()
    with pytest.raises(error):
        layer.adapt(bad)
    assert state() == before


@pytest.mark.parametrize("make", [L.Normalization, lambda: L.Discretization(num_bins=3), L.IntegerLookup])
def test_ctrl_c_while_learning(make: Any) -> None:
    layer = make()
    layer.adapt(np.arange(8).reshape(8, 1))
    before = json.dumps(layer.get_config()), layer(np.arange(8).reshape(8, 1)).tolist()

    class Stop(Exception):
        pass

    def stop(*_: Any) -> None:
        raise Stop

    def forever() -> Any:
        while True:
            yield np.arange(100).reshape(100, 1)

    start = time.perf_counter()
    with pytest.raises(Stop), alarm(stop, 0.05):
        layer.adapt(forever())
    assert time.perf_counter() - start < 2
    assert (json.dumps(layer.get_config()), layer(np.arange(8).reshape(8, 1)).tolist()) == before


def test_steps_end_a_generator_without_end() -> None:
    def forever() -> Any:
        while True:
            yield np.array([1.0, 2.0, 3.0, 4.0])

    bins = L.Discretization(num_bins=2)
    bins.adapt(forever(), steps=5)
    assert bins.bin_boundaries == [2.0]
    lookup = L.IntegerLookup()
    lookup.adapt((np.array([k]) for k in range(100)), steps=2)
    assert lookup.get_vocabulary() == [-1, 1, 0]


def test_learning_again_begins_anew() -> None:
    for layer, first, second in (
        (L.Normalization(), np.ones((3, 1)), np.zeros((3, 1))),
        (L.StringLookup(), ["a", "b"], ["c", "d"]),
        (L.Discretization(num_bins=2), np.arange(100.0), np.arange(9.0)),
    ):
        layer.adapt(first)
        layer.adapt(second)
        fresh = type(layer).from_config(layer.get_config() | {"name": "fresh"})
        fresh = L.Discretization(num_bins=2) if isinstance(layer, L.Discretization) else fresh
        fresh.adapt(second)
        assert np.array_equal(fresh(second), layer(second))


def test_the_words_of_a_series_of_bytes_and_of_rows_are_the_same() -> None:
    expected = ["[UNK]", "b", "a", "c"]
    batches = (np.array(WORDS[k : k + 2]) for k in (0, 2, 4))
    for data in (WORDS, tuple(WORDS), np.array(WORDS), np.array(WORDS, "S"), Series(WORDS), np.array([WORDS]), batches):
        layer = L.StringLookup()
        layer.adapt(data)
        assert layer.get_vocabulary() == expected
    assert layer(Series(WORDS)).tolist() == [1, 2, 1, 3, 1, 2]
    assert layer("b").tolist() == 1


# ---- in models ----


@pytest.mark.parametrize("size", [0, 1, 2, 31, 32, 33, 64, 100, 1023, 1024])
@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_count_at_most(size: int, dtype: str) -> None:
    constants = np.sort(R.randint(-50, 50, size)).astype(dtype)
    x = np.arange(-60, 60).astype(dtype)
    assert np.array_equal(count_at_most(constants, x), np.searchsorted(constants, x, "right"))


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"num_oov_indices": 3},
        {"num_oov_indices": 2, "mask_token": 7},
        {"output_mode": "one_hot", "mask_token": 7},
        {"output_mode": "multi_hot"},
        {"output_mode": "count", "num_oov_indices": 2},
        {"output_mode": "tf_idf", "idf_weights": R.rand(100)},
        {"invert": True, "mask_token": 7},
    ],
)
def test_integers_are_looked_up_in_a_model_as_by_a_dict(arguments: dict[str, Any]) -> None:
    vocabulary = R.permutation(np.arange(8, 10_000))[:100]
    layer = L.IntegerLookup(vocabulary=vocabulary, **arguments)
    x = np.where(R.rand(50, 4) < 0.5, R.choice(vocabulary, (50, 4)), R.randint(0, 110, (50, 4)))
    place = layer.get_vocabulary()
    oov, mask = layer.num_oov_indices, layer.mask_token
    start = int(mask is not None and layer.output_mode == "int")

    def look_up(n: int) -> int:
        if layer.invert:
            return place[n] if n < len(place) else -1
        if n == mask:
            return 0 if layer.output_mode == "int" else -1
        return place.index(n) if n in place[start + oov :] else start + n % oov

    expected = np.vectorize(look_up)(x)
    if layer.output_mode != "int":
        hot = (expected[..., None] == np.arange(len(place))).astype(np.float32)
        if layer.output_mode == "multi_hot":
            hot = hot.max(1)
        elif layer.output_mode != "one_hot":
            hot = hot.sum(1) * (layer.idf_weights if layer.output_mode == "tf_idf" else 1)
        expected = hot
    inputs = nv.Input((4,), dtype="int64")
    model = nv.Model(inputs, layer(inputs))
    np.testing.assert_allclose(layer(x), expected, 1e-6)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, 1e-6)
    assert model.output.shape == (None, *expected.shape[1:])


def test_a_new_vocabulary_new_bins_and_new_moments_reach_the_model() -> None:
    a, b, c = nv.Input((1,), dtype="int64"), nv.Input((1,)), nv.Input((1,))
    lookup, bins, normal = L.IntegerLookup(), L.Discretization(num_bins=2), L.Normalization()
    model = nv.Model([a, b, c], [lookup(a), bins(b), normal(c)])
    for shift in (0, 100):
        x = np.arange(shift, shift + 6).reshape(6, 1)
        lookup.adapt(x)
        bins.adapt(x)
        normal.adapt(x)
        indices, bin_of, scaled = model.predict([x, x.astype("float32"), x.astype("float32")], verbose=0)
        assert indices.ravel().tolist() == [6, 5, 4, 3, 2, 1]
        assert bin_of.ravel().tolist() == [0, 0, 1, 1, 1, 1]
        assert abs(scaled.mean()) < 1e-5 and abs(scaled.std() - 1) < 1e-5


def test_a_mask_passes_normalization() -> None:
    x = np.ones((1, 2, 3), np.float32)
    set_mask(x, np.array([[True, False]]))
    assert np.array_equal(get_mask(L.Normalization(mean=0.0, variance=1.0)(x)), [[True, False]])


@pytest.mark.parametrize(
    "layer",
    [
        L.StringLookup(vocabulary=["a"], name="it"),
        L.StringLookup(vocabulary=["a"], invert=True, name="it"),
        L.IntegerLookup(vocabulary=[1], num_oov_indices=2, oov_method="farmhash", name="it"),
        L.Hashing(3, name="it"),
        L.TextVectorization(vocabulary=["a"], name="it"),
    ],
)
def test_what_works_on_data_only_says_so(layer: Any) -> None:
    with pytest.raises(TypeError, match=r"'it'.*apply it to the data before training"):
        layer(nv.Input((1,), dtype="int32"))
    with pytest.raises(TypeError, match=r"'it'.*apply it to the data before training"):
        nv.function(layer)(np.array([[1]]))


def test_crossing_works_on_data_only() -> None:
    inputs = nv.Input((1,), dtype="int32")
    with pytest.raises(TypeError, match="apply it to the data before training"):
        L.HashedCrossing(3)((inputs, inputs))


def test_constants_in_a_trace_are_data() -> None:
    layer = L.StringLookup(vocabulary=["a", "b"])
    add = nv.function(lambda x: x + layer(np.array(["b", "z"])))
    assert add(np.array([10, 20])).tolist() == [12, 20]


# ---- from a config ----

MADE = [
    lambda: L.Normalization(axis=(1, 2), mean=[1.0, 2.0], variance=[1.0, 4.0], invert=True),
    lambda: L.Normalization(axis=None),
    lambda: L.Discretization(bin_boundaries=[0.0, 1.0], output_mode="one_hot", dtype="float64"),
    lambda: L.Discretization(num_bins=3, epsilon=0.1),
    lambda: L.CategoryEncoding(4, output_mode="count"),
    lambda: L.Hashing(5, mask_value="", salt=3, output_mode="multi_hot"),
    lambda: L.HashedCrossing(5, output_mode="one_hot"),
    lambda: L.IntegerLookup(
        vocabulary=np.array([3, 5]), mask_token=0, num_oov_indices=2, oov_method="farmhash", salt=7
    ),
    lambda: L.StringLookup(vocabulary=("a", "b"), output_mode="tf_idf", idf_weights=np.array([1.0, 2.0])),
    lambda: L.Pipeline([L.StringLookup(vocabulary=["a"]), L.CategoryEncoding(3)]),
    lambda: L.TextVectorization(ngrams=(1, 2), output_mode="count", vocabulary=["a"], max_tokens=9),
]


@pytest.mark.parametrize("make", MADE)
def test_a_config_gives_the_layer_back(make: Any) -> None:
    layer = make()
    config = json.loads(json.dumps(layer.get_config()))
    again = type(layer).from_config(config)
    assert json.loads(json.dumps(again.get_config())) == config
    described = json.loads(json.dumps(nv.saving.serialize_keras_object(layer)))
    assert (described["module"], described["class_name"]) == ("keras.layers", type(layer).__name__)
    kept = nv.saving.deserialize_keras_object(described)
    assert json.loads(json.dumps(kept.get_config())) == config


def test_functions_of_a_text_vectorization_come_back_from_its_config() -> None:
    @nv.saving.register_keras_serializable("tests")
    def upper(x: np.ndarray) -> np.ndarray:
        return np.char.upper(x)

    @nv.saving.register_keras_serializable("tests")
    def at_commas(x: np.ndarray) -> Any:
        return np.char.split(x, ",")

    layer = L.TextVectorization(standardize=upper, split=at_commas, vocabulary=["A", "B C"])
    again = L.TextVectorization.from_config(json.loads(json.dumps(layer.get_config())))
    for each in (layer, again):
        assert each(["a,b c,d", "b c"]).tolist() == [[2, 3, 1], [3, 0, 0]]


def test_a_learned_vocabulary_is_kept_beside_the_config(tmp_path: Path) -> None:
    for layer, data in (
        (L.StringLookup(mask_token="", output_mode="tf_idf"), ["b", "a", "b", "\u00e9 t\u00e9"]),
        (L.StringLookup(output_mode="tf_idf", max_tokens=9, pad_to_max_tokens=True), WORDS),
        (L.IntegerLookup(mask_token=0, num_oov_indices=2), [5, 7, 7]),
        (L.TextVectorization(), ["a b", "b"]),
    ):
        layer.adapt(data)
        assert layer.get_config()["vocabulary"] is None
        store: dict[str, Any] = {}
        layer.save_own_variables(store)
        layer.save_assets(tmp_path)
        again = type(layer).from_config(layer.get_config())
        again.load_own_variables(store)
        again.load_assets(tmp_path)
        assert again.get_vocabulary() == layer.get_vocabulary()
        assert np.array_equal(again(data), layer(data))


def test_weights_of_a_normalization() -> None:
    layer = L.Normalization()
    layer.adapt(np.array([[1.0, 2.0], [3.0, 6.0]]))
    assert [w.name for w in layer.weights] == ["mean", "variance", "count"]
    assert not layer.trainable_variables
    again = L.Normalization()
    again.build_from_config(layer.get_build_config())
    again.set_weights(layer.get_weights())
    assert again([[3.0, 6.0]]).tolist() == [[1.0, 1.0]]


# ---- vocabularies ----


def test_special_tokens_in_a_vocabulary() -> None:
    layer = L.StringLookup(vocabulary=["", "[UNK]", "a"], mask_token="")
    assert layer.get_vocabulary() == ["", "[UNK]", "a"]
    assert layer.get_vocabulary(include_special_tokens=False) == ["a"]
    assert layer.vocabulary_size() == 3
    layer.set_vocabulary(np.array(["x", "y"]))
    assert layer(["y", "", "a"]).tolist() == [3, 0, 1]


def test_a_vocabulary_file(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("a\nb c\n\u00e9\n", encoding="utf-8")
    for where in (path, str(path)):
        layer = L.StringLookup(vocabulary=where)
        assert layer.get_vocabulary() == ["[UNK]", "a", "b c", "\u00e9"]
        assert layer.get_config()["vocabulary"] is None
    path.write_text("3\n5\n")
    assert L.IntegerLookup(vocabulary=str(path))([5, 3, 1]).tolist() == [2, 1, 0]
    os.remove(path)
    with pytest.raises(ValueError, match="does not exist"):
        layer.set_vocabulary(str(path))
    assert layer.get_vocabulary() == ["[UNK]", "a", "b c", "\u00e9"]


@pytest.mark.parametrize(
    ("vocabulary", "error", "words"),
    [
        (["a", "b", "a"], ValueError, "at least one repeated term"),
        ([], ValueError, "empty vocabulary"),
        (["a", "b", "c", "d", "e", "f"], ValueError, "larger than the maximum vocab size"),
        (["a", ""], ValueError, "Found reserved mask token at unexpected location"),
        (["a", 3], TypeError, "expected texts"),
    ],
)
def test_vocabularies_that_are_none(vocabulary: list[Any], error: type[Exception], words: str) -> None:
    layer = L.StringLookup(vocabulary=["z"], mask_token="", max_tokens=6, name="it")
    with pytest.raises(error, match=words):
        layer.set_vocabulary(vocabulary)
    assert layer.get_vocabulary() == ["", "[UNK]", "z"]


BAD: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: L.Normalization(mean=1.0), ValueError, "both `mean` and `variance`"),
    (lambda: L.Normalization(mean=[1.0], variance=1.0), ValueError, "must have the same shape"),
    (lambda: L.Normalization(axis=None, mean=[1.0], variance=[1.0]), ValueError, "rank of `mean`"),
    (lambda: L.Normalization(axis=2)(np.ones((2, 2))), ValueError, "must be in the range"),
    (lambda: L.Normalization(mean=[1.0, 2.0], variance=[1.0, 2.0])(np.ones((2, 3))), ValueError, "do not broadcast"),
    (lambda: L.Normalization(mean=1, variance=1).adapt(np.ones((2, 2))), ValueError, "Cannot adapt"),
    (lambda: L.Normalization().adapt([1.0, 2.0]), TypeError, r"`\.shape`"),
    (lambda: L.Normalization().adapt(3), TypeError, "Unsupported data type"),
    (lambda: L.Discretization(), ValueError, "either `num_bins` or `bin_boundaries`"),
    (lambda: L.Discretization([1.0], num_bins=2), ValueError, "Both"),
    (lambda: L.Discretization([2.0, 1.0]), ValueError, "sorted"),
    (lambda: L.Discretization([1.0], output_mode="tf_idf"), ValueError, "Unknown value for `output_mode`"),
    (lambda: L.Discretization([1.0], output_mode="count", sparse=True), ValueError, "sparse"),
    (lambda: L.Discretization([1.0]).adapt(np.ones(3)), ValueError, "Cannot adapt"),
    (lambda: L.Discretization(num_bins=3)(np.ones((2, 2))), ValueError, r"call `adapt\(dataset\)`"),
    (lambda: L.CategoryEncoding(), ValueError, "num_tokens must be set"),
    (lambda: L.CategoryEncoding(0), ValueError, "must be >= 1"),
    (lambda: L.CategoryEncoding(3, output_mode="int"), ValueError, "Unknown arg for output_mode"),
    (lambda: L.CategoryEncoding(3, sparse=True), ValueError, "sparse"),
    (lambda: L.CategoryEncoding(3)(np.array([1]), count_weights=[1.0]), ValueError, "`count_weights` is not used"),
    (lambda: L.CategoryEncoding(3, output_mode="count")([1], count_weights=[1.0, 2.0]), ValueError, "shape of the"),
    (lambda: L.Pipeline([3]), TypeError, "list of layers"),
    (lambda: L.Pipeline.from_config({"name": "x"}), ValueError, "`layers` key"),
    (lambda: L.Hashing(0), ValueError, "non-positive"),
    (lambda: L.Hashing(3, salt="x"), ValueError, "tuple of size 2"),
    (lambda: L.Hashing(3, dtype="float32"), ValueError, "should be an integer type"),
    (lambda: L.Hashing(3, output_mode="tf_idf"), ValueError, "Invalid value for argument `output_mode`"),
    (lambda: L.Hashing(3)([np.nan]), ValueError, "cannot be hashed"),
    (lambda: L.Hashing(3)(["a", None]), TypeError, "expected texts"),
    (lambda: L.HashedCrossing(3)(["a"]), ValueError, "at least two inputs"),
    (lambda: L.HashedCrossing(3)((["a"], [1.5])), ValueError, "integer or string dtype"),
    (lambda: L.HashedCrossing(3)((["a"], [1, 2])), ValueError, "equal shape"),
    (lambda: L.HashedCrossing(3)((np.ones((2, 2), int),) * 2), ValueError, "should have shape"),
    (lambda: L.StringLookup(max_tokens=1), ValueError, "greater than 1"),
    (lambda: L.StringLookup(pad_to_max_tokens=True), ValueError, "must set `max_tokens`"),
    (lambda: L.StringLookup(num_oov_indices=-1), ValueError, "greater than or equal to 0"),
    (lambda: L.StringLookup(output_mode="x"), ValueError, "Unknown value for `output_mode`"),
    (lambda: L.StringLookup(invert=True, output_mode="count"), ValueError, "when `invert` is true"),
    (lambda: L.StringLookup(output_mode="count", sparse=True), ValueError, "TensorFlow backend"),
    (lambda: L.StringLookup(idf_weights=[1.0]), ValueError, "`idf_weights` should only be set"),
    (lambda: L.StringLookup(vocabulary=["a"], output_mode="tf_idf"), ValueError, "`idf_weights` argument"),
    (lambda: L.StringLookup(unknown=1), ValueError, "Unrecognized keyword"),
    (lambda: L.StringLookup()(["a"]), RuntimeError, "must set the layer's vocabulary"),
    (lambda: L.StringLookup(output_mode="count")(["a"]), RuntimeError, "`output_mode=count`"),
    (lambda: L.StringLookup(vocabulary=["a"])(np.array([1])), TypeError, "expected texts"),
    (lambda: L.StringLookup(vocabulary=["a"], num_oov_indices=0)(["z"]), ValueError, "found OOV values"),
    (lambda: L.StringLookup(vocabulary=["a"]).adapt(["b"]), ValueError, "Cannot adapt"),
    (lambda: L.StringLookup(vocabulary=["a", "[UNK]"], invert=True), ValueError, "reserved OOV token"),
    (lambda: L.IntegerLookup(vocabulary=[1], num_oov_indices=0)([2]), ValueError, "found OOV values"),
    (lambda: L.IntegerLookup(vocabulary=["a"]), TypeError, "vocabulary of integers"),
    (lambda: L.IntegerLookup(vocabulary_dtype="int32"), ValueError, "Only `vocabulary_dtype='int64'`"),
    (lambda: L.IntegerLookup(salt=3), ValueError, "oov_method='farmhash'"),
    (lambda: L.IntegerLookup(vocabulary=[1])(["a"]), TypeError, "expected integers"),
    (lambda: L.TextVectorization(standardize="x"), ValueError, "Unknown value for `standardize`"),
    (lambda: L.TextVectorization(split="x"), ValueError, "Unknown value for `split`"),
    (lambda: L.TextVectorization(ngrams="x"), ValueError, "`ngrams` must be None"),
    (lambda: L.TextVectorization(output_sequence_length=2.5), ValueError, "must be either None or an integer"),
    (lambda: L.TextVectorization(output_mode="count", output_sequence_length=2), ValueError, "must not be set"),
    (lambda: L.TextVectorization(ragged=True), ValueError, "ragged"),
    (lambda: L.TextVectorization(vocabulary=["a"])([["a", "b"]]), ValueError, "last shape dimension must be 1"),
]


@pytest.mark.parametrize(("function", "error", "words"), BAD)
def test_bad_input(function: Callable[[], Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        function()


def test_a_large_vocabulary_is_not_searched_for_weights() -> None:
    tokens = [str(k) for k in range(200_000)]
    layer = L.StringLookup(vocabulary=tokens)
    start = time.perf_counter()
    assert layer.weights == []
    assert time.perf_counter() - start < 0.01
    assert layer.input_vocabulary is tokens


def test_hashes_of_integers_in_a_step_that_runs_eagerly() -> None:
    class Net(nv.Model):
        def __init__(self) -> None:
            super().__init__()
            self.hash, self.dense = L.Hashing(4, output_mode="one_hot"), L.Dense(1, use_bias=False)

        def call(self, x: Any) -> Any:
            return self.dense(self.hash(x))

    x = np.arange(20).reshape(20, 1)
    model = Net()
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(x, np.ones(20), verbose=0)
    expected = L.Hashing(4, output_mode="one_hot")(x) @ model.dense.kernel.numpy()
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, 1e-6)


# ---- hashes ----


def test_siphash_of_the_paper() -> None:
    """The key and the text of appendix A."""
    key = [int.from_bytes(bytes(range(8)), "little"), int.from_bytes(bytes(range(8, 16)), "little")]
    assert siphash24([bytes(range(15))], key).tolist() == [0xA129CA6149BE45E5]


@pytest.mark.parametrize("hash_of", [fingerprint64, lambda texts: siphash24(texts, [1, 2])])
def test_a_hash_does_not_depend_on_its_neighbours(hash_of: Any) -> None:
    texts = [bytes(R.randint(0, 256, n).astype(np.uint8)) for n in R.randint(0, 200, 300)]
    together = hash_of(texts).tolist()
    assert together == [hash_of([text])[0] for text in texts]
    assert len(set(together)) == len(set(texts))
    bits = np.array(together, np.uint64)[:, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)
    assert np.abs(bits.mean(0) - 0.5).max() < 0.15

"""Layers for tabular data and texts.

Those that Keras computes with TensorFlow are in `WITH_TENSORFLOW`; make_golden_tf.py makes their values.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

try:
    from .cases import case, rand, randn
except ImportError:  # in make_golden.py
    from cases import case, rand, randn  # type: ignore[import-not-found, no-redef]

WITH_TENSORFLOW: dict[str, Callable[[Any], dict[str, Any]]] = {}


def plain(values: Any) -> Any:
    """Texts as a list, numbers as an array."""
    array = np.asarray(values)
    if array.dtype.kind in "USO":
        return [v.decode() if isinstance(v, bytes) else str(v) for v in array.reshape(-1).tolist()]
    return array


# ---- normalization ----

GIVEN: dict[str, dict[str, Any]] = {
    "scalar": {"mean": 3.0, "variance": 2.0},
    "vector": {"mean": [0.5, 0.2, -0.1], "variance": [0.1, 0.0, 0.3]},
    "vector_inverted": {"mean": [0.5, 0.2, -0.1], "variance": [0.1, 0.0, 0.3], "invert": True},
    "everything": {"axis": None, "mean": 1.0, "variance": 4.0},
    "rows": {"axis": 1, "mean": [1.0, 2.0, 3.0, 4.0], "variance": [1.0, 2.0, 3.0, 4.0]},
    "two_axes": {"axis": (1, 2), "mean": [1.0, 2.0, 3.0], "variance": [1.0, 2.0, 3.0]},
}
LEARNED: dict[str, dict[str, Any]] = {
    "last": {},
    "last_inverted": {"invert": True},
    "everything": {"axis": None},
    "two_axes": {"axis": (1, -1)},
    "first": {"axis": 0},
}


def normalize_given(arguments: dict[str, Any], k: Any) -> dict[str, Any]:
    layer = k.layers.Normalization(**arguments)
    y = layer(3 * randn(1, 5, 4, 3))
    return {"output": np.asarray(y), "mean": np.asarray(layer.mean), "variance": np.asarray(layer.variance)}


def normalize_learned(arguments: dict[str, Any], batches: bool, k: Any) -> dict[str, Any]:
    layer = k.layers.Normalization(**arguments)
    data = 3 * randn(2, 10, 4, 3) + 5
    layer.adapt((data[i : i + 3] for i in range(0, 10, 3)) if batches else data)
    out = {"output": np.asarray(layer(data))}
    return out | {w.name: np.asarray(w) for w in layer.weights}


for name, arguments in GIVEN.items():
    case(f"preprocessing/normalization_given_{name}", normalize_given, arguments)
for name, arguments in LEARNED.items():
    case(f"preprocessing/normalization_learned_{name}", normalize_learned, arguments, False)
    if name != "first":
        WITH_TENSORFLOW[f"normalization_batches/{name}"] = partial(normalize_learned, arguments, True)


def train_normalized(k: Any) -> dict[str, Any]:
    """The layer inside a model that is trained."""
    x = 3 * randn(3, 12, 3) + 5
    layer = k.layers.Normalization()
    layer.adapt(x)
    model = k.Sequential([k.Input((3,)), layer, k.layers.Dense(2)])
    model.layers[-1].set_weights([randn(4, 3, 2), randn(5, 2)])
    model.compile(k.optimizers.SGD(0.1), loss="mse")
    model.train_on_batch(x, rand(6, 12, 2))
    return {"output": model.predict_on_batch(x)}


case("preprocessing/normalization_in_a_model", train_normalized)

# ---- categories and bins ----


def categories(mode: str, k: Any) -> dict[str, Any]:
    layer = k.layers.CategoryEncoding(5, output_mode=mode)
    inputs = {
        "vector": np.array([1, 3, 1]),
        "rows": np.array([[0, 4, 4], [1, 7, -1]]),
        "column": np.array([[2], [0]]),
        "list": [0, 2],
        "cube": np.arange(12).reshape(2, 3, 2) % 5,
    }
    out = {name: np.asarray(layer(x)) for name, x in inputs.items()}
    if mode == "count":
        out["weighted"] = np.asarray(layer(inputs["rows"], count_weights=rand(7, 2, 3)))
    x = k.Input((3,), dtype="int32")
    out["model"] = k.Model(x, layer(x)).predict_on_batch(inputs["rows"])
    return out


for mode in ("one_hot", "multi_hot", "count"):
    case(f"preprocessing/categories_{mode}", categories, mode)


def bins(mode: str, k: Any) -> dict[str, Any]:
    layer = k.layers.Discretization(bin_boundaries=[-0.5, 0.0, 0.1, 2.0], output_mode=mode)
    x = np.array([[-1.0, -0.5, 0.0, 0.1, np.inf], [0.05, np.nan, 2.0, 1.99, -np.inf]])
    out = {"rows": np.asarray(layer(x)), "vector": np.asarray(layer(x[0])), "column": np.asarray(layer(x[:, :1]))}
    out["integers"] = np.asarray(layer(np.array([[-1, 0, 2]])))
    many = k.layers.Discretization(bin_boundaries=np.sort(randn(8, 100)).tolist())
    out["many"] = np.asarray(many(randn(9, 50)))
    return out


for mode in ("int", "one_hot", "multi_hot", "count"):
    case(f"preprocessing/bins_{mode}", bins, mode)


def pipeline(k: Any) -> dict[str, Any]:
    L = k.layers
    pipe = L.Pipeline([L.Rescaling(2.0), L.Discretization([0.0, 1.0]), L.CategoryEncoding(3, output_mode="one_hot")])
    x = k.Input((4,))
    return {
        "data": np.asarray(pipe(randn(10, 5, 4))),
        "model": k.Model(x, pipe(x)).predict_on_batch(randn(10, 5, 4)),
    }


case("preprocessing/pipeline", pipeline)

# ---- with TensorFlow ----


def learned_bins(k: Any) -> dict[str, Any]:
    out = {}
    for n, size, epsilon in ((4, 3, 0.01), (3, 1000, 0.01), (10, 777, 0.1), (1, 50, 0.01), (7, 5000, 0.003)):
        layer = k.layers.Discretization(num_bins=n, epsilon=epsilon)
        layer.adapt(randn(n, size))
        out[f"array/{n}"] = np.array(layer.bin_boundaries)
        layer.adapt([randn(n + j, 40 + 13 * j) for j in range(9)])
        out[f"batches/{n}"] = np.array(layer.bin_boundaries)
    return out


def words(seed: int, n: int, longest: int = 90) -> list[str]:
    r = np.random.RandomState(seed)
    return ["".join(map(chr, r.choice([97, 98, 99, 65, 48, 233, 8364], r.randint(0, longest)))) for _ in range(n)]


def hashes(k: Any) -> dict[str, Any]:
    L = k.layers
    by_length = ["".join(chr(97 + (7 * n + j * j) % 26) for j in range(n)) for n in (*range(140), 200, 300)]
    integers = np.array([0, -1, 7, 12345678901234, -(2**63), 2**63 - 1])
    big = 1_000_000_007
    out = {}
    for name, salt in (("plain", None), ("salted", [133, 137]), ("salted_once", 99)):
        out[f"{name}/lengths"] = np.asarray(L.Hashing(big, salt=salt)(np.array(by_length)))
        out[f"{name}/words"] = np.asarray(L.Hashing(1000, salt=salt)(np.array(words(1, 60)).reshape(20, 3)))
        out[f"{name}/integers"] = np.asarray(L.Hashing(big, salt=salt)(integers))
    out["floats"] = np.asarray(L.Hashing(1000)(np.array([0.5, -1.5, 3.0])))
    rows = np.array([["a", "", "b"], ["", "c", "c"]])
    for mode in ("int", "one_hot", "multi_hot", "count"):
        out[f"masked/{mode}"] = np.asarray(L.Hashing(5, mask_value="", output_mode=mode)(rows))
    out["masked/integers"] = np.asarray(L.Hashing(5, mask_value=7)(integers))
    return out


def crossings(k: Any) -> dict[str, Any]:
    L = k.layers
    a, b, c = np.array(words(2, 30)), np.arange(30) * 12345 - 100, np.array(words(3, 30, 4))
    out = {"two": np.asarray(L.HashedCrossing(1_000_000_007)((a, b)))}
    out["three"] = np.asarray(L.HashedCrossing(1000)((a, c, b)))
    out["columns"] = np.asarray(L.HashedCrossing(1000)((a[:, None], b[:, None])))
    out["one_hot"] = np.asarray(L.HashedCrossing(4, output_mode="one_hot")((a[:5], b[:5])))
    return out


def lookups(k: Any) -> dict[str, Any]:
    L = k.layers
    texts = np.array([["b", "zz", ""], ["a", "b", "[UNK]"], ["ccc", "y", "b"]])
    numbers = np.array([[7, 3, 0], [11, -7, 7], [8, 9, 10]])
    out: dict[str, Any] = {}
    for mode in ("int", "one_hot", "multi_hot", "count"):
        for mask, oov in ((None, 1), ("", 1), ("", 3), (None, 4)):
            layer = L.StringLookup(vocabulary=["a", "b", "ccc"], mask_token=mask, num_oov_indices=oov, output_mode=mode)
            out[f"text/{mode}/{mask}/{oov}"] = np.asarray(layer(texts))
        for mask, oov, method in ((None, 1, "floormod"), (0, 3, "floormod"), (0, 4, "farmhash")):
            layer = L.IntegerLookup(
                vocabulary=[7, 8, -7], mask_token=mask, num_oov_indices=oov, output_mode=mode, oov_method=method
            )
            out[f"integer/{mode}/{mask}/{oov}/{method}"] = np.asarray(layer(numbers))
    salted = L.StringLookup(vocabulary=["a"], num_oov_indices=5, salt=[3, 4])
    out["salted"] = np.asarray(salted(np.array(words(4, 20))))
    out["weighted"] = np.asarray(
        L.StringLookup(vocabulary=["a", "b", "ccc"], output_mode="tf_idf", idf_weights=[0.25, 0.5, 2.0])(texts)
    )
    padded = L.StringLookup(
        vocabulary=["a", "b"], output_mode="count", num_oov_indices=2, max_tokens=7, pad_to_max_tokens=True
    )
    out["padded"] = np.asarray(padded(texts))
    inverse = L.IntegerLookup(vocabulary=[5, 6, 7], invert=True, mask_token=0)
    out["inverse/integer"] = np.asarray(inverse(np.array([[0, 1, 2], [3, 4, 99]])))
    back = L.StringLookup(vocabulary=["a", "b"], invert=True, mask_token="")
    out["inverse/text"] = plain(back(np.array([[0, 1, 2], [3, 4, 99]])))
    return out


def learned_vocabularies(k: Any) -> dict[str, Any]:
    L = k.layers
    r = np.random.RandomState(5)
    texts = np.array(words(6, 40, 5))[r.randint(0, 40, (30, 6))]
    numbers = r.randint(-20, 20, (30, 6))
    out: dict[str, Any] = {}
    for name, arguments in (
        ("plain", {}),
        ("capped", {"max_tokens": 9, "num_oov_indices": 2}),
        ("tf_idf", {"output_mode": "tf_idf"}),
        ("padded", {"output_mode": "tf_idf", "max_tokens": 60, "pad_to_max_tokens": True}),
    ):
        for kind, layer, data in (
            ("text", L.StringLookup(mask_token="", **arguments), texts),
            ("integer", L.IntegerLookup(mask_token=0, **arguments), numbers),
        ):
            layer.adapt(data)
            out[f"{kind}/{name}/vocabulary"] = plain(layer.get_vocabulary())
            out[f"{kind}/{name}/output"] = np.asarray(layer(data))
    layer = L.StringLookup(output_mode="tf_idf")
    layer.adapt(texts[:, 0].tolist())
    out["documents of one word"] = np.asarray(layer(texts))
    layer = L.StringLookup()
    layer.adapt(iter([texts[:10], texts[10:]]))
    out["batches"] = plain(layer.get_vocabulary())
    return out


CORPUS = ["Foo bar, \u00c9t\u00e9\u00a0x baz!", "bar baz\tbar\nFoo", " it's. ", "[a] (b) c-d_e\x1cf", "BAZ q Q"]
VECTORS: dict[str, dict[str, Any]] = {
    "plain": {},
    "ngrams": {"ngrams": 2},
    "only_pairs": {"ngrams": (2,), "output_mode": "count"},
    "characters": {"split": "character"},
    "tf_idf": {"output_mode": "tf_idf"},
    "count": {"output_mode": "count"},
    "multi_hot": {"output_mode": "multi_hot", "max_tokens": 20, "pad_to_max_tokens": True},
    "cut": {"output_sequence_length": 3},
    "filled": {"output_sequence_length": 20},
    "as_it_is": {"standardize": None},
    "lowered": {"standardize": "lower"},
    "stripped": {"standardize": "strip_punctuation"},
    "capped": {"max_tokens": 5},
    "whole": {"split": None},
}


def vectors(arguments: dict[str, Any], k: Any) -> dict[str, Any]:
    layer = k.layers.TextVectorization(**arguments)
    layer.adapt(CORPUS)
    out: dict[str, Any] = {"vocabulary": plain(layer.get_vocabulary())}
    texts = ["foo qux bar \u00c9t\u00e9", "", *CORPUS]
    if arguments != VECTORS["whole"]:
        out["output"] = np.asarray(layer(texts))
    out["column"] = np.asarray(layer(np.array(texts)[:, None]))
    return out


for function in (learned_bins, hashes, crossings, lookups, learned_vocabularies):
    WITH_TENSORFLOW[function.__name__] = function
for name, arguments in VECTORS.items():
    WITH_TENSORFLOW[f"vectors/{name}"] = partial(vectors, arguments)

"""Every op against NumPy, eagerly and traced; dtypes against a table recorded from Keras."""

import json
import math
from pathlib import Path

import nervure as nv
import numpy as np
import pytest
from nervure import ops

F = np.float32


def draw(*shape, seed=0, low=-2.0, high=2.0, dtype=F):
    return np.random.default_rng([seed, *shape]).uniform(low, high, shape).astype(dtype)


A, B, V = draw(3, 4), draw(3, 4, seed=1), draw(4, seed=2)
P = np.abs(A) + F(0.1)
N = np.array([[1, -2, 3], [0, 5, -6]], np.int32)
T = draw(2, 3, 4)
HOLES = np.array([[1, np.nan, 3], [4, 5, np.nan]], F)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


erf = np.vectorize(math.erf)


def each(names, *args, **kwargs):
    return [(name, args, kwargs) for name in names.split()]


# (name, arguments) or (name, arguments, keyword arguments), and what it must be.
SAME_AS_NUMPY = [
    *each("abs absolute negative sign square exp expm1 exp2 sin cos tan arctan sinh cosh tanh arcsinh", A),
    *each("sqrt reciprocal log log1p log2 log10 cbrt", P),
    *each("arcsin arccos arctanh", A / 3),
    ("arccosh", (P + 1,)),
    *each("floor ceil trunc round deg2rad rad2deg fabs sinc", A * 3),
    ("round", (A, 1)),
    ("round", (A * 100, -1)),
    *each("add subtract multiply divide true_divide maximum minimum arctan2 hypot logaddexp logaddexp2", A, B),
    *each("add floor_divide mod fmod fmax fmin heaviside", T, V),
    *each("abs absolute fabs negative sign square", N),
    ("abs", (np.array([-(2**40), 3]),)),
    ("abs", (np.array([True, False]),)),
    ("fmod", (N, np.array([-4, 3, 5], np.int32))),
    ("hypot", (np.array([np.inf, np.nan, 1], F), np.array([np.nan, -np.inf, 1], F))),
    ("clip", (A, None, 0.5)),
    ("clip", (A, -0.5, None)),
    ("median", (np.array([np.inf, np.inf, -np.inf, np.inf], F),)),
    ("median", (np.array([-np.inf, -np.inf], F),)),
    ("max", (np.zeros((2, 0, 3), F), (0, 2)), {"keepdims": True}),
    ("roll", (A, 1, (0, 1))),
    ("roll", (A, (1, 2), 1)),
    ("full_like", (N, 2.7)),
    *each("add subtract multiply equal not_equal less less_equal greater greater_equal", N, N[:1]),
    ("power", (P, B)),
    ("power", (N, 2)),
    ("power", (A, 3)),
    ("floor_divide", (N, np.int32(4))),
    ("mod", (N, np.int32(-4))),
    ("fmod", (N, np.int32(4))),
    *each("logical_and logical_or logical_xor", N > 0, N < 2),
    ("logical_not", (N > 0,)),
    *each("isnan isinf isfinite isposinf isneginf", np.array([1, np.nan, np.inf, -np.inf], F)),
    ("nan_to_num", (np.array([1, np.nan, np.inf, -np.inf]),)),
    ("nan_to_num", (np.array([1, np.nan, np.inf, -np.inf], F),), {"nan": 3.0, "posinf": 4.0, "neginf": 5.0}),
    ("clip", (A, -0.5, 0.5)),
    ("where", (A > 0, A, B)),
    ("where", (A > 0, A, F(0))),
    ("isclose", (A, A + F(1e-6))),
    ("isclose", (np.array([np.nan, np.inf], F), np.array([np.nan, np.inf], F)), {"equal_nan": True}),
    ("allclose", (A, A)),
    *each("sum prod max min any all mean var std ptp count_nonzero argmax argmin median average", T),
    *each("sum prod max min any all mean var std ptp count_nonzero argmax argmin median", T, axis=1),
    *each("sum prod max min any all mean var std ptp median", T, axis=-1, keepdims=True),
    *each("sum prod max min amax amin any all mean var std", T, axis=(0, 2)),
    ("argmax", (T,), {"axis": 1, "keepdims": True}),
    ("argmax", (np.array([1, 3, 3, 2], np.int32),)),
    ("argmin", (np.array([1, 0, 0, 2], F),)),
    ("average", (A,), {"axis": 0, "weights": np.array([1, 2, 3], F)}),
    ("max", (N,), {"axis": 1, "initial": 2}),
    ("max", (np.zeros((0, 2), F),), {"axis": 0, "initial": -1.0}),
    *each("nansum nanprod nanmax nanmin nanmean nanvar nanstd nancumsum", HOLES, axis=0),
    ("cumsum", (T,)),
    ("cumsum", (T,), {"axis": 1}),
    ("cumprod", (N,), {"axis": 0}),
    ("reshape", (T, (4, -1))),
    ("reshape", (T, -1)),
    ("ravel", (T,)),
    ("transpose", (T,)),
    ("transpose", (T, (1, 2, 0))),
    ("swapaxes", (T, 0, -1)),
    ("moveaxis", (T, 0, -1)),
    ("moveaxis", (T, (0, 1), (2, 0))),
    ("expand_dims", (A, 1)),
    ("expand_dims", (A, (0, -1))),
    ("squeeze", (A[None, :, :, None],)),
    ("squeeze", (A[None, :, :, None], 0)),
    ("broadcast_to", (V, (2, 3, 4))),
    ("concatenate", ([A, B],)),
    ("concatenate", ([A, B], 1)),
    ("concatenate", ([N] * 40, -1)),
    ("stack", ([A, B],)),
    ("stack", ([A, B], -1)),
    *each("hstack vstack dstack", [A, B]),
    *each("hstack vstack dstack", [V, V]),
    ("append", (A, B)),
    ("append", (A, B), {"axis": 1}),
    ("split", (T, 2, -1)),
    ("split", (T, [1, 3], 2)),
    ("array_split", (V, 3)),
    ("hsplit", (A, 2)),
    ("vsplit", (A, 3)),
    ("tile", (A, 2)),
    ("tile", (A, (2, 1, 3))),
    ("repeat", (A, 2)),
    ("repeat", (A, 2, 1)),
    ("repeat", (A, (1, 0, 3), 0)),
    ("flip", (T,)),
    ("flip", (T, 1)),
    ("fliplr", (A,)),
    ("flipud", (A,)),
    *[("rot90", (T, k)) for k in range(-1, 4)],
    ("rot90", (T, 1, (1, 2))),
    ("roll", (T, 2)),
    ("roll", (T, -1, 1)),
    ("roll", (T, (1, 2), (0, 2))),
    ("pad", (A, 1)),
    ("pad", (A, ((1, 2), (0, 3)))),
    ("pad", (A, (1, 2)), {"mode": "edge"}),
    ("pad", (A, 2), {"mode": "reflect"}),
    ("pad", (A, 2), {"mode": "symmetric"}),
    ("pad", (A, 2), {"mode": "wrap"}),
    ("pad", (A, 1), {"constant_values": 3.0}),
    ("diff", (T,)),
    ("diff", (T, 2, 1)),
    *[("diagonal", (draw(3, 5), k)) for k in (-2, 0, 1, 4)],
    ("diagonal", (T, 1, 2, 0)),
    *[("diag", (V, k)) for k in (-2, 0, 3)],
    *[("diag", (A, k)) for k in (-1, 0, 2)],
    ("diagflat", (A[:2, :2], 1)),
    ("trace", (A,)),
    ("trace", (T, -1, 1, 2)),
    ("trapezoid", (A,)),
    ("trapezoid", (A, np.array([0, 1, 3], F)), {"axis": 0}),
    ("tril", (T, 1)),
    ("triu", (T, -1)),
    ("meshgrid", (V, A[0, :3])),
    ("meshgrid", (V, A[0, :3]), {"indexing": "ij"}),
    ("matmul", (A, B.T)),
    ("matmul", (T, T.transpose(0, 2, 1))),
    ("matmul", (T, V)),
    ("matmul", (A[0], B.T)),
    ("matmul", (V, V)),
    ("matmul", (T[:1], T.transpose(0, 2, 1))),
    ("matmul", (N, N.T)),
    ("dot", (T, draw(5, 4, 2))),
    ("dot", (A, V)),
    ("dot", (A, F(2))),
    ("inner", (A, B)),
    ("outer", (V, A)),
    ("vdot", (A, B)),
    ("kron", (A, N)),
    ("cross", (A[:, :3], B[:, :3])),
    ("cross", (T, T[::-1]), {"axis": 1}),
    ("tensordot", (T, draw(3, 4, 5))),
    ("tensordot", (T, draw(4, 2)), {"axes": 1}),
    ("tensordot", (T, draw(4, 3, 2)), {"axes": ([1, 2], [1, 0])}),
    ("tensordot", (A, B), {"axes": 0}),
    ("take", (T, np.array([[1, 0], [1, 1]]), 0)),
    ("take", (T, np.array([5, -1]))),
    ("take", (T, 1, 2)),
    ("take_along_axis", (A, np.argsort(A, 0), 0)),
    ("take_along_axis", (A, np.array([[1, -1]] * 3), 1)),
    ("sort", (T,)),
    ("sort", (T, 0)),
    ("sort", (N, None)),
    ("sort", (np.array([3, np.nan, 1, np.inf, -np.inf], F),)),
    ("searchsorted", (np.sort(V), A)),
    ("searchsorted", (np.array([1, 2, 2, 3], F), np.array([2, 0, 4], F)), {"side": "right"}),
    ("digitize", (A, np.array([-1, 0, 1], F))),
    ("bincount", (np.array([0, 3, 1, 3]),)),
    ("bincount", (np.array([0, 3, 1, 3]),), {"minlength": 6}),
    ("quantile", (T, 0.3)),
    ("quantile", (T, np.array([0.1, 0.5], F)), {"axis": 1}),
    *[("quantile", (T, 0.4), {"axis": -1, "method": m}) for m in ("linear", "lower", "higher", "midpoint", "nearest")],
    ("quantile", (T, 0.7), {"axis": (0, 2), "keepdims": True}),
    ("percentile", (T, 30.0), {"axis": 0}),
    ("isin", (N, np.array([0, 5]))),
    ("isin", (N, np.array([0, 5])), {"invert": True}),
    ("select", ([A > 1, A > 0], [A, -A], 9.0)),
    ("full", ((2, 3), F(7))),
    ("arange", (5,)),
    ("arange", (1, 10, 3)),
    ("arange", (5, 0, -2)),
    ("arange", (0.0, 1.0, 0.1)),
    ("linspace", (0.0, 1.0, 7)),
    ("linspace", (0.0, 1.0, 7), {"endpoint": False}),
    ("linspace", (A, B, 4), {"axis": 1}),
    ("logspace", (0.0, 2.0, 5)),
    ("eye", (3, 5, 1)),
    ("identity", (3,)),
    ("tri", (3, 4, 1)),
    ("zeros", ((2, 0),)),
    ("ones", (3,)),
    ("full_like", (A, 2)),
    ("zeros_like", (N,)),
    ("ones_like", (N,)),
    *[
        ("einsum", (text, *xs))
        for text, *xs in [
            ("ij,jk->ik", A, B.T), ("ij,kj->ik", A, B), ("ij,ij->i", A, B), ("ij,ij", A, B), ("ij->ji", A), ("ij->", A),
            ("ji", A), ("ii->i", A[:, :3]), ("ii", A[:, :3]), ("i,j->ij", V, V),
            ("bij,bjk->bik", T, T.transpose(0, 2, 1)),
            ("bij,kj->bik", T, B), ("...d,df->...f", T, B.T), ("b...,b...->b...", T, T), ("ij,jk,kl->il", A, B.T, A),
            ("abc,cd,ad->b", T, B.T, draw(2, 3)), ("ijk->k", T), ("...ij->...ji", T), ("ab,b->ab", A, V),
            ("iij->ij", draw(3, 3, 2)), ("a...,...->a...", A, V),
        ]
    ],
]  # fmt: skip


def call(spec):
    name, args, kwargs = spec if len(spec) == 3 else (*spec, {})
    return name, args, kwargs


def names(spec):
    name, args, kwargs = call(spec)
    shapes = ["x".join(map(str, x.shape)) if isinstance(x, np.ndarray) else str(x)[:18] for x in args]
    return "-".join([name, *shapes, *map(str, kwargs)])


def check(mine, theirs, rtol=2e-5, atol=2e-6):
    if isinstance(theirs, (list, tuple)):
        assert len(mine) == len(theirs)
        for a, b in zip(mine, theirs, strict=True):
            check(a, b, rtol, atol)
        return
    assert isinstance(mine, np.ndarray)
    assert mine.flags.c_contiguous
    assert mine.shape == np.shape(theirs)
    np.testing.assert_allclose(mine.astype(np.float64), np.asarray(theirs, np.float64), rtol=rtol, atol=atol)


def numpy_of(name):
    if name == "cbrt":
        return np.cbrt
    return {"abs": np.abs, "trapezoid": getattr(np, "trapezoid", None) or getattr(np, "trapz", None)}.get(
        name, getattr(np, name, None)
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("spec", SAME_AS_NUMPY, ids=names)
def test_same_as_numpy(spec):
    name, args, kwargs = call(spec)
    wide = [x.astype(np.float64) if isinstance(x, np.ndarray) and x.dtype == F else x for x in args]
    expected = numpy_of(name)(*wide, **kwargs)
    mine = getattr(ops, name)(*args, **kwargs)
    check(mine, expected)
    traced = nv.function(lambda *xs: getattr(ops, name)(*xs, **kwargs))
    if any(isinstance(x, (np.ndarray, list)) for x in args) and name != "bincount":
        again = traced(*args)
        for a, b in zip(nv.tree.flatten(mine), nv.tree.flatten(again), strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)


FORMULAS = {
    "sigmoid": (sigmoid, A),
    "softplus": (lambda x: np.log1p(np.exp(x)), A),
    "relu": (lambda x: np.maximum(x, 0), A),
    "relu6": (lambda x: np.clip(x, 0, 6), A * 5),
    "leaky_relu": (lambda x: np.where(x > 0, x, 0.2 * x), A),
    "elu": (lambda x: np.where(x > 0, x, np.expm1(x)), A),
    "celu": (lambda x: np.where(x > 0, x, np.expm1(x)), A),
    "selu": (lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)), A),
    "gelu": (lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))), A),
    "silu": (lambda x: x * sigmoid(x), A),
    "swish": (lambda x: x * sigmoid(x), A),
    "mish": (lambda x: x * np.tanh(np.log1p(np.exp(x))), A),
    "softsign": (lambda x: x / (1 + np.abs(x)), A),
    "log_sigmoid": (lambda x: np.log(sigmoid(x)), A),
    "hard_sigmoid": (lambda x: np.clip(x / 6 + 0.5, 0, 1), A * 3),
    "hard_silu": (lambda x: x * np.clip(x / 6 + 0.5, 0, 1), A * 3),
    "hard_tanh": (lambda x: np.clip(x, -1, 1), A),
    "tanh_shrink": (lambda x: x - np.tanh(x), A),
    "hard_shrink": (lambda x: np.where(np.abs(x) > 0.5, x, 0), A),
    "soft_shrink": (lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0), A),
    "squareplus": (lambda x: (x + np.sqrt(x * x + 4)) / 2, A),
    "sparse_plus": (lambda x: np.where(x <= -1, 0, np.where(x >= 1, x, (x + 1) ** 2 / 4)), A),
    "sparse_sigmoid": (lambda x: np.clip((x + 1) / 2, 0, 1), A),
    "glu": (lambda x: x[:, :2] * sigmoid(x[:, 2:]), A),
    "erf": (erf, A),
    "erfc": (lambda x: 1 - erf(x), A),
    "erfinv": (lambda y: y, A / 3),
    "rsqrt": (lambda x: 1 / np.sqrt(x), P),
    "softmax": (softmax, A),
    "log_softmax": (lambda x: np.log(softmax(x)), A),
    "logsumexp": (lambda x: np.log(np.exp(x).sum()), A),
    "norm": (np.linalg.norm, A),
    "normalize": (lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True), A),
    "rms_normalization": (lambda x: x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-7), A),
    "layer_normalization": (lambda x: (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-7), A),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_formula(name):
    formula, x = FORMULAS[name]
    y = getattr(ops, name)(x)
    if name == "erfinv":
        y = erf(y).astype(F)
    check(y, formula(x.astype(np.float64)), rtol=5e-5)


def test_axes_of_softmax_and_logsumexp():
    x = T.astype(np.float64)
    check(ops.softmax(T, axis=1), softmax(x, 1))
    check(ops.softmax(T, axis=(0, 2)), np.exp(x) / np.exp(x).sum((0, 2), keepdims=True))
    check(ops.log_softmax(T, axis=0), np.log(softmax(x, 0)))
    check(ops.logsumexp(T, axis=1), np.log(np.exp(x).sum(1)))
    check(ops.logsumexp(T, axis=(0, 2), keepdims=True), np.log(np.exp(x).sum((0, 2), keepdims=True)))


@pytest.mark.parametrize("ord", [None, 1, 2, 3, 0, np.inf, -np.inf])
def test_vector_norms(ord):
    x = A.astype(np.float64)
    check(ops.norm(A, ord=ord, axis=1), np.linalg.norm(x, ord, 1))
    check(ops.norm(A, ord=ord, axis=0, keepdims=True), np.linalg.norm(x, ord, 0, keepdims=True))


@pytest.mark.parametrize("ord", ["fro", 1, -1, np.inf, -np.inf])
def test_matrix_norms(ord):
    check(ops.norm(T, ord=ord, axis=(1, 2)), np.linalg.norm(T.astype(np.float64), ord, (1, 2)))


TABLE = json.loads((Path(__file__).parent / "golden" / "dtypes.json").read_text())


@pytest.mark.parametrize("name", TABLE["unary"])
def test_dtype_of_unary(name):
    for dtype, expected in TABLE["unary"][name].items():
        if expected is not None:
            assert str(getattr(ops, name)(np.ones(2, dtype)).dtype) == expected, (name, dtype)
    if TABLE["unary"][name]["float32"] == "float32":
        assert getattr(ops, name)(np.ones(2)).dtype == np.float64


@pytest.mark.parametrize("name", TABLE["binary"])
def test_dtype_of_binary(name):
    for a, b, expected in TABLE["binary"][name]:
        if expected is not None:
            other = np.ones(2, b) if isinstance(b, str) else b
            assert str(getattr(ops, name)(np.ones(2, a), other).dtype) == expected, (name, a, b)


def test_wide_dtypes_are_kept():
    assert ops.add(np.ones(2), 1).dtype == np.float64
    assert ops.add(np.ones(2, np.int64), 1).dtype == np.int64
    assert ops.add(np.ones(2, np.int64), np.ones(2, np.int32)).dtype == np.int64
    assert ops.add(np.ones(2, np.int64), np.ones(2, F)).dtype == F
    assert ops.add(np.ones(2, np.uint8), 1).dtype == np.int32
    assert ops.add(np.ones(2, np.float16), 1).dtype == F
    assert ops.add(2**40, 1).dtype == np.int64
    assert ops.add(1, 1).dtype == np.int32
    assert ops.add(1.0, 1).dtype == F
    assert ops.add([1, 2], [0.5, 0.5]).dtype == F
    assert ops.full((2,), 7).dtype == ops.full((2,), True).dtype == F  # as zeros and ones
    assert ops.cast(2.7, "int32") == 2
    assert ops.vectorized_map(function=lambda x: x + 1, elements=A).dtype == F


def test_floatx_is_part_of_the_signature():
    assert ops.exp([1.0]).dtype == F
    nv.config.set_floatx("float64")
    try:
        assert ops.exp([1.0]).dtype == np.float64
        assert ops.ones(2).dtype == np.float64
    finally:
        nv.config.set_floatx("float32")
    assert ops.exp([1.0]).dtype == F


def test_equal_numbers_of_other_kinds_are_other_signatures():
    assert [str(ops.add(np.int32(1), v).dtype) for v in (1, 1.0, True)] == ["int32", "float32", "int32"]
    assert math.copysign(1, ops.multiply(np.float32(1), -0.0)) == -1
    assert math.copysign(1, ops.multiply(np.float32(1), 0.0)) == 1


KEYS = [
    1, -1, slice(None), slice(1, 3), slice(None, None, -1), slice(3, 0, -2), slice(5, 2), None, ..., (0, 1), (..., 0),
    (slice(None), None, 2), (None, ..., slice(0, 2)), (1, ..., -1), (slice(0, 0),), np.array([0, 1, 1]), np.array([[0],
    [-1]]), [1, 0], (slice(None), np.array([2, 0])), (..., np.array([0, 3, 3])), (0, np.array([1, 2])), (np.array([0,
    1]), np.array([2, 0])), (slice(None), np.array([0, 2]), np.array([1, -1])), (None, np.array([1]), slice(1, 2)),
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_getitem(key):
    expected = T[key]
    np.testing.assert_array_equal(nv.function(lambda x: x[key])(T), expected)
    eager = ops.get_item(T, key)
    np.testing.assert_array_equal(eager, expected)
    assert not np.shares_memory(eager, T)


def test_getitem_errors():
    for key, error in [
        (T > 0, TypeError),
        (True, TypeError),
        (2, IndexError),
        ((0, 0, 0, 0), IndexError),
        ((..., ...), IndexError),
        (1.5, IndexError),
        ("a", IndexError),
        (slice(0.5, None), IndexError),
    ]:
        with pytest.raises(error):
            nv.function(lambda x, key=key: x[key])(T)
    with pytest.raises(TypeError, match="next to each other"):
        nv.function(lambda x: x[np.array([0]), :, np.array([0])])(T)


def test_index_out_of_range_is_found_at_run_time():
    for call in (
        lambda: ops.take(V, np.array([0, 4])),
        lambda: ops.take(V, np.array([-5])),
        lambda: nv.function(lambda x, i, j: x[i, j])(A, np.array([0, 1]), np.array([0, 4])),
        lambda: nv.function(lambda x, i, j: x[i, j])(A, np.array([-4, 1]), np.array([0, 3])),
        lambda: ops.segment_sum(A, [0, 1, 2], 2),
        lambda: ops.scatter([[0, 3]], [1.0], (2, 2)),
    ):
        with pytest.raises(IndexError, match="out of range"):
            call()


def test_ordering():
    x = np.array([[2, 1, 2, 0], [5, 5, 5, 5]], F)
    values, index = ops.top_k(x, 3)
    np.testing.assert_array_equal(values, [[2, 2, 1], [5, 5, 5]])
    np.testing.assert_array_equal(index, [[0, 2, 1], [0, 1, 2]])
    np.testing.assert_array_equal(ops.argsort(x), np.argsort(x, kind="stable"))
    np.testing.assert_array_equal(ops.argsort(x, axis=0), np.argsort(x, 0, kind="stable"))
    big = np.array([np.iinfo(np.int32).min, 3, np.iinfo(np.int32).max], np.int32)
    np.testing.assert_array_equal(ops.sort(big), np.sort(big))
    np.testing.assert_array_equal(ops.in_top_k([0, 1], [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]], 2), [False, True])
    with pytest.raises(ValueError, match="top_k"):
        ops.top_k(x, 5)


def test_scatter_and_segments():
    np.testing.assert_array_equal(ops.scatter([[0], [2], [0]], [1.0, 2.0, 4.0], (3,)), [5, 0, 2])
    np.testing.assert_array_equal(ops.scatter([[0, 1], [1, 0]], [1, 2], (2, 2)), [[0, 1], [2, 0]])
    np.testing.assert_array_equal(ops.scatter([[1]], [[1.0, 2.0]], (2, 2)), [[0, 0], [1, 2]])
    x = np.arange(4, dtype=F)
    np.testing.assert_array_equal(ops.scatter_update(x, [[1], [3]], [7.0, 8.0]), [0, 7, 2, 8])
    np.testing.assert_array_equal(ops.scatter_update(x, [[1], [1]], [7.0, 8.0], reduction="add"), [0, 16, 2, 3])
    np.testing.assert_array_equal(ops.segment_sum(A, [1, 0, 1], 3), [A[1], A[0] + A[2], np.zeros(4)])
    np.testing.assert_array_equal(ops.segment_sum(A, [-1, 0, -5], 2), [A[1], np.zeros(4)])
    with pytest.raises(IndexError, match="index 2"):
        ops.segment_sum(A, [0, 2, 0], 2)
    np.testing.assert_array_equal(ops.bincount([1, 2, 1], weights=[0.5, 1.0, 2.0]), [0, 2.5, 1])
    np.testing.assert_array_equal(ops.slice(T, (0, 1, 2), (2, 1, 2)), T[:2, 1:2, 2:])
    updated = T.copy()
    updated[1:, 1:, :2] = 9
    np.testing.assert_array_equal(ops.slice_update(T, (1, 1, 0), np.full((1, 2, 2), 9, F)), updated)
    np.testing.assert_array_equal(ops.one_hot([2, 0, 5], 3), [[0, 0, 1], [1, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(ops.one_hot([1], 2, axis=0, dtype="int32"), [[0], [1]])
    np.testing.assert_array_equal(ops.multi_hot([[0, 2], [1, 1]], 3), [[1, 0, 1], [0, 1, 0]])
    assert [x.tolist() for x in ops.unstack(N, axis=1)] == N.T.tolist()


def test_crossentropies():
    p = softmax(A.astype(np.float64)).astype(F)
    t = np.array([1, 0, 3])
    picked = -np.log(p[np.arange(3), t])
    check(ops.sparse_categorical_crossentropy(t, p), picked)
    check(ops.sparse_categorical_crossentropy(t[:, None].astype(F), A, from_logits=True), picked)
    check(ops.sparse_categorical_crossentropy(t, p.T, axis=0), picked)
    check(ops.categorical_crossentropy(np.eye(4, dtype=F)[t], 2 * p), picked)
    check(ops.categorical_crossentropy(np.eye(4, dtype=F)[t], A, from_logits=True), picked)
    y = np.array([0, 1, 0.3], F)
    q = np.array([0.2, 0.7, 0.4], F)
    expected = -(y * np.log(q) + (1 - y) * np.log(1 - q))
    check(ops.binary_crossentropy(y, q), expected)
    check(ops.binary_crossentropy(y, np.log(q / (1 - q)), from_logits=True), expected)
    check(ops.binary_crossentropy(np.array([1], F), np.array([0], F)), np.array([-math.log(1e-7)]))
    with pytest.raises(ValueError, match="same shape"):
        ops.binary_crossentropy(y, q[:2])


def test_crossentropy_of_a_softmax_uses_its_logits():
    far = np.array([[0, 200.0]], F)
    one = np.array([[1, 0]], F)
    sparse = nv.function(lambda x: ops.sparse_categorical_crossentropy(np.array([0]), ops.softmax(x)))
    dense = nv.function(lambda x: ops.categorical_crossentropy(one, ops.softmax(x)))
    binary = nv.function(lambda x: ops.binary_crossentropy(np.zeros((1, 2), F), ops.sigmoid(x)))
    check(sparse(far), np.array([200.0]))
    check(dense(far), np.array([200.0]))
    check(binary(far), np.array([[math.log(2), 200.0]]))


def test_labels_out_of_range():
    for label in (4, -1, np.nan):
        with pytest.raises((ValueError, IndexError)):
            ops.sparse_categorical_crossentropy(np.array([label, 0, 0]), A, from_logits=True)
        with pytest.raises((ValueError, IndexError)):
            ops.sparse_categorical_crossentropy(np.array([label, 0, 0]), softmax(A), from_logits=False)


def test_normalisation():
    x = draw(5, 3).astype(np.float64)
    mean, var = ops.moments(x, axes=0)
    check(mean, x.mean(0))
    check(var, x.var(0))
    scale, offset = np.array([1.0, 2, 3]), np.array([0.0, 1, 2])
    check(
        ops.batch_normalization(x, mean, var, axis=-1, offset=offset, scale=scale),
        (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3) * scale + offset,
    )
    check(
        ops.layer_normalization(x, scale, offset),
        (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-7) * scale + offset,
    )
    check(ops.normalize(x, order=1), x / np.abs(x).sum(-1, keepdims=True))
    check(ops.psnr(x, x + 0.1, 1.0), 20.0)
    with pytest.raises(ValueError, match="vectors of 3"):
        ops.batch_normalization(x, np.ones(2), np.ones(3), axis=-1)


def test_conversion():
    assert ops.convert_to_tensor([1, 2]).dtype == np.int32
    assert ops.convert_to_tensor(1.5).dtype == F
    assert ops.convert_to_tensor(np.ones(1)).dtype == np.float64
    assert ops.cast([1.7, -1.7, np.nan], "int32").tolist() == [1, -1, 0]
    assert ops.cast([0.5, 0.0], "bool").tolist() == [True, False]
    assert ops.cast(3, "float64").dtype == np.float64
    assert ops.is_tensor(np.ones(1))
    assert not ops.is_tensor([1])
    assert ops.shape(T) == (2, 3, 4)
    assert (ops.ndim(T), ops.size(T), ops.dtype(T)) == (3, 24, "float32")
    with pytest.raises(ValueError, match="float16"):
        ops.cast([1.0], "float16")
    for wrong in (["a"], [object()], np.array(["a"]), [1j]):
        with pytest.raises(TypeError):
            ops.add(wrong, 1)


def test_results_own_their_memory():
    x = np.ones(3, F)
    y = ops.reshape(x, (3, 1))
    assert not np.shares_memory(x, y)
    a, b = ops.split(np.ones(4, F), 2)
    a[...] = 5
    assert b.tolist() == [1, 1]


def test_inputs_of_any_layout():
    for x in (T.transpose(2, 0, 1), T[:, ::-1, ::2], np.asfortranarray(T), T.astype(">f4")):
        np.testing.assert_array_equal(ops.multiply(x, 2), x * 2)


def test_control_flow():
    f = nv.function(lambda x: ops.cond(ops.sum(x) > 0, lambda: {"y": x + 1}, lambda: {"y": x - 1}))
    np.testing.assert_array_equal(f(np.ones(2))["y"], [2, 2])
    np.testing.assert_array_equal(f(-np.ones(2))["y"], [-2, -2])
    v = nv.Variable(0.0)
    g = nv.function(lambda p: ops.cond(p, lambda: v.assign_add(1.0), lambda: v.value))
    g(np.array(True)), g(np.array(False)), g(np.array(True))
    assert float(v) == 2
    h = nv.function(lambda i, x: ops.switch(i, [lambda x: x, lambda x: 2 * x, lambda x: 3 * x], x))
    assert [float(h(np.array(i), np.array(1.0))) for i in (-5, 0, 1, 2, 9)] == [1, 1, 2, 3, 3]
    assert float(ops.fori_loop(0, 4, lambda i, s: s + i, 0)) == 6
    assert ops.while_loop(lambda i: i < 5, lambda i: i + 2, (0,)) == (6,)
    np.testing.assert_array_equal(ops.map(lambda r: r * 2, A), A * 2)
    carry, ys = nv.function(lambda x: ops.scan(lambda c, r: (c + r, c * 2), ops.zeros(4), x))(A)
    check(carry, A.sum(0))
    check(ys, 2 * np.vstack([np.zeros((1, 4)), np.cumsum(A, 0)[:-1]]))


BAD = [
    ("matmul", (A, B), "matmul"),
    ("reshape", (A, (5, 5)), "reshape"),
    ("concatenate", ([A, V],), "concatenate"),
    ("add", (A, draw(5)), "add"),
    ("sum", (A, 2), "axis 2"),
    ("sum", (A, (0, 0)), "twice"),
    ("transpose", (A, (0, 0)), "transpose"),
    ("einsum", ("ij,jk->ik", A, A), "einsum"),
    ("einsum", ("ij,jk", A), "einsum"),
    ("einsum", ("i->i", A), "einsum"),
    ("einsum", ("a...->a", A), "einsum"),
    ("split", (A, 3, 1), "split"),
    ("squeeze", (A, 0), "squeeze"),
    ("arange", (0, 1, 0), "arange"),
    ("where", (A > 0,), "where"),
    ("stack", ([],), "stack"),
    ("zeros", ((-1,),), "zeros"),
    ("max", (np.zeros((2, 0), bool), 1), r"max: an empty axis has none, in shape \(2, 0\)"),
    ("tril", (V,), "tril"),
    ("tensordot", (A, B, -1), "tensordot"),
    ("tensordot", (A, A, [[0, 0], [0, 0]]), "tensordot"),
    ("pad", (A, ((1, 1),) * 3), r"pad: pad_width is no pair for each axis of shape \(3, 4\)"),
    ("cross", (A, A), "cross: vectors of 2 or 3"),
    ("one_hot", ([1], -1), "one_hot: .*negative"),
    ("layer_normalization", (A, V[:2]), "layer_normalization: .*broadcast"),
    ("slice_update", (A, (2, 3), A[:2, :2]), r"slice_update: updates of shape \(2, 2\) at \(2, 3\)"),
    ("roll", (T, (1, 2, 3), (0, 1)), "roll: 3 shifts do not go with 2 axes"),
]


@pytest.mark.parametrize(("name", "args", "message"), BAD, ids=lambda x: x if isinstance(x, str) else "")
def test_errors_name_the_op(name, args, message):
    with pytest.raises(ValueError, match=message):
        getattr(ops, name)(*args)


def test_divisions_are_divisions():
    """Times 1 / n would be off by a bit: at 49, for one."""
    for n in (3, 49, 98, 103):
        assert ops.mean(np.ones(n)) == ops.mean(np.ones(n, F)) == 1
        np.testing.assert_array_equal(ops.linspace(0, n, n + 1), np.arange(n + 1))
    for q in range(101):
        np.testing.assert_allclose(ops.percentile(np.arange(101.0), q), q, rtol=3e-16)
    assert ops.quantile(np.array([0.0, 1.0]), 0.1) == 0.1


def test_cross_of_vectors_of_two():
    a, b, c = A[:, :2], B[:, :2], B[:, :3]
    padded = [np.pad(x, ((0, 0), (0, 1))) for x in (a, b)]
    np.testing.assert_allclose(ops.cross(a, b), np.cross(*padded)[:, 2], rtol=1e-6)
    np.testing.assert_allclose(ops.cross(a, c), np.cross(padded[0], c), rtol=1e-6)


def test_places_and_counts_may_be_arrays():
    for name in ("split", "array_split"):
        for got, want in zip(getattr(ops, name)(T, np.array([1, 3]), 2), np.split(T, [1, 3], 2), strict=True):
            np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(ops.repeat(A, np.array([2]), 1), np.repeat(A, 2, 1))
    np.testing.assert_array_equal(ops.repeat(A, np.array([1, 0, 3]), 0), np.repeat(A, [1, 0, 3], 0))


@pytest.mark.parametrize("bad", [1.5, "a", (0, 0.5)])
def test_axes_and_shapes_are_whole_numbers(bad):
    with pytest.raises(TypeError, match="sum: an axis is an int"):
        ops.sum(A, axis=bad)
    with pytest.raises(TypeError, match="zeros: a shape is an int"):
        ops.zeros(bad)
    with pytest.raises(TypeError, match="reshape: a shape is an int"):
        ops.reshape(A, bad)


@pytest.mark.parametrize("bad", ["a", None, 1j, np.array([object()]), np.array(["a"])])
def test_what_is_no_number(bad):
    with pytest.raises(TypeError, match=r"^add: expected numbers or booleans, got"):
        ops.add(bad, 1)
    with pytest.raises(TypeError, match=r"^gelu: expected numbers or booleans, got"):
        ops.gelu(bad)


def test_what_is_neither_array_nor_hashable():
    with pytest.raises(TypeError, match=r"must be hashable, got \{1\}"):
        ops.sum(A, axis={1})


def test_an_error_leaves_no_trace_open():
    with pytest.raises(ValueError, match="add"):
        ops.add(A, draw(5))
    assert isinstance(ops.add(A, 1), np.ndarray)


def test_symbolic_values_have_no_numbers():
    def f(x):
        for what in (bool, float, int, iter, np.asarray, lambda t: np.sin(t)):
            with pytest.raises(TypeError):
                what(ops.sum(x))
        assert float(ops.add(1, 2)) == 3
        assert [int(v) for v in ops.arange(3)] == [0, 1, 2]
        assert isinstance(np.ones(2) + x, nv._tensor.Tensor)
        return x

    nv.function(f)(np.ones(2))


def test_leaked_tensor():
    kept = []
    nv.function(lambda x: kept.append(x) or x)(np.ones(2))
    with pytest.raises(TypeError, match="outside"):
        ops.add(kept[0], 1)


def test_the_table_makes_the_python_names():
    from nervure import _core

    for row in _core.op_table():
        if row["elementwise"] and not row["hidden"]:
            name = {"neg": "negative", "abs": "absolute"}.get(row["name"], row["name"])
            assert name in ops.__all__, name
            assert getattr(ops, name).__doc__


def test_cache_is_bounded_and_quick_to_hit():
    from nervure.ops.dispatch import compiled

    for n in range(600):
        ops.add(np.ones(n), 1)
    assert compiled.cache_info().currsize <= 512
    hits = compiled.cache_info().hits
    ops.add(np.ones(599), 1)
    assert compiled.cache_info().hits == hits + 1

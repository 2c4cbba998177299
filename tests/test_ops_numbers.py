"""Bits, windows, statistics and number sequences against NumPy."""

import nervure as nv
import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.RandomState(0)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_bits(rng, dtype):
    info = np.iinfo(dtype)
    a = np.concatenate(
        [rng.randint(info.min, info.max, 99, dtype=dtype), np.array([info.min, info.max, 0, -1, 1], dtype)]
    )
    b = np.concatenate(
        [rng.randint(info.min, info.max, 99, dtype=dtype), np.array([info.max, info.min, -1, 0, 1], dtype)]
    )
    for name in ("and", "or", "xor"):
        got = getattr(nv.ops, "bitwise_" + name)(a, b)
        assert got.dtype == dtype
        np.testing.assert_array_equal(got, getattr(np, "bitwise_" + name)(a, b))
    np.testing.assert_array_equal(nv.ops.bitwise_not(a), ~a)
    shift = rng.randint(0, info.bits, a.size).astype(dtype)
    np.testing.assert_array_equal(nv.ops.right_shift(a, shift), a >> shift)
    np.testing.assert_array_equal(nv.ops.left_shift(a, shift), a << shift)
    np.testing.assert_array_equal(nv.ops.right_shift(a, np.array(200, dtype)), np.where(a < 0, -1, 0))


def test_bits_of_bools_and_floats():
    a, b = np.array([True, True, False]), np.array([True, False, False])
    np.testing.assert_array_equal(nv.ops.bitwise_and(a, b), a & b)
    np.testing.assert_array_equal(nv.ops.bitwise_or(a, b), a | b)
    np.testing.assert_array_equal(nv.ops.bitwise_xor(a, b), a ^ b)
    np.testing.assert_array_equal(nv.ops.bitwise_invert(a), ~a)
    with pytest.raises(TypeError, match="bitwise_and: integers or bools are needed, got float32"):
        nv.ops.bitwise_and([1.0], [2.0])


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_common_divisors(rng, dtype):
    a, b = (rng.randint(-1000, 1000, 99).astype(dtype) for _ in range(2))
    np.testing.assert_array_equal(nv.ops.gcd(a, b), np.gcd(a, b))
    np.testing.assert_array_equal(nv.ops.lcm(a, b), np.lcm(a, b))
    f, g = (1836311903, 1134903170) if dtype == "int32" else (7540113804746346429, 4660046610375530309)
    assert nv.ops.gcd(np.array(f, dtype), np.array(g, dtype)) == 1


@pytest.mark.parametrize("name", ["bartlett", "blackman", "hamming", "hanning"])
@pytest.mark.parametrize("n", [0, 1, 2, 7])
def test_windows(name, n):
    got = getattr(nv.ops, name)(n)
    assert got.dtype == "float32"
    np.testing.assert_allclose(got, getattr(np, name)(n), atol=1e-6)


def test_kaiser_and_bad_counts():
    np.testing.assert_allclose(nv.ops.kaiser(7, 5.0), np.kaiser(7, 5.0), rtol=1e-6)
    with pytest.raises(TypeError, match="hanning: the number of samples is an int"):
        nv.ops.hanning(2.5)
    with pytest.raises(ValueError, match="not negative, got -1"):
        nv.ops.bartlett(-1)


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_nan_quantiles(rng, axis, keepdims):
    x = rng.randn(4, 5, 6)
    x[rng.rand(4, 5, 6) < 0.3] = np.nan
    for method in ("linear", "lower", "higher", "midpoint", "nearest"):
        for q in (0.3, np.array([0.1, 0.5, 1.0])):
            expected = np.nanquantile(x, q, axis, method=method, keepdims=keepdims)
            np.testing.assert_allclose(nv.ops.nanquantile(x, q, axis, method, keepdims), expected, rtol=1e-9)
    np.testing.assert_allclose(nv.ops.nanmedian(x, axis, keepdims), np.nanmedian(x, axis, keepdims=keepdims), rtol=1e-9)
    expected = np.nanpercentile(x, 30, axis, keepdims=keepdims)
    np.testing.assert_allclose(nv.ops.nanpercentile(x, 30, axis, keepdims=keepdims), expected, rtol=1e-9)


def test_nan_quantile_of_nothing():
    assert np.isnan(nv.ops.nanmedian([np.nan, np.nan]))
    with pytest.raises(ValueError, match="nanquantile: method must be one of linear"):
        nv.ops.nanquantile([1.0], 0.5, method="nope")


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_nan_extremes(rng, axis):
    x = rng.randn(5, 6)
    x[rng.rand(5, 6) < 0.3] = np.nan
    np.testing.assert_array_equal(nv.ops.nanargmax(x, axis), np.nanargmax(x, axis))
    np.testing.assert_array_equal(nv.ops.nanargmin(x, axis), np.nanargmin(x, axis))


def test_nan_extremes_of_infinities_and_nothing():
    assert nv.ops.nanargmax([np.nan, -np.inf]) == 1
    assert nv.ops.nanargmin([np.nan, np.inf]) == 1
    assert nv.ops.nanargmax([np.nan, np.nan]) == -1
    assert nv.ops.nanargmin([3, 1, 2]) == 1


@pytest.mark.parametrize("mode", ["valid", "same", "full"])
@pytest.mark.parametrize("sizes", [(7, 4), (4, 7), (5, 5), (6, 1)])
def test_correlate(rng, mode, sizes):
    a, b = rng.randn(sizes[0]), rng.randn(sizes[1])
    np.testing.assert_allclose(nv.ops.correlate(a, b, mode), np.correlate(a, b, mode), rtol=1e-9, atol=1e-12)


def test_corrcoef_and_cdist(rng):
    x, y = rng.randn(5, 30), rng.randn(4, 30)
    np.testing.assert_allclose(nv.ops.corrcoef(x), np.corrcoef(x), rtol=1e-10)
    expected = np.linalg.norm(x[:, None] - y[None], axis=-1)
    np.testing.assert_allclose(nv.ops.cdist(x, y), expected, rtol=1e-10)
    slope = nv.grad(lambda a: nv.ops.sum(nv.ops.cdist(a, a)))(x)
    assert np.isfinite(slope).all()  # also at the distances of 0


@pytest.mark.parametrize("bins, range", [(10, None), (7, (-1, 1)), (1, None), (4, (2, 2))])
def test_histogram(rng, bins, range):
    x = rng.randn(5, 30)
    counts, edges = nv.ops.histogram(x, bins, range)
    expected_counts, expected_edges = np.histogram(x, bins, range)
    np.testing.assert_array_equal(counts, expected_counts)
    np.testing.assert_allclose(edges, expected_edges)
    with pytest.raises(ValueError, match="bins must be a positive int"):
        nv.ops.histogram(x, 0)


def test_segments():
    data, ids = np.array([[1.0, 5.0], [3.0, 2.0], [2.0, 2.0]], "float32"), np.array([0, 2, 0])
    np.testing.assert_array_equal(nv.ops.segment_max(data, ids), [[2, 5], [-np.inf] * 2, [3, 2]])
    np.testing.assert_array_equal(nv.ops.segment_min(data, ids, 3), [[1, 2], [np.inf] * 2, [3, 2]])
    np.testing.assert_array_equal(nv.ops.segment_prod(data, ids), [[2, 10], [1, 1], [3, 2]])
    low = np.iinfo("int32").min
    np.testing.assert_array_equal(nv.ops.segment_max(np.array([4], "int32"), np.array([1])), [low, 4])
    with pytest.raises(ValueError, match="should have same leading dimension"):
        nv.ops.segment_max(data, np.array([0, 1]))


def test_sequences():
    np.testing.assert_allclose(nv.ops.geomspace(1.0, 256.0, 9), np.geomspace(1, 256, 9), rtol=1e-5)
    for axis in (0, -1):
        got = nv.ops.geomspace([-1.0, 2.0], [-100.0, 3.0], 5, axis=axis)
        np.testing.assert_allclose(got, np.geomspace([-1.0, 2], [-100.0, 3], 5, axis=axis), rtol=1e-5)
    np.testing.assert_array_equal(nv.ops.vander([1, 2, 3], 4, True), np.vander([1, 2, 3], 4, True))
    np.testing.assert_allclose(nv.ops.vander([1.5, 2.0]), np.vander([1.5, 2.0]))


def test_parts_of_numbers():
    x = np.array([-1.5, -0.0, 0.0, 2.0, np.nan])
    np.testing.assert_array_equal(nv.ops.signbit(x), np.signbit(x))
    np.testing.assert_array_equal(nv.ops.angle(x), np.angle(x))
    np.testing.assert_array_equal(nv.ops.real(x), x)
    np.testing.assert_array_equal(nv.ops.conjugate(x), x)
    np.testing.assert_array_equal(nv.ops.imag(x), 0 * np.ones(5))
    assert nv.ops.isreal(x).all()


def test_what_depends_on_the_data():
    x = np.array([[3, 0, 3], [1, 1, 0]])
    for got, expected in zip(nv.ops.nonzero(x), np.nonzero(x), strict=True):
        np.testing.assert_array_equal(got, expected)
    values, inverse, counts = nv.ops.unique(x, return_inverse=True, return_counts=True)
    np.testing.assert_array_equal(values, [0, 1, 3])
    np.testing.assert_array_equal(values[inverse], x)
    np.testing.assert_array_equal(counts, [2, 2, 2])
    np.testing.assert_array_equal(nv.ops.unique(x, size=2), [0, 1])
    np.testing.assert_array_equal(nv.ops.unique(x, return_index=True)[1], [1, 3, 0])
    assert nv.ops.unique([1.0, np.nan, np.nan]).shape == (3,)
    np.testing.assert_array_equal(nv.ops.unique(x, size=5, fill_value=9), [0, 1, 3, 9, 9])
    np.testing.assert_array_equal(nv.ops.unique(np.array([[1, 2], [1, 2]]), axis=0), [[1, 2]])
    with pytest.raises(TypeError, match="unique: an array must be given"):
        nv.function(nv.ops.unique)(x)


def test_positions():
    for got, expected in zip(nv.ops.unravel_index([5, -1], (2, 3)), ([1, 1], [2, 2]), strict=True):
        np.testing.assert_array_equal(got, expected)
    x = np.array([4, 1, 3, 2])
    part = x[nv.ops.argpartition(x, 2)]
    assert part[2] == 3 and part[:2].max() < 3 < part[3]
    with pytest.raises(ValueError, match="kth=4 is out of bounds"):
        nv.ops.argpartition(x, 4)
    assert [p.shape for p in nv.ops.dsplit(np.ones((2, 3, 4)), [1])] == [(2, 3, 1), (2, 3, 3)]


def test_symbolic_shapes():
    x = nv.Input((3,))
    assert nv.ops.nanmedian(x, axis=1).shape == (None,)
    assert nv.ops.bitwise_and(nv.ops.cast(x, "int32"), 1).shape == (None, 3)
    assert nv.ops.cdist(x, x).shape == (None, None)


def test_dtype_objects():
    assert nv.ops.zeros((2,), dtype=np.dtype("int64")).dtype == "int64"
    assert nv.ops.cast([1], np.dtype("float64")).dtype == "float64"
    assert nv.backend.standardize_dtype(np.dtype("float64")) == "float64"
    assert nv.backend.is_int_dtype(np.dtype("int64")) and not nv.backend.is_int_dtype("float32")
    assert nv.backend.is_float_dtype(np.float32) and not nv.backend.is_float_dtype(bool)


def test_name_scopes():
    with nv.name_scope("a") as a, nv.backend.name_scope("b") as b:
        v = nv.Variable(1.0, name="v")
    assert (a, b, v.path, v.name) == ("a", "a/b", "a/b/v", "v")
    assert nv.Variable(1.0, name="w").path == "w"
    with pytest.raises(ValueError, match="without '/'"), nv.name_scope("a/b"):
        pass


def test_uids():
    nv.backend.clear_session()
    assert [nv.backend.get_uid("x"), nv.backend.get_uid("x")] == [1, 2]
    nv.backend.clear_session()
    assert nv.backend.get_uid("x") == 1


def test_rearrange(rng):
    x = rng.randn(2, 6, 3)
    for pattern, lengths, expected in (
        ("a b c -> c a b", {}, x.transpose(2, 0, 1)),
        ("a (h w) c -> (a w) h c", {"h": 2}, x.reshape(2, 2, 3, 3).transpose(0, 2, 1, 3).reshape(6, 2, 3)),
        ("a b c -> a 1 (b c)", {}, x.reshape(2, 1, 18)),
        ("a b c -> (a b c)", {}, x.ravel()),
    ):
        np.testing.assert_array_equal(nv.ops.rearrange(x, pattern, **lengths), expected)
    assert nv.ops.rearrange(nv.Input((4, 2)), "n a b -> n (a b)").shape == (None, 8)


@pytest.mark.parametrize(
    "pattern, message",
    [
        ("a b c", "a pattern has one '->'"),
        ("a b -> b a", "names 2 axes"),
        ("a b c -> a b", "must have the same names"),
        ("a (b c -> a b c", "unbalanced parentheses"),
        ("a (b d) c -> a b d c", "an axis of 6 is not b times d"),
        ("a b c -> a b *", "no name of an axis"),
    ],
)
def test_bad_patterns(pattern, message):
    with pytest.raises(ValueError, match=message):
        nv.ops.rearrange(np.ones((2, 6, 3)), pattern)


def test_scatter_update_combines():
    x, at = np.array([10.0, 10.0, 10.0, 10.0]), np.array([[0], [0], [1]])
    updates = np.array([3.0, 15.0, 2.0])
    np.testing.assert_array_equal(nv.ops.scatter_update(x, at, updates, reduction="max"), [15, 10, 10, 10])
    np.testing.assert_array_equal(nv.ops.scatter_update(x, at, updates, reduction="min"), [3, 2, 10, 10])
    np.testing.assert_array_equal(nv.ops.scatter_update(x, at, updates, reduction="mul"), [450, 20, 10, 10])
    rows = nv.ops.scatter_update(np.ones((2, 2)), [[1]], [[3.0, 0.5]], reduction="max")
    np.testing.assert_array_equal(rows, [[1, 1], [3, 1]])
    with pytest.raises(ValueError, match="reduction must be None, 'add', 'max'"):
        nv.ops.scatter_update(x, at, updates, reduction="nope")


def test_flat_concatenation_and_order_of_one():
    np.testing.assert_array_equal(nv.ops.concatenate([np.ones((2, 2)), np.zeros(1)], axis=None), [1, 1, 1, 1, 0])
    assert nv.ops.argsort(np.array(3.0)).tolist() == [0]

"""Every op, from its row alone: forward against NumPy, first and second derivatives against central differences,
views, threads, bad data."""

import itertools
import math

import nervure as nv
import numpy as np
import pytest
from nervure import _core
from op_samples import DIFFERENTIABLE, REFERENCE, ROWS, Sample, dot, expected, letters, samples, spread


def test_every_row_has_a_reference():
    assert set(ROWS) == set(REFERENCE)


# ---- forward ----


@pytest.mark.parametrize("dtype", ["float64", "float32", "int32", "int64", "bool"])
@pytest.mark.parametrize("name", ROWS)
def test_forward(name, dtype):
    row, tried = ROWS[name], 0
    if dtype == "bool" and not set(row["domain"]) <= set("b"):
        return
    for sample in samples(name, dtype):
        got, want = sample.run(), expected(sample)
        assert got.shape == want.shape == sample.node.shape and str(got.dtype) == sample.node.dtype, sample
        if got.dtype.kind == "f":
            exact = np.float64 if got.dtype == np.float32 else got.dtype
            if name in ("erf", "erfc", "erfinv", "softmax", "log_softmax", "logsumexp") or dtype == "float64":
                want = want.astype(exact)
            tolerance = 3e-6 if got.dtype == np.float32 else 2e-13 if name != "erfinv" else 1e-11
            scale = np.abs(want).max(initial=1.0)
            np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * scale, err_msg=str(sample))
        else:
            np.testing.assert_array_equal(got, want, err_msg=str(sample))
        tried += 1
    has_floats = any(letter in DIFFERENTIABLE for letter in row["domain"]) or "dtype" in row["attrs"]
    if has_floats and dtype.startswith("float"):
        assert tried >= 8, f"{name}: only {tried} samples were accepted"
    if set(row["domain"]) == {"b"} and dtype == "bool":
        assert tried >= 8


@pytest.mark.parametrize("how", ["transposed", "sliced"])
@pytest.mark.parametrize("name", [n for n in ROWS if ROWS[n]["domain"]])
def test_inputs_that_are_not_contiguous_give_the_same_bits(name, how):
    for dtype in ("float32", "float64"):
        for plain, seen in zip(samples(name, dtype), samples(name, dtype, how=how)):
            a, b = plain.run(), seen.run()
            assert a.dtype == b.dtype and a.tobytes() == b.tobytes(), (plain, how)


# ---- gradients ----


def directional(rng, arrays):
    return [rng.uniform(-1, 1, a.shape) for a in arrays]


CURVES = [n for n in ROWS if set(ROWS[n]["domain"]) & set(DIFFERENTIABLE) and n != "stop_gradient"]


@pytest.mark.parametrize("how", ["plain", "transposed", "sliced"])
@pytest.mark.parametrize("name", CURVES)
def test_gradients(name, how):
    """With L = sum(r y): dL/dx . u and d(dL/dx . v)/d(x, r) . u against central differences along u."""
    row = ROWS[name]
    wrt = [k for k, (letter, _) in enumerate(letters(row)) if letter in DIFFERENTIABLE]
    tried = 0
    for sample in samples(name, "float64", how=how, most=2 if how == "plain" else 1):
        if sample.node.dtype != "float64":
            continue
        rng, g = np.random.default_rng(tried), sample.graph
        r = g.input(sample.node.shape, "float64")
        x = [sample.inputs[k] for k in wrt]
        loss = dot(g, sample.node, r)
        first = g.grad(loss, x)
        v = [g.input(n.shape, "float64") for n in x]
        along = [dot(g, d, w) for d, w in zip(first, v)]
        slope = g.op("full", [], [], [0.0], "float64")
        for s in along:
            slope = g.op("add", [slope, s])
        second = g.grad(slope, [*x, r])
        assert [d.shape for d in first] == [n.shape for n in x]
        plan = g.plan([*sample.inputs, r, *v], [loss, slope, *first, *second])

        arrays = [a.astype(np.float64) if k in wrt else a for k, a in enumerate(sample.stored)]
        weight, dirs = rng.uniform(-1, 1, r.shape), directional(rng, [arrays[k] for k in wrt])
        u = directional(rng, [arrays[k] for k in wrt] + [weight])

        def at(h, arrays=arrays, weight=weight, dirs=dirs, u=u, plan=plan):
            moved = list(arrays)
            for k, d in zip(wrt, u):
                moved[k] = moved[k] + h * d
            return [np.asarray(o) for o in plan.run(*moved, weight + h * u[-1], *dirs)]

        h = 2e-6
        here, after, before = at(0.0), at(h), at(-h)
        n = len(wrt)
        y = sample.graph.plan(sample.inputs, [sample.node]).run(*arrays)[0]
        want = (after[0] - before[0]) / (2 * h)
        got = sum(np.vdot(d, w) for d, w in zip(here[2 : 2 + n], u)) + np.vdot(y, u[-1])
        scale = 1 + abs(want) + np.abs(here[0])
        assert abs(got - want) < 1e-7 * scale, (sample, "first", got, want)
        want = (after[1] - before[1]) / (2 * h)
        got = sum(np.vdot(d, w) for d, w in zip(here[2 + n :], u))
        scale = 1 + abs(want) + np.abs(here[1]) + max((np.abs(d).max(initial=0) for d in here[2 + n :]), default=0)
        assert abs(got - want) < 2e-6 * scale, (sample, "second", got, want)
        tried += 1
    some = itertools.islice(samples(name, "float64"), 20)
    assert tried >= 6 or not any(s.node.dtype == "float64" for s in some), f"{name}: only {tried} samples"


def test_every_row_is_differentiable():
    assert all(row["differentiable"] for row in ROWS.values())
    assert evaluate("stop_gradient", [np.ones(3)])[1][0].tolist() == [0, 0, 0]


def evaluate(op, arrays, ints=(), floats=(), dtype=None, dy=None, wrt=None):
    """(value, gradients) of one op."""
    s = Sample(op, arrays, ints, floats, dtype)
    which = [k for k, a in enumerate(s.arrays) if a.dtype.kind == "f"] if wrt is None else wrt
    seed = None if dy is None else s.graph.constant(np.asarray(dy, s.node.dtype))
    grads = s.graph.grad(s.node, [s.inputs[k] for k in which], seed)
    out = s.graph.plan(s.inputs, [s.node, *grads]).run(*s.stored)
    return out[0], out[1:]


def test_conventions_at_kinks():
    z = np.array([0.0, -0.0, 1.0, -1.0])
    assert evaluate("relu", [z])[1][0].tolist() == [0, 0, 1, 0]
    assert evaluate("abs", [z])[1][0].tolist() == [0, 0, 1, -1]
    a, b = np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])
    assert [d.tolist() for d in evaluate("maximum", [a, b])[1]] == [[0.5, 0, 1], [0.5, 1, 0]]
    assert [d.tolist() for d in evaluate("minimum", [a, b])[1]] == [[0.5, 1, 0], [0.5, 0, 1]]
    assert evaluate("max", [np.array([2.0, 5.0, 5.0, 1.0])], [0])[1][0].tolist() == [0, 0.5, 0.5, 0]
    for op in ("sign", "floor", "ceil", "round", "trunc"):
        assert evaluate(op, [z])[1][0].tolist() == [0, 0, 0, 0]


def test_power_has_no_nan_at_zero_or_below():
    x, p = np.array([0.0, 0.0, -2.0, -1.5, 0.0]), np.array([2.0, 1.0, 2.0, 3.0, 0.0])
    y, (dx, dp) = evaluate("power", [x, p])
    assert y.tolist() == [0, 0, 4, -3.375, 1]
    np.testing.assert_allclose(dx, [0, 1, -4, 6.75, 0], rtol=1e-14)
    assert dp.tolist() == [0, 0, 0, 0, 0]


def test_products_with_zeros():
    for x in ([2.0, 0.0, 3.0], [0.0, 0.0, 3.0], [0.0, 4.0, 5.0], [1.0, 2.0, 4.0]):
        x, dy = np.array(x), np.array([1.0, 10.0, 100.0])
        want = [np.prod(np.delete(x, k)) for k in range(3)]
        np.testing.assert_allclose(evaluate("prod", [x], [0])[1][0], want)
        jacobian = [[np.prod(np.delete(x[: i + 1], j)) if j <= i else 0 for j in range(3)] for i in range(3)]
        np.testing.assert_allclose(evaluate("cumprod", [x], dy=dy)[1][0], dy @ np.array(jacobian))


@pytest.mark.parametrize("x", [[0.0, 0.0, 3.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.0], [2.0, 0.0, 3.0], [1.0, 2.0, 4.0]])
def test_second_derivatives_of_products_with_zeros(x):
    """By two elements: the product of the third, whatever they are."""
    x, weight = np.array(x), np.array([1.0, 10.0, 100.0])
    pairs = [[0.0 if i == j else x[3 - i - j] for j in range(3)] for i in range(3)]
    running = 100 * np.array(pairs) + 10 * np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]])
    for op, ints, dy, want in (("prod", [0], [1.0], np.array(pairs)), ("cumprod", [], weight, running)):
        s = Sample(op, [x], ints, (), None)
        (first,) = s.graph.grad(s.node, s.inputs, s.graph.constant(np.array(dy)))
        for k in range(3):
            (row,) = s.graph.grad(first, s.inputs, s.graph.constant(np.eye(3)[k]))
            np.testing.assert_allclose(s.graph.plan(s.inputs, [row]).run(x)[0], want[k])


def test_prod_of_middle_axes_with_zeros():
    x = np.random.default_rng(0).integers(-1, 2, (3, 1, 4, 2)).astype(float)
    want = np.empty_like(x)
    for at in np.ndindex(*x.shape):
        rest = x.copy()
        rest[at] = 1.0
        want[at] = rest[:, 0, :, at[3]].prod()
    np.testing.assert_array_equal(evaluate("prod", [x], [0, 1, 2])[1][0], want)
    want = np.stack([np.prod(np.delete(x, k, 2), 2) for k in range(4)], 2)
    np.testing.assert_array_equal(evaluate("prod", [x], [2])[1][0], want)


def test_softmax_family_far_from_zero():
    x = np.array([[1e4, 1e4 + 1, -1e4], [-1e4, -1e4, -1e4], [700.0, -700.0, 0.0]])
    want = x - x.max(-1, keepdims=True) - np.log(np.exp(x - x.max(-1, keepdims=True)).sum(-1, keepdims=True))
    np.testing.assert_allclose(Sample("log_softmax", [x], (), (), None).run(), want, rtol=1e-12)
    np.testing.assert_allclose(Sample("softmax", [x], (), (), None).run(), np.exp(want), rtol=1e-12)
    labels = np.array([1, 0, 1])
    loss, (dx,) = evaluate("sparse_softmax_cross_entropy", [x, labels])
    np.testing.assert_allclose(loss, -want[np.arange(3), labels], rtol=1e-12)
    np.testing.assert_allclose(dx, np.exp(want) - np.eye(3)[labels], atol=1e-13)


# ---- what simplify makes of constants and of whole graphs ----


@pytest.mark.parametrize("name", [n for n in ROWS if ROWS[n]["elementwise"] and len(ROWS[n]["domain"]) == 2])
def test_constant_operands(name):
    if "b" in ROWS[name]["domain"]:
        return
    for value, side, shape in itertools.product(
        (0.0, 1.0, -1.0, 2.0, -0.5, 3.0, 4.0, 2.5), (0, 1), ((), (5, 1), (3, 1, 7))
    ):
        x = np.linspace(0.3, 2.0, 35).reshape(5, 7)
        if name == "relu_grad":
            x -= 1.01
        g = _core.Graph()
        operands = [g.input((5, 7), "float64"), g.op("full", [], shape, [value], "float64")]
        with np.errstate(all="ignore"):
            pair = [x, np.full(shape, value)]
            want = REFERENCE[name](pair if side else pair[::-1], (), (), None)
        y = g.op(name, operands if side else operands[::-1])
        (dx,) = g.grad(y, [operands[0]]) if y.dtype == "float64" else [y]
        got, slope = g.plan([operands[0]], [y, dx]).run(x)
        np.testing.assert_allclose(got, want, rtol=1e-14, err_msg=f"{name} {value} {side} {shape}")
        if y.dtype != "float64" or (name in ("floor_divide", "mod") and (value != 2.5 or side == 0)):
            continue  # on a kink
        with np.errstate(all="ignore"):
            h = 1e-6
            ends = [REFERENCE[name]([x + s, pair[1]][:: 1 if side else -1], (), (), None) for s in (h, -h)]
            want = ((ends[0] - ends[1]) / (2 * h)).reshape(-1, 5, 7).sum(0)
        smooth = np.isfinite(want) & (np.abs(x - value) > 1e-3)
        np.testing.assert_allclose(
            slope[smooth], want[smooth], rtol=1e-6, atol=1e-6, err_msg=f"d {name} {value} {side}"
        )


ODD = [0.0, -0.0, 1.0, -1.0, 2.0, np.inf, -np.inf, np.nan, 3e38, 1e-30, 1e20]


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y, c: x + c(0.0),
        lambda x, y, c: c(0.0) + x,
        lambda x, y, c: x - c(0.0),
        lambda x, y, c: x - c(-0.0),
        lambda x, y, c: c(0.0) - x,
        lambda x, y, c: c(-0.0) - x,
        lambda x, y, c: -(x - y),
        lambda x, y, c: x * c(0.0),
        lambda x, y, c: x * c(-1.0),
        lambda x, y, c: x * c(1e30) * c(1e-30),
        lambda x, y, c: x * c(1e-30) * c(1e30),
        lambda x, y, c: x * c(2.0) * c(0.5),
        lambda x, y, c: x * c(0.5) * c(0.5),
        lambda x, y, c: x / c(0.0),
        lambda x, y, c: x / c(4.0),
        lambda x, y, c: c(0.0) / x,
        lambda x, y, c: c(1.0) / x,
        lambda x, y, c: x - x,
        lambda x, y, c: x / x,
        lambda x, y, c: (-x) * (-y),
        lambda x, y, c: x - (-y),
        lambda x, y, c: (-x) + y,
        lambda x, y, c: (-x) * c(3.0),
    ],
)
def test_simplifying_changes_no_zero_infinity_or_nan(f):
    """Also where an infinity has the sign of a zero: the reciprocals are compared, too."""
    x, y = (a.ravel() for a in np.meshgrid(np.array(ODD, np.float32), np.array(ODD, np.float32)))
    with np.errstate(all="ignore"):
        want = f(x, y, np.float32)
        traced = nv.function(lambda x, y: (z := f(x, y, float), 1.0 / z))
        got, turned = traced(x, y)
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)
        np.testing.assert_array_equal(turned, 1 / want)


# ---- bad data stops the run ----


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_indices_wrap_once_and_no_further(dtype):
    x = np.arange(12.0).reshape(4, 3)
    assert Sample("take", [x, np.array([-1, -4, 3], dtype)], [0], (), None).run().tolist() == x[[-1, -4, 3]].tolist()
    along = np.array([[-1], [0], [-3], [2]], dtype)
    assert Sample("take_along_axis", [x, along], [1], (), None).run().ravel().tolist() == [2, 3, 6, 11]
    got = Sample("scatter_add", [np.array([-1, 3, 0], dtype), x[:3]], [0, 4], (), None).run()
    assert got.tolist() == [[6, 7, 8], [0, 0, 0], [0, 0, 0], [3, 5, 7]]
    message = "{}: index {} at position 2 is out of range for an axis of 4 elements"
    for bad in (4, -5):
        idx = np.array([0, 3, bad], dtype)
        with pytest.raises(IndexError, match=message.format("take", bad)):
            Sample("take", [x, idx], [0], (), None).run()
        with pytest.raises(IndexError, match=message.format("scatter_add", bad)):
            Sample("scatter_add", [idx, x[:3]], [0, 4], (), None).run()
        with pytest.raises(IndexError, match=message.format("take_along_axis", bad)):
            Sample("take_along_axis", [x[:, 0], idx], [0], (), None).run()
        with pytest.raises(IndexError, match=message.format("put_along_axis_add", bad)):
            Sample("put_along_axis_add", [idx, x[:3, 0]], [0, 4], (), None).run()


def test_labels_out_of_range_are_named():
    sample = Sample("sparse_softmax_cross_entropy", [np.zeros((4, 10)), np.array([0, 9, 10, 3])], (), (), None)
    with pytest.raises(ValueError, match=r"label 10 at position 2 is outside \[0, 10\)"):
        sample.run()
    sample.stored[1] = np.array([0, 9, 1, 3])
    np.testing.assert_allclose(sample.run(), np.full(4, math.log(10)))  # usable afterwards
    sample.stored[1] = np.array([0, -1, 1, 3])
    with pytest.raises(ValueError, match="label -1 at position 1"):
        sample.run()


# ---- same bits, always ----

BIG = (67, 130, 1031)


def big_shapes(row):
    inputs = letters(row)
    names = sorted({c for _, dims in inputs for c in dims or "" if c != "*"})
    if inputs and inputs[0][0] == "s":
        return [((2,),)]
    if names:
        extents = [
            dict(zip(names, p)) | {"*": lead}
            for p in itertools.permutations((67, 130, 33), len(names))
            for lead in [(), (5,)]
        ]
        return [tuple(spread(dims, e, (67, 130)) for _, dims in inputs) for e in extents]
    shapes = [(100003,), (67, 1031), (3, 40009), (20011, 6), (2, 9001, 5), (257, 1, 33)]
    return [(s,) * len(inputs) for s in shapes]


@pytest.fixture
def threads():
    before = _core.config()["threads"]
    yield _core.set_threads
    _core.set_threads(before)


@pytest.mark.parametrize("name", [n for n in ROWS if ROWS[n]["domain"]])
def test_bits_do_not_depend_on_threads(name, threads):
    for sample in samples(name, "float32", big_shapes(ROWS[name]), most=3):
        bits = []
        for n in (1, 2, 3):
            threads(n)
            bits.append(sample.run().tobytes())
        assert bits[0] == bits[1] == bits[2], sample


@pytest.mark.parametrize("name", [n for n in ROWS if not ROWS[n]["elementwise"] and ROWS[n]["domain"] not in ("s", "")])
def test_large_arrays(name):
    row = ROWS[name]
    if "size" in row["attrs"]:
        return  # the reference is a loop in Python; their adjoints, take and take_along_axis, are here
    for sample in samples(name, "float64", big_shapes(row), most=2):
        want = expected(sample)
        tolerance = 1e-11 * np.abs(want).max(initial=1.0) if want.dtype.kind == "f" else 0
        np.testing.assert_allclose(sample.run(), want, rtol=1e-11, atol=tolerance, err_msg=str(sample))


def test_long_sums_are_accurate(threads):
    x = np.random.default_rng(0).uniform(0, 1, 1_000_003).astype(np.float32)
    threads(2)
    got = Sample("sum", [x], [0], (), None).run()
    assert abs(float(got[0]) - math.fsum(x.tolist())) < 2e-7 * 1e6
    columns = np.random.default_rng(1).uniform(-1, 1, (30011, 7)).astype(np.float32)
    np.testing.assert_allclose(
        Sample("sum", [columns], [0], (), None).run(), columns.sum(0, keepdims=True, dtype=float), atol=1e-3
    )


def test_many_arrays_are_joined():
    arrays = [np.full((2, k % 3), k, np.float32) for k in range(75)]
    got = Sample("concatenate", arrays, [1], (), None).run()
    np.testing.assert_array_equal(got, np.concatenate(arrays, 1))


def test_order_of_ties_and_nan():
    x = np.array([[1.0, 3.0, 3.0, np.nan, 2.0, 3.0]] * 2, np.float32)
    for k in (2, 6):
        got = Sample("top_k_indices", [x], [k], (), None).run()
        assert got.tolist() == [[3, 1, 2, 5, 4, 0][:k]] * 2
    wide = np.random.default_rng(0).integers(0, 50, (3, 1000)).astype(np.int32)
    got = Sample("top_k_indices", [wide], [1000], (), None).run()
    np.testing.assert_array_equal(got, np.argsort(-wide, axis=-1, kind="stable"))
    nan = np.array([0.0, np.nan, 5.0, np.nan])
    assert math.isnan(Sample("max", [nan], [0], (), None).run()[0])
    assert (
        Sample("argmax", [nan], [0], (), None).run().tolist()
        == [1]
        == Sample("argmin", [nan], [0], (), None).run().tolist()
    )

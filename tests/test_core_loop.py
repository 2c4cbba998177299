"""Loop: an epoch over arrays of any real dtype and row stride, with every wrong array refused by name."""

import gc
import itertools

import numpy as np
import pytest
from nervure import _core
from nervure._core import Graph, Loop, Variable


class Adder:
    """Plans for full batches and the tail that add the rows of x to themselves and count the steps."""

    def __init__(self, n, batch, width=(3,), dtype="float32", sinks=True):
        self.steps = Variable((), "int64")
        self.n, self.batch = n, batch
        self.plan = self.make(batch, width, dtype, sinks) if n >= batch else None
        self.tail = self.make(n % batch, width, dtype, sinks) if n % batch else None

    def make(self, rows, width, dtype, sinks):
        g = Graph()
        x, count = g.input((rows, *width), dtype, "x"), g.variable(self.steps)
        more = g.op("add", (count, g.op("full", (), (), (1.0,), "int64")))
        return g.plan([x], [g.op("add", (x, x))] if sinks else [], [(self.steps, more)])

    def loop(self, *sources, sinks=(), **kwargs):
        return Loop(self.plan, self.tail, sources, self.n, self.batch, sinks, **kwargs)


@pytest.mark.parametrize(("n", "batch"), [(10, 4), (8, 4), (3, 4), (1, 1), (7, 1), (100, 32)])
def test_every_row_goes_through_once(n, batch):
    adder = Adder(n, batch)
    x, out = np.arange(3 * n, dtype=np.float32).reshape(n, 3), np.zeros((n, 3), np.float32)
    loop = adder.loop(x, sinks=[out])
    steps = -(-n // batch)
    assert loop.step == 0 and loop.run(0, steps) == steps == loop.step == adder.steps.array
    assert np.array_equal(out, 2 * x)
    order = _core.permutation(1, 2, n)
    out[:] = 0
    assert loop.run(first=0, last=steps, seconds=0.0, order=order) == steps
    assert np.array_equal(out[order] if batch == 0 else np.sort(out, axis=0), 2 * x)


def test_steps_in_slices():
    adder, x, out = Adder(10, 3), np.arange(30, dtype=np.float32).reshape(10, 3), np.zeros((10, 3), np.float32)
    loop = adder.loop(x, sinks=[out])
    for k in range(4):
        assert loop.run(k, k + 1) == k + 1 == loop.step
    assert np.array_equal(out, 2 * x) and adder.steps.array == 4
    assert loop.run(2, 2) == 2 == loop.step and adder.steps.array == 4


def test_an_order_for_these_steps_alone():
    adder, x, out = Adder(10, 4), np.arange(30, dtype=np.float32).reshape(10, 3), np.zeros((10, 3), np.float32)
    loop, order = adder.loop(x, sinks=[out]), np.arange(10)[::-1].copy()
    assert loop.plans == (adder.plan, adder.tail)
    assert loop.run(1, 2, 0.0, order[4:8].copy(), 4) == 2
    assert not out[:4].any() and np.array_equal(out[4:8], 2 * x[order[4:8]]) and not out[8:].any()
    assert loop.run(2, 3, order=order[7:].copy(), at=7) == 3
    assert loop.run(0, 1, order=order[:5].copy()) == 1
    assert np.array_equal(out, 2 * x[order])


def test_seconds_stop_it():
    row = np.ones((1, 3), np.float32)
    n = 2**40
    adder = Adder(n, 32, sinks=False)
    loop = adder.loop(np.broadcast_to(row, (n, 3)))
    step = loop.run(0, n // 32, seconds=0.02)
    assert 1 <= step == loop.step == adder.steps.array < n // 32
    assert loop.run(step, n // 32, 1e-9) == step + 1


@pytest.mark.parametrize("code", ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "q", "Q", "f4", "f8"])
@pytest.mark.parametrize("want", ["float32", "float64", "int32", "int64"])
def test_dtypes_and_row_strides(code, want):
    n, batch = 11, 4
    base = (np.arange(n * 6).reshape(n, 6) % 2).astype(code)
    if base.dtype.kind == "f" and want.startswith("int"):
        with pytest.raises(TypeError, match=f"source 'x': expected dtype {want}, got {base.dtype}"):
            Adder(n, batch, (6,), want).loop(base, sinks=[np.zeros((n, 6), want)])
        return
    double = np.zeros((2 * n, 6), code)
    double[::2] = base
    padded = np.zeros((n, 9), code)
    padded[:, 2:8] = base
    sources = [base, base[::-1], double[::2], padded[:, 2:8], np.broadcast_to(base[0], (n, 6))]
    for source, order in itertools.product(sources, (None, np.arange(n)[::-1].copy())):
        adder, out = Adder(n, batch, (6,), want), np.zeros((n, 6), want)
        adder.loop(source, sinks=[out]).run(0, 3, order=order)
        expected = 2 * source.astype(want)
        assert np.array_equal(out, expected if order is None else expected[order]), (source.strides, order)


@pytest.mark.parametrize("code", ["i8", "u4", "u8"])
def test_ints_that_do_not_fit_are_refused(code):
    x = np.zeros((10, 3), code)
    x[7, 1] = np.iinfo("i4").max
    out = np.zeros((10, 3), "i4")
    Adder(10, 4, dtype="int32").loop(x // 2, sinks=[out]).run(0, 3)
    assert np.array_equal(out, x // 2 * 2)
    x[7, 1] += 1
    with pytest.raises(ValueError, match="source 'x': a value does not fit in int32"):
        Adder(10, 4, dtype="int32").loop(x, sinks=[out])
    with pytest.raises(ValueError, match="source 'x': a value does not fit in int32"):
        Adder(10, 4, dtype="int32").loop(np.ma.MaskedArray(x, x > 5), sinks=[out])


def test_rows_of_any_rank():
    for width in ((), (2, 3), (1, 1, 4), (0,)):
        x = np.random.default_rng(0).random((9, *width)).astype(np.float32)
        out = np.zeros_like(x)
        Adder(9, 4, width).loop(x, sinks=[out]).run(0, 3)
        assert np.array_equal(out, 2 * x)


def test_a_memmap(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(30, dtype=np.uint8).reshape(10, 3))
    x, out = np.load(tmp_path / "x.npy", mmap_mode="r"), np.zeros((10, 3), np.float32)
    Adder(10, 4).loop(x, sinks=[out]).run(0, 3)
    assert np.array_equal(out, 2.0 * x)


def test_it_keeps_what_it_reads_and_writes():
    gc.collect()
    live = _core.alloc_live()
    adder = Adder(10, 4)
    loop = adder.loop(np.ones((10, 3), np.float32), sinks=[np.zeros((10, 3), np.float32)])
    counter = adder.steps.array
    del adder
    gc.collect()
    assert loop.run(0, 3) == 3 and counter == 3
    del loop, counter
    gc.collect()
    assert _core.alloc_live() == live


def source_errors():
    good = np.ones((10, 3), np.float32)
    yield good[:9], ValueError, r"expected shape \(10, 3\), got \(9, 3\)"
    yield good[:, :2], ValueError, r"expected shape \(10, 3\), got \(10, 2\)"
    yield good.reshape(10, 3, 1), ValueError, "expected shape"
    yield good.reshape(30), ValueError, "expected shape"
    yield np.array(1.0), ValueError, "expected shape"
    yield good.T.copy().T, ValueError, "ascontiguousarray"
    yield np.ones((10, 6), np.float32)[:, ::2], ValueError, "ascontiguousarray"
    yield good[:, ::-1], ValueError, "ascontiguousarray"
    yield good.astype("f2"), TypeError, r"astype\('float32'\)"
    yield good.astype("g"), TypeError, r"astype\('float32'\)"
    yield good.astype(">f4"), TypeError, r"astype\('float32'\)"
    yield np.zeros(121, np.uint8)[1:].view("f4").reshape(10, 3), TypeError, "unaligned"
    yield good.astype(complex), TypeError, "expected dtype float32, got complex128"
    yield good.astype(object), TypeError, "expected dtype float32, got object"
    yield good.astype(str), TypeError, "expected dtype float32"
    yield good.tolist(), TypeError, "expected a NumPy array"
    yield None, TypeError, "expected a NumPy array"


@pytest.mark.parametrize(("source", "error", "match"), list(source_errors()))
def test_source_errors(source, error, match):
    for n, batch in ((10, 4), (10, 5), (10, 20)):
        with pytest.raises(error, match=f"source 'pixels': .*{match}"):
            Adder(n, batch, sinks=False).loop(source, names=["pixels"])
    with pytest.raises(error, match=f"source 'x': .*{match}"):
        Adder(10, 4, sinks=False).loop(source)


def sink_errors():
    good = np.ones((10, 3), np.float32)
    frozen = good.copy()
    frozen.flags.writeable = False
    yield frozen, ValueError, "writable"
    yield good[::-1], ValueError, "C-contiguous"
    yield np.ones((20, 3), np.float32)[::2], ValueError, "C-contiguous"
    yield good[:9], ValueError, r"expected shape \(10, 3\), got \(9, 3\)"
    yield good.astype("f8"), TypeError, "expected dtype float32, got float64"
    yield good.astype(">f4"), TypeError, "expected dtype float32, got >f4"
    yield good.tolist(), TypeError, "expected a NumPy array"


@pytest.mark.parametrize(("sink", "error", "match"), list(sink_errors()))
def test_sink_errors(sink, error, match):
    with pytest.raises(error, match=f"sink 0: .*{match}"):
        Adder(10, 4).loop(np.ones((10, 3), np.float32), sinks=[sink])


def test_argument_errors():
    x, a = np.ones((10, 3), np.float32), Adder(10, 4, sinks=False)
    whole = Adder(10, 5, sinks=False).plan
    cases = [
        ((None, a.tail, [x], 10, 4), ValueError, "`plan`, which is None"),
        ((a.plan, None, [x], 10, 4), ValueError, "`tail`, which is None"),
        ((a.tail, a.plan, [x], 10, 4), ValueError, r"input 0 of the plan must have 4 rows, it has shape \(2, 3\)"),
        ((a.plan, a.plan, [x], 10, 4), ValueError, "must have 2 rows"),
        ((whole, None, [x], 10, 5), None, ""),
        ((a.plan, a.tail, [], 10, 4), ValueError, "1 inputs and 0 outputs, got 0 sources and 0 sinks"),
        ((a.plan, a.tail, [x, x], 10, 4), ValueError, "got 2 sources"),
        ((a.plan, a.tail, [x], 10, 4, [x]), ValueError, "got 1 sources and 1 sinks"),
        ((a.plan, a.tail, x[0, 0], 10, 4), TypeError, "sources"),
        ((a.plan, a.tail, "x", 10, 4), TypeError, "sources"),
        ((a, a.tail, [x], 10, 4), TypeError, "expected a Plan or None"),
        ((a.plan, x, [x], 10, 4), TypeError, "expected a Plan or None"),
        ((a.plan, a.tail, [x], -1, 4), ValueError, "n=-1"),
        ((a.plan, a.tail, [x], 10, 0), ValueError, "batch=0"),
        ((a.plan, a.tail, [x], 10, -4), ValueError, "batch=-4"),
        ((a.plan, a.tail, [x], 10.0, 4), TypeError, "loop's n"),
        ((a.plan, a.tail, [x], 10, True), TypeError, "loop's batch"),
        ((a.plan, a.tail, [x], 2**64, 4), ValueError, "loop's n"),
        ((a.plan, a.tail, [x], 10, 4, (), [1]), TypeError, "names"),
        ((a.plan, a.tail, [x], 10), TypeError, "batch"),
    ]
    for args, error, match in cases:
        if error is None:
            assert Loop(*args).step == 0
        else:
            with pytest.raises(error, match=match):
                Loop(*args)
    g = Graph()
    scalar = g.input((), "float32")
    with pytest.raises(ValueError, match=r"must have 4 rows, it has shape \(\)"):
        Loop(g.plan([scalar], []), None, [x[:4]], 4, 4)


def test_no_rows():
    loop = Loop(None, None, [], 0, 4)
    assert loop.run(0, 0) == 0
    with pytest.raises(ValueError):
        loop.run(0, 1)


def test_run_errors():
    x = np.ones((10, 3), np.float32)
    adder = Adder(10, 4, sinks=False)
    loop = adder.loop(x)
    order = np.arange(10)
    cases = [
        ((-1, 2), ValueError, "0 <= first <= last <= 3"),
        ((2, 1), ValueError, "0 <= first <= last <= 3"),
        ((0, 4), ValueError, "0 <= first <= last <= 3"),
        ((0, 2**70), ValueError, "run's last"),
        ((0.0, 1), TypeError, "run's first"),
        ((0, 1, "1"), TypeError, "real number"),
        ((0, 3, 0.0, order.astype("i4")), TypeError, "order: expected an int64 array"),
        ((0, 3, 0.0, order.astype(float)), TypeError, "order: expected an int64 array"),
        ((0, 3, 0.0, order.astype(">i8")), TypeError, "order: expected an int64 array"),
        ((0, 3, 0.0, order.tolist()), TypeError, "order: expected an int64 array"),
        ((0, 3, 0.0, order[:9]), ValueError, r"places 0..9, or more up to 9, got 9 from place 0 on"),
        ((0, 3, 0.0, np.arange(11)), ValueError, "got 11 from place 0 on"),
        ((1, 3, 0.0, order[:6], 5), ValueError, r"places 4..9, or more up to 9, got 6 from place 5 on"),
        ((1, 2, 0.0, order[:3], 4), ValueError, r"places 4..7, or more up to 9, got 3 from place 4 on"),
        ((1, 2, 0.0, order[:7], 4), ValueError, "got 7 from place 4 on"),
        ((1, 2, 0.0, order[:7], -1), ValueError, "from place -1 on"),
        ((1, 2, 0.0, order[:4], 2**63 - 1), ValueError, "from place 9223372036854775807 on"),
        ((1, 2, 0.0, order[:4], 2**63), ValueError, "run's at"),
        ((1, 2, 0.0, order[:4], 4.0), TypeError, "run's at"),
        ((1, 2, 0.0, order[:4] + 7, 4), ValueError, r"order\[3\] is 10, outside 0..9"),
        ((0, 3, 0.0, order.reshape(2, 5)), ValueError, r"rank 1, got shape \(2, 5\)"),
        ((0, 3, 0.0, np.arange(20)[::2]), ValueError, "contiguous"),
        ((0, 3, 0.0, order + 1), ValueError, r"order\[9\] is 10, outside 0..9"),
        ((0, 3, 0.0, order - 1), ValueError, r"order\[0\] is -1, outside 0..9"),
        ((0, 3, 0.0, order * 2**60), ValueError, "outside"),
    ]
    for args, error, match in cases:
        with pytest.raises(error, match=match):
            loop.run(*args)
    assert adder.steps.array == 0 == loop.step
    assert loop.run(0, 3, 0.0, np.zeros(10, np.int64)) == 3
    assert loop.run(0, 2, 0.0, order + 2 * (order == 9)) == 2  # the rows of the last step are not read


def test_a_plan_may_serve_two_loops():
    x = np.ones((8, 3), np.float32)
    adder = Adder(8, 4, sinks=False)
    loops = [adder.loop(x), adder.loop(2 * x)]
    for step in range(2):
        for loop in loops:
            loop.run(step, step + 1)
    assert adder.steps.array == 4

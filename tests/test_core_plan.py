"""Plan.run: what is read in place, what is converted once, what is refused; what comes out owns its memory."""

import gc
import warnings

import numpy as np
import pytest
from nervure import _core
from nervure._core import Graph, Variable


def identity(shape, dtype, name="x"):
    """A plan that gives its input back (through an op, so that it is not simply handed on)."""
    g = Graph()
    x = g.input(shape, dtype, name)
    return g.plan([x], [x])


def doubling(shape, dtype, name="x"):
    g = Graph()
    x = g.input(shape, dtype, name)
    return g.plan([x], [g.op("add", (x, x))])


@pytest.mark.parametrize("shape", [(), (1,), (3, 4), (0,), (2, 0), (1,) * 8, (70, 130)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "bool"])
def test_outputs_are_new_arrays_that_own_their_memory(shape, dtype):
    plan = identity(shape, dtype)
    a = np.ones(shape, dtype)
    (first,), (second,) = plan.run(a), plan.run(a)
    for out in (first, second):
        assert type(out) is np.ndarray and out.shape == shape and out.dtype == dtype and (out == a).all()
        assert out.flags.owndata and out.flags.c_contiguous and out.flags.writeable and out.flags.aligned
    assert not np.shares_memory(first, a) and not np.shares_memory(first, second)


def test_several_inputs_and_outputs():
    for count in (0, 1, 3, 40):
        g = Graph()
        xs = [g.input((2,), "float32", f"x{k}") for k in range(count)]
        plan = g.plan(xs, [g.op("add", (x, x)) for x in xs] + xs)
        outs = plan.run(*[np.full(2, k, np.float32) for k in range(count)])
        assert [o[0] for o in outs] == [2 * k for k in range(count)] + list(range(count))
        for wrong in {0, count - 1, count + 1} - {count, -1}:
            with pytest.raises(TypeError, match=rf"takes {count} inputs .*, got {wrong}"):
                plan.run(*[np.ones(2, np.float32)] * wrong)
    with pytest.raises(TypeError):
        plan.run(x0=1)


def test_the_same_output_twice():
    g = Graph()
    x = g.input((3,), "float32")
    y = g.op("add", (x, x))
    a, b = g.plan([x], [y, y]).run(np.ones(3, np.float32))
    assert (a == 2).all() and (b == 2).all() and not np.shares_memory(a, b)


def layouts(a):
    """The same values in other memory."""
    wide = np.zeros((2 * a.shape[0], 3 * a.shape[1]), a.dtype)
    wide[::2, ::3] = a
    raw = np.zeros(a.nbytes + 1, np.uint8)
    unaligned = raw[1:].view(a.dtype).reshape(a.shape)
    unaligned[:] = a
    readonly = a.copy()
    readonly.flags.writeable = False
    yield from (a, np.asfortranarray(a), wide[::2, ::3], a[::-1][::-1], a[:, ::-1].copy()[:, ::-1], unaligned, readonly)
    yield from (a.astype(a.dtype.newbyteorder()), a.tolist(), a.copy().view(np.ma.MaskedArray))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "bool"])
def test_any_layout(dtype):
    a = np.arange(12).reshape(3, 4).astype(dtype)
    plan = identity((3, 4), dtype)
    for b in layouts(a):
        if isinstance(b, list) and dtype == "float32":
            b = np.asarray(b)
        keep = np.array(b, copy=True)
        (out,) = plan.run(b)
        assert np.array_equal(out, a) and np.array_equal(np.asarray(b), keep)


REAL = ["bool", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "q", "Q", "f2", "f4", "f8", "g"]
OTHER = [
    np.ones((3,), "c8"),
    np.ones((3,), "c16"),
    np.array(["a", "b", "c"]),
    np.array([b"a", b"b", b"c"]),
    np.array([1.0, None, 2.0], object),
    np.array([1, 2, 3], "M8[s]"),
    np.array([1, 2, 3], "m8[s]"),
    np.zeros(3, [("a", "f4")]),
    "abc",
    None,
    {},
    [1, "a", 2],
]


@pytest.mark.parametrize("want", ["float32", "float64", "int32", "int64", "bool"])
def test_kinds(want):
    plan = identity((3,), want)
    fits = {"f": "biuf", "i": "biu", "b": "b"}[np.dtype(want).kind]
    for code in REAL:
        a = np.array([0, 1, 1], code)
        if a.dtype.kind in fits:
            (out,) = plan.run(a)
            assert np.array_equal(out, [0, 1, 1]) and out.dtype == want
        else:
            with pytest.raises(TypeError, match=f"input 'x': expected dtype {want}, got {a.dtype}"):
                plan.run(a)
    for bad in OTHER:
        with pytest.raises(TypeError, match=f"input 'x': expected dtype {want}, got "):
            plan.run(bad)
    assert np.array_equal(plan.run(np.array([0, 1, 0], want))[0], [0, 1, 0])


@pytest.mark.parametrize(
    ("want", "value"),
    [
        ("int32", np.int64(2**31)),
        ("int32", np.int64(-(2**31) - 1)),
        ("int32", np.uint32(2**31)),
        ("int32", np.uint64(2**64 - 1)),
        ("int64", np.uint64(2**63)),
        ("int64", np.uint64(2**64 - 1)),
    ],
)
def test_ints_that_do_not_fit(want, value):
    plan = identity((2,), want)
    with pytest.raises(ValueError, match=f"input 'x': a value does not fit in {want}"):
        plan.run(np.array([0, value], value.dtype))
    with pytest.raises(ValueError, match="does not fit"):
        identity((), want).run(value)
    top = np.array([0, np.iinfo(want).max], value.dtype)
    assert np.array_equal(plan.run(top)[0], top)


def test_shapes():
    plan = identity((3, 4), "float32")
    for shape in ((), (3,), (4,), (4, 3), (3, 4, 1), (1, 3, 4), (0, 4), (12,)):
        with pytest.raises(ValueError, match=r"input 'x': expected shape \(3, 4\), got \("):
            plan.run(np.ones(shape, np.float32))
    with pytest.raises(ValueError, match="input 0: expected shape"):
        identity((3,), "float32", None).run(np.ones(4, np.float32))
    with pytest.raises(ValueError):
        plan.run([[1, 2], [3]])
    g = Graph()
    x, y = g.input((2,), "float32", "first"), g.input((2,), "float32", "second")
    with pytest.raises(ValueError, match=r"input 'second': expected shape \(2,\), got \(3,\)"):
        g.plan([x, y], [g.op("add", (x, y))]).run(np.ones(2), np.ones(3))


def test_scalars():
    plan = doubling((), "float64")
    for one in (1, 1.0, True, np.float32(1), np.int8(1), np.array(1)):
        (out,) = plan.run(one)
        assert type(out) is np.ndarray and out.shape == () and out == 2


def test_an_input_is_read_where_it_lies():
    """A run after a write sees the new values, and reading leaves no trace on the array."""
    a, plan = np.ones((64, 64), np.float32), doubling((64, 64), "float32")
    for value in (1, 5):
        a[:] = value
        assert (plan.run(a)[0] == 2 * value).all()
    v = Variable((64, 64))
    v.array[:] = 3
    assert (plan.run(v.array)[0] == 6).all() and (plan.run(v)[0] == 6).all()


def test_an_output_may_be_the_next_input():
    plan = doubling((5,), "float32")
    a = np.ones(5, np.float32)
    for _ in range(10):
        (a,) = plan.run(a)
    assert (a == 1024).all()


def test_failing_runs_leave_the_plan_usable():
    plan = doubling((3,), "float32")
    for bad in OTHER + [np.ones(4), []]:
        with pytest.raises((TypeError, ValueError)):
            plan.run(bad)
    assert (plan.run(np.ones(3))[0] == 2).all()

    class Raises:
        def __array__(self, dtype=None, copy=None):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        plan.run(Raises())


def test_warnings_as_errors_come_through():
    plan = doubling((3,), "float32")
    with warnings.catch_warnings(), pytest.raises(RuntimeWarning):
        warnings.simplefilter("error")
        plan.run(np.full(3, 1e300))


def test_updates_happen_once_a_run_and_not_when_arguments_are_wrong():
    g, v = Graph(), Variable((2,))
    x, n = g.input((2,), "float32", "x"), g.variable(v)
    plan = g.plan([x], (), [(v, g.op("add", (n, x)))])
    assert plan.run(np.ones(2)) == [] and (v.array == 1).all()
    with pytest.raises(ValueError):
        plan.run(np.ones(3))
    assert (v.array == 1).all()


def test_updates_read_the_old_values():
    g, v, w = Graph(), Variable((2,)), Variable((2,))
    v.array[:], w.array[:] = 1, 2
    plan = g.plan([], [g.variable(v)], [(v, g.variable(w)), (w, g.variable(v))])
    (out,) = plan.run()
    assert (v.array == 2).all() and (w.array == 1).all() and (out == 1).all()


def test_a_plan_outlives_what_it_was_made_of():
    g, v = Graph(), Variable((3,))
    x = g.input((3,), "float32", "x")
    plan = g.plan([x], [g.op("add", (x, g.variable(v)))], [(v, x)])
    a = v.array
    del g, v, x
    gc.collect()
    for k in range(3):
        plan.run(np.full(3, k, np.float32))
        assert (a == k).all()


def test_gradients_are_one_contiguous_view():
    g, v, w = Graph(), Variable((3,), "float64"), Variable((2, 5), "float64")
    x = g.input((), "float64", "x")
    nv, nw = g.variable(v), g.variable(w)
    scaled = g.op("multiply", (x, nv)), g.op("multiply", (g.op("multiply", (x, x)), nw))
    grads = [*g.grad(scaled[0], [nv]), *g.grad(scaled[1], [nw])]
    plan = g.plan([x], gradients=grads)
    plan.run(3.0)
    flat = plan.gradients
    assert flat.base is plan and flat.dtype == "float64" and flat.ndim == 1 and flat.ctypes.data % 64 == 0
    assert (flat[:3] == 3).all() and (flat[8:18] == 9).all() and flat.size == 24  # 64-byte padded each
    assert flat.nbytes == plan.stats["gradient_bytes"]
    plan.run(5.0)
    assert (flat[:3] == 5).all() and np.shares_memory(flat, plan.gradients)
    del plan
    gc.collect()
    assert (flat[8:18] == 25).all()


def test_plans_without_gradients_have_none():
    assert identity((3,), "float32").gradients is None


def test_stats_and_text():
    plan = doubling((3,), "float32")
    assert plan.stats.keys() == {
        *("arena_bytes", "gradient_bytes", "scratch_bytes", "n_instructions", "n_nodes", "n_barriers", "flops", "cost")
    }
    assert isinstance(plan.text, str) and plan.text.count("\n") >= 1


def test_a_run_allocates_nothing_in_c():
    plan, a = doubling((300, 100), "float32"), np.ones((300, 100), np.float32)
    plan.run(a)
    before = _core.alloc_count()
    for _ in range(10):
        plan.run(a)
    assert _core.alloc_count() == before

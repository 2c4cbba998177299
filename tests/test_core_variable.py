"""Variable: one piece of memory, seen from everywhere, alive as long as anything sees it."""

import gc
import itertools
import sys
import weakref

import numpy as np
import pytest
from nervure import _core
from nervure._core import Graph, Variable


def test_array_is_the_memory():
    v = Variable((3, 4))
    a = v.array
    assert a.shape == v.shape == (3, 4) and a.dtype == v.dtype == "float32" and not a.any()
    assert a.base is v and a.flags.c_contiguous and a.flags.writeable and not a.flags.owndata
    assert a.ctypes.data % 64 == 0 and a.ctypes.data == v.array.ctypes.data
    a[:] = 7
    assert (v.array == 7).all() and repr(v) == "<Variable float32(3, 4)>"


@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (1,) * 8, (5,)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "bool"])
def test_shapes_and_dtypes(shape, dtype):
    a = Variable(shape, dtype=dtype).array
    assert isinstance(a, np.ndarray) and a.shape == shape and a.dtype == dtype and not a.any()


def test_a_write_is_seen_by_the_next_run_and_an_update_by_the_view():
    g, v = Graph(), Variable((4,))
    n, x = g.variable(v), g.input((4,), "float32")
    y = g.op("add", (n, x))
    plan, a, one = g.plan([x], [y], [(v, y)]), v.array, np.ones(4, np.float32)
    where = a.ctypes.data
    for step in range(5):
        (out,) = plan.run(one)
        assert (out == step + 1).all() and (a == step + 1).all()
    a[:] = 100
    assert (plan.run(one)[0] == 101).all() and a.ctypes.data == where


def test_out_of_memory_and_sizes():
    with pytest.raises((MemoryError, ValueError)):
        Variable((2**58,))
    with pytest.raises(TypeError):
        Variable()
    with pytest.raises(TypeError):
        Variable((1,), "float32", 3)
    with pytest.raises(TypeError):
        Variable((1,), kind="float32")


def test_array_protocol():
    v = Variable((3,))
    v.array[:] = [1, 2, 3]
    assert np.shares_memory(np.asarray(v), v.array) and np.asarray(v).base is not None
    assert not np.shares_memory(np.array(v), v.array)
    assert not np.shares_memory(np.asarray(v, dtype="float64"), v.array)
    assert np.asarray(v, dtype="float64").dtype == "float64"
    assert np.shares_memory(np.asarray(v, copy=False), v.array)
    with pytest.raises(ValueError):
        np.asarray(v, dtype="float64", copy=False)
    assert not np.shares_memory(v.__array__(copy=True), v.array)
    assert (np.add(v, 1) == [2, 3, 4]).all()
    with pytest.raises(TypeError):
        v.__array__(spam=1)


def test_copies_cost_no_reference_to_a_dtype():
    """NumPy 2.2 itself gets this wrong for `ndarray.__array__(copy=True)`, until it crashes."""
    v, dtype = Variable((3,)), np.dtype(np.float32)
    np.array(v, copy=True)
    before = sys.getrefcount(dtype)
    for _ in range(50):
        np.array(v, copy=True)
    assert abs(sys.getrefcount(dtype) - before) < 5


def test_dlpack_round_trip():
    v = Variable((2, 3), "float64")
    a = np.from_dlpack(v)
    assert np.shares_memory(a, v.array) and v.__dlpack_device__() == (1, 0)
    b = _core.from_dlpack(v)
    assert np.shares_memory(a, b) and b.shape == (2, 3)
    v.array[1, 2] = 5
    del v
    gc.collect()
    assert a[1, 2] == b[1, 2] == 5
    with pytest.raises((TypeError, AttributeError)):
        _core.from_dlpack([1, 2])
    capsule = Variable((2,)).__dlpack__()
    assert type(capsule).__name__ == "PyCapsule"
    with pytest.raises((BufferError, ValueError, TypeError)):  # which, depends on NumPy
        Variable((2,)).__dlpack__(dl_device=(2, 0))


def test_weak_references_and_garbage():
    g, v = Graph(), Variable((2,))
    x = g.input((2,), "float32")
    p = g.plan([x], [x])
    refs = [weakref.ref(o) for o in (g, v, p)]
    assert all(r() is o for r, o in zip(refs, (g, v, p))) and gc.is_tracked(v)
    a = v.array
    del v
    assert refs[1]() is a.base
    del a, g, x, p
    gc.collect()
    assert all(r() is None for r in refs)


def make_world():
    """Everything that can hold C memory, and a check for each that it still works."""
    g, v = Graph(), Variable((4,))
    view = v.array
    view[:] = 3
    x, n = g.input((4,), "float32"), g.variable(v)
    y = g.op("multiply", (x, n))
    plan = g.plan([x], [y], [(v, n)], g.grad(y, [n]))
    one = np.ones(4, np.float32)
    (out,) = plan.run(one)
    things = {"graph": g, "variable": v, "view": view, "node": y, "plan": plan, "gradients": plan.gradients, "out": out}
    checks = {
        "graph": lambda o: len(o) >= 3 and o.input((1,), "bool").shape == (1,),
        "variable": lambda o: (o.array == 3).all(),
        "view": lambda o: (o == 3).all() and o.base.dtype == "float32",
        "node": lambda o: o.op == "multiply" and len(o.inputs) == 2,
        "plan": lambda o: (o.run(one)[0] == 3).all(),
        "gradients": lambda o: (o[:4] == 1).all(),
        "out": lambda o: (o == 3).all() and o.flags.owndata,
    }
    return things, checks


def test_lifetimes_hold_whatever_is_deleted_first():
    gc.collect()
    live = _core.alloc_live()
    names = sorted(make_world()[0])
    orders = list(itertools.permutations(names))
    for order in orders[:: max(1, len(orders) // 200)]:
        things, checks = make_world()
        for name in order:
            del things[name]
            for rest, thing in things.items():
                assert checks[rest](thing), (order, name, rest)
            thing = None
        del checks, thing
    gc.collect()
    assert _core.alloc_live() == live


def test_cycles_through_views_are_collected():
    class Holder(np.ndarray):
        pass

    live = _core.alloc_live()
    v = Variable((4,))
    holder = v.array.view(Holder)
    holder.me = holder
    ref = weakref.ref(v)
    del v, holder
    gc.collect()
    assert ref() is None and _core.alloc_live() == live


def test_references_are_exact():
    g, v = Graph(), Variable((4,))
    x = g.input((4,), "float32", "x")
    y = g.op("add", (x, g.variable(v)))
    plan, a = g.plan([x], [y]), np.ones(4, np.float32)
    things = (g, v, x, y, plan, a, _core.Node, _core.Variable, _core.Plan)

    def churn():
        plan.run(a)
        plan.run([1, 2, 3, 4])
        g.op("add", (x, y))
        for bad in (a[:2], "abc", a + 1j):
            with pytest.raises((TypeError, ValueError)):
                plan.run(bad)
        with pytest.raises(TypeError):
            g.op("add", (x, a))
        with pytest.raises(ValueError):
            g.op("add", (x,))
        g.plan([x], [y], [(v, y)], [y])
        g.grad(y, [x])
        g.set_name(y, "y"), g.find("y"), g.constant(a), len(g), repr(y), repr(v)
        _ = v.array, v.shape, v.dtype, np.asarray(v), np.from_dlpack(v), y.graph, y.inputs, y.ints, y.floats, y.name
        _ = plan.stats, plan.text, plan.gradients

    churn()
    before = [sys.getrefcount(t) for t in things]
    for _ in range(50):
        churn()
    after = [sys.getrefcount(t) for t in things]
    assert all(abs(x - y) < 10 for x, y in zip(before, after)), list(zip(before, after))

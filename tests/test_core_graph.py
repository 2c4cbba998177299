"""Graph and Node: identity, attributes, and every wrong argument an exception that leaves the graph usable."""

import gc
import weakref

import numpy as np
import pytest
from nervure import _core
from nervure._core import Graph, Variable

BIG = 2**61


@pytest.fixture
def graph():
    return Graph()


def test_same_computation_is_the_same_node(graph):
    x, y = graph.input((4, 3), "float32", "x"), graph.input((3,), "float32")
    a = graph.op("add", (x, y))
    assert graph.op("add", inputs=[x, y]) is a and a == a and hash(a) == hash(graph.op("add", (x, y)))
    assert graph.input((4, 3), "float32", "x") is not x
    assert a.inputs == (x, y) and a.inputs[0] is x and a.graph is graph
    assert len({a, graph.op("add", (x, y)), x}) == 2
    assert len(graph) == 4


def test_node_properties(graph):
    x = graph.input((4, 3), "float64", "x")
    assert (x.shape, x.dtype, x.op, x.name, x.inputs) == ((4, 3), "float64", "input", "x", ())
    f = graph.op("full", (), (2, 0), (2.0,), "int32")
    assert (f.shape, f.dtype, f.ints, f.floats[0], f.name) == ((2, 0), "int32", (2, 0), 2.0, None)
    assert graph.input((), "bool").shape == ()
    assert repr(x) == "<Node 0: input x float64(4, 3)>"
    with pytest.raises(AttributeError):
        x.shape = (1,)


def test_nodes_keep_their_graph():
    graph = Graph()
    x = graph.input((2,), "float32")
    ref = weakref.ref(graph)
    y = graph.op("add", (x, x))
    del graph, x
    gc.collect()
    assert ref() is not None and y.inputs[0].graph is ref()
    del y
    gc.collect()
    assert ref() is None


def test_a_node_can_come_back(graph):
    x = graph.input((2,), "float32", "x")
    for _ in range(3):
        y = graph.op("multiply", (x, x))
        assert graph.find("x") is x
        del y
    count = len(graph)
    graph.op("multiply", (x, x))
    assert len(graph) == count


def test_names(graph):
    x = graph.input((2,), "float32", "x")
    y = graph.op("add", (x, x))
    assert graph.find("y") is None
    graph.set_name(y, "y")
    assert graph.find("y") is y and y.name == "y"
    graph.set_name(node=y, name="größe")
    assert graph.find(name="größe") is y
    for bad, error in (("a\0b", ValueError), (b"y", TypeError), (None, TypeError), ("\ud800", UnicodeEncodeError)):
        with pytest.raises(error):
            graph.set_name(y, bad)
        with pytest.raises(error):
            graph.find(bad)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "bool"])
def test_constant_is_a_copy(graph, dtype):
    a = np.arange(24).reshape(4, 6).astype(dtype)
    for view in (a, a[::2], a.T, a[:, ::-1], a[0, 0], a[:0], a.astype(a.dtype.newbyteorder())):
        node = graph.constant(view)
        keep = np.array(view)
        (out,) = graph.plan([], [node]).run()
        assert node.dtype == dtype and out.dtype == dtype and out.shape == np.shape(view)
        assert np.array_equal(out, keep) and not np.shares_memory(out, a)


def test_constant_errors(graph):
    for bad in (np.ones(2, "f2"), np.ones(2, "u1"), np.ones(2, complex), np.array(["a"]), np.array([object()]), None):
        with pytest.raises(TypeError, match="constant: dtype"):
            graph.constant(bad)
    with pytest.raises(ValueError, match="dimensions"):
        graph.constant(np.ones((1,) * 9))


SHAPES = [
    ((-1,), ValueError),
    ((2, -3), ValueError),
    ((BIG, BIG), ValueError),
    ((0, BIG), ValueError),
    ((2**70,), ValueError),
    ((-(2**70),), ValueError),
    ((1,) * 9, ValueError),
    ((1,) * 100, ValueError),
    ((True,), TypeError),
    ((np.True_,), TypeError),
    ((1.0,), TypeError),
    ((None,), TypeError),
    ("12", TypeError),
    (b"12", TypeError),
    (3, TypeError),
    (None, TypeError),
]


@pytest.mark.parametrize(("shape", "error"), SHAPES, ids=str)
def test_shape_errors(graph, shape, error):
    with pytest.raises(error, match="input"):
        graph.input(shape, "float32")
    with pytest.raises(error, match="variable"):
        Variable(shape)
    assert len(graph) == 0


def test_shapes_that_are_fine(graph):
    for shape in ([2, 3], (np.int64(2), np.int8(3)), np.array([2, 3]), range(2, 4)):
        assert graph.input(shape, "int64").shape == (2, 3) == Variable(shape, "int64").shape


@pytest.mark.parametrize(
    ("dtype", "error"),
    [
        ("float16", ValueError),
        ("uint8", ValueError),
        ("Float32", ValueError),
        ("", ValueError),
        (np.float32, TypeError),
    ],
)
def test_dtype_errors(graph, dtype, error):
    with pytest.raises(error, match="dtype"):
        graph.input((1,), dtype)
    with pytest.raises(error, match="dtype"):
        Variable((1,), dtype)
    with pytest.raises(error, match="full: "):
        graph.op("full", (), (1,), (0.0,), dtype)


def test_dtype_need_not_be_interned(graph):
    assert graph.input((1,), "".join(["float", "64"])).dtype == "float64"


def test_op_errors(graph):
    x, other = graph.input((2,), "float32"), Graph().input((2,), "float32")
    before = len(graph)
    cases = [
        (("no_such_op", (x,)), ValueError, "no op called 'no_such_op'"),
        (("input", ()), ValueError, "input"),
        (("add", (x,)), ValueError, "add: takes 2 inputs, got 1"),
        (("add", (x, x, x)), ValueError, "add: takes 2 inputs, got 3"),
        (("add", (x,) * 100), ValueError, "add: takes 2 inputs, got 100"),
        (("add", (x, other)), ValueError, "belongs to another graph"),
        (("add", (x,) * 20 + (other,)), ValueError, "belongs to another graph"),
        (("add", (x, 1.0)), TypeError, "add: expected a Node, got 1.0"),
        (("add", x), TypeError, "add: expected a sequence"),
        (("add", None), TypeError, "add: expected a sequence"),
        (("full", (), (True,), (0.0,)), TypeError, "full: expected an int, got True"),
        (("full", (), (1.5,), (0.0,)), TypeError, "full: expected an int, got 1.5"),
        (("full", (), (2**63,), (0.0,)), ValueError, "full: the int does not fit"),
        (("full", (), 3, (0.0,)), TypeError, "full: expected a sequence"),
        (("full", (), (1,), (1.0, 2.0, 3.0)), ValueError, "full: at most 2 floats, got 3"),
        (("full", (), (1,), ("1",)), TypeError, "real number"),
        (("full", (), (1,), (1j,)), TypeError, "real number"),
        (("full", (), (BIG, BIG), (0.0,)), ValueError, "too large"),
        (("full", (), (-1,), (0.0,)), ValueError, "full"),
        (("full", (), (1,) * 9, (0.0,)), ValueError, "full"),
        ((b"add", (x, x)), TypeError, "op's name"),
        (("ad\0d", (x, x)), ValueError, "NUL"),
        ((None,), TypeError, "op's name"),
    ]
    for args, error, match in cases:
        with pytest.raises(error, match=match):
            graph.op(*args)
    assert len(graph) == before
    assert graph.op("add", (x, x)).shape == (2,)


def test_shapes_that_do_not_broadcast_name_the_op_and_both_shapes(graph):
    with pytest.raises(ValueError, match=r"add.*\(2,\).*\(3,\)"):
        graph.op("add", (graph.input((2,), "float32"), graph.input((3,), "float32")))


def test_non_finite_floats_are_values(graph):
    for value in (np.inf, -np.inf, np.nan):
        (out,) = graph.plan([], [graph.op("full", (), (2,), (value,), "float64")]).run()
        assert np.array_equal(out, [value, value], equal_nan=True)


class Meddler:
    """An index whose __index__ changes the list it is in."""

    def __init__(self, victim):
        self.victim = victim

    def __index__(self):
        self.victim.clear()
        return 2


def test_hostile_sequences(graph):
    victim: list = []
    victim += [Meddler(victim), 3, 4]
    assert graph.input(victim, "float32").shape == (2, 3, 4)

    class Bad:
        def __getitem__(self, k):
            raise ZeroDivisionError

        def __len__(self):
            return 2

    with pytest.raises(ZeroDivisionError):
        graph.op("add", Bad())


def test_every_op_survives_nonsense():
    """Wrong arities and attributes are exceptions, whatever the op."""
    graph = Graph()
    pool = [
        graph.input(s, d) for s in ((), (3,), (2, 3), (0, 3)) for d in ("float32", "float64", "int32", "int64", "bool")
    ]
    ints = ((), (0,), (-1,), (7,), (1, 2, 3), (-(2**63),), (2**63 - 1,) * 3, tuple(range(30)))
    made = 0
    for row in _core.op_table():
        rng = np.random.default_rng(0)
        for n_in in sorted({0, row["min_in"], min(row["max_in"], 4), 5}):
            for attrs in ints:
                for dtype in (None, "bool"):
                    inputs = [pool[k] for k in rng.integers(len(pool), size=n_in)]
                    try:
                        node = graph.op(row["name"], inputs, attrs, (np.nan, -np.inf), dtype)
                    except (ValueError, TypeError, IndexError) as error:
                        assert str(error)
                    else:
                        made += 1
                        assert all(s >= 0 for s in node.shape) and node.dtype
    assert made > 0 and len(graph) > 0


def test_grad(graph):
    x, y = graph.input((3,), "float64"), graph.input((3,), "float64")
    z = graph.op("multiply", (x, y))
    dx, dy = graph.grad(z, [x, y])
    assert isinstance(dx.shape, tuple) and dx.shape == (3,) and dx.dtype == "float64"
    values = np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])
    assert np.array_equal(graph.plan([x, y], [dx, dy]).run(*values), values[::-1])
    seeded = graph.grad(y=z, wrt=(x,), dy=x)
    assert np.array_equal(graph.plan([x, y], seeded).run(*values)[0], values[0] * values[1])
    assert graph.grad(z, []) == []


def test_grad_errors(graph):
    x, i = graph.input((3,), "float64"), graph.input((3,), "int32")
    other = Graph().input((3,), "float64")
    for args, error in (
        ((other, [x]), ValueError),
        ((x, [other]), ValueError),
        ((x, [x], other), ValueError),
        ((x, x), TypeError),
        ((x, [1]), TypeError),
        ((1, [x]), TypeError),
        ((i, [x]), (TypeError, ValueError)),
        ((x, [x], graph.input((2,), "float64")), (TypeError, ValueError)),
    ):
        with pytest.raises(error):
            graph.grad(*args)
    assert graph.grad(x, [x])[0].shape == (3,)


def test_plan_errors(graph):
    x, v = graph.input((3,), "float32", "x"), Variable((3,))
    y = graph.op("add", (x, graph.variable(v)))
    other = Graph().input((3,), "float32")
    for args, error in (
        (([y], [y]), ValueError),  # not an input
        (([], [y]), ValueError),  # x is needed and not given
        (([x, x], [y]), ValueError),  # given twice
        (([other], [y]), ValueError),
        (([x], [other]), ValueError),
        (([x], [y], [(v, other)]), ValueError),
        (([x], [y], [(Variable((2,)), y)]), ValueError),
        (([x], [y], [(Variable((3,), "float64"), y)]), (ValueError, TypeError)),
        (([x], [y], [(v, y), (v, x)]), ValueError),  # updated twice
        (([x], [y], [(v,)]), TypeError),
        (([x], [y], [[v, y]]), TypeError),
        (([x], [y], [(y, v)]), TypeError),
        (([x], [y], [v]), TypeError),
        (([x], [y], v), TypeError),
        (([x], [y], (), [other]), ValueError),
        (([x], y), TypeError),
        ((x, [y]), TypeError),
    ):
        with pytest.raises(error):
            graph.plan(*args)
    (out,) = graph.plan(inputs=[x], outputs=[y]).run(np.ones(3, np.float32))
    assert np.array_equal(out, [1, 1, 1])

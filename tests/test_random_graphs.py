"""Random graphs of many ops, simplified, fused and planned, against NumPy; their gradients against central
differences."""

import numpy as np
import pytest
from nervure import _core
from op_samples import REFERENCE, dot, mT

UNARY = """neg abs square tanh sigmoid sin softplus relu exp log_softmax softmax logsumexp cumsum cumprod
    erf arctan stop_gradient"""
BINARY = "add subtract multiply maximum divide power"


class Grown:
    """A random graph beside its NumPy value. Every value stays tame, and 2-d."""

    def __init__(self, seed):
        self.rng, self.graph = np.random.default_rng(seed), _core.Graph()
        self.inputs, self.arrays, self.pool = [], [], []
        for shape in ((4, 6), (6, 4), (1, 6), (4, 1), (4, 6)):
            self.inputs.append(self.graph.input(shape, "float64"))
            self.arrays.append(self.rng.uniform(-1, 1, shape))
            self.pool.append((self.inputs[-1], self.arrays[-1]))
        for value in (0.0, 1.0, -1.0, 2.0, 0.25):
            self.pool.append((self.graph.op("full", [], [1, 1], [value], "float64"), np.full((1, 1), value)))

    def op(self, name, of, ints=(), floats=(), dtype=None):
        node = self.graph.op(name, [n for n, _ in of], ints, floats, dtype)
        value = np.asarray(REFERENCE[name]([a for _, a in of], tuple(ints), floats, dtype))
        assert node.shape == value.shape
        return node, value

    def pick(self):
        recent = self.rng.integers(2)
        return self.pool[self.rng.integers(max(0, len(self.pool) - 6) if recent else 0, len(self.pool))]

    def grow(self):
        rng, x, kind = self.rng, self.pick(), self.rng.integers(11)
        shape = x[1].shape
        if kind < 2:
            made = self.op(str(rng.choice(UNARY.split())), [x])
        elif kind < 5:
            name, y = str(rng.choice(BINARY.split())), self.pick()
            if not all(a == b or 1 in (a, b) for a, b in zip(shape, y[1].shape)):
                return
            if name == "divide":
                y = self.op("add", [self.op("square", [y]), self.pool[6]])
            if name == "power":
                x, y = self.op("softplus", [x]), self.op("full", [], [1, 1], [float(rng.integers(-1, 4))], "float64")
            made = self.op(name, [x, y])
        elif kind == 5:
            made = [
                lambda: self.op("transpose", [x], [1, 0]),
                lambda: self.op("reshape", [x], shape[::-1]),
                lambda: self.op("slice", [x], [shape[0] - 1, 0, *shape, -1, 1]),
                lambda: self.op("slice", [x], [0, 0, 1, shape[1], 1, 1]),
                lambda: self.op("broadcast_to", [x], [4 if s == 1 else s for s in shape]),
            ][rng.integers(5)]()
        elif kind == 6:
            made = self.op(
                str(rng.choice(["sum", "max", "prod"])), [x], sorted(rng.permutation(2)[: rng.integers(3)].tolist())
            )
        elif kind == 7:
            y = self.pick()
            fits = [f for f in ([0, 0], [0, 1], [1, 0], [1, 1]) if mT(x[1], f[0]).shape[1] == mT(y[1], f[1]).shape[0]]
            if not fits:
                return
            made = self.op("matmul", [x, y], fits[0])
        elif kind == 8:
            y = self.pick()
            if not all(a == b or 1 in (a, b) for a, b in zip(shape, y[1].shape)):
                return
            made = self.op("where", [self.op(str(rng.choice(["less", "greater_equal"])), [x, y]), y, x])
        elif kind == 9:
            axis, places = int(rng.integers(2)), rng.integers(-1, 1, 3).astype(np.int32)
            made = self.op("take", [x, (self.graph.constant(places), places)], [axis])
            places = places % np.int32(shape[axis])
            made = self.op("scatter_add", [(self.graph.constant(places), places), made], [axis, shape[axis]])
        else:
            axis = int(rng.integers(2))
            made = self.op("concatenate", [x, x], [axis])
            made = self.op("slice", [made], [s // 2 if k == axis else 0 for k, s in enumerate(shape)] + [*shape, 1, 1])
        if np.abs(made[1]).max() > 3:
            made = self.op("tanh", [made])
        self.pool.append(made)


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs(seed):
    t = Grown(seed)
    while len(t.pool) < 40:
        t.grow()
    g, ends = t.graph, t.pool[-4:]
    loss = g.op("full", [], [], [0.0], "float64")
    for n, a in ends:
        weight = g.constant(t.rng.uniform(0.5, 1, a.shape))
        loss = g.op("add", [loss, dot(g, n, weight)])
    grads = g.grad(loss, t.inputs)
    plan = g.plan(t.inputs, [loss, *grads, *(n for n, _ in t.pool[10:])])
    out = plan.run(*t.arrays)
    for got, (n, want) in zip(out[6:], t.pool[10:]):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-11, err_msg=n.op)
    u, h = [t.rng.uniform(-1, 1, a.shape) for a in t.arrays], 1e-6
    ahead, behind = (plan.run(*(a + s * d for a, d in zip(t.arrays, u)))[0] for s in (h, -h))
    stopped = any(n.op == "stop_gradient" for n in reachable(loss))
    want, got = (ahead - behind) / (2 * h), sum(np.vdot(d, v) for d, v in zip(out[1:6], u))
    if not stopped:
        assert abs(got - want) < 1e-6 * (1 + abs(want)), (got, want)
    # Few results asked for, so that the rest may fuse; and the second derivatives along u.
    slope = g.op("full", [], [], [0.0], "float64")
    for d, v in zip(grads, u):
        slope = g.op("add", [slope, dot(g, d, g.constant(v))])
    twice = g.grad(slope, t.inputs)
    few = g.plan(t.inputs, [loss, *grads, slope, *twice])
    here, ahead, behind = (few.run(*(a + s * d for a, d in zip(t.arrays, u))) for s in (0, h, -h))
    for got, want in zip(here[:6], out[:6]):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-11)
    want, got = (ahead[6] - behind[6]) / (2 * h), sum(np.vdot(d, v) for d, v in zip(here[7:], u))
    size = sum(np.abs(d).max() for d in here[7:])
    if not stopped:
        assert abs(got - want) < 1e-5 * (1 + abs(want) + size), (got, want)


def reachable(node):
    seen, todo = set(), [node]
    while todo:
        n = todo.pop()
        if n not in seen:
            seen.add(n)
            todo += n.inputs
    return seen


# ---- graphs of exactly rounded ops on odd numbers, few of whose nodes are asked for: what is simplified away, shared
# or fused must change no infinity, NaN, zero or rounding ----

ODD = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3.0, -7.0, np.inf, -np.inf, np.nan, 3e38, -1e-38, 1e30, 1e-30]
PLAIN = "neg abs square sqrt reciprocal relu sign floor round stop_gradient"
EXACT = "add subtract multiply divide maximum minimum"
UNSIGNED = ("maximum", "minimum", "max", "min", "relu")  # which of 0 and -0 they choose is left open: both become 0
TESTS = "equal not_equal less less_equal greater greater_equal"


class Odd:
    """Pools of float and bool nodes of shapes that broadcast, each beside its value as NumPy computes it op by op."""

    SHAPES = ((3, 4, 5), (4, 5), (3, 1, 5), (1, 5), (3, 4, 1), (1,), (), (4, 1))

    def __init__(self, seed, dtype):
        self.rng, self.graph, self.dtype = np.random.default_rng(seed), _core.Graph(), dtype
        self.inputs, self.arrays, self.floats, self.bools = [], [], [], []
        self.zero = self.graph.op("full", [], [], [0.0], dtype)
        for shape in self.SHAPES:
            self.inputs.append(self.graph.input(shape, dtype))
            self.arrays.append(self.rng.choice(np.array(ODD, dtype), shape))
            self.floats.append((self.inputs[-1], self.arrays[-1]))
        for value in (0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 4.0, np.inf, np.nan):
            shape = self.SHAPES[self.rng.integers(len(self.SHAPES))]
            self.floats.append((self.graph.op("full", [], shape, [value], dtype), np.full(shape, value, dtype)))

    def pick(self, pool):
        late = self.rng.integers(3) and len(pool) > 8
        return pool[self.rng.integers(len(pool) - 8 if late else 0, len(pool))]

    def op(self, name, of, ints=(), dtype=None):
        try:
            np.broadcast_shapes(*(a.shape for _, a in of))
        except ValueError:
            return
        node = self.graph.op(name, [n for n, _ in of], ints, (), dtype)
        value = np.asarray(REFERENCE[name]([a for _, a in of], tuple(ints), (), dtype))
        assert (node.shape, node.dtype) == (value.shape, str(value.dtype)), name
        if name in UNSIGNED:
            node, value = self.graph.op("add", [node, self.zero]), value + value.dtype.type(0)
        (self.bools if node.dtype == "bool" else self.floats).append((node, value))

    def grow(self):
        rng, x, y = self.rng, self.pick(self.floats), self.pick(self.floats)
        kind, shape = rng.integers(12), x[1].shape
        ndim = len(shape)
        if kind < 2:
            self.op(str(rng.choice(PLAIN.split())), [x])
        elif kind < 6:
            self.op(str(rng.choice(EXACT.split())), [x, y])
        elif kind == 6:
            self.op(str(rng.choice(TESTS.split())), [x, y])
        elif kind == 7 and self.bools:
            self.op("where", [self.pick(self.bools), x, y])
        elif kind == 8 and len(self.bools) > 1:
            name = str(rng.choice(["logical_not", "logical_and", "logical_or", "logical_xor"]))
            self.op(name, [self.pick(self.bools) for _ in range(1 if name == "logical_not" else 2)])
        elif kind == 9:
            if not ndim:
                return
            choice = rng.integers(4)
            if choice == 0 and ndim > 1:
                back = list(range(ndim))[::-1]
                self.op("transpose", [x], back)
                self.op("transpose", [self.floats[-1]], back)
            elif choice == 1:
                self.op("broadcast_to", [x], [2, *(3 if n == 1 else n for n in shape)][-3:])
            elif choice == 2:
                self.op("slice", [x], [*(n - 1 for n in shape), *shape, *[-1] * ndim])
            else:
                self.op("reshape", [x], [x[1].size])
                self.op("reshape", [self.floats[-1]], shape)
        elif kind == 10:
            self.op(str(rng.choice(["max", "min"])), [x], sorted(rng.permutation(ndim)[: rng.integers(3)].tolist()))
        elif self.bools:
            self.op("cast", [self.pick(self.bools)], dtype=self.dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(30))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_random_graphs_of_odd_numbers(seed, dtype):
    t = Odd(seed, dtype)
    for _ in range(60):
        t.grow()
    made = t.floats[17:] + t.bools
    chosen = [made[k] for k in t.rng.permutation(len(made))[:5]] + made[-1:]
    for (node, want), got in zip(chosen, t.graph.plan(t.inputs, [n for n, _ in chosen]).run(*t.arrays), strict=True):
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want, err_msg=node.op)
        if dtype == want.dtype:
            number = ~np.isnan(want)
            np.testing.assert_array_equal(np.signbit(got)[number], np.signbit(want)[number], err_msg=node.op)

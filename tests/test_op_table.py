"""Every op, from its row alone: forward against NumPy, first and second derivatives against central differences,
views, threads. A new row is sampled by its `domain` and `attrs` (csrc/graph/op.h says how); all it needs here is a
reference."""

import itertools
import math
from statistics import NormalDist

import numpy as np
import pytest
from nervure import _core

ROWS = {row["name"]: row for row in _core.op_table() if row["name"] not in ("input", "constant", "variable")}
SIZES = (1, 7, 8, 9, 15, 16, 17)
DIFFERENTIABLE = "rpugnfwd"


# ---- references: name -> f(arrays, ints, floats, dtype), in NumPy's own words ----


def on_axis(f):
    return lambda a, i, _f, _t: f(a[0], axis=tuple(i), keepdims=True)


def stable_rows(f):
    def reference(a, _i, _f, _t):
        x = a[0].astype(np.float64)
        top = x.max(-1, keepdims=True, initial=-np.inf)
        return f(x, top, np.log(np.exp(x - top).sum(-1, keepdims=True)))

    return reference


def sliced(x, i):
    n = x.ndim
    for axis, (begin, size, step) in enumerate(zip(i[:n], i[n : 2 * n], i[2 * n :])):
        x = np.take(x, [begin + k * step for k in range(size)], axis)
    return x


def padded(x, i, value):
    n = x.ndim
    lo, hi, gap = i[:n], i[n : 2 * n], i[2 * n :]
    shape = [a + b + s + max(s - 1, 0) * k for a, b, k, s in zip(lo, hi, gap, x.shape)]
    out = np.full(shape, value, x.dtype)
    out[tuple(slice(a, a + max(s * (k + 1) - k, 0), k + 1) for a, k, s in zip(lo, gap, x.shape))] = x
    return out


def scattered(a, i):
    idx, updates = a
    axis, size = i
    out = np.zeros(updates.shape[:axis] + (size,) + updates.shape[axis + idx.ndim :], updates.dtype)
    for where in np.ndindex(idx.shape):
        out[(slice(None),) * axis + (idx[where],)] += updates[(slice(None),) * axis + where]
    return out


def put_along(a, i):
    idx, updates = a
    axis, size = i
    out = np.zeros(updates.shape[:axis] + (size,) + updates.shape[axis + 1 :], updates.dtype)
    for where in np.ndindex(idx.shape):
        out[where[:axis] + (idx[where],) + where[axis + 1 :]] += updates[where]
    return out


def philox(seed, counter, groups):
    """Philox4x32-10 (Salmon et al., SC 2011) in plain integers: four words a group."""
    words = []
    for g in range(groups):
        c = [g & 0xFFFFFFFF, g >> 32, counter & 0xFFFFFFFF, counter >> 32]
        k = [seed & 0xFFFFFFFF, seed >> 32]
        for _ in range(10):
            p, q = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
            c = [(q >> 32) ^ c[1] ^ k[0], q & 0xFFFFFFFF, (p >> 32) ^ c[3] ^ k[1], p & 0xFFFFFFFF]
            k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
        words += c
    return np.array(words, np.uint64)


def uniform(a, i, f, dtype):
    seed, counter = (int(s) for s in a[0])
    count = math.prod(i)
    if dtype == "float32":
        u = (philox(seed, counter, -(-count // 4)) >> np.uint64(8)).astype(np.float32) * np.float32(2.0**-24)
    else:
        w = philox(seed, counter, -(-count // 2))
        u = ((w[0::2] | w[1::2] << np.uint64(32)) >> np.uint64(12)).astype(np.float64) * 2.0**-52
    low, high = np.dtype(dtype).type(f[0]), np.dtype(dtype).type(f[1])
    return (low + u[:count] * (high - low)).reshape(i)


def iota(i, dtype):
    shape = np.ones(len(i) - 1, int)
    shape[i[0]] = -1
    return np.broadcast_to(np.arange(i[1:][i[0]]).reshape(shape), i[1:]).astype(dtype)


def mT(x, flag):
    return np.swapaxes(x, -1, -2) if flag else x


def each(f):
    return lambda a, *_: f(*a)


erf = np.vectorize(math.erf, otypes=[np.float64])
erfc = np.vectorize(math.erfc, otypes=[np.float64])
erfinv = np.vectorize(lambda p: NormalDist().inv_cdf((float(p) + 1) / 2) / math.sqrt(2), otypes=[np.float64])

SAME_IN_NUMPY = """
    abs sign square reciprocal sqrt exp expm1 log log1p log2 log10 sin cos tan arcsin arccos arctan sinh cosh tanh
    arcsinh arccosh arctanh floor ceil trunc isnan isinf isfinite logical_not add subtract multiply divide floor_divide
    mod power maximum minimum arctan2 equal not_equal less less_equal greater greater_equal logical_and logical_or
    logical_xor where"""

REFERENCE = {name: each(getattr(np, name)) for name in SAME_IN_NUMPY.split()} | {
    "neg": each(np.negative),
    "round": each(np.round),
    "rsqrt": each(lambda x: 1 / np.sqrt(x)),
    "sigmoid": each(lambda x: 1 / (1 + np.exp(-x))),
    "softplus": each(lambda x: np.logaddexp(x, np.zeros((), x.dtype))),
    "erf": each(erf),
    "erfc": each(erfc),
    "erfinv": each(erfinv),
    "relu": each(lambda x: np.maximum(x, np.zeros((), x.dtype))),
    "relu_grad": each(lambda x, d: np.where(x > 0, d, np.zeros((), d.dtype))),
    "fma": each(lambda a, b, c: a * b + c),
    "cast": lambda a, _i, _f, dtype: a[0].astype(dtype),
    "stop_gradient": each(lambda x: x),
    "identity": each(lambda x: x),
    "full": lambda _a, i, f, dtype: np.full(i, f[0], dtype),
    "iota": lambda _a, i, _f, dtype: iota(i, dtype),
    "reshape": lambda a, i, *_: a[0].reshape(i),
    "transpose": lambda a, i, *_: a[0].transpose(i),
    "broadcast_to": lambda a, i, *_: np.broadcast_to(a[0], i),
    "slice": lambda a, i, *_: sliced(a[0], i),
    "concatenate": lambda a, i, *_: np.concatenate(a, axis=i[0]),
    "pad": lambda a, i, f, _t: padded(a[0], i, f[0]),
    "sum": on_axis(lambda x, **axes: np.sum(x, dtype=x.dtype, **axes)),  # integers wrap
    "prod": on_axis(lambda x, **axes: np.prod(x, dtype=x.dtype, **axes)),
    "max": on_axis(np.max),
    "min": on_axis(np.min),
    "any": on_axis(np.any),
    "all": on_axis(np.all),
    "argmax": lambda a, i, *_: a[0].argmax(i[0], keepdims=True).astype(np.int32),
    "argmin": lambda a, i, *_: a[0].argmin(i[0], keepdims=True).astype(np.int32),
    "matmul": lambda a, i, *_: np.matmul(mT(a[0], i[0]), mT(a[1], i[1])),
    "take": lambda a, i, *_: np.take(a[0], a[1], axis=i[0]),
    "scatter_add": lambda a, i, *_: scattered(a, i),
    "take_along_axis": lambda a, i, *_: np.take_along_axis(a[0], a[1], axis=i[0]),
    "put_along_axis_add": lambda a, i, *_: put_along(a, i),
    "top_k_indices": lambda a, i, *_: np.argsort(-a[0], axis=-1, kind="stable")[..., : i[0]].astype(np.int32),
    "softmax": stable_rows(lambda x, top, log: np.exp(x - top - log)),
    "log_softmax": stable_rows(lambda x, top, log: x - top - log),
    "logsumexp": stable_rows(lambda x, top, log: top + log),
    "sparse_softmax_cross_entropy": lambda a, *_: (
        -np.take_along_axis(REFERENCE["log_softmax"](a, (), (), None), a[1][..., None].astype(int), -1)[..., 0]
    ),
    "cumsum": each(lambda x: np.cumsum(x, -1, dtype=x.dtype)),
    "cumprod": each(lambda x: np.cumprod(x, -1, dtype=x.dtype)),
    "random_uniform": uniform,
}


def test_every_row_has_a_reference():
    assert set(ROWS) == set(REFERENCE)


# ---- samples: shapes by domain, values by letter, attributes by kind ----


def letters(row):
    """[(letter, extents or None), ..] of a domain such as "r(*mk)r(*kn)"."""
    out, text = [], row["domain"]
    while text:
        letter, text = text[0], text[1:]
        dims = None
        if text.startswith("("):
            dims, text = text[1:].split(")", 1)
        out.append((letter, dims))
    return out


def shapes_of(row, sizes=SIZES):
    inputs = letters(row)
    names = sorted({c for _, dims in inputs for c in dims or "" if c != "*"})
    if not inputs:
        return
    if inputs[0][0] == "s":
        yield ((2,),)
    elif names:
        for n, lead in itertools.product(sizes, ((), (2,))):
            for big in names:
                extents = {c: n if c == big else 2 + names.index(c) for c in names} | {"*": lead}
                yield tuple(spread(dims, extents, (2, n)) for _, dims in inputs)
        for n in (0, 3):
            yield tuple(spread(dims, dict.fromkeys(names, n) | {"*": ()}, (2, n)) for _, dims in inputs)
        for empty in names:
            extents = {c: 0 if c == empty else 3 for c in names} | {"*": (2,)}
            yield tuple(spread(dims, extents, (3, 2)) for _, dims in inputs)
    elif row["elementwise"] and len(inputs) > 1:
        for n in sizes:
            yield ((n,),) * len(inputs)
            for shapes in ([(2, n), (n,), (2, 1)], [(n, 1), (1, 3), ()], [(), (3, n), (n,)], [(2, 1, n), (3, 1), (1,)]):
                yield tuple(shapes[: len(inputs)])
        for shapes in ([(), (), ()], [(0,), (1,), ()], [(3, 0), (0,), (3, 1)], [(1,), (0,), (0,)]):
            yield tuple(shapes[: len(inputs)])
    else:
        for n in sizes:
            for shape in ((n,), (2, n), (n, 2), (2, n, 3), (1, n, 1)):
                yield (shape,) * len(inputs)
        for shape in ((), (0,), (3, 0), (0, 3), (2, 0, 3), (1, 1)):
            yield (shape,) * len(inputs)


def spread(dims, extents, otherwise):
    if dims is None:
        return otherwise
    return tuple(itertools.chain.from_iterable(extents[c] if c == "*" else (extents[c],) for c in dims))


def real(rng, letter, shape):
    x = rng.uniform(0.15, 1.8, shape)
    sign = rng.choice([-1.0, 1.0], shape)
    return {
        "r": lambda: x * sign,
        "n": lambda: x * sign,
        "p": lambda: x,
        "g": lambda: x + 1,
        "u": lambda: sign * rng.uniform(0.05, 0.9, shape),
        "f": lambda: rng.integers(-3, 3, shape) + rng.choice([0.1, 0.6], shape) + rng.uniform(0, 0.3, shape),
        "w": lambda: sign * rng.integers(1, 4, shape),
    }[letter]()


def values(rng, row, shapes, dtype, ints):
    """One array an input, or None where no index is valid."""
    inputs, kinds = letters(row), [a.split(":")[1] for a in row["attrs"].split(",") if a]
    bound = min(
        [e for (letter, _), s in zip(inputs, shapes) if letter != "i" for e in s]
        + [v for kind, v in zip(kinds, ints) if kind == "size"],
        default=0,
    )
    count = sum(math.prod(s) for s in shapes)
    distinct = rng.permutation(count) * 0.2 - 0.1 * count + rng.uniform(-0.05, 0.05, count)
    out, at = [], 0
    for (letter, _), shape in zip(inputs, shapes):
        n = math.prod(shape)
        if letter == "i":
            if bound == 0 and n > 0:
                return None
            out.append(rng.integers(0, max(bound, 1), shape, rng.choice([np.int32, np.int64])))
        elif letter == "b":
            out.append(rng.integers(0, 2, shape).astype(bool))
        elif letter == "s":
            out.append(rng.integers(-(2**63), 2**63 - 1, 2) if rng.integers(2) else np.array([3, 2**33 + 1]))
        elif np.dtype(dtype).kind == "i":
            low = 1 if letter in "pgwn" or row["name"] == "power" else -4
            out.append(rng.integers(low, 5, shape, dtype))
        elif letter == "d":
            out.append(distinct[at : at + n].reshape(shape).astype(dtype))
        else:
            out.append(np.asarray(real(rng, letter, shape), dtype))
        at += n
    return out


def attribute(rng, kind, shapes):
    """Integers of one attribute, perhaps invalid: infer decides."""
    shape = shapes[0] if shapes else (3, 4)
    n, most = len(shape), max([len(s) for s in shapes], default=2)
    draw = {
        "axis": lambda: [rng.integers(0, max(most, 1))],
        "axes": lambda: rng.permutation(n)[: rng.integers(0, n + 1)],
        "perm": lambda: rng.permutation(n),
        "shape": lambda: [(5,), (2, 17), (3, 1, 9), (), (0, 3), (129,), (2, 3)][rng.integers(7)],
        "reshape": lambda: [(math.prod(shape),), shape[::-1], (1, *shape), (*shape, 1), (2, math.prod(shape) // 2)][
            rng.integers(5)
        ],
        "target": lambda: [(3,) * rng.integers(0, 2) + tuple(5 if s == 1 and rng.integers(2) else s for s in shape)][0],
        "begins": lambda: [rng.integers(0, s + 1) for s in shape],
        "sizes": lambda: [rng.integers(0, s + 1) for s in shape],
        "steps": lambda: rng.choice([1, 1, 2, 3, -1, -2], n),
        "counts": lambda: rng.integers(0, 3, n),
        "flag": lambda: [rng.integers(2)],
        "size": lambda: [rng.integers(1, 6)],
        "k": lambda: [rng.integers(0, (shape[-1] if shape else 0) + 1)],
    }
    return [int(v) for v in draw[kind]()]


class Sample:
    """An op applied in a graph of its own to inputs that hold known arrays."""

    def __init__(self, name, arrays, ints, floats, dtype, how="plain"):
        self.arguments = (name, ints, floats, dtype)
        self.arrays = [np.asarray(a) for a in arrays]
        self.graph = _core.Graph()
        self.stored = [disguise(a, how) for a in self.arrays]
        self.inputs = [self.graph.input(a.shape, str(a.dtype)) for a in self.stored]
        seen = [undisguise(self.graph, x, a, how) for x, a in zip(self.inputs, self.arrays)]
        self.node = self.graph.op(name, seen, ints, floats, dtype)

    def run(self):
        return self.graph.plan(self.inputs, [self.node]).run(*self.stored)[0]

    def __repr__(self):
        return f"{self.arguments} of {[(a.shape, str(a.dtype)) for a in self.arrays]}"


def disguise(a, how):
    if how == "transposed" and a.ndim > 1:
        return np.ascontiguousarray(a.T)
    if how == "sliced" and a.ndim > 0 and a.size:
        wide = np.zeros(tuple(2 * s + 1 for s in a.shape), a.dtype)
        wide[tuple(slice(1, None, 2) for _ in a.shape)] = a[(slice(None, None, -1),) * a.ndim]
        return wide
    return a


def undisguise(graph, x, a, how):
    if how == "transposed" and a.ndim > 1:
        return graph.op("transpose", [x], list(range(a.ndim))[::-1])
    if how == "sliced" and a.ndim > 0 and a.size:
        begin, step = [2 * s - 1 for s in a.shape], [-2] * a.ndim
        return graph.op("slice", [x], [*begin, *a.shape, *step])
    return x


def samples(name, dtype, shapes=None, how="plain", most=2):
    """Samples of a row for one dtype: at most `most` choices of attributes for each choice of shapes."""
    row = ROWS[name]
    specs = [a.split(":")[1] for a in row["attrs"].split(",") if a]
    rng = np.random.default_rng(sum(name.encode()))
    for shape in (shapes_of(row) if shapes is None else shapes) if row["domain"] else [()] * 8:
        found, seen = 0, set()
        for _ in range(30 if specs else 1):
            ints = [attribute(rng, kind, shape) for kind in specs if kind not in ("float", "dtype")]
            floats = sorted(rng.choice([-1.0, 0.0, 0.5, 2.0], specs.count("float"), replace=False).tolist())
            of = dtype if "dtype" in specs else None
            if name == "cast":
                of = str(rng.choice(["float32", "float64", "int32", "int64", "bool"]))
            elif of and np.dtype(of).kind == "i":
                floats = [2.0 * v for v in floats]
            flat = tuple(itertools.chain.from_iterable(ints))
            if (flat, of) in seen:
                continue
            seen.add((flat, of))
            firsts = [i[0] for i in ints if len(i) == 1]
            scalars = firsts if len(firsts) == len(ints) else []
            arrays = values(rng, row, shape, dtype, scalars)
            if arrays is None:
                continue
            try:
                sample = Sample(name, arrays, flat, floats, of, how)
            except (ValueError, TypeError):
                continue
            yield sample
            found += 1
            if found == most:
                break


def expected(sample):
    name, ints, floats, dtype = sample.arguments
    with np.errstate(all="ignore"):
        return np.asarray(REFERENCE[name](sample.arrays, ints, floats, dtype))


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


def dot(g, a, b):
    """sum(a b) as a scalar node."""
    return g.op("reshape", [g.op("sum", [g.op("multiply", [a, b])], range(len(a.shape)))], [])


def directional(rng, arrays):
    return [rng.uniform(-1, 1, a.shape) for a in arrays]


@pytest.mark.parametrize("how", ["plain", "transposed", "sliced"])
@pytest.mark.parametrize("name", [n for n in ROWS if ROWS[n]["differentiable"] and ROWS[n]["domain"]])
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
    output_is_float = name in ("cast",) or any(
        s.node.dtype == "float64" for s in itertools.islice(samples(name, "float64"), 20)
    )
    assert tried >= 6 or not output_is_float, f"{name}: only {tried} samples"


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


def test_softmax_family_far_from_zero():
    x = np.array([[1e4, 1e4 + 1, -1e4], [-1e4, -1e4, -1e4], [700.0, -700.0, 0.0]])
    want = x - x.max(-1, keepdims=True) - np.log(np.exp(x - x.max(-1, keepdims=True)).sum(-1, keepdims=True))
    np.testing.assert_allclose(Sample("log_softmax", [x], (), (), None).run(), want, rtol=1e-12)
    np.testing.assert_allclose(Sample("softmax", [x], (), (), None).run(), np.exp(want), rtol=1e-12)
    labels = np.array([1, 0, 1])
    loss, (dx,) = evaluate("sparse_softmax_cross_entropy", [x, labels])
    np.testing.assert_allclose(loss, -want[np.arange(3), labels], rtol=1e-12)
    np.testing.assert_allclose(dx, np.exp(want) - np.eye(3)[labels], atol=1e-13)


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

"""Samples of every op, from its row alone (its `domain` and `attrs`; csrc/graph/op.h says how), and what NumPy makes of
them. A new row is sampled without a line here; all it needs is its reference."""

import itertools
import math
from statistics import NormalDist

import numpy as np
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
    seed, counter = (int(s) % 2**64 for s in a[0])
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

REFERENCE = (
    {name: each(getattr(np, name)) for name in SAME_IN_NUMPY.split()}
    | {
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
)


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
        yield from [((2,),)] * 8
    elif names:
        for n, lead in itertools.product(sizes, ((), (2,))):
            for big in names:
                extents = {c: n if c == big else 2 + names.index(c) for c in names} | {"*": lead}
                yield tuple(spread(dims, extents, (2, n)) for _, dims in inputs)
        for leads in (((3,), ()), ((), (3,)), ((1,), (3,)), ((2, 1), (3,)), ((3, 1), (1, 2))):  # broadcast, if at all
            extents = {c: 2 + names.index(c) for c in names}
            yield tuple(spread(dims, extents | {"*": lead}, (2, 3)) for (_, dims), lead in zip(inputs, leads))
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


def dot(g, a, b):
    """sum(a b) as a scalar node."""
    return g.op("reshape", [g.op("sum", [g.op("multiply", [a, b])], range(len(a.shape)))], [])


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

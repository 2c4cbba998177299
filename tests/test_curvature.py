"""Products with second derivatives, Jacobians row by row and Gauss-Newton matrices, against sweeps of one element at a
time, NumPy, and closed forms."""

from functools import partial

import nervure as nv
import numpy as np
import pytest
from nervure import ops
from nervure._trace import tracing
from nervure.ops.dispatch import cast_to, iota, node, reshaped
from nervure.optimize.curvature import (
    cut,
    gauss_newton_matrix,
    gauss_newton_product,
    hessian_product,
    jacobian_columns,
    jacobian_product,
    normal_equations,
)
from nervure.optimize.per_row import per_row_jacobian
from op_samples import DIFFERENTIABLE, ROWS, Sample, letters, samples

N = 3  # rows: as many as some weights have, so that shapes alone do not tell them apart


def close(a, b, tolerance=1e-10):
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def sweeps(scope, z, weights):
    """dz / dw, (z.size, w.size) for each of the weights: a reverse sweep for each element of z."""
    found = []
    for k in range(z.size):
        one = reshaped(cast_to(ops.equal(iota((z.size,), 0), k), z.dtype), z.shape)
        found.append(scope.grad(z, weights, dy=one))
    return [ops.concatenate([reshaped(row[j], (1, w.size)) for row in found], 0) for j, w in enumerate(weights)]


def traced(build, *arrays):
    """What build(scope, *inputs) gives, a list of Tensors, as arrays."""
    with tracing() as scope:
        inputs = [scope.input(a.shape, str(a.dtype)) for a in arrays]
        plan = scope.plan(inputs, build(scope, *inputs))
    return plan.run(*arrays)


def rows_of(f, data, weights):
    """The Jacobian of f(*data, *weights) row by row and by sweeps; None if the first is not found."""
    seen = []

    def build(scope, *inputs):
        z, w = f(*inputs), list(inputs[len(data) :])
        rows = per_row_jacobian(z, w)
        seen.append((rows is not None, z.shape))
        return (rows or []) + sweeps(scope, z, w)

    out = traced(build, *data, *weights)
    found, shape = seen[0]
    if not found:
        return None
    n = len(weights)
    for rows, expected in zip(out[:n], out[n:]):
        close(rows, expected.reshape(shape[0], -1, rows.shape[2]))
    return out[:n]


def random(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.uniform(-1, 1, shape) for shape in shapes]


# ---- products ----


@pytest.mark.parametrize("name", [name for name in ROWS if ROWS[name]["differentiable"] and ROWS[name]["domain"]])
def test_forward_products_of_every_op(name):
    """J v of each op against central differences; the plan asks for nothing but the op's inputs and v."""
    rng, done = np.random.default_rng(1), 0
    for sample in samples(name, "float64"):
        _, ints, floats, dtype = sample.arguments
        wrt = [k for k, (letter, _) in enumerate(letters(ROWS[name])[: len(sample.arrays)]) if letter in DIFFERENTIABLE]
        if done == 8 or not wrt or sample.node.dtype != "float64" or 0 in sample.node.shape or name == "stop_gradient":
            continue
        done += 1
        directions = [rng.uniform(-1, 1, sample.arrays[k].shape) for k in wrt]
        shifted = []
        for by in (1e-6, -1e-6):
            arrays = list(sample.arrays)
            for k, d in zip(wrt, directions):
                arrays[k] = arrays[k] + by * d
            shifted.append(Sample(name, arrays, ints, floats, dtype).run())

        def build(scope, *inputs, sample=sample, wrt=wrt):
            _, ints, floats, dtype = sample.arguments
            xs = inputs[: -len(wrt)]
            z = node(name, *xs, ints=ints, floats=floats, dtype=dtype)
            return jacobian_product(scope, [z], [xs[k] for k in wrt], inputs[-len(wrt) :])

        (found,) = traced(build, *sample.arrays, *directions)
        close(found, (shifted[0] - shifted[1]) / 2e-6, 1e-6)


def network(activation, *ws):
    def f(x):
        for k in range(0, len(ws), 2):
            x = ops.matmul(x, ws[k]) + ws[k + 1]
            x = activation(x) if k + 2 < len(ws) else x
        return x

    return f


ACTIVATIONS = [ops.tanh, ops.sigmoid, ops.gelu, ops.softplus, ops.silu, ops.relu, ops.elu, ops.softmax, ops.log_softmax]
SHAPES = [(2, 4), (4,), (4, 3), (3,)]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_products_of_a_network(activation):
    x, t = random((N, 2), (N, 3), seed=1)
    ws, vs = random(*SHAPES, seed=2), random(*SHAPES, seed=3)

    def loss_of(ws):
        return ops.mean(ops.square(network(activation, *ws)(x) - t) * ops.exp(t))

    def build(scope, *inputs):
        w, v = inputs[:4], inputs[4:]
        z = network(activation, *w)(ops.convert_to_tensor(x))
        loss = ops.mean(ops.square(z - t) * ops.exp(t))
        return [
            *hessian_product(scope, loss, w, v),
            *gauss_newton_product(scope, loss, [z], w, v),
            *jacobian_product(scope, [z], w, v),
            *sweeps(scope, z, w),
        ]

    out = traced(build, *ws, *vs)
    for found, expected in zip(out[:4], nv.hvp(loss_of, ws, vs)):
        close(found, expected)
    j, v = np.concatenate(out[9:], 1), np.concatenate([v.ravel() for v in vs])
    close(out[8].ravel(), j @ v)
    curve = np.diag(2 * np.exp(t).ravel() / t.size)
    close(np.concatenate([g.ravel() for g in out[4:8]]), j.T @ curve @ j @ v)


def test_an_output_computed_from_another():
    """The slope by each output is the loss's own, not what another output passes on."""
    x, w, v = random((N, 2), (2, 2), (2, 2))

    def build(scope, w, v):
        z = ops.tanh(ops.matmul(ops.convert_to_tensor(x), w))
        y = ops.sum(z * z, axis=1)
        loss = ops.sum(z**4) + ops.sum(ops.exp(y) * y)
        (matrix,) = gauss_newton_matrix(scope, loss, [z, y], [w])
        return [*gauss_newton_product(scope, loss, [z, y], [w], [v]), matrix[0], *sweeps(scope, z, [w]), z]

    product, matrix, j, z = traced(build, w, v)
    y, jy = np.sum(z * z, 1), np.stack([2 * z[i] @ j[2 * i : 2 * i + 2] for i in range(N)])
    exact = j.T @ np.diag(12 * z.ravel() ** 2) @ j + jy.T @ np.diag(np.exp(y) * (y + 2)) @ jy
    close(matrix, exact)
    close(product.ravel(), exact @ v.ravel())


def test_where_a_loss_is_cut():
    with tracing() as scope:
        x = scope.input((4, 3), "float32")
        classes, yes = scope.input((4,), "int32"), scope.input((4, 3), "float32")
        soft, gate = ops.softmax(x), ops.sigmoid(x)
        assert cut([soft], ops.sparse_categorical_crossentropy(classes, soft))[0].node == x.node
        assert cut([soft], ops.categorical_crossentropy(yes, soft))[0].node == x.node
        assert cut([gate], ops.binary_crossentropy(yes, gate))[0].node == x.node
        assert cut([soft], ops.square(soft - yes))[0].node == soft.node
        assert cut([gate], ops.square(gate - yes))[0].node == gate.node
        assert cut([x], ops.square(x - yes))[0].node == x.node
        both = ops.add(ops.mean(ops.binary_crossentropy(yes, gate)), ops.mean(ops.square(soft)))
        assert [y.node for y in cut([soft, gate], both)] == [soft.node, x.node]


# ---- row by row ----


def mlp(activation, n_layers):
    def f(x, *ws):
        return network(activation, *ws)(x)

    return f, [(2, 3), (3,)] + [(3, 3), (3,)] * (n_layers - 1)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("n_layers", [1, 2, 3])
def test_rows_of_networks(activation, n_layers):
    f, shapes = mlp(activation, n_layers)
    for outputs in (lambda z: z, lambda z: z[:, 0], lambda z: ops.sum(z * z, axis=1), ops.softmax):
        assert rows_of(lambda *a, outputs=outputs: outputs(f(*a)), random((N, 2)), random(*shapes, seed=4)) is not None


def decay(x, y, b):
    return y - b[0] * ops.exp(-b[1] * x) - b[2]


def gaussians(x, y, b):
    return y - b[0] * ops.exp(-b[1] * x) - b[2] * ops.exp(-(((x - b[3]) / b[4]) ** 2))


def by_index(x, y, b):
    return y - ops.take(b, ops.cast(ops.floor(x * 2.0) + 2.0, "int32")) * x


def negative_index(x, y, b):
    return y - ops.take(b, ops.cast(ops.floor(x * 2.0) - 2.0, "int32")) * x


def polynomial(x, y, b):
    powers = ops.stack([x * 0.0 + 1.0, x, x * x, x * x * x, x**4.0], axis=1)
    return ops.matmul(powers, ops.reshape(b, (5, 1)))[:, 0] - y


def other_layout(x, y, b):
    return ops.matmul(ops.reshape(b, (1, 5)), ops.stack([x, x * x, y, x * y, x + 1.0]))[0]


def ranked(x, y, b):
    return ops.maximum(b[0] * x, ops.minimum(b[1] * y, b[2])) + ops.where(x > 0, b[3] * x, b[4])


@pytest.mark.parametrize(
    "residuals",
    [decay, gaussians, by_index, negative_index, polynomial, other_layout, ranked],
    ids=lambda f: f.__name__,
)
def test_rows_of_curves(residuals):
    for n in (1, 5, 12):
        assert rows_of(residuals, random((n,), (n,)), random((5,), seed=5)) is not None
    x, y, b = *random((12,), (12,)), *random((5,), seed=5)

    def build(scope, x, y, b):
        r = residuals(x, y, b)
        return [jacobian_columns(scope, r, [b]), *sweeps(scope, r, [b])]

    found, expected = traced(build, x, y, b)
    close(found, expected)


def sequence(x, w, c):  # (n, time, features): rows are several of a product's
    h = ops.tanh(ops.matmul(x, w) + c)
    return ops.matmul(h, ops.transpose(h, (0, 2, 1)))


def normalized(x, w, c):
    h = ops.matmul(x, w)
    m = ops.mean(h, axis=-1, keepdims=True)
    return (h - m) / ops.sqrt(ops.mean((h - m) ** 2, axis=-1, keepdims=True) + 1e-3) * c


def running(x, w, c):
    return ops.cumsum(ops.matmul(x, w) * c, axis=-1)


def recurrent(x, w, c):
    h = x[:, 0] * 0.0
    for k in range(x.shape[1]):
        h = ops.tanh(ops.matmul(h, w) + x[:, k] * c)
    return h


def convolved(x, w, c):
    padded = ops.pad(x, ((0, 0), (1, 1), (0, 0)))
    taps = [ops.matmul(padded[:, k : k + x.shape[1]], w * (k + 1.0)) for k in range(3)]
    return ops.relu(taps[0] + taps[1] * c + taps[2])


def chosen(x, w, c):
    h = ops.matmul(x, w) * c
    return ops.take_along_axis(h, ops.argsort(h, axis=-1), axis=-1)


def transposed(x, w, c):
    return ops.transpose(ops.matmul(ops.transpose(w), ops.transpose(x * c, (0, 2, 1))), (0, 2, 1))


@pytest.mark.parametrize(
    "f", [sequence, normalized, running, recurrent, convolved, chosen, transposed], ids=lambda f: f.__name__
)
def test_rows_of_arrays(f):
    for time in (1, 2, N):
        assert rows_of(f, random((N, time, 3)), random((3, 3), (3,), seed=6)) is not None


def test_rows_of_an_embedding():
    places = np.array([[0, 3], [-1, 0], [2, 2]], "int32")
    (w,) = random((4, 3))
    assert rows_of(lambda i, w: ops.take(w, i, axis=0) ** 2, [places], [w]) is not None


def test_rows_that_are_weighted_by_their_place():
    """What does not depend on the adjoint may differ from row to row: constants, index ranges."""
    weights = np.arange(1.0, N + 1)

    def f(x, w):
        return x * weights[:, None] * w + cast_to(iota((N, 1), 0), "float64") * w * w

    assert rows_of(f, random((N, 2)), random((1,), seed=1)) is not None


def test_a_weight_without_influence():
    a, b = rows_of(lambda x, a, b: x * a, random((N, 2)), random((1,), (4,)))
    assert b.shape == (N, 2, 4) and not b.any() and a.any()


MIXING = {
    "mean over rows": lambda x, w: (h := ops.matmul(x, w)) - ops.mean(h, axis=0),
    "batch normalization": lambda x, w: (h := ops.matmul(x, w)) / ops.std(h, axis=0),
    "cumsum along rows": lambda x, w: ops.cumsum(ops.matmul(x, w), axis=0),
    "gram": lambda x, w: ops.matmul(ops.matmul(x, w), ops.transpose(x)),
    "gram of itself": lambda x, w: ops.matmul(h := ops.matmul(x, w), ops.transpose(h)),
    "reversed": lambda x, w: ops.flip(ops.matmul(x, w), axis=0),
    "rolled": lambda x, w: ops.roll(ops.matmul(x, w), 1, axis=0),
    "sorted": lambda x, w: ops.sort(ops.matmul(x, w), axis=0),
    "reshaped": lambda x, w: ops.reshape(ops.transpose(ops.matmul(x, w)), (N, N)),
    "transposed": lambda x, w: ops.transpose(ops.matmul(x, w)),
    "softmax over rows": lambda x, w: ops.softmax(ops.matmul(x, w), axis=0),
    "rows taken": lambda x, w: ops.take(ops.matmul(x, w), np.array([2, 0, 0]), axis=0),
    "rows taken along": lambda x, w: ops.take_along_axis(ops.matmul(x, w), np.array([[2, 0, 0]] * N), axis=0),
    "two layouts": lambda x, w: (h := ops.matmul(x, w)) * ops.transpose(h),
    "split rows": lambda x, w: ops.reshape(ops.reshape(ops.matmul(x, w), (N * N,))[::-1], (N, N)),
    "outer rows": lambda x, w: ops.reshape(ops.transpose(ops.reshape(ops.matmul(x, w), (N, 1, N)), (2, 1, 0)), (N, N)),
    "weights as rows": lambda x, w: w * ops.matmul(w, x),
    "weights of rows": lambda x, w: x * w,
    "total": lambda x, w: x * ops.sum(ops.matmul(x, w)),
    "one row for all": lambda x, w: x + ops.matmul(x, w)[:1],
    "largest": lambda x, w: ops.matmul(x, w) * ops.max(ops.matmul(x, w), axis=0),
}


@pytest.mark.parametrize("name", MIXING)
def test_mixed_rows_are_exact_or_refused(name):
    rows_of(MIXING[name], random((N, N)), random((N, N), seed=8))


REFUSED = ("mean over rows", "batch normalization", "cumsum along rows", "reversed", "rolled", "sorted", "transposed")


@pytest.mark.parametrize("name", REFUSED)
def test_mixed_rows_are_refused(name):
    assert rows_of(MIXING[name], random((N, N)), random((N, N), seed=8)) is None


def grown(rng, x, w, c):
    """A random function of rows x, and weights of shapes that rows could have. Some mix rows."""
    pool, size = [x, w, c, ops.matmul(x, w)], (N, N)

    def pick():
        return (
            pool[rng.integers(max(0, len(pool) - 5), len(pool))] if rng.integers(2) else pool[rng.integers(len(pool))]
        )

    def square(a):
        return ops.broadcast_to(a, size)

    makers = [
        lambda: pick() * pick(),
        lambda: pick() - pick(),
        lambda: pick() / (1.5 + ops.square(pick())),
        lambda: ops.tanh(pick()),
        lambda: ops.relu(pick()),
        lambda: ops.where(pick() > 0, pick(), pick()),
        lambda: ops.maximum(pick(), pick()),
        lambda: ops.matmul(square(pick()), square(pick())) * 0.5,
        lambda: ops.matmul(square(pick()), w),
        lambda: ops.matmul(x, square(pick())),
        lambda: ops.sum(square(pick()), axis=int(rng.integers(2)), keepdims=bool(rng.integers(2))) * 0.3,
        lambda: ops.max(square(pick()), axis=1, keepdims=True),
        lambda: ops.softmax(square(pick())),
        lambda: ops.cumsum(square(pick()), axis=int(rng.integers(8) > 0)),
        lambda: square(pick())[:, :: int(rng.choice([1, -1]))],
        lambda: square(pick())[:1],
        lambda: ops.concatenate([square(pick())[:, 1:], square(pick())[:, :1]], axis=1),
        lambda: ops.pad(square(pick())[:, 1:], ((0, 0), (0, 1))),
        lambda: ops.transpose(square(pick())),
        lambda: ops.reshape(ops.transpose(ops.reshape(square(pick()), (N, N, 1)), (0, 2, 1)), size),
        lambda: ops.take(c, np.array([0, -1, 1]), axis=0),
        lambda: ops.take(square(pick()), np.array([2, 0, 0]), axis=1),
        lambda: ops.take_along_axis(square(pick()), ops.argsort(square(pick()), axis=-1), axis=-1),
        lambda: ops.prod(square(pick()), axis=1, keepdims=True),
        lambda: ops.reshape(square(pick()), (N * N,))[: N * N : N],
        lambda: ops.cast(ops.cast(pick(), "float32"), "float64") if rng.integers(4) == 0 else pick() + 1.0,
    ]
    for _ in range(rng.integers(4, 12)):
        pool.append(makers[rng.integers(len(makers))]())
    return square(pool[-1]) + x * c


def test_rows_of_random_graphs_are_exact_or_refused():
    found = 0
    for seed in range(300):
        data, weights = random((N, N), seed=seed), random((N, N), (N,), seed=seed + 1000)
        rng = np.random.default_rng(seed)
        try:
            found += rows_of(partial(grown, rng), data, weights) is not None
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error
    assert found > 60


def test_batch_normalization():
    """With the batch's own statistics rows are not independent; with fixed ones they are."""
    for training in (True, False):
        model = nv.Sequential([nv.Input((2,)), nv.layers.Dense(3), nv.layers.BatchNormalization(), nv.layers.Dense(1)])
        with tracing(training=training) as scope:
            z = model(scope.input((5, 2), "float32"), training=training)
            rows = per_row_jacobian(z, [scope.read(v) for v in model.trainable_variables])
        assert (rows is None) == training


LAYERS = nv.layers
STACKS = {
    "dense": lambda: [LAYERS.Dense(4, "gelu"), LAYERS.Dense(3, "softmax")],
    "dropout": lambda: [LAYERS.Dense(4, "relu"), LAYERS.Dropout(0.5), LAYERS.Dense(2)],
    "layer normalization": lambda: [LAYERS.Dense(4), LAYERS.LayerNormalization(), LAYERS.Dense(2, "tanh")],
    "prelu": lambda: [LAYERS.Dense(4), LAYERS.PReLU(), LAYERS.Dense(2, "sigmoid")],
    "embedding": lambda: [LAYERS.Embedding(5, 2), LAYERS.Flatten(), LAYERS.Dense(2, "tanh")],
}  # fmt: skip


@pytest.mark.parametrize("name", STACKS)
def test_rows_of_layers(name):
    nv.utils.set_random_seed(0)
    model = nv.Sequential([nv.Input((6,)), *STACKS[name]()])
    x = np.random.default_rng(0).integers(0, 5, (4, 6)) / (1.0 if name == "embedding" else 4.0)
    with tracing(training=True) as scope:
        data = scope.input(x.shape, "float32")
        z = model(data, training=True)
        weights = [scope.read(v) for v in model.trainable_variables]
        rows = per_row_jacobian(z, weights)
        assert rows is not None
        out = scope.plan([data], [*rows, *sweeps(scope, z, weights)]).run(x.astype("float32"))
    for found, expected in zip(out[: len(rows)], out[len(rows) :]):
        close(found, expected.reshape(found.shape), 1e-5)


# ---- the matrix ----


def upper(panels, first, p):
    """A matrix of its panels, the rest mirrored."""
    matrix = np.zeros((p, p))
    for panel, c in zip(panels, first):
        matrix[c : c + len(panel), c:] = panel
    return np.triu(matrix) + np.triu(matrix, 1).T


def matrix_of(loss_of, f, data, weights, cuts=None):
    """The Gauss-Newton matrix, by rows and column by column from products; None if there is none by rows."""
    starts, p = [], sum(w.size for w in weights)

    def build(scope, *inputs):
        w = inputs[len(data) :]
        outputs = f(*inputs)
        outputs = list(outputs) if isinstance(outputs, tuple) else [outputs]
        loss = loss_of(*outputs)
        found = normal_equations(scope, loss, outputs if cuts is None else cuts(outputs, loss), w)
        if found is None:
            return []
        starts.extend(c for _, c in found.panels)
        return [*(panel for panel, _ in found.panels), *found.gradients, *scope.grad(loss, w)]

    def product(scope, *inputs):
        w, v = inputs[len(data) : -len(weights)], inputs[-len(weights) :]
        outputs = f(*inputs[: -len(weights)])
        outputs = list(outputs) if isinstance(outputs, tuple) else [outputs]
        loss = loss_of(*outputs)
        return gauss_newton_product(scope, loss, outputs if cuts is None else cuts(outputs, loss), w, v)

    panels = traced(build, *data, *weights)
    if not panels:
        return None
    found = upper(panels, starts, p)
    gradients = panels[len(starts) :]
    for gradient, expected in zip(gradients[: len(weights)], gradients[len(weights) :]):
        close(gradient, expected)
    at = np.cumsum([w.size for w in weights])[:-1]
    for k in range(p):
        unit = [v.reshape(w.shape) for v, w in zip(np.split(np.eye(p)[k], at), weights)]
        column = traced(product, *data, *weights, *unit)
        close(found[:, k], np.concatenate([c.ravel() for c in column]), 1e-9)
    return found


TARGETS = random((N, 3), seed=9)[0]
CLASSES = np.array([0, 2, 1])
LOSSES = {
    "mean squares": lambda z: ops.mean(ops.square(z - TARGETS)),
    "weighted squares": lambda z: ops.sum(ops.square(z - TARGETS) * np.arange(1.0, 4.0)[:, None]),
    "of powers": lambda z: ops.mean((z - TARGETS) ** 4),
    "huber": lambda z: ops.mean(nv.losses.Huber(delta=0.5, dtype="float64")(TARGETS, z)),
    "log cosh": lambda z: nv.losses.LogCosh(dtype="float64")(TARGETS, z),
    "poisson": lambda z: ops.mean(ops.exp(z) - TARGETS * z),
    "softmax": lambda z: ops.mean(ops.sparse_categorical_crossentropy(CLASSES, z, from_logits=True)),
    "sigmoid": lambda z: ops.mean(ops.binary_crossentropy((TARGETS > 0) * 1.0, z, from_logits=True)),
    "coupled": lambda z: ops.sum(ops.exp(z[:, 0] * z[:, 1])) + ops.mean(ops.square(ops.sum(z, axis=1))),
    "linear": lambda z: ops.mean(z * TARGETS),
}


@pytest.mark.parametrize("name", LOSSES)
def test_the_matrix_of_each_loss(name):
    f, shapes = mlp(ops.tanh, 2)
    matrix = matrix_of(LOSSES[name], f, random((N, 2)), random(*shapes, seed=4))
    if name not in ("coupled", "linear"):
        assert np.linalg.eigvalsh(matrix).min() > -1e-12 and matrix.trace() > 0
    assert name != "linear" or not matrix.any()


@pytest.mark.parametrize("name", MIXING)
def test_the_matrix_of_losses_of_mixed_rows_is_exact_or_refused(name):
    (a,) = random((N, N), seed=3)
    data, weights = random((N, 2)), random((2, N), seed=4)
    matrix_of(
        lambda z: ops.mean(MIXING[name](z, a) ** 2) + ops.mean(MIXING[name](ops.tanh(z), a) * a),
        lambda x, w: ops.tanh(ops.matmul(x, w)),
        data,
        weights,
    )


def test_the_matrix_of_a_softmax_model():
    """Cross-entropy of probabilities is cut at the logits: positive semidefinite, as it is not in the probabilities."""
    f, shapes = mlp(ops.tanh, 2)
    matrix = matrix_of(
        lambda p: ops.mean(ops.sparse_categorical_crossentropy(CLASSES, p)),
        lambda *a: ops.softmax(f(*a)),
        random((N, 2)),
        random(*shapes, seed=4),
        cut,
    )
    assert np.linalg.eigvalsh(matrix).min() > -1e-12 and matrix.trace() > 0


def test_the_matrix_of_several_outputs():
    def f(x, a, b):
        h = ops.tanh(ops.matmul(x, a))
        return ops.matmul(h, b), ops.sum(h, axis=1)

    data, weights = random((N, 2)), random((2, 4), (4, 3), seed=1)
    for loss_of in (
        lambda y, s: LOSSES["mean squares"](y) + ops.mean(ops.square(s)),
        lambda y, s: LOSSES["mean squares"](y) + ops.sum(s**4),
        lambda y, s: LOSSES["softmax"](y) + ops.sum(s**4),
        lambda y, s: ops.sum(ops.exp(y) * ops.square(s)[:, None]),
    ):
        assert matrix_of(loss_of, f, data, weights) is not None


def test_the_matrix_is_the_hessian_of_a_linear_model():
    x, w, c = random((N, 2), (2, 3), (3,))

    def loss_of(w, c):
        return LOSSES["mean squares"](ops.matmul(x, w) + c)

    matrix = matrix_of(LOSSES["mean squares"], lambda x, w, c: ops.matmul(x, w) + c, [x], [w, c])
    for k in range(9):
        v = np.eye(9)[k]
        column = nv.hvp(lambda wc: loss_of(*wc), [w, c], [v[:6].reshape(2, 3), v[6:]])
        close(matrix[:, k], np.concatenate([column[0].ravel(), column[1]]))


def test_a_matrix_of_panels():
    x, w = random((4, 30), (30, 40))

    def build(scope, x, w):
        return [
            panel
            for panel, _ in gauss_newton_matrix(scope, ops.sum(ops.square(ops.matmul(x, w))), [ops.matmul(x, w)], [w])
        ]

    panels = traced(build, x, w)
    assert [panel.shape for panel in panels] == [(512, 1200), (512, 688), (176, 176)]
    close(upper(panels, [0, 512, 1024], 1200), np.kron(2 * x.T @ x, np.eye(40)))


def test_single_precision_sums_in_double():
    x, w = (a.astype("float32") for a in random((N, 2), (2, 1)))

    def build(scope, x, w):
        z = ops.matmul(x, w)
        return [panel for panel, _ in gauss_newton_matrix(scope, ops.sum(ops.square(z)), [z], [w])]

    (found,) = traced(build, x, w)
    assert found.dtype == np.float64
    close(found, 2 * x.T.astype("float64") @ x.astype("float64"), 1e-15)


def test_no_matrix_where_rows_meet():
    with tracing() as scope:
        x, w = scope.input((N, 2), "float64"), scope.input((2, 3), "float64")
        z = ops.matmul(x, w)
        assert gauss_newton_matrix(scope, ops.square(ops.mean(z)), [z], [w]) is None  # in the loss
        assert gauss_newton_matrix(scope, ops.logsumexp(z), [z], [w]) is None
        assert gauss_newton_matrix(scope, ops.mean(z), [z - ops.mean(z, axis=0)], [w]) is None  # in the outputs
        wide = scope.input((2, 65), "float64")
        z = ops.matmul(x, wide)
        assert gauss_newton_matrix(scope, ops.mean(ops.square(z)), [z], [wide]) is None


# ---- columns ----


@pytest.mark.parametrize("m", [2, 6])
def test_columns_where_rows_are_mixed(m):
    def residuals(a, b):
        return ops.cumsum(ops.sin(a[0] * np.arange(1.0, m + 1)) + a[1] * b)

    a, b = random((2,), (1,))
    out = traced(
        lambda scope, a, b: [
            jacobian_columns(scope, residuals(a, b), [a, b]),
            ops.concatenate(sweeps(scope, residuals(a, b), [a, b]), 1),
        ],
        a, b,
    )  # fmt: skip
    assert out[0].shape == (m, 3)
    close(*out)

"""Compiled functions and derivatives, against finite differences and closed forms."""

import collections
import gc
import weakref

import nervure as nv
import numpy as np
import pytest
from nervure import ops

Pair = collections.namedtuple("Pair", "a b")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4))
W1, W2 = RNG.normal(size=(4, 5)), RNG.normal(size=(5, 2))


def network(x):
    return ops.sum(ops.square(ops.tanh(ops.tanh(x @ W1) @ W2)))


def numerical_gradient(f, x, h=1e-6):
    g = np.zeros_like(x)
    for k in np.ndindex(x.shape):
        e = np.zeros_like(x)
        e[k] = h
        g[k] = (f(x + e) - f(x - e)) / (2 * h)
    return g


# ---- nv.function ----


def test_structures_in_and_out():
    @nv.function
    def f(d, p, k, *, scale=1.0):
        return {"z": d["x"] * scale, "a": [p.a + k, (p.b,)], "n": None, "s": "text", "p": Pair(p.b, 2)}

    y = f({"x": np.ones(2)}, Pair(np.ones(1), np.array(3)), 5, scale=2.0)
    assert list(y) == ["z", "a", "n", "s", "p"]
    assert y["z"].tolist() == [2, 2]
    assert y["a"][0].tolist() == [6]
    assert isinstance(y["a"][1], tuple)
    assert y["a"][1][0] == 3
    assert (y["n"], y["s"]) == (None, "text")
    assert isinstance(y["p"], Pair)
    assert y["p"].b == 2


def test_one_trace_a_signature():
    traces = []

    @nv.function
    def f(x, k):
        traces.append((x.shape, x.dtype, k))
        return x * k

    for _ in range(3):
        f(np.ones(2, np.float32), 2)
    assert len(traces) == 1
    f(np.ones(3, np.float32), 2)
    f(np.ones(2), 2)
    f(np.ones(2), 3)
    f(np.ones(2), 3.0)
    assert len(traces) == 5
    f.clear()
    f(np.ones(2), 3.0)
    assert len(traces) == 6


def test_cache_is_bounded():
    traces = []
    f = nv.function(lambda x: traces.append(0) or x + 1)
    for n in range(70):
        f(np.ones(n))
    f(np.ones(69))
    assert len(traces) == 70
    f(np.ones(0))
    assert len(traces) == 71


def test_config_is_part_of_the_signature():
    f = nv.function(lambda: ops.ones(1))
    assert f().dtype == np.float32
    nv.config.set_floatx("float64")
    try:
        assert f().dtype == np.float64
    finally:
        nv.config.set_floatx("float32")


def test_variables_are_static_arguments():
    v, w = nv.Variable([1.0]), nv.Variable([10.0])

    @nv.function
    def step(v, x):
        v.assign_add(x)
        return v * 2

    assert step(v, np.array([1.0], np.float32)).tolist() == [4]
    assert step(w, np.array([1.0], np.float32)).tolist() == [22]
    assert (v.numpy().tolist(), w.numpy().tolist()) == ([2], [11])


def test_methods():
    class Model:
        def __init__(self, k):
            self.k = k

        @nv.function
        def __call__(self, x):
            return x * self.k

    a, b = Model(2), Model(3)
    assert (float(a(np.array(1.0))), float(b(np.array(1.0)))) == (2, 3)


def test_inside_another_function_it_is_inlined():
    inner = nv.function(lambda x: x + 1)
    outer = nv.function(lambda x: inner(x) * 2)
    assert float(outer(np.array(1.0))) == 4


def test_errors_leave_everything_usable():
    v = nv.Variable([1.0])

    @nv.function
    def f(x):
        v.assign(x * 2)
        if x.shape == (1,):
            raise KeyError("mine")
        return x

    with pytest.raises(KeyError, match="mine"):
        f(np.ones(1))
    assert v.numpy().tolist() == [1]
    assert nv._trace.current() is None
    with pytest.raises(TypeError, match="must be hashable"):
        f({1, 2})
    with pytest.raises(TypeError):
        nv.function(3)


def test_data_dependent_python_is_an_error():
    with pytest.raises(TypeError, match=r"symbolic.*ops\.where"):
        nv.function(lambda x: x if x > 0 else -x)(np.array(1.0))


def test_constants_are_known_in_a_trace():
    assert nv.function(lambda x: x * (2 if ops.add(1, 1) == 2 else 3))(np.array(1.0)) == 2


def test_an_argument_as_the_result():
    x = np.ones(2)
    y, z = nv.function(lambda x: (x, x))(x)
    y[0] = 5
    assert (x.tolist(), z.tolist()) == ([1, 1], [1, 1])


def test_lifetimes():
    def call():
        v = nv.Variable(np.ones(1000))
        return weakref.ref(v), nv.function(lambda: v.value + 1)()

    alive, y = call()
    gc.collect()
    assert alive() is None
    assert y.sum() == 2000


# ---- gradients ----


def test_gradient_of_a_network():
    value, g = nv.value_and_grad(network)(X)
    assert g.dtype == np.float64
    np.testing.assert_allclose(value, network(X), rtol=1e-14)
    np.testing.assert_allclose(g, numerical_gradient(lambda x: float(network(x)), X), rtol=1e-6, atol=1e-8)


def test_argnums():
    f = lambda x, y, z: ops.sum(x * y["k"] * z)  # noqa: E731
    x, y, z = np.array([2.0]), {"k": np.array([3.0])}, np.array([5.0])
    assert nv.grad(f)(x, y, z).tolist() == [15]
    assert nv.grad(f, argnums=-1)(x, y, z).tolist() == [6]
    gx, gy = nv.grad(f, argnums=(0, 1))(x, y, z)
    assert (gx.tolist(), gy["k"].tolist()) == ([15], [10])
    with pytest.raises(ValueError, match="argument 3"):
        nv.grad(f, argnums=3)(x, y, z)


def test_aux():
    f = lambda x: (ops.sum(x**2), {"double": x * 2, "tag": 7})  # noqa: E731
    (value, aux), g = nv.value_and_grad(f, has_aux=True)(np.array([1.0, 2.0]))
    assert (float(value), aux["double"].tolist(), aux["tag"], g.tolist()) == (5, [2, 4], 7, [2, 4])
    g, aux = nv.grad(f, has_aux=True)(np.array([1.0, 2.0]))
    assert (g.tolist(), aux["tag"]) == ([2, 4], 7)


def test_variables():
    w, b = nv.Variable([2.0, 3.0]), nv.Variable(1.0)
    f = lambda x: ops.sum(w * x) + b * b  # noqa: E731
    x = np.array([5.0, 7.0], np.float32)
    gw, gb = nv.grad(f, wrt=[w, b])(x)
    assert (gw.tolist(), float(gb)) == ([5, 7], 2)
    assert nv.grad(f, wrt=w)(x).tolist() == [5, 7]
    named = nv.grad(f, wrt={"b": b})(x)
    assert float(named["b"]) == 2
    gx, (gb,) = nv.grad(f, argnums=0, wrt=[b])(x)
    assert (gx.tolist(), float(gb)) == ([2, 3], 2)
    b.assign(4.0)
    assert float(nv.grad(f, wrt=[b])(x)[0]) == 8
    assert [float(d) for d in nv.grad(f, wrt=[b, b])(x)] == [8, 8]
    with pytest.raises(TypeError, match="wrt"):
        nv.grad(f, wrt=[x])(x)


def test_assignments_in_a_differentiated_function():
    w, count = nv.Variable(3.0), nv.Variable(0)

    def loss(x):
        count.assign_add(1)
        w.assign(w * x)
        return w * w

    assert float(nv.grad(loss, wrt=[w])(np.float32(2))[0]) == 2 * 3 * 4
    assert (int(count), float(w)) == (1, 6)


def test_gradient_descent_by_hand():
    w = nv.Variable(np.zeros(4))
    y = X @ np.arange(4.0)

    @nv.function
    def step(x, y):
        value, (g,) = nv.value_and_grad(lambda: ops.mean((x @ w - y) ** 2), wrt=[w])()
        w.assign_sub(0.1 * g)
        return value

    values = [float(step(X, y)) for _ in range(200)]
    assert values[-1] < 1e-3 * values[0]


def test_nesting_to_any_order():
    f = lambda x: ops.exp(2 * x)  # noqa: E731
    for order in range(1, 5):
        f = nv.grad(f)
        np.testing.assert_allclose(f(0.5), 2**order * np.exp(1), rtol=1e-5)


def test_inner_and_outer_variables_are_apart():
    # d/dx [d/dy (x y) at y = x] = d/dx x = 1, though x and y are the same number.
    assert float(nv.grad(lambda x: nv.grad(lambda y: x * y)(x))(3.0)) == 1
    # and with y = 2 x, which the function has of its own as well
    assert float(nv.grad(lambda x: nv.grad(lambda y: y * (2 * x))(2 * x))(3.0)) == 2
    w = nv.Variable(3.0)
    assert float(nv.grad(lambda x: w * x)(w)) == 3


def test_gradient_inside_a_function():
    f = nv.function(lambda x: nv.grad(lambda z: ops.sum(z**3))(x) + 1)
    assert f(np.array([1.0, 2.0])).tolist() == [4, 13]


def test_gradient_at_a_constant():
    """The value is known while tracing; that it is differentiated by must not fold away."""
    cube = lambda z: ops.sum(z * z * z)  # noqa: E731
    at = {"float": lambda: 2.0, "full": lambda: ops.ones((2,)) * 2, "array": lambda: np.full(2, 2.0)}
    for name, make in at.items():
        f = nv.function(lambda x, make=make: x * nv.grad(cube)(make()))
        np.testing.assert_array_equal(f(np.array([1.0, 3.0])), [12, 36], err_msg=name)
        g = nv.function(lambda x, make=make: x * nv.hvp(cube, make(), make()))
        np.testing.assert_array_equal(g(np.array([1.0, 3.0])), [24, 72], err_msg=name)


def test_what_cannot_be_differentiated():
    with pytest.raises(ValueError, match=r"scalar.*jacobian"):
        nv.grad(lambda x: x * 2)(np.ones(2))
    with pytest.raises(TypeError, match="int32"):
        nv.grad(lambda x: ops.sum(x))(np.ones(2, np.int32))
    with pytest.raises(TypeError, match="int32"):
        nv.grad(lambda x: x)(3)
    with pytest.raises(TypeError, match="int32"):
        nv.grad(lambda x: ops.argmax(x))(np.ones(2))
    with pytest.raises(TypeError, match="NoneType"):
        nv.grad(lambda x: None)(np.ones(2))
    with pytest.raises(TypeError, match=r"\(value, aux\)"):
        nv.grad(lambda x: x, has_aux=True)(1.0)
    for bad in ("a", 0.5, (0, "b")):
        with pytest.raises(TypeError, match="argnums is an int"):
            nv.grad(lambda x: x, argnums=bad)


def test_no_path_is_zero():
    assert nv.grad(lambda x: ops.sum(np.ones(2)) + 0.0)(np.ones(3)).tolist() == [0, 0, 0]
    assert nv.grad(lambda x: ops.sum(ops.stop_gradient(x) * x))(np.full(2, 3.0)).tolist() == [3, 3]
    assert nv.grad(lambda x: ops.sum(ops.cast(x, "int32")) * 1.0)(np.ones(2)).tolist() == [0, 0]


COMPOSED = {
    "sort": lambda x: ops.sum(ops.sort(x, axis=0) * W1[:3, :4]),
    "top_k": lambda x: ops.sum(ops.top_k(x, 2)[0] ** 2),
    "cumsum": lambda x: ops.sum(ops.cumsum(x, axis=0) ** 2),
    "einsum": lambda x: ops.sum(ops.einsum("ij,jk,ik->k", x, W1, x @ W1) ** 2),
    "getitem": lambda x: ops.sum(x[::-1, 1:] ** 2) + x[0, -1] + ops.sum(x[np.array([0, 0, 2])] ** 3),
    "pad": lambda x: ops.sum(ops.pad(x, 1, mode="reflect") ** 2),
    "logsumexp": lambda x: ops.sum(ops.logsumexp(x, axis=0) ** 2),
    "softmax": lambda x: ops.sum(ops.softmax(x, axis=0) * ops.log_softmax(x)),
    "norm": lambda x: ops.norm(x) + ops.sum(ops.norm(x, ord=3, axis=0)),
    "layer_normalization": lambda x: ops.sum(ops.layer_normalization(x, W1[:4, 0], W1[:4, 1]) ** 3),
    "std": lambda x: ops.sum(ops.std(x, axis=1)) + ops.var(x),
    "quantile": lambda x: ops.sum(ops.quantile(x, 0.3, axis=0) ** 2),
    "gelu": lambda x: ops.sum(ops.gelu(x) + ops.gelu(x, approximate=False) + ops.mish(x) + ops.selu(x)),
    "segment_sum": lambda x: ops.sum(ops.segment_sum(x, np.array([1, 0, 1]), 2) ** 2),
    "crossentropy": lambda x: ops.sum(ops.sparse_categorical_crossentropy(np.array([0, 1, 3]), ops.softmax(x))),
    "binary": lambda x: ops.sum(ops.binary_crossentropy(np.full((3, 4), 0.25), ops.sigmoid(x))),
    "scan": lambda x: ops.sum(ops.scan(lambda c, r: (ops.tanh(c + r), c), ops.zeros(4, "float64"), x)[0]),
    "cond": lambda x: ops.cond(ops.sum(x) > 0, lambda: ops.sum(x**2), lambda: ops.sum(x**3)),
    "kron": lambda x: ops.sum(ops.kron(x, x[:2, :2]) ** 2),
    "cross": lambda x: ops.sum(ops.cross(x[:, :3], x[:, 1:]) ** 2),
}


# Where an activation's pieces meet: (points, first derivatives, second).
MEETING = {
    "relu6": ([0, 3, 6, 7], [0, 1, 0, 0], [0, 0, 0, 0]),
    "hard_sigmoid": ([-3, 0, 3], [0, 1 / 6, 0], [0, 0, 0]),
    "elu": ([0, 1, 800, -800], [1, 1, 1, 0], [1, 0, 0, 0]),
    "selu": ([0, 1], [1.7580993408473766, 1.0507009873554805], [1.7580993408473766, 0]),
    "celu": ([0, 1], [1, 1], [1, 0]),
    "sinc": ([0], [0], [-(np.pi**2) / 3]),
    "softplus": ([0, 800, -800], [0.5, 1, 0], [0.25, 0, 0]),
    "silu": ([0, 800, -800], [0.5, 1, 0], [0.5, 0, 0]),
}


@pytest.mark.parametrize("name", MEETING)
def test_derivatives_where_pieces_meet(name):
    x, first, second = (np.array(v, float) for v in MEETING[name])
    f = lambda x: ops.sum(getattr(ops, name)(x))  # noqa: E731
    np.testing.assert_allclose(nv.grad(f)(x), first, atol=1e-15)
    np.testing.assert_allclose(nv.hvp(f, x, np.ones_like(x)), second, atol=1e-15)


@pytest.mark.parametrize("name", COMPOSED)
def test_first_and_second_derivatives(name):
    f, v = COMPOSED[name], RNG.normal(size=X.shape)
    np.testing.assert_allclose(
        nv.grad(f)(X), numerical_gradient(lambda x: float(nv.function(f)(x)), X), rtol=2e-5, atol=1e-6
    )
    g, h = nv.grad(f), 1e-6
    np.testing.assert_allclose(nv.hvp(f, X, v), (g(X + h * v) - g(X - h * v)) / (2 * h), rtol=1e-4, atol=1e-5)


# ---- jacobians and Hessian-vector products ----


def test_jacobian():
    f = lambda x: ops.tanh(x @ W1)  # noqa: E731
    j = nv.jacobian(f)(X)
    assert j.shape == (3, 5, 3, 4)
    for k in np.ndindex(3, 4):
        e = np.zeros_like(X)
        e[k] = 1e-6
        np.testing.assert_allclose(j[..., k[0], k[1]], (f(X + e) - f(X - e)) / 2e-6, atol=1e-8)


def test_jacobian_structures():
    w = nv.Variable([2.0, 3.0])
    f = lambda x, y: w * x["k"] * y  # noqa: E731
    x, y = {"k": np.array([1, 2], np.float32)}, np.float32(5)
    jx, jy = nv.jacobian(f, argnums=(0, 1))(x, y)
    assert (jx["k"].tolist(), jy.tolist()) == ([[10, 0], [0, 15]], [2, 6])
    assert nv.jacobian(f, wrt=[w])(x, y)[0].tolist() == [[5, 0], [0, 10]]
    assert nv.jacobian(lambda x: ops.sum(x**2))(np.array([1.0, 2.0])).tolist() == [2, 4]
    assert nv.jacobian(lambda x: x[:0])(np.ones(3)).shape == (0, 3)
    twice, rest = nv.jacobian(lambda x: (2 * x, {"sum": ops.sum(x)}))(np.ones(2))
    assert (twice.tolist(), rest["sum"].tolist()) == ([[2, 0], [0, 2]], [1, 1])
    with pytest.raises(TypeError, match="int32"):
        nv.jacobian(lambda x: ops.argmax(x, axis=0))(X)


def test_hessian_by_nesting():
    a = X.T @ X
    f = lambda x: 0.5 * ops.sum(x * (a @ x)) + ops.sum(x)  # noqa: E731
    np.testing.assert_allclose(nv.jacobian(nv.grad(f))(np.ones(4)), a, rtol=1e-12)
    np.testing.assert_allclose(nv.jacobian(nv.jacobian(f))(np.ones(4)), a, rtol=1e-12)
    v = np.arange(4.0)
    np.testing.assert_allclose(nv.hvp(f, np.ones(4), v), a @ v, rtol=1e-12)


def test_hvp():
    v = RNG.normal(size=X.shape)
    g = nv.grad(network)
    np.testing.assert_allclose(nv.hvp(network, X, v), (g(X + 1e-6 * v) - g(X - 1e-6 * v)) / 2e-6, rtol=1e-6, atol=1e-7)


def test_hvp_of_structures():
    f = lambda p: ops.sum(p["a"] ** 2 * p["b"][0])  # noqa: E731
    x = {"a": np.array([1.0, 2.0]), "b": [np.array(3.0)]}
    v = {"a": np.array([1.0, 0.0]), "b": [np.array(2.0)]}
    y = nv.hvp(f, x, v)
    assert y["a"].tolist() == [2 * 3 * 1 + 2 * 1 * 2, 2 * 2 * 2]
    assert float(y["b"][0]) == 2
    with pytest.raises(ValueError, match="hvp"):
        nv.hvp(network, X, X[:1])
    with pytest.raises((ValueError, TypeError)):
        nv.hvp(f, x, x["a"])


def test_float32_stays_float32():
    assert nv.grad(lambda x: ops.sum(ops.exp(x)))(np.ones(2, np.float32)).dtype == np.float32
    assert nv.hvp(lambda x: ops.sum(ops.exp(x)), np.ones(2, np.float32), np.ones(2)).dtype == np.float32

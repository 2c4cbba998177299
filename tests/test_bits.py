"""Same seed, same bits: for any number of threads and any instruction set but `portable`, each in its own process."""

import nervure as nv
import numpy as np
import pytest

PROGRAM = """
import hashlib
import numpy as np
import nervure as nv

def digest(*arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()

def data(n, width, classes, dtype="float32"):
    rng = np.random.RandomState(3)
    return rng.randn(n, width).astype(dtype), rng.randint(0, classes, n)

def train(layers, n, batch, width, loss, y=None, optimizer="adam", **fit):
    nv.utils.set_random_seed(5)
    model = nv.Sequential([nv.Input((width,)), *layers()])
    x, labels = data(n, width, 10)
    y = labels if y is None else y(x)
    model.compile(optimizer(), loss=loss, metrics=["mae" if loss == "mse" else "accuracy"])
    history = model.fit(x, y, batch_size=batch, epochs=2, verbose=0, validation_split=0.2, **fit)
    values = [v for key in sorted(history.history) for v in history.history[key]]
    return digest(*model.get_weights(), np.array(values), model.predict(x, verbose=0))

L, adam = nv.layers, nv.optimizers.Adam
scce = "sparse_categorical_crossentropy"

def block(width):
    return [L.Dense(width), L.BatchNormalization(), L.ReLU(), L.Dropout(0.2)]

print("tiny", train(lambda: [L.Dense(32, activation="relu"), L.Dense(1)], 403, 32, 8, "mse", lambda x: x[:, :1], adam))
head = lambda: [L.Dense(10, activation="softmax")]
print("bn", train(lambda: block(256) + block(192) + head(), 700, 128, 100, scce, None, adam))
print("wide", train(lambda: [L.Dense(512, activation="tanh"), L.Dropout(0.5), *head()], 600, 256, 300, scce, None,
                    lambda: adam(amsgrad=True)))
print("odd", train(lambda: [L.Dense(67, activation="gelu"), L.Dense(33, activation="sigmoid"), *head()], 211, 37, 17,
                   scce, None, lambda: nv.optimizers.SGD(0.1, momentum=0.9, nesterov=True)))
nv.config.set_floatx("float64")
print("double", train(lambda: block(128) + head(), 300, 64, 70, scce, None, adam))
nv.config.set_floatx("float32")
for name in ("LBFGS", "ConjugateGradient", "NewtonCG", "TrustRegionNewton", "LevenbergMarquardt"):
    print(name, train(lambda: [L.Dense(24, activation="tanh"), L.Dropout(0.2), L.Dense(1)], 500, None, 9, "mse",
                      lambda x: x[:, :1], getattr(nv.optimizers, name)))
nv.utils.set_random_seed(9)
print("random", digest(*[np.asarray(make((37, 41))) for make in (
    nv.initializers.GlorotUniform(), nv.initializers.HeNormal(), nv.initializers.LecunNormal())],
    np.asarray(nv.random.normal((1000,))), np.asarray(nv.random.uniform((1001,)))))
x = np.linspace(-20, 20, 100003, dtype=np.float32)
for name in ("exp", "tanh", "sigmoid", "softplus", "erf", "log1p", "sin"):
    print(name, digest(nv.ops.convert_to_numpy(getattr(nv.ops, name)(np.abs(x) if name == "log1p" else x))))
columns = x[:-1].reshape(-1, 7)
print("sum", digest(*map(np.asarray, (nv.ops.sum(x), nv.ops.sum(columns, axis=0), nv.ops.logsumexp(x)))))
a = np.random.RandomState(1).randn(301, 1003).astype(np.float32)
print("matmul", digest(nv.ops.matmul(a, a.T), nv.ops.matmul(a.T, a), nv.ops.matmul(a[:1], a.T)))
print("ran on", nv._core.config()["isa"], nv._core.config()["threads"])
"""

ISAS = [isa for isa in nv._core.config()["isas"].split(",") if isa.strip() != "portable"]
RUNS = [(isa.strip(), threads) for isa in ISAS for threads in ("1", "2", "3")]


@pytest.fixture(scope="module")
def outputs(run_python) -> dict[tuple[str, str], dict[str, str]]:
    found = {}
    for isa, threads in RUNS:
        text = run_python("-c", PROGRAM, NERVURE_ISA=isa, NERVURE_NUM_THREADS=threads)
        found[isa, threads] = dict(line.split(" ", 1) for line in text.splitlines())
    return found


@pytest.mark.parametrize("run", RUNS[1:], ids="-".join)
def test_same_bits(outputs: dict[tuple[str, str], dict[str, str]], run: tuple[str, str]) -> None:
    got, expected = dict(outputs[run]), dict(outputs[RUNS[0]])
    assert got.pop("ran") == f"on {run[0]} {run[1]}"
    expected.pop("ran")
    assert got == expected and len(got) > 10


def test_a_seed_repeats_a_run_and_another_does_not() -> None:
    def weights(seed: int) -> bytes:
        nv.utils.set_random_seed(seed)
        model = nv.Sequential([nv.Input((6,)), nv.layers.Dense(16, activation="relu"), nv.layers.Dropout(0.5)])
        model.add(nv.layers.Dense(1))
        model.compile("adam", loss="mse")
        x = np.random.RandomState(0).randn(100, 6).astype(np.float32)
        model.fit(x, x[:, 0], epochs=2, verbose=0)
        return b"".join(w.tobytes() for w in model.get_weights())

    assert weights(1) == weights(1)
    assert weights(1) != weights(2)

"""Models that are saved by one library and loaded by the other. `k` is keras or nervure."""

import numpy as np

X = (np.arange(24, dtype="float32").reshape(6, 4) * 7 % 5 - 2) / 3
Y = X[:, :1] * 2 - X[:, 1:2]

# What files of arrays hold
ARRAYS = {
    "f4": X[:2],
    "f8": np.arange(3.0) / 7,
    "f2": np.float16(2.5),
    "i8": np.arange(5, dtype="int64") - 2**40,
    "i4": np.int32(-7),
    "u1": np.arange(3, dtype="uint8"),
    "bool": np.array([[True, False, True]]),
    "bytes": np.array([b"ab", b"cde"]),
    "empty": np.zeros((0, 2), "float32"),
    "big": np.arange(3, dtype=">i4"),
}


def sequential(k):
    """Momentum, a regularizer, moving statistics."""
    layers = k.layers
    model = k.Sequential(
        [
            k.Input((4,)),
            layers.Dense(3, activation="relu", kernel_regularizer=k.regularizers.L2(0.01), name="first"),
            layers.BatchNormalization(momentum=0.9),
            layers.Dropout(0.0),
            layers.Dense(1, name="last"),
        ],
        name="stack",
    )
    model.compile(k.optimizers.SGD(0.05, momentum=0.9), "mse", metrics=["mae"])
    return model


def functional(k):
    """A shared layer, a nested model, functions of ops, several outputs."""
    layers, ops = k.layers, k.ops
    x = k.Input((4,), name="x")
    shared = layers.Dense(4, activation="tanh", name="shared")
    h = shared(shared(x)) * 2 + x
    h = ops.concatenate([ops.relu(h), 1.0 - h], axis=-1)
    h = ops.mean(ops.reshape(h, (-1, 4, 2)), axis=-1)[:, 1:]
    a = k.Input((3,), name="a")
    inner = k.Model(a, layers.Dense(2, name="deep")(a), name="inner")
    y = inner(h)
    out = layers.Dense(1, name="out")(layers.Add(name="sum")([y, inner(h)]))
    model = k.Model([x], {"out": out, "side": y}, name="net")
    loss = {"out": k.losses.MeanSquaredError(), "side": "mae"}
    model.compile(k.optimizers.Adam(0.01), loss=loss, metrics={"out": ["mae"]})
    return model


def subclassed(k):
    """Layers in attributes and containers."""
    layers = k.layers

    class Tower(k.Model):
        def __init__(self, width=3, **kwargs):
            super().__init__(**kwargs)
            self.width = width
            self.zeta = layers.Dense(width)
            self.blocks = [layers.Dense(width), [layers.Dense(2)]]
            self.heads = {"b": layers.Dense(1), "a": layers.Dense(1)}
            self._last = layers.Dense(1)

        def call(self, x):
            x = self.blocks[1][0](self.blocks[0](self.zeta(x)))
            return self._last(self.heads["a"](x) + self.heads["b"](x))

        def get_config(self):
            return super().get_config() | {"width": self.width}

    model = Tower(name="tower")
    model.compile(k.optimizers.RMSprop(0.01), "mae")
    return model, Tower


def built(make, k):
    """The model after some training, and its custom objects."""
    model, custom = make(k), {}
    if isinstance(model, tuple):
        model, cls = model
        custom = {cls.__name__: cls}
    train(model, 2)
    return model, custom


def targets(model):
    return {"out": Y, "side": X[:, :2]} if model.name == "net" else Y


def train(model, epochs):
    """The losses of some epochs, the data in order."""
    history = model.fit(X, targets(model), batch_size=3, epochs=epochs, shuffle=False, verbose=0)
    return [float(v) for v in history.history["loss"]]


def predicted(model):
    y = model.predict(X, verbose=0)
    return {k: v.tolist() for k, v in y.items()} if isinstance(y, dict) else {"": y.tolist()}


MODELS = {"sequential": sequential, "functional": functional, "subclassed": subclassed}

"""Models: graphs, sequences, subclasses; order of layers and weights; looking inside; summary."""

import nervure as nv
import numpy as np
import pytest
from nervure import layers, ops

RNG = np.random.default_rng(4)
X = RNG.normal(size=(6, 4)).astype("float32")


def dense(x, layer):
    return x @ layer.kernel.numpy() + (0 if layer.bias is None else layer.bias.numpy())


def test_functional():
    x = nv.Input((4,), name="x")
    a = layers.Dense(3, name="a")(x)
    b = layers.Dense(3, name="b")(ops.tanh(a) * 2 - 1)
    model = nv.Model(x, [a, b], name="two")
    pa, pb = model.predict(X, verbose=0)
    la, lb = model.get_layer("a"), model.get_layer(index=2)
    np.testing.assert_allclose(pa, dense(X, la), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(pb, dense(np.tanh(pa) * 2 - 1, lb), rtol=1e-5, atol=1e-5)
    assert [layer.name for layer in model.layers] == ["x", "a", "b"]
    assert [v.path for v in model.weights] == ["a/kernel", "a/bias", "b/kernel", "b/bias"]
    assert model.input_shape == (None, 4)
    assert model.output_shape == [(None, 3), (None, 3)]
    assert model.output_names == ["a", "b"]
    assert model.count_params() == 27
    assert la.output is a
    assert lb.input.shape == (None, 3)
    inner = nv.Model(model.inputs, ops.relu(a))  # a second model over the same layers
    np.testing.assert_allclose(inner.predict(X, verbose=0), np.maximum(pa, 0))
    tail = nv.Model(a, b)  # from an intermediate result
    np.testing.assert_allclose(tail.predict(pa, verbose=0), pb, rtol=1e-6)


def test_layers_are_ordered_by_depth():
    x, y = nv.Input((2,), name="x"), nv.Input((3,), name="y")
    short = layers.Dense(4, name="short")(y)
    deep = layers.Dense(4, name="deep2")(layers.Dense(4, name="deep1")(x))
    model = nv.Model([x, y], layers.Add(name="sum")([deep, short]))
    assert [layer.name for layer in model.layers] == ["x", "deep1", "y", "deep2", "short", "sum"]


@pytest.mark.parametrize("kind", ["list", "dict"])
def test_several_inputs_and_outputs(kind):
    a, b = nv.Input((2,), name="a"), nv.Input((3,), name="b")
    total = layers.Dense(1, name="left")(a) + layers.Dense(1, name="right")(b)
    outputs = {"sum": total, "twice": total * 2}
    model = nv.Model({"b": b, "a": a} if kind == "dict" else [a, b], outputs)
    data = {"a": X[:, :2], "b": X[:, :3]}
    out = model.predict(data, verbose=0)
    expected = dense(X[:, :2], model.get_layer("left")) + dense(X[:, :3], model.get_layer("right"))
    np.testing.assert_allclose(out["sum"], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(out["twice"], 2 * expected, rtol=1e-5, atol=1e-6)
    called = model(data)
    np.testing.assert_allclose(called["sum"], expected, rtol=1e-5, atol=1e-6)
    if kind == "list":
        np.testing.assert_allclose(model.predict(list(data.values()), verbose=0)["sum"], out["sum"])
    else:
        with pytest.raises(ValueError, match="structure of `inputs` doesn't match"):
            model.predict([data["b"], data["a"]], verbose=0)


def test_shared_layers_and_nesting():
    shared = layers.Dense(3, name="shared")
    inner = nv.Sequential([layers.Dense(3, name="first"), layers.ReLU(name="relu")], name="inner")
    a, b = nv.Input((4,)), nv.Input((4,))
    joined = layers.Concatenate(name="join")([inner(shared(a)), shared(b)])
    model = nv.Model([a, b], layers.Dense(2, name="end")(joined))
    out = model.predict([X, X + 1], verbose=0)
    left = np.maximum(dense(dense(X, shared), inner.layers[0]), 0)
    expected = dense(np.concatenate([left, dense(X + 1, shared)], -1), model.get_layer("end"))
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-5)
    assert len(model.weights) == 6
    assert [v.path for v in inner.weights] == ["inner/first/kernel", "inner/first/bias"]
    seen = model.forward([X, X + 1])
    assert list(seen) == ["shared", "inner/first", "inner/relu", "inner", "shared:1", "join", "end"]
    np.testing.assert_allclose(seen["inner/relu"], left, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(seen["shared:1"], dense(X + 1, shared), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(seen["end"], out, rtol=1e-6)


def test_sequential():
    model = nv.Sequential(name="s")
    with pytest.raises(ValueError, match="has no layers"):
        model.predict(X, verbose=0)
    model.add(layers.Dense(3, name="a"))
    model.add(layers.Dense(2, name="b"))
    assert not model.built
    assert model.weights == []
    model.build((None, 4))
    assert model.built
    assert [v.path for v in model.weights] == ["s/a/kernel", "s/a/bias", "s/b/kernel", "s/b/bias"]
    a, b = model.layers
    np.testing.assert_allclose(model.predict(X, verbose=0), dense(dense(X, a), b), rtol=1e-5, atol=1e-6)
    assert model.pop() is b
    np.testing.assert_allclose(model.predict(X, verbose=0), dense(X, a), rtol=1e-5, atol=1e-6)
    model.add(layers.ReLU())
    np.testing.assert_allclose(model.predict(X, verbose=0), np.maximum(dense(X, a), 0), rtol=1e-5, atol=1e-6)
    assert model.input_shape == (None, 4)
    assert model.output_shape == (None, 3)
    shaped = nv.Sequential([layers.Dense(2, input_shape=(4,))])
    assert shaped.built
    by_input = nv.Sequential([nv.Input((4,)), layers.Dense(2)])
    assert by_input.built
    assert len(by_input.layers) == 1


class Net(nv.Model):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.body = [layers.Dense(units), layers.Dense(units)]
        self.drop = layers.Dropout(0.5)
        self.head = layers.Dense(1, name="head")

    def call(self, x, training=False):
        for layer in self.body:
            x = ops.relu(layer(x))
        return self.head(self.drop(x, training=training))


def test_subclass():
    net = Net(5, name="net")
    assert not net.built
    out = net(X)
    assert out.shape == (6, 1)
    h = np.maximum(dense(np.maximum(dense(X, net.body[0]), 0), net.body[1]), 0)
    np.testing.assert_allclose(out, dense(h, net.head), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(net.predict(X, verbose=0), out, rtol=1e-6)
    np.testing.assert_allclose(net.predict_on_batch(X), out, rtol=1e-6)
    assert not np.allclose(net(X, training=True), out)
    assert net.layers == [*net.body, net.drop, net.head]
    assert net.weights[-1].path == "net/head/bias"
    built = Net(5)
    built.build((None, 4))
    assert len(built.weights) == 6
    assert built.weights[0].shape == (4, 5)


def test_subclass_inside_of_a_functional_model():
    x = nv.Input((4,))
    net = Net(3)
    model = nv.Model(x, net(x) + 1)
    np.testing.assert_allclose(model.predict(X, verbose=0), net(X) + 1, rtol=1e-6)


def test_subclass_of_a_functional_model():
    class Mine(nv.Model):
        def __init__(self):
            x = nv.Input((4,))
            super().__init__(x, layers.Dense(2, name="only")(x))
            self.extra = 3

    model = Mine()
    np.testing.assert_allclose(model.predict(X, verbose=0), dense(X, model.get_layer("only")), rtol=1e-5, atol=1e-6)


def test_weights():
    model = nv.Sequential([nv.Input((4,)), layers.Dense(3), layers.BatchNormalization()])
    weights = model.get_weights()
    assert [w.shape for w in weights] == [(4, 3), (3,), (3,), (3,), (3,), (3,)]
    weights[0][:] = 1
    model.set_weights(weights)
    assert (model.layers[0].kernel.numpy() == 1).all()
    np.testing.assert_allclose(
        model.predict(X, verbose=0), X.sum(1, keepdims=True) / np.sqrt(1.001) * np.ones(3), rtol=1e-4, atol=1e-5
    )
    weights[0] = weights[0][:2]
    weights[1][:] = 7
    with pytest.raises(ValueError, match=r"dense.*kernel has shape \(4, 3\), got \(2, 3\)"):
        model.set_weights(weights)
    assert not model.layers[0].bias.numpy().any()  # nothing was changed
    with pytest.raises(ValueError, match="length 2, but the layer was expecting 6"):
        model.set_weights(weights[:2])
    view = model.layers[0].kernel.numpy()
    view[...] = 0
    assert not model.predict(X, verbose=0).any()


def test_inputs_of_many_kinds():
    model = nv.Sequential([nv.Input((4,)), layers.Dense(2)])
    expected = model.predict(X, verbose=0)
    for other in (X.astype("float64"), X.tolist(), np.asfortranarray(X), X[::-1][::-1], X.astype(">f4")):
        np.testing.assert_allclose(model.predict(other, verbose=0), expected, rtol=1e-6)
        np.testing.assert_allclose(model.predict_on_batch(other), expected, rtol=1e-6)
        np.testing.assert_allclose(model.predict_on_batch(other), expected, rtol=1e-6)
    half = X.astype("float16")
    np.testing.assert_allclose(model.predict(half, verbose=0), model.predict(half.astype("float32"), verbose=0))
    np.testing.assert_allclose(model.predict_on_batch(half), model.predict(half, verbose=0), rtol=1e-6)
    np.testing.assert_allclose(model.predict_on_batch(half), model.predict(half, verbose=0), rtol=1e-6)
    whole = (X * 100).astype("int16")
    np.testing.assert_allclose(model.predict(whole, verbose=0), model.predict(whole.astype("float32"), verbose=0))
    np.testing.assert_allclose(model.predict_on_batch(whole), model.predict(whole, verbose=0), rtol=1e-6)
    small = (X > 0).astype("uint8")
    np.testing.assert_allclose(model(small), model(small.astype("float32")), rtol=1e-6)
    assert model.predict(X, verbose=0, batch_size=4).shape == (6, 2)
    np.testing.assert_allclose(model.predict(X, verbose=0, batch_size=4), expected, rtol=1e-6)
    assert model.predict(X, verbose=0, batch_size=2, steps=2).shape == (4, 2)


def test_trailing_axis_of_one():
    model = nv.Sequential([nv.Input((1,)), layers.Dense(1)])
    np.testing.assert_allclose(model.predict(X[:, 0], verbose=0), model.predict(X[:, :1], verbose=0))
    flat = nv.Input(())
    model = nv.Model(flat, flat * 2)
    np.testing.assert_allclose(model.predict(X[:, :1], verbose=0), X[:, 0] * 2)


def test_float64_models():
    x = nv.Input((4,), dtype="float64")
    model = nv.Model(x, layers.Dense(2, dtype="float64")(x))
    data = RNG.normal(size=(3, 4))
    expected = data @ model.weights[0].numpy()
    out = model.predict(data, verbose=0)
    assert out.dtype == np.float64
    np.testing.assert_allclose(out, expected, rtol=1e-14)
    np.testing.assert_allclose(model(data), expected, rtol=1e-14)
    np.testing.assert_allclose(model.predict_on_batch(data), expected, rtol=1e-14)


def test_results_belong_to_the_caller():
    model = nv.Sequential([nv.Input((4,)), layers.Dense(2)])
    first = model.predict_on_batch(X)
    kept = first.copy()
    second = model.predict_on_batch(X * 2)
    assert np.array_equal(first, kept)
    assert not np.shares_memory(first, second)
    assert model.predict(X, verbose=0).flags.owndata


def test_call_site_training_flag_stays():
    """`training=` written in the graph holds whatever the model is asked to do."""
    x = nv.Input((50,))
    always = nv.Model(x, layers.Dropout(0.5)(x, training=True))
    never = nv.Model(x, layers.Dropout(0.5)(x, training=False))
    ones = np.ones((4, 50), "float32")
    assert (always.predict(ones, verbose=0) == 0).any()
    assert (never(ones, training=True) == 1).all()


def test_summary(capsys):
    model = nv.Sequential([nv.Input((4,)), layers.Dense(3, name="a"), layers.BatchNormalization(name="b")], name="s")
    lines = []
    model.summary(print_fn=lambda text: lines.extend(text.splitlines()))
    assert lines[0] == 'Model: "s"'
    assert [line.split() for line in lines if "(" in line][:3] == [
        ["┃", "Layer", "(type)", "┃", "Output", "Shape", "┃", "Param", "#", "┃"],
        ["│", "a", "(Dense)", "│", "(None,", "3)", "│", "15", "│"],
        ["│", "b", "(BatchNormalization)", "│", "(None,", "3)", "│", "12", "│"],
    ]
    assert " Total params: 27 (108.00 B)" in lines
    assert " Trainable params: 21 (84.00 B)" in lines
    assert " Non-trainable params: 6 (24.00 B)" in lines
    assert len({len(line) for line in lines[1:8]}) == 1
    model.summary()
    assert capsys.readouterr().out.startswith('Model: "s"')
    model.compile("adam", "mse")
    model.fit(X, X[:, :3], verbose=0)
    lines.clear()
    model.summary(print_fn=lambda text: lines.extend(text.splitlines()), show_trainable=True, line_length=100)
    assert " Optimizer params: 44 (176.00 B)" in lines
    assert any(line.startswith(" Memory at the peak of a step: ") for line in lines)
    assert {len(line) for line in lines[1:8]} == {100}
    unbuilt = nv.Sequential([layers.Dense(2, name="later")])
    lines.clear()
    unbuilt.summary(print_fn=lambda text: lines.extend(text.splitlines()))
    assert any("later (Dense)" in line and "?" in line and "0 (unbuilt)" in line for line in lines)
    x = nv.Input((2,), name="x")
    y = layers.Dense(2, name="y")(x)
    branched = nv.Model(x, layers.Add(name="z")([x, y]))
    lines.clear()
    branched.summary(print_fn=lambda text: lines.extend(text.splitlines()))
    assert any("Connected to" in line for line in lines)
    assert any("z (Add)" in line and "x[0][0], y[0][0]" in line for line in lines)


def test_plans_are_bounded_and_dropped():
    model = nv.Sequential([nv.Input((None,)), layers.Activation("relu")])
    for n in range(1, 90):
        model.predict_on_batch(np.ones((n, 3), "float32"))
    assert len(model._plans.entries) <= 64
    model.compile("sgd", "mse")
    assert not model._plans.entries


def test_freezing_takes_effect_without_compiling_again():
    model = nv.Sequential([nv.Input((4,)), layers.Dense(3), layers.Dense(1)])
    model.compile("sgd", "mse")
    y = X[:, :1]
    model.fit(X, y, verbose=0)
    model.layers[0].trainable = False
    before = model.get_weights()
    model.fit(X, y, verbose=0)
    after = model.get_weights()
    assert [np.array_equal(a, b) for a, b in zip(before, after, strict=True)] == [True, True, False, False]
    assert len(model.trainable_weights) == 2
    model.trainable = False
    with pytest.warns(UserWarning, match="any trainable weights"):
        model.fit(X, y, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(after, model.get_weights(), strict=True))


def test_paths_begin_with_the_sequential_model():
    for first in ([nv.Input((4,))], []):
        model = nv.Sequential([*first, layers.Dense(2, name="d")], name="s")
        model.build((None, 4))
        assert [w.path for w in model.weights] == ["s/d/kernel", "s/d/bias"]


def test_nested_outputs_take_nested_targets():
    x = nv.Input((4,))
    model = nv.Model(x, [layers.Dense(2, name="a")(x), {"b": layers.Dense(1, name="b")(x)}])
    model.compile("sgd", loss=["mse", "mae"])
    y = [X[:, :2], {"b": X[:, :1]}]
    first, second = model.predict(X, verbose=0)
    logs = model.evaluate(X, y, verbose=0, return_dict=True)
    np.testing.assert_allclose(logs["a_loss"], np.mean((first - y[0]) ** 2), rtol=1e-5)
    np.testing.assert_allclose(logs["1/b_loss"], np.abs(second["b"] - y[1]["b"]).mean(), rtol=1e-5)
    assert model.fit(X, y, verbose=0).history["loss"]

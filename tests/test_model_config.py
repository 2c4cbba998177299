"""Models as data: Keras's configs, models of them, clones."""

import json
import sys
import warnings
from pathlib import Path

import nervure as nv
import numpy as np
import pytest
from nervure import layers, models, ops
from nervure.saving import deserialize_keras_object, serialize_keras_object
from nervure.saving.operations import by_function
from nervure.saving.serialization import serialize_shared, sharing

sys.path.insert(0, str(Path(__file__).parent / "golden"))
import file_models

FILES = Path(__file__).parent / "golden" / "files"
X = file_models.X


def plain(config):
    """As JSON has it, without what says nothing: the defaults Keras fills into calls, and how steps are compiled."""
    if isinstance(config, dict):
        config = {k: plain(v) for k, v in config.items() if k not in ("shared_object_id", "jit_compile")}
        if isinstance(config.get("kwargs"), dict):
            config["kwargs"] = {
                k: v for k, v in config["kwargs"].items() if (k, v) not in (("mask", None), ("training", False))
            }
        return config
    return [plain(v) for v in config] if isinstance(config, (list, tuple)) else config


@pytest.mark.parametrize("name", ["sequential", "functional"])
def test_configs_are_those_of_keras(name):
    nv.utils.clear_session()
    model, _ = file_models.built(file_models.MODELS[name], nv)
    found = plain(json.loads(model.to_json()))
    wanted = plain(json.loads((FILES / f"{name}.json").read_text())["config"])
    assert found["config"] == wanted["config"]
    assert {k: found[k] for k in ("module", "class_name", "registered_name", "build_config")} == {
        k: wanted[k] for k in ("module", "class_name", "registered_name", "build_config")
    }
    ours, theirs = found["compile_config"], wanted["compile_config"]
    assert ours.keys() == theirs.keys()
    for key in ("loss_weights", "metrics", "run_eagerly", "steps_per_execution"):
        assert ours[key] == theirs[key]
    assert {k: ours["optimizer"][k] for k in ("module", "class_name")} == {
        k: theirs["optimizer"][k] for k in ("module", "class_name")
    }
    assert ours["optimizer"]["config"] == pytest.approx(theirs["optimizer"]["config"])


def agree(a, b, x=X):
    b.set_weights(a.get_weights())
    for p, q in zip(nv.tree.flatten(a.predict(x, verbose=0)), nv.tree.flatten(b.predict(x, verbose=0)), strict=True):
        assert np.array_equal(p, q)


@pytest.mark.parametrize("name", list(file_models.MODELS))
def test_a_model_of_json_is_equal(name):
    model, custom = file_models.built(file_models.MODELS[name], nv)
    same = models.model_from_json(model.to_json(indent=1), custom_objects=custom)
    assert type(same) is type(model) and same.name == model.name and same.compiled
    if name == "subclassed":
        same(X)  # its constructor gives new names
    else:
        assert [layer.name for layer in same.layers] == [layer.name for layer in model.layers]
    agree(model, same)
    assert type(same.optimizer) is type(model.optimizer)
    assert plain(json.loads(same.to_json())) == plain(json.loads(model.to_json()))


def test_ops_with_arguments_of_every_kind():
    x, y = nv.Input((3, 4)), nv.Input((3, 4))
    z = ops.einsum("bij,bij->bi", x, y)
    z = ops.where(ops.clip(z, -1.0, 1.0) > 0, z, 0.5) ** 2
    z = ops.expand_dims(z, 1)[:, 0, ..., ::2] + ops.max(x, axis=(1, 2), keepdims=False)[:, None]
    z = ops.concatenate([z, ops.take(y, [0, 2], axis=1)[:, :, 0]], axis=1) / np.array([1.0, 2.0, 3.0, 4.0], "float32")
    model = nv.Model([x, y], [z, ops.softmax(-z)])
    same = models.model_from_json(model.to_json())
    data = [np.random.default_rng(1).normal(size=(2, 3, 4)).astype("float32") for _ in range(2)]
    agree(model, same, data)


def test_the_table_of_ops_names_arguments_that_they_have():
    import inspect

    for name, item in by_function().items():
        function = getattr(ops, name, None)
        if function is not None:
            assert set(item.settings) <= set(inspect.signature(function).parameters) | {"sparse", "ragged"}, name


def test_calls_outside_of_the_model_do_not_count():
    shared = layers.Dense(3, name="shared")
    shared(nv.Input((4,)))
    x = nv.Input((4,), name="x")
    inner = nv.Model(x, shared(x), name="inner")
    inner(nv.Input((4,)))
    y = nv.Input((4,), name="y")
    model = nv.Model({"y": y}, [inner(y), inner(ops.relu(y))], name="outer")
    config = model.get_config()
    assert config["input_layers"] == {"y": ["y", 0, 0]}
    assert config["output_layers"] == [["inner", 1, 0], ["inner", 2, 0]]  # Keras counts these from 1
    agree(model, nv.Model.from_config(config), {"y": X})


def test_a_part_of_a_model_begins_with_an_input():
    x = nv.Input((4,), name="x")
    h = layers.Dense(3, name="first")(x)
    part = nv.Model(h, layers.Dense(2, name="second")(h))
    assert isinstance(part.layers[0], layers.InputLayer) and len(part.layers) == 2
    agree(part, nv.Model.from_config(part.get_config()), X[:, :3])


def test_names_of_ops_that_meet_differ_in_the_config():
    model = nv.Model.from_config((lambda x: nv.Model(x, ops.relu(x)))(nv.Input((2,), name="x")).get_config())
    nv.utils.clear_session()
    again = nv.Model(model.input, ops.relu(model.output))
    names = [entry["name"] for entry in again.get_config()["layers"]]
    assert len(set(names)) == len(names)
    agree(again, nv.Model.from_config(again.get_config()), X[:, :2])


def test_training_given_in_a_call_is_kept():
    x = nv.Input((3,), name="x")
    model = nv.Model(x, layers.Dropout(0.5, seed=1)(x, training=True))
    same = nv.Model.from_config(model.get_config())
    assert not np.array_equal(same.predict(X[:, :3] + 9, verbose=0), X[:, :3] + 9)


def history(config):
    return config["layers"][1]["inbound_nodes"][0]["args"][0]["config"]


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (lambda c: history(c).update(keras_history=["d", 0, 0]), ValueError, "loops"),
        (lambda c: history(c).update(keras_history=["q", 0, 0]), ValueError, "there is no"),
        (lambda c: history(c).update(keras_history=["x", 0, 3]), ValueError, "there is no"),
        (lambda c: c.update(output_layers=["d", 5, 0]), ValueError, "there is no"),
        (lambda c: c.update(output_layers="d"), ValueError, "there is no"),
        (lambda c: c.update(layers=3), ValueError, "list of layers"),
        (lambda c: c["layers"].append(c["layers"][0]), ValueError, "two layers are named"),
        (lambda c: c["layers"][1].update(class_name="Dance"), TypeError, "Could not locate class 'Dance'"),
        (lambda c: c["layers"][1].update(module="os.path", class_name="Dance"), TypeError, "Could not locate"),
        (
            lambda c: c["layers"][1].update(class_name="Huber", module="keras.losses", config={}),
            ValueError,
            "expected a layer",
        ),
        (lambda c: c["layers"][1].update(registered_name="mine>Dense"), ValueError, "Keras built-in"),
    ],
)  # fmt: skip
def test_a_config_that_is_no_graph_is_an_error(change, kind, words):
    x = nv.Input((4,), name="x")
    config = json.loads(json.dumps(nv.Model(x, layers.Dense(2, name="d")(x)).get_config()))
    change(config)
    with pytest.raises(kind, match=words):
        nv.Model.from_config(config)


def test_sequential_configs():
    model = nv.Sequential([layers.Dense(2), layers.Dense(1)], name="s")
    config = model.get_config()
    assert "build_input_shape" not in config and len(config["layers"]) == 2
    assert not nv.Sequential.from_config(config).built
    model.build((None, 4))
    config = model.get_config()
    assert config["build_input_shape"] == (None, 4) and config["layers"][0]["class_name"] == "InputLayer"
    agree(model, nv.Sequential.from_config(config))
    with pytest.raises(ValueError, match="'name' and 'layers'"):
        nv.Sequential.from_config({"name": "a"})
    with pytest.raises(ValueError, match="'config' key"):
        nv.Sequential.from_config({"name": "a", "layers": [{}]})


def test_a_sequential_of_several_tensors_has_no_graph():
    class Total(layers.Layer):
        def call(self, inputs):
            return inputs["a"] + inputs["b"]

    model = nv.Sequential([Total()])
    assert np.array_equal(model({"a": X, "b": X}), X + X)


def test_a_frozen_model_stays_frozen():
    model = nv.Sequential([nv.Input((4,)), layers.Dense(2), layers.Dense(1)])
    model.trainable = False
    assert nv.Sequential.from_config(model.get_config()).trainable_weights == []


def test_a_layer_is_built_from_its_build_config():
    layer = layers.Dense(3)
    assert layer.get_build_config() is None
    layer.build((None, 4))
    assert layer.get_build_config() == {"input_shape": (None, 4)}
    same = deserialize_keras_object(json.loads(json.dumps(serialize_keras_object(layer))))
    assert same.built and same.kernel.shape == (4, 3)

    class Two(layers.Layer):
        def build(self, a_shape, b_shape):
            self.w = self.add_weight(shape=(a_shape[-1], b_shape[-1]))

        def call(self, a, b):
            return ops.matmul(a, self.w) * b

    two = Two()
    two(np.ones((1, 2), "float32"), np.ones((1, 3), "float32"))
    config = two.get_build_config()["shapes_dict"]
    assert {k: v[-1] for k, v in config.items()} == {"a_shape": 2, "b_shape": 3}
    other = Two()
    other.build_from_config({"shapes_dict": {k: list(v) for k, v in config.items()}})
    assert other.w.shape == (2, 3)


def test_a_model_that_cannot_be_built_warns():
    class Odd(nv.Model):
        def build(self, input_shape):
            raise RuntimeError("never")

        def call(self, x):
            return x

    with pytest.warns(UserWarning, match="cannot be built automatically"):
        Odd().build_from_config({"input_shape": [None, 3]})


def test_what_is_shared_is_shared_again():
    shared = layers.Dense(2, name="shared")
    a, b = nv.Sequential([nv.Input((2,)), shared]), nv.Sequential([nv.Input((2,)), shared])
    config = json.loads(json.dumps(serialize_shared([a, b])))
    with sharing():
        p, q = deserialize_keras_object(config)
    assert p.layers[0] is q.layers[0]
    p, q = deserialize_keras_object(config)
    assert p.layers[0] is not q.layers[0]


def test_compile_config():
    model = nv.Sequential([nv.Input((2,)), layers.Dense(1)])
    assert model.get_compile_config() == {}
    model.compile(nv.optimizers.SGD(0.5, momentum=0.1), nv.losses.Huber(), metrics=["mae"], weighted_metrics=["mse"])
    config = json.loads(json.dumps(model.get_compile_config()))
    other = nv.Sequential([nv.Input((2,)), layers.Dense(1)])
    other.compile_from_config(config)
    assert other.optimizer.built and float(other.optimizer.learning_rate.numpy()) == 0.5
    assert other.get_compile_config() == model.get_compile_config()

    class Own(nv.Sequential):
        def compile(self, *args, **kwargs):
            super().compile(*args, **kwargs)

    with pytest.warns(UserWarning, match="method is custom"):
        Own([nv.Input((2,))]).compile_from_config(config)


def test_a_lambda_is_noted_but_its_code_is_not_stored():
    model = nv.Sequential([nv.Input((2,)), layers.Dense(1)])
    model.compile("sgd", lambda y, p: ops.mean((y - p) ** 2))
    with pytest.warns(UserWarning, match="lambda"):
        text = model.to_json()
    with pytest.raises(ValueError, match="no code"):
        models.model_from_json(text)


# ---- clones ----


@pytest.mark.parametrize("name", list(file_models.MODELS))
def test_a_clone_has_the_names_and_weights_of_its_own(name):
    model, _ = file_models.built(file_models.MODELS[name], nv)
    clone = models.clone_model(model)
    assert clone is not model and (
        name == "subclassed" or [v.name for v in clone.layers] == [v.name for v in model.layers]
    )
    assert not {id(v) for v in clone.weights} & {id(v) for v in model.weights}
    if name == "subclassed":
        clone(X)
    assert clone.compiled and clone.optimizer is not model.optimizer
    agree(model, clone)


def test_clone_arguments():
    x = nv.Input((4,), name="x")
    shared = layers.Dense(4, name="shared")
    inner = nv.Sequential([nv.Input((4,)), layers.Dense(4, name="deep")], name="inner")
    model = nv.Model(x, inner(shared(ops.relu(shared(x)))), name="m")
    seen = []

    def make(layer):
        seen.append(layer.name)
        return layer.__class__.from_config(layer.get_config())

    clone = models.clone_model(model, clone_function=make)
    assert sorted(seen) == ["inner", "relu", "shared"] or len(seen) == 3
    agree(model, clone)
    models.clone_model(model, clone_function=make, recursive=True)
    assert "deep" in seen

    def call(layer, *args, **kwargs):
        y = layer(*args, **kwargs)
        return layers.ReLU()(y) if isinstance(layer, layers.Dense) else y

    more = models.clone_model(model, clone_function=lambda layer: layer, call_function=call)
    assert len(more.layers) == len(model.layers) + 2 and more.get_layer("shared") is shared
    at = nv.Input((4,), name="other")
    assert models.clone_model(model, input_tensors=at).input is at
    sequential = models.clone_model(inner, input_tensors=[at])
    assert sequential.input is at
    for bad, words in (
        ({"call_function": call}, "not supported with Sequential"),
        ({"clone_function": 3}, "callable"),
        ({"input_tensors": [at, at]}, "a single tensor"),
        ({"input_tensors": 3}, "must be a KerasTensor"),
        ({"nothing": 3}, "Unexpected keyword"),
    ):
        with pytest.raises(ValueError, match=words):
            models.clone_model(inner, **bad)
    for bad, words in (({"input_tensors": 3}, "must be KerasTensors"), ({"input_tensors": [at]}, "same structure")):
        with pytest.raises(ValueError, match=words):
            models.clone_model(model, **bad)

    class Own(nv.Model):
        def call(self, x):
            return x

    for bad in ({"clone_function": make}, {"call_function": call}):
        with pytest.raises(ValueError, match="only supported for"):
            models.clone_model(Own(), **bad)


def test_legacy_files_of_weights(tmp_path):
    h5py = pytest.importorskip("h5py")
    model = nv.Sequential([nv.Input((4,)), layers.Dense(2, name="a"), layers.Dense(1, name="b")])
    kernels = {"a": (np.ones((4, 2), "f"), np.ones(2, "f")), "b": (np.full((2, 1), 3, "f"), np.zeros(1, "f"))}
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["layer_names"] = [b"a", b"b"]
        for name, arrays in kernels.items():
            group = file.create_group(name)
            names = [f"{name}/kernel:0", f"{name}/bias:0"]
            group.attrs["weight_names"] = [weight.encode() for weight in names]
            for weight, array in zip(names, arrays, strict=True):
                group[weight] = array
    model.load_weights(tmp_path / "w.h5")
    assert float(model.predict(np.ones((1, 4)), verbose=0)[0, 0]) == 30.0
    with pytest.raises(ValueError, match="only the weights"):
        models.load_model(tmp_path / "w.h5")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nv.Sequential([nv.Input((4,)), layers.Dense(2, name="a")]).load_weights(tmp_path / "w.h5", by_name=True)

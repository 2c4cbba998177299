"""The base class of layers: what a call passes on, specs of outputs, stateless calls, configs, errors, copies."""

import copy
import pickle

import nervure as nv
import numpy as np
import pytest
from nervure import layers, ops

X = np.random.default_rng(0).standard_normal((6, 3)).astype("float32")


class Told(layers.Layer):
    """Keeps what `training` was in its last trace."""

    def call(self, x, training=None):
        self.told = training
        return x


class Around(layers.Layer):
    def __init__(self):
        super().__init__()
        self.inner = Told()

    def call(self, x):
        return self.inner(x)


def test_training_may_be_a_bool_of_numpy():
    layer = Told()
    layer(X, training=np.bool_(True))
    assert layer.told is True


@pytest.mark.parametrize("given", [None, True, False])
def test_training_is_none_unless_somebody_says_so(given):
    kwargs = {} if given is None else {"training": given}
    layer, around = Told(), Around()
    layer(X, **kwargs)
    around(X, **kwargs)
    assert layer.told is given and around.inner.told is given


def test_the_default_of_an_outer_call_holds_inside():
    class Outer(Around):
        def call(self, x, training=True):
            return self.inner(x)

    layer = Outer()
    layer(X)
    assert layer.inner.told is True
    layer(X, training=False)
    assert layer.inner.told is False


def test_what_one_layer_is_told_does_not_reach_the_next():
    class Two(Around):
        def __init__(self):
            super().__init__()
            self.second = Told()

        def call(self, x):
            return self.second(self.inner(x, training=True))

    layer = Two()
    layer(X)
    assert layer.inner.told is True and layer.second.told is None


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
def test_what_models_are_told(method):
    class Net(nv.Model):
        def __init__(self):
            super().__init__()
            self.d, self.probe = layers.Dense(1), Told()

        def call(self, x):
            return self.probe(self.d(x))

    class Named(Net):
        def call(self, x, training=None):
            return self.probe(self.d(x))

    def told(model):
        model.compile("sgd", "mse")
        data = (X,) if method == "predict" else (X, X[:, :1])
        getattr(model, method)(*data, verbose=0)
        return model.layers[-1].told

    assert told(Net()) is None
    assert told(Named()) is (method == "fit")
    assert told(nv.Sequential([layers.Dense(1), Told()])) is (method == "fit")


def test_context_arguments_reach_the_layers_that_register_them():
    class Inner(layers.Layer):
        def __init__(self, registers):
            super().__init__()
            if registers:
                self._register_call_context_args("mode")

        def call(self, x, mode=None):
            return x + (1.0 if mode else 0.0)

    for registers in (True, False):
        model = nv.Sequential([layers.Identity(), Inner(registers)])
        model._register_call_context_args("mode")
        np.testing.assert_array_equal(model(X, mode=True), X + registers)
        np.testing.assert_array_equal(model(X), X)
    with pytest.raises(RuntimeError, match="after the layer has been called"):
        model._register_call_context_args("other")


# ---- specs of outputs ----


@pytest.mark.parametrize(
    "shape_of",
    [lambda s: s, lambda s: (s, s), lambda s: [s, s], lambda s: {"a": s, "b": {"c": (*s, 2)}}, lambda s: list(s)],
)
def test_a_shape_of_ones_own_is_believed(shape_of):
    class Mine(layers.Layer):
        def call(self, x):
            raise RuntimeError("not called")

        def compute_output_shape(self, input_shape):
            return shape_of(input_shape)

    for output in (Mine().compute_output_spec(nv.KerasTensor((2, 3))), Mine()(nv.KerasTensor((2, 3)))):
        expected = shape_of((2, 3))
        if expected == [2, 3]:
            expected = (2, 3)
        found = nv.tree.map_structure(lambda t: t.shape, output)
        assert found == expected and type(found) is type(expected)


def test_a_spec_of_ones_own_is_believed():
    class Mine(layers.Layer):
        def call(self, x):
            return x

        def compute_output_spec(self, x):
            return nv.KerasTensor((*x.shape, 7), "int32")

    y = Mine()(nv.Input((3,)))
    assert y.shape == (None, 3, 7) and y.dtype == "int32"


def test_a_shape_that_is_none():
    class Mine(layers.Layer):
        def compute_output_shape(self, input_shape):
            return 3

    with pytest.raises(ValueError, match=r"compute_output_shape\(\)` of layer Mine .*Received: 3"):
        Mine()(nv.Input((3,)))


def test_a_layer_with_its_own_shape_works_in_a_model_and_builds_its_layers():
    class Mine(layers.Layer):
        def __init__(self):
            super().__init__(name="mine")
            self.supports_masking = True
            self.d = layers.Dense(2)

        def call(self, x):
            return self.d(x)

        def compute_output_shape(self, input_shape):
            return (*input_shape[:-1], 2)

    x = nv.Input((4, 3))
    layer = Mine()
    y = layer(layers.Masking()(x))
    assert y._keras_mask.shape == (None, 4) and len(layer.weights) == 2
    data = np.ones((2, 4, 3), "float32")
    np.testing.assert_allclose(nv.Model(x, y)(data), layer.d(data), rtol=1e-6)


def test_a_mask_is_an_output():
    a, b = nv.Input((4, 2)), nv.Input((4, 2))
    y = layers.Concatenate(axis=1)([layers.Masking()(a), b])
    model = nv.Model([a, b], y._keras_mask)
    ones = np.array([[[0, 0], [1, 2], [0, 0], [3, 4]]], "float32")
    assert np.asarray(model([ones, ones])).astype(int).tolist() == [[0, 1, 0, 1, 1, 1, 1, 1]]


# ---- stateless calls ----


class Noisy(layers.Layer):
    def __init__(self):
        super().__init__()
        self.seed = nv.random.SeedGenerator(7)
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)
        self.w = self.add_weight(shape=(), initializer="ones", regularizer="l1")
        self.built = True

    def call(self, x):
        self.add_loss(ops.sum(x))
        self.count.assign_add(1.0)
        return x * self.w + self.count + nv.random.normal((), seed=self.seed)


def test_stateless_calls_change_nothing_and_give_what_calls_give():
    layer, other = Noisy(), Noisy()
    expected = other(X)
    before = [np.array(v) for v in layer.variables]
    y, state, losses = layer.stateless_call(
        layer.trainable_variables, layer.non_trainable_variables, X, return_losses=True
    )
    np.testing.assert_array_equal(y, expected)
    for v, old in zip(layer.variables, before, strict=True):
        np.testing.assert_array_equal(v, old)
    for new, v in zip(state, other.non_trainable_variables, strict=True):
        np.testing.assert_array_equal(new, v)
    np.testing.assert_allclose(losses, [X.sum(), 0.01], rtol=1e-5)
    y, state = layer.stateless_call([np.array(3.0)], before[1:], X)
    np.testing.assert_allclose(y - expected, 2 * X, rtol=1e-5, atol=1e-5)


def test_a_stateless_call_is_traced_once_and_in_a_trace():
    traced = []

    class Mine(layers.Dense):
        def call(self, x):
            traced.append(x)
            return super().call(x)

    layer = Mine(1)
    layer.build((None, 3))
    values = [np.ones((3, 1), "float32"), np.zeros(1, "float32")]
    for _ in range(3):
        layer.stateless_call(values, [], X)
    assert len(traced) == 1
    layer.use_bias = True  # what it reads may have changed
    layer.stateless_call(values, [], X)
    assert len(traced) == 2

    def loss(kernel, x):
        return ops.sum(layer.stateless_call([kernel, values[1]], [], x)[0])

    np.testing.assert_allclose(nv.grad(loss)(values[0], X), X.sum(0)[:, None], rtol=1e-5)


def test_stateless_calls_that_cannot_be():
    layer = layers.Dense(1)
    with pytest.raises(ValueError, match="To call stateless_call, Dense must be built"):
        layer.stateless_call([], [], X)
    layer.build((None, 3))
    with pytest.raises(ValueError, match=r"`trainable_variables`.*length 1, but expected 2"):
        layer.stateless_call([np.ones((3, 1))], [], X)
    with pytest.raises(ValueError, match="shape"):
        layer.stateless_call([np.ones((2, 1)), np.zeros(1)], [], X)


# ---- weights and state ----


def test_arguments_of_add_weight():
    layer = layers.Layer()
    w = layer.add_weight((3, 4), "zeros", "float64")
    assert w.shape == (3, 4) and w.dtype == "float64"
    v = layer.add_variable((2,), "ones", name="v")
    assert v.name == "v" and v.numpy().tolist() == [1, 1]
    with pytest.raises(ValueError, match=r"`name` must be passed as a keyword argument.*add_weight\('w', ...\)"):
        layer.add_weight("w", shape=(3,))
    with pytest.raises(ValueError, match="`shape` was passed both positionally and as a keyword argument"):
        layer.add_weight((3, 4), shape=(3, 4))
    with pytest.raises(TypeError, match="takes at most 3 positional arguments but 4"):
        layer.add_weight((3, 4), "zeros", "float32", "name")
    with pytest.raises(NotImplementedError, match="add_metric"):
        layer.add_metric(nv.metrics.Mean())


@pytest.mark.parametrize(
    "add",
    [
        lambda self: setattr(self, "w", self.add_weight(shape=())),
        lambda self: setattr(self, "w", nv.Variable(1.0)),
        lambda self: setattr(self, "w", [layers.Dense(1)]),
    ],
)
def test_state_is_not_made_in_call(add):
    class Bad(layers.Layer):
        def call(self, x):
            add(self)
            return x

    with pytest.raises(ValueError, match="cannot add new elements of state"):
        Bad()(X)


def test_attributes_before_the_constructor_of_layer():
    class Early(layers.Layer):
        def __init__(self):
            self.w = nv.Variable([1.0])
            super().__init__()

    assert len(Early().weights) == 1


def test_containers_that_hold_themselves():
    layer = Around()
    layer.loop = [layer.inner]
    layer.loop.append(layer.loop)
    layer.table = {"d": layers.Dense(1)}
    layer.table["self"] = layer.table
    assert len(layer._sublayers()) == 2


def test_variables_of_metrics():
    layer = layers.Layer()
    layer.m = nv.metrics.Mean()
    assert [v.name for v in layer.metrics_variables] == ["total", "count"]
    assert layer.variables == []


def test_losses_are_those_of_the_last_call():
    class Mine(layers.Layer):
        def call(self, x):
            self.add_loss(ops.sum(x))
            return x

    layer = Mine()
    one = np.ones(1, "float32")
    layer(one)
    layer(one)
    assert [float(v) for v in layer.losses] == [1.0]
    for _ in range(2):
        layer = nv.Sequential([layer])
        layer(one)
        assert [float(v) for v in layer.losses] == [1.0]


@pytest.mark.parametrize("trainable", ["yes", 1, None])
def test_trainable_is_a_bool(trainable):
    with pytest.raises(ValueError, match="`trainable` to be a boolean"):
        layers.Dense(2, trainable=trainable)


# ---- building ----


def test_build_gets_the_shapes_it_names():
    class Named(layers.Layer):
        def build(self, b_shape, a_shape):
            self.shapes = a_shape, b_shape

        def call(self, a, b):
            return a[:, :1] + b[:, :1]

    class Sole(Named):
        def build(self, b_shape):
            self.shapes = b_shape

    a, b = np.ones((4, 1), "float32"), np.ones((4, 2), "float32")
    layer, sole = Named(), Sole()
    layer(a, b)
    sole(a, b)
    assert layer.shapes == ((4, 1), (4, 2)) and sole.shapes == (4, 1)


def test_build_with_parameters_that_are_no_shapes():
    class NoSuffix(layers.Layer):
        def build(self, foo_shape, bar):
            pass

        def call(self, foo, bar):
            return foo

    class NoMatch(NoSuffix):
        def build(self, foo_shape, baz_shape):
            pass

    with pytest.raises(ValueError, match="argument `bar`, which does not end in `_shape`"):
        NoSuffix()(X, X)
    with pytest.raises(ValueError, match=r"`baz_shape`, but `call\(\)` does not have argument `baz`"):
        NoMatch()(X, X)


# ---- errors and configs ----


@pytest.mark.parametrize(
    "method, args",
    [
        ("call", (None,)),
        ("compute_output_shape", (None,)),
        ("quantize", ("int8",)),
        ("quantized_build", (None, None)),
        ("quantized_call", (None,)),
    ],
)
def test_what_a_layer_does_not_have(method, args):
    with pytest.raises(NotImplementedError, match=f"does not have a `{method}` method implemented."):
        getattr(layers.Layer(), method)(*args)
    assert layers.Layer().quantization_mode is None


@pytest.mark.parametrize("layer", [layers.Dense(1), layers.EinsumDense("ab,bc->ac", 2), layers.Embedding(2, 2)])
def test_no_low_rank_adaptation(layer):
    with pytest.raises(NotImplementedError, match="enable_lora"):
        layer.enable_lora(2)


def test_a_config_that_does_not_fit():
    with pytest.raises(TypeError, match=r"Error when deserializing class 'Dense' using config=\{'unit': 2\}"):
        layers.Dense.from_config({"unit": 2})


def test_configs_of_constructors():
    class Mine(layers.Layer):
        def __init__(self, size, *rest, name=None, **kwargs):
            super().__init__(name=name, **kwargs)

    layer = Mine(2, trainable=False)
    layer.trainable = True
    config = layer.get_config()
    assert config["size"] == 2 and config["trainable"] is True and config["name"] == layer.name
    assert Mine.from_config(config).get_config() == config
    with pytest.raises(NotImplementedError, match="positional arguments `rest`"):
        Mine(2, 3).get_config()


def test_specs_of_inputs():
    spec = layers.InputSpec(dtype="float32", shape=(None, 3), axes={-1: 3})
    config = spec.get_config()
    assert config == {
        "dtype": "float32",
        "shape": (None, 3),
        "ndim": 2,
        "max_ndim": None,
        "min_ndim": None,
        "axes": {-1: 3},
        "optional": False,
    }
    assert layers.InputSpec.from_config(config).get_config() == config
    with pytest.raises(TypeError, match="dict with integer keys"):
        layers.InputSpec(axes={"a": 1})
    with pytest.raises(ValueError, match="Axis 3 is greater than the maximum allowed value: 1"):
        layers.InputSpec(ndim=2, axes={3: 1})
    layer = layers.Layer(name="d")
    layer.call = None
    layer.input_spec = [layers.InputSpec(shape=(None, 3)), layers.InputSpec(axes={-1: 4}, name="b")]
    with pytest.raises(ValueError, match=r"'d' expects 2 input.s., but it received 1 input tensors"):
        layer(nv.Input((3,)))
    with pytest.raises(ValueError, match=r"0 of layer 'd' is incompatible with the layer: expected shape=\(None, 3\)"):
        layer([nv.Input((2,)), nv.Input((4,))])
    with pytest.raises(ValueError, match=r"Input 1 with name 'b' of layer 'd'.*axis -1 of input shape to have value 4"):
        layer([nv.Input((3,)), nv.Input((5,))])


# ---- copies ----


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_of_a_layer_has_weights_of_its_own(copied):
    layer = layers.Dense(2, activation="relu")
    y = layer(X)
    nv.Model(x := nv.Input((3,)), layer(x))
    other = copied(layer)
    assert other.get_config() == layer.get_config() and other._inbound_nodes == []
    np.testing.assert_array_equal(other(X), y)
    other.kernel.assign(np.zeros((3, 2)))
    other.trainable = False
    np.testing.assert_array_equal(layer(X), y)
    assert len(layer.trainable_variables) == 2 and other.trainable_variables == []


def test_a_copy_of_a_metric_goes_its_own_way():
    metric = nv.metrics.Mean()
    metric.update_state([1.0, 3.0])
    other = copy.deepcopy(metric)
    other.update_state([8.0])
    assert float(metric.result()) == 2.0 and float(other.result()) == 4.0


# ---- operations ----


class Scaled(nv.Operation):
    def __init__(self, factor, *, offset=1.0, name=None):
        super().__init__(name=name)
        self.factor, self.offset = factor, offset

    def call(self, x, y=0.0):
        return x * self.factor + self.offset + y


def test_an_operation_computes_and_is_recorded():
    op = Scaled(2.0, name="op")
    np.testing.assert_allclose(op(X), 2 * X + 1, rtol=1e-6)
    x = nv.Input((3,))
    y = op(x, y=x)
    assert y.shape == (None, 3) and op.output is y and len(op._inbound_nodes) == 1
    np.testing.assert_allclose(nv.Model(x, y)(X), 3 * X + 1, rtol=1e-6)


def test_configs_of_operations():
    config = Scaled(0.5).get_config()
    assert config == {"factor": 0.5, "offset": 1.0, "name": "scaled"} or config["name"].startswith("scaled_")
    assert Scaled.from_config(config).get_config() == config
    with pytest.raises(NotImplementedError, match="must override `get_config"):
        Scaled(object()).get_config()
    with pytest.raises(ValueError, match="must be a string and cannot contain character `/`"):
        Scaled(1.0, name="a/b")
    with pytest.raises(NotImplementedError, match="Operation Operation does not have a `call`"):
        nv.Operation()(X)
    assert Scaled(1.0).rematerialized_call(len) is len


# ---- KerasTensor ----


def test_what_a_keras_tensor_is():
    x = nv.KerasTensor((np.int64(2), None, 1), np.dtype("int32"), name="x")
    assert x.shape == (2, None, 1) and x.dtype == "int32" and not x.sparse and not x.ragged and x.record_history
    assert x.squeeze(-1).shape == (2, None) and x.reshape((2, -1)).shape == (2, None)
    for name in ("shape", "dtype", "sparse", "ragged"):
        with pytest.raises(AttributeError, match=f"`{name}` attribute of KerasTensor is immutable"):
            setattr(x, name, None)
    with pytest.raises(ValueError, match="dense"):
        nv.KerasTensor((2,), sparse=True)
    with pytest.raises(TypeError, match="Unexpected keyword arguments: colour"):
        nv.KerasTensor((2,), colour=1)
    with pytest.raises(ValueError, match="doesn't have any actual numerical value"):
        float(x)
    with pytest.raises(TypeError, match="cannot be used as a boolean"):
        bool(x)
    with pytest.raises(NotImplementedError, match="Iterating over a symbolic KerasTensor"):
        iter(x)

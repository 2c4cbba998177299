"""Structures of inputs, outputs, losses and metrics: what fits and what is refused. State trees, step functions."""

import warnings
from typing import Any

import nervure as nv
import numpy as np
import pytest
from nervure import layers, ops
from nervure.models.compile import CompileLoss, CompileMetrics

X = np.random.RandomState(0).randn(8, 3).astype(np.float32)
Y = np.random.RandomState(1).randn(8, 1).astype(np.float32)


def heads(form: Any = lambda a, b: [a, b]) -> nv.Model:
    x = nv.Input((3,), name="x")
    return nv.Model(x, form(layers.Dense(1, name="a")(x), layers.Dense(1, name="b")(x)))


def as_dict(a: Any, b: Any) -> dict[str, Any]:
    return {"a": a, "b": b}


def mean_gap(y: Any, p: Any) -> Any:
    return sum(ops.mean(ops.absolute(s - t)) for s, t in zip(nv.tree.flatten(y), nv.tree.flatten(p), strict=True))


def test_a_loss_of_all_outputs_sees_their_structure() -> None:
    seen: list[Any] = []

    def loss(y: Any, p: Any) -> Any:
        seen.append((nv.tree.map_structure(lambda t: t.shape[1:], y), type(p)))
        return mean_gap(y, p)

    model = heads(as_dict)
    model.compile("sgd", [loss, {"a": "mse"}])
    logs = model.evaluate(X, {"a": Y, "b": Y}, verbose=0, return_dict=True)
    assert seen[0] == ({"a": (1,), "b": (1,)}, dict)
    p = model.predict(X, verbose=0)
    both = np.abs(p["a"] - Y).mean() + np.abs(p["b"] - Y).mean()
    np.testing.assert_allclose([logs["a_b_loss"], logs["a_loss"]], [both, ((p["a"] - Y) ** 2).mean()], rtol=1e-5)
    np.testing.assert_allclose(logs["loss"], logs["a_b_loss"] + logs["a_loss"], rtol=1e-5)


@pytest.mark.parametrize(
    ("form", "loss", "error", "words"),
    [
        (None, ["mse", ["mse", "mae"]], ValueError, r"output 'b': expected one loss, got a list of 2"),
        (None, {"a": "mse", "c": "mse"}, ValueError, r"Expected keys \['a', 'b'\] in loss dict, but found loss.keys"),
        (None, ["mse"], ValueError, r"`loss` has 1 entries, but the model has 2 output"),
        (as_dict, {"a": "mse", "c": "mse"}, KeyError, r"\('c',\) in the `loss` argument, can't be found in either"),
        (as_dict, {"a": {"x": "mse"}}, KeyError, r"\('a',\) in the `loss` argument, can't be found"),
    ],
)
def test_losses_that_do_not_fit(form: Any, loss: Any, error: type[Exception], words: str) -> None:
    model = heads(form or (lambda a, b: [a, b]))
    model.compile("sgd", loss)
    weights = model.get_weights()
    with pytest.raises(error, match=words):
        model.fit(X, {"a": Y, "b": Y}, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(weights, model.get_weights(), strict=True))


def test_weights_and_metrics_that_do_not_fit() -> None:
    model = heads()
    model.compile("sgd", ["mse", "mse"], loss_weights=[1.0])
    with pytest.raises(ValueError, match="must match the number of losses, got 2 losses and 1 weights"):
        model.fit(X, [Y, Y], verbose=0)
    model.compile("sgd", "mse", metrics={"c": "mse"})
    with pytest.raises(ValueError, match=r"Invalid `metrics`. `metrics` has the keys \['c'\]"):
        model.fit(X, [Y, Y], verbose=0)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"y_true and y_pred have different structures. `y` has 1 entries"):
        model.fit(X, [Y], verbose=0)


def test_losses_and_metrics_are_built_for_shapes() -> None:
    y, p = nv.KerasTensor((3, 4)), nv.KerasTensor((3, 4))
    loss, metrics = CompileLoss("crossentropy"), CompileMetrics(["acc"], ["mse"])
    loss.build(y, p)
    metrics.build(y, p)
    assert [m.name for m in metrics.metrics] == ["acc", "mse"]
    ones = np.ones((3, 4), np.float32)
    assert float(loss(ones, ones)) > 0
    metrics.update_state(ones, 0 * ones, np.float32([1, 2, 3]))
    assert float(metrics.result()["mse"]) == 1.0


def test_metrics_of_a_dict_come_as_the_model_lists_its_outputs() -> None:
    metrics = CompileMetrics({"a": ["mae"], "b": ["mse"]}, output_names=["b", "a"])
    ones = np.ones((2, 1), np.float32)
    metrics.update_state({"a": ones, "b": ones}, {"a": 3 * ones, "b": 4 * ones})
    assert {k: float(v) for k, v in metrics.result().items()} == {"b_mse": 9.0, "a_mae": 2.0}
    assert list(metrics.result()) == ["b_mse", "a_mae"]


class Maybe(layers.Layer):
    def call(self, x: Any, more: Any = None) -> Any:
        return x if more is None else x + more


def optional(**kwargs: Any) -> nv.Model:
    x, o = nv.Input((3,), name="x"), nv.Input((3,), name="o", **kwargs)
    return nv.Model({"x": x, "o": o}, Maybe()(x, o))


def test_optional_inputs() -> None:
    model = optional(optional=True)
    np.testing.assert_array_equal(model.predict({"x": X, "o": None}, verbose=0), X)
    np.testing.assert_array_equal(model({"x": X, "o": X}), 2 * X)
    np.testing.assert_array_equal(model({"x": X, "o": None}), X)
    batches = [{"x": X[:4], "o": None}, {"x": X[4:], "o": X[4:]}]
    np.testing.assert_array_equal(model.predict(iter(batches), verbose=0), np.concatenate([X[:4], 2 * X[4:]]))
    again = nv.Model.from_config(model.get_config(), custom_objects={"Maybe": Maybe})
    np.testing.assert_array_equal(again.predict({"x": X, "o": None}, verbose=0), X)
    for call in (model, lambda data: model.predict(data, verbose=0)):
        with pytest.raises(ValueError, match="'x' is not optional, but None was passed"):
            call({"x": None, "o": X})
    with pytest.raises(ValueError, match="'o' is not optional"):
        optional()({"x": X, "o": None})


def test_structures_of_inputs() -> None:
    a, b = nv.Input((3,), name="a"), nv.Input((3,), name="b")
    model = nv.Model({"a": a, "b": b}, a - b)
    with pytest.warns(UserWarning, match="structure of `inputs` doesn't match the expected structure") as found:
        for _ in range(2):
            np.testing.assert_array_equal(model.predict([X, 2 * X], verbose=0), -X)
    assert len(found) == 1
    with pytest.warns(UserWarning, match=r"Expected: {'a': 'a', 'b': 'b'}"):
        model({"a": X, "b": X, "more": X})
    with pytest.raises(ValueError, match=r"expects 2 named input\(s\) with keys \['a', 'b'\], got 1"):
        model(X)
    turned = nv.Model({"b": b, "a": a}, a - b)
    with pytest.raises(ValueError, match="structure of `inputs` doesn't match"):
        turned([X, X])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        listed = nv.Model([a, b], a - b)
        listed((X, X))
        listed({"a": X, "b": X, "more": X})
    deep = nv.Model([{"foo": a}], layers.Dense(2)(a))
    with (
        pytest.warns(UserWarning, match="structure of `inputs`"),
        pytest.raises(ValueError, match=r"name 'a' and path '0.foo'. Expected shape \(None, 3\)"),
    ):
        deep(np.float32(1.0))
    with pytest.raises(ValueError, match="Output with path `two` is not connected to `inputs`"):
        nv.Model(a, {"one": a * 2, "two": b * 2})


def test_a_subclass_given_inputs_and_outputs_is_functional() -> None:
    class Own(nv.Model):
        def __init__(self) -> None:
            x = nv.Input((3,))
            super().__init__(inputs=x, outputs=layers.Dense(1)(x))

        def compute_loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None, **kwargs: Any) -> Any:
            return super().compute_loss(x=x, y=y, y_pred=[y_pred, y_pred], sample_weight=sample_weight, **kwargs)

    class Plain(nv.Model):
        pass

    model = Own()
    assert isinstance(model, type(heads()))
    assert not isinstance(Plain(), type(heads()))
    assert not isinstance(nv.Sequential(), type(heads()))
    model.compile("sgd", ["mse", "mae"])  # for the two outputs that its loss makes of one
    assert sorted(model.fit(X, (Y, Y), verbose=0).history) == ["loss", "mae_loss", "mse_loss"]


def test_state_trees() -> None:
    def make() -> nv.Model:
        model = nv.Sequential([nv.Input((3,)), layers.Dense(1, name="d")], name="s")
        model.compile(nv.optimizers.Adam(name="adam"), "mse")
        return model

    first, second = make(), make()
    first.fit(X, Y, verbose=0)
    second.fit(X[:1], Y[:1], verbose=0)
    second.set_state_tree(first.get_state_tree())
    for a, b in zip(first.optimizer.variables, second.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    np.testing.assert_array_equal(first.predict(X, verbose=0), second.predict(X, verbose=0))
    before = second.get_weights()[0]
    bad = {"trainable_variables": {"s": {"d": {"kernel": np.zeros((3, 1)), "bias": np.zeros(2)}}}}
    with pytest.raises(ValueError, match=r"'s/d/bias' has shape \(1,\), got a value of shape \(2,\)"):
        second.set_state_tree(bad)
    np.testing.assert_array_equal(before, second.get_weights()[0])
    with pytest.raises(ValueError, match="Unknown variable name: weights"):
        second.set_state_tree({"weights": {}})
    with pytest.raises(ValueError, match="value_format"):
        second.get_state_tree("jax")


def test_step_functions() -> None:
    one, two = heads(), heads()
    two.set_weights(one.get_weights())
    for model in (one, two):
        model.compile("sgd", "mse", steps_per_execution=2)
    one.fit(X, [Y, Y], batch_size=4, shuffle=False, verbose=0)
    step = two.make_train_function()
    assert step is two.train_function is two.make_train_function()
    assert step is not two.make_train_function(force=True)
    batches = iter([(X[:4], [Y[:4], Y[:4]]), (X[4:], [Y[4:], Y[4:]])])
    logs = two.train_function(batches)
    assert sorted(logs) == ["a_loss", "b_loss", "loss"]
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(StopIteration):
        two.train_function(batches)
    np.testing.assert_array_equal(two.make_predict_function()(iter([X]))[0], two.predict(X, verbose=0)[0])
    two.reset_metrics()
    tested = two.make_test_function()(iter([(X, [Y, Y])]))
    np.testing.assert_allclose(tested["loss"], two.evaluate(X, [Y, Y], verbose=0, return_dict=True)["loss"], rtol=1e-6)
    two.compile("sgd", "mse")
    assert two.train_function is None


def test_own_step_functions_are_refused() -> None:
    class Own(nv.Sequential):
        def make_train_function(self, force: bool = False) -> Any:
            raise AssertionError

    model = Own([nv.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(NotImplementedError, match=r"Own overrides `make_train_function`.*`train_step\(data\)`"):
        model.fit(X, Y, verbose=0)
    assert model.evaluate(X, Y, verbose=0) > 0


def test_jit_compile_says_what_was_asked() -> None:
    model = heads()
    assert model.jit_compile is True
    for kwargs, expected in (({}, True), ({"jit_compile": False}, False), ({"run_eagerly": True}, False)):
        model.compile("sgd", "mse", **kwargs)
        assert model.jit_compile is expected
        assert model.get_compile_config()["jit_compile"] is expected


def test_export_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="Unrecognized format=bad"):
        heads().export("x", format="bad")
    with pytest.raises(NotImplementedError, match=r"nervure has no `export`.*model\.save"):
        heads().export("x")


def test_operations_are_listed() -> None:
    x = nv.Input((3,), name="x")
    model = nv.Model(x, layers.Dense(1, name="d")(ops.tanh(x)))
    assert len(model.operations) == 3
    assert [layer.name for layer in model.layers] == ["x", "d"]
    found: list[str] = []
    model.summary(print_fn=lambda text: found.extend(text.splitlines()))
    assert sum("│" in line for line in found) == 3


def test_paths_must_be_unique_in_a_state_tree() -> None:
    class Twice(nv.Model):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = layers.Dense(2, name="same"), layers.Dense(2, name="same")

        def call(self, x: Any) -> Any:
            return self.two(self.one(x))

    model = Twice()
    model(X)
    with pytest.raises(ValueError, match="variable path is found twice in the model"):
        model.get_state_tree()


def test_a_metric_on_an_output_that_is_not_there():
    model = nv.Sequential([nv.Input((4,)), layers.Dense(1, name="out")])
    model.compile("sgd", "mse", metrics={"nope": ["mae"]})
    with pytest.raises(ValueError, match=r"Invalid `metrics`.*'nope'.*'out'"):
        model.fit(np.ones((8, 4)), np.ones(8), verbose=0)
    model.compile("sgd", "mse", metrics={"out": ["mae"]})
    assert set(model.fit(np.ones((8, 4)), np.ones(8), verbose=0).history) == {"loss", "mae"}

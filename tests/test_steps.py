"""Steps that a model writes itself, and steps run eagerly."""

from typing import Any

import nervure as nv
import numpy as np
import pytest
from nervure import layers, ops

RNG = np.random.default_rng(0)
X = RNG.standard_normal((100, 4)).astype("float32")
Y = X[:, :2] * 2.0 + 1.0


class Linear(nv.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(2, kernel_initializer="ones")

    def call(self, x: Any) -> Any:
        return self.dense(x)


def compiled(cls: type[nv.Model], **options: Any) -> nv.Model:
    model = cls()
    model.compile("sgd", "mse", metrics=["mae"], **options)
    return model


class Own(Linear):
    """The default step, written out."""

    def train_step(self, data):
        x, y = data

        def loss():
            y_pred = self(x, training=True)
            return self.compute_loss(x, y, y_pred), y_pred

        (value, y_pred), gradients = nv.value_and_grad(loss, wrt=self.trainable_variables, has_aux=True)()
        self.optimizer.apply(gradients, self.trainable_variables)
        for m in self.metrics:
            if m.name == "loss":
                m.update_state(value, sample_weight=float(x.shape[0]))
            else:
                m.update_state(y, y_pred)
        return self.get_metrics_result()


def test_an_own_step_that_does_what_the_default_does():
    expected = compiled(Linear).fit(X, Y, epochs=3, shuffle=False, verbose=0).history
    got = compiled(Own).fit(X, Y, epochs=3, shuffle=False, verbose=0).history
    assert set(got) == set(expected)
    np.testing.assert_allclose(got["loss"], expected["loss"], rtol=1e-6)
    np.testing.assert_allclose(got["mae"], expected["mae"], rtol=1e-6)


class Logged(Linear):
    def train_step(self, data):
        logs = super().train_step(data)
        return {"twice": logs["loss"] * 2.0, "rows": ops.sum(ops.ones_like(data[1][:, 0]))}

    def test_step(self, data):
        return super().test_step(data) | {"extra": 5.0}


def test_what_an_own_step_returns_is_logged():
    model = compiled(Logged)
    seen = []
    watch = nv.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(logs["rows"]))
    history = model.fit(X, Y, epochs=2, validation_data=(X, Y), callbacks=[watch], verbose=0).history
    assert set(history) == {"twice", "rows", "val_loss", "val_mae", "val_extra"}
    assert history["rows"] == [4.0, 4.0] and history["val_extra"] == [5.0, 5.0]
    assert seen == [32.0, 32.0, 32.0, 4.0] * 2
    loss, mae, extra = model.evaluate(X, Y, verbose=0)
    assert extra == 5.0 and loss == history["val_loss"][-1] and mae == history["val_mae"][-1]
    assert set(model.train_on_batch(X, Y, return_dict=True)) == {"twice", "rows"}


def test_results_of_all_metrics_by_their_names():
    class Named(Linear):
        def test_step(self, data):
            super().test_step(data)
            return {m.name: m.result() for m in self.metrics}

    assert compiled(Named).evaluate(X, Y, verbose=0) == compiled(Linear).evaluate(X, Y, verbose=0)


def test_a_step_must_return_logs():
    class Silent(Linear):
        def train_step(self, data):
            return None

    with pytest.raises(ValueError, match="`train_step` must return a dict"):
        compiled(Silent).fit(X, Y, verbose=0)


def test_own_metrics_and_no_loss():
    class Tracked(Linear):
        def __init__(self):
            super().__init__()
            self.tracker = nv.metrics.Mean(name="loss")

        def train_step(self, data):
            x, y = data
            loss, gradients = nv.value_and_grad(
                lambda: ops.mean(ops.square(y - self(x, training=True))), wrt=self.trainable_variables
            )()
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            self.tracker.update_state(loss)
            return {"loss": self.tracker.result()}

        @property
        def metrics(self):
            return [self.tracker]

    model = Tracked()
    model.compile("sgd")
    losses = model.fit(X[:96], Y[:96], epochs=4, verbose=0).history["loss"]
    assert losses == sorted(losses, reverse=True) and losses[-1] < losses[0]


def test_own_predict_step_and_data_without_targets():
    class Halved(Linear):
        def predict_step(self, data):
            return super().predict_step(data) / 2.0

    model = compiled(Halved)
    np.testing.assert_allclose(model.predict(X, verbose=0), model(X) / 2.0, rtol=1e-6)

    class Autoencoder(Linear):
        def train_step(self, data):
            assert not isinstance(data, tuple)
            return super().train_step((data, data[:, :2]))

    assert "loss" in compiled(Autoencoder).fit(X, verbose=0).history


@pytest.mark.parametrize("kind", [{"training"}, set()])
def test_own_compute_loss(kind):
    class Doubled(Linear):
        if kind:

            def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
                return 2.0 * super().compute_loss(x, y, y_pred, sample_weight, training)
        else:

            def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
                return 2.0 * super().compute_loss(x, y, y_pred, sample_weight)

    expected = compiled(Linear).evaluate(X, Y, verbose=0)[0]
    assert compiled(Doubled).evaluate(X, Y, verbose=0)[0] == pytest.approx(2 * expected, rel=1e-6)


# ---- eagerly ----


def deep(**options: Any) -> nv.Model:
    nv.utils.set_random_seed(5)
    model = nv.Sequential([nv.Input((4,)), layers.Dense(8, activation="relu"), layers.Dropout(0.3), layers.Dense(2)])
    model.compile("adam", "mse", metrics=["mae"], **options)
    return model


def test_eager_steps_have_the_same_bits():
    def results(**options):
        model = deep(**options)
        history = model.fit(X, Y, epochs=3, validation_split=0.2, verbose=0).history
        weights = [w.tobytes() for w in model.get_weights()]
        on_batch = model.train_on_batch(X, Y), model.predict_on_batch(X).tobytes()
        return history, weights, model.evaluate(X, Y, verbose=0), model.predict(X, verbose=0).tobytes(), on_batch

    assert results(run_eagerly=True) == results()


def test_eager_tensors_have_numbers():
    seen: list[Any] = []

    class Printed(Linear):
        def call(self, x):
            y = self.dense(x)
            seen.append((float(ops.mean(y)), y.numpy(), np.asarray(x), repr(ops.sum(y))))
            return y * 2.0 if ops.sum(x) > 0.0 else y

    model = Printed()
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(X, Y, batch_size=50, shuffle=False, verbose=0)
    values = [s for s in seen if len(s[2]) == 50]
    assert np.array_equal(values[0][2], X[:50]) and np.array_equal(values[-1][2], X[50:])
    np.testing.assert_allclose(values[0][1], X[:50] @ np.ones((4, 2)), rtol=1e-5, atol=1e-5)
    assert values[0][0] == pytest.approx(values[0][1].mean(), abs=1e-6)
    assert "value=" in values[0][3]


def test_without_eager_steps_there_are_no_numbers():
    class Printed(Linear):
        def call(self, x):
            float(ops.mean(x))
            return self.dense(x)

    with pytest.raises(TypeError, match="cannot make a float"):
        compiled(Printed).fit(X, Y, verbose=0)


# ---- executions, gradients ----


def test_steps_per_execution():
    seen: list[Any] = []
    watch = nv.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: seen.append(batch),
        on_train_batch_end=lambda batch, logs: seen.append(-batch),
    )
    model = compiled(Linear, steps_per_execution=3)
    history = model.fit(X, Y, batch_size=16, shuffle=False, callbacks=[watch], verbose=0).history
    assert seen == [0, -2, 3, -5, 6, -8]
    assert history == compiled(Linear).fit(X, Y, batch_size=16, shuffle=False, verbose=0).history
    for bad in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="`steps_per_execution` must be a positive integer"):
            compiled(Linear, steps_per_execution=bad)


def test_the_norm_of_the_gradient_for_callbacks_that_ask():
    class Ask(nv.callbacks.Callback):
        needs_gradient_norm = True

    model = compiled(Linear)
    model.build((None, 4))
    kernel, bias = (w.astype("float64") for w in model.get_weights())
    error = X @ kernel + bias - Y
    expected = np.sqrt(np.sum((X.T @ error / len(X)) ** 2) + np.sum(error.mean(0) ** 2))
    history = model.fit(X, Y, batch_size=len(X), callbacks=[Ask()], verbose=0).history
    assert history["gradient_norm"][0] == pytest.approx(expected, rel=1e-5)
    assert "gradient_norm" not in model.fit(X, Y, verbose=0).history
    with pytest.raises(ValueError, match="overrides `train_step`"):
        compiled(Own).fit(X, Y, callbacks=[Ask()], verbose=0)


def test_a_loss_that_is_not_a_number_is_told():
    model = compiled(Linear)
    with pytest.warns(RuntimeWarning, match="the loss is NaN"):
        model.fit(np.where(np.arange(4) == 0, np.nan, X), Y, verbose=0)


def test_without_an_optimizer_a_model_can_be_evaluated_but_not_trained():
    model = Linear()
    model.compile(None, "mse")
    assert model.evaluate(X, Y, verbose=0) > 0
    with pytest.raises(ValueError, match="was given no optimizer"):
        model.fit(X, Y, verbose=0)


def test_the_scale_of_the_loss_does_not_change_the_steps():
    results = []
    for scale in (None, 64.0):
        model = Linear()
        model.compile(nv.optimizers.SGD(0.1, loss_scale_factor=scale), "mse")
        results.append((model.fit(X, Y, epochs=2, shuffle=False, verbose=0).history["loss"], model.get_weights()))
    assert results[0][0] == results[1][0]
    assert all(np.array_equal(a, b) for a, b in zip(results[0][1], results[1][1], strict=True))

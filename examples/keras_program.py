"""An ordinary Keras 3 program that runs with either module: functional model, layers, losses and metrics of one's own,
schedule, callbacks, generator, clone and file.

    python examples/keras_program.py            # nervure
    python examples/keras_program.py keras      # Keras, if it is installed
"""

import importlib
import json
import os
import sys
import tempfile
from typing import Any

import numpy as np

name = sys.argv[1] if len(sys.argv) > 1 else "nervure"
if name not in ("nervure", "keras"):
    sys.exit(f"usage: {sys.argv[0]} [nervure|keras]")
keras: Any = importlib.import_module(name)  # in a program of your own: import nervure as keras
layers, ops = keras.layers, keras.ops


@keras.saving.register_keras_serializable(package="example")
class Gated(layers.Layer):
    """A dense layer whose output is let through by another one: tanh(xW + b) * sigmoid(xV + c)."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        shape = (input_shape[-1], self.units)
        self.kernel = self.add_weight(shape=shape, initializer="glorot_uniform", name="kernel")
        self.gate = self.add_weight(shape=shape, initializer="glorot_uniform", regularizer="l2", name="gate")
        self.bias = self.add_weight(shape=(2, self.units), initializer="zeros", name="bias")

    def call(self, inputs):
        value = ops.tanh(ops.matmul(inputs, self.kernel) + self.bias[0])
        return value * ops.sigmoid(ops.matmul(inputs, self.gate) + self.bias[1])

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package="example")
class Expectile(keras.losses.Loss):
    """Squared error in which guesses that are too low count `weight` times."""

    def __init__(self, weight=2.0, name="expectile", **kwargs):
        super().__init__(name=name, **kwargs)
        self.weight = weight

    def call(self, y_true, y_pred):
        error = y_true - y_pred
        return ops.mean(ops.where(error > 0, self.weight, 1.0) * ops.square(error), axis=-1)

    def get_config(self):
        return {**super().get_config(), "weight": self.weight}


@keras.saving.register_keras_serializable(package="example")
class WithinRange(keras.metrics.Metric):
    """The share of guesses within `distance` of the truth."""

    def __init__(self, distance=0.5, name="within_range", **kwargs):
        super().__init__(name=name, **kwargs)
        self.distance = distance
        self.hits = self.add_weight(name="hits", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        hit = ops.cast(ops.abs(ops.cast(y_true, y_pred.dtype) - y_pred) < self.distance, "float32")
        self.hits.assign_add(ops.sum(hit))
        self.count.assign_add(ops.cast(ops.size(hit), "float32"))

    def result(self):
        return self.hits / self.count

    def get_config(self):
        return {**super().get_config(), "distance": self.distance}


class Watch(keras.callbacks.Callback):
    """Remembers the learning rate at the end of each epoch."""

    def on_train_begin(self, logs=None):
        self.rates = []

    def on_epoch_end(self, epoch, logs=None):
        self.rates.append(float(np.asarray(self.model.optimizer.learning_rate)))


def data(rows):
    """Measurements and a code, and two things to tell from them: an amount and a class."""
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(rows, 6)).astype("float32")
    codes = rng.integers(0, 5, rows)
    amount = (np.sin(numbers[:, :1]) + 0.3 * codes[:, None] + 0.1 * rng.normal(size=(rows, 1))).astype("float32")
    kind = ((numbers[:, 1] * numbers[:, 2] > 0) + (codes > 3)).astype("int32")
    return {"numbers": numbers, "codes": np.eye(5, dtype="float32")[codes]}, {"amount": amount, "kind": kind}


def build():
    numbers = keras.Input((6,), name="numbers")
    codes = keras.Input((5,), name="codes")
    x = layers.BatchNormalization()(numbers)
    x = layers.Concatenate()([x, codes])
    x = Gated(32, name="gated")(x)
    x = layers.Dropout(0.05, seed=1)(x)
    short = x
    x = layers.Dense(32, activation="gelu", kernel_initializer="he_normal", kernel_regularizer="l2")(x)
    x = layers.Add()([x, short])
    x = layers.Dense(32, activation=keras.activations.relu, kernel_constraint=keras.constraints.MaxNorm(3.0))(x)
    amount = layers.Dense(1, name="amount")(x)
    kind = layers.Dense(3, activation="softmax", name="kind")(x)
    return keras.Model([numbers, codes], {"amount": amount, "kind": kind}, name="readings")


def batches(x, y, size):
    """An endless generator of batches."""
    rng = np.random.default_rng(1)
    while True:
        rows = rng.integers(0, len(y["kind"]), size)
        yield {k: v[rows] for k, v in x.items()}, {k: v[rows] for k, v in y.items()}


def main():
    keras.utils.set_random_seed(1)
    x, y = data(1200)
    train_x, test_x = ({k: v[part] for k, v in x.items()} for part in (slice(0, 1000), slice(1000, None)))
    train_y, test_y = ({k: v[part] for k, v in y.items()} for part in (slice(0, 1000), slice(1000, None)))

    model = build()
    model.summary(print_fn=lambda *args, **kwargs: None)
    schedule = keras.optimizers.schedules.CosineDecay(0.01, decay_steps=600)
    model.compile(
        optimizer=keras.optimizers.Adam(schedule, clipnorm=1.0),
        loss={"amount": Expectile(1.5), "kind": "sparse_categorical_crossentropy"},
        loss_weights={"amount": 1.0, "kind": 0.5},
        metrics={"amount": ["mae", WithinRange()], "kind": ["accuracy"]},
    )
    watch = Watch()
    early = keras.callbacks.EarlyStopping("val_loss", patience=10, restore_best_weights=True)
    history = model.fit(
        train_x,
        train_y,
        batch_size=50,
        epochs=25,
        validation_data=(test_x, test_y),
        callbacks=[watch, early, keras.callbacks.TerminateOnNaN()],
        verbose=0,
    )
    assert history.history["loss"][-1] < 0.7 * history.history["loss"][0]
    assert watch.rates == sorted(watch.rates, reverse=True)

    model.fit(batches(train_x, train_y, 50), steps_per_epoch=20, epochs=2, shuffle=False, verbose=0)
    scores = model.evaluate(test_x, test_y, return_dict=True, verbose=0)

    # the model again: from its config as text, as a clone, and from a file
    twin = keras.Model.from_config(json.loads(json.dumps(model.get_config())))
    clone = keras.models.clone_model(model)
    for copy in (twin, clone):
        copy.set_weights(model.get_weights())
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "readings.keras")
        model.save(path)
        loaded = keras.models.load_model(path)
    guess = model.predict(test_x, verbose=0)
    for copy in (twin, clone, loaded):
        again = copy.predict(test_x, verbose=0)
        for output in guess:
            np.testing.assert_allclose(again[output], guess[output], rtol=1e-6)
    assert loaded.loss["amount"].weight == 1.5

    print(f"{keras.__name__}: {model.count_params()} parameters, {len(history.epoch)} epochs")
    for key in ("amount_mae", "amount_within_range", "kind_accuracy"):
        print(f"{key} {scores[key]:.3f}")
    assert scores["amount_within_range"] > 0.8 and scores["kind_accuracy"] > 0.85


if __name__ == "__main__":
    main()

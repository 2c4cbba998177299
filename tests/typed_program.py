"""A user's program, as strict type checking sees it: `tests/test_typing.py` checks and runs it."""

from __future__ import annotations

from typing import Any

import nervure as nv
import numpy as np
import numpy.typing as npt
from nervure import layers, ops
from nervure.callbacks import Callback, History, LambdaCallback
from nervure.datasets import digits
from nervure.layers import Dense
from nervure.models import Model, Sequential


class Scale(nv.Layer):
    def __init__(self, factor: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.gain = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gain")

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        return ops.multiply(inputs, self.gain) * self.factor

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


class Net(nv.Model):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = Dense(16, activation="relu")
        self.out = Dense(10)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        return self.out(self.hidden(inputs))


class Stop(Callback):
    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None and logs["loss"] < 0.1:
            self.model.stop_training = True


class Absolute(nv.losses.Loss):
    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.mean(ops.absolute(y_true - y_pred), axis=-1)


class Err(nv.metrics.Metric):
    def __init__(self, name: str = "err", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.total = self.add_variable((), "zeros", name="total")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.total.assign_add(ops.sum(ops.abs(y_true - y_pred)))

    def result(self) -> Any:
        return self.total.value


def main() -> None:
    nv.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    x: npt.NDArray[np.float32] = (x_train / 16).astype("float32")
    model = Sequential([nv.Input((8, 8)), layers.Flatten(), Scale(2.0), layers.Dense(10, activation="softmax")])
    model.add(layers.Activation("linear"))
    adam = nv.optimizers.Adam(learning_rate=1e-3)
    model.compile(optimizer=adam, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    callbacks = [Stop(), LambdaCallback()]
    history: History = model.fit(x, y_train, batch_size=64, validation_split=0.1, verbose=0, callbacks=callbacks)
    losses: list[float] = history.history["loss"]
    print(losses)
    scores = model.evaluate(x_test / 16, y_test, verbose=0)
    p = model.predict(x_test / 16, verbose=0)
    print(scores, p.argmax(1))
    a = nv.Input(shape=(4,), name="a")
    b = nv.Input(shape=(4,), name="b")
    h = layers.Concatenate()([a, b])
    m2 = Model(inputs=[a, b], outputs=Dense(1)(h))
    m2.compile("sgd", Absolute(), metrics=[Err()])
    m2.fit([np.ones((8, 4)), np.ones((8, 4))], np.ones(8), verbose=0)
    m2.summary()
    w: list[npt.NDArray[Any]] = m2.get_weights()
    m2.set_weights(w)
    net = Net()
    net.compile(optimizer="adam", loss=nv.losses.SparseCategoricalCrossentropy(from_logits=True))
    net.fit(x.reshape(-1, 64), y_train, verbose=0)
    y = net(np.ones((2, 64)), training=False)
    print(y.shape, nv.version())
    v = nv.Variable(np.ones(3), name="v")
    v.assign(np.zeros(3))
    print(v.numpy().sum(), v.shape, v.dtype, v + 1)

    def energy(z: Any) -> Any:
        return ops.sum(ops.tanh(z) ** 2)

    g = nv.grad(energy)(np.ones(3))
    value, g2 = nv.value_and_grad(energy)(np.ones(3))
    print(g, value, g2, nv.hvp(energy, np.ones(3), np.ones(3)), nv.jacobian(ops.tanh)(np.ones(3)))
    f = nv.function(energy)
    print(f(np.ones(3)))

    @nv.function
    def step(q: Any) -> Any:
        return ops.sum(q)

    print(step(np.ones(3)))
    for layer in model.layers:
        print(layer.name, layer.count_params(), layer.trainable, layer.output.shape)
    layer = model.get_layer("dense")
    layer.trainable = False
    opt = model.optimizer
    opt.learning_rate = 0.01
    bar = nv.utils.Progbar(3, verbose=0)
    bar.update(1)
    cat = nv.utils.to_categorical(y_train, 10)
    print(cat.shape, nv.config.floatx(), nv.random.uniform((2,)), nv.initializers.GlorotUniform()((2, 2)))
    gen = nv.random.SeedGenerator(1)
    print(nv.random.normal((2,), seed=gen), nv.regularizers.L2(0.01), nv.constraints.NonNeg())
    print(model.train_on_batch(x, y_train), model.inputs, model.outputs, model.input_shape)


if __name__ == "__main__":
    main()

"""Bad input: what people get wrong, the exception and the words that tell them; and the model works afterwards."""

import nervure as nv
import numpy as np
import pytest
from nervure import layers, ops

RNG = np.random.default_rng(6)
X = RNG.normal(size=(20, 4)).astype("float32")
Y = X[:, :2].copy()
LABELS = np.arange(20) % 3
I4 = nv.Input((4,), name="i4")


def with_nan(a, *where):
    a = a.astype("float64")
    a[where] = np.nan
    return a


def regression():
    m = nv.Sequential([nv.Input((4,), name="in"), layers.Dense(2, name="out")], name="reg")
    m.compile("sgd", "mse")
    return m


def classifier(loss="sparse_categorical_crossentropy"):
    m = nv.Sequential([nv.Input((4,), name="in"), layers.Dense(3, activation="softmax", name="out")], name="cls")
    m.compile("sgd", loss, metrics=["accuracy"])
    return m


def fitted():
    m = regression()
    m.fit(X, Y, verbose=0)
    return m


def binary():
    m = nv.Sequential([nv.Input((4,)), layers.Dense(1, activation="sigmoid", name="out")], name="bin")
    m.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    return m


def pair():
    a, b = nv.Input((4,), name="a"), nv.Input((2,), name="b")
    m = nv.Model([a, b], [layers.Dense(1, name="p")(a), layers.Dense(1, name="q")(b)], name="pair")
    m.compile("sgd", ["mse", "mse"])
    return m


def object_array():
    a = X.astype(object)
    a[3, 2] = "x"
    return a


# (the model, what is done to it, the exception, the words)
TRAINING = [
    # data for the model
    (regression, lambda m: m.fit(X[:, :3], Y), ValueError, r"'reg'.*'in'.*expected shape=\(None, 4\), found.*3\)"),
    (regression, lambda m: m.fit(X[:, :, None, None], Y), ValueError, r"'in'.*expected ndim=2, found ndim=4"),
    (regression, lambda m: m.fit(X[0], Y[:4]), ValueError, r"'in'.*ndim=2, found ndim=1. Full shape received: \(4,\)"),
    (regression, lambda m: m.fit(X, Y[:19]), ValueError, r"same number of rows, got \{'x': 20, 'y': 19\}"),
    (regression, lambda m: m.fit(X, Y, sample_weight=np.ones(3)), ValueError, r"'sample_weight': 3"),
    (regression, lambda m: m.fit(X, Y, sample_weight=np.ones((20, 3))), ValueError, r"sample_weight of shape"),
    (regression, lambda m: m.fit(X[:0], Y[:0]), ValueError, r"`x` is empty: it has shape \(0, 4\)"),
    (regression, lambda m: m.fit([], []), ValueError, r"`x` is empty"),
    (regression, lambda m: m.fit(X, np.float32(3)), ValueError, r"`y` must have at least one dimension"),
    (regression, lambda m: m.fit(None, Y), ValueError, r"`x` is missing"),
    (regression, lambda m: m.fit(X), ValueError, r"'out' has a loss, but no target `y`"),
    (regression, lambda m: m.fit(object_array(), Y), TypeError, r"`x` must hold numbers, got an array of dtype object"),
    (regression, lambda m: m.fit(X.astype(str), Y), TypeError, r"`x` must hold numbers.*<U"),
    (regression, lambda m: m.fit(X + 1j, Y), TypeError, r"`x` must hold numbers.*complex"),
    (regression, lambda m: m.fit(X, Y.astype("M8[s]")), TypeError, r"`y` must hold numbers.*datetime"),
    (regression, lambda m: m.fit("data.csv", Y), TypeError, r"`x` must be arrays.*got str"),
    (regression, lambda m: m.fit(3, Y), TypeError, r"`x` must be arrays.*got int"),
    (regression, lambda m: m.fit([[1.0, 2.0], [1.0]], Y), ValueError, r"`x` is not a rectangular array"),
    (regression, lambda m: m.fit([X, X], Y), ValueError, r"'reg' expects 1 input\(s\) \['in'\], got 2"),
    (regression, lambda m: m.fit(X, [Y, Y]), ValueError, r"`y` has 2 entries, but the model has 1 output"),
    (regression, lambda m: m.fit(X, {"nope": Y}), ValueError, r"`y` has the keys \['nope'\].*\['out'\]"),
    (regression, lambda m: m.fit({"nope": X}, Y), ValueError, r"expects inputs named \['in'\], got \['nope'\]"),
    (
        regression,
        lambda m: m.fit(X, X),
        ValueError,
        r"loss of output 'out'.*same shape",
    ),
    (regression, lambda m: m.fit(X, Y[:, :1]), ValueError, r"loss of output 'out'.*same shape"),
    (pair, lambda m: m.fit([X, None], [Y[:, :1]] * 2), ValueError, r"input 'b' is not optional, but None was passed"),
    (pair, lambda m: m.fit([X, Y[:5]], [Y[:, :1]] * 2), ValueError, r"same number of rows.*'x\[1\]': 5.*4 arrays\)}$"),
    (pair, lambda m: m.fit([X, Y], [Y[:, :1]] * 3), ValueError, r"`y` has 3 entries.*2 output"),
    (pair, lambda m: m.fit([X, Y], {"p": Y[:, :1]}), ValueError, r"'q' has a loss, but no target"),
    (pair, lambda m: m.fit([X, Y], [Y[:, :1]] * 2, sample_weight=[X[:, 0]] * 3), ValueError, r"has 3 entries"),
    (pair, lambda m: m.fit([X, Y], Y[:, :1]), ValueError, r"`y` must be a list or a dict.*\['p', 'q'\]"),
    (pair, lambda m: m.fit([X, Y], [Y[:, :1]]), ValueError, r"`y` has 1 entries.*2 output"),
    (pair, lambda m: m.fit([X, Y], [Y[:, :1], None]), ValueError, r"'q' has a loss, but no target"),
    (pair, lambda m: m.fit(X, [Y[:, :1]] * 2), ValueError, r"expects 2 input\(s\) \['a', 'b'\], got 1"),
    (pair, lambda m: m.fit([Y, X], [Y[:, :1]] * 2), ValueError, r"input 'a' is incompatible.*\(None, 4\)"),
    (pair, lambda m: m.fit({"a": X}, [Y[:, :1]] * 2), ValueError, r"\['b'\] missing"),
    (pair, lambda m: m.fit([X, Y], [Y[:, :1]] * 2, class_weight={0: 1.0}), ValueError, r"`class_weight` needs one"),
    (regression, lambda m: m.fit(list(X), Y), ValueError, r"\(21 arrays\).*numpy.stack"),
    (regression, lambda m: m.fit(X, ["a"] * 20), TypeError, r"`y` must hold numbers, got a list of str"),
    (regression, lambda m: m.fit([[1, 2, None, 3.0]] * 20, Y), TypeError, r"`x\[0\]` must hold numbers, got None"),
    (regression, lambda m: m.fit(X.astype(object), Y), TypeError, r"`x`.*dtype object; if all are numbers, convert"),
    (regression, lambda m: m.fit({}, Y), ValueError, r"expects inputs named \['in'\], got \[\]"),
    (regression, lambda m: m.fit((X, Y)), ValueError, r"expects 1 input\(s\) \['in'\], got 2"),
    (regression, lambda m: m.fit(X[:, :0], Y), ValueError, r"'in'.*expected shape=\(None, 4\), found shape=\(20, 0\)"),
    (regression, lambda m: m.fit(I4, Y), ValueError, r"symbolic"),
    (regression, lambda m: m.fit(X, Y, sample_weight=2.0), TypeError, r"`sample_weight` must be arrays.*got float"),
    (regression, lambda m: m.fit(X, Y, sample_weight="balanced"), TypeError, r"`sample_weight` must be arrays"),
    (regression, lambda m: m.fit(X, Y, sample_weight=with_nan(np.ones(20), 3)), ValueError, r"must be finite, got nan"),
    (regression, lambda m: m.fit(X, Y, sample_weight=[np.ones(20)] * 2), ValueError, r"`sample_weight` has 2 entries"),
    (regression, lambda m: m.predict(X[:, :2], verbose=0), ValueError, r"'in'.*expected shape=\(None, 4\)"),
    (regression, lambda m: m.predict(X[:0], verbose=0), ValueError, r"`x` is empty"),
    (regression, lambda m: m.predict_on_batch(X[:, :2]), ValueError, r"'in'.*expected shape=\(None, 4\)"),
    (regression, lambda m: m.predict_on_batch("x"), TypeError, r"`x` must be arrays"),
    (regression, lambda m: m(X[:, :2]), ValueError, r"'in'.*expected shape=\(None, 4\)"),
    (regression, lambda m: m("x"), ValueError, r"Only input tensors.*'reg'"),
    (regression, lambda m: m(), TypeError, r"missing a required argument"),
    (regression, lambda m: m.train_on_batch(X, Y[:3]), ValueError, r"same number of rows"),
    (fitted, lambda m: m.fit(X), ValueError, r"'out' has a loss, but no target `y`"),
    (fitted, lambda m: m.evaluate(X, verbose=0), ValueError, r"'out' has a loss, but no target `y`"),
    (fitted, lambda m: m.train_on_batch(X), ValueError, r"'out' has a loss, but no target `y`"),
    (fitted, lambda m: m.fit(X, Y, validation_data=(X,)), ValueError, r"'out' has a loss, but no target `y`"),
    (fitted, lambda m: m.fit(X, Y, validation_data=(X[:, :2], Y)), ValueError, r"'in'.*expected shape=\(None, 4\)"),
    # labels
    (regression, lambda m: m.fit(X, with_nan(Y, 7, 1)), ValueError, r"output 'out': mse.*finite.*nan in row 7"),
    (regression, lambda m: m.train_on_batch(X, with_nan(Y, 7, 1)), ValueError, r"mse expects finite.*got nan in row 7"),
    (regression, lambda m: m.evaluate(X, Y * np.inf, verbose=0), ValueError, r"mse expects finite targets, got -?inf"),
    (binary, lambda m: m.fit(X, LABELS), ValueError, r"output 'out'.*between 0 and 1, got 2 in row 2"),
    (binary, lambda m: m.fit(X, -1.0 * (LABELS == 1)), ValueError, r"between 0 and 1, got -1.0 in row 1"),
    (binary, lambda m: m.fit(X, with_nan(LABELS == 1, 5)), ValueError, r"between 0 and 1, got nan in row 5"),
    (binary, lambda m: m.train_on_batch(X, LABELS), ValueError, r"between 0 and 1, got 2 in row 2"),
    (binary, lambda m: m.fit(X, np.eye(3)[LABELS]), ValueError, r"'out'.*same shape, got y_true \(20, 3\)"),
    (
        lambda: classifier("categorical_crossentropy"),
        lambda m: m.fit(X, with_nan(np.eye(3)[LABELS], 4, 0)),
        ValueError,
        r"finite targets, got nan in row 4",
    ),
    (classifier, lambda m: m.fit(X, np.c_[LABELS, LABELS]), ValueError, r"expects y_true of shape.*got \(20, 2\)"),
    (classifier, lambda m: m.fit(X, LABELS, class_weight={"0": 1.0}), ValueError, r"dict from class numbers"),
    (classifier, lambda m: m.fit(X, LABELS, class_weight={0: "a"}), ValueError, r"class 0 must be a finite number"),
    (classifier, lambda m: m.fit(X, LABELS, class_weight={0: None}), ValueError, r"class 0.*got None"),
    (classifier, lambda m: m.fit(X, LABELS, class_weight={2: np.nan}), ValueError, r"class 2.*got nan"),
    (classifier, lambda m: m.fit(X, LABELS, class_weight="balanced"), ValueError, r"got 'balanced'"),
    (classifier, lambda m: m.fit(X, class_weight={0: 1.0}), ValueError, r"needs one array of targets"),
    (classifier, lambda m: m.fit(X, with_nan(LABELS, 7), class_weight={0: 1.0}), ValueError, r"got nan in row 7"),
    (classifier, lambda m: m.fit(X, LABELS + 1), ValueError, r"class numbers 0 to 2.*got 3 in row 2"),
    (classifier, lambda m: m.train_on_batch(X, LABELS + 0.5), ValueError, r"class numbers 0 to 2.*got 0.5 in row 0"),
    (classifier, lambda m: m.test_on_batch(X, LABELS + 0.5), ValueError, r"class numbers 0 to 2.*got 0.5 in row 0"),
    (classifier, lambda m: m.fit(X, LABELS - 1), ValueError, r"got -1 in row 0"),
    (classifier, lambda m: m.fit(X, with_nan(LABELS, 7)), ValueError, r"got nan in row 7"),
    (classifier, lambda m: m.fit(X, LABELS + 0.5), ValueError, r"got 0.5 in row 0"),
    (classifier, lambda m: m.evaluate(X, LABELS * 9, verbose=0), ValueError, r"got 9 in row 1"),
    (classifier, lambda m: m.fit(X, LABELS, validation_data=(X, LABELS + 1)), ValueError, r"got 3 in row 2"),
    (classifier, lambda m: m.train_on_batch(X, LABELS + 1), ValueError, r"got 3 in row 2"),
    (classifier, lambda m: m.train_on_batch(X, with_nan(LABELS, 7)), ValueError, r"got nan in row 7"),
    (classifier, lambda m: m.fit(X, np.eye(3)[LABELS]), ValueError, r"expects y_true of shape \(\d+,\) \(class num"),
    (
        lambda: classifier("categorical_crossentropy"),
        lambda m: m.fit(X, LABELS),
        ValueError,
        r"categorical_crossentropy expects y_true and y_pred of the same shape",
    ),
    # arguments
    (regression, lambda m: m.fit(X, Y, batch_size=0), ValueError, r"`batch_size` must be a positive integer, got 0"),
    (regression, lambda m: m.fit(X, Y, batch_size=2.5), ValueError, r"`batch_size`"),
    (regression, lambda m: m.fit(X, Y, epochs=-1), ValueError, r"`epochs`"),
    (regression, lambda m: m.fit(X, Y, epochs="3"), ValueError, r"`epochs`"),
    (regression, lambda m: m.fit(X, Y, initial_epoch=-1), ValueError, r"`initial_epoch`"),
    (regression, lambda m: m.fit(X, Y, steps_per_epoch=0), ValueError, r"`steps`"),
    (regression, lambda m: m.fit(X, Y, verbose=7), ValueError, r"`verbose` must be 0, 1, 2"),
    (regression, lambda m: m.fit(X, Y, shuffle="yes"), ValueError, r"`shuffle` must be"),
    (regression, lambda m: m.fit(X, Y, validation_split=1.5), ValueError, r"between 0 and 1, got 1.5"),
    (regression, lambda m: m.fit(X, Y, validation_split=0.999), ValueError, r"leaves no row to train on"),
    (regression, lambda m: m.fit(X, Y, validation_split=1e-20), ValueError, r"leaves no row to"),
    (regression, lambda m: m.fit(X, Y, validation_data=X), ValueError, r"`validation_data` must be a tuple"),
    (regression, lambda m: m.fit(X, Y, validation_data=(X, Y[:3])), ValueError, r"same number of rows"),
    (regression, lambda m: m.fit(X, Y, validation_data=(X, Y), validation_freq=0), ValueError, r"`validation_freq`"),
    (regression, lambda m: m.fit(X, Y, class_weight={0: 1.0}, sample_weight=np.ones(20)), ValueError, r"both"),
    (regression, lambda m: m.fit(X, Y, class_weight=[1.0]), ValueError, r"`class_weight` must be a dict"),
    (regression, lambda m: m.fit(X, Y, callbacks=["stop"]), ValueError, r"must be Callback instances"),
    (regression, lambda m: m.fit(X, Y, batchsize=3), TypeError, r"batchsize"),
    (regression, lambda m: m.fit(X, Y, callbacks=3), ValueError, r"must be Callback instances, got 3"),
    (regression, lambda m: m.fit(X, Y, callbacks=[None]), ValueError, r"must be Callback instances, got None"),
    (regression, lambda m: m.fit(X, Y, callbacks=[nv.callbacks.History]), ValueError, r"Callback instances"),
    (regression, lambda m: m.fit(X, Y, verbose=np.zeros(3)), ValueError, r"`verbose` must be"),
    (regression, lambda m: m.fit(X, Y, verbose=None), ValueError, r"`verbose` must be"),
    (regression, lambda m: m.fit(X, Y, batch_size=-1), ValueError, r"`batch_size` must be.*got -1"),
    (regression, lambda m: m.fit(X, Y, batch_size=2**70), ValueError, r"batch"),
    (regression, lambda m: m.fit(X, Y, validation_split=-0.1), ValueError, r"between 0 and 1, got -0.1"),
    (regression, lambda m: m.fit(X, Y, validation_split=1), ValueError, r"between 0 and 1, got 1"),
    (regression, lambda m: m.fit(X, Y, validation_split=np.nan), ValueError, r"between 0 and 1, got nan"),
    (regression, lambda m: m.fit(X[:1], Y[:1], validation_split=0.5), ValueError, r"leaves no row to train on"),
    (regression, lambda m: m.fit(X, Y, validation_data=(None, None)), ValueError, r"`x` is missing"),
    (regression, lambda m: m.fit(X, Y, validation_data=(X, Y), validation_batch_size=0), ValueError, r"`batch_size`"),
    (regression, lambda m: m.predict(X, batch_size=0, verbose=0), ValueError, r"`batch_size`"),
    (regression, lambda m: m.evaluate(X, Y, foo=1), ValueError, r"not recognized: \['foo'\]"),
    (regression, lambda m: m.compile("sdg", "mse"), ValueError, r"optimizer identifier: 'sdg'"),
    (regression, lambda m: m.compile("sgd", "mes"), ValueError, r"loss identifier: 'mes'"),
    (regression, lambda m: m.compile("mse", "sgd"), ValueError, r"optimizer identifier: 'mse'|loss identifier: 'sgd'"),
    (regression, lambda m: m.compile("sgd", 3), ValueError, r"loss identifier: 3"),
    (regression, lambda m: m.compile("sgd", "mse", metrics=[3]), ValueError, r"metric identifier: 3"),
    (regression, lambda m: m.compile("sgd", "mse", metric=["mae"]), TypeError, r"'metric'"),
    (regression, lambda m: m.compile("sgd", "mse", metrics=["mea"]), ValueError, r"metric identifier: 'mea'"),
    (regression, lambda m: m.compile("sgd", "mse", metrics="mae"), ValueError, r"`metrics` must be a list"),
    (regression, lambda m: m.compile("sgd", "mse", loss_weights="a"), ValueError, r"`loss_weights` must be"),
    (regression, lambda m: m.compile("sgd", loss_weights=1.0), ValueError, r"without a `loss`"),
    (regression, lambda m: m.get_layer("nope"), ValueError, r"No such layer: nope. Existing layers are: \['out'\]"),
    (regression, lambda m: m.get_layer(index=5), ValueError, r"has 1 layers, got index 5"),
    (regression, lambda m: m.set_weights([1]), ValueError, r"length 1.*expecting 2"),
    (regression, lambda m: m.set_weights(None), TypeError, r"'reg': set_weights expects a list.*NoneType"),
    (regression, lambda m: m.set_weights([X[:3, :2], X[0, :2]]), ValueError, r"out/kernel has shape \(4, 2\), got \(3"),
    (regression, lambda m: m.set_weights([X[:4, :2], np.array(["a", "b"])]), TypeError, r"out/bias expects numbers"),
    (regression, lambda m: m.set_weights([[[1], [1, 2]], [0, 0]]), ValueError, r"'reg': set_weights.*rectangular"),
    (regression, lambda m: m.add(m), ValueError, r"'reg' cannot hold itself"),
    (regression, lambda m: m.add(nv.Sequential([m])), ValueError, r"'reg' cannot hold itself: 'sequential.*' contains"),
    (regression, lambda m: m.add(layers.Dense(10**12, name="big")), MemoryError, r"'big'.*'kernel' of shape"),
    (regression, lambda m: m.layers[0].build((None, 4)), ValueError, r"'out' is already built"),
    (regression, lambda m: m.add(3), ValueError, r"Only instances of `Layer`"),
    (regression, lambda m: m.add(layers.Dense(2, name="out")), ValueError, r"'out' is taken"),
    (regression, lambda m: m.add(layers.Reshape((3,))), ValueError, r"cannot reshape inputs of shape \(2,\)"),
]


@pytest.mark.parametrize("k", range(len(TRAINING)))
def test_the_error_tells_and_the_model_works_afterwards(k):
    make, act, kind, words = TRAINING[k]
    model = make()
    weights = model.get_weights()
    with pytest.raises(kind, match=words):
        act(model)
    assert all(np.array_equal(a, b) for a, b in zip(weights, model.get_weights(), strict=True))
    if make is pair:
        history = model.fit([X, Y], [Y[:, :1], Y[:, 1:]], epochs=2, verbose=0)
    elif model.loss == "mse":
        history = model.fit(X, Y, verbose=0)
    else:
        targets = {"sparse": LABELS, "binary": LABELS > 0, "categorical": np.eye(3)[LABELS]}
        history = model.fit(X, targets[model.loss.partition("_")[0]], verbose=0)
    assert np.isfinite(history.history["loss"]).all()


class NoSuper(nv.Layer):
    def __init__(self):
        self.inner = layers.Dense(2)


class NoCall(nv.Layer):
    pass


class NoneShape(nv.Layer):
    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[0], 2))

    def call(self, x):
        return x


class Misfit(nv.Layer):
    def call(self, x):
        return ops.matmul(x, ops.ones((7, 2)))


def layer_named(make, x):
    return lambda: make()(x)


BUILDING = [
    (lambda: layers.Dense(0), ValueError, r"Dense: expected `units` to be a positive integer, got units=0"),
    (lambda: layers.Dense(-3), ValueError, r"units=-3"),
    (lambda: layers.Dense(2.5), ValueError, r"units=2.5"),
    (lambda: layers.Dense("3"), ValueError, r"units='3'"),
    (lambda: layers.Dense(None), ValueError, r"units=None"),
    (lambda: layers.Dense(2, foo=1), ValueError, r"Unrecognized keyword arguments passed to Dense: \{'foo': 1\}"),
    (lambda: layers.Dense(2, activation="rellu"), ValueError, r"rellu"),
    (
        lambda: layers.Dense(2, activation=layers.ReLU),
        ValueError,
        r"ReLU.*not its class",
    ),
    (lambda: layers.Dense(2, activation=3), ValueError, r"activation function identifier: 3"),
    (lambda: layers.Dense(2, kernel_initializer=3), ValueError, r"initializer identifier: 3"),
    (lambda: layers.Dense(2, name="d").build(None), ValueError, r"'d': the last axis.*None"),
    (lambda: layers.Dense(2, name="d").build(()), ValueError, r"'d': the last axis.*\(\)"),
    (lambda: layers.Dense(10**18, name="big")(X), ValueError, r"too large \(in layer 'big'\)"),
    (lambda: nv.optimizers.Adam(None), ValueError, r"learning_rate.*None"),
    (lambda: nv.optimizers.Adam(lr=0.1), ValueError, r"not recognized: \{'lr': 0.1\}"),
    (lambda: nv.optimizers.SGD(nesterov="yes"), ValueError, r"`nesterov`.*'yes'"),
    (lambda: nv.Sequential([layers.Dense(2)]).set_weights([X, Y]), ValueError, r"expecting 0 weights; it is not built"),
    (lambda: nv.Sequential(name="s").predict(X, verbose=0), ValueError, r"'s' cannot be built.*no layers"),
    (lambda: nv.losses.SparseCategoricalCrossentropy()(LABELS + 1, X[:, :3]), ValueError, r"got 3 in row 2"),
    (lambda: layers.Dense(2, kernel_initializer="glorot"), ValueError, r"glorot"),
    (lambda: layers.Dense(2, kernel_regularizer="l3"), ValueError, r"regularizer identifier: 'l3'"),
    (lambda: layers.Dense(2, kernel_constraint="max"), ValueError, r"constraint identifier: 'max'"),
    (lambda: layers.Dense(2, dtype="float16"), ValueError, r"float16"),
    (lambda: layers.Dense(2, name="a/b"), ValueError, r"`name`.*cannot contain character `/`"),
    (lambda: layers.Dense(2, lora_rank=1), ValueError, r"lora_rank"),
    (lambda: layers.Dropout(1.5), ValueError, r"`rate`. Expected a float value between 0 and 1. Received: rate=1.5"),
    (lambda: layers.Dropout("half"), ValueError, r"rate='half'"),
    (lambda: layers.Dropout(0.5, seed="x"), ValueError, r"seed"),
    (lambda: layers.BatchNormalization(momentum=2), ValueError, r"momentum=2"),
    (lambda: layers.BatchNormalization(axis=0.5), ValueError, r"axis=0.5"),
    (lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"r": 1}), ValueError, r"renorm_clipping"),
    (lambda: layers.LeakyReLU(None), ValueError, r"negative_slope=None"),
    (lambda: layers.ReLU(max_value=-1), ValueError, r"max_value=-1"),
    (lambda: layers.Reshape((-1, -1)), ValueError, r"at most one -1"),
    (lambda: layers.Reshape((2.0,)), ValueError, r"target_shape=\(2.0,\)"),
    (lambda: layers.Concatenate(axis="last"), ValueError, r"axis='last'"),
    (lambda: layers.Activation("softmx"), ValueError, r"softmx"),
    (lambda: nv.Input(4), ValueError, r"`shape` must be a tuple of sizes, got 4"),
    (lambda: nv.Input((-1,)), ValueError, r"non-negative integers or None, got \(None, -1\)"),
    (lambda: nv.Input(("4",)), ValueError, r"sizes must be"),
    (lambda: nv.Input(), ValueError, r"must pass a `shape`"),
    (lambda: nv.Input((2,), sparse=True), ValueError, r"`sparse=True` is not supported"),
    (lambda: nv.Input((2,), dtype="string"), ValueError, r"string"),
    (
        layer_named(lambda: layers.Dense(2, name="d"), X[0]),
        ValueError,
        r"Input 0 of layer 'd' is.*: expected min_ndim=2, found ndim=1",
    ),
    (layer_named(lambda: layers.Dense(2, name="d"), nv.Input((None,))), ValueError, r"'d': the last axis.*known"),
    (layer_named(lambda: layers.Dense(2, name="d"), "abc"), ValueError, r"Only input tensors.*abc.*'d'"),
    (layer_named(lambda: layers.Dense(2, name="d"), X.astype(object)), TypeError, r"object"),
    (layer_named(lambda: layers.Add(name="s"), X), ValueError, r"'s': Add expects a list"),
    (layer_named(lambda: layers.Add(name="s"), [X, X[:, :3]]), ValueError, r"'s'.*broadcast, got \[\(4,\), \(3,\)\]"),
    (layer_named(lambda: layers.Subtract(name="s"), [X, X, X]), ValueError, r"expects 2 inputs, got 3"),
    (layer_named(lambda: layers.Concatenate(name="c"), [X, X[:5]]), ValueError, r"'c': Concatenate expects"),
    (layer_named(lambda: layers.Reshape((3,), name="r"), I4), ValueError, r"'r': cannot reshape"),
    (layer_named(lambda: layers.BatchNormalization(axis=5, name="b"), X), ValueError, r"'b': axis 5"),
    (layer_named(lambda: layers.Dropout(0.5, noise_shape=(1,), name="n"), X), None, None),
    (
        lambda: layers.Dropout(0.5, noise_shape=(3,), name="n")(X, training=True),
        ValueError,
        r"'n': expected noise_shape",
    ),
    (layer_named(lambda: Misfit(name="mis"), I4), ValueError, r"matmul.*\(None, 4\).*\(7, 2\).*\(in layer 'mis'\)"),
    (layer_named(lambda: Misfit(name="mis"), X), ValueError, r"matmul.*\(20, 4\).*\(7, 2\).*\(in layer 'mis'\)"),
    (
        layer_named(lambda: NoCall(name="nc"), X),
        NotImplementedError,
        r"NoCall does not have a `call` method implemented",
    ),
    (layer_named(lambda: NoneShape(name="ns"), I4), ValueError, r"'ns': the shape of weight"),
    (lambda: NoSuper()(X), RuntimeError, r"'NoSuper', you forgot to call `super\(\).__init__\(\)`"),
    (lambda: layers.Dense(2).count_params(), ValueError, r"isn't built"),
    (lambda: layers.Dense(2).add_loss(1.0), ValueError, r"add_loss works inside `call`"),
    (lambda: layers.Dense(2, name="u").output, AttributeError, r"'u' has never been called"),
    (lambda: nv.Model(X, I4), ValueError, r"All `inputs` values must be KerasTensors"),
    (lambda: nv.Model(I4, X), ValueError, r"All `outputs` values must be KerasTensors"),
    (lambda: nv.Model(I4), ValueError, r"both `inputs` and `outputs`"),
    (lambda: nv.Model([I4, I4], I4 * 2), ValueError, r"more than once"),
    (lambda: nv.Model([], I4), ValueError, r"`inputs` is empty"),
    (lambda: nv.Model(nv.Input((2,), name="z"), layers.Dense(2)(I4)), ValueError, r"disconnected. 'i4'.*\['z'\]"),
    (lambda: nv.Model(I4, layers.Dense(2, name="t")(layers.Dense(2, name="t")(I4))), ValueError, r"'t' is used by 2"),
    (lambda: nv.Model(I4, I4 * 2, foo=3), ValueError, r"Unrecognized keyword.*foo"),
    (lambda: nv.Sequential(layers.Dense(2)), ValueError, r"expects a list of layers"),
    (lambda: nv.Sequential([layers.Dense(2), nv.Input((3,))]), ValueError, r"an input must come first"),
    (lambda: nv.Sequential().pop(), ValueError, r"no layers to pop"),
    (lambda: nv.Sequential([layers.Dense(2)]).build(None), ValueError, r"shape of a single input"),
    (lambda: nv.Sequential([layers.Dense(2)]).inputs, AttributeError, r"no `inputs`"),
    (lambda: nv.Sequential([layers.Dense(2)]).fit(X, Y), ValueError, r"call `compile\(\)` before `fit\(\)`"),
    (lambda: nv.Sequential([layers.Dense(2)]).evaluate(X, Y), ValueError, r"call `compile\(\)` before `evaluate\(\)`"),
    (lambda: nv.Sequential([layers.Dense(2)]).train_on_batch(X, Y), ValueError, r"call `compile\(\)`"),
    (lambda: bool(I4), TypeError, r"symbolic"),
    (lambda: np.asarray(I4), ValueError, r"symbolic"),
    (lambda: list(I4), NotImplementedError, r"symbolic"),
    (lambda: nv.regularizers.L2(-1), ValueError, r"l2.*-1"),
    (lambda: nv.metrics.BinaryAccuracy(threshold=None), ValueError, r"threshold"),
    (lambda: nv.losses.CategoricalCrossentropy(label_smoothing=2), ValueError, r"label_smoothing"),
    (lambda: nv.metrics.MeanSquaredError()(X, Y), ValueError, r"same shape"),
    (lambda: nv.utils.to_categorical(["a"]), TypeError, r"class numbers.*<U1"),
    (lambda: nv.utils.to_categorical([0.5]), ValueError, r"class numbers, got 0.5"),
    (lambda: nv.utils.to_categorical([np.nan]), ValueError, r"class numbers, got nan"),
    (lambda: nv.utils.to_categorical([0, 3], 3), ValueError, r"label 3 is not in \[0, 3\)"),
    (lambda: nv.utils.to_categorical([0], 0), ValueError, r"num_classes.*got 0"),
    (lambda: nv.utils.to_categorical([0], 2.5), ValueError, r"num_classes.*got 2.5"),
    (lambda: regression().summary(line_length="wide"), ValueError, r"`line_length`.*'wide'"),
    (lambda: nv.config.set_epsilon(np.inf), ValueError, r"epsilon.*inf"),
    (lambda: nv.callbacks.LambdaCallback(on_epoch=print), ValueError, r"unknown hook 'on_epoch'"),
    (lambda: nv.callbacks.LambdaCallback(on_epoch_end=3), ValueError, r"on_epoch_end must be callable, got 3"),
    (lambda: nv.utils.set_random_seed("a"), ValueError, r"seed must be an int, got 'a'"),
    (lambda: nv.metrics.Mean()(X[:, 0], sample_weight=np.ones(3)), ValueError, r"sample_weight of shape \(3,\)"),
]


@pytest.mark.parametrize("k", range(len(BUILDING)))
def test_the_error_tells_what_was_expected(k):
    act, kind, words = BUILDING[k]
    if kind is None:
        act()
        return
    with pytest.raises(kind, match=words):
        act()


def test_a_layer_that_failed_to_build_can_be_built():
    layer = layers.Dense(2)
    with pytest.raises(ValueError, match="min_ndim=2"):
        layer(X[0])
    layer = layers.Dense(2)
    assert layer(X).shape == (20, 2)


def test_a_build_that_failed_halfway_leaves_no_weights():
    class Half(nv.Layer):
        fail = True

        def build(self, input_shape):
            self.w = self.add_weight(shape=(2,), name="w")
            if self.fail:
                raise ValueError("not yet")

        def call(self, x):
            return x

    layer = Half(name="half")
    with pytest.raises(ValueError, match=r"not yet \(in layer 'half'\)"):
        layer(X)
    layer.fail = False
    layer(X)
    assert [v.name for v in layer.weights] == ["w"]


def test_what_memory_does_not_hold_is_a_memory_error_that_says_how_much():
    x = nv.Input((4,))
    model = nv.Model(x, ops.sum(ops.tile(x, (1, 10**8)), axis=-1))
    with pytest.raises(MemoryError, match=r"out of memory: \d+ bytes"):
        model.predict(np.ones((10**4, 4), "float32"), batch_size=10**4, verbose=0)
    with pytest.raises(MemoryError, match=r"Layer 'big': no memory for weight 'kernel' of shape \(4, 10+\)"):
        layers.Dense(10**12, name="big")(X)


def test_two_models_that_hold_each_other():
    a = nv.Sequential([layers.Dense(4)], name="a")
    b = nv.Sequential([a], name="b")
    with pytest.raises(ValueError, match="'a' cannot hold itself: 'b' contains it"):
        a.add(b)
    assert b.predict(X, verbose=0).shape == (20, 4)


def test_a_loss_or_metric_that_gives_nothing():
    model = regression()
    model.compile("sgd", lambda y_true, y_pred: None)
    with pytest.raises(TypeError, match="output 'out': loss 'lambda' must return a tensor, got None"):
        model.fit(X, Y, verbose=0)
    model.compile("sgd", "mse", metrics=[lambda y_true, y_pred: None])
    with pytest.raises(TypeError, match="metric 'lambda' must return a tensor, got None"):
        model.fit(X, Y, verbose=0)
    model.compile("sgd", ["mse"], loss_weights=[np.nan])
    with pytest.raises(ValueError, match="'out' must be a finite number, got nan"):
        model.fit(X, Y, verbose=0)
    model.compile("sgd", "mse")
    assert model.fit(X, Y, verbose=0).epoch == [0]


def test_functions_of_numpy_on_what_has_no_numbers_yet():
    class Numpy(nv.Layer):
        def call(self, x):
            return np.tanh(x)

    for x in (X, I4):
        with pytest.raises(TypeError, match=r"numpy.tanh cannot.*use nervure.ops.tanh \(in layer 'np'\)"):
            Numpy(name="np")(x)
    with pytest.raises(TypeError, match=r"numpy.tanh cannot.*use nervure.ops.tanh"):
        np.tanh(I4)
    with pytest.raises(TypeError, match=r"numpy.add cannot"):
        np.add.reduce(I4)
    assert tuple((X[0] + I4).shape) == tuple((X[0] < I4).shape) == (None, 4)
    scale = nv.function(lambda x: np.float32(2) * x + np.ones(4, "float32") % (x * x + 3) - (X[0] @ x[0]))
    np.testing.assert_allclose(scale(X), 2 * X + 1 % (X * X + 3) - X[0] @ X[0], rtol=1e-6)


def test_a_loss_of_ones_own_may_give_nan_a_meaning():
    def known(y_true, y_pred):
        there = ops.logical_not(ops.isnan(y_true))
        return ops.mean(ops.where(there, ops.square(ops.where(there, y_true, 0.0) - y_pred), 0.0), axis=-1)

    class Known(nv.losses.MeanSquaredError):
        def call(self, y_true, y_pred):
            return known(y_true, y_pred)

    for loss in (known, Known()):
        model = regression()
        model.compile("sgd", loss)
        assert np.isfinite(model.fit(X, with_nan(Y, 3, 1), verbose=0).history["loss"]).all()


def test_nan_in_data_flows_through():
    model = regression()
    assert np.isnan(model.evaluate(with_nan(X, 0, 0), Y, verbose=0))
    assert np.isfinite(model.evaluate(X, Y, verbose=0))


def test_models_of_a_loss_without_a_scalar():
    model = nv.Sequential([nv.Input((4,)), layers.Dense(2)])
    model.compile("sgd", nv.losses.MeanSquaredError(reduction=None))
    with pytest.raises(ValueError, match="must give a scalar"):
        model.fit(X, Y, verbose=0)
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)


def test_an_error_in_a_call_does_not_hurt():
    class Sometimes(nv.Layer):
        fail = True

        def call(self, x):
            if self.fail:
                raise KeyError("mine")
            return x

    model = nv.Sequential([layers.Dense(2), (layer := Sometimes())])
    model.compile("adam", "mse")
    with pytest.raises(KeyError, match="mine"):
        model.fit(X, Y, verbose=0)
    layer.fail = False
    assert model.fit(X, Y, verbose=0).epoch == [0]


def test_fit_inside_of_a_trace():
    model = regression()

    @nv.function
    def f(x):
        model.fit(X, Y, verbose=0)
        return ops.sum(x)

    with pytest.raises(RuntimeError, match="inside of a trace"):
        f(X)
    model.fit(X, Y, verbose=0)

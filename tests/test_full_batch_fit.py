"""Full-batch optimizers in `fit`: against closed forms, and together with all that `fit` has to offer."""

import nervure as nv
import numpy as np
import pytest
from nervure import callbacks, layers, optimizers, regularizers

RNG = np.random.default_rng(11)
X = RNG.normal(size=(60, 3))
Y = X @ np.array([[1.0], [-2.0], [0.5]]) + 0.3 + 0.1 * RNG.normal(size=(60, 1))
CURVE = np.sin(2 * X[:, :1])
LABELS = (X[:, 0] + 0.5 * RNG.normal(size=60) > 0).astype("int64") + (X[:, 1] > 1)
MAKE = {
    "GradientDescent": optimizers.GradientDescent,
    "LBFGS": optimizers.LBFGS,
    "LBFGS hager_zhang": lambda **k: optimizers.LBFGS(line_search="hager_zhang", **k),
    "BFGS": optimizers.BFGS,
    "ConjugateGradient": optimizers.ConjugateGradient,
    "ConjugateGradient hz": lambda **k: optimizers.ConjugateGradient("hz", **k),
    "ScaledConjugateGradient": optimizers.ScaledConjugateGradient,
    "NewtonCG": optimizers.NewtonCG,
    "NewtonCG exact": lambda **k: optimizers.NewtonCG("exact", **k),
    "TrustRegionNewton": optimizers.TrustRegionNewton,
    "TrustRegionNewton gauss": lambda **k: optimizers.TrustRegionNewton("gauss_newton", **k),
    "Newton": optimizers.Newton,
    "LevenbergMarquardt": optimizers.LevenbergMarquardt,
    "LevenbergMarquardt cg": lambda **k: optimizers.LevenbergMarquardt(solver="cg", **k),
    "BayesianRegularization": optimizers.BayesianRegularization,
}
PLAIN = sorted(set(MAKE) - {"BayesianRegularization"})  # minimize the loss that was given
WHOLE = ["BFGS", "ConjugateGradient", "ScaledConjugateGradient", "Newton", "BayesianRegularization"]
BATCHED = ["GradientDescent", "LBFGS", "NewtonCG", "TrustRegionNewton", "LevenbergMarquardt"]
each = pytest.mark.parametrize("kind", PLAIN)
SCCE = "sparse_categorical_crossentropy"


@pytest.fixture(autouse=True)
def _float64():
    nv.utils.set_random_seed(3)
    nv.config.set_floatx("float64")
    yield
    nv.config.set_floatx("float32")


def sequential(*parts):
    return nv.Sequential([nv.Input((3,)), *parts])


def linear(optimizer, loss="mse", outputs=1, compile=None, **options):
    model = sequential(layers.Dense(outputs, name="dense", **options))
    model.compile(optimizer, loss, **(compile or {}))
    return model


def net(optimizer, loss="mse", *middle, outputs=1, activation=None, compile=None):
    nv.utils.set_random_seed(3)
    model = sequential(layers.Dense(4, activation="tanh"), *middle, layers.Dense(outputs, activation=activation))
    model.compile(optimizer, loss, **(compile or {}))
    return model


def fit(model, x=X, y=Y, epochs=200, **given):
    return model.fit(x, y, epochs=epochs, **({"verbose": 0} | given))


def normal_equations(weight=None, ridge=0.0):
    """Kernel and bias of weighted least squares: mean of weight (x w + b - y)^2, plus ridge |w|^2."""
    a = np.hstack([X, np.ones((len(X), 1))])
    s = np.ones(len(X)) if weight is None else weight
    penalty = ridge * len(X) * np.diag([1.0, 1.0, 1.0, 0.0])
    solution = np.linalg.solve(a.T @ (s[:, None] * a) + penalty, a.T @ (s[:, None] * Y))
    return solution[:3], solution[3]


def weights_are(model, expected, atol):
    for found, value in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_allclose(found, value, rtol=0, atol=atol)


# ---- reaching the minimum ----


@each
@pytest.mark.parametrize("dtype, gtol, atol", [("float64", 1e-7, 1e-6), ("float32", 1e-4, 1e-3)])
def test_least_squares_in_closed_form(kind, dtype, gtol, atol):
    nv.config.set_floatx(dtype)
    model = linear(MAKE[kind](gtol=gtol))
    run = fit(model, X.astype(dtype), Y.astype(dtype))
    weights_are(model, normal_equations(), atol)
    assert "gradient" in run.stop_reason
    assert len(run.epoch) == model.optimizer.n_iter < 200


@each
def test_a_network_becomes_better_and_never_worse(kind):
    model = net(MAKE[kind]())
    before = model.evaluate(X, CURVE, verbose=0)
    loss = fit(model, y=CURVE, epochs=40).history["loss"]
    assert loss[-1] < 0.5 * before
    assert all(b <= a for a, b in zip([before, *loss], loss, strict=False))
    assert loss[-1] == pytest.approx(model.evaluate(X, CURVE, verbose=0), rel=1e-12)


@each
@pytest.mark.parametrize("logits", [False, True])
def test_classification(kind, logits):
    """The gradient at the end, by the formula for softmax regression."""
    loss = nv.losses.SparseCategoricalCrossentropy(from_logits=True) if logits else SCCE
    penalty = regularizers.L2(0.01)
    activation = None if logits else "softmax"
    model = linear(
        MAKE[kind](gtol=1e-6), loss, 3, {"metrics": ["accuracy"]}, activation=activation, kernel_regularizer=penalty
    )
    run = fit(model, y=LABELS, epochs=1000)
    kernel, bias = model.get_weights()
    z = X @ kernel + bias
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True) - np.eye(3)[LABELS]
    assert np.abs(X.T @ p / 60 + 0.02 * kernel).max() < 1e-5 and np.abs(p.mean(0)).max() < 1e-5
    assert run.history["accuracy"][-1] == pytest.approx(np.mean(z.argmax(1) == LABELS))


@each
def test_l2(kind):
    model = linear(MAKE[kind](gtol=1e-8), kernel_regularizer=regularizers.L2(0.3))
    fit(model)
    weights_are(model, normal_equations(ridge=0.3), 1e-6)


def test_l1_makes_weights_zero():
    """The optimality of the lasso: |gradient| <= l1 where a weight is 0, and = -l1 sign elsewhere."""
    model = linear(optimizers.LBFGS(gtol=1e-8), kernel_regularizer=regularizers.L1(1.2))
    fit(model)
    kernel, bias = model.get_weights()
    slope = 2 * X.T @ (X @ kernel + bias - Y) / len(X)
    zero = kernel == 0
    assert zero.any() and not zero.all()
    assert np.all(np.abs(slope[zero]) <= 1.2 + 1e-6)
    np.testing.assert_allclose(slope[~zero], -1.2 * np.sign(kernel[~zero]), atol=1e-6)


def test_other_methods_warn_of_l1():
    with pytest.warns(UserWarning, match="LBFGS"):
        fit(linear(optimizers.BFGS(), kernel_regularizer=regularizers.L1(0.1)), epochs=3)


@each
def test_sample_weight(kind):
    weight = np.linspace(0.1, 2.0, 60)
    model = linear(MAKE[kind](gtol=1e-8))
    fit(model, sample_weight=weight)
    weights_are(model, normal_equations(weight), 1e-6)


@each
def test_class_weight(kind):
    """As sample weights of the same numbers."""
    classes = {0: 1.0, 1: 3.0, 2: 0.5}
    models = []
    for given in ({"class_weight": classes}, {"sample_weight": np.vectorize(classes.get)(LABELS)}):
        model = net(MAKE[kind](), SCCE, outputs=3, activation="softmax")
        fit(model, y=LABELS, epochs=5, **given)
        models.append(model)
    weights_are(models[0], models[1].get_weights(), 1e-9)


@each
def test_several_outputs(kind):
    """Two linear heads and two losses: the sum of two least squares, each weighted."""
    inputs = nv.Input((3,))
    heads = {"a": layers.Dense(1, name="a")(inputs), "b": layers.Dense(1, name="b")(inputs)}
    model = nv.Model(inputs, heads)
    model.compile(MAKE[kind](gtol=1e-8), {"a": "mse", "b": "mse"}, loss_weights={"a": 1.0, "b": 0.5})
    run = fit(model, y={"a": Y, "b": -Y})
    expected = normal_equations()
    weights_are(model, [*expected, *(-v for v in expected)], 1e-6)
    assert {"loss", "a_loss", "b_loss"} <= set(run.history)


def test_bayesian_regularization_finds_a_curve_in_noise():
    """Closer to the curve that the noise is on than least squares of the same network, which fits the noise."""
    x = np.linspace(-1, 1, 21)[:, None]
    noisy = np.sin(2 * np.pi * x) + 0.3 * np.random.default_rng(0).normal(size=x.shape)
    fine = np.linspace(-1, 1, 201)[:, None]
    errors = {}
    for kind in ("BayesianRegularization", "LevenbergMarquardt"):
        nv.utils.set_random_seed(1)
        model = nv.Sequential([nv.Input((1,)), layers.Dense(12, activation="tanh"), layers.Dense(1)])
        model.compile(MAKE[kind](), "mse")
        fit(model, x, noisy, epochs=300)
        errors[kind] = np.mean((model.predict(fine, verbose=0) - np.sin(2 * np.pi * fine)) ** 2)
    assert errors["BayesianRegularization"] < 0.7 * errors["LevenbergMarquardt"]


# ---- what ends it, and what is counted ----


def test_reasons():
    cases = {
        "goal": (optimizers.LBFGS(goal=0.5), "goal"),
        "gtol": (optimizers.LBFGS(gtol=1e-2), "gradient"),
        "ftol": (optimizers.LBFGS(ftol=0.5, gtol=0.0), "ftol|fell|loss"),
        "xtol": (optimizers.LBFGS(xtol=0.5, gtol=0.0), "step|xtol"),
        "max_evals": (optimizers.LBFGS(max_evals=3, gtol=0.0), "evaluations|max_evals"),
    }
    reasons = set()
    for optimizer, words in cases.values():
        model = net(optimizer)
        run = fit(model, y=CURVE)
        assert run.stop_reason == model.stop_reason == optimizer.stop_reason
        assert any(word in run.stop_reason for word in words.split("|")), run.stop_reason
        assert len(run.epoch) < 200
        reasons.add(run.stop_reason)
    assert len(reasons) == 5
    assert fit(net(optimizers.LBFGS(gtol=0.0)), y=CURVE, epochs=2).stop_reason == "the maximum of 2 epochs"


@each
def test_counts(kind):
    model = net(MAKE[kind](gtol=0.0))
    run = fit(model, y=CURVE, epochs=5)
    optimizer = model.optimizer
    assert optimizer.n_iter == len(run.epoch) == 5 == int(optimizer.iterations.numpy())
    assert optimizer.n_evals >= 6 and 6 <= optimizer.n_gradients <= optimizer.n_evals
    assert (optimizer.n_products > 0) == any(
        "product" in need for need in optimizer.needs if "normal" not in optimizer.needs
    )
    assert (optimizer.n_matrices > 0) == (kind in ("Newton", "LevenbergMarquardt"))
    fit(model, y=CURVE, epochs=2)
    assert optimizer.n_iter == 2 and int(optimizer.iterations.numpy()) == 7


def test_a_minimum_is_left_alone():
    model = linear(optimizers.LBFGS())
    model.set_weights([np.asarray(v).reshape(w.shape) for v, w in zip(normal_equations(), model.get_weights())])
    before = [w.copy() for w in model.get_weights()]
    run = fit(model)
    assert "gradient" in run.stop_reason and model.optimizer.n_iter == 0
    weights_are(model, before, 0)


@pytest.mark.parametrize("kind", ["GradientDescent", "TrustRegionNewton", "LevenbergMarquardt", "Newton"])
def test_fit_twice_goes_on(kind):
    """Methods whose next step depends on where they are alone, or that begin anew: the loss goes on falling."""
    model = net(MAKE[kind](gtol=0.0))
    first = fit(model, y=CURVE, epochs=5).history["loss"]
    second = fit(model, y=CURVE, epochs=5).history["loss"]
    assert second[0] <= first[-1] and second[-1] < first[-1]


def test_newton_in_two_parts_is_newton():
    """It remembers nothing, so that beginning anew is going on."""
    parts, whole = (net(optimizers.Newton(gtol=0.0)) for _ in range(2))
    losses = fit(parts, y=CURVE, epochs=3).history["loss"] + fit(parts, y=CURVE, epochs=3).history["loss"]
    assert losses == fit(whole, y=CURVE, epochs=6).history["loss"]
    weights_are(parts, whole.get_weights(), 0)


# ---- callbacks, validation, metrics ----


def test_callbacks_are_called_once_an_iteration():
    seen = []
    spy = callbacks.LambdaCallback(
        on_train_begin=lambda logs: seen.append("train"),
        on_epoch_begin=lambda epoch, logs: seen.append(epoch),
        on_epoch_end=lambda epoch, logs: seen.append(logs["loss"]),
        on_train_end=lambda logs: seen.append("end"),
    )
    run = fit(net(optimizers.LBFGS(gtol=0.0)), y=CURVE, epochs=3, callbacks=[spy])
    loss = run.history["loss"]
    assert seen == ["train", 0, loss[0], 1, loss[1], 2, loss[2], "end"]


def test_a_callback_sees_the_weights_of_its_epoch_and_stops():
    class Stop(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.loss, self.weights = logs["loss"], [w.copy() for w in self.model.get_weights()]
            if epoch == 2:
                self.model.stop_training = True

    stop = Stop()
    model = net(optimizers.LBFGS(gtol=0.0))
    run = fit(model, y=CURVE, callbacks=[stop])
    assert run.epoch == [0, 1, 2] and run.stop_reason == "a callback set stop_training"
    assert model.optimizer.n_iter == 3
    weights_are(model, stop.weights, 0)
    assert stop.loss == pytest.approx(model.evaluate(X, CURVE, verbose=0), rel=1e-12)


def test_a_callback_that_raises_loses_nothing():
    def fail(epoch, logs):
        if epoch == 2:
            raise RuntimeError("enough")

    model = net(optimizers.LBFGS(gtol=0.0))
    with pytest.raises(RuntimeError, match="enough"):
        fit(model, y=CURVE, callbacks=[callbacks.LambdaCallback(on_epoch_end=fail)])
    assert model.evaluate(X, CURVE, verbose=0) == pytest.approx(model.history.history["loss"][-1], rel=0.5)
    assert np.isfinite(fit(model, y=CURVE, epochs=2).history["loss"]).all()


def test_early_stopping_restores_the_best():
    overfit = callbacks.EarlyStopping("val_loss", patience=3, restore_best_weights=True)
    noise = CURVE + RNG.normal(size=CURVE.shape)
    model = net(optimizers.LevenbergMarquardt(gtol=0.0))
    run = fit(model, X[:30], noise[:30], callbacks=[overfit], validation_data=(X[30:], noise[30:]))
    assert run.stop_reason.startswith("early stopping")
    best = min(run.history["val_loss"])
    assert model.evaluate(X[30:], noise[30:], verbose=0) == pytest.approx(best, rel=1e-9)


def test_checkpoints(tmp_path):
    path = tmp_path / "best.keras"
    model = net(optimizers.LBFGS(gtol=0.0))
    run = fit(model, y=CURVE, epochs=4, callbacks=[callbacks.ModelCheckpoint(path, "loss", save_best_only=True)])
    other = nv.models.load_model(path)
    assert type(other.optimizer) is optimizers.LBFGS
    weights_are(other, model.get_weights(), 0)
    assert fit(other, y=CURVE, epochs=2).history["loss"][-1] < run.history["loss"][-1]


def test_validation_and_metrics():
    model = net(optimizers.LBFGS(gtol=0.0), compile={"metrics": ["mae"]})
    run = fit(model, y=CURVE, epochs=3, validation_split=0.25)
    assert set(run.history) == {"loss", "mae", "val_loss", "val_mae"}
    assert all(len(v) == 3 for v in run.history.values())
    loss, mae = model.evaluate(X[:45], CURVE[:45], verbose=0)
    assert (run.history["loss"][-1], run.history["mae"][-1]) == pytest.approx((loss, mae), rel=1e-9)
    loss, mae = model.evaluate(X[45:], CURVE[45:], verbose=0)
    assert (run.history["val_loss"][-1], run.history["val_mae"][-1]) == pytest.approx((loss, mae), rel=1e-9)


@pytest.mark.parametrize(
    "make",
    [lambda: callbacks.ReduceLROnPlateau("loss"), lambda: callbacks.LearningRateScheduler(lambda epoch, rate: rate)],
)
def test_there_is_no_rate_to_change(make):
    model = net(optimizers.LBFGS())
    with pytest.raises((AttributeError, ValueError), match=r"learning.rate"):
        fit(model, y=CURVE, callbacks=[make()])


def test_tensorboard_needs_no_rate(tmp_path):
    fit(net(optimizers.LBFGS()), y=CURVE, epochs=2, callbacks=[callbacks.TensorBoard(tmp_path)])


@pytest.mark.parametrize("verbose", [1, 2])
def test_it_prints(verbose, capsys):
    fit(net(optimizers.LBFGS(gtol=0.0)), y=CURVE, epochs=2, verbose=verbose)
    assert "loss:" in capsys.readouterr().out


# ---- layers that differ in training, batches, streams ----


@pytest.mark.parametrize("kind", BATCHED)
def test_dropout_is_one_function_an_iteration(kind):
    model = net(MAKE[kind](), "mse", layers.Dropout(0.3))
    before = model.evaluate(X, CURVE, verbose=0)
    run = fit(model, y=CURVE, epochs=15)
    assert np.isfinite(run.history["loss"]).all() and model.evaluate(X, CURVE, verbose=0) < before


@each
def test_batch_normalization_has_the_statistics_of_all_rows(kind):
    model = sequential(layers.BatchNormalization(momentum=0.0), layers.Dense(1))
    model.compile(MAKE[kind](), "mse")
    fit(model, epochs=3)
    norm = model.layers[0]
    np.testing.assert_allclose(norm.moving_mean.numpy(), X.mean(0), atol=1e-9)
    np.testing.assert_allclose(norm.moving_variance.numpy(), X.var(0), atol=1e-9)


@pytest.mark.parametrize("kind", BATCHED)
def test_batches(kind):
    """An iteration on each batch of an epoch."""
    model = net(MAKE[kind](gtol=0.0))
    before = model.evaluate(X, CURVE, verbose=0)
    run = fit(model, y=CURVE, epochs=3, batch_size=20)
    assert run.epoch == [0, 1, 2] and int(model.optimizer.iterations.numpy()) == 9
    assert model.evaluate(X, CURVE, verbose=0) < before


def test_a_batch_of_all_rows_is_none():
    models = [net(optimizers.BFGS(gtol=0.0)) for _ in range(2)]
    fit(models[0], y=CURVE, epochs=4)
    fit(models[1], y=CURVE, epochs=4, batch_size=60)
    weights_are(models[0], models[1].get_weights(), 0)


# ---- bad input: the words, and that the model is as before ----


@pytest.mark.parametrize("kind", sorted(MAKE))
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_data_that_are_no_numbers(kind, value):
    """The loss is not finite where it starts: that is the reason, and nothing is changed."""
    bad = X.copy()
    bad[7, 1] = value
    model = net(MAKE[kind]())
    before = [w.copy() for w in model.get_weights()]
    with pytest.warns(RuntimeWarning, match="not finite"):
        run = fit(model, bad, CURVE)
    assert "not finite" in run.stop_reason and model.optimizer.n_iter == 0
    weights_are(model, before, 0)
    assert np.isfinite(fit(model, y=CURVE, epochs=2).history["loss"]).all()


def refused(model, words, *args, **given):
    before = [w.copy() for w in model.get_weights()]
    with pytest.raises(ValueError, match=words):
        fit(model, *args, **given)
    weights_are(model, before, 0)


@pytest.mark.parametrize("kind", WHOLE)
def test_methods_of_one_function_refuse_batches(kind):
    refused(net(MAKE[kind]()), f"{kind}.*batch_size|batch_size.*{kind}", y=CURVE, batch_size=20)


def test_a_train_step_of_ones_own_is_refused():
    class Own(nv.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x):
            return self.dense(x)

        def train_step(self, data):
            return super().train_step(data)

    model = Own()
    model.build((None, 3))
    model.compile(optimizers.LBFGS(), "mse")
    refused(model, "train_step")


def test_constraints_are_refused_by_name():
    model = linear(optimizers.LBFGS(), kernel_constraint="non_neg")
    refused(model, "kernel_constraint|constraint")


def test_too_many_weights_for_a_dense_hessian():
    refused(net(optimizers.Newton(max_parameters=20)), "max_parameters", y=CURVE)
    fit(net(optimizers.Newton(max_parameters=21)), y=CURVE, epochs=1)


def test_bayesian_regularization_wants_squares():
    refused(net(optimizers.BayesianRegularization(), "mae"), "mean.squared.error|mse", y=CURVE)


def test_targets_that_are_no_numbers_are_named():
    bad = CURVE.copy()
    bad[5] = np.nan
    refused(net(optimizers.LBFGS()), "row 5", y=bad)


# ---- the same bits ----


@each
def test_threads_change_no_bit(kind):
    big = np.random.default_rng(2).normal(size=(700, 3))
    found = []
    threads = nv._core.config()["threads"]
    try:
        for n in (1, 2):
            nv._core.set_threads(n)
            nv.utils.set_random_seed(4)
            model = net(MAKE[kind](gtol=0.0), "mse", layers.Dense(40, activation="tanh"))
            loss = fit(model, big, np.sin(big[:, :1]), epochs=4).history["loss"]
            found.append(b"".join([*(w.tobytes() for w in model.get_weights()), np.array(loss).tobytes()]))
    finally:
        nv._core.set_threads(int(threads))
    assert found[0] == found[1]

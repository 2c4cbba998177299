"""Full-batch optimizers as objects: arguments, numbers for the core, configs, files, and what they refuse."""

import copy
import inspect
import json
import pickle

import nervure as nv
import numpy as np
import pytest
from nervure import optimizers
from nervure.optimizers.full_batch.base import _REFUSED

COMMON = {"gtol": 1e-5, "ftol": 0.0, "xtol": 0.0, "patience": 1.0}
LINE = {"line_search": 0.0, "c1": 1e-4, "c2": 0.9}
# Class: its method, its options beside the common ones, what it needs, whether it takes batches.
ROWS = {
    "GradientDescent": ("gradient_descent", LINE, set(), True),
    "LBFGS": ("lbfgs", LINE | {"history_size": 10.0}, set(), True),
    "BFGS": ("bfgs", LINE, set(), False),
    "ConjugateGradient": (
        "conjugate_gradient", {"variant": 0.0, "c1": 1e-4, "c2": 0.1, "restart": 0.2}, set(), False,
    ),
    "ScaledConjugateGradient": ("scaled_conjugate_gradient", {"lambda": 5e-7}, {"hessian_product"}, False),
    "NewtonCG": ("newton_cg", LINE | {"hessian": 1.0}, {"gauss_product"}, True),
    "TrustRegionNewton": (
        "trust_region", {"hessian": 0.0, "radius": 1.0, "max_radius": 1000.0, "eta": 0.15},
        {"hessian_product"}, True,
    ),
    "Newton": ("newton", {"max_parameters": 2000.0, "line_search": 0.0}, {"hessian_product"}, False),
    "LevenbergMarquardt": (
        "levenberg_marquardt", {"mu": 1e-3, "mu_max": 1e10, "scaling": 1.0, "solver": 0.0},
        {"normal", "gauss_product"}, True,
    ),
    "BayesianRegularization": ("bayesian_regularization", {"mu": 1e-3, "mu_max": 1e10}, {"normal"}, False),
}  # fmt: skip
CHANGED = {
    "GradientDescent": {"line_search": "armijo", "c1": 0.01, "c2": 0.5},
    "LBFGS": {
        "history_size": 3,
        "line_search": "hager_zhang",
        "first_step": 0.5,
        "max_step": 2.0,
        "c1": 1e-3,
        "c2": 0.7,
    },
    "BFGS": {"line_search": "armijo", "first_step": 0.25, "c1": 0.2, "c2": 0.8},
    "ConjugateGradient": {"variant": "dy", "c1": 0.05, "c2": 0.4, "restart": 0.1},
    "ScaledConjugateGradient": {"lambda_": 1e-4},
    "NewtonCG": {"hessian": "exact", "max_cg": 7, "line_search": "armijo", "c1": 0.1, "c2": 0.2},
    "TrustRegionNewton": {"hessian": "gauss_newton", "radius": 2.0, "max_radius": 4.0, "eta": 0.0, "max_cg": 5},
    "Newton": {"max_parameters": 10, "line_search": "armijo"},
    "LevenbergMarquardt": {"mu": 1.0, "mu_max": 100.0, "scaling": "identity", "solver": "cg", "max_cg": 9},
    "BayesianRegularization": {"mu": 0.5, "mu_max": 50.0},
}
SHARED = {
    "goal": 0.5,
    "gtol": 1e-3,
    "ftol": 1e-9,
    "xtol": 1e-8,
    "max_evals": 77,
    "patience": 4,
    "max_seconds": 9.5,
    "name": "mine",
}
NAMES = sorted(ROWS)
each = pytest.mark.parametrize("name", NAMES)


def make(name, /, **given):
    return getattr(optimizers, name)(**given)


def model():
    nv.utils.set_random_seed(0)
    return nv.Sequential([nv.Input((2,)), nv.layers.Dense(3, activation="tanh"), nv.layers.Dense(1)])


def test_every_class_has_a_row():
    found = [getattr(optimizers, name) for name in optimizers.__all__]
    base = optimizers.FullBatchOptimizer
    named = {c.__name__ for c in found if inspect.isclass(c) and issubclass(c, base) and c is not base}
    assert named == set(ROWS) == set(CHANGED)


@each
def test_the_core_gets_the_defaults(name):
    method, own, needs, batches = ROWS[name]
    optimizer = make(name)
    settings = optimizer.settings()
    assert settings == COMMON | own
    assert all(type(v) is float and len(k) < 24 for k, v in settings.items())
    assert (optimizer.method, set(optimizer.needs), optimizer.batches) == (method, needs, batches)


@each
def test_all_arguments_are_kept(name):
    given = CHANGED[name] | SHARED
    optimizer = make(name, **given)
    assert optimizer.get_config() == given
    signature = set(inspect.signature(type(optimizer).__init__).parameters) - {"self", "kwargs"}
    assert set(given) == signature
    settings = optimizer.settings()
    for key in set(SHARED) - {"name"}:
        assert settings[key] == given[key]
    numbers = {k: v for k, v in CHANGED[name].items() if not isinstance(v, str)}
    for key, value in numbers.items():
        assert settings[key.rstrip("_")] == value


@each
def test_common_arguments_follow_the_own_ones(name):
    order = list(inspect.signature(getattr(optimizers, name).__init__).parameters.values())
    by_position = [p.name for p in order if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert by_position[-6:] == ["goal", "gtol", "ftol", "xtol", "max_evals", "name"]
    assert next(p.name for p in order if p.kind is p.KEYWORD_ONLY) == "patience"


@each
def test_configs_names_copies(name):
    optimizer = make(name, **CHANGED[name], **SHARED)
    config = json.loads(json.dumps(optimizers.serialize(optimizer)))
    assert config["class_name"] == name
    made = [
        optimizers.deserialize(config),
        optimizers.get(config),
        type(optimizer).from_config(optimizer.get_config()),
        pickle.loads(pickle.dumps(optimizer)),
        copy.deepcopy(optimizer),
    ]
    for other in made:
        assert type(other) is type(optimizer) and other is not optimizer
        assert other.get_config() == optimizer.get_config() and other.settings() == optimizer.settings()
    for word in (name, name.lower(), name.upper()):
        assert type(optimizers.get(word)) is type(optimizer)


@each
def test_its_only_variable_counts(name):
    optimizer = make(name)
    optimizer.build(model().trainable_variables)
    assert [v.name for v in optimizer.variables] == ["iteration"]
    assert optimizer.iterations.dtype == "int32"
    optimizer.iterations.assign(5)
    store = {}
    optimizer.save_own_variables(store)
    other = make(name)
    other.load_own_variables(store)
    assert int(other.iterations.numpy()) == 5


@each
def test_files(name, tmp_path):
    net = model()
    net.compile(make(name, **CHANGED[name], **SHARED), "mse")
    net.optimizer.build(net.trainable_variables)
    net.optimizer.iterations.assign(3)
    net.save(tmp_path / "net.keras")
    other = nv.models.load_model(tmp_path / "net.keras")
    assert type(other.optimizer) is type(net.optimizer)
    assert other.optimizer.get_config() == net.optimizer.get_config()
    assert int(other.optimizer.iterations.numpy()) == 3


@each
def test_before_fit_nothing_is_counted(name):
    optimizer = make(name)
    counts = ("n_iter", "n_evals", "n_gradients", "n_products", "n_matrices")
    assert [getattr(optimizer, key) for key in counts] == [0] * 5 and optimizer.stop_reason is None


@each
def test_there_is_no_learning_rate(name):
    optimizer = make(name)
    assert not hasattr(optimizer, "learning_rate")
    with pytest.raises(AttributeError, match=f"{name} '{optimizer.name}' has no learning rate"):
        optimizer.learning_rate  # noqa: B018
    with pytest.raises(AttributeError, match="has no learning rate"):
        optimizer.learning_rate = 0.1


@each
@pytest.mark.parametrize("key", sorted(_REFUSED))
def test_arguments_of_other_optimizers_are_refused(name, key):
    with pytest.raises(ValueError, match=f"{name} takes no `{key}`: "):
        make(name, **{key: 2})


def test_all_arguments_of_other_optimizers_are_known():
    theirs = set(inspect.signature(optimizers.Optimizer.__init__).parameters) - {"self", "name", "kwargs"}
    assert theirs == set(_REFUSED)
    nothing = {key: default for key, (default, _) in _REFUSED.items()}
    assert optimizers.LBFGS(**nothing).settings() == optimizers.LBFGS().settings()
    with pytest.raises(ValueError, match="kernel_regularizer"):
        optimizers.LBFGS(weight_decay=0.1)


@each
def test_a_step_of_its_own_is_refused(name):
    optimizer, w = make(name), nv.Variable([1.0])
    optimizer.build([w])
    g = np.ones(1, "float32")
    calls = {
        "apply": lambda: optimizer.apply([g], [w]),
        "apply_gradients": lambda: optimizer.apply_gradients([(g, w)]),
        "update_step": lambda: optimizer.update_step(g, w, 0.1),
        "stateless_apply": lambda: optimizer.stateless_apply([0], [g], [g]),
    }
    for what, call in calls.items():
        with pytest.raises(ValueError, match=f"{name}.* inside of `fit` only, not by `{what}`"):
            call()
    with pytest.raises(ValueError, match="no weight decay"):
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    assert w.numpy().tolist() == [1.0] and int(optimizer.iterations.numpy()) == 0


def test_train_on_batch_is_refused():
    net = model()
    net.compile(optimizers.LBFGS(), "mse")
    before = [w.copy() for w in net.get_weights()]
    with pytest.raises(ValueError, match="works inside of `fit` only"):
        net.train_on_batch(np.ones((4, 2)), np.ones((4, 1)))
    assert all(np.array_equal(a, b) for a, b in zip(before, net.get_weights(), strict=True))


def test_the_base_class_is_none():
    with pytest.raises(TypeError, match="FullBatchOptimizer has no method"):
        optimizers.FullBatchOptimizer()
    for name in NAMES:
        assert isinstance(make(name), optimizers.FullBatchOptimizer)
    assert not isinstance(optimizers.Adam(), optimizers.FullBatchOptimizer)


BAD_COMMON = {
    "goal": ["low", float("nan"), True],
    "gtol": [-1.0, None, "small", float("nan")],
    "ftol": [-1e-9, None],
    "xtol": [-1e-9, "x"],
    "max_evals": [0, -3, 2.5, "many", True],
    "patience": [0, 1.5, None, True],
    "max_seconds": [0, -1.0, float("nan"), True, "1"],
}
BAD = [
    *[("LBFGS", "history_size", v) for v in (0, -1, 2.5, "ten", None, True)],
    *[("LBFGS", "first_step", v) for v in (0.0, -1.0, float("inf"), "x")],
    *[("LBFGS", "max_step", v) for v in (0.0, float("nan"))],
    *[("BFGS", "first_step", v) for v in (0, -0.5)],
    *[(n, "line_search", v) for n in ("GradientDescent", "LBFGS", "BFGS", "NewtonCG", "Newton") for v in ("wolfe", 1)],
    *[(n, "c1", v) for n in ("GradientDescent", "LBFGS", "BFGS", "NewtonCG", "ConjugateGradient") for v in (0, 0.95)],
    *[(n, "c2", v) for n in ("GradientDescent", "LBFGS", "BFGS", "NewtonCG", "ConjugateGradient") for v in (1, 1e-5)],
    *[("ConjugateGradient", "variant", v) for v in ("pr", None, 0)],
    ("ConjugateGradient", "restart", -0.1),
    *[("ScaledConjugateGradient", "lambda_", v) for v in (0.0, -1e-7, "x")],
    *[(n, "hessian", v) for n in ("NewtonCG", "TrustRegionNewton") for v in ("fisher", None, True)],
    *[(n, "max_cg", v) for n in ("NewtonCG", "TrustRegionNewton", "LevenbergMarquardt") for v in (0, 1.5)],
    *[("TrustRegionNewton", "radius", v) for v in (0.0, -1.0, float("inf"))],
    *[("TrustRegionNewton", "max_radius", v) for v in (0.5, float("nan"))],
    *[("TrustRegionNewton", "eta", v) for v in (-0.1, 0.25, "x")],
    *[("Newton", "max_parameters", v) for v in (0, 1e3)],
    *[(n, "mu", v) for n in ("LevenbergMarquardt", "BayesianRegularization") for v in (0.0, -1.0, 1e11)],
    *[(n, "mu_max", v) for n in ("LevenbergMarquardt", "BayesianRegularization") for v in (1e-4, "x")],
    ("LevenbergMarquardt", "scaling", "diagonal"),
    ("LevenbergMarquardt", "solver", "qr"),
    *[(n, key, v) for n in NAMES for key, values in BAD_COMMON.items() for v in values],
]


@pytest.mark.parametrize("name, key, value", BAD)
def test_what_is_out_of_range_is_named(name, key, value):
    with pytest.raises(ValueError, match=f"`{key}`"):
        make(name, **{key: value})


@each
def test_unknown_arguments_are_named(name):
    with pytest.raises(ValueError, match=f"{name}.*momentum"):
        make(name, momentum=0.9)


def test_words_are_numbers():
    for number, word in enumerate(("strong_wolfe", "hager_zhang", "armijo")):
        assert optimizers.LBFGS(line_search=word).settings()["line_search"] == number
        assert optimizers.Newton(line_search=word.upper()).settings()["line_search"] == number
    short = ("pr+", "fr", "hs", "dy", "hz")
    long = ("polak_ribiere", "fletcher_reeves", "hestenes_stiefel", "dai_yuan", "hager_zhang")
    for number, words in enumerate(zip(short, long, strict=True)):
        for word in words:
            optimizer = optimizers.ConjugateGradient(word)
            assert optimizer.variant == words[0] and optimizer.settings()["variant"] == number
            constants = [optimizer.settings()[key] for key in ("c1", "c2")]
            assert constants == ([0.1, 0.9] if words[0] == "hz" else [1e-4, 0.1])
            assert optimizer.get_config()["c2"] is None
    for number, word in enumerate(("exact", "gauss_newton")):
        for kind in (optimizers.NewtonCG, optimizers.TrustRegionNewton):
            optimizer = kind(hessian=word)
            assert optimizer.settings()["hessian"] == number
            assert optimizer.needs == {("hessian_product", "gauss_product")[number]}
    needs = {"auto": {"normal", "gauss_product"}, "dense": {"normal"}, "cg": {"gauss_product"}}
    for number, (word, needed) in enumerate(needs.items()):
        optimizer = optimizers.LevenbergMarquardt(solver=word)
        assert optimizer.settings()["solver"] == number and optimizer.needs == needed
    assert optimizers.LevenbergMarquardt(scaling="identity").settings()["scaling"] == 0


def test_a_new_value_of_an_attribute_reaches_the_core():
    optimizer = optimizers.LBFGS()
    optimizer.goal, optimizer.history_size, optimizer.line_search = 0.25, 4, "armijo"
    settings = optimizer.settings()
    assert (settings["goal"], settings["history_size"], settings["line_search"]) == (0.25, 4.0, 2.0)


def test_numbers_of_numpy_are_numbers_of_python():
    optimizer = optimizers.LBFGS(np.int64(7), gtol=np.float32(0.5), max_evals=np.int32(9))
    config = optimizer.get_config()
    assert [type(config[k]) for k in ("history_size", "gtol", "max_evals")] == [int, float, int]
    assert json.loads(json.dumps(config)) == config


def test_infinite_limits_are_no_error():
    settings = optimizers.LBFGS(goal=float("inf"), gtol=float("inf")).settings()
    assert settings["goal"] == settings["gtol"] == float("inf")

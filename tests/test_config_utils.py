"""`nv.config`, `nv.utils`, `nv.backend`, `nv.activations` and the top of the package."""

import importlib
import os
import sys
import threading

import nervure as nv
import numpy as np
import pytest
from nervure import _absent, ops, utils


def test_floatx_and_epsilon():
    assert (nv.config.floatx(), nv.config.epsilon(), nv.config.backend()) == ("float32", 1e-7, "nervure")
    for wrong in ("float16", "int32", None):
        with pytest.raises(ValueError, match="floatx"):
            nv.config.set_floatx(wrong)
    for wrong in (0, -1.0, "a"):
        with pytest.raises(ValueError, match="epsilon"):
            nv.config.set_epsilon(wrong)
    with pytest.raises(ValueError, match="data_format"):
        nv.config.set_image_data_format("x")
    assert nv.backend.floatx() == "float32"
    assert nv.backend.result_type("int32", float) == "float32"


def test_epsilon_is_part_of_the_signature():
    one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)
    before = ops.binary_crossentropy(one, zero)[0]
    nv.config.set_epsilon(1e-3)
    try:
        assert ops.binary_crossentropy(one, zero)[0] == pytest.approx(-np.log(1e-3), rel=1e-5)
    finally:
        nv.config.set_epsilon(1e-7)
    assert ops.binary_crossentropy(one, zero)[0] == before


def test_threads_and_show(capsys):
    threads = nv.config.num_threads()
    try:
        nv.config.set_num_threads(1)
        assert nv.config.num_threads() == 1
        for wrong in (0, -1, 257):
            with pytest.raises(ValueError):
                nv.config.set_num_threads(wrong)
        assert nv.config.show()["threads"] == 1
    finally:
        nv.config.set_num_threads(threads)
    printed = capsys.readouterr().out
    assert nv.__version__ in printed and "isa" in printed


def test_to_categorical():
    np.testing.assert_array_equal(utils.to_categorical([0, 2, 1]), np.eye(3)[[0, 2, 1]])
    assert utils.to_categorical([[1], [0]], 4).shape == (2, 4)
    assert utils.to_categorical([[1, 0]], 4).shape == (1, 2, 4)
    for wrong in ([-1], [3]):
        with pytest.raises(ValueError, match="label"):
            utils.to_categorical(wrong, 3)


def test_normalize():
    x = np.array([[3.0, 4.0], [0.0, 0.0]])
    np.testing.assert_allclose(utils.normalize(x), [[0.6, 0.8], [0, 0]])
    np.testing.assert_allclose(utils.normalize(x, axis=0, order=1), [[1, 1], [0, 0]])


def test_names():
    utils.clear_session()
    assert [utils.auto_name("Dense") for _ in range(3)] == ["dense", "dense_1", "dense_2"]
    utils.clear_session()
    assert utils.auto_name("Dense") == "dense"
    names = ["Conv2D", "ReLU", "PReLU", "LeakyReLU", "RMSprop", "MaxPooling2D"]
    expected = ["conv2d", "re_lu", "p_re_lu", "leaky_re_lu", "rm_sprop", "max_pooling2d"]
    assert [utils.to_snake_case(n) for n in names] == expected


def test_top_of_the_package():
    for name in nv.__all__:
        assert getattr(nv, name) is not None
    assert set(nv.__all__) <= set(dir(nv))
    with pytest.raises(AttributeError, match="no_such"):
        nv.no_such  # noqa: B018
    assert callable(nv.function)


IMPORT = """
import sys, time, numpy
known, start = set(sys.modules), time.perf_counter()
import nervure as nv
nv.Sequential, nv.layers, nv.losses, nv.metrics, nv.callbacks, nv.optimizers
print(time.perf_counter() - start, *{name.partition(".")[0] for name in set(sys.modules) - known})
"""


@pytest.mark.skipif("NERVURE_SANITIZED" in os.environ, reason="times a normal build")
def test_importing_all_that_training_uses_is_light(run_python, tmp_path):
    """From byte code, as pip leaves it: at most 60 ms over NumPy, and none of the library's slow modules."""
    environment = {"PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": None}
    runs = [run_python("-c", IMPORT, **environment).split() for _ in range(6)]
    assert min(float(seconds) for seconds, *_ in runs[1:]) < 0.06
    slow = {"argparse", "asyncio", "dataclasses", "difflib", "html", "json", "logging", "shutil", "tempfile"}
    assert not slow & set(runs[0][1:])


@pytest.mark.parametrize(
    "module, name, words",
    [
        (nv.layers, "Conv2D", r"'nervure.layers' has no attribute 'Conv2D': Keras has it, nervure does not"),
        (nv.layers, "LSTM", r"Keras has it, nervure does not"),
        (nv, "applications", r"'nervure' has no attribute 'applications': Keras has it"),
        (nv.utils, "FeatureSpace", r"Keras has it"),
        (nv.ops, "ctc_decode", r"Keras has it"),
        (nv.layers, "Dens", r"no attribute 'Dens'. Did you mean 'Dense'\?"),
        (nv.datasets, "minst", r"no attribute 'minst'$"),
    ],
)
def test_a_name_that_is_not_there_says_so(module, name, words):
    assert not hasattr(module, name)
    with pytest.raises(AttributeError, match=words):
        getattr(module, name)
    with pytest.raises(ImportError, match=f"cannot import name '{name}' from '{module.__name__}'"):
        exec(f"from {module.__name__} import {name}", {})


def test_every_module_answers_for_names_that_only_keras_has():
    for module, names in _absent._IN_KERAS.items():
        present = dir(importlib.import_module(module))
        assert not set(names.split()) & set(present), module
        for name in names.split():
            with pytest.raises(AttributeError, match="Keras has it"):
                getattr(sys.modules[module], name)


def test_two_threads():
    errors = []

    def work(k):
        try:
            for n in range(60):
                x = np.full(n % 17 + 1, k, np.float32)
                assert ops.sum(x) == k * x.size
                assert nv.grad(lambda z: ops.sum(z * z))(x)[0] == 2 * k
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []

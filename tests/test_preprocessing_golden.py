"""Layers that Keras computes with TensorFlow, against its values (see golden/make_golden_tf.py)."""

import json
from pathlib import Path
from typing import Any

import nervure
import numpy as np
import pytest
from golden.cases_preprocessing import WITH_TENSORFLOW

GOLDEN: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "golden" / "golden_tf.json").read_text())


def test_every_case_has_its_values() -> None:
    assert set(GOLDEN) - {"keras"} == set(WITH_TENSORFLOW)
    assert GOLDEN["keras"] == "3.15.1"


@pytest.mark.parametrize("name", WITH_TENSORFLOW)
def test_as_keras(name: str) -> None:
    expected, got = GOLDEN[name], WITH_TENSORFLOW[name](nervure)
    assert set(got) == set(expected)
    for key, value in expected.items():
        if isinstance(got[key], list):
            assert got[key] == value, key
            continue
        assert np.shape(got[key]) == np.shape(value), key
        if name == "learned_bins":  # the boundaries themselves, bit for bit
            assert got[key].tolist() == value, key
        np.testing.assert_allclose(got[key], value, 2e-6, 1e-6, err_msg=key)

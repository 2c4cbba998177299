"""The update of a parameter is one pass over it: the optimizers people use have a kernel of their own."""

from __future__ import annotations

import gc

import nervure as nv
import numpy as np
import pytest
from nervure import _core


def plans() -> list[str]:
    gc.collect()
    return [o.text for o in gc.get_objects() if isinstance(o, _core.Plan)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_adam_updates_a_weight_in_one_pass(dtype: str) -> None:
    before = set(plans())
    model = nv.Sequential([nv.Input((20,), dtype=dtype), nv.layers.Dense(30, dtype=dtype)])
    model.compile("adam", loss="mse")
    model.fit(np.ones((8, 20)), np.ones((8, 30)), verbose=0)
    lines = [
        line for text in set(plans()) - before for line in text.splitlines() if f"variable {dtype}(20, 30)" in line
    ]
    assert any(" adam -> " in line for line in lines), lines

"""`model.summary()` prints the tables of Keras 3.15.1, and the peak memory."""

import nervure as nv
import numpy as np
import pytest
from nervure import layers

TABLE = """\
Model: "func"
┏━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━┓
┃ Layer (type)        ┃ Output Shape      ┃    Param # ┃ Connected to      ┃
┡━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━┩
│ a (InputLayer)      │ (None, 4)         │          0 │ -                 │
├─────────────────────┼───────────────────┼────────────┼───────────────────┤
│ b (InputLayer)      │ (None, 3)         │          0 │ -                 │
├─────────────────────┼───────────────────┼────────────┼───────────────────┤
│ cat (Concatenate)   │ (None, 7)         │          0 │ a[0][0], b[0][0]  │
├─────────────────────┼───────────────────┼────────────┼───────────────────┤
│ a_rather_long_laye… │ (None, 8)         │         64 │ cat[0][0]         │
│ (Dense)             │                   │            │                   │
├─────────────────────┼───────────────────┼────────────┼───────────────────┤
│ out (Dense)         │ (None, 1)         │          9 │ a_rather_long_la… │
└─────────────────────┴───────────────────┴────────────┴───────────────────┘
 Total params: 73 (292.00 B)
 Trainable params: 73 (292.00 B)
 Non-trainable params: 0 (0.00 B)
"""


def functional() -> nv.Model:
    a, b = nv.Input((4,), name="a"), nv.Input((3,), name="b")
    h = layers.Dense(8, name="a_rather_long_layer_name")(layers.Concatenate(name="cat")([a, b]))
    return nv.Model([a, b], layers.Dense(1, name="out")(h), name="func")


def lines(model: nv.Model, **kwargs: object) -> list[str]:
    found: list[str] = []
    model.summary(print_fn=lambda text: found.extend(text.splitlines()), **kwargs)
    return found


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    functional().summary()
    assert capsys.readouterr().out == TABLE
    assert lines(functional()) == TABLE.splitlines()


@pytest.mark.parametrize("width", [60, 76, 100, 160])
@pytest.mark.parametrize("trainable", [False, True])
def test_every_line_of_a_table_has_its_length(width: int, trainable: bool) -> None:
    found = lines(functional(), line_length=width, show_trainable=trainable)
    assert {len(line) for line in found[1:-3]} == {width}


def test_nested_models() -> None:
    inner = nv.Sequential([layers.Dense(5, name="one"), layers.Dense(6, name="two")], name="inner")
    model = nv.Sequential([nv.Input((4,)), nv.Sequential([inner], name="middle"), layers.Dense(1, name="out")])
    assert not any("inner" in line for line in lines(model))
    shown = [line.split("│")[1].rstrip() for line in lines(model, expand_nested=True) if "(" in line and "│" in line]
    expected = ["middle (Sequential)", "   └ inner (Sequential)", "      └ one (Dense)", "      └ two (Dense)"]
    assert shown == [f" {name}" for name in (*expected, "out (Dense)")]


def test_numbers_are_never_cut() -> None:
    a = nv.Input((100,))
    big = layers.Dense(100, name="big")
    model = nv.Model(a, big(a) + big(a * 2.0))
    big.count_params = lambda: 123456789012  # type: ignore[method-assign]
    assert any("123,456,789,012" in line for line in lines(model))


def test_totals_after_training() -> None:
    model = nv.Sequential([nv.Input((8,)), layers.Dense(32), layers.BatchNormalization(), layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(np.ones((40, 8)), np.ones(40), verbose=0)
    found = lines(model)
    assert " Total params: 1,221 (4.77 KB)" in found and " Optimizer params: 772 (3.02 KB)" in found
    assert found[-1].startswith(" Memory at the peak of a step: ") and found[-1].endswith(" besides these")
    assert any(line.startswith("│ batch_normalization") and "128" in line for line in found)
    assert any(line.startswith("│ (BatchNormalization)") for line in found)


def test_positions() -> None:
    found = lines(functional(), line_length=100, positions=[0.25, 0.5, 0.75, 1.0])
    assert {len(cell) for cell in found[2].strip("┃").split("┃")} == {23, 24}
    with pytest.raises(ValueError, match=r"`positions` must have 4 entries"):
        functional().summary(positions=[0.5, 1.0])
    with pytest.raises(ValueError, match=r"`layer_range` must be two names"):
        functional().summary(layer_range=["a", "nope"])

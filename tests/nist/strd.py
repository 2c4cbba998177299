"""The nonlinear regression problems of NIST: data and certified values from strd.json, and the models.

A model is written once, for NumPy and for nervure.ops: `xp` is the module with the functions.
"""

import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


def misra1a(xp: Any, x: Any, b1: Any, b2: Any) -> Any:
    return b1 * (1 - xp.exp(-b2 * x))


def misra1b(xp: Any, x: Any, b1: Any, b2: Any) -> Any:
    return b1 * (1 - (1 + b2 * x / 2) ** -2.0)


def misra1c(xp: Any, x: Any, b1: Any, b2: Any) -> Any:
    return b1 * (1 - (1 + 2 * b2 * x) ** -0.5)


def misra1d(xp: Any, x: Any, b1: Any, b2: Any) -> Any:
    return b1 * b2 * x * (1 + b2 * x) ** -1.0


def bennett5(xp: Any, x: Any, b1: Any, b2: Any, b3: Any) -> Any:
    return b1 * (b2 + x) ** (-1 / b3)


def chwirut(xp: Any, x: Any, b1: Any, b2: Any, b3: Any) -> Any:
    return xp.exp(-b1 * x) / (b2 + b3 * x)


def danwood(xp: Any, x: Any, b1: Any, b2: Any) -> Any:
    return b1 * x**b2


def enso(xp: Any, x: Any, b1: Any, b2: Any, b3: Any, b4: Any, b5: Any, b6: Any, b7: Any, b8: Any, b9: Any) -> Any:
    turn = 2 * math.pi * x
    yearly = b2 * xp.cos(turn / 12) + b3 * xp.sin(turn / 12)
    second = b5 * xp.cos(turn / b4) + b6 * xp.sin(turn / b4)
    third = b8 * xp.cos(turn / b7) + b9 * xp.sin(turn / b7)
    return b1 + yearly + second + third


def eckerle4(xp: Any, x: Any, b1: Any, b2: Any, b3: Any) -> Any:
    return (b1 / b2) * xp.exp(-0.5 * ((x - b3) / b2) ** 2)


def gauss(xp: Any, x: Any, b1: Any, b2: Any, b3: Any, b4: Any, b5: Any, b6: Any, b7: Any, b8: Any) -> Any:
    first = b3 * xp.exp(-((x - b4) ** 2) / b5**2)
    second = b6 * xp.exp(-((x - b7) ** 2) / b8**2)
    return b1 * xp.exp(-b2 * x) + first + second


def cubic(xp: Any, x: Any, b1: Any, b2: Any, b3: Any, b4: Any, b5: Any, b6: Any, b7: Any) -> Any:
    return (b1 + b2 * x + b3 * x**2 + b4 * x**3) / (1 + b5 * x + b6 * x**2 + b7 * x**3)


def kirby2(xp: Any, x: Any, b1: Any, b2: Any, b3: Any, b4: Any, b5: Any) -> Any:
    return (b1 + b2 * x + b3 * x**2) / (1 + b4 * x + b5 * x**2)


def lanczos(xp: Any, x: Any, b1: Any, b2: Any, b3: Any, b4: Any, b5: Any, b6: Any) -> Any:
    return b1 * xp.exp(-b2 * x) + b3 * xp.exp(-b4 * x) + b5 * xp.exp(-b6 * x)


def mgh09(xp: Any, x: Any, b1: Any, b2: Any, b3: Any, b4: Any) -> Any:
    return b1 * (x**2 + x * b2) / (x**2 + x * b3 + b4)


def mgh10(xp: Any, x: Any, b1: Any, b2: Any, b3: Any) -> Any:
    return b1 * xp.exp(b2 / (x + b3))


def mgh17(xp: Any, x: Any, b1: Any, b2: Any, b3: Any, b4: Any, b5: Any) -> Any:
    return b1 + b2 * xp.exp(-x * b4) + b3 * xp.exp(-x * b5)


def nelson(xp: Any, x: Any, b1: Any, b2: Any, b3: Any) -> Any:
    return b1 - b2 * x[0] * xp.exp(-b3 * x[1])


def rat42(xp: Any, x: Any, b1: Any, b2: Any, b3: Any) -> Any:
    return b1 / (1 + xp.exp(b2 - b3 * x))


def rat43(xp: Any, x: Any, b1: Any, b2: Any, b3: Any, b4: Any) -> Any:
    return b1 / (1 + xp.exp(b2 - b3 * x)) ** (1 / b4)


def roszman1(xp: Any, x: Any, b1: Any, b2: Any, b3: Any, b4: Any) -> Any:
    return b1 - b2 * x - xp.arctan(b3 / (x - b4)) / math.pi


_MODELS: dict[str, Callable[..., Any]] = {
    "Bennett5": bennett5,
    "BoxBOD": misra1a,
    "Chwirut1": chwirut,
    "Chwirut2": chwirut,
    "DanWood": danwood,
    "ENSO": enso,
    "Eckerle4": eckerle4,
    "Gauss1": gauss,
    "Gauss2": gauss,
    "Gauss3": gauss,
    "Hahn1": cubic,
    "Kirby2": kirby2,
    "Lanczos1": lanczos,
    "Lanczos2": lanczos,
    "Lanczos3": lanczos,
    "MGH09": mgh09,
    "MGH10": mgh10,
    "MGH17": mgh17,
    "Misra1a": misra1a,
    "Misra1b": misra1b,
    "Misra1c": misra1c,
    "Misra1d": misra1d,
    "Nelson": nelson,
    "Rat42": rat42,
    "Rat43": rat43,
    "Roszman1": roszman1,
    "Thurber": cubic,
}


class Problem(NamedTuple):
    """One problem. `x` is [m], for Nelson [2, m], whose `y` are logarithms as in the model."""

    name: str
    level: str  # lower, average or higher: how difficult NIST says it is
    x: Any
    y: Any
    starts: Any  # [2, n]
    certified: Any
    deviations: Any  # certified standard deviations of the parameters
    sum_of_squares: float
    dof: int

    def model(self, xp: Any) -> Callable[..., Any]:
        """f(x, *b) by the functions of the module `xp`."""
        return partial(_MODELS[self.name], xp)

    def residuals(self, xp: Any) -> Callable[[Any], Any]:
        """r(b), b a vector."""
        model, n = self.model(xp), len(self.certified)
        return lambda b: model(self.x, *[b[k] for k in range(n)]) - self.y

    def digits(self, b: Any) -> Any:
        """For each parameter, how many digits are the certified ones: -log10 of the relative error; 11 are given."""
        error = np.abs(np.asarray(b) - self.certified) / np.abs(self.certified)
        error = np.where(np.isfinite(error), error, 1.0)
        return np.clip(-np.log10(np.maximum(error, 1e-11)), 0, 11)


def load() -> dict[str, Problem]:
    """All 27, by name."""
    found = json.loads((Path(__file__).parent / "strd.json").read_text())
    problems = {}
    for name, row in found.items():
        if name == "source":
            continue
        data = np.array(row["data"])
        y, x = data[:, 0], data[:, 1] if data.shape[1] == 2 else data[:, 1:].T
        y = np.log(y) if name == "Nelson" else y
        dof = len(y) - len(row["certified"])  # the file of Rat43 says 9 for 15 - 4, its residual deviation 11
        assert abs(row["sum_of_squares"] / dof / row["residual_deviation"] ** 2 - 1) < 1e-8, name
        problems[name] = Problem(
            name, row["level"], np.ascontiguousarray(x), y.copy(), np.array(row["starts"]), np.array(row["certified"]),
            np.array(row["deviations"]), row["sum_of_squares"], dof,
        )  # fmt: skip
    return problems

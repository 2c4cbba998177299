"""Sums of squares with known optima, written once for NumPy and nervure.ops (`xp` is the module with the functions).

J. J. More, B. S. Garbow, K. E. Hillstrom, "Testing Unconstrained Optimization Software", ACM TOMS 7 (1981), pp. 17-41:
its numbers stand before the problems. `alpha_pinene` is from B. M. Averick, R. G. Carter, J. J. More, G.-L. Xue, "The
MINPACK-2 Test Problem Collection", Argonne (1992). The optima are sums of squares; the papers give six digits, the
others were found by several methods that agree (`benchmarks/known_optima.py`).
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np


def rosenbrock(xp: Any, x: Any) -> Any:  # 1
    return xp.stack([10 * (x[1] - x[0] ** 2), 1 - x[0]])


def freudenstein_roth(xp: Any, x: Any) -> Any:  # 2
    a, b = x[0], x[1]
    return xp.stack([-13 + a + ((5 - b) * b - 2) * b, -29 + a + ((b + 1) * b - 14) * b])


def powell_badly_scaled(xp: Any, x: Any) -> Any:  # 3
    return xp.stack([1e4 * x[0] * x[1] - 1, xp.exp(-x[0]) + xp.exp(-x[1]) - 1.0001])


def brown_badly_scaled(xp: Any, x: Any) -> Any:  # 4
    return xp.stack([x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2])


def beale(xp: Any, x: Any) -> Any:  # 5
    a, b = x[0], x[1]
    return xp.stack([1.5 - a * (1 - b), 2.25 - a * (1 - b**2), 2.625 - a * (1 - b**3)])


def jennrich_sampson(xp: Any, x: Any) -> Any:  # 6
    i = np.arange(1.0, 11)
    return 2 + 2 * i - (xp.exp(i * x[0]) + xp.exp(i * x[1]))


def helical_valley(xp: Any, x: Any) -> Any:  # 7
    a, b, c = x[0], x[1], x[2]
    turn = xp.arctan(b / a) / (2 * math.pi) + xp.where(a < 0, 0.5, 0.0)
    return xp.stack([10 * (c - 10 * turn), 10 * (xp.sqrt(a**2 + b**2) - 1), c])


def bard(xp: Any, x: Any) -> Any:  # 8
    y = [0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39]
    u = np.arange(1.0, 16)
    v = 16 - u
    return np.array(y) - (x[0] + u / (v * x[1] + np.minimum(u, v) * x[2]))


def gaussian(xp: Any, x: Any) -> Any:  # 9
    half = [0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521]
    y, t = np.array([*half, 0.3989, *half[::-1]]), (8 - np.arange(1.0, 16)) / 2
    return x[0] * xp.exp(-x[1] * (t - x[2]) ** 2 / 2) - y


def meyer(xp: Any, x: Any) -> Any:  # 10
    y = [34780.0, 28610, 23650, 19630, 16370, 13720, 11540, 9744, 8261, 7030, 6005, 5147, 4427, 3820, 3307, 2872]
    t = 45 + 5 * np.arange(1.0, 17)
    return x[0] * xp.exp(x[1] / (t + x[2])) - np.array(y)


def gulf(xp: Any, x: Any) -> Any:  # 11
    t = np.arange(1.0, 100) / 100
    y = 25 + (-50 * np.log(t)) ** (2 / 3)
    return xp.exp(-(xp.abs(y - x[1]) ** x[2]) / x[0]) - t


def box(xp: Any, x: Any) -> Any:  # 12
    t = np.arange(1.0, 11) / 10
    return xp.exp(-t * x[0]) - xp.exp(-t * x[1]) - x[2] * (np.exp(-t) - np.exp(-10 * t))


def powell_singular(xp: Any, x: Any) -> Any:  # 13
    a, b, c, d = x[0], x[1], x[2], x[3]
    return xp.stack([a + 10 * b, math.sqrt(5) * (c - d), (b - 2 * c) ** 2, math.sqrt(10) * (a - d) ** 2])


def wood(xp: Any, x: Any) -> Any:  # 14
    a, b, c, d = x[0], x[1], x[2], x[3]
    ten, ninety = math.sqrt(10), math.sqrt(90)
    return xp.stack(
        [10 * (b - a**2), 1 - a, ninety * (d - c**2), 1 - c, ten * (b + d - 2), (b - d) / ten],
    )


def kowalik_osborne(xp: Any, x: Any) -> Any:  # 15
    y = np.array([0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246])
    u = np.array([4.0, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625])
    return y - x[0] * (u**2 + u * x[1]) / (u**2 + u * x[2] + x[3])


def brown_dennis(xp: Any, x: Any) -> Any:  # 16
    t = np.arange(1.0, 21) / 5
    return (x[0] + t * x[1] - np.exp(t)) ** 2 + (x[2] + x[3] * np.sin(t) - np.cos(t)) ** 2


def osborne1(xp: Any, x: Any) -> Any:  # 17
    y = [0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751, 0.718, 0.685, 0.658, 0.628]
    y += [0.603, 0.580, 0.558, 0.538, 0.522, 0.506, 0.490, 0.478, 0.467, 0.457, 0.448, 0.438, 0.431, 0.424, 0.420]
    t = 10 * np.arange(33.0)
    return np.array([*y, 0.414, 0.411, 0.406]) - (x[0] + x[1] * xp.exp(-t * x[3]) + x[2] * xp.exp(-t * x[4]))


def biggs_exp6(xp: Any, x: Any) -> Any:  # 18
    t = np.arange(1.0, 14) / 10
    y = np.exp(-t) - 5 * np.exp(-10 * t) + 3 * np.exp(-4 * t)
    return x[2] * xp.exp(-t * x[0]) - x[3] * xp.exp(-t * x[1]) + x[5] * xp.exp(-t * x[4]) - y


def osborne2(xp: Any, x: Any) -> Any:  # 19
    y = [1.366, 1.191, 1.112, 1.013, 0.991, 0.885, 0.831, 0.847, 0.786, 0.725, 0.746, 0.679, 0.608, 0.655, 0.616]
    y += [0.606, 0.602, 0.626, 0.651, 0.724, 0.649, 0.649, 0.694, 0.644, 0.624, 0.661, 0.612, 0.558, 0.533, 0.495]
    y += [0.500, 0.423, 0.395, 0.375, 0.372, 0.391, 0.396, 0.405, 0.428, 0.429, 0.523, 0.562, 0.607, 0.653, 0.672]
    y += [0.708, 0.633, 0.668, 0.645, 0.632, 0.591, 0.559, 0.597, 0.625, 0.739, 0.710, 0.729, 0.720, 0.636, 0.581]
    y += [0.428, 0.292, 0.162, 0.098, 0.054]
    t = np.arange(65.0) / 10
    model = x[0] * xp.exp(-t * x[4])
    for k in range(3):
        model = model + x[1 + k] * xp.exp(-((t - x[8 + k]) ** 2) * x[5 + k])
    return np.array(y) - model


def watson(xp: Any, x: Any) -> Any:  # 20
    n = x.shape[0]
    t, j = np.arange(1.0, 30)[:, None] / 29, np.arange(n)
    slope = np.concatenate([np.zeros((29, 1)), j[1:] * t ** (j[1:] - 1.0)], axis=1)
    rows = xp.matmul(slope, x) - xp.matmul(t ** (1.0 * j), x) ** 2 - 1
    return xp.concatenate([rows, xp.stack([x[0], x[1] - x[0] ** 2 - 1])])


def extended_rosenbrock(xp: Any, x: Any) -> Any:  # 21
    return xp.concatenate([10 * (x[1::2] - x[::2] ** 2), 1 - x[::2]])


def extended_powell_singular(xp: Any, x: Any) -> Any:  # 22
    a, b, c, d = x[::4], x[1::4], x[2::4], x[3::4]
    return xp.concatenate([a + 10 * b, math.sqrt(5) * (c - d), (b - 2 * c) ** 2, math.sqrt(10) * (a - d) ** 2])


def penalty1(xp: Any, x: Any) -> Any:  # 23
    return xp.concatenate([math.sqrt(1e-5) * (x - 1), xp.reshape(xp.sum(x**2) - 0.25, (1,))])


def penalty2(xp: Any, x: Any) -> Any:  # 24
    n = x.shape[0]
    i = np.arange(1.0, n + 1)
    y, small, e = np.exp(i / 10) + np.exp((i - 1) / 10), math.sqrt(1e-5), xp.exp(x / 10)
    last = xp.reshape(xp.sum((n - i + 1) * x**2) - 1, (1,))
    return xp.concatenate([x[:1] - 0.2, small * (e[1:] + e[:-1] - y[1:]), small * (e[1:] - math.exp(-0.1)), last])


def variably_dimensioned(xp: Any, x: Any) -> Any:  # 25
    total = xp.reshape(xp.sum(np.arange(1.0, x.shape[0] + 1) * (x - 1)), (1,))
    return xp.concatenate([x - 1, total, total**2])


def trigonometric(xp: Any, x: Any) -> Any:  # 26
    n = x.shape[0]
    return n - xp.sum(xp.cos(x)) + np.arange(1.0, n + 1) * (1 - xp.cos(x)) - xp.sin(x)


def brown_almost_linear(xp: Any, x: Any) -> Any:  # 27
    return xp.concatenate([x[:-1] + xp.sum(x) - (x.shape[0] + 1), xp.reshape(xp.prod(x) - 1, (1,))])


def _neighbours(xp: Any, x: Any) -> Any:
    """x[i - 1] and x[i + 1], 0 beyond the ends."""
    zero = np.zeros(1)
    return xp.concatenate([zero, x[:-1]]), xp.concatenate([x[1:], zero])


def discrete_boundary_value(xp: Any, x: Any) -> Any:  # 28
    h = 1 / (x.shape[0] + 1)
    t = h * np.arange(1.0, x.shape[0] + 1)
    before, after = _neighbours(xp, x)
    return 2 * x - before - after + h**2 * (x + t + 1) ** 3 / 2


def discrete_integral_equation(xp: Any, x: Any) -> Any:  # 29
    h = 1 / (x.shape[0] + 1)
    t = h * np.arange(1.0, x.shape[0] + 1)
    kernel = np.where(t[None, :] <= t[:, None], (1 - t[:, None]) * t[None, :], t[:, None] * (1 - t[None, :]))
    return x + h / 2 * xp.matmul(kernel, (x + t + 1) ** 3)


def broyden_tridiagonal(xp: Any, x: Any) -> Any:  # 30
    before, after = _neighbours(xp, x)
    return (3 - 2 * x) * x - before - 2 * after + 1


def broyden_banded(xp: Any, x: Any) -> Any:  # 31
    i = np.arange(x.shape[0])
    apart = i[:, None] - i[None, :]
    band = ((apart <= 5) & (apart >= -1) & (apart != 0)).astype(float)
    return x * (2 + 5 * x**2) + 1 - xp.matmul(band, x * (1 + x))


def linear_full_rank(xp: Any, x: Any) -> Any:  # 32, m = 2 n
    return xp.concatenate([x, np.zeros(x.shape[0])]) - xp.sum(x) / x.shape[0] - 1


def linear_rank1(xp: Any, x: Any) -> Any:  # 33, m = 2 n
    n = x.shape[0]
    return np.arange(1.0, 2 * n + 1) * xp.sum(np.arange(1.0, n + 1) * x) - 1


def chebyquad(xp: Any, x: Any) -> Any:  # 35
    n = x.shape[0]
    one, z = 1.0, 2 * x - 1
    previous, current, rows = one, z, []
    for i in range(1, n + 1):
        rows.append(xp.sum(current) / n + (1 / (i * i - 1) if i % 2 == 0 else 0.0))
        previous, current = current, 2 * z * current - previous
    return xp.stack(rows)


_PINENE = np.array([
    [88.35, 7.3, 2.3, 0.4, 1.75], [76.4, 15.6, 4.5, 0.7, 2.80], [65.1, 23.1, 5.3, 1.1, 5.80],
    [50.4, 32.9, 6.0, 1.5, 9.30], [37.5, 42.7, 6.0, 1.9, 12.0], [25.9, 49.1, 5.9, 2.2, 17.0],
    [14.0, 57.4, 5.1, 2.6, 21.0], [4.5, 63.1, 3.8, 2.9, 25.7],
])  # fmt: skip


def alpha_pinene(xp: Any, x: Any) -> Any:
    """y' = A(x) y, by the exponential of the matrix: Taylor's series of A t / 64, squared six times."""
    matrix = np.zeros((5, 5, 5))  # [parameter, to, from]
    for k, source, target in ((0, 0, 1), (1, 0, 2), (2, 2, 3), (3, 2, 4), (4, 4, 2)):
        matrix[k, target, source] += 1
        matrix[k, source, source] -= 1
    a = xp.reshape(xp.matmul(x, matrix.reshape(5, 25)), (5, 5))
    y, before, rows = np.array([100.0, 0, 0, 0, 0]), 0.0, []
    for t in (1230.0, 3060, 4920, 7800, 10680, 15030, 22620, 36420):
        step = a * ((t - before) / 64)
        power = np.eye(5)
        for k in range(8, 0, -1):
            power = np.eye(5) + xp.matmul(step, power) / k
        for _ in range(6):
            power = xp.matmul(power, power)
        y, before = xp.matmul(power, y), t
        rows.append(y)
    return xp.reshape(xp.stack(rows) - _PINENE, (40,))


class Problem(NamedTuple):
    """`optima`: sums of squares at minima that a good method reaches from the start."""

    function: Callable[..., Any]
    start: Any
    optima: tuple[float, ...]

    def residuals(self, xp: Any) -> Callable[[Any], Any]:
        """r(x) by the functions of the module `xp`."""
        return partial(self.function, xp)

    def sum_of_squares(self, xp: Any) -> Callable[[Any], Any]:
        """f(x) = sum r(x)^2."""
        return lambda x: xp.sum(self.function(xp, x) ** 2)


def _grid(n: int) -> Any:
    return np.arange(1.0, n + 1) / (n + 1)


PROBLEMS: dict[str, Problem] = {
    "rosenbrock": Problem(rosenbrock, [-1.2, 1.0], (0.0,)),
    "freudenstein_roth": Problem(freudenstein_roth, [0.5, -2.0], (48.9842536792, 0.0)),
    "powell_badly_scaled": Problem(powell_badly_scaled, [0.0, 1.0], (0.0,)),
    "brown_badly_scaled": Problem(brown_badly_scaled, [1.0, 1.0], (0.0,)),
    "beale": Problem(beale, [1.0, 1.0], (0.0,)),
    "jennrich_sampson": Problem(jennrich_sampson, [0.3, 0.4], (124.362182356,)),
    "helical_valley": Problem(helical_valley, [-1.0, 0.0, 0.0], (0.0,)),
    "bard": Problem(bard, [1.0, 1.0, 1.0], (8.21487730658e-3,)),
    "gaussian": Problem(gaussian, [0.4, 1.0, 0.0], (1.12793276962e-8,)),
    "meyer": Problem(meyer, [0.02, 4000.0, 250.0], (87.9458551707,)),
    "gulf": Problem(gulf, [5.0, 2.5, 0.15], (0.0,)),
    "box": Problem(box, [0.0, 10.0, 20.0], (0.0,)),
    "powell_singular": Problem(powell_singular, [3.0, -1.0, 0.0, 1.0], (0.0,)),
    "wood": Problem(wood, [-3.0, -1.0, -3.0, -1.0], (0.0,)),
    "kowalik_osborne": Problem(kowalik_osborne, [0.25, 0.39, 0.415, 0.39], (3.07505603849e-4,)),
    "brown_dennis": Problem(brown_dennis, [25.0, 5.0, -5.0, -1.0], (85822.2016264,)),
    "osborne1": Problem(osborne1, [0.5, 1.5, -1.0, 0.01, 0.02], (5.46489469748e-5,)),
    "biggs_exp6": Problem(biggs_exp6, [1.0, 2.0, 1.0, 1.0, 1.0, 1.0], (5.65564992541e-3, 0.0)),
    "osborne2": Problem(osborne2, [1.3, 0.65, 0.65, 0.7, 0.6, 3.0, 5.0, 7.0, 2.0, 4.5, 5.5], (4.01377362935e-2,)),
    "watson6": Problem(watson, np.zeros(6), (2.28767005355e-3,)),
    "watson9": Problem(watson, np.zeros(9), (1.39976013809e-6,)),
    "watson12": Problem(watson, np.zeros(12), (4.7223811e-10,)),
    "extended_rosenbrock": Problem(extended_rosenbrock, np.tile([-1.2, 1.0], 10), (0.0,)),
    "extended_powell_singular": Problem(extended_powell_singular, np.tile([3.0, -1.0, 0.0, 1.0], 5), (0.0,)),
    "penalty1_4": Problem(penalty1, np.arange(1.0, 5), (2.24997750090e-5,)),
    "penalty1_10": Problem(penalty1, np.arange(1.0, 11), (7.08765146709e-5,)),
    "penalty2_4": Problem(penalty2, np.full(4, 0.5), (9.37629300736e-6,)),
    "penalty2_10": Problem(penalty2, np.full(10, 0.5), (2.93660537457e-4,)),
    "variably_dimensioned": Problem(variably_dimensioned, 1 - np.arange(1.0, 11) / 10, (0.0,)),
    "trigonometric": Problem(trigonometric, np.full(10, 0.1), (2.79505612188e-5, 0.0)),
    "brown_almost_linear": Problem(brown_almost_linear, np.full(10, 0.5), (0.0, 1.0)),
    "discrete_boundary_value": Problem(discrete_boundary_value, _grid(10) * (_grid(10) - 1), (0.0,)),
    "discrete_integral_equation": Problem(discrete_integral_equation, _grid(10) * (_grid(10) - 1), (0.0,)),
    "broyden_tridiagonal": Problem(broyden_tridiagonal, np.full(10, -1.0), (0.0,)),
    "broyden_banded": Problem(broyden_banded, np.full(10, -1.0), (0.0,)),
    "linear_full_rank": Problem(linear_full_rank, np.ones(10), (10.0,)),
    "linear_rank1": Problem(linear_rank1, np.ones(10), (20 * 19 / (2 * 41),)),
    "chebyquad8": Problem(chebyquad, _grid(8), (3.51687372568e-3,)),
    "chebyquad10": Problem(chebyquad, _grid(10), (6.50395480088e-3, 4.77271369638e-3)),
    "chebyquad11": Problem(chebyquad, _grid(11), (2.79976155187e-3,)),
    "alpha_pinene": Problem(alpha_pinene, [5.84e-5, 2.65e-5, 1.63e-5, 2.777e-4, 4.61e-5], (19.8721669342,)),
}

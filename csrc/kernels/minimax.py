"""Makes poly.inc, the polynomials of the vector math:
`python minimax.py | clang-format > poly.inc` (needs mpmath).

Each row asks for the polynomial p of a degree that minimises max |weight * (p - f)| on [a, b]: Remez's exchange
algorithm (E. Remez, 1934; Cheney, Introduction to Approximation Theory, ch. 3) in 60 digits. Coefficients are
rounded, some one by one, lowest first, with the rest fitted again to what the rounding left. `weight` turns an error
of p into a relative error of the function it serves; the error printed beside each table is that, before any rounding
at run time.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from mpmath import mp, mpf

Fn = Callable[[mpf], mpf]
mp.dps = 60


def remez(f: Fn, weight: Fn, degree: int, first: int, a: mpf, b: mpf) -> list[mpf]:
    """Coefficients of x^first .. x^degree of the best weighted fit to f on [a, b]."""
    n = degree - first + 1
    x = [(a + b) / 2 - (b - a) / 2 * mp.cos(mp.pi * (k + mpf(1) / 2) / (n + 1)) for k in range(n + 1)]
    for _ in range(12):
        x = [t if abs(t) > (b - a) / 1000 else (b - a) / 100 for t in x]  # weights may vanish at 0
        rows = [[t ** (first + j) for j in range(n)] + [(-1) ** i / abs(weight(t))] for i, t in enumerate(x)]
        solution = list(mp.lu_solve(mp.matrix(rows), mp.matrix([f(t) for t in x])))
        c, level = solution[:n], abs(solution[n])

        def error(t: mpf, c: list[mpf] = c) -> mpf:
            return abs(weight(t)) * (t**first * mp.polyval(c[::-1], t) - f(t))

        grid = [(a + b) / 2 - (b - a) / 2 * mp.cos(mp.pi * k / (40 * n)) for k in range(40 * n + 1)]
        grid = [t for t in grid if abs(t) > mpf(10) ** -20]
        values = [error(t) for t in grid]
        extrema: list[tuple[mpf, mpf]] = []  # the largest error of each run of one sign
        for t, v in zip(grid, values, strict=True):
            if extrema and (extrema[-1][1] > 0) == (v > 0):
                if abs(v) > abs(extrema[-1][1]):
                    extrema[-1] = (t, v)
            else:
                extrema.append((t, v))
        while len(extrema) > n + 1:
            extrema.pop(0 if abs(extrema[0][1]) < abs(extrema[-1][1]) else -1)
        if len(extrema) < n + 1:
            return c  # at the limit of what the digits can tell
        x = [t for t, _ in extrema]
        if max(abs(v) for _, v in extrema) < level * mpf("1.02"):
            break
    return c


def rounded(x: mpf, single: bool) -> mpf:
    return mpf(struct.unpack("f", struct.pack("f", float(x)))[0]) if single else mpf(float(x))


def table(name: str, doc: str, f: Fn, weight: Fn, degree: int, a: float, b: float, refit: int = 0) -> None:
    """Prints the table; the `refit` lowest coefficients are rounded one at a time."""
    lo, hi, single = mpf(a), mpf(b), name.endswith("_f")
    done: list[mpf] = []
    while len(done) <= degree:
        rest = remez(lambda t, c=tuple(done[::-1]): f(t) - mp.polyval(c or [0], t), weight, degree, len(done), lo, hi)
        take = 1 if len(done) < refit else len(rest)
        done += [rounded(c, single) for c in rest[:take]]
    grid = [lo + (hi - lo) * k / 1000 for k in range(1001)]
    worst = max(abs(weight(t) * (mp.polyval(done[::-1], t) - f(t))) for t in grid if t)
    kind = "nv_sf" if single else "nv_sd"
    print(f"/* {doc} on [{a:.7g}, {b:.7g}]; error 2^{float(mp.log(worst, 2)):.1f} */")
    print(f"static const {kind} nv_poly_{name}[{degree + 1}] = {{")
    print("".join(f"    {float(c).hex()}{'f' if single else ''},\n" for c in done) + "};")


def series(f: Fn, at_zero: object) -> Fn:
    return lambda t: f(t) if abs(t) > mpf(10) ** -25 else mpf(at_zero)


def main() -> None:
    half = 0.34658  # ln(2) / 2 and a little: rounding decides k at the borders
    sq = mp.sqrt
    expq = series(lambda r: (mp.expm1(r) - r) / r**2, 0.5)
    logq = series(lambda x: (mp.log1p(x) - x + x * x / 2) / x**3, mpf(1) / 3)
    print("/* poly.inc: made by minimax.py. Lowest power first; the error is relative to the function served. */")
    table("exp_f", "q: e^r = 1 + r + r^2 q(r)", expq, lambda r: r, 4, -half, half)
    table("exp_d", "q: e^r = 1 + r + r^2 q(r)", expq, lambda r: r, 9, -half, half)
    table("log_f", "q: log(1 + x) = x - x^2/2 + x^3 q(x)", logq, lambda x: x * x, 8, -0.29290, 0.41422)
    table(
        "log_d",
        "q: log((1 + s)/(1 - s)) = 2 s + s z q(z), z = s^2",
        series(lambda z: (mp.log((1 + sq(z)) / (1 - sq(z))) / sq(z) - 2) / z, mpf(2) / 3),
        lambda z: z / 2,
        6,
        0,
        0.02946,
    )
    table(
        "log_pair_d",
        "q: the same = 2 s + s z (2/3 + z q(z)), for powers",
        series(lambda z: ((mp.log((1 + sq(z)) / (1 - sq(z))) / sq(z) - 2) / z - mpf(2) / 3) / z, mpf(2) / 5),
        lambda z: z * z / 2,
        8,
        0,
        0.02946,
    )
    table(
        "sin_d",
        "q: sin r = r + r z q(z), z = r^2",
        series(lambda z: (mp.sin(sq(z)) / sq(z) - 1) / z, -mpf(1) / 6),
        lambda z: z,
        5,
        0,
        0.6169,
    )
    table(
        "cos_d",
        "q: cos r = 1 - z/2 + z^2 q(z), z = r^2",
        series(lambda z: (mp.cos(sq(z)) - 1 + z / 2) / z**2, mpf(1) / 24),
        lambda z: z * z,
        5,
        0,
        0.6169,
    )
    table(
        "sin_short_d",
        "the same, enough for float32",
        series(lambda z: (mp.sin(sq(z)) / sq(z) - 1) / z, -mpf(1) / 6),
        lambda z: z,
        3,
        0,
        0.6169,
    )
    table(
        "cos_short_d",
        "the same, enough for float32",
        series(lambda z: (mp.cos(sq(z)) - 1 + z / 2) / z**2, mpf(1) / 24),
        lambda z: z * z,
        2,
        0,
        0.6169,
    )
    table(
        "atan_d",
        "q: arctan x = x + x z q(z), z = x^2",
        series(lambda z: (mp.atan(sq(z)) / sq(z) - 1) / z, -mpf(1) / 3),
        lambda z: z,
        11,
        0,
        0.17158,
    )
    table(
        "asin_d",
        "q: arcsin x = x + x z q(z), z = x^2",
        series(lambda z: (mp.asin(sq(z)) / sq(z) - 1) / z, mpf(1) / 6),
        lambda z: z,
        12,
        0,
        0.25,
    )
    slope = 2 / sq(mp.pi)
    table(
        "erf_f",
        "q: erf x = x + x q(z), z = x^2",
        series(lambda z: mp.erf(sq(z)) / sq(z) - 1, slope - 1),
        lambda z: mpf(1),
        6,
        0,
        0.81,
        7,
    )
    table(
        "erf_tail_f",
        "q: erf x = 1 - e^(-x - x q(x))",
        lambda x: -mp.log(mp.erfc(x)) / x - 1,
        lambda x: x * mp.erfc(x) / mp.erf(x),
        7,
        0.9,
        4.0,
    )
    table(
        "erf_d",
        "q: erf x = x + x q(z), z = x^2",
        series(lambda z: mp.erf(sq(z)) / sq(z) - 1, slope - 1),
        lambda z: mpf(1),
        9,
        0,
        0.25,
    )
    center = 4  # t = (x - 4)/(x + 4) spreads the tail evenly
    table(
        "erfcx_d",
        "q: (1 + 2 x) e^(x^2) erfc x = q(t), t = (x - 4)/(x + 4)",
        lambda t: (lambda x: (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x))(center * (1 + t) / (1 - t)),
        lambda t: mpf(1),
        22,
        -0.7778,
        0.7445,
    )

    def erfinv(w: mpf) -> mpf:  # of the x with w = -log(1 - x^2)
        x, tail = sq(-mp.expm1(-w)), mp.exp(-w) / (1 + sq(-mp.expm1(-w)))
        y = sq(w) * mpf("0.9")
        for _ in range(60):
            step = (tail - mp.erfc(y)) / (slope * mp.exp(-y * y))
            y -= step / (1 + y * step)
            if abs(step) < mpf(10) ** -35:
                break
        return y / x

    table(
        "erfinv_d", "q: erfinv x = x q(w), w = -log(1 - x^2)", series(erfinv, 1 / slope), lambda w: mpf(1), 11, 0, 6.25
    )
    table(
        "erfinv_tail_d",
        "q: erfinv x = x q(s), s = sqrt(-log(1 - x^2))",
        lambda s: erfinv(s * s),
        lambda s: mpf(1),
        9,
        2.49,
        6.12,
    )

    print("/* The bits of 2/pi after a word of zeros: enough for any float64 and 192 more. */")
    with mp.workprec(1400):
        bits = int(mp.floor(2 / mp.pi * 2**1216))
    print("static const uint32_t nv_two_over_pi[39] = {")
    print("".join(f"    0x{bits >> 32 * (38 - k) & 0xFFFFFFFF:08x}u,\n" for k in range(39)) + "};")


main()

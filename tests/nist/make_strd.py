"""Writes strd.json: the nonlinear regression problems of the NIST Statistical Reference Datasets.

Source: National Institute of Standards and Technology, Statistical Reference Datasets, Nonlinear Least Squares
Regression, https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml: works of the United States government, in the
public domain. The files NAME.dat are there one by one, and together in lmfit's source archive (folder NIST_STRD):

    pip download --no-binary :all: --no-deps lmfit && tar xzf lmfit-*.tar.gz
    python tests/nist/make_strd.py lmfit-*/NIST_STRD
"""

import json
import re
import sys
from pathlib import Path


def read(path: Path) -> dict[str, object]:
    """One file: its header names the lines where things are, counted from 1."""
    lines = path.read_text().splitlines()
    text = "\n".join(lines[:60])
    starts, certified, deviations = [], [], []
    for line in lines[:60]:
        if found := re.match(r"\s*b\d+\s*=\s*(.*)", line):
            first, second, value, deviation = map(float, found[1].split())
            starts.append((first, second))
            certified.append(value)
            deviations.append(deviation)

    def number(label: str) -> float:
        found = re.search(rf"{label}:\s*(\S+)", text, flags=re.IGNORECASE)
        assert found is not None, f"{path.name} has no {label}"
        return float(found[1])

    first, last = map(int, re.findall(r"Data\s+\(lines\s+(\d+)\s+to\s+(\d+)\)", text)[0])
    rows = [list(map(float, line.split())) for line in lines[first - 1 : last] if line.strip()]
    assert len(rows) == number("Number of Observations"), path.name
    level = re.search(r"(\w+) Level of Difficulty", text)
    assert level is not None
    return {
        "level": level[1].lower(),
        "starts": [list(start) for start in zip(*starts)],
        "certified": certified,
        "deviations": deviations,
        "sum_of_squares": number("Residual Sum of Squares"),
        "residual_deviation": number("Residual Standard Deviation"),
        "dof": int(number("Degrees of Freedom")),
        "data": rows,  # y first, then x
    }


def main() -> None:
    paths = sorted(Path(sys.argv[1]).glob("*.dat"))
    problems = {path.stem: read(path) for path in paths}
    assert len(problems) == 27, sorted(problems)
    parts = []
    for name, problem in problems.items():
        fields = ",\n  ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in problem.items())
        parts.append(f" {json.dumps(name)}: {{\n  {fields}\n }}")
    source = "NIST StRD, https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml, public domain; see make_strd.py"
    text = f'{{\n "source": {json.dumps(source)},\n' + ",\n".join(parts) + "\n}\n"
    (Path(__file__).parent / "strd.json").write_text(text)


if __name__ == "__main__":
    main()

"""Makes golden.json from cases.py with Keras 3.15.1 on JAX: python tests/golden/make_golden.py [--missing]

With --missing only what golden.json lacks is made, and the rest kept.

Needs keras==3.15.1 and jax==0.10.2 (CPU). One line a case; numbers have the 9 digits that give a float32 back.
"""

import json
import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["COLUMNS"] = "160"  # so that no summary is cut
HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import keras  # noqa: E402
import numpy as np  # noqa: E402
from cases import CASES  # noqa: E402


def plain(value):
    """JSON for an array, keeping float32's 9 digits, or for a list of words."""
    if isinstance(value, list):
        return value
    array = np.asarray(value)
    if array.dtype.kind in "iub":
        return array.tolist()
    return json.loads(json.dumps(array.astype(np.float32).tolist()), parse_float=lambda s: float(f"{float(s):.9g}"))


def main() -> None:
    known = json.loads((HERE / "golden.json").read_text()) if "--missing" in sys.argv else {}
    lines = [f'"keras": "{keras.__version__}"']
    for name, run in CASES.items():
        values = known.get(name)
        if values is None:
            print(name, flush=True)
            values = {key: plain(value) for key, value in run(keras).items()}
        body = json.dumps(values, separators=(",", ":"))
        lines.append(f"{json.dumps(name)}: {body}")
    (HERE / "golden.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()

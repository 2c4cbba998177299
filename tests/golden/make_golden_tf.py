"""Makes golden_tf.json, the values of `cases_preprocessing.WITH_TENSORFLOW`, with Keras 3.15.1 on TensorFlow.

Needs keras==3.15.1 and tensorflow-cpu==2.21.0, in an environment of their own.
"""

import json
import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import cases  # noqa: E402, F401
import keras  # noqa: E402
from cases_preprocessing import WITH_TENSORFLOW  # noqa: E402


def main() -> None:
    lines = [f'"keras": "{keras.__version__}"']
    for name, run in WITH_TENSORFLOW.items():
        values = {key: value if isinstance(value, list) else value.tolist() for key, value in run(keras).items()}
        lines.append(f"{json.dumps(name)}: {json.dumps(values, separators=(',', ':'))}")
    (HERE / "golden_tf.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()

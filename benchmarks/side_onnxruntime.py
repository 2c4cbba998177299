"""onnxruntime's side: one row through a network of Gemm, Relu and Softmax, all optimisations on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from works import Work


def model(work: Work) -> bytes:
    rng = np.random.default_rng(1)
    nodes, weights, x = [], [], "x"
    last = len(work.widths) - 2
    for k, (a, b) in enumerate(zip(work.widths, work.widths[1:])):
        w = rng.standard_normal((a, b), dtype=np.float32) / np.float32(a**0.5)
        weights += [numpy_helper.from_array(w, f"w{k}"), numpy_helper.from_array(np.zeros(b, np.float32), f"b{k}")]
        nodes.append(helper.make_node("Gemm", [x, f"w{k}", f"b{k}"], [f"z{k}"]))
        x = "y" if k == last else f"a{k}"
        nodes.append(helper.make_node("Softmax" if k == last else "Relu", [f"z{k}"], [x]))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [work.rows, width])
        for name, width in (("x", work.widths[0]), ("y", work.widths[-1]))
    ]
    graph = helper.make_graph(nodes, "mlp", ends[:1], ends[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10).SerializeToString()


def predictor(work: Work) -> Callable[[int], float]:
    session = ort.InferenceSession(model(work), providers=["CPUExecutionProvider"])
    feed = {"x": work.data()[0]}

    def run(times: int) -> float:
        for _ in range(times):
            y = session.run(None, feed)[0]
        return float(y.sum())

    return run

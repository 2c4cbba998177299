"""TensorBoard's event files, decoded here by the definitions of their formats; and by TensorBoard, if it is there."""

import struct
import zlib
from pathlib import Path

import nervure as nv
import numpy as np
import pytest
from nervure.callbacks import LambdaCallback, TensorBoard
from nervure.callbacks.event_file import EventFile, histogram

X = np.arange(24, dtype="float32").reshape(12, 2) / 24
Y = X.sum(1)


def model(**kwargs):
    m = nv.Sequential([nv.Input((2,)), nv.layers.Dense(3, name="a"), nv.layers.Dense(1, name="b")])
    m.compile(nv.optimizers.SGD(0.25), "mse", **kwargs)
    return m


# ---- a reader ----


def crc32c(data):
    """Bit by bit, from the polynomial."""
    crc = 0xFFFFFFFF
    for byte in data:
        for bit in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if (crc ^ byte >> bit) & 1 else 0)
    return crc ^ 0xFFFFFFFF


def check(data, masked):
    turned = (masked - 0xA282EAD8) & 0xFFFFFFFF
    assert (turned >> 17 | turned << 15) & 0xFFFFFFFF == crc32c(data)


def records(path):
    data = path.read_bytes()
    while data:
        (n,) = struct.unpack("<Q", data[:8])
        check(data[:8], *struct.unpack("<I", data[8:12]))
        check(data[12 : 12 + n], *struct.unpack("<I", data[12 + n : 16 + n]))
        yield data[12 : 12 + n]
        data = data[16 + n :]


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return value, at


def fields(data):
    """{number: [values]} of a protocol buffer; bytes where there is a length."""
    found, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        else:
            n, at = (8, at) if kind == 1 else (4, at) if kind == 5 else varint(data, at)
            value, at = data[at : at + n], at + n
        found.setdefault(key >> 3, []).append(value)
    return found


def tensor(data):
    t = fields(data)
    shape = [fields(d)[1][0] for d in fields(t[2][0]).get(2, [])]
    if t[1] == [7]:
        return t[8]
    return np.frombuffer(t[4][0], {1: "<f4", 2: "<f8"}[t[1][0]]).reshape(shape)


def events(folder):
    """[(tag, step, plugin, tensor)] of the one file in a folder."""
    (path,) = Path(folder).iterdir()
    assert path.name.startswith("events.out.tfevents.")
    first, *rest = map(fields, records(path))
    assert first[3] == [b"brain.Event:2"] and struct.unpack("<d", first[1][0])[0] > 1e9
    found = []
    for event in rest:
        (value,) = fields(event[5][0])[1]
        value = fields(value)
        plugin = fields(fields(value[9][0])[1][0])[1][0].decode()
        found.append((value[1][0].decode(), event[2][0], plugin, tensor(value[8][0])))
    return found


def scalars(folder):
    return {(tag, step): float(t) for tag, step, plugin, t in events(folder) if plugin == "scalars"}


# ---- what is written ----


def test_epochs(tmp_path):
    m = model(metrics=["mae"])
    callback = TensorBoard(tmp_path, write_graph=False, write_steps_per_second=True)
    run = m.fit(X, Y, epochs=3, batch_size=5, verbose=0, validation_data=(X, Y), callbacks=[callback])
    train, validation = scalars(tmp_path / "train"), scalars(tmp_path / "validation")
    for name in ("loss", "mae"):
        for epoch in range(3):
            assert train.pop((f"epoch_{name}", epoch)) == np.float32(run.history[name][epoch])
            expected = np.float32(run.history[f"val_{name}"][epoch])
            assert validation.pop((f"epoch_{name}", epoch)) == expected
            assert validation.pop((f"evaluation_{name}_vs_iterations", 3 * (epoch + 1))) == expected
    assert [train.pop(("epoch_learning_rate", epoch)) for epoch in range(3)] == [0.25] * 3
    assert all(train.pop(("epoch_steps_per_second", epoch)) > 0 for epoch in range(3))
    assert not train and not validation


@pytest.mark.parametrize("every, steps", [("batch", [1, 2, 3, 4, 5, 6]), (2, [2, 4, 6])])
def test_batches(tmp_path, every, steps):
    seen = []
    look = LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(logs["loss"]))
    callback = TensorBoard(tmp_path, write_graph=False, update_freq=every, write_steps_per_second=True)
    model().fit(X, Y, epochs=2, batch_size=4, verbose=0, callbacks=[callback, look])
    written = scalars(tmp_path / "train")
    found = {step: value for (tag, step), value in written.items() if tag == "batch_loss"}
    assert found == {step: np.float32(seen[step - 1]) for step in steps}
    assert [step for tag, step in written if tag == "batch_steps_per_second"] == steps


def test_histograms_and_images(tmp_path):
    m = model()
    callback = TensorBoard(tmp_path, write_graph=False, histogram_freq=2, write_images=True)
    m.fit(X, Y, epochs=3, verbose=0, callbacks=[callback])
    found = [e for e in events(tmp_path / "train") if e[2] != "scalars"]
    assert [e[1] for e in found] == [0] * 7 + [2] * 7
    names = [f"{w.path}/{kind}" for w in m.weights for kind in ("histogram", "image")][:-1]  # one number is no image
    assert [e[0] for e in found[7:]] == names
    last = {e[0]: e[3] for e in found[7:]}
    kernel = m.weights[0]
    counts, edges = np.histogram(kernel.numpy().astype(float), 30)
    rows = last[f"{kernel.path}/histogram"]
    np.testing.assert_allclose(rows[:, 0], edges[:-1], rtol=1e-12)
    assert rows[:, 2].sum() == counts.sum() == 6
    width, height, png = last[f"{kernel.path}/image"]
    assert (width, height) == (b"3", b"2")
    assert png[:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack(">II", png[16:24]) == (3, 2)
    n = struct.unpack(">I", png[33:37])[0]
    assert png[37:41] == b"IDAT" and struct.unpack(">I", png[41 + n : 45 + n])[0] == zlib.crc32(png[37 : 41 + n])
    pixels = np.frombuffer(zlib.decompress(png[41 : 41 + n]), np.uint8).reshape(2, 4)
    assert not pixels[:, 0].any()
    np.testing.assert_array_equal(pixels[:, 1:], np.clip(kernel.numpy() * 255 + 0.5, 0, 255).astype(np.uint8))


def test_the_buckets_of_a_histogram():
    values = np.random.RandomState(0).randn(1000)
    rows = histogram(values)
    np.testing.assert_array_equal(rows[:, 2], np.histogram(values, 30)[0])
    assert rows[0, 0] == values.min() and rows[-1, 1] == values.max()
    np.testing.assert_array_equal(histogram(np.full(7, 2.0))[[0, -1]], [[2, 2, 0], [2, 2, 7]])
    assert histogram(np.array([1.0, np.nan, np.inf]))[:, 2].sum() == 1
    assert not histogram(np.zeros(0)).any()


def test_negative_and_large_steps(tmp_path):
    file = EventFile(str(tmp_path))
    for step in (0, 127, 128, 2**40):
        file.scalar("x", step, step)
    file.close()
    assert [e[1] for e in events(tmp_path)] == [0, 127, 128, 2**40]


def test_the_graph_and_the_projector(tmp_path, monkeypatch):
    m = model()
    monkeypatch.setattr(nv.Sequential, "to_json", lambda self: '{"layers": 2}', raising=False)
    callback = TensorBoard(tmp_path, embeddings_freq=0)
    callback.set_model(m)
    callback.on_train_end()
    ((tag, step, plugin, texts),) = events(tmp_path / "train")
    assert (tag, step, plugin) == ("keras", 0, "graph_keras_model") and texts == [b'{"layers": 2}']
    with pytest.raises(ValueError, match="Unrecognized `Embedding` layer names"):
        TensorBoard(tmp_path, write_graph=False, embeddings_freq=1, embeddings_metadata={"no": "x"}).set_model(m)


def test_a_file_for_each_run(tmp_path):
    m, callback = model(), TensorBoard(tmp_path, write_graph=False)
    m.fit(X, Y, verbose=0, callbacks=[callback])
    m.fit(X, Y, verbose=0, callbacks=[callback])
    assert len(list((tmp_path / "train").iterdir())) == 2
    m.evaluate(X, Y, verbose=0, callbacks=[callback])
    assert list(scalars(tmp_path / "validation")) == [("evaluation_loss_vs_iterations", 2)]


@pytest.mark.filterwarnings("default")
def test_tensorboard_reads_it(tmp_path):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from tensorboard.util import tensor_util

    callback = TensorBoard(tmp_path, write_graph=False, histogram_freq=1, write_images=True, update_freq=1)
    run = model().fit(X, Y, epochs=2, verbose=0, validation_data=(X, Y), callbacks=[callback])
    for folder, prefix in (("train", ""), ("validation", "val_")):
        found = reader.EventAccumulator(str(tmp_path / folder), size_guidance={"tensors": 0})
        found.Reload()
        values = [float(tensor_util.make_ndarray(e.tensor_proto)) for e in found.Tensors("epoch_loss")]
        np.testing.assert_allclose(values, run.history[f"{prefix}loss"], rtol=1e-6)
        assert found.SummaryMetadata("epoch_loss").plugin_data.plugin_name == "scalars"
    found = reader.EventAccumulator(str(tmp_path / "train"), size_guidance={"tensors": 0})
    found.Reload()
    kinds = {found.SummaryMetadata(tag).plugin_data.plugin_name for tag in found.Tags()["tensors"]}
    assert kinds == {"scalars", "histograms", "images"}

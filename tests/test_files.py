"""Models in files: those of Keras load and train on as there, those of nervure come back, bad ones change nothing."""

import copy
import io
import json
import os
import pickle
import sys
import threading
import warnings
import zipfile
from pathlib import Path

import nervure as nv
import numpy as np
import pytest
from nervure import layers
from nervure.saving import hdf5_read
from nervure.saving.atomic import replacing

sys.path.insert(0, str(Path(__file__).parent / "golden"))
import file_models

FILES = Path(__file__).parent / "golden" / "files"
X = file_models.X


def expected(name):
    return json.loads((FILES / f"{name}.json").read_text())


def customs(name):
    return file_models.built(file_models.MODELS[name], nv)[1]


def close(found, wanted):
    assert found.keys() == wanted.keys()
    for key, value in found.items():
        np.testing.assert_allclose(value, wanted[key], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", list(file_models.MODELS))
def test_a_model_of_keras_predicts_and_trains_on_as_there(name):
    model = nv.saving.load_model(FILES / f"{name}.keras", custom_objects=customs(name))
    close(file_models.predicted(model), expected(name)["predicted"])
    np.testing.assert_allclose(file_models.train(model, 3), expected(name)["losses"], rtol=2e-5)


@pytest.mark.parametrize("name", list(file_models.MODELS))
def test_weights_of_keras_fit_a_model_of_the_same_code(name, tmp_path):
    model, _ = file_models.built(file_models.MODELS[name], nv)
    model.load_weights(FILES / f"{name}.keras")
    close(file_models.predicted(model), expected(name)["predicted"])
    with zipfile.ZipFile(FILES / f"{name}.keras") as archive:
        (tmp_path / "a.weights.h5").write_bytes(archive.read("model.weights.h5"))
    model, _ = file_models.built(file_models.MODELS[name], nv)
    model.load_weights(tmp_path / "a.weights.h5")
    close(file_models.predicted(model), expected(name)["predicted"])
    np.testing.assert_allclose(file_models.train(model, 3), expected(name)["losses"], rtol=2e-5)


def names_in(group, path=""):
    found = set()
    for name in group:
        item = group[name]
        if isinstance(item, hdf5_read.Group):
            found |= {f"{path}{name}/"} | names_in(item, f"{path}{name}/")
        else:
            found.add(f"{path}{name} {item.shape} {item.dtype}")
    return found


@pytest.mark.parametrize("name", list(file_models.MODELS))
def test_files_have_the_groups_and_arrays_that_keras_writes(name, tmp_path):
    model, _ = file_models.built(file_models.MODELS[name], nv)
    model.save(tmp_path / "a.keras")
    with zipfile.ZipFile(tmp_path / "a.keras") as ours, zipfile.ZipFile(FILES / f"{name}.keras") as theirs:
        assert ours.namelist() == theirs.namelist()
        found, wanted = (names_in(hdf5_read.read(a.read("model.weights.h5"))) for a in (ours, theirs))
        assert found == wanted
        assert all(item.compress_type == zipfile.ZIP_STORED for item in ours.infolist())


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", list(file_models.MODELS))
def test_a_saved_model_trains_on_with_the_same_bits(name, zipped, tmp_path):
    model, custom = file_models.built(file_models.MODELS[name], nv)
    path = tmp_path / ("a.keras" if zipped else "a")
    model.save(path, zipped=zipped)
    same = nv.models.load_model(path, custom_objects=custom)
    assert type(same) is type(model) and same.name == model.name
    assert [a.tobytes() for a in same.get_weights()] == [a.tobytes() for a in model.get_weights()]
    assert file_models.train(same, 2) == file_models.train(model, 2)


def dense(units=2, more=False):
    last = [layers.Dense(1)] if more else []
    model = nv.Sequential([nv.Input((4,)), layers.Dense(units, name="one"), layers.Dense(1), *last], name="m")
    model.compile("adam", "mse")
    return model


def test_load_without_compile():
    model = nv.saving.load_model(FILES / "sequential.keras", compile=False)
    assert not model.compiled
    close(file_models.predicted(model), expected("sequential")["predicted"])


def test_a_model_is_copied_and_pickled_with_its_optimizer():
    model = dense()
    model.fit(X, X[:, :1], verbose=0)
    for same in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert same is not model and same.optimizer is not model.optimizer
        assert int(same.optimizer.iterations.numpy()) == 1
        assert np.array_equal(same.predict(X, verbose=0), model.predict(X, verbose=0))


def test_the_suffix_says_what_is_saved(tmp_path):
    model = dense()
    for path, words in (("a.h5", "legacy HDF5"), ("a", "extension"), ("hf://a/b", "Hugging Face")):
        with pytest.raises(ValueError, match=words):
            model.save(path if path.startswith("hf") else tmp_path / path)
    with pytest.raises(ValueError, match="should not end in"):
        model.save(tmp_path / "a.keras", zipped=False)
    with pytest.raises(ValueError, match=r"must end in `.weights.h5`"):
        model.save_weights(tmp_path / "a.h5")
    with pytest.raises(ValueError, match="max_shard_size"):
        model.save_weights(tmp_path / "a.weights.h5", max_shard_size=1)
    with pytest.raises(ValueError, match=r"not supported: \['nothing'\]"):
        model.save(tmp_path / "a.keras", nothing=1)
    with pytest.raises(ValueError, match="File format not supported"):
        model.load_weights(tmp_path / "a.npz")
    with pytest.raises(ValueError, match="File format not supported"):
        nv.saving.load_model(tmp_path / "a.npz")
    with pytest.raises(ValueError, match="File not found"):
        nv.saving.load_model(tmp_path / "a.keras")
    with pytest.raises(FileNotFoundError):
        model.load_weights(tmp_path / "a.weights.h5")
    assert os.listdir(tmp_path) == []


def test_an_unbuilt_model(tmp_path):
    model = nv.Sequential([layers.Dense(2)])
    with pytest.raises(ValueError, match="not yet been built"):
        model.save_weights(tmp_path / "a.weights.h5")
    with pytest.raises(ValueError, match="not yet been built"):
        model.load_weights(FILES / "sequential.keras")
    with pytest.warns(UserWarning, match="not yet been built"):
        model.save(tmp_path / "a.keras")
    assert not nv.saving.load_model(tmp_path / "a.keras").built


def test_overwrite_false_asks(tmp_path, monkeypatch):
    model, path = dense(), tmp_path / "a.weights.h5"
    model.save_weights(path)
    before = path.read_bytes()
    model.set_weights([w + 1 for w in model.get_weights()])
    answers = ["what?", "n", "Y"]
    monkeypatch.setattr("builtins.input", lambda _: answers.pop(0))
    model.save_weights(path, overwrite=False)
    assert path.read_bytes() == before and answers == ["Y"]
    model.save_weights(path, overwrite=False)
    assert path.read_bytes() != before


def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    class Broken(layers.Layer):
        def call(self, x):
            return x

        def get_config(self):
            return super().get_config()

        def save_own_variables(self, store):
            raise RuntimeError("no")

    path = tmp_path / "a.keras"
    path.write_bytes(b"old")
    model = nv.Sequential([nv.Input((2,)), Broken()])
    with pytest.raises(RuntimeError, match="no"):
        model.save(path)
    with pytest.raises(OSError), replacing(path) as file:
        file.write(b"half")
        raise OSError("disk full")
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["a.keras"]


def test_a_file_is_replaced_keeping_its_mode_and_what_links_to_it(tmp_path):
    target, link = tmp_path / "a", tmp_path / "b"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to(target)
    with replacing(link) as file:
        file.write(b"new")
    assert link.is_symlink() and target.read_bytes() == b"new" and target.stat().st_mode & 0o777 == 0o640


def test_readers_see_a_whole_file_while_it_is_written_again(tmp_path):
    model, path, problems = dense(), tmp_path / "a.weights.h5", []
    model.save_weights(path)
    stop = threading.Event()

    def look():
        while not stop.is_set():
            try:
                hdf5_read.read(path.read_bytes())["layers/dense/vars/0"].read()
            except Exception as error:
                problems.append(error)

    reader = threading.Thread(target=look)
    reader.start()
    for _ in range(20):
        model.save_weights(path)
    stop.set()
    reader.join()
    assert not problems


# ---- what does not fit, and what is bad ----


def test_weights_that_do_not_fit_change_nothing(tmp_path):
    model = dense(2, more=True)
    model.fit(X, X[:, :1], verbose=0)
    model.save_weights(tmp_path / "a.weights.h5")
    other = dense(3, more=True)
    other.fit(X, X[:, :1], verbose=0)
    before = [w.copy() for w in other.get_weights()]
    slots = [v.numpy().copy() for v in other.optimizer.variables]
    with pytest.raises(ValueError, match="must match"):
        other.load_weights(tmp_path / "a.weights.h5")
    assert all(np.array_equal(a, b) for a, b in zip(before, other.get_weights(), strict=True))
    assert all(np.array_equal(a, v.numpy()) for a, v in zip(slots, other.optimizer.variables, strict=True))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        other.load_weights(tmp_path / "a.weights.h5", skip_mismatch=True)
    assert any("could not be loaded" in str(w.message) for w in seen)
    assert np.array_equal(other.get_weights()[4], model.get_weights()[4])  # the last layer does fit
    assert np.array_equal(other.get_weights()[0], before[0])


def test_objects_to_skip(tmp_path):
    model, other = dense(), dense()
    model.save_weights(tmp_path / "a.weights.h5")
    before = other.get_weights()
    other.load_weights(tmp_path / "a.weights.h5", objects_to_skip=[other.layers[0]])
    assert np.array_equal(other.get_weights()[0], before[0])
    assert np.array_equal(other.get_weights()[2], model.get_weights()[2])
    with pytest.raises(ValueError, match=r"only supports loading '.weights.h5'"):
        other.load_weights(FILES / "sequential.keras", objects_to_skip=[])
    with pytest.raises(ValueError, match="by_name"):
        other.load_weights(tmp_path / "a.weights.h5", by_name=True)


def test_a_damaged_file_of_weights_changes_nothing(tmp_path):
    model, path = dense(), tmp_path / "a.weights.h5"
    model.save_weights(path)
    data = path.read_bytes()
    before = [w.copy() for w in model.get_weights()]
    for size in range(0, len(data), max(1, len(data) // 40)):
        path.write_bytes(data[:size])
        with pytest.raises(ValueError, match="HDF5"):
            model.load_weights(path)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def members(name="sequential"):
    with zipfile.ZipFile(FILES / f"{name}.keras") as archive:
        return {n: archive.read(n) for n in archive.namelist()}


def zip_of(path, parts, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


def test_order_compression_and_more_members_do_not_matter(tmp_path):
    parts = members()
    parts = {n: parts[n] for n in ("model.weights.h5", "config.json")} | {"more.json": b"{"}
    model = nv.saving.load_model(zip_of(tmp_path / "a.keras", parts, zipfile.ZIP_DEFLATED))
    close(file_models.predicted(model), expected("sequential")["predicted"])
    with open(tmp_path / "a.keras", "rb") as file:
        assert nv.saving.load_model(file).name == "stack"


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"config.json": None}, ValueError, "Expected a config.json"),
        ({"model.weights.h5": None}, ValueError, "Expected a model.weights.h5"),
        ({"config.json": b"{"}, ValueError, "is no JSON"),
        ({"config.json": b"\xff"}, ValueError, "is no JSON"),
        ({"config.json": b"[]"}, ValueError, "expected an object"),
        ({"config.json": b"{}"}, ValueError, "no model"),
        ({"config.json": b'{"a":' * 5000 + b"1" + b"}" * 5000}, ValueError, "too deeply"),
        ({"config.json": b'{"module": "keras.losses", "class_name": "Huber", "config": {}}'}, ValueError, "no model"),
        ({"config.json": b'{"module": "os", "class_name": "system", "config": {}}'}, TypeError, "Could not locate"),
        ({"config.json": b'{"class_name": "__lambda__", "config": {"value": "x"}}'}, ValueError, "no code"),
        ({"model.weights.h5": b"nothing"}, ValueError, "signature"),
        ({"assets/../../evil.txt": b"x"}, ValueError, "escapes"),
        ({"assets//evil.txt": b"x"}, ValueError, "escapes"),
        ({"assets/a/..\\evil.txt": b"x"}, ValueError, "escapes"),
    ],
)
def test_bad_members(change, kind, words, tmp_path):
    parts = {n: d for n, d in (members() | change).items() if d is not None}
    with pytest.raises(kind, match=words):
        nv.saving.load_model(zip_of(tmp_path / "a.keras", parts))
    assert os.listdir(tmp_path) == ["a.keras"]


def test_a_trap_of_zeros_is_not_unpacked(tmp_path):
    path = tmp_path / "a.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", members()["config.json"])
        with archive.open("model.weights.h5", "w") as member:
            for _ in range(300):
                member.write(bytes(2**20))
    with pytest.raises(ValueError, match="decompression bomb"):
        nv.saving.load_model(path)


def test_a_damaged_zip_is_a_value_error(tmp_path):
    data = bytearray((FILES / "sequential.keras").read_bytes())
    random = np.random.default_rng(3)
    for _ in range(60):
        damaged = bytearray(data)
        for at in random.integers(0, len(data), 3):
            damaged[at] = random.integers(256)
        try:
            nv.saving.load_model(io.BytesIO(bytes(damaged)))
        except (ValueError, TypeError) as error:
            assert str(error)


# ---- what layers store themselves ----


class Table(layers.Layer):
    """Keeps a count in the file of weights, and words beside it."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.count, self.words = 0, []

    def call(self, x):
        return x

    def get_config(self):
        return super().get_config()

    def save_own_variables(self, store):
        store["count"] = np.array(self.count)

    def load_own_variables(self, store):
        self.count = int(store["count"])

    def save_assets(self, folder):
        Path(folder, "words.txt").write_text(" ".join(self.words))

    def load_assets(self, folder):
        self.words = Path(folder, "words.txt").read_text().split()


@pytest.mark.parametrize("zipped", [True, False])
def test_layers_store_variables_and_files_of_their_own(zipped, tmp_path):
    model = nv.Sequential([nv.Input((2,)), Table(), Table()])
    model.layers[0].count, model.layers[0].words = 7, ["a", "b"]
    path = tmp_path / ("a.keras" if zipped else "a")
    model.save(path, zipped=zipped)
    if zipped:
        with zipfile.ZipFile(path) as archive:
            assert "assets/layers/table_1/words.txt" in archive.namelist()
    same = nv.saving.load_model(path, custom_objects={"Table": Table})
    assert [(t.count, t.words) for t in same.layers] == [(7, ["a", "b"]), (0, [])]


def test_a_nested_container_that_a_file_lacks_is_a_warning(tmp_path):
    class Old(nv.Model):
        def __init__(self, nested, **kwargs):
            super().__init__(**kwargs)
            self.blocks = [layers.Dense(2), [layers.Dense(2)]] if nested else [layers.Dense(2), layers.Dropout(0.0)]

        def call(self, x):
            for block in (self.blocks[0], *(self.blocks[1] if isinstance(self.blocks[1], list) else ())):
                x = block(x)
            return x

    old, new = Old(False), Old(True)
    old(X)
    new(X)
    old.save_weights(tmp_path / "a.weights.h5")
    # `layers` names the inner layer too, and the file has nothing there
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        new.load_weights(tmp_path / "a.weights.h5", skip_mismatch=True)
    assert any("nested container" in str(w.message) for w in seen)
    assert np.array_equal(new.get_weights()[0], old.get_weights()[0])

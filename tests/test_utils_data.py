"""Helpers for data and files: small datasets, windows over series, downloads, drawings of models."""

import hashlib
import io
import sys
import tarfile
import types
import zipfile

import nervure as nv
import numpy as np
import pytest
from nervure import utils
from nervure.utils import file_utils, io_utils, model_visualization


def test_tuples_of_batches():
    for data, parts in (
        ("x", ("x", None, None)),
        (("x",), ("x", None, None)),
        (["x", "y"], ("x", "y", None)),
        (("x", "y", "w"), ("x", "y", "w")),
    ):
        assert utils.unpack_x_y_sample_weight(data) == parts
    with pytest.raises(ValueError, match=r"`\(x, y, sample_weight\)`, found a tuple of 4"):
        utils.unpack_x_y_sample_weight((1, 2, 3, 4))
    pack = utils.pack_x_y_sample_weight
    assert [pack(1), pack([1]), pack(1, 2), pack(1, 2, 3)] == [1, ([1],), (1, 2), (1, 2, 3)]


@pytest.mark.parametrize(
    "sequences, args, words",
    [
        (3, {}, "must be iterable"),
        ([1, 2], {}, "Found non-iterable: 1"),
        ([[1]], {"padding": "middle"}, 'Padding type "middle"'),
        ([[1]], {"truncating": "middle"}, 'Truncating type "middle"'),
        ([[1]], {"value": "x"}, "not compatible with `value`'s type"),
        ([[[1]], [[1, 2]]], {}, "sequence at position 1 is different"),
    ],
)
def test_sequences_that_cannot_be_padded(sequences, args, words):
    with pytest.raises(ValueError, match=words):
        utils.pad_sequences(sequences, **args)


def test_padding_of_words():
    padded = utils.pad_sequences([["a"], ["b", "cc"]], dtype=object, value="-", padding="post")
    assert padded.tolist() == [["a", "-"], ["b", "cc"]]
    assert utils.pad_sequences([[1, 2]], maxlen=0).shape == (1, 0)
    assert utils.pad_sequences([]).shape == (0, 0)


# ---- datasets ----


def test_split_dataset():
    x, y = np.arange(10), np.arange(10) * 2.0
    left, right = utils.split_dataset((x, y), left_size=0.3)
    assert (len(left), len(right)) == (3, 7)
    assert next((int(a), float(b)) for a, b in right) == (3, 6.0)
    assert [a.tolist() for a, _ in left.batch(2)] == [[0, 1], [2]]
    assert len(left.batch(2, drop_remainder=True)) == 1
    assert [len(part) for part in utils.split_dataset([x, y], left_size=2, right_size=0.5)] == [2, 5]
    import random

    order = list(range(10))
    random.seed(5)
    random.shuffle(order)
    random.seed(0)
    state = random.getstate()
    left, right = utils.split_dataset(x, right_size=4, shuffle=True, seed=5)
    assert [int(v) for v in (*left, *right)] == order  # the order Keras takes
    assert random.getstate() == state


@pytest.mark.parametrize(
    "dataset, sizes, error, words",
    [
        ("no", {"left_size": 1}, TypeError, "must be an array or a list/tuple of arrays"),
        (np.arange(4), {}, ValueError, "At least one of the `left_size` or `right_size`"),
        (np.arange(4), {"left_size": 0, "right_size": 0}, ValueError, "are zero"),
        (np.arange(4), {"left_size": 4}, ValueError, "`left_size` should be"),
        (np.arange(4), {"right_size": 1.5}, ValueError, "`right_size` should be"),
        (np.arange(4), {"left_size": "1"}, TypeError, "Invalid `left_size` Type"),
        (np.arange(4), {"left_size": 0.7, "right_size": 0.7}, ValueError, "greater than 1"),
        (np.arange(4), {"left_size": 3, "right_size": 3}, ValueError, "should be smaller than the 4"),
        (np.arange(4), {"left_size": 0.05}, ValueError, "left side dataset split will be empty"),
        ([np.arange(4), np.arange(5)], {"left_size": 1}, ValueError, "different lengths"),
        ([[1, 2]], {"left_size": 1}, ValueError, "Expected a list of `numpy.ndarray`"),
        ([], {"left_size": 1}, ValueError, "empty list dataset"),
        (np.zeros(0), {"left_size": 1}, ValueError, "empty dataset"),
    ],
)
def test_datasets_that_cannot_be_split(dataset, sizes, error, words):
    with pytest.raises(error, match=words):
        utils.split_dataset(dataset, **sizes)


def test_windows_over_a_series():
    data = np.arange(100.0)[:, None] * [1, -1]
    windows = utils.timeseries_dataset_from_array(
        data, np.arange(100), sequence_length=4, sequence_stride=3, sampling_rate=2, batch_size=5, start_index=10,
        end_index=60,
    )  # fmt: skip
    starts = [s for s in range(10, 60, 3) if s + 3 * 2 < 60]
    x, y = (np.concatenate(part) for part in zip(*windows, strict=True))
    assert y.tolist() == starts and len(windows) == -(-len(starts) // 5)
    np.testing.assert_array_equal(x[:, :, 0], [[s, s + 2, s + 4, s + 6] for s in starts])
    np.testing.assert_array_equal(x[:, :, 1], -x[:, :, 0])
    (single,) = utils.timeseries_dataset_from_array(data, None, 3, batch_size=None).take(1)
    assert single.shape == (3, 2)


def test_windows_in_a_random_order():
    def order(dataset):
        return [int(v) for batch in dataset for v in batch[:, 0]]

    make = lambda: utils.timeseries_dataset_from_array(np.arange(50), None, 3, batch_size=7, shuffle=True, seed=4)  # noqa: E731
    one, other = make(), make()
    first, second = order(one), order(one)
    assert sorted(first) == sorted(second) == list(range(48)) and first != second != sorted(second)
    assert [order(other), order(other)] == [first, second]


def test_a_model_learns_from_windows():
    series = np.sin(np.arange(200) * 0.3).astype("float32")
    windows = utils.timeseries_dataset_from_array(series[:-8], series[8:], 8, shuffle=True, batch_size=16)
    model = nv.Sequential([nv.Input((8,)), nv.layers.Dense(1)])
    model.compile(nv.optimizers.Adam(0.05), "mse")
    run = model.fit(windows, epochs=30, verbose=0)
    assert run.history["loss"][-1] < 0.01


@pytest.mark.parametrize(
    "args, words",
    [
        ({"start_index": -1}, "`start_index` must be"),
        ({"start_index": 10}, "`start_index` must be"),
        ({"end_index": 10}, "`end_index` must be"),
        ({"start_index": 5, "end_index": 5}, "`end_index` must be"),
        ({"sampling_rate": 0}, "`sampling_rate` must be"),
        ({"sequence_stride": 10}, "`sequence_stride` must be"),
        ({"format": "list"}, "`format` should be"),
        ({"sequence_length": 0}, "`sequence_length` must be"),
        ({"batch_size": 0}, "`batch_size` must be"),
    ],
)
def test_windows_that_do_not_fit(args, words):
    with pytest.raises(ValueError, match=words):
        utils.timeseries_dataset_from_array(np.arange(10), None, **({"sequence_length": 3} | args))


# ---- files ----


def test_get_file_keeps_checks_and_fetches_again(tmp_path, capsys):
    source, cache = tmp_path / "data.bin", tmp_path / "cache"
    source.write_bytes(b"one" * 50000)
    first = hashlib.sha256(source.read_bytes()).hexdigest()
    path = utils.get_file(origin=source.as_uri(), cache_dir=cache, cache_subdir="sub")
    assert path == str(cache / "sub" / "data.bin")
    assert "Downloading data from file://" in capsys.readouterr().out
    source.write_bytes(b"two")
    assert utils.get_file(origin=source.as_uri(), cache_dir=cache, cache_subdir="sub", file_hash=first) == path
    assert capsys.readouterr().out == "" and file_utils.hash_file(path) == first
    second = hashlib.md5(b"two").hexdigest()
    utils.get_file(origin=source.as_uri(), cache_dir=cache, cache_subdir="sub", md5_hash=second)
    assert "re-download" in capsys.readouterr().out and (cache / "sub" / "data.bin").read_bytes() == b"two"
    source.write_bytes(b"three")
    utils.get_file(origin=source.as_uri(), cache_dir=cache, cache_subdir="sub", force_download=True)
    assert (cache / "sub" / "data.bin").read_bytes() == b"three"


def test_a_failed_download_changes_nothing(tmp_path):
    source = tmp_path / "data.bin"
    source.write_bytes(b"good")
    options = {"origin": source.as_uri(), "cache_dir": tmp_path, "force_download": True}
    path = utils.get_file(**options)
    source.write_bytes(b"bad")
    with pytest.raises(ValueError, match="Incomplete or corrupted file"):
        utils.get_file(file_hash=hashlib.sha256(b"good").hexdigest(), **options)
    source.unlink()
    with pytest.raises(OSError, match="URL fetch failure on file://"):
        utils.get_file(**options)
    assert [p.read_bytes() for p in (tmp_path / "datasets").iterdir()] == [b"good"] and path.endswith("data.bin")
    for args, words in (
        ({}, 'specify the "origin"'),
        ({"origin": "http://x/"}, "Can't parse the file name"),
        ({"origin": "http://x/y", "fname": "../up"}, "Paths are no longer accepted"),
        ({"origin": "http://x/y", "fname": ".."}, "Paths are no longer accepted"),
        ({"origin": "http://x/y", "hash_algorithm": "crc"}, "`hash_algorithm`"),
    ):
        with pytest.raises(ValueError, match=words):
            utils.get_file(cache_dir=tmp_path, **args)


def test_the_cache_is_keras_home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    (tmp_path / "a.txt").write_text("a")
    assert utils.get_file(origin=(tmp_path / "a.txt").as_uri()) == str(tmp_path / "home" / "datasets" / "a.txt")


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_archives_stay_where_they_are_unpacked(tmp_path, kind):
    source = tmp_path / f"a.{kind}"
    if kind == "tar":
        with tarfile.open(source, "w") as archive:
            for name in ("in/side.txt", "../../evil.txt", f"{tmp_path}/evil.txt"):
                info = tarfile.TarInfo(name)
                info.size = 2
                archive.addfile(info, io.BytesIO(b"hi"))
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
            archive.addfile(link)
            through = tarfile.TarInfo("link/evil.txt")
            archive.addfile(through, io.BytesIO(b""))
    else:
        with zipfile.ZipFile(source, "w") as archive:
            archive.writestr("in/side.txt", "hi")
            archive.writestr("../../evil.txt", "hi")
    with pytest.warns(UserWarning, match="Skipping invalid path"):
        path = utils.get_file(f"b.{kind}", source.as_uri(), cache_dir=tmp_path / "cache", extract=True)
    assert path == str(tmp_path / "cache" / "datasets" / "b_extracted")
    assert (tmp_path / "cache" / "datasets" / "b_extracted" / "in" / "side.txt").read_text() == "hi"
    assert not list(tmp_path.rglob("evil.txt")) or kind == "tar"  # a folder of that name may be made inside
    assert not (tmp_path / "evil.txt").exists() and not (tmp_path / "cache" / "evil.txt").exists()
    source.write_text("no archive")
    with pytest.warns(UserWarning, match="Could not extract"):
        utils.get_file("c.txt", source.as_uri(), cache_dir=tmp_path / "cache", extract=True)


# ---- messages ----


def test_messages_go_to_the_log(caplog, capsys):
    x = np.ones((4, 2), "float32")
    model = nv.Sequential([nv.Input((2,)), nv.layers.Dense(1)])
    model.compile("sgd", "mse")
    utils.disable_interactive_logging()
    try:
        assert not nv.config.is_interactive_logging_enabled()
        with caplog.at_level("INFO", logger="nervure"):
            model.fit(x, x[:, 0], epochs=2, verbose=2)
    finally:
        utils.enable_interactive_logging()
    assert capsys.readouterr().out == ""
    assert caplog.messages[0] == "Epoch 1/2" and "loss" in caplog.messages[1]
    io_utils.set_logging_verbosity("ERROR")
    io_utils.set_logging_verbosity("INFO")
    with pytest.raises(ValueError, match="Received: LOUD"):
        io_utils.set_logging_verbosity("LOUD")


def test_asking_before_a_file_is_replaced(monkeypatch, capsys):
    answers = ["maybe", "N", "y"]
    monkeypatch.setattr("builtins.input", lambda prompt: answers.pop(0))
    assert not io_utils.ask_to_proceed_with_overwrite("x")
    assert io_utils.ask_to_proceed_with_overwrite("x") and "overwrite=True" in capsys.readouterr().out


def test_flags():
    config = nv.config
    assert config.is_traceback_filtering_enabled()
    config.disable_traceback_filtering()
    assert not config.is_traceback_filtering_enabled()
    config.enable_traceback_filtering()
    assert not config.is_flash_attention_enabled() and not config.is_nnx_enabled()
    config.set_backend("nervure")
    with pytest.raises(ValueError, match="backend"):
        config.set_backend("torch")
    with pytest.raises(ValueError, match="runs no code"):
        config.enable_unsafe_deserialization()


# ---- drawings of models ----


class Thing:
    """Stands for pydot's nodes, edges and graphs."""

    def __init__(self, *names, **attributes):
        self.names, self.attributes, self.nodes, self.edges, self.inner = names, attributes, [], [], []

    def set(self, key, value):
        self.attributes[key] = value

    def set_node_defaults(self, **attributes):
        self.attributes |= attributes

    def add_node(self, node):
        self.nodes.append(node)

    def add_edge(self, edge):
        self.edges.append(edge.names)

    def add_subgraph(self, graph):
        self.inner.append(graph)

    def create(self):
        return b""

    def write(self, path, format):
        with open(path, "w") as file:
            file.write(format)


@pytest.fixture
def drawn(monkeypatch):
    fake = types.SimpleNamespace(Dot=Thing, Cluster=Thing, Node=Thing, Edge=Thing)
    monkeypatch.setattr(model_visualization, "_pydot", lambda: fake)


def test_the_graph_of_a_model(drawn, tmp_path):
    x = nv.Input((4,), name="x")
    a, b = nv.layers.Dense(3, activation="tanh", name="a<1>"), nv.layers.Dense(3, name="b")
    b.trainable = False
    merge = nv.layers.Add(name="sum")
    model = nv.Model(x, merge([a(x), b(x)]))
    everything = dict.fromkeys(("show_shapes", "show_dtype", "show_layer_activations", "show_trainable"), True)
    dot = utils.model_to_dot(model, **everything)
    ids = {name: str(id(layer)) for name, layer in zip(("x", "a", "b", "sum"), model.layers, strict=True)}
    assert {n.names[0] for n in dot.nodes} == set(ids.values())
    assert set(dot.edges) == {
        (ids["x"], ids["a"]), (ids["x"], ids["b"]), (ids["a"], ids["sum"]), (ids["b"], ids["sum"])
    }  # fmt: skip
    labels = {n.names[0]: n.attributes["label"] for n in dot.nodes}
    first = labels[ids["a"]]
    for words in ("<b>a&lt;1&gt;</b> (Dense)", "(None, 4)", "(None, 3)", "float32", "tanh", "<b>Trainable</b>"):
        assert words in first
    assert "Non-trainable" in labels[ids["b"]] and "Input shape" not in labels[ids["x"]]
    utils.plot_model(model, tmp_path / "m.dot")
    assert (tmp_path / "m.dot").read_text() == "dot"


def test_the_graph_of_nested_models(drawn):
    inner = nv.Sequential([nv.Input((4,)), nv.layers.Dense(4), nv.layers.ReLU()], name="inner")
    model = nv.Sequential([nv.Input((4,)), nv.layers.Dense(4), inner, nv.layers.Dense(1)])
    dot = utils.model_to_dot(model, expand_nested=True)
    first, _, last = model.layers
    assert [len(part.nodes) for part in (dot, *dot.inner)] == [2, 2]
    assert dot.edges == [(str(id(a)), str(id(b))) for a, b in ((first, inner.layers[0]), (inner.layers[1], last))]
    assert utils.model_to_dot(model).edges == [
        (str(id(a)), str(id(b))) for a, b in zip(model.layers, model.layers[1:], strict=False)
    ]


def test_drawings_need_what_they_need(monkeypatch):
    model = nv.Sequential([nv.Input((4,)), nv.layers.Dense(4)])
    for name in ("pydot", "pydot_ng", "pydotplus"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"pip install pydot.* for model_to_dot"):
        utils.model_to_dot(model)
    with pytest.raises(ImportError, match=r"pip install pydot.* for `plot_model`"):
        utils.plot_model(model)
    with pytest.raises(ValueError, match="not yet been built"):
        utils.plot_model(nv.Sequential([nv.layers.Dense(1)]))
    with pytest.raises(ValueError, match="layer_range"):
        utils.plot_model(model, layer_range=(0, 1))
    with pytest.raises(ValueError, match=r"Unrecognized keyword arguments: {'color'"):
        utils.model_to_dot(model, color="red")

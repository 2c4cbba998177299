"""The rules of the house, as tests: what may include what, how long a file may be, that everything has its test row."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import nervure as nv
import pytest
from golden import cases

ROOT = Path(__file__).parent.parent
CSRC = ROOT / "csrc"
LAYERS = ("runtime", "kernels", "graph", "ops", "train", "optimize", "module")  # each may include those up to itself
C_FILES = sorted(p for p in CSRC.rglob("*") if p.suffix in (".c", ".h", ".inc"))
FOLDERS = ("csrc", "python", "tests", "benchmarks", "docs", "examples", ".ci")
SUFFIXES = (".c", ".h", ".inc", ".py", ".pyi", ".sh", ".md", ".toml", ".ipynb", "")


def texts() -> Iterator[Path]:
    """Every file that people write."""
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            inside = path.relative_to(ROOT / folder).parts
            if path.is_file() and path.suffix in SUFFIXES and not any(p.startswith((".", "_")) for p in inside[:-1]):
                yield path
    yield from (p for p in ROOT.iterdir() if p.suffix in (".md", ".toml", ".py") or p.name == "Makefile")


def code(path: Path) -> str:
    """C without its comments and strings."""
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', " ", path.read_text(), flags=re.S)


def includes(path: Path) -> list[str]:
    return re.findall(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', path.read_text(), flags=re.M)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_tree_is_seen() -> None:
    assert len(C_FILES) > 30 and {p.relative_to(CSRC).parts[0] for p in C_FILES} == {*LAYERS, "include"}


@pytest.mark.parametrize("path", C_FILES, ids=name)
def test_includes_point_down(path: Path) -> None:
    folder = path.relative_to(CSRC).parts[0]
    allowed = () if folder == "include" else LAYERS[: LAYERS.index(folder) + 1]
    for header in includes(path):
        first = header.split("/")[0]
        if (CSRC / header).exists():
            assert first in allowed, f"{name(path)} includes {header}"
        elif header.startswith(("Python.h", "numpy/", "structmember.h")):
            assert folder == "module", f"{name(path)} includes {header}; only csrc/module may"
        elif (path.parent / header).exists():
            assert path.parent.name == "isa" or header.endswith(".inc"), (
                f"{name(path)} includes {header} without its folder"
            )
        else:
            assert header == "nervure.h" or "/" not in header or header.startswith(("sys/", "linux/")), (
                f"{name(path)}: {header}"
            )


def test_one_file_sees_numpys_headers() -> None:
    assert [name(p) for p in C_FILES if any(h.startswith("numpy/arrayobject") for h in includes(p))] == [
        "csrc/module/array.c"
    ]


@pytest.mark.parametrize("path", C_FILES, ids=name)
def test_the_core_never_ends_the_process_or_prints(path: Path) -> None:
    banned = r"\b(abort|_?exit|quick_exit|assert|longjmp|setjmp|v?f?printf|f?puts|putchar|perror|system)\s*\("
    found = re.search(banned, code(path))
    assert not found, f"{name(path)} calls {found[1]}"


@pytest.mark.parametrize("path", C_FILES, ids=name)
def test_memory_comes_from_one_place(path: Path) -> None:
    if name(path) != "csrc/runtime/alloc.c":
        found = re.search(r"\b(malloc|calloc|realloc|aligned_alloc|posix_memalign|free)\s*\(", code(path))
        assert not found, f"{name(path)} calls {found[1]}; use nv_alloc"


def test_the_core_knows_no_op_by_name() -> None:
    """csrc/graph knows an op only as a row of the table it was handed; `full` is how it writes a constant."""
    allowed = {"full"}
    for path in (CSRC / "graph").glob("*.c"):
        words = re.findall(r'strcmp\([^;]*?"(\w+)"\s*\)', path.read_text())
        assert set(words) <= allowed, f"{name(path)} asks for {sorted(set(words) - allowed)}"


@pytest.mark.parametrize("path", sorted(set(texts())), ids=name)
def test_a_file_is_a_room(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 800, f"{name(path)} has {text.count(chr(10))} lines"
    assert not text or text.endswith("\n"), f"{name(path)} lacks a last newline"


@pytest.mark.parametrize("path", sorted(set(texts())), ids=name)
def test_nothing_is_left_for_later(path: Path) -> None:
    words = "TO.DO FIX.ME XX.X HA.CK place.holder W.IP".replace(".", "").split()
    found = re.search(rf"\b({'|'.join(words)})\b", path.read_text())
    assert not found, f"{name(path)} says {found[0]}"


def classes(module: object, base: type) -> list[str]:
    found = [getattr(module, n) for n in module.__all__ if inspect.isclass(getattr(module, n))]
    return sorted({c.__name__ for c in found if issubclass(c, base) and c is not base})


def test_every_layer_has_a_golden_case() -> None:
    text = "".join(path.read_text() for path in sorted((ROOT / "tests" / "golden").glob("cases*.py")))
    missing = [c for c in classes(nv.layers, nv.layers.Layer) if not re.search(rf"\b(L|layers)\.{c}\(", text)]
    assert missing in ([], ["InputLayer"])


def test_every_loss_has_a_golden_case() -> None:
    rows = {row[0] for row in cases.LOSSES.values()}
    assert set(classes(nv.losses, nv.losses.Loss)) - {"LossFunctionWrapper"} == rows


def test_every_metric_has_a_golden_case() -> None:
    rows = {row[0] for row in cases.METRICS.values()}
    assert set(classes(nv.metrics, nv.metrics.Metric)) - {"MeanMetricWrapper"} == rows


def test_every_optimizer_has_a_golden_case() -> None:
    """Those of whole batches have no counterpart in Keras; test_full_batch_classes.py has a row for each."""
    rows = {row[0] for row in cases.OPTIMIZERS.values()}
    full_batch = set(classes(nv.optimizers, nv.optimizers.FullBatchOptimizer)) | {"FullBatchOptimizer"}
    assert set(classes(nv.optimizers, nv.optimizers.Optimizer)) - full_batch == rows


def test_every_initializer_and_activation_has_a_golden_case() -> None:
    assert set(classes(nv.initializers, nv.initializers.Initializer)) == {row[0] for row in cases.INITIALIZERS.values()}
    functions = {n for n in nv.activations.__all__ if inspect.isfunction(getattr(nv.activations, n))}
    assert functions - {"get", "serialize", "deserialize", "threshold"} == set(cases.ACTIVATIONS)


def test_every_op_says_what_it_is() -> None:
    """One line of documentation, and where tests may sample it: the gradient checks go by these."""
    table = nv._core.op_table()
    assert len(table) > 80 and len({row["name"] for row in table}) == len(table)
    for row in table:
        assert row["hidden"] or row["doc"], row["name"]
        if row["differentiable"] and row["min_in"] > 0:
            assert row["domain"], row["name"]


def commands() -> list[str]:
    """The command lines in README's code blocks, in order."""
    blocks = re.findall(r"^```(?:sh|bash|console)?\n(.*?)^```", (ROOT / "README.md").read_text(), flags=re.M | re.S)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def test_readme_begins_with_its_two_commands() -> None:
    run, test = commands()[:2]
    assert "pip install ." in run and run.endswith("-m nervure demo")
    assert "pip install" in test and "[dev]" in test and test.endswith("pytest")
    script = (ROOT / ".ci" / "run").read_text()
    assert "README.md" in script and script.startswith("#!/usr/bin/env bash\n") and "set -eu" in script


def test_the_programs_in_readme_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), flags=re.M | re.S)
    assert len(blocks) >= 2
    known: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), known)
    assert known["history"].history["val_accuracy"][-1] > 0.9  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "document", ["README.md", "CONTRIBUTING.md", "csrc/README.md", "docs/coming-from-keras.md", "docs/full-batch.md"]
)
def test_documents_name_files_that_exist(document: str) -> None:
    pattern = r"`((?:csrc|python|tests|benchmarks|docs|examples|\.ci)/[\w./-]+)`"
    for path in re.findall(pattern, (ROOT / document).read_text()):
        assert (ROOT / path).exists(), f"{document} names {path}"

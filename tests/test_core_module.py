"""The extension as a module: its stub tells the truth, its functions take and refuse what they say."""

import ast
import gc
import importlib.machinery
import importlib.util
import inspect
import os
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
from nervure import _core

STUB = ast.parse(Path(_core.__file__).with_name("_core.pyi").read_text())
CLASSES = {c.name: c for c in STUB.body if isinstance(c, ast.ClassDef)}


def stub_parameters(function: ast.FunctionDef) -> list[tuple[str, object, object]]:
    """(name, kind, default) of a stub's function, without self."""
    kinds, a = inspect.Parameter, function.args
    plain = [*a.posonlyargs, *a.args]
    defaults = [inspect.Parameter.empty] * (len(plain) - len(a.defaults)) + [ast.literal_eval(d) for d in a.defaults]
    first = [kinds.POSITIONAL_ONLY] * len(a.posonlyargs) + [kinds.POSITIONAL_OR_KEYWORD] * len(a.args)
    given = zip(plain, first, defaults)
    out = [(p.arg, kind, d) for p, kind, d in given if p.arg not in ("self", "cls")]
    out += [(p.arg, kinds.KEYWORD_ONLY, ast.literal_eval(d)) for p, d in zip(a.kwonlyargs, a.kw_defaults) if d]
    if a.vararg:
        out.append((a.vararg.arg, kinds.VAR_POSITIONAL, kinds.empty))
    if a.kwarg:
        out.append((a.kwarg.arg, kinds.VAR_KEYWORD, kinds.empty))
    return out


def runtime_parameters(thing: object) -> list[tuple[str, object, object]]:
    return [(p.name, p.kind, p.default) for p in inspect.signature(thing).parameters.values() if p.name != "self"]


def public(names) -> set[str]:
    return {n for n in names if not n.startswith("_")}


def test_stub_names_the_module():
    functions = {f.name for f in STUB.body if isinstance(f, ast.FunctionDef)}
    assert public(vars(_core)) == functions | set(CLASSES)


@pytest.mark.parametrize("function", [f for f in STUB.body if isinstance(f, ast.FunctionDef)], ids=lambda f: f.name)
def test_stub_of_function(function):
    assert runtime_parameters(getattr(_core, function.name)) == stub_parameters(function)


@pytest.mark.parametrize("name", CLASSES)
def test_stub_of_class(name):
    cls = getattr(_core, name)
    body = {f.name: f for f in CLASSES[name].body if isinstance(f, ast.FunctionDef)}
    assert public(vars(cls)) == public(body)
    for method, function in body.items():
        if any(isinstance(d, ast.Name) and d.id == "property" for d in function.decorator_list):
            assert inspect.isgetsetdescriptor(vars(cls)[method])
        elif method == "__new__":
            assert runtime_parameters(cls) == stub_parameters(function)
        elif method != "__len__":
            assert runtime_parameters(vars(cls)[method]) == stub_parameters(function), method


@pytest.mark.parametrize("name", CLASSES)
def test_types_are_final_and_immutable(name):
    cls = getattr(_core, name)
    assert cls.__module__ == "nervure._core" and cls.__doc__
    with pytest.raises(TypeError):
        type("Sub", (cls,), {})
    with pytest.raises(TypeError):
        cls.anything = 1


@pytest.mark.parametrize("name", ["Node", "Plan"])
def test_made_only_by_graphs(name):
    with pytest.raises(TypeError, match="cannot create"):
        getattr(_core, name)()


def test_everything_is_documented():
    for name in public(vars(_core)):
        assert inspect.getdoc(getattr(_core, name)), name


def test_op_table_rows():
    rows = _core.op_table()
    assert len({r["name"] for r in rows}) == len(rows) > 0
    for r in rows:
        assert set(r) == {
            *("name", "attrs", "doc", "domain", "min_in", "max_in", "elementwise", "differentiable", "hidden")
        }
        assert 0 <= r["min_in"] <= r["max_in"] and all(type(r[k]) is bool for k in ("elementwise", "hidden"))


def test_config_and_threads():
    before = _core.config()
    assert before["isa"] in before["isas"].split(",") and before["cpus"] >= 1 and before["compiler"]
    try:
        for n in (1, 3):
            _core.set_threads(n=n)
            assert _core.config()["threads"] == n
        for bad, error in ((0, ValueError), (-1, ValueError), (257, ValueError), (2**70, ValueError), (1.0, TypeError)):
            with pytest.raises(error, match="set_threads"):
                _core.set_threads(bad)
        with pytest.raises(TypeError, match="set_threads"):
            _core.set_threads(True)
    finally:
        _core.set_threads(before["threads"])


def test_permutation():
    for n in (0, 1, 2, 1000):
        p = _core.permutation(seed=7, stream=2**64 - 1, n=n)
        assert p.dtype == np.int64 and p.flags.owndata and np.array_equal(np.sort(p), np.arange(n))
    with pytest.raises(ValueError, match="must not be negative"):
        _core.permutation(0, 0, -1)
    with pytest.raises((ValueError, MemoryError)):
        _core.permutation(0, 0, 2**62)
    for seed in (-1, 2**64):
        with pytest.raises(ValueError, match="permutation's seed"):
            _core.permutation(seed, 0, 3)
    with pytest.raises(TypeError, match="permutation's stream"):
        _core.permutation(0, 0.5, 3)


def test_argument_errors_are_pythons():
    with pytest.raises(TypeError, match="missing the argument 'n'"):
        _core.permutation(0, 0)
    with pytest.raises(TypeError, match="at most 3"):
        _core.permutation(0, 0, 1, 2)
    with pytest.raises(TypeError, match="multiple values for argument 'seed'"):
        _core.permutation(0, 0, 1, seed=1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'sead'"):
        _core.permutation(0, 0, sead=1)


def test_two_instances_of_the_module_do_not_mix():
    loader = importlib.machinery.ExtensionFileLoader("nervure._core", _core.__file__)
    other = importlib.util.module_from_spec(importlib.util.spec_from_loader("nervure._core", loader))
    loader.exec_module(other)
    assert other.Graph is not _core.Graph
    graph, alien = _core.Graph(), other.Graph()
    with pytest.raises(TypeError, match="expected a Node"):
        graph.op("add", [alien.input((1,), "float32"), alien.input((1,), "float32")])
    with pytest.raises(TypeError, match="expected a Variable"):
        graph.variable(other.Variable((1,)))


def test_unknown_isa_is_refused_at_import():
    env = {**os.environ, "NERVURE_ISA": "abacus", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", "import nervure._core"], env=env, capture_output=True, text=True)
    assert run.returncode == 1 and "ValueError" in run.stderr and "abacus" in run.stderr


def test_a_bound_attribute_is_given_back() -> None:
    class Owner:
        x = 1

    owner = Owner()
    bound = _core.Bound(owner, "x", 2)
    for _ in range(2):
        with bound as value:
            assert value == owner.x == 2
            with pytest.raises(RuntimeError, match="once at a time"):
                bound.__enter__()
        assert owner.x == 1
    with pytest.raises(RuntimeError, match="not entered"):
        bound.__exit__(None, None, None)
    with pytest.raises(KeyError), bound:
        raise KeyError
    assert owner.x == 1
    with pytest.raises(AttributeError), _core.Bound(owner, "y", 2):
        pass
    with pytest.raises(TypeError):
        _core.Bound(owner, 1, 2)  # type: ignore[arg-type]
    cycle = _core.Bound(owner, "x", 0)
    owner.cycle = cycle  # type: ignore[attr-defined]
    known = weakref.ref(owner)
    del owner, bound, cycle
    gc.collect()
    assert known() is None


@pytest.mark.parametrize("dtype", ["f4", "f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "?"])
def test_within(dtype):
    rng = np.random.default_rng(0)
    for n in (0, 1, 7, 64, 1001):
        a = (rng.random(n) * 2).astype(dtype) if dtype == "?" else (rng.random(n) * 100).astype(dtype)
        low, high = (float(a.min()), float(a.max())) if n else (0.0, 0.0)
        assert _core.within(a, low, high) is True
        assert _core.within(a, low, high, whole=True) is (a == np.floor(a.astype("f8"))).all().item()
        if n:
            assert _core.within(a, low + 0.5, high) is False and _core.within(a, low, high - 0.5) is False
    assert _core.within(np.ones((4, 4), dtype)[:, ::2], 0, 1) is None


def test_within_on_what_is_no_number_or_no_plain_array():
    assert _core.within(np.array([0, np.nan]), -1e300, 1e300) is False
    assert _core.within(np.array([0, np.inf], "f4"), -1e300, 1e300) is False
    for odd in ([1.0], np.array([1], ">f4"), np.array(["a"]), np.array([1j]), None):
        assert _core.within(odd, 0, 1) is None
    with pytest.raises(TypeError):
        _core.within(np.ones(2), "a", 1)

"""The examples in the docstrings of all modules."""

import doctest
import importlib
import inspect
import pkgutil

import nervure
import numpy as np
import pytest
from nervure.backend import clear_session

MODULES = sorted(
    name
    for _, name, _ in pkgutil.walk_packages(nervure.__path__, "nervure.")
    if not name.endswith(("_core", "__main__"))
)


def examples(module):
    """All doctests of a module. Ops are wrappers whose code is elsewhere, so doctest's own search passes them by."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = finder.find(module, module.__name__)
    names = {test.name for test in found}
    for name, value in vars(module).items():
        if getattr(value, "__module__", None) == module.__name__ and hasattr(value, "__wrapped__"):
            full = f"{module.__name__}.{name}"
            if full not in names:
                found += finder.find(inspect.unwrap(value), full, module, globs=dict(vars(module)))
    return [test for test in found if test.examples]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    clear_session()  # names begin anew
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    with np.printoptions(legacy=False):
        for test in examples(module):
            runner.run(test)
    assert runner.failures == 0


PUBLIC = [name for name in nervure.__all__ if inspect.ismodule(getattr(nervure, name))]
SOME_HAVE_EXAMPLES = ("layers", "losses", "metrics", "ops", "optimizers")


def public(module):
    """(name, object, its own docstring) of all functions and classes that a module offers."""
    for name in module.__all__:
        value = getattr(module, name)
        if not inspect.ismodule(value):
            text = vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__
            yield name, value, text or ""


@pytest.mark.parametrize("name", ["", *PUBLIC, "datasets.digits"])
def test_every_public_name_says_what_it_is(name):
    """In its own words, not those of a base class; and, outside of the large modules, with an example that is run."""
    module = importlib.import_module(f"nervure.{name}".rstrip("."))
    assert module.__doc__
    assert not [found for found, _, text in public(module) if not text.strip()]
    for found, value, text in public(module):
        home = inspect.unwrap(value).__module__.removeprefix("nervure.").split(".")[0]
        assert ">>>" in text or home in SOME_HAVE_EXAMPLES, found


def test_ops_have_examples():
    assert len(examples(importlib.import_module("nervure.ops.nn"))) >= 5

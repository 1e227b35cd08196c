"""Examples in docstrings of growth/ and models/ show what they say."""

import doctest
import importlib
import pkgutil

import pytest

import growth
import models


def _examples(package):
    """The docstrings with examples of all modules of a package, by name."""
    names = [m.name for m in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test for name in names for test in finder.find(importlib.import_module(name))]
    return {test.name: test for test in found if test.examples}


_EXAMPLES = _examples(growth) | _examples(models)


def test_examples_are_found_in_both_packages():
    assert {"growth.methods.gradmax.GradMax", "models.cost.parameters"} <= _EXAMPLES.keys()


@pytest.mark.parametrize("name", _EXAMPLES)
def test_an_example_shows_what_it_says(name):
    said = []
    doctest.DocTestRunner(verbose=False).run(_EXAMPLES[name], out=said.append)
    if said:
        pytest.fail("".join(said), pytrace=False)

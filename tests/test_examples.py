"""The examples in the docstrings of the names that users import are run, and say what is printed there."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

#: The names that users import, by the package they import them from.
FRONT_DOORS = {
    "chemspace": ("Cation", "CationLibrary", "Compound", "CompoundSpace", "parse_formula"),
    "chemspace.crystal": ("build_structure",),
    "oracle": ("OracleStore", "Protocol", "compound_descriptors", "describe"),
    "screening": ("SpinDataset", "TrainingRows", "cross_validate", "fit_surrogate", "suggest_from_pool"),
    "campaigns": ("Campaign", "CampaignConfig"),
    "campaigns.kinetics": ("fit_trace", "read_trace"),
}
NAMES = [f"{package}:{name}" for package, names in FRONT_DOORS.items() for name in names]


@pytest.mark.parametrize("where", NAMES)
def test_the_example_of_a_name_that_users_import_runs(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    package, _, name = where.partition(":")
    thing = getattr(import_module(package), name)
    finder = doctest.DocTestFinder(recurse=False)
    (example,) = finder.find(thing, name, module=False, globs={})
    printed: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(example, out=printed.append)
    result = runner.summarize(verbose=False)
    assert result.attempted > 0
    assert not result.failed, "".join(printed)

"""One process that runs the commands of these tests, in a folder with copies of what a release wrote."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.golden.commands import Commands
from tests.golden.views import copies


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """The command line, with a folder to each file of tests: what one leaves there, another would list."""
    folder = tmp_path_factory.mktemp("golden")
    with Commands(folder, copies(folder)) as commands:
        yield commands

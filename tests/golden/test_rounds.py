"""A new campaign suggests the same first compounds, whatever it ranks by."""

from __future__ import annotations

import pytest

from tests.golden.commands import GOLDEN, Commands
from tests.golden.comparison import assert_same
from tests.golden.logs import ACQUISITIONS
from tests.golden.rounds import first_round


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
def test_a_new_campaign_suggests_the_same_first_round(run: Commands, acquisition: str) -> None:
    assert_same(GOLDEN / "rounds" / f"{acquisition}.json", first_round(run, acquisition))

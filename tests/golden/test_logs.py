"""Campaigns that an earlier release wrote: they open, say what they said, give the same rounds again, and go on."""

from __future__ import annotations

import pytest

from tests.golden.commands import GOLDEN, Commands
from tests.golden.comparison import SAME, SAME_RANKING, assert_same
from tests.golden.logs import CAMPAIGNS
from tests.golden.views import RELEASE, goes_on, read_views, replays, suggested_again

pytestmark = pytest.mark.parametrize("name", CAMPAIGNS)


def test_an_old_log_opens_and_says_what_it_said(run: Commands, name: str) -> None:
    for file, view in read_views(run, name).items():
        assert_same(GOLDEN / RELEASE / name / file, view)


def test_asked_again_an_old_campaign_suggests_what_it_suggested(run: Commands, name: str) -> None:
    assert_same(GOLDEN / RELEASE / name / "suggested.json", suggested_again(run, name))


def test_an_old_round_comes_out_the_same_when_it_is_computed_again(run: Commands, name: str) -> None:
    assert_same(GOLDEN / RELEASE / name / "replays.json", replays(run, name))


def test_an_old_campaign_goes_on_and_ranks_as_it_did(run: Commands, name: str) -> None:
    for file, told in goes_on(run, name).items():
        assert_same(GOLDEN / RELEASE / name / file, told, SAME_RANKING if file == "ranking.json" else SAME)

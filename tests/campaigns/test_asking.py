"""Asking is not acting: a round stays as it is until results come in or further suggestions are asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from campaigns import Campaign
from campaigns.events import EventKind, Stage
from tests.campaigns.cli.test_described import run
from tests.campaigns.conftest import Launched


def n_events(campaign: Campaign) -> int:
    return len(campaign.events())


def ingest(campaign: Campaign, path: Path, *rows: str) -> None:
    path.write_text("\n".join(["formula,lifetime_ps", *rows]) + "\n")
    campaign.ingest(path)


def test_whatever_becomes_of_its_suggestions_a_round_stays_the_same_list(campaign: Campaign) -> None:
    batch = campaign.suggest()
    accepted, declined, abandoned, stale, *_ = (s.formula for s in batch.suggestions)
    for formula, stage in (
        (accepted, Stage.ACCEPTED),
        (declined, Stage.DECLINED),
        (abandoned, Stage.ABANDONED),
        (stale, Stage.STALE),
    ):
        campaign.step(formula, stage, reason="a test")
        before = n_events(campaign)
        assert campaign.suggest() == batch
        assert n_events(campaign) == before


def test_more_is_beside_all_that_was_suggested_on_the_same_data_and_stays_then(campaign: Campaign) -> None:
    first = [s.formula for s in campaign.suggest().suggestions]
    campaign.step(first[0], Stage.ABANDONED, reason="a test")
    more = campaign.suggest(2, more=True)
    assert not {s.formula for s in more.suggestions} & set(first)
    assert campaign.suggest(2) == more
    assert [s.formula for s in campaign.suggest().suggestions] == first
    further = campaign.suggest(2, more=True)
    assert not {s.formula for s in further.suggestions} & {*first, *(s.formula for s in more.suggestions)}


def test_suggestions_that_nobody_took_up_expire_with_the_next_round(campaign: Campaign, results: Path) -> None:
    accepted, measured, *left = (s.formula for s in campaign.suggest().suggestions)
    campaign.step(accepted, Stage.ACCEPTED)
    ingest(campaign, results, f"{measured},0.5")
    assert campaign.state.pending == (accepted,)
    assert {campaign.state.stages[formula] for formula in left} == {Stage.SUGGESTED}
    second = {s.formula for s in campaign.suggest().suggestions}
    assert not {accepted, measured} & second
    for formula in left:
        assert campaign.state.stages[formula] is (Stage.SUGGESTED if formula in second else Stage.STALE)
    assert campaign.state.pending == (accepted,)
    assert all(campaign.replay(number).same for number in (1, 2))
    assert Campaign.open(campaign.folder).state == campaign.state


@pytest.mark.parametrize(
    "ask",
    [
        lambda campaign: campaign.report(),
        lambda campaign: campaign.status(),
        lambda campaign: campaign.predict("(PA)2PbI4"),
        lambda campaign: campaign.history(),
        lambda campaign: campaign.table("suggestions"),
    ],
    ids=["report", "status", "explain", "log", "table"],
)
def test_looking_at_a_campaign_after_new_results_changes_nothing(
    campaign: Campaign, results: Path, ask: Callable[[Campaign], object]
) -> None:
    ingest(campaign, results, "(PA)2PbI4,0.5")
    before, state = n_events(campaign), campaign.state
    ranking = (campaign.folder / "ranking.csv").read_bytes()
    ask(campaign)
    campaign.refresh()
    assert (n_events(campaign), campaign.state) == (before, state)
    assert (campaign.folder / "ranking.csv").read_bytes() == ranking


def test_a_report_after_new_results_shows_the_last_round_as_outdated(campaign: Campaign, results: Path) -> None:
    first, second, *_ = campaign.suggest().suggestions
    campaign.step(second.formula, Stage.DECLINED, reason="a test")
    html = campaign.report().read_text(encoding="utf-8")
    assert "Outdated" not in html
    assert ">declined</span>" in html
    ingest(campaign, results, f"{first.formula},0.5")
    assert "Outdated: results have come in since" in campaign.report().read_text(encoding="utf-8")


def test_open_suggestions_are_let_go_together(campaign: Campaign, launched: Launched) -> None:
    accepted, *open_ = (s.formula for s in campaign.suggest().suggestions)
    campaign.step(accepted, Stage.ACCEPTED)
    done = run(launched, "outcome", campaign.folder, "stale", "--all", "--reason", "new start")
    assert done.exit_code == 0, done.output
    campaign.refresh()
    assert {campaign.state.stages[formula] for formula in open_} == {Stage.STALE}
    assert campaign.state.stages[accepted] is Stage.ACCEPTED
    steps = [event.payload for event in campaign.events() if event.kind is EventKind.STEPPED][1:]
    assert {step["reason"] for step in steps} == {"new start"}
    assert "no suggestion is open" in run(launched, "outcome", campaign.folder, "stale", "--all").output
    assert run(launched, "outcome", campaign.folder, accepted, "stale", "--all").exit_code == 2
    assert run(launched, "outcome", campaign.folder, accepted).exit_code == 2


def test_stages_stand_beside_the_suggestions_and_the_recipe_of_any_is_one_command_away(
    campaign: Campaign, launched: Launched
) -> None:
    formula = campaign.suggest().suggestions[0].formula
    campaign.step(formula, Stage.ACCEPTED)
    told = json.loads(run(launched, "suggest", campaign.folder, "--json").stdout)
    assert [row["stage"] for row in told] == ["accepted", *["suggested"] * (len(told) - 1)]
    assert "%  accepted" in run(launched, "suggest", campaign.folder).stdout
    recipe = json.loads(run(launched, "recipe", campaign.folder, formula, "--mass", "0.5", "--json").stdout)
    assert recipe == json.loads(json.dumps(campaign.recipe(formula, 0.5).to_dict()))
    assert run(launched, "recipe", campaign.folder, "(PEA)2PbI4").stdout.strip() == str(campaign.recipe("(PEA)2PbI4"))

"""A description can be changed while the campaign runs; what is known stays, and goes over into another campaign."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from campaigns import Campaign
from campaigns.description import read_description
from campaigns.errors import CampaignError, CampaignExistsError, ConfigError, DependedOnError, UnconfirmedError
from campaigns.events import EventKind, Stage
from chemspace import parse_formula
from tests.campaigns.cli.test_described import run
from tests.campaigns.conftest import Launched, described


def knows(campaign: Campaign) -> object:
    """What no amendment may change."""
    state = campaign.state
    return state.record, state.outcomes, state.pending, state.barred, state.stages


def last(campaign: Campaign) -> int:
    """Number of the last event."""
    return campaign.state.last_event


@pytest.mark.parametrize(
    ("sections", "change"),
    [
        ({"space": {"n_layers": (1, 2, 3)}}, "n_layers: 1, 2 becomes 1, 2, 3"),
        ({"budget": {"batch_size": 3}}, "batch_size: 2 becomes 3"),
        ({"objective": {"goal_lifetime_ps": 20.0}}, "objective.goal_lifetime_ps: none becomes 20"),
        (
            {"prices": {"PA": {"per_mol": 5.0, "hazards": ["H300"]}}},
            "prices.PA: none becomes {per_mol: 5, hazards: H300}",
        ),
        ({"surrogate": "two_group"}, "surrogate: mean becomes two_group"),
        (
            {"space": {"n_layers": (1, 2), "cage_mixtures": [{"MA": "1/3", "FA": "2/3"}]}},
            "cage_mixtures: none becomes 1/3 MA and 2/3 FA",
        ),
        ({"space": {"n_layers": (1, 2), "cages": ("MA",)}}, "1 cage cation left out: FA"),
    ],
)
def test_each_part_of_a_description_can_be_changed(year: Campaign, sections: dict[str, Any], change: str) -> None:
    before = knows(year)
    with pytest.raises(UnconfirmedError, match="the campaign was not amended, nothing was written") as asked:
        year.amend(described(**sections))
    assert change in asked.value.guesses
    assert year.state.last_event == last(Campaign.open(year.folder))
    assert change in year.amend(described(**sections), confirmed=True).changes
    assert knows(year) == before
    assert Campaign.open(year.folder).state == year.state
    assert change in year.history()[-1]["what"]
    assert year.amend(year.config).changes == ()


def test_the_next_round_is_by_the_new_description_and_every_round_is_replayed(year: Campaign) -> None:
    second = year.suggest()
    year.amend(described(space={"n_layers": (3,)}, budget={"batch_size": 1}), confirmed=True)
    third = year.suggest()
    assert [s.n_layers for s in third.suggestions] == [3]
    assert {year.state.stages[s.formula] for s in second.suggestions} == {Stage.STALE}
    assert year.suggest() == third
    year.amend(described(budget={"batch_size": 2, "mass_g": 0.5}), confirmed=True)
    fourth = year.suggest()
    assert (fourth.number, len(fourth.suggestions)) == (4, 2)
    for number in (2, 3, 4):
        assert year.replay(number).same


def test_the_old_description_comes_back_by_undo(year: Campaign) -> None:
    second = year.suggest()
    year.amend(described(budget={"batch_size": 1}), confirmed=True)
    number = last(year)
    assert len(year.suggest().suggestions) == 1
    with pytest.raises(DependedOnError, match="round 3 chosen with it"):
        year.undo(number, "better as it was")
    year.undo(number, "better as it was", confirmed=True)
    assert year.config.budget.batch_size == 2
    assert year.suggest() == second
    assert Campaign.open(year.folder).state == year.state


def test_cations_are_added_and_left_out_and_what_was_measured_keeps_its_name(year: Campaign, tmp_path: Path) -> None:
    library = tmp_path / "new.csv"
    library.write_text(
        "abbreviation,smiles,role\nBuDA,[NH3+]CCCC[NH3+],spacer\nBSE,CCCCSCC[NH3+],spacer\nMA,C[NH3+],cage\n"
        "1,3-PDA,[NH3+]CCC[NH3+],spacer\n"
    )
    told = year.amend(described(), libraries=[library], confirmed=True)
    assert "1 spacer added: BSE" in told.changes
    assert any(line.startswith("7 spacers left out: PEA, BA, PA, EOA") for line in told.changes)
    assert "outside the new space: (PDA)PbI4 (awaited; its result is taken in)" in told.notes
    assert "1 of 4 rows of new.csv become no cation; first: row 5, the row has 4 fields" in told.notes[-1]
    assert "BuDA is called BDA, as it was; BuDA is read too" in told.notes
    assert [spacer.abbreviation for spacer in year.space.spacers] == ["BDA", "BSE"]
    assert parse_formula("(BuDA)PbI4", year.names).formula == "(BDA)PbI4"
    assert year.best_observed() == ("(BDA)PbI4", 0.7)
    year.describe()
    assert {s.spacer for s in year.suggest().suggestions} <= {"BDA", "BSE"}
    year.observe([{"formula": "(PDA)PbI4", "lifetime_ps": 1.0}])
    assert Campaign.open(year.folder).state.stages["(PDA)PbI4"] is Stage.MEASURED
    back = year.amend(described(), libraries=["cations.csv"], confirmed=True)
    assert "1 spacer left out: BSE" in back.changes
    library.rename(tmp_path / "cations.csv").write_text("abbreviation,smiles,role\nBDA,[NH3+]CCCC[NH3+],spacer\n")
    other = year.amendment(described(), libraries=[tmp_path / "cations.csv"])
    assert "libraries: cations.csv, with another content" in other.changes


def test_what_a_limit_on_money_leaves_out_is_told_before_it_is_stored(year: Campaign) -> None:
    (first, *_) = year.suggest().suggestions
    limited = described(budget={"max_cost": 100.0}, prices={"PEA": {"per_mol": 5.0}}, space={"n_layers": (3,)})
    told = year.amendment(limited)
    assert "7 of 8 spacers have no price in the table: never suggested" in told.notes
    assert "2 of 2 cage cations have no price in the table: never suggested" in told.notes
    assert any(first.formula in line and "(suggested; no further round has it)" in line for line in told.notes)
    year.take_amendment(told, "", after=last(year))
    assert not [line for line in year.amendment(described()).notes if "never suggested" in line]


def test_a_name_is_not_given_to_another_cation(year: Campaign, tmp_path: Path) -> None:
    library = tmp_path / "new.csv"
    library.write_text("abbreviation,smiles,role\nPDA,CCCCCCCC[NH3+],spacer\nMA,C[NH3+],cage\n")
    with pytest.raises(ConfigError, match=r"PDA is .* in this campaign and .* in the new library"):
        year.amend(described(), libraries=[library], confirmed=True)


def test_what_cannot_be_described_is_refused_and_nothing_is_stored(year: Campaign) -> None:
    before = last(year)
    for sections, why in (
        ({"surrogate": "none_such"}, "surrogate"),
        ({"prices": {"XYZ": {"per_mol": 1.0}}}, "XYZ"),
        ({"budget": {"refused_hazards": ["H300"]}}, "no cation of the price table carries 'H300'"),
    ):
        with pytest.raises(ConfigError, match=why):
            year.amend(described(**sections), confirmed=True)
    assert last(year) == before


def test_a_new_campaign_begins_with_what_another_one_knew(year: Campaign, launched: Launched, tmp_path: Path) -> None:
    year.decline_cation("4AMP", "cannot be bought")
    for _ in range(2):  # asked again it goes on
        wider = Campaign.create(
            tmp_path / "wider",
            described(space={"n_layers": (1, 2, 3)}),
            libraries=[launched.library],
            oracle_store=launched.oracle_store,
            known=year,
        )
    old, new = year.state, wider.state
    assert [row.to_dict() for row in new.record] == [row.to_dict() for row in old.record]
    assert (new.steps, new.outcomes, new.pending, new.ruled_out) == (
        old.steps,
        old.outcomes,
        old.pending,
        old.ruled_out,
    )
    assert {formula for formula, stage in new.stages.items() if stage is Stage.SUGGESTED} == set()
    assert dict(wider.raw_files()) == dict(year.raw_files())
    assert wider.best_observed() == year.best_observed()
    assert wider.history()[0]["what"] == "created over the library cations.csv with what year knew"
    wider.retract(1, "wrong power")
    assert wider.suggest().number == 1
    assert wider.replay(1).same


def test_nothing_is_carried_out_of_an_empty_campaign_or_into_one_that_is_there(
    year: Campaign, launched: Launched, tmp_path: Path
) -> None:
    empty = Campaign.create(tmp_path / "empty", described(), libraries=[launched.library])
    with pytest.raises(CampaignError, match="empty has no measurements, outcomes or declined cations"):
        Campaign.create(tmp_path / "next", described(), libraries=[launched.library], known=empty)
    assert not (tmp_path / "next").exists()
    with pytest.raises(CampaignExistsError, match="holds a campaign already, which did not begin with"):
        Campaign.create(empty.folder, described(), libraries=[launched.library], known=year)


def test_the_command_shows_the_differences_first(year: Campaign, launched: Launched, tmp_path: Path) -> None:
    new = tmp_path / "new.yaml"
    new.write_text(run(launched, "amend", year.folder, "--show").stdout)
    assert read_description(new).config.with_libraries(()).budget == year.config.budget
    same = run(launched, "amend", year.folder, new)
    assert same.stdout.strip() == "the campaign is described so already; nothing was changed"
    new.write_text("surrogate: mean\nspace: {n_layers: 1-2}\nbudget: {batch_size: 4}\n")
    refused = run(launched, "amend", year.folder, new)
    assert isinstance(refused.exception, UnconfirmedError)
    assert "batch_size: 2 becomes 4" in str(refused.exception)
    done = run(launched, "amend", year.folder, new, "--reason", "a second oven", "--yes")
    assert "batch_size: 2 becomes 4" in done.stdout
    told = run(launched, "log", year.folder).stdout
    assert told.splitlines()[-1].endswith("amended: batch_size: 2 becomes 4 (a second oven)")
    run(launched, "amend", year.folder, "--n-layers", "1-3", "--yes")
    year.refresh()
    assert (year.config.space.n_layers, year.config.budget.batch_size) == ((1, 2, 3), 4)


@pytest.mark.parametrize(("place", "name"), [("spacer", "4AMP"), ("cage", "FA")])
def test_a_declined_cation_comes_back_in_no_formula(year: Campaign, place: Any, name: str) -> None:
    declined = year.decline_cation(name, "too expensive", place=place)
    assert (declined.place, declined.name, declined.reason) == (place, name, "too expensive")
    assert year.history()[-1]["what"] == f"declined {name} as {place}: too expensive"
    found = [year.suggest(2, more=True) for _ in range(2)]
    assert all(name not in (s.spacer, s.cage) for batch in found for s in batch.suggestions)
    assert year.replay().same
    number = next(event.id for event in year.events() if event.kind is EventKind.RULED_OUT)
    year.undo(number, "it is on offer", confirmed=True)
    assert year.state.ruled_out == ()
    assert Campaign.open(year.folder).state == year.state


def test_open_suggestions_with_a_declined_cation_are_declined(year: Campaign, launched: Launched) -> None:
    batch = year.suggest()
    spacer = batch.suggestions[0].spacer
    told = run(launched, "decline", year.folder, "--spacer", spacer, "--reason", "takes too long to come")
    assert told.stdout.strip() == f"{spacer} as spacer: declined; no compound with it is suggested"
    status = run(launched, "status", year.folder).stdout
    assert f"  not used:             {spacer} as spacer (takes too long to come)\n" in status
    year.refresh()
    stages = [year.state.stages[s.formula] for s in batch.suggestions]
    assert stages == [Stage.DECLINED if s.spacer == spacer else Stage.SUGGESTED for s in batch.suggestions]
    assert year.suggest() == batch
    gone = stages.count(Stage.DECLINED)
    asked = run(launched, "suggest", year.folder).stdout
    assert f"not made: {gone} of {len(stages)}; others: spinscreen suggest {year.folder} --more\n" in asked
    said = f"{spacer} is declined as spacer (takes too long to come)"
    accepted = run(launched, "accept", year.folder, batch.suggestions[0].formula)
    assert f"{said}; {batch.suggestions[0].formula} is awaited all the same" in accepted.stderr
    year.refresh()
    assert year.state.standing(parse_formula(batch.suggestions[0].formula, year.names)) == f"accepted; {said}"


def test_what_cannot_be_declined_says_why(year: Campaign) -> None:
    year.decline_cation("PA", "dull")
    for name, place, reason, why in (
        ("PA", "spacer", "dull", r"PA is declined as a spacer already \(dull\)"),
        ("MA", "spacer", "dull", "MA is no spacer of this campaign's space; it is used as a cage cation"),
        ("HxA", "spacer", "dull", "HxA is no spacer of this campaign's space"),
        ("FA", "cage", " ", "say why it is declined"),
    ):
        with pytest.raises(CampaignError, match=why):
            year.decline_cation(name, reason, place=place)  # type: ignore[arg-type]


def test_the_command_that_learns_an_outcome_says_what_moved(year: Campaign, launched: Launched) -> None:
    year.suggest()
    year.step("(BDA)(MA)Pb2I7", Stage.NOT_FORMED)
    told = " ".join(run(launched, "suggest", year.folder).stdout.split())
    assert told.startswith("What moved")
    assert "; (BDA)(MA)Pb2I7 was recorded as not formed" in told
    assert "What moved" not in run(launched, "suggest", year.folder).stdout


def test_what_moved_is_owed_to_the_outcome_or_to_the_other_model(year: Campaign) -> None:
    year.suggest()
    year.step("(BDA)(MA)Pb2I7", Stage.NOT_FORMED)
    year.retrain()
    assert {line.split("; ")[-1] for line in year.changes()} == {"(BDA)(MA)Pb2I7 was recorded as not formed"}
    year.amend(described(surrogate="two_group"), confirmed=True)
    year.retrain()
    model = "the model is another one (surrogate: mean before, two_group now)"
    assert {line.split("; ")[-1] for line in year.changes()} == {model}

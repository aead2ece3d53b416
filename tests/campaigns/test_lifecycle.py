"""What becomes of suggestions: failed is not abandoned, asked is not made, retracted is not forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaigns import Campaign
from campaigns.errors import LifecycleError
from campaigns.events import FAILED, Stage, check_step, possible_steps
from campaigns.round import feasibility_of
from chemspace import parse_formula
from chemspace.errors import FormulaError
from screening.feasibility import ReportedOutcomes


def stage(campaign: Campaign, formula: str) -> Stage | None:
    return campaign.state.stages.get(formula)


def first_suggestion(campaign: Campaign) -> str:
    return campaign.suggest().suggestions[0].formula


def test_a_suggestion_is_accepted_made_and_measured(campaign: Campaign, results: Path) -> None:
    formula = first_suggestion(campaign)
    for step in (Stage.ACCEPTED, Stage.IN_SYNTHESIS, Stage.FORMED):
        campaign.step(formula, step)
        assert stage(campaign, formula) is step
        assert formula in campaign.state.pending
    results.write_text(f"formula,lifetime_ps\n{formula},4\n")
    campaign.ingest(results)
    assert stage(campaign, formula) is Stage.MEASURED
    assert formula not in campaign.state.pending


def test_an_accepted_suggestion_is_pending_for_an_alternative_batch(campaign: Campaign) -> None:
    accepted, *others = (s.formula for s in campaign.suggest().suggestions)
    campaign.step(accepted, Stage.ACCEPTED)
    assert accepted not in {s.formula for s in campaign.suggest(seed=9).suggestions}
    assert set(others) & {s.formula for s in campaign.suggest(seed=9).suggestions}


def test_a_declined_suggestion_needs_a_reason_and_does_not_come_back(campaign: Campaign) -> None:
    formula = first_suggestion(campaign)
    with pytest.raises(LifecycleError, match="say why"):
        campaign.step(formula, Stage.DECLINED)
    campaign.step(formula, Stage.DECLINED, reason="no supplier")
    assert formula in campaign.state.barred
    assert formula not in {s.formula for s in campaign.suggest(more=True).suggestions}


def test_a_failed_synthesis_lowers_its_own_chance_and_that_of_its_neighbours(campaign: Campaign) -> None:
    failed, neighbour = "(PA)2(FA)2Pb3I10", "(BA)2(FA)2Pb3I10"
    compounds = [parse_formula(formula, campaign.names) for formula in (failed, neighbour)]
    untouched = feasibility_of((), campaign.names).probability(compounds)
    campaign.step(failed, Stage.MIXED_PHASES, reason="n = 2 and 4 in the pattern")
    assert campaign.state.outcomes == ((failed, Stage.MIXED_PHASES),)
    lowered = feasibility_of(campaign.state.outcomes, campaign.names).probability(compounds)
    assert (lowered < untouched).all()
    assert failed in campaign.state.barred


def test_every_suggestion_says_what_is_reported_of_its_very_spacer(campaign: Campaign) -> None:
    reports = ReportedOutcomes.published()
    suggestions = campaign.suggest().suggestions
    told = [reports.told(campaign.names[s.spacer].mol, s.spacer) for s in suggestions]
    assert [s.reported for s in suggestions] == told
    assert all("reported as" in text and "doi" in text for text in told if text)
    assert any(told)


def test_abandoning_says_nothing_about_the_compound(campaign: Campaign) -> None:
    formula = first_suggestion(campaign)
    campaign.step(formula, Stage.ABANDONED, reason="the student left")
    assert campaign.state.outcomes == ()
    assert formula not in campaign.state.barred
    assert formula not in campaign.state.pending


def test_asked_and_made_are_both_kept(campaign: Campaign) -> None:
    asked, made = "(PA)2(MA)2Pb3I10", "(PA)2(MA)Pb2I7"
    step = campaign.step(asked, Stage.FORMED, made="PA2MAPb2I7")
    assert (step.formula, step.made) == (asked, made)
    assert stage(campaign, asked) is Stage.NOT_FORMED
    assert stage(campaign, made) is Stage.FORMED
    assert set(campaign.state.outcomes) == {(asked, Stage.NOT_FORMED), (made, Stage.FORMED)}


def test_another_dimensionality_names_what_formed_and_mixed_phases_do_not(campaign: Campaign) -> None:
    asked = "(PA)2(MA)2Pb3I10"
    with pytest.raises(LifecycleError, match="another compound made instead goes with formed, not formed, other"):
        campaign.step(asked, Stage.MIXED_PHASES, made="(PA)2(MA)Pb2I7")
    campaign.step(asked, Stage.OTHER_DIMENSIONALITY, made="MAPbI3")
    assert set(campaign.state.outcomes) == {(asked, Stage.OTHER_DIMENSIONALITY), ("MAPbI3", Stage.FORMED)}
    told = feasibility_of(campaign.state.outcomes, campaign.names)
    assert [item.compound.formula for item in told.outcomes] == [asked]


def test_what_is_measured_already_is_not_awaited_again_when_it_comes_out_instead(
    campaign: Campaign, results: Path
) -> None:
    results.write_text("formula,lifetime_ps\n(PA)2(MA)Pb2I7,4\n")
    campaign.ingest(results)
    campaign.step("(PA)2(MA)2Pb3I10", Stage.FORMED, made="(PA)2(MA)Pb2I7")
    assert stage(campaign, "(PA)2(MA)Pb2I7") is Stage.MEASURED
    assert "(PA)2(MA)Pb2I7" not in campaign.state.pending


def test_measured_is_no_step(campaign: Campaign) -> None:
    with pytest.raises(LifecycleError, match="cannot become measured; a lifetime comes in with ingest"):
        campaign.step(first_suggestion(campaign), Stage.MEASURED)


def test_possible_steps_are_those_that_are_taken() -> None:
    for before in (None, *Stage):
        allowed = possible_steps(before)
        for after in Stage:
            if after in allowed:
                check_step("F", before, after)
            else:
                with pytest.raises(LifecycleError):
                    check_step("F", before, after)


def test_a_retracted_measurement_stays_in_the_record_and_leaves_the_fit(campaign: Campaign, results: Path) -> None:
    key = campaign._data_key
    formula = first_suggestion(campaign)
    results.write_text(f"formula,lifetime_ps\n{formula},400\n(PA)2PbI4,0.2\n")
    campaign.ingest(results)
    with pytest.raises(LifecycleError, match="say why"):
        campaign.retract(1, " ")
    row = campaign.retract(1, "wrong crystal")
    assert (row.number, row.retracted, row.observation.value) == (1, "wrong crystal", 400.0)
    assert [m.formula for m in campaign.state.measurements] == ["(PA)2PbI4"]
    assert stage(campaign, formula) is Stage.SUGGESTED
    with pytest.raises(LifecycleError, match="retracted already"):
        campaign.retract(1, "again")
    with pytest.raises(LifecycleError, match="no measurement 3"):
        campaign.retract(3, "typo")
    campaign.retract(2, "all of it")
    assert campaign._data_key == key
    assert "was retracted (measurement 1: wrong crystal)" in campaign.ingest(results).warnings[0]


def test_the_state_is_a_replay_of_the_log(campaign: Campaign, results: Path) -> None:
    campaign.step(first_suggestion(campaign), Stage.ACCEPTED)
    results.write_text("formula,lifetime_ps\n(PA)2PbI4,0.2\n")
    campaign.ingest(results)
    campaign.retract(1, "test")
    assert Campaign.open(campaign.folder).state == campaign.state


@pytest.mark.parametrize("before", [None, Stage.SUGGESTED, Stage.MEASURED, Stage.FORMED, *sorted(FAILED)])
def test_a_step_that_cannot_follow_names_those_that_can(before: Stage | None) -> None:
    with pytest.raises(LifecycleError, match="Possible now") as refused:
        check_step("(PA)2PbI4", before, Stage.SUGGESTED)
    assert ("taken back by `undo` of its event" in str(refused.value)) is (before is not None)


def test_after_a_failure_one_may_try_again() -> None:
    for failed in FAILED:
        check_step("(PA)2PbI4", failed, Stage.IN_SYNTHESIS)


def test_what_expired_or_was_given_up_may_still_be_declined(campaign: Campaign) -> None:
    for given_up, suggestion in zip((Stage.STALE, Stage.ABANDONED), campaign.suggest().suggestions, strict=False):
        campaign.step(suggestion.formula, given_up, reason="nobody took it up")
        campaign.step(suggestion.formula, Stage.DECLINED, reason="too expensive")
        assert stage(campaign, suggestion.formula) is Stage.DECLINED
        with pytest.raises(LifecycleError, match="Possible now"):  # said once
            check_step(suggestion.formula, Stage.DECLINED, Stage.STALE)


def test_a_step_of_no_compound_is_refused(campaign: Campaign) -> None:
    with pytest.raises(FormulaError):
        campaign.step("(PA)3PbI4", Stage.ACCEPTED)

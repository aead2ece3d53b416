"""Feasibility: calibrated on reported outcomes, moved by visible rules, lowered by what the campaign records."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from chemspace.cation import Cation
from chemspace.compound import Compound
from chemspace.library import CationLibrary
from chemspace.space import CompoundSpace
from screening.errors import FeasibilityError
from screening.feasibility import (
    CageWindow,
    FeasibilityModel,
    FeasibilityPrior,
    RecordedOutcome,
    ThickLayers,
    fit_feasibility,
)

EOA = Cation.from_smiles("[NH3+]CCO", abbreviation="EOA")
PEA = Cation.from_smiles("[NH3+]CCc1ccccc1", abbreviation="PEA")
TBA = Cation.from_smiles("CC(C)(C)[NH3+]", abbreviation="tBA")
AMPY = Cation.from_smiles("[NH3+]Cc1cc[nH+]cc1", abbreviation="4AMPY")
MA = Cation.from_smiles("C[NH3+]", abbreviation="MA", role="cage")
FA = Cation.from_smiles("NC=[NH2+]", abbreviation="FA", role="cage")
GA = Cation.from_smiles("NC(N)=[NH2+]", abbreviation="GA", role="cage")
CS = Cation.from_smiles("[Cs+]", abbreviation="Cs", role="cage")
UNREPORTED = Cation.from_smiles("[NH3+]CCCCCCF", abbreviation="FHxA")
LIBRARY = CationLibrary.builtin()
SPACE = CompoundSpace((EOA, PEA, TBA, AMPY), (MA, FA, GA, CS), (1, 2, 3, 4, 5), ("Pb", "Sn"), ("I", "Br"))
MIXED = RecordedOutcome(Compound.of(EOA, FA, 4), "mixed phases")


@pytest.fixture(scope="module")
def untouched() -> FeasibilityModel:
    return fit_feasibility()


def test_the_paper_s_mixed_phase_lowers_its_own_feasibility_and_that_of_its_neighbours(
    untouched: FeasibilityModel,
) -> None:
    told = fit_feasibility([MIXED])
    neighbours = [
        Compound.of(EOA, FA, 4),
        Compound.of(EOA, FA, 3),
        Compound.of(EOA, FA, 5),
        Compound.of(EOA, MA, 4),
        Compound.of(PEA, FA, 4),
    ]
    before, after = untouched.probability(neighbours), told.probability(neighbours)
    assert (after < before).all()
    drop = before - after
    assert drop[0] == drop.max()
    assert drop[0] > 0.2
    assert drop[4] < drop[3] < drop[0]


def test_a_compound_that_formed_raises_its_neighbours(untouched: FeasibilityModel) -> None:
    told = fit_feasibility([RecordedOutcome(Compound.of(EOA, FA, 4), "formed")])
    near = [Compound.of(EOA, FA, 4), Compound.of(EOA, FA, 5)]
    assert (told.probability(near) > untouched.probability(near)).all()


def test_an_unmeasurable_sample_says_nothing_about_formation(untouched: FeasibilityModel) -> None:
    told = fit_feasibility([RecordedOutcome(Compound.of(EOA, FA, 4), "not_measurable")])
    assert told.probability([Compound.of(EOA, FA, 4)]) == untouched.probability([Compound.of(EOA, FA, 4)])


def test_thick_layers_and_misfitting_cages_lower_the_odds_by_the_stated_factor(untouched: FeasibilityModel) -> None:
    thin, thick, tight = untouched.probability(
        [Compound.of(PEA, MA, 3), Compound.of(PEA, MA, 4), Compound.of(PEA, GA, 3)]
    )

    def odds(p: float) -> float:
        return p / (1.0 - p)

    assert odds(thick) / odds(thin) == pytest.approx(0.5)
    assert tight / thin == pytest.approx(0.7)


def test_the_prior_can_be_changed_by_the_user(untouched: FeasibilityModel) -> None:
    flat = FeasibilityPrior(
        ThickLayers(odds_factor=1.0), CageWindow(factor=1.0, misfit_factor=1.0, unknown_factor=1.0), base_rate=0.3
    )
    model = fit_feasibility(prior=flat)
    compounds = [Compound.of(PEA, MA, 3), Compound.of(PEA, GA, 5)]
    assert model.probability(compounds)[0] == pytest.approx(model.probability(compounds)[1])
    assert (model.probability(compounds)[:1] < untouched.probability(compounds)[:1]).all()


def test_a_base_rate_like_that_of_the_reports_changes_nothing(untouched: FeasibilityModel) -> None:
    same = fit_feasibility(prior=FeasibilityPrior(base_rate=untouched.spacers.classifier.base_rate))
    compounds = [Compound.of(PEA, MA, 3), Compound.of(TBA, n_layers=1)]
    assert same.probability(compounds) == pytest.approx(untouched.probability(compounds))


def test_the_main_cation_of_a_mixed_cage_decides_whether_it_fits(untouched: FeasibilityModel) -> None:
    mostly_ma, mostly_ga = (
        Compound.of(PEA, {GA: share, MA: 1 - share}, 3) for share in (Fraction(1, 10), Fraction(2, 3))
    )
    told = untouched.probability([mostly_ma, mostly_ga, Compound.of(PEA, MA, 3), Compound.of(PEA, GA, 3)])
    assert told[:2] == pytest.approx(told[2:])


def test_bulky_heads_score_below_slim_ones(untouched: FeasibilityModel) -> None:
    slim, bulky = untouched.probability([Compound.of(PEA, n_layers=1), Compound.of(TBA, n_layers=1)])
    assert slim > 0.8
    assert bulky < 0.6


def test_three_dimensional_compounds_are_not_layered(untouched: FeasibilityModel) -> None:
    assert untouched.probability([Compound.of(None, MA)])[0] == 0.0


def test_a_bound_model_gives_every_block_the_same_numbers_as_single_compounds() -> None:
    model = fit_feasibility([MIXED, RecordedOutcome(Compound.of(PEA, MA, 2, "Sn", "Br"), "formed")])
    block = SPACE.take(np.arange(len(SPACE)))
    single = model.probability([SPACE[i] for i in range(len(SPACE))])
    assert np.exp(model.bind(SPACE).log_probability(block)) == pytest.approx(single, rel=1e-10)


def test_a_bound_model_knows_mixtures_as_single_compounds_do() -> None:
    half = Fraction(1, 2)
    space = CompoundSpace(
        (EOA, PEA),
        (MA,),
        (1, 2, 4),
        cage_mixtures=(((FA, half), (MA, half)), ((GA, Fraction(3, 4)), (CS, Fraction(1, 4)))),
        halide_mixtures=((("I", half), ("Br", half)),),
    )
    mixed = Compound.of(EOA, {FA: half, MA: half}, 4, halide={"I": half, "Br": half})
    told = fit_feasibility([MIXED, RecordedOutcome(mixed, "not formed")])
    bound = told.bind(space).log_probability(space.take(np.arange(len(space))))
    assert np.exp(bound) == pytest.approx(told.probability([space[i] for i in range(len(space))]))
    assert bound[space.index(mixed)] < fit_feasibility([MIXED]).bind(space).log_probability(
        space.take([space.index(mixed)])
    )


def test_contradicting_reports_of_one_compound_are_weighed_not_refused() -> None:
    compound = Compound.of(EOA, FA, 4)
    outcomes = [RecordedOutcome(compound, kind) for kind in ["formed"] + ["not formed"] * 20]
    assert 0.0 < fit_feasibility(outcomes).probability([compound])[0] < 0.3


def test_all_outcomes_failed_is_a_sound_model() -> None:
    failed = [RecordedOutcome(SPACE[i], "not formed") for i in range(0, len(SPACE), 3)]
    p = fit_feasibility(failed).probability([SPACE[i] for i in range(len(SPACE))])
    assert np.isfinite(p).all()
    assert p.mean() < 0.35


def test_reasons_name_the_parts(untouched: FeasibilityModel) -> None:
    text = " | ".join(fit_feasibility([MIXED]).reasons(Compound.of(EOA, GA, 4)))
    for part in ("spacer alone", "n >= 4", "tolerance factor 1.04", "mixed phases"):
        assert part in text
    assert len(untouched.reasons(Compound.of(PEA, MA, 2))) == 2


def test_reports_of_the_very_spacer_decide_and_are_told_with_their_source(untouched: FeasibilityModel) -> None:
    slim = [Compound.of(LIBRARY[name], n_layers=1) for name in ("CHA", "CHpA", "PBA", "EA")]
    layered, *failed = untouched.probability(slim)
    assert layered > 0.75
    assert max(failed) < 0.35
    assert untouched.told(slim[2]) == "PBA lead iodide is reported as not layered (doi 10.1039/d5dd00163c)"
    assert untouched.told(Compound.of(UNREPORTED, n_layers=1)) == ""


def test_reports_that_disagree_are_both_told_and_leave_it_open(untouched: FeasibilityModel) -> None:
    compound = Compound.of(LIBRARY["EDA"], n_layers=1)
    assert 0.35 < untouched.probability([compound])[0] < 0.65
    told = untouched.told(compound)
    assert told.startswith("reports disagree: EDA lead iodide is reported as not layered (doi 10.1039/d5dd00163c)")
    assert "10.1126/sciadv.1700841" in told


def test_what_a_lead_iodide_tells_counts_half_for_another_metal_or_halide(untouched: FeasibilityModel) -> None:
    lead, tin, both = (
        Compound.of(LIBRARY["PBA"], n_layers=1, b_site=b, halide=x) for b, x in (("Pb", "I"), ("Sn", "I"), ("Sn", "Br"))
    )
    told = untouched.probability([lead, tin, both])
    assert told[0] < told[1] < told[2]


def test_a_spacer_beyond_the_reported_sizes_gets_the_share_of_its_class(untouched: FeasibilityModel) -> None:
    small = Compound.of(Cation.from_smiles("C[NH3+]", abbreviation="MAs"), n_layers=1)
    assert untouched.probability([small])[0] < 0.5
    assert "none is of its size" in untouched.reasons(small)[0]


def test_what_was_measured_has_formed(untouched: FeasibilityModel) -> None:
    compound = Compound.of(LIBRARY["PBA"], MA, 5)
    told = fit_feasibility(measured=[compound, Compound.of(EOA, FA, 3)])
    assert told.probability([compound])[0] == pytest.approx(0.99)
    assert told.probability([Compound.of(PEA, MA, 2)]) == untouched.probability([Compound.of(PEA, MA, 2)])
    assert told.reasons(compound)[-1] == "measured, so it has formed"
    block = SPACE.take(np.arange(len(SPACE)))
    single = told.probability([SPACE[i] for i in range(len(SPACE))])
    assert np.exp(told.bind(SPACE).log_probability(block)) == pytest.approx(single, rel=1e-10)


def test_fitting_twice_gives_the_same_model() -> None:
    first, second = fit_feasibility([MIXED]), fit_feasibility([MIXED])
    assert (first.spacers.classifier.weights == second.spacers.classifier.weights).all()
    assert (first.pull == second.pull).all()


def test_an_unknown_outcome_is_refused_with_the_known_ones() -> None:
    with pytest.raises(FeasibilityError, match="mixed phases"):
        RecordedOutcome(Compound.of(EOA, FA, 4), "exploded")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"base_rate": 1.5}, "base_rate = 1.5 is no probability"),
        ({"thick_layers": ThickLayers(odds_factor=0.0)}, "thick_layers.odds_factor = 0.0"),
        ({"outcome_log_odds": -1.0}, "greater than 0 .* not -1.0, "),
        ({"layer_reach": 0.0}, "greater than 0 .* 0.0 and"),
        ({"other_cage": 2.0}, "between 0 and 1, not .* and 2.0"),
    ],
)
def test_a_prior_that_cannot_be_is_refused(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(FeasibilityError, match=says):
        FeasibilityPrior(**wrong)  # type: ignore[arg-type]  # wrong values on purpose

"""A launch that is only planned: sizes, estimates, problems, and nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaigns import CampaignConfig
from campaigns.config import SpaceRules
from campaigns.description import read_template, template_names
from campaigns.plan import LaunchPlan, plan_launch
from campaigns.space import gather
from tests.campaigns.conftest import Launched


def plan(made: Launched, config: CampaignConfig, *sources: Path) -> LaunchPlan:
    return plan_launch(config, gather(sources or (made.library,), dications=config.dications), made.oracle_store)


def test_sizes_are_counted_and_what_is_stored_is_not_computed_again(launched: Launched) -> None:
    told = plan(launched, CampaignConfig(space=SpaceRules(n_layers=(1, 2, 3))))
    assert (told.n_compounds, told.n_spacers) == (40, 8)
    assert (told.n_rp_spacers, told.n_dj_spacers, told.n_cage_options) == (5, 3, 2)
    assert (told.n_to_compute, told.oracle_seconds, told.oracle_seconds_from) == (0, 0.0, "nothing is left to compute")
    assert told.n_stored == told.n_cations > 10
    assert told.charges == {"+1 as drawn": 7, "+2 as drawn": 3}
    assert told.learning_seconds > 0
    assert told.memory_mb > 50
    assert told.problems == ()


def test_time_for_new_cations_is_scaled_up_from_the_stored_ones(launched: Launched, tmp_path: Path) -> None:
    amines = tmp_path / "amines.smi"
    amines.write_text("".join("C" * length + "N\n" for length in range(5, 25)) + "C1CC\n")
    told = plan(launched, CampaignConfig(space=SpaceRules(n_layers=(1,)), surrogate="mean"), amines)
    assert told.n_to_compute >= 15
    assert told.oracle_seconds > 0.5
    assert "cations in the store, 4 of them timed again, 2 processes" in told.oracle_seconds_from
    (problem,) = (line for line in told.problems if "become no cation" in line)
    assert told.charges == {"+1 by one proton": 20}
    assert problem.startswith("1 of 21 rows of amines.smi become no cation; first: row 21")


def test_what_speaks_against_it_is_told(launched: Launched) -> None:
    values = {
        "space": {"n_layers": (1,), "b_sites": ("Sn", "Ge"), "halides": ("Br",)},
        "budget": {"batch_size": 50, "max_cost": 9},
        "surrogate": "mean",
        "prices": {"PEA": {"per_mol": 5}},
    }
    assert plan(launched, CampaignConfig.parse(values)).problems == (
        "16 compounds are fewer than the 50 of a batch",
        "no measured compound lies inside the space: improvement counts from the best of all measured",
        "no measured layered compound holds Ge: what is said of it is extrapolated",
        "no measured layered compound holds Br: what is said of it is extrapolated",
        "one measured layered compound holds Sn: what is said of it is nearly extrapolated",
        "7 of 8 spacers have no price in the table: never suggested",
    )


@pytest.mark.parametrize("name", template_names())
def test_each_template_can_be_planned(launched: Launched, name: str) -> None:
    told = plan(launched, read_template(name).config.model_copy(update={"surrogate": "mean"}))
    assert told.n_compounds > 8
    assert not any("fewer than" in problem for problem in told.problems)


@pytest.mark.parametrize(
    ("hazards", "says"),
    [
        ({"PEA": ["H300"]}, "refused hazards (H300) bar 5 of 40 compounds, all those with PEA: never suggested"),
        ({"MA": ["H300"]}, "refused hazards (H300) bar 16 of 40 compounds, all those with MA: never suggested"),
        ({"PEA": ["H300"], "MA": ["H300", "H314"]}, "bar 19 of 40 compounds, all those with PEA, MA: never"),
        ({"MA": ["H300"], "FA": ["H300"]}, "bar 32 of 40 compounds, all those with MA, FA: never"),
        ({"HxA": ["H300"]}, "no cation of the space carries a refused hazard (H300)"),
    ],
    ids=["spacer", "cage", "both", "every-cage", "none"],
)
def test_what_refused_hazards_bar_is_counted(launched: Launched, hazards: dict[str, list[str]], says: str) -> None:
    prices = {name: {"hazards": flags} for name, flags in hazards.items()}
    values = {
        "surrogate": "mean",
        "budget": {"refused_hazards": ["H300"]},
        "prices": prices,
        "space": {"n_layers": "1-3"},
    }
    (problem,) = plan(launched, CampaignConfig.parse(values)).problems
    assert says in problem

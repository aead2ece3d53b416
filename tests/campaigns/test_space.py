"""Limits of a batch: money, days, spacers; and the goal that improvement counts from."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from campaigns.config import BudgetRules
from campaigns.reader import shortfall
from campaigns.round import choose
from campaigns.space import Budget
from chemspace import Cation, Compound, CompoundSpace
from screening.ranking import Ranking
from screening.strategies import Columns, Wish
from screening.strategies.objectives import Desirability

PEA = Cation.from_smiles("[NH3+]CCc1ccccc1", abbreviation="PEA")
BA = Cation.from_smiles("CCCC[NH3+]", abbreviation="BA")
MA = Cation.from_smiles("C[NH3+]", abbreviation="MA", role="cage")
PRICES = {PEA.inchikey: (120.0, 3.0), MA.inchikey: (60.0, 10.0)}


def ranking(spacers: list[int]) -> Ranking:
    """Rows of these spacers, best first, each one descriptor apart."""
    size = len(spacers)
    frame = pd.DataFrame(
        {"index": np.arange(size), "formula": [f"F{i}" for i in range(size)], "price": np.arange(size)}
    )
    x: NDArray[np.float64] = np.arange(size, dtype=np.float64)[:, None]
    return Ranking(frame, x, np.array(spacers), np.zeros(size), 0.0, size, 0, 0)


NO_LIMITS = BudgetRules()


class Costing(Budget):
    """Costs, days and hazards of rows as a test says."""

    told: dict[str, NDArray[Any]]

    def of(self, space: object, indices: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        return self.told


def head(found: Ranking, size: int, limits: BudgetRules = NO_LIMITS, **told: NDArray[Any]) -> list[int]:
    cheap = Desirability((Wish("price", 100.0, 0.0),), Columns({"price": lambda block, x: x[:, 0]}))
    fitted = SimpleNamespace(
        ranking=found,
        surrogate=SimpleNamespace(model=None),  # a wish on the price needs none
        pending=np.empty((0, 1)),
        strategy=cheap,
        training=SimpleNamespace(x=None),
        teaching_share=0.0,
        space=None,
    )
    budget = Costing(limits, PRICES)
    object.__setattr__(budget, "told", told)
    return choose(fitted, size, 0, budget)  # type: ignore[arg-type]  # as much of a round as is needed


def test_a_compound_costs_what_its_cations_cost_for_the_mass_that_is_made() -> None:
    compound = Compound.of(PEA, MA, 2)
    budget = Budget(BudgetRules(mass_g=0.5), PRICES)
    moles = 0.5 / compound.molar_mass_g_mol
    assert budget.cost(compound) == pytest.approx(moles * (2 * 120 + 60))
    assert budget.days(compound) == 10
    assert np.isnan(budget.cost(Compound.of(BA, MA, 2)))
    assert np.isnan(budget.days(Compound.of(BA, None, 1)))


def test_costs_are_worked_out_only_where_a_limit_asks() -> None:
    space = CompoundSpace((PEA, BA), (MA,), (1, 2))
    every = np.arange(len(space))
    assert set(Budget(BudgetRules(), PRICES).of(space, every)) == set()
    bounds = Budget(BudgetRules(max_cost=1, max_days=9), PRICES).of(space, every)
    assert np.isnan(bounds["cost"]).tolist() == [False, False, True, True]
    assert bounds["days"][:2].tolist() == [3.0, 10.0]


def test_one_spacer_comes_once_unless_there_are_too_few() -> None:
    assert head(ranking([0, 0, 1, 1, 2]), 3) == [0, 2, 4]
    assert head(ranking([0, 0, 1, 1, 2]), 4) == [0, 1, 2, 3]


def test_a_given_cap_holds_strictly() -> None:
    assert head(ranking([0, 0, 0, 1]), 3, limits=BudgetRules(max_per_spacer=2)) == [0, 1, 3]
    assert head(ranking([0, 0, 0, 1]), 4, limits=BudgetRules(max_per_spacer=2)) == [0, 1, 3]


def test_money_days_and_distance_limit_a_batch() -> None:
    rows = ranking([0, 1, 2, 3, 4])
    cost, days = np.array([5.0, 9.0, np.nan, 1.0, 2.0]), np.array([1.0, 1.0, 1.0, 30.0, np.nan])
    assert head(rows, 3, limits=BudgetRules(max_cost=8), cost=cost) == [0, 3, 4]
    assert head(rows, 2, limits=BudgetRules(max_days=7), days=days) == [0, 1]
    assert head(rows, 2, limits=BudgetRules(min_distance=1.0)) == [0, 2]
    assert head(rows, 4, limits=BudgetRules(max_cost=8), cost=cost) == [0, 3, 4]
    assert head(rows, 4, limits=BudgetRules(max_cost=0), cost=cost) == []


def test_where_fewer_compounds_are_left_or_fit_the_limits_these_are_taken_and_it_is_told() -> None:
    assert head(ranking([0, 1]), 3) == [0, 1]
    assert shortfall(2, 3, 2, NO_LIMITS) == "only 2 compounds are left to suggest, 3 were asked for"
    limits = BudgetRules(max_cost=8, max_days=7, refused_hazards=("H300",))
    assert shortfall(2, 3, 9, limits) == (
        "only 2 of 3 compounds fit the limits of a batch (max_cost 8, max_days 7, no H300); loosen one "
        "(spinscreen amend) or ask for fewer"
    )
    assert shortfall(0, 3, 9, limits).startswith("none of the 9 best ranked compounds fits the limits of a batch (")


def test_a_refused_hazard_bars_every_compound_that_needs_the_cation() -> None:
    space = CompoundSpace((PEA, BA), (MA,), (1, 2))
    hazards = {PEA.inchikey: frozenset({"H314", "H300"}), MA.inchikey: frozenset({"H220"})}
    every = np.arange(len(space))
    assert Budget(BudgetRules(refused_hazards=("H300",)), {}, hazards).of(space, every)["barred"].tolist() == [
        True,
        True,
        False,
        False,
    ]
    assert Budget(BudgetRules(refused_hazards=("H300",)), {}, hazards).excludes(space[0]) == "refused for a hazard"
    both = Budget(BudgetRules(refused_hazards=("H300", "H220")), {}, hazards).of(space, every)["barred"]
    assert both.tolist() == [True, True, False, True]
    rows = ranking([0, 1, 2, 3])
    assert head(rows, 2, barred=np.array([True, False, True, False])) == [1, 3]
    assert head(rows, 3, barred=np.array([True, False, True, False])) == [1, 3]

"""What compounds are ranked by and batches are chosen by: strategies with names, to which other packages can add."""

from screening.strategies.acquisitions import (
    Acquisition,
    LogExpectedImprovement,
    RandomStrategy,
    log_expected_improvement,
    log_probability_of_improvement,
)
from screening.strategies.columns import Columns, MeasuredSet, Numbers, price_of, price_property
from screening.strategies.objectives import Desirability, Hypervolume, make_strategy
from screening.strategies.strategy import (
    STRATEGIES,
    Choice,
    Chosen,
    FixedObjective,
    PropertyObjective,
    Shortlist,
    Strategy,
    StrategyInputs,
    Wish,
    choose_strategy,
    register_strategy,
)

__all__ = [
    "STRATEGIES",
    "Acquisition",
    "Choice",
    "Chosen",
    "Columns",
    "Desirability",
    "FixedObjective",
    "Hypervolume",
    "LogExpectedImprovement",
    "MeasuredSet",
    "Numbers",
    "PropertyObjective",
    "RandomStrategy",
    "Shortlist",
    "Strategy",
    "StrategyInputs",
    "Wish",
    "choose_strategy",
    "log_expected_improvement",
    "log_probability_of_improvement",
    "make_strategy",
    "price_of",
    "price_property",
    "register_strategy",
]

"""What compounds are ranked by and batches are chosen by: strategies with names, to which other packages can add."""

from screening.strategies.acquisitions import Acquisition, LogExpectedImprovement
from screening.strategies.columns import Columns, MeasuredSet, Numbers, price_of, price_property
from screening.strategies.objectives import make_strategy
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
    "FixedObjective",
    "LogExpectedImprovement",
    "MeasuredSet",
    "Numbers",
    "PropertyObjective",
    "Shortlist",
    "Strategy",
    "StrategyInputs",
    "Wish",
    "choose_strategy",
    "make_strategy",
    "price_of",
    "price_property",
    "register_strategy",
]

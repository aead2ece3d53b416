"""What compounds are ranked by and batches are chosen by: strategies with names, to which other packages can add."""

from screening.strategies.acquisitions import Acquisition, LogExpectedImprovement
from screening.strategies.objectives import make_strategy
from screening.strategies.strategy import (
    STRATEGIES,
    Choice,
    Chosen,
    Columns,
    FixedObjective,
    MeasuredSet,
    Numbers,
    PropertyObjective,
    Shortlist,
    Strategy,
    StrategyInputs,
    Wish,
    choose_strategy,
    price_of,
    price_property,
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

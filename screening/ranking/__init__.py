"""From a space (or a table) and a surrogate to the ranked list: streamed in blocks, only the top is kept."""

from screening.ranking.aims import Aim, Columns, Desire, Lot, Numbers, price_of, price_property
from screening.ranking.frame import RANKING_COLUMNS, MeasuredSet, Ranking
from screening.ranking.rank import (
    CANDIDATE_COLUMNS,
    TABLE_COLUMNS,
    PassEstimate,
    estimate_pass,
    rank,
    rank_table,
    space_features,
    write_candidates,
)
from screening.ranking.stop import StopAdvice, advise_stopping
from screening.ranking.tradeoff import Goal, Known, Tradeoff

__all__ = [
    "CANDIDATE_COLUMNS",
    "RANKING_COLUMNS",
    "TABLE_COLUMNS",
    "Aim",
    "Columns",
    "Desire",
    "Goal",
    "Known",
    "Lot",
    "MeasuredSet",
    "Numbers",
    "PassEstimate",
    "Ranking",
    "StopAdvice",
    "Tradeoff",
    "advise_stopping",
    "estimate_pass",
    "price_of",
    "price_property",
    "rank",
    "rank_table",
    "space_features",
    "write_candidates",
]

"""From a space (or a table) and a surrogate to the ranked list: streamed in blocks, only the top is kept."""

from screening.ranking.aims import Aim, Lot, Numbers
from screening.ranking.columns import Columns, price_of, price_property
from screening.ranking.estimate import PassEstimate, estimate_pass
from screening.ranking.everything import CANDIDATE_COLUMNS, write_candidates
from screening.ranking.frame import RANKING_COLUMNS, Ranking
from screening.ranking.nearest import MeasuredSet
from screening.ranking.rank import rank, space_features
from screening.ranking.stop import StopAdvice, advise_stopping
from screening.ranking.table import TABLE_COLUMNS, rank_table
from screening.ranking.tradeoff import Goal, Known, Tradeoff
from screening.ranking.wishes import Desire

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

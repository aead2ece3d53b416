"""From a space and a surrogate to the ranked list: streamed in blocks, only the top is kept."""

from screening.ranking.candidates import RANKING_COLUMNS, Candidates, space_features
from screening.ranking.rank import PassSettings, Ranking, StopAdvice, advise_stopping, rank, top_size, write_candidates

__all__ = [
    "RANKING_COLUMNS",
    "Candidates",
    "PassSettings",
    "Ranking",
    "StopAdvice",
    "advise_stopping",
    "rank",
    "space_features",
    "top_size",
    "write_candidates",
]

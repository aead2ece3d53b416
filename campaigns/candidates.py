"""Every compound of a campaign's space with its numbers, in one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from campaigns.errors import StoreError
from chemspace.progress import Progress

if TYPE_CHECKING:
    from campaigns.round import Round
    from oracle.descriptors import CationTable
    from screening.ranking.stream import Scoring

__all__ = ["scoring_of", "write_candidates"]


def write_candidates(
    done: Round, spacers: CationTable, cages: CationTable, path: Path, progress: Progress | None = None
) -> int:
    """Write what a round knows of every compound to a Parquet file, see `screening.ranking.write_candidates`.

    Args:
        done: the round.
        spacers, cages: descriptors of the space's cations.
        path: of the file.
        progress: called after each block.

    Returns:
        Number of compounds.

    Raises:
        StoreError: if the file cannot be written.
    """
    from screening.acquisition import pass_of
    from screening.ranking import MeasuredSet, write_candidates

    try:
        return write_candidates(
            path,
            done.space,
            spacers,
            cages,
            done.surrogate,
            done.feasibility,
            best_observed=done.ranking.best_observed,
            measured=MeasuredSet(done.training.formulas, done.training.x),
            score=pass_of(done.strategy.acquisition),
            aim=done.aim,
            properties={learnt.name: learnt.surrogate for learnt in done.properties},
            progress=progress,
        )
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error


def scoring_of(done: Round, spacers: CationTable, cages: CationTable) -> Scoring:
    """What a round ranks every compound of its space by; nothing is excluded."""
    from screening.acquisition import pass_of
    from screening.ranking.stream import Scoring, unexplained_variance

    return Scoring(
        done.space,
        (spacers, cages),
        done.feasibility.bind(done.space),
        pass_of(done.strategy.acquisition),
        done.ranking.best_observed,
        unexplained_variance(done.surrogate),
        aim=done.aim,
    )

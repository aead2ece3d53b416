"""What new results changed in the ranking, and what that is owed to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from campaigns.reason import picoseconds

if TYPE_CHECKING:
    from campaigns.surprise import Expectation

__all__ = ["N_CHANGES", "ranking_changes"]

#: Compounds that are told of.
N_CHANGES = 5

#: Smaller changes (log10 of lifetime and of the chance to form together) are not told: a factor of 1.26.
_WORTH_SAYING = 0.1


def ranking_changes(
    before: pd.DataFrame,
    after: pd.DataFrame,
    x: NDArray[np.float64] | None = None,
    news: Sequence[Expectation] = (),
) -> tuple[str, ...]:
    """A sentence for each compound that moved most, among those ranked before and after.

    Args:
        before, after: rankings as `ranking.parquet` holds them, best first.
        x: features of the rows of `after`, shape (m, d).
        news: the new measurements and what was expected of them; the one nearest in descriptors is named as the cause.

    Returns:
        At most `N_CHANGES` sentences: old and new lifetime, chance to form and place; what it is owed to; and the
        measured compound that is nearest now if it was not nearest before.
    """
    both = _places(before).merge(_places(after), on="formula", suffixes=("_before", "_after"))
    both = both.assign(size=_moved(both, "lifetime_ps") + _moved(both, "feasibility"))
    both = both.sort_values("size", ascending=False, kind="stable")
    told = both[both["size"] >= _WORTH_SAYING].head(N_CHANGES)
    return tuple(_sentence(row) + _cause(row, x, news) for row in told.to_dict("records"))


def _places(ranking: pd.DataFrame) -> pd.DataFrame:
    kept = ranking[["formula", "lifetime_ps", "nearest_measured"]]
    chance = ranking.get("feasibility", 1.0)
    return kept.assign(place=np.arange(1, len(ranking) + 1), feasibility=chance)


def _moved(both: pd.DataFrame, name: str) -> NDArray[np.float64]:
    change: NDArray[np.float64] = np.log10((both[f"{name}_after"] / both[f"{name}_before"]).to_numpy(dtype=float))
    return np.abs(change)


def _sentence(row: dict[Any, Any]) -> str:
    was, now = row["lifetime_ps_before"], row["lifetime_ps_after"]
    parts = [f"{row['formula']}: {picoseconds(was)} to {picoseconds(now)} ps"]
    chances = [f"{row[f'feasibility_{when}']:.0%}" for when in ("before", "after")]
    if chances[0] != chances[1]:
        parts.append(f"forms {chances[0]} to {chances[1]}")
    parts.append(f"place {row['place_before']} to {row['place_after']}")
    nearest = row["nearest_measured_after"]
    why = f"; nearest measured is now {nearest}" if nearest != row["nearest_measured_before"] else ""
    return ", ".join(parts) + why


def _cause(row: dict[Any, Any], x: NDArray[np.float64] | None, news: Sequence[Expectation]) -> str:
    """The new measurement that is nearest in descriptors, if it points the way the prediction went."""
    if x is None or not news:
        return ""
    spread = np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    points = np.array([one.x for one in news])
    distance = np.sqrt((((points - x[row["place_after"] - 1]) / spread) ** 2).mean(axis=1))
    nearest = news[int(distance.argmin())]
    went = np.sign(row["lifetime_ps_after"] - row["lifetime_ps_before"])
    if went != np.sign(nearest.measured_ps - nearest.expected_ps):
        return ""
    how = "slower" if went > 0 else "faster"
    return (
        f"; the nearest new result, {nearest.formula}, came out {how} than expected "
        f"({picoseconds(nearest.measured_ps)} ps, not {picoseconds(nearest.expected_ps)})"
    )

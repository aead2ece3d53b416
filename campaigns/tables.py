"""A campaign's tables as DataFrames, for notebooks and spreadsheets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from campaigns.errors import CampaignError

if TYPE_CHECKING:
    from campaigns.campaign_view import CampaignView

__all__ = ["TABLES", "table"]


def _suggestions(campaign: CampaignView) -> pd.DataFrame:
    rows = [
        {"round": batch.number, "place": place, **suggestion.to_dict()}
        for batch in campaign.state.batches
        for place, suggestion in enumerate(batch.suggestions, start=1)
    ]
    return pd.DataFrame(rows)


def _measurements(campaign: CampaignView) -> pd.DataFrame:
    return pd.DataFrame([row.to_dict() for row in campaign.state.record])


def _properties(campaign: CampaignView) -> pd.DataFrame:
    rows = [
        {"property": name, **row.to_dict()} for name, held in campaign.state.property_values.items() for row in held
    ]
    return pd.DataFrame(rows)


def _compounds(campaign: CampaignView) -> pd.DataFrame:
    stages = campaign.state.stages
    last = {step.formula: step for step in campaign.state.steps}
    rows = [
        {
            "formula": formula,
            "stage": stage.value,
            "made": last[formula].made if formula in last else "",
            "reason": last[formula].reason if formula in last else "",
        }
        for formula, stage in stages.items()
    ]
    return pd.DataFrame(rows, columns=["formula", "stage", "made", "reason"])


def _scores(campaign: CampaignView) -> pd.DataFrame:
    fit = campaign.fit()
    rows = [] if fit is None else [{"split": split, **scores} for split, scores in fit.scores.items()]
    return pd.DataFrame(rows)


def _ranking(campaign: CampaignView) -> pd.DataFrame:
    from campaigns.files import read_ranking

    ranking = read_ranking(campaign.folder)
    return pd.DataFrame() if ranking is None else ranking


def _history(campaign: CampaignView) -> pd.DataFrame:
    return pd.DataFrame(list(campaign.history()))


#: Tables by name; each is empty where the campaign has nothing to put in.
TABLES: dict[str, Callable[[CampaignView], pd.DataFrame]] = {
    "suggestions": _suggestions,
    "measurements": _measurements,
    "properties": _properties,
    "compounds": _compounds,
    "scores": _scores,
    "ranking": _ranking,
    "history": _history,
}


def table(campaign: CampaignView, name: str) -> pd.DataFrame:
    """One of `TABLES`.

    Raises:
        CampaignError: if there is no such table.
    """
    if name not in TABLES:
        raise CampaignError(f"a campaign has no table {name!r}; it has {', '.join(TABLES)}")
    return TABLES[name](campaign)

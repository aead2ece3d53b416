"""Every model by every split of the paper, on the paper's table and on ours, beside what the paper claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chemspace.progress import Progress
from screening.paper.claims import CLAIMS
from screening.paper.network import GRID, Setting
from screening.paper.protocol import network_scores
from screening.paper.tables import PAPER_SPLITS, Table, default_table, filed_table
from screening.surrogates.problem import make_problem
from screening.surrogates.registry import DEFAULT_SURROGATE, get_recipe
from screening.validation import ScoreCard, cross_validate
from screening.validation.scores import score

__all__ = ["MODELS", "PAPER_SPLITS", "Reproduction", "reproduce"]

#: Models of the table, the shipped default first. `two_group` is the mean of n = 1 Ruddlesden-Popper compounds and of
#: all others; `mlp` the paper's network.
MODELS = (
    DEFAULT_SURROGATE,
    "gp",
    "ensemble",
    "trees",
    "gp_ensemble",
    "gp_on_residuals",
    "mean",
    "two_group",
    "linear",
    "random_forest",
    "svr",
    "xgboost",
    "mlp",
)


@dataclass(frozen=True)
class Reproduction:
    """Scores of every model.

    Attributes:
        cards: score cards by table ("as_filed": 52 rows; "default_rows"), model and split.
        n_rows: rows of each table.
        setting: of the network, chosen from the paper's grid on the 52 rows.
    """

    cards: dict[str, dict[str, dict[str, ScoreCard]]]
    n_rows: dict[str, int]
    setting: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: claims, then models of the published table, then those of the default rows."""
        tables = {
            table: {model: {split: _told(card) for split, card in cards.items()} for model, cards in models.items()}
            for table, models in self.cards.items()
        }
        return {
            "source": "10.1039/d5sc07406a",
            "claims": [{"model": c.model, "rows": c.rows, "split": c.split, "r2_rate": c.r2_rate} for c in CLAIMS],
            "n_rows": self.n_rows,
            "mlp_setting": self.setting,
            "models": tables["as_filed"],
            "default_rows": tables.get("default_rows", {}),
        }


def reproduce(
    seed: int = 42, models: Sequence[str] = MODELS, progress: Progress | None = None, *, default_rows: bool = True
) -> Reproduction:
    """Score `models` by every split on both tables.

    Args:
        seed: of every random draw.
        models: names from `MODELS`.
        progress: called after every model.
        default_rows: whether the rows that train by default are scored too, beside the paper's own 52.

    Raises:
        UnknownSurrogateError: for a name that is not known.
    """
    tables = (filed_table(), default_table()) if default_rows else (filed_table(),)
    cards: dict[str, dict[str, dict[str, ScoreCard]]] = {}
    setting: Setting | None = None
    done = 0
    for table in tables:
        cards[table.name] = {}
        for model in models:
            if model == "mlp":
                network = network_scores(table, seed, GRID if setting is None else (setting,))
                cards[table.name][model], setting = network.cards, network.setting
            else:
                cards[table.name][model] = _recipe_scores(model, table, seed)
            done += 1
            if progress is not None:
                progress(done, len(tables) * len(models), f"{model}, {table.name}")
    return Reproduction(cards, {t.name: len(t.rate) for t in tables}, str(setting))


def _recipe_scores(model: str, table: Table, seed: int) -> dict[str, ScoreCard]:
    # A linear fit to one column that says "n = 1 Ruddlesden-Popper" is the mean of either group.
    name, x = ("linear", table.n1_rp[:, None].astype(float)) if model == "two_group" else (model, table.x)
    told = cross_validate(x, table.y, table.noise, table.groups, seed, name, holdouts=table.holdouts(seed))
    problem = make_problem(x, table.y, table.noise, table.groups)
    mean, variance = get_recipe(name).fit(problem, problem.full_mask(), seed).predict(problem.x)
    fitted = score(table.y, mean[0], np.sqrt(variance[0] + problem.noise_variance))
    cards = {"in_sample": fitted, **told.score_cards}
    return {split: cards[split] for split in PAPER_SPLITS}


def _told(card: ScoreCard) -> dict[str, Any]:
    values = card.to_dict()
    keys = ("r2_log", "r2_rate", "mae_log", "spearman", "nlpd", "coverage_90", "n_rows")
    return {key: round(v, 4) if isinstance(v := values[key], float) else v for key in keys}

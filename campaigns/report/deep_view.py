"""What takes minutes to say about a model: baselines, shuffled targets, learning curve, a back-test, the paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from campaigns.versions import code_state
from chemspace.progress import Progress, silent

if TYPE_CHECKING:
    from campaigns.round import Round

__all__ = ["deep_view", "paper_key", "paper_view"]

#: Replays of the back-test, and rows that each begins with at random.
N_REPLAYS, N_START = 10, 5
BATCH = 5


def deep_view(done: Round, progress: Progress | None = None) -> dict[str, Any]:
    """Baselines, shuffled targets, learning curve and a back-test on the rows of one round, upper bounds held out.

    Returns:
        verdict; baselines (rows of name, R2 of log10 rate leaving one out and leaving a spacer out, the model itself
        first); scrambled (R2 with shuffled targets); spacer_only (R2 of knowing the spacer alone); curve (share of the
        rows to R2); band (experiments, mean_ps, low_ps, high_ps, random_ps).
    """
    from campaigns.score_card import card_of

    tell, steps = progress or silent, 0

    def part(at: int, total: int, note: str) -> None:
        nonlocal steps
        steps = total
        tell(at, total + 1, note)

    name = done.validation.name
    card = card_of(done.training, done.surrogate.seed, name, progress=part)
    told = {name: card.validation, **card.baselines}
    tell(steps, steps + 1, "back-test")
    return {
        "verdict": card.verdict,
        "baselines": [
            [other, *(round(v.score_cards[s].r2_log, 3) for s in ("leave_one_out", "leave_one_spacer_out"))]
            for other, v in told.items()
        ],
        "scrambled": [round(float(r2), 3) for r2 in card.scrambled_r2_log],
        "spacer_only": round(float(card.spacer_only_r2_log), 3),
        "curve": {f"{share:g}": round(float(r2), 3) for share, r2 in card.curve.items()},
        "band": _band(done),
    }


def paper_view(progress: Progress | None = None) -> list[dict[str, Any]]:
    """The reference paper's claims, each with the R2 on the rate of the paper's network on rows it trained on and on
    rows it had not seen, and of the default model on rows it had not seen."""
    from screening.paper import CLAIMS, reproduce
    from screening.surrogates.registry import DEFAULT_SURROGATE

    models = tuple(dict.fromkeys((DEFAULT_SURROGATE, *(claim.model for claim in CLAIMS))))
    found = reproduce(models=models, progress=progress, default_rows=False).cards["as_filed"]
    return [
        {
            "model": claim.model,
            "rows": claim.rows,
            "claimed": claim.r2_rate,
            "in_sample": round(found[claim.model]["in_sample"].r2_rate, 2),
            "out_of_sample": round(found[claim.model][claim.split].r2_rate, 2),
            "ours": round(found[DEFAULT_SURROGATE][claim.split].r2_rate, 2),
            "ours_log": round(found[DEFAULT_SURROGATE][claim.split].r2_log, 2),
        }
        for claim in CLAIMS
    ]


def paper_key() -> str:
    """Key of what `paper_view` gives: the paper's table and the code that scores it."""
    from hashlib import sha256
    from importlib.metadata import version

    from screening.paper.tables import filed_table

    table = filed_table()
    told = sha256(f"{version('spinscreen')} {code_state()['code_sha256']}".encode())
    for part in (table.descriptors, table.rate, table.groups):
        told.update(np.ascontiguousarray(part).astype(str).tobytes())
    return told.hexdigest()[:16]


def _band(done: Round) -> dict[str, list[float]]:
    """Best lifetime against experiments when the engine starts from a few random rows of the same table."""
    from screening.backtest.compare import backtest
    from screening.backtest.table import FinishedTable
    from screening.features import FEATURE_NAMES

    data = done.training.dataset
    rates = data.log10_rate[~data.censored]
    table = FinishedTable(done.training.x[~data.censored], rates, tuple(FEATURE_NAMES), "log10_rate", True)
    frame = backtest(table, n_start=N_START, batch_size=BATCH, budget=len(rates), seeds=range(N_REPLAYS)).curves()
    ours, chance = frame[frame["strategy"] == "spinscreen"], frame[frame["strategy"] == "random"]

    def lifetimes(values: Any) -> list[float]:
        return [float(f"{10.0**-value:.4g}") for value in values]

    return {
        "experiments": [int(n) for n in ours["experiments"]],
        "mean_ps": lifetimes(ours["best"]),
        "low_ps": lifetimes(ours["best_high"]),
        "high_ps": lifetimes(ours["best_low"]),
        "random_ps": lifetimes(chance["best"]),
    }

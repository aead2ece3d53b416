"""What a campaign's model is, what it learnt from, how well it predicts, and what not to trust: Markdown and JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaigns.errors import CampaignError
from campaigns.files import title_of, write_whole

if TYPE_CHECKING:
    from campaigns.campaign import Campaign

#: What no score shows; docs/limits.md says more.
_LIMITS = (
    "A single predicted lifetime is not to be trusted; its 90% interval is.",
    "Contributions say what the model used, not how spins relax.",
    "Few dozen rows, lead iodides at room temperature: other metals, halides and temperatures are extrapolation.",
    "Every score is of rows that were left out; a difference that is smaller than its standard error says nothing.",
)


def model_card(campaign: Campaign) -> dict[str, Any]:
    """The card of the model on the present data, plain values."""
    fit = campaign.fit()
    if fit is None:
        raise CampaignError("nothing is learnt from the present data yet; learn first: spinscreen suggest CAMPAIGN")
    data, config = campaign.dataset(), campaign.config
    return {
        "campaign": title_of(campaign.folder),
        "predicts": "log10 of the spin relaxation rate (1/ps) of layered halide perovskites, before synthesis",
        "model": {
            "surrogate": config.surrogate,
            "edition": config.edition,
            "seed": config.seed,
            "descriptors": [*config.descriptor_set.names],
            "oracle": config.protocol.key,
            "versions": fit.versions,
        },
        "data": {
            "rows_known": fit.n_measured,
            "rows_trained_on": fit.n_train,
            "rows_of_this_campaign": len(campaign.state.measurements),
            "left_out": [*fit.left_out],
            "sources": sorted({str(source) for source in data.table["doi"].dropna()} - {""}),
            "key": fit.data_key,
        },
        "verdict": fit.grade,
        "strategy": fit.strategy,
        "scores_by_split": fit.scores,
        "related_tasks": fit.related,
        "further_properties": fit.properties,
        "limits": [*_LIMITS],
    }


def write_model_card(campaign: Campaign, path: Path) -> int:
    """Write the card as JSON or, by any other ending, as Markdown. Returns the number of splits that are scored."""
    card = model_card(campaign)
    text = json.dumps(card, indent=2, ensure_ascii=False) if path.suffix == ".json" else as_markdown(card)
    write_whole(path, lambda target: target.write_text(text + "\n", encoding="utf-8"))
    return len(card["scores_by_split"])


def as_markdown(card: dict[str, Any]) -> str:
    """A card for people."""
    model, data = card["model"], card["data"]
    lines = [
        f"# Model card: {card['campaign']}",
        "",
        f"Predicts {card['predicts']}.",
        "",
        f"**{card['verdict']}** {card['strategy']}",
        "",
        "## Model",
        "",
        *(f"- {name}: {_words(value)}" for name, value in model.items()),
        "",
        "## Data",
        "",
        *(f"- {name.replace('_', ' ')}: {_words(value)}" for name, value in data.items() if name != "left_out"),
        *(["- left out:"] + [f"    - {line}" for line in data["left_out"]] if data["left_out"] else []),
        "",
        "## Scores of rows that were left out",
        "",
        *_table(card["scores_by_split"]),
    ]
    if card["related_tasks"]:
        lines += ["", "## Related tasks", "", *(f"- {told['sentence']}" for told in card["related_tasks"].values())]
    for name, told in card["further_properties"].items():
        lines += ["", f"## {name}", "", f"{told['n_rows']} values: {told['grade']}", "", *_table(told["scores"])]
    lines += ["", "## Limits", "", *(f"- {line}" for line in card["limits"])]
    return "\n".join(lines)


def _table(scores: dict[str, dict[str, Any]]) -> list[str]:
    names = list(dict.fromkeys(name for card in scores.values() for name in card))
    rows = [
        f"| {split} | " + " | ".join(_words(card.get(name)) for name in names) + " |" for split, card in scores.items()
    ]
    return [f"| left out | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|", *rows]


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(_words, value)) or "none"
    text = f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
    return text.replace("|", "\\|").replace("\n", " ")

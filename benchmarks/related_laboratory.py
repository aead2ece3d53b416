"""Whether another laboratory's lifetimes teach: real rows as a related task, either way round.

    python -m benchmarks.related_laboratory LIBRARY [--surrogate gp]

The paper's table (doi 10.1039/d5sc07406a) holds 14 lifetimes that its authors measured and 38 that they took from
others. Each of the two sets is the campaign's own in turn, and the other its related task, with descriptors computed by
the oracle. Printed is what a campaign says of the task, and the scores without and with it.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

from campaigns import Campaign, CampaignConfig
from campaigns.artifacts import Artifacts
from campaigns.config import SpaceRules
from campaigns.training import join_tasks, training_set

SPLIT = "leave_one_compound_out"


def main() -> None:
    """Print two rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=Path)
    parser.add_argument("--surrogate", default=CampaignConfig().surrogate)
    asked = parser.parse_args()
    config = CampaignConfig(surrogate="mean", space=SpaceRules(n_layers=(1,)))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with Campaign.create(root / "c", config, libraries=[asked.library], oracle_store=root / "o.db") as campaign:
            campaign.describe()
            inputs = campaign.round().inputs
        config = config.model_copy(update={"surrogate": asked.surrogate})
        by_authors = (inputs.dataset.table["split"] == "synthesised").to_numpy()
        sets = {"the authors": inputs.dataset.subset(by_authors), "others": inputs.dataset.subset(~by_authors)}
        print("| own | related task | R2 without | R2 of what is learnt |\n|---|---|---|---|")
        for (own, rows), (other, related) in (tuple(sets.items()), tuple(sets.items())[::-1]):
            known = training_set(rows, inputs.records, config, {other: related})
            kept = Artifacts(root / own)
            _, alone, *_ = join_tasks(replace(known, related={}), config, kept, own)
            _, learnt, _, (told,) = join_tasks(known, config, kept, own)
            r2 = [f"{one.score_cards[SPLIT].r2_log:.3f}" for one in (alone, learnt)]
            print(f"| {own} ({len(known.dataset)}) | {told.sentence} | {r2[0]} | {r2[1]} |")


if __name__ == "__main__":
    main()

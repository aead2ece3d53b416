"""How well P(a spacer forms a layered lead iodide) holds out of sample: AUC and Brier score by edition.

    python -m benchmarks.forms

Whole scaffolds left out in ten folds, and single cations left out with their enantiomers and racemate. The numbers that
describe a spacer and the kernel of the evidence were chosen on this table, which flatters the newest edition a little.
"""

from __future__ import annotations

from campaigns.events import EDITIONS
from screening.spacer_feasibility import score_spacers


def main() -> None:
    """Prints one row an edition and split."""
    print("| edition | cations | left out | AUC | Brier score | Brier score of the bare share |")
    print("|---|---|---|---|---|---|")
    for number, edition in EDITIONS.items():
        for left_out in ("cations", "scaffolds"):
            score = score_spacers(edition.reported, edition.feasibility_prior.spacers, left_out)
            numbers = f"{score.auc:.3f} | {score.brier:.3f} | {score.brier_base_rate:.3f}"
            print(f"| {number} | {score.n_cations} | {score.n_groups} {left_out} | {numbers} |")


if __name__ == "__main__":
    main()

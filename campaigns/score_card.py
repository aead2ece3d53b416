"""How good a campaign's surrogate is on rows it has not seen, asked in every way at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from campaigns.config import CampaignConfig
from campaigns.learning import TrainingSet, measured_dataset, training_set
from campaigns.state import CampaignState
from chemspace import CationLibrary
from chemspace.progress import Progress
from oracle import CationRecord

if TYPE_CHECKING:
    from screening.validation.card import FullCard

__all__ = ["card_of", "full_card", "holdouts"]

#: The reference paper holds out seven rows and does not say which: so many random draws are scored together.
DRAWS, DRAW_SIZE = 10, 7


def full_card(
    config: CampaignConfig,
    library: CationLibrary,
    records: Mapping[str, CationRecord],
    state: CampaignState,
    progress: Progress | None = None,
) -> FullCard:
    """Every split, calibration, shuffled targets, a spacer-only control, baselines and the learning curve.

    Args:
        config: the campaign's description; its surrogate and seed.
        library: names of the formulas.
        records: the oracle's records by InChIKey.
        state: what is measured beside the published rows.
        progress: called after every part.

    Raises:
        CampaignError, ScreeningError: if there is too little to learn from.
    """
    training = training_set(measured_dataset(state.measurements, library), records, config)
    return card_of(training, config.seed, config.surrogate, holdouts(training, config.seed), progress)


def card_of(
    training: TrainingSet,
    seed: int,
    name: str,
    further: Mapping[str, list[NDArray[np.int64]]] | None = None,
    progress: Progress | None = None,
) -> FullCard:
    """The full score card on the rows that train, upper bounds known as such.

    Args:
        training: the rows.
        seed: of everything random.
        name: of the surrogate.
        further: test rows of hold-outs beside the usual splits, as `holdouts` gives, shape (rows,) each.
        progress: called after every part.

    Raises:
        ScreeningError: if there is too little to learn from.
    """
    from screening.validation.card import full_score_card

    data = training.dataset
    return full_score_card(
        training.x,
        data.log10_rate,
        data.noise,
        data.groups,
        seed,
        name,
        holdouts=further,
        censored=data.censored,
        progress=progress,
    )


def holdouts(training: TrainingSet, seed: int) -> dict[str, list[NDArray[np.int64]]]:
    """Test rows, each of shape (rows,), of the paper's hold-outs (doi 10.1039/d5sc07406a) and of the campaign's own.

    "literature_to_synthesised" trains on literature values and tests on the paper's own crystals (the paper's 38/14);
    "random_seven" holds out seven random rows, drawn `DRAWS` times (its 45/7); "own_measurements" trains on published
    rows and tests on the campaign's own, where there are some.
    """
    from screening.validation.splits import random_holdouts

    split = training.dataset.table["split"].to_numpy()
    generator = np.random.default_rng(seed)
    rows = len(split)
    draws = random_holdouts(rows, DRAW_SIZE, DRAWS, generator)
    tests = {
        "literature_to_synthesised": [np.flatnonzero(split == "synthesised")],
        "random_seven": draws if rows > 2 * DRAW_SIZE else [],
        "own_measurements": [np.flatnonzero(split == "campaign")],
    }
    kept = {name: [test for test in found if 0 < len(test) < rows - 3] for name, found in tests.items()}
    return {name: found for name, found in kept.items() if found}

"""The two tables every model is scored on: the 52 rows as the paper filed them, and the default rows, corrected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from screening.dataset import SpinDataset, published_descriptors
from screening.features import to_features
from screening.validation.splits import random_holdouts

__all__ = ["PAPER_SPLITS", "Table", "default_table", "filed_table"]

#: The paper's ways of scoring, the honest one it lacks (a spacer left out), and the training rows themselves.
PAPER_SPLITS = ("in_sample", "leave_one_out", "leave_one_spacer_out", "train38_test14", "train45_test7")
#: The paper does not say which seven rows it held out of 52: as many random draws of seven are scored together.
DRAWS, DRAW_SIZE = 10, 7


@dataclass(frozen=True)
class Table:
    """Rows with everything the models of this package need; k observations.

    Attributes:
        name: "as_filed" or "default_rows".
        descriptors: shape (k, 10). x: our features, shape (k, 8). rate: 1/ps, shape (k,). noise: log10, shape (k,).
        groups: spacer of each row. synthesised: the paper's own 14 samples, shape (k,).
        n1_rp: n = 1 Ruddlesden-Popper rows, shape (k,).
    """

    name: str
    descriptors: NDArray[np.float64]
    x: NDArray[np.float64]
    rate: NDArray[np.float64]
    noise: NDArray[np.float64]
    groups: tuple[str, ...]
    synthesised: NDArray[np.bool_]
    n1_rp: NDArray[np.bool_]

    @property
    def y(self) -> NDArray[np.float64]:
        """log10 rate, shape (k,)."""
        told: NDArray[np.float64] = np.log10(self.rate)
        return told

    def holdouts(self, seed: int) -> dict[str, list[NDArray[np.int64]]]:
        """Test rows, each of shape (rows,), of the paper's two hold-out splits."""
        generator = np.random.default_rng(seed)
        draws = random_holdouts(len(self.rate), DRAW_SIZE, DRAWS, generator)
        return {"train38_test14": [np.flatnonzero(self.synthesised)], "train45_test7": draws}


def filed_table() -> Table:
    """All 52 rows with descriptors as filed, zeros and errors included, and one error for all, as the paper has it."""
    data = SpinDataset.published()
    _, descriptors = published_descriptors(as_filed=True)
    return _table("as_filed", data, descriptors, np.full(len(data), float(np.min(data.trainable().noise))))


def default_table() -> Table:
    """The rows that train by default, descriptors corrected, errors as known."""
    data = SpinDataset.published()
    kept = data.trainable()
    rows = data.rows["material_id"].isin(kept.rows["material_id"]).to_numpy()
    _, descriptors = published_descriptors()
    return _table("default_rows", kept, descriptors[rows], kept.noise)


def _table(name: str, data: SpinDataset, descriptors: NDArray[np.float64], noise: NDArray[np.float64]) -> Table:
    rows = data.rows
    return Table(
        name=name,
        descriptors=descriptors,
        x=to_features(descriptors),
        rate=rows["rate_per_ps"].to_numpy(dtype=np.float64),
        noise=noise,
        groups=data.groups,
        synthesised=(rows["split"] == "synthesised").to_numpy(dtype=bool),
        n1_rp=((rows["phase"] == "RP") & (rows["n_layers"] == 1)).to_numpy(dtype=bool),
    )

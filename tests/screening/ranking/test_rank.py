"""Ranking a space: the streamed pass finds what an exhaustive one finds, whatever the block size."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray

from chemspace.cation import Cation
from chemspace.space import CompoundSpace
from oracle.descriptors import CationTable
from screening.calibration import half_width
from screening.errors import NothingLeftError, RankingError
from screening.feasibility import fit_feasibility
from screening.ranking import RANKING_COLUMNS, Candidates, PassSettings, rank, space_features
from screening.strategies import MeasuredSet
from screening.strategies.acquisitions import log_expected_improvement

SPACERS = tuple(Cation.from_smiles("[NH3+]" + "C" * length) for length in range(3, 15)) + tuple(
    Cation.from_smiles("[NH3+]" + "C" * length + "[NH3+]") for length in range(3, 13)
)
CAGES = tuple(Cation.from_smiles(smiles, role="cage") for smiles in ("C[NH3+]", "NC=[NH2+]", "[Cs+]", "C[NH2+]C"))
SPACE = CompoundSpace(SPACERS, CAGES, (1, 2, 3, 4, 5))


def _table(cations: tuple[Cation, ...], seed: int) -> CationTable:
    values = np.random.default_rng(seed).normal(5.0, 1.0, size=(len(cations), 8))
    organic = np.array([cation.is_organic for cation in cations])
    return CationTable(np.where(organic[:, None], values, np.nan), organic)


TABLES = (_table(SPACERS, 0), _table(CAGES, 1))


class Wavy:
    """A stand-in with the two attributes a ranking asks for."""

    def predict(self, x: NDArray[np.float64], chunk: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return np.sin(x).sum(axis=1), 0.2 + 0.1 * np.cos(x[:, 0])


@pytest.fixture(scope="module")
def exhaustive() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    everything = np.arange(len(SPACE))
    value = log_expected_improvement(*Wavy().predict(space_features(SPACE, everything, *TABLES)), -1.0)
    value = value + fit_feasibility().bind(SPACE).log_probability(SPACE.take(everything))
    return value, np.lexsort((everything, -value))


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("block_size", [1, 7, 100, 10_000])
def test_the_top_is_that_of_the_exhaustive_pass_for_any_block_size_and_number_of_workers(
    exhaustive: tuple[NDArray[np.float64], NDArray[np.int64]], block_size: int, workers: int
) -> None:
    ranking = rank(
        Candidates(SPACE, *TABLES, Wavy(), -1.0, feasibility=fit_feasibility()),
        30,
        PassSettings(block_size=block_size, workers=workers),
    )
    assert ranking.frame["index"].tolist() == exhaustive[1][:30].tolist()
    assert ranking.frame["acquisition"].to_numpy() == pytest.approx(exhaustive[0][exhaustive[1][:30]])
    assert tuple(ranking.frame.columns) == (*RANKING_COLUMNS, "tag")
    assert ranking.n_scored == len(SPACE)


class _WavyModel:
    """A model with `marginal`, as the float32 pass asks for it."""

    def marginal(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.sin(x).sum(dim=1), (0.2 + 0.1 * torch.cos(x[:, 0])) ** 2

    def unexplained_variance(self) -> float:
        return 0.0

    def to(self, device: str, dtype: torch.dtype) -> _WavyModel:
        return self

    def eval(self) -> _WavyModel:
        return self


class WavyWithModel(Wavy):
    model = _WavyModel()


def test_the_single_precision_pass_gives_the_top_of_double_precision() -> None:
    double = rank(Candidates(SPACE, *TABLES, WavyWithModel(), -1.0, feasibility=fit_feasibility()), 50)
    single = rank(
        Candidates(SPACE, *TABLES, WavyWithModel(), -1.0, feasibility=fit_feasibility()),
        50,
        PassSettings(single_precision=True),
    )
    pd.testing.assert_frame_equal(single.frame, double.frame)


class Trembling(WavyWithModel):
    """Rounds differently at every place of a batch, as vectorised arithmetic may."""

    def predict(self, x: NDArray[np.float64], chunk: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        mean, sd = super().predict(x, chunk)
        return mean + 1e-13 * np.random.default_rng(0).random(len(x)), sd


def test_equal_features_tie_and_the_lower_index_goes_first_however_a_batch_is_rounded() -> None:
    cages = tuple(Cation.from_smiles(smiles, role="cage") for smiles in ("[Cs+]", "[Rb+]", "[NH4+]"))
    space = CompoundSpace(SPACERS, cages, (2, 3))
    ranking = rank(
        Candidates(space, TABLES[0], _table(cages, 1), Trembling(), -1.0), 40, PassSettings(single_precision=True)
    )
    _, which = np.unique(ranking.x, axis=0, return_inverse=True)
    assert np.bincount(which).max() == 3
    for group in range(which.max() + 1):
        rows = ranking.frame[which == group]
        assert len(set(rows["acquisition"])) == 1
        assert rows["index"].is_monotonic_increasing


def test_single_precision_needs_a_model_and_a_device_that_is_there() -> None:
    with pytest.raises(RankingError, match="float64 instead"):
        rank(Candidates(SPACE, *TABLES, Wavy(), 0.0), settings=PassSettings(single_precision=True))
    if not torch.cuda.is_available():
        with pytest.raises(RankingError, match="no CUDA"):
            rank(
                Candidates(SPACE, *TABLES, WavyWithModel(), 0.0),
                settings=PassSettings(single_precision=True, device="cuda"),
            )


def test_excluded_compounds_never_appear(exhaustive: tuple[NDArray[np.float64], NDArray[np.int64]]) -> None:
    banned = exhaustive[1][:10].tolist()
    ranking = rank(Candidates(SPACE, *TABLES, Wavy(), -1.0, feasibility=fit_feasibility(), exclude=set(banned)), 20)
    assert ranking.frame["index"].tolist() == exhaustive[1][10:30].tolist()
    assert ranking.n_excluded == 10


def test_rows_say_what_the_compound_is_how_long_it_lasts_and_what_is_like_it() -> None:
    known = np.array([0, 5, 200])
    x = space_features(SPACE, known, *TABLES)
    measured = MeasuredSet(tuple(SPACE[int(i)].formula for i in known), x)
    row = rank(Candidates(SPACE, *TABLES, Wavy(), 0.0, measured=measured), len(SPACE)).frame
    row = row.set_index("index").loc[5]
    assert row["formula"] == row["nearest_measured"] == SPACE[5].formula
    assert row["distance"] == 0.0
    assert row["lifetime_ps"] == pytest.approx(10.0 ** -row["mean"])
    assert row["lifetime_low_ps"] < row["lifetime_ps"] < row["lifetime_high_ps"]
    assert np.log10(row["lifetime_high_ps"] / row["lifetime_ps"]) == pytest.approx(half_width(0.9) * row["sd"])
    assert row["feasibility"] == 1.0


def test_compounds_without_descriptors_are_counted_and_left_out() -> None:
    values = TABLES[0].values.copy()  # noqa: PD011  # a field of CationTable, no pandas
    values[3] = np.nan
    ranking = rank(Candidates(SPACE, CationTable(values, TABLES[0].organic), TABLES[1], Wavy(), 0.0), 10**6)
    assert ranking.n_undescribed == len(SPACE) // len(SPACERS)
    assert 3 not in set(ranking.spacer.tolist())


def test_equal_values_are_ordered_by_index() -> None:
    class Flat:
        def predict(self, x: NDArray[np.float64], chunk: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            return np.zeros(len(x)), np.ones(len(x))

    frame = rank(Candidates(SPACE, *TABLES, Flat(), 0.0), 5, PassSettings(block_size=3)).frame
    assert frame["index"].tolist() == [0, 1, 2, 3, 4]


def test_progress_reaches_the_whole_space() -> None:
    seen: list[tuple[int, int]] = []
    rank(
        Candidates(SPACE, *TABLES, Wavy(), 0.0),
        settings=PassSettings(block_size=100),
        progress=lambda done, total, note: seen.append((done, total)),
    )
    assert seen[-1] == (len(SPACE), len(SPACE))


def test_nothing_left_is_said_in_numbers() -> None:
    with pytest.raises(NothingLeftError, match=f"of {len(SPACE)} compounds {len(SPACE)} are measured"):
        rank(Candidates(SPACE, *TABLES, Wavy(), 0.0, exclude=range(len(SPACE))))


def test_tables_of_another_space_and_models_without_numbers_are_refused() -> None:
    with pytest.raises(RankingError, match="spacer_table has 4 rows"):
        rank(Candidates(SPACE, TABLES[1], TABLES[1], Wavy(), 0.0))

    class Lost:
        def predict(self, x: NDArray[np.float64], chunk: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            return np.full(len(x), np.nan), np.ones(len(x))

    with pytest.raises(RankingError, match="predicts no number"):
        rank(Candidates(SPACE, *TABLES, Lost(), 0.0))

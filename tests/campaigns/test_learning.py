"""From a campaign's measurements to what the surrogate is taught."""

from __future__ import annotations

import numpy as np
import pytest

from campaigns.config import CampaignConfig
from campaigns.targets import Observation
from campaigns.training import TrainingSet, fit, measured_dataset, validate
from chemspace import CationLibrary, CompoundSpace
from screening.dataset import SpinDataset, published_descriptors
from screening.features import to_features

FORMULA = "(EOA)2PbI4"


@pytest.fixture(scope="module")
def library() -> CationLibrary:
    return CationLibrary.builtin()


def _training(library: CationLibrary, *measured: Observation) -> TrainingSet:
    """Rows of the published descriptors, a campaign's own rows with those of S01, the same compound."""
    dataset = measured_dataset(measured, library)
    names, descriptors = published_descriptors()
    kept = [str(name) for name in SpinDataset.published().trainable().rows["material_id"]]
    rows = [names.index(name) for name in kept] + [names.index("S01")] * len(measured)
    keep = np.isin(np.array(dataset.rows["material_id"], dtype=str), [*kept, *(m.sample for m in measured)])
    return TrainingSet(dataset.subset(keep), to_features(descriptors[rows]), ())


def _mean(training: TrainingSet) -> float:
    config = CampaignConfig(surrogate="gp")
    surrogate = fit(training, config, validate(training, config))
    return float(surrogate.predict(training.x[:1])[0][0])


def test_a_bound_moves_what_the_surrogate_expects_of_its_compound(library: CationLibrary) -> None:
    plain = _mean(_training(library))
    fast = Observation(formula=FORMULA, value=0.05, sample="mine", is_bound=True)
    loose = Observation(formula=FORMULA, value=5e4, sample="mine", is_bound=True)
    assert _mean(_training(library, fast)) > plain + 0.1
    assert _mean(_training(library, loose)) == pytest.approx(plain, abs=0.02)


def test_a_bound_is_no_best_observed_lifetime(library: CationLibrary) -> None:
    space = CompoundSpace(spacers=(library["EOA"],), cages=(library["MA"],), n_layers=(1, 2))
    loose = Observation(formula=FORMULA, value=500.0, sample="mine", is_bound=True)
    assert _training(library, loose).best_inside(space) == pytest.approx(np.log10(0.077), abs=1e-3)

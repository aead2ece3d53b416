"""From a campaign's measurements to what the surrogate is taught."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from campaigns import Campaign
from campaigns.artifacts import training_key
from campaigns.config import CampaignConfig
from campaigns.targets import Observation
from campaigns.training import TrainingSet, fit, measured_dataset, training_set, validate
from chemspace import CationLibrary, CompoundSpace
from screening.dataset import SpinDataset, published_descriptors
from screening.errors import SurrogateError
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


def test_fluence_is_set_apart_and_learnt_from_once_twelve_rows_vary_in_it(campaign: Campaign) -> None:
    config = CampaignConfig(surrogate="gp", conditions=("temperature_k", "fluence_uj_cm2"))
    strong = Observation(formula=FORMULA, value=0.1, fluence_uj_cm2=370.0)
    rows = [strong.model_copy(update={"sample": f"strong {k}"}) for k in range(12)]
    near = strong.model_copy(update={"sample": "near", "fluence_uj_cm2": 12.0})
    few = training_set(measured_dataset((*rows[:11], near), campaign.names), campaign.records(), config)
    assert few.conditions == ()
    assert sum("fluence of the pump is more than ten times" in line for line in few.left_out) == 11
    assert "fluence_uj_cm2: 11 rows vary in it; it is learnt from once 12 do" in few.left_out
    taught = training_set(measured_dataset((*rows, near), campaign.names), campaign.records(), config)
    assert taught.conditions == ("fluence_uj_cm2",)
    assert len(taught.dataset) == len(few.dataset) + 12
    assert np.log10(370.0) in taught.inputs[:, -1]
    assert np.median(taught.inputs[:, -1]) == pytest.approx(taught.fixed[0]) == pytest.approx(np.log10(3.7))
    assert (~taught.is_usual).sum() == 12
    with_one, without = (
        training_key(config.model_copy(update={"conditions": names}), campaign.state)
        for names in (("fluence_uj_cm2",), ())
    )
    assert with_one != without


def test_temperature_is_learnt_from_once_twelve_rows_vary_in_it(campaign: Campaign) -> None:
    config = CampaignConfig(surrogate="gp", conditions=("temperature_k",))
    formulas = list(
        dict.fromkeys(training_set(measured_dataset((), campaign.names), campaign.records(), config).formulas)
    )
    cold = [
        Observation(formula=formula, value=100.0, sample=f"cold {k}", temperature_k=80.0)
        for k, formula in enumerate(formula for formula in formulas if formula.startswith("(PEA)") or "BA" in formula)
    ]
    cold = (cold * 12)[:12]
    rows = tuple(one.model_copy(update={"sample": f"cold {k}"}) for k, one in enumerate(cold))
    few = training_set(measured_dataset(rows[:11], campaign.names), campaign.records(), config)
    assert few.conditions == ()
    assert any("11 rows vary" in line for line in few.left_out)
    plain = training_set(measured_dataset(rows, campaign.names), campaign.records(), CampaignConfig(surrogate="gp"))
    taught = training_set(measured_dataset(rows, campaign.names), campaign.records(), config)
    assert len(taught.dataset) == len(plain.dataset) + 12
    assert taught.conditions == ("temperature_k",)
    assert taught.rows.x.shape[1] == taught.x.shape[1] + 1
    assert sorted(set(taught.inputs[:, -1])) == [80.0, 295.0]
    assert taught.dataset.noise.max() < 0.3  # a row of another temperature is no doubtful one then
    assert taught.best_inside(campaign.space) == plain.best_inside(campaign.space)
    validation = validate(taught, config)
    surrogate = fit(taught, config, validation)
    assert len(validation.score_cards["leave_one_compound_out"].to_dict()) > 5
    row = taught.x[-1:]
    at_room, _ = surrogate.predict(row)
    assert at_room[0] > -1.2  # 295 K: far faster than the 100 ps of the same compound at 80 K
    mean, covariance = surrogate.model.joint_moments(torch.from_numpy(row)[None])
    assert mean[0].item() == pytest.approx(at_room[0])
    assert covariance[0, 0].item() > 0.0
    with pytest.raises(SurrogateError, match="cannot be held"):
        fit(
            taught,
            config.model_copy(update={"surrogate": "linear"}),
            validate(taught, CampaignConfig(surrogate="linear")),
        )

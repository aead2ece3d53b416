"""Fitted surrogates: BoTorch models, reproducible, sound on awkward tables."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from botorch.acquisition import LogExpectedImprovement, qLogExpectedImprovement
from botorch.sampling import SobolQMCNormalSampler

from screening.errors import TrainingDataError, UnknownSurrogateError
from screening.surrogate import Surrogate, fit_surrogate
from screening.surrogates import TrainingRows, surrogate_names
from tests.screening.rows import published_rows, smooth_rows

ROWS = smooth_rows()
QUICK = [name for name in surrogate_names() if name not in {"auto", "random_forest", "xgboost"}]


@pytest.fixture(scope="module")
def shipped() -> Surrogate:
    return fit_surrogate(ROWS.training, seed=7)


def test_it_learns_a_smooth_target(shipped: Surrogate) -> None:
    new = smooth_rows(seed=1)
    mean, sd = shipped.predict(new.x)
    assert np.corrcoef(mean, new.y)[0, 1] > 0.8
    assert (np.abs(new.y - mean) <= 1.645 * sd).mean() > 0.75


def test_the_same_seed_gives_the_same_bits(shipped: Surrogate) -> None:
    again = fit_surrogate(ROWS.training, seed=7)
    for a, b in zip(shipped.predict(ROWS.x), again.predict(ROWS.x), strict=True):
        assert np.array_equal(a, b)
    assert shipped.describe() == again.describe()


def test_the_number_of_threads_changes_nothing_and_is_given_back(shipped: Surrogate) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        again = fit_surrogate(ROWS.training, seed=7)
        assert torch.get_num_threads() == 2
        assert np.array_equal(again.predict(ROWS.x)[0], shipped.predict(ROWS.x)[0])
    finally:
        torch.set_num_threads(before)


def test_the_global_generators_are_left_alone(shipped: Surrogate) -> None:
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002  # the global state is what is tested
    expected = torch.rand(1), np.random.rand()  # noqa: NPY002
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    fit_surrogate(ROWS.training, seed=1, name="ensemble")
    assert (torch.rand(1), np.random.rand()) == expected  # noqa: NPY002


def test_chunks_change_nothing(shipped: Surrogate) -> None:
    mean, sd = shipped.predict(ROWS.x)
    by_five = shipped.predict(ROWS.x, chunk=5)
    assert np.allclose(mean, by_five[0], atol=1e-12)
    assert np.allclose(sd, by_five[1], atol=1e-12)


def test_the_posterior_has_botorchs_shapes(shipped: Surrogate) -> None:
    x = torch.from_numpy(ROWS.x[:12]).reshape(2, 3, 2, 3)
    posterior = shipped.model.posterior(x)
    assert posterior.mean.shape == posterior.variance.shape == (2, 3, 2, 1)
    assert posterior.rsample(torch.Size([4])).shape == (4, 2, 3, 2, 1)


def test_joint_and_single_posteriors_agree(shipped: Surrogate) -> None:
    x = torch.from_numpy(ROWS.x)
    joint, (mean, variance) = shipped.model.posterior(x), shipped.model.marginal(x)
    assert torch.allclose(joint.mean[:, 0], mean, atol=1e-9)
    assert torch.allclose(joint.variance[:, 0], variance, rtol=1e-3)
    assert torch.linalg.eigvalsh(joint.distribution.covariance_matrix).min() > 0.0


def test_predict_adds_what_the_features_do_not_explain(shipped: Surrogate) -> None:
    x = torch.from_numpy(ROWS.x)
    noisy = shipped.model.posterior(x, observation_noise=True).variance[:, 0]
    assert torch.allclose(noisy.sqrt(), torch.from_numpy(shipped.predict(ROWS.x)[1]), rtol=1e-3)


def test_gradients_reach_the_inputs(shipped: Surrogate) -> None:
    x = torch.from_numpy(ROWS.x[:3]).clone().requires_grad_(True)
    shipped.model.posterior(x).mean.sum().backward()
    assert x.grad is not None
    assert float(x.grad.abs().sum()) > 0.0


def test_observations_pull_the_posterior_and_shrink_it(shipped: Surrogate) -> None:
    x = torch.tensor([[3.0, 3.0, 3.0]], dtype=torch.float64)
    before = shipped.model.posterior(x)
    after = shipped.model.condition_on_observations(
        x, before.mean + 1.0, noise=torch.full((1, 1), 1e-6, dtype=torch.float64)
    ).posterior(x)
    assert float(after.mean - before.mean) == pytest.approx(1.0, abs=1e-2)
    assert float(after.variance) < 1e-2 * float(before.variance)


def test_conditioning_twice_is_conditioning_once(shipped: Surrogate) -> None:
    x, y = torch.from_numpy(ROWS.x[:4] + 0.5), torch.zeros(4, 1, dtype=torch.float64)
    model, at = shipped.model, torch.from_numpy(ROWS.x[:5])
    once = model.condition_on_observations(x, y).posterior(at)
    twice = model.condition_on_observations(x[:1], y[:1]).condition_on_observations(x[1:], y[1:]).posterior(at)
    assert torch.allclose(once.mean, twice.mean, atol=1e-8)
    assert torch.allclose(once.variance, twice.variance, atol=1e-8)


def test_fantasies_have_one_model_a_sample(shipped: Surrogate) -> None:
    x = torch.from_numpy(ROWS.x)
    fantasy = shipped.model.fantasize(x[:2], SobolQMCNormalSampler(torch.Size([4]), seed=0))
    assert fantasy.batch_shape == (4,)
    assert fantasy.posterior(x[:6].reshape(3, 1, 2, 3)).mean.shape == (3, 4, 2, 1)


def test_botorchs_acquisition_functions_run_with_pending_points(shipped: Surrogate) -> None:
    x = torch.from_numpy(ROWS.x[:6])
    waiting = qLogExpectedImprovement(shipped.model, best_f=0.5, X_pending=x[:1])(x[:, None])
    assert torch.isfinite(waiting).all()
    assert torch.isfinite(LogExpectedImprovement(shipped.model, best_f=0.5)(x[:, None])).all()


@pytest.mark.parametrize("name", QUICK)
def test_every_surrogate_ends_as_a_botorch_model(name: str) -> None:
    told = fit_surrogate(ROWS.training, seed=0, name=name)
    mean, sd = told.predict(ROWS.x)
    posterior = told.model.posterior(torch.from_numpy(ROWS.x[:6]).reshape(3, 2, 3))
    assert posterior.mean.shape == (3, 2, 1)
    assert np.isfinite(mean).all()
    assert (sd > 0.0).all()
    assert told.describe()["name"] == name


def test_auto_says_what_it_chose_and_why() -> None:
    told = fit_surrogate(TrainingRows.of(ROWS.x, ROWS.y, ROWS.noise, ["same"] * 24), name="auto").describe()["details"]
    assert told["chosen"] in told["nlpd"]
    assert told["chosen"] in told["reason"]


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownSurrogateError, match="spinscreen"):
        fit_surrogate(TrainingRows.of(ROWS.x, ROWS.y), name="oracle")


def test_equal_rows_with_different_targets_are_no_trouble() -> None:
    x, y = np.repeat(ROWS.x[:8], 2, axis=0), np.repeat(ROWS.y[:8], 2) + np.tile([0.0, 0.4], 8)
    mean, sd = fit_surrogate(TrainingRows.of(x, y, np.zeros(16))).predict(ROWS.x)
    assert np.isfinite(mean).all()
    assert (sd > 0.1).all()


def test_a_constant_column_is_ignored() -> None:
    padded = np.column_stack([ROWS.x, np.full(24, 1e6)])
    assert np.isfinite(fit_surrogate(TrainingRows.of(padded, ROWS.y), name="gp").predict(padded)[0]).all()


def test_equal_targets_give_their_value_with_an_error() -> None:
    mean, sd = fit_surrogate(TrainingRows.of(ROWS.x, np.full(24, 0.3), ROWS.noise, ROWS.groups)).predict(ROWS.x)
    assert np.allclose(mean, 0.3, atol=0.05)
    assert (sd > 0.0).all()


def test_units_off_by_a_thousand_change_nothing_but_the_scale() -> None:
    mean, _ = fit_surrogate(TrainingRows.of(1000.0 * ROWS.x, ROWS.y, ROWS.noise, ROWS.groups), name="gp").predict(
        1000.0 * ROWS.x
    )
    plain, _ = fit_surrogate(ROWS.training, name="gp").predict(ROWS.x)
    assert np.allclose(mean, plain, atol=1e-6)


def test_three_rows_are_enough_to_fit() -> None:
    mean, sd = fit_surrogate(TrainingRows.of(ROWS.x[:3], ROWS.y[:3])).predict(ROWS.x)
    assert np.isfinite(mean).all()
    assert (sd > 0.0).all()


def test_thousands_of_rows_fit() -> None:
    many = smooth_rows(k=1010)
    mean, _ = fit_surrogate(many.training, name="gp").predict(many.x)
    assert np.corrcoef(mean, many.y)[0, 1] > 0.99


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda x, y, s: (np.where(np.arange(24)[:, None] == 5, np.nan, x), y, s), "row 5"),
        (lambda x, y, s: (x, np.where(np.arange(24) == 2, -np.inf, y), s), "row 2"),
        (lambda x, y, s: (x, y[:-1], s), "shape"),
        (lambda x, y, s: (x[:1], y[:1], s[:1]), "1 rows"),
        (lambda x, y, s: (x, y, -s), "noise"),
        (lambda x, y, s: (x, y, s * np.nan), "noise"),
    ],
)
def test_arrays_nothing_can_be_learnt_from_are_refused(change: object, says: str) -> None:
    x, y, noise = change(ROWS.x, ROWS.y, ROWS.noise)  # type: ignore[operator]  # a lambda of the table above
    with pytest.raises(TrainingDataError, match=says):
        fit_surrogate(TrainingRows.of(x, y, noise))


def test_rows_of_another_width_are_refused(shipped: Surrogate) -> None:
    with pytest.raises(TrainingDataError, match="3"):
        shipped.predict(np.ones((2, 4)))


def test_the_published_rows_are_described_by_weights_that_sum_to_one() -> None:
    rows = published_rows()
    told = fit_surrogate(rows.training, seed=3)
    weights = [part["weight"] for part in told.describe()["details"].values()]
    assert sum(weights) == pytest.approx(1.0, abs=1e-3)
    assert told.n_rows == 47

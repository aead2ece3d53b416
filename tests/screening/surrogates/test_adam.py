"""Our Adam against torch's."""

from __future__ import annotations

import pytest
import torch

from screening.surrogates.gaussian_process import Adam, cosine

STEPS = 40


def slope(x: torch.Tensor) -> torch.Tensor:
    return 2.0 * (x - 3.0) + torch.sin(x)


def test_steps_are_those_of_torch() -> None:
    start = torch.linspace(-2.0, 7.0, 12, dtype=torch.float64).reshape(3, 4)
    ours, theirs = start.clone(), start.clone().requires_grad_(True)
    adam = Adam(ours, decay=(0.8, 0.95))
    reference = torch.optim.Adam([theirs], lr=0.12, betas=(0.8, 0.95))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(reference, STEPS, eta_min=0.0012)
    for step in range(STEPS):
        adam.step(slope(ours), cosine(0.12, 0.0012, step / STEPS))
        theirs.grad = slope(theirs.detach())
        reference.step()
        schedule.step()
    assert torch.allclose(ours, theirs.detach(), rtol=0.0, atol=1e-12)


def test_a_zero_gradient_moves_nothing() -> None:
    x = torch.ones(5, dtype=torch.float64)
    Adam(x).step(torch.zeros(5, dtype=torch.float64), 0.1)
    assert torch.equal(x, torch.ones(5, dtype=torch.float64))


@pytest.mark.parametrize(("part", "wanted"), [(0.0, 2.0), (0.5, 1.5), (1.0, 1.0)])
def test_the_cosine_falls_from_start_to_end(part: float, wanted: float) -> None:
    assert cosine(2.0, 1.0, part) == pytest.approx(wanted)

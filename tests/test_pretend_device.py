"""The pretend device itself: it computes what the processor does, and refuses what a GPU refuses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.pretend_device import PretendTensor, pretend_device

X = torch.arange(12.0, dtype=torch.float64).reshape(3, 4) - 5.0


def test_what_is_made_moved_or_computed_there_says_so_and_comes_back_as_it_was() -> None:
    with pretend_device() as device:
        there = X.to("cuda")
        made = [torch.zeros(3, device="cuda"), there.new_tensor(1.0), torch.as_tensor(X.numpy(), device="cuda")]
        made += [
            there @ there.mT,
            torch.ones(2).to(there),
            there.new_ones(2),
            torch.full((2,), 0.5).to("cuda", X.dtype),
        ]
        assert {str(t.device) for t in made} == {"cuda:0"}
        assert all(isinstance(t, PretendTensor) for t in made)
        assert made[-1].dtype == X.dtype
        assert torch.equal(there.cpu(), X)
        assert torch.equal((there @ there.mT).to(X), X @ X.mT)
    assert device.ran["mm"] == 2
    assert torch.zeros(3).device.type == "cpu"


def test_a_copy_there_shares_nothing_with_its_origin() -> None:
    mine = X.clone()
    with pretend_device():
        there = mine.to("cuda")
        there.zero_()
    assert torch.equal(mine, X)


def test_changes_in_place_through_views_and_into_given_tensors_are_seen_by_all() -> None:
    with pretend_device():
        there = X.to("cuda")
        part = there[1:, ::2]
        assert part.mul_(2.0) is part
        there[there < 0.0] = 0.0
        torch.mm(part, part.mT, out=there[:2, :2])
        told = there.cpu()
    mine = X.clone()
    mine[1:, ::2] *= 2.0
    mine[mine < 0.0] = 0.0
    mine[:2, :2] = mine[1:, ::2] @ mine[1:, ::2].mT
    assert torch.equal(told, mine)


def test_the_course_of_a_program_may_hang_on_values_there() -> None:
    with pretend_device():
        there = X.to("cuda")
        assert bool((there > 5.0).any())
        assert float(there.sum()) == float(X.sum())
        assert there.tolist() == X.tolist()
        assert [int(i) for i in torch.nonzero(there[0] > -4.0)[:, 0]] == [2, 3]


def test_gradients_are_those_of_the_processor() -> None:
    def slope(x: Tensor) -> Tensor:
        own = x.clone().requires_grad_(True)
        value = torch.logdet(own @ own.mT + torch.eye(3, dtype=x.dtype).to(x)) + own[:, :2].exp().sum()
        return torch.autograd.grad(value, own)[0]

    with pretend_device():
        told = slope(X.to("cuda"))
        assert told.device.type == "cuda"
        assert torch.equal(told.cpu(), slope(X))


MIXES: dict[str, Callable[[Tensor], object]] = {
    "sum": lambda there: there + X,
    "product": lambda there: X @ there.mT,
    "into": lambda there: torch.mul(there, 2.0, out=X.clone()),
    "in place": lambda there: X.clone().mul_(there),
    "joined": lambda there: torch.cat([there, X]),
    "chosen": lambda there: torch.where(there > 0.0, there, X),
    "places": lambda there: X[there > 0.0],
    "put": lambda there: there.__setitem__(there > 0.0, torch.ones(6, dtype=X.dtype)),
}


@pytest.mark.parametrize("name", sorted(MIXES))
def test_tensors_of_two_devices_do_not_meet(name: str) -> None:
    with pretend_device():
        there = X.to("cuda")
        with pytest.raises(RuntimeError, match="same device"):
            MIXES[name](there)


def test_single_numbers_places_and_copies_may_cross_as_in_torch() -> None:
    with pretend_device():
        there = X.to("cuda")
        assert torch.equal((there * torch.tensor(2.0, dtype=X.dtype)).cpu(), 2.0 * X)
        assert torch.equal(there[:, torch.tensor([2, 0])].cpu(), X[:, [2, 0]])
        assert torch.equal(torch.empty_like(X).copy_(there), X)


@pytest.mark.parametrize("read", [Tensor.numpy, np.asarray, Tensor.data_ptr])
def test_memory_there_is_not_read_from_here(read: Callable[[Tensor], object]) -> None:
    with pretend_device(), pytest.raises(TypeError, match="convert cuda:0"):
        read(X.to("cuda"))


def test_random_numbers_are_not_drawn_there() -> None:
    with pretend_device():
        with pytest.raises(RuntimeError, match="generator"):
            torch.randn(3, device="cuda", generator=torch.Generator())
        with pytest.raises(AssertionError, match="random"):
            X.to("cuda").normal_()


def test_the_other_order_of_sums_changes_the_last_bits_only() -> None:
    x = torch.randn(20, 50, generator=torch.Generator().manual_seed(0))
    with pretend_device(reverse_sums=True):
        told = (x.to("cuda") @ x.to("cuda").mT).cpu()
    assert not torch.equal(told, x @ x.mT)
    assert torch.allclose(told, x @ x.mT, atol=1e-5)


def test_fused_adam_wants_one_layout() -> None:
    with pretend_device():
        parameter = X.to("cuda")
        parameter.grad = X.mT.contiguous().to("cuda").mT
        with pytest.raises(RuntimeError, match="layout"):
            torch.optim.Adam([parameter], fused=True).step()

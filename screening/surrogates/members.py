"""What networks and trees share: members that grow without some of the groups, and what they say of those."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["LEAST_VARIANCE", "member_rows", "out_of_group"]

#: Least variance of an ensemble's error (standardised target).
LEAST_VARIANCE = 1e-4


def member_rows(
    members: int, parts: int, groups: Tensor, mask: Tensor, known: Tensor, generator: torch.Generator
) -> Tensor:
    """Which rows each member trains on, shape (f, s, k).

    Args:
        members: s. parts: every member leaves one of this many parts of the groups out; 1 leaves nothing out.
        groups: integer codes, shape (k,). mask: rows that train, shape (f, k).
        known: rows that are measurements, shape (k,); bounds of groups without any are left out by no member, so that
            they change no draw.
        generator: of the draws.
    """
    own = torch.unique(groups[known])
    place = torch.searchsorted(own, groups).clamp_max(len(own) - 1)
    dealt = own[place] == groups
    seen = torch.ones(members, groups.numel(), dtype=torch.bool)
    parts = min(parts, len(own))
    if parts > 1:
        for member in range(members):
            if member % parts == 0:
                part = torch.randperm(len(own), generator=generator) % parts
            seen[member] = (part[place] != member % parts) | ~dealt
    rows = mask[:, None] & seen
    return torch.where((rows & known).any(-1, keepdim=True), rows, mask[:, None])


def out_of_group(output: Tensor, target: Tensor, absent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean (f, k) of the members that did not see a row's group, its mean squared error less their spread (f,), and
    their spread (f, k).

    Args:
        output: of the members, shape (f, s, k). target: shape (f, 1, k). absent: shape (f, s, k).
    """
    held = absent.to(output)
    count = held.sum(1)
    mean = (held * output).sum(1) / count
    spread = (held * (output - mean[:, None]) ** 2).sum(1) / count
    error = torch.nanmean((mean - target[:, 0]) ** 2 - spread, -1).nan_to_num(1.0)
    return mean, error, spread

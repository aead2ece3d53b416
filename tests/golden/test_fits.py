"""Sixty synthetic traces give the same lifetimes, whatever solves for them."""

from __future__ import annotations

from tests.golden.commands import GOLDEN, Commands
from tests.golden.comparison import assert_same
from tests.golden.fits import fits

#: Solvers stop at slightly different places; an interval of a lifetime is wider than this by far.
SAME = 1e-3


def test_sixty_traces_give_the_same_models_bounds_and_lifetimes(run: Commands) -> None:
    assert_same(GOLDEN / "fits" / "fits.json", fits(run), SAME)

"""A seed is a whole number of nought or more, or a typed error."""

from __future__ import annotations

import numpy as np
import pytest

from screening.devices import check_seed
from screening.errors import BatchError


@pytest.mark.parametrize("seed", [0, 7, np.int64(3)])
def test_whole_numbers_are_taken(seed: object) -> None:
    assert check_seed(seed, BatchError) == seed


@pytest.mark.parametrize("seed", [-1, 1.5, None, "3", True], ids=str)
def test_anything_else_is_refused_by_name(seed: object) -> None:
    with pytest.raises(BatchError, match="a whole number of 0 or more"):
        check_seed(seed, BatchError)

"""Blocks on several threads: same order, bounded lookahead, errors at their turn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from screening.devices import map_blocks


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(workers: int) -> None:
    assert list(map_blocks(lambda number: number * number, range(50), workers)) == [i * i for i in range(50)]


def test_no_more_than_two_items_a_worker_are_taken_ahead() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = map_blocks(lambda number: number, items(), 3)
    assert next(results) == 0
    assert len(taken) <= 7
    assert list(results) == list(range(1, 100))


def test_an_error_is_raised_and_the_rest_is_left() -> None:
    results = map_blocks(lambda number: 1 // (3 - number), range(1000), 2)
    with pytest.raises(ZeroDivisionError):
        list(results)

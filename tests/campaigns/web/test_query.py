"""Search, filter and sort: what the arrays answer is what going through the space one by one answers."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from campaigns.errors import QueryError
from campaigns.web.query import SORTS, RankIndex, RankQuery, Searcher
from chemspace import Cation, CationLibrary, Compound, CompoundSpace

LIBRARY = CationLibrary.builtin()
SPACE = CompoundSpace(
    spacers=tuple(LIBRARY[name] for name in ("PEA", "BA", "4AMP", "PDA")),
    cages=tuple(LIBRARY[name] for name in ("MA", "FA")),
    n_layers=(1, 2, 3),
    b_sites=("Pb", "Sn"),
    halides=("I", "Br"),
)
RANDOM = np.random.default_rng(5)
#: Every tenth compound has no descriptors.
DESCRIBED = np.arange(len(SPACE)) % 10 != 3


def numbers() -> dict[str, Any]:
    size = len(SPACE)
    held = {name: RANDOM.normal(size=size).astype(np.float32) for name in ("mean", "sd", "acquisition")}
    held["sd"] = np.abs(held["sd"])
    held["feasibility"] = RANDOM.uniform(size=size).astype(np.float32)
    held["distance"] = RANDOM.uniform(size=size).astype(np.float32)
    held["nearest"] = np.zeros(size, dtype=np.int16)
    for name in ("mean", "sd", "acquisition", "distance"):
        held[name][~DESCRIBED] = np.nan
    return held


NUMBERS = numbers()


def value(sort: str, index: int) -> float:
    mean, sd = float(NUMBERS["mean"][index]), float(NUMBERS["sd"][index])
    return {
        "acquisition": float(NUMBERS["acquisition"][index]),
        "lifetime_ps": -mean,
        "lifetime_high_ps": -(mean - 1.6448536269514722 * sd),
        "feasibility": float(NUMBERS["feasibility"][index]),
    }[sort]


def index() -> RankIndex:
    rows = np.flatnonzero(DESCRIBED)
    orders = {sort: np.array(sorted(rows, key=lambda i: -value(sort, i)), dtype=np.uint32) for sort in SORTS}
    return RankIndex(NUMBERS, orders, ("(PEA)2PbI4",), 0.5, "log_ei")


INDEX = index()


CATIONS = [*SPACE.spacers, *(c for option in SPACE.cage_options for c, _ in option)]


@cache
def means(text: str, cation: Cation) -> bool:
    """Whether a text means a cation: the ones of that very name, else those of that SMILES, else parts of names."""
    exact = {c for c in CATIONS if text.casefold() in (name.casefold() for name in (c.abbreviation, *c.names))}
    exact = exact or {c for c in CATIONS if text == AMINES.get(c.abbreviation)}
    if exact:
        return cation in exact
    return any(text.casefold() in name.casefold() for name in (cation.abbreviation, *cation.names))


#: Free base of a spacer of the space.
AMINES = {"BA": "CCCCN"}


def matches(query: RankQuery, compound: Compound, at: int) -> bool:
    assert compound.spacer is not None
    cations = [compound.spacer, *(cation for cation, _ in compound.cage)]
    named = (means(query.text, c) for c in cations)
    return all(
        (
            not query.text or any(named),
            not query.phase or compound.phase == query.phase,
            not query.n_layers or compound.n_layers in query.n_layers,
            not query.spacer or compound.spacer.abbreviation == query.spacer,
            not query.cage or any(c.abbreviation == query.cage for c, _ in compound.cage),
            not query.b_site or compound.b_site == query.b_site,
            not query.halide or any(x == query.halide for x, _ in compound.halide),
            NUMBERS["feasibility"][at] >= query.min_feasibility,
            not query.min_lifetime_ps or NUMBERS["mean"][at] <= -np.log10(query.min_lifetime_ps),
            not query.in_domain or NUMBERS["distance"][at] <= 0.5,
        )
    )


queries = st.builds(
    RankQuery,
    sort=st.sampled_from(SORTS),
    ascending=st.booleans(),
    text=st.sampled_from(["", "", "PEA", "pea", "methyl", "ammonium", "CCCCN", "zzz"]),
    phase=st.sampled_from(["", "RP", "DJ"]),
    n_layers=st.sets(st.integers(1, 4), max_size=2).map(tuple),
    spacer=st.sampled_from(["", "", "BA", "XX"]),
    cage=st.sampled_from(["", "", "FA"]),
    b_site=st.sampled_from(["", "Sn"]),
    halide=st.sampled_from(["", "Br"]),
    min_lifetime_ps=st.sampled_from([0.0, 0.5]),
    min_feasibility=st.sampled_from([0.0, 0.3]),
    in_domain=st.booleans(),
    hide_taken=st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(queries, st.sets(st.integers(0, len(SPACE) - 1), max_size=6), st.integers(1, 7))
def test_pages_hold_what_a_walk_through_the_space_finds(query: RankQuery, taken: set[int], size: int) -> None:
    hidden = taken if query.hide_taken else set()
    every = [i for i in range(len(SPACE)) if DESCRIBED[i] and i not in hidden and matches(query, SPACE[i], i)]
    expected = sorted(every, key=lambda i: value(query.sort, i), reverse=not query.ascending)
    searcher, found = Searcher(SPACE, INDEX), list[int]()
    for number in range(1, len(every) // size + 2):
        page = searcher.page(query, sorted(taken), number, size)
        assert page.total == len(every)
        assert page.first == (number - 1) * size + 1
        found += page.indices
    assert found == expected


def test_a_page_past_the_last_is_empty() -> None:
    assert Searcher(SPACE, INDEX).page(RankQuery(), (), 10**9, 50).indices == ()


@pytest.mark.parametrize(
    ("query", "number", "size"),
    [
        ({"sort": "name"}, 1, 5),
        ({}, 0, 5),
        ({}, 1, 0),
        ({}, 1, 10**6),
        ({"phase": "3D"}, 1, 5),
        ({"min_lifetime_ps": -1.0}, 1, 5),
        ({"n_layers": [0]}, 1, 5),
    ],
)
def test_what_cannot_be_asked_is_refused(query: dict[str, Any], number: int, size: int) -> None:
    with pytest.raises((QueryError, ValidationError)):
        Searcher(SPACE, INDEX).page(RankQuery(**query), (), number, size)


def test_a_compound_without_descriptors_has_no_numbers() -> None:
    row = INDEX.row(3)
    assert row["lifetime_ps"] is None
    assert INDEX.row(0)["lifetime_low_ps"] < INDEX.row(0)["lifetime_ps"] < INDEX.row(0)["lifetime_high_ps"]

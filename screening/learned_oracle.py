"""A learned oracle: by predicted descriptors (`screening.descriptor_model`), which spacers to compute next, those that
could still change the list or that nothing is known of, and the cost.

Shapes: m spacers, c descriptors, u compounds that reach the list in some draw.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from oracle import Protocol
from oracle.descriptors import CationTable
from screening.descriptor_model import (
    FEWEST,
    N_WAVES,
    Array,
    DescriptorModel,
    DescriptorScore,
    PredictedDescriptors,
    SpacerFeatures,
    StartShapes,
    scaffold_groups,
    spacer_features,
)
from screening.errors import NothingLeftError
from screening.ranking import Candidates, PassSettings, rank, space_features
from screening.ranking.candidates import SinglePrecision
from screening.strategies.strategy import Predictor

__all__ = ["Known", "SearchPlan", "SpacerFeatures", "StartShapes", "first_spacers", "plan_round", "spacer_features"]
#: Compounds of the list that is to be found.
LIST = 100
#: The list is stable where spacers that are not computed are expected to hold this share of its places at most.
STABLE = 0.02
#: Passes in a round at a draw of every spacer by drawings alone, whose best compounds' spacers get a start geometry: as
#: many compounds of each pass as spacers are computed, and at most. Several short lists tell better than a long one who
#: may reach the list: of the chance to reach it that the benchmark's spacers without a geometry had after 2,227
#: calculations, one pass with 5,300 geometries caught 29%, eight with 2,100 caught 50%.
LOOKS, MOST_SEEN = 8, 2500
#: Passes after that, the first at the means, the others each at one draw; and compounds of each pass among which the
#: list is looked for.
SCOUTS, REACH = 3, 1000
#: Draws that tell how often a compound is in the list.
DRAWS = 128
#: A spacer is far outside where more than this share of its atom environments occurs in no computed one, or a
#: whole-ion number lies outside their range by more than this share of it.
_FAR = 0.3
#: Share of a round that goes to spacers far outside at most.
_FAR_SHARE = 0.25
#: Shares of the budget that the first spacers and those of each later round take.
_FIRST, ROUND = 0.15, 0.1
#: First spacers at least.
_LEAST_FIRST = 4 * FEWEST


@dataclass(frozen=True)
class Known:
    """The spacers of a space, and which of them are computed."""

    features: SpacerFeatures  #: of m spacers
    computed: NDArray[np.bool_]  #: which are computed, failures among them, shape (m,)
    shapes: StartShapes  #: tells of the geometries that the oracle starts from


@dataclass(frozen=True)
class SpacerChoice:
    """What to compute in a round."""

    spacers: NDArray[np.int64]  #: positions of the spacers, most wanted first, shape (b,)
    n_far: int  #: how many of them are far outside what is computed
    open_places: float  #: places of the list that spacers without computed descriptors are expected to hold
    list_size: int  #: places of the list: `LIST`, or fewer in a small space
    scores: tuple[DescriptorScore, ...] = ()  #: how well each descriptor was predicted, out of fold by scaffold

    @property
    def is_stable(self) -> bool:
        """Whether what is not computed is expected to hold 2% of the list at most."""
        return self.open_places <= STABLE * self.list_size


def n_first(n_known: int, budget: int) -> int:
    """How many spacers `first_spacers` draws where the space has them."""
    return max(0, min(max(_LEAST_FIRST, ceil(_FIRST * budget)) - n_known, budget))


def first_spacers(computed: NDArray[np.bool_], charges: NDArray[np.int64], budget: int, seed: int) -> NDArray[np.int64]:
    """Spacers that a model can begin with, drawn at random from those not `computed` (m,), shape (b,): 15% of the
    budget together with those that are computed already, at least 32. As many of each of the `charges` (m,) as there
    are: a library has few dications, and lists many."""
    left = np.random.default_rng([seed, 0]).permutation(np.flatnonzero(~computed))
    turn = np.empty(len(left), np.int64)
    for charge in np.unique(charges[left]):
        own = np.flatnonzero(charges[left] == charge)
        turn[own] = np.arange(len(own))
    return np.sort(left[np.argsort(turn, kind="stable")[: n_first(int(computed.sum()), budget)]])


def plan_round(
    candidates: Candidates,
    known: Known,
    budget: int,
    left: int,
    seed: tuple[int, int],
    settings: PassSettings | None = None,
    spread: bool = True,
) -> SpacerChoice:
    """The spacers to compute next, and how much of the list is still open.

    A model learns from what is computed. The descriptors of the others are drawn as they could turn out, several times,
    and the compounds ranked by the strategy in force: what is in the list in any draw could be in it. A spacer's worth
    is the number of places of the list that it is expected to hold. Spacers far outside what is computed come first, up
    to a quarter of a round. `budget` calculations were granted in all and a round takes a tenth of them, `left` are
    left; `seed` is the campaign's and the round's number; without `spread` every prediction is taken for certain. A
    `TrainingDataError` if fewer than eight computed spacers have descriptors.
    """
    of, values = candidates.spacer_table.descriptors, candidates.spacer_table.values
    want, settings = min(left, max(1, ceil(ROUND * budget))), settings or PassSettings()
    far = far_spacers(known.features, known.computed, ceil(_FAR_SHARE * want))
    rows, shapes = _shaped(candidates, known.shapes, np.flatnonzero(known.computed))
    learnt, groups = known.features.take(rows), scaffold_groups([candidates.space.spacers[int(i)].smiles for i in rows])
    predicted = DescriptorModel(learnt, values[rows], groups, of, seed[0]).predict(known.features)
    if not spread:
        predicted = replace(predicted, sd=np.zeros_like(predicted.sd))
    reach = min(max(int(known.computed.sum()), LIST), MOST_SEEN)
    looks = (predicted.draw((*seed, SCOUTS + DRAWS + look)) for look in range(LOOKS))
    seen = np.concatenate([_top(candidates, one, known.computed, settings, reach) for one in looks])
    model = DescriptorModel(learnt.beside(shapes), values[rows], groups, of, seed[0])
    if not seen.size:
        return SpacerChoice(np.empty(0, np.int64), 0, 0.0, 0, model.scores)
    in_play = np.unique(candidates.space.take(seen).spacer.astype(np.int64))
    in_play, shapes = _shaped(candidates, known.shapes, in_play[~known.computed[in_play]])
    closer = model.predict(known.features.take(in_play).beside(shapes))
    predicted.mean[in_play], predicted.sd[in_play] = closer.mean, closer.sd if spread else 0.0
    predicted = replace(predicted, errors=closer.errors)
    drawn = (predicted.draw((*seed, scout)) if scout else predicted.values for scout in range(SCOUTS))
    lists = [_top(candidates, one, known.computed, settings, REACH) for one in drawn]
    index = np.unique(np.concatenate(lists))
    size = min(LIST, *map(len, lists))
    quick = settings.single_precision and candidates.strategy.predicts
    predictor = SinglePrecision(candidates.surrogate) if quick else candidates.surrogate
    often = _in_list(candidates, predictor, predicted, known.computed, index, size, seed)
    spacer = candidates.space.take(index).spacer.astype(np.int64)
    places = np.bincount(spacer, often, minlength=len(known.computed))
    places[known.computed] = 0.0
    rest = np.setdiff1d(np.unique(spacer[~known.computed[spacer]]), far)
    chosen = np.concatenate([far, rest[np.lexsort((rest, -places[rest]))]])[:want]
    # Compounds that no pass came across are missing among the draws, not from the lists of the passes themselves.
    heads = [candidates.space.take(ranked[:size]).spacer for ranked in lists[1:]]
    open_places = max(float(places.sum()), float(np.mean([(~known.computed[head]).sum() for head in heads])))
    return SpacerChoice(chosen, min(len(far), len(chosen)), open_places, size, model.scores)


def far_spacers(features: SpacerFeatures, computed: NDArray[np.bool_], limit: int) -> NDArray[np.int64]:
    """Up to `limit` spacers far outside the `computed` ones (m,), (b,), most unknown environments first."""
    known = features.numbers[computed]
    low, high = known.min(axis=0), known.max(axis=0)
    seen = np.asarray(features.counts[computed].sum(axis=0)).reshape(-1) > 0
    present = features.counts.sign()
    size = np.maximum(np.asarray(present.sum(axis=1)).reshape(-1), 1.0)
    left, chosen = np.flatnonzero(~computed), list[int]()
    while len(chosen) < limit:
        slack = _FAR * (high - low) + 1e-6 * (1.0 + np.abs(high))
        numbers = features.numbers[left]
        outside = ((numbers < low - slack) | (numbers > high + slack)).any(axis=1)
        share = (present[left] @ (~seen).astype(np.float32)) / size[left]
        is_far = outside | (share > _FAR)
        if not is_far.any():
            break
        best = int(left[np.argmax(np.where(is_far, share + outside, -1.0))])
        chosen.append(best)
        seen[features.counts[best].indices] = True
        low, high = np.minimum(low, features.numbers[best]), np.maximum(high, features.numbers[best])
        left = left[is_far & (left != best)]  # what is near stays near
    return np.array(chosen, dtype=np.int64)


def _shaped(
    candidates: Candidates, shapes: StartShapes, spacers: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Those of some spacers (b,) that have a start geometry, and its numbers, shape (b, g)."""
    found = shapes([candidates.space.spacers[int(spacer)].smiles for spacer in spacers])
    whole = np.isfinite(found).all(axis=1)
    return spacers[whole], found[whole]


def _top(
    candidates: Candidates, values: Array, computed: NDArray[np.bool_], settings: PassSettings, reach: int
) -> NDArray[np.int64]:
    """Compounds at the top of a pass, best first, `values` (m, c) for what is not computed; none where none is left."""
    table = candidates.spacer_table
    values = np.where(computed[:, None], table.values, values)
    own = replace(candidates, spacer_table=CationTable(values, table.organic, table.descriptors))
    try:
        return rank(own, reach, settings).frame["index"].to_numpy(dtype=np.int64)
    except NothingLeftError:
        return np.empty(0, np.int64)


def _in_list(
    candidates: Candidates,
    predictor: Predictor,
    predicted: PredictedDescriptors,
    computed: NDArray[np.bool_],
    index: NDArray[np.int64],
    size: int,
    seed: tuple[int, int],
) -> NDArray[np.float64]:
    """Share of the draws in which each of some compounds, shape (u,), is among the `size` best of them."""
    space, table = candidates.space, candidates.spacer_table
    block = space.take(index)
    spacers, place = np.unique(block.spacer, return_inverse=True)
    own = replace(space, spacers=tuple(space.spacers[int(one)] for one in spacers), constraints=())
    inner = index - block.spacer.astype(np.int64) * space.n_inner
    own_index, is_known = place.reshape(-1) * space.n_inner + inner, computed[spacers]
    often = np.zeros(len(index))
    for draw in range(DRAWS):
        values = predicted.draw((*seed, SCOUTS + draw), spacers)
        values[is_known] = table.values[spacers[is_known]]  # no pandas
        drawn = CationTable(values, table.organic[spacers], table.descriptors)
        x = space_features(own, own_index, drawn, candidates.cage_table)
        value = candidates.values(predictor, x, block)
        often[np.argpartition(-value, size - 1)[:size]] += 1.0
    return often / DRAWS


#: Spacers whose features and whose start geometries are timed, and rows of the matrix product that tells the speed.
_SAMPLE, _SHAPED, _ROWS = 200, 8, 512
#: Numbers that a model sees of a spacer: waves, and whole-ion numbers about so many.
_WIDTH = N_WAVES + 50
#: Multiplications for eigenvectors and for the folds of eight descriptors and their errors, in cubes of the width, of
#: the model of drawings and of the one that knows geometries too.
_CUBES = 90
#: Bytes a spacer: features; tables of descriptors as known, drawn and passed over; predictions.
_BYTES = 560 + 4 * 64 + 3 * 64
#: Copies of the inputs of the computed spacers that a fit holds.
_COPIES = 3


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """A search at its longest."""

    n_spacers: int  #: of the space
    n_known: int  #: computed before
    budget: int  #: calculations that are granted

    @property
    def n_rounds(self) -> int:
        """Rounds at most."""
        first = n_first(self.n_known, self.budget)
        return 1 + ceil((self.budget - first) / max(1, ceil(ROUND * self.budget))) if self.budget else 1

    def cost(
        self, smiles: Sequence[str], pass_seconds: float, compounds: int, protocol: Protocol
    ) -> tuple[float, float]:
        """Seconds beside the calculations and megabytes that a search adds for spacers of these SMILES, the speed
        measured here; `pass_seconds` of one pass over so many compounds. Start geometries, by the oracle's `protocol`:
        of what is computed, and of half of what is seen in a round at most, for the rest was seen in one before."""
        some = smiles[:: max(1, len(smiles) // _SAMPLE)][:_SAMPLE]
        begin = time.perf_counter()
        spacer_features(some)
        read = (time.perf_counter() - begin) / max(len(some), 1) * len(smiles)
        begin = time.perf_counter()
        StartShapes(protocol)(few := some[:: max(1, len(some) // _SHAPED)][:_SHAPED])
        shape = (time.perf_counter() - begin) / max(len(few), 1)
        inputs = np.random.default_rng(0).normal(size=(_ROWS, _WIDTH))
        begin = time.perf_counter()
        inputs @ np.ones((_WIDTH, _WIDTH))
        speed = _ROWS * _WIDTH**2 / (time.perf_counter() - begin)
        computed = self.n_known + self.budget
        fit = (4 * computed * _WIDTH**2 + _CUBES * _WIDTH**3) / speed
        predict = self.n_spacers * _WIDTH * (_WIDTH + 100) / speed
        shaped = min(self.n_spacers, computed + LOOKS * min(computed, self.n_rounds * MOST_SEEN // 2))
        passes = pass_seconds * (LOOKS + SCOUTS + DRAWS * min(1.0, 2 * REACH / max(compounds, 1)))
        memory = self.n_spacers * _BYTES + computed * _WIDTH * 8 * _COPIES
        return read + shaped * shape + self.n_rounds * (fit + predict + passes), memory / 1e6

"""A pass that looks at few compounds: a sketch of the values of whole groups says which ones to predict.

A group is what a spacer makes with one cage cation in one number of layers, in every metal and halide. Its highest
value depends on the spacer alone, and smoothly: a linear combination of some hundred functions of the spacer's
descriptors follows it (squares, products and random cosines: Rahimi and Recht, NIPS 2007). The combinations of all
groups are fitted to a drawn sample of spacers whose compounds are all predicted, and one matrix product then sketches
all groups of all spacers, so that the cost grows with spacers and not with compounds.

Groups are opened in the order of their sketched values, in standard errors above the end of the list. The compounds of
a group differ in their tolerance factor alone, so two of them, the pivots, tell the others by a regression that the
sample taught: only those that may then still enter the list are predicted. Both steps end where the errors seen leave
next to no chance that one of the others belongs into the list.

So the list is that of the whole pass but for that chance, which is told; what bounds of the whole pass leave out
(`screening.ranking.bounds`) is left out for certain. Networks have none (`benchmarks.network_bounds`).

Shapes: c spacers, v kinds of surroundings (n, cage, metal, halide), g groups of these, w kinds of the largest group, b
coordinates, f functions of them, r rows (a spacer in a kind), u units (a spacer in a group).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from threadpoolctl import threadpool_limits

from chemspace.progress import Progress
from screening.devices import map_blocks
from screening.features import entering
from screening.ranking.candidates import Counts, Found, Pass, TopK

Array = NDArray[np.float64]
Single = NDArray[np.float32]
Whole = NDArray[np.int64]
#: Groups of spacers that are known by their sketch: how many of its errors each is above a threshold, the sketch, the
#: place of its spacer in it, and the group.
_UNIT = np.dtype([("above", "f4"), ("error", "f4"), ("place", "i4"), ("group", "i2"), ("owner", "i1")])
Units = NDArray[np.void]

#: Spacers of the sample: so many times the root of their number, within these limits. A sample must be a quarter of
#: its charge at most; fewer spacers are predicted whole.
_SAMPLE, _LEAST_SAMPLE, _MOST_SAMPLE = 2.5, 150, 2000
#: Rows of the sample, at most, where its least number of spacers leaves the choice.
_SAMPLED_ROWS = 2_000_000
#: Spacers of the sample whose compounds are all predicted, and the standard errors above which what they tell of the
#: others' is predicted too.
_WHOLE, _SURE = 150, 3.0
#: Cosines, one for so many spacers of the sample and at most so many; their frequencies are those of a Matern 5/2
#: kernel of this length in standard deviations of the coordinates.
_ROWS_PER_COSINE, _MOST_COSINES, _LENGTH = 4, 400, 2.0
#: From so many spacers on, further ones are drawn, whose highest units are opened and fitted too: so many of these, and
#: as many of a group at least.
_DRAWN, _TAUGHT, _LEAST_TAUGHT = ((110_000, 25_000), (4_000_000, 250_000)), 60_000, 200
#: Penalty of the fit for each spacer of the sample.
_PENALTY = 0.03
#: Share of the sampled values below which the sketch follows nothing: it is to be good at the top.
_IGNORED = 0.85
#: Coordinates may lie outside of those of the sample by this share of their range; what is farther off is predicted.
_OVERHANG = 0.2
#: Spacers sketched at once, and those that tell how sketched values are distributed.
_CHUNK, _PROBED = 1024, 4096
#: Share of the units that the first sweep picks, within these limits; every further sweep picks what may be needed,
#: within these multiples of the one before.
_PICKED, _LEAST_PICKED, _MOST_PICKED, _MORE = 0.06, 100_000, 8_000_000, (1.5, 12.0)
#: Least standard error of a sketch, of what pivots tell and of a spacer in the usual ones, and the share of the highest
#: sketched values of the sample that errors are judged by.
_LEAST_ERROR, _LEAST_RELATED, _LEAST_SIZE, _JUDGED = 0.02, 0.02, 0.1, 0.2
#: Least and most logarithm of the errors of a spacer, in the usual ones, and the share of it that is believed: with all
#: of it, errors grew on the way down, and more were missed than expected.
_SCALES, _BELIEVED = (-1.2, 1.4), 0.5
#: Compounds of a group that tell the others, and what their error is multiplied with; where so many errors are known,
#: one unit in so many has all of these predicted, however it looks, and where ten times as many are, one in thrice as
#: many.
_PIVOTS, _SAFETY, _WELL_KNOWN, _STRIDE = 2, 1.5, 10_000, 5
#: Share of the units beyond which the whole pass is cheaper.
_TOO_MANY = 0.3
#: Rows predicted at once; units of the first batch and of the largest one.
_BLOCK, _FIRST_BATCH, _LAST_BATCH = 8192, 8192, 131_072
#: Compounds of the list that may be expected to be missed where a pass ends, the share of it for what pivots leave out,
#: and the quantiles that the errors' tail is judged by.
MISSED, _OF_PIVOTS, _QUANTILES = 0.02, 0.25, (0.98, 0.999)
#: Least errors that say something of a tail.
_ERRORS = 2000
#: Highest errors that tell an exponential tail.
_TAIL = 50
#: Units whose chances are worked out, of all that are left.
_SUMMED = 50_000
#: Compounds of a spacer at whose P(forms) it is described.
_REFERENCES = 4
#: Least log P(forms) that is told apart: what has less reaches no list.
_LEAST_LOG_P = -5.0


@dataclass(frozen=True)
class Sketch:
    """Sketched values of the groups of some spacers."""

    spacers: Whole  #: their positions in the space, shape (c,)
    coordinates: Single  #: standardised and held within the range of the sample, shape (c, b)
    #: Which of them are predicted in any case: those drawn first, and what is far off, shape (c,).
    is_known: NDArray[np.bool_]
    n_seen: int  #: how many have their highest compounds in the list that the sweep begins with
    #: `frequencies`, `phases`: of the cosines.
    frequencies: Single
    phases: Single
    members: Whole  #: kinds of each group, shape (g, w), -1 where it has fewer; its pivots come first
    #: Of the functions in the highest value of each group, and in the logarithm of what errors of a spacer are to the
    #: usual ones, shape (f, g + 1).
    weights: Single
    of_kinds: Single  #: of the functions in the value of each member, shape (g, f, w)
    #: What the errors of the first, the first two, ... pivots say of the others', (g, pivots, pivots, w).
    related: Single
    floor: float  #: what the sketch adds to, a scalar
    #: Standard error of the sketch of each group, shape (g,), and `unrelated` of each member by the first, the first
    #: two, ... of its pivots, shape (g, pivots, w).
    error: Single
    unrelated: Single
    #: `spacer_kind`, `allowed`: which of these groups a spacer may have by its constraints: the kind of each spacer,
    #: shape (c,), and a table of shape (spacer kinds, g).
    spacer_kind: NDArray[np.intp]
    allowed: NDArray[np.bool_]

    def above(self, threshold: float, places: NDArray[np.int64] | slice) -> tuple[Single, Single]:
        """Standard errors above a threshold at which groups are sketched, (m, g), -inf for those not allowed; and the
        standard errors of the spacers, in those of the groups, (m, 1)."""
        told: Single = functions(self.coordinates[places], self.frequencies, self.phases) @ self.weights
        scale = np.exp(_BELIEVED * told[:, -1:].clip(*_SCALES))
        above = (told[:, :-1] + np.float32(self.floor - threshold)) / (self.error * scale)
        above[self.is_known[places]] = -np.inf
        if not self.allowed.all():
            above[~self.allowed[self.spacer_kind[places]]] = -np.inf
        return above, scale

    def told(self, group: int, places: NDArray[np.integer], level: Array, last: int) -> Array:
        """Values of all members of one group, shape (m, w), from those of its pivots, (m, pivots), up to the last."""
        sketched = functions(self.coordinates[places], self.frequencies, self.phases) @ self.of_kinds[group]
        apart = np.maximum(level - self.floor, 0.0) - sketched[:, : level.shape[1]]
        return np.asarray(sketched + apart @ self.related[group, last], dtype=np.float64) + self.floor


def functions(z: Single, frequencies: Single, phases: Single) -> Single:
    """One, the coordinates (m, b), their squares and products, and cosines, shape (m, f)."""
    b = z.shape[1]
    first, second = np.triu_indices(b)
    start = 1 + b + len(first)
    out = np.empty((start + len(phases), len(z)), dtype=np.float32)  # columns as rows: each is written in one run
    out[0], out[1 : 1 + b] = 1.0, z.T
    np.multiply(out[1 + first], out[1 + second], out=out[1 + b : start])
    angles = np.matmul(frequencies.T, out[1 : 1 + b], out=out[start:])
    np.cos(np.add(angles, phases[:, None], out=angles), out=angles)
    return out.T


@dataclass
class SketchPass:
    """One sketched pass over all candidates."""

    work: Pass  #: what is passed over, by what predictor, and how many compounds are kept
    wanted: int  #: compounds of the list whose members must not be missed, at most `work.keep`
    workers: int  #: threads
    progress: Progress | None = None

    def __post_init__(self) -> None:
        self._top = TopK(self.work.keep)
        self._of_units, *self._of_rows = (_Judge(self._top, self.wanted) for _ in range(1 + _PIVOTS))
        self._apart = np.empty(0)

    def run(self) -> tuple[Found, float] | None:
        """What `candidates.stream` finds, and how many compounds of the list are expected to be missing.

        None where the sketch does not follow the values and the whole pass is cheaper.
        """
        with threadpool_limits(1):
            whole, sketches = 0, list[Sketch]()
            for own in self._alike(self._described):
                most = min(_MOST_SAMPLE, max(_LEAST_SAMPLE, _SAMPLED_ROWS // self._allowed.shape[1]))
                n_sample = int(np.clip(_SAMPLE * np.sqrt(len(own)), _LEAST_SAMPLE, most))
                if len(own) < 4 * n_sample:
                    whole += self._predict_all(own)
                else:
                    sketch, n_whole = self._fit(own, n_sample)
                    whole += n_whole
                    sketches += [] if sketch is None else [sketch]
            opened = self._open(sketches) if sketches else (0, 0.0)
        return None if opened is None else ((*self._top.result(), self._counts(whole + opened[0])), opened[1])

    # --- rows -----------------------------------------------------------------------------------------------------

    @cached_property
    def _described(self) -> Whole:
        """Spacers with descriptors, or without carbon: then they need none."""
        table = self.work.candidates.spacer_table
        return np.flatnonzero(np.isfinite(table.values).all(axis=1) | ~table.organic)

    def _alike(self, spacers: Whole) -> list[Whole]:
        """Spacers of each charge, those without carbon apart."""
        candidates = self.work.candidates
        key = candidates.space.charges[spacers] * np.where(candidates.spacer_table.organic[spacers], 1, -1)
        return [spacers[key == value] for value in np.unique(key.astype(np.int8))]

    @cached_property
    def _allowed(self) -> NDArray[np.bool_]:
        """Which kinds of surroundings hold a compound that a kind of spacer may have, shape (spacer kinds, v)."""
        _, rows = self.work.candidates.block_features.kinds
        table = self.work.candidates.space.allowed_inner[1]
        allowed: NDArray[np.bool_] = np.logical_or.reduceat(table[:, rows.compounds], rows.start, axis=1)
        return allowed

    @cached_property
    def _groups(self) -> list[Whole]:
        """Kinds of surroundings that differ in metal and halide alone, without those that no spacer may have."""
        inner = self.work.candidates.space.take(self.work.candidates.block_features.kinds[0])
        key = (inner.n_layers.astype(np.int64) << 32) + inner.cage
        kinds = np.flatnonzero(self._allowed.any(axis=0))
        return [kinds[key[kinds] == value] for value in np.unique(key[kinds])]

    def _levels(self, spacers: Whole, kinds: Whole) -> tuple[Array, int]:
        """Predict rows, offer what may enter the list: highest value of all compounds of each, (r,), -inf unknown; and
        how many may enter."""
        starts, level, count = range(0, len(spacers), _BLOCK), np.empty(len(spacers)), 0

        def block(start: int) -> tuple[Whole, Array, Array]:
            return self._rows(spacers[start : start + _BLOCK], kinds[start : start + _BLOCK])

        for start, (index, value, own) in zip(starts, map_blocks(block, starts, self.workers), strict=True):
            high = np.flatnonzero(value >= self._top.threshold)
            high = high[~np.isin(index[high], self._top.result()[0])]  # some of the sample are predicted once more
            self._top.offer(value[high], index[high])
            level[start : start + _BLOCK], count = own, count + len(index)
        return level, count

    def _predict_all(self, spacers: Whole) -> int:
        """Predict every compound of some spacers that constraints allow; how many those are."""
        place, kind = np.nonzero(self._allowed[self.work.candidates.space.allowed_inner[0][spacers]])
        return self._levels(spacers[place], kind.astype(np.int64))[1]

    def _rows(self, spacers: Whole, kinds: Whole) -> tuple[Whole, Array, Array]:
        """Index and value of the compounds of some rows that may enter the list, (m,), and each row's highest value."""
        candidates = self.work.candidates
        first, compounds = candidates.block_features.kinds
        x = candidates.block_features.features(spacers, first[kinds])
        described = np.flatnonzero(np.isfinite(x).all(axis=1))
        index, source = compounds.places(spacers[described] * len(first) + kinds[described])
        free = ~np.isin(index, candidates.excluded)
        if candidates.space.constraints:
            free &= candidates.space.allowed(index)
        level = np.full(len(spacers), -np.inf)
        if not described.size:
            return index, np.empty(0), level
        value = candidates.values(self.work.predictor, x[described], candidates.space.take(index), source)
        level[described] = np.maximum.reduceat(value, np.flatnonzero(np.diff(source, prepend=-1)))
        return index[free], value[free], level

    # --- the sketch -----------------------------------------------------------------------------------------------

    def _coordinates(self, spacers: Whole) -> Array:
        """What the values are functions of, shape (c, b): descriptors as they enter, and P(forms) of some compounds."""
        candidates = self.work.candidates
        columns = []
        of_cations = candidates.spacer_table.descriptors.of_cations
        for column, descriptor in zip(candidates.spacer_table.values[spacers].T, of_cations, strict=True):
            if descriptor.enters:
                columns.append(entering(descriptor, column))
        columns.append(candidates.spacer_table.values[spacers, candidates.spacer_table.descriptors.radius])
        if candidates.feasibility is not None:
            n_inner = candidates.space.n_inner
            for inner in np.linspace(0, n_inner - 1, min(_REFERENCES, n_inner)).astype(np.int64):
                log_p = candidates.log_feasibility(candidates.space.take(spacers * n_inner + inner))
                columns += [np.exp(log_p), np.maximum(log_p, _LEAST_LOG_P)]
        return np.stack(columns, axis=1)

    def _fit(self, spacers: Whole, n_sample: int) -> tuple[Sketch | None, int]:
        """The sketch of some spacers, None where all values are the same, and how many compounds were predicted."""
        candidates, rng = self.work.candidates, np.random.default_rng(0)
        sample = rng.choice(len(spacers), n_sample, replace=False)
        drawn = self._coordinates(spacers[sample])
        low, high, centre, spread = drawn.min(axis=0), drawn.max(axis=0), drawn.mean(axis=0), drawn.std(axis=0)
        slack, varies = _OVERHANG * (high - low), spread > 1e-9 * (1.0 + np.abs(centre))
        if not varies.any():
            return None, self._predict_all(spacers)

        def standardised(start: int) -> tuple[Single, NDArray[np.bool_]]:
            z = self._coordinates(spacers[start : start + _BLOCK])
            is_far = ((z < low - slack) | (z > high + slack)).any(axis=1)
            return ((np.clip(z, low, high) - centre)[:, varies] / spread[varies]).astype(np.float32), is_far

        z, is_known = np.empty((len(spacers), int(varies.sum())), np.float32), np.empty(len(spacers), np.bool_)
        starts = range(0, len(spacers), _BLOCK)
        for start, (own, is_far) in zip(starts, map_blocks(standardised, starts, self.workers), strict=True):
            z[start : start + _BLOCK], is_known[start : start + _BLOCK] = own, is_far
        is_known[sample[:_WHOLE]] = True
        b, n_cosines = z.shape[1], min(_MOST_COSINES, n_sample // _ROWS_PER_COSINE)
        scales = np.sqrt(5.0 / rng.chisquare(5.0, n_cosines)) / _LENGTH
        frequencies: Single = (rng.standard_normal((b, n_cosines)) * scales).astype(np.float32)
        phases: Single = rng.uniform(0.0, 2.0 * np.pi, n_cosines).astype(np.float32)

        n_whole = self._predict_all(spacers[np.setdiff1d(np.flatnonzero(is_known), sample)])
        values, floor, n_own = self._sampled(spacers[sample])
        above = np.maximum(values - floor, 0.0)
        groups = [group for group in self._groups if above[:, group].any()]
        if not groups:
            return None, n_whole + n_own
        highest = np.stack([above[:, group].max(axis=1) for group in groups], axis=1)
        a: Array = functions(z[sample], frequencies, phases).astype(np.float64)
        weights, left_out = _fitted(a, np.concatenate([highest, above], axis=1))
        apart = left_out[:, : len(groups)]
        sketched = highest - apart
        usual = max(float((apart**2).mean()), _LEAST_ERROR**2)
        log_size = np.log(np.sqrt((apart**2).mean(axis=1, keepdims=True) / usual) + _LEAST_SIZE)
        of_sizes, size_left_out = _fitted(a, log_size)
        apart = apart / np.exp(_BELIEVED * (log_size - size_left_out).clip(*_SCALES))
        is_high = sketched >= np.quantile(sketched, 1.0 - _JUDGED, axis=0)
        error = np.sqrt((apart**2 * is_high).sum(axis=0) / is_high.sum(axis=0)) + _LEAST_ERROR
        error = np.maximum(error, np.median(error))  # few values above the floor tell little of the largest errors
        width = max(map(len, self._groups))
        parts = [
            _related(own, left_out[is_high[:, g], len(groups) + own[:, None]].T, width) for g, own in enumerate(groups)
        ]
        members, related, unrelated = (np.stack(column) for column in zip(*parts, strict=True))
        unrelated = np.maximum(unrelated, np.quantile(unrelated, 0.9, axis=(0, 2), keepdims=True))
        unrelated[:, -1] *= _SAFETY  # nothing but what is predicted last tells these errors
        of_kinds = np.where(members < 0, 0.0, weights[:, len(groups) + members])
        sketch = Sketch(
            spacers,
            z,
            is_known,
            int(is_known.sum()) + max(0, n_sample - _WHOLE),
            frequencies,
            phases,
            members,
            np.concatenate([weights[:, : len(groups)], of_sizes], axis=1).astype(np.float32),
            of_kinds.swapaxes(0, 1).astype(np.float32),
            related.astype(np.float32),
            floor,
            error.astype(np.float32),
            unrelated,
            candidates.space.allowed_inner[0][spacers],
            np.stack([self._allowed[:, own].any(axis=1) for own in groups], axis=1),
        )
        refined, n_taught = self._refined(sketch, a, highest)
        return refined, n_whole + n_own + n_taught

    def _refined(self, sketch: Sketch, a: Array, highest: Array) -> tuple[Sketch, int]:
        """The sketch fitted to functions a (n, f) and highest values (n, g) of the sample and to those of the highest
        units among further spacers, where there are many; and how many compounds were predicted."""
        units, values, whole = np.empty(0, _UNIT), np.empty(0), 0
        for _, n_drawn in (pair for pair in _DRAWN if pair[0] <= len(sketch.spacers)):
            taught, value, n_own = self._taught(sketch, n_drawn)
            units, values, whole = np.concatenate([units, taught]), np.concatenate([values, value]), whole + n_own
            weights, error, apart = sketch.weights.copy(), sketch.error.copy(), np.empty(len(units))
            for group in range(len(error)):
                own = np.flatnonzero(units["group"] == group)
                b = functions(sketch.coordinates[units["place"][own]], sketch.frequencies, sketch.phases)
                target = np.maximum(values[own] - sketch.floor, 0.0)
                left_out = target - b @ weights[:, group]
                if len(own) >= _LEAST_TAUGHT:
                    every = np.concatenate([a, b]), np.concatenate([highest[:, group], target])
                    weights[:, group], left_out = _fitted(*every)
                    left_out = left_out[len(a) :]
                    error[group] = np.sqrt(((left_out / units["error"][own]) ** 2).mean()) + _LEAST_ERROR
                apart[own] = left_out / units["error"][own] / error[group]
            sketch = replace(sketch, weights=weights, error=error, n_seen=max(sketch.n_seen, n_drawn))
            # Errors of units at all heights: those that are opened first are wrong by less than those below.
            self._apart = np.concatenate([self._apart, apart])
        return sketch, whole

    def _taught(self, sketch: Sketch, n_drawn: int) -> tuple[Units, Array, int]:
        """Open the highest units of so many drawn spacers: the units, with the errors of their spacers in the usual
        ones, their values, and how many compounds were predicted."""
        threshold = self._expected_threshold([sketch])
        probe, weight = self._probe([sketch], threshold)
        place = int(_TAUGHT * len(sketch.spacers) / (weight * n_drawn))
        lower = float(probe["above"][place]) if place < len(probe) else -np.inf
        drawn = np.sort(np.random.default_rng(n_drawn).choice(len(sketch.spacers), n_drawn, replace=False))
        chunks = np.split(drawn, range(_CHUNK, n_drawn, _CHUNK))
        units = _joined([*map_blocks(lambda own: _picked(sketch, 0, threshold, own, lower), chunks, self.workers)])
        parts = [
            self._opened([sketch], units[start : start + _FIRST_BATCH], len(units))
            for start in range(0, len(units), _FIRST_BATCH)
        ]
        units["error"] /= sketch.error[units["group"]]
        return units, np.concatenate([np.empty(0), *(value for value, *_ in parts)]), sum(n for _, n, _ in parts)

    def _sampled(self, spacers: Whole) -> tuple[Array, float, int]:
        """Values of drawn spacers in every kind, shape (c, v), below what they are ignored, and how many compounds were
        predicted: of the first spacers all, of the others the pivots of each group, and what those say is above."""
        kinds, n_first = np.flatnonzero(self._allowed.any(axis=0)), min(_WHOLE, len(spacers))
        values, whole = np.full((len(spacers), self._allowed.shape[1]), -np.inf), 0

        def predict(place: Whole, kind: Whole) -> None:
            nonlocal whole
            values[place, kind], n_own = self._levels(spacers[place], kind)
            whole += n_own

        predict(np.repeat(np.arange(n_first), len(kinds)), np.tile(kinds, n_first))
        finite, others = values[np.isfinite(values)], np.arange(n_first, len(spacers))
        low, floor = np.quantile(finite if finite.size else np.zeros(1), (0.5, _IGNORED))
        centre, told = np.maximum(values[:n_first], low).mean(axis=0), []
        for own in self._groups:
            apart = np.maximum(values[:n_first, own], low) - centre[own]
            members, related, unrelated = _related(own, apart, len(own))
            n = len(related)
            told.append((members[:n], members[n:], related[-1, :, n:], unrelated[-1, n:]))
        pivots = np.concatenate([np.empty(0, dtype=np.int64), *(own for own, *_ in told)])
        predict(np.repeat(others, len(pivots)), np.tile(pivots, len(others)))
        above = np.zeros(values.shape, dtype=bool)
        for own, rest, related, unrelated in told:
            each = centre[rest] + (np.maximum(values[n_first:, own], low) - centre[own]) @ related
            values[n_first:, rest] = np.minimum(each, floor)
            above[n_first:, rest] = each + _SURE * unrelated > floor
        predict(*np.nonzero(above))
        return values, float(floor), whole

    # --- the sweep ------------------------------------------------------------------------------------------------

    def _open(self, sketches: list[Sketch]) -> tuple[int, float] | None:
        """Open units by their sketched values, highest first, until nothing more is to be expected of the others: how
        many compounds were predicted, how many may be missing; None if too many would have to be opened."""
        threshold, whole, unopened = self._expected_threshold(sketches), 0, 0.0
        picked, judge = 0.0, self._of_units
        judge.learn(self._apart)
        opened: Whole = np.empty(0, dtype=np.int64)
        n_units = sum(len(sketch.spacers) * len(sketch.members) for sketch in sketches)
        while True:
            probe, weight = self._probe(sketches, threshold)
            if picked:
                enough = weight * judge.enough(probe, threshold, MISSED / (2.0 * weight))
                picked = float(np.clip(enough, _MORE[0] * picked, _MORE[1] * picked))
            else:
                picked = float(np.clip(_PICKED * n_units, _LEAST_PICKED, _MOST_PICKED))
            if picked > _TOO_MANY * n_units and n_units > 4 * _LEAST_PICKED:
                return None
            place = int(picked / weight)
            lower = -np.inf if place >= len(probe) else float(probe["above"][place])
            found = self._sweep(sketches, threshold, lower, opened)
            left_out, start, size, missed = probe[probe["above"] < lower], 0, _FIRST_BATCH, np.inf
            while start < len(found) and missed > MISSED:
                batch = found[start : start + size]
                value, n_predicted, n_missed = self._opened(sketches, batch, len(found))
                whole, unopened = whole + n_predicted, unopened + n_missed
                judge.learn((value - threshold) / batch["error"] - batch["above"])
                start += size
                missed = unopened + judge.missed(found[start:], threshold)
                missed += weight * judge.missed(left_out, threshold)
                enough = judge.enough(found[start:], threshold, MISSED / 2.0)
                size = min(_LAST_BATCH, max(_FIRST_BATCH, min(enough, start // 2)))
            if missed <= MISSED or lower == -np.inf:
                likely = judge.missed(found[start:], threshold, True) + weight * judge.missed(left_out, threshold, True)
                return whole, max(missed, unopened + likely)
            opened, threshold = np.union1d(opened, _keys(found, sketches)), judge.threshold

    def _opened(self, sketches: list[Sketch], units: Units, n_found: int) -> tuple[Array, int, float]:
        """Open units: their highest values (u,), how many compounds were predicted, how many others may be missing."""
        order = np.lexsort((units["place"], units["group"], units["owner"]))
        units = units[order]
        both = [(sketch, units[units["owner"] == number]) for number, sketch in enumerate(sketches)]
        spacers = np.concatenate([sketch.spacers[own["place"]] for sketch, own in both])
        members = np.concatenate([sketch.members[own["group"]] for sketch, own in both])
        unrelated = np.concatenate([sketch.unrelated[own["group"]] for sketch, own in both])
        kinds = self.work.candidates.space.allowed_inner[0][spacers]
        is_open = (members >= 0) & self._allowed[kinds[:, None], members]
        n_pivots = unrelated.shape[1]
        spared = _OF_PIVOTS * MISSED * len(order) / n_found / (n_pivots + 1)
        n_known = self._of_units.n
        stride = 1 if n_known <= _WELL_KNOWN else _STRIDE if n_known <= 10 * _WELL_KNOWN else 3 * _STRIDE
        is_judged = np.arange(len(order)) % stride == 0
        level, values = np.full((len(order), n_pivots), -np.inf), np.full(members.shape, -np.inf)
        alive, missed, whole = np.arange(len(order)), 0.0, 0
        for last in range(n_pivots):
            known = alive[members[alive, last] >= 0]
            level[known, last], n_own = self._levels(spacers[known], members[known, last])
            if last:  # what the pivots before it told of this one
                judged = known[is_judged[known]]
                apart = level[judged, last] - values[judged, last]
                self._of_rows[last - 1].learn(apart / unrelated[judged, last - 1, last])
            values[alive] = self._told(sketches, units[alive], level[alive], last)
            values[:, : last + 1] = level[:, : last + 1]
            is_open[:, last] = False
            chances = np.where(is_open[alive], self._of_rows[last].chances(values[alive], unrelated[alive, last]), 0.0)
            is_alive = is_judged[alive] | _worthwhile(chances.sum(axis=1), spared)
            missed, whole = missed + float(chances[~is_alive].sum()), whole + n_own
            alive, chances = alive[is_alive], chances[is_alive]
        is_worthwhile = _worthwhile(chances, spared)
        missed += float(chances[~is_worthwhile].sum())
        unit, which = np.nonzero(is_worthwhile)
        unit = alive[unit]
        known, n_own = self._levels(spacers[unit], members[unit, which])
        self._of_rows[n_pivots - 1].learn((known - values[unit, which]) / unrelated[unit, -1, which])
        values[unit, which] = known
        values[members < 0] = -np.inf
        highest = np.empty(len(order))
        highest[order] = np.where(is_judged, values.max(axis=1), np.nan)
        return highest, whole + n_own, missed

    def _told(self, sketches: list[Sketch], units: Units, level: Array, last: int) -> Array:
        """Values of all members (u, w) of units, in order of sketch and group, by those of their pivots (u, pivots)."""
        cuts = np.flatnonzero(np.diff(units["owner"]) | np.diff(units["group"])) + 1
        pieces = [
            piece
            for part in np.split(np.arange(len(level)), cuts)
            for piece in np.split(part, range(_CHUNK, len(part), _CHUNK))
            if piece.size
        ]

        def told(own: Whole) -> Array:
            owner, group = int(units["owner"][own[0]]), int(units["group"][own[0]])
            return sketches[owner].told(group, units["place"][own], level[own], last)

        return np.concatenate([np.empty((0, sketches[0].members.shape[1])), *map_blocks(told, pieces, self.workers)])

    def _expected_threshold(self, sketches: list[Sketch]) -> float:
        """Value that the last of the list may be expected to have, from how values fall off in the sample's top."""
        value = self._top.result()[1]
        first, last = len(value) // 20, len(value) - 1
        if last <= first:
            return float(value[-1]) if len(value) else sketches[0].floor
        slope = (value[first] - value[last]) / np.log((last + 1) / (first + 1))
        n_seen, count = (
            sum(column) for column in zip(*((one.n_seen, len(one.spacers)) for one in sketches), strict=True)
        )
        rank = (self.wanted + 1) * n_seen / count
        return float(value[first] + slope * np.log((first + 1) / rank))

    def _probe(self, sketches: list[Sketch], threshold: float) -> tuple[Units, float]:
        """Units of evenly drawn spacers, highest first, and how many units each stands for."""
        share = min(1.0, _PROBED / sum(len(sketch.spacers) for sketch in sketches))
        parts = []
        for number, sketch in enumerate(sketches):
            n = max(1, round(share * len(sketch.spacers)))
            drawn = np.sort(np.random.default_rng(number).choice(len(sketch.spacers), n, replace=False))
            parts.append(_picked(sketch, number, threshold, drawn, -np.inf))
        return _joined(parts), 1.0 / share

    def _sweep(self, sketches: list[Sketch], threshold: float, lower: float, opened: Whole) -> Units:
        """Units that are sketched at or above `lower` and not opened yet, highest first."""
        chunks = [
            (number, np.arange(start, min(start + _CHUNK, len(sketch.spacers))))
            for number, sketch in enumerate(sketches)
            for start in range(0, len(sketch.spacers), _CHUNK)
        ]

        def pick(chunk: tuple[int, Whole]) -> Units:
            return _picked(sketches[chunk[0]], chunk[0], threshold, chunk[1], lower)

        parts, done, total = [], 0, max(1, sum(len(sketch.spacers) for sketch in sketches))
        for (_, own), part in zip(chunks, map_blocks(pick, chunks, self.workers), strict=True):
            parts.append(part)
            done += len(own)
            if self.progress is not None:
                n_allowed = self.work.candidates.n_allowed
                self.progress(n_allowed * done // total, n_allowed, "compounds sketched")
        found = _joined(parts)
        return found[~np.isin(_keys(found, sketches), opened)] if opened.size else found

    # --- counts ---------------------------------------------------------------------------------------------------

    def _counts(self, whole: int) -> Counts:
        candidates, space = self.work.candidates, self.work.candidates.space
        kinds, table = space.allowed_inner
        excluded = candidates.excluded[space.allowed(candidates.excluded)]
        undescribed = int(table.sum(axis=1)[np.delete(kinds, self._described)].sum())
        first, rows = candidates.block_features.kinds
        for key in self._alike(self._described):
            lacks = ~np.isfinite(candidates.block_features.features(np.full(len(first), key[0]), first)).all(axis=1)
            gone = np.zeros(space.n_inner, dtype=bool)
            gone[rows.compounds] = np.repeat(lacks, rows.count)
            undescribed += int((table & gone).sum(axis=1)[kinds[key]].sum())
        if excluded.size and undescribed:
            undescribed -= int((~np.isfinite(candidates.features(space.take(excluded))).all(axis=1)).sum())
        total = candidates.n_allowed
        return Counts(total, len(excluded), undescribed, max(0, total - len(excluded) - undescribed - whole))


def _worthwhile(chances: Array, spared: float) -> NDArray[np.bool_]:
    """All but the least of some chances, of any shape, which add up to no more than is spared."""
    least = spared / max(1, chances.size)
    some = np.sort(chances[chances > least])
    n_least = int(np.searchsorted(np.cumsum(some), spared - chances[chances <= least].sum(), side="right"))
    return np.asarray(chances > (some[n_least - 1] if n_least else least))


def _keys(units: Units, sketches: list[Sketch]) -> Whole:
    """One number for each unit, whichever groups the sketches hold, shape (u,)."""
    keys = np.empty(len(units), dtype=np.int64)
    for number, sketch in enumerate(sketches):
        own = units["owner"] == number
        keys[own] = (sketch.spacers[units["place"][own]] << 24) + sketch.members[units["group"][own], 0]
    return keys


def _picked(sketch: Sketch, number: int, threshold: float, places: Whole, lower: float) -> Units:
    """Units of some spacers of a sketch that reach `lower` standard errors above a threshold."""
    above, scale = sketch.above(threshold, places)
    place, group = np.nonzero(above >= np.float32(lower) if lower > -np.inf else above > -np.inf)
    units = np.empty(len(place), _UNIT)
    units["above"], units["error"] = above[place, group], sketch.error[group] * scale[place, 0]
    units["owner"], units["place"], units["group"] = number, places[place], group
    return units


def _joined(parts: list[Units]) -> Units:
    """All units, highest first."""
    units = np.concatenate(parts)
    return units[np.argsort(-units["above"], kind="stable")]


def _fitted(a: Array, target: Array) -> tuple[Array, Array]:
    """Weights (f, ...) of functions a (n, f) in targets (n, ...), penalised, and each row's error without it."""
    penalty = _PENALTY * len(a) * np.eye(a.shape[1])
    penalty[0, 0] = 0.0
    inverse = np.asarray(np.linalg.inv(a.T @ a + penalty), dtype=np.float64)
    weights = inverse @ (a.T @ target)
    kept = (1.0 - ((a @ inverse) * a).sum(axis=1)).clip(0.05)
    return weights, ((target - a @ weights).T / kept).T


def _related(kinds: Whole, apart: Array, width: int) -> tuple[Whole, Array, Single]:
    """`members`, `related` and `unrelated` of a sketch, filled to a width, by errors (n, m) of a group's kinds."""
    square = apart.T @ apart / len(apart)
    pivots, left = list[int](), square.copy()
    for _ in range(min(_PIVOTS, len(kinds))):
        told = (left**2).sum(axis=0) / np.maximum(np.diag(left), _LEAST_RELATED**2)
        told[pivots] = -1.0
        one = int(told.argmax())
        pivots.append(one)
        left = left - np.outer(left[:, one], left[one]) / max(left[one, one], _LEAST_RELATED**2)
    order = np.concatenate([pivots, np.setdiff1d(np.arange(len(kinds)), pivots)]).astype(np.int64)
    members, n_pivots = np.full(width, -1, dtype=np.int64), min(_PIVOTS, width)
    members[: len(kinds)] = kinds[order]
    related = np.zeros((n_pivots, n_pivots, width))
    error = np.full((n_pivots, width), _LEAST_RELATED, dtype=np.float32)
    for last in range(n_pivots):
        own = order[: min(last + 1, len(pivots))]
        slack = _LEAST_RELATED**2 / 4.0 * np.eye(len(own))
        told = np.asarray(np.linalg.solve(square[own][:, own] + slack, square[own][:, order]), dtype=np.float64)
        related[last, : len(own), : len(kinds)] = told
        rest = apart[:, order] - apart[:, own] @ told
        error[last, : len(kinds)] += np.sqrt((rest**2).mean(axis=0))
    return members, related, error


class _Judge:
    """How many compounds of the list are to be expected among what is known by a sketch alone: errors of what was
    predicted last, nearest to the others, are taken for normal between two quantiles of their upper tail."""

    def __init__(self, top: TopK, wanted: int) -> None:
        self._top, self._wanted, self._errors = top, wanted, np.empty(0)
        self.n = 0

    @property
    def threshold(self) -> float:
        """Value of the last of the list so far; -inf until it is full."""
        held = self._top.result()[1]
        return float(held[self._wanted - 1]) if len(held) >= self._wanted else -np.inf

    def learn(self, errors: Array) -> None:
        """Take in errors (r,) in standard errors of their sketch."""
        errors = errors[np.isfinite(errors)]
        self.n += len(errors)
        self._errors = np.concatenate([self._errors, errors])[-max(50_000, self.n // 4) :]

    def missed(self, units: Units, threshold: float, heavy: bool = False) -> float:
        """Expected number of units that belong into the list, of units sketched against a threshold, highest first; the
        tail of their errors is taken for normal, or where that is said for `heavy`: exponential."""
        step = max(1, len(units) // _SUMMED)
        value, error = threshold + units["above"] * units["error"], units["error"]
        return float(step * self.chances(value[::step], error[::step], heavy).sum())

    def enough(self, units: Units, threshold: float, missed: float) -> int:
        """How many of some units, highest first, must be opened so that no more are expected to be missed."""
        step = max(1, len(units) // _SUMMED)
        value, error = threshold + units["above"][::step] * units["error"][::step], units["error"][::step]
        return step * int(np.count_nonzero(step * np.cumsum(self.chances(value, error)[::-1]) > missed))

    def chances(self, value: NDArray[np.floating], error: Single, heavy: bool = False) -> Array:
        """Chance to belong into the list of what is sketched at values, with standard errors, of any shape."""
        if self.threshold == -np.inf or len(self._errors) < _ERRORS:
            return np.ones(value.shape)
        (low, high), (z_low, z_high) = np.quantile(self._errors, _QUANTILES), ndtri(_QUANTILES)
        few = len(self._errors) * (1.0 - _QUANTILES[0])  # a spread told by so many is known to one part in their root
        spread = max((high - low) / (z_high - z_low), 1e-3) * (1.0 + 2.0 / np.sqrt(few))
        if heavy:
            errors, gap = np.sort(self._errors)[-_TAIL - 1 :], (self.threshold - value) / error
            excess = max(float((errors[1:] - errors[0]).mean()), 1e-3)
            return np.asarray(_TAIL / len(self._errors) * np.exp(-np.maximum(gap - errors[0], 0.0) / excess))
        gap = ((self.threshold - value) / error - low) / spread + z_low
        return np.asarray(ndtr(-gap), dtype=np.float64)

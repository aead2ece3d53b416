"""A pass that looks at few compounds: a sketch of every compound's value says which ones to predict.

For one kind of surroundings (n, cage, metal, halide) the value of a compound depends on its spacer alone, and smoothly:
a linear combination of some hundred functions of the spacer's descriptors follows it (squares, products and random
cosines: Rahimi and Recht, NIPS 2007). The combinations of all kinds are fitted to a drawn sample of spacers whose
compounds are all predicted, and one matrix product then sketches the values of all compounds of all spacers, some
nanoseconds each. Compounds are predicted in the order of their sketched values, in standard errors above the end of the
list, until the errors seen leave next to no chance that one of the others belongs into the list.

So the list is that of the whole pass but for that chance, which is told; what bounds of the whole pass leave out
(`screening.ranking.bounds`) is left out for certain. Networks of a few dozen neurons have no bound that would leave
anything out: over a box of two neighbouring spacers it is wider than all spacers differ (`benchmarks.network_bounds`).

Shapes: c spacers, v kinds of surroundings, b coordinates, f functions of them, r rows (a spacer in a kind).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from threadpoolctl import threadpool_limits

from chemspace.progress import Progress
from screening.features import entering
from screening.ranking.candidates import Candidates
from screening.ranking.stream import Counts, Found, Pass, TopK, map_blocks

Array = NDArray[np.float64]
Single = NDArray[np.float32]
Whole = NDArray[np.int64]

#: Spacers of the sample: so many times the root of their number, within these limits. A sample must be a quarter of
#: its group at most; smaller groups are predicted whole.
_SAMPLE, _LEAST_SAMPLE, _MOST_SAMPLE = 2.5, 150, 2000
#: Rows of the sample, at most, where its least number of spacers leaves the choice.
_SAMPLED_ROWS = 2_000_000
#: Cosines, one for so many spacers of the sample and at most so many; their frequencies are those of a Matern 5/2
#: kernel of this length in standard deviations of the coordinates.
_ROWS_PER_COSINE, _MOST_COSINES, _LENGTH = 4, 400, 2.0
#: Penalty of the fit for each spacer of the sample.
_PENALTY = 0.03
#: Share of the sampled values below which the sketch follows nothing: it is to be good at the top.
_IGNORED = 0.93
#: Coordinates may lie outside of those of the sample by this share of their range; what is farther off is predicted.
_OVERHANG = 0.1
#: Spacers sketched at once, and those that tell how sketched values are distributed.
_CHUNK, _PROBED = 2048, 4096
#: Share of the rows that the first sweep picks, within these limits; every further sweep picks what may be needed,
#: within these multiples of the one before.
_PICKED, _LEAST_PICKED, _MOST_PICKED, _MORE = 4.0e-3, 100_000, 3_000_000, (1.5, 12.0)
#: Standard errors below the list at which the highest sketched values of a kind of surroundings leave it out, at
#: least, and times the largest error of the sample.
_HOPELESS, _SAFETY = 8.0, 1.5
#: Least standard error of a sketch, and the share of a kind's highest sketched values that it is judged by.
_LEAST_ERROR, _JUDGED = 0.02, 0.2
#: Share of the rows beyond which the whole pass is cheaper.
_TOO_MANY = 0.15
#: Rows predicted at once, of the first batch and of the largest one.
_BLOCK, _FIRST_BATCH, _LAST_BATCH = 8192, 32_768, 524_288
#: Compounds of the list that may be expected to be missed, and the quantiles that the errors' tail is judged by.
MISSED, _QUANTILES = 0.02, (0.98, 0.999)
#: Least errors that say something of a tail.
_ERRORS = 2000
#: Compounds of a spacer at whose P(forms) it is described.
_REFERENCES = 4
#: Least log P(forms) that is told apart: what has less reaches no list.
_LEAST_LOG_P = -5.0


@dataclass(frozen=True)
class Rows:
    """Rows that have been predicted: index and value of the compounds that may enter the list, (m,), and each row's
    highest value among these, and among all of its compounds, (r,), -inf for none."""

    index: Whole
    value: Array
    best: Array
    level: Array


@dataclass(frozen=True)
class Sketch:
    """Sketched values of the compounds of some spacers.

    Attributes:
        spacers: their positions in the space, shape (c,).
        coordinates: standardised and held within the range of the sample, shape (c, b).
        is_known: which of them are predicted in any case: the sample, and what is far from it, shape (c,).
        frequencies, phases: of the cosines.
        kinds: of surroundings that are sketched, shape (v,); the others stand at the floor.
        weights: of the functions in each of these kinds, shape (f, v).
        floor: what the sketch adds to, a scalar.
        error: standard error of the sketch in each of these kinds, shape (v,).
        hopeless: standard errors below the list at which a kind is left out.
        spacer_kind, allowed: which of these kinds a spacer may have by its constraints: the kind of each spacer, shape
            (c,), and a table of shape (spacer kinds, v).
    """

    spacers: Whole
    coordinates: Single
    is_known: NDArray[np.bool_]
    frequencies: Single
    phases: Single
    kinds: Whole
    weights: Single
    floor: float
    error: Single
    hopeless: float
    spacer_kind: NDArray[np.intp]
    allowed: NDArray[np.bool_]

    def above(self, threshold: float, places: NDArray[np.int64] | slice) -> Single:
        """Standard errors above a threshold at which spacers are sketched, (m, v); -inf for those not allowed."""
        f = functions(self.coordinates[places], self.frequencies, self.phases)
        told: Single = f @ (self.weights / self.error)
        told += (np.float32(self.floor - threshold)) / self.error
        told[self.is_known[places]] = -np.inf
        if not self.allowed.all():
            told[~self.allowed[self.spacer_kind[places]]] = -np.inf
        return told


def functions(z: Single, frequencies: Single, phases: Single) -> Single:
    """One, the coordinates (m, b), their squares and products, and cosines, shape (m, f)."""
    m, b = z.shape
    pairs = list(combinations_with_replacement(range(b), 2))
    out = np.empty((m, 1 + b + len(pairs) + len(phases)), dtype=np.float32)
    out[:, 0] = 1.0
    out[:, 1 : 1 + b] = z
    for column, (i, j) in enumerate(pairs, start=1 + b):
        np.multiply(z[:, i], z[:, j], out=out[:, column])
    np.cos(z @ frequencies + phases, out=out[:, 1 + b + len(pairs) :])
    return out


@dataclass(frozen=True)
class SketchPass:
    """One sketched pass over all candidates.

    Attributes:
        work: what is passed over, by what predictor, and how many compounds are kept.
        wanted: compounds of the list whose members must not be missed, at most `work.keep`.
        workers: threads.
    """

    work: Pass
    wanted: int
    workers: int
    progress: Progress | None = None
    _top: TopK = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_top", TopK(self.work.keep))

    def run(self) -> tuple[Found, float] | None:
        """What `screening.ranking.stream.stream` finds, and how many compounds of the list are expected to be missing.

        None where the sketch does not follow the values and the whole pass is cheaper.
        """
        with threadpool_limits(1):
            whole, spacers = 0, self._described
            sketches = []
            for own in self._groups(spacers):
                most = min(_MOST_SAMPLE, max(_LEAST_SAMPLE, _SAMPLED_ROWS // self._allowed.shape[1]))
                n_sample = int(np.clip(_SAMPLE * np.sqrt(len(own)), _LEAST_SAMPLE, most))
                if len(own) < 4 * n_sample:
                    whole += self._predict_all(own)
                else:
                    sketch, n_whole = self._fit(own, n_sample)
                    whole += n_whole
                    sketches.append(sketch)
            missed = 0.0
            if sketches:
                opened = self._open(sketches)
                if opened is None:
                    return None
                n_whole, missed = opened
                whole += n_whole
        return (*self._top.result(), self._counts(whole)), missed

    # --- rows -----------------------------------------------------------------------------------------------------

    @property
    def _candidates(self) -> Candidates:
        return self.work.candidates

    @cached_property
    def _described(self) -> Whole:
        """Spacers with descriptors, or without carbon: then they need none."""
        table = self._candidates.spacer_table
        return np.flatnonzero(np.isfinite(table.values).all(axis=1) | ~table.organic)

    def _groups(self, spacers: Whole) -> list[Whole]:
        """Spacers of each charge, those without carbon apart."""
        key = self._candidates.space.charges[spacers] * np.where(self._candidates.spacer_table.organic[spacers], 1, -1)
        return [spacers[key == value] for value in np.unique(key)]

    @cached_property
    def _allowed(self) -> NDArray[np.bool_]:
        """Which kinds of surroundings hold a compound that a kind of spacer may have, shape (spacer kinds, v)."""
        _, rows = self._candidates.block_features.kinds
        table = self._candidates.space.allowed_inner[1]
        allowed: NDArray[np.bool_] = np.logical_or.reduceat(table[:, rows.compounds], rows.start, axis=1)
        return allowed

    def _all_rows(self, spacers: Whole) -> tuple[Whole, Whole]:
        """Every row of some spacers that constraints allow: spacer and kind of surroundings, each (r,)."""
        place, kind = np.nonzero(self._allowed[self._candidates.space.allowed_inner[0][spacers]])
        return spacers[place], kind.astype(np.int64)

    def _predicted(self, spacers: Whole, kinds: Whole) -> Iterator[Rows]:
        """Predict rows, offer what may enter the list, and tell of each block of rows."""

        def block(start: int) -> Rows:
            return self._rows(spacers[start : start + _BLOCK], kinds[start : start + _BLOCK])

        for rows in map_blocks(block, range(0, len(spacers), _BLOCK), self.workers):
            self._top.offer(rows.value, rows.index)
            yield rows

    def _rows(self, spacers: Whole, kinds: Whole) -> Rows:
        candidates = self._candidates
        first, compounds = candidates.block_features.kinds
        x = candidates.block_features.pairs(spacers, first[kinds])
        described = np.flatnonzero(np.isfinite(x).all(axis=1))
        index, source = compounds.places(spacers[described] * len(first) + kinds[described])
        free = ~np.isin(index, candidates.excluded)
        if candidates.space.constraints:
            free &= candidates.space.allowed(index)
        best, level = np.full(len(spacers), -np.inf), np.full(len(spacers), -np.inf)
        if not described.size:
            return Rows(index, np.empty(0), best, level)
        value = candidates.values(self.work.predictor, x[described], candidates.space.take(index), source)
        starts = np.flatnonzero(np.diff(source, prepend=-1))
        level[described] = np.maximum.reduceat(value, starts)
        best[described] = np.maximum.reduceat(np.where(free, value, -np.inf), starts)
        return Rows(index[free], value[free], best, level)

    # --- the sketch -----------------------------------------------------------------------------------------------

    def _coordinates(self, spacers: Whole) -> Array:
        """What the values are functions of, shape (c, b): descriptors as they enter, and P(forms) of some compounds."""
        candidates = self._candidates
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

    def _fit(self, spacers: Whole, n_sample: int) -> tuple[Sketch, int]:
        """The sketch of some spacers, and how many compounds were predicted for it."""
        candidates, rng = self._candidates, np.random.default_rng(0)
        z = self._coordinates(spacers)
        sample = np.sort(rng.choice(len(spacers), n_sample, replace=False))
        low, high = z[sample].min(axis=0), z[sample].max(axis=0)
        slack = _OVERHANG * (high - low)
        is_known = ((z < low - slack) | (z > high + slack)).any(axis=1)
        is_known[sample] = True
        spread = z[sample].std(axis=0)
        varies = spread > 0.0
        z = ((np.clip(z, low, high) - z[sample].mean(axis=0))[:, varies] / spread[varies]).astype(np.float32)
        b, n_cosines = z.shape[1], min(_MOST_COSINES, n_sample // _ROWS_PER_COSINE)
        drawn = rng.standard_normal((b, n_cosines)) * np.sqrt(5.0 / rng.chisquare(5.0, n_cosines)) / _LENGTH
        frequencies: Single = drawn.astype(np.float32)
        phases: Single = rng.uniform(0.0, 2.0 * np.pi, n_cosines).astype(np.float32)

        n_whole = self._predict_all(spacers[np.setdiff1d(np.flatnonzero(is_known), sample)])
        target, n_own = self._levels(spacers[sample])
        finite = target[np.isfinite(target)]
        floor = float(np.quantile(finite, _IGNORED)) if finite.size else 0.0
        above = np.maximum(target - floor, 0.0)
        live = np.flatnonzero(above.any(axis=0))
        a: Array = functions(z[sample], frequencies, phases).astype(np.float64)
        above = above[:, live]
        penalty = _PENALTY * n_sample * np.eye(a.shape[1])
        penalty[0, 0] = 0.0
        inverse = np.asarray(np.linalg.inv(a.T @ a + penalty), dtype=np.float64)
        weights = inverse @ (a.T @ above)
        error, largest = _errors_left_out(a, inverse, above, a @ weights)
        sketch = Sketch(
            spacers,
            z,
            is_known,
            frequencies,
            phases,
            live,
            weights.astype(np.float32),
            floor,
            error.astype(np.float32),
            max(_HOPELESS, _SAFETY * largest),
            candidates.space.allowed_inner[0][spacers],
            self._allowed[:, live],
        )
        return sketch, n_whole + n_own

    def _predict_all(self, spacers: Whole) -> int:
        """Predict every compound of some spacers; how many those are."""
        return sum(len(rows.index) for rows in self._predicted(*self._all_rows(spacers)))

    def _levels(self, spacers: Whole) -> tuple[Array, int]:
        """Highest value of each kind of surroundings of spacers, (c, v), -inf unknown; and how many may enter."""
        open_to_some = np.flatnonzero(self._allowed.any(axis=0))
        rows = list(self._predicted(np.repeat(spacers, len(open_to_some)), np.tile(open_to_some, len(spacers))))
        levels = np.full((len(spacers), self._allowed.shape[1]), -np.inf)
        levels[:, open_to_some] = np.concatenate([part.level for part in rows]).reshape(len(spacers), -1)
        return levels, sum(len(part.index) for part in rows)

    # --- the sweep ------------------------------------------------------------------------------------------------

    def _open(self, sketches: list[Sketch]) -> tuple[int, float] | None:
        """Predict rows by their sketched values, highest first, until nothing more is to be expected of the others: how
        many compounds were predicted, how many may be missing; None if too many would have to be predicted."""
        threshold, whole = self._expected_threshold(sketches), 0
        picked, judge = 0.0, _Judge(self._top, self.wanted)
        opened: Whole = np.empty(0, dtype=np.int64)
        n_rows = len(self._described) * self._allowed.shape[1]
        while True:
            hopeful = [_hopeful(sketch, threshold) for sketch in sketches]
            probe, weight = self._probe(hopeful, threshold)
            total = weight * len(probe.above)
            if picked:
                enough = weight * judge.enough(probe, threshold, MISSED / (2.0 * weight))
                picked = float(np.clip(enough, _MORE[0] * picked, _MORE[1] * picked))
            else:
                picked = float(np.clip(_PICKED * total, _LEAST_PICKED, _MOST_PICKED))
            if picked > _TOO_MANY * n_rows and n_rows > 4 * _LEAST_PICKED:
                return None
            place = int(picked / weight)
            lower = -np.inf if place >= len(probe.above) else float(probe.above[place])
            found = self._sweep(hopeful, threshold, lower, opened)
            left_out, start, size = probe.part(probe.above < lower), 0, _FIRST_BATCH
            while start < len(found.above):
                batch = found.part(slice(start, start + size)).in_order()
                rows = list(self._predicted(batch.spacers, batch.kinds))
                whole += sum(len(part.index) for part in rows)
                judge.learn(batch, np.concatenate([part.best for part in rows]), threshold)
                start += size
                missed = judge.missed(found.part(slice(start, None)), threshold)
                missed += weight * judge.missed(left_out, threshold)
                if missed <= MISSED and threshold <= judge.threshold:
                    return whole, missed
                size = min(_LAST_BATCH, max(_FIRST_BATCH, start // 2))
            opened = np.union1d(opened, found.keys)
            if lower == -np.inf and threshold <= judge.threshold:
                return (whole, float(n_rows * ndtr(-_HOPELESS))) if n_rows > 4 * _LEAST_PICKED else None
            threshold = judge.threshold

    def _expected_threshold(self, sketches: list[Sketch]) -> float:
        """Value that the last of the list may be expected to have, from how values fall off in the sample's top."""
        value = self._top.result()[1]
        first, last = len(value) // 20, len(value) - 1
        if last <= first:
            return float(value[-1]) if len(value) else sketches[0].floor
        slope = (value[first] - value[last]) / np.log((last + 1) / (first + 1))
        known = sum(int(sketch.is_known.sum()) for sketch in sketches)
        rank = (self.wanted + 1) * known / sum(len(sketch.spacers) for sketch in sketches)
        return float(value[first] + slope * np.log((first + 1) / rank))

    def _probe(self, sketches: list[Sketch], threshold: float) -> tuple[Sketched, float]:
        """Evenly drawn rows, highest first, and how many rows each stands for."""
        share = min(1.0, _PROBED / sum(len(sketch.spacers) for sketch in sketches))
        parts = []
        for number, sketch in enumerate(sketches):
            n = max(1, round(share * len(sketch.spacers)))
            drawn = np.sort(np.random.default_rng(number).choice(len(sketch.spacers), n, replace=False))
            parts.append(_picked(sketch, sketch.above(threshold, drawn), drawn, -np.inf))
        return _joined(parts), 1.0 / share

    def _sweep(self, sketches: list[Sketch], threshold: float, lower: float, opened: Whole) -> Sketched:
        """Rows that are sketched at or above `lower` and not opened yet, highest first."""
        chunks = [
            (sketch, np.arange(start, min(start + _CHUNK, len(sketch.spacers))))
            for sketch in sketches
            for start in range(0, len(sketch.spacers), _CHUNK)
        ]

        def pick(chunk: tuple[Sketch, Whole]) -> Sketched:
            sketch, own = chunk
            return _picked(sketch, sketch.above(threshold, slice(int(own[0]), int(own[-1]) + 1)), own, lower)

        parts, done, total = [], 0, max(1, sum(len(sketch.spacers) for sketch in sketches))
        for (_, own), part in zip(chunks, map_blocks(pick, chunks, self.workers), strict=True):
            parts.append(part)
            done += len(own)
            if self.progress is not None:
                n_allowed = self._candidates.n_allowed
                self.progress(n_allowed * done // total, n_allowed, "compounds sketched")
        found = _joined(parts)
        return found.part(~np.isin(found.keys, opened)) if opened.size else found

    # --- counts ---------------------------------------------------------------------------------------------------

    def _counts(self, whole: int) -> Counts:
        candidates, space = self._candidates, self._candidates.space
        kinds, table = space.allowed_inner
        excluded = candidates.excluded[space.allowed(candidates.excluded)]
        missing = np.ones(len(space.spacers), dtype=bool)
        missing[self._described] = False
        undescribed = int(table.sum(axis=1)[kinds[missing]].sum())
        first, rows = candidates.block_features.kinds
        for key in self._groups(self._described):
            lacks = ~np.isfinite(candidates.block_features.pairs(np.full(len(first), key[0]), first)).all(axis=1)
            gone = np.zeros(space.n_inner, dtype=bool)
            gone[rows.compounds] = np.repeat(lacks, rows.count)
            undescribed += int((table & gone).sum(axis=1)[kinds[key]].sum())
        if excluded.size and undescribed:
            undescribed -= int((~np.isfinite(candidates.features(space.take(excluded))).all(axis=1)).sum())
        total = candidates.n_allowed
        return Counts(total, len(excluded), undescribed, max(0, total - len(excluded) - undescribed - whole))


@dataclass(frozen=True)
class Sketched:
    """Rows that are known by their sketch: which, and how many of its errors each is above a threshold, (r,)."""

    above: Single
    error: Single
    spacers: Whole
    kinds: Whole

    @property
    def keys(self) -> Whole:
        """One number for each row, shape (r,)."""
        return (self.spacers << 24) + self.kinds

    def part(self, which: slice | NDArray[np.bool_] | NDArray[np.intp]) -> Sketched:
        """Some of the rows."""
        return Sketched(self.above[which], self.error[which], self.spacers[which], self.kinds[which])

    def in_order(self) -> Sketched:
        """The same by spacer and kind, so that neighbours share what is looked up."""
        return self.part(np.lexsort((self.kinds, self.spacers)))


def _picked(sketch: Sketch, above: Single, places: Whole, lower: float) -> Sketched:
    """Rows of some spacers of a sketch that reach `lower`."""
    place, kind = np.nonzero(above >= np.float32(lower) if lower > -np.inf else above > -np.inf)
    return Sketched(above[place, kind], sketch.error[kind], sketch.spacers[places[place]], sketch.kinds[kind])


def _joined(parts: list[Sketched]) -> Sketched:
    """All rows, highest first."""
    columns = ((part.above, part.error, part.spacers, part.kinds) for part in parts)
    told = Sketched(*(np.concatenate(column) for column in zip(*columns, strict=True)))
    return told.part(np.lexsort((told.kinds, told.spacers, -told.above)))


def _hopeful(sketch: Sketch, threshold: float) -> Sketch:
    """A sketch without the kinds of surroundings that stay far below a threshold."""
    told = sketch.above(threshold, np.arange(0, len(sketch.spacers), max(1, len(sketch.spacers) // _PROBED)))
    told = np.sort(np.maximum(told, np.float32(-1e9)), axis=0)[::-1]  # -inf less itself would be no number
    held = np.count_nonzero(told > -1e9, axis=0)
    highest, usual = told[0], told[held // 100, np.arange(told.shape[1])]
    keep = np.flatnonzero(2.0 * highest - usual > -sketch.hopeless)
    return replace(
        sketch,
        kinds=sketch.kinds[keep],
        weights=np.ascontiguousarray(sketch.weights[:, keep]),
        error=sketch.error[keep],
        allowed=sketch.allowed[:, keep],
    )


def _errors_left_out(a: Array, inverse: Array, target: Array, fitted: Array) -> tuple[Array, float]:
    """Root mean square error of each kind (v,) at its highest sketched values, each spacer's by the fit without it, and
    the largest error above the fit in these units; functions a (n, f), `inverse` of their penalised products (f, f),
    values and fit (n, v)."""
    left_out = (target - fitted) / (1.0 - np.einsum("nf,fg,ng->n", a, inverse, a)).clip(0.05)[:, None]
    sketched = target - left_out
    high = sketched >= np.quantile(sketched, 1.0 - _JUDGED, axis=0)
    error = np.sqrt((left_out**2 * high).sum(axis=0) / high.sum(axis=0)) + _LEAST_ERROR
    error = np.maximum(error, np.median(error))  # few values above the floor tell little of the largest errors
    return error, float((left_out / error).max())


class _Judge:
    """How many compounds of the list are to be expected among rows that are known by their sketch alone: errors of the
    rows predicted last, nearest to the others, are taken for normal between two quantiles of their upper tail."""

    def __init__(self, top: TopK, wanted: int) -> None:
        self._top, self._wanted, self._errors = top, wanted, np.empty(0)
        self._n = 0

    @property
    def threshold(self) -> float:
        """Value of the last of the list so far; -inf until it is full."""
        held = self._top.result()[1]
        return float(held[self._wanted - 1]) if len(held) >= self._wanted else -np.inf

    def learn(self, rows: Sketched, value: Array, threshold: float) -> None:
        """Take in rows whose values (r,) are known now, sketched against a threshold."""
        known = np.isfinite(value)
        self._n += len(value)
        errors = ((value - threshold) / rows.error - rows.above)[known]
        self._errors = np.concatenate([self._errors, errors])[-max(50_000, self._n // 4) :]

    def missed(self, rows: Sketched, threshold: float) -> float:
        """Expected number of rows that belong into the list, of rows sketched against a threshold."""
        return float(self._chances(rows, threshold).sum())

    def enough(self, rows: Sketched, threshold: float, missed: float) -> int:
        """How many of some rows, highest first, must be predicted so that no more are expected to be missed."""
        left = np.cumsum(self._chances(rows, threshold)[::-1])[::-1]
        return int(np.count_nonzero(left > missed))

    def _chances(self, rows: Sketched, threshold: float) -> Array:
        """Chance of each row to belong into the list, shape (r,)."""
        if self.threshold == -np.inf or len(self._errors) < _ERRORS:
            return np.ones(len(rows.above))
        (low, high), (z_low, z_high) = np.quantile(self._errors, _QUANTILES), ndtri(_QUANTILES)
        few = len(self._errors) * (1.0 - _QUANTILES[0])  # a spread told by so many is known to one part in their root
        spread = max((high - low) / (z_high - z_low), 1e-3) * (1.0 + 2.0 / np.sqrt(few))
        gap = ((self.threshold - threshold) / rows.error - rows.above - low) / spread + z_low
        chances: Array = ndtr(-gap)
        return chances

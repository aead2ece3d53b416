"""Search, filter and sort a ranking of millions: a question becomes a mask over the space, a page a slice."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from campaigns.errors import QueryError
from campaigns.files import sync
from chemspace import Cation, CompoundSpace
from chemspace.errors import ChemspaceError
from chemspace.progress import Progress
from screening.calibration import interval

if TYPE_CHECKING:
    from campaigns.round import Round


Array = NDArray[np.float64]

#: Larger spaces are not laid out compound by compound: 40 bytes each make 2 GB.
MAX_INDEXED = 50_000_000
#: Numbers kept of every compound, NaN where a cation has no descriptors: mean and sd of log10(rate in 1/ps), what the
#: campaign ranks by (the acquisition with log P(forms), how far its wishes are met, or a drawn number; -inf where a
#: wished column is not known), P(forms), row of the nearest measured compound (-1 without) and the distance to it.
NUMBERS = {
    "mean": np.float32,
    "sd": np.float32,
    "acquisition": np.float32,
    "feasibility": np.float32,
    "nearest": np.int16,
    "distance": np.float32,
}
#: What one can sort by, largest first: what the campaign ranks by, the predicted lifetime, the upper end of its 90%
#: interval, and the chance that it forms.
SORTS = ("acquisition", "lifetime_ps", "lifetime_high_ps", "feasibility")
_BLOCK = 65_536
_ABOUT = "about.json"


@dataclass(frozen=True)
class RankIndex:
    """The arrays of one fit, of shape (m,); `orders` are indices of ranked compounds, largest value first, and
    `nearest` points at the formulas in `measured`."""

    numbers: dict[str, NDArray[Any]]
    orders: dict[str, NDArray[np.unsignedinteger[Any]]]
    measured: tuple[str, ...]
    domain_radius: float
    acquisition: str

    def __len__(self) -> int:
        return len(self.orders["acquisition"])

    @classmethod
    def open(cls, folder: Path) -> RankIndex | None:
        """The index in `folder`, None if it holds none that is whole."""
        try:
            about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
            numbers = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in NUMBERS}
            orders = {name: np.load(folder / f"by_{name}.npy", mmap_mode="r") for name in SORTS}
        except (OSError, ValueError):
            return None
        return cls(numbers, orders, tuple(about["measured"]), about["domain_radius"], about["acquisition"])

    def row(self, index: int) -> dict[str, Any]:
        """Numbers of one compound: lifetimes in ps, and what is nearest; None where it has no descriptors."""
        mean, sd = float(self.numbers["mean"][index]), float(self.numbers["sd"][index])
        if not np.isfinite(mean):
            return dict.fromkeys(
                ("lifetime_ps", "lifetime_low_ps", "lifetime_high_ps", "acquisition", "feasibility", "distance")
            ) | {"nearest_measured": "", "in_domain": False}
        worth = float(self.numbers["acquisition"][index])
        nearest, distance = int(self.numbers["nearest"][index]), float(self.numbers["distance"][index])
        slowest, fastest = (float(end) for end in interval(np.asarray(mean), np.asarray(sd)))
        return {
            "lifetime_ps": 10.0**-mean,
            "lifetime_low_ps": 10.0**-fastest,
            "lifetime_high_ps": 10.0**-slowest,
            "acquisition": worth if np.isfinite(worth) else None,
            "feasibility": float(self.numbers["feasibility"][index]),
            "distance": distance,
            "nearest_measured": self.measured[nearest],
            "in_domain": distance <= self.domain_radius,
        }


def build_index(folder: Path, fitted: Round, progress: Progress | None = None) -> RankIndex:
    """Score every compound of a round's space once, measured and pending ones like all others, and keep the numbers and
    their orders in `folder`, which appears whole or not at all; one that is there is used as it is. Memory: a block of
    features, and while sorting 12 bytes a compound."""
    if (there := RankIndex.open(folder)) is not None:
        return there
    draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        about = _score(draft, fitted, progress)
        (draft / _ABOUT).write_text(json.dumps(about), encoding="utf-8")
        draft.chmod(0o755)
        for part in (*draft.iterdir(), draft):
            sync(part)  # else arrays of zeros may stand there after a power cut
        shutil.rmtree(folder, ignore_errors=True)
        draft.replace(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    built = RankIndex.open(folder)
    assert built is not None
    return built


def _score(draft: Path, fitted: Round, progress: Progress | None) -> dict[str, Any]:
    from screening.ranking.candidates import subset
    from screening.strategies.strategy import predict

    space, measured, candidates = fitted.space, fitted.measured, fitted.candidates
    size, arrays = len(space), {}
    for name, kind in NUMBERS.items():
        arrays[name] = np.lib.format.open_memmap(draft / f"{name}.npy", mode="w+", dtype=kind, shape=(size,))
        arrays[name][:] = -1 if name == "nearest" else np.nan
    exact = np.full(size, np.nan)
    for block in space.blocks(_BLOCK):
        x = candidates.features(block)
        rows = np.flatnonzero(np.isfinite(x).all(axis=1))
        arrays["feasibility"][block.index] = np.exp(candidates.log_feasibility(block))
        if rows.size:
            at = block.index[rows]
            mean, sd = predict(fitted.surrogate, x[rows])
            numbers = candidates.numbers(subset(block, rows), x[rows], mean, sd)
            exact[at] = candidates.strategy.score(numbers)
            arrays["mean"][at], arrays["sd"][at], arrays["acquisition"][at] = mean, sd, exact[at]
            arrays["nearest"][at], arrays["distance"][at] = measured.nearest(x[rows])
        if progress is not None:
            progress(int(block.index[-1]) + 1, size, "compounds laid out")
    _sort(draft, exact, arrays)
    return {
        "measured": list(measured.labels),
        "domain_radius": measured.domain_radius,
        "acquisition": fitted.choice.name,
    }


def _sort(draft: Path, acquisition: Array, arrays: Mapping[str, NDArray[Any]]) -> None:
    described = np.flatnonzero(~np.isnan(acquisition))
    kind = np.uint32 if len(acquisition) < 2**32 else np.uint64
    values: dict[str, Callable[[], Array]] = {
        "acquisition": lambda: acquisition[described],
        "lifetime_ps": lambda: -arrays["mean"][described],
        "lifetime_high_ps": lambda: -interval(arrays["mean"][described], arrays["sd"][described])[0],
        "feasibility": lambda: arrays["feasibility"][described],
    }
    for name in SORTS:
        order = np.argsort(-values[name](), kind="stable")
        np.save(draft / f"by_{name}.npy", described[order].astype(kind))
    for array in arrays.values():
        array.flush()  # type: ignore[attr-defined]  # a memory map, which numpy's types call an array


Mask = NDArray[np.bool_]
Places = NDArray[np.uint32]

#: Answers that are remembered, at most 4 bytes a compound each.
KEPT = 16
#: Rows of one page at most.
MAX_SIZE = 500
_CHARGES = {"RP": 1, "DJ": 2}


Symbol = Annotated[str, Field(max_length=40)]
Lifetime = Annotated[float, Field(ge=0.0, le=1e9, allow_inf_nan=False)]
Chance = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Layers = Annotated[
    tuple[Annotated[int, Field(ge=1, le=100)], ...],
    Field(max_length=20),
    AfterValidator(lambda layers: tuple(sorted(set(layers)))),
]


class RankQuery(BaseModel):
    """What of the ranking is wanted: one of `SORTS`, what a compound is made of ("" or () for any), lower limits (0 for
    none), and whether to leave out what is measured, awaited or ruled out. The page's form leaves fields empty."""

    model_config = ConfigDict(frozen=True)

    sort: str = Field(default="acquisition", pattern=f"^({'|'.join(SORTS)})$")
    ascending: bool = False
    text: Annotated[
        str,
        Field(max_length=200, description="A cation by its name or SMILES, or part of its name."),
        AfterValidator(str.strip),
    ] = ""
    phase: str = Field(default="", pattern="^(RP|DJ)?$")
    n_layers: Layers = ()
    spacer: Symbol = ""
    cage: Symbol = ""
    b_site: str = Field(default="", pattern="^(Pb|Sn|Ge)?$")
    halide: str = Field(default="", pattern="^(I|Br|Cl)?$")
    min_lifetime_ps: Lifetime = 0.0
    min_feasibility: Chance = 0.0
    in_domain: bool = False
    hide_taken: bool = True


class Ranked(BaseModel):
    """One compound of the ranking; lifetimes in ps. `acquisition` is what the campaign ranks by, null where a wished
    column is not known."""

    place: int
    index: int
    formula: str
    stage: str
    lifetime_ps: float
    lifetime_low_ps: float
    lifetime_high_ps: float
    acquisition: float | None
    feasibility: float
    nearest_measured: str
    distance: float
    in_domain: bool


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its rows' indices in the space and their places (from 1), of how many."""

    indices: tuple[int, ...]
    first: int
    total: int


class Searcher:
    """Answers queries on one index of one space; remembers the last answers, so that turning pages costs nothing: as
    places in the order, without regard to what is taken, which changes with every event and is left out of a page by
    counting."""

    def __init__(self, space: CompoundSpace, index: RankIndex) -> None:
        self.space, self.index = space, index
        self._answers: LRUCache[RankQuery, Places | None] = LRUCache(KEPT)
        self._places: dict[str, Places] = {}
        self._lock = threading.Lock()

    def page(self, query: RankQuery, taken: Sequence[int], number: int, size: int) -> Page:
        """Page `number` (from 1) of `size` rows, empty past the last one, without what is `taken` (indices of compounds
        that are measured, awaited or ruled out). Raises QueryError for a page that cannot be."""
        if number < 1 or not 1 <= size <= MAX_SIZE:
            raise QueryError(f"page {number} of {size} rows: pages count from 1 and hold 1 to {MAX_SIZE} rows")
        order, found = self.index.orders[query.sort], self._found(query)
        holes = self._holes(query.sort, found, taken if query.hide_taken else ())
        total = (len(order) if found is None else len(found)) - len(holes)
        rows = np.arange((number - 1) * size, min(number * size, total))
        if query.ascending:
            rows = total - 1 - rows
        # The n-th row that is no hole stands behind as many holes as lie before it.
        rows = rows + np.searchsorted(holes - np.arange(len(holes)), rows, side="right")
        places = rows if found is None else found[rows]
        return Page(tuple(int(row) for row in order[places]), (number - 1) * size + 1, total)

    def _found(self, query: RankQuery) -> Places | None:
        """Places in the order of all that match, ascending; None for all of them."""
        key = RankQuery(**(dict(query) | {"ascending": False, "hide_taken": False}))
        with self._lock:
            if key in self._answers:
                return self._answers[key]
        allowed = self._allowed(query)
        places = None if allowed is None else np.flatnonzero(allowed[self.index.orders[query.sort]]).astype(np.uint32)
        with self._lock:
            self._answers[key] = places
        return places

    def _holes(self, sort: str, found: Places | None, taken: Sequence[int]) -> NDArray[np.int64]:
        """Rows of an answer that hold what is taken, ascending."""
        if sort not in self._places:
            order = self.index.orders[sort]
            place = np.full(len(self.space), len(order), dtype=np.uint32)
            place[order] = np.arange(len(order), dtype=np.uint32)
            self._places[sort] = place
        ranked = self._places[sort][list(taken)].astype(np.int64)
        places = np.sort(ranked[ranked < len(self.index)])
        if found is None:
            return places
        rows = np.searchsorted(found, places)
        inside = rows < len(found)
        inside[inside] = found[rows[inside]] == places[inside]
        return rows[inside].astype(np.int64)

    def _allowed(self, query: RankQuery) -> Mask | None:
        """Which compounds match, shape (m,); None where all do."""
        masks = [] if (parts := self._by_parts(query)) is None else [parts]
        numbers = self.index.numbers
        if query.min_feasibility:
            masks.append(np.asarray(numbers["feasibility"] >= query.min_feasibility))
        if query.min_lifetime_ps:
            masks.append(np.asarray(numbers["mean"] <= -np.log10(query.min_lifetime_ps)))
        if query.in_domain:
            masks.append(np.asarray(numbers["distance"] <= self.index.domain_radius))
        return reduce(np.logical_and, masks) if masks else None

    def _by_parts(self, query: RankQuery) -> Mask | None:
        """The part of the mask that follows from what a compound is made of: an outer product of the space's axes."""
        space = self.space
        tests: tuple[tuple[int, object, Callable[[], Any]], ...] = (
            (0, query.spacer, lambda: [c.abbreviation == query.spacer for c in space.spacers]),
            (0, query.phase, lambda: [c.charge == _CHARGES[query.phase] for c in space.spacers]),
            (1, query.b_site, lambda: [b == query.b_site for b in space.b_sites]),
            (2, query.halide, lambda: [any(part == query.halide for part, _ in x) for x in space.halide_options]),
            (3, query.n_layers, lambda: np.isin(space.slot_n, query.n_layers)),
            (3, query.cage, lambda: self._slots(lambda c: c.abbreviation == query.cage)),
        )
        masks = [_on_axis(axis, test()) for axis, wanted, test in tests if wanted]
        if query.text:
            matches = self._matches(query.text)
            masks.append(_on_axis(0, [matches(c) for c in space.spacers]) | _on_axis(3, self._slots(matches)))
        if not masks:
            return None
        shape = len(space.spacers), len(space.b_sites), len(space.halide_options), len(space.slot_n)
        return np.broadcast_to(reduce(np.logical_and, masks), shape).reshape(-1)

    def _matches(self, text: str) -> Callable[[Cation], bool]:
        """Which cations a text means: those of that very name, else of that structure, else whose names hold it."""
        words = text.casefold()
        cations = [*self.space.spacers, *(c for option in self.space.cage_options for c, _ in option)]
        exact = {c.inchikey for c in cations if words in (name.casefold() for name in (c.abbreviation, *c.names))}
        with suppress(ChemspaceError):
            exact = exact or {c.inchikey for c in cations} & {Cation.from_catalogue(text).inchikey}
        if exact:
            return lambda c: c.inchikey in exact
        return lambda c: any(words in name.casefold() for name in (c.abbreviation, *c.names))

    def _slots(self, test: Callable[[Cation], bool]) -> Mask:
        """Slots whose cage holds a cation that passes; n = 1 has none."""
        options = np.array([any(test(c) for c, _ in option) for option in self.space.cage_options] + [False])
        passed: Mask = options[self.space.slot_cage]
        return passed


def _on_axis(axis: int, allowed: Any) -> Mask:
    """What is allowed on one of the space's four axes, to be broadcast over the others."""
    return np.asarray(allowed, dtype=np.bool_).reshape([-1 if place == axis else 1 for place in range(4)])

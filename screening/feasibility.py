"""P(a compound forms a phase-pure layered perovskite), which multiplies an acquisition value: spacer classifier, prior
rules, and a latent correction learnt from recorded outcomes.

log-odds(compound) = spacer(shape, reports) + rules(n, cage) + g(compound)

What reports say of a spacer (`screening.spacer_feasibility`) holds for lead iodides; its evidence counts by
`other_cage` less for another metal or halide. g is a zero-mean Gaussian process with a product kernel (fingerprint
similarity of the spacers, sameness of cage, B site and halide, closeness in n), fitted to the campaign's outcomes with
a logistic likelihood at its mode (Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), algorithm
3.1). Without outcomes g is exactly zero. A compound that was measured has formed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, DataStructs

from chemspace.cation import Cation
from chemspace.compound import Compound
from chemspace.errors import UnknownRadiusError
from chemspace.geometry import cage_tolerance_factor
from chemspace.space import CompoundSpace, SpaceBlock
from screening.errors import FeasibilityError
from screening.spacer_feasibility import (
    SHAPE_NAMES,
    ReportedOutcomes,
    SpacerModel,
    SpacerRule,
    SpacerScore,
    cation_shape,
    expit,
    fingerprint_similarity,
    fingerprints,
    latent_mode,
    score_spacers,
)

__all__ = [
    "SHAPE_NAMES",
    "BoundFeasibility",
    "CageWindow",
    "FeasibilityModel",
    "FeasibilityPrior",
    "RecordedOutcome",
    "ReportedOutcomes",
    "SpacerRule",
    "SpacerTraits",
    "ThickLayers",
    "fit_feasibility",
]


#: What each recorded outcome says about forming a phase-pure layered compound; None says nothing.
OUTCOMES: dict[str, int | None] = {
    "formed": 1,
    "mixed phases": 0,
    "not formed": 0,
    "other dimensionality": 0,
    "not measurable": None,
}


@dataclass(frozen=True, slots=True)
class RecordedOutcome:
    """What came out of one attempted synthesis: a compound and one of `OUTCOMES` (underscores are read as spaces)."""

    compound: Compound
    outcome: str

    def __post_init__(self) -> None:
        if self.outcome.replace("_", " ") not in OUTCOMES:
            raise FeasibilityError(
                f"unknown outcome {self.outcome!r} of {self.compound}: use one of {', '.join(OUTCOMES)}"
            )

    @property
    def formed(self) -> int | None:
        """1 or 0, None where the outcome says nothing about formation."""
        return OUTCOMES[self.outcome.replace("_", " ")]


@dataclass(frozen=True, slots=True)
class ThickLayers:
    """Compounds of many layers tend to grow as mixtures of neighbouring thicknesses.

    Formation enthalpies are unfavourable above n = 7, the thickest crystal then known (Soe et al., PNAS 116, 58 (2019),
    doi 10.1073/pnas.1811006115); n = 4 and 5 crystallise (Stoumpos et al., Chem 2, 427 (2017), doi
    10.1016/j.chempr.2017.02.004). That the odds halve with every layer from n = 4 on is our opinion.
    """

    from_layers: int = 4  #: the first number of layers that pays
    odds_factor: float = 0.5  #: what it pays
    each_layer: bool = True  #: whether every further layer pays it again

    def log_odds(self, n_layers: NDArray[np.integer]) -> NDArray[np.float64]:
        """What the rule adds to the log-odds of each compound, shape (m,)."""
        too_many = np.maximum(0, n_layers.astype(np.int64) - self.from_layers + 1)
        times = too_many if self.each_layer else np.minimum(too_many, 1)
        return np.asarray(times * np.log(self.odds_factor), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class CageWindow:
    """The cage cation has to fit its cuboctahedral hole: tolerance factor 0.84 to 1.0.

    Window and effective radii: Kieslich, Sun and Cheetham, Chem. Sci. 5, 4712 (2014), doi 10.1039/c4sc02211d, and 6,
    3430 (2015), doi 10.1039/c5sc00961h, where it begins at 0.8. Caesium (0.85) is the smallest cation that lead iodide
    takes up, rubidium (0.82) and potassium (0.80) stay outside (Kubicki et al., J. Am. Chem. Soc. 139, 14173 (2017),
    doi 10.1021/jacs.7b07223). Layered hosts take larger cations up to guanidinium, 1.04 (Fu et al., ACS Cent.
    Sci. 5, 1377 (2019), doi 10.1021/acscentsci.9b00367), so up to `relaxed_high` the chance to form falls by `factor`
    only; beyond it, and below `low`, by `misfit_factor`. A cage cation without a published effective radius has not
    been shown to fit and pays `unknown_factor`. The three factors are opinions; a recorded outcome overrules them.
    With `of_odds` they multiply the odds, which a good spacer then outweighs.
    """

    low: float = 0.84
    high: float = 1.0
    relaxed_high: float = 1.05
    factor: float = 0.7
    misfit_factor: float = 0.02
    unknown_factor: float = 0.3
    of_odds: bool = False

    def log_factor(self, tolerance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Logarithm of what each compound pays, shape (m,), by its `cage_tolerance` (m,); no cage (NaN) pays none."""
        factor = np.select(
            [
                np.isnan(tolerance),
                np.isinf(tolerance),
                (tolerance < self.low) | (tolerance > self.relaxed_high),
                tolerance > self.high,
            ],
            [1.0, self.unknown_factor, self.misfit_factor, self.factor],
            default=1.0,
        )
        return np.asarray(np.log(factor), dtype=np.float64)

    def applied(self, log_odds: NDArray[np.float64], log_factor: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds of compounds after the rule, shape (m,), from those before it (m,) and `log_factor` (m,)."""
        if self.of_odds:
            return log_odds + log_factor
        log_p = log_factor - np.logaddexp(0.0, -log_odds)
        with np.errstate(divide="ignore"):  # what is certain stays so
            return np.where(log_factor == 0.0, log_odds, log_p - np.log(-np.expm1(log_p)))

    def words(self, tolerance: float) -> str:
        """The rule as it meets one compound, empty where it says nothing."""
        factor = float(np.exp(self.log_factor(np.array([tolerance]))[0]))
        if factor == 1.0:
            return ""
        cost = f"{'odds' if self.of_odds else 'P'} x {factor:g}"
        if np.isinf(tolerance):
            return f"cage cation without a published radius: {cost}"
        where = f"cage tolerance factor {tolerance:.2f} outside {self.low:g} to {self.high:g}"
        if self.low <= tolerance <= self.relaxed_high:
            return f"{where}: {cost}"
        return f"{where}, where no lead-iodide cage is known to hold its cation: {cost}"


@dataclass(frozen=True, slots=True)
class FeasibilityPrior:
    """Everything believed before the campaign's first crystal."""

    thick_layers: ThickLayers = field(default_factory=ThickLayers)  #: rule on the number of layers
    cage_window: CageWindow = field(default_factory=CageWindow)  #: rule on the cage cation
    spacers: SpacerRule = field(default_factory=SpacerRule)  #: how reports of spacers are learnt from
    #: Share of untried spacers thought to form a layered compound; None keeps the share in the reported outcomes, which
    #: flatters: failures are published less often than successes.
    base_rate: float | None = None
    #: Prior standard deviation, in log-odds, of what one recorded outcome can reveal; larger means that the campaign's
    #: own record counts for more.
    outcome_log_odds: float = 2.0
    layer_reach: float = 2.0  #: number of layers over which an outcome's influence falls to 1/e
    other_cage: float = 0.5  #: correlation between compounds that differ only in the cage cation, B site or halide

    def __post_init__(self) -> None:
        if self.base_rate is not None and not 0.0 < self.base_rate < 1.0:
            raise FeasibilityError(f"base_rate = {self.base_rate} is no probability: give a number between 0 and 1")
        window = self.cage_window
        factors = {
            "thick_layers.odds_factor": self.thick_layers.odds_factor,
            "cage_window.factor": window.factor,
            "cage_window.misfit_factor": window.misfit_factor,
            "cage_window.unknown_factor": window.unknown_factor,
        }
        for name, factor in factors.items():
            if not factor > 0.0:
                raise FeasibilityError(f"{name} = {factor}: an odds factor is greater than 0")
        if not (self.outcome_log_odds > 0.0 and self.layer_reach > 0.0 and 0.0 <= self.other_cage <= 1.0):
            raise FeasibilityError(
                "outcome_log_odds and layer_reach must be greater than 0 and other_cage between 0 and 1, not "
                f"{self.outcome_log_odds}, {self.layer_reach} and {self.other_cage}"
            )

    def evidence_share(self, b_site: str, halide: Sequence[tuple[str, Fraction]]) -> float:
        """How much of what reports of lead iodides say holds for this metal and halide, 0 to 1."""
        others = (b_site != "Pb") + (main_ion(halide) != "I")
        return float(self.other_cage**others)


#: Log-odds of a compound that was measured: 0.99, for samples are mistaken for one another now and then.
_HAS_FORMED = log(0.99 / 0.01)


def cage_tolerance(cage: Cation | None, b_site: str, halide: str) -> float:
    """Tolerance factor of one cage cation; NaN without a cage cation, infinite for one without a published radius."""
    if cage is None:
        return float("nan")
    try:
        return cage_tolerance_factor(cage, b_site, halide)
    except UnknownRadiusError:
        return float("inf")


@dataclass(frozen=True, slots=True)
class CompoundRows:
    """Compounds as arrays: what the rules and the kernel need of each, k rows."""

    shapes: NDArray[np.float64]
    prints: list[Any]
    n_layers: NDArray[np.int64]
    framework: list[tuple[Any, Any, Any]]
    tolerance: NDArray[np.float64]

    @classmethod
    def of(cls, compounds: Sequence[Compound]) -> CompoundRows:
        """The rows of these compounds, in their order."""
        mols = [spacer_mol(compound.spacer) for compound in compounds]
        return cls(
            np.array([cation_shape(mol) for mol in mols]).reshape(len(mols), len(SHAPE_NAMES)),
            fingerprints(mols),
            np.array([10**6 if one.n_layers is None else one.n_layers for one in compounds], dtype=np.int64),
            [(compound.cage, compound.b_site, compound.halide) for compound in compounds],
            np.array([_tolerance(compound) for compound in compounds]),
        )


def spacer_mol(spacer: Cation | None) -> Any:
    """RDKit molecule of a spacer; an empty one where a compound has none (3D)."""
    return Chem.MolFromSmiles("" if spacer is None else spacer.smiles)


def _tolerance(compound: Compound) -> float:
    """Tolerance factor of the main cage cation in the main halide's lattice, as `cage_tolerance`."""
    return cage_tolerance(main_ion(compound.cage), compound.b_site, str(main_ion(compound.halide)))


def main_ion(parts: Sequence[tuple[Any, Fraction]]) -> Any:
    """The ion of a site with the largest fraction, the first of equal ones; None for an empty site."""
    return max(parts, key=lambda part: part[1])[0] if parts else None


def outcome_kernel(left: CompoundRows, right: CompoundRows, prior: FeasibilityPrior) -> NDArray[np.float64]:
    """Prior covariance of g between compounds, shape (m, k)."""
    spacer = fingerprint_similarity(left.prints, right.prints)
    layers = layer_kernel(left.n_layers, right.n_layers, prior.layer_reach)
    framework = np.ones_like(spacer)
    for part in range(3):
        same = np.array([[a[part] == b[part] for b in right.framework] for a in left.framework], dtype=bool)
        framework *= np.where(same.reshape(spacer.shape), 1.0, prior.other_cage)
    kernel: NDArray[np.float64] = prior.outcome_log_odds**2 * spacer * layers * framework
    return kernel


def layer_kernel(left: NDArray[np.integer], right: NDArray[np.integer], reach: float) -> NDArray[np.float64]:
    """exp(-|n - n'| / reach) of layer numbers (a,) and (b,), shape (a, b)."""
    kernel: NDArray[np.float64] = np.exp(-np.abs(left[:, None] - right[None, :]) / reach)
    return kernel


@dataclass(frozen=True)
class SpacerTraits:
    """Shapes, shape (c, 8), and fingerprints of c spacers, as `screening.spacer_feasibility` makes them."""

    shapes: NDArray[np.float64]
    prints: Sequence[Any]
    evidence: NDArray[np.float64] | None = None  #: log-odds that reports add, shape (c,), where they are known already

    @classmethod
    def of(cls, spacers: Sequence[Cation]) -> SpacerTraits:
        """Work them out; half a second for a thousand spacers."""
        mols = [spacer_mol(spacer) for spacer in spacers]
        shapes = np.array([cation_shape(mol) for mol in mols]).reshape(len(mols), len(SHAPE_NAMES))
        return cls(shapes, fingerprints(mols))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """As arrays of numbers, to be kept in a file: shapes, the fingerprints' bytes one after the other, and the
        number of bytes of each."""
        bits = [print_.ToBinary() for print_ in self.prints]
        lengths = np.array([len(row) for row in bits], dtype=np.int64)
        return {"shapes": self.shapes, "prints": np.frombuffer(b"".join(bits), dtype=np.uint8), "lengths": lengths}

    @classmethod
    def from_arrays(cls, shapes: NDArray[Any], prints: NDArray[Any], lengths: NDArray[Any]) -> SpacerTraits:
        """From what `to_arrays` gave: shapes (c, 8), prints (bytes,), lengths (c,)."""
        return cls(shapes, _Packed(prints.tobytes(), np.cumsum([0, *lengths])))


class _Packed(Sequence[Any]):
    """Fingerprints as bytes, unpacked one at a time: most rounds have no outcome to compare them with."""

    def __init__(self, flat: bytes, edges: NDArray[np.int64]) -> None:
        self._flat, self._edges = flat, edges

    def __len__(self) -> int:
        return len(self._edges) - 1

    def __getitem__(self, place: Any) -> Any:
        if not 0 <= place < len(self):
            raise IndexError(place)
        part: Any = self._flat[self._edges[place] : self._edges[place + 1]]
        return DataStructs.ExplicitBitVect(part)


@dataclass(frozen=True)
class BoundFeasibility:
    """A feasibility model with one space's cations worked out, so that a block costs a few array look-ups.

    Shapes: c spacers, a cage options, k outcomes.
    """

    model: FeasibilityModel
    spacer_log_odds: NDArray[np.float64]  # (c,)
    evidence: NDArray[np.float64]  # (c,), of lead iodides
    evidence_share: NDArray[np.float64]  # (B sites, halide options)
    cage_log_factor: NDArray[np.float64]  # (a + 1, number of B sites, number of halide options); last row: no cage
    similarity: NDArray[np.float64]  # (c, k), prior variance included
    same_cage: NDArray[np.float64]  # (a + 1, k)
    same_framework: NDArray[np.float64]  # (B sites, halide options, k)
    outcome_layers: NDArray[np.int64]  # (k,)
    measured: NDArray[np.int64]  # indices of compounds of the space that were measured

    @classmethod
    def build(
        cls, model: FeasibilityModel, space: CompoundSpace, traits: SpacerTraits | None = None
    ) -> BoundFeasibility:
        """Work out everything that belongs to one spacer, cage, metal or halide of the space, once."""
        known = SpacerTraits.of(space.spacers) if traits is None else traits
        cages, halides = (*space.cage_options, ()), space.halide_options
        mains = [(main_ion(cage), [main_ion(halide) for halide in halides]) for cage in cages]
        tolerance = np.array(
            [[[cage_tolerance(cage, b, str(x)) for x in main] for b in space.b_sites] for cage, main in mains]
        ).reshape(len(cages), len(space.b_sites), len(halides))
        outcomes = CompoundRows.of([item.compound for item in model.outcomes])
        similarity = fingerprint_similarity(known.prints, outcomes.prints) * model.prior.outcome_log_odds**2
        frames = outcomes.framework

        def alike(axis: tuple[object, ...], part: int) -> NDArray[np.float64]:
            same = [[frame[part] == ion for frame in frames] for ion in axis]
            return np.where(np.array(same, dtype=bool).reshape(len(axis), len(frames)), 1.0, model.prior.other_cage)

        framework = alike(space.b_sites, 1)[:, None, :] * alike(halides, 2)[None, :, :]
        return cls(
            model,
            model.spacer_log_odds(known.shapes),
            model.evidence_log_odds(known.shapes, known.prints) if known.evidence is None else known.evidence,
            np.array([[model.prior.evidence_share(b, halide) for halide in halides] for b in space.b_sites]),
            model.prior.cage_window.log_factor(tolerance),
            similarity,
            alike(cages, 0),
            framework,
            outcomes.n_layers,
            np.array([space.index(compound) for compound in model.measured if compound in space], dtype=np.int64),
        )

    def log_probability(self, block: SpaceBlock) -> NDArray[np.float64]:
        """Logarithm of the probability of each compound of a block, shape (m,)."""
        prior = self.model.prior
        odds = self.spacer_log_odds[block.spacer] + prior.thick_layers.log_odds(block.n_layers)
        odds = odds + self.evidence[block.spacer] * self.evidence_share[block.b_site, block.halide]
        odds = prior.cage_window.applied(odds, self.cage_log_factor[block.cage, block.b_site, block.halide])
        if len(self.outcome_layers):
            near = self.similarity[block.spacer] * self.same_cage[block.cage]
            near = near * self.same_framework[block.b_site, block.halide]
            near = near * layer_kernel(block.n_layers, self.outcome_layers, prior.layer_reach)
            odds = odds + near @ self.model.pull
        if len(self.measured):
            odds = np.where(np.isin(block.index, self.measured), np.maximum(odds, _HAS_FORMED), odds)
        result: NDArray[np.float64] = -np.logaddexp(0.0, -odds)
        return result


@dataclass(frozen=True)
class FeasibilityModel:
    """P(forms a phase-pure layered compound) for any compound, from `fit_feasibility`."""

    spacers: SpacerModel  #: what is known of spacers
    reported: ReportedOutcomes  #: the reports it was learnt from
    prior: FeasibilityPrior  #: the rules and strengths in force
    outcomes: tuple[RecordedOutcome, ...] = ()  #: recorded outcomes that say something, k of them
    #: Per outcome, the latent weight (y - p at the mode), shape (k,).
    pull: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    measured: frozenset[Compound] = frozenset()  #: compounds that were measured, so they have formed
    #: Of the spacers of the space that `bind` will be asked for, where they are known already.
    traits: SpacerTraits | None = field(default=None, repr=False, compare=False)

    def probability(self, compounds: Sequence[Compound]) -> NDArray[np.float64]:
        """Probability of each compound, shape (m,). A compound without spacer (3D) is not layered: 0."""
        rows = CompoundRows.of(compounds)
        odds = self.prior_log_odds(rows)
        if self.outcomes:
            odds = odds + self._likeness(rows) @ self.pull
        formed = np.array([compound in self.measured for compound in compounds], dtype=bool)
        odds = np.where(formed, np.maximum(odds, _HAS_FORMED), odds)
        layered = np.array([compound.spacer is not None for compound in compounds], dtype=bool)
        return np.where(layered, expit(odds), 0.0)

    def spacer_log_odds(self, shapes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds of spacers from their shapes (m, 8), shape (m,), moved to the prior's base rate if any."""
        odds, rate = self.spacers.shape_log_odds(shapes), self.prior.base_rate
        base = self.spacers.classifier.base_rate
        return odds if rate is None else odds + log(rate / (1.0 - rate) * (1.0 - base) / base)

    def evidence_log_odds(self, shapes: NDArray[np.float64], prints: Sequence[Any]) -> NDArray[np.float64]:
        """What reports add in a lead iodide of spacers with these shapes (m, 8) and fingerprints, shape (m,)."""
        evidence = self.spacers.evidence
        return np.zeros(len(prints)) if evidence is None else evidence.log_odds(shapes, prints)

    def prior_log_odds(self, rows: CompoundRows) -> NDArray[np.float64]:
        """Log-odds of m compounds before any outcome of the campaign, shape (m,)."""
        share = np.array([self.prior.evidence_share(b_site, halide) for _, b_site, halide in rows.framework])
        odds = self.spacer_log_odds(rows.shapes) + share * self.evidence_log_odds(rows.shapes, rows.prints)
        window = self.prior.cage_window
        return window.applied(odds + self.prior.thick_layers.log_odds(rows.n_layers), window.log_factor(rows.tolerance))

    def bind(self, space: CompoundSpace) -> BoundFeasibility:
        """The same probabilities for blocks of one space: everything per cation is computed once, here."""
        return BoundFeasibility.build(self, space, self.traits)

    def score(self, seed: int = 42) -> SpacerScore:
        """Out-of-fold AUC and Brier score on the reported outcomes, whole scaffolds left out."""
        return score_spacers(self.reported, self.prior.spacers, seed=seed)

    def told(self, compound: Compound) -> str:
        """What is reported of a compound's very spacer, with the sources; empty where nothing is, or where the prior
        counts reports as labels only."""
        if compound.spacer is None or self.spacers.evidence is None:
            return ""
        return self.reported.told(spacer_mol(compound.spacer), compound.spacer.abbreviation)

    def reasons(self, compound: Compound) -> list[str]:
        """Why the probability is what it is: each part of the log-odds in words."""
        rows = CompoundRows.of([compound])
        odds, sizes = self.spacer_log_odds(rows.shapes), self.spacers.sizes
        source = "from reported lead-iodide outcomes"
        if sizes is not None and sizes.outside(rows.shapes)[0]:
            source = "as of the reported spacers nearest in charge and size, for none is of its size"
        parts = [f"spacer alone: P = {expit(odds)[0]:.2f} {source}"]
        parts += [part for part in (self._evidence_words(compound, rows),) if part]
        if (thick := float(self.prior.thick_layers.log_odds(rows.n_layers)[0])) != 0.0:
            parts.append(f"n >= {self.prior.thick_layers.from_layers}: odds x {np.exp(thick):.2g}")
        if cage := self.prior.cage_window.words(float(rows.tolerance[0])):
            parts.append(cage)
        if self.outcomes:
            weights = self._likeness(rows)[0] * self.pull
            strongest = int(np.argmax(np.abs(weights)))
            parts.append(
                f"recorded outcomes: odds x {np.exp(weights.sum()):.2g}, most from {self.outcomes[strongest].compound} "
                f"({self.outcomes[strongest].outcome.replace('_', ' ')})"
            )
        if compound in self.measured:
            parts.append("measured, so it has formed")
        return parts

    def _evidence_words(self, compound: Compound, rows: CompoundRows) -> str:
        """What reports change, and what they say of the very spacer."""
        share = self.prior.evidence_share(compound.b_site, compound.halide)
        odds = f"odds x {np.exp(share * self.evidence_log_odds(rows.shapes, rows.prints)[0]):.2g}"
        told = self.told(compound)
        if told:
            return f"{told}: {odds}"
        return "" if odds == "odds x 1" else f"reports of similar spacers: {odds}"

    def _likeness(self, rows: CompoundRows) -> NDArray[np.float64]:
        """Prior covariance of each compound with each recorded one, shape (m, k)."""
        recorded = CompoundRows.of([item.compound for item in self.outcomes])
        return outcome_kernel(rows, recorded, self.prior)


def fit_feasibility(
    outcomes: Sequence[RecordedOutcome] = (),
    prior: FeasibilityPrior | None = None,
    reported: ReportedOutcomes | None = None,
    seed: int = 42,
    measured: Sequence[Compound] = (),
    strength: float | None = None,
) -> FeasibilityModel:
    """Fit the model on the reported outcomes (the package's table of lead-iodide cations where None) and a campaign's
    own record, in which a compound may appear more than once, and on `measured` compounds, which have formed. `prior`:
    rules and strengths; `seed`: of the folds that choose the ridge; `strength`: of the ridge, as an earlier fit on the
    same reports chose it (`spacers.classifier.strength`). The model is frozen; equal arguments give equal ones."""
    belief, table = prior or FeasibilityPrior(), reported or ReportedOutcomes.published()
    spacers = SpacerModel.fit(table, belief.spacers, seed, strength)
    model = FeasibilityModel(spacers, table, belief, measured=frozenset(measured))
    told = tuple(item for item in outcomes if item.formed is not None and item.compound.spacer is not None)
    if not told:
        return model
    rows = CompoundRows.of([item.compound for item in told])
    formed = np.array([item.formed for item in told], dtype=np.float64)
    pull = latent_mode(outcome_kernel(rows, rows, belief), model.prior_log_odds(rows), formed)
    return replace(model, outcomes=told, pull=pull)

"""P(a spacer forms a layered lead iodide) from reported outcomes: a ridge regression on its shape, and the reports of
the spacer itself and of its nearest relatives as evidence.

`python -m benchmarks.forms` scores it with whole cations and whole scaffolds left out.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from importlib.resources import files
from math import log
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator, rdMolDescriptors

#: The numbers of `cation_shape`, in order. The first five are what edition 1 learns from, the last tells how large a
#: cation is and is not learnt from.
SHAPE_NAMES = (
    "charge",  # formal charge of the cation
    "head_hydrogens",  # mean number of hydrogens on the charged atoms: 3 for a primary ammonium, 0 for a quaternary one
    "head_branching",  # bonds of the heavy atom beside the head, the head's own bond not counted
    "head_crowding",  # heavy atoms at most three bonds from the head, itself included
    "rotatable_bonds",
    "missing_atoms",  # heavy atoms short of six: what is smaller seldom keeps layers apart
    "other_heteroatoms",  # halogen, oxygen, sulphur, neutral nitrogen: they bind a layer of cations; 2 at most
    "heavy_atoms",
)
#: Heavy atoms from which size alone no longer counts against a spacer. Cuts from 5 to 8 score alike with single cations
#: left out (AUC 0.86 to 0.88).
_LARGE_ENOUGH = 6


def cation_shape(mol: Any) -> NDArray[np.float64]:
    """The numbers of `SHAPE_NAMES` for one RDKit molecule, shape (8,); NaN where no atom is positively charged."""
    charged = [atom for atom in mol.GetAtoms() if atom.GetFormalCharge() > 0]
    if not charged:
        return np.full(len(SHAPE_NAMES), np.nan)
    head = max(charged, key=lambda atom: (atom.GetTotalNumHs(), -atom.GetIdx()))
    distance = np.asarray(Chem.GetDistanceMatrix(mol))[head.GetIdx()]
    branching = max((atom.GetDegree() - 1 for atom in head.GetNeighbors()), default=0)
    heavy = mol.GetNumHeavyAtoms()
    hetero = sum(atom.GetAtomicNum() not in (1, 6) for atom in mol.GetAtoms()) - len(charged)
    return np.array(
        [
            sum(atom.GetFormalCharge() for atom in charged),
            np.mean([atom.GetTotalNumHs() for atom in charged]),
            branching,
            np.count_nonzero(distance <= 3.0),
            rdMolDescriptors.CalcNumRotatableBonds(mol),
            max(0, _LARGE_ENOUGH - heavy),
            min(2, hetero),
            heavy,
        ],
        dtype=np.float64,
    )


def fingerprints(mols: list[Any]) -> list[Any]:
    """Morgan fingerprints (radius 2, 2048 bits) of molecules; stereochemistry is left out, enantiomers look alike."""
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    return [generator.GetFingerprint(mol) for mol in mols]


def flat_smiles(mol: Any) -> str:
    """SMILES of a molecule without its stereochemistry."""
    return Chem.MolToSmiles(mol, isomericSmiles=False)


def fingerprint_similarity(left: Sequence[Any], right: Sequence[Any]) -> NDArray[np.float64]:
    """Tanimoto similarity of each fingerprint in `left` (m) to each in `right` (k), shape (m, k), 0 to 1."""
    if not left or not right:
        return np.zeros((len(left), len(right)))
    known = list(right)
    return np.array([DataStructs.BulkTanimotoSimilarity(item, known) for item in left], dtype=np.float64)


#: Inverse ridge strengths tried inside each training fold.
_STRENGTHS = (0.03, 0.1, 0.3, 1.0)
_FOLDS = 10


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A report that says the opposite of a row: where, and what it says."""

    doi: str
    words: str


@dataclass(frozen=True)
class ReportedOutcomes:
    """Reported outcomes of lead iodides, one row a cation."""

    smiles: tuple[str, ...]  #: k cations
    layered: NDArray[np.int64]  #: whether a layered compound is reported, 0 or 1, shape (k,)
    doi: tuple[str, ...]  #: the sources
    abbreviations: tuple[str, ...] = ()  #: what the cations are called; empty where nothing is to be said of them
    against: Mapping[int, Contradiction] = field(default_factory=dict)  #: by row, the report that contradicts it

    @classmethod
    @lru_cache(maxsize=4)
    def published(cls, edition: int | None = None) -> ReportedOutcomes:
        """The package's table of lead-iodide outcomes, sources in `doi`, up to an `edition` or all of it."""
        text = (files("screening") / "data" / "formability.csv").read_text(encoding="utf-8")
        every = csv.DictReader(text.splitlines())
        rows = [row for row in every if edition is None or int(row["edition"]) <= edition]
        return cls(
            tuple(row["smiles"] for row in rows),
            np.array([int(row["layered"]) for row in rows], dtype=np.int64),
            tuple(row["doi"] for row in rows),
            tuple(row["abbreviation"] or row["smiles"] for row in rows),
            {k: Contradiction(row["against"], row["against_note"]) for k, row in enumerate(rows) if row["against"]},
        )

    @cached_property
    def mols(self) -> list[Any]:
        """RDKit molecules of the rows."""
        return [Chem.MolFromSmiles(smiles) for smiles in self.smiles]

    @cached_property
    def shapes(self) -> NDArray[np.float64]:
        """Shape numbers of the rows, (k, 8)."""
        return np.array([cation_shape(mol) for mol in self.mols])

    @cached_property
    def prints(self) -> list[Any]:
        """Fingerprints of the rows."""
        return fingerprints(self.mols)

    @cached_property
    def graphs(self) -> list[str]:
        """SMILES of each row without stereochemistry: enantiomers and their racemate are one."""
        return [flat_smiles(mol) for mol in self.mols]

    def subset(self, rows: NDArray[np.integer]) -> ReportedOutcomes:
        """Some of the rows, by their positions, shape (r,)."""
        kept = [int(row) for row in rows]
        part = ReportedOutcomes(
            tuple(self.smiles[row] for row in kept),
            self.layered[kept],
            tuple(self.doi[row] for row in kept),
            tuple(self.abbreviations[row] for row in kept) if self.abbreviations else (),
            {new: self.against[old] for new, old in enumerate(kept) if old in self.against},
        )
        for name in ("mols", "prints", "scaffolds", "graphs"):  # worked out once for all folds
            part.__dict__[name] = [getattr(self, name)[row] for row in kept]
        return part

    def told(self, mol: Any, name: str) -> str:
        """What is reported of one spacer (RDKit molecule) under its name, with the sources, as a sentence; empty where
        nothing is."""
        graph = flat_smiles(mol)
        found = [k for k, row in enumerate(self.graphs) if row == graph]
        return "; ".join(dict.fromkeys(self._told(k, name) for k in found))

    def _told(self, row: int, name: str) -> str:
        outcome = "layered" if self.layered[row] else "not layered"
        source = f"doi {', '.join(self.doi[row].split())}" if self.doi[row] else "no article named"
        told = f"{name} lead iodide is reported as {outcome} ({source})"
        if (other := self.against.get(row)) is None:
            return told
        return f"reports disagree: {told}, against it {other.words} ({other.doi})"

    @cached_property
    def scaffolds(self) -> list[str]:
        """Murcko scaffold of each row without stereochemistry; all open chains share one group."""
        from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles

        scaffold: Any = MurckoScaffoldSmiles  # RDKit leaves it untyped
        return [scaffold(mol=mol, includeChirality=False) or "open chain" for mol in self.mols]


@dataclass(frozen=True, slots=True)
class SpacerClassifier:
    """Logistic regression on the first s standardised shapes: `centre`, `scale`, `weights` (s,), `intercept`.

    `base_rate` is the share of successes in its table, `strength` the inverse ridge that was chosen.
    """

    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]
    intercept: float
    base_rate: float
    strength: float

    def log_odds(self, shapes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds of a layered compound for shapes (m, 8), shape (m,); those of the base rate where a shape is NaN."""
        value = (shapes[:, : len(self.weights)] - self.centre) / self.scale @ self.weights + self.intercept
        return np.where(np.isfinite(value), value, np.log(self.base_rate / (1.0 - self.base_rate)))


@dataclass(frozen=True)
class SpacerEvidence:
    """What the reports say of each spacer beyond its shape: a latent Gaussian process over the reported cations.

    Its covariance is `sd`**2, times the cube of the fingerprints' similarity, times exp(-d / 2) for d heavy atoms more
    or less: 1 for the very cation, so that evidence reaches its nearest relatives only. A row that another report
    contradicts counts once for each side. Fitted with a logistic likelihood at its mode (Rasmussen and Williams,
    Gaussian Processes for Machine Learning (2006), 3.4).
    """

    #: `prints`, `heavy_atoms`: of the k reported cations.
    prints: Sequence[Any]
    heavy_atoms: NDArray[np.float64]
    pull: NDArray[np.float64]  #: latent weight of each, shape (k,)
    sd: float  #: prior standard deviation, log-odds

    @classmethod
    def fit(cls, table: ReportedOutcomes, log_odds: NDArray[np.float64], sd: float) -> SpacerEvidence:
        """From reported outcomes; `log_odds` (k,) is what the shapes alone say."""
        rows = [*range(len(table.smiles)), *table.against]
        layered = np.concatenate([table.layered, [1 - table.layered[row] for row in table.against]])
        known = cls([table.prints[row] for row in rows], table.shapes[rows, -1], np.zeros(len(rows)), sd)
        pull = latent_mode(known._kernel(known.prints, known.heavy_atoms), log_odds[rows], layered.astype(np.float64))
        return replace(known, pull=pull)

    def log_odds(self, shapes: NDArray[np.float64], prints: Sequence[Any]) -> NDArray[np.float64]:
        """What it adds to the log-odds of m spacers, shape (m,), from their `cation_shape` (m, 8) and fingerprints."""
        odds, step = np.zeros(len(prints)), 4096  # the similarities of a million spacers would fill the memory
        for start in range(0, len(prints), step):
            rows = [prints[row] for row in range(start, min(start + step, len(prints)))]
            odds[start : start + step] = self._kernel(rows, shapes[start : start + step, -1]) @ self.pull
        return odds

    def _kernel(self, prints: Sequence[Any], heavy_atoms: NDArray[np.float64]) -> NDArray[np.float64]:
        """Prior covariance of m spacers with the reported ones, shape (m, k)."""
        alike = fingerprint_similarity(prints, self.prints) ** 3
        size = np.nan_to_num(np.abs(heavy_atoms[:, None] - self.heavy_atoms[None, :]))
        kernel: NDArray[np.float64] = self.sd**2 * alike * np.exp(-0.5 * size)
        return kernel


def expit(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability of log-odds, same shape; scipy.special takes 0.2 CPU s to load."""
    probability: NDArray[np.float64] = 0.5 + 0.5 * np.tanh(0.5 * odds)
    return probability


def latent_mode(
    kernel: NDArray[np.float64], mean: NDArray[np.float64], formed: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Newton's method for the posterior mode of g; returns y - p there, so that g(x) = k(x, outcomes) @ pull."""

    def objective(pull: NDArray[np.float64]) -> float:
        latent = kernel @ pull
        odds = np.where(formed == 1.0, -(mean + latent), mean + latent)
        return float(np.logaddexp(0.0, odds).sum() + 0.5 * pull @ latent)

    pull, identity = np.zeros(len(formed)), np.eye(len(formed))
    for _ in range(100):
        probability = expit(mean + kernel @ pull)
        weight = probability * (1.0 - probability)
        target = weight * (kernel @ pull) + formed - probability
        step = target - weight * np.linalg.solve(identity + kernel * weight[None, :], kernel @ target) - pull
        size = 1.0
        while objective(pull + size * step) > objective(pull) + 1e-12 and size > 1e-6:
            size *= 0.5
        pull = pull + size * step
        if float(np.abs(step).max()) < 1e-10:
            break
    return pull


@dataclass(frozen=True)
class SizeClasses:
    """Sizes of the reported cations, and how those of one size and charge came out."""

    #: `charges`, `heavy_atoms`, `layered`: of the k reported cations, shape (k,).
    charges: NDArray[np.float64]
    heavy_atoms: NDArray[np.float64]
    layered: NDArray[np.int64]

    def outside(self, shapes: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether shapes (m, 8) are smaller or larger than every reported spacer's of their charge, shape (m,)."""
        charge, size = shapes[:, 0], shapes[:, -1]
        beyond = np.ones(len(shapes), dtype=bool)
        for known in np.unique(self.charges):
            sizes = self.heavy_atoms[self.charges == known]
            beyond &= ~((charge == known) & (size >= sizes.min()) & (size <= sizes.max()))
        return beyond

    def share(self, shape: NDArray[np.float64]) -> float:
        """Share of layered ones among reported cations of the nearest charge and size, by the rule of succession."""
        charge, size = np.nan_to_num(shape[[0, -1]], nan=0.0)
        far = np.abs(self.charges - charge) * 1e3 + np.abs(self.heavy_atoms - size)
        alike = self.layered[far == far.min()]
        return float((alike.sum() + 1) / (len(alike) + 2))


@dataclass(frozen=True)
class SpacerModel:
    """Log-odds that a spacer forms a layered lead iodide."""

    classifier: SpacerClassifier  #: what its shape says
    #: What reports of it and its relatives say beyond that; None counts them as labels only.
    evidence: SpacerEvidence | None = None
    #: What there is of; a spacer beyond it gets the share of its class. None trusts the shape everywhere.
    sizes: SizeClasses | None = None

    @classmethod
    def fit(
        cls, table: ReportedOutcomes, rule: SpacerRule, seed: int = 42, strength: float | None = None
    ) -> SpacerModel:
        """Fit on reported outcomes; the ridge (unless `strength` is known) by scaffolds left out, folds by `seed`."""
        shapes = table.shapes[:, : rule.n_shapes]
        if strength is None:
            strength = _strength(shapes, table.layered, np.array(table.scaffolds), seed)
        classifier = _ridge(shapes, table.layered, strength)
        sd = rule.report_log_odds
        evidence = None if sd == 0.0 else SpacerEvidence.fit(table, classifier.log_odds(table.shapes), sd)
        sizes = SizeClasses(table.shapes[:, 0], table.shapes[:, -1], table.layered) if rule.knows_range else None
        return cls(classifier, evidence, sizes)

    def shape_log_odds(self, shapes: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the shape says, or the class of a spacer that is beyond the table; (m, 8) to (m,)."""
        odds = self.classifier.log_odds(shapes)
        if self.sizes is None:
            return odds
        for row in np.flatnonzero(self.sizes.outside(shapes)):
            share = self.sizes.share(shapes[row])
            odds[row] = log(share / (1.0 - share))
        return odds


@dataclass(frozen=True, slots=True)
class SpacerRule:
    """How reports are learnt from."""

    n_shapes: int = 7  #: how many of `SHAPE_NAMES` the classifier reads
    #: Prior standard deviation, in log-odds, of what reports of a spacer can say beyond its shape; 0 counts them as
    #: labels only.
    report_log_odds: float = 4.0
    knows_range: bool = True  #: whether a spacer beyond the reported sizes gets the share of its class


@dataclass(frozen=True, slots=True)
class SpacerScore:
    """Out-of-fold quality on the reported outcomes, whole groups left out.

    `auc` (area under the ROC curve), `brier` (mean squared error of the probability), `brier_base_rate` (the same for
    the bare share of successes), `n_cations`, `n_groups`, `left_out` ("scaffolds" or "cations").
    """

    auc: float
    brier: float
    brier_base_rate: float
    n_cations: int
    n_groups: int
    left_out: str

    def __str__(self) -> str:
        return (
            f"out-of-fold AUC {self.auc:.2f}, Brier score {self.brier:.3f} (bare share of successes "
            f"{self.brier_base_rate:.3f}), {self.n_cations} cations, {self.n_groups} {self.left_out} left out whole"
        )


def score_spacers(
    data: ReportedOutcomes | None = None,
    rule: SpacerRule | None = None,
    left_out: Literal["scaffolds", "cations"] = "scaffolds",
    seed: int = 42,
) -> SpacerScore:
    """Cross-validate on reported outcomes (None: the package's), scaffolds or single cations left out whole."""
    from sklearn.metrics import brier_score_loss, roc_auc_score

    table, rule = data or ReportedOutcomes.published(), rule or SpacerRule()
    groups = np.array(table.scaffolds if left_out == "scaffolds" else table.graphs)
    if left_out == "scaffolds":
        folds = folds_of_groups(table.layered, groups, seed)
    else:
        folds = [(np.flatnonzero(groups != one), np.flatnonzero(groups == one)) for one in dict.fromkeys(groups)]
    odds = np.empty(len(groups))
    for train, test in folds:
        model = SpacerModel.fit(table.subset(train), rule, seed)
        odds[test] = model.shape_log_odds(table.shapes[test])
        if model.evidence is not None:
            odds[test] += model.evidence.log_odds(table.shapes[test], [table.prints[row] for row in test])
    base, probability = float(table.layered.mean()), expit(odds)
    return SpacerScore(
        float(roc_auc_score(table.layered, probability)),
        float(brier_score_loss(table.layered, probability)),
        base * (1.0 - base),
        len(groups),
        len(set(groups.tolist())),
        left_out,
    )


def folds_of_groups(
    y: NDArray[np.int64], groups: NDArray[Any], seed: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Training and test rows of folds of whole groups (k,) that share out the classes y (k,), 0 or 1, evenly.

    Those of scikit-learn's `StratifiedGroupKFold`, whose import takes a CPU second: groups, shuffled and those of
    uneven classes first, go one by one to the fold where they leave the classes' shares most even, or fewest rows.
    """
    n_folds, codes = min(_FOLDS, len(set(groups.tolist())), int(np.bincount(y).min())), np.unique(groups)
    shuffled = np.random.RandomState(seed).permutation(len(codes))
    counts = np.array([np.bincount(y[groups == code], minlength=2) for code in codes], dtype=np.float64)[shuffled]
    folds, held, total = np.empty(len(codes), dtype=np.int64), np.zeros((n_folds, 2)), np.bincount(y)
    for group in np.argsort(-counts.std(axis=1), kind="stable"):
        tried = held + np.eye(n_folds)[:, :, None] * counts[group]
        uneven, rows, best = (tried / total).std(axis=1).mean(axis=1), held.sum(axis=1), 0
        for fold in range(1, n_folds):
            close = np.isclose(uneven[fold], uneven[best]) and rows[fold] < rows[best]
            best = fold if uneven[fold] < uneven[best] or close else best
        held[best] += counts[group]
        folds[shuffled[group]] = best
    own = folds[np.searchsorted(codes, groups)]
    return [(np.flatnonzero(own != fold), np.flatnonzero(own == fold)) for fold in range(n_folds)]


def _strength(x: NDArray[np.float64], y: NDArray[np.int64], groups: NDArray[Any], seed: int) -> float:
    losses = dict.fromkeys(_STRENGTHS, 0.0)
    for train, test in folds_of_groups(y, groups, seed):
        for strength in _STRENGTHS:
            odds = _ridge(x[train], y[train], strength).log_odds(x[test])
            losses[strength] += float(np.logaddexp(0.0, np.where(y[test] == 1, -odds, odds)).sum())
    return min(losses, key=lambda strength: losses[strength])


def _ridge(x: NDArray[np.float64], y: NDArray[np.int64], strength: float) -> SpacerClassifier:
    """Newton's method for the penalised log likelihood; the intercept is not penalised."""
    centre, scale = x.mean(axis=0), np.where(x.std(axis=0) > 0.0, x.std(axis=0), 1.0)
    design = np.column_stack([(x - centre) / scale, np.ones(len(x))])
    penalty = np.diag([1.0 / strength] * x.shape[1] + [0.0])
    beta = np.zeros(design.shape[1])
    for _ in range(50):
        probability = 1.0 / (1.0 + np.exp(-design @ beta))
        gradient = design.T @ (y - probability) - penalty @ beta
        hessian = design.T @ (design * (probability * (1.0 - probability))[:, None]) + penalty
        step = np.linalg.solve(hessian, gradient)
        beta = beta + step
        if float(np.abs(step).max()) < 1e-10:
            break
    return SpacerClassifier(centre, scale, beta[:-1], float(beta[-1]), float(y.mean()), strength)

"""P(a spacer forms a layered lead iodide) from reported outcomes: a ridge regression on its shape.

151 distinct cations (171 reports). With whole scaffolds left out this logistic regression scores AUC 0.79 and Brier
0.142 (ridge chosen inside each fold); forests on 29 graph descriptors 0.80 and 0.153, a GP classifier 0.74 and 0.188,
the bare share of successes a Brier score of 0.201.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: The five numbers of `cation_shape`, in order.
SHAPE_NAMES = (
    "charge",  # formal charge of the cation
    "head_hydrogens",  # mean number of hydrogens on the charged atoms: 3 for a primary ammonium, 0 for a quaternary one
    "head_branching",  # bonds of the heavy atom beside the head, the head's own bond not counted
    "head_crowding",  # heavy atoms at most three bonds from the head, itself included
    "rotatable_bonds",
)


def cation_shape(mol: Any) -> NDArray[np.float64]:
    """The five numbers of `SHAPE_NAMES` for one RDKit molecule, shape (5,); NaN where no atom is positively charged."""
    from rdkit import Chem
    from rdkit.Chem import rdMolDescriptors

    charged = [atom for atom in mol.GetAtoms() if atom.GetFormalCharge() > 0]
    if not charged:
        return np.full(len(SHAPE_NAMES), np.nan)
    head = max(charged, key=lambda atom: (atom.GetTotalNumHs(), -atom.GetIdx()))
    distance = np.asarray(Chem.GetDistanceMatrix(mol))[head.GetIdx()]
    branching = max((atom.GetDegree() - 1 for atom in head.GetNeighbors()), default=0)
    return np.array(
        [
            sum(atom.GetFormalCharge() for atom in charged),
            np.mean([atom.GetTotalNumHs() for atom in charged]),
            branching,
            np.count_nonzero(distance <= 3.0),
            rdMolDescriptors.CalcNumRotatableBonds(mol),
        ],
        dtype=np.float64,
    )


def fingerprints(mols: list[Any]) -> list[Any]:
    """Morgan fingerprints (radius 2, 2048 bits) of molecules; stereochemistry is left out, enantiomers look alike."""
    from rdkit.Chem import rdFingerprintGenerator

    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    return [generator.GetFingerprint(mol) for mol in mols]


def fingerprint_similarity(left: Sequence[Any], right: Sequence[Any]) -> NDArray[np.float64]:
    """Tanimoto similarity of each fingerprint in `left` (m) to each in `right` (k), shape (m, k), 0 to 1."""
    from rdkit import DataStructs

    if not left or not right:
        return np.zeros((len(left), len(right)))
    known = list(right)
    return np.array([DataStructs.BulkTanimotoSimilarity(item, known) for item in left], dtype=np.float64)


#: Inverse ridge strengths tried inside each training fold.
_STRENGTHS = (0.03, 0.1, 0.3, 1.0)
_FOLDS = 10


@dataclass(frozen=True)
class ReportedOutcomes:
    """Reported outcomes, one row a cation: `smiles` (k), `layered` (k, 0 or 1), `doi` (k) and the shapes (k, 5)."""

    smiles: tuple[str, ...]
    layered: NDArray[np.int64]
    doi: tuple[str, ...]

    @classmethod
    @lru_cache(maxsize=1)
    def published(cls) -> ReportedOutcomes:
        """The package's table of lead-iodide outcomes; every row's source stands in `doi`."""
        text = (files("screening") / "data" / "formability.csv").read_text(encoding="utf-8")
        rows = list(csv.DictReader(text.splitlines()))
        layered = np.array([int(row["layered"]) for row in rows], dtype=np.int64)
        return cls(tuple(row["smiles"] for row in rows), layered, tuple(row["doi"] for row in rows))

    @cached_property
    def mols(self) -> list[Any]:
        """RDKit molecules of the rows."""
        from rdkit import Chem

        return [Chem.MolFromSmiles(smiles) for smiles in self.smiles]

    @cached_property
    def shapes(self) -> NDArray[np.float64]:
        """Shape numbers of the rows, (k, 5)."""
        return np.array([cation_shape(mol) for mol in self.mols])

    @cached_property
    def scaffolds(self) -> list[str]:
        """Murcko scaffold of each row without stereochemistry; all open chains share one group."""
        from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles

        scaffold: Any = MurckoScaffoldSmiles  # RDKit leaves it untyped
        return [scaffold(mol=mol, includeChirality=False) or "open chain" for mol in self.mols]


@dataclass(frozen=True, slots=True)
class SpacerClassifier:
    """Logistic regression on standardised shapes: `centre`, `scale`, `weights` (5,), `intercept`.

    `base_rate` is the share of successes in its table, `strength` the inverse ridge that was chosen.
    """

    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]
    intercept: float
    base_rate: float
    strength: float

    def log_odds(self, shapes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds of a layered compound for shapes (m, 5), shape (m,); those of the base rate where a shape is NaN."""
        value = (shapes - self.centre) / self.scale @ self.weights + self.intercept
        return np.where(np.isfinite(value), value, np.log(self.base_rate / (1.0 - self.base_rate)))


@dataclass(frozen=True, slots=True)
class SpacerScore:
    """Out-of-fold quality of the spacer classifier, whole scaffolds left out.

    `auc` (area under the ROC curve), `brier` (mean squared error of the probability), `brier_base_rate` (the same for
    the bare share of successes), `n_cations`, `n_scaffolds`.
    """

    auc: float
    brier: float
    brier_base_rate: float
    n_cations: int
    n_scaffolds: int

    def __str__(self) -> str:
        return (
            f"out-of-fold AUC {self.auc:.2f}, Brier score {self.brier:.3f} (bare share of successes "
            f"{self.brier_base_rate:.3f}), {self.n_cations} cations, {self.n_scaffolds} scaffolds left out whole"
        )


def fit_spacer_classifier(data: ReportedOutcomes | None = None, seed: int = 42) -> SpacerClassifier:
    """Fit on reported outcomes (the package's own by default); the ridge is chosen by grouped cross-validation."""
    table = ReportedOutcomes.published() if data is None else data
    return _fit(table.shapes, table.layered, np.array(table.scaffolds), seed)


def score_spacer_classifier(data: ReportedOutcomes | None = None, seed: int = 42) -> SpacerScore:
    """Cross-validate with whole scaffolds left out; the ridge is chosen again inside every fold."""
    from sklearn.metrics import brier_score_loss, roc_auc_score

    table = ReportedOutcomes.published() if data is None else data
    groups = np.array(table.scaffolds)
    probability = np.empty(len(groups))
    for train, test in _folds(table.shapes, table.layered, groups, seed):
        model = _fit(table.shapes[train], table.layered[train], groups[train], seed)
        probability[test] = 1.0 / (1.0 + np.exp(-model.log_odds(table.shapes[test])))
    base = float(table.layered.mean())
    return SpacerScore(
        float(roc_auc_score(table.layered, probability)),
        float(brier_score_loss(table.layered, probability)),
        base * (1.0 - base),
        len(groups),
        len(set(table.scaffolds)),
    )


def _folds(
    x: NDArray[np.float64], y: NDArray[np.int64], groups: NDArray[Any], seed: int
) -> Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    import warnings

    from sklearn.model_selection import StratifiedGroupKFold

    folds = min(_FOLDS, len(set(groups.tolist())), int(min(y.sum(), len(y) - y.sum())))
    with warnings.catch_warnings():
        # One scaffold (open chains) is larger than a fold: the split is uneven and still whole by scaffold.
        warnings.simplefilter("ignore")
        return list(StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(x, y, groups))


def _fit(x: NDArray[np.float64], y: NDArray[np.int64], groups: NDArray[Any], seed: int) -> SpacerClassifier:
    losses = dict.fromkeys(_STRENGTHS, 0.0)
    for train, test in _folds(x, y, groups, seed):
        for strength in _STRENGTHS:
            odds = _ridge(x[train], y[train], strength).log_odds(x[test])
            losses[strength] += float(np.logaddexp(0.0, np.where(y[test] == 1, -odds, odds)).sum())
    return _ridge(x, y, min(losses, key=lambda strength: losses[strength]))


def _ridge(x: NDArray[np.float64], y: NDArray[np.int64], strength: float) -> SpacerClassifier:
    """Newton's method for the penalised log likelihood; the intercept is not penalised."""
    centre, scale = x.mean(axis=0), np.where(x.std(axis=0) > 0.0, x.std(axis=0), 1.0)
    design = np.column_stack([(x - centre) / scale, np.ones(len(x))])
    penalty = np.diag([1.0 / strength] * len(SHAPE_NAMES) + [0.0])
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

"""Floor 3: what is likely to be good. Data set, surrogates, validation, calibration, acquisition, ranking, explanation.

Names load their modules when first used, so `import screening` stays light: no torch, no pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from screening.dataset import SpinDataset
    from screening.feasibility import fit_feasibility
    from screening.pool import suggest_from_pool
    from screening.ranking import rank
    from screening.surrogate import fit_surrogate
    from screening.surrogates import TrainingRows
    from screening.validation import cross_validate

__all__ = [
    "SpinDataset",
    "TrainingRows",
    "cross_validate",
    "fit_feasibility",
    "fit_surrogate",
    "rank",
    "suggest_from_pool",
]

_HOMES = {
    "SpinDataset": "screening.dataset",
    "TrainingRows": "screening.surrogates",
    "cross_validate": "screening.validation",
    "fit_feasibility": "screening.feasibility",
    "fit_surrogate": "screening.surrogate",
    "rank": "screening.ranking",
    "suggest_from_pool": "screening.pool",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES or name.endswith("Error"):  # errors that the list leaves out are importable from here too
        return getattr(import_module(_HOMES.get(name, "screening.errors")), name)
    raise AttributeError(f"module 'screening' has no attribute {name!r}")

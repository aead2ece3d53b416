"""Floor 1: what could be made. Cations, formulas, compounds and the lazily indexed space of all compounds.

Names load their modules when first used: the command line prints its help without NumPy and RDKit.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chemspace.errors import (
    ChemspaceError,
    GeometryError,
    LibraryError,
    SpaceError,
    SpinscreenError,
    StructureError,
    UnknownCationError,
)

if TYPE_CHECKING:
    from chemspace.cation import Cation
    from chemspace.compound import Compound
    from chemspace.formula import parse_formula
    from chemspace.library import CationLibrary
    from chemspace.space import CompoundSpace

__all__ = [
    "Cation",
    "CationLibrary",
    "ChemspaceError",
    "Compound",
    "CompoundSpace",
    "GeometryError",
    "LibraryError",
    "SpaceError",
    "SpinscreenError",
    "StructureError",
    "UnknownCationError",
    "parse_formula",
]

_HOMES = {
    "Cation": "chemspace.cation",
    "CationLibrary": "chemspace.library",
    "Compound": "chemspace.compound",
    "CompoundSpace": "chemspace.space",
    "parse_formula": "chemspace.formula",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES or name.endswith("Error"):  # errors that the list leaves out are importable from here too
        found = globals()[name] = getattr(import_module(_HOMES.get(name, "chemspace.errors")), name)
        return found
    raise AttributeError(f"module 'chemspace' has no attribute {name!r}")

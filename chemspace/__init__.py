"""Floor 1: what could be made. Cations, formulas, compounds and the lazily indexed space of all compounds."""

from __future__ import annotations

from chemspace.cation import Cation
from chemspace.compound import Compound
from chemspace.errors import (
    ChemspaceError,
    GeometryError,
    LibraryError,
    SpaceError,
    SpinscreenError,
    StructureError,
    UnknownCationError,
)
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

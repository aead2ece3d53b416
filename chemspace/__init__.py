"""Floor 1: what could be made. Cations, formulas, compounds and the lazily indexed space of all compounds."""

from __future__ import annotations

from chemspace.cation import Cation
from chemspace.compound import Compound
from chemspace.errors import (
    AmbiguousNameError,
    ChargeError,
    ChemspaceError,
    FormulaError,
    GeometryError,
    LibraryError,
    NotInSpaceError,
    NotNeutralError,
    RecipeError,
    SpaceError,
    SpinscreenError,
    StructureError,
    UnknownCationError,
    UnknownRadiusError,
)
from chemspace.formula import parse_formula
from chemspace.library import CationLibrary
from chemspace.space import CompoundSpace, SpaceBlock

__all__ = [
    "AmbiguousNameError",
    "Cation",
    "CationLibrary",
    "ChargeError",
    "ChemspaceError",
    "Compound",
    "CompoundSpace",
    "FormulaError",
    "GeometryError",
    "LibraryError",
    "NotInSpaceError",
    "NotNeutralError",
    "RecipeError",
    "SpaceBlock",
    "SpaceError",
    "SpinscreenError",
    "StructureError",
    "UnknownCationError",
    "UnknownRadiusError",
    "parse_formula",
]

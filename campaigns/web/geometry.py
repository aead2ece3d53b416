"""Three dimensions of a compound: its cations as xTB left them, and an idealised crystal."""

from __future__ import annotations

from campaigns.web.desk import Desk
from chemspace import Cation, Compound
from chemspace.conformer import mmff_geometry

__all__ = ["cation_xyz", "structure_cif"]


def cation_xyz(desk: Desk, cation: Cation) -> str:
    """An XYZ block, angstrom: the oracle's conformer, or an MMFF94 one where it has none.

    Raises:
        GeometryError: if there is neither.
    """
    record = desk.records([cation]).get(cation.inchikey)
    if record is not None and record.geometry:
        return record.geometry
    mol, positions = mmff_geometry(cation)
    lines = [
        f"{atom.GetSymbol()} {x:.5f} {y:.5f} {z:.5f}" for atom, (x, y, z) in zip(mol.GetAtoms(), positions, strict=True)
    ]
    return f"{len(lines)}\n{cation.abbreviation}, MMFF94\n" + "\n".join(lines) + "\n"


def structure_cif(desk: Desk, compound: Compound) -> str:
    """An idealised crystal as CIF, its cations as xTB left them where it has them.

    Raises:
        GeometryError: for a mixture, or a cation too bulky for its place.
    """
    from campaigns.making import geometries

    records = desk.records([cation for cation, _ in compound.cation_counts])
    text: str = compound.structure(geometries(compound, records)).to(fmt="cif")
    return text

"""What travels between the parent process and a worker: a task one way, a record the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.protocol import Protocol


@dataclass(frozen=True, slots=True)
class CationRecord:
    """The oracle's answer for one cation.

    Attributes:
        inchikey: identity of the cation; empty where the SMILES could not be read.
        smiles: the SMILES that was computed.
        charge: total charge, e.
        status: "ok" or "failed".
        protocol: one line on how it was computed.
        protocol_key: the protocol's key.
        molar_mass_g_mol: g/mol.
        electronegativity: mean Pauling electronegativity over all atoms.
        polarizability_bohr3: isotropic polarizability by the protocol's model, bohr^3.
        dipole_debye: length of the dipole about the centre of mass, debye. A charged ion's dipole depends on the
            origin; no other origin is ever used.
        homo_ev, lumo_ev, gap_ev: orbital energies and their difference, eV.
        radius_angstrom: half the largest distance between two atoms, angstrom.
        energy_hartree: total energy of the conformer kept, hartree.
        n_conformers: distinct conformers the lowest was chosen from.
        geometry: the conformer kept, as an XYZ block in angstrom, origin at the centre of mass.
        versions: programs and versions behind the numbers.
        warnings: what a careful reader should know.
        error, error_type: message and class of the failure; None where status is "ok".
        retry: True where the same request may succeed later or elsewhere.
        seconds: wall time of the worker; not part of equality.
    """

    inchikey: str
    smiles: str
    charge: int
    status: str
    protocol: str
    protocol_key: str
    molar_mass_g_mol: float | None = None
    electronegativity: float | None = None
    polarizability_bohr3: float | None = None
    dipole_debye: float | None = None
    homo_ev: float | None = None
    lumo_ev: float | None = None
    gap_ev: float | None = None
    radius_angstrom: float | None = None
    energy_hartree: float | None = None
    n_conformers: int = 0
    geometry: str | None = None
    versions: str = ""
    warnings: tuple[str, ...] = ()
    error: str | None = None
    error_type: str | None = None
    retry: bool = False
    seconds: float = field(default=0.0, compare=False)

    @property
    def ok(self) -> bool:
        """True where the descriptors are there."""
        return self.status == "ok"

    @property
    def positions(self) -> NDArray[np.float64] | None:
        """Positions of the conformer's atoms, shape (atoms, 3), angstrom; None where there is no geometry."""
        return read_xyz(self.geometry) if self.geometry else None

    def to_row(self) -> dict[str, Any]:
        """The record as a flat mapping, the geometry left out; the keys are those of `spinscreen oracle describe`."""
        return {name: getattr(self, name) for name in _ROW}


def read_xyz(geometry: str) -> NDArray[np.float64]:
    """Positions of the atoms of an XYZ block, shape (atoms, 3), angstrom."""
    rows = (line.split()[1:4] for line in geometry.splitlines()[2:] if line.strip())
    return np.array([[float(value) for value in row] for row in rows])


#: Columns of a record as a row.
_ROW = (
    *("smiles", "inchikey", "charge", "homo_ev", "lumo_ev", "gap_ev", "dipole_debye", "polarizability_bohr3"),
    *("radius_angstrom", "molar_mass_g_mol", "electronegativity", "energy_hartree", "n_conformers", "protocol"),
    *("seconds", "status", "error"),
)


@dataclass(frozen=True, slots=True)
class Task:
    """One cation to compute, stripped to what a worker needs; `sibling`: its record by a protocol that ends at the same
    geometry, which is then taken."""

    inchikey: str
    smiles: str
    charge: int
    sibling: CationRecord | None = None


@dataclass(frozen=True, slots=True)
class PointTask:
    """One single point: numbers, shape (n,); positions, shape (n, 3), bohr; total charge."""

    numbers: NDArray[np.int64]
    positions: NDArray[np.float64]
    charge: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What one cation may cost; none of it changes a number, so none of it is part of the protocol.

    Attributes:
        seconds: wall time of one cation.
        memory_mb: resident memory of the worker process, megabytes. Watched on Linux only.
    """

    seconds: float = 600.0
    memory_mb: float = 2048.0


def failure(task: Task, protocol: Protocol, error: BaseException, *, retry: bool) -> CationRecord:
    """The record of a cation that could not be computed."""
    return CationRecord(
        inchikey=task.inchikey,
        smiles=task.smiles,
        charge=task.charge,
        status="failed",
        protocol=protocol.label,
        protocol_key=protocol.key,
        versions=protocol.versions,
        error=str(error) or type(error).__name__,
        error_type=type(error).__name__,
        retry=retry,
    )

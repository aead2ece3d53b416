"""What travels between the parent process and a worker: a task one way, a record the other; and the protocol of the
calculation: everything that decides its numbers, as one frozen value."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.engines.registry import ENGINES, distribution_version, installed_version
from oracle.errors import ProtocolError

#: D4: atomic polarizabilities of the D4 dispersion model with electronegativity-equilibration charges
#: (doi 10.1063/1.5090222), by dftd4. finite-field: response of the engine's own dipole to an electric field.
POLARIZABILITIES = ("D4", "finite-field")


#: How start geometries are found: chains turned through the angles they prefer and rings embedded, with what is not
#: promising left unoptimised; or all embedded. The number changes with the algorithm.
TORSIONS, EMBEDDED = "torsions/1", "embedded"

#: What a protocol without these fields means, as 0.1.0 wrote it.
_ABSENT: dict[str, object] = {"conformer_solvent": None, "stretch": 0.0, "conformer_search": EMBEDDED}
_NEVER = object()


@dataclass(frozen=True)
class Protocol:
    """How a cation is turned into descriptors; part of every record and of the store's key.

    Attributes:
        engine: "tblite", "xtb-python", "xtb" (the command), "pyscf" (orbitals and dipole on the tblite geometry), or
            one that a plug-in registered.
        method: level of theory, one of the engine's methods; empty chooses the engine's default.
        solvent: ALPB solvent name, or None for the gas phase.
        conformer_solvent: ALPB solvent in which conformers are ranked and optimised, for a crystal screens a cation's
            charge as a polar solvent does and the gas phase folds it onto itself; None: as `solvent`. Engines that
            know no solvent take None.
        conformer_search: "torsions/1" turns the bonds of chains through the angles they prefer and embeds only rings,
            "embedded" embeds all (ETKDGv3). Where `conformer_solvent` or `stretch` is off it is "embedded".
        n_conformers: ETKDGv3 conformers embedded, or how many of those turned are relaxed.
        n_optimised: distinct conformers optimised with the engine, best single points first; of those turned only
            the ones within 3 kcal/mol of the best.
        stretch: what a conformer gains by its length, as if layers pulled at it: kcal/mol an angstrom of half the
            largest distance between heavy atoms; 0 keeps the lowest energy.
        seed: seed of the embedding.
        force_field: "MMFF94" (UFF where it has no parameters; the record then warns).
        optimiser: "internals/1"; the number changes with the algorithm, so that old records keep their own key.
        accuracy: accuracy of the last single point (tblite's scale: smaller is tighter).
        step_accuracy: accuracy of the gradients during the optimisation, same scale. With 10 the end points are those
            of 1 (mean energy difference below 1 microhartree, dipole 0.001 D) in less time
            (benchmarks/oracle_convergence.py).
        gradient_norm: convergence of the optimisation, hartree/bohr over all components.
        max_steps: gradients granted to one optimisation.
        follow_saddles: True follows imaginary modes downhill until the end point is a minimum.
        polarizability: "D4" or "finite-field"; the two are never mixed.
        engine_version, conformer_version, polarizability_version: filled in from what is installed.

    Example:
        >>> from oracle import Protocol
        >>> Protocol(n_optimised=8).key == Protocol().key
        False
    """

    engine: str = "tblite"
    method: str = ""
    solvent: str | None = None
    conformer_solvent: str | None = "dmf"
    conformer_search: str = TORSIONS
    n_conformers: int = 24
    n_optimised: int = 5
    stretch: float = 6.0
    seed: int = 42
    force_field: str = "MMFF94"
    optimiser: str = "internals/1"
    accuracy: float = 0.01
    step_accuracy: float = 10.0
    gradient_norm: float = 2e-4
    max_steps: int = 250
    follow_saddles: bool = False
    polarizability: str = "D4"
    engine_version: str = ""
    conformer_version: str = ""
    polarizability_version: str = ""

    def __post_init__(self) -> None:
        """Checks the values and fills in what was left empty. Raises ProtocolError if a value is impossible;
        EngineMissingError if the engine is not installed and its version was not given."""
        able = ENGINES.get(self.engine).ability
        if not able.solvent:
            object.__setattr__(self, "conformer_solvent", None)
        if not self.seeks_layers:
            object.__setattr__(self, "conformer_search", EMBEDDED)
        if self.method and self.method not in able.methods:
            raise ProtocolError(f"{self.engine} has no method {self.method!r}; it has {', '.join(able.methods)}")
        if self.solvent is not None and not able.solvent:
            others = ", ".join(entry.name for entry in ENGINES.entries() if entry.item.ability.solvent)
            raise ProtocolError(f"{self.engine} computes in the gas phase; ALPB needs one of {others}")
        if self.polarizability == "finite-field" and not able.field:
            others = ", ".join(entry.name for entry in ENGINES.entries() if entry.item.ability.field)
            raise ProtocolError(f"{self.engine} knows no electric field; finite-field needs {others}")
        if self.polarizability not in POLARIZABILITIES:
            raise ProtocolError(f"no polarizability {self.polarizability!r}; there are {', '.join(POLARIZABILITIES)}")
        if self.conformer_search not in (TORSIONS, EMBEDDED):
            raise ProtocolError(f"no conformer search {self.conformer_search!r}; there are {TORSIONS} and {EMBEDDED}")
        if self.optimiser != "internals/1":
            raise ProtocolError(f"no optimiser {self.optimiser!r}; there is internals/1")
        if self.force_field != "MMFF94":
            raise ProtocolError(
                f"no force field {self.force_field!r}; MMFF94 is used, and UFF where it has no parameters"
            )
        self._check_numbers()
        fill = {
            "method": able.methods[0],
            "engine_version": "" if self.engine_version else installed_version(self.engine),
            "conformer_version": distribution_version("rdkit"),
            "polarizability_version": distribution_version("dftd4") if self.polarizability == "D4" else "none",
        }
        for name, value in fill.items():
            if not getattr(self, name):
                object.__setattr__(self, name, value)

    @cached_property
    def key(self) -> str:
        """Twelve hexadecimal digits that stand for all fields, versions included."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]

    @property
    def label(self) -> str:
        """One line for people."""
        place = "gas phase" if self.solvent is None else f"ALPB {self.solvent}"
        screened = "" if self.conformer_solvent is None else f" in ALPB {self.conformer_solvent}"
        turned = " and turned bonds," if self.conformer_search == TORSIONS else ""
        kept = f", stretched by {self.stretch:g} kcal/mol an angstrom" if self.stretch else ""
        return (
            f"{self.method} ({self.engine} {self.engine_version}, {place}), ETKDGv3{turned} {self.n_conformers} "
            f"conformers, "
            f"{self.n_optimised} optimised{screened}{kept}, seed {self.seed}, {self.polarizability} polarizability "
            f"[{self.key}]"
        )

    @property
    def seeks_layers(self) -> bool:
        """Whether conformers are chosen as a layer holds them: with screened charges, and length counted in."""
        return (self.conformer_solvent or self.solvent) is not None and self.stretch > 0.0

    @property
    def of_geometry(self) -> Protocol:
        """The protocol that conformers are ranked and optimised by."""
        if self.conformer_solvent is None:
            return self
        return replace(self, solvent=self.conformer_solvent, conformer_solvent=None)

    @property
    def siblings(self) -> tuple[Protocol, ...]:
        """Others of the same geometries: another polarizability, or descriptors in another place (gas, water, that of
        the conformers)."""
        apart = dict.fromkeys((self.solvent, None, "water", self.conformer_solvent) if self.conformer_solvent else ())
        models = POLARIZABILITIES if ENGINES.get(self.engine).ability.field else (self.polarizability,)
        return tuple(
            replace(self, solvent=solvent, polarizability=model, polarizability_version="")
            for solvent in apart or (self.solvent,)
            for model in models
            if (solvent, model) != (self.solvent, self.polarizability)
        )

    @property
    def versions(self) -> str:
        """Programs and versions behind the numbers, for a record."""
        parts = {
            self.engine: self.engine_version,
            "rdkit": self.conformer_version,
            "dftd4": self.polarizability_version if self.polarizability == "D4" else "",
            "spinscreen": distribution_version("spinscreen"),
        }
        return "; ".join(f"{name} {version}" for name, version in parts.items() if version)

    def require_installed(self) -> None:
        """Checks that what is installed here are the versions that the protocol names. Raises ProtocolError if another
        version is installed: its numbers would carry the wrong label; EngineMissingError if the engine is not
        installed."""
        here = {
            self.engine: (self.engine_version, installed_version(self.engine)),
            "rdkit": (self.conformer_version, distribution_version("rdkit")),
        }
        if self.polarizability == "D4":
            here["dftd4"] = (self.polarizability_version, distribution_version("dftd4"))
        for name, (wanted, found) in here.items():
            if wanted != found:
                raise ProtocolError(
                    f"the protocol names {name} {wanted}, installed is {found}; "
                    "records of it can be read from the store, but not computed here"
                )

    def to_json(self) -> str:
        """All fields in a stable order; what 0.1.0 did not know is left out where it does as 0.1.0 did."""
        values = {name: value for name, value in asdict(self).items() if _ABSENT.get(name, _NEVER) != value}
        return json.dumps(values, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Protocol:
        """The inverse of `to_json`. Raises ProtocolError if the text is not a protocol of this version."""
        values = json.loads(text)
        unknown = set(values) - {f.name for f in fields(cls)}
        if unknown:
            raise ProtocolError(f"a protocol has no field {', '.join(sorted(unknown))}")
        return cls(**{**_ABSENT, **values})

    def _check_numbers(self) -> None:
        if self.n_conformers < 1 or self.max_steps < 1:
            raise ProtocolError("n_conformers and max_steps are at least 1")
        if not 1 <= self.n_optimised <= self.n_conformers:
            raise ProtocolError(
                f"n_optimised is between 1 and n_conformers ({self.n_conformers}), not {self.n_optimised}"
            )
        if not 0.0 <= self.stretch < 100.0:
            raise ProtocolError(f"stretch is from 0 to 100 kcal/mol an angstrom, not {self.stretch}")
        if min(self.accuracy, self.step_accuracy, self.gradient_norm) <= 0:
            raise ProtocolError("accuracy, step_accuracy and gradient_norm are positive")
        if not 0 <= self.seed < 2**31:
            raise ProtocolError(f"seed is between 0 and {2**31 - 1}, not {self.seed}")


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

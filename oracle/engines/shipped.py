"""The engines that come with spinscreen: xTB, and Hartree-Fock on its geometries.

The default is tblite, in process, with the wavefunction kept warm between the calls of a session. tblite reads
OMP_NUM_THREADS when it is first imported, so the import waits for the first session.

xTB's others: xtb by its own program, one process a calculation, or xtb-python, the older binding, for those who ask
for it. On input that it cannot handle the library may end the whole process, so its engine refuses to start anywhere
but in a worker process. The program serves for comparison, and where a group trusts its own build of it.

Hartree-Fock with PySCF is the level of the published descriptor table, for new cations. The published orbital energies
(doi 10.1039/d5sc07406a, level not stated) fit Hartree-Fock with a triple-zeta basis; xTB's LUMO is another quantity.
Coulomb and exchange are density-fitted (def2-universal-jkfit, doi 10.1002/jcc.20702), which moves the orbital energies
of MA and EOA by 0.4 meV at most.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from oracle.engines.base import EV_PER_HARTREE, SinglePoint, validate_geometry
from oracle.errors import ConvergenceError, EngineError, EngineMissingError, ProtocolError

__all__ = ["WORKER_MARK"]


@dataclass(frozen=True)
class TbliteEngine:
    """GFN2-xTB (doi 10.1021/acs.jctc.8b01176) or GFN1-xTB (doi 10.1021/acs.jctc.7b00118) by the tblite library."""

    method: str = "GFN2-xTB"
    solvent: str | None = None  #: name of an ALPB solvent (doi 10.1021/acs.jctc.1c00471), or None for the gas phase
    accuracy: float = 0.01  #: numerical accuracy of single points; 1 is the program's default, smaller is tighter
    step_accuracy: float = 10.0  #: that of the energies and gradients on the way of an optimisation

    def session(self, numbers: NDArray[np.int64], charge: int) -> TbliteSession:
        """Starts work on the molecule of these atomic `numbers`, shape (n,)."""
        return TbliteSession(self, numbers, charge)

    def single_point(
        self,
        numbers: NDArray[np.int64],
        positions: NDArray[np.float64],
        charge: int,
        field: NDArray[np.float64] | None = None,
    ) -> SinglePoint:
        """One calculation from a fresh guess (see Engine), in a uniform `field`, shape (3,), hartree/(e bohr)."""
        return TbliteSession(self, numbers, charge, field).single_point(positions)


class TbliteSession:
    """Calculations on one molecule; each starts from the wavefunction of the one before."""

    program = "tblite"

    def __init__(
        self, engine: Any, numbers: NDArray[np.int64], charge: int, field: NDArray[np.float64] | None = None
    ) -> None:
        self._field = field
        self._engine = engine
        self._numbers = numbers
        self._charge = charge
        self._calculator: Any = None
        self._result: Any = None
        self._accuracy = 0.0

    def energy_gradient(
        self, positions: NDArray[np.float64], *, tight: bool = False
    ) -> tuple[float, NDArray[np.float64]]:
        """Energy and gradient, shape (a, 3) as positions, at the accuracy of optimisation steps (see Session)."""
        self._solve(positions, self._engine.accuracy if tight else self._engine.step_accuracy)
        return float(self._read("energy")), np.asarray(self._read("gradient"))

    def single_point(self, positions: NDArray[np.float64]) -> SinglePoint:
        """The converged solution for positions, shape (a, 3), at the engine's accuracy (see Session)."""
        self._solve(positions, self._engine.accuracy)
        names = ("gradient", "orbital-energies", "orbital-occupations", "dipole", "charges")
        return SinglePoint(float(self._read("energy")), *(np.asarray(self._read(name)) for name in names))

    def _read(self, name: str) -> Any:
        """One quantity of the last result."""
        return self._result.get(name)

    def close(self) -> None:
        """Forgets the wavefunction."""
        self._calculator = self._result = None

    def _solve(self, positions: NDArray[np.float64], accuracy: float) -> None:
        validate_geometry(self._numbers, positions, self._charge)
        interface = self._interface()
        try:
            if self._calculator is None:
                self._calculator, self._accuracy = self._start(interface, positions), 0.0
            else:
                self._calculator.update(positions)
            if accuracy != self._accuracy:
                self._set_accuracy(accuracy)
                self._accuracy = accuracy
            self._result = self._calculator.singlepoint(self._result)
        except (RuntimeError, getattr(interface, "XTBException", RuntimeError)) as error:
            # After a failed cycle the result still holds an energy: nothing of it may be used again.
            self.close()
            message = str(error).strip()
            kind = ConvergenceError if "converge" in message.lower() else EngineError
            raise kind(f"{self.program}: {message} ({self._engine.method}, {len(self._numbers)} atoms)") from error

    def _set_accuracy(self, accuracy: float) -> None:
        self._calculator.set("accuracy", accuracy)

    def _start(self, interface: ModuleType, positions: NDArray[np.float64]) -> Any:
        calculator = interface.Calculator(
            self._engine.method, self._numbers, positions, charge=float(self._charge), color=False, logger=_silence
        )
        calculator.set("verbosity", 0)
        if self._engine.solvent is not None:
            calculator.add("alpb-solvation", self._engine.solvent)
        if self._field is not None:
            # The container wants a C pointer, and it copies what stands there.
            pointer = interface.library.ffi.from_buffer("double[]", np.array(self._field, dtype=np.float64))
            calculator.add("electric-field", pointer)
        return calculator

    def _interface(self) -> ModuleType:
        try:
            import tblite.interface as interface
        except ImportError as error:
            gomp = "install the OpenMP runtime (Debian: apt install libgomp1)"
            hint = gomp if "gomp" in str(error) else "pip install tblite"
            raise EngineMissingError(f"tblite cannot be loaded ({error}); {hint}") from error
        return interface


def _silence(_text: str) -> None:
    """Takes the library's log lines."""


#: Environment variable that a worker process carries.
WORKER_MARK = "SPINSCREEN_WORKER"


@dataclass(frozen=True)
class XtbPythonEngine:
    """GFN2-xTB or GFN1-xTB by the xtb-python binding, gas phase only (it knows no ALPB). See TbliteEngine. Raises
    ProtocolError outside a worker process."""

    method: str = "GFN2-xTB"
    accuracy: float = 0.01
    step_accuracy: float = 1.0

    def __post_init__(self) -> None:
        if WORKER_MARK not in os.environ:
            raise ProtocolError(
                "xtb-python can end its process; use describe or isolated_single_point, which shield it"
            )

    def session(self, numbers: NDArray[np.int64], charge: int) -> XtbPythonSession:
        """Starts work on the molecule of these atomic `numbers`, shape (n,)."""
        return XtbPythonSession(self, numbers, charge)

    def single_point(self, numbers: NDArray[np.int64], positions: NDArray[np.float64], charge: int) -> SinglePoint:
        """One calculation from a fresh guess: `numbers` (n,), `positions` (n, 3) in bohr; errors as `PointEngine`."""
        return self.session(numbers, charge).single_point(positions)


class XtbPythonSession(TbliteSession):
    """Calculations on one molecule; each starts from the wavefunction of the one before."""

    program = "xtb-python"

    def _read(self, name: str) -> Any:
        """One quantity of the last result, by tblite's name."""
        own = {"orbital-energies": "orbital_eigenvalues", "orbital-occupations": "orbital_occupations"}
        return getattr(self._result, f"get_{own.get(name, name)}")()

    def _set_accuracy(self, accuracy: float) -> None:
        self._calculator.set_accuracy(accuracy)

    def _start(self, interface: ModuleType, positions: NDArray[np.float64]) -> Any:
        parameters = {"GFN2-xTB": interface.Param.GFN2xTB, "GFN1-xTB": interface.Param.GFN1xTB}
        calculator = interface.Calculator(
            parameters[self._engine.method], self._numbers, positions, charge=float(self._charge)
        )
        calculator.set_verbosity("muted")
        return calculator

    def _interface(self) -> ModuleType:
        try:
            import xtb.interface as interface
        except ImportError as error:
            raise EngineMissingError(
                f"xtb-python cannot be loaded ({error}); pip install 'spinscreen[xtb-python]' "
                "(Python 3.10 or 3.11 only)"
            ) from error
        return interface  # type: ignore[no-any-return]  # xtb ships no types


_METHOD_OPTION = {"GFN2-xTB": "2", "GFN1-xTB": "1"}


@dataclass(frozen=True)
class XtbCommandEngine:
    """GFN2-xTB or GFN1-xTB by the xtb command. See TbliteEngine; the scale of the accuracies is the same."""

    method: str = "GFN2-xTB"
    solvent: str | None = None
    accuracy: float = 0.01
    step_accuracy: float = 1.0

    def session(self, numbers: NDArray[np.int64], charge: int) -> XtbCommandSession:
        """Starts work on the molecule of these atomic `numbers`, shape (n,)."""
        return XtbCommandSession(self, numbers, charge)

    def single_point(self, numbers: NDArray[np.int64], positions: NDArray[np.float64], charge: int) -> SinglePoint:
        """One calculation from a fresh guess: `numbers` (n,), `positions` (n, 3) in bohr; errors as `PointEngine`."""
        session = self.session(numbers, charge)
        try:
            return session.single_point(positions)
        finally:
            session.close()


class XtbCommandSession:
    """A scratch folder in which xtb finds its own restart file."""

    def __init__(self, engine: XtbCommandEngine, numbers: NDArray[np.int64], charge: int) -> None:
        self._engine = engine
        self._numbers = numbers
        self._charge = charge
        self._folder = tempfile.TemporaryDirectory(prefix="spinscreen-xtb-")

    def energy_gradient(
        self, positions: NDArray[np.float64], *, tight: bool = False
    ) -> tuple[float, NDArray[np.float64]]:
        """Energy and gradient at the accuracy of optimisation steps (see Session)."""
        self._run(positions, self._engine.accuracy if tight else self._engine.step_accuracy)
        return self._energy_and_gradient()

    def single_point(self, positions: NDArray[np.float64]) -> SinglePoint:
        """The converged solution at the engine's accuracy (see Session)."""
        self._run(positions, self._engine.accuracy)
        energy, gradient = self._energy_and_gradient()
        answer = json.loads((self._path / "xtbout.json").read_text())
        return SinglePoint(
            energy=energy,
            gradient=gradient,
            orbital_energies=np.array(answer["orbital energies/eV"]) / EV_PER_HARTREE,
            occupations=np.array(answer["fractional occupation"]),
            dipole=np.array(answer["dipole"]),
            charges=np.array(answer["partial charges"]),
        )

    def close(self) -> None:
        """Removes the scratch folder."""
        self._folder.cleanup()

    @property
    def _path(self) -> Path:
        return Path(self._folder.name)

    def _run(self, positions: NDArray[np.float64], accuracy: float) -> None:
        validate_geometry(self._numbers, positions, self._charge)
        for name in ("gradient", "energy", "xtbout.json"):
            (self._path / name).unlink(missing_ok=True)
        (self._path / "coord").write_text(_turbomole(self._numbers, positions))
        result = _call(self._command(accuracy), self._path)
        if result.returncode or not (self._path / "gradient").exists():
            raise _failure(result, self._engine.method, len(self._numbers))

    def _command(self, accuracy: float) -> list[str]:
        options = ["--gfn", _METHOD_OPTION[self._engine.method], "--chrg", str(self._charge), "--acc", str(accuracy)]
        solvent = [] if self._engine.solvent is None else ["--alpb", self._engine.solvent]
        return [_command_path(), "coord", "--grad", "--json", *options, *solvent]

    def _energy_and_gradient(self) -> tuple[float, NDArray[np.float64]]:
        lines = (self._path / "gradient").read_text().splitlines()
        energy = float(lines[1].split("SCF energy =")[1].split()[0])
        rows = lines[2 + len(self._numbers) : 2 + 2 * len(self._numbers)]
        return energy, np.array([[float(number.replace("D", "E")) for number in row.split()] for row in rows])


@lru_cache(maxsize=1)
def command_version() -> str:
    """Version that the xtb command names. Raises EngineMissingError if there is none; EngineError if it names none."""
    for line in _call([_command_path(), "--version"]).stdout.splitlines():
        words = line.replace("*", " ").split()
        if words[:2] == ["xtb", "version"]:
            return words[2]
    raise EngineError(f"{_command_path()} --version names no version")


def _call(command: list[str], folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    # xtb prints its authors' names in UTF-8 whatever the locale is.
    return subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", errors="replace", check=False)


def _command_path() -> str:
    path = shutil.which("xtb")
    if path is None:
        raise EngineMissingError("there is no xtb command on the PATH; install it (Debian: apt install xtb)")
    return os.fspath(path)


def _failure(result: subprocess.CompletedProcess[str], method: str, n_atoms: int) -> EngineError:
    text = result.stdout + result.stderr
    marked = [line.strip() for line in text.splitlines() if "[ERROR]" in line or "-1-" in line]
    message = f"xtb: {'; '.join(marked[:2]) or f'exit code {result.returncode}'} ({method}, {n_atoms} atoms)"
    return ConvergenceError(message) if "did not converge" in text else EngineError(message)


def _turbomole(numbers: NDArray[np.int64], positions: NDArray[np.float64]) -> str:
    table = Chem.GetPeriodicTable()
    rows = [
        f"{x:22.14f} {y:22.14f} {z:22.14f} {table.GetElementSymbol(int(n)).lower()}"
        for n, (x, y, z) in zip(numbers, positions, strict=True)
    ]
    return "\n".join(["$coord", *rows, "$end", ""])


#: Elements heavier than krypton carry the effective core potential of the def2 sets (doi 10.1039/b508541a).
FIRST_WITH_CORE_POTENTIAL = 37


class PyscfEngine:
    """Restricted Hartree-Fock energies, orbital energies and dipole; no gradient, so no geometry."""

    def __init__(self, basis: str = "def2-TZVP") -> None:
        self.basis = basis

    def single_point(self, numbers: NDArray[np.int64], positions: NDArray[np.float64], charge: int) -> SinglePoint:
        """One calculation from a fresh guess: `numbers` (n,), `positions` (n, 3) in bohr; no gradient. Raises
        ConvergenceError if the self-consistent field does not converge; others as `PointEngine`."""
        validate_geometry(numbers, positions, charge)
        gto, scf = _modules()
        heavy = bool((numbers >= FIRST_WITH_CORE_POTENTIAL).any())
        mol = gto.M(
            atom=[(int(z), tuple(x)) for z, x in zip(numbers, positions.tolist(), strict=True)],
            unit="Bohr",
            charge=charge,
            basis=self.basis,
            ecp=self.basis if heavy else {},
            verbose=0,
        )
        field: Any = scf.RHF(mol).density_fit()
        field.kernel()
        if not field.converged:
            raise ConvergenceError(
                f"pyscf: Hartree-Fock did not converge in {field.max_cycle} cycles ({len(numbers)} atoms)"
            )
        return SinglePoint(
            energy=float(field.e_tot),
            gradient=None,
            orbital_energies=np.asarray(field.mo_energy),
            occupations=np.asarray(field.mo_occ),
            dipole=np.asarray(field.dip_moment(unit="AU", verbose=0)),
            charges=np.asarray(field.mulliken_pop(verbose=0)[1]),
        )


def _modules() -> tuple[ModuleType, ModuleType]:
    try:
        from pyscf import gto, scf
    except ImportError as error:
        raise EngineMissingError(f"PySCF cannot be loaded ({error}); pip install 'spinscreen[pyscf]'") from error
    return gto, scf

"""The engines by name, to which other packages can add: what each can do, its version, and how to open it.

Two polarizability models come with them, named apart, for they differ by up to a factor two: the D4 atomic model and
the finite field.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chemspace.registry import Registry
from oracle.errors import EngineError, EngineMissingError, ProtocolError

if TYPE_CHECKING:
    from oracle.engines.base import Engine, PointEngine
    from oracle.record import Protocol

__all__ = ["ENGINES", "Tools", "distribution_version", "installed_version", "open_tools"]


#: Field of the finite difference, hartree/(e bohr): small against any bond, large against self-consistency noise.
FIELD = 1e-3


def d4_polarizability(numbers: NDArray[np.int64], positions: NDArray[np.float64], charge: int) -> float:
    """Static isotropic polarizability as the sum of D4 atomic ones with equilibrated charges, bohr^3, of atoms (n,) at
    positions (n, 3), bohr. Source: Caldeweyher et al., J. Chem. Phys. 150, 154122 (2019), doi 10.1063/1.5090222.
    Raises EngineMissingError if dftd4 cannot be loaded; EngineError if it fails."""
    try:
        from dftd4.interface import DispersionModel
    except ImportError as error:
        raise EngineMissingError(f"dftd4 cannot be loaded ({error}): pip install dftd4") from error
    try:
        model = DispersionModel(numbers, positions, charge=float(charge))
        return float(model.get_properties()["polarizabilities"].sum())
    except RuntimeError as error:
        raise EngineError(f"dftd4: {str(error).strip()}") from error


def finite_field_polarizability(dipole_in_field: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> float:
    """Static isotropic polarizability, a third of the trace of d(dipole)/d(field), bohr^3. `dipole_in_field`: gives the
    dipole, shape (3,), e bohr, in a uniform field, shape (3,), hartree/(e bohr)."""
    trace = 0.0
    for axis in range(3):
        field = np.zeros(3)
        field[axis] = FIELD
        trace += float(dipole_in_field(field)[axis] - dipole_in_field(-field)[axis]) / (2.0 * FIELD)
    return trace / 3.0


@lru_cache(maxsize=32)
def distribution_version(name: str) -> str:
    """Version of an installed distribution, or "missing"."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"


Polarizability: TypeAlias = "Callable[[NDArray[np.int64], NDArray[np.float64], int], float]"
OpenEngine: TypeAlias = "Callable[[Protocol], Engine]"
OpenPointEngine: TypeAlias = "Callable[[Protocol], PointEngine]"


@dataclass(frozen=True, slots=True)
class Tools:
    """What a protocol computes with."""

    geometry: Engine  #: engine of the optimisation
    properties: PointEngine  #: engine of the orbitals and the dipole
    polarizability: Polarizability  #: from numbers, positions (bohr) and charge to bohr^3


@dataclass(frozen=True)
class EngineAbility:
    """What an engine can do."""

    methods: tuple[str, ...]  #: levels of theory, its default first
    #: Of what is installed here; raises EngineMissingError if it is not. None asks for the version of `distribution`.
    version: Callable[[], str] | None = None
    distribution: str = ""  #: Python distribution behind it
    install: str = ""  #: how to install that
    solvent: bool = False  #: whether it knows the ALPB solvent model
    #: Whether its `single_point` takes an external electric `field`, for the finite-field polarizability.
    field: bool = False
    #: Opens what computes orbitals and dipole, where that is another program than the geometry's.
    open_properties: OpenPointEngine | None = None


@dataclass(frozen=True)
class RegisteredEngine:
    """An engine: what it can do, and how to open the one of a protocol (in the process that computes)."""

    name: str
    ability: EngineAbility
    open: OpenEngine

    def version(self) -> str:
        """Version that is installed here. Raises EngineMissingError if it is not installed."""
        if self.ability.version is not None:
            return self.ability.version()
        version = distribution_version(self.ability.distribution)
        if version == "missing":
            raise EngineMissingError(f"the engine {self.name} is not installed: {self.ability.install}")
        return version


#: Every engine by name.
ENGINES: Registry[RegisteredEngine] = Registry("engine", ProtocolError)


def register_engine(name: str, ability: EngineAbility) -> Callable[[OpenEngine], OpenEngine]:
    """Decorate what opens the engine of a protocol: a function of `oracle.Protocol`, or a class made from one. `oracle:
    {engine: NAME}` in a campaign and `--engine NAME` then choose it. It is opened in worker processes only, so what it
    needs is imported inside. The first sentence of its docstring is what `spinscreen plugins` says of it. Raises
    RegistryError if the name is taken."""

    def add(open_engine: OpenEngine) -> OpenEngine:
        ENGINES.add(name, RegisteredEngine(name, ability, open_engine), declared=open_engine)
        return open_engine

    return add


def installed_version(engine: str) -> str:
    """Version of the engine here; pyscf's names that of its geometries too. EngineMissingError if not installed."""
    return ENGINES.get(engine).version()


def open_tools(protocol: Protocol) -> Tools:
    """The engines and the polarizability model of a protocol. ProtocolError for xtb-python outside a worker process."""
    engine = ENGINES.get(protocol.engine)
    geometry, plain = engine.open(protocol.of_geometry), engine.open(protocol)
    separate = engine.ability.open_properties
    return Tools(geometry, plain if separate is None else separate(protocol), _polarizability(protocol, plain))


def _polarizability(protocol: Protocol, engine: Engine) -> Polarizability:
    if protocol.polarizability == "D4":
        return d4_polarizability

    def by_field(numbers: NDArray[np.int64], positions: NDArray[np.float64], charge: int) -> float:
        return finite_field_polarizability(
            # `EngineAbility.field` promises the argument, which the small interface of all engines lacks
            lambda field: engine.single_point(numbers, positions, charge, field=field).dipole  # type: ignore[call-arg]
        )

    return by_field


_XTB_METHODS = ("GFN2-xTB", "GFN1-xTB")


@register_engine(
    "tblite", EngineAbility(_XTB_METHODS, distribution="tblite", install="pip install tblite", solvent=True, field=True)
)
def _tblite(protocol: Protocol) -> Engine:
    """xTB by the tblite library, which the authors of xTB maintain."""
    from oracle.engines.shipped import TbliteEngine

    return TbliteEngine(protocol.method, protocol.solvent, protocol.accuracy, protocol.step_accuracy)


@register_engine(
    "xtb-python",
    EngineAbility(
        _XTB_METHODS, distribution="xtb", install="pip install 'spinscreen[xtb-python]' (Python 3.10 or 3.11 only)"
    ),
)
def _xtb_python(protocol: Protocol) -> Engine:
    """xTB by its older Python binding, in the gas phase."""
    from oracle.engines.shipped import XtbPythonEngine

    return XtbPythonEngine(protocol.method, protocol.accuracy, protocol.step_accuracy)


def _command_version() -> str:
    from oracle.engines.shipped import command_version

    return command_version()


@register_engine("xtb", EngineAbility(_XTB_METHODS, version=_command_version, solvent=True))
def _xtb(protocol: Protocol) -> Engine:
    """xTB by the command xtb."""
    from oracle.engines.shipped import XtbCommandEngine

    return XtbCommandEngine(protocol.method, protocol.solvent, protocol.accuracy, protocol.step_accuracy)


def _pyscf_version() -> str:
    version = distribution_version("pyscf")
    if version == "missing":
        raise EngineMissingError("the engine pyscf is not installed: pip install 'spinscreen[pyscf]'")
    return f"{version} on tblite {installed_version('tblite')}"


def _pyscf_properties(protocol: Protocol) -> PointEngine:
    from oracle.engines.shipped import PyscfEngine

    return PyscfEngine(protocol.method.removeprefix("HF/"))


@register_engine("pyscf", EngineAbility(("HF/def2-TZVP",), version=_pyscf_version, open_properties=_pyscf_properties))
def _pyscf(protocol: Protocol) -> Engine:
    """Hartree-Fock orbitals and dipole by PySCF, on the geometry of tblite's GFN2-xTB."""
    from oracle.engines.shipped import TbliteEngine

    return TbliteEngine("GFN2-xTB", protocol.solvent, protocol.accuracy, protocol.step_accuracy)

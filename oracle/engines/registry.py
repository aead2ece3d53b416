"""Which engines there are, what each can do, which version is installed, and how to open one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from typing import TYPE_CHECKING, TypeAlias

from oracle.errors import EngineMissingError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from oracle.engines.base import Engine, PointEngine
    from oracle.protocol import Protocol

__all__ = [
    "FIELD_ENGINES",
    "METHODS",
    "SOLVENT_ENGINES",
    "Tools",
    "distribution_version",
    "installed_version",
    "open_tools",
]


@lru_cache(maxsize=32)
def distribution_version(name: str) -> str:
    """Version of an installed distribution, or "missing"."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"


#: Methods of each engine, its default first.
METHODS = {
    "tblite": ("GFN2-xTB", "GFN1-xTB"),
    "xtb-python": ("GFN2-xTB", "GFN1-xTB"),
    "xtb": ("GFN2-xTB", "GFN1-xTB"),
    "pyscf": ("HF/def2-TZVP",),
}

#: Engines that know the ALPB solvent model.
SOLVENT_ENGINES = ("tblite", "xtb")
#: Engines that take an external electric field, for the finite-field polarizability.
FIELD_ENGINES = ("tblite",)

#: Distribution behind each engine, and how to get it.
_DISTRIBUTION = {"tblite": "tblite", "xtb-python": "xtb", "pyscf": "pyscf"}
_INSTALL = {
    "tblite": "pip install tblite",
    "xtb-python": "pip install 'spinscreen[xtb-python]' (Python 3.10 or 3.11 only)",
    "pyscf": "pip install 'spinscreen[pyscf]'",
}

Polarizability: TypeAlias = "Callable[[NDArray[np.int64], NDArray[np.float64], int], float]"


@dataclass(frozen=True, slots=True)
class Tools:
    """What a protocol computes with.

    Attributes:
        geometry: engine of the optimisation.
        properties: engine of the orbitals and the dipole.
        polarizability: from numbers, positions (bohr) and charge to bohr^3.
    """

    geometry: Engine
    properties: PointEngine
    polarizability: Polarizability


def installed_version(engine: str) -> str:
    """Version of the engine on this machine; pyscf's names the engine of its geometries too.

    Raises:
        EngineMissingError: if it is not installed.
    """
    if engine == "xtb":
        from oracle.engines.xtb import command_version

        return command_version()
    version = distribution_version(_DISTRIBUTION[engine])
    if version == "missing":
        raise EngineMissingError(f"the engine {engine} is not installed: {_INSTALL[engine]}")
    return f"{version} on tblite {installed_version('tblite')}" if engine == "pyscf" else version


def open_tools(protocol: Protocol) -> Tools:
    """The engines and the polarizability model that a protocol asks for.

    Raises:
        ProtocolError: for xtb-python outside a worker process.
    """
    geometry = _geometry_engine(protocol)
    properties: PointEngine = geometry
    if protocol.engine == "pyscf":
        from oracle.engines.pyscf import PyscfEngine

        properties = PyscfEngine(protocol.method.removeprefix("HF/"))
    return Tools(geometry, properties, _polarizability(protocol))


def _geometry_engine(protocol: Protocol) -> Engine:
    if protocol.engine == "xtb":
        from oracle.engines.xtb import XtbCommandEngine

        return XtbCommandEngine(protocol.method, protocol.solvent, protocol.accuracy, protocol.step_accuracy)
    if protocol.engine == "xtb-python":
        from oracle.engines.xtb_python import XtbPythonEngine

        return XtbPythonEngine(protocol.method, protocol.accuracy, protocol.step_accuracy)
    from oracle.engines.tblite import TbliteEngine

    method = "GFN2-xTB" if protocol.engine == "pyscf" else protocol.method
    return TbliteEngine(method, protocol.solvent, protocol.accuracy, protocol.step_accuracy)


def _polarizability(protocol: Protocol) -> Polarizability:
    from oracle.polarizability import d4_polarizability, finite_field_polarizability

    if protocol.polarizability == "D4":
        return d4_polarizability
    from oracle.engines.tblite import TbliteEngine

    engine = TbliteEngine(protocol.method, protocol.solvent, protocol.accuracy)

    def by_field(numbers: NDArray[np.int64], positions: NDArray[np.float64], charge: int) -> float:
        return finite_field_polarizability(
            lambda field: engine.single_point(numbers, positions, charge, field=field).dipole
        )

    return by_field

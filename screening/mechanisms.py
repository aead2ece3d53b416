"""Textbook mechanisms of spin relaxation, attached to explanations as hypotheses. None of them is a result of ours."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MECHANISMS", "Mechanism"]


@dataclass(frozen=True)
class Mechanism:
    """A mechanism and what it would make of a descriptor.

    Attributes:
        name: its name. idea: how spins would relax. hypothesis: what it suggests looking for in these compounds.
        source: where it was proposed.
    """

    name: str
    idea: str
    hypothesis: str
    source: str


#: Textbook mechanisms as hypotheses, each with its source.
MECHANISMS = (
    Mechanism(
        "D'yakonov-Perel'",
        "spins precess between collisions in the momentum-dependent field that broken inversion symmetry and "
        "spin-orbit coupling make",
        "hypothesis: spacers that polarise or tilt the layers would speed relaxation up; scattering would slow it down",
        "Sov. Phys. Solid State 13, 3023 (1972)",
    ),
    Mechanism(
        "Elliott-Yafet",
        "collisions flip spins because spin-orbit coupling mixes spin states",
        "hypothesis: heavier halides and stronger coupling to phonons would speed relaxation up",
        "Phys. Rev. 96, 266 (1954), doi 10.1103/PhysRev.96.266; Solid State Phys. 14, 1 (1963)",
    ),
    Mechanism(
        "Bir-Aronov-Pikus and exciton exchange",
        "electrons and holes exchange spin; in excitons the long-range exchange acts as a precessing field",
        "hypothesis: thin layers (n = 1) and spacers of low polarizability, which bind excitons strongly, would relax "
        "fast",
        "Sov. Phys. JETP 42, 705 (1976); for excitons Phys. Rev. B 47, 15776 (1993), doi 10.1103/PhysRevB.47.15776",
    ),
)

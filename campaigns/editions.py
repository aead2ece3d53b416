"""Editions of what a campaign takes for granted: what its description leaves out, the built-in library, P(forms).

A better default must not change what an old log replays to, so a campaign keeps the edition it was launched under.
Whatever depends on it is asked of `EDITIONS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chemspace import CationLibrary
    from screening.feasibility import FeasibilityPrior, ReportedOutcomes


#: Share of a batch for what teaches most, where a description leaves it and the strategy to the campaign.
TEACHING_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Edition:
    """What holds in a campaign where its description says nothing else."""

    number: int  #: as descriptions write it
    #: Fields of a description whose default is another one than the newest edition's.
    description: Mapping[str, Any] = field(default_factory=dict)
    #: Fields of `oracle.Protocol` whose default is another one than the newest edition's.
    protocol: Mapping[str, Any] = field(default_factory=dict)
    #: Whether lifetimes measured otherwise than the rest do not train, and one replicate cannot blur all.
    sets_apart: bool = True
    teaching_share: float = TEACHING_SHARE  #: of a batch for what teaches most, 0 leaves the kinds to the strategy

    @property
    def library(self) -> CationLibrary:
        """The built-in library."""
        from chemspace import CationLibrary  # imports RDKit, which `--help` needs not

        return CationLibrary.builtin(self.number)

    @property
    def feasibility_prior(self) -> FeasibilityPrior:
        """What is believed of P(forms) before the campaign's first crystal."""
        from screening.feasibility import CageWindow, FeasibilityPrior, SpacerRule, ThickLayers

        if self.number > FIRST:
            return FeasibilityPrior()
        return FeasibilityPrior(
            ThickLayers(odds_factor=0.25, each_layer=False),
            CageWindow(low=0.8, factor=0.5, misfit_factor=0.1, unknown_factor=0.25, of_odds=True),
            SpacerRule(n_shapes=5, report_log_odds=0.0, knows_range=False),
        )

    @property
    def reported(self) -> ReportedOutcomes:
        """The reports of spacers that P(forms) is learnt from."""
        from screening.feasibility import ReportedOutcomes

        return ReportedOutcomes.published(self.number)


#: Release 0.1.0, whose logs name no edition.
FIRST = 1
#: What a new campaign gets.
NEWEST = 4
#: The surrogate of editions 2 and 3, whose processes see features as they are.
_PLAIN = {"surrogate": "networks_processes"}
EDITIONS: Mapping[int, Edition] = {
    FIRST: Edition(
        FIRST,
        description={"surrogate": "spinscreen"},
        protocol={
            "conformer_search": "embedded",
            "conformer_solvent": None,
            "n_conformers": 20,
            "n_optimised": 2,
            "stretch": 0.0,
        },
        sets_apart=False,
        teaching_share=0.0,
    ),
    2: Edition(2, description=_PLAIN, protocol={"conformer_search": "embedded"}),
    3: Edition(3, description=_PLAIN),
    NEWEST: Edition(NEWEST),
}

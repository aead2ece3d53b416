"""Which published rows train by default: decided by what the row is, before any model was fitted."""

from __future__ import annotations

from types import MappingProxyType

__all__ = ["DOUBTFUL_LOG10_SD", "EXCLUDING_FLAGS", "FLAGS", "UPPER_BOUND", "excluding_flags"]

#: Flag of a row whose lifetime is only an upper bound: the response did not resolve it. Its rate is a lower bound, and
#: that is what the surrogates learn from it.
UPPER_BOUND = "upper_bound"

#: Flags that keep a row out of training unless flagged rows are asked for, with the reason. None of them was set by
#: looking at what a model predicts for the row.
EXCLUDING_FLAGS = MappingProxyType(
    {
        "other_conditions": "the same material is filed a second time with a rate more than ten times different, while "
        "other replicates agree within a factor of 1.6: temperature or state must differ, and neither is given",
        "unit_conflict": "the likely source reports a lifetime 1,000 times longer: the unit is in doubt",
        "unknown_composition": "the composition was lost in the published file, so no descriptor is certain",
        "no_organic_cation": "the descriptors describe organic cations and there is none (filed as zeros)",
        "nanocrystal": "confined nanocrystals, not the bulk or layered compound",
    }
)

#: Standard deviation of log10 rate given to rows with an excluding flag when they are asked for. Their conditions are
#: unknown, and temperature alone moves a lifetime by a decade (3 ps at room temperature, 32 ps cooled, in the source
#: that the paper's CsPbI3 most likely comes from): a decade is taken as two standard deviations.
DOUBTFUL_LOG10_SD = 0.5

#: Every flag of the published table, with its meaning.
FLAGS = MappingProxyType(
    {
        **EXCLUDING_FLAGS,
        "corrected_descriptors": "a filed descriptor was wrong and is corrected; the filed value stands beside it",
        "density_conflict": "another source gives twice the lifetime at low excitation density",
        "descriptors_of_hydrazine": "the filed descriptors belong to C10H12N4; only mass and electronegativity could "
        "be corrected",
        "identity_from_mass": "the spacer was identified from its filed molar mass",
        "lifetime_conflict": "the likely source gives another lifetime",
        "orbitals_of_3ampy": "filed HOMO and LUMO are those of the pyridinium 3AMPY, not of the piperidinium 3AMP",
        "other_metal": "tin instead of lead",
        "replicate": "the same material is filed more than once",
        UPPER_BOUND: "the lifetime is an upper bound: the trace only says that the decay is faster",
        "text_confirms_lifetime": "the text of the paper or an abstract gives the same lifetime",
    }
)


def excluding_flags(flags: str) -> tuple[str, ...]:
    """Those of a row's flags (joined by semicolons) that keep it out of training."""
    return tuple(flag for flag in flags.split(";") if flag in EXCLUDING_FLAGS)

"""What the description of a campaign amounts to: its cations and their names, its space, its budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from campaigns.artifacts import Artifacts
from campaigns.config import CampaignConfig
from campaigns.space import hazards_of, kept_library, merged, prices_of, space_of, with_builtin
from chemspace import CationLibrary, CompoundSpace

if TYPE_CHECKING:
    from campaigns.budget import Budget


@dataclass(frozen=True, eq=False)
class Scope:
    """The cations, the space and the budget of one description.

    Attributes:
        config: the description.
        library: its cations, each called as the campaign has called it from the first.
        names: every cation a formula may name: the library's, the built-in ones, and those of other descriptions that
            the campaign had.
    """

    config: CampaignConfig
    library: CationLibrary
    names: CationLibrary

    @classmethod
    def of(
        cls,
        config: CampaignConfig,
        descriptions: Sequence[CampaignConfig],
        file: Callable[[str], bytes],
        artifacts: Artifacts,
        library: CationLibrary | None = None,
    ) -> Scope:
        """That of a description among all that a campaign had."""
        sources = {_sources(one): one for one in (*descriptions, config)}

        def read(described: CampaignConfig) -> CationLibrary:
            if library is not None and _sources(described) == _sources(config):
                return library
            return kept_library(described, file, artifacts, keep=len(sources))

        own = read(config)
        if len(sources) == 1:
            return cls(config, own, with_builtin(own, config.defaults))
        first, *later = sources.values()
        names = with_builtin(read(first), first.defaults)
        for described in later:
            names = merged([names, with_builtin(read(described), described.defaults)])
        called = {cation.inchikey: cation for cation in names}
        renamed = {
            c.inchikey: replace(c, abbreviation=(k := called[c.inchikey]).abbreviation, names=k.names) for c in own
        }
        named = CationLibrary(renamed.values())
        named.report = own.report
        several = with_builtin(read(first), first.defaults).ambiguous
        several = {name: keys for name, keys in several.items() if name not in names.names}
        return cls(config, named, CationLibrary((renamed.get(one.inchikey, one) for one in names), several))

    @cached_property
    def space(self) -> CompoundSpace:
        """The compounds that may be suggested."""
        return space_of(self.config, self.library)

    @cached_property
    def budget(self) -> Budget:
        """The price table, and the limits of a batch."""
        from campaigns.budget import Budget

        return Budget(self.config.budget, prices_of(self.config, self.names), hazards_of(self.config, self.names))


def _sources(config: CampaignConfig) -> object:
    """What a description's cations are read from."""
    return config.libraries, config.dications, config.edition

"""The generator: an indexed library of virtual spacers, walked in order or in a seeded shuffle, built one at a time."""

from __future__ import annotations

import math
import multiprocessing
import random
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, islice
from typing import Any

from rdkit import Chem, rdBase

from chemspace.cation import Cation
from chemspace.errors import SpaceError, StructureError
from chemspace.progress import Progress
from chemspace.structure_check import check_charges
from chemspace.virtual.blocks import FIRST_SITE, Core, arms, block_table, cores, join, labelled, read_block
from chemspace.virtual.filters import HeavyAtoms, SpacerFilter, default_filters

__all__ = ["GenerationReport", "VirtualSpacers"]

_PROGRESS_EVERY = 1000
#: Combinations a worker builds before it answers.
_CHUNK = 500


@dataclass
class GenerationReport:
    """What became of the combinations tried: `n_tried` = `n_kept` + `n_repeated` + the sum of `refused`."""

    n_tried: int = 0
    n_kept: int = 0
    n_repeated: int = 0
    refused: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class VirtualSpacers:
    """Every combination of scaffolds, arms (linker and head) and substituents, by index; nothing is built ahead.

    A scaffold with two arms carries the same arm twice.

    Args:
        scaffolds: (SMILES, name) with dummies [1*] for one arm, or [1*] and [2*] for two (dications).
        linkers: SMILES from [1*] (scaffold) to [9*] (head).
        heads: SMILES at [9*], each of charge +1.
        substituents: SMILES at [8*].
        max_substituents: C-H sites of a scaffold that may carry one, at most.
        filters: what is refused, with reasons; () for everything.
        seed: order of `generate`: None walks from the plainest combinations up, a number shuffles reproducibly.

    Raises:
        StructureError: for a block that cannot be read or joined.
        SpaceError: for an empty kind of block or a negative limit.
    """

    scaffolds: tuple[tuple[str, str], ...] = field(default_factory=lambda: tuple(block_table("scaffold")))
    linkers: tuple[str, ...] = field(default_factory=lambda: tuple(s for s, _ in block_table("linker")))
    heads: tuple[str, ...] = field(default_factory=lambda: tuple(s for s, _ in block_table("head")))
    substituents: tuple[str, ...] = field(default_factory=lambda: tuple(s for s, _ in block_table("substituent")))
    max_substituents: int = 2
    filters: tuple[SpacerFilter, ...] = field(default_factory=default_filters)
    seed: int | None = None

    def __post_init__(self) -> None:
        if not self.scaffolds or not self.linkers or not self.heads:
            raise SpaceError("virtual spacers need at least one scaffold, one linker and one head")
        if not 0 <= self.max_substituents <= 4:
            raise SpaceError(f"max_substituents is {self.max_substituents}; it goes from 0 to 4")
        if self.max_substituents and not self.substituents:
            raise SpaceError("max_substituents is above 0 but there is no substituent; give some, or 0")

    def __len__(self) -> int:
        """Combinations, before filters and before repeats are dropped."""
        return self._ends[-1]

    def build(self, index: int) -> Chem.Mol:
        """Molecule of one combination, unfiltered.

        Raises:
            IndexError: outside the library.
            StructureError: if its parts do not join.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"the library holds {len(self)} combinations; there is no number {index}")
        core, parts = self._parts(index)
        with rdBase.BlockLogs():
            try:
                return join(core, parts)
            except ValueError as error:  # RDKit's sanitisation
                raise StructureError(f"combination {index} is no molecule: {error}") from error

    def generate(
        self,
        count: int | None = None,
        report: GenerationReport | None = None,
        progress: Progress | None = None,
        workers: int = 1,
    ) -> Iterator[Cation]:
        """Up to `count` distinct cations that pass the filters, each built when it is asked for.

        The same blocks, filters and seed give the same cations in the same order, whatever `workers`; a longer run
        starts with a shorter one. Repeats are told by InChIKey.

        Args:
            count: how many; all when None.
            report: filled on the way.
            progress: called every 1,000 cations with (kept, count or the number of combinations, note).
            workers: processes that build; 1 builds in this one.
        """
        report = GenerationReport() if report is None else report
        seen: set[str] = set()
        for made in self._built(workers):
            if count is not None and report.n_kept >= count:
                return
            report.n_tried += 1
            if isinstance(made, str):
                report.refused[made] += 1
                continue
            if made.inchikey in seen:
                report.n_repeated += 1
                continue
            seen.add(made.inchikey)
            report.n_kept += 1
            if progress is not None and report.n_kept % _PROGRESS_EVERY == 0:
                progress(report.n_kept, len(self) if count is None else count, f"{report.n_tried} combinations tried")
            yield made

    def make(self, index: int) -> Cation | str:
        """Cation of one combination, or why it is refused."""
        core, parts = self._parts(index)
        heavy = sum(mol.GetNumHeavyAtoms() for mol in (core.mol, *parts))  # dummies are not counted
        for condition in self.filters:
            if isinstance(condition, HeavyAtoms) and (why := condition.reason_of(heavy)) is not None:
                return why
        try:
            mol = self.build(index)
            canonical = Chem.MolToSmiles(mol)
            charge = check_charges(mol, canonical)
        except StructureError as error:
            return type(error).__name__
        for condition in self.filters:
            if (why := condition.reason(mol)) is not None:
                return why
        return Cation.from_checked_mol(mol, charge, role="spacer", source="virtual", canonical=canonical)

    def _built(self, workers: int) -> Iterator[Cation | str]:
        """Every combination in the order of the seed, built or refused."""
        if workers <= 1:
            yield from map(self.make, self._order())
            return
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, context, _start_worker, (fields,)) as pool:
            pending: deque[Future[list[Cation | str]]] = deque()
            order = self._order()
            try:
                while True:
                    while len(pending) < 2 * workers and (chunk := list(islice(order, _CHUNK))):
                        pending.append(pool.submit(_make_chunk, chunk))
                    if not pending:
                        return
                    yield from pending.popleft().result()
            finally:
                pool.shutdown(cancel_futures=True)

    def _parts(self, index: int) -> tuple[Core, tuple[Chem.Mol, ...]]:
        """The core and the parts of one combination; a dication carries the same arm twice."""
        place = bisect_right(self._ends, index)
        core = self._cores[place]
        rest, arm = divmod(index - (self._ends[place - 1] if place else 0), len(self._arms[0]))
        parts = [self._arms[which][arm] for which in range(core.n_arms)]
        for site in range(core.n_sites):
            rest, choice = divmod(rest, len(self.substituents))
            parts.append(self._substituents[site][choice])
        return core, tuple(parts)

    def _order(self) -> Iterator[int]:
        """Every index once: in order, or along a seeded walk i -> a i + b (mod size) with a coprime to the size."""
        size = len(self)
        if self.seed is None:
            yield from range(size)
            return
        draw = random.Random(self.seed)
        step, start = draw.randrange(size // 3, size) | 1 if size > 6 else 1, draw.randrange(size)
        while math.gcd(step, size) != 1:
            step += 2
        for turn in range(size):
            yield (start + turn * step) % size

    @cached_property
    def _cores(self) -> list[Core]:
        return cores(list(self.scaffolds), self.max_substituents)

    @cached_property
    def _arms(self) -> tuple[list[Chem.Mol], list[Chem.Mol]]:
        made = arms(list(self.linkers), list(self.heads))
        return made, [labelled(arm, 2) for arm in made]

    @cached_property
    def _substituents(self) -> list[list[Chem.Mol]]:
        made = [read_block(smiles) for smiles in self.substituents]
        return [[labelled(mol, FIRST_SITE + site) for mol in made] for site in range(self.max_substituents)]

    @cached_property
    def _ends(self) -> Sequence[int]:
        sizes = (len(self._arms[0]) * len(self.substituents) ** core.n_sites for core in self._cores)
        return list(accumulate(sizes))


_worker_library: VirtualSpacers


def _start_worker(fields: dict[str, Any]) -> None:
    global _worker_library
    _worker_library = VirtualSpacers(**fields)


def _make_chunk(indices: list[int]) -> list[Cation | str]:
    return [_worker_library.make(index) for index in indices]

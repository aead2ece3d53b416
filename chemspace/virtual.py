"""Virtual spacers: new cations from scaffolds, linkers, head groups and substituents, made lazily and filtered."""

from __future__ import annotations

import math
import multiprocessing
import random
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import accumulate, combinations, islice
from typing import Any, Protocol

from rdkit import Chem, rdBase
from rdkit.Chem import rdChemReactions, rdMolDescriptors

from chemspace.cation import Cation, check_atom, check_charges, parse_smiles
from chemspace.errors import SpaceError, StructureError
from chemspace.progress import Progress
from chemspace.tables.grid import package_table

__all__ = ["GenerationReport", "VirtualSpacers"]


#: Dummy labels: 1 and 2 for arms, 3 and up for substituents; 8 marks a free substituent, 9 the head of a linker.
SUBSTITUENT_MARK, HEAD_MARK = 8, 9
FIRST_SITE = 3


@dataclass(frozen=True)
class Core:
    """A scaffold with its dummy atoms: one or two arms, and the sites that are to carry a substituent."""

    mol: Chem.Mol
    name: str
    n_arms: int
    n_sites: int


def block_table(kind: str) -> list[tuple[str, str]]:
    """(SMILES, name) of the built-in blocks of one kind: scaffold, linker, head or substituent."""
    return [(row["smiles"], row["name"]) for row in package_table("virtual_blocks.csv") if row["kind"] == kind]


def arms(linkers: list[str], heads: list[str]) -> list[Chem.Mol]:
    """Every linker with every head, each with its dummy [1*]. Raises StructureError for two that do not join."""
    reaction = rdChemReactions.ReactionFromSmarts("[*:1]-[9*].[9*]-[*:2]>>[*:1]-[*:2]")
    reaction.Initialize()
    made: dict[str, Chem.Mol] = {}
    for linker in linkers:
        for head in heads:
            products = reaction.RunReactants((read_block(linker), read_block(head)), 1)
            if not products:
                raise StructureError(f"linker {linker!r} and head {head!r} do not join at [{HEAD_MARK}*]")
            arm = products[0][0]
            Chem.SanitizeMol(arm)
            made.setdefault(Chem.MolToSmiles(arm), arm)
    return list(made.values())


def cores(scaffolds: list[tuple[str, str]], max_substituents: int) -> list[Core]:
    """Every way to open `max_substituents` C-H sites of scaffolds, fewest first. StructureError without dummies."""
    made: list[Core] = []
    for smiles, name in scaffolds:
        scaffold = read_block(smiles)
        labels = {atom.GetIsotope() for atom in scaffold.GetAtoms() if atom.GetAtomicNum() == 0}
        if labels not in ({1}, {1, 2}):
            raise StructureError(f"scaffold {smiles!r} needs the dummies [1*] (one arm) or [1*] and [2*] (two arms)")
        sites = [atom.GetIdx() for atom in scaffold.GetAtoms() if _is_site(atom)]
        seen: set[str] = set()
        for count in range(max_substituents + 1):
            for chosen in combinations(sites, count):
                shape = Chem.MolToSmiles(_opened(scaffold, chosen, same_label=True))
                if shape not in seen:
                    seen.add(shape)
                    made.append(Core(_opened(scaffold, chosen), name, len(labels), count))
    return sorted(made, key=lambda core: core.n_sites)


def join(core: Core, parts: tuple[Chem.Mol, ...]) -> Chem.Mol:
    """The molecule of a core and its parts, one a dummy, arms first. StructureError if the reaction gives nothing."""
    products = _joining(core.n_arms, core.n_sites).RunReactants((core.mol, *parts), 1)
    if not products:
        raise StructureError(f"{core.name} does not join with {', '.join(Chem.MolToSmiles(p) for p in parts)}")
    mol: Chem.Mol = products[0][0]
    Chem.SanitizeMol(mol)
    Chem.AssignStereochemistry(mol, cleanIt=True, force=True)
    return mol


def labelled(part: Chem.Mol, label: int) -> Chem.Mol:
    """`part` with its one dummy atom labelled `label`."""
    copy = Chem.RWMol(part)
    for atom in copy.GetAtoms():
        if atom.GetAtomicNum() == 0:
            atom.SetIsotope(label)
    return copy.GetMol()


def read_block(smiles: str) -> Chem.Mol:
    """A building block, checked as a cation is, dummies allowed. Raises StructureError for what no cation may hold."""
    mol = parse_smiles(smiles)
    for atom in mol.GetAtoms():
        if atom.GetAtomicNum():
            check_atom(atom, mol, f"building block {smiles!r}")
    return mol


@lru_cache(maxsize=32)
def _joining(n_arms: int, n_sites: int) -> rdChemReactions.ChemicalReaction:
    """The reaction that replaces every dummy of a core by its part, in one step."""
    labels = [*range(1, n_arms + 1), *range(FIRST_SITE, FIRST_SITE + n_sites)]
    core = ".".join(f"[{label}*]-[*:{label}]" for label in labels)
    parts = ".".join(f"[{label}*]-[*:{label + 10}]" for label in labels)
    product = ".".join(f"[*:{label}]-[*:{label + 10}]" for label in labels)
    reaction = rdChemReactions.ReactionFromSmarts(f"({core}).{parts}>>({product})")
    reaction.Initialize()
    return reaction


def _is_site(atom: Chem.Atom) -> bool:
    carries_arm = any(neighbour.GetAtomicNum() == 0 for neighbour in atom.GetNeighbors())
    return atom.GetAtomicNum() == 6 and atom.GetTotalNumHs() > 0 and not carries_arm


def _opened(scaffold: Chem.Mol, sites: tuple[int, ...], same_label: bool = False) -> Chem.Mol:
    grown = Chem.RWMol(scaffold)
    for place, site in enumerate(sites):
        dummy = Chem.Atom(0)
        dummy.SetIsotope(SUBSTITUENT_MARK if same_label else FIRST_SITE + place)
        grown.AddBond(site, grown.AddAtom(dummy), Chem.BondType.SINGLE)
    Chem.SanitizeMol(grown)
    return grown.GetMol()


class SpacerFilter(Protocol):
    """Says why a cation should not be a spacer, or None where it may."""

    def reason(self, mol: Chem.Mol) -> str | None:
        """Why not, in a few words that do not name the molecule."""


@dataclass(frozen=True)
class HeavyAtoms:
    """Size of the cation in heavy atoms. The built-in spacers, all reported, have 2 to 31."""

    least: int = 4
    most: int = 25

    def reason(self, mol: Chem.Mol) -> str | None:
        """As `SpacerFilter`."""
        return self.reason_of(mol.GetNumHeavyAtoms())

    def reason_of(self, count: int) -> str | None:
        """Why a cation of `count` heavy atoms may not be, without building it."""
        if count < self.least:
            return f"fewer than {self.least} heavy atoms: fits a cage"
        return f"more than {self.most} heavy atoms" if count > self.most else None


@dataclass(frozen=True)
class RotatableBonds:
    """Floppiness: every rotatable bond costs order between the layers. Dodecylammonium, reported, has 10."""

    most: int = 10

    def reason(self, mol: Chem.Mol) -> str | None:
        """As `SpacerFilter`."""
        count = rdMolDescriptors.CalcNumRotatableBonds(mol, False)  # the plain definition: three times as fast
        return f"more than {self.most} rotatable bonds" if count > self.most else None


@dataclass(frozen=True)
class ChargeSeparation:
    """Bonds between the charged atoms of a dication: fewer than three (N-C-C-N) and the second proton is lost.

    Ethylenediammonium has pKa 6.8, methylenediammonium and hydrazinediium are far stronger acids (D. D. Perrin,
    Dissociation Constants of Organic Bases in Aqueous Solution, Butterworths, London, 1965).
    """

    least_bonds: int = 3

    def reason(self, mol: Chem.Mol) -> str | None:
        """As `SpacerFilter`."""
        if Chem.GetFormalCharge(mol) < 2:
            return None
        charged = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetFormalCharge() > 0]
        distance = Chem.GetDistanceMatrix(mol)
        near = any(distance[a, b] < self.least_bonds for a in charged for b in charged if a < b)
        return f"charges fewer than {self.least_bonds} bonds apart" if near else None


@dataclass(frozen=True)
class HeadGroup:
    """Whether some ammonium can reach the terminal halides: NH3 or NH2(CH3 or C2H5) on a carbon that is not quaternary.

    Layers form when the head enters the square of terminal halides; substituents at the nitrogen and at the carbon next
    to it keep it out (review: Li, Hoffman, Kanatzidis, Chem. Rev. 121, 2230 (2021), doi 10.1021/acs.chemrev.0c01006).
    Amidinium and guanidinium heads pass.
    """

    def reason(self, mol: Chem.Mol) -> str | None:
        """As `SpacerFilter`."""
        return None if any(mol.HasSubstructMatch(p) for p in _head_patterns()) else "the head group is shielded"


@dataclass(frozen=True)
class UnstableGroups:
    """Groups that do not survive hot hydriodic acid or fall apart by themselves."""

    def reason(self, mol: Chem.Mol) -> str | None:
        """As `SpacerFilter`."""
        return next((why for why, pattern in _unstable() if mol.HasSubstructMatch(pattern)), None)


def default_filters() -> tuple[SpacerFilter, ...]:
    """The filters a chemist would start from, cheapest first."""
    return (HeavyAtoms(), ChargeSeparation(), HeadGroup(), UnstableGroups(), RotatableBonds())


@lru_cache(maxsize=1)
def _head_patterns() -> tuple[Chem.Mol, ...]:
    smarts = (
        "[NX4;H3;+][#6;!$([CX4]([#6])([#6])[#6])]",
        "[NX4;H2;+]([CH3,$([CH2][CH3])])[#6;!$([CX4]([#6])([#6])[#6])]",
        "[NX3;H2;+]=[CX3][NX3;H2]",
    )
    return tuple(Chem.MolFromSmarts(text) for text in smarts)


@lru_cache(maxsize=1)
def _unstable() -> tuple[tuple[str, Chem.Mol], ...]:
    groups = (
        ("a heteroatom on the carbon of the ammonium (aminal, hemiaminal)", "[N;+;X4][CX4][O,S,F,Cl,Br,I,N]"),
        ("an ammonium on a double or triple bond (enamine, ynamine)", "[N;+;X4][#6;$(C=C),$(C#C);!a]"),
        ("an enol or enol ether", "[OX2][CX3;!a]=[CX3;!a]"),
        ("an acetal or thioacetal outside a ring, cleaved by acid", "[O,S;X2;!R][CX4;!$(C(F)(F)F)][O,S;X2]"),
        ("an alcohol or ether on a halogenated carbon", "[OX2][CX4;!$(C(F)(F)F)][F,Cl,Br,I]"),
        ("a heteroatom on a triple bond", "[O,S,N,F,Cl,Br,I]C#C"),
        ("two heteroatoms bonded to each other (peroxide, N-O, N-S)", "[O,S,N;!+;X2,X3][O,S,N;!+;X2,X3]"),
        ("a nitrile on a carbon with oxygen (cyanohydrin)", "[OX2][CX4]C#N"),
        ("a halogen on a vinyl carbon next to the head", "[N;+][CX4][CX3;!a]=[CX3;!a][F,Cl,Br,I]"),
        ("a tertiary halide, eliminated in hot acid", "[Cl,Br,I][CX4;H0;!$(C[F,Cl,Br,I])]([#6])([#6])[#6]"),
        ("a tertiary alcohol, eliminated in hot acid", "[OX2;H1][CX4;H0]([#6])([#6])[#6]"),
    )
    return tuple((why, Chem.MolFromSmarts(smarts)) for why, smarts in groups)


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

    A scaffold with two arms carries the same arm twice. `scaffolds`: (SMILES, name) with dummies [1*] for one arm, or
    [1*] and [2*] for two (dications); `linkers`: SMILES from [1*] (scaffold) to [9*] (head); `heads`: SMILES at [9*],
    each of charge +1; `substituents`: SMILES at [8*]; `max_substituents`: C-H sites of a scaffold that may carry one,
    at most; `filters`: what is refused, with reasons; () for everything; `seed`: order of `generate`: None walks from
    the plainest combinations up, a number shuffles reproducibly. Raises StructureError for a block that cannot be read
    or joined; SpaceError for an empty kind of block or a negative limit.
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
        """Molecule of one combination, unfiltered. Raises IndexError outside the library; StructureError if its parts
        do not join."""
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
        """Up to `count` (None: all) distinct cations that pass the filters, each built when it is asked for. The same
        blocks, filters and seed give the same cations in the same order, whatever `workers`; a longer run starts with a
        shorter one. Repeats are told by InChIKey. `report` is filled on the way; `progress` is called every 1,000
        cations with (kept, count or the number of combinations, note)."""
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

"""Building blocks of virtual spacers: scaffolds with open sites, arms, and the reactions that join them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

from rdkit import Chem
from rdkit.Chem import rdChemReactions

from chemspace.builtin_table import package_table
from chemspace.errors import StructureError
from chemspace.structure_check import check_atom, parse_smiles

__all__ = ["Core", "arms", "block_table", "cores", "join", "labelled", "read_block"]

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
    """Every linker with every head, joined by one RDKit reaction; each keeps its dummy [1*].

    Raises:
        StructureError: for a linker and a head that do not join.
    """
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
    """Every way to open up to `max_substituents` C-H sites of each scaffold, equivalent ways once, fewest first.

    Raises:
        StructureError: for a scaffold without the dummies of its arms.
    """
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
    """The molecule of a core and its parts, one for each dummy, arms first.

    Raises:
        StructureError: if the reaction gives nothing.
    """
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
    """A building block, its atoms checked as those of a cation; dummies are allowed.

    Raises:
        StructureError: if its SMILES cannot be read or it holds what no cation may.
    """
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

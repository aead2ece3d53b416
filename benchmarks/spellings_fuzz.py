"""Generated spellings of formulas and structures: read rightly, refused with a reason, never another molecule.

    python -m benchmarks.spellings_fuzz [--number 10000] [--seed 0]

A formula is made of a name of the built-in library, written otherwise (case, hyphens, brackets around the hand, full
width, subscripts, HTML) and perhaps damaged; a structure of a built-in cation, its SMILES in random order, perhaps as
the salt of as many acids as it has charges; a condensed formula, a chain of CH2 between groups; a hand, every spelling
of R-, S- and rac- before a name that has hands; a file, rows of such structures in every format that is read; a name,
every name and alias of the library in other spellings or damaged; an amine, a built-in cation without its protons,
alone or as the salt of as many acids as it lost; a damaged structure, SMILES with a sign lost, doubled or replaced; a
crystal, a CIF with lines or signs lost, doubled or replaced. What was meant is known from how it was made.
"""

from __future__ import annotations

import argparse
import math
import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from rdkit import Chem, RDLogger
from rdkit.Chem.MolStandardize import rdMolStandardize

from chemspace import Cation, CationLibrary, ChemspaceError, Compound, parse_formula
from chemspace.cation import cation_form, check_charges, parse_smiles
from chemspace.crystal import structure_descriptors

LIBRARY = CationLibrary.builtin()
NAMES = sorted((name, cation) for name, cation in LIBRARY.names.items() if name.replace("-", "").isalnum())
LAYER = Path(__file__).parent / "cases" / "pbi4_layer.cif"
_NEUTRAL = rdMolStandardize.Uncharger()
_SUBSCRIPTS = str.maketrans("0123456789", "".join(chr(0x2080 + digit) for digit in range(10)))


def written(name: str, chance: random.Random) -> str:
    """A name in another spelling, or damaged by one letter."""
    place = chance.randrange(len(name))
    return chance.choice(
        (
            name,
            name.replace("-", ""),
            name.upper(),
            name.lower(),
            name[:place] + "-" + name[place:],
            "".join(chr(ord(sign) + 0xFEE0) if sign.isalnum() else sign for sign in name),
            f"({name[0]}){name[1:]}" if name[:2] in ("R-", "S-") else name,
            name[:place] + name[place + 1 :],
            name[:place] + chance.choice("ABCEFMPRSxyz2345") + name[place:],
        )
    )


def formulas(number: int, seed: int) -> Iterator[tuple[str, str, Compound]]:
    """The name as it was spelled, the formula that holds it, and the compound that was meant."""
    chance = random.Random(seed)
    while number:
        name, spacer = chance.choice(NAMES)
        if spacer.role == "cage":
            continue
        n, halide, metal = chance.randint(1, 4), chance.choice(("I", "Br", "Cl")), chance.choice(("Pb", "Sn"))
        meant = Compound.of(spacer, LIBRARY["MA"] if n > 1 else None, n, metal, halide)
        spelled = written(name, chance)
        cage = f"(MA){n - 1}" if n > 1 else ""
        tail = f"{meant.n_spacers}{cage}{metal}{n if n > 1 else ''}{halide}{3 * n + 1}"
        how = chance.randrange(4)
        tail = tail.translate(_SUBSCRIPTS) if how == 1 else tail
        text = f"[{spelled}]{tail}" if how == 2 and "(" not in spelled else f"({spelled}){tail}"
        yield spelled, rf"\ce{{{text}}}" if how == 3 else text, meant
        number -= 1


def is_another(spelled: str, found: Cation, meant: Cation) -> bool:
    """Whether a cation was read that is neither the one meant nor has this name, hyphens and case aside."""

    def bare(name: str) -> str:
        return "".join(sign for sign in name if sign.isalnum()).casefold()

    if found == meant:
        return False
    plain = "".join(chr(ord(sign) - 0xFEE0) if ord(sign) > 0xFF00 else sign for sign in spelled)
    return bare(plain) not in map(bare, (found.abbreviation, *found.names))


def formula_fates(number: int, seed: int) -> tuple[Counter[str], list[str]]:
    """How many formulas were read, refused by which error, or read as another compound; the latter."""
    fates: Counter[str] = Counter()
    wrong = []
    for spelled, text, meant in formulas(number, seed):
        try:
            found = parse_formula(text)
        except ChemspaceError as error:
            fates[type(error).__name__] += 1
            if not str(error):
                wrong.append(f"{text}: refused without a reason")
            continue
        same = (found.n_layers, found.b_site, found.halide) == (meant.n_layers, meant.b_site, meant.halide)
        if found.spacer is None or meant.spacer is None or not same or is_another(spelled, found.spacer, meant.spacer):
            wrong.append(f"{text}: read as {found.formula}, meant {meant.formula}")
        fates["read" if found == meant else "read as what it spells"] += 1
    return fates, wrong


def salt(meant: Cation, chance: random.Random, seed: int) -> str:
    """SMILES of a cation in random order, perhaps with its counter-ions."""
    order = Chem.MolToRandomSmilesVect(meant.mol, 1, randomSeed=seed)[0]
    counter = chance.choice(("", "[I-]", "[Br-]", "[Cl-]"))
    return ".".join([order, *[counter] * meant.charge]) if counter else order


def structure_fates(number: int, seed: int) -> tuple[Counter[str], list[str]]:
    """How many structures were read, refused by which error, or read as another cation; the latter."""
    chance, fates, wrong = random.Random(seed), Counter[str](), []
    for place in range(number):
        meant = chance.choice(tuple(LIBRARY))
        text = salt(meant, chance, seed + place)
        try:
            mol = cation_form(parse_smiles(text), text, None)
            found = Cation.from_checked_mol(mol, check_charges(mol, text))
        except ChemspaceError as error:
            fates[type(error).__name__] += 1
            continue
        fates["read"] += 1
        if found != meant:
            wrong.append(f"{text}: read as {found.smiles}, meant {meant.smiles}")
    return fates, wrong


#: What ends a chain in a condensed formula, and its SMILES; then a chain of k CH2.
ENDS = (("CH3", "C"), ("HO", "O"), ("F", "F"), ("Cl", "Cl"), ("Br", "Br"), ("I", "I"), ("C6H5", "c1ccccc1"))
DAMAGE = ("", "", "", "", "x", "-", "H", "4", "(CH2)", "N")


def condensed_fates(number: int, seed: int) -> tuple[Counter[str], list[str]]:
    """The same of condensed formulas, one in two damaged by a sign or a group: none may be read as another cation."""
    from chemspace.spelling import condensed_smiles

    chance, fates, wrong = random.Random(seed), Counter[str](), []
    for _ in range(number):
        k, (group, end) = chance.randint(1, 18), chance.choice((*ENDS, ("NH3", "[NH3+]")))
        chain = chance.choice((f"(CH2){k}", f"C{k if k > 1 else ''}H{2 * k}", "CH2" * k))
        text, smiles = f"{group}{chain}NH3", f"{end}{'C' * k}[NH3+]"
        place, sign = chance.randrange(len(text)), chance.choice(DAMAGE)
        text = text[:place] + sign + text[place:]
        try:
            found = LIBRARY[text]
        except ChemspaceError as error:
            fates[type(error).__name__ if condensed_smiles(text) is None else "read, not in the library"] += 1
            if not sign and condensed_smiles(text) is None:
                wrong.append(f"{text}: {error}")
            continue
        fates["read"] += 1
        if not sign and found != Cation.from_smiles(smiles):
            wrong.append(f"{text}: read as {found.smiles}, meant {smiles}")
        elif sign and found != Cation.from_smiles(smiles) and condensed_smiles(text) is None:
            wrong.append(f"{text}: read as {found.abbreviation}, which it does not spell")
    return fates, wrong


HANDS = {
    "R-": ("R-", "(R)-", "(R)-(+)-", "R-(+)-", "(R)-(-)-"),
    "S-": ("S-", "(S)-", "(S)-(-)-", "S-(-)-"),
    "rac-": ("rac-", "(rac)-", "(R,S)-", "R,S-", "(RS)-", "(±)-", "(+/-)-"),
}


def hand_fates(number: int, seed: int) -> tuple[Counter[str], list[str]]:
    """The same of the hands of names that have some, alone and in brackets; R/S- must be refused."""
    chance, fates, wrong = random.Random(seed), Counter[str](), []
    handed = [(hand, name, cation) for name, cation in NAMES for hand in HANDS if name.startswith(hand)]
    for _ in range(number):
        hand, name, meant = chance.choice(handed)
        spelled = chance.choice((*HANDS[hand], "R/S-", "(R/S)-")) + name.removeprefix(hand)
        text = f"({spelled}){'2' if meant.charge == 1 else ''}PbI4"
        try:
            found = parse_formula(text).spacer
        except ChemspaceError as error:
            fates[type(error).__name__] += 1
            if "/S" not in spelled:
                wrong.append(f"{text}: {error}")
            continue
        fates["read"] += 1
        if found != meant or "/S" in spelled:
            wrong.append(f"{text}: read as {found}, meant {meant}")
    return fates, wrong


def file_fates(number: int, seed: int) -> tuple[Counter[str], list[str]]:
    """The same of the rows of libraries of twenty rows in every format, headed and encoded as people do."""
    chance, fates, wrong = random.Random(seed), Counter[str](), []
    with tempfile.TemporaryDirectory() as folder:
        for start in range(0, number, 20):
            meant = chance.sample(tuple(LIBRARY), 20)
            rows = [(salt(cation, chance, seed + start), f"N{place}") for place, cation in enumerate(meant)]
            path = written_file(Path(folder), rows, chance)
            try:
                found = {cation.abbreviation: cation for cation in CationLibrary.read(path)}
            except ChemspaceError as error:
                wrong.append(f"{path.name}: {error}")
                continue
            for cation, (text, name) in zip(meant, rows, strict=True):
                fates[f"read from {''.join(path.suffixes)}" if name in found else "refused"] += 1
                if name in found and found[name] != cation:
                    wrong.append(f"{path.name} {text}: read as {found[name].smiles}, meant {cation.smiles}")
    return fates, wrong


def written_file(folder: Path, rows: list[tuple[str, str]], chance: random.Random) -> Path:
    """A library file of (SMILES, name) in one of the formats."""
    ending = chance.choice((".csv", ".tsv", ".smi", ".sdf", ".xlsx", ".parquet", ".csv.gz"))
    path = folder / f"lab{ending}"
    heading = chance.choice(("smiles", "SMILES", "IsomericSMILES", "canonical_smiles", "Smiles_string"))
    table = pd.DataFrame(rows, columns=[heading, "abbreviation"])
    if ending == ".smi":
        path.write_text("".join(chance.choice((f"{smiles} {name}\n", f"{smiles}\t{name}\n")) for smiles, name in rows))
    elif ending == ".sdf":
        with Chem.SDWriter(str(path)) as writer:
            for smiles, name in rows:
                mol = Chem.MolFromSmiles(smiles)
                mol.SetProp("abbreviation", name)
                writer.write(mol)
    elif ending == ".xlsx":
        table.to_excel(path, index=False)
    elif ending == ".parquet":
        table.to_parquet(path, index=False)
    else:
        separator = "\t" if ending == ".tsv" else chance.choice(",;")
        encoding = "utf-8" if ending.endswith("gz") else chance.choice(("utf-8", "utf-8-sig", "utf-16"))
        table.to_csv(path, index=False, sep=separator, encoding=encoding)
    return path


def name_fates(number: int, seed: int) -> tuple[Counter[str], list[str]]:
    """The same of every name and alias of the library, those of several words included."""
    chance, fates, wrong = random.Random(seed), Counter[str](), []
    names = sorted(LIBRARY.names.items())
    for _ in range(number):
        name, meant = chance.choice(names)
        spelled = written(name, chance)
        try:
            found = LIBRARY[spelled]
        except ChemspaceError as error:
            fates[type(error).__name__] += 1
            if spelled == name or not str(error):
                wrong.append(f"{spelled}: {error}")
            continue
        fates["read" if found == meant else "read as what it spells"] += 1
        if is_another(spelled, found, meant):
            wrong.append(f"{spelled}: read as {found.abbreviation}, meant {meant.abbreviation}")
    return fates, wrong


def amine_fates(number: int, seed: int) -> tuple[Counter[str], list[str]]:
    """The same of cations drawn without their protons, or as salts of acids: those must give every proton back."""
    chance, fates, wrong = random.Random(seed), Counter[str](), []
    drawn = [(c, Chem.RemoveHs(_NEUTRAL.uncharge(c.mol))) for c in LIBRARY if c.is_organic]
    drawn = [(c, mol) for c, mol in drawn if not Chem.GetFormalCharge(mol)]
    for place in range(number):
        meant, mol = chance.choice(drawn)
        order = Chem.MolToRandomSmilesVect(mol, 1, randomSeed=seed + place)[0]
        acid = chance.choice(("", "I", "Br", "Cl"))
        text = ".".join([order, *[acid] * meant.charge]) if acid else order
        try:
            got = cation_form(parse_smiles(text), text, None)
            found = Cation.from_checked_mol(got, check_charges(got, text))
        except ChemspaceError as error:
            fates[type(error).__name__] += 1
            continue
        same = Chem.MolToSmiles(_NEUTRAL.uncharge(found.mol)) == Chem.MolToSmiles(mol)
        fates["read" if found == meant else "read with other protons"] += 1
        if not same or (acid and found.charge != meant.charge):
            wrong.append(f"{text}: read as {found.smiles}, meant {meant.smiles}")
    return fates, wrong


def damaged(text: str, signs: str, chance: random.Random) -> str:
    """A text with one sign lost, doubled or replaced."""
    place = chance.randrange(len(text))
    return text[:place] + chance.choice(("", text[place] * 2, chance.choice(signs))) + text[place + 1 :]


def damaged_structure_fates(number: int, seed: int) -> tuple[Counter[str], list[str]]:
    """What becomes of damaged SMILES: refused with a reason, or the very atoms, charges and bonds that they now say."""
    chance, fates, wrong = random.Random(seed), Counter[str](), []
    for _ in range(number):
        text = damaged(chance.choice(tuple(LIBRARY)).smiles, "CNOSFI123()[]=#+-.cnH@/", chance)
        try:
            mol = cation_form(parse_smiles(text), text, None)
            found = Cation.from_checked_mol(mol, check_charges(mol, text))
        except ChemspaceError as error:
            fates[type(error).__name__] += 1
            if not str(error):
                wrong.append(f"{text}: refused without a reason")
            continue
        except Exception as error:
            wrong.append(f"{text}: {type(error).__name__}: {error}")
            continue
        fates["read"] += 1
        heavy = {atom.GetAtomicNum() for atom in Chem.MolFromSmiles(text).GetAtoms()}
        if found.charge not in (1, 2) or not {atom.GetAtomicNum() for atom in found.mol.GetAtoms()} <= heavy | {1}:
            wrong.append(f"{text}: read as {found.smiles}")
    return fates, wrong


def crystal_fates(number: int, seed: int) -> tuple[Counter[str], list[str]]:
    """What becomes of a damaged CIF of (BA)2PbI4's layer: refused with a reason, or what it now says."""
    chance, fates, wrong = random.Random(seed), Counter[str](), []
    lines = LAYER.read_text().splitlines()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.cif"
        for _ in range(number):
            place = chance.randrange(len(lines))
            kind = chance.randrange(5)
            other = {
                0: lines[:place] + lines[place + 1 :],
                1: [*lines[:place], lines[place], *lines[place:]],
                2: lines[:place],
                3: [
                    *lines[:place],
                    damaged(lines[place] or " ", "0123456789._-? 'PbISnH", chance),
                    *lines[place + 1 :],
                ],
                4: [*lines[:place], lines[chance.randrange(len(lines))], *lines[place + 1 :]],
            }[kind]
            path.write_text("\n".join(other), encoding="latin-1")
            try:
                found = structure_descriptors(path)
            except ChemspaceError as error:
                fates[type(error).__name__] += 1
                if not str(error):
                    wrong.append(f"{kind} at line {place}: refused without a reason")
                continue
            except Exception as error:
                wrong.append(f"{kind} at line {place}: {type(error).__name__}: {error}")
                continue
            fates["read"] += 1
            if not all(math.isfinite(value) for value in vars(found).values() if isinstance(value, float)):
                wrong.append(f"{kind} at line {place}: a number is not finite: {found}")
    return fates, wrong


KINDS = {
    "formulas": formula_fates,
    "structures": structure_fates,
    "condensed formulas": condensed_fates,
    "hands": hand_fates,
    "rows of files": file_fates,
    "names": name_fates,
    "amines and their salts": amine_fates,
    "damaged structures": damaged_structure_fates,
    "damaged crystals": crystal_fates,
}


def main() -> None:
    """Print what became of each kind; fail where another molecule was read."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--number", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    asked = parser.parse_args()
    RDLogger.DisableLog("rdApp.*")
    wrong = []
    for kind in asked.kinds:
        told, others = KINDS[kind](asked.number, asked.seed)
        print(
            f"{kind}: {', '.join(f'{count:,} {fate}' for fate, count in told.most_common())}; {len(others)} wrong",
            flush=True,
        )
        wrong += others
    if wrong:
        raise SystemExit("\n".join(wrong[:20]))


if __name__ == "__main__":
    main()

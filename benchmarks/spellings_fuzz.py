"""Generated spellings of formulas and structures: read rightly, refused with a reason, never another molecule.

    python -m benchmarks.spellings_fuzz [--number 10000] [--seed 0]

A formula is made of a name of the built-in library, written otherwise (case, hyphens, brackets around the hand, full
width, subscripts, HTML) and perhaps damaged; a structure of a built-in cation, its SMILES in random order, perhaps as
the salt of as many acids as it has charges. What was meant is known from how it was made.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Iterator

from rdkit import Chem

from chemspace import Cation, CationLibrary, ChemspaceError, Compound, parse_formula
from chemspace.molecule import cation_form, check_charges, parse_smiles

LIBRARY = CationLibrary.builtin()
NAMES = sorted((name, cation) for name, cation in LIBRARY.names.items() if name.replace("-", "").isalnum())
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


def structure_fates(number: int, seed: int) -> tuple[Counter[str], list[str]]:
    """How many structures were read, refused by which error, or read as another cation; the latter."""
    chance, fates, wrong = random.Random(seed), Counter[str](), []
    for place in range(number):
        meant = chance.choice(tuple(LIBRARY))
        order = Chem.MolToRandomSmilesVect(meant.mol, 1, randomSeed=seed + place)[0]
        counter = chance.choice(("", "[I-]", "[Br-]", "[Cl-]"))
        text = ".".join([order, *[counter] * meant.charge]) if counter else order
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


def main() -> None:
    """Print what became of either kind; fail where another molecule was read."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--number", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    wrong = []
    for kind, fates in (("formulas", formula_fates), ("structures", structure_fates)):
        told, others = fates(asked.number, asked.seed)
        print(f"{kind}: {', '.join(f'{count:,} {fate}' for fate, count in told.most_common())}; {len(others)} wrong")
        wrong += others
    if wrong:
        raise SystemExit("\n".join(wrong[:20]))


if __name__ == "__main__":
    main()

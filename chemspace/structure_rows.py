"""Rows of files of drawn structures: SDF (also .gz) and MDL molfiles, one record after the other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from rdkit import Chem, rdBase

from chemspace.errors import TableError
from chemspace.tables.rows import Row, read_lines, undecodable

__all__: list[str] = []

_ITEM = re.compile(r">.*?<(.+)>")
#: A record of more lines than this holds no cation.
_MAX_LINES = 20_000


def structure_rows(path: Path, choose: Callable[[list[str]], Mapping[str, str]]) -> Iterator[Row]:
    """Rows of an SDF or molfile, numbered from 1: the structure as SMILES, its title as abbreviation, its data items.

    Args:
        path: the file.
        choose: gets the names of a record's data items in small letters, gives the field of each that is wanted.

    Raises:
        TableError: if the file cannot be read, or holds no record.
    """
    number = 0
    for number, lines in enumerate(_records(path), start=1):
        items = {name.lower(): value for name, value in _items(lines)}
        fields = choose(list(items))
        cells = {"abbreviation": lines[0].strip()} | {fields[name]: items[name] for name in items if name in fields}
        problem = undecodable(cells)
        smiles, why = _smiles("\n".join(lines))
        yield Row(number, cells | {"smiles": smiles}, problem or why)
    if not number:
        raise TableError(path.name, "holds no structure; a record of an SDF or molfile has a line M  END")


def _records(path: Path) -> Iterator[list[str]]:
    """Lines of each record; what follows the last one without an end is no record."""
    lines: list[str] = []
    for line in read_lines(path):
        if line.startswith("$$$$"):
            yield lines or [""]
            lines = []
        elif len(lines) < _MAX_LINES:
            lines.append(line)
    if any(line.startswith("M  END") for line in lines):
        yield lines


def _items(lines: list[str]) -> Iterator[tuple[str, str]]:
    for place, line in enumerate(lines[:-1]):
        if match := _ITEM.match(line):
            yield match[1].strip(), lines[place + 1].strip()


def _smiles(block: str) -> tuple[str, str]:
    """SMILES of a record, or why it has none."""
    with rdBase.BlockLogs():
        mol = Chem.MolFromMolBlock(block)
        if mol is not None and mol.GetNumAtoms():
            return Chem.MolToSmiles(mol), ""
        drawn = Chem.MolFromMolBlock(block, sanitize=False)
        if drawn is None or not drawn.GetNumAtoms():
            return "", "the record holds no structure that can be read"
        try:
            Chem.SanitizeMol(drawn)
        except (ValueError, RuntimeError) as error:
            return "", f"RDKit refuses the record: {str(error).strip()[:200]}"
    return "", "the record cannot be read"

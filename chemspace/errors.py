"""Errors of spinscreen: the root of the hierarchy and the branch of this floor."""

from __future__ import annotations

from typing import Any

__all__ = ["CellError", "NotTextError", "TableError"]


class SpinscreenError(Exception):
    """Anything spinscreen refuses: the message says what was wrong, where, and what would be right."""

    def __reduce__(self) -> tuple[Any, ...]:
        """As it is, whatever arguments its class is made with: it may come from another process."""
        return type(self).__new__, (type(self), *self.args), self.__dict__


class TableError(SpinscreenError):
    """A file that holds no table, or a table that lacks what is asked of it. `name`: the file, as it was given;
    `problems`: one sentence each, naming column and cell; `right`: what would be right, "" where the problems say it;
    `row`: line of the file (row of the sheet), from 1; None where no single one is to blame."""

    def __init__(self, name: str, *problems: str, right: str = "", row: int | None = None) -> None:
        self.name, self.problems, self.right, self.row = name, problems, right, row
        where = name if row is None else f"{name}, row {row}"
        super().__init__(f"{where}: {'; '.join(problems)}" + (f". {right}" if right else ""))


class NotTextError(TableError):
    """Bytes that are no text. `what`: what they are, as the end of a sentence about the file."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__("the file", what)


class CellError(ValueError):
    """What is wrong with one cell of a table, as a sentence that says what would be right."""


class ChemspaceError(SpinscreenError):
    """A cation, formula, library or space that cannot be."""


class RegistryError(SpinscreenError):
    """A name that is given twice, or that no description could hold."""


class StructureError(ChemspaceError):
    """A SMILES that does not describe one cation: unparsable, a mixture, a radical, a metal, too large."""


class ChargeError(StructureError):
    """A molecule whose charge is not that of a spacer or cage cation."""


class UnknownCationError(ChemspaceError):
    """An abbreviation the library does not know; the message names the nearest ones."""


class AmbiguousNameError(UnknownCationError):
    """An abbreviation with several readings; the message lists them."""


class FormulaError(ChemspaceError):
    """A formula that cannot be read as a layered or three-dimensional halide perovskite."""


class NotNeutralError(FormulaError):
    """A formula whose charges do not add up to zero; the message offers the neutral one."""

    def __init__(self, message: str, suggestions: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        #: Canonical neutral formulas of the same ions, nearest first; may be empty.
        self.suggestions = suggestions


class LibraryError(ChemspaceError):
    """A cation library that cannot be read."""


class SpaceError(ChemspaceError):
    """A compound space that cannot be built, saved or opened."""


class NotInSpaceError(SpaceError):
    """A compound that the space does not hold."""


class RecipeError(ChemspaceError):
    """A recipe that cannot be written."""


class GeometryError(ChemspaceError):
    """A geometric rule asked outside its range, or a crystal that cannot be built or read."""


class UnknownRadiusError(GeometryError):
    """An ion without a tabulated radius."""

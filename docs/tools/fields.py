"""What the reference says of a class's fields, read from the `#:` comments beside or above them."""

from __future__ import annotations

import re
from typing import Any

import griffe

_BESIDE = re.compile(r"\S.*  #: (.*)$")
_ABOVE = re.compile(r"\s*#: (.*)$")


class FieldComments(griffe.Extension):
    """Adds a section "Attributes" to the docstring of a class whose fields carry such comments."""

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        """Called by griffe once a class is read whole."""
        said = {name: text for name, member in cls.members.items() if member.is_attribute and (text := _said(member))}
        if said and cls.docstring is not None:
            section = "\n".join(f"    {name}: {text}" for name, text in said.items())
            cls.docstring.value = f"{cls.docstring.value.rstrip()}\n\nAttributes:\n{section}"


def _said(field: griffe.Object | griffe.Alias) -> str:
    if field.is_alias or not isinstance(field, griffe.Attribute) or field.lineno is None:
        return ""
    lines = field.lines_collection[field.filepath]
    if beside := _BESIDE.search(lines[(field.endlineno or field.lineno) - 1]):
        return beside[1]
    above: list[str] = []
    for line in reversed(lines[: field.lineno - 1]):
        if not (comment := _ABOVE.match(line)):
            break
        above.insert(0, comment[1])
    return " ".join(above)

"""What is wrong with a campaign's description, in words: the field, what stands there, and what would be right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = ["ConfigProblem", "field_name", "nearest", "problems"]

Path = tuple[str | int, ...]

#: pydantic's kinds of error and what would be right; {} takes the limit it names.
_WANTED = {
    "int_type": "give a whole number",
    "int_parsing": "give a whole number",
    "int_from_float": "give a whole number",
    "float_type": "give a number",
    "float_parsing": "give a number",
    "finite_number": "give a number",
    "bool_type": "write true or false",
    "bool_parsing": "write true or false",
    "string_type": "give a name",
    "tuple_type": "give a list, as [1, 2]",
    "list_type": "give a list, as [1, 2]",
    "dict_type": "give fields, as {name: value}",
    "model_type": "give fields, as {name: value}",
    "model_attributes_type": "give fields, as {name: value}",
    "greater_than": "give a number above {gt:g}",
    "greater_than_equal": "give {ge:g} or more",
    "less_than_equal": "give {le:g} or less",
    "literal_error": "use {expected}",
    "too_short": "give at least {min_length}",
}


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One thing that is wrong: where (keys and positions from the top) and what."""

    path: Path
    text: str

    def __str__(self) -> str:
        return f"{field_name(self.path)}: {self.text}" if self.path else self.text


def problems(error: ValidationError) -> tuple[ConfigProblem, ...]:
    """Every problem that pydantic found, in our words."""
    from campaigns.config import CampaignConfig, LibraryFile, Limits, MeasuredProperty, Objective, Price

    parts: dict[str, Any] = {
        "limits": Limits,
        "objective": Objective,
        "prices": Price,
        "properties": MeasuredProperty,
        "further_libraries": LibraryFile,
    }
    told: dict[Path, ConfigProblem] = {}
    for found in error.errors():
        path: Path = tuple(part for part in found["loc"] if part != "[key]")  # a key that is wrong is told by its name
        if found["type"] == "extra_forbidden":
            model = parts.get(str(path[0]), CampaignConfig) if len(path) > 1 else CampaignConfig
            text = f"there is no such field{nearest(str(path[-1]), model.model_fields)}"
        else:
            text = _text(found["type"], found.get("ctx", {}), found["input"], found["msg"])
        told.setdefault(path, ConfigProblem(path, text))
    return tuple(told.values())


def nearest(name: str, known: Mapping[str, object]) -> str:
    """A hint at the names there are, the nearest ones where some are near."""
    near = get_close_matches(name, known, n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(near)}?" if near else f"; there are {', '.join(known)}"


def field_name(path: Path) -> str:
    """space.n_layers[1] of ("space", "n_layers", 1)."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _text(kind: str, context: Mapping[str, Any], value: object, message: str) -> str:
    shown = repr(value) if isinstance(value, str) else str(value)
    if kind == "value_error":
        return str(context.get("error", message))
    wanted = _WANTED.get(kind)
    return f"{shown}: {message}" if wanted is None else f"{shown} will not do; {wanted.format(**context)}"

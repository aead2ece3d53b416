"""What a file describes: the campaign of a YAML file, with the tables of prices and properties that it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from campaigns.config import BUILTIN, CampaignConfig, ConfigProblem, FieldPath, problems
from campaigns.errors import ConfigError
from chemspace.errors import CellError, TableError
from chemspace.registry import nearest
from chemspace.tables.cells import number, text_problem
from chemspace.tables.columns import Field, cells_of, match_fields
from chemspace.tables.grid import bytes_of, content_of, read_grid

__all__ = ["Description", "description_of", "read_description", "read_template", "template_names", "template_text"]

#: Characters of a description, values in it (aliases written out; the reader takes 80 us for each), and its levels.
_MOST_TEXT, _MOST_VALUES, _DEEPEST = 2_000_000, 20_000, 50
#: Problems that are told of one description.
_MOST_TOLD = 100


@dataclass(frozen=True)
class Description:
    """What a file describes."""

    config: CampaignConfig  #: the campaign, its libraries not read yet
    #: "builtin", the path, or name and content of each; a path is taken from the folder of the file.
    libraries: tuple[str | Path | tuple[str, bytes], ...] = (BUILTIN,)
    name: str = ""  #: of the file
    #: Line (from 1) of every field, by its keys and positions in the file.
    lines: Mapping[FieldPath, int] = field(default_factory=dict)

    def located(self, problem: ConfigError) -> ConfigError:
        """`problem` with the file and the line of its field, where the field stands in the file."""
        line = _line(self.lines, problem.path)
        return problem if line is None else ConfigError(f"{self.name}, line {line}: {problem}", problem.path)


#: What a file may hold at its top.
_SECTIONS = dict.fromkeys(("library", *CampaignConfig.model_fields))


def read_description(path: str | Path) -> Description:
    """The campaign that a YAML file describes; `docs/campaigns.md` lists the sections. Raises ConfigError if the file
    cannot be read or is no YAML, and for every field that is wrong: its line, its name, and what would be right."""
    path = Path(path)
    try:
        text = bytes_of(path, _MOST_TEXT).decode("utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except TableError as error:
        raise ConfigError(str(error)) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name} is no UTF-8 text; a description is a YAML file") from error
    return description_of(path.name, text, path.parent)


def read_template(name: str) -> Description:
    """The campaign that a template describes. Raises ConfigError, which lists the templates, if none is called so."""
    return description_of(f"{name}.yaml", template_text(name), Path())


def template_names() -> tuple[str, ...]:
    """The templates that come with spinscreen."""
    files = resources.files("campaigns").joinpath("templates").iterdir()
    return tuple(sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml")))


def template_text(name: str) -> str:
    """A template as it is written. Raises ConfigError as `read_template`."""
    if name not in template_names():
        raise ConfigError(f"no template is called {name!r}; there are {', '.join(template_names())}")
    return resources.files("campaigns").joinpath("templates", f"{name}.yaml").read_text(encoding="utf-8")


def description_of(name: str, text: str, folder: Path | None) -> Description:
    """The campaign that a text describes, the tables and libraries that it names taken from `folder`; None reads no
    file. Raises ConfigError as `read_description`."""
    record, lines = _read_yaml(name, text)
    found = list(islice(_unknown(record), _MOST_TOLD))
    values = {key: value for key, value in record.items() if value is not None and key in _SECTIONS}
    for section in ("space", "budget"):  # a field without a value is left out
        if isinstance(inside := values.get(section), Mapping):
            values[section] = {key: value for key, value in inside.items() if value is not None}
    config = CampaignConfig()
    try:
        values["prices"] = read_prices(values.get("prices", {}), folder)
        values["properties"] = read_properties(values.get("properties", {}), folder)
        config = CampaignConfig.model_validate(values)
    except ValidationError as error:
        found += problems(error)
    except ConfigError as error:
        found.append(ConfigProblem(error.path, str(error)))
    if len(set(config.libraries)) < len(config.libraries):
        found.append(ConfigProblem(("libraries",), "a library is named twice; name each once"))
    if found:
        raise ConfigError(_listed(name, found, lines), found[0].path)
    libraries = tuple(BUILTIN if one.name == BUILTIN else (folder or Path()) / one.name for one in config.libraries)
    return Description(config, libraries, name, lines)


def _unknown(record: Mapping[str, Any]) -> Iterator[ConfigProblem]:
    for name in record:
        if name not in _SECTIONS:
            yield ConfigProblem((name,), f"there is no such section{nearest(name, _SECTIONS)}")
    if "library" in record and "libraries" in record:
        yield ConfigProblem(("libraries",), "give one library or a list of libraries, not both")


def _listed(name: str, found: list[ConfigProblem], lines: Mapping[FieldPath, int]) -> str:
    lines_told = []
    for problem in sorted(found, key=lambda problem: _line(lines, problem.path) or 0)[:_MOST_TOLD]:
        line = _line(lines, problem.path)
        lines_told.append(f"  {'' if line is None else f'line {line}, '}{problem}")
    return f"{name} describes no campaign:\n" + "\n".join(lines_told)


def _read_yaml(name: str, text: str) -> tuple[dict[str, Any], dict[FieldPath, int]]:
    """The file's content as plain values, and the line of every field."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml: Any = YAML(typ="rt", pure=True)
    if len(text) > _MOST_TEXT:
        raise ConfigError(f"{name} has {len(text):,} characters; a description has {_MOST_TEXT:,} at most")
    if sum(map(text.count, "\n\r,")) > _MOST_VALUES:
        raise ConfigError(f"{name} says more than {_MOST_VALUES:,} values; put tables into files of their own")
    try:
        tree = yaml.load(text)
        if not isinstance(tree, dict):
            raise ConfigError(f"{name} describes no campaign: give sections such as 'library: builtin' and 'space:'")
        _check_size(name, tree)
        return _plain(tree), dict(_lines_of(tree, ()))
    except MarkedYAMLError as error:
        mark = error.problem_mark
        at = "" if mark is None else f", line {mark.line + 1}"
        raise ConfigError(f"{name}{at}: no YAML ({error.problem or error.context})") from error
    except YAMLError as error:
        raise ConfigError(f"{name} is no YAML: {str(error).splitlines()[0]}") from error
    except RecursionError:
        raise ConfigError(f"{name} describes no campaign: it is lists within lists") from None
    except (ArithmeticError, AttributeError, LookupError, NotImplementedError, TypeError, ValueError) as error:
        raise ConfigError(f"{name} is no YAML that can be read ({error})") from error  # the reader's own


def _check_size(name: str, tree: Any) -> None:
    """Checks how much a description holds: a few aliases of aliases say more than fits."""
    open_nodes, count = [(tree, 0)], 0
    while open_nodes:
        node, depth = open_nodes.pop()
        inside = list(node.values()) if isinstance(node, Mapping) else node if isinstance(node, list) else ()
        count += len(inside)
        if count > _MOST_VALUES or depth > _DEEPEST:
            raise ConfigError(f"{name} says more than {_MOST_VALUES:,} values, its aliases written out: leave them out")
        open_nodes += [(part, depth + 1) for part in inside]


def _plain(node: Any) -> Any:
    """Without the marks of the YAML reader. Raises ValueError for text that cannot be recorded."""
    if isinstance(node, Mapping):
        return {_plain(str(key)): _plain(value) for key, value in node.items()}
    if isinstance(node, str) and (problem := text_problem(node)):
        raise ValueError(f"a text in it {problem}")
    if isinstance(node, list):
        return [_plain(value) for value in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node if node is None or isinstance(node, date) else str(node)


def _lines_of(node: Any, path: FieldPath) -> Iterator[tuple[FieldPath, int]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            field_path = (*path, str(key))
            place = (node.lc.data or {}).get(key)  # type: ignore[attr-defined]  # the reader's own mapping
            if place is not None:  # what is merged in stands elsewhere
                yield field_path, place[0] + 1
            yield from _lines_of(value, field_path)
    elif isinstance(node, list):
        for place, value in enumerate(node):
            yield (*path, place), node.lc.item(place)[0] + 1  # type: ignore[attr-defined]  # the reader's own list
            yield from _lines_of(value, (*path, place))


def _line(lines: Mapping[FieldPath, int], path: FieldPath) -> int | None:
    """Line of a field, or of the nearest field around it."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path)


_PRICE_FIELDS = (Field("cation", required=True), Field("per_mol"), Field("days"), Field("hazards"))
_NUMBERS = ("per_mol", "days", "value", "error")


def read_prices(given: Any, folder: Path | None) -> Any:
    """The price table: as it stands, or that of a CSV file with the columns cation, per_mol, days and hazards."""
    if not isinstance(given, str):
        return given
    prices: dict[str, dict[str, Any]] = {}
    for where, cells in _rows(_beside(folder, given, ("prices",)), "price table", _PRICE_FIELDS, ("prices",)):
        entry: dict[str, Any] = {
            name: _number(cells[name], where, ("prices",)) for name in ("per_mol", "days") if cells.get(name)
        }
        if flags := cells.get("hazards", "").replace(";", " ").split():
            entry["hazards"] = flags
        prices[cells["cation"]] = entry
    return prices


def read_properties(given: Any, folder: Path | None) -> Any:
    """Measured properties: as they stand; a text names a CSV file with columns compound, value (or the name), error."""
    if not isinstance(given, Mapping):
        return given
    read: dict[str, Any] = {}
    for name, values in given.items():
        read[name] = values
        if isinstance(values, Mapping) and isinstance(values.get("table"), str):
            path = _beside(folder, values["table"], ("properties", name, "table"))
            read[name] = {**values, "table": _property_rows(name, path)}
    return read


def _beside(folder: Path | None, name: str, place: FieldPath) -> Path:
    """The file that a description names."""
    if folder is None:
        raise ConfigError(f"{place[0]}: no file is read from here; write what {name} holds in its place", place)
    return folder / name


def _property_rows(name: str, path: Path) -> list[dict[str, Any]]:
    place = ("properties", name, "table")
    fields = (
        Field("compound", ("compound", "formula"), required=True),
        Field("value", ("value", name), required=True),
        Field("error"),
    )
    read: list[dict[str, Any]] = []
    for where, cells in _rows(path, "table", fields, place):
        entry: dict[str, Any] = {"compound": cells["compound"], "value": _number(cells["value"], where, place)}
        if cells.get("error"):
            entry["error"] = _number(cells["error"], where, place)
        read.append(entry)
    if not read:
        raise ConfigError(f"{path.name} holds no rows; give compound,value and, where it is known, error", place)
    return read


def _rows(path: Path, what: str, fields: Sequence[Field], place: FieldPath) -> Iterator[tuple[str, dict[str, str]]]:
    """Where each row of a table stands, for messages, and its cells by field."""
    try:
        grid = read_grid(path.name, content_of(path)).only_sheet(path.name)
        columns = match_fields(path.name, grid.columns, fields, can_map=False).columns
    except TableError as error:
        raise ConfigError(f"the {what} {path} cannot be read: {'; '.join(error.problems)}", place) from error
    commas = grid.has_decimal_commas(column for field, column in columns.items() if field in _NUMBERS)
    for row in grid.rows:
        where = f"{path.name}, row {row.line}"
        try:
            yield where, cells_of(row, columns, _NUMBERS if commas else ())
        except CellError as error:
            raise ConfigError(f"{where}: {error}", place) from error


def _number(text: str, where: str, place: FieldPath) -> float:
    try:
        return number(text)
    except CellError as error:
        raise ConfigError(f"{where}: {error}", place) from error

"""A campaign described by a YAML file: sections, the lines their fields stand in, and the templates that come along."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from campaigns.config import CampaignConfig, Limits
from campaigns.config_errors import ConfigProblem, nearest, problems
from campaigns.config_tables import read_prices, read_properties
from campaigns.errors import ConfigError

__all__ = ["BUILTIN", "Description", "read_description", "read_template", "template_names", "template_text"]

#: Name of the library that comes with spinscreen.
BUILTIN = "builtin"
_SPACE = ("n_layers", "cages", "b_sites", "halides", "cage_mixtures", "halide_mixtures", "constraints")
_BUDGET = ("batch_size", *Limits.model_fields)
_TOP = (
    "dications", "objective", "oracle", "surrogate", "include_flagged", "acquisition", "seed", "prices", "properties",
)  # fmt: skip
_KNOWN = dict.fromkeys(("library", "libraries", "space", "budget", *_TOP))

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Description:
    """What a file describes.

    Attributes:
        config: the campaign, its libraries not read yet.
        libraries: "builtin" or the path of each; a path is taken from the folder of the file.
        name: of the file.
        lines: line (from 1) of every field, by its keys and positions in the file.
    """

    config: CampaignConfig
    libraries: tuple[str | Path, ...] = (BUILTIN,)
    name: str = ""
    lines: Mapping[Place, int] = field(default_factory=dict)

    def located(self, problem: ConfigError) -> ConfigError:
        """`problem` with the file and the line of its field, where the field stands in the file."""
        line = _line(self.lines, _in_file(problem.path)) if problem.path else None
        return problem if line is None else ConfigError(f"{self.name}, line {line}: {problem}", problem.path)


def read_description(path: str | Path) -> Description:
    """The campaign that a YAML file describes; `docs/campaigns.md` lists the sections.

    Raises:
        ConfigError: if the file cannot be read or is no YAML, and for every field that is wrong: its line, its name,
            and what would be right.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name} is no UTF-8 text; a description is a YAML file") from error
    return _described(path.name, text, path.parent)


def read_template(name: str) -> Description:
    """The campaign that a template describes.

    Raises:
        ConfigError: if no template is called so; the message lists those there are.
    """
    return _described(f"{name}.yaml", template_text(name), Path())


def template_names() -> tuple[str, ...]:
    """The templates that come with spinscreen."""
    files = resources.files("campaigns").joinpath("templates").iterdir()
    return tuple(sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml")))


def template_text(name: str) -> str:
    """A template as it is written.

    Raises:
        ConfigError: as `read_template`.
    """
    if name not in template_names():
        raise ConfigError(f"no template is called {name!r}; there are {', '.join(template_names())}")
    return resources.files("campaigns").joinpath("templates", f"{name}.yaml").read_text(encoding="utf-8")


def _described(name: str, text: str, folder: Path) -> Description:
    record, lines = _read_yaml(name, text)
    found = list(_unknown(record))
    flat = _flat(record)
    try:
        libraries = _libraries(record, folder)
        flat["prices"] = read_prices(flat.get("prices"), folder)
        flat["properties"] = read_properties(flat.get("properties"), folder)
        config = CampaignConfig.model_validate({key: value for key, value in flat.items() if value is not None})
    except ValidationError as error:
        found += [ConfigProblem(_in_file(problem.path), problem.text) for problem in problems(error)]
    except ConfigError as error:
        found.append(ConfigProblem(error.path, str(error)))
    if found:
        raise ConfigError(_listed(name, found, lines), found[0].path)
    return Description(config, libraries, name, lines)


def _listed(name: str, found: list[ConfigProblem], lines: Mapping[Place, int]) -> str:
    told = []
    for problem in sorted(found, key=lambda problem: _line(lines, problem.path) or 0):
        line = _line(lines, problem.path)
        told.append(f"  {'' if line is None else f'line {line}, '}{problem}")
    return f"{name} describes no campaign:\n" + "\n".join(told)


def _read_yaml(name: str, text: str) -> tuple[dict[str, Any], dict[Place, int]]:
    """The file's content as plain values, and the line of every field."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml: Any = YAML(typ="rt", pure=True)
    try:
        tree = yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        at = "" if mark is None else f", line {mark.line + 1}"
        raise ConfigError(f"{name}{at}: no YAML ({error.problem or error.context})") from error
    except YAMLError as error:
        raise ConfigError(f"{name} is no YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(tree, dict):
        raise ConfigError(f"{name} describes no campaign: give sections such as 'library: builtin' and 'space:'")
    return _plain(tree), dict(_lines_of(tree, ()))


def _plain(node: Any) -> Any:
    """Without the marks of the YAML reader."""
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _lines_of(node: Any, path: Place) -> Iterator[tuple[Place, int]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            here = (*path, str(key))
            yield here, node.lc.key(key)[0] + 1  # type: ignore[attr-defined]  # the reader's own mapping
            yield from _lines_of(value, here)
    elif isinstance(node, list):
        for place, value in enumerate(node):
            yield (*path, place), node.lc.item(place)[0] + 1  # type: ignore[attr-defined]  # the reader's own list
            yield from _lines_of(value, (*path, place))


def _line(lines: Mapping[Place, int], path: Place) -> int | None:
    """Line of a field, or of the nearest field around it."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path)


def _unknown(record: Mapping[str, Any]) -> Iterator[ConfigProblem]:
    for name in record:
        if name not in _KNOWN:
            yield ConfigProblem((name,), f"there is no such section{nearest(name, _KNOWN)}")
    for section, names in (("space", _SPACE), ("budget", _BUDGET)):
        inside = record.get(section)
        if inside is not None and not isinstance(inside, Mapping):
            yield ConfigProblem((section,), f"give fields, such as {names[0]}")
        for name in inside if isinstance(inside, Mapping) else ():
            if name not in names:
                hint = nearest(name, dict.fromkeys(names))
                yield ConfigProblem((section, name), f"there is no such field{hint}")


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """The sections of a file as the fields of a `CampaignConfig`; unknown names are left out."""
    space, budget = (inside if isinstance(inside := record.get(name), Mapping) else {} for name in ("space", "budget"))
    flat = {name: record[name] for name in _TOP if name in record}
    flat |= {name: space[name] for name in _SPACE if name in space}
    flat["limits"] = {name: budget[name] for name in Limits.model_fields if budget.get(name) is not None}
    return flat | ({"batch_size": budget["batch_size"]} if "batch_size" in budget else {})


def _in_file(path: Place) -> Place:
    """Where a field of the config stands in a file."""
    if not path:
        return path
    first, *rest = path
    if first == "limits" or first == "batch_size":
        return ("budget", *rest) if rest else ("budget", "batch_size")
    return ("space", *path) if first in _SPACE else path


def _libraries(record: Mapping[str, Any], folder: Path) -> tuple[str | Path, ...]:
    if "library" in record and "libraries" in record:
        raise ConfigError("give one library or a list of libraries, not both", ("libraries",))
    given = record.get("libraries", record.get("library"))
    where = ("libraries",) if "libraries" in record else ("library",)
    names = [BUILTIN] if given is None else given if isinstance(given, list) else [given]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ConfigError(f"give {BUILTIN} or the name of a file (.csv, .smi, .parquet)", where)
    if len(set(names)) < len(names):
        raise ConfigError("a library is named twice; name each once", where)
    return tuple(name if name == BUILTIN else folder / name for name in names)

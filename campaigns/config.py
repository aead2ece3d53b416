"""What a campaign was asked to do: fixed when it is created, kept as its first event."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import fields as fields_of
from fractions import Fraction
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, get_args

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from campaigns.errors import ConfigError
from campaigns.events import EDITIONS, FIRST, NEWEST, Edition
from campaigns.hooks import Hook
from chemspace.registry import nearest
from chemspace.tables.grid import package_table
from oracle.errors import DescriptorError, OracleError
from oracle.record import Protocol

if TYPE_CHECKING:
    from oracle.descriptors import DescriptorSet

__all__ = ["BUILTIN", "parse_layers"]

#: Name of the library that comes with spinscreen.
BUILTIN = "builtin"

#: Larger spaces are not counted one by one; no group uses one up.
COUNTED = 20_000

FieldPath = tuple[str | int, ...]

#: pydantic's kinds of error and what would be right; {} takes the limit it names.
_WANTED = {row["error"]: row["wanted"] for row in package_table("wanted.csv", "campaigns")}


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One thing that is wrong: where (keys and positions from the top) and what."""

    path: FieldPath
    text: str

    def __str__(self) -> str:
        return f"{field_name(self.path)}: {self.text}" if self.path else self.text


def problems(error: ValidationError) -> tuple[ConfigProblem, ...]:
    """Every problem that pydantic found, in our words; unknown names first, which may be the cause of the others."""
    by_place: dict[FieldPath, ConfigProblem] = {}
    for detail in sorted(error.errors(), key=lambda one: one["type"] != "extra_forbidden"):
        path = tuple(part for part in detail["loc"] if part != "[key]")  # a key that is wrong is told by its name
        kind = detail["type"]
        if kind == "extra_forbidden":
            text = f"there is no such field{nearest(str(path[-1]), _model_at(path[:-1]).model_fields)}"
        elif kind in ("model_type", "model_attributes_type"):
            text = f"give fields, such as {next(iter(_model_at(path).model_fields))}"
        else:
            text = _text(kind, detail.get("ctx", {}), detail["input"], detail["msg"])
        by_place.setdefault(path, ConfigProblem(path, text))
    return tuple(by_place.values())


def _model_at(path: FieldPath) -> type[BaseModel]:
    """The part of a description that stands at `path`, or the nearest one around it."""
    model: type[BaseModel] = CampaignConfig
    for part in path:
        if part in model.model_fields:
            model = next(_models_in(model.model_fields[str(part)].annotation), model)
    return model


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def field_name(path: FieldPath) -> str:
    """space.n_layers[1] of ("space", "n_layers", 1)."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _text(kind: str, context: Mapping[str, Any], value: object, message: str) -> str:
    if isinstance(value, int) and abs(value) >= 10**18:
        shown = f"a number of {value.bit_length()} bits"
    else:
        shown = repr(value) if isinstance(value, str) else str(value)
    if kind == "value_error":
        return str(context.get("error", message))
    wanted = _WANTED.get(kind)
    return f"{shown}: {message}" if wanted is None else f"{shown} will not do; {wanted.format(**context)}"


#: Digits of a number of layers.
_DIGITS = 4


def parse_layers(value: object) -> object:
    """Numbers of layers from "1-5", "1,2,3" or one number; what is neither is handed back as it is. ValueError for
    another text."""
    if not isinstance(value, str):
        return (value,) if type(value) is int else value
    layers: set[int] = set()
    if any(len(end) > _DIGITS for end in re.findall(r"\d+", value)):
        raise ValueError(
            f"{value[:40]!r} names more layers than the {10**_DIGITS - 1:,} that are read; write 1-5 or 1,2,3"
        )
    for part in value.split(","):
        ends = part.strip().split("-")
        if not all(end.isdigit() and int(end) >= 1 for end in ends) or len(ends) > 2 or int(ends[0]) > int(ends[-1]):
            raise ValueError(f"{value!r} is not a list of layer numbers; write 1-5 or 1,2,3")
        layers.update(range(int(ends[0]), int(ends[-1]) + 1))
    return tuple(sorted(layers))


def _mixture(value: object) -> object:
    """{I: 0.5, Br: 0.5}, or the pairs that a saved space holds, as pairs of a name and a fraction's text."""
    pairs = list(value.items()) if isinstance(value, Mapping) else value
    if not isinstance(pairs, list | tuple) or not all(isinstance(p, list | tuple) and len(p) == 2 for p in pairs):
        raise ValueError("give each ion with its fraction, as {I: 0.5, Br: 0.5}")
    return tuple((str(name), str(fraction)) for name, fraction in pairs)


def _whole(mixture: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Fractions that add up to 1, in lowest terms."""
    try:
        parts = [(name, Fraction(text)) for name, text in mixture]
    except (ValueError, ZeroDivisionError):
        raise ValueError("a fraction is a number such as 0.25 or 1/3") from None
    total = sum(fraction for _, fraction in parts)
    if total != 1 or any(fraction <= 0 for _, fraction in parts) or len(parts) < 2:
        raise ValueError(f"the fractions add up to {float(total):g}; two or more above 0 must add up to 1")
    return tuple((name, str(fraction)) for name, fraction in parts)


Mixture: TypeAlias = Annotated[tuple[tuple[str, str], ...], BeforeValidator(_mixture), AfterValidator(_whole)]
Layer: TypeAlias = Annotated[int, Field(ge=1, le=1000)]
Layers: TypeAlias = Annotated[tuple[Layer, ...], BeforeValidator(parse_layers), Field(min_length=1)]


def _one_rule(value: dict[str, Any]) -> dict[str, Any]:
    if len(value) != 1:
        raise ValueError("a constraint is one name with its fields, as - heavy_atoms: {most: 20}")
    return {name: {} if fields is None else fields for name, fields in value.items()}


Rule: TypeAlias = Annotated[dict[str, Any], AfterValidator(_one_rule)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class LibraryFile(_Part):
    """One library of a campaign: "builtin", or the name of the user's file and the hash its content is kept by."""

    name: str
    sha256: str | None = None


def _library_list(value: object) -> object:
    """One library or several, by their names or as they are kept."""
    given = list(value) if isinstance(value, list | tuple) else [value]
    if not given or not all(one and isinstance(one, str | Mapping | LibraryFile) for one in given):
        raise ValueError(f"give {BUILTIN} or the name of a file (.csv, .smi, .parquet)")
    return [{"name": one} if isinstance(one, str) else one for one in given]


class SpaceRules(_Part):
    """The compounds that a campaign may suggest."""

    n_layers: Layers = (1, 2, 3, 4, 5)  #: numbers of octahedral layers to enumerate
    #: Abbreviations of the cage cations; None takes every organic one of charge +1.
    cages: tuple[str, ...] | None = None
    b_sites: tuple[Literal["Pb", "Sn", "Ge"], ...] = Field(default=("Pb",), min_length=1)  #: B-site metals
    halides: tuple[Literal["I", "Br", "Cl"], ...] = ("I",)  #: halides
    #: `cage_mixtures`, `halide_mixtures`: further options, (name, fraction) pairs that add up to 1.
    cage_mixtures: tuple[Mixture, ...] = ()
    halide_mixtures: tuple[Mixture, ...] = ()
    #: What the space leaves out, each {name: fields} as in `chemspace.constraints`; cations may be named.
    constraints: tuple[Rule, ...] = ()


class WeighedWish(_Part):
    """One of several wishes: the value of `column` that is useless and the one that is perfect, linear between."""

    #: "log10_rate", "lifetime_ps", "acquisition", "feasibility", "novelty" (distance to the nearest measured compound
    #: in standard deviations), "price" (money for the organic cations of a mole, by the price table), or the name of
    #: one of the campaign's `properties`, predicted by its own model.
    column: str
    #: `useless`, `perfect`: useless above perfect asks for small values.
    useless: float
    perfect: float
    weight: float = Field(default=1.0, gt=0)  #: its exponent in the geometric mean of all wishes

    @model_validator(mode="after")
    def _two_ends(self) -> WeighedWish:
        if self.useless == self.perfect:
            raise ValueError("useless and perfect must be two different numbers")
        return self


class Objective(_Part):
    """What is sought: the longest spin lifetime, or a compromise of several wishes."""

    #: Count improvement from this lifetime (ps) where it is longer than the best measured one: what cannot reach it is
    #: then worth nothing. None counts from the best measured.
    goal_lifetime_ps: float | None = Field(default=None, gt=0)
    #: Where there are any, compounds are ranked by how far they are met together instead of by the acquisition times
    #: the chance that they form.
    wishes: tuple[WeighedWish, ...] = ()
    #: What is known of a compound before it is made and is traded off against the rate by the acquisition "qlog_nehvi",
    #: each with the worst value still of interest: "price" (money for the organic cations of a mole, the highest),
    #: "feasibility" (the lowest chance that it forms), "novelty" (the smallest distance to what is measured, in
    #: standard deviations).
    tradeoff: dict[Literal["price", "feasibility", "novelty"], Annotated[float, Field(ge=0, allow_inf_nan=False)]] = {}

    @property
    def asks_for_price(self) -> bool:
        """Whether the ranking depends on the price table."""
        return "price" in self.tradeoff or any(wish.column == "price" for wish in self.wishes)


class BudgetRules(_Part):
    """How many compounds a round suggests, and what they may not exceed together; None means unlimited. Nothing is
    relaxed silently.
    """

    batch_size: int = Field(default=5, ge=1, le=100_000)  #: suggestions in a round
    #: Of a batch for what teaches most, the others are likely slow; both kinds are in a batch of two. 0 leaves the
    #: kinds to the acquisition. None: 0.2 where the acquisition is "auto" and trusts its surrogate, else 0 (0 too in
    #: campaigns of release 0.1.0).
    teaching_share: float | None = Field(default=None, ge=0, le=1)
    #: Compounds of one spacer; None takes 1, and more only where the ranking has too few spacers.
    max_per_spacer: int | None = Field(default=None, ge=1)
    #: Smallest distance between two suggestions and to what is pending, in standard deviations of the ranked
    #: candidates' features (root mean square).
    min_distance: float | None = Field(default=None, ge=0)
    #: Money for the cations of the whole batch, in the unit of the price table.
    max_cost: float | None = Field(default=None, ge=0)
    max_days: float | None = Field(default=None, ge=0)  #: longest delivery time of any cation, days
    mass_g: float = Field(default=1.0, gt=0)  #: mass of each compound that is made, g; decides costs and recipes
    #: Hazard flags of the price table; no compound with a cation that carries one is suggested.
    refused_hazards: tuple[str, ...] = ()
    #: Spacers that xTB may compute: a learned oracle predicts the others and says which can still change the list. None
    #: computes every one.
    calculations: int | None = Field(default=None, ge=0)


class Price(_Part):
    """What a cation costs, as its amine or salt: money a mole, and days until it is there (None is unknown), and
    hazard flags in the user's own words, such as H300."""

    per_mol: float | None = Field(default=None, ge=0)
    days: float | None = Field(default=None, ge=0)
    hazards: tuple[str, ...] = ()


class PropertyRow(_Part):
    """One measured value of a property: the compound's formula, the value, and its standard error where it is known."""

    compound: str
    value: float = Field(allow_inf_nan=False)
    error: float | None = Field(default=None, ge=0, allow_inf_nan=False)


class MeasuredProperty(_Part):
    """A measured property beside the spin lifetime, such as a band gap."""

    table: tuple[PropertyRow, ...] = Field(min_length=1)  #: what is measured; a model of its own learns from it
    #: Which values are good, where the acquisition trades properties off; None takes no part in that.
    goal: Literal["maximize", "minimize"] | None = None
    #: The worst value that is still of interest there; None takes it from what is measured.
    worst: float | None = Field(default=None, allow_inf_nan=False)


def _protocol_fields(value: dict[str, Any]) -> dict[str, Any]:
    names = [field.name for field in fields_of(Protocol) if not field.name.endswith("_version")]
    if unknown := [name for name in value if name not in names]:
        raise ValueError(f"the oracle's protocol has no field {unknown[0]!r}; it has {', '.join(names)}")
    return value


def _known_edition(number: int) -> int:
    if number not in EDITIONS:
        raise ValueError(f"there is no edition {number}; this spinscreen knows {', '.join(map(str, EDITIONS))}")
    return number


def require_config(given: object) -> CampaignConfig:
    """What was given as a description. Raises ConfigError for what is none."""
    if not isinstance(given, CampaignConfig):
        raise ConfigError(
            f"the description is {given!r}; give a CampaignConfig: CampaignConfig.parse(...) makes one of a dict, "
            "campaigns.description.read_description(PATH).config of a file"
        )
    return given


class CampaignConfig(_Part):
    """The description of one campaign, in the sections of the YAML file that `docs/campaigns.md` explains.

    Attributes:
        libraries: "builtin" or the user's files, merged in order; the first name of a cation holds. The campaign keeps
            the files' content.
        dications: whether neutral diamines of the user's files take two protons; None: as in hydriodic acid.
        space: the compounds that may be suggested.
        objective: what is sought.
        oracle: fields of `oracle.Protocol` that are not the default's.
        descriptors: names of further descriptors that a plug-in registered, beside the ten of every campaign.
        surrogate: name of the surrogate.
        conditions: of a measurement that are learnt from beside the descriptors once twelve rows vary in one; compounds
            are predicted at room temperature.
        include_flagged: train on the published rows that are left out by default too.
        acquisition: "auto" (by the surrogate's own score card), one of `screening.strategies.STRATEGIES`,
            "qlog_nehvi" (rate, properties with a goal and the objective's tradeoff at once) or "random".
        budget: how many compounds a round suggests, and what they may not exceed.
        prices: by abbreviation, alias or InChIKey of a cation.
        properties: further measured properties by name; a unit stands at the name's end, as in band_gap_ev.
        hooks: who is told when a round is suggested, a result comes in, a surprise is found, a goal is reached.
        seed: seed of everything random.
        edition: of the defaults, the built-in library and P(forms), `campaigns.events`; the newest one where a new
            description names none, the first one where a log does.

    Example:
        >>> from campaigns import CampaignConfig
        >>> config = CampaignConfig.parse({"space": {"n_layers": [1, 2]}, "budget": {"batch_size": 3}})
        >>> config.budget.batch_size
        3
    """

    libraries: Annotated[tuple[LibraryFile, ...], BeforeValidator(_library_list)] = Field(
        default=(LibraryFile(name=BUILTIN),), validation_alias=AliasChoices("libraries", "library")
    )
    dications: bool | None = None
    space: SpaceRules = SpaceRules()
    objective: Objective = Objective()
    oracle: Annotated[dict[str, Any], AfterValidator(_protocol_fields)] = {}
    descriptors: tuple[str, ...] = ()
    surrogate: str = "networks_ranked_processes"
    conditions: tuple[Literal["temperature_k", "fluence_uj_cm2"], ...] = ()
    include_flagged: bool = False
    acquisition: str = "auto"
    budget: BudgetRules = BudgetRules()
    prices: dict[str, Price] = {}
    properties: dict[str, MeasuredProperty] = {}
    hooks: tuple[Hook, ...] = ()
    seed: int = Field(default=0, ge=0, le=2**63 - 1)
    edition: Annotated[int, AfterValidator(_known_edition)] = NEWEST

    @model_validator(mode="before")
    @classmethod
    def _in_sections(cls, values: object) -> object:
        if not isinstance(values, Mapping):
            return values
        named = values.get("edition", NEWEST)
        of_edition = EDITIONS[named].description if isinstance(named, int) and named in EDITIONS else {}
        return {**of_edition, **upcast(values)}

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> CampaignConfig:
        """Validate `values`. Raises ConfigError naming each field that is wrong."""
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            wrong = problems(error)
            listed = "; ".join(str(problem) for problem in wrong)
            raise ConfigError(f"the campaign's description is not valid: {listed}", wrong[0].path) from error

    @property
    def defaults(self) -> Edition:
        """What holds where this description says nothing else."""
        return EDITIONS[self.edition]

    @property
    def teaching_share(self) -> float:
        """Share of a batch for what teaches most, where expected improvement ranks."""
        usual = self.defaults.teaching_share if self.acquisition == "auto" else 0.0
        return usual if self.budget.teaching_share is None else self.budget.teaching_share

    @cached_property
    def protocol(self) -> Protocol:
        """How cations are computed. Raises ConfigError if the oracle refuses it."""
        try:
            return TypeAdapter(Protocol).validate_python({**self.defaults.protocol, **self.oracle})
        except ValidationError as error:
            first = problems(error)[0]
            raise ConfigError(f"oracle.{first}", ("oracle", *first.path)) from error
        except OracleError as error:
            raise ConfigError(f"oracle: {error}", ("oracle",)) from error

    @cached_property
    def descriptor_set(self) -> DescriptorSet:
        """The descriptors that compounds are learnt from. Raises ConfigError if nothing registered one of them."""
        from oracle.descriptors import descriptor_set

        try:
            return descriptor_set(self.descriptors)
        except DescriptorError as error:
            raise ConfigError(f"descriptors: {error}", ("descriptors",)) from error

    def with_libraries(self, files: tuple[tuple[str, bytes | None], ...]) -> CampaignConfig:
        """The same campaign over the libraries in `files`, (name, content) each; content None for the built-in one."""
        named = tuple(
            LibraryFile(name=name, sha256=None if content is None else sha256(content).hexdigest())
            for name, content in files
        )
        return self.model_copy(update={"libraries": named})

    def differences(self, other: CampaignConfig) -> tuple[str, ...]:
        """One line for each field in which `other` differs from this; what it leaves out is of this one's edition."""
        mine, theirs = self.fields(), other.fields()
        if "edition" not in other.model_fields_set:
            of_edition = {"edition": self.edition, **self.defaults.description}
            theirs |= {name: value for name, value in of_edition.items() if name not in other.model_fields_set}
        if theirs["dications"] is None:  # left to the rule: a campaign of 0.1.0 has False, which was the rule then
            theirs["dications"] = mine["dications"]
        tables = [
            f"properties.{name}: a table of {len(present.table)} values here, another one of {len(asked.table)} asked "
            f"for; further values come in with: spinscreen ingest CAMPAIGN FILE --property {name}"
            for name, present in self.properties.items()
            if (asked := other.properties.get(name)) is not None and asked.table != present.table
        ]
        lines = [f"{name}: {mine[name]} here, {theirs[name]} asked for" for name in mine if mine[name] != theirs[name]]
        return (*lines, *tables)

    def learning_differences(self, other: CampaignConfig) -> tuple[str, ...]:
        """One line for each field in which `other` would learn otherwise from the same measurements."""
        names = ("surrogate", "descriptors", "conditions", "include_flagged", "oracle", "edition", "seed")
        mine, theirs = self.fields(), other.fields()
        return tuple(f"{name}: {mine[name]} before, {theirs[name]} now" for name in names if mine[name] != theirs[name])

    def fields(self) -> dict[str, Any]:
        """Every field by its name, those of the space and the budget among them; tables of any length left out."""
        fields = self.model_dump(exclude={"properties": {"__all__": {"table"}}})
        return {**fields.pop("space"), **fields.pop("budget"), **fields}

    def in_sections(self) -> dict[str, Any]:
        """As `parse` reads it, without what is as by default; libraries by their names."""
        values = self.model_dump(mode="json", exclude_defaults=True, exclude={"libraries"})
        of_edition = self.model_dump(mode="json", include=set(self.defaults.description))
        return {"libraries": [one.name for one in self.libraries], **of_edition, **values}

    def to_yaml(self) -> str:
        """The text of a file that describes the same campaign; a library's file is called as it was."""
        from io import StringIO

        from ruamel.yaml import YAML

        text, yaml = StringIO(), YAML(typ="safe", pure=True)
        yaml.default_flow_style, yaml.sort_base_mapping_type_on_output = None, False  # type: ignore[assignment]
        yaml.dump(self.in_sections(), text)
        return text.getvalue()

    def key_fields(self) -> dict[str, Any]:
        """What a fit depends on, as JSON, flat as in release 0.1.0, so that the fits it kept are found again.

        Prices limit batches and change no fit, unless the ranking is by them.
        """
        values, plain = self._key_values(), CampaignConfig(dications=False, edition=FIRST)._key_values()
        return {name: value for name, value in values.items() if name in _ALWAYS_IN_KEY or value != plain.get(name)}

    def _key_values(self) -> dict[str, Any]:
        left_out = {"budget", "hooks"} if self.objective.asks_for_price else {"budget", "hooks", "prices"}
        values = self.model_dump(mode="json", exclude=left_out)
        if self.dications is None and all(file.sha256 is None for file in self.libraries):
            values["dications"] = False  # no file whose molecules it could change
        first, *further = values.pop("libraries")
        named = {"library": first["name"], "library_sha256": first["sha256"], "further_libraries": further}
        objective = values.pop("objective")
        objective = {name: value for name, value in objective.items() if value or name == "goal_lifetime_ps"}
        return {**values.pop("space"), **values, **named, "objective": objective}


#: Fields that are part of a fit's key at their default too.
_ALWAYS_IN_KEY = frozenset(
    {
        "library", "library_sha256", "n_layers", "b_sites", "halides", "cages", "include_flagged", "surrogate", "seed",
    }
)  # fmt: skip


def upcast(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a flat description, as release 0.1.0 logged it, in their sections; any other one as it is."""
    fields = dict(values)
    for section, rules in (("space", SpaceRules), ("budget", BudgetRules)):
        if inside := {name: fields.pop(name) for name in rules.model_fields if name in fields}:
            fields[section] = {**fields.get(section, {}), **inside}
    if "limits" in fields:
        fields["budget"] = {**fields.get("budget", {}), **fields.pop("limits")}
    if "library_sha256" in fields:
        first = {"name": fields.pop("library"), "sha256": fields.pop("library_sha256")}
        fields["libraries"] = [first, *fields.pop("further_libraries", ())]
    return fields

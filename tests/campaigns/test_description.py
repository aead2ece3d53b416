"""Campaigns described by a file: what is read, and how a wrong file is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from campaigns import CampaignConfig
from campaigns.config import BUILTIN
from campaigns.description import read_description, read_template, template_names
from campaigns.errors import ConfigError
from campaigns.plan import check
from chemspace import CationLibrary, parse_formula
from tests.chemspace.tables.files import workbook

WHOLE = """\
libraries: [builtin, amines.smi]
dications: true
space:
  n_layers: 1-3
  b_sites: [Pb, Sn]
  halides: [I]
  halide_mixtures:
    - {I: 0.75, Br: 1/4}
  cages: [MA]
  cage_mixtures:
    - {Cs: 0.1, FA: 0.9}
  constraints:
    - layer_limits: {rp: [1, 3], dj: [1, 2]}
    - allowed_pairs: {pairs: [[PEA, MA]]}
    - price: {most: 90, keep_unknown: true}
objective: {goal_lifetime_ps: 50}
oracle: {n_conformers: 10}
surrogate: gp
acquisition: lcb
budget: {batch_size: 3, max_per_spacer: 2, max_cost: 100, mass_g: 0.5}
prices: prices.csv
seed: 7
"""

RULE, CAGES = "space:\n  constraints:\n    - ", "space:\n  cage_mixtures:\n    - "


def described(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    (tmp_path / "prices.csv").write_text("cation,per_mol,days\nPEA,40,5\nBZA,,21\n")
    return described(tmp_path, WHOLE)


def test_every_section_is_read(whole: Path) -> None:
    found = read_description(whole)
    config = found.config
    assert found.libraries == (BUILTIN, whole.parent / "amines.smi")
    assert CampaignConfig.parse({"space": {"n_layers": 2}}).space.n_layers == (2,)
    assert (config.dications, config.space.n_layers, config.space.b_sites) == (True, (1, 2, 3), ("Pb", "Sn"))
    assert config.space.halide_mixtures == ((("I", "3/4"), ("Br", "1/4")),)
    assert config.objective.goal_lifetime_ps == 50
    assert config.protocol.n_conformers == 10
    assert (config.budget.batch_size, config.budget.max_per_spacer, config.budget.mass_g) == (3, 2, 0.5)
    assert config.prices["PEA"].per_mol == 40
    assert config.prices["BZA"].per_mol is None
    assert (config.surrogate, config.acquisition, config.seed) == ("gp", "lcb", 7)


def test_a_description_comes_back_from_the_log_as_it_was(whole: Path) -> None:
    config = read_description(whole).config
    assert CampaignConfig.parse(config.model_dump(mode="json")) == config


def test_a_described_space_holds_what_it_says(whole: Path) -> None:
    library = CationLibrary.builtin()
    space = check(read_description(whole).config, library)
    inside = "(PEA)2(MA)Pb2I7", "(PEA)2PbI4", "(BA)2(Cs0.1FA0.9)Pb2I7", "(BDA)Sn(I0.75Br0.25)4"
    outside = "(PEA)2(FA)Pb2I7", "(BA)2PbBr4", "(BA)2(FA)Pb2I7", "(BDA)(MA)2Pb3I10", "(PEA)2(Cs0.1FA0.9)Pb2I7"
    assert [formula for formula in inside if parse_formula(formula, library) not in space] == []
    assert [formula for formula in outside if parse_formula(formula, library) in space] == []


def test_a_price_limit_takes_the_campaign_s_table(whole: Path) -> None:
    space = check(read_description(whole).config, CationLibrary.builtin())
    (limit,) = (rule for rule in space.constraints if rule.name == "price")
    assert dict(limit.per_mol) == {CationLibrary.builtin()["PEA"].inchikey: 40.0}  # type: ignore[attr-defined]  # a PriceLimit


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("space:\n  n_layers: [1, 0]\n", "line 2, space.n_layers[1]: 0 will not do; give 1 or more"),
        ("space:\n  n_layers: 5-1\n", "line 2, space.n_layers: '5-1' is not a list of layer numbers; write 1-5"),
        ("seed: 1\nspace:\n  halide: [I]\n", "line 3, space.halide: there is no such field; did you mean halides"),
        ("space:\n  halides: [I, F]\n", "line 2, space.halides[1]: 'F' will not do; use 'I', 'Br' or 'Cl'"),
        (CAGES + "{MA: 0.5, FA: 0.6}\n", "line 3, space.cage_mixtures[0]: the fractions add up to 1.1"),
        (CAGES + "{MA: much, FA: 0.6}\n", "a fraction is a number such as 0.25 or 1/3"),
        ("space:\n  halide_mixtures: [I]\n", "give each ion with its fraction, as {I: 0.5, Br: 0.5}"),
        (RULE + "{a: {}, b: {}}\n", "a constraint is one name with its fields"),
        ("space: big\n", "line 1, space: give fields, such as n_layers"),
        ("budget:\n  batch_size: five\n", "line 2, budget.batch_size: 'five' will not do; give a whole number"),
        ("budget:\n  max_money: 5\n", "line 2, budget.max_money: there is no such field; there are batch_size"),
        ("objective:\n  goal_lifetime_ps: -1\n", "objective.goal_lifetime_ps: -1 will not do; give a number above 0"),
        ("oracle:\n  n_confs: 3\n", "the oracle's protocol has no field 'n_confs'; it has engine"),
        ("prices:\n  PEA: {price: 3}\n", "line 2, prices.PEA.price: there is no such field; there are per_mol, days"),
        ("prices: nowhere.csv\n", "nowhere.csv cannot be read"),
        ("library: builtin\nlibraries: [builtin]\n", "give one library or a list of libraries, not both"),
        ("libraries: []\n", "give builtin or the name of a file"),
        ("seeds: 3\n", "line 1, seeds: there is no such section; did you mean seed?"),
        ("dications: maybe\n", "dications: 'maybe' will not do; write true or false"),
        ("a: [1\nb: 2\n", "mine.yaml, line 2: no YAML"),
        ("seed: 1\nseed: 2\n", "mine.yaml, line 2: no YAML"),
        ("just words", "mine.yaml describes no campaign"),
        ("", "mine.yaml describes no campaign"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_told_by_line_and_field_with_what_would_be_right(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_description(described(tmp_path, text))
    assert says in str(caught.value)


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    path = described(tmp_path, "space:\n  n_layers: [x]\n  b_site: [Pb]\nsurrogat: gp\nseed: -1\n")
    with pytest.raises(ConfigError) as caught:
        read_description(path)
    lines = str(caught.value).splitlines()
    assert [line.split(",")[0].strip() for line in lines[1:]] == ["line 2", "line 3", "line 4", "line 5"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("space:\n  cages: [MA, XYZ]\n", "mine.yaml, line 2: cages: no cation is called 'XYZ'"),
        (RULE + "heavy_atom: {most: 3}\n", "line 3: constraints: there is none called 'heavy_atom'; did you mean"),
        (RULE + "heavy_atoms: {less: 3}\n", "constraints.heavy_atoms has no field 'less'; it has least, most"),
        (RULE + "heavy_atoms: {most: many}\n", "constraints.heavy_atoms.most: 'many' will not do; give a whole number"),
        (RULE + "layer_limits: {rp: [4, 2]}\n", "layer_limits of rp: 4 to 2 holds no n"),
        (RULE + "heavy_atoms: {most: 0}\n", "they leave none of"),
        ("surrogate: gpp\n", "line 1: surrogate: none is called 'gpp'; did you mean gp?"),
        ("acquisition: ei\n", "acquisition: none is called 'ei'; there are auto, log_ei"),
        ("seed: 1\noracle: {engine: gaussian}\n", "line 2: oracle: no engine 'gaussian'"),
        ("oracle: {n_conformers: many}\n", "oracle.n_conformers: 'many' will not do; give a whole number"),
        ("budget: {max_cost: 5}\n", "budget.max_cost needs a price table"),
        ("prices: {XYZ: {days: 1}}\n", "prices: no cation is called 'XYZ'"),
    ],
)  # fmt: skip
def test_what_only_the_library_or_the_engines_know_is_told_by_line_too(tmp_path: Path, text: str, says: str) -> None:
    found = read_description(described(tmp_path, text))
    with pytest.raises(ConfigError) as caught:
        check(found.config, CationLibrary.builtin())
    assert says in str(found.located(caught.value))


def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_description(tmp_path / "no.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ConfigError, match="no UTF-8 text"):
        read_description(tmp_path / "binary.yaml")


@pytest.mark.parametrize("name", template_names())
def test_each_template_describes_a_campaign_that_can_work(name: str) -> None:
    found = read_template(name)
    assert len(check(found.config, CationLibrary.builtin())) > 1000


def test_the_lead_iodide_template_is_the_default(tmp_path: Path) -> None:
    assert read_template("lead-iodide").config == CampaignConfig()
    with pytest.raises(ConfigError, match="no template is called 'lead'; there are lead-iodide, mixed-halide, tin"):
        read_template("lead")


def test_a_first_release_description_keeps_its_key() -> None:
    first = {
        "library",
        "library_sha256",
        "n_layers",
        "b_sites",
        "halides",
        "cages",
        "include_flagged",
        "surrogate",
        "seed",
    }
    assert set(CampaignConfig(edition=1).key_fields()) == first
    asked = CampaignConfig.parse({"edition": 1, "dications": True, "budget": {"batch_size": 9}})
    assert set(asked.key_fields()) == first | {"dications"}


def test_a_flat_description_of_the_first_release_is_read_in_sections() -> None:
    flat = {
        "library": "amines.smi",
        "library_sha256": "aa",
        "further_libraries": [{"name": "builtin", "sha256": None}],
        "n_layers": [1, 2],
        "cage_mixtures": [[["Cs", "1/10"], ["FA", "9/10"]]],
        "batch_size": 3,
        "limits": {"max_cost": 5.0},
        "seed": 7,
    }
    config = CampaignConfig.parse(flat)
    assert [(one.name, one.sha256) for one in config.libraries] == [("amines.smi", "aa"), (BUILTIN, None)]
    assert (config.space.n_layers, config.space.cage_mixtures) == ((1, 2), ((("Cs", "1/10"), ("FA", "9/10")),))
    assert (config.budget.batch_size, config.budget.max_cost, config.seed) == (3, 5.0, 7)


def test_a_file_gives_its_fields_in_their_sections(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="line 1, n_layers: there is no such section"):
        read_description(described(tmp_path, "n_layers: 1-3\n"))


@pytest.mark.parametrize("form", ["semicolons", "excel", "json"])
def test_prices_are_read_in_every_form_that_ingest_reads(whole: Path, form: str) -> None:
    content = {
        "semicolons": "cation;per_mol;days;hazards\nPEA;40,5;5;toxic\nBZA;;21;\n".encode("utf-16"),
        "excel": workbook(
            Prices=[["cation", "per_mol", "days", "hazards"], ["PEA", 40.5, 5, "toxic"], ["BZA", None, 21]]
        ),
        "json": b'{"cation": "PEA", "per_mol": 40.5, "days": 5, "hazards": "toxic"}\n{"cation": "BZA", "days": 21}\n',
    }[form]
    (whole.parent / "prices.csv").write_bytes(content)
    prices = read_description(whole).config.prices
    assert (prices["PEA"].per_mol, prices["PEA"].days, prices["PEA"].hazards) == (40.5, 5, ("toxic",))
    assert (prices["BZA"].per_mol, prices["BZA"].days) == (None, 21)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("cation,per_mol\nPEA,forty\n", "prices.csv, row 2: 'forty' is not a number"),
        ("cation,per_mol\nPEA,inf\n", "prices.csv, row 2: 'inf' is not a number"),
        ("cation;per_mol;days\nPEA;1.250;2,5\n", "prices.csv, row 2: column per_mol: '1.250' may be 1250 or 1.25"),
        ("name,per_mol\nPEA,40\n", "prices.csv cannot be read: column 'cation' is missing (found: name, per_mol)"),
        ("%PDF-1.7", "prices.csv cannot be read: it is a PDF document, not text"),
    ],
)
def test_a_price_table_that_cannot_be_is_refused_with_its_row(whole: Path, content: str, says: str) -> None:
    (whole.parent / "prices.csv").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape(says)):
        read_description(whole)

"""An .eln file goes out as the specification says, comes in again, and is refused where it lies."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from rocrate.rocrate import ROCrate

from campaigns import Campaign
from campaigns.errors import IngestError
from campaigns.exchange import ingest_crate, read_crate, write_eln
from campaigns.ingest import ReadingOptions
from tests.campaigns.conftest import described

METADATA = "lab/ro-crate-metadata.json"


@pytest.fixture(scope="module")
def eln(lab_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("eln") / "lab.eln"
    with Campaign.open(lab_once) as lab:
        assert write_eln(lab, path) == 5
    return path


def test_the_file_is_a_crate_in_one_folder_with_an_entry_for_each_compound(eln: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(eln) as archive:
        assert {name.partition("/")[0] for name in archive.namelist()} == {"lab"}
        metadata = json.loads(archive.read(METADATA))
        archive.extractall(tmp_path / "unpacked")
    # sha256 is declared: RO-Crate 1.1's context has it not (github.com/TheELNConsortium/TheELNFileFormat, issue 120)
    assert metadata["@context"] == ["https://w3id.org/ro/crate/1.1/context", {"sha256": "http://schema.org/sha256"}]
    crate = ROCrate(tmp_path / "unpacked" / "lab")  # the kept library, on real files
    assert next(one for one in metadata["@graph"] if one["@id"] == "ro-crate-metadata.json")["conformsTo"] == {
        "@id": "https://w3id.org/ro/crate/1.1"
    }
    assert crate.name == "lab"
    assert crate.root_dataset["datePublished"]
    entries = {one["name"]: one for one in crate.get_by_type("Dataset") if one.id != "./"}
    assert set(entries) == {"(PEA)2PbI4", "(CMA)2(MA)Pb2I7", "(BA)2PbI4", "(EOA)2PbI4", "(PA)2PbI4"}
    for one in crate.get_by_type("File"):
        content = (tmp_path / "unpacked" / "lab" / one.id).read_bytes()
        assert (one["contentSize"], one["sha256"]) == (str(len(content)), sha256(content).hexdigest())
    traced = entries["(BA)2PbI4"]
    kinds = sorted(part["name"].rpartition(".")[2] for part in traced["hasPart"])
    assert kinds == ["csv", "csv", "html", "json", "json"]  # two traces, the figure, the fit, the record
    assert traced["author"]["name"]  # one, not a list of one
    assert traced["dateCreated"] <= traced["dateModified"]
    assert "lifetime_ps" in traced["text"]
    assert "PbO" in traced["text"]  # the recipe
    assert "n = 3 &lt;and&gt; 5" in entries["(EOA)2PbI4"]["text"]
    assert "taken back: wrong crystal" in entries["(CMA)2(MA)Pb2I7"]["text"]
    figure = next((tmp_path / "unpacked" / "lab" / traced.id).glob("*.html")).read_text(encoding="utf-8")
    assert 'src="../plotly.min.js"' in figure
    assert (tmp_path / "unpacked" / "lab" / "plotly.min.js").is_file()


def test_the_consortiums_readers_find_what_they_look_for(eln: Path) -> None:
    # what tests/checks and tools of github.com/TheELNConsortium/TheELNFileFormat read (in 2026), in our own words
    with zipfile.ZipFile(eln) as archive:
        assert all(len(PurePosixPath(name).parts) > 1 for name in archive.namelist())
        graph = json.loads(archive.read(METADATA))["@graph"]
    nodes = {one["@id"]: one for one in graph}
    assert len(nodes) == len(graph)  # every node once, each with a type
    assert all(isinstance(one["@type"], str) for one in graph)
    assert all(one.keys() == {"@id"} for node in graph for one in node.values() if isinstance(one, dict))  # flattened
    about = nodes["ro-crate-metadata.json"]
    assert about["version"] == "1.0"
    assert isinstance(about.get("sdPublisher", {"name": ""}).get("name"), str)  # eln2md: its name, or none
    assert nodes[nodes["./"]["publisher"]["@id"]]["name"] == "spinscreen"

    def walk(node: dict[str, Any]) -> set[str]:
        assert node["name"]
        assert all(str(value).strip() for value in node.values())
        parts = [nodes[part["@id"]] for part in node.get("hasPart", [])]
        return {node["@id"]}.union(*map(walk, parts))

    files = {one["@id"] for one in graph if one["@type"] in ("File", "Dataset")}
    assert walk(nodes["./"]) == files  # all of it is reached from the root
    assert all({"sha256", "contentSize", "encodingFormat"} <= nodes[one].keys() for one in files if one[-1] != "/")
    assert all({"text", "dateCreated"} <= nodes[one].keys() for one in files - {"./"} if one[-1] == "/")


def test_another_campaign_takes_it_in_once(eln: Path, lab: Campaign, tmp_path: Path) -> None:
    with Campaign.create(tmp_path / "other", described()) as other:
        sure: ReadingOptions = {"accept_extreme": True}  # its trace is far from what was published
        (dry,), _ = ingest_crate(other, eln, dry_run=True, reading=sure)
        assert (dry.added, len(other.state.record)) == (2, 0)
        (measured,), became = ingest_crate(other, eln, reading=sure)
        assert became is not None
        assert (measured.added, measured.retracted) == (2, 1)
        assert [row.observation for row in other.state.record] == [row.observation for row in lab.state.record]
        assert {f: s for f, s in other.state.stages.items() if s.value != "measured"} == {
            f: s for f, s in lab.state.stages.items() if s.value != "measured"
        }
        (again,), known = ingest_crate(other, eln, reading=sure)
        assert known is not None
        assert (again.added, known.added) == (0, 0)


def changed(eln: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The file with other members."""
    with zipfile.ZipFile(eln) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if "plotly" not in name}
    graph = json.loads(members[METADATA])
    graph["@graph"] = [one for one in graph["@graph"] if "plotly" not in one["@id"]]
    members[METADATA] = json.dumps(graph).encode()
    change(members)
    path = eln.with_name("changed.eln")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def put(name: str, content: bytes) -> Callable[[dict[str, bytes]], None]:
    return lambda members: members.update({name: content})


def drop(name: str) -> Callable[[dict[str, bytes]], None]:
    return lambda members: void(members.pop(name))


def void(_: object) -> None:
    """Nothing."""


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (drop("lab/measurements.csv"), "measurements.csv is described and missing"),
        (put("lab/measurements.csv", b"formula,lifetime_ps\n(PEA)2PbI4,900\n"), "has another SHA-256"),
        (drop(METADATA), "holds no ro-crate-metadata.json"),
        (put(METADATA, b"{}"), "describes no RO-Crate"),
        (put(METADATA, b"no json"), "describes no RO-Crate"),
        (put(METADATA, b"[" * 200_000), "describes no RO-Crate"),
        (put("lab/../../evil", b"x"), "leads out of its folder"),
        (put("/etc/evil", b"x"), "leads out of its folder"),
        (put("lab\\..\\evil", b"x"), "leads out of its folder"),
        (put("C:/evil", b"x"), "leads out of its folder"),
        (put("other/file", b"x"), "holds 2 folders at its top"),
        (put("lab/huge", bytes(65_000_000)), "64,000,000 a file"),
    ],
)
def test_a_crate_that_lies_is_refused_in_a_sentence(
    eln: Path, change: Callable[[dict[str, bytes]], None], sentence: str
) -> None:
    with pytest.raises(IngestError) as refused:
        read_crate(changed(eln, change))
    assert sentence in str(refused.value)
    assert "nothing was written" in str(refused.value)


def test_a_member_that_unpacks_to_more_than_it_says_is_refused(eln: Path) -> None:
    def with_bomb(members: dict[str, bytes]) -> None:
        graph = json.loads(members[METADATA])
        graph["@graph"].append({"@id": "bomb", "@type": "File"})
        root = next(one for one in graph["@graph"] if one["@id"] == "./")
        root["hasPart"].append({"@id": "bomb"})
        members |= {METADATA: json.dumps(graph).encode(), "lab/bomb": bytes(10_000_019)}

    path = changed(eln, with_bomb)
    size, small = (10_000_019).to_bytes(4, "little"), (10).to_bytes(4, "little")
    assert path.read_bytes().count(size) == 2
    path.write_bytes(path.read_bytes().replace(size, small))
    with pytest.raises(IngestError, match="no zip that can be read"):
        read_crate(path)


def test_what_is_no_zip_and_a_crate_of_another_notebook_say_what_they_are(lab: Campaign, eln: Path) -> None:
    text = eln.with_name("text.eln")
    text.write_text("formula,lifetime_ps\n")
    with pytest.raises(IngestError, match="no zip that can be read"):
        read_crate(text)

    def others(members: dict[str, bytes]) -> None:
        graph = json.loads(members[METADATA])
        for name in ("measurements.csv", "outcomes.csv"):
            members.pop(f"lab/{name}")
            graph["@graph"] = [one for one in graph["@graph"] if one["@id"] != name]
        members[METADATA] = json.dumps(graph).encode()

    with pytest.raises(IngestError, match=r"5 entries and neither measurements\.csv nor outcomes\.csv"):
        ingest_crate(lab, changed(eln, others))


def test_the_command_writes_it_and_takes_it_in(lab: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from campaigns.cli.app import app

    monkeypatch.chdir(tmp_path)
    told = CliRunner().invoke(app, ["export", "lab", "--format", "eln", "--json"])
    assert json.loads(told.stdout) == {"file": "lab.eln", "entries": 5}
    with Campaign.create(tmp_path / "other", described()):
        pass
    told = CliRunner().invoke(app, ["ingest", "other", "lab.eln", "--eln", "--dry-run"])
    assert "2 outcomes would be added" in told.stdout
    assert "2 rows would be added, 1 recorded as retracted" in told.stdout
    assert CliRunner().invoke(app, ["export", "lab", "x.csv", "--format", "eln"]).exit_code == 2
    assert CliRunner().invoke(app, ["ingest", "other", "lab.eln", "--eln", "--outcomes"]).exit_code == 2

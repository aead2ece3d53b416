"""Libraries of a campaign: merged, kept by content, and read again from what is kept."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from campaigns import Campaign, CampaignConfig
from campaigns import space as libraries
from campaigns.artifacts import CACHE, Artifacts
from campaigns.events import EDITIONS, NEWEST, Stage
from campaigns.space import gather, keep_library, kept_library, with_builtin, with_columns, write_rejects
from campaigns.training import measured_dataset
from chemspace import CationLibrary, LibraryError, parse_formula
from chemspace.errors import AmbiguousNameError

AMINES = "smiles,abbreviation\nNCCc1ccccc1,MINE\nNCCCCN,BDAM\nC1CC,bad\nNCC(C)CCCl,PEA\n"


@pytest.fixture
def amines(tmp_path: Path) -> Path:
    path = tmp_path / "amines.csv"
    path.write_text(AMINES)
    return path


def config_of(read: libraries.Gathered, **how: bool) -> CampaignConfig:
    return CampaignConfig.parse(how).with_libraries(read.files)


def contents(read: libraries.Gathered) -> dict[str | None, bytes]:
    config = config_of(read)
    pairs = zip(config.libraries, read.files, strict=True)
    return {kept.sha256: content for kept, (_, content) in pairs if content is not None}


def test_libraries_are_merged_and_the_first_name_of_a_cation_holds(amines: Path) -> None:
    library = gather(["builtin", amines], dications=False).library
    assert len(library) == len(CationLibrary.builtin()) + 2
    assert library["MINE"].abbreviation == "PEA"
    renamed = next(cation for cation in library if "Cl" in cation.smiles and "PEA" in cation.names)
    assert renamed.abbreviation.startswith(renamed.inchikey[:14])
    assert library["PEA"].smiles == "[NH3+]CCc1ccccc1"


def test_what_became_of_the_rows_of_all_files_is_told(amines: Path, tmp_path: Path) -> None:
    other = tmp_path / "more.smi"
    other.write_text("CCCCCN amyl\nc1ccccc1 benzene\n")
    read = gather([amines, other])
    report = read.library.report
    assert report is not None
    assert (report.n_in, report.n_kept, report.n_rejected) == (6, 4, 2)
    assert report.path == "amines.csv and more.smi"
    target, files = tmp_path / "rejects.csv", contents(read)
    assert write_rejects(read.library, config_of(read), files.__getitem__, target)
    assert [line.split(",")[1] for line in target.read_text().splitlines()] == ["text", "C1CC", "c1ccccc1"]


def test_diamines_take_two_protons_where_that_is_asked(amines: Path) -> None:
    assert gather([amines], dications=False).library["BDAM"].charge == 1
    assert gather([amines], dications=True).library["BDAM"].charge == 2
    assert gather([amines]).library["BDAM"].charge == 2


def test_a_campaign_reads_its_libraries_from_what_it_keeps(amines: Path, tmp_path: Path) -> None:
    read = gather(["builtin", amines], dications=True)
    config = config_of(read, dications=True)
    assert [file.sha256 is None for file in config.libraries] == [True, False]
    again = kept_library(config, contents(read).__getitem__, Artifacts(tmp_path))
    assert again.content_hash == read.library.content_hash


def test_a_large_library_is_read_once_and_a_copy_of_another_is_not_believed(
    amines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libraries, "_WORTH_KEEPING", 2)
    read = gather([amines])
    config = config_of(read)
    keep_library(config, read.library, Artifacts(tmp_path))

    def refuse(digest: str) -> bytes:
        raise AssertionError("the kept file is not read where the copy is good")

    again = kept_library(config, refuse, Artifacts(tmp_path))
    assert [(c.smiles, c.abbreviation, c.names, c.role) for c in again] == [
        (c.smiles, c.abbreviation, c.names, c.role) for c in read.library
    ]
    files = contents(read).__getitem__
    both = config.model_copy(update={"dications": True})
    assert kept_library(both, files, Artifacts(tmp_path))["BDAM"].charge == 2
    for kept in (tmp_path / CACHE).glob("library-*.npz"):
        kept.write_bytes(b"damaged")
    assert kept_library(config, files, Artifacts(tmp_path)).content_hash == read.library.content_hash


def test_a_library_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match=r"no\.csv cannot be read: No such file"):
        gather([tmp_path / "no.csv"])


def test_a_published_cation_by_another_name_is_one_cation_everywhere(tmp_path: Path) -> None:
    library = tmp_path / "lab.csv"
    library.write_text("smiles,abbreviation,role\nCCCCN,BuA,spacer\nNCCO,EOAlab,spacer\nCN,MA,cage\n")
    config = CampaignConfig.parse({"surrogate": "mean", "space": {"n_layers": (1, 2)}})
    with Campaign.create(tmp_path / "lab", config, libraries=[library]) as campaign:
        best = campaign.best_observed()
        assert best is not None
        assert best[0] == "(EOAlab)2PbI4"
        for name, formula in (("(BA)2PbI4", "(BuA)2PbI4"), ("(EOA)2PbI4", best[0]), (best[0], best[0])):
            assert parse_formula(name, campaign.names).formula == formula
        measured = [compound for compound in campaign.dataset().compounds if compound is not None]
        assert {compound.formula for compound in measured if compound in campaign.space} <= {
            compound.formula for compound in campaign.space
        }
        campaign.step("(EOA)2PbI4", "accepted")
        assert [*campaign.state.stages] == [best[0]]


OWN = "smiles,abbreviation,aliases\nCCCCN,BuA,\nNCCc1ccccc1,X1,\nCCCCCN,PMA,hexyl\nNCC(C)C,mine,PEA\nCC(N)=[NH2+],AA,\n"


@pytest.fixture(scope="module")
def called() -> CationLibrary:
    """The names of a campaign whose library calls cations otherwise, and others by built-in names."""
    return with_builtin(gather([("own.csv", OWN.encode())]).library, EDITIONS[NEWEST])


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("(BA)2PbI4", "(BuA)2PbI4"),
        ("(BuA)2PbI4", "(BuA)2PbI4"),
        ("(n-butylammonium)2(MA)Pb2I7", "(BuA)2(MA)Pb2I7"),
        ("(phenethylammonium)2PbI4", "(X1)2PbI4"),
        ("(PEA)2PbI4", "(mine)2PbI4"),
        ("(iBA)2PbI4", "(mine)2PbI4"),
        ("(PMA)2PbI4", "(PMA)2PbI4"),
        ("(PeA)2PbI4", "(PMA)2PbI4"),
        ("(AA)2PbI4", "(AA)2PbI4"),
        ("(HxA)2PbI4", "(HxA)2PbI4"),
    ],
)
def test_a_formula_is_read_under_every_name_of_its_cation_and_shown_under_the_campaigns(
    written: str, read: str, called: CationLibrary
) -> None:
    compound = parse_formula(written, called)
    assert compound.formula == read
    assert parse_formula(read, called) == compound


def test_names_mean_what_the_users_library_says_and_displaced_cations_stay(called: CationLibrary) -> None:
    builtin = CationLibrary.builtin()
    assert called["PMA"] == builtin["PeA"]
    displaced = called.get_by_inchikey(builtin["PMA"].inchikey)
    assert displaced is not None
    assert called[displaced.abbreviation] == displaced == called["benzylammonium"]
    assert len(called) == len(builtin)
    assert all(called[cation.abbreviation] == cation for cation in called)
    with pytest.raises(AmbiguousNameError, match="PhEA"):
        called["PhEA"]


def test_published_rows_appear_under_the_campaigns_names(called: CationLibrary) -> None:
    filed, shown = measured_dataset((), CationLibrary.builtin()), measured_dataset((), called)
    assert shown.compounds == filed.compounds
    known = [compound for compound in shown.compounds if compound is not None]
    assert [parse_formula(compound.formula, called) for compound in known] == known
    assert {"(BuA)2PbI4", "(X1)2PbI4"} <= set(shown.table["formula"])
    assert not {"(BA)2PbI4", "(PEA)2PbI4"} & set(shown.table["formula"])


def test_a_campaign_takes_either_name_and_answers_with_its_own(tmp_path: Path) -> None:
    library, rows = tmp_path / "own.csv", tmp_path / "r.csv"
    library.write_text(OWN + "CN,MA,\n")
    rows.write_text("formula,lifetime_ps,sample\n(BA)2PbI4,3,a\n(BuA)2PbI4,3.1,b\n")
    with closing(Campaign.create(tmp_path / "other")) as campaign:  # another campaign's names in the same process
        campaign.ingest(rows, accept_extreme=True)
    with closing(Campaign.create(tmp_path / "own", libraries=[library])) as campaign:
        told = campaign.ingest(rows, accept_extreme=True)
        assert [row.formula for row in told.rows] == ["(BuA)2PbI4", "(BuA)2PbI4"]
        assert any("(BA)2PbI4 is read as (BuA)2PbI4" in word for word in told.warnings)
        assert campaign.step("(BA)2(MA)Pb2I7", Stage("not formed"), reason="no crystals").formula == "(BuA)2(MA)Pb2I7"
        assert [fate.formula for fate in campaign.state.steps] == ["(BuA)2(MA)Pb2I7"]
        assert campaign.recipe("(BA)2PbI4") == campaign.recipe("(BuA)2PbI4")
        assert campaign.best_observed is not None


def test_cations_of_two_files_or_of_the_builtin_library_that_want_one_name_are_told_with_their_structures() -> None:
    read = gather([("a.csv", b"smiles,abbreviation\nCCCCN,X\nCCCN,BA\n"), ("b.csv", b"smiles,abbreviation\nCCN,X\n")])
    report = read.library.report
    assert report is not None
    assert set(report.clashes) == {
        "2 molecules are called X: CCCC[NH3+], CC[NH3+]",
        "2 molecules are called BA: CCCC[NH3+], CCC[NH3+]",
    }
    aliased = gather([("c.csv", OWN.encode())]).library.report
    assert aliased is not None
    assert "2 molecules are called PEA: [NH3+]CCc1ccccc1, CC(C)C[NH3+]" in aliased.clashes


def test_a_library_with_other_headings_is_kept_as_one_that_reads_the_same(tmp_path: Path) -> None:
    path = tmp_path / "vendor.csv"
    path.write_text("Code,Structure\nB1,CCCCN\nX2,C1CC\nY3,CCN,surplus\n")
    columns = {"smiles": "Structure", "abbreviation": "Code"}
    read = gather([with_columns(path, columns)]).library
    assert [cation.abbreviation for cation in read] == ["B1"]
    assert read.report is not None
    assert [refused.row for refused in read.report.rejections] == [3, 4]
    assert read.content_hash == CationLibrary.read(path, columns=columns).content_hash


def test_a_lab_library_beside_the_builtin_one_keeps_its_names_and_the_builtin_dication() -> None:
    rows = b"smiles,abbreviation\nCC(C)CN,iso-BA\nNCCc1ccc(Cl)cc1,ClPEA\nCCCCCN,AA\nNCCCCN,BDA\n"
    read = gather([("my_bda.csv", rows), "builtin"]).library
    names = with_builtin(read, EDITIONS[NEWEST])
    for written in ("(BDA)PbI4", "(iso-BA)2PbI4", "(AA)2PbI4", "(ClPEA)2PbI4"):
        assert parse_formula(written, names).formula == written
    assert parse_formula("(PeA)2PbI4", names).formula == "(AA)2PbI4"
    assert read.report is not None
    assert read.report.clashes == ()

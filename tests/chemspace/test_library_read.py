"""Reading a user's library: formats, merging, rejecting row by row."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from chemspace import CationLibrary, LibraryError
from tests.chemspace.tables.files import workbook

ROWS = [
    "NCCc1ccccc1 PEA",
    "CCCCN.I BA",
    "[NH3+]CCc1ccccc1 again",
    "CCO ethanol",
    "c1ccccc1( broken",
    "C[C@@H](N)c1ccccc1 R",
]


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_smi_is_read_with_a_reason_for_every_refused_row(tmp_path: Path) -> None:
    library = CationLibrary.read(write(tmp_path / "a.smi", ROWS), rejects=tmp_path / "rejects.csv")
    report = library.report
    assert report is not None
    assert (report.n_in, report.n_kept, report.n_merged, report.n_rejected) == (6, 3, 1, 2)
    assert library["PEA"] == library["again"]
    with (tmp_path / "rejects.csv").open(newline="") as stream:
        rejects = list(csv.DictReader(stream))
    assert [row["row"] for row in rejects] == ["4", "5"]
    assert "no nitrogen" in rejects[0]["reason"]
    assert "cannot be read" in rejects[1]["reason"]


def test_a_role_is_read_in_any_case(tmp_path: Path) -> None:
    rows = ["smiles,abbreviation,role", "[NH3+]CCc1ccccc1,PEA,Spacer", "C[NH3+],MA,CAGE", "CC[NH3+],EA, Both"]
    library = CationLibrary.read(write(tmp_path / "a.csv", rows))
    assert [cation.role for cation in library] == ["spacer", "cage", "both"]


def test_gzip_csv_and_parquet_hold_the_same_library(tmp_path: Path) -> None:
    smiles, names = zip(*(line.split() for line in ROWS), strict=True)
    write(tmp_path / "a.csv", ["Name,SMILES,abbreviation", *(f"x,{s},{n}" for s, n in zip(smiles, names, strict=True))])
    with gzip.open(tmp_path / "a.smi.gz", "wt") as stream:
        stream.write("\n".join(ROWS))
    pq.write_table(pa.table({"smiles": smiles, "abbreviation": names}), tmp_path / "a.parquet")
    hashes = {CationLibrary.read(tmp_path / name).content_hash for name in ("a.csv", "a.smi.gz", "a.parquet")}
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"smiles;abbreviation;source\nNCCc1ccccc1;PEA;a, b\nCCCCN;BA;\n"),
        ("a.csv", b"sep=;\n\nSMILES;Abbreviation\nNCCc1ccccc1;PEA\nCCCCN;BA\n"),
        ("a.csv", "smiles\tabbreviation\r\nNCCc1ccccc1\tPEA\r\nCCCCN\tBA\r\n".encode("utf-16")),
        ("a.tsv", b"smiles\tabbreviation\nNCCc1ccccc1\tPEA\nCCCCN\tBA\n"),
        ("a.smi", "NCCc1ccccc1 PEA\nCCCCN BA\n".encode("utf-16")),
        ("a.csv.gz", gzip.compress(b"smiles;abbreviation\nNCCc1ccccc1;PEA\nCCCCN;BA\n", mtime=0)),
        ("a.xlsx", workbook(Amines=[["SMILES", "abbreviation"], ["NCCc1ccccc1", "PEA"], [], ["CCCCN", "BA"]])),
        ("a.csv", b"IsomericSMILES,CID,abbreviation\nNCCc1ccccc1,1001,PEA\nCCCCN,8007,BA\n"),
        ("a.csv", b"ID,canonical_smiles,Isomeric SMILES,abbreviation\n1,O,NCCc1ccccc1,PEA\n2,O,CCCCN,BA\n"),
        ("a.csv", b'{"smiles": "NCCc1ccccc1", "abbreviation": "PEA"}\n{"smiles": "CCCCN", "abbreviation": "BA"}\n'),
    ],
)
def test_a_library_is_read_in_every_form_of_a_table(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert [cation.abbreviation for cation in CationLibrary.read(tmp_path / name)] == ["PEA", "BA"]


def test_a_name_that_a_terminal_would_obey_is_refused_with_its_column(tmp_path: Path) -> None:
    lines = ["smiles,abbreviation,source", "NCCc1ccccc1,P\x1b[31m,x", "CCCCN,BA,x"]
    library = CationLibrary.read(write(tmp_path / "a.csv", lines))
    assert library.report is not None
    (refused,) = library.report.rejections
    assert refused.reason == "column abbreviation: the cell holds the control character U+001B; delete it"


def test_rows_are_counted_as_the_file_counts_them(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ["", "sep=;", "smiles;abbreviation", "CCN;EtA", "", "CCO;no amine"])
    report = CationLibrary.read(path).report
    assert report is not None
    assert [rejection.row for rejection in report.rejections] == [6]


def test_stereo_is_kept(tmp_path: Path) -> None:
    library = CationLibrary.read(write(tmp_path / "a.smi", ["C[C@@H](N)c1ccccc1 R", "C[C@H](N)c1ccccc1 S"]))
    for hand in ("R", "S"):
        assert library[hand] == CationLibrary.builtin()[f"{hand}-MBA"]


def test_a_diamine_becomes_the_dication_of_hydriodic_acid_unless_one_proton_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "a.smi", ["NCCCCN BDA"])
    assert CationLibrary.read(path)["BDA"].charge == 2
    assert CationLibrary.read(path, dications=True)["BDA"].charge == 2
    assert CationLibrary.read(path, dications=False)["BDA"].charge == 1


def test_columns_of_a_csv_are_used(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv", ["smiles,abbreviation,aliases,name,role,source", "CCN,EtA,ea;eth,ethyl amine,both,shelf 3"]
    )
    cation = CationLibrary.read(path)["eth"]
    assert (cation.abbreviation, cation.role, cation.source) == ("EtA", "both", "shelf 3")
    assert cation.names == ("ea", "eth", "ethyl amine")


def test_known_cage_cations_keep_their_role(tmp_path: Path) -> None:
    library = CationLibrary.read(write(tmp_path / "a.smi", ["CN MA", "NC=N FA", "CCCCN BA"]))
    assert [c.abbreviation for c in library.cages] == ["MA", "FA"]


def test_one_name_on_two_rows_becomes_an_ambiguous_alias(tmp_path: Path) -> None:
    library = CationLibrary.read(write(tmp_path / "a.smi", ["CCN X", "CCCN X", "CCCCN Y"]))
    assert len(library) == 3
    assert library["X"].smiles == "CC[NH3+]"
    assert [c.smiles for c in library if "X" in c.names] == ["CCC[NH3+]"]


def test_name_with_spaces_stays_a_name(tmp_path: Path) -> None:
    library = CationLibrary.read(write(tmp_path / "a.smi", ["CCN ethyl amine"]))
    assert library["ethyl amine"].abbreviation == "QUSNBJAOOMFDIB"


def test_progress_counts_rows(tmp_path: Path) -> None:
    calls: list[int] = []
    path = write(tmp_path / "a.smi", ["CCCN kept", *(f"O refused{i}" for i in range(2499))])
    CationLibrary.read(path, progress=lambda done, total, note: calls.append(done))
    assert calls == [1000, 2000]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", b"", "empty"),
        ("a.csv", b"name\nx\n", "no column smiles"),
        ("a.csv", b"smiles,smiles\nC,C\n", "twice"),
        ("a.csv", b"smiles\n", "no cation in 0 rows"),
        ("a.smi", b"", "no cation in 0 rows"),
        ("a.smi", b"CCO\n", "row 1.*no nitrogen"),
        ("a.smi", b"\x7fELF\0\0\0\0", "binary"),
        ("a.smi.gz", b"CCN", "cannot be read"),
        pytest.param("a.smi.gz", gzip.compress(b"CCN x\n" * 1000, mtime=0)[:-10], "gzip", id="cut short"),
        ("a.parquet", b"not parquet", "Parquet"),
        ("a.docx", b"", "unknown ending"),
        ("a.xlsx", b"", "empty"),
        ("a.csv", b"%PDF-1.7", "no column smiles"),
    ],
)
def test_file_that_cannot_be_read_says_why(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(LibraryError, match=says):
        CationLibrary.read(path)


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    for name in ("a.smi", "a.parquet", "a.csv.gz"):
        with pytest.raises(LibraryError, match="cannot be read"):
            CationLibrary.read(tmp_path / name)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (b"\xff\xfe,x", "UTF-8"),
        (b"CCN,x,y,z", "fields"),
        (b"CCN,x,filler", "role"),
        (b"C" * 199 + b"N,x", "200 heavy atoms"),
        (b"C" * 3000 + b"N,x", "characters"),
        (b"[Fe+2],x", "Fe"),
        (b"[13CH3]N,x", "isotope"),
        (b"C[CH]N,x", "radical"),
        (b"CN.CCN,x", "mixture"),
        (b",x", "empty"),
    ],
)
def test_a_bad_row_is_rejected_and_the_rest_goes_on(tmp_path: Path, row: bytes, says: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"smiles,abbreviation,role\nCCN,good,\n" + row + b"\nCCCN,also,\n")
    report = CationLibrary.read(path).report
    assert report is not None
    assert (report.n_kept, report.n_rejected) == (2, 1)
    assert says in report.rejections[0].reason
    assert report.rejections[0].row == 3


@pytest.mark.parametrize(
    "heading", ["smile", "SMILE", "simles", "smiles_canonical", "smiles_neutral", "IsomericSMILES", "SMILES (salt)"]
)
def test_structures_are_found_under_any_usual_heading(tmp_path: Path, heading: str) -> None:
    library = CationLibrary.read(write(tmp_path / "a.csv", [f"id,{heading},name", "1,NCCc1ccccc1,PEA"]))
    assert [cation.smiles for cation in library] == ["[NH3+]CCc1ccccc1"]


def test_columns_are_mapped_and_a_name_that_fits_is_the_abbreviation(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ["Code,Structure,smiles", "B1,CCCCN,none", "P 2,NCCc1ccccc1,none"])
    library = CationLibrary.read(path, columns={"smiles": "Structure", "name": "Code"})
    assert library["B1"].smiles == "CCCC[NH3+]"
    assert library["P 2"].smiles == "[NH3+]CCc1ccccc1"
    with pytest.raises(LibraryError, match="no column Nope"):
        CationLibrary.read(path, columns={"smiles": "Nope"})
    with pytest.raises(LibraryError, match="'charge' is no field of a library"):
        CationLibrary.read(path, columns={"charge": "Code"})


def test_two_headings_that_may_be_smiles_are_refused_with_both(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ["smiles_old,smiles_new", "CCCCN,CCCN"])
    with pytest.raises(LibraryError, match=r"\(smiles_old, smiles_new\).*--map smiles=COLUMN"):
        CationLibrary.read(path)


def test_drawn_structures_are_read_with_their_hands_and_charges(tmp_path: Path) -> None:
    drawn = {"S1": "C[C@@H](N)c1ccccc1", "BuA": "CCCC[NH3+]", "EDAc": "NCCN.Cl.Cl"}
    blocks = {}
    for name, smiles in drawn.items():
        mol = Chem.MolFromSmiles(smiles)
        AllChem.Compute2DCoords(mol)
        mol.SetProp("_Name", name)
        blocks[name] = Chem.MolToMolBlock(mol)
    records = [f"{block}> <role>\nboth\n\n$$$$\n" for block in blocks.values()]
    broken = "five\n\n\n  1  0  0  0  0  0            999 V2000\n    0.0 0.0 0.0 ?\n$$$$\n"
    (tmp_path / "a.sdf.gz").write_bytes(gzip.compress("".join([*records, broken]).encode()))
    library = CationLibrary.read(tmp_path / "a.sdf.gz")
    assert {cation.abbreviation: cation.smiles for cation in library} == {
        "S1": "C[C@@H]([NH3+])c1ccccc1",
        "BuA": "CCCC[NH3+]",
        "EDAc": "[NH3+]CC[NH3+]",
    }
    assert {cation.role for cation in library} == {"both"}
    assert library.report is not None
    assert [(one.row, one.reason) for one in library.report.rejections] == [
        (4, "the record holds no structure that can be read")
    ]
    (tmp_path / "b.mol").write_text(blocks["BuA"])
    assert CationLibrary.read(tmp_path / "b.mol")["BuA"].smiles == "CCCC[NH3+]"
    (tmp_path / "c.sdf").write_text("no record\n")
    with pytest.raises(LibraryError, match="holds no structure"):
        CationLibrary.read(tmp_path / "c.sdf")

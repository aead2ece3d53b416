"""SMILES and files as given on a command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from chemspace import Cation
from oracle import CationRecord, Protocol
from oracle.describe import read_inputs
from oracle.errors import InputError

PROTOCOL = Protocol()


def test_smiles_and_files_mix_and_every_row_ends_as_a_cation_or_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "amines.smi").write_text("CCN ethylamine\nC1CC(\nC[NH3+]\n")
    (tmp_path / "more.csv").write_text("smiles,name\nNCCc1ccccc1,PEA\n[Cl-],chloride\n")
    inputs = ["CC[NH3+]", str(tmp_path / "amines.smi"), str(tmp_path / "more.csv"), "C[CH2]"]
    read = list(read_inputs(inputs, PROTOCOL))
    assert [type(each) for each in read] == [Cation, Cation, CationRecord, Cation, Cation, CationRecord, CationRecord]
    assert read[0] == read[1]
    refused = [each for each in read if isinstance(each, CationRecord)]
    assert all(each.error and each.error_type and not each.ok for each in refused)
    assert (refused[0].error or "").startswith("amines.smi row 2: ")


def test_diamines_take_one_proton_where_asked() -> None:
    (one,) = read_inputs(["NCCCCN"], PROTOCOL, dications=False)
    (two,) = read_inputs(["NCCCCN"], PROTOCOL)
    assert (one.charge, two.charge) == (1, 2)


def test_a_file_that_is_not_there_is_an_error() -> None:
    with pytest.raises(InputError, match=r"there is no file absent\.smi"):
        list(read_inputs(["absent.smi"], PROTOCOL))

"""`spinscreen oracle`: describe, export, import."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from campaigns.cli.cations import ORACLE as app
from oracle import OracleStore
from oracle.errors import StoreCorruptError
from tests.oracle.conftest import SLOW, SMALL

ROOT = Path(__file__).parents[2]

KEYS = [
    *("smiles", "inchikey", "charge", "homo_ev", "lumo_ev", "gap_ev", "dipole_debye", "polarizability_bohr3"),
    *("radius_angstrom", "molar_mass_g_mol", "electronegativity", "energy_hartree", "n_conformers", "protocol"),
    *("seconds", "status", "error"),
]

QUICK = ["--conformers", "1", "--optimised", "1", "--workers", "1"]


def call(store: Path, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, [*words, "--oracle-store", str(store)])
    assert result.exit_code == code, result.output
    return result.stdout


def test_json_has_the_promised_keys_and_one_object_for_each_input(tmp_path: Path) -> None:
    out = call(tmp_path / "o.db", "describe", "C[NH3+]", "C1CC(", "CC[NH3+]", *QUICK, "--json", code=3)
    rows = json.loads(out)
    assert [list(row) for row in rows] == [KEYS] * 3
    assert [row["status"] for row in rows] == ["ok", "failed", "ok"]
    assert rows[0]["homo_ev"] == pytest.approx(-18.65, abs=2e-2)
    assert "SMILES" in rows[1]["error"]


def test_a_second_call_takes_everything_from_the_store(tmp_path: Path) -> None:
    first = call(tmp_path / "o.db", "describe", "C[NH3+]", *QUICK, "--json")
    assert call(tmp_path / "o.db", "describe", "C[NH3+]", *QUICK, "--json") == first


def test_tables_are_written_as_csv_and_parquet(tmp_path: Path) -> None:
    (tmp_path / "amines.smi").write_text("CN methylamine\nCCN ethylamine\n")
    for name in ("out.csv", "out.parquet"):
        option = f"--{name.split('.')[1]}"
        call(tmp_path / "o.db", "describe", str(tmp_path / "amines.smi"), *QUICK, option, str(tmp_path / name))
    frames = pd.read_csv(tmp_path / "out.csv"), pd.read_parquet(tmp_path / "out.parquet")
    assert all(list(frame.columns) == KEYS and len(frame) == 2 for frame in frames)
    assert frames[0].homo_ev.to_list() == pytest.approx(frames[1].homo_ev.to_list())


def test_the_exit_code_is_one_where_nothing_succeeded(tmp_path: Path) -> None:
    call(tmp_path / "o.db", "describe", "C1CC(", *QUICK, code=1)


def test_wrong_usage_is_exit_code_two(tmp_path: Path) -> None:
    call(tmp_path / "o.db", "describe", "C[NH3+]", "--engine", "gaussian", code=2)
    call(tmp_path / "o.db", "describe", "C[NH3+]", "--json", "--csv", str(tmp_path / "x.csv"), code=2)


def test_a_missing_file_is_wrong_usage_and_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["describe", "absent.smi", "--oracle-store", str(tmp_path / "o.db")])
    assert result.exit_code == 2
    assert "absent.smi" in result.output


def test_export_and_import(tmp_path: Path) -> None:
    call(tmp_path / "o.db", "describe", "C[NH3+]", *QUICK, "--json")
    call(tmp_path / "o.db", "export", str(tmp_path / "all.parquet"))
    call(tmp_path / "second.db", "import", str(tmp_path / "all.parquet"))
    call(tmp_path / "second.db", "import", str(tmp_path / "o.db"))
    assert call(tmp_path / "second.db", "describe", "C[NH3+]", *QUICK, "--json") == call(
        tmp_path / "o.db", "describe", "C[NH3+]", *QUICK, "--json"
    )


#: `spinscreen`, with the signal of Ctrl-C as a terminal delivers it (a shell in the background has it ignored).
PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from campaigns.cli import main
main()
"""


def test_ctrl_c_ends_the_command_without_a_traceback_and_the_next_call_goes_on(tmp_path: Path) -> None:
    words = ["oracle", "describe", *SMALL, SLOW, "--workers", "2", "--optimised", "1", "--json"]
    words += ["--conformers", "30", "--oracle-store", str(tmp_path / "o.db")]
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, *words], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    with OracleStore(tmp_path / "o.db") as store:
        deadline = time.monotonic() + 60
        while len(store) < 2:
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 130
        assert "Traceback" not in said
        kept = {record.inchikey: record.seconds for record in store}
    words[words.index(SLOW)] = SMALL[0]
    again = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], cwd=ROOT, capture_output=True, text=True, check=True
    )
    rows = json.loads(again.stdout)
    assert {row["status"] for row in rows} == {"ok"}
    assert all(row["seconds"] == kept.get(row["inchikey"], row["seconds"]) for row in rows)


def test_a_store_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "o.db").write_text("nothing of the kind" * 500)
    result = CliRunner().invoke(app, ["describe", "C[NH3+]", "--oracle-store", str(tmp_path / "o.db")])
    assert isinstance(result.exception, StoreCorruptError)

"""`spinscreen fit-trace`: what it prints and how it ends."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from benchmarks.synthetic_traces import Truth, delay_grid, synthetic_map, synthetic_trace
from campaigns.cli.ingest import fit_trace
from campaigns.errors import KineticsError

app = typer.Typer()
app.command()(fit_trace)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder, rng = tmp_path_factory.mktemp("traces"), np.random.default_rng(6)
    delay = delay_grid("log", 200, 2.0)
    trace = synthetic_trace(rng, delay, Truth(lifetime_ps=2.0, snr=30.0, height=-1e-3))
    short = synthetic_trace(rng, delay_grid("log", 250, 0.02), Truth(lifetime_ps=0.02, snr=30.0))
    tables = {
        "sc": ("delay_ps,signal", [delay, trace.sc]),
        "cc": ("delay_ps,signal", [delay, trace.cc]),
        "both": ("delay_ps,sc,cc", [delay, trace.sc, trace.cc]),
        "short": ("delay_ps,sc,cc", [short.delay_ps, short.sc, short.cc]),
        "flat": ("delay_ps,sc,cc", [delay, 0 * delay + 1, 0 * delay]),
    }
    for name, (heading, columns) in tables.items():
        np.savetxt(folder / name, np.column_stack(columns), delimiter=",", header=heading, comments="")
    wavelength = np.linspace(510.0, 540.0, 31)
    for name, each in zip(
        ("sc_map", "cc_map"),
        synthetic_map(rng, wavelength, delay, Truth(lifetime_ps=2.0, snr=8.0, height=-1e-3), peak_nm=524.0),
        strict=True,
    ):
        block = np.vstack([np.r_[0.0, each.delay_ps], np.column_stack([wavelength, each.signal])])
        np.savetxt(folder / name, block, delimiter=",")
    (folder / "pdf.csv").write_bytes(b"%PDF-1.7\n")
    return {path.name: str(path) for path in folder.iterdir()}


def run(*arguments: str) -> tuple[int, str, str, BaseException | None]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.stdout, result.stderr, result.exception


def test_two_traces_give_a_lifetime(files: dict[str, str]) -> None:
    code, out, err, _ = run("--sc", files["sc"], "--cc", files["cc"], "--irf-fwhm", "0.15")
    assert code == 0
    assert out.startswith("lifetime 2")
    assert "ps (0.15 given)" in out
    assert re.match(r"lifetime (\S+) \+/- (\S+) ps \(1\.\d+ to 2\.\d+ ps; by noise alone 95% interval", out)
    assert "no trace shows; a campaign keeps it" in out
    assert err == ""


def test_json_holds_the_promised_keys_and_nothing_else_is_on_stdout(files: dict[str, str]) -> None:
    code, out, _, _ = run("--trace", files["both"], "--json")
    found = json.loads(out)
    assert code == 0
    assert found["lifetime_ps"] == pytest.approx(2.0, rel=0.1)
    assert found["lifetime_low_ps"] < found["lifetime_ps"] < found["lifetime_high_ps"]
    assert found["is_upper_bound"] is False
    assert found["model"] == "exponential"
    assert {"lifetime_stderr_ps", "irf_fwhm_ps", "aicc", "r_squared"} <= set(found)
    assert len(found["sources"][0]["sha256"]) == 64


def test_a_short_lifetime_is_printed_as_a_bound(files: dict[str, str]) -> None:
    code, out, _, _ = run("--trace", files["short"], "--irf-fwhm", "0.15")
    assert code == 0
    assert "lifetime <" in out
    assert "upper bound" in out


def test_swapped_files_warn_on_stderr(files: dict[str, str]) -> None:
    code, _, err, _ = run("--sc", files["cc"], "--cc", files["sc"], "--json")
    assert code == 0
    assert "swapped" in err


def test_maps_give_a_lifetime_and_figures(files: dict[str, str], tmp_path: Path) -> None:
    page = tmp_path / "fit.html"
    code, out, err, _ = run("--sc-map", files["sc_map"], "--cc-map", files["cc_map"], "--plot", str(page))
    assert code == 0
    assert "lifetime 2" in out or "lifetime 1.9" in out
    assert "photobleach peak" in err
    assert page.stat().st_size > 1_000_000


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--sc", "{sc}"),
        ("--sc", "{sc}", "--cc", "{cc}", "--trace", "{both}"),
        ("--sc-map", "{sc_map}"),
        ("--trace", "{both}", "--window", "500", "510"),
        ("--trace", "{both}", "--irf-fwhm", "-1"),
        ("--trace", "{both}", "--irf-fwhm", "wide"),
        ("--trace", "{both}", "--model", "gaussian"),
        ("--trace", "nowhere.csv"),
    ],
)
def test_a_wrong_command_ends_with_two(files: dict[str, str], arguments: tuple[str, ...]) -> None:
    code, out, err, _ = run(*(argument.format(**files) for argument in arguments))
    assert code == 2
    assert out == ""
    assert "Usage" in err


@pytest.mark.parametrize(("name", "message"), [("pdf.csv", "a PDF document"), ("flat", "constant")])
def test_wrong_data_raise_the_typed_error(files: dict[str, str], name: str, message: str) -> None:
    *_, problem = run("--trace", files[name])
    assert isinstance(problem, KineticsError)
    assert message in str(problem)


def test_help_is_quick_because_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, campaigns.cli.ingest; heavy = {'lmfit', 'scipy', 'plotly', 'torch'} & set(sys.modules); "
        "print(sorted(heavy)); sys.exit(bool(heavy))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_columns_and_the_unit_of_a_stage_can_be_told(files: dict[str, str], tmp_path: Path) -> None:
    delay, *signals = np.loadtxt(files["both"], delimiter=",", skiprows=1, unpack=True)
    path = tmp_path / "stage.csv"
    np.savetxt(path, np.column_stack([delay * 0.149896229, *signals]), delimiter=",", header="pos,a,b", comments="")
    asked = ["--trace", str(path), "--delay-unit", "mm"]
    assert isinstance(run(*asked)[3], KineticsError)
    code, out, err, _ = run(*asked, "--map", "delay=pos", "--map", "sc=a", "--map", "cc=b")
    assert code == 0
    assert out.startswith("lifetime 2")
    assert "SC is 'a', CC is 'b'" in err
    assert "6.67128 ps per mm" in err
    code, _, err, _ = run(*asked, "--map", "sc")
    assert code == 2
    assert "write FIELD=COLUMN, as sc=LL" in " ".join(err.split())

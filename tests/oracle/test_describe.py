"""From cations to records: reproducible numbers, one bad cation at a time, processes that die."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import oracle.workers
from chemspace import Cation
from oracle import CationRecord, Limits, OracleStore, Protocol, describe, describe_each
from oracle.compute import compute
from oracle.engines.base import ANGSTROM_PER_BOHR, atomic_masses
from oracle.errors import InputError, ProtocolError, StoreFullError, WorkerCrashError
from oracle.record import Task
from oracle.store import read_inputs
from tests.oracle.conftest import SLOW, SMALL
from tests.oracle.golden import GOLDEN

ROOT = Path(__file__).parents[2]


def children(parent: int) -> list[int]:
    """Workers that `parent` has started and that still run; other tests may leave it other children."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, ppid = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
                is_worker = b"oracle.workers" in (entry / "cmdline").read_bytes()
            except (OSError, ValueError):
                continue
            if int(ppid) == parent and state != "Z" and is_worker:
                found.append(int(entry.name))
    return found


def processor_seconds(pid: int) -> float:
    """What a process has used so far: unlike the clock it does not run on a machine that is busy with other things."""
    used = (Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return sum(map(int, used)) / os.sysconf("SC_CLK_TCK")


def wait_for(condition: object, seconds: float = 60.0) -> None:
    """Waits until `condition()` holds."""
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]  # a callable
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_records_come_in_the_order_of_the_cations(small: list[Cation], quick: Protocol) -> None:
    records = describe(small, quick, workers=1)
    assert [record.inchikey for record in records] == [cation.inchikey for cation in small]
    assert all(record.ok for record in records)


def test_numbers_do_not_depend_on_workers_or_order(small: list[Cation], quick: Protocol) -> None:
    assert describe(small, quick, workers=1) == describe(small[::-1], quick, workers=3)[::-1]


def test_a_record_carries_geometry_versions_and_protocol(small: list[Cation], quick: Protocol) -> None:
    (record,) = describe(small[:1], quick)
    assert record.geometry is not None
    assert record.geometry.splitlines()[0] == "8"
    assert "tblite" in record.versions
    assert record.protocol_key == quick.key
    assert record.molar_mass_g_mol == pytest.approx(small[0].molar_mass_g_mol)
    assert record.gap_ev == pytest.approx((record.lumo_ev or 0) - (record.homo_ev or 0))
    assert record.seconds > 0


def test_a_record_holds_the_golden_values_in_the_units_of_its_columns(lowest_in_gas: Protocol) -> None:
    golden = GOLDEN[0]
    (record,) = describe([Cation.from_smiles(golden.smiles)], lowest_in_gas)
    assert record.energy_hartree == pytest.approx(golden.energy_hartree, abs=1e-6)
    assert record.homo_ev == pytest.approx(golden.homo_ev, abs=2e-3)
    assert record.lumo_ev == pytest.approx(golden.lumo_ev, abs=2e-3)
    assert record.polarizability_bohr3 == pytest.approx(golden.d4_bohr3, abs=0.02)
    # an ion's dipole depends on the origin: the golden one, like ours, is taken about the centre of mass
    masses = atomic_masses(golden.numbers)
    assert masses @ golden.positions / masses.sum() == pytest.approx(0.0, abs=1e-4)
    assert record.dipole_debye == pytest.approx(golden.dipole_debye, abs=5e-3)
    widest = max(np.linalg.norm(a - b) for a in golden.positions for b in golden.positions)
    assert record.radius_angstrom == pytest.approx(0.5 * widest * ANGSTROM_PER_BOHR, abs=2e-3)
    atoms = [line.split() for line in (record.geometry or "").splitlines()[2:]]
    assert sorted(atom[0] for atom in atoms) == ["C", *["H"] * 6, "N"]
    points = np.array([[float(number) for number in atom[1:]] for atom in atoms])
    assert max(np.linalg.norm(a - b) for a in points for b in points) == pytest.approx(2.0 * record.radius_angstrom)


def test_the_lowest_of_the_optimised_conformers_is_kept_and_the_most_promising_is_tried_first() -> None:
    # the oxygen of this ion turns to the ammonium or away from it: 25 millihartree between the two minima
    folding = [Cation.from_smiles("COCCC[NH3+]")]
    gas = {"conformer_solvent": None, "stretch": 0.0}
    (one,), (every,) = (describe(folding, Protocol(n_conformers=12, n_optimised=n, **gas)) for n in (1, 12))
    assert one.n_conformers == every.n_conformers > 2
    assert one.energy_hartree == pytest.approx(every.energy_hartree, abs=1e-5)


def test_what_the_store_holds_is_not_computed_again(
    small: list[Cation], quick: Protocol, store: OracleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = describe(small, quick, store, workers=1)
    monkeypatch.setattr(oracle.workers, "_PROGRAM", "raise SystemExit('no worker may start')")
    again = describe(small, quick, store, workers=1)
    assert again == first
    assert [r.seconds for r in again] == [r.seconds for r in first]


def test_a_geometry_of_another_protocol_is_taken_and_the_numbers_are_those_without_it(
    small: list[Cation], quick: Protocol, store: OracleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_water, (alone,) = replace(quick, solvent="water"), describe(small[:1], replace(quick, solvent="water"))
    (gas,) = describe(small[:1], quick, store)
    (shared,) = describe(small[:1], in_water, store)
    assert shared == alone
    assert shared.geometry == gas.geometry
    assert shared.homo_ev != gas.homo_ev
    monkeypatch.delattr("oracle.compute._relax")
    small_gap = replace(gas, warnings=("the gap is 0.10 eV", "UFF was used"))
    again = compute(Task(gas.inchikey, gas.smiles, gas.charge, small_gap), in_water)
    assert (again.warnings, again.geometry) == (("UFF was used",), gas.geometry)
    assert again.homo_ev == pytest.approx(shared.homo_ev, abs=1e-6)


def test_a_protocol_of_other_versions_can_be_read_but_not_computed(small: list[Cation], store: OracleStore) -> None:
    old = Protocol(engine_version="0.1", n_conformers=1, n_optimised=1)
    with pytest.raises(ProtocolError, match=r"names tblite 0\.1, installed is"):
        describe(small[:1], old, store)
    kept = CationRecord(small[0].inchikey, small[0].smiles, 1, "ok", old.label, old.key, homo_ev=-1.0)
    store.put(kept)
    assert describe(small[:1], old, store) == [kept]


def test_a_full_disk_stops_the_run_and_its_workers(small: list[Cation], quick: Protocol, store: OracleStore) -> None:
    describe(small[:1], quick, store)
    store._connection.execute("PRAGMA max_page_count = 3")
    with pytest.raises(StoreFullError):
        describe(small, quick, store, workers=1)
    assert len(store) < len(small)
    wait_for(lambda: not children(os.getpid()), 10)


def test_the_finite_field_is_named_in_the_record_and_differs(small: list[Cation], lowest_in_gas: Protocol) -> None:
    protocol = replace(lowest_in_gas, polarizability="finite-field", polarizability_version="none")
    (field,), (d4,) = describe(small[:1], protocol), describe(small[:1], lowest_in_gas)
    assert field.polarizability_bohr3 == pytest.approx(11.22, abs=0.05)
    assert d4.polarizability_bohr3 == pytest.approx(24.49, abs=0.05)
    assert "finite-field" in field.protocol
    assert field.protocol_key != d4.protocol_key


def test_repeated_cations_are_computed_once(small: list[Cation], quick: Protocol, store: OracleStore) -> None:
    records = describe([small[0], small[1], small[0]], quick, store, workers=1)
    assert records[0] is records[2]
    assert len(store) == 2


def test_progress_counts_to_the_end(small: list[Cation], quick: Protocol) -> None:
    seen: list[tuple[int, int, str]] = []
    describe(small, quick, workers=1, progress=lambda *step: seen.append(step))
    assert [done for done, _, _ in seen] == [1, 2, 3, 4, 5, 6]
    assert {total for _, total, _ in seen} == {6}
    assert {note for _, _, note in seen} == {cation.abbreviation for cation in small}


def test_one_bad_cation_costs_only_itself(small: list[Cation], quick: Protocol) -> None:
    caesium = Cation.from_smiles("[Cs+]")
    records = describe([small[0], caesium, small[1]], quick, workers=1)
    assert [record.status for record in records] == ["ok", "failed", "ok"]
    assert records[1].error_type == "InputError"
    assert "single atom" in (records[1].error or "")
    assert not records[1].retry


def test_a_moved_proton_is_a_failure_that_says_so(quick: Protocol, lowest_in_gas: Protocol) -> None:
    # In the gas phase the ammonium of this ion hands a proton to the pyridine beside it; a solvent keeps it.
    ion = [Cation.from_smiles("[NH3+]Cc1ccccn1")]
    assert describe(ion, quick)[0].ok
    (record,) = describe(ion, lowest_in_gas)
    assert record.error_type == "BondsChangedError"
    assert re.search(r"bond N0-H(\d+) broke; bond N7-H\1 formed", record.error or "")
    assert not record.retry
    assert record.homo_ev is None


def test_orbitals_that_nearly_meet_are_a_warning_and_no_failure(quick: Protocol) -> None:
    ester, plain = (Cation.from_smiles(text) for text in ("CCCCOCCOC(=O)c1ccc[nH+]c1", "c1cc[nH+]cc1"))
    records = describe([ester, plain], quick, workers=1)
    assert [record.status for record in records] == ["ok", "ok"]
    assert (records[0].gap_ev or 9.0) < 0.5
    (warning,) = records[0].warnings
    assert warning.startswith(f"the gap is {records[0].gap_ev:.2f} eV")
    assert "charge transfer" in warning
    assert records[1].warnings == ()


def test_a_cation_over_its_time_limit_costs_only_itself(small: list[Cation], store: OracleStore) -> None:
    patient = Protocol(n_conformers=150, n_optimised=1)
    slow = Cation.from_smiles(SLOW)
    records = describe([slow, small[0]], patient, store, limits=Limits(seconds=2.0))
    assert records[0].error_type == "TimeLimitError"
    assert "2 s" in (records[0].error or "")
    assert records[0].retry
    assert records[1].ok
    assert len(store) == 2


def test_a_cation_over_its_memory_limit_costs_only_itself() -> None:
    patient = Protocol(n_conformers=60, n_optimised=1)
    (record,) = describe([Cation.from_smiles(SLOW)], patient, workers=1, limits=Limits(memory_mb=20))
    assert record.error_type == "MemoryLimitError"
    assert record.retry


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSEGV])
def test_a_worker_that_is_killed_costs_one_cation_and_is_replaced(blow: signal.Signals, small: list[Cation]) -> None:
    patient = Protocol(n_conformers=40, n_optimised=1)
    slow = Cation.from_smiles(SLOW)
    found: list[CationRecord] = []

    def strike() -> None:
        wait_for(lambda: children(os.getpid()))
        (victim,) = children(os.getpid())
        wait_for(lambda: processor_seconds(victim) > 1.5)  # it has started and works on the long one
        os.kill(victim, blow)

    striker = threading.Thread(target=strike)
    striker.start()
    found = describe([slow, *small[:2]], patient, workers=1)
    striker.join()
    assert [record.status for record in found] == ["failed", "ok", "ok"]
    assert found[0].error_type == "WorkerCrashError"
    assert blow.name in (found[0].error or "")
    assert found[0].retry


#: Stands in for an engine: its library reads from address zero as soon as it is given an iodine.
BROKEN_LIBRARY = """
import ctypes
from tblite_as_installed.interface import Calculator as Real

def Calculator(method, numbers, *positions, **options):
    if 53 in numbers:
        ctypes.string_at(0)
    return Real(method, numbers, *positions, **options)
"""


def test_a_segmentation_fault_inside_an_engine_costs_one_cation(
    small: list[Cation], quick: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tblite

    (tmp_path / "tblite").mkdir()
    (tmp_path / "tblite" / "__init__.py").write_text("")
    (tmp_path / "tblite" / "interface.py").write_text(BROKEN_LIBRARY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "tblite_as_installed").symlink_to(Path(tblite.__file__).parent)
    records = describe([small[0], Cation.from_smiles("[NH3+]CCI"), small[1]], quick, workers=1)
    assert [record.status for record in records] == ["ok", "failed", "ok"]
    assert records[1].error_type == "WorkerCrashError"
    assert "SIGSEGV" in (records[1].error or "")


def test_a_failure_worth_another_try_is_tried_again(small: list[Cation], quick: Protocol, store: OracleStore) -> None:
    long_enough_to_be_weighed = [Cation.from_smiles(SLOW)]
    (failed,) = describe(long_enough_to_be_weighed, quick, store, limits=Limits(memory_mb=1))
    assert failed.error_type == "MemoryLimitError"
    (again,) = describe(long_enough_to_be_weighed, quick, store)
    assert again.ok


def test_workers_that_cannot_start_are_an_error_with_their_last_words(
    small: list[Cation], quick: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oracle.workers, "_PROGRAM", "raise SystemExit('no such library')")
    with pytest.raises(WorkerCrashError, match="no such library"):
        describe(small, quick, workers=2)


def test_leaving_early_leaves_no_process_behind(small: list[Cation], quick: Protocol) -> None:
    stream: Iterator[CationRecord] = describe_each(small, quick, workers=2)
    assert next(stream).ok
    stream.close()  # type: ignore[attr-defined]  # a generator
    wait_for(lambda: not children(os.getpid()), 10)


PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell runs the tests in the background
from chemspace import Cation
from oracle import OracleStore, Protocol, describe
cations = [Cation.from_smiles(text) for text in sys.argv[2:]]
with OracleStore(sys.argv[1]) as store:
    describe(cations, Protocol(n_conformers=30, n_optimised=1), store, workers=2)
"""


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_stopped_keeps_what_was_finished_and_goes_on(tmp_path: Path, blow: signal.Signals) -> None:
    path = tmp_path / "oracle.db"
    # No main guard and no file behind the program: workers must start all the same.
    command = [sys.executable, "-c", PROGRAM, str(path), *SMALL, SLOW]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    wait_for(lambda: path.exists() and len(children(process.pid)) == 2)
    with OracleStore(path) as store:
        wait_for(lambda: len(store) >= 3)
        workers = children(process.pid)
        process.send_signal(blow)
        assert process.wait(20) != 0
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), 20)
        kept = {record.inchikey: record.seconds for record in store}
        cations = [Cation.from_smiles(text) for text in SMALL]
        records = describe(cations, Protocol(n_conformers=30, n_optimised=1), store)
    assert all(record.ok for record in records)
    assert all(record.seconds == kept[record.inchikey] for record in records if record.inchikey in kept)


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

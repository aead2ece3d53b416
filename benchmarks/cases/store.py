"""The oracle's store against one JSON file a record."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks import oracle_speed
from benchmarks.registry import Outcome, Setting, case
from benchmarks.timing import timed
from oracle import OracleStore, describe

RECORDS = 5_000


@case("store-write", "Writing 5,000 records", "CPU s", "5,000 records")
def write(setting: Setting) -> Outcome:
    """One transaction that survives a loss of power, against files that need not."""
    return _both(setting)[0]


@case("store-read", "Looking up 5,000 records", "CPU s", "5,000 records")
def read(setting: Setting) -> Outcome:
    """By their keys."""
    return _both(setting)[1]


def _both(setting: Setting) -> tuple[Outcome, Outcome]:
    (record,) = describe(oracle_speed.sample(1), oracle_speed.ONE)
    keys = [f"KEY-{k:06d}" for k in range(RECORDS)]
    records = [replace(record, inchikey=key) for key in keys]
    written: dict[str, list[float]] = {"spinscreen": [], "a JSON file a record": []}
    found: dict[str, list[float]] = {name: [] for name in written}
    for _ in range(setting.times(5)):
        with tempfile.TemporaryDirectory() as folder, OracleStore(Path(folder) / "oracle.db") as store:
            written["spinscreen"].append(timed(lambda store=store: store.put_many(records))[1])
            found["spinscreen"].append(timed(lambda store=store: store.get_many(keys, oracle_speed.ONE))[1])
            root = Path(folder)

            def put(root: Path = root) -> None:
                for each in records:
                    (root / f"{each.inchikey}.json").write_text(json.dumps(asdict(each)))

            def get(root: Path = root) -> None:
                for key in keys:
                    json.loads((root / f"{key}.json").read_text())

            written["a JSON file a record"].append(timed(put)[1])
            found["a JSON file a record"].append(timed(get)[1])
    return Outcome(written), Outcome(found)

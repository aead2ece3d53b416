"""Commands outside the loop of a campaign, and commands that are refused: what is printed, and the exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.golden.commands import Answer, Commands
from tests.golden.comparison import without_moments

__all__ = ["ASKED", "answer_to", "write_asked"]

#: A name for each, and the command.
ASKED = {
    "suggest_pool": "suggest --pool pool.csv --observed observed.csv --target rate --json",
    "suggest_details": "suggest lab --details --seed 7 -q 2 --json",
    "explain": "explain tradeoff (PDA)PbI4 --json",
    "explain_text": "explain tradeoff (PDA)PbI4",
    "library_show": "library show cations.csv --json",
    "library_find": "library find PEA CCC[NH3+] --json",
    "library_convert": "library convert amines.smi out.csv --dications --json",
    "oracle_describe": "oracle describe CCC[NH3+] --json --conformer-solvent gas --conformers 20 --optimised 2 "
    "--stretch 0",
    "template": "launch new --template mixed-halide --show-template",
    "ingest_dry_run": "ingest lab further.csv --dry-run --yes",
    "ingest_dry_run_json": "ingest lab further.csv --dry-run --yes --json",
    "ingest_unconfirmed": "ingest lab lab_results.csv",
    "ingest_refused": "ingest lab wrong.csv --dry-run",
    "ingest_values_refused": "ingest lab wrong_gaps.csv --property band_gap_ev",
    "ingest_unknown_property": "ingest lab gaps.csv --property colour",
    "launch_refused": "launch new --config wrong.yaml",
    "launch_another": "launch lead --library cations.csv --n-layers 1-3",
    "accept_refused": "outcome lab (BDA)PbI4 abandoned",
    "decline_refused": "decline lab (BDA)(FA)Pb2I7",
    "retract_refused": "retract lab 99 --reason mistake",
    "no_campaign": "status nothing",
    "no_round": "replay lab 77",
}
_WRONG = "formula,lifetime_ps\n(XX)2PbI4,1\n(PEA)2PbI5,2\n(PEA)2PbI4,-1\n(BA)2PbI4,99999999\n(PA)2PbI4,0.4 ns\n"
_WRONG_YAML = """library: cations.csv
space: {n_layer: 1-3, b_sites: [Pt]}
budget: {batch_size: 0}
acquisitio: log_ei
"""


def write_asked(folder: Path) -> None:
    """Write the files that these commands take."""
    pool = "".join(f"{at / 10},{at * 7 % 13 / 13:.3f}\n" for at in range(40))
    seen = "".join(f"{at / 2.5},{at * 5 % 11 / 11:.3f},{(at / 2.5 - 2) ** 2 + at % 3 * 0.1:.3f}\n" for at in range(12))
    texts = {
        "pool.csv": "a,b\n" + pool,
        "observed.csv": "a,b,rate\n" + seen,
        "wrong.csv": _WRONG,
        "wrong_gaps.csv": "compound,value\n(BA)2PbI4,2430\n(XX)2PbI4,2.4\n(PA)2PbI4,wide\n",
        "wrong.yaml": _WRONG_YAML,
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def answer_to(run: Commands, name: str) -> dict[str, Any]:
    """Exit code and stdout, as JSON where it is JSON; stderr where the command was refused."""
    answer = run(*ASKED[name].split(), code=None)
    told: dict[str, Any] = without_moments({"code": answer.code, "out": _out(name, answer)})
    return told | {"err": answer.err.splitlines()} if answer.code else told


def _out(name: str, answer: Answer) -> Any:
    return answer.json if "--json" in ASKED[name] and not answer.code else answer.out.splitlines()

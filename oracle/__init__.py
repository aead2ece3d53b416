"""Floor 2: what can be computed of a cation before anybody makes it.

`describe` turns cations into records with xTB, in worker processes, through a store that computes nothing twice;
`compound_descriptors` (and `oracle.descriptors.space_descriptors`) turn records into the ten descriptors of compounds.
Most names load their modules when first used: a campaign is looked at without NumPy and RDKit.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from oracle.errors import OracleError, ProtocolError
from oracle.record import Protocol
from oracle.store import OracleStore, default_store_path, describe, describe_each

if TYPE_CHECKING:
    from oracle.descriptors import CationTable, compound_descriptors
    from oracle.record import CationRecord, Limits

__all__ = [
    "CationRecord",
    "CationTable",
    "Limits",
    "OracleError",
    "OracleStore",
    "Protocol",
    "ProtocolError",
    "compound_descriptors",
    "default_store_path",
    "describe",
    "describe_each",
]

_HOMES = {
    "CationRecord": "oracle.record",
    "CationTable": "oracle.descriptors",
    "Limits": "oracle.record",
    "compound_descriptors": "oracle.descriptors",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'oracle' has no attribute {name!r}")

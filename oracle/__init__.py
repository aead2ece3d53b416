"""Floor 2: what can be computed of a cation before anybody makes it.

`describe` turns cations into records with xTB, in worker processes, through a store that computes nothing twice;
`compound_descriptors` (and `oracle.descriptors.space_descriptors`) turn records into the ten descriptors of compounds.
"""

from __future__ import annotations

from oracle.describe import describe, describe_each
from oracle.descriptors import CationTable, compound_descriptors
from oracle.errors import OracleError, ProtocolError
from oracle.protocol import Protocol
from oracle.record import CationRecord, Limits
from oracle.store import OracleStore, default_store_path

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

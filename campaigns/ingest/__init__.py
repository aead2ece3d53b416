"""From a file of results to measurements that can be trusted."""

from campaigns.ingest.layout import COLUMNS, FIELDS
from campaigns.ingest.table import (
    VALUE_FIELDS,
    IngestTable,
    ReadingOptions,
    ValueOptions,
    ValueTable,
    read_table,
    read_values,
)
from chemspace.tables.units import UNITS

__all__ = [
    "COLUMNS",
    "FIELDS",
    "UNITS",
    "VALUE_FIELDS",
    "IngestTable",
    "ReadingOptions",
    "ValueOptions",
    "ValueTable",
    "read_table",
    "read_values",
]

"""From a file of results to measurements that can be trusted."""

from campaigns.ingest.cells import UNITS
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

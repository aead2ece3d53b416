"""From a file of results to measurements that can be trusted."""

from campaigns.ingest.layout import COLUMNS, FIELDS
from campaigns.ingest.table import IngestTable, ReadingOptions, read_table
from campaigns.ingest.units import UNITS
from campaigns.ingest.values import VALUE_FIELDS, ValueOptions, ValueTable, read_values

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

"""From a file of results to measurements that can be trusted."""

from campaigns.ingest.layout import COLUMNS, FIELDS
from campaigns.ingest.table import IngestTable, ReadingOptions, read_table
from campaigns.ingest.units import UNITS

__all__ = ["COLUMNS", "FIELDS", "UNITS", "IngestTable", "ReadingOptions", "read_table"]

"""From a file of results to observations that can be trusted."""

from campaigns.ingest.layout import COLUMNS, FIELDS
from campaigns.ingest.table import VALUE_FIELDS, ObservationTable, ReadingOptions, read_observations
from chemspace.tables.units import UNITS

__all__ = ["COLUMNS", "FIELDS", "UNITS", "VALUE_FIELDS", "ObservationTable", "ReadingOptions", "read_observations"]

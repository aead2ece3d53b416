"""From a file of results to observations that can be trusted."""

from campaigns.ingest.table import ObservationTable, ReadingOptions, read_observations
from chemspace.tables.units import UNITS

__all__ = ["UNITS", "ObservationTable", "ReadingOptions", "read_observations"]

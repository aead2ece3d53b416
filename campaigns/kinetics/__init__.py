"""From time-resolved reflection traces to spin lifetimes.

Read what the laser wrote (`read_trace`, `read_traces`, `read_map` and `trace_at`), fit a decay of the difference
SC - CC through the instrument response (`fit_trace`) and look at it (`campaigns.kinetics.figures`). A lifetime is tau
of the difference, in ps, with a standard error and a profile-likelihood interval, or an upper bound where the response
hides it; `campaigns.kinetics.result` relates tau to half-life and T1.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from campaigns.errors import KineticsError
    from campaigns.kinetics.fit import fit_trace
    from campaigns.kinetics.maps import ProbeWindow, TransientMap, read_map, trace_at
    from campaigns.kinetics.measurement import Measured, MeasuredFiles, TraceSettings, measure
    from campaigns.kinetics.result import TraceFit
    from campaigns.kinetics.trace import Trace, read_trace, read_traces

__all__ = [
    "KineticsError",
    "Measured",
    "MeasuredFiles",
    "ProbeWindow",
    "Trace",
    "TraceFit",
    "TraceSettings",
    "TransientMap",
    "fit_trace",
    "measure",
    "read_map",
    "read_trace",
    "read_traces",
    "trace_at",
]

#: Module of each name. Loaded when asked for: the fit brings SciPy, and reading a table needs neither.
_NAMES = {
    "fit": "fit_trace",
    "maps": "ProbeWindow TransientMap read_map trace_at",
    "measurement": "Measured MeasuredFiles TraceSettings measure",
    "result": "TraceFit",
    "trace": "Trace read_trace read_traces",
}
_HOMES = {name: f"campaigns.kinetics.{module}" for module, names in _NAMES.items() for name in names.split()}
_HOMES["KineticsError"] = "campaigns.errors"


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)

"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

#: Settings of an option that takes a file which must be there.
EXISTING_FILE = {"exists": True, "dir_okay": False, "show_default": False}

Folder = Annotated[Path, typer.Argument(metavar="CAMPAIGN", help="The campaign's folder.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Dications = Annotated[bool, typer.Option("--dications", help="Diamines take two protons.")]
Workers = Annotated[int, typer.Option("--workers", min=1, help="Processes that compute xTB descriptors.")]
Dask = Annotated[
    str | None,
    typer.Option(
        "--dask",
        help="Address or scheduler file of a Dask cluster that does the work. Default: this machine.",
        show_default=False,
    ),
]
OracleStorePath = Annotated[
    Path | None,
    typer.Option(
        "--oracle-store",
        envvar="SPINSCREEN_ORACLE_STORE",
        help="File that keeps computed descriptors for all campaigns. Default: the user's cache folder.",
        show_default=False,
    ),
]

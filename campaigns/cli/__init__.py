"""The `spinscreen` command. Modules that compute are imported inside the commands, so that `--help` is quick."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line: exit code 0 done, 1 the data are wrong, 2 the command is wrong."""
    from campaigns.cli import console
    from campaigns.cli.app import app
    from campaigns.errors import CampaignExistsError, CampaignNotFoundError, ConfigError, PropertyError
    from chemspace.errors import SpinscreenError

    try:
        app()
    except SpinscreenError as problem:
        console.error(str(problem))
        wrong_command = CampaignExistsError | CampaignNotFoundError | ConfigError | PropertyError
        sys.exit(2 if isinstance(problem, wrong_command) else 1)
    except KeyboardInterrupt:
        console.note("stopped; what was finished is kept, the same command goes on from there")
        sys.exit(130)

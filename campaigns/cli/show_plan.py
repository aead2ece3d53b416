"""How a launch that is only planned looks in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from campaigns.cli.console import out

if TYPE_CHECKING:
    from campaigns.plan import LaunchPlan

__all__ = ["show_plan", "span"]


def show_plan(plan: LaunchPlan, then: str) -> None:
    """Sizes, estimates, problems; `then` says what the launch itself does, as "makes demo"."""
    about = "" if plan.compounds_exact else "about "
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right")
    table.add_column()
    table.add_row(f"{about}{plan.n_compounds:,}", "compounds")
    table.add_row(
        f"{plan.n_spacers:,}", f"spacers: {plan.n_rp_spacers:,} of charge +1 (RP), {plan.n_dj_spacers:,} of +2 (DJ)"
    )
    table.add_row(f"{plan.n_cage_options}", "cage cations and mixtures")
    table.add_row(f"{plan.n_to_compute:,}", f"cations to compute; {plan.n_stored:,} are in the oracle's store")
    table.add_row(span(plan.oracle_seconds), f"for the oracle ({plan.oracle_seconds_from})")
    table.add_row(span(plan.learning_seconds), "to train, validate and rank (timed here on the published rows)")
    table.add_row(f"{plan.memory_mb:,.0f} MB", "of memory at most")
    out.print(table)
    for problem in plan.problems:
        out.print(f"[yellow]look at this:[/] {escape(problem)}", soft_wrap=True)
    out.print(f"nothing was written; without --dry-run this {escape(then)}", soft_wrap=True)


def span(seconds: float) -> str:
    """A time that is only roughly known: 8 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"

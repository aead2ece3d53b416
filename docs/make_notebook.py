"""Write and run docs/campaign.ipynb: a small campaign from Python.

python docs/make_notebook.py [FILE]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

__all__ = ["build", "execute"]

TARGET = Path(__file__).parent / "campaign.ipynb"

#: Text and code cells in turn; the first of each pair is told, the second run.
CELLS = (
    (
        "# A campaign from Python\n\nWhat the `spinscreen` command does, a notebook does with `Campaign`: create, "
        "compute, suggest, take results in, and look at tables and figures. The cations here are ten real ones, the "
        "lifetimes that are ingested below are made up.",
        """\
import plotly.io

from campaigns import Campaign, CampaignConfig

plotly.io.renderers.default = "plotly_mimetype"

CATIONS = \"\"\"abbreviation,smiles,role
PEA,[NH3+]CCc1ccccc1,spacer
BA,CCCC[NH3+],spacer
PA,CCC[NH3+],spacer
EOA,OCC[NH3+],spacer
4AMP,[NH3+]CC1CC[NH2+]CC1,spacer
BDA,[NH3+]CCCC[NH3+],spacer
PDA,[NH3+]CCC[NH3+],spacer
CMA,[NH3+]CC1CCCCC1,spacer
MA,C[NH3+],cage
FA,NC=[NH2+],cage
\"\"\"
with open("cations.csv", "w") as file:
    file.write(CATIONS)

config = CampaignConfig.parse(
    {"space": {"n_layers": "1-3", "cage_mixtures": [{"MA": 0.5, "FA": 0.5}]}, "budget": {"batch_size": 3}}
)
campaign = Campaign.create("small", config, libraries=["cations.csv"])
len(campaign.space), campaign.space[5].formula""",
    ),
    (
        "The oracle computes what it does not have yet, for these cations and for those of the measured compounds.",
        "campaign.describe(workers=2)",
    ),
    (
        "Three compounds to make. Asked again, the answer is the same until new results come in.",
        """\
batch = campaign.suggest()
campaign.table("suggestions")[
    ["formula", "lifetime_ps", "lifetime_low_ps", "lifetime_high_ps", "feasibility", "nearest_measured"]
].round(3)""",
    ),
    ("Why the first, and what to weigh in for half a gram.", "print(batch.suggestions[0].reason)"),
    ("", "print(campaign.recipe(batch.suggestions[0].formula, mass_g=0.5))"),
    (
        "How far to trust it: no row below was predicted by a model that had seen it.",
        """\
print(campaign.fit().grade)
campaign.table("scores")[["split", "r2_log", "mae_log", "spearman", "coverage_90", "n_rows"]].round(2)""",
    ),
    ("", 'campaign.figures()["parity"]'),
    (
        "One was made and measured, one will not be made, one came out as something else.",
        """\
from campaigns.events import Stage

first, second, third = (suggestion.formula for suggestion in batch.suggestions)
campaign.step(second, Stage.DECLINED, reason="no supplier")
campaign.step(third, Stage.MIXED_PHASES, reason="two sets of low-angle reflections")
with open("results.csv", "w") as file:
    file.write(f"formula,lifetime_ps,lifetime_stderr_ps,sample\\n{first},31,2,crystal 7\\n")
campaign.ingest("results.csv").added""",
    ),
    (
        "Training again tells what was surprising and what moved, with the new result it is owed to.",
        """\
for line in (*campaign.retrain().surprises, *campaign.changes()):
    print(line)""",
    ),
    ("Where every compound stands, and the next three.", 'campaign.table("compounds")'),
    ("", "[suggestion.formula for suggestion in campaign.suggest().suggestions]"),
    ("What the model looks at.", 'campaign.figures()["importances"]'),
    (
        "A starting structure for a calculation (pymatgen), with the oracle's geometries.",
        """\
structure = campaign.structure("(BDA)PbI4")
structure.composition.reduced_formula, [round(length, 2) for length in structure.lattice.abc]""",
    ),
)


def build() -> NotebookNode:
    """The notebook, not run."""
    cells = []
    for place, (text, code) in enumerate(CELLS):
        if text:
            cells.append(new_markdown_cell(text, id=f"text-{place}"))
        cells.append(new_code_cell(code, id=f"code-{place}"))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def execute(notebook: NotebookNode) -> NotebookNode:
    """Run it in a folder of its own; times, and what libraries say on stderr, are not kept.

    Raises:
        CellExecutionError: if a cell fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=900, resources={"metadata": {"path": folder}}).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    notebook.metadata.pop("language_info", None)
    return notebook


def main() -> None:
    """Write the notebook with its output."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    nbformat.write(execute(build()), target)


if __name__ == "__main__":
    main()

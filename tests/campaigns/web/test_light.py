"""The command line does not pay for the server."""

from __future__ import annotations

import subprocess
import sys


def test_the_command_line_loads_no_server() -> None:
    code = (
        "import sys, campaigns, campaigns.cli.app; "
        "print(sorted({'fastapi', 'uvicorn', 'starlette', 'httpx', 'plotly', 'jinja2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_server_is_ready_before_torch_plotly_and_pandas_are() -> None:
    heavy = "{'torch', 'plotly', 'shap', 'pymatgen', 'pandas'}"
    code = f"import sys, campaigns.web.app; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""The report as a PDF, printed by a headless Chromium where one is installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from campaigns.errors import PdfError
from campaigns.files import write_whole

__all__ = ["BROWSERS", "write_pdf"]

#: Commands that are looked for, in this order.
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
#: Figures have to be drawn first; a page that takes longer than this never ends.
PATIENCE_S = 180


def write_pdf(html: Path, pdf: Path) -> None:
    """Print a page into a PDF file, which appears whole or not at all.

    Args:
        html: the page, which must load nothing from elsewhere.
        pdf: where to.

    Raises:
        PdfError: if no browser is installed, or it prints nothing.
        StoreError: if the file cannot be written.
    """
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        raise PdfError(
            f"a PDF needs Chromium (looked for: {', '.join(BROWSERS)}); on Debian: apt-get install chromium. "
            "The HTML report is written and prints from any browser"
        )
    write_whole(pdf, lambda target: _print(browser, html, target))


def _print(browser: str, html: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory() as profile:
        command = [
            browser,
            "--headless",
            "--no-sandbox",  # it prints a page of ours that loads nothing, and must run as root in a container
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            f"--user-data-dir={profile}",
            "--virtual-time-budget=20000",
            "--no-pdf-header-footer",
            f"--print-to-pdf={target}",
            html.resolve().as_uri(),
        ]
        try:
            done = subprocess.run(
                command, capture_output=True, encoding="utf-8", errors="replace", timeout=PATIENCE_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise PdfError(f"{browser} did not print {html} within {PATIENCE_S} s") from None
    if done.returncode != 0 or not target.read_bytes().startswith(b"%PDF"):
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise PdfError(f"{browser} could not print {html}: {last}")

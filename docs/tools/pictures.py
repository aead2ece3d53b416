"""Pictures of the report for the README: `python docs/tools/pictures.py CAMPAIGN FOLDER`, with headless Chromium.

`picture(page, png)` makes one of any HTML file; the tests use it too.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

#: Largest file that the README should load, bytes.
LARGEST = 300_000


def picture(page: Path, png: Path, width: int = 1200, height: int = 1500, colours: int = 128) -> None:
    """Write what a browser shows of `page` to `png`, in few enough colours to stay small.

    Raises:
        RuntimeError: if Chromium is missing or shows nothing, or the picture is larger than `LARGEST`.
    """
    from PIL import Image

    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        raise RuntimeError("no Chromium on this machine (Debian package chromium)")
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        subprocess.run(
            [
                browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                "--force-color-profile=srgb",
                f"--user-data-dir={folder}/profile", "--virtual-time-budget=20000", f"--window-size={width},{height}",
                f"--screenshot={shot}", page.resolve().as_uri(),
            ],
            capture_output=True, timeout=300, check=True,
        )  # fmt: skip
        if not shot.exists():
            raise RuntimeError(f"Chromium showed nothing of {page}")
        with Image.open(shot) as image:
            small = image.convert("RGB").quantize(colours)
            if len(small.getcolors() or []) < 4:
                raise RuntimeError(f"Chromium showed an empty page for {page}")
            held = io.BytesIO()
            small.save(held, "PNG", optimize=True)
    if held.tell() > LARGEST:
        raise RuntimeError(f"the picture has {held.tell()} bytes; take a smaller window or fewer colours")
    png.parent.mkdir(parents=True, exist_ok=True)
    png.write_bytes(held.getvalue())


def main(campaign: Path, folder: Path) -> None:
    """The top of a campaign's report."""
    picture(campaign / "report.html", folder / "report.png")
    print(folder / "report.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

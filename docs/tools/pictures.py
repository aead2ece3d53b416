"""Pictures of the report and of the page: `python docs/tools/pictures.py CAMPAIGN FOLDER`, with headless Chromium.

Those of the README are made with it by the test run, of the small campaign of the tests, and put into docs/images by
`make pictures`. `picture(address, png)` makes one of any address or HTML file.
"""

from __future__ import annotations

import io
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Largest file that the README should load, bytes.
LARGEST = 300_000
#: Width and height of the windows that are shown, pixels.
REPORT, PAGE = (1200, 1350), (1200, 1000)


def picture(page: Path | str, png: Path, width: int = 1200, height: int = 1500, colours: int = 128) -> None:
    """Write what a browser shows of a file or an address to `png`, in few enough colours to stay small.

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
                f"--screenshot={shot}", page if isinstance(page, str) else page.resolve().as_uri(),
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


@contextmanager
def served(campaign: Path, patience_s: float = 600.0) -> Iterator[str]:
    """Address of a campaign's pages while `spinscreen serve` runs; what they need is ready when it is given.

    Raises:
        RuntimeError: if the pages are not ready in time.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}/c/{campaign.resolve().name}/"
    as_lab = "from campaigns import cli, database; database.account = lambda: 'lab'; cli.main()"  # the page names it
    command = [sys.executable, "-c", as_lab, "serve", str(campaign), "--port", str(port), "--open"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline and server.poll() is None:
            try:
                with urllib.request.urlopen(f"{address}suggestions", timeout=60) as answer:
                    if b"ps" in answer.read():
                        yield address
                        return
            except OSError:
                pass  # it is still starting
            time.sleep(0.5)
        raise RuntimeError(f"spinscreen serve {campaign} was not ready within {patience_s:.0f} s")
    finally:
        server.terminate()
        server.wait(timeout=60)


def both(campaign: Path, folder: Path) -> tuple[Path, Path]:
    """The top of a campaign's report, and the page of its suggestions: report.png and page.png in `folder`."""
    report, page = folder / "report.png", folder / "page.png"
    picture(campaign / "report.html", report, *REPORT)
    with served(campaign) as address:
        picture(f"{address}suggestions", page, *PAGE)
    return report, page


if __name__ == "__main__":
    print(*both(Path(sys.argv[1]), Path(sys.argv[2])))

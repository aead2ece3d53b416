"""How long `spinscreen serve` takes until it answers, how large each page is, and when its first content is seen.

python -m benchmarks.page_budget CAMPAIGN

Bytes are those sent for the page and all that it loads, but the library that draws the figures. The first content is
that of a window whose cache is empty, the median of three.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

PORT, REPEATS = 8741, 3
PAGES = ("", "/suggestions", "/suggestions/sheet", "/measure", "/compounds", "/model", "/log")


def ready(address: str, began: float) -> float:
    """Seconds since `began` until the server answers."""
    while True:
        try:
            with urllib.request.urlopen(address, timeout=30):
                return time.monotonic() - began
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)


def look(browser: Browser, address: str) -> tuple[float, int]:
    """Milliseconds until the first content of a page, and bytes that were sent for it."""
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    page.goto(address, wait_until="load")
    first = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0")
    sent = page.evaluate(
        """[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
           .filter(one => !one.name.includes('plotly')).reduce((sum, one) => sum + one.transferSize, 0)"""
    )
    page.close()
    return float(first), int(sent)


def main() -> None:
    """Serve, look, print."""
    folder = Path(sys.argv[1]).resolve()
    command = [str(Path(sys.executable).parent / "spinscreen"), "serve", str(folder), "--port", str(PORT), "--open"]
    began = time.monotonic()
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        base = f"http://127.0.0.1:{PORT}/c/{folder.name}"
        after = ready(base, began)
        ticks = sum(map(int, Path(f"/proc/{server.pid}/stat").read_text().split()[13:15]))
        print(f"answers after {after:.1f} s, {ticks / os.sysconf('SC_CLK_TCK'):.1f} s of them CPU")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            for path in PAGES:
                seen = [look(browser, f"{base}{path}") for _ in range(REPEATS)]
                first = statistics.median(ms for ms, _ in seen)
                print(
                    f"{path or '/':20s} first content {first:5.0f} ms, {max(sent for _, sent in seen) / 1000:4.0f} kB"
                )
            browser.close()
    finally:
        server.terminate()
        server.wait(60)


if __name__ == "__main__":
    main()

"""Draw the science pages' schemes: RP and DJ, SC and CC. Run it after a change: python docs/tools/drawings.py"""

from __future__ import annotations

from math import exp
from pathlib import Path

IMAGES = Path(__file__).parents[1] / "images"
INK, FACE, EDGE, ORGANIC, SC, CC, DIFFERENCE = (
    "#1d2126",
    "#8f80d0",
    "#40347a",
    "#0b5f8a",
    "#009e73",
    "#e69f00",
    "#d55e00",
)


def picture(name: str, width: int, height: int, label: str, parts: list[str]) -> None:
    """Write one scheme on a white card, so that it is read on light and on dark pages."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">'
    style = "text{font:15px system-ui,sans-serif;fill:#1d2126}.m{text-anchor:middle}.b{font-weight:600}"
    card = f'<rect width="{width}" height="{height}" rx="12" fill="#fff"/>'
    (IMAGES / name).write_text("\n".join([head, f"<style>{style}</style>", card, *parts, "</svg>\n"]), encoding="utf-8")


def text(x: float, y: float, words: str, kind: str = "") -> str:
    """A line of text."""
    return f'<text x="{x:g}" y="{y:g}" class="{kind}">{words}</text>'


def octahedra(left: float, y: float, n: int, size: float = 46.0) -> list[str]:
    """A row of n octahedra that share corners, the middle of the first at `left`, `y`."""
    half, drawn = size / 2, []
    for x in (left + size * place for place in range(n)):
        corners = f"{x - half:g},{y:g} {x:g},{y - half:g} {x + half:g},{y:g} {x:g},{y + half:g}"
        drawn.append(f'<polygon points="{corners}" fill="{FACE}" stroke="{EDGE}" stroke-width="1.5"/>')
        drawn.append(f'<circle cx="{x:g}" cy="{y:g}" r="4" fill="{EDGE}"/>')
    return drawn


def cation(x: float, top: float, bottom: float, heads: tuple[bool, bool]) -> list[str]:
    """An organic cation: a zigzag tail, and a charged head at its top, its bottom or both."""
    steps = 6
    points = [(x + (5 if i % 2 else -5), top + (bottom - top) * i / steps) for i in range(steps + 1)]
    path = " ".join(f"{px:g},{py:g}" for px, py in points)
    drawn = [f'<polyline points="{path}" fill="none" stroke="{ORGANIC}" stroke-width="3"/>']
    for is_head, (px, py) in zip(heads, (points[0], points[-1]), strict=True):
        if is_head:
            drawn.append(f'<circle cx="{px:g}" cy="{py:g}" r="9" fill="{ORGANIC}"/>')
            drawn.append(f'<path d="M{px - 5:g} {py:g}h10M{px:g} {py - 5:g}v10" stroke="#fff" stroke-width="2"/>')
    return drawn


def phases() -> None:
    """RP beside DJ, and what n counts."""
    parts = [text(130, 30, "Ruddlesden-Popper (RP)", "m b"), text(385, 30, "Dion-Jacobson (DJ)", "m b")]
    parts += [text(640, 30, "n = 2", "m b")]
    for left, shift in ((61, 23), (316, 0)):
        parts += octahedra(left, 75, 4) + octahedra(left + shift, 245, 4)
        for place in range(3):
            x = left + 23 + 46 * place
            if shift:
                parts += cation(x, 100, 155, (True, False)) + cation(x + 23, 168, 220, (False, True))
            else:
                parts += cation(x, 100, 220, (True, True))
    parts += octahedra(571, 75, 4) + octahedra(571, 121, 4)
    parts += [f'<circle cx="{594 + 46 * place}" cy="98" r="8" fill="#e69f00"/>' for place in range(3)]
    for place in range(3):
        parts += cation(594 + 46 * place, 146, 200, (True, False))
    parts += [
        text(130, 295, "two cations with one", "m"), text(130, 315, "charge meet", "m"),
        text(385, 295, "one cation with two", "m"), text(385, 315, "charges joins the sheets", "m"),
        text(640, 250, "two layers of octahedra,", "m"), text(640, 270, "with small cage cations", "m"),
        text(640, 290, "(orange) between them", "m"),
    ]  # fmt: skip
    picture("phases.svg", 770, 335, "Ruddlesden-Popper and Dion-Jacobson perovskites, and the number of layers", parts)


def curve(function: object, colour: str, left: float) -> str:
    """A function of delay (ps) from 0 to 12 as a line, drawn from -1 ps."""
    at = [(-1.0, 0.0), (0.0, 0.0), *((t / 10, function(t / 10)) for t in range(121))]  # type: ignore[operator]
    path = " ".join(f"{left + 40 + 22 * t:.1f},{240 - 170 * value:.1f}" for t, value in at)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="3"/>'


def sc_cc() -> None:
    """The traces SC and CC, and their difference with its lifetime."""
    tau, population = 3.0, 40.0
    parts = []
    for left, title in ((20, "what is measured"), (380, "their difference")):
        axis = f"M{left + 18} 60V240H{left + 320}"
        parts += [f'<path d="{axis}" fill="none" stroke="{INK}" stroke-width="1.5"/>']
        parts += [text(left + 170, 35, title, "m b"), text(left + 320, 262, "delay", "m")]
    parts += [curve(lambda t: exp(-t / population) * (1 + exp(-t / tau)) / 2, SC, 20)]
    parts += [curve(lambda t: exp(-t / population) * (1 - exp(-t / tau)) / 2, CC, 20)]
    parts += [curve(lambda t: exp(-t / population) * exp(-t / tau), DIFFERENCE, 380)]
    total = 1 / (1 / tau + 1 / population)
    x, y = 420 + 22 * total, 240 - 170 * exp(-1.0)
    dashes = f'<path d="M398 {y:.1f}H{x:.1f}V240" fill="none" stroke="{INK}" stroke-dasharray="4 4"/>'
    parts += [dashes, text(x, 262, "lifetime", "m"), text(x + 14, y - 6, "1/e")]
    parts += [text(120, 96, "SC: pump and probe turn the same way"), text(130, 222, "CC: they turn opposite ways")]
    parts += [text(480, 96, "SC - CC: spins that still point one way")]
    picture("sc_cc.svg", 770, 280, "SC and CC come together as spins flip, and their difference decays", parts)


if __name__ == "__main__":
    phases()
    sc_cc()

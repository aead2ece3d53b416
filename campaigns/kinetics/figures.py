"""Figures of maps, spectra, kinetics and fits, for a notebook or one HTML file.

Colours are those of Okabe and Ito, told apart with every common colour blindness (Wong, Nat. Methods 8, 441 (2011),
doi 10.1038/nmeth.1618); maps use a diverging blue-white-red scale that is white at zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.offline import get_plotlyjs
from plotly.subplots import make_subplots

from campaigns.errors import AxisError, PlotFileError, StoreError
from campaigns.files import write_whole
from campaigns.kinetics.columns import mean_over
from campaigns.kinetics.maps import Chirp, ProbeWindow, TransientMap
from campaigns.kinetics.measurement import Measured
from campaigns.kinetics.result import TraceFit

Array = NDArray[np.float64]


class DelayAxis:
    """Positions and ticks for delays in ps: linear up to `linear_ps`, one decade per `linear_ps` beyond. Where all
    delays fit into ten times the linear part, the axis is linear throughout. `delay_ps`: the delays to be drawn, shape
    (t,), ps; `linear_ps`: end of the linear part, ps."""

    def __init__(self, delay_ps: Array, linear_ps: float = 1.0) -> None:
        self._low, self._high = float(np.min(delay_ps)), float(np.max(delay_ps))
        self._linear_ps = linear_ps
        self.is_linear = max(abs(self._low), abs(self._high)) <= 10.0 * linear_ps

    def position(self, delay_ps: Array) -> Array:
        """Where each delay is drawn, shape as given."""
        delay = np.asarray(delay_ps, dtype=np.float64)
        if self.is_linear:
            return delay
        size = np.maximum(np.abs(delay) / self._linear_ps, 1.0)
        beyond = np.sign(delay) * self._linear_ps * (1.0 + np.log10(size))
        return np.asarray(np.where(np.abs(delay) <= self._linear_ps, delay, beyond), dtype=np.float64)

    @property
    def changes(self) -> tuple[float, ...]:
        """Positions at which the axis turns logarithmic."""
        ends = (-self._linear_ps, self._linear_ps)
        return () if self.is_linear else tuple(end for end in ends if self._low < end < self._high)

    def layout(self, lines: int = 1) -> dict[str, object]:
        """Axis settings for Plotly: title of one or two lines, and ticks where it is not linear."""
        if self.is_linear:
            return {"title": {"text": "delay (ps), linear"}}
        words = f"delay (ps), linear to {self._linear_ps:g} ps (dotted), then logarithmic"
        words = words if lines == 1 else words.replace(", linear", "<br>linear").replace(" (dotted)", "")
        title: dict[str, object] = {"title": {"text": words}}
        decades = 10.0 ** np.arange(1, int(np.ceil(np.log10(max(abs(self._low), abs(self._high))))) + 1)
        major = np.concatenate([[0.5, 1.0], decades, decades * 0.3]) * self._linear_ps
        ticks = np.unique(np.concatenate([-major, [0.0], major]))
        ticks = ticks[(ticks >= self._low) & (ticks <= self._high)]
        positions = [float(p) for p in self.position(ticks)]
        return {**title, "tickvals": positions, "ticktext": [f"{tick:g}" for tick in ticks]}


SC_COLOUR, CC_COLOUR, DIFFERENCE_COLOUR, FIT_COLOUR = "#0072B2", "#E69F00", "#555555", "#D55E00"
#: More points than this are averaged in groups before drawing; a screen shows no more.
MAX_DRAWN = 4000


def kinetics_figure(fit: TraceFit) -> go.Figure:
    """SC, CC and their difference against delay with the fitted curve, and the residuals below."""
    trace, axis = fit.trace, DelayAxis(fit.trace.delay_ps)
    kept = ~np.isin(trace.delay_ps, fit.left_out_ps)
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.75, 0.25], vertical_spacing=0.05)
    for name, values, colour in (("SC", trace.sc, SC_COLOUR), ("CC", trace.cc, CC_COLOUR)):
        if values is not None:
            figure.add_trace(_points(axis, trace.delay_ps[kept], values[kept], name, colour, size=6), row=1, col=1)
    difference = trace.delay_ps[kept], trace.signal[kept]
    figure.add_trace(_points(axis, *difference, "SC − CC", DIFFERENCE_COLOUR, size=7), row=1, col=1)
    for delay, value in zip(trace.delay_ps[~kept], trace.signal[~kept], strict=True):
        at = float(np.clip(value, difference[1].min(), difference[1].max()))  # off the scale that it would set
        cross = _points(axis, np.array([delay]), np.array([at]), "left out", FIT_COLOUR, size=10, legend=False)
        cross.update(marker_symbol="x", hovertemplate=f"{delay:.4g} ps: {value:.3g}, left out<extra></extra>")
        figure.add_trace(cross, row=1, col=1)
    fine = _fine_delays(fit)
    figure.add_trace(_line(axis, fine, fit.curve(fine), f"fit: {fit.model}", FIT_COLOUR), row=1, col=1)
    residual = (difference[1] - fit.curve(difference[0])) / fit.noise
    figure.add_trace(
        _points(axis, difference[0], residual, "residual", DIFFERENCE_COLOUR, size=5, legend=False), row=2, col=1
    )
    for level in (-2.0, 0.0, 2.0):
        figure.add_hline(
            y=level, line={"width": 1, "dash": "dot" if level else "solid", "color": "#999999"}, row=2, col=1
        )
    figure.update_xaxes(**{k: v for k, v in axis.layout().items() if k != "title"})
    figure.update_xaxes(title=axis.layout()["title"], row=2, col=1)
    for change in axis.changes:
        figure.add_vline(x=change, line={"width": 1, "dash": "dot", "color": "#999999"})
    of = f"signal ({trace.unit})" if trace.unit else "signal, as in the file"
    figure.update_yaxes(title_text=of, row=1, col=1, exponentformat="power")
    figure.update_yaxes(title_text="residual (s.d.)", row=2, col=1)
    return _styled(figure, escape(fit.summary()), height=560)


def map_figure(
    sc: TransientMap, cc: TransientMap, window: ProbeWindow | None = None, chirp: Chirp | None = None
) -> go.Figure:
    """SC and CC side by side in pseudocolour on one scale, with the probe window between dashed lines and the chirp as
    a line through time zero."""
    axis = DelayAxis(sc.delay_ps)
    limit = _scale_of(sc, cc)
    figure = make_subplots(
        rows=1,
        cols=2,
        shared_yaxes=True,
        subplot_titles=["same-circular (SC)", "counter-circular (CC)"],
        horizontal_spacing=0.04,
    )
    for column, each in enumerate((sc, cc), 1):
        figure.add_trace(
            go.Heatmap(
                x=axis.position(each.delay_ps),
                y=each.wavelength_nm,
                z=each.signal,
                customdata=np.broadcast_to(each.delay_ps, each.signal.shape),
                hovertemplate="%{y:.1f} nm, %{customdata:.3g} ps: %{z:.3g}<extra></extra>",
                coloraxis="coloraxis",
            ),
            row=1,
            col=column,
        )
        if chirp is not None:
            zero = chirp.at(each.wavelength_nm)
            zero = zero if chirp.moved_to_ps is None else np.full_like(zero, chirp.moved_to_ps)
            line = _line(axis, zero, each.wavelength_nm, "time zero", "#000000")
            figure.add_trace(line.update(showlegend=False), row=1, col=column)
    for edge in () if window is None else (window.low_nm, window.high_nm):
        figure.add_hline(y=edge, line={"width": 1.5, "dash": "dash", "color": "#000000"})
    figure.update_xaxes(**axis.layout(lines=2))
    figure.update_yaxes(title_text="wavelength (nm)", col=1)
    figure.update_layout(
        coloraxis={
            "colorscale": "RdBu_r",
            "cmin": -limit,
            "cmax": limit,
            "colorbar": {"title": {"text": "signal"}, "exponentformat": "power"},
        }
    )
    return _styled(figure, "Transient maps", height=440)


def spectra_figure(sc: TransientMap, cc: TransientMap, delay_ps: float, window: ProbeWindow | None = None) -> go.Figure:
    """SC and CC spectra at the delay nearest to `delay_ps`, window shaded. AxisError outside the delays."""
    if not sc.delay_ps[0] <= delay_ps <= sc.delay_ps[-1]:
        raise AxisError(
            f"no spectrum at {delay_ps:g} ps: the maps run from {sc.delay_ps[0]:g} to {sc.delay_ps[-1]:g} ps"
        )
    at = int(np.argmin(np.abs(sc.delay_ps - delay_ps)))
    figure = go.Figure()
    for name, each, colour in (("SC", sc, SC_COLOUR), ("CC", cc, CC_COLOUR)):
        figure.add_trace(
            go.Scatter(
                x=each.wavelength_nm, y=each.signal[:, at], name=name, mode="lines", line={"color": colour, "width": 2}
            )
        )
    limit = 1.5 * _scale_of(sc, cc)
    shown = np.clip(np.concatenate([sc.signal[:, at], cc.signal[:, at]]), -limit, limit)
    if window is not None:
        figure.add_vrect(x0=window.low_nm, x1=window.high_nm, fillcolor="#999999", opacity=0.25, line_width=0)
    figure.add_hline(y=0.0, line={"width": 1, "color": "#999999"})
    figure.update_xaxes(title_text="wavelength (nm)")
    span = [1.1 * float(np.nanmin(shown)), 1.1 * float(np.nanmax(shown))] if np.isfinite(shown).any() else None
    figure.update_yaxes(title_text="signal", exponentformat="power", range=span)
    return _styled(figure, f"Spectra at {sc.delay_ps[at]:.3g} ps", height=380)


def write_html(
    path: str | Path,
    title: str,
    figures: Sequence[go.Figure],
    notes: Sequence[str] = (),
    *,
    shared_script: bool = False,
) -> None:
    """Write figures and sentences into an HTML file without network, or `shared_script` beside. PlotFileError."""
    first = "directory" if shared_script else True
    parts = [f.to_html(full_html=False, include_plotlyjs=first if at == 0 else False) for at, f in enumerate(figures)]
    listed = "".join(f"<li>{escape(note)}</li>" for note in notes)
    page = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title></head>'
        '<body style="font-family:sans-serif;max-width:1000px;margin:2em auto">'
        f"<h1>{escape(title)}</h1>{f'<ul>{listed}</ul>' if listed else ''}{''.join(parts)}</body></html>"
    )
    target = Path(path)
    script = target.with_name("plotly.min.js")
    if shared_script and not script.exists():
        _write(script, get_plotlyjs())
    _write(target, page)


def _write(target: Path, text: str) -> None:
    try:
        write_whole(target, lambda path: path.write_text(text, encoding="utf-8"))
    except StoreError as problem:
        raise PlotFileError(f"{problem}. Name a file in a folder you may write to") from None


def _scale_of(sc: TransientMap, cc: TransientMap) -> float:
    """Size of the signal that fills the colour scale, of delays averaged in groups, so that no noise sets it."""
    groups = np.array_split(np.arange(len(sc.delay_ps)), max(len(sc.delay_ps) // 10, 1))
    means = np.stack([mean_over(each.signal[:, group], axis=1) for each in (sc, cc) for group in groups])
    finite = np.abs(means[np.isfinite(means)])
    return 1.1 * float(np.quantile(finite, 0.995)) if finite.size else 1.0


def _points(
    axis: DelayAxis, delay_ps: Array, values: Array, name: str, colour: str, *, size: int, legend: bool = True
) -> go.Scatter:
    delay, values = _thinned(delay_ps, values)
    return go.Scatter(
        x=axis.position(delay),
        y=values,
        customdata=delay,
        name=name,
        mode="markers",
        marker={"color": colour, "size": size, "opacity": 0.7},
        showlegend=legend,
        hovertemplate="%{customdata:.4g} ps: %{y:.3g}<extra>" + name + "</extra>",
    )


def _line(axis: DelayAxis, delay_ps: Array, values: Array, name: str, colour: str) -> go.Scatter:
    return go.Scatter(
        x=axis.position(delay_ps),
        y=values,
        name=name,
        mode="lines",
        line={"color": colour, "width": 2.5},
        hoverinfo="skip",
    )


def _fine_delays(fit: TraceFit) -> Array:
    """Delays at which the curve is smooth on the drawn axis: dense around the rise, even in logarithm after it."""
    low, high = float(fit.trace.delay_ps[0]), float(fit.trace.delay_ps[-1])
    zero, width = fit.time_zero_ps, 3.0 * fit.irf_fwhm_ps
    after = np.geomspace(max(0.01 * width, 1e-4), max(high - zero, width), 600) + zero
    fine = np.concatenate([np.linspace(low, high, 300), np.linspace(zero - width, zero + width, 300), after])
    return np.unique(fine[(fine >= low) & (fine <= high)])


def _thinned(delay_ps: Array, values: Array) -> tuple[Array, Array]:
    size = -(-len(delay_ps) // MAX_DRAWN)
    if size == 1:
        return delay_ps, values
    kept = len(delay_ps) // size * size
    return delay_ps[:kept].reshape(-1, size).mean(axis=1), values[:kept].reshape(-1, size).mean(axis=1)


def _styled(figure: go.Figure, title: str, *, height: int) -> go.Figure:
    figure.update_layout(
        title={"text": title, "font": {"size": 16}},
        template="plotly_white",
        height=height,
        margin={"l": 80, "r": 30, "t": 70, "b": 60},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "xanchor": "right", "x": 1.0},
    )
    figure.update_xaxes(showline=True, linecolor="#333333", ticks="outside")
    figure.update_yaxes(showline=True, linecolor="#333333", ticks="outside")
    return figure


def write_page(
    path: str | Path,
    fit: TraceFit,
    measured: Measured | None = None,
    *,
    spectrum_at_ps: float | None = None,
    title: str = "Spin lifetime",
    shared_script: bool = False,
) -> None:
    """Draw a fit, and the maps behind it where there are any, into one HTML file; `spectrum_at_ps` as `spectra_figure`,
    `shared_script` as `write_html`. Raises AxisError if there is no spectrum at that delay, PlotFileError."""
    figures = [kinetics_figure(fit)]
    if measured is not None and measured.maps is not None:
        at = measured.peak_delay_ps if spectrum_at_ps is None else spectrum_at_ps
        maps, probe = measured.maps, measured.probe
        figures = [map_figure(*maps, probe, measured.chirp), spectra_figure(*maps, at, probe), *figures]
    notes = (fit.summary(), *fit.warnings, *fit.trace.notes)
    write_html(path, title, figures, notes, shared_script=shared_script)

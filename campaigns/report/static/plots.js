// Draws every figure of a page from the JSON beside it, in the page's own colours, and again when those change.
"use strict";
(() => {
  const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function dressed(figure) {
    const ink = variable("--ink"), line = variable("--line"), faint = variable("--faint"), card = variable("--card");
    const layout = structuredClone(figure.layout || {});
    layout.paper_bgcolor = layout.plot_bgcolor = "rgba(0,0,0,0)";
    layout.font = { ...(layout.font || {}), color: ink, family: variable("--text-font"), size: 13 };
    layout.hoverlabel = { ...(layout.hoverlabel || {}), bgcolor: card, bordercolor: line, font: { color: ink } };
    const axes = new Set(Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key)).concat(["xaxis", "yaxis"]));
    for (const axis of axes) {
      layout[axis] = { ...layout[axis], gridcolor: line, zerolinecolor: faint, linecolor: faint };
    }
    if (layout.polar) {
      for (const axis of ["radialaxis", "angularaxis"]) {
        layout.polar[axis] = { ...layout.polar[axis], gridcolor: line, linecolor: faint };
      }
      layout.polar.bgcolor = "rgba(0,0,0,0)";
    }
    delete layout.height;
    delete layout.width;
    layout.autosize = true;
    return layout;
  }

  function draw(place) {
    const source = place.querySelector(":scope > script[type='application/json']") || place.source;
    if (!source || !globalThis.Plotly) return;
    if (!place.source) {
      place.source = source;
      source.remove();
    }
    const figure = JSON.parse(source.textContent);
    place.classList.remove("waiting");
    const modes = { displayModeBar: false, responsive: true, displaylogo: false };
    Plotly.react(place, figure.data, dressed(figure), modes).then(() => {
      place.dataset.drawn = "yes";
      place.dispatchEvent(new CustomEvent("drawn", { bubbles: true }));
    });
  }

  addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((part) => { part.open = true; });
    document.querySelectorAll(".plot[data-drawn]").forEach((place) => globalThis.Plotly.Plots.resize(place));
  });

  const drawAll = (root) => root.querySelectorAll(".plot").forEach(draw);
  globalThis.drawPlots = (root) => drawAll(root || document);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll(document));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => drawAll(document));
  else drawAll(document);
})();

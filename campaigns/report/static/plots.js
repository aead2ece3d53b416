// Draws every figure of a page from the JSON beside it, in the page's own colours, and again when those change.
"use strict";
(() => {
  // Plotly writes style attributes, which the server's policy refuses; the same styles set by script are allowed.
  const write = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name, value) {
    if (name === "style") this.style.cssText = value;
    else write.call(this, name, value);
  };

  const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // Greys that a figure brings for things without a colour of their own, by what they become on this page.
  const greys = () => ({ "#555555": variable("--faint"), "#999999": variable("--edge"), "#0072B2": variable("--blue") });

  // Points and lines without a colour of their own take one that is seen on dark pages too.
  function tinted(traces, narrow) {
    const known = greys();
    return traces.map((trace) => {
      const made = { ...trace };
      if (narrow && made.type === "heatmap") delete made.texttemplate; // too small to be read
      for (const part of ["marker", "line"]) {
        if (known[made[part]?.color]) made[part] = { ...made[part], color: known[made[part].color] };
      }
      return made;
    });
  }

  // Two panels side by side stand one above the other where the window is narrow.
  const isPair = (layout) => layout?.yaxis2 && layout.xaxis?.domain?.[1] < 0.6 && layout.xaxis2?.domain?.[0] > 0.4;
  function stack(layout) {
    const { xaxis, xaxis2, yaxis, yaxis2 } = layout;
    xaxis.domain = xaxis2.domain = [0, 1];
    [yaxis.domain, yaxis2.domain] = [[0.58, 1], [0, 0.42]];
    Object.assign(yaxis2, { showticklabels: true, title: yaxis.title });
    (layout.annotations || []).forEach((title, place) => Object.assign(title, { x: 0.5, y: [1, 0.42][place] ?? title.y }));
  }

  // A long title of an axis takes several lines in a narrow window.
  function wrapped(text, letters = 30) {
    const lines = [""];
    for (const word of text.split(" ")) {
      if (lines.at(-1) && lines.at(-1).length + word.length >= letters) lines.push(word);
      else lines[lines.length - 1] += (lines.at(-1) ? " " : "") + word;
    }
    return lines.join("<br>");
  }

  // What a wide window has room for: long titles, names across, numbers in cells, labels beside bars.
  function narrowed(layout, traces) {
    for (const axis of Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))) {
      const title = layout[axis].title;
      if (title?.text) layout[axis].title = { ...title, text: wrapped(title.text) };
      layout[axis].tickfont = { ...layout[axis].tickfont, size: 11 };
    }
    if (layout.polar) {
      layout.margin = { l: 75, r: 75, t: 20, b: 20 };
      layout.polar.radialaxis = { ...layout.polar.radialaxis, nticks: 3, tickangle: 0 };
      layout.polar.angularaxis = { ...layout.polar.angularaxis, tickfont: { size: 10 } };
    }
    if (traces.some((trace) => trace.type === "heatmap") && layout.xaxis?.tickangle) layout.xaxis.tickangle = -90;
    const range = layout.xaxis?.range;
    if (traces.some((trace) => trace.type === "waterfall") && range) {
      layout.xaxis.range = [range[0], range[1] + 0.3 * (range[1] - range[0])];
    }
    if (isPair(layout)) stack(layout);
  }

  function dressed(figure, narrow) {
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
    const known = greys();
    (layout.shapes || []).forEach((shape) => { if (known[shape.line?.color]) shape.line.color = known[shape.line.color]; });
    if (narrow) narrowed(layout, figure.data);
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
    const narrow = place.clientWidth < 560;
    if (narrow && isPair(figure.layout)) place.classList.add("tallest");
    const layout = dressed(figure, narrow);
    // Paper has a size, and nothing on it is drawn again.
    if (document.documentElement.classList.contains("printing")) {
      layout.font.size = 11;
      Object.assign(layout, { autosize: false, width: place.clientWidth, height: place.clientHeight });
    }
    Plotly.react(place, tinted(figure.data, narrow), layout, modes).then(() => {
      place.dataset.drawn = "yes";
      place.dispatchEvent(new CustomEvent("drawn", { bubbles: true }));
    });
  }

  addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((part) => { part.open = !part.closest(".decisions"); });
    document.documentElement.classList.add("printing");
    document.querySelectorAll(".plot[data-drawn]").forEach(draw);
  });
  addEventListener("afterprint", () => {
    document.documentElement.classList.remove("printing");
    drawAll(document);
  });

  const drawAll = (root) => root.querySelectorAll(".plot").forEach(draw);
  globalThis.drawPlots = (root) => drawAll(root || document);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll(document));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => drawAll(document));
  else drawAll(document);
})();

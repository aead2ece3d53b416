// Molecules and crystals in three dimensions, drawn when they come into view.
"use strict";
(() => {
  const library = document.currentScript.dataset.library;
  let loading = null;

  function load() {
    loading ||= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = library;
      script.onload = () => resolve(globalThis.$3Dmol || globalThis["3Dmol"]);
      script.onerror = reject;
      document.head.append(script);
    });
    return loading;
  }

  function tell(place, text) {
    const line = document.createElement("p");
    line.className = "hint";
    line.textContent = text;
    place.replaceChildren(line);
  }

  async function show(place) {
    tell(place, "being built …");
    const answer = await fetch(place.dataset.address, { headers: { "hx-request": "true" } });
    const text = await answer.text();
    if (!answer.ok) {
      const page = new DOMParser().parseFromString(text, "text/html");
      tell(place, page.body.textContent.trim() || "It cannot be shown.");
      return;
    }
    try {
      const mol3d = await load();
      place.replaceChildren();
      place.setAttribute("role", "img");
      place.setAttribute("aria-label", place.dataset.label);
      const style = getComputedStyle(document.documentElement);
      const viewer = mol3d.createViewer(place, { backgroundColor: style.getPropertyValue("--sunk").trim() });
      const model = viewer.addModel(text, place.dataset.format, { assignBonds: true });
      viewer.setStyle({}, { stick: { radius: 0.12 }, sphere: { scale: 0.24 } });
      if (place.dataset.format === "cif") {
        viewer.replicateUnitCell(2, 2, 1, model);
        viewer.addUnitCell(model, { box: { color: style.getPropertyValue("--edge").trim() } });
        viewer.rotate(-90, "x");
      }
      viewer.zoomTo();
      viewer.render();
      place.dataset.drawn = "yes";
    } catch {
      tell(place, "This browser draws no three-dimensional pictures.");
    }
  }

  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      watcher.unobserve(entry.target);
      show(entry.target);
    }
  });
  globalThis.view3d = (root) => root.querySelectorAll(".view3d:not([data-seen])").forEach((place) => {
    place.dataset.seen = "yes";
    watcher.observe(place);
  });
  globalThis.view3d(document);
})();

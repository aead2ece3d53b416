// Crystals as octahedra with whole molecules, and molecules alone: drawn as SVG, turned by dragging or the arrow keys.
"use strict";
(() => {
  // Covalent radii, angstrom (Cordero et al., Dalton Trans. 2832 (2008), doi 10.1039/b801115j).
  const RADII = { H: 0.31, B: 0.84, C: 0.76, N: 0.71, O: 0.66, F: 0.57, Si: 1.11, P: 1.07, S: 1.05, Cl: 1.02, Se: 1.2, Br: 1.2, I: 1.39 };
  const SIZES = { H: 0.2, C: 0.34, N: 0.42 };
  const CORNERS = [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]];
  const LIGHT = [-0.35, 0.75, 0.56]; // on the screen: from the upper left, towards the reader
  const add = (...vectors) => vectors[0].map((_, k) => vectors.reduce((sum, v) => sum + v[k], 0));
  const times = (factor, v) => v.map((x) => factor * x);

  function bonds(atoms) {
    const found = [];
    atoms.forEach(([one, ...a], i) => atoms.forEach(([other, ...b], j) => {
      const most = (RADII[one] || 1) + (RADII[other] || 1) + 0.3;
      if (i < j && Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]) < most) found.push([i, j]);
    }));
    return found;
  }

  // Everything to draw, in space: faces of octahedra, bonds, atoms.
  function parts(scene) {
    const made = { faces: [], sticks: [], balls: [] };
    const molecule = (atoms, by) => {
      const moved = atoms.map(([symbol, ...at]) => [symbol, ...add(at, by)]);
      for (const [i, j] of bonds(moved)) made.sticks.push([moved[i].slice(1), moved[j].slice(1)]);
      for (const [symbol, ...at] of moved) made.balls.push({ at, symbol, size: SIZES[symbol] || 0.46 });
    };
    if (scene.molecule) {
      molecule(scene.molecule, [0, 0, 0]);
      return made;
    }
    const [a, b, c] = scene.lattice;
    for (const i of [0, 1]) for (const j of [0, 1]) {
      const square = add(times(i, a), times(j, b));
      for (const by of [square, add(square, c)]) {
        for (const centre of scene.centres) {
          const middle = add(centre, by);
          made.balls.push({ at: middle, symbol: "B", size: 0.5 });
          for (const x of [0, 1]) for (const y of [2, 3]) for (const z of [4, 5]) {
            const normal = add(CORNERS[x], CORNERS[y], CORNERS[z]);
            made.faces.push({ at: [x, y, z].map((k) => add(middle, times(scene.reach, CORNERS[k]))), normal });
          }
        }
        scene.cages.forEach((atoms) => molecule(atoms, by));
      }
      scene.above.forEach((atoms) => molecule(atoms, square));
      scene.below.forEach((atoms) => molecule(atoms, add(square, c)));
    }
    return made;
  }

  // Yaw about the upright axis, then pitch; on the screen x right, y up, z towards the reader.
  function turn([x, y, z], [yaw, pitch]) {
    const [u, v] = [Math.cos(yaw) * x - Math.sin(yaw) * y, Math.sin(yaw) * x + Math.cos(yaw) * y];
    return [u, Math.cos(pitch) * z + Math.sin(pitch) * v, Math.sin(pitch) * z - Math.cos(pitch) * v];
  }

  function svg(made, view) {
    const shapes = [];
    const see = (at) => turn(at, view);
    const text = (points) => points.map(([x, y]) => `${x.toFixed(2)},${(-y).toFixed(2)}`).join(" ");
    const box = [Infinity, -Infinity, Infinity, -Infinity];
    const grow = ([x, y], by) => {
      [box[0], box[1]] = [Math.min(box[0], x - by), Math.max(box[1], x + by)];
      [box[2], box[3]] = [Math.min(box[2], -y - by), Math.max(box[3], -y + by)];
    };
    for (const { at, normal } of made.faces) {
      const n = times(1 / Math.hypot(...normal), see(normal));
      const seen = at.map(see);
      seen.forEach((point) => grow(point, 0.2));
      if (n[2] <= 0) continue;
      const bright = Math.max(0, n[0] * LIGHT[0] + n[1] * LIGHT[1] + n[2] * LIGHT[2]);
      const depth = (seen[0][2] + seen[1][2] + seen[2][2]) / 3;
      shapes.push([depth, `<polygon class="face" fill-opacity="${(0.45 + 0.5 * bright).toFixed(2)}" points="${text(seen)}"/>`]);
      shapes.push([depth - 0.01, `<polygon class="ground" points="${text(seen)}"/>`]);
    }
    for (const [one, other] of made.sticks) {
      const [p, q] = [see(one), see(other)];
      shapes.push([(p[2] + q[2]) / 2, `<line class="stick" x1="${p[0].toFixed(2)}" y1="${(-p[1]).toFixed(2)}" x2="${q[0].toFixed(2)}" y2="${(-q[1]).toFixed(2)}"/>`]);
    }
    for (const { at, symbol, size } of made.balls) {
      const p = see(at);
      grow(p, size);
      shapes.push([p[2] + 0.05, `<circle class="atom ${symbol}" cx="${p[0].toFixed(2)}" cy="${(-p[1]).toFixed(2)}" r="${size}"/>`]);
    }
    shapes.sort((one, other) => one[0] - other[0]);
    const size = [box[0] - 0.3, box[2] - 0.3, box[1] - box[0] + 0.6, box[3] - box[2] + 0.6].map((x) => x.toFixed(2));
    return `<svg viewBox="${size.join(" ")}" aria-hidden="true">${shapes.map(([, shape]) => shape).join("")}</svg>`;
  }

  function tell(place, text) {
    const line = document.createElement("p");
    line.className = "hint";
    line.textContent = text;
    place.replaceChildren(line);
  }

  function show(place, scene) {
    const made = parts(scene), view = scene.molecule ? [0.4, 0.3] : [0.42, 0.2];
    const draw = () => { place.innerHTML = svg(made, view); };
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", `${place.dataset.label}; drag or use the arrow keys to turn it`);
    draw();
    place.dataset.drawn = "yes";
    const caption = scene.is_crowded && place.parentElement.querySelector("[data-crowded]");
    if (caption) [caption.hidden, place.parentElement.querySelector("[data-cif]").hidden] = [false, true];
    if (place.dataset.still !== undefined) {
      place.setAttribute("aria-label", place.dataset.label);
      return;
    }
    place.tabIndex = 0;
    const by = (yaw, pitch) => {
      view[0] += yaw;
      view[1] = Math.max(-1.5, Math.min(1.5, view[1] + pitch));
      draw();
    };
    place.addEventListener("pointerdown", (event) => place.setPointerCapture(event.pointerId));
    place.addEventListener("pointermove", (event) => {
      if (place.hasPointerCapture(event.pointerId)) by(event.movementX / 120, event.movementY / 120);
    });
    const keys = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.15], ArrowDown: [0, 0.15] };
    place.addEventListener("keydown", (event) => {
      if (!keys[event.key]) return;
      event.preventDefault();
      by(...keys[event.key]);
    });
  }

  function fromXyz(text) {
    const lines = text.split("\n").slice(2).map((line) => line.trim().split(/\s+/)).filter((line) => line.length > 3);
    return { molecule: lines.map(([symbol, ...at]) => [symbol, ...at.slice(0, 3).map(Number)]) };
  }

  async function load(place) {
    const source = place.querySelector(":scope > script[type='application/json']");
    if (source) {
      show(place, JSON.parse(source.textContent));
      return;
    }
    const answer = await fetch(place.dataset.address, { headers: { "hx-request": "true" } });
    const text = await answer.text();
    if (answer.ok) {
      show(place, place.dataset.format === "xyz" ? fromXyz(text) : JSON.parse(text));
    } else if (place.dataset.still !== undefined) {
      place.remove(); // the molecule beside it says enough
    } else {
      const page = new DOMParser().parseFromString(text, "text/html");
      tell(place, page.body.textContent.trim() || "It cannot be shown.");
    }
  }

  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      watcher.unobserve(entry.target);
      load(entry.target);
    }
  });
  globalThis.drawCrystals = (root) => root.querySelectorAll(".crystal:not([data-seen])").forEach((place) => {
    place.dataset.seen = "yes";
    if (place.querySelector(":scope > script")) load(place); // a report is printed as a whole
    else watcher.observe(place);
  });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => drawCrystals(document));
  else globalThis.drawCrystals(document);
})();

// What pages do beyond links and forms: colours, dropped files, errors in place, the probe window on a map.
"use strict";
(() => {
  const root = document.documentElement;

  // Colours: as the system, light, dark.
  const themes = ["system", "light", "dark"];
  function showTheme(button) {
    const now = root.dataset.theme || "system";
    button.setAttribute("aria-label", `Colours: ${now === "system" ? "as the system" : now}`);
    button.title = button.getAttribute("aria-label");
  }
  document.querySelectorAll("[data-theme-switch]").forEach((button) => {
    showTheme(button);
    button.addEventListener("click", () => {
      const next = themes[(themes.indexOf(root.dataset.theme || "system") + 1) % themes.length];
      if (next === "system") {
        delete root.dataset.theme;
        localStorage.removeItem("spinscreen-theme");
      } else {
        root.dataset.theme = next;
        localStorage.setItem("spinscreen-theme", next);
      }
      showTheme(button);
      if (globalThis.drawPlots) globalThis.drawPlots(document);
    });
  });

  // On a narrow window the tab of this page is brought into view.
  const tabs = document.querySelector(".tabs");
  const here = tabs && tabs.querySelector("[aria-current='page']");
  if (here) tabs.scrollLeft = here.offsetLeft - (tabs.clientWidth - here.offsetWidth) / 2;

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) globalThis.print();
    const heading = event.target.closest("[data-sort]"); // a heading sorts as the field above the table does
    const field = heading && document.querySelector(".filters [name=sort]");
    if (!field) return;
    event.preventDefault();
    field.value = heading.dataset.sort;
    field.dispatchEvent(new Event("change", { bubbles: true }));
  });

  // What others do is shown without being asked for: the page is fetched anew where nobody is at work in it, else a line
  // says that there is news.
  const atWork = "#fitted .confirm, .decide details[open], .dropzone.filled, .job:not(.aside) progress";
  const busy = () => document.querySelector(atWork)
    || document.activeElement?.matches("input, select, textarea, summary");
  async function lookForNews() {
    const main = document.getElementById("main");
    if (document.hidden || !main?.dataset.ask) return;
    const answer = await fetch(main.dataset.ask).catch(() => null);
    if (!answer?.ok) return;
    const { version } = await answer.json();
    if (String(version) === main.dataset.version) return;
    if (!busy()) {
      globalThis.htmx.ajax("GET", location.href, { target: "#main", select: "#main", swap: "outerHTML" });
    } else if (!document.getElementById("news")) {
      const line = document.createElement("div");
      line.id = "news";
      line.className = "note";
      line.setAttribute("role", "status");
      line.innerHTML = '<p>Something new has come in. <a href="">Show it</a></p>';
      main.prepend(line);
    }
  }
  setInterval(lookForNews, 5000);

  // Files dropped on a zone go into its input.
  const zoneOf = (event) => event.target.closest && event.target.closest(".dropzone");
  document.addEventListener("dragover", (event) => {
    const zone = zoneOf(event);
    event.preventDefault(); // a file that misses the zone must not replace the page
    if (zone) zone.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => zoneOf(event)?.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    const zone = zoneOf(event);
    if (!zone) return;
    zone.classList.remove("over");
    const input = zone.querySelector("input[type=file]");
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
  document.addEventListener("change", (event) => {
    const input = event.target;
    if (input.matches("[data-drop]")) {
      const names = [...input.files].map((file) => file.name).join(", ");
      const zone = input.closest(".dropzone");
      const line = zone.querySelector(".names");
      line.dataset.empty ??= line.textContent;
      line.textContent = names || line.dataset.empty;
      zone.classList.toggle("filled", input.files.length > 0);
      if (input.files.length && input.form && isWhole(input.form)) input.form.requestSubmit();
    }
    // What is said of the measurement counts for the fit that is shown.
    if (input.closest("#drop .about") && input.name !== "sample") document.getElementById("correct")?.requestSubmit();
    if (input.name === "kind" && input.form && input.form.id === "drop") {
      const maps = input.form.querySelector("[name=kind]:checked").value === "maps";
      input.form.querySelectorAll(".only-traces").forEach((zone) => { zone.hidden = maps; });
    }
  });

  document.addEventListener("input", (event) => {
    const crystal = event.target.matches("#drop [name=sample]") && document.querySelector("[data-crystal]");
    if (crystal) crystal.textContent = event.target.value.trim() && `, crystal ${event.target.value.trim()}`;
  });

  // What was dropped is shown at once, as soon as it makes a measurement or a table.
  function isWhole(form) {
    const has = (name) => form.elements[name]?.files?.length > 0;
    if (form.id === "drop-table") return has("file");
    if (form.id !== "drop") return false;
    const pair = has("sc") && has("cc");
    const maps = form.querySelector("[name=kind]:checked").value === "maps";
    return maps ? pair : pair !== has("trace");
  }

  // An error is told beside the form that caused it, and leaves the rest of the page as it was.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const detail = event.detail;
    if (detail.xhr.status < 400) return;
    if (detail.target.id === "main") detail.shouldSwap = false; // the next look will do
    const form = detail.requestConfig.elt.closest("form");
    if (!form) return;
    if (detail.target.matches(".answer")) detail.target.replaceChildren(); // it is of what was handed in before
    let said = form.querySelector(":scope > .said");
    if (!said) {
      said = document.createElement("div");
      said.className = "said";
      said.setAttribute("aria-live", "assertive");
      form.append(said);
    }
    detail.target = said;
    detail.swapOverride = "innerHTML";
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    const said = event.detail.elt.closest("form")?.querySelector(":scope > .said");
    if (said) said.replaceChildren();
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (globalThis.drawPlots) globalThis.drawPlots(event.detail.elt);
    if (globalThis.drawCrystals) globalThis.drawCrystals(document);
  });

  // What was taken in is not sent twice by accident.
  document.addEventListener("measured", () => {
    document.querySelectorAll("#drop, #drop-table").forEach((form) => {
      form.reset();
      form.querySelectorAll("[data-drop], [name=kind]:checked").forEach((input) => {
        input.dispatchEvent(new Event("change", { bubbles: true }));
      });
    });
  });

  // A drag across a map chooses the probe window.
  document.addEventListener("drawn", (event) => {
    const holder = event.target.closest("[data-window-low]");
    if (!holder || event.target.hasWindow) return;
    event.target.hasWindow = true;
    globalThis.Plotly.relayout(event.target, { dragmode: "select", selectdirection: "v" });
    event.target.on("plotly_selected", (chosen) => {
      const range = chosen && chosen.range && (chosen.range.y || chosen.range.y2);
      if (!range) return;
      const form = document.getElementById("correct");
      const ends = [Math.min(...range), Math.max(...range)];
      form.elements[holder.dataset.windowLow].value = ends[0].toFixed(1);
      form.elements[holder.dataset.windowHigh].value = ends[1].toFixed(1);
      form.requestSubmit();
    });
    // A click is a point of the chirp, wavelength:delay; the polynomial goes through two and more.
    event.target.on("plotly_click", ({ points: [point] }) => {
      const field = document.getElementById("correct").elements.chirp;
      const drawn = field.value.includes(":") ? `${field.value}; ` : "";
      field.value = `${drawn}${point.y.toFixed(1)}:${Number(point.customdata).toFixed(3)}`;
    });
  });
})();

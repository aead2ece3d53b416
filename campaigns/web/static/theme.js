// Puts the chosen colours on the page before it is drawn.
"use strict";
(() => {
  const chosen = localStorage.getItem("spinscreen-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();

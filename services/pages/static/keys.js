// Shortcuts of one key, on every page: "/" searches, "j" and "k" go from row to row, "?" lists them. They can be turned off
// (WCAG 2.1.4), which this browser remembers.
const list = document.getElementById("keys");
const choice = document.getElementById("keys-on");
const opener = document.getElementById("keys-open");
const STORED = "lianyun-keys";
const ROWS = "main :is(tbody tr, ul.list > li, section.card)";

choice.checked = localStorage.getItem(STORED) !== "off";
choice.addEventListener("change", () => localStorage.setItem(STORED, choice.checked ? "on" : "off"));
opener.hidden = false;
opener.addEventListener("click", () => list.showModal());

function search() {
  const field = document.getElementById("q");
  if (!field) return location.assign("/search");
  field.focus();
  field.select();
}

function row(step) {
  const links = [...document.querySelectorAll(ROWS)].map((each) => each.querySelector("a[href]")).filter((each) => each?.checkVisibility());
  const distinct = [...new Set(links)];
  const here = distinct.findIndex((each) => each.closest(ROWS).contains(document.activeElement));
  const next = here < 0 && step < 0 ? distinct.length - 1 : here + step;
  distinct[Math.min(Math.max(next, 0), distinct.length - 1)]?.focus();
}

const shortcuts = { "/": search, "?": () => list.showModal(), j: () => row(1), k: () => row(-1) };

document.addEventListener("keydown", (event) => {
  const typing = event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable]");
  const act = shortcuts[event.key];
  if (!act || typing || list.open || !choice.checked || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act();
});

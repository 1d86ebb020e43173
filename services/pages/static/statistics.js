// Plays the months: how much left on each corridor, and how long it took, moving from one month to the next. Without it the page shows
// one month; whoever asked for less motion steps through them.

const root = document.querySelector("[data-months]");
const controls = document.getElementById("stat-controls");
const button = document.getElementById("stat-play");
const slider = document.getElementById("stat-at");
const title = document.getElementById("stat-month");
const stretches = root ? [...root.querySelectorAll("[data-members]")] : [];
const shut = root ? [...root.querySelectorAll("[data-shut]")] : [];
const still = matchMedia("(prefers-reduced-motion: reduce)");
const written = new Intl.NumberFormat(document.documentElement.lang);
const MONTH = 1400, WIDEST = 16; // milliseconds; as in statistics/flows.py

let film = null, at = 0, running = false, before = 0, greatest = 1, longest = 1;

const carried = (counts, members) => members.reduce((sum, index) => sum + (counts[index] || 0), 0);
const between = (a, b, share) => (a == null || b == null ? (share < 0.5 ? a : b) : a + (b - a) * share);

function draw() {
  const first = Math.floor(at), next = Math.min(first + 1, film.months.length - 1), share = at - first;
  const shown = share < 0.5 ? first : next;
  for (const each of stretches) {
    const members = each.dataset.members.split(" ").map(Number);
    const flow = between(carried(film.counts[first], members), carried(film.counts[next], members), share);
    each.setAttribute("stroke-width", (WIDEST * flow) / greatest);
  }
  film.counts[shown].forEach((count, index) => {
    root.querySelector(`[data-count="${index}"]`).textContent = count == null ? "–" : written.format(count);
    const times = film.transit[shown][index];
    root.querySelector(`[data-days="${index}"]`).textContent = times ? written.format(times[1] / 24) : "–";
    const bar = root.querySelector(`[data-bar="${index}"]`), [band, middle] = bar.children;
    const a = film.transit[first][index], b = film.transit[next][index];
    const now = a && b ? a.map((value, n) => between(value ?? a[1], b[n] ?? b[1], share)) : share < 0.5 ? a : b;
    const [low, mid, high] = now ? [now[0] ?? now[1], now[1], now[2] ?? now[1]].map((hours) => (1000 * hours) / longest) : [0, -9, 0];
    band.setAttribute("x", low);
    band.setAttribute("width", now ? Math.max(high - low, 3) : 0);
    middle.setAttribute("x1", mid);
    middle.setAttribute("x2", mid);
  });
  for (const each of shut) each.classList.toggle("shut", each.dataset.shut.split(" ").includes(String(film.first + shown)));
  title.textContent = film.names[shown];
  slider.value = shown;
  slider.setAttribute("aria-valuetext", film.names[shown]);
}

function frame(now) {
  if (!running) return;
  at += Math.min(now - before, 100) / MONTH;
  before = now;
  if (at >= film.months.length - 1) {
    at = film.months.length - 1;
    play(false);
  }
  draw();
  if (running) requestAnimationFrame(frame);
}

function play(on) {
  running = on;
  button.textContent = on ? button.dataset.pause : button.dataset.play;
  if (!on) return;
  if (at >= film.months.length - 1) at = 0;
  before = performance.now();
  requestAnimationFrame(frame);
}

function move(to) {
  play(false);
  at = Math.min(Math.max(Math.round(to), 0), film.months.length - 1);
  draw();
}

addEventListener("keydown", (event) => {
  if (!film || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA|BUTTON|A|SUMMARY|PRE)$/.test(event.target.tagName)) return;
  if (event.key === " ") play(!running && !still.matches);
  else if (event.key === "ArrowLeft") move(Math.ceil(at) - 1);
  else if (event.key === "ArrowRight") move(Math.floor(at) + 1);
  else if (event.key === "Home") move(0);
  else if (event.key === "End") move(Infinity);
  else return;
  event.preventDefault();
});

if (root) {
  button.addEventListener("click", () => play(!running));
  slider.addEventListener("input", () => move(Number(slider.value)));
  const answer = await fetch(root.dataset.months, { cache: "no-cache" });
  if (answer.ok) {
    film = await answer.json();
    greatest = Math.max(1, ...film.counts.flatMap((counts) => stretches.map((each) => carried(counts, each.dataset.members.split(" ").map(Number)))));
    longest = Math.max(1, ...film.transit.flat().filter(Boolean).map((times) => times[2] ?? times[1]));
    slider.max = film.months.length - 1;
    controls.hidden = film.months.length < 2;
    button.hidden = still.matches;
    at = Math.max(0, film.names.indexOf(title.textContent));
    draw();
  }
}

// Plays the line: trains as marks on a canvas over the drawn line, from the film that the page names. Without it the page shows a
// still picture and a table.

const root = document.querySelector("[data-film]");
const canvas = root.querySelector("canvas");
const pen = canvas.getContext("2d");
const drawings = [...root.querySelectorAll("svg.corridor")];
const controls = document.getElementById("line-controls");
const button = document.getElementById("line-play");
const slider = document.getElementById("line-at");
const speed = document.getElementById("line-speed");
const clock = document.getElementById("line-clock");
const total = document.getElementById("line-waiting");
const aside = document.getElementById("line-held");
const cursors = [...document.querySelectorAll("[data-cursor]")];
const bands = [...document.querySelectorAll("[data-shut]")];
const still = matchMedia("(prefers-reduced-motion: reduce)");

const WAITS = 1, HELD = 2; // of services.query.line.runs.State
const ROW = 6, SIZE = 8, OFF = 11, ALONG = 6, MOST_SQUARES = 48; // as in line/diagram.py

let film = null, etag = "", served = Infinity; // served: no moment after it is shown, though the last step ends later
let first, count, station, comes, goes, state, bound, last; // of trains and stops, in typed arrays
let places = [], scale = 1, left = 0, top_ = 0, tall = false;
let tick = 0, running = false, before = 0, colours = {};

const unit = (name) => getComputedStyle(root).getPropertyValue(name).trim();
const ends = () => (Date.parse(film.to) - Date.parse(film.from)) / 1000 / film.step;
const moment = (at) => Date.parse(film.from) + at * film.step * 1000;

function read(data) {
  film = data;
  const stops = data.trains.reduce((sum, train) => sum + train.stops.length / 4, 0);
  const trains = data.trains.length;
  first = new Int32Array(trains + 1);
  last = new Int32Array(trains);
  bound = new Int8Array(trains);
  station = new Int16Array(stops);
  comes = new Int32Array(stops);
  goes = new Int32Array(stops);
  state = new Int8Array(stops);
  let n = 0;
  data.trains.forEach((train, i) => {
    first[i] = last[i] = n;
    bound[i] = train.bound === "EAST" ? 1 : 0;
    for (let k = 0, at = 0; k < train.stops.length; k += 4, n++) {
      station[n] = train.stops[k];
      comes[n] = at += train.stops[k + 1];
      goes[n] = at += train.stops[k + 2];
      state[n] = train.stops[k + 3];
    }
  });
  first[trains] = n;
  count = new Int16Array(data.stations.length * 4);
  slider.max = Math.max(1, Math.round(ends()));
  fit();
}

function fit() {
  const shown = drawings.find((each) => each.getBoundingClientRect().width > 0) || drawings[0];
  const frame = canvas.parentElement.getBoundingClientRect(), box = shown.getBoundingClientRect();
  const dense = Math.min(devicePixelRatio || 1, 2);
  canvas.width = frame.width * dense;
  canvas.height = frame.height * dense;
  tall = shown.classList.contains("tall");
  scale = (box.width / shown.viewBox.baseVal.width) * dense;
  left = (box.left - frame.left) * dense;
  top_ = (box.top - frame.top) * dense;
  if (film) places = Float32Array.from((tall ? film.tall : film.wide).flat());
  colours = Object.fromEntries(["west", "east", "waits", "held", "ink", "card"].map((name) => [name, unit(`--${name}`)]));
  if (film) draw();
}

function square(x, y, size) {
  pen.rect(x - size / 2, y - size / 2, size, size);
}

function draw() {
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.setTransform(scale, 0, 0, scale, left, top_);
  count.fill(0);
  const round = [[], []], waits = [], held = [];
  const radius = tall ? 4 : 3.6;
  for (let i = 0; i + 1 < first.length; i++) {
    let n = last[i];
    if (comes[n] > tick) n = first[i];
    while (n + 1 < first[i + 1] && comes[n + 1] <= tick) n++;
    last[i] = n;
    if (comes[n] > tick || (n + 1 === first[i + 1] && goes[n] < tick)) continue;
    const a = station[n] * 2, east = bound[i];
    let x = places[a], y = places[a + 1];
    if (tick < goes[n] || n + 1 === first[i + 1] || comes[n] === tick) {
      const stands = state[n] !== WAITS && state[n] !== HELD;
      const at = count[station[n] * 4 + east * 2 + (stands ? 0 : 1)]++;
      if (!stands) {
        if (at >= MOST_SQUARES) continue;
        const along = (at % ROW) * SIZE + ALONG, off = OFF + Math.floor(at / ROW) * SIZE, away = east ? -1 : 1;
        // Trains towards Europe stand above the line and back from the border, those towards China below it.
        if (tall) { y += along * away; x -= off * away; } else { x += along * away; y -= off * away; }
        (state[n] === WAITS ? waits : held).push(x, y);
        continue;
      }
      if (tall) x += (east ? 1 : -1) * (5 + 3 * Math.min(at, 3)); else y += (east ? 1 : -1) * (5 + 3 * Math.min(at, 3));
    } else {
      const share = (tick - goes[n]) / (comes[n + 1] - goes[n] || 1), b = station[n + 1] * 2;
      x += (places[b] - x) * share;
      y += (places[b + 1] - y) * share;
      if (tall) x += east ? 4 : -4; else y += east ? 4 : -4;
    }
    round[east].push(x, y);
  }
  ["west", "east"].forEach((name, east) => {
    pen.beginPath();
    for (let k = 0; k < round[east].length; k += 2) {
      pen.moveTo(round[east][k] + radius, round[east][k + 1]);
      pen.arc(round[east][k], round[east][k + 1], radius, 0, 7);
    }
    pen.fillStyle = colours[name];
    pen.fill();
  });
  for (const [squares, colour] of [[waits, colours.waits], [held, colours.held]]) {
    pen.beginPath();
    for (let k = 0; k < squares.length; k += 2) square(squares[k], squares[k + 1], SIZE - 1.4);
    pen.fillStyle = colour;
    pen.fill();
  }
  numbers();
  others();
  total.textContent = sum(film.waiting);
  if (aside) aside.textContent = sum(film.held);
  const at = new Date(Math.min(moment(tick), served));
  clock.textContent = `${at.toISOString().slice(0, 16).replace("T", " ")} UTC`;
  clock.dateTime = at.toISOString();
  slider.value = Math.round(tick);
  slider.setAttribute("aria-valuetext", clock.textContent);
  for (const each of cursors) {
    const x = (tick / Math.max(1, ends())) * each.ownerSVGElement.viewBox.baseVal.width;
    each.setAttribute("x1", x);
    each.setAttribute("x2", x);
  }
  for (const each of bands) {
    const now = at.getTime();
    each.classList.toggle("shut", now >= Date.parse(each.dataset.shut) && !(now >= Date.parse(each.dataset.open || "9999-01-01")));
  }
}

function valueAt(pairs) {
  let at = 0, value = 0;
  for (let k = 0; k < pairs.length; k += 2) {
    at += pairs[k];
    if (at > tick) break;
    value = pairs[k + 1];
  }
  return value;
}

const sum = (several) => several.reduce((all, each) => all + (valueAt(each.counts) || 0), 0);

// How many wait before a crossing, in figures behind the squares.
function numbers() {
  pen.font = "700 20px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.lineWidth = 4;
  pen.strokeStyle = colours.card;
  pen.fillStyle = colours.waits;
  for (const each of film.waiting) {
    const number = valueAt(each.counts);
    if (!number || number < 2) continue;
    const [x, y] = tall ? each.tall : each.wide, away = each.bound === "EAST" ? -1 : 1;
    const squares = Math.min(number, ROW), rows = Math.ceil(Math.min(number, MOST_SQUARES) / ROW);
    const at = tall
      ? [x - (OFF + rows * SIZE + 6) * away, y + (ALONG + ((squares - 1) / 2) * SIZE) * away]
      : [x + (ALONG + squares * SIZE + 7) * away, y - (OFF + ((rows - 1) / 2) * SIZE) * away];
    pen.strokeText(number, ...at);
    pen.fillText(number, ...at);
  }
}

// Trains whose names are not for this viewer: how many run on each leg.
function others() {
  pen.font = "600 10px system-ui, sans-serif";
  pen.fillStyle = colours.ink;
  for (const each of film.others) {
    const number = valueAt(each.counts), ends_ = tall ? each.tall : each.wide;
    if (number) pen.fillText(number, (ends_[0] + ends_[2]) / 2, (ends_[1] + ends_[3]) / 2 - 8);
  }
}

function frame(now) {
  if (!running) return;
  tick += (Math.min(now - before, 100) / 1000) * Number(speed.value) * (3600 / film.step);
  before = now;
  if (tick >= ends()) {
    tick = ends();
    play(false);
  }
  draw();
  if (running) requestAnimationFrame(frame);
}

function play(on) {
  running = on;
  button.textContent = on ? button.dataset.pause : button.dataset.play;
  if (!on) return;
  if (tick >= ends() - 1) tick = 0;
  before = performance.now();
  requestAnimationFrame(frame);
}

function move(to) {
  tick = Math.min(Math.max(to, 0), ends());
  draw();
}

async function load() {
  const answer = await fetch(root.dataset.film, { cache: "no-cache" });
  if (!answer.ok) return false;
  served = Date.parse(answer.headers.get("date")) || served;
  const now = answer.headers.get("etag") || "";
  if (now && now === etag) return true;
  etag = now;
  const following = film && tick >= ends() - 1;
  read(await answer.json());
  if (following) move(ends());
  return true;
}

button.addEventListener("click", () => play(!running));
slider.addEventListener("input", () => { play(false); move(Number(slider.value)); });
addEventListener("resize", fit);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", fit);
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA|BUTTON|A|SUMMARY)$/.test(event.target.tagName)) return;
  const hour = 3600 / film.step, by = event.shiftKey ? 24 * hour : hour;
  if (event.key === " ") play(!running && !still.matches);
  else if (event.key === "ArrowLeft") move(tick - by);
  else if (event.key === "ArrowRight") move(tick + by);
  else if (event.key === "Home") move(0);
  else if (event.key === "End") move(ends());
  else return;
  event.preventDefault();
});

if (await load()) {
  root.querySelectorAll(".marks").forEach((each) => each.remove());
  root.classList.add("plays");
  controls.hidden = false;
  const given = Date.parse(root.dataset.at || "");
  move(Number.isNaN(given) ? (root.dataset.live ? ends() : 0) : (given - Date.parse(film.from)) / 1000 / film.step);
  if (still.matches) button.hidden = true;
  else if (root.dataset.plays) play(true);
  if (root.dataset.live) setInterval(load, 30_000);
}

// A board on a wall: reads its own page again every ten seconds, shows how old what it shows is, and goes on by itself when what is
// behind it comes back. The age is counted by the clock of this screen from the arrival of the data, so a wrong clock does no harm.
const EVERY = 10_000, PATIENCE = 8_000, STALE = 30;
let arrived = performance.now();
let failed = false;

const seconds = () => Math.round((performance.now() - arrived) / 1000);

function span(total) {
  const hours = Math.floor(total / 3600), minutes = Math.floor(total / 60) % 60;
  return `${hours ? `${hours}:` : ""}${String(minutes).padStart(hours ? 2 : 1, "0")}:${String(total % 60).padStart(2, "0")}`;
}

function tell() {
  const now = new Date((Number(document.getElementById("wall").dataset.at) + seconds()) * 1000);
  for (const each of document.querySelectorAll("[data-zone]")) {
    each.textContent = now.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: each.dataset.zone });
  }
  const wall = document.getElementById("wall"), age = document.getElementById("age");
  const old = failed || seconds() > STALE;
  age.classList.toggle("bad", old);
  if (old) {
    age.textContent = `${age.dataset.old} ${span(seconds())}`;
  } else if (wall.dataset.event) {
    age.textContent = `${age.dataset.fresh} ${span(Math.max(0, Number(wall.dataset.at) - Number(wall.dataset.event) + seconds()))}`;
  }
}

async function again() {
  const age = document.getElementById("age");
  try {
    const answer = await fetch(location.href, { cache: "no-store", redirect: "manual", signal: AbortSignal.timeout(PATIENCE) });
    if (answer.status === 401) {
      age.classList.add("bad");
      age.replaceChildren(Object.assign(document.createElement("a"), { href: `/sign-in?return=${encodeURIComponent(location.pathname + location.search)}`, textContent: age.dataset.ended }));
      return false;
    }
    if (answer.status !== 200) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.getElementById("wall").replaceWith(document.adoptNode(page.getElementById("wall")));
    arrived = performance.now();
    failed = false;
  } catch {
    failed = true;
  }
  tell();
  return true;
}

async function keep() {
  if (await again()) setTimeout(keep, EVERY);
  else clearInterval(clock);
}

const clock = setInterval(tell, 1000);
setTimeout(keep, EVERY);
